//! A round begins: what is due here, and who is asked about it.

use std::collections::BTreeSet;

use super::{ReplicaAsk, ReplicaStep};
use crate::calls::{Call, CallError};
use crate::domain::limits::*;
use crate::domain::{
    check_count, key_tag, Digests, HostTimestamp, KeyId, KeySet, KeyState, Round, RoundKey, RoutingTable, Timeouts,
};
use crate::store::{Backend, KeysByDue};

/// A key that goes into a round.
struct Taken {
    state: KeyState,
    /// Those closest to the key but this node; the other nodes that provide.
    neighbours: Vec<usize>,
    providers: Vec<usize>,
    belongs_here: bool,
}

impl<B: Backend> Call<'_, B> {
    /// Begins a round with keys that are due, the longest due first, or says which have to be looked up before. `peers` is
    /// what the host's `kad.neighborhood` around this node returned. A node that sees nobody, or few of those that it saw
    /// before, settles nothing; nor does a run that begins before the last round is over.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn begin_replication(
        &mut self,
        peers: Vec<String>,
        interval_sec: u64,
        current_timestamp_sec: u64,
    ) -> Result<ReplicaStep, CallError> {
        self.caller.check_host("begin_replication")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("peers", peers.len(), PEERS_MAX)?;
        let interval_sec = Timeouts::check_range(interval_sec)?;
        self.replication.interval_sec = Some(interval_sec);
        let is_under_way =
            |round: &Round| !round.keys.is_empty() && (round.number..round.number + ROUND_SEC).contains(&now.as_sec());
        if self.replication.round.as_ref().is_some_and(is_under_way) || self.sees_few(&peers)? {
            return Ok(ReplicaStep::new(now.as_sec(), Vec::new(), String::new()));
        }
        let has_located = std::mem::take(&mut self.replication.has_located);
        if self.is_away(now) {
            self.store.note_away()?;
        }
        let ids = self.due_ids((now, interval_sec), REPLICA_KEYS_MAX)?;
        if ids.is_empty() {
            // Most runs of the spell: no place of any peer needs to be computed. What a silent round has leased is due.
            if self.replication.leases.is_empty() {
                self.store.note_ran(now)?;
            }
            return Ok(ReplicaStep::new(now.as_sec(), Vec::new(), String::new()));
        }
        let table = RoutingTable::new(peers, self.here());
        let (near, far, mut unknown) = self.by_distance(&ids, &table, now);
        // However many there are, they are not first again when others are taken; urgent ones have their turn.
        let later = unknown.split_off(unknown.len().min(FAR_KEYS_MAX));
        self.store
            .put_off(&KeysByDue::from([(now.as_sec().saturating_add(LEASE_SEC), later)]))?;
        if !unknown.is_empty() && !has_located {
            return Ok(self.locate(&unknown, now));
        }
        let located = far
            .iter()
            .filter_map(|key_id| self.replication.located.peers(key_id, now));
        let located: Vec<String> = located.flatten().cloned().collect();
        let table = table.with_located(located, self.here());
        let far_max = if near.is_empty() {
            FAR_KEYS_MAX
        } else {
            FAR_KEYS_PER_ROUND
        };
        let ids: Vec<KeyId> = far.into_iter().take(far_max).chain(near).collect();
        let (states, _) = self.store.load_bounded(&ids, REPLICA_ENTRIES_MAX)?;
        let (taken, idle) = self.choose(states, &table, now);
        self.store.set_due(&self.by_next_due(&idle, now))?;
        self.lease(&unknown, now);
        let leased: Vec<KeyId> = taken.iter().map(|taken| *taken.state.key_id()).collect();
        self.lease(&leased, now);
        leased.iter().for_each(|id| self.replication.located.forget(id));
        Ok(self.begin(&taken, &table, now))
    }

    /// Those for a round of at most [`REPLICA_PEERS_MAX`] peers, and those that need none: nobody else would keep them.
    fn choose(&self, states: Vec<KeyState>, table: &RoutingTable, now: HostTimestamp) -> (Vec<Taken>, Vec<KeyId>) {
        let at = self.at(now);
        let (mut taken, mut idle, mut peers) = (Vec::new(), Vec::new(), BTreeSet::new());
        for state in states {
            // One that is partial is whole only when it was exchanged.
            if !state.worth_replicating(&at) && !state.is_partial() {
                idle.push(*state.key_id());
                continue;
            }
            let located = self.replication.located.peers(state.key_id(), now).unwrap_or_default();
            let mut neighbours: Vec<usize> = table.closest_with(state.key_id(), located).collect();
            let belongs_here = neighbours.iter().any(|peer| table.is_here(*peer));
            neighbours.retain(|peer| !table.is_here(*peer));
            // A node that provides has its own records wherever it lies, also when it has lost them.
            let providers = state.live_records(&at);
            let providers = providers.filter_map(|held| table.index_of(&held.record.metadata.peer_id));
            let mut providers: BTreeSet<usize> = providers.collect();
            providers.retain(|peer| !table.is_here(*peer) && !neighbours.contains(peer));
            let asked = || neighbours.iter().chain(&providers).copied();
            let more = asked().filter(|peer| !peers.contains(peer)).count();
            if !taken.is_empty() && peers.len() + more > REPLICA_PEERS_MAX {
                continue;
            }
            peers.extend(asked());
            taken.push(Taken {
                state,
                providers: providers.into_iter().collect(),
                neighbours,
                belongs_here,
            });
        }
        (taken, idle)
    }

    /// Whether so few peers are seen that they cannot be the network: nobody, or fewer than a neighbourhood has and less than
    /// half of what was seen before, of which each such run expects half.
    fn sees_few(&mut self, peers: &[String]) -> Result<bool, CallError> {
        let others: BTreeSet<&String> = peers.iter().filter(|peer| !self.here().is(peer)).collect();
        let (seen, expected) = (others.len() as u64, self.store.peers_expected());
        if seen == 0 {
            return Ok(true);
        }
        let is_few = others.len() < NEIGHBOURHOOD_MAX && seen * 2 < expected;
        self.store.expect_peers(if is_few { expected / 2 } else { seen })?;
        Ok(is_few)
    }

    fn begin(&mut self, taken: &[Taken], table: &RoutingTable, now: HostTimestamp) -> ReplicaStep {
        let (mut digests, mut keys) = (Digests::default(), Vec::new());
        for (index, key) in taken.iter().enumerate() {
            let outline = key.state.outline(&self.at(now));
            digests.keys.push((key_tag(key.state.key_id()), outline.0));
            if !key.belongs_here {
                digests.outside.insert(index);
            }
            keys.push(RoundKey::new(&key.state, outline, !key.belongs_here));
        }
        let round = self.begin_round(keys, now);
        for (index, key) in taken.iter().enumerate() {
            for (peers, are_neighbours) in [(&key.neighbours, true), (&key.providers, false)] {
                peers
                    .iter()
                    .for_each(|peer| round.ask(table.peer(*peer), index, are_neighbours));
            }
        }
        let asks = asks(round.asked(), taken.len());
        ReplicaStep::new(round.number, asks, digests.encode())
    }
}

/// One for each peer, of `count` keys in all.
pub(super) fn asks<'a>(of: impl Iterator<Item = (&'a str, &'a KeySet)>, count: usize) -> Vec<ReplicaAsk> {
    of.map(|(peer_id, keys)| ReplicaAsk {
        peer_id: peer_id.to_owned(),
        what: keys.encode_of(count),
    })
    .collect()
}
