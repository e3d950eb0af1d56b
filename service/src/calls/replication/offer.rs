//! A round begins: what is due here, whom it is offered to, and what a neighbour answers.

use std::collections::{BTreeMap, BTreeSet};

use super::locate::Ready;
use super::{by_tag, ReplicaOffer, ReplicaRound};
use crate::calls::{Call, CallError};
use crate::domain::limits::*;
use crate::domain::{
    check_count, entry_tag, key_tag, may_be_cut, Digests, EntryTag, HostTimestamp, KeyId, KeySet, KeyState, KeyTag,
    OfferAnswer, RoutingTable, Timeouts,
};
use crate::store::Backend;

impl ReplicaRound {
    fn of(offers: Vec<ReplicaOffer>, digests: &Digests) -> Self {
        Self {
            success: true,
            error: String::new(),
            more: (!offers.is_empty()).then_some(true).into_iter().collect(),
            last: offers.len().saturating_sub(1) as u32,
            digests: digests.encode(),
            offers,
        }
    }
}

/// A key that goes out in a round.
struct Outgoing {
    state: KeyState,
    /// Those closest to the key, and the nodes that provide.
    neighbours: Vec<usize>,
    belongs_here: bool,
}

impl<B: Backend> Call<'_, B> {
    /// Where the script has to look up each key by itself: nowhere, unless the host may have cut its routing table short.
    /// `peers` is what the host's `kad.neighborhood` returned when it was asked for
    /// [`PEERS_MAX`]; some hosts never give more than [`NEIGHBOURHOOD_MAX`].
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn get_due_places(
        &mut self,
        peers: &[String],
        stale_sec: u64,
        current_timestamp_sec: u64,
    ) -> Result<Vec<String>, CallError> {
        self.caller.check_host("get_due_places")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("peers", peers.len(), PEERS_MAX)?;
        if !may_be_cut(peers.len()) {
            return Ok(Vec::new());
        }
        let ids = self.due_ids(stale_sec, now)?;
        Ok(ids
            .iter()
            .take(REPLICA_PLACES_MAX)
            .map(|id| bs58::encode(id.to_string()).into_string())
            .collect())
    }

    /// Begins a round with the keys that have not been replicated for `stale_sec`, and leases them.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn begin_replication(
        &mut self,
        peers: Vec<Vec<String>>,
        stale_sec: u64,
        current_timestamp_sec: u64,
    ) -> Result<ReplicaRound, CallError> {
        self.caller.check_host("begin_replication")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("lists of peers", peers.len(), PEER_LISTS_MAX)?;
        for list in &peers {
            check_count("peers", list.len(), PEERS_MAX)?;
        }
        self.note_table(&peers);
        let places = peers.len().saturating_sub(1);
        let mut ids = self.due_ids(stale_sec, now)?;
        if places > 0 {
            ids.truncate(places);
        }
        if ids.is_empty() {
            // Most runs of the spell: no place of any peer needs to be computed.
            return Ok(ReplicaRound::of(Vec::new(), &Digests::default()));
        }
        let mut lists = peers.into_iter();
        let host_table = RoutingTable::new(lists.next().unwrap_or_default(), self.here());
        let Ready { ids, far } = self.ready(ids, &host_table, stale_sec, now)?;
        let located = far.iter().filter_map(|key_id| self.located.peers(key_id, now));
        let others: Vec<String> = lists.flatten().chain(located.flatten().cloned()).collect();
        let table = host_table.with(others, self.here());
        let states = self.store.load_due(&ids, REPLICA_ENTRIES_MAX, now)?;
        let (outgoing, settled) = self.choose(states, &table, &far, now);
        settled.iter().for_each(|key_id| self.partial.forget(key_id));
        self.store.set_published(&settled, now.as_sec())?;
        let leased: Vec<KeyId> = outgoing.iter().map(|outgoing| *outgoing.state.key_id()).collect();
        self.store.lease(&leased, now, stale_sec)?;
        Ok(self.round(&outgoing, &table, now))
    }

    pub(super) fn due_ids(&mut self, stale_sec: u64, now: HostTimestamp) -> Result<Vec<KeyId>, CallError> {
        let stale_sec = Timeouts::check_range(stale_sec)?;
        Ok(self.store.due_ids(now, stale_sec, REPLICA_KEYS_MAX)?)
    }

    /// Those for a round of at most [`REPLICA_PEERS_MAX`] peers, and those that need none: nobody else would
    /// keep them, or nobody else is there. The keys around a node share their peers, each far one has its own; these leave
    /// room for the others.
    fn choose(
        &self,
        states: Vec<KeyState>,
        table: &RoutingTable,
        far: &BTreeSet<KeyId>,
        now: HostTimestamp,
    ) -> (Vec<Outgoing>, Vec<KeyId>) {
        let at = self.at(now);
        let (mut outgoing, mut settled) = (Vec::new(), Vec::new());
        let (mut peers, mut far_peers) = (BTreeSet::new(), 0);
        let all_far = states.iter().all(|state| far.contains(state.key_id()));
        let far_peers_max = if all_far { REPLICA_PEERS_MAX } else { FAR_PEERS_MAX };
        for state in states {
            if table.count() <= 1 || !state.worth_replicating(&at) {
                settled.push(*state.key_id());
                continue;
            }
            let mut neighbours: Vec<usize> = table.closest(state.key_id()).collect();
            let belongs_here = neighbours.iter().any(|peer| table.is_here(*peer));
            // A node that provides has its own records wherever it lies, also when it has lost them.
            let providers: BTreeSet<usize> = state
                .live_records(&at)
                .filter_map(|held| table.index_of(&held.record.metadata.peer_id))
                .collect();
            for provider in providers {
                if !neighbours.contains(&provider) {
                    neighbours.push(provider);
                }
            }
            let others = || neighbours.iter().copied().filter(|peer| !table.is_here(*peer));
            let more: BTreeSet<usize> = others().filter(|peer| !peers.contains(peer)).collect();
            let is_far = far.contains(state.key_id());
            let too_many = peers.len() + more.len() > REPLICA_PEERS_MAX;
            if !outgoing.is_empty() && (too_many || is_far && far_peers + more.len() > far_peers_max) {
                continue;
            }
            far_peers += if is_far { more.len() } else { 0 };
            peers.extend(more);
            outgoing.push(Outgoing {
                state,
                neighbours,
                belongs_here,
            });
        }
        (outgoing, settled)
    }

    fn round(&self, outgoing: &[Outgoing], table: &RoutingTable, now: HostTimestamp) -> ReplicaRound {
        let at = self.at(now);
        let mut asked: BTreeMap<usize, KeySet> = BTreeMap::new();
        let mut digests = Digests::default();
        for (index, outgoing) in outgoing.iter().enumerate() {
            let Outgoing { state, neighbours, .. } = outgoing;
            digests.keys.push((key_tag(state.key_id()), state.fingerprint(&at)));
            if !outgoing.belongs_here {
                digests.away.insert(index);
            }
            for peer in neighbours.iter().filter(|peer| !table.is_here(**peer)) {
                asked.entry(*peer).or_default().insert(index);
            }
        }
        let asked = asked.into_iter().map(|(peer, keys)| (table.peer(peer), keys));
        ReplicaRound::of(ReplicaOffer::each(asked, outgoing.len()), &digests)
    }

    /// Says what this node lacks of what another one holds. Keys of which it holds the same count as replicated, unless
    /// it is this node's own turn, or the other one is none of the key's neighbours and leaves newcomers to them.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn compare_replica(
        &mut self,
        digests: &str,
        keys: &str,
        current_timestamp_sec: u64,
    ) -> Result<String, CallError> {
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        let digests = Digests::parse(digests)?;
        let keys = KeySet::parse_of(keys, digests.keys.len())?;
        let asked: Vec<(usize, KeyTag)> = digests
            .keys
            .iter()
            .enumerate()
            .filter(|(index, _)| keys.contains(*index))
            .map(|(index, (tag, _))| (index, *tag))
            .collect();
        let tags: Vec<KeyTag> = asked.iter().map(|(_, tag)| *tag).collect();
        let mut held = self.store.load_tagged(&tags)?;
        // A partial key is to be filled, and says nothing of what others should hold.
        held.retain(|state| !self.partial.contains(state.key_id(), now));
        let states = by_tag(held);
        let at = self.at(now);
        let (mut answer, mut same_ids, mut len) = (OfferAnswer::default(), Vec::new(), 0);
        for (index, tag) in asked {
            let held = states.get(&tag).map_or(&[][..], Vec::as_slice);
            if let Some(same) = held
                .iter()
                .find(|state| state.fingerprint(&at) == digests.keys[index].1)
            {
                answer.same.insert(index);
                if !digests.away.contains(index) {
                    same_ids.push(*same.key_id());
                }
                continue;
            }
            let tags: Vec<EntryTag> = held
                .iter()
                .flat_map(|state| state.replicable(&at))
                .take(HELD_TAGS_MAX)
                .map(entry_tag)
                .collect();
            len += 4 + std::mem::size_of_val(tags.as_slice());
            // In base64, and with the set before it. What is left out is offered again.
            if len * 4 / 3 > REPLICA_TEXT_LEN_MAX / 2 {
                break;
            }
            answer.differing.push((index, tags));
        }
        same_ids.retain(|id| !self.own_turn(id, now));
        self.store.set_published(&same_ids, now.as_sec())?;
        Ok(answer.encode())
    }
}
