//! A round of replication on the node that replicates: whom it asks about which keys, what they have answered, and what
//! follows from that.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::bundle::Fit;
use super::limits::*;
use super::offer::{Fetch, KeySet, OfferAnswer};
use super::replica::{entry_tag, key_tag, EntryTag, Fingerprint, KeyTag};
use super::{Circumstances, Entry, KeyId, KeyState};

/// What a round waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What neighbours hold.
    Compare,
    /// What they hold and this node lacks.
    Fetch,
    /// That they have taken in what they lacked.
    Give,
}

/// A key of a round.
#[derive(Debug)]
pub struct RoundKey {
    pub id: KeyId,
    /// Of what is here: when the round began, and again when it gives.
    pub fingerprint: Fingerprint,
    /// This node is none of the closest to the key.
    pub outside: bool,
    was_partial: bool,
    /// What was here when the round began, and when it gave.
    before: BTreeSet<EntryTag>,
    after: BTreeSet<EntryTag>,
}

impl RoundKey {
    pub fn new(state: &KeyState, (fingerprint, tags): (Fingerprint, BTreeSet<EntryTag>), outside: bool) -> Self {
        Self {
            id: *state.key_id(),
            fingerprint,
            outside,
            was_partial: state.is_partial(),
            before: tags.clone(),
            after: tags,
        }
    }

    /// Whether what was said of the key is not true of what is here now: it went and came again, or a record of this node has
    /// come that nobody else holds.
    pub fn is_another(&self, state: &KeyState, at: &Circumstances<'_>) -> bool {
        let is_own = |entry: &&Entry| {
            entry
                .record()
                .is_some_and(|held| at.here.is(&held.record.metadata.peer_id))
        };
        let mut own = state.replicable(at).filter(is_own);
        state.is_partial() && !self.was_partial || own.any(|entry| !self.after.contains(&entry_tag(entry)))
    }
}

/// What came of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many neighbours were asked; how many of them this node has nothing more to say to, or to hear from; how many hold
    /// everything that this node holds.
    pub asked: usize,
    pub done: usize,
    pub holders: usize,
    /// Somebody lacked something, or this node did.
    pub differed: bool,
    /// Nobody was told of it, for want of room.
    pub unsent: bool,
    /// Some neighbours have answered, and none has looked at it: others took all of their time.
    pub unseen: bool,
}

impl Outcome {
    /// More than half have nothing more to say.
    pub const fn exchanged(&self) -> bool {
        self.done * 2 > self.asked
    }

    /// There was something to say, and somebody has not heard it.
    pub const fn incomplete(&self) -> bool {
        self.differed && self.done < self.asked
    }
}

/// What a neighbour holds: of some keys the same, of others something else, or nothing.
#[derive(Debug)]
struct Heard {
    same: KeySet,
    differing: BTreeMap<usize, BTreeSet<EntryTag>>,
}

#[derive(Debug)]
pub struct Round {
    /// When it began, or a little later where others began then: their answers do not count here.
    pub number: u64,
    pub step: Step,
    pub keys: Vec<RoundKey>,
    /// Who is asked about which keys, and of which of them each is a neighbour: providers are asked and given, and have no say.
    asked: BTreeMap<String, KeySet>,
    neighbours: BTreeMap<String, KeySet>,
    answers: BTreeMap<String, Heard>,
    /// Stand for what was fetched, whether it stays here or not.
    judged: HashSet<EntryTag>,
    /// The keys that the bundle holds, whole or in part, by their positions in it; what of it is for whom; who has taken what in.
    bundle: Vec<(usize, Fit)>,
    given: BTreeMap<String, KeySet>,
    receipts: BTreeMap<String, KeySet>,
    unsent: BTreeSet<usize>,
}

impl Round {
    pub fn new(number: u64, keys: Vec<RoundKey>) -> Self {
        Self {
            number,
            step: Step::Compare,
            keys,
            asked: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            answers: BTreeMap::new(),
            judged: HashSet::new(),
            bundle: Vec::new(),
            given: BTreeMap::new(),
            receipts: BTreeMap::new(),
            unsent: BTreeSet::new(),
        }
    }

    /// Has a peer be asked about a key.
    pub fn ask(&mut self, peer: &str, index: usize, is_neighbour: bool) {
        self.asked.entry(peer.to_owned()).or_default().insert(index);
        if is_neighbour {
            self.neighbours.entry(peer.to_owned()).or_default().insert(index);
        }
    }

    fn is_neighbour(&self, peer: &str, index: usize) -> bool {
        self.neighbours.get(peer).is_some_and(|keys| keys.contains(index))
    }

    pub fn asked(&self) -> impl Iterator<Item = (&str, &KeySet)> {
        self.asked.iter().map(|(peer, keys)| (peer.as_str(), keys))
    }

    /// Notes what a neighbour holds: its first answer, of the keys that it was asked about.
    pub fn note_answer(&mut self, peer: &str, answer: OfferAnswer) {
        let Some(asked) = self.asked.get(peer).filter(|_| self.step == Step::Compare) else {
            return;
        };
        let same: KeySet = answer.same.iter().filter(|index| asked.contains(*index)).collect();
        let differing = answer
            .differing
            .into_iter()
            .map(|(index, tags)| (usize::from(index), tags));
        let differing = differing.filter(|(index, _)| asked.contains(*index) && !same.contains(*index));
        let differing = differing.map(|(index, tags)| (index, tags.into_iter().collect()));
        let heard = Heard {
            differing: differing.collect(),
            same,
        };
        self.answers.entry(peer.to_owned()).or_insert(heard);
    }

    /// Notes what a neighbour holds now, of what it was given.
    pub fn note_receipt(&mut self, peer: &str, held: KeySet) {
        if self.step == Step::Give && self.given.contains_key(peer) {
            self.receipts.entry(peer.to_owned()).or_insert(held);
        }
    }

    /// Notes what was fetched.
    pub fn note_judged(&mut self, tags: impl Iterator<Item = EntryTag>) {
        if self.step == Step::Fetch {
            self.judged.extend(tags);
        }
    }

    /// The keys that somebody holds otherwise than this node did, in order.
    pub fn differing(&self) -> BTreeSet<usize> {
        let differing = self.answers.values().flat_map(|answer| answer.differing.keys());
        differing.copied().collect()
    }

    /// Whether anybody has answered.
    pub fn is_heard(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Notes what is here of a key when it is given.
    pub fn note_after(&mut self, index: usize, (fingerprint, tags): (Fingerprint, BTreeSet<EntryTag>)) {
        (self.keys[index].after, self.keys[index].fingerprint) = (tags, fingerprint);
    }

    /// What this node lacks, and whom to ask for it: each item [`FETCHED_FROM`] of those who hold it. What most hold comes
    /// first, so that those who name what they do not have take no room from it; whom to ask is another one in each round.
    pub fn to_fetch(&self) -> BTreeMap<&str, Fetch> {
        let mut holders: BTreeMap<(usize, EntryTag), Vec<&str>> = BTreeMap::new();
        for (peer, answer) in &self.answers {
            for (index, tags) in &answer.differing {
                for tag in tags.iter().filter(|tag| !self.keys[*index].before.contains(*tag)) {
                    holders.entry((*index, *tag)).or_default().push(peer);
                }
            }
        }
        let turns: BTreeMap<&str, [u8; 32]> = self
            .answers
            .keys()
            .map(|peer| (peer.as_str(), self.turn(peer)))
            .collect();
        let mut lacking: Vec<((usize, EntryTag), Vec<&str>)> = holders.into_iter().collect();
        lacking.sort_by_key(|(_, holders)| std::cmp::Reverse(holders.len()));
        let mut fetch: BTreeMap<&str, BTreeMap<usize, Vec<EntryTag>>> = BTreeMap::new();
        let mut loads: HashMap<&str, usize> = HashMap::new();
        for ((index, tag), mut holders) in lacking {
            // Of one key as much as possible from the same: it comes with the key itself.
            holders.sort_by_key(|peer| {
                let load = loads.get(peer).copied().unwrap_or(0);
                let has_key = fetch.get(peer).is_some_and(|keys| keys.contains_key(&index));
                (!has_key, load, turns[peer])
            });
            let mut from = 0;
            for peer in holders {
                let room = fetch.contains_key(peer) || fetch.len() < FETCH_PEERS_MAX;
                let load = loads.entry(peer).or_default();
                if from < FETCHED_FROM && room && *load < FETCH_ENTRIES_MAX {
                    (*load, from) = (*load + 1, from + 1);
                    fetch.entry(peer).or_default().entry(index).or_default().push(tag);
                }
            }
        }
        let wanted = |keys: BTreeMap<usize, Vec<EntryTag>>| {
            Fetch(keys.into_iter().map(|(index, tags)| (self.tag(index), tags)).collect())
        };
        fetch.into_iter().map(|(peer, keys)| (peer, wanted(keys))).collect()
    }

    /// Where a peer stands in an order that nobody can choose an id for.
    fn turn(&self, peer: &str) -> [u8; 32] {
        let number = Sha256::new().chain_update(self.number.to_le_bytes());
        number.chain_update(peer).finalize().into()
    }

    fn tag(&self, index: usize) -> KeyTag {
        key_tag(&self.keys[index].id)
    }

    /// What those who have answered lack of a key; nobody is told of what enough hold, by a node that does not belong
    /// there.
    pub fn lacking(&self, index: usize) -> BTreeMap<&str, BTreeSet<EntryTag>> {
        let key = &self.keys[index];
        let peers = self.asked.keys().map(String::as_str);
        let lacks = peers.filter_map(|peer| Some((peer, self.lacks(peer, index)?)));
        let (lacking, rest): (BTreeMap<_, _>, BTreeMap<_, _>) = lacks.partition(|(_, lacks)| !lacks.is_empty());
        let holders = rest.keys().filter(|peer| self.is_neighbour(peer, index)).count();
        if key.outside && holders >= HANDED_OVER_TO {
            return BTreeMap::new();
        }
        lacking
    }

    /// What a neighbour lacked when it answered; none if it has not.
    fn lacks(&self, peer: &str, index: usize) -> Option<BTreeSet<EntryTag>> {
        let (key, answer) = (&self.keys[index], self.answers.get(peer)?);
        if answer.same.contains(index) {
            return Some(key.after.difference(&key.before).copied().collect());
        }
        let held = answer.differing.get(&index)?;
        Some(key.after.difference(held).copied().collect())
    }

    /// Notes that a bundle holds a key, whole or in part, and for whom.
    pub fn note_given(&mut self, index: usize, fit: Fit, peers: &[String]) {
        for peer in peers {
            self.given.entry(peer.clone()).or_default().insert(self.bundle.len());
        }
        self.bundle.push((index, fit));
    }

    pub fn note_unsent(&mut self, index: usize) {
        self.unsent.insert(index);
    }

    pub fn given(&self) -> impl Iterator<Item = (&str, &KeySet)> {
        self.given.iter().map(|(peer, keys)| (peer.as_str(), keys))
    }

    /// Those who have not answered, or not said that they have taken anything in.
    pub fn silent(&self) -> impl Iterator<Item = &str> {
        let answered = |peer: &String| {
            self.answers.contains_key(peer) && self.receipts.contains_key(peer) == self.given.contains_key(peer)
        };
        self.asked
            .keys()
            .filter(move |peer| !answered(peer))
            .map(String::as_str)
    }

    pub fn outcome(&self, index: usize) -> Outcome {
        let mut outcome = Outcome {
            unsent: self.unsent.contains(&index),
            ..Outcome::default()
        };
        let mut seen = false;
        let position = self.bundle.iter().position(|(at, _)| *at == index);
        let is_part = position.is_some_and(|position| self.bundle[position].1 == Fit::Part);
        for (peer, _) in self.neighbours.iter().filter(|(_, keys)| keys.contains(index)) {
            outcome.asked += 1;
            let Some(lacks) = self.lacks(peer, index) else {
                outcome.unseen |= self.answers.contains_key(peer);
                continue;
            };
            seen = true;
            let named = self.answers[peer].differing.get(&index);
            outcome.differed |= named.is_some() || !lacks.is_empty();
            let here = |tag: &EntryTag| self.keys[index].after.contains(tag) || self.judged.contains(tag);
            let heard = named.is_none_or(|tags| tags.iter().all(here));
            let receipt = position.and_then(|position| {
                let given = self.given.get(peer)?.contains(position);
                Some(self.receipts.get(peer).filter(|_| given)?.contains(position))
            });
            // What it refuses it has heard all the same; of what was taken in in part, the rest follows.
            let told = lacks.is_empty() || receipt.is_some_and(|held| !(held && is_part));
            outcome.done += usize::from(heard && told);
            outcome.holders += usize::from(lacks.is_empty() || receipt == Some(true) && !is_part);
        }
        outcome.unseen &= !seen;
        outcome
    }
}
