//! What neighbours lack, in one string: keys with records and tombstones, packed as `packed` packs records.

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use serde::{Deserialize, Serialize};

use super::bounded::bounded;
use super::data::{Key, Record, Tombstone};
use super::entry::Entry;
use super::error::Error;
use super::id::{check_count, check_len};
use super::limits::{BUNDLE_ENTRIES_MAX, BUNDLE_LEN_MAX, REPLICA_KEYS_MAX, UNPACKED_LEN_MAX};
use super::offer::bad;
use super::packed::{PackedRecord, StringTable, Strings};
use super::replica::{Fingerprint, FINGERPRINT_LEN};

const VERSION: u8 = 1;
/// Id and owner of each key, and of each entry its key, issuer, provider, value, relay and service.
const STRINGS_MAX: usize = 2 * REPLICA_KEYS_MAX + 6 * BUNDLE_ENTRIES_MAX;

/// In a fingerprint's place, which never is nothing but zeros.
const ASKING: Fingerprint = [0; FINGERPRINT_LEN];

/// One key of a bundle. Unpacked it is as unverified as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleItem {
    /// What the sending node holds of the key, whether all of that is here or only what is lacking; or [`ASKING`].
    pub fingerprint: Fingerprint,
    pub key: Key,
    pub records: Vec<Record>,
    pub tombstones: Vec<Tombstone>,
}

impl BundleItem {
    pub fn new(fingerprint: Fingerprint, key: Key) -> Self {
        Self {
            fingerprint,
            key,
            records: Vec::new(),
            tombstones: Vec::new(),
        }
    }

    /// For those alone who hold the key: what they lack, and the question what was deleted of it.
    pub fn asking(key: Key) -> Self {
        Self::new(ASKING, key)
    }

    pub fn asks(&self) -> bool {
        self.fingerprint == ASKING
    }

    pub fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(held) => self.records.push((*held.record).clone()),
            Entry::Tombstone(tombstone) => self.tombstones.push((**tombstone).clone()),
        }
    }

    /// How many records and tombstones.
    pub fn entry_count(&self) -> usize {
        self.records.len() + self.tombstones.len()
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
    fingerprint: Fingerprint,
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
        fingerprint: item.fingerprint,
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
        fingerprint: item.fingerprint,
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
