//! Rows to domain values and back. A body is a version byte, a checksum and postcard; results arrive as hex text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accounts::{charge, Account, Charge};
use super::{Counts, StoreError};
use crate::domain::data::{Key, Record, Tombstone};
use crate::domain::{is_host_record, Entry, HeldRecord, Here, KeyId, KeyState, Priority, Verified};

pub(super) const KIND_RECORD: u64 = 0;
pub(super) const KIND_HOST_RECORD: u64 = 1;
pub(super) const KIND_TOMBSTONE: u64 = 2;

const BODY_VERSION: u8 = 2;
/// Without a checksum.
const BODY_VERSION_UNCHECKED: u8 = 1;
/// The version and the CRC-32 of what follows, little-endian: SQLite itself does not notice when a disk changes a byte
/// inside a row, and what lies here is not verified again.
const BODY_HEADER_LEN: usize = 5;

#[derive(Serialize, Deserialize)]
enum EntryBody {
    Record { weight: u32, record: Record },
    Tombstone(Tombstone),
}

/// `kind` and `dated` of an entry.
pub(super) fn columns(entry: &Entry, here: &Here) -> (u64, u64) {
    match entry {
        Entry::Tombstone(tombstone) => (KIND_TOMBSTONE, tombstone.timestamp_issued),
        Entry::Record(held) if !is_host_record(entry, here) => (KIND_RECORD, held.record.timestamp_created),
        Entry::Record(held) if held.record.signature.is_empty() => (KIND_HOST_RECORD, 0),
        Entry::Record(held) => (KIND_HOST_RECORD, held.record.timestamp_created),
    }
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut body = postcard::to_extend(value, vec![BODY_VERSION; BODY_HEADER_LEN])
        .map_err(|_| StoreError::BadRow { why: "not encodable" })?;
    let checksum = crc32fast::hash(&body[BODY_HEADER_LEN..]);
    body[1..BODY_HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
    Ok(body)
}

pub(super) fn encode_entry(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    encode(&match entry {
        Entry::Record(held) => EntryBody::Record {
            weight: held.weight,
            record: (*held.record).clone(),
        },
        Entry::Tombstone(tombstone) => EntryBody::Tombstone((**tombstone).clone()),
    })
}

fn decode<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, StoreError> {
    let (&version, body) = body.split_first().ok_or(StoreError::BadRow { why: "empty" })?;
    let body = match version {
        BODY_VERSION => check(body)?,
        BODY_VERSION_UNCHECKED => body,
        _ => {
            return Err(StoreError::BadRow {
                why: "of another version",
            })
        }
    };
    postcard::from_bytes(body).map_err(|_| StoreError::BadRow { why: "not decodable" })
}

/// What follows the checksum.
fn check(body: &[u8]) -> Result<&[u8], StoreError> {
    let (checksum, body) = body
        .split_first_chunk()
        .ok_or(StoreError::BadRow { why: "too short" })?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(StoreError::BadRow {
            why: "changed on the disk",
        });
    }
    Ok(body)
}

fn decode_key(body: &[u8]) -> Result<Verified<Key>, StoreError> {
    let key: Key = decode(body)?;
    let key_id = KeyId::of(&key.label, &key.owner_peer_id);
    Ok(Verified::stored(key, key_id))
}

/// Decodes entries; remembers the last key id, for those of one key come together.
#[derive(Default)]
struct EntryDecoder {
    last: Option<(String, KeyId)>,
}

impl EntryDecoder {
    fn decode(&mut self, body: &[u8]) -> Result<(KeyId, Entry), StoreError> {
        Ok(match decode(body)? {
            EntryBody::Record { weight, record } => {
                let id = self.key_id(&record.metadata.key_id)?;
                let record = Verified::stored(record, id);
                (id, Entry::Record(HeldRecord { record, weight }))
            }
            EntryBody::Tombstone(tombstone) => {
                let id = self.key_id(&tombstone.key_id)?;
                (id, Entry::Tombstone(Verified::stored(tombstone, id)))
            }
        })
    }

    fn key_id(&mut self, text: &str) -> Result<KeyId, StoreError> {
        match &self.last {
            Some((last, id)) if last == text => Ok(*id),
            _ => {
                let id = KeyId::parse(text).map_err(|_| StoreError::BadRow { why: "key id" })?;
                self.last = Some((text.to_owned(), id));
                Ok(id)
            }
        }
    }
}

/// Keys with their entries, as `sql::LOAD_KEY` and `sql::LOAD_KEYS` give them. Entries without a key row are passed
/// over.
pub(super) fn read_states(rows: &[u8]) -> Result<Vec<KeyState>, StoreError> {
    let mut keys = Vec::new();
    let mut entries: BTreeMap<KeyId, Vec<Entry>> = BTreeMap::new();
    let (mut buffer, mut decoder) = (Vec::new(), EntryDecoder::default());
    for item in items(rows) {
        match item.split_first() {
            Some((b'K', rest)) => keys.push(read_key(rest, &mut buffer)?),
            Some((b'E', hex)) => {
                let (key_id, entry) = decoder.decode(unhex(hex, &mut buffer)?)?;
                entries.entry(key_id).or_default().push(entry);
            }
            _ => return Err(StoreError::BadRow { why: "unknown kind" }),
        }
    }
    Ok(keys
        .into_iter()
        .map(|(key, times)| {
            let entries = entries.remove(key.key_id()).unwrap_or_default();
            KeyState::stored(key, times, entries)
        })
        .collect())
}

/// `life_at`, `published_at` and priority of a key.
type KeyTimes = (u64, u64, Priority);

fn read_key(item: &[u8], buffer: &mut Vec<u8>) -> Result<(Verified<Key>, KeyTimes), StoreError> {
    let mut fields = item.splitn(4, |&byte| byte == b':');
    let mut field = || fields.next().ok_or(StoreError::BadRow { why: "fields missing" });
    let times = (
        number(field()?)?,
        number(field()?)?,
        Priority::from_u64(number(field()?)?),
    );
    Ok((decode_key(unhex(field()?, buffer)?)?, times))
}

/// Records, as `sql::DUE_HOST_RECORDS` gives them.
pub(super) fn read_records(rows: &[u8]) -> Result<Vec<HeldRecord>, StoreError> {
    let (mut buffer, mut decoder) = (Vec::new(), EntryDecoder::default());
    items(rows)
        .map(
            |item| match decoder.decode(unhex(item.get(1..).unwrap_or_default(), &mut buffer)?)? {
                (_, Entry::Record(held)) => Ok(held),
                (_, Entry::Tombstone(_)) => Err(StoreError::BadRow { why: "not a record" }),
            },
        )
        .collect()
}

/// Key ids with the number of their entries, as `sql::DUE_KEYS` gives them.
pub(super) fn read_due(rows: &[u8]) -> Result<Vec<(KeyId, usize)>, StoreError> {
    let mut buffer = Vec::new();
    items(rows)
        .map(|item| {
            let (id, count) = item.split_at_checked(64).ok_or(StoreError::BadRow { why: "short" })?;
            let id = unhex(id, &mut buffer)?
                .try_into()
                .map_err(|_| StoreError::BadRow { why: "key id" })?;
            let count = number(count.get(1..).unwrap_or_default())?;
            Ok((KeyId::from_bytes(id), count as usize))
        })
        .collect()
}

pub(super) fn read_counts(row: &[u8]) -> Result<Counts, StoreError> {
    let mut fields = row.split(|&byte| byte == b':').map(number);
    let mut field = || {
        fields
            .next()
            .unwrap_or(Err(StoreError::BadRow { why: "fields missing" }))
    };
    Ok(Counts {
        keys: field()?,
        records: field()?,
        host_records: field()?,
        tombstones: field()?,
        db_size_bytes: field()?,
    })
}

/// What rows are charged, as `sql::CHARGES_OF_KEYS` gives it.
pub(super) fn read_charges(rows: &[u8]) -> Result<Vec<Charge>, StoreError> {
    let mut buffer = Vec::new();
    items(rows)
        .map(|item| match item {
            [kind, b'x', hex @ ..] => {
                let body = unhex(hex, &mut buffer)?;
                Ok(Charge {
                    account: payer(*kind, body).map(|peer_id| Account::of(&peer_id)),
                    bytes: charge(body.len()),
                })
            }
            [_, rest @ ..] => {
                let mut fields = rest.splitn(2, |&byte| byte == b':');
                let mut field = || number(fields.next().unwrap_or_default());
                Ok(Charge {
                    account: Some(Account::from_column(field()?)),
                    bytes: charge(field()? as usize),
                })
            }
            [] => Err(StoreError::BadRow { why: "empty" }),
        })
        .collect()
}

/// The same, and after which key the others come, as `sql::CHARGES_AFTER` gives it.
pub(super) fn read_counted(rows: &[u8]) -> Result<(Option<Vec<u8>>, Vec<Charge>), StoreError> {
    let mut parts = rows.splitn(2, |&byte| byte == b';');
    let mut buffer = Vec::new();
    let last = unhex(parts.next().unwrap_or_default(), &mut buffer)?.to_vec();
    let charges = read_charges(parts.next().unwrap_or_default())?;
    Ok(((!last.is_empty()).then_some(last), charges))
}

/// Who pays for a row that does not say; none where it cannot be read.
fn payer(kind: u8, body: &[u8]) -> Option<String> {
    match kind {
        b'K' => decode::<Key>(body).ok().map(|key| key.owner_peer_id),
        _ => decode(body).ok().map(|entry| match entry {
            EntryBody::Record { record, .. } => record.metadata.issued_by,
            EntryBody::Tombstone(tombstone) => tombstone.issued_by,
        }),
    }
}

/// The comma-separated items of a `group_concat`.
fn items(rows: &[u8]) -> impl Iterator<Item = &[u8]> {
    rows.split(|&byte| byte == b',').filter(|item| !item.is_empty())
}

pub(super) fn number(text: &[u8]) -> Result<u64, StoreError> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(StoreError::BadRow { why: "not a number" })
}

fn unhex<'b>(hex: &[u8], buffer: &'b mut Vec<u8>) -> Result<&'b [u8], StoreError> {
    buffer.clear();
    for pair in hex.chunks(2) {
        let &[high, low] = pair else {
            return Err(StoreError::BadRow { why: "odd hex" });
        };
        let (high, low) = (HEX[usize::from(high)], HEX[usize::from(low)]);
        if high | low > 0x0f {
            return Err(StoreError::BadRow { why: "not hex" });
        }
        buffer.push(high << 4 | low);
    }
    Ok(buffer)
}

/// The value of each hex digit as SQLite writes it, 0xff for everything else.
const HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let digits = *b"0123456789ABCDEF";
    let mut value = 0;
    while value < 16 {
        table[digits[value] as usize] = value as u8;
        value += 1;
    }
    table
};
