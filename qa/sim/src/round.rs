//! One round of replication, message by message, in the order of `replicateDue`.

use std::sync::Arc;

use registry_service::calls::{get_replica_issuers, CallError, NodeReply, ReplicaAsk, ReplicaStep};
use registry_service::domain::Step;

use crate::cost::Job;
use crate::directory::NodeIx;
use crate::outcome::Rule;
use crate::world::{Event, World};

/// How long the script waits for those that do not answer: `DEFAULT_TIMEOUT`.
const TIMEOUT_MS: u64 = 6_000;

#[derive(Debug)]
pub(crate) struct Round {
    owner: NodeIx,
    /// How the registry names it.
    name: u64,
    /// The time that `begin_replication` was given; the next steps get the same.
    now_sec: u64,
    at: Step,
    step: Arc<ReplicaStep>,
    answers: usize,
}

fn job(step: Step) -> Job {
    match step {
        Step::Compare => Job::Compare,
        Step::Fetch | Step::Give => Job::Transfer,
    }
}

impl World {
    /// `begin_replication`; false where nobody is to be asked.
    pub(crate) fn begin_round(&mut self, owner: NodeIx, begun: ReplicaStep, now_sec: u64) -> bool {
        if begun.asks.is_empty() {
            return false;
        }
        let id = self.rounds_begun;
        self.rounds_begun += 1;
        self.outcome.rounds += 1;
        self.nodes[owner as usize].busy = true;
        let round = Round {
            owner,
            name: begun.round,
            now_sec,
            at: Step::Compare,
            step: Arc::new(begun),
            answers: 0,
        };
        self.rounds.insert(id, round);
        self.ask_all(id);
        true
    }

    /// Sends the asks of a step.
    fn ask_all(&mut self, id: u64) {
        let Some(round) = self.rounds.get(&id) else {
            return;
        };
        let (step, at) = (Arc::clone(&round.step), round.at);
        for (ask, to) in step.asks.iter().enumerate() {
            if let Some(delay_ms) = self.send(job(at), step.text.len() + to.what.len()) {
                self.queue
                    .push(self.now_ms + delay_ms, Event::Ask { round: id, at, ask });
            }
        }
        self.queue.push(self.now_ms + TIMEOUT_MS, Event::Late { round: id, at });
    }

    /// `compare_replica`, `fetch_replica` or `take_replica` on a neighbour. There is no trust-graph, so no weights.
    pub(crate) fn asked(&mut self, id: u64, at: Step, ask: usize) {
        let Some(round) = self.rounds.get(&id).filter(|round| round.at == at) else {
            return;
        };
        let (step, owner) = (Arc::clone(&round.step), round.owner);
        let ReplicaAsk { peer_id, what } = &step.asks[ask];
        let Some(peer) = self.directory.find(peer_id).filter(|peer| self.is_up(*peer)) else {
            return;
        };
        let init = self.nodes[owner as usize].peer.clone();
        let now = self.clock_sec(peer);
        let node = &mut self.nodes[peer as usize];
        let answer = self.costs.timed(job(at), || match at {
            Step::Compare => {
                let origins = node.from(&init, 3).time(2);
                node.call(origins, |call| call.compare_replica(&step.text, what, now))
            }
            Step::Fetch => {
                let origins = node.from(&init, 2).time(1);
                node.call(origins, |call| call.fetch_replica(what, now))
            }
            Step::Give => {
                get_replica_issuers(&step.text, what)?;
                let origins = node.from(&init, 4).time(3);
                node.call(origins, |call| call.take_replica(&step.text, what, &[], now))
            }
        });
        if let Err(error) = &answer {
            self.refused(peer, function_of(at), error);
        }
        let answer = NodeReply::from(answer);
        let len = answer.answer.len() + answer.error.len();
        if let Some(delay_ms) = self.send(job(at), len) {
            let event = Event::Answer {
                round: id,
                at,
                from: peer,
                answer,
            };
            self.queue.push(self.now_ms + delay_ms, event);
        }
    }

    pub(crate) fn answered(&mut self, id: u64, at: Step, from: NodeIx, answer: &NodeReply) {
        let Some(round) = self.living(id).filter(|round| round.at == at) else {
            return;
        };
        round.answers += 1;
        let (owner, name, done) = (round.owner, round.name, round.answers == round.step.asks.len());
        let now = self.clock_sec(owner);
        let from = self.nodes[from as usize].peer.clone();
        let node = &mut self.nodes[owner as usize];
        let noted = self.costs.timed(job(at), || match at {
            Step::Fetch => {
                let bundle = &answer.answer;
                if !answer.success {
                    return Ok(());
                }
                get_replica_issuers(bundle, "*")?;
                let origins = node.own(4).time(3);
                node.call(origins, |call| call.take_replica(bundle, "*", &[], now).map(drop))
            }
            _ => {
                let origins = node.own(2).with(1, from.id(), "registry", function_of(at));
                node.call(origins, |call| call.note_replica(name, answer))
            }
        });
        if let Err(error) = noted {
            self.refused(owner, "note_replica", &error);
        }
        if done {
            self.go_on(id, at);
        }
    }

    /// `continue_replication`, when all have answered or the time is over.
    pub(crate) fn go_on(&mut self, id: u64, from: Step) {
        let Some(round) = self.living(id).filter(|round| round.at == from) else {
            return;
        };
        let (owner, name, mut now_sec) = (round.owner, round.name, round.now_sec);
        if from == Step::Give {
            now_sec = self.clock_sec(owner);
        }
        let node = &mut self.nodes[owner as usize];
        let origins = node.own(2).time(1);
        let step = self.costs.timed(job(from), || {
            node.call(origins, |call| call.continue_replication(name, now_sec))
        });
        let step = match step {
            Ok(step) => step,
            Err(error) => {
                self.refused(owner, "continue_replication", &error);
                return self.end_round(id);
            }
        };
        let next = match from {
            Step::Compare => Step::Fetch,
            Step::Fetch => Step::Give,
            Step::Give => {
                self.outcome.keys_taken += u64::from(step.taken);
                self.outcome.keys_exchanged += u64::from(step.exchanged);
                self.outcome.keys_dropped += u64::from(step.dropped);
                self.outcome.check(Rule::NothingRefused, true, String::new);
                return self.end_round(id);
            }
        };
        let nobody = step.asks.is_empty();
        if let Some(round) = self.rounds.get_mut(&id) {
            (round.at, round.step, round.answers) = (next, Arc::new(step), 0);
        }
        if nobody {
            return self.go_on(id, next);
        }
        self.ask_all(id);
    }

    /// And the rest of the spell.
    fn end_round(&mut self, id: u64) {
        if let Some(round) = self.rounds.remove(&id) {
            self.nodes[round.owner as usize].busy = false;
            self.clear(round.owner);
        }
    }

    /// A round whose node is there; that of a node which has left is forgotten.
    fn living(&mut self, id: u64) -> Option<&mut Round> {
        let owner = self.rounds.get(&id)?.owner;
        if !self.is_up(owner) {
            self.rounds.remove(&id);
        }
        self.rounds.get_mut(&id)
    }

    pub(crate) fn refused(&mut self, node: NodeIx, function: &str, error: &CallError) {
        self.outcome.check(Rule::NothingRefused, false, || {
            format!("node {node}: {function}: {error}")
        });
    }
}

fn function_of(step: Step) -> &'static str {
    match step {
        Step::Compare => "compare_replica",
        Step::Fetch => "fetch_replica",
        Step::Give => "take_replica",
    }
}
