//! The data types of the wire. Nothing in them is signed.
//!
//! In Aqua they are `Key` and `Record`. A module describes its types by name, and the registry's library, which is linked into
//! this module, has types of these names.

use marine_rs_sdk::marine;
use serde::{Deserialize, Serialize};

/// A topic, owned by the peer that registered it first.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DhtKey {
    pub key: String,
    pub peer_id: String,
    /// Unix time in seconds, on the node that took it in first.
    pub timestamp_created: u64,
    /// Whether eviction leaves it here. Not replicated.
    pub pinned: bool,
    pub weight: u32,
}

/// A value under a key.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DhtRecord {
    pub value: String,
    /// Whose value it is.
    pub peer_id: String,
    /// Who put it.
    pub set_by: String,
    /// At most one.
    pub relay_id: Vec<String>,
    /// At most one.
    pub service_id: Vec<String>,
    /// Unix time in seconds, on the node that took it in first.
    pub timestamp_created: u64,
    pub weight: u32,
}

impl DhtRecord {
    /// There is one value for each of these under a key.
    pub fn identity(&self) -> (&str, &str) {
        (&self.peer_id, &self.set_by)
    }

    /// Bytes of its texts.
    pub fn text_len(&self) -> usize {
        let ids = self.relay_id.iter().chain(&self.service_id);
        let texts = [&self.value, &self.peer_id, &self.set_by].into_iter().chain(ids);
        texts.map(String::len).sum()
    }
}
