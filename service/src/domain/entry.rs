//! Entries of a key: records and tombstones, what each stands for, and the one order among them.

use std::cmp::Ordering;

use sha2::{Digest, Sha256};

use super::data::{Record, RecordMetadata, Tombstone};
use super::time::{HostTimestamp, Timeouts};
use super::verified::Verified;

/// What an entry stands for. Together with the key this names one record or tombstone. The order is that of entries on
/// the wire: by issuer and provider, of these the tombstone first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    pub issued_by: String,
    pub peer_id: String,
    pub subject: Subject,
}

/// What an issuer says something about, of one provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// All services: a tombstone.
    All,
    /// All services on this very node, as its own word, see [`KeyState::remove_host_records`](super::KeyState::remove_host_records).
    Removed,
    /// One service, or none in particular, as in `service_id` of the record.
    Service(Vec<String>),
}

impl Subject {
    /// Tells subjects apart in the digest that names a row.
    const fn marker(&self) -> u8 {
        match self {
            Self::All => 0,
            Self::Service(_) => 1,
            Self::Removed => 2,
        }
    }
}

impl Identity {
    pub fn of_record(metadata: &RecordMetadata) -> Self {
        Self {
            issued_by: metadata.issued_by.clone(),
            peer_id: metadata.peer_id.clone(),
            subject: Subject::Service(metadata.service_id.clone()),
        }
    }

    pub fn of_tombstone(tombstone: &Tombstone) -> Self {
        Self {
            issued_by: tombstone.issued_by.clone(),
            peer_id: tombstone.peer_id.clone(),
            subject: match tombstone.issuer_signature.is_empty() {
                false => Subject::All,
                true => Subject::Removed,
            },
        }
    }

    /// That of a tombstone of the same issuer for the same provider.
    #[must_use]
    pub fn of_all_services(&self) -> Self {
        Self {
            issued_by: self.issued_by.clone(),
            peer_id: self.peer_id.clone(),
            subject: Subject::All,
        }
    }

    /// Issuer and provider: what a tombstone stands for.
    pub fn pair(&self) -> (&str, &str) {
        (&self.issued_by, &self.peer_id)
    }

    /// A fixed-size name for issuer and provider.
    pub fn pair_digest(&self) -> [u8; 20] {
        first_bytes(
            &Sha256::new()
                .chain_update(with_len(&self.issued_by))
                .chain_update(&self.peer_id)
                .finalize(),
        )
    }

    /// A fixed-size name for the store's rows: a version byte and a digest. Rows written before services counted are named
    /// by the digest of the pair.
    pub fn row_id(&self) -> [u8; ROW_ID_LEN] {
        let services: &[String] = match &self.subject {
            Subject::All | Subject::Removed => &[],
            Subject::Service(service_id) => service_id,
        };
        let hash = Sha256::new()
            .chain_update(with_len(&self.issued_by))
            .chain_update(with_len(&self.peer_id))
            .chain_update([self.subject.marker()]);
        let hash = services.iter().fold(hash, |hash, id| hash.chain_update(with_len(id)));
        let mut row_id = [ROW_ID_VERSION; ROW_ID_LEN];
        row_id[1..].copy_from_slice(&first_bytes(&hash.finalize()));
        row_id
    }
}

fn with_len(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn first_bytes(digest: &[u8]) -> [u8; 20] {
    std::array::from_fn(|at| digest[at])
}

/// Bytes of [`Identity::row_id`].
pub const ROW_ID_LEN: usize = 21;
const ROW_ID_VERSION: u8 = 1;

/// A record as this node holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRecord {
    pub record: Verified<Record>,
    /// The issuer's weight on this node when it was last proved, 0 where it never was. All records of an issuer under one
    /// key have the same.
    pub weight: u32,
}

/// One record or tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Without a signature: of a node that has not signed it yet.
    Record(HeldRecord),
    /// Without a signature: this node's own word about a record of its own.
    Tombstone(Verified<Tombstone>),
}

impl Entry {
    /// What is not signed is for this node alone.
    pub fn is_signed(&self) -> bool {
        match self {
            Self::Record(held) => !held.record.signature.is_empty(),
            Self::Tombstone(tombstone) => !tombstone.issuer_signature.is_empty(),
        }
    }

    /// The record, if it is one.
    pub const fn record(&self) -> Option<&HeldRecord> {
        match self {
            Self::Record(held) => Some(held),
            Self::Tombstone(_) => None,
        }
    }

    pub fn identity(&self) -> Identity {
        match self {
            Self::Record(held) => Identity::of_record(&held.record.metadata),
            Self::Tombstone(tombstone) => Identity::of_tombstone(tombstone),
        }
    }

    pub fn peer_id(&self) -> &str {
        match self {
            Self::Record(held) => &held.record.metadata.peer_id,
            Self::Tombstone(tombstone) => &tombstone.peer_id,
        }
    }

    pub fn tombstone(&self) -> Option<&Verified<Tombstone>> {
        match self {
            Self::Record(_) => None,
            Self::Tombstone(tombstone) => Some(tombstone),
        }
    }

    /// The issuer's, of a record.
    pub const fn weight(&self) -> u32 {
        match self {
            Self::Record(held) => held.weight,
            Self::Tombstone(_) => 0,
        }
    }

    pub fn timestamp_issued(&self) -> u64 {
        match self {
            Self::Record(held) => held.record.metadata.timestamp_issued,
            Self::Tombstone(tombstone) => tombstone.timestamp_issued,
        }
    }

    /// The latest of its timestamps.
    pub fn dated(&self) -> u64 {
        match self {
            Self::Record(held) => held.record.dated(),
            Self::Tombstone(tombstone) => tombstone.timestamp_issued,
        }
    }

    /// Whether the entry's time is over. A record on its own host does not end.
    pub fn expired(&self, hosted: bool, timeouts: &Timeouts, now: HostTimestamp) -> bool {
        match self {
            Self::Record(held) => !hosted && timeouts.record_expired(held.record.timestamp_created, now),
            Self::Tombstone(tombstone) => timeouts.tombstone_expired(tombstone.timestamp_issued, now),
        }
    }

    /// Whether this is a record that a tombstone of its issuer for its provider voids: one issued at or before the
    /// tombstone's time.
    pub fn is_voided_by(&self, tombstone: &Tombstone) -> bool {
        match self {
            Self::Record(held) => voids(tombstone, &held.record.metadata),
            Self::Tombstone(_) => false,
        }
    }
}

/// Whether a tombstone voids what this metadata says: everything that its issuer has issued for the same provider, of any
/// service, at or before its time.
pub fn voids(tombstone: &Tombstone, metadata: &RecordMetadata) -> bool {
    (&tombstone.issued_by, &tombstone.peer_id) == (&metadata.issued_by, &metadata.peer_id)
        && tombstone.timestamp_issued >= metadata.timestamp_issued
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

/// The order of two tombstones of one pair: larger `timestamp_issued`, then the bytes.
pub(super) fn tombstone_order(a: &Tombstone, b: &Tombstone) -> Ordering {
    a.timestamp_issued.cmp(&b.timestamp_issued).then_with(|| a.cmp(b))
}

/// The order of two registrations of one key: the later wins, then the bytes.
pub(super) fn key_order(a: &super::data::Key, b: &super::data::Key) -> Ordering {
    a.timestamp_created.cmp(&b.timestamp_created).then_with(|| a.cmp(b))
}
