//! What a key looks like to other nodes: what of it may be passed on, and how two nodes find out whether they hold the
//! same.

use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::id::KeyId;
use super::key_state::{Circumstances, KeyState};
use super::limits::OWN_TURN_ONE_IN;
use super::signing;
use super::verifier::record_digest;

/// Bytes of a key's id by which it is looked up. Who finds two keys with the same ones confuses nobody: the fingerprints
/// differ.
pub(super) const KEY_TAG_LEN: usize = 8;
/// Bytes of the digest of an entry that stand for it. Who finds two entries with the same ones withholds nothing but what
/// it made itself.
pub(super) const ENTRY_TAG_LEN: usize = 8;
const TOMBSTONE_BIT: u8 = 1;
/// Bytes of a fingerprint: so many that nobody makes two different states of one key with the same.
pub(super) const FINGERPRINT_LEN: usize = 16;

pub type KeyTag = [u8; KEY_TAG_LEN];
pub type EntryTag = [u8; ENTRY_TAG_LEN];
pub type Fingerprint = [u8; FINGERPRINT_LEN];

impl KeyState {
    /// The entries that may be passed on: live by their signed timestamps, wherever they are, and signed.
    pub fn replicable<'s>(&'s self, at: &'s Circumstances<'_>) -> impl Iterator<Item = &'s Entry> {
        self.entries()
            .filter(move |entry| entry.is_signed() && !entry.expired(false, &at.timeouts, at.now))
    }

    /// Whether other nodes would keep this key: its signed timestamps, or those of an entry, say that it lives. What only
    /// its use on this node keeps alive stays here.
    pub fn worth_replicating(&self, at: &Circumstances<'_>) -> bool {
        !at.timeouts.key_dead(self.key().timestamp_created, at.now) || self.replicable(at).next().is_some()
    }

    /// Equal on two nodes that would pass on the same.
    pub fn fingerprint(&self, at: &Circumstances<'_>) -> Fingerprint {
        let key = self.key();
        let mut hash = Sha256::new()
            .chain_update(key.key_id().as_bytes())
            .chain_update(signing::key_bytes(key))
            .chain_update(Sha256::digest(&key.signature));
        for entry in self.replicable(at) {
            hash.update(entry_digest(entry));
        }
        let digest: [u8; 32] = hash.finalize().into();
        std::array::from_fn(|at| digest[at])
    }
}

/// The first bytes of a key's id.
pub fn key_tag(key_id: &KeyId) -> KeyTag {
    std::array::from_fn(|at| key_id.as_bytes()[at])
}

/// Stands for an entry. That of a tombstone also says what it voids, so that who lacks it knows whether it holds what is
/// deleted: two bytes of the identity's digest, the time of issue in seconds modulo 2^32 (big-endian), two of the entry's.
pub fn entry_tag(entry: &Entry) -> EntryTag {
    let digest = entry_digest(entry);
    match entry {
        Entry::Record(_) => {
            let mut tag: EntryTag = std::array::from_fn(|at| digest[at]);
            tag[ENTRY_TAG_LEN - 1] &= !TOMBSTONE_BIT;
            tag
        }
        Entry::Tombstone(_) => {
            let ([who, by_whom, ..], [a, b, c, d]) = (entry.identity().pair_digest(), issued_at(entry).to_be_bytes());
            [who, by_whom, a, b, c, d, digest[0], digest[1] | TOMBSTONE_BIT]
        }
    }
}

pub fn is_tombstone_tag(tag: &EntryTag) -> bool {
    tag[ENTRY_TAG_LEN - 1] & TOMBSTONE_BIT != 0
}

/// Whether the tombstone of this tag voids this record; false for other entries.
pub fn tag_voids(tag: &EntryTag, entry: &Entry) -> bool {
    let [who, by_whom, a, b, c, d, ..] = *tag;
    matches!(entry, Entry::Record(_))
        && is_tombstone_tag(tag)
        && issued_at(entry) <= u32::from_be_bytes([a, b, c, d])
        && entry.identity().pair_digest().starts_with(&[who, by_whom])
}

fn issued_at(entry: &Entry) -> u32 {
    entry.timestamp_issued() as u32
}

fn entry_digest(entry: &Entry) -> [u8; 32] {
    match entry {
        Entry::Record(held) => record_digest(&held.record),
        Entry::Tombstone(tombstone) => Sha256::new()
            .chain_update(signing::tombstone_bytes(tombstone))
            .chain_update(&tombstone.issuer_signature)
            .finalize()
            .into(),
    }
}

/// Whether in this stale period a node replicates a key whatever others say: each node has a turn of its own for each
/// key, another one every period.
pub fn own_turn(key_id: &KeyId, host_id: &str, now_sec: u64, stale_sec: u64) -> bool {
    let period = now_sec / stale_sec.max(1);
    let digest = Sha256::new()
        .chain_update(key_id.as_bytes())
        .chain_update(host_id)
        .chain_update(period.to_le_bytes())
        .finalize();
    digest[0] % OWN_TURN_ONE_IN == 0
}
