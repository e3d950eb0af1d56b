//! Entries of a key: a record or a tombstone for each identity, and the one order among them.

use std::cmp::Ordering;

use sha2::{Digest, Sha256};

use super::data::{Record, Tombstone};
use super::time::{HostTimestamp, Timeouts};
use super::verified::Verified;

/// Who says it about whom. Together with the key this names one record or tombstone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    pub issued_by: String,
    pub peer_id: String,
}

impl Identity {
    /// A fixed-size name for the store's rows.
    pub fn digest(&self) -> [u8; 20] {
        let hash = Sha256::new()
            .chain_update((self.issued_by.len() as u64).to_le_bytes())
            .chain_update(&self.issued_by)
            .chain_update(&self.peer_id)
            .finalize();
        let mut digest = [0; 20];
        digest.copy_from_slice(&hash[..20]);
        digest
    }
}

/// A record as this node holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRecord {
    pub record: Verified<Record>,
    /// The issuer's weight on this node when the record came, 0 where none was proved.
    pub weight: u32,
}

/// What stands for one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Record(HeldRecord),
    Tombstone(Verified<Tombstone>),
}

impl Entry {
    pub fn identity(&self) -> Identity {
        let (issued_by, peer_id) = match self {
            Self::Record(held) => (&held.record.metadata.issued_by, &held.record.metadata.peer_id),
            Self::Tombstone(tombstone) => (&tombstone.issued_by, &tombstone.peer_id),
        };
        Identity {
            issued_by: issued_by.clone(),
            peer_id: peer_id.clone(),
        }
    }

    pub fn peer_id(&self) -> &str {
        match self {
            Self::Record(held) => &held.record.metadata.peer_id,
            Self::Tombstone(tombstone) => &tombstone.peer_id,
        }
    }

    pub fn timestamp_issued(&self) -> u64 {
        match self {
            Self::Record(held) => held.record.metadata.timestamp_issued,
            Self::Tombstone(tombstone) => tombstone.timestamp_issued,
        }
    }

    /// The word for error texts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Record(_) => "record",
            Self::Tombstone(_) => "tombstone",
        }
    }

    /// Whether the entry's time is over. A record on its own host does not end.
    pub fn expired(&self, hosted: bool, timeouts: &Timeouts, now: HostTimestamp) -> bool {
        match self {
            Self::Record(held) => !hosted && timeouts.record_expired(held.record.timestamp_created, now),
            Self::Tombstone(tombstone) => timeouts.tombstone_expired(tombstone.timestamp_issued, now),
        }
    }

    /// Whether `self` replaces `other`, which stands for the same identity.
    pub fn beats(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Greater
    }

    fn order(&self, other: &Self) -> Ordering {
        self.timestamp_issued()
            .cmp(&other.timestamp_issued())
            .then_with(|| match (self, other) {
                (Self::Tombstone(_), Self::Record(_)) => Ordering::Greater,
                (Self::Record(_), Self::Tombstone(_)) => Ordering::Less,
                (Self::Record(a), Self::Record(b)) => record_order(&a.record, &b.record),
                (Self::Tombstone(a), Self::Tombstone(b)) => a.cmp(b),
            })
    }
}

/// The order of two records of one identity: larger `timestamp_issued`, then larger `timestamp_created`, then signed
/// before unsigned, then the bytes.
pub fn record_order(a: &Record, b: &Record) -> Ordering {
    let rank = |record: &Record| {
        (
            record.metadata.timestamp_issued,
            record.timestamp_created,
            !record.signature.is_empty(),
        )
    };
    rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
}

/// The order of two registrations of one key: the later wins, then the bytes.
pub(super) fn key_order(a: &super::data::Key, b: &super::data::Key) -> Ordering {
    a.timestamp_created.cmp(&b.timestamp_created).then_with(|| a.cmp(b))
}
