//! The data types of the wire, as Aqua and other peers see them. Nothing in them is trusted before it
//! became a [`Verified`](super::Verified).

use marine_rs_sdk::marine;
use serde::{Deserialize, Serialize};

/// A resource: what providers are registered under.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// `base58(sha256(label ‖ owner_peer_id))`.
    pub id: String,
    pub label: String,
    pub owner_peer_id: String,
    /// Unix time in seconds, signed by the owner.
    pub timestamp_created: u64,
    pub challenge: Vec<u8>,
    pub challenge_type: String,
    /// The owner's signature over the bytes of `get_key_bytes`.
    pub signature: Vec<u8>,
}

/// What an issuer says: `peer_id` provides `key_id`, with this value.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordMetadata {
    pub key_id: String,
    pub issued_by: String,
    pub peer_id: String,
    /// Unix time in seconds, signed by the issuer.
    pub timestamp_issued: u64,
    pub solution: Vec<u8>,
    pub value: String,
    /// At most one.
    pub relay_id: Vec<String>,
    /// At most one.
    pub service_id: Vec<String>,
    /// The issuer's signature over the bytes of `get_record_metadata_bytes`.
    pub issuer_signature: Vec<u8>,
}

/// A provider's record: the issuer's metadata and the provider's consent.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    pub metadata: RecordMetadata,
    /// Unix time in seconds, signed by the provider.
    pub timestamp_created: u64,
    /// The provider's signature over the bytes of `get_record_bytes`; empty in a record that its host has
    /// taken in but not yet signed.
    pub signature: Vec<u8>,
}

impl Record {
    /// The latest of its timestamps.
    pub fn dated(&self) -> u64 {
        self.timestamp_created.max(self.metadata.timestamp_issued)
    }
}

/// An issuer's word that its record for `peer_id` is void.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tombstone {
    pub key_id: String,
    pub issued_by: String,
    pub peer_id: String,
    /// Unix time in seconds, signed by the issuer.
    pub timestamp_issued: u64,
    pub solution: Vec<u8>,
    /// The issuer's signature over the bytes of `get_tombstone_bytes`.
    pub issuer_signature: Vec<u8>,
}
