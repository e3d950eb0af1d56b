//! The rules of the registry, free of I/O: time, host and limits come in as arguments.

mod answer;
mod bounded;
mod bundle;
pub mod data;
mod entry;
mod error;
mod exchange;
mod id;
mod key_state;
mod known;
mod leases;
pub mod limits;
mod located;
mod merge;
mod neighbourhood;
mod offer;
mod open_name;
mod packed;
mod replica;
mod signature;
pub mod signing;
mod storage;
mod time;
mod verified;
mod verifier;
pub mod waits;
mod wanted;

pub use answer::{pack_answer, unpack_answer, Extent};
pub use bundle::{pack_bundle, unpack_bundle, BundleItem, Fit, Parcel};
pub use entry::{record_order, voids, Entry, HeldRecord, Identity, Subject, ROW_ID_LEN};
pub use error::{quoted, Error};
pub use exchange::{Outcome, Round, RoundKey, Step};
pub use id::{KeyId, PeerKey};
pub use key_state::{
    is_host_record, is_over, Admission, Arrival, Change, Circumstances, KeyState, ProvedWeight, PARTIAL_DUE_AT,
    URGENT_DUE_AT,
};
pub use known::KnownRecords;
pub use leases::Leases;
pub use located::Located;
pub use merge::{merge_keys, merge_records};
pub use neighbourhood::{neighbourhood, Horizon, RoutingTable};
pub use offer::{Digests, Fetch, KeySet, OfferAnswer};
pub use open_name::{is_open, open_key};
pub use packed::{pack_key, pack_records, unpack_key, Unpacker};
pub use replica::{entry_tag, key_tag, next_due, tags_of, EntryTag, Fingerprint, KeyTag};
pub use storage::{day, Priority, StorageLimits};
pub use time::{HostTimestamp, Timeouts};
pub use verified::{check_metadata_sizes, verify_key, verify_record, verify_tombstone, Verified};

pub use verifier::Verifier;
pub use waits::TimeToLive;
pub use wanted::Wanted;

pub(crate) use id::{check_count, check_label, check_len};

/// The node that this service runs on. A service deployed on a worker of the node has two names for it: the
/// host's and the worker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    host_id: String,
    worker_id: String,
}

impl Here {
    pub(crate) fn new(host_id: impl Into<String>, worker_id: impl Into<String>) -> Self {
        Self {
            host_id: host_id.into(),
            worker_id: worker_id.into(),
        }
    }

    pub fn host_id(&self) -> &str {
        &self.host_id
    }

    /// Every name this node goes by; empty ones name nobody.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.host_id.as_str(), self.worker_id.as_str()]
            .into_iter()
            .filter(|name| !name.is_empty())
    }

    pub fn is(&self, peer_id: &str) -> bool {
        self.names().any(|name| name == peer_id)
    }
}
