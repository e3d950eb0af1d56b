//! A round goes on: what neighbours have answered is noted, and from that follows what is fetched, what is given, and in the
//! end what is exchanged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::begin::asks;
use super::{ReplicaAsk, ReplicaStep};
use crate::calls::{Call, CallError, NodeReply};
use crate::domain::limits::*;
use crate::domain::{
    entry_tag, Entry, Error, Fit, HostTimestamp, KeyId, KeySet, KeyState, OfferAnswer, Parcel, Round, Step,
};
use crate::store::{Backend, KeysByDue};

impl<B: Backend> Call<'_, B> {
    /// Notes what a neighbour has answered in this round. Who answered, and to what, is what the tetraplet of position 1
    /// says.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn note_replica(&mut self, round: u64, answer: &NodeReply) -> Result<(), CallError> {
        self.caller.check_host("note_replica")?;
        let (peer, function) = self.caller.origin_of(1);
        let round = self.replication.round.as_mut().filter(|this| this.number == round);
        // What comes too late changes nothing.
        let Some(round) = round.filter(|_| answer.success) else {
            return Ok(());
        };
        match function {
            "compare_replica" => round.note_answer(peer, OfferAnswer::parse(&answer.answer)?),
            "take_replica" => round.note_receipt(peer, KeySet::parse(&answer.answer)?),
            _ => {}
        }
        Ok(())
    }

    /// What comes next in a round: what to fetch, then what to give, then what came of it.
    ///
    /// # Errors
    /// [`CallError`], also where no such round is under way; for anybody but the host.
    pub fn continue_replication(&mut self, round: u64, current_timestamp_sec: u64) -> Result<ReplicaStep, CallError> {
        self.caller.check_host("continue_replication")?;
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        let this = self.replication.round.take_if(|this| this.number == round);
        let mut this = this.ok_or(Error::NoRound { round })?;
        let step = match this.step {
            Step::Compare => fetch(&mut this),
            Step::Fetch => self.give(&mut this, now)?,
            Step::Give => return self.end(&this, now),
        };
        self.replication.round = Some(this);
        Ok(step)
    }

    fn give(&mut self, round: &mut Round, now: HostTimestamp) -> Result<ReplicaStep, CallError> {
        let mut parcel = Parcel::new(BUNDLE_LEN_MAX / 4 * 3);
        let states = self.differing(round)?;
        let at = self.at(now);
        for (index, state) in states {
            round.note_after(index, state.outline(&at));
            let lacking = round.lacking(index);
            if lacking.is_empty() {
                continue;
            }
            // What most lack goes first: who says that he lacks everything keeps nothing from the others.
            let lack = |entry: &&Entry| {
                let tag = entry_tag(entry);
                lacking.values().filter(|lacks| lacks.contains(&tag)).count()
            };
            let mut given: Vec<(usize, &Entry)> = state.replicable(&at).map(|entry| (lack(&entry), entry)).collect();
            given.retain(|(count, _)| *count > 0);
            given.sort_by_key(|(count, _)| Reverse(*count));
            let fit = parcel.add(state.key(), given.into_iter().map(|(_, entry)| entry));
            let peers: Vec<String> = lacking.keys().map(|peer| (*peer).to_owned()).collect();
            match fit {
                Fit::None => round.note_unsent(index),
                fit => round.note_given(index, fit, &peers),
            }
        }
        round.step = Step::Give;
        let asks = asks(round.given(), parcel.len());
        Ok(ReplicaStep::new(round.number, asks, parcel.pack()))
    }

    /// The keys that somebody holds otherwise, in the order of the round.
    fn differing(&mut self, round: &Round) -> Result<BTreeMap<usize, KeyState>, CallError> {
        let indices: BTreeMap<KeyId, usize> = round
            .differing()
            .into_iter()
            .map(|at| (round.keys[at].id, at))
            .collect();
        let ids: Vec<KeyId> = indices.keys().copied().collect();
        let states = self.store.load_many(&ids)?;
        Ok(states
            .into_iter()
            .map(|state| (indices[state.key_id()], state))
            .collect())
    }

    /// What more than half of the asked have heard is exchanged. What does not belong here, and enough others hold, is
    /// dropped.
    fn end(&mut self, round: &Round, now: HostTimestamp) -> Result<ReplicaStep, CallError> {
        let ids: Vec<KeyId> = round.keys.iter().map(|key| key.id).collect();
        let states: BTreeMap<KeyId, KeyState> = self
            .store
            .load_many(&ids)?
            .into_iter()
            .map(|state| (*state.key_id(), state))
            .collect();
        let at = self.at(now);
        let (mut exchanged, mut again, mut dropped) = (Vec::new(), KeysByDue::new(), Vec::new());
        let (mut released, mut unsent) = (BTreeSet::new(), Vec::new());
        for (index, key) in round.keys.iter().enumerate() {
            let outcome = round.outcome(index);
            let Some(state) = states.get(&key.id).filter(|state| !key.is_another(state, &at)) else {
                released.insert(key.id);
                continue;
            };
            // What has come since the others do not hold.
            if outcome.unseen || key.outside && state.outline(&at).0 != key.fingerprint {
                released.insert(key.id);
            } else if key.outside && !state.needed_here(&at) && outcome.holders >= HANDED_OVER_TO {
                dropped.push(key.id);
            } else if !outcome.exchanged() {
                if outcome.unsent {
                    unsent.push(key.id);
                }
            } else if let Some(wait_sec) = self.repeat_after(state).filter(|_| outcome.incomplete()) {
                let due_at = now.as_sec().saturating_add(wait_sec);
                again.entry(due_at).or_default().push(key.id);
            } else {
                exchanged.push(key.id);
            }
        }
        let mut by_due = self.by_next_due(&exchanged, now);
        let done = by_due.values().chain(again.values()).map(Vec::len).sum::<usize>();
        by_due.append(&mut again);
        self.store.set_exchanged(&by_due, now)?;
        // Others are first, however many there are; and of these the last ones.
        released.extend(&unsent);
        let mut put_off = KeysByDue::new();
        for (place, id) in unsent.iter().rev().enumerate() {
            let due_at = now.as_sec().saturating_add(LEASE_SEC + place as u64 / 16);
            put_off.entry(due_at).or_default().push(*id);
        }
        self.store.put_off(&put_off)?;
        if round.is_heard() {
            self.store.note_ran(now)?;
        }
        if self.store.drop_keys(&dropped).is_err() {
            // They are due again when the lease ends, and the rest is done.
            dropped.clear();
        }
        for id in released.iter().chain(&exchanged).chain(&dropped) {
            self.replication.leases.end(id);
        }
        Ok(ReplicaStep {
            taken: round.keys.len() as u32,
            exchanged: (done + dropped.len()) as u32,
            dropped: dropped.len() as u32,
            silent: round.silent().map(str::to_owned).collect(),
            ..ReplicaStep::new(round.number, Vec::new(), String::new())
        })
    }

    /// After how long a key is exchanged again that somebody has not heard of: when its lease ends, and then after twice as long
    /// as the last time, within an interval.
    fn repeat_after(&self, state: &KeyState) -> Option<u64> {
        let shortest_sec = self.interval_sec() - self.interval_sec() / SPREAD_ONE_IN;
        let waited_sec = state.due_at().saturating_sub(state.exchanged_at());
        let is_repeat = (LEASE_SEC..shortest_sec).contains(&waited_sec);
        let wait_sec = if is_repeat { 2 * waited_sec } else { LEASE_SEC };
        (wait_sec < shortest_sec).then_some(wait_sec)
    }
}

fn fetch(round: &mut Round) -> ReplicaStep {
    let asks = round.to_fetch().into_iter().map(|(peer, wanted)| ReplicaAsk {
        peer_id: peer.to_owned(),
        what: wanted.encode(),
    });
    let step = ReplicaStep::new(round.number, asks.collect(), String::new());
    round.step = Step::Fetch;
    step
}
