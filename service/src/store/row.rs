//! Rows to domain values and back. A body is a version byte, a checksum and postcard; results arrive as hex text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accounts::{Account, Charge, RowOf};
use super::StoreError;
use crate::domain::data::{Key, Record, Tombstone};
use crate::domain::{Entry, HeldRecord, KeyId, KeyState, Priority, Verified, ROW_ID_LEN};

pub(super) const KIND_RECORD: u64 = 0;
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

/// What the statements search an entry by. It follows from the entry alone.
pub(super) struct Columns {
    pub(super) kind: u64,
    pub(super) dated: u64,
    pub(super) provider: u64,
    pub(super) signed: u64,
    pub(super) weight: u64,
}

pub(super) fn columns(entry: &Entry) -> Columns {
    match entry {
        Entry::Tombstone(tombstone) => Columns {
            kind: KIND_TOMBSTONE,
            dated: tombstone.timestamp_issued,
            provider: 0,
            signed: 1,
            weight: 0,
        },
        Entry::Record(held) => Columns {
            kind: KIND_RECORD,
            dated: held.record.timestamp_created,
            provider: Account::of(&held.record.metadata.peer_id).as_column(),
            signed: u64::from(!held.record.signature.is_empty()),
            weight: held.weight.into(),
        },
    }
}

pub(super) const fn row_of(entry: &Entry) -> RowOf {
    match entry {
        Entry::Record(_) => RowOf::Record,
        Entry::Tombstone(_) => RowOf::Tombstone,
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

/// `life_at`, `due_at`, `exchanged_at` and priority of a key.
type KeyTimes = (u64, u64, u64, Priority);

fn read_key(item: &[u8], buffer: &mut Vec<u8>) -> Result<(Verified<Key>, KeyTimes), StoreError> {
    let mut fields = item.splitn(5, |&byte| byte == b':');
    let mut field = || fields.next().ok_or(StoreError::BadRow { why: "fields missing" });
    let times = (
        number(field()?)?,
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

/// A key of those that are due, as `sql::DUE_KEYS` gives them.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueKey {
    pub(super) life_at: u64,
    pub(super) id: KeyId,
    pub(super) lives: bool,
}

pub(super) fn read_due(rows: &[u8]) -> Result<Vec<DueKey>, StoreError> {
    items(rows)
        .map(|item| {
            let (id, rest) = item.split_at_checked(65).ok_or(StoreError::BadRow { why: "short" })?;
            let [lives, life_at] = read_numbers(rest)?;
            Ok(DueKey {
                life_at,
                id: read_id(&id[..64])?,
                lives: lives == 1,
            })
        })
        .collect()
}

/// Key ids.
pub(super) fn read_ids(rows: &[u8]) -> Result<Vec<KeyId>, StoreError> {
    items(rows).map(read_id).collect()
}

fn read_id(hex: &[u8]) -> Result<KeyId, StoreError> {
    let mut buffer = Vec::new();
    let id = unhex(hex, &mut buffer)?.try_into();
    Ok(KeyId::from_bytes(id.map_err(|_| StoreError::BadRow { why: "key id" })?))
}

/// The numbers of one row, as many as are wanted.
pub(super) fn read_numbers<const N: usize>(row: &[u8]) -> Result<[u64; N], StoreError> {
    let mut fields = row.split(|&byte| byte == b':');
    let mut numbers = [0; N];
    for value in &mut numbers {
        *value = number(fields.next().ok_or(StoreError::BadRow { why: "fields missing" })?)?;
    }
    Ok(numbers)
}

/// Three numbers, as `sql::BEHIND` gives them.
pub(super) fn read_behind(row: &[u8]) -> Result<(u64, u64, u64), StoreError> {
    let mut fields = row.splitn(3, |&byte| byte == b':').map(number);
    let mut field = || {
        fields
            .next()
            .unwrap_or(Err(StoreError::BadRow { why: "fields missing" }))
    };
    Ok((field()?, field()?, field()?))
}

/// What rows are charged, as `sql::CHARGES_OF_KEYS` gives it.
pub(super) fn read_charges(rows: &[u8]) -> Result<Vec<Charge>, StoreError> {
    let mut buffer = Vec::new();
    items(rows)
        .map(|item| {
            let (&letter, rest) = item.split_first().ok_or(StoreError::BadRow { why: "empty" })?;
            let of = match letter {
                b'K' => RowOf::Key,
                b'R' => RowOf::Record,
                b'T' => RowOf::Tombstone,
                _ => return Err(StoreError::BadRow { why: "unknown kind" }),
            };
            if let [b'x', hex @ ..] = rest {
                let body = unhex(hex, &mut buffer)?;
                let account = payer(of, body).map(|peer_id| Account::of(&peer_id));
                return Ok(Charge::new(of, account, body.len()));
            }
            let [account, len] = read_numbers(rest)?;
            Ok(Charge::new(of, Some(Account::from_column(account)), len as usize))
        })
        .collect()
}

/// The same, and after which key the others come, as `sql::CHARGES_AFTER` gives it.
pub(super) fn read_counted(rows: &[u8]) -> Result<(Option<Vec<u8>>, Vec<Charge>), StoreError> {
    let (last, rows) = split_last(rows)?;
    Ok((last, read_charges(rows)?))
}

/// Entries by the hex of their places, as `sql::ENTRIES_AFTER` gives them: those that can be read.
pub(super) fn read_placed(rows: &[u8]) -> Result<(Option<Vec<u8>>, Vec<Placed<'_>>), StoreError> {
    let (last, rows) = split_last(rows)?;
    let (mut buffer, mut decoder) = (Vec::new(), EntryDecoder::default());
    let mut placed = Vec::new();
    for item in items(rows) {
        let mut fields = item.splitn(3, |&byte| byte == b':');
        let mut field = || fields.next().ok_or(StoreError::BadRow { why: "fields missing" });
        let place = (field()?, field()?);
        if let Ok((_, entry)) = unhex(field()?, &mut buffer).and_then(|body| decoder.decode(body)) {
            placed.push(Placed {
                place,
                row_id: entry.identity().row_id(),
                columns: columns(&entry),
            });
        }
    }
    Ok((last, placed))
}

/// Where an entry lies, and the name and the columns that it has to have.
pub(super) struct Placed<'a> {
    /// The hex of the row's key id and identity.
    pub(super) place: (&'a [u8], &'a [u8]),
    pub(super) row_id: [u8; ROW_ID_LEN],
    pub(super) columns: Columns,
}

fn split_last(rows: &[u8]) -> Result<(Option<Vec<u8>>, &[u8]), StoreError> {
    let mut parts = rows.splitn(2, |&byte| byte == b';');
    let mut buffer = Vec::new();
    let last = unhex(parts.next().unwrap_or_default(), &mut buffer)?.to_vec();
    Ok(((!last.is_empty()).then_some(last), parts.next().unwrap_or_default()))
}

/// Who pays for a row that does not say; none where it cannot be read.
fn payer(of: RowOf, body: &[u8]) -> Option<String> {
    match of {
        RowOf::Key => decode::<Key>(body).ok().map(|key| key.owner_peer_id),
        RowOf::Record | RowOf::Tombstone => decode(body).ok().map(|entry| match entry {
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
