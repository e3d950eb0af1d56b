//! What nodes tell one another about what they hold, as short texts.

use std::collections::HashSet;

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bounded::bounded;
use super::error::Error;
use super::id::{check_count, check_len};
use super::limits::{BUNDLE_ENTRIES_MAX, HELD_TAGS_MAX, REPLICA_KEYS_MAX, REPLICA_TEXT_LEN_MAX};
use super::replica::{EntryTag, Fingerprint, KeyTag};

const VERSION: u8 = 1;
const KEY_SET_LEN_MAX: usize = REPLICA_KEYS_MAX.div_ceil(8);

/// Stands for all keys of a round: most offers are, and it is no base64.
const ALL_KEYS: &str = "*";

/// The keys of a round, each with what the offering node holds of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    #[serde(deserialize_with = "bounded::<_, _, REPLICA_KEYS_MAX>")]
    pub keys: Vec<(KeyTag, Fingerprint)>,
    /// Those that lie outside the offering node's own reach: what it does for them replaces no neighbour's round.
    pub outside: KeySet,
}

impl Digests {
    pub fn encode(&self) -> String {
        pack(self)
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::BadReplica`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digests: Self = unpack("list of digests", text, REPLICA_TEXT_LEN_MAX)?;
        check_distinct(digests.keys.iter().map(|(tag, _)| tag))?;
        Ok(digests)
    }
}

/// A set of keys of a round, by their positions in its list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet(#[serde(deserialize_with = "bounded::<_, _, KEY_SET_LEN_MAX>")] Vec<u8>);

impl KeySet {
    pub fn insert(&mut self, index: usize) {
        let byte = index / 8;
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        self.0[byte] |= 1 << (index % 8);
    }

    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 8).is_some_and(|byte| byte & (1 << (index % 8)) != 0)
    }

    /// The positions, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * 8).filter(|index| self.contains(*index))
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    pub fn encode(&self) -> String {
        STANDARD_NO_PAD.encode(&self.0)
    }

    /// The same, but [`ALL_KEYS`] where these are all of `count` keys.
    pub fn encode_of(&self, count: usize) -> String {
        match (0..count).all(|index| self.contains(index)) {
            true => ALL_KEYS.to_owned(),
            false => self.encode(),
        }
    }

    /// What [`encode_of`](Self::encode_of) made.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::BadReplica`].
    pub fn parse_of(text: &str, count: usize) -> Result<Self, Error> {
        match text {
            ALL_KEYS => Ok((0..count).collect()),
            text => Self::parse(text),
        }
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::BadReplica`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_len("set of keys", text.len(), KEY_SET_LEN_MAX * 4 / 3 + 2)?;
        let bits = STANDARD_NO_PAD.decode(text);
        bits.map(Self).map_err(|_| bad("the set of keys is not base64"))
    }
}

impl FromIterator<usize> for KeySet {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut set = Self::default();
        indices.into_iter().for_each(|index| set.insert(index));
        set
    }
}

/// What a neighbour says to an offer. A key in neither list was not looked at: it is offered again another time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferAnswer {
    /// Keys of which it holds the same.
    pub same: KeySet,
    /// Keys of which it does not, with what it holds of each: nothing, or a tag for the key and for each entry.
    #[serde(deserialize_with = "bounded::<_, _, REPLICA_KEYS_MAX>")]
    pub differing: Vec<(u16, Vec<EntryTag>)>,
}

impl OfferAnswer {
    pub fn encode(&self) -> String {
        pack(self)
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::TooMany`], [`Error::BadReplica`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let answer: Self = unpack("answer to an offer", text, REPLICA_TEXT_LEN_MAX)?;
        for (_, tags) in &answer.differing {
            check_count("entries of a key", tags.len(), HELD_TAGS_MAX)?;
        }
        Ok(answer)
    }
}

/// What a node lacks of keys that another one holds: tags that it named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch(#[serde(deserialize_with = "bounded::<_, _, REPLICA_KEYS_MAX>")] pub Vec<(KeyTag, Vec<EntryTag>)>);

impl Fetch {
    pub fn encode(&self) -> String {
        pack(self)
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::TooMany`], [`Error::BadReplica`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fetch: Self = unpack("list of what is lacking", text, REPLICA_TEXT_LEN_MAX)?;
        let tags = fetch.0.iter().map(|(_, tags)| tags.len()).sum();
        check_count("records and tombstones", tags, BUNDLE_ENTRIES_MAX)?;
        check_distinct(fetch.0.iter().map(|(tag, _)| tag))?;
        Ok(fetch)
    }
}

/// Each key is looked up once.
///
/// # Errors
/// [`Error::BadReplica`].
fn check_distinct<'a>(tags: impl Iterator<Item = &'a KeyTag>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for tag in tags {
        if !seen.insert(tag) {
            return Err(bad("a key stands in it twice"));
        }
    }
    Ok(())
}

/// Base64 (standard alphabet, no padding) of postcard: a version byte, then the value.
pub(super) fn pack(value: &impl Serialize) -> String {
    // Only a sequence without a length can fail to encode, and there is none.
    STANDARD_NO_PAD.encode(postcard::to_allocvec(&(VERSION, value)).unwrap_or_default())
}

/// # Errors
/// [`Error::TooLong`], [`Error::BadReplica`].
pub(super) fn unpack<T: DeserializeOwned>(what: &'static str, text: &str, len_max: usize) -> Result<T, Error> {
    check_len(what, text.len(), len_max)?;
    let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| bad("not base64"))?;
    match postcard::take_from_bytes(&bytes) {
        Ok(((VERSION, value), [])) => Ok(value),
        Ok(((VERSION, _), _)) => Err(bad("bytes left over")),
        _ => Err(bad("cut short, too many items, or another version")),
    }
}

pub(super) const fn bad(why: &'static str) -> Error {
    Error::BadReplica { why }
}
