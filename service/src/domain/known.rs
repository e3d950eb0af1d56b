//! What a reader holds already, said in few bytes, so that other nodes answer with the rest only.

use std::collections::HashSet;

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;

use super::data::Record;
use super::error::Error;
use super::id::check_len;
use super::limits::KNOWN_RECORDS_MAX;
use super::verifier::record_digest;

/// Bytes of a record's sha256 that stand for it. Who finds a second record with the same ones withholds, from readers
/// that hold the first, nothing but what it made itself.
const TAG_LEN: usize = 8;

type Tag = [u8; TAG_LEN];

/// A set of records.
#[derive(Debug, Default)]
pub struct KnownRecords(HashSet<Tag>);

impl KnownRecords {
    /// The text for these records, or for the first [`KNOWN_RECORDS_MAX`] of them.
    pub fn describe<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
        let tags: Vec<u8> = records.into_iter().take(KNOWN_RECORDS_MAX).flat_map(tag).collect();
        STANDARD_NO_PAD.encode(tags)
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::BadPacked`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_len(
            "list of known records",
            text.len(),
            KNOWN_RECORDS_MAX * TAG_LEN * 4 / 3 + 2,
        )?;
        let bytes = STANDARD_NO_PAD
            .decode(text)
            .map_err(|_| Error::BadPacked { why: "not base64" })?;
        let tags = bytes.chunks(TAG_LEN).map(Tag::try_from).collect::<Result<_, _>>();
        tags.map(Self).map_err(|_| Error::BadPacked { why: "bytes left over" })
    }

    pub fn contains(&self, record: &Record) -> bool {
        self.0.contains(&tag(record))
    }
}

fn tag(record: &Record) -> Tag {
    let digest = record_digest(record);
    std::array::from_fn(|at| digest[at])
}
