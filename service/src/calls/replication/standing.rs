//! What neighbours have answered to the offers of a round, and where this node stands among them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{ReplicaAnswer, ReplicaOffer, ReplicaRound};
use crate::domain::limits::{ASKED_WHERE_RARE, HANDED_OVER_TO, PEERS_MAX, RARE_BELOW};
use crate::domain::{
    check_count, entry_tag, is_tombstone_tag, tag_voids, Circumstances, Digests, Entry, EntryTag, Error, KeySet,
    KeyState, OfferAnswer,
};

/// A round with what its neighbours answered, each text read once.
pub(super) struct Opened<'a> {
    pub(super) digests: Digests,
    /// Which keys were offered to whom.
    pub(super) offered: BTreeMap<&'a str, KeySet>,
    /// By whom; an answer that cannot be read is none.
    pub(super) answers: Vec<(&'a str, OfferAnswer)>,
}

impl<'a> Opened<'a> {
    pub(super) fn new(round: &'a ReplicaRound, answers: &'a [ReplicaAnswer]) -> Result<Self, Error> {
        check_count("answers", answers.len(), PEERS_MAX)?;
        check_count("offers", round.offers.len(), PEERS_MAX)?;
        let digests = Digests::parse(&round.digests)?;
        let mut offered = BTreeMap::new();
        for ReplicaOffer { peer_id, keys } in &round.offers {
            offered.insert(peer_id.as_str(), KeySet::parse_of(keys, digests.keys.len())?);
        }
        let answers = answers.iter().filter_map(|answer| {
            let parsed = OfferAnswer::parse(answer.good.first()?).ok()?;
            Some((answer.peer_id.as_str(), parsed))
        });
        Ok(Self {
            digests,
            offered,
            answers: answers.collect(),
        })
    }

    /// The keys of which somebody lacks something, while somebody else has not said whether he does, or has not said that
    /// he has it now.
    pub(super) fn silent(&self, lacking: &Lacking<'_>, receipts: &[ReplicaAnswer]) -> BTreeSet<usize> {
        let mut silent = BTreeSet::new();
        for (peer, keys) in &self.offered {
            let lacked = keys.iter().filter(|index| lacking.0.contains_key(index));
            match self.answers.iter().find(|(answered, _)| answered == peer) {
                None => silent.extend(lacked),
                Some(_) if receipts.iter().any(|receipt| receipt.peer_id == *peer) => {}
                Some(_) => silent.extend(lacked.filter(|index| lacking.0[index].peers.contains(peer))),
            }
        }
        silent
    }
}

/// The peers that lack something of one key.
#[derive(Default)]
pub(super) struct Lacks<'a> {
    pub(super) peers: Vec<&'a str>,
    /// Those that hold something of it.
    pub(super) holders: Vec<&'a str>,
    /// Whether those who hold it are to give the key to all others: this node does not belong there.
    pub(super) left_to_holders: bool,
    /// Those that hold the same as this node.
    same: Vec<&'a str>,
    /// By how many of them an entry is held.
    held: HashMap<EntryTag, usize>,
}

impl<'a> Lacks<'a> {
    /// Has those who hold the key bring it to the others, if they are enough. Where others lack it so that it has become
    /// rare, some of those who hold all of it are told, too, so that they do that soon.
    fn leave_to_holders(&mut self) {
        let holders = self.holders.len() + self.same.len();
        if holders < HANDED_OVER_TO {
            return;
        }
        let is_rare = holders < RARE_BELOW && self.peers.len() > self.holders.len();
        self.peers.clone_from(&self.holders);
        if is_rare {
            self.peers.extend(self.same.iter().take(ASKED_WHERE_RARE));
        }
        self.left_to_holders = true;
    }

    /// Who is told of the key by a node that stands so: one that is behind tells nobody who holds nothing.
    pub(super) fn told(&self, standing: Standing) -> &[&'a str] {
        if self.left_to_holders || standing == Standing::UpToDate {
            &self.peers
        } else {
            &self.holders
        }
    }

    /// Whether so many peers hold it.
    pub(super) fn all_hold(&self, tag: &EntryTag, peers: usize) -> bool {
        self.held.get(tag).is_some_and(|count| *count == peers)
    }

    /// The entries that most of those have who hold anything: a few liars cannot keep a key from being replicated.
    pub(super) fn of_most(&self) -> impl Iterator<Item = &EntryTag> {
        let holders = self.holders.len() + self.same.len();
        let held = self.held.iter().filter(move |(_, count)| **count * 2 > holders);
        held.map(|(tag, _)| tag)
    }

    /// What most of those who hold anything have and this node has not. If a record of one identity is older there than
    /// here, this node only seems to have missed it; they are told of the later one all the same.
    pub(super) fn standing(&self, state: &KeyState, at: &Circumstances<'_>) -> Standing {
        let most: Vec<&EntryTag> = self.of_most().collect();
        if most.is_empty() {
            return Standing::UpToDate;
        }
        let deleted = |entry: &Entry| most.iter().any(|tag| tag_voids(tag, entry));
        if state.replicable(at).any(deleted) {
            return Standing::MissedDeletion;
        }
        let own: BTreeSet<EntryTag> = state.replicable(at).map(entry_tag).collect();
        let is_missed = |tag: &&EntryTag| !is_tombstone_tag(tag) && !own.contains(*tag);
        match most.iter().any(is_missed) {
            true => Standing::MissedRecord,
            false => Standing::UpToDate,
        }
    }
}

/// Where this node stands, of one key, among those that hold something of it. What a newcomer takes in it answers lookups
/// with, so it should have it from a node that is up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    UpToDate,
    MissedRecord,
    /// It would pass on what is deleted.
    MissedDeletion,
}

/// What is lacking, by the key's position in the round.
pub(super) struct Lacking<'a>(pub(super) BTreeMap<usize, Lacks<'a>>);

impl<'a> Lacking<'a> {
    /// A node that does not belong to a key's neighbourhood knows it less well than those who do: some of the closest that
    /// it knows do not belong there either. Where enough hold the key, the others do not lack it.
    pub(super) fn of(opened: &Opened<'a>) -> Self {
        let mut lacking: BTreeMap<usize, Lacks<'a>> = BTreeMap::new();
        for (peer, answer) in &opened.answers {
            let Some(keys) = opened.offered.get(peer) else {
                continue;
            };
            for (index, tags) in answer.differing.iter().filter(|(index, _)| keys.contains(*index)) {
                let lacks = lacking.entry(*index).or_default();
                if lacks.peers.contains(peer) {
                    continue;
                }
                lacks.peers.push(peer);
                if !tags.is_empty() {
                    lacks.holders.push(peer);
                }
                for tag in tags.iter().collect::<BTreeSet<_>>() {
                    *lacks.held.entry(*tag).or_default() += 1;
                }
            }
        }
        for (index, lacks) in &mut lacking {
            let same = opened.answers.iter().filter(|(_, answer)| answer.same.contains(*index));
            lacks.same = same.map(|(peer, _)| *peer).collect();
        }
        lacking.retain(|index, lacks| {
            if opened.digests.away.contains(*index) {
                lacks.leave_to_holders();
            }
            !lacks.peers.is_empty()
        });
        Self(lacking)
    }
}
