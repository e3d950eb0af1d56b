//! What a key looks like to other nodes: what of it may be passed on, and how two nodes find out whether they hold the
//! same.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::data::{Key, Record, Tombstone};
use super::entry::{Entry, HeldRecord};
use super::id::KeyId;
use super::key_state::{rank_order, Circumstances, KeyState};
use super::limits::{RECORDS_PER_KEY_MAX, SPREAD_ONE_IN, SPREAD_STEPS};
use super::signing;
use super::time::HostTimestamp;
use super::verifier::record_digest;
use super::Here;

/// Bytes of a key's id by which it is looked up. Who finds two keys with the same ones confuses nobody: the fingerprints
/// differ.
pub(super) const KEY_TAG_LEN: usize = 8;
/// Bytes of a digest that stand for what is held of a key. Who finds two entries with the same ones withholds nothing but
/// what it made itself.
pub(super) const ENTRY_TAG_LEN: usize = 8;
/// Bytes of a fingerprint: so many that nobody makes two different states of one key with the same.
pub(super) const FINGERPRINT_LEN: usize = 16;

pub type KeyTag = [u8; KEY_TAG_LEN];
pub type EntryTag = [u8; ENTRY_TAG_LEN];
pub type Fingerprint = [u8; FINGERPRINT_LEN];

impl KeyState {
    /// The entries that may be passed on: live by their signed timestamps, wherever they are, and signed; of the records
    /// no more than another node can hold.
    pub fn replicable<'s>(&'s self, at: &'s Circumstances<'_>) -> impl Iterator<Item = &'s Entry> {
        let passable = |entry: &&Entry| entry.is_signed() && !entry.expired(false, &at.timeouts, at.now);
        let mut entries: Vec<&Entry> = self.entries().filter(passable).collect();
        let mut records: Vec<&HeldRecord> = entries.iter().filter_map(|entry| entry.record()).collect();
        if let Some(excess) = records
            .len()
            .checked_sub(RECORDS_PER_KEY_MAX)
            .filter(|excess| *excess > 0)
        {
            records.sort_by(|a, b| rank_order(a, b));
            let lowest = records[excess];
            entries.retain(|entry| entry.record().is_none_or(|held| rank_order(held, lowest).is_ge()));
        }
        entries.into_iter()
    }

    /// Whether other nodes would keep this key: its signed timestamps, or those of an entry, say that it lives. What only
    /// its use on this node keeps alive stays here.
    pub fn worth_replicating(&self, at: &Circumstances<'_>) -> bool {
        !at.timeouts.key_dead(self.key().timestamp_created, at.now) || self.replicable(at).next().is_some()
    }

    /// What is equal on two nodes that would pass on the same; and what stands for the registration of the key, and for each
    /// entry that may be passed on.
    pub fn outline(&self, at: &Circumstances<'_>) -> (Fingerprint, BTreeSet<EntryTag>) {
        let digests = std::iter::once(key_digest(self.key())).chain(self.replicable(at).map(entry_digest));
        let digests: BTreeSet<[u8; 32]> = digests.collect();
        let mut hash = Sha256::new().chain_update(self.key_id().as_bytes());
        digests.iter().for_each(|digest| hash.update(digest));
        (first(&hash.finalize().into()), digests.iter().map(first).collect())
    }
}

/// The first bytes of a key's id.
pub fn key_tag(key_id: &KeyId) -> KeyTag {
    std::array::from_fn(|at| key_id.as_bytes()[at])
}

/// Stands for an entry.
pub fn entry_tag(entry: &Entry) -> EntryTag {
    first(&entry_digest(entry))
}

/// The tags of what another node passes on.
pub fn tags_of<'a>(
    key: &'a Key,
    records: impl IntoIterator<Item = &'a Record, IntoIter: 'a>,
    tombstones: impl IntoIterator<Item = &'a Tombstone, IntoIter: 'a>,
) -> impl Iterator<Item = EntryTag> + 'a {
    let records = records.into_iter().map(record_digest);
    let tombstones = tombstones.into_iter().map(tombstone_digest);
    let digests = std::iter::once(key_digest(key)).chain(records).chain(tombstones);
    digests.map(|digest| first(&digest))
}

fn first<const LEN: usize>(digest: &[u8; 32]) -> [u8; LEN] {
    std::array::from_fn(|at| digest[at])
}

fn key_digest(key: &Key) -> [u8; 32] {
    let hash = Sha256::new().chain_update(signing::key_bytes(key));
    hash.chain_update(&key.signature).finalize().into()
}

fn entry_digest(entry: &Entry) -> [u8; 32] {
    match entry {
        Entry::Record(held) => record_digest(&held.record),
        Entry::Tombstone(tombstone) => tombstone_digest(tombstone),
    }
}

fn tombstone_digest(tombstone: &Tombstone) -> [u8; 32] {
    let hash = Sha256::new().chain_update(signing::tombstone_bytes(tombstone));
    hash.chain_update(&tombstone.issuer_signature).finalize().into()
}

/// When a key that was exchanged at `now` is due again: after an interval that is by up to a tenth shorter or longer,
/// another one on each node, so that neighbours do not begin together.
pub fn next_due(key_id: &KeyId, here: &Here, now: HostTimestamp, interval_sec: u64) -> u64 {
    let digest = Sha256::new()
        .chain_update(key_id.as_bytes())
        .chain_update(here.host_id())
        .chain_update(now.as_sec().to_le_bytes())
        .finalize();
    let step = u64::from(digest[0] % SPREAD_STEPS);
    let least = interval_sec - interval_sec / SPREAD_ONE_IN;
    let more = (interval_sec / SPREAD_ONE_IN).saturating_mul(2 * step) / u64::from(SPREAD_STEPS - 1);
    now.as_sec().saturating_add(least).saturating_add(more)
}
