//! A round begins: what is due here, and who is asked about it.

use std::collections::{BTreeMap, BTreeSet};

use super::{ReplicaAsk, ReplicaStep};
use crate::calls::{Call, CallError};
use crate::domain::limits::*;
use crate::domain::{
    check_count, key_tag, Digests, HostTimestamp, KeyId, KeySet, KeyState, Round, RoundKey, RoutingTable, Timeouts,
};
use crate::store::Backend;

/// A key that goes into a round.
struct Taken {
    state: KeyState,
    /// Those closest to the key, and the nodes that provide.
    neighbours: Vec<usize>,
    belongs_here: bool,
}

impl<B: Backend> Call<'_, B> {
    /// Begins a round with keys that are due, the longest due first, or says which have to be looked up before. `peers` is
    /// what the host's `kad.neighborhood` around this node returned. A node that sees nobody settles nothing.
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
        self.replication.round = None;
        let has_located = std::mem::take(&mut self.replication.has_located);
        if peers.iter().all(|peer| self.here().is(peer)) {
            return Ok(ReplicaStep::new(now.as_sec(), Vec::new(), String::new()));
        }
        let away = self.is_away(now);
        // Who was away has everything due.
        let due_by = if away { TIMESTAMP_MAX } else { now.as_sec() };
        let ids = self.due_ids((now, interval_sec, due_by), REPLICA_KEYS_MAX)?;
        if ids.is_empty() {
            // Most runs of the spell: no place of any peer needs to be computed.
            self.store.note_run(now, away, &BTreeMap::new())?;
            return Ok(ReplicaStep::new(now.as_sec(), Vec::new(), String::new()));
        }
        let table = RoutingTable::new(peers, self.here());
        let (near, far, unknown) = self.by_distance(&ids, &table, now);
        if !unknown.is_empty() && !has_located {
            self.store.note_run(now, away, &BTreeMap::new())?;
            self.lease(&unknown, now);
            return Ok(self.locate(&unknown, now));
        }
        let located = far
            .iter()
            .filter_map(|key_id| self.replication.located.peers(key_id, now));
        let located: Vec<String> = located.flatten().cloned().collect();
        let table = table.with(located, self.here());
        let far_max = if near.is_empty() {
            FAR_KEYS_MAX
        } else {
            FAR_KEYS_PER_ROUND
        };
        let ids: Vec<KeyId> = far.into_iter().take(far_max).chain(near).collect();
        let (states, _) = self.store.load_bounded(&ids, REPLICA_ENTRIES_MAX)?;
        let (taken, idle) = self.choose(states, &table, now);
        self.store.note_run(now, away, &self.by_next_due(&idle, now))?;
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
            if !state.worth_replicating(&at) {
                idle.push(*state.key_id());
                continue;
            }
            let mut neighbours: Vec<usize> = table.closest(state.key_id()).collect();
            let belongs_here = neighbours.iter().any(|peer| table.is_here(*peer));
            // A node that provides has its own records wherever it lies, also when it has lost them.
            let providers = state.live_records(&at);
            let providers = providers.filter_map(|held| table.index_of(&held.record.metadata.peer_id));
            for provider in providers.collect::<BTreeSet<usize>>() {
                if !neighbours.contains(&provider) {
                    neighbours.push(provider);
                }
            }
            neighbours.retain(|peer| !table.is_here(*peer));
            let more = neighbours.iter().filter(|peer| !peers.contains(*peer)).count();
            if !taken.is_empty() && peers.len() + more > REPLICA_PEERS_MAX {
                continue;
            }
            peers.extend(neighbours.iter().copied());
            taken.push(Taken {
                state,
                neighbours,
                belongs_here,
            });
        }
        (taken, idle)
    }

    fn begin(&mut self, taken: &[Taken], table: &RoutingTable, now: HostTimestamp) -> ReplicaStep {
        let mut asked: BTreeMap<String, KeySet> = BTreeMap::new();
        let (mut digests, mut keys) = (Digests::default(), Vec::new());
        for (
            index,
            Taken {
                state,
                neighbours,
                belongs_here,
            },
        ) in taken.iter().enumerate()
        {
            let fingerprint = state.fingerprint(&self.at(now));
            digests.keys.push((key_tag(state.key_id()), fingerprint));
            if !belongs_here {
                digests.away.insert(index);
            }
            for peer in neighbours {
                asked.entry(table.peer(*peer).to_owned()).or_default().insert(index);
            }
            keys.push(RoundKey::new(*state.key_id(), fingerprint, !belongs_here));
        }
        let round = Round::new(now.as_sec(), keys, asked);
        let asks = asks(round.asked(), taken.len());
        self.replication.round = Some(round);
        ReplicaStep::new(now.as_sec(), asks, digests.encode())
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
