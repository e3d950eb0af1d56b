//! What a node answers to a reader of a key: the records it holds, and the tombstones that void what others may still
//! hold or say they hold.
//!
//! A packed list of records, and, where there are tombstones, a dot and their packed list: base64 (no padding,
//! standard alphabet) of postcard, a version byte and the tombstones without the key's id, which the reader knows. Where
//! others may hold more, an exclamation mark ends it.

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use serde::{Deserialize, Serialize};

use super::bounded::bounded;
use super::data::{Record, Tombstone};
use super::error::Error;
use super::id::{check_count, check_len};
use super::limits::{PACKED_LEN_MAX, TOMBSTONES_PER_KEY_MAX};
use super::packed::{pack_records, Unpacker};

const VERSION: u8 = 1;
/// No character of base64.
const SEPARATOR: char = '.';
/// Neither.
const PARTIAL: char = '!';

/// How much an answer holds of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that the node knows of, and it should know of all.
    Whole,
    /// Others may hold more, see [`KeyState::is_partial`](super::KeyState::is_partial).
    Partial,
}

impl Extent {
    /// What an answer says of itself.
    pub fn of_answer(text: &str) -> Self {
        match text.ends_with(PARTIAL) {
            true => Self::Partial,
            false => Self::Whole,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct PackedTombstones<'a> {
    version: u8,
    #[serde(borrow, deserialize_with = "bounded::<_, _, TOMBSTONES_PER_KEY_MAX>")]
    tombstones: Vec<PackedTombstone<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PackedTombstone<'a> {
    issued_by: &'a str,
    /// Empty where it is the issuer.
    peer_id: &'a str,
    timestamp_issued: u64,
    solution: &'a [u8],
    issuer_signature: &'a [u8],
}

/// Packs what a node holds of a key; tombstones above [`TOMBSTONES_PER_KEY_MAX`] are left out.
pub fn pack_answer<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    tombstones: impl IntoIterator<Item = &'a Tombstone>,
    extent: Extent,
) -> String {
    let mut packed = pack_records(records);
    let tombstones: Vec<_> = tombstones
        .into_iter()
        .take(TOMBSTONES_PER_KEY_MAX)
        .map(|tombstone| PackedTombstone {
            issued_by: &tombstone.issued_by,
            peer_id: if tombstone.peer_id == tombstone.issued_by {
                ""
            } else {
                &tombstone.peer_id
            },
            timestamp_issued: tombstone.timestamp_issued,
            solution: &tombstone.solution,
            issuer_signature: &tombstone.issuer_signature,
        })
        .collect();
    if !tombstones.is_empty() {
        let list = PackedTombstones {
            version: VERSION,
            tombstones,
        };
        packed.push(SEPARATOR);
        STANDARD_NO_PAD.encode_string(postcard::to_allocvec(&list).unwrap_or_default(), &mut packed);
    }
    if extent == Extent::Partial {
        packed.push(PARTIAL);
    }
    packed
}

/// What is in a packed answer about `key_id`. All of it is as unverified as before.
///
/// # Errors
/// [`Error::TooLong`], [`Error::TooMany`] and [`Error::BadPacked`].
pub fn unpack_answer(key_id: &str, text: &str, unpacker: Unpacker) -> Result<(Vec<Record>, Vec<Tombstone>), Error> {
    let text = text.strip_suffix(PARTIAL).unwrap_or(text);
    let (records, tombstones) = match text.split_once(SEPARATOR) {
        Some((records, tombstones)) => (records, unpack_tombstones(key_id, tombstones)?),
        None => (text, Vec::new()),
    };
    Ok((unpacker.unpack(records)?, tombstones))
}

fn unpack_tombstones(key_id: &str, text: &str) -> Result<Vec<Tombstone>, Error> {
    check_len("packed list", text.len(), PACKED_LEN_MAX)?;
    let bytes = STANDARD_NO_PAD
        .decode(text)
        .map_err(|_| Error::BadPacked { why: "not base64" })?;
    let packed: PackedTombstones<'_> = match postcard::take_from_bytes(&bytes) {
        Ok((packed, [])) => packed,
        _ => {
            return Err(Error::BadPacked {
                why: "not a packed list of tombstones",
            })
        }
    };
    if packed.version != VERSION {
        return Err(Error::BadPacked {
            why: "of another version",
        });
    }
    check_count("tombstones", packed.tombstones.len(), TOMBSTONES_PER_KEY_MAX)?;
    let tombstone = |packed: PackedTombstone<'_>| Tombstone {
        key_id: key_id.to_owned(),
        issued_by: packed.issued_by.to_owned(),
        peer_id: if packed.peer_id.is_empty() {
            packed.issued_by.to_owned()
        } else {
            packed.peer_id.to_owned()
        },
        timestamp_issued: packed.timestamp_issued,
        solution: packed.solution.to_vec(),
        issuer_signature: packed.issuer_signature.to_vec(),
    };
    Ok(packed.tombstones.into_iter().map(tombstone).collect())
}
