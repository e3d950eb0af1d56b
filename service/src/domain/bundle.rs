//! What neighbours lack, in one string: keys with records and tombstones, packed as `packed` packs records.

use std::collections::BTreeSet;

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use serde::{Deserialize, Serialize};

use super::bounded::bounded;
use super::data::{Key, Record, Tombstone};
use super::entry::Entry;
use super::error::Error;
use super::id::{check_count, check_len};
use super::limits::{
    BUNDLE_ENTRIES_MAX, BUNDLE_ISSUERS_MAX, BUNDLE_LEN_MAX, KEY_ID_LEN_MAX, PEER_ID_LEN_MAX, REPLICA_KEYS_MAX,
    UNPACKED_LEN_MAX,
};
use super::offer::bad;
use super::packed::{PackedRecord, StringTable, Strings};
use super::replica::{tags_of, EntryTag};

const VERSION: u8 = 1;
/// Id and owner of each key, and of each entry its key, issuer, provider, value, relay and service.
const STRINGS_MAX: usize = 2 * REPLICA_KEYS_MAX + 6 * BUNDLE_ENTRIES_MAX;

/// One key of a bundle. Unpacked it is as unverified as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleItem {
    pub key: Key,
    pub records: Vec<Record>,
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

    /// Stand for the key and for each entry.
    pub fn tags(&self) -> impl Iterator<Item = EntryTag> + '_ {
        tags_of(&self.key, &self.records, &self.tombstones)
    }

    /// How many records and tombstones.
    pub fn entry_count(&self) -> usize {
        self.records.len() + self.tombstones.len()
    }
}

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
        let (mut len, mut fit) = (key_len(key), Fit::Whole);
        let room = (self.len_max - self.len).min(self.len_max / 2);
        let entries_room = (BUNDLE_ENTRIES_MAX - self.entries).min(BUNDLE_ENTRIES_MAX / 2);
        for entry in entries {
            let more = entry_len(entry);
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
        let issuers = item.records.iter().map(|record| &record.metadata.issued_by);
        let new: BTreeSet<&String> = issuers.chain([&key.owner_peer_id]).collect();
        let new: BTreeSet<String> = new
            .into_iter()
            .filter(|peer| !self.peers.contains(*peer))
            .cloned()
            .collect();
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

/// At most so many bytes of a bundle.
fn key_len(key: &Key) -> usize {
    key.label.len() + key.challenge.len() + key.challenge_type.len() + key.signature.len() + KEY_ID_LEN_MAX + 128
}

/// At most so many bytes of a bundle.
fn entry_len(entry: &Entry) -> usize {
    const IDS_LEN_MAX: usize = 3 * PEER_ID_LEN_MAX + 64;
    IDS_LEN_MAX
        + match entry {
            Entry::Record(held) => {
                let metadata = &held.record.metadata;
                let texts = metadata.relay_id.iter().chain(&metadata.service_id);
                metadata.value.len()
                    + metadata.solution.len()
                    + metadata.issuer_signature.len()
                    + held.record.signature.len()
                    + texts.map(String::len).sum::<usize>()
            }
            Entry::Tombstone(tombstone) => tombstone.solution.len() + tombstone.issuer_signature.len(),
        }
}

#[derive(Serialize, Deserialize)]
struct PackedBundle<'a> {
    version: u8,
    #[serde(borrow, deserialize_with = "bounded::<_, _, STRINGS_MAX>")]
    strings: Vec<&'a str>,
    #[serde(borrow, deserialize_with = "bounded::<_, _, REPLICA_KEYS_MAX>")]
    items: Vec<PackedItem<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PackedItem<'a> {
    id: u32,
    label: &'a str,
    owner_peer_id: u32,
    timestamp_created: u64,
    challenge: &'a [u8],
    challenge_type: &'a str,
    signature: &'a [u8],
    #[serde(borrow, deserialize_with = "bounded::<_, _, BUNDLE_ENTRIES_MAX>")]
    records: Vec<PackedRecord<'a>>,
    #[serde(borrow, deserialize_with = "bounded::<_, _, BUNDLE_ENTRIES_MAX>")]
    tombstones: Vec<PackedTombstone<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PackedTombstone<'a> {
    key_id: u32,
    issued_by: u32,
    peer_id: u32,
    timestamp_issued: u64,
    solution: &'a [u8],
    issuer_signature: &'a [u8],
}

/// Packs keys in the order given.
pub fn pack_bundle(items: &[BundleItem]) -> String {
    let mut table = StringTable::default();
    let items = items.iter().map(|item| pack_item(item, &mut table)).collect();
    let bundle = PackedBundle {
        version: VERSION,
        strings: table.into_strings(),
        items,
    };
    // Only a sequence without a length can fail to encode, and there is none.
    STANDARD_NO_PAD.encode(postcard::to_allocvec(&bundle).unwrap_or_default())
}

fn pack_item<'a>(item: &'a BundleItem, table: &mut StringTable<'a>) -> PackedItem<'a> {
    let key = &item.key;
    PackedItem {
        id: table.put(&key.id),
        label: &key.label,
        owner_peer_id: table.put(&key.owner_peer_id),
        timestamp_created: key.timestamp_created,
        challenge: &key.challenge,
        challenge_type: &key.challenge_type,
        signature: &key.signature,
        records: item
            .records
            .iter()
            .map(|record| PackedRecord::new(record, table))
            .collect(),
        tombstones: item
            .tombstones
            .iter()
            .map(|tombstone| PackedTombstone {
                key_id: table.put(&tombstone.key_id),
                issued_by: table.put(&tombstone.issued_by),
                peer_id: table.put(&tombstone.peer_id),
                timestamp_issued: tombstone.timestamp_issued,
                solution: &tombstone.solution,
                issuer_signature: &tombstone.issuer_signature,
            })
            .collect(),
    }
}

/// The keys of a bundle, at most [`REPLICA_KEYS_MAX`].
///
/// # Errors
/// [`Error::TooLong`], [`Error::TooMany`], [`Error::BadPacked`], [`Error::BadReplica`].
pub fn unpack_bundle(text: &str) -> Result<Vec<BundleItem>, Error> {
    check_len("bundle", text.len(), BUNDLE_LEN_MAX)?;
    let bytes = STANDARD_NO_PAD
        .decode(text)
        .map_err(|_| bad("the bundle is not base64"))?;
    let (bundle, rest): (PackedBundle<'_>, _) = postcard::take_from_bytes(&bytes).map_err(|_| bad("no bundle"))?;
    if bundle.version != VERSION {
        return Err(bad("a bundle of another version"));
    }
    if !rest.is_empty() {
        return Err(bad("bytes left over in the bundle"));
    }
    check_count("keys", bundle.items.len(), REPLICA_KEYS_MAX)?;
    let entries = |item: &PackedItem<'_>| item.records.len() + item.tombstones.len();
    check_count(
        "records and tombstones",
        bundle.items.iter().map(entries).sum(),
        BUNDLE_ENTRIES_MAX,
    )?;
    let mut strings = Strings::new(&bundle.strings, UNPACKED_LEN_MAX);
    bundle
        .items
        .into_iter()
        .map(|item| unpack_item(item, &mut strings))
        .collect()
}

fn unpack_item(item: PackedItem<'_>, strings: &mut Strings<'_>) -> Result<BundleItem, Error> {
    let tombstone = |tombstone: PackedTombstone<'_>, strings: &mut Strings<'_>| {
        Ok(Tombstone {
            key_id: strings.string(tombstone.key_id)?,
            issued_by: strings.string(tombstone.issued_by)?,
            peer_id: strings.string(tombstone.peer_id)?,
            timestamp_issued: tombstone.timestamp_issued,
            solution: tombstone.solution.to_vec(),
            issuer_signature: tombstone.issuer_signature.to_vec(),
        })
    };
    Ok(BundleItem {
        key: Key {
            id: strings.string(item.id)?,
            label: item.label.to_owned(),
            owner_peer_id: strings.string(item.owner_peer_id)?,
            timestamp_created: item.timestamp_created,
            challenge: item.challenge.to_vec(),
            challenge_type: item.challenge_type.to_owned(),
            signature: item.signature.to_vec(),
        },
        records: item
            .records
            .into_iter()
            .map(|record| strings.record(record))
            .collect::<Result<_, _>>()?,
        tombstones: item
            .tombstones
            .into_iter()
            .map(|packed| tombstone(packed, strings))
            .collect::<Result<_, _>>()?,
    })
}
