//! Reading what the neighbourhood knows: the node that reads asks itself first, tells the others what it holds, so that
//! they answer with the rest, checks every answer before it counts, and merges them.

use std::collections::{BTreeMap, BTreeSet};

use super::publish::{clamp, near, no_answer};
use super::records::merge;
use super::voided::Voided;
use super::{Call, CallError};
use crate::domain::data::{Key, Record};
use crate::domain::limits::{MERGE_LISTS_MAX, NODE_ERROR_LEN_MAX, PEERS_MAX, PEER_ID_LEN_MAX, REPUBLISH_BATCH_MAX};
use crate::domain::{
    check_count, merge_keys, pack_answer, pack_key, quoted, unpack_answer, unpack_key, verify_key, Error, Extent,
    HostTimestamp, KeyId, KnownRecords, Unpacker,
};
use crate::store::Backend;

/// What one node answers: one packed answer, or one error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub good: Vec<String>,
    pub bad: Vec<String>,
}

impl Answer {
    /// Nothing but an error.
    #[must_use]
    pub fn failed(error: String) -> Self {
        Self {
            good: Vec::new(),
            bad: vec![error],
        }
    }
}

impl From<Result<String, CallError>> for Answer {
    fn from(outcome: Result<String, CallError>) -> Self {
        match outcome {
            Ok(packed) => Self {
                good: vec![packed],
                bad: Vec::new(),
            },
            Err(error) => Self::failed(error.to_string()),
        }
    }
}

/// A checked answer: one packed answer, which counts or is only [partial](Extent::Partial), or one error, which begins with
/// the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeAnswer {
    pub peer_id: String,
    pub good: Vec<String>,
    pub partial: Vec<String>,
    pub bad: Vec<String>,
}

impl NodeAnswer {
    /// A node's answer is none, because of `error`.
    #[must_use]
    pub fn failed(peer_id: &str, error: &str) -> Self {
        let (peer_id, error) = (clip(peer_id, PEER_ID_LEN_MAX), clip(error, NODE_ERROR_LEN_MAX));
        Self {
            peer_id: peer_id.to_owned(),
            bad: vec![format!("{peer_id}: {error}")],
            ..Self::default()
        }
    }

    fn good(peer_id: &str, packed: &str, extent: Extent) -> Self {
        let mut answer = Self {
            peer_id: peer_id.to_owned(),
            ..Self::default()
        };
        match extent {
            Extent::Whole => answer.good.push(packed.to_owned()),
            Extent::Partial => answer.partial.push(packed.to_owned()),
        }
        answer
    }

    fn checked(peer_id: &str, answer: Answer, check: impl FnOnce(&str) -> Result<Extent, Error>) -> Self {
        match (answer.good.first(), answer.bad.first()) {
            (Some(packed), None) if answer.good.len() == 1 => match check(packed) {
                Ok(extent) => Self::good(peer_id, packed, extent),
                Err(error) => Self::failed(peer_id, &format!("the answer is dropped: {error}")),
            },
            (None, Some(error)) => Self::failed(peer_id, error),
            _ => Self::failed(peer_id, "the answer is dropped: it is neither one list nor one error"),
        }
    }

    /// What it brings, whether it counts or not.
    fn packed(&self) -> impl Iterator<Item = &String> {
        self.good.iter().chain(&self.partial)
    }
}

/// The first `len_max` bytes, or a few less: no character is cut.
pub(super) fn clip(text: &str, len_max: usize) -> &str {
    let end = (0..=len_max.min(text.len())).rfind(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Nodes that are asked at once beside those whose answers are needed. The others follow only where these are not
/// enough: a lookup that asks everybody costs three times as much.
const SPARE_NODES: usize = 2;

/// Packed answers, each with the nodes that gave it.
type GoodAnswers<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Whom to ask, and what to wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// The nodes of the neighbourhood to be asked at once, closest first.
    pub ask: Vec<String>,
    /// Those to be asked where these are not enough, see [`Lookup::widen`].
    pub later: Vec<String>,
    /// One item if there is something to wait for, else none.
    pub more: Vec<bool>,
    /// How many good answers are needed.
    pub ack: u32,
    /// Index, among the good answers of others, of the one that is enough.
    pub enough: u32,
    /// Index, among all answers of others, of the last of those asked at once.
    pub first: u32,
    /// Index, among all answers of others, of the last.
    pub all: u32,
    /// What this node holds, for `get_records_beyond`.
    pub known: String,
    /// This node's own answer, if it belongs to the neighbourhood.
    pub here: Vec<NodeAnswer>,
}

impl Lookup {
    fn begin<T>(
        host_id: &str,
        peers: Result<Vec<String>, String>,
        ack: i16,
        own: impl FnOnce() -> Result<(T, Extent), CallError>,
        describe: impl FnOnce(T) -> String,
    ) -> Self {
        let peers = match peers {
            Ok(peers) => peers,
            Err(error) => {
                return Self {
                    ack: 1,
                    here: vec![NodeAnswer::failed(host_id, &error)],
                    ..Self::default()
                }
            }
        };
        let others: Vec<&String> = peers.iter().filter(|peer| *peer != host_id).collect();
        let mut lookup = Self {
            ack: clamp(ack, peers.len()),
            ..Self::default()
        };
        if others.len() < peers.len() {
            match own() {
                Ok((own, extent)) => {
                    // There is nobody who could hold more than a node alone.
                    let extent = if others.is_empty() { Extent::Whole } else { extent };
                    lookup.here.push(NodeAnswer::good(host_id, "here", extent));
                    if extent == Extent::Whole && lookup.ack == 1 {
                        return lookup;
                    }
                    lookup.known = describe(own);
                }
                Err(error) => lookup.here.push(NodeAnswer::failed(host_id, &error.to_string())),
            }
        }
        if !others.is_empty() {
            lookup.wait_for(&others);
        }
        lookup
    }

    fn wait_for(&mut self, others: &[&String]) {
        let own = self.here.iter().filter(|here| !here.good.is_empty()).count();
        self.enough = self.ack - 1 - own as u32;
        let first = (self.enough as usize + 1 + SPARE_NODES).min(others.len());
        self.more.push(true);
        self.first = first as u32 - 1;
        self.all = others.len() as u32 - 1;
        let (ask, later) = others.split_at(first);
        self.ask = ask.iter().map(|peer| (*peer).clone()).collect();
        self.later = later.iter().map(|peer| (*peer).clone()).collect();
    }

    /// The nodes that were not asked at once, if the answers of the others are not enough.
    #[must_use]
    pub fn widen(self, answers: &[NodeAnswer]) -> Vec<String> {
        let good = answers.iter().filter(|answer| !answer.good.is_empty()).count();
        if good > self.enough as usize {
            return Vec::new();
        }
        self.later
    }

    /// Everybody's errors; that others were silent is one if too few answered.
    fn errors(&self, answers: &[NodeAnswer]) -> Vec<String> {
        let all = || self.here.iter().chain(answers);
        let mut errors: Vec<String> = all().flat_map(|answer| answer.bad.iter().cloned()).collect();
        let good = all().filter(|answer| !answer.good.is_empty()).count();
        if good < self.ack as usize {
            let silent = self
                .ask
                .iter()
                .chain(&self.later)
                .filter(|peer| !answers.iter().any(|answer| answer.peer_id == **peer));
            errors.extend(silent.map(|peer| no_answer(peer)));
            let partial = all().filter(|answer| !answer.partial.is_empty()).count();
            let beside = match partial {
                0 => String::new(),
                _ => format!(" beside {partial} that have not been given all of it yet"),
            };
            errors.push(format!(
                "{good} nodes answered with what was looked for{beside}, {} are needed",
                self.ack
            ));
        }
        errors
    }

    /// Whether this node has an answer of its own, and the packed answers of the others, equal ones once, with those who
    /// gave them: the partial ones, too, as what they bring is genuine.
    fn all<'a>(&'a self, answers: &'a [NodeAnswer]) -> Result<(bool, GoodAnswers<'a>), Error> {
        check_count("peers", self.ask.len() + self.later.len(), PEERS_MAX)?;
        check_count("answers", self.here.len() + answers.len(), MERGE_LISTS_MAX)?;
        let own = self.here.iter().any(|here| here.packed().next().is_some());
        let mut good = GoodAnswers::new();
        for answer in answers {
            for packed in answer.packed() {
                good.entry(packed).or_default().push(&answer.peer_id);
            }
        }
        Ok((own, good))
    }
}

/// An error for each peer that was asked and is not among those that answered.
pub fn get_silent(asked: impl Iterator<Item = String>, answered: &[String]) -> Vec<String> {
    let answered: BTreeSet<&String> = answered.iter().collect();
    let silent: BTreeSet<String> = asked.filter(|peer| !answered.contains(peer)).collect();
    silent.iter().map(|peer| no_answer(peer)).collect()
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// None where no node knew.
    pub found: Option<T>,
    pub errors: Vec<String>,
}

impl<B: Backend> Call<'_, B> {
    /// Begins to read the records of a key. `peers` is what this node's `kad.neighborhood` returned. `ack` is clamped
    /// to what there is.
    pub fn begin_records(&mut self, key_id: &str, peers: Vec<String>, ack: i16, current_timestamp_sec: u64) -> Lookup {
        let peers = self
            .caller
            .host_timestamp(3, current_timestamp_sec)
            .map_err(|error| error.to_string())
            .and_then(|_| near(key_id, peers, self.here()).map_err(|error| error.to_string()));
        let host_id = self.here().host_id().to_owned();
        let own = || self.own_records(key_id, 3, current_timestamp_sec);
        Lookup::begin(&host_id, peers, ack, own, |records: Vec<Record>| {
            KnownRecords::describe(&records)
        })
    }

    /// Begins to read a key.
    pub fn begin_key(&mut self, key_id: &str, peers: Vec<String>, ack: i16) -> Lookup {
        let peers = near(key_id, peers, self.here()).map_err(|error| error.to_string());
        let host_id = self.here().host_id().to_owned();
        let own = || Ok((self.get_key_metadata(key_id)?, Extent::Whole));
        Lookup::begin(&host_id, peers, ack, own, |_| String::new())
    }

    /// The live records of a key but for those that the reader says it holds, packed; and the key's tombstones, because
    /// others may still answer with what they void.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_records_beyond(
        &mut self,
        key_id: &str,
        known: &str,
        current_timestamp_sec: u64,
    ) -> Result<String, CallError> {
        let known = KnownRecords::parse(known)?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        let (records, tombstones) = self.read_entries(key_id, now)?;
        let unknown = records.iter().filter(|record| !known.contains(record));
        Ok(pack_answer(unknown, &tombstones, self.extent(key_id, now)?))
    }

    /// The key, packed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_key_packed(&mut self, key_id: &str) -> Result<String, CallError> {
        Ok(pack_key(&self.get_key_metadata(key_id)?))
    }

    /// Checks what a node answered to `get_records_beyond`: one forgery, and nothing of it counts. Who answered is what
    /// the tetraplet of position 1 says.
    pub fn check_records(&mut self, key_id: &str, answer: Answer) -> NodeAnswer {
        let peer_id = self.caller.peer_of(1).to_owned();
        NodeAnswer::checked(&peer_id, answer, |packed| {
            KeyId::parse(key_id)?;
            let (records, _) = unpack_answer(key_id, packed, Unpacker::sharing(1))?;
            check_count("records", records.len(), REPUBLISH_BATCH_MAX)?;
            for record in records {
                if record.metadata.key_id != key_id {
                    return Err(Error::SeveralKeys {
                        first: key_id.to_owned(),
                        other: quoted(&record.metadata.key_id),
                    });
                }
                self.verifier.record(record, None)?;
            }
            Ok(Extent::of_answer(packed))
        })
    }

    /// The same for `get_key_packed`.
    pub fn check_key(&self, key_id: &str, answer: Answer) -> NodeAnswer {
        NodeAnswer::checked(self.caller.peer_of(1), answer, |packed| {
            let key = verify_key(unpack_key(packed)?)?;
            if key.id == key_id {
                return Ok(Extent::Whole);
            }
            Err(Error::SeveralKeys {
                first: key_id.to_owned(),
                other: quoted(&key.id),
            })
        })
    }

    /// Ends reading the records of a key: the latest of every provider, and the errors of all nodes. What is expired, or
    /// what a genuine tombstone of any of them voids, is left out, whoever answers with it.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn end_records(
        &mut self,
        key_id: &str,
        lookup: &Lookup,
        answers: &[NodeAnswer],
        current_timestamp_sec: u64,
    ) -> Result<Found<Vec<Record>>, CallError> {
        let now = self.caller.host_timestamp(3, current_timestamp_sec)?;
        let (own, others) = lookup.all(answers)?;
        let mut errors = lookup.errors(answers);
        let mut voided = Voided::new(key_id, self.timeouts(), now);
        let mut lists = Vec::new();
        if own {
            let (records, tombstones) = self.read_entries(key_id, now)?;
            lists.push(records);
            voided.note(tombstones);
        }
        let unpacker = Unpacker::sharing(others.len());
        for (packed, from) in others {
            match unpack_answer(key_id, packed, unpacker) {
                Ok((mut records, tombstones)) => {
                    records.retain(|record| voided.is_due(record, &from));
                    lists.push(records);
                    voided.note(tombstones);
                }
                // Too large to be read beside the others.
                Err(error) => errors.extend(
                    from.iter()
                        .map(|peer| format!("{peer}: the answer is dropped: {error}")),
                ),
            }
        }
        let found = if lists.is_empty() {
            None
        } else {
            let mut records = merge(lists, Some(key_id), self.verifier)?;
            records.retain(|record| !voided.voids(record));
            Some(records)
        };
        Ok(Found { found, errors })
    }

    /// Ends reading a key: its latest registration.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn end_key(&mut self, key_id: &str, lookup: &Lookup, answers: &[NodeAnswer]) -> Result<Found<Key>, CallError> {
        let (own, others) = lookup.all(answers)?;
        let mut keys = Vec::new();
        if own {
            keys.push(self.get_key_metadata(key_id)?);
        }
        for packed in others.into_keys() {
            keys.push(unpack_key(packed)?);
        }
        let found = match keys.is_empty() {
            true => None,
            false => Some(merge_keys(keys, Some(key_id))?.into_inner()),
        };
        Ok(Found {
            found,
            errors: lookup.errors(answers),
        })
    }

    fn own_records(
        &mut self,
        key_id: &str,
        time_at: usize,
        current_timestamp_sec: u64,
    ) -> Result<(Vec<Record>, Extent), CallError> {
        let now = self.caller.host_timestamp(time_at, current_timestamp_sec)?;
        Ok((self.read_records(key_id, now)?, self.extent(key_id, now)?))
    }

    /// Whether what is here of a key is all that there should be.
    fn extent(&self, key_id: &str, now: HostTimestamp) -> Result<Extent, Error> {
        match self.partial.contains(&KeyId::parse(key_id)?, now) {
            true => Ok(Extent::Partial),
            false => Ok(Extent::Whole),
        }
    }
}
