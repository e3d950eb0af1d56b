//! One round of replication, message by message, in the order of `replicateDue`.

use std::sync::Arc;

use registry_service::calls::{Answer, CallError, ReplicaAnswer, ReplicaOffer, ReplicaParcel, ReplicaRound};

use crate::cost::Job;
use crate::directory::{NodeIx, Point};
use crate::outcome::Rule;
use crate::world::{Event, World};

/// How long the script waits for those that do not answer: `DEFAULT_TIMEOUT`.
const TIMEOUT_MS: u64 = 6_000;

#[derive(Debug)]
pub(crate) struct Round {
    owner: NodeIx,
    begun: Arc<ReplicaRound>,
    /// The time that `begin_replication` was given; `pack_replica` gets the same.
    now_sec: u64,
    answers: Vec<ReplicaAnswer>,
    /// Once the answers are in.
    parcel: Option<Arc<ReplicaParcel>>,
    receipts: Vec<ReplicaAnswer>,
}

impl World {
    /// `begin_replication`; false where nobody is to be asked.
    pub(crate) fn begin_round(&mut self, owner: NodeIx, table: Vec<String>) -> bool {
        let now_sec = self.clock_sec(owner);
        let begun = match self.begin_replication(owner, table, now_sec) {
            Ok(begun) => begun,
            Err(error) => {
                self.refused(owner, "begin_replication", &error);
                return false;
            }
        };
        if begun.more.is_empty() {
            return false;
        }
        let round = self.rounds_begun;
        self.rounds_begun += 1;
        self.outcome.rounds += 1;
        self.nodes[owner as usize].busy = true;
        for (offer, to) in begun.offers.iter().enumerate() {
            if let Some(delay_ms) = self.send(Job::Compare, begun.digests.len() + to.keys.len()) {
                self.queue.push(self.now_ms + delay_ms, Event::Compare { round, offer });
            }
        }
        self.queue.push(self.now_ms + TIMEOUT_MS, Event::AnswersLate { round });
        self.rounds.insert(
            round,
            Round {
                owner,
                begun: Arc::new(begun),
                now_sec,
                answers: Vec::new(),
                parcel: None,
                receipts: Vec::new(),
            },
        );
        true
    }

    fn begin_replication(
        &mut self,
        owner: NodeIx,
        table: Vec<String>,
        now_sec: u64,
    ) -> Result<ReplicaRound, CallError> {
        let stale_sec = self.config.spell.replicate_interval_sec;
        let node = &mut self.nodes[owner as usize];
        let origins = node.own(3).time(2);
        let places = self.costs.timed(Job::Compare, || {
            node.call(origins, |call| call.get_due_places(&table, stale_sec, now_sec))
        })?;
        let mut lists = vec![table];
        for place in places {
            let key_id = bs58::decode(&place).into_vec().unwrap_or_default();
            let target = Point::of_key(&String::from_utf8_lossy(&key_id));
            let near = self.directory.closest(owner, target, self.now_ms);
            lists.push(self.directory.ids(&near));
        }
        let origins = node.own(3).time(2);
        self.costs.timed(Job::Compare, || {
            node.call(origins, |call| call.begin_replication(lists, stale_sec, now_sec))
        })
    }

    /// `compare_replica` on a neighbour.
    pub(crate) fn compare(&mut self, id: u64, offer: usize) {
        let Some(round) = self.rounds.get(&id) else {
            return;
        };
        let (begun, owner) = (Arc::clone(&round.begun), round.owner);
        let offer = &begun.offers[offer];
        let Some(peer) = self.directory.find(&offer.peer_id).filter(|peer| self.is_up(*peer)) else {
            return;
        };
        let now = self.clock_sec(peer);
        let init = self.nodes[owner as usize].peer.clone();
        let node = &mut self.nodes[peer as usize];
        let origins = node.from(&init, 3).time(2);
        let answer = self.costs.timed(Job::Compare, || {
            node.call(origins, |call| call.compare_replica(&begun.digests, &offer.keys, now))
        });
        if let Err(error) = &answer {
            self.refused(peer, "compare_replica", error);
        }
        let answer = ReplicaAnswer::of(&offer.peer_id, Answer::from(answer));
        if let Some(delay_ms) = self.send(Job::Compare, answer_len(&answer)) {
            self.queue
                .push(self.now_ms + delay_ms, Event::Answer { round: id, answer });
        }
    }

    pub(crate) fn answered(&mut self, id: u64, answer: ReplicaAnswer) {
        let Some(round) = self.rounds.get_mut(&id).filter(|round| round.parcel.is_none()) else {
            return;
        };
        round.answers.push(answer);
        if round.answers.len() > round.begun.last as usize {
            self.pack(id);
        }
    }

    /// `pack_replica`, when all have answered or the time is over.
    pub(crate) fn pack(&mut self, id: u64) {
        let Some(round) = self.living(id).filter(|round| round.parcel.is_none()) else {
            return;
        };
        let (owner, begun, now_sec) = (round.owner, Arc::clone(&round.begun), round.now_sec);
        let answers = round.answers.clone();
        let node = &mut self.nodes[owner as usize];
        let origins = node.own(3).time(2);
        let parcel = self.costs.timed(Job::Transfer, || {
            node.call(origins, |call| call.pack_replica(&begun, &answers, now_sec))
        });
        let parcel = Arc::new(parcel.unwrap_or_else(|error| {
            self.refused(owner, "pack_replica", &error);
            ReplicaParcel::default()
        }));
        if let Some(round) = self.rounds.get_mut(&id) {
            round.parcel = Some(Arc::clone(&parcel));
        }
        if parcel.more.is_empty() {
            return self.end_round(id);
        }
        for (part, offer) in parcel.offers.iter().enumerate() {
            if let Some(delay_ms) = self.send(Job::Transfer, parcel.bundle.len() + offer.keys.len()) {
                self.queue.push(self.now_ms + delay_ms, Event::Take { round: id, part });
            }
        }
        self.queue
            .push(self.now_ms + TIMEOUT_MS, Event::ReceiptsLate { round: id });
    }

    /// `get_replica_issuers` and `take_replica` on a neighbour. There is no trust-graph, so no weights.
    pub(crate) fn take(&mut self, id: u64, part: usize) {
        let Some(round) = self.rounds.get(&id) else {
            return;
        };
        let Some(parcel) = round.parcel.clone() else {
            return;
        };
        let ReplicaOffer { peer_id, keys } = &parcel.offers[part];
        let Some(peer) = self.directory.find(peer_id).filter(|peer| self.is_up(*peer)) else {
            return;
        };
        let init = self.nodes[round.owner as usize].peer.clone();
        let now = self.clock_sec(peer);
        let node = &mut self.nodes[peer as usize];
        let taken = self.costs.timed(Job::Transfer, || {
            let origins = node.from(&init, 2);
            node.call(origins, |call| call.get_replica_issuers(&parcel.bundle, keys))?;
            let origins = node.from(&init, 4).time(3);
            node.call(origins, |call| call.take_replica(&parcel.bundle, keys, &[], now))
        });
        if let Err(error) = &taken {
            self.refused(peer, "take_replica", error);
        }
        let answer = ReplicaAnswer::of(self.nodes[peer as usize].id(), Answer::from(taken));
        if let Some(delay_ms) = self.send(Job::Transfer, answer_len(&answer)) {
            self.queue
                .push(self.now_ms + delay_ms, Event::Receipt { round: id, answer });
        }
    }

    pub(crate) fn receipted(&mut self, id: u64, answer: ReplicaAnswer) {
        let Some(round) = self.rounds.get_mut(&id) else {
            return;
        };
        round.receipts.push(answer);
        let last = round.parcel.as_ref().map_or(0, |parcel| parcel.last);
        if round.receipts.len() > last as usize {
            self.end_round(id);
        }
    }

    /// `end_replication`, and the rest of the spell.
    pub(crate) fn end_round(&mut self, id: u64) {
        if self.living(id).is_none() {
            return;
        }
        let Some(round) = self.rounds.remove(&id) else {
            return;
        };
        let owner = round.owner;
        let now = self.clock_sec(owner);
        let parcel = round.parcel.filter(|parcel| !parcel.more.is_empty());
        let sent: Vec<String> = parcel.iter().map(|parcel| parcel.keys.clone()).collect();
        let node = &mut self.nodes[owner as usize];
        let origins = node.own(5).time(4);
        let report = self.costs.timed(Job::Compare, || {
            node.call(origins, |call| {
                call.end_replication(&round.begun, &round.answers, &sent, &round.receipts, now)
            })
        });
        match report {
            Ok(report) => {
                self.outcome.keys_offered += u64::from(report.offered);
                self.outcome.keys_settled += u64::from(report.settled);
                self.outcome.keys_dropped += u64::from(report.dropped);
                self.outcome.check(Rule::NothingRefused, true, String::new);
            }
            Err(error) => self.refused(owner, "end_replication", &error),
        }
        self.nodes[owner as usize].busy = false;
        self.clear(owner);
    }

    /// A round whose node is there; that of a node which has left is forgotten.
    fn living(&mut self, id: u64) -> Option<&Round> {
        let owner = self.rounds.get(&id)?.owner;
        if !self.is_up(owner) {
            self.rounds.remove(&id);
        }
        self.rounds.get(&id)
    }

    pub(crate) fn refused(&mut self, node: NodeIx, function: &str, error: &CallError) {
        self.outcome.check(Rule::NothingRefused, false, || {
            format!("node {node}: {function}: {error}")
        });
    }
}

fn answer_len(answer: &ReplicaAnswer) -> usize {
    answer.good.iter().chain(&answer.bad).map(String::len).sum()
}
