//! What nodes tell one another about what they hold, as short texts: base64 (standard alphabet, no padding) of a version
//! byte and fixed-size items, or of postcard where they are not.

use std::collections::HashSet;

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use serde::{Deserialize, Serialize};

use super::bounded::bounded;
use super::error::Error;
use super::id::{check_count, check_len};
use super::limits::{BUNDLE_ENTRIES_MAX, HELD_TAGS_MAX, REPLICA_KEYS_MAX, REPLICA_TEXT_LEN_MAX};
use super::replica::{EntryTag, Fingerprint, KeyTag, FINGERPRINT_LEN, KEY_TAG_LEN};

const VERSION: u8 = 1;
const DIGEST_LEN: usize = KEY_TAG_LEN + FINGERPRINT_LEN;

/// Stands for all keys of a round: most offers are, and it is no base64.
const ALL_KEYS: &str = "*";

/// Between the digests and the set of those that do not belong to the offering node: no character of base64.
const AWAY_SEPARATOR: char = '.';

/// The keys of a round, each with what the offering node holds of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests {
    pub keys: Vec<(KeyTag, Fingerprint)>,
    /// Those that lie outside the offering node's own reach: what it does for them replaces no neighbour's round.
    pub away: KeySet,
}

impl Digests {
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(1 + self.keys.len() * DIGEST_LEN);
        bytes.push(VERSION);
        for (tag, fingerprint) in &self.keys {
            bytes.extend_from_slice(tag);
            bytes.extend_from_slice(fingerprint);
        }
        let mut text = STANDARD_NO_PAD.encode(bytes);
        if !self.away.is_empty() {
            text.push(AWAY_SEPARATOR);
            text.push_str(&self.away.encode());
        }
        text
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::TooMany`], [`Error::BadReplica`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (keys, away) = match text.split_once(AWAY_SEPARATOR) {
            // An empty set has no second form.
            Some((keys, away)) => (
                keys,
                Some(KeySet::parse(away)?)
                    .filter(|away| !away.is_empty())
                    .unwrap_or_default(),
            ),
            None => (text, KeySet::default()),
        };
        let bytes = decode("list of digests", keys)?;
        let items = versioned(&bytes)?;
        if items.len() % DIGEST_LEN != 0 {
            return Err(bad("bytes left over in the list of digests"));
        }
        check_count("keys", items.len() / DIGEST_LEN, REPLICA_KEYS_MAX)?;
        let item = |item: &[u8]| {
            (
                std::array::from_fn(|at| item[at]),
                std::array::from_fn(|at| item[KEY_TAG_LEN + at]),
            )
        };
        let keys: Vec<(KeyTag, Fingerprint)> = items.chunks_exact(DIGEST_LEN).map(item).collect();
        check_distinct(keys.iter().map(|(tag, _)| tag))?;
        Ok(Self { keys, away })
    }
}

/// A set of keys of a round, by their positions in its list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    bits: Vec<u8>,
}

impl KeySet {
    pub fn insert(&mut self, index: usize) {
        let byte = index / 8;
        if self.bits.len() <= byte {
            self.bits.resize(byte + 1, 0);
        }
        self.bits[byte] |= 1 << (index % 8);
    }

    pub fn contains(&self, index: usize) -> bool {
        self.bits
            .get(index / 8)
            .is_some_and(|byte| byte & (1 << (index % 8)) != 0)
    }

    /// The positions, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.bits.len() * 8).filter(|index| self.contains(*index))
    }

    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|byte| *byte == 0)
    }

    pub fn encode(&self) -> String {
        STANDARD_NO_PAD.encode(&self.bits)
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
        check_len("set of keys", text.len(), REPLICA_KEYS_MAX.div_ceil(8) * 4 / 3 + 2)?;
        let bits = STANDARD_NO_PAD
            .decode(text)
            .map_err(|_| bad("the set of keys is not base64"))?;
        Ok(Self { bits })
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfferAnswer {
    /// Keys of which it holds the same.
    pub same: KeySet,
    /// Keys of which it does not, with what it holds of each: nothing, or a tag for the key and for each entry.
    pub differing: Vec<(usize, Vec<EntryTag>)>,
}

#[derive(Serialize, Deserialize)]
struct AnswerBody {
    version: u8,
    same: Vec<u8>,
    #[serde(deserialize_with = "bounded::<_, _, REPLICA_KEYS_MAX>")]
    differing: Vec<(u16, Vec<EntryTag>)>,
}

impl OfferAnswer {
    pub fn encode(self) -> String {
        let body = AnswerBody {
            version: VERSION,
            same: self.same.bits,
            differing: self
                .differing
                .into_iter()
                .map(|(index, tags)| (index as u16, tags))
                .collect(),
        };
        // Only a sequence without a length can fail to encode, and there is none.
        STANDARD_NO_PAD.encode(postcard::to_allocvec(&body).unwrap_or_default())
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::TooMany`], [`Error::BadReplica`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes = decode("answer to an offer", text)?;
        let body: AnswerBody = postcard::from_bytes(&bytes).map_err(|_| bad("no answer to an offer"))?;
        if body.version != VERSION {
            return Err(bad("an answer of another version"));
        }
        check_len("set of keys", body.same.len(), REPLICA_KEYS_MAX.div_ceil(8))?;
        check_count("keys", body.differing.len(), REPLICA_KEYS_MAX)?;
        for (_, tags) in &body.differing {
            check_count("entries of a key", tags.len(), HELD_TAGS_MAX)?;
        }
        Ok(Self {
            same: KeySet { bits: body.same },
            differing: body
                .differing
                .into_iter()
                .map(|(index, tags)| (usize::from(index), tags))
                .collect(),
        })
    }
}

/// What a node lacks of keys that another one holds: tags that it named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetch(pub Vec<(KeyTag, Vec<EntryTag>)>);

#[derive(Serialize, Deserialize)]
struct FetchBody {
    version: u8,
    #[serde(deserialize_with = "bounded::<_, _, REPLICA_KEYS_MAX>")]
    keys: Vec<(KeyTag, Vec<EntryTag>)>,
}

impl Fetch {
    pub fn encode(self) -> String {
        let body = FetchBody {
            version: VERSION,
            keys: self.0,
        };
        STANDARD_NO_PAD.encode(postcard::to_allocvec(&body).unwrap_or_default())
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::TooMany`], [`Error::BadReplica`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes = decode("list of what is lacking", text)?;
        let body: FetchBody = postcard::from_bytes(&bytes).map_err(|_| bad("no list of what is lacking"))?;
        if body.version != VERSION {
            return Err(bad("a list of another version"));
        }
        let tags = body.keys.iter().map(|(_, tags)| tags.len()).sum();
        check_count("records and tombstones", tags, BUNDLE_ENTRIES_MAX)?;
        check_distinct(body.keys.iter().map(|(tag, _)| tag))?;
        Ok(Self(body.keys))
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

fn decode(what: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    check_len(what, text.len(), REPLICA_TEXT_LEN_MAX)?;
    STANDARD_NO_PAD.decode(text).map_err(|_| bad("not base64"))
}

fn versioned(bytes: &[u8]) -> Result<&[u8], Error> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        _ => Err(bad("of another version")),
    }
}

pub(super) const fn bad(why: &'static str) -> Error {
    Error::BadReplica { why }
}
