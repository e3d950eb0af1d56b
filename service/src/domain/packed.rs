//! Records of one key as one string: a particle carries it at a fifth of the size of the records themselves,
//! and Marine passes it between modules at a fraction of the cost.
//!
//! Base64 (no padding, standard alphabet) of postcard: a version byte, the strings that occur, each once, then
//! the records with indices into them. Equal lists pack to equal strings.

use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use serde::{Deserialize, Serialize};

use super::bounded::bounded;
use super::data::{Key, Record, RecordMetadata};
use super::error::Error;
use super::id::{check_count, check_len};
use super::limits::{MERGE_RECORDS_MAX, PACKED_KEY_LEN_MAX, PACKED_LEN_MAX, UNPACKED_LEN_MAX};

const VERSION: u8 = 1;
/// Key, issuer, provider, value, relay and service.
const STRINGS_PER_RECORD_MAX: usize = 6;
// How much is decoded at all, so far above what is allowed that the error is that of the limit.
const RECORDS_DECODED_MAX: usize = 2 * MERGE_RECORDS_MAX;
const STRINGS_DECODED_MAX: usize = RECORDS_DECODED_MAX * STRINGS_PER_RECORD_MAX;
const INDICES_DECODED_MAX: usize = 16;

#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    version: u8,
    #[serde(borrow, deserialize_with = "bounded::<_, _, STRINGS_DECODED_MAX>")]
    strings: Vec<&'a str>,
    #[serde(borrow, deserialize_with = "bounded::<_, _, RECORDS_DECODED_MAX>")]
    records: Vec<PackedRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PackedRecord<'a> {
    key_id: u32,
    issued_by: u32,
    peer_id: u32,
    timestamp_issued: u64,
    solution: &'a [u8],
    value: u32,
    #[serde(deserialize_with = "bounded::<_, _, INDICES_DECODED_MAX>")]
    relay_id: Vec<u32>,
    #[serde(deserialize_with = "bounded::<_, _, INDICES_DECODED_MAX>")]
    service_id: Vec<u32>,
    issuer_signature: &'a [u8],
    timestamp_created: u64,
    signature: &'a [u8],
}

impl<'a> PackedRecord<'a> {
    fn new(record: &'a Record, table: &mut StringTable<'a>) -> Self {
        Self {
            key_id: table.put(&record.metadata.key_id),
            issued_by: table.put(&record.metadata.issued_by),
            peer_id: table.put(&record.metadata.peer_id),
            timestamp_issued: record.metadata.timestamp_issued,
            solution: &record.metadata.solution,
            value: table.put(&record.metadata.value),
            relay_id: table.put_all(&record.metadata.relay_id),
            service_id: table.put_all(&record.metadata.service_id),
            issuer_signature: &record.metadata.issuer_signature,
            timestamp_created: record.timestamp_created,
            signature: &record.signature,
        }
    }
}

/// Strings, each once.
#[derive(Default)]
struct StringTable<'a> {
    strings: Vec<&'a str>,
    index: BTreeMap<&'a str, u32>,
}

impl<'a> StringTable<'a> {
    fn put(&mut self, text: &'a str) -> u32 {
        *self.index.entry(text).or_insert_with(|| {
            self.strings.push(text);
            (self.strings.len() - 1) as u32
        })
    }

    fn put_all(&mut self, texts: &'a [String]) -> Vec<u32> {
        texts.iter().map(|text| self.put(text)).collect()
    }

    fn into_strings(self) -> Vec<&'a str> {
        self.strings
    }
}

/// Packs records in the order given.
pub fn pack_records<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut table = StringTable::default();
    let records = records
        .into_iter()
        .map(|record| PackedRecord::new(record, &mut table))
        .collect();
    let packed = Packed {
        version: VERSION,
        strings: table.into_strings(),
        records,
    };
    // Only a sequence without a length can fail to encode, and there is none.
    STANDARD_NO_PAD.encode(postcard::to_allocvec(&packed).unwrap_or_default())
}

/// Packs a key.
pub fn pack_key(key: &Key) -> String {
    STANDARD_NO_PAD.encode(postcard::to_allocvec(&(VERSION, key)).unwrap_or_default())
}

/// The key in a packed string. It is as unverified as before.
///
/// # Errors
/// [`Error::TooLong`] and [`Error::BadPacked`].
pub fn unpack_key(text: &str) -> Result<Key, Error> {
    check_len("packed key", text.len(), PACKED_KEY_LEN_MAX)?;
    let bytes = STANDARD_NO_PAD
        .decode(text)
        .map_err(|_| Error::BadPacked { why: "not base64" })?;
    match postcard::from_bytes(&bytes) {
        Ok((VERSION, key)) => Ok(key),
        _ => Err(Error::BadPacked {
            why: "not a packed key",
        }),
    }
}

/// Unpacks the lists of one call, all of them together to at most [`UNPACKED_LEN_MAX`] and [`MERGE_RECORDS_MAX`]: in a
/// packed list one long string can stand for many. Each list has an equal share, so that none crowds out the others.
#[derive(Debug, Clone, Copy)]
pub struct Unpacker {
    len_max: usize,
    records_max: usize,
}

impl Unpacker {
    pub fn sharing(lists: usize) -> Self {
        let lists = lists.max(1);
        Self {
            len_max: UNPACKED_LEN_MAX / lists,
            records_max: MERGE_RECORDS_MAX / lists,
        }
    }

    /// The records in a packed string. They are as unverified as before.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::TooMany`] and [`Error::BadPacked`].
    pub fn unpack(&self, text: &str) -> Result<Vec<Record>, Error> {
        check_len("packed list", text.len(), PACKED_LEN_MAX)?;
        let bytes = STANDARD_NO_PAD
            .decode(text)
            .map_err(|_| Error::BadPacked { why: "not base64" })?;
        let (packed, rest): (Packed<'_>, _) = postcard::take_from_bytes(&bytes).map_err(|_| Error::BadPacked {
            why: "not a packed list",
        })?;
        if packed.version != VERSION {
            return Err(Error::BadPacked {
                why: "of another version",
            });
        }
        if !rest.is_empty() {
            return Err(Error::BadPacked { why: "bytes left over" });
        }
        check_count("records", packed.records.len(), self.records_max)?;
        let mut strings = Strings::new(&packed.strings, self.len_max);
        packed
            .records
            .into_iter()
            .map(|record| strings.record(record))
            .collect()
    }
}

/// The strings of a packed list, and how much has been made of them.
struct Strings<'a> {
    strings: &'a [&'a str],
    len_max: usize,
    len: usize,
}

impl<'a> Strings<'a> {
    fn new(strings: &'a [&'a str], len_max: usize) -> Self {
        Self {
            strings,
            len_max,
            len: 0,
        }
    }

    fn record(&mut self, record: PackedRecord<'_>) -> Result<Record, Error> {
        Ok(Record {
            metadata: RecordMetadata {
                key_id: self.string(record.key_id)?,
                issued_by: self.string(record.issued_by)?,
                peer_id: self.string(record.peer_id)?,
                timestamp_issued: record.timestamp_issued,
                solution: record.solution.to_vec(),
                value: self.string(record.value)?,
                relay_id: self.list(record.relay_id)?,
                service_id: self.list(record.service_id)?,
                issuer_signature: record.issuer_signature.to_vec(),
            },
            timestamp_created: record.timestamp_created,
            signature: record.signature.to_vec(),
        })
    }

    fn list(&mut self, indices: Vec<u32>) -> Result<Vec<String>, Error> {
        indices.into_iter().map(|index| self.string(index)).collect()
    }

    fn string(&mut self, index: u32) -> Result<String, Error> {
        let text = *self.strings.get(index as usize).ok_or(Error::BadPacked {
            why: "a string is missing",
        })?;
        // The overhead counts too: empty strings are not free.
        self.len = self.len.saturating_add(text.len() + std::mem::size_of::<String>());
        check_len("unpacked list", self.len, self.len_max)?;
        Ok(text.to_owned())
    }
}
