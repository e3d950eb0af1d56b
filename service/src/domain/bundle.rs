//! What neighbours lack, in one string: keys with records and tombstones.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::bounded::bounded;
use super::data::{Key, Record, Tombstone};
use super::entry::Entry;
use super::error::Error;
use super::id::check_count;
use super::limits::{BUNDLE_ENTRIES_MAX, BUNDLE_ISSUERS_MAX, BUNDLE_LEN_MAX, REPLICA_KEYS_MAX};
use super::offer::{pack, unpack};
use super::replica::{tags_of, EntryTag};

/// One key of a bundle. Unpacked it is as unverified as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleItem {
    pub key: Key,
    #[serde(deserialize_with = "bounded::<_, _, BUNDLE_ENTRIES_MAX>")]
    pub records: Vec<Record>,
    #[serde(deserialize_with = "bounded::<_, _, BUNDLE_ENTRIES_MAX>")]
    pub tombstones: Vec<Tombstone>,
}

impl BundleItem {
    pub fn new(key: Key) -> Self {
        Self {
            key,
            records: Vec::new(),
            tombstones: Vec::new(),
        }
    }

    pub fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(held) => self.records.push((*held.record).clone()),
            Entry::Tombstone(tombstone) => self.tombstones.push((**tombstone).clone()),
        }
    }

    /// Stand for the key and for each entry that names it.
    pub fn own_tags(&self) -> impl Iterator<Item = EntryTag> + '_ {
        let records = self
            .records
            .iter()
            .filter(|record| record.metadata.key_id == self.key.id);
        let tombstones = self
            .tombstones
            .iter()
            .filter(|tombstone| tombstone.key_id == self.key.id);
        tags_of(&self.key, records, tombstones)
    }

    /// How many records and tombstones.
    pub fn entry_count(&self) -> usize {
        self.records.len() + self.tombstones.len()
    }
}

/// How many records and how many tombstones, before them.
const COUNTS_LEN_MAX: usize = 4;

/// A bundle in the making, of which one key takes no more than half: it must not keep others waiting. It names no more
/// than [`BUNDLE_ISSUERS_MAX`] owners and issuers.
#[derive(Debug)]
pub struct Parcel {
    items: Vec<BundleItem>,
    entries: usize,
    len: usize,
    len_max: usize,
    /// Whose weights those who take it in ask for.
    peers: BTreeSet<String>,
}

/// Whether there was room for a key in a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Whole,
    /// For some of its entries: the others follow another time.
    Part,
    None,
}

impl Parcel {
    /// One of at most so many bytes; as text it has a third more.
    pub fn new(len_max: usize) -> Self {
        Self {
            items: Vec::new(),
            entries: 0,
            len: 0,
            len_max,
            peers: BTreeSet::new(),
        }
    }

    /// Adds a key with these entries.
    pub fn add<'e>(&mut self, key: &Key, entries: impl Iterator<Item = &'e Entry>) -> Fit {
        let mut item = BundleItem::new(key.clone());
        let (mut len, mut fit) = (packed_len(key) + COUNTS_LEN_MAX, Fit::Whole);
        let room = (self.len_max - self.len).min(self.len_max / 2);
        let entries_room = (BUNDLE_ENTRIES_MAX - self.entries).min(BUNDLE_ENTRIES_MAX / 2);
        for entry in entries {
            let more = match entry {
                Entry::Record(held) => packed_len(&*held.record),
                Entry::Tombstone(tombstone) => packed_len(&**tombstone),
            };
            if item.entry_count() == entries_room || len + more > room {
                fit = Fit::Part;
                continue;
            }
            len += more;
            item.push(entry);
        }
        // What fits into half a parcel can wait until it fits.
        let less = room < self.len_max / 2 || entries_room < BUNDLE_ENTRIES_MAX / 2;
        let waits = fit == Fit::Part && less;
        let new = peers_of(&item).filter(|peer| !self.peers.contains(*peer)).cloned();
        let new: BTreeSet<String> = new.collect();
        let strangers = self.peers.len() + new.len() > BUNDLE_ISSUERS_MAX;
        if len > room || waits || strangers || self.items.len() == REPLICA_KEYS_MAX {
            return Fit::None;
        }
        self.peers.extend(new);
        self.len += len;
        self.entries += item.entry_count();
        self.items.push(item);
        fit
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn pack(&self) -> String {
        pack_bundle(&self.items)
    }
}

/// So many bytes of a bundle.
fn packed_len(value: &impl Serialize) -> usize {
    postcard::to_allocvec(value).map_or(usize::MAX / 2, |bytes| bytes.len())
}

/// Owners and issuers: whose weights those who take it in ask for.
fn peers_of(item: &BundleItem) -> impl Iterator<Item = &String> {
    let issuers = item.records.iter().map(|record| &record.metadata.issued_by);
    issuers.chain([&item.key.owner_peer_id])
}

#[derive(Serialize, Deserialize)]
struct Bundle(#[serde(deserialize_with = "bounded::<_, _, REPLICA_KEYS_MAX>")] Vec<BundleItem>);

/// Packs keys in the order given.
pub fn pack_bundle(items: &[BundleItem]) -> String {
    pack(&items)
}

/// The keys of a bundle, at most [`REPLICA_KEYS_MAX`], of at most [`BUNDLE_ISSUERS_MAX`] owners and issuers.
///
/// # Errors
/// [`Error::TooLong`], [`Error::TooMany`], [`Error::BadReplica`].
pub fn unpack_bundle(text: &str) -> Result<Vec<BundleItem>, Error> {
    let Bundle(items) = unpack("bundle", text, BUNDLE_LEN_MAX)?;
    let entries = items.iter().map(BundleItem::entry_count).sum();
    check_count("records and tombstones", entries, BUNDLE_ENTRIES_MAX)?;
    let peers: BTreeSet<&String> = items.iter().flat_map(peers_of).collect();
    check_count("owners and issuers", peers.len(), BUNDLE_ISSUERS_MAX)?;
    Ok(items)
}
