//! Lookups, as `resolveResource` makes them, and whether they find what is true.

use rand::seq::SliceRandom;
use rand::Rng;
use registry_service::calls::{CallError, FlatRecord, NodeAnswer, NodeReply, Plan, Wave};

use crate::cost::Job;
use crate::directory::NodeIx;
use crate::outcome::Rule;
use crate::resource::{identity, Fate};
use crate::world::{Event, World};

const HOUR_MS: u64 = 3_600_000;
/// Of a particle's time to live, for waiting.
const READ_PERCENT: u8 = 60;
/// How many nodes have to answer where a certain record is looked for.
const ACK_OF_MANY: i16 = 3;
/// Beside the replication interval: until a node's spell has come to it, with a retry.
const SPELL_SLACK_MS: u64 = 10 * 60_000;

impl World {
    /// A client looks a key up through any node, and what it gets is compared with what is true.
    pub(crate) fn check_lookup(&mut self) {
        let wait_ms = HOUR_MS as f64 / self.config.lookups_per_hour as f64;
        self.queue.push(self.now_ms + wait_ms.max(1.0) as u64, Event::Lookup);
        let ix = self.rng.gen_range(0..self.resources.len());
        let Some(relay) = self.any_node() else {
            return;
        };
        let resource = &self.resources[ix];
        let (fate, deleted_ms, must_be_found) = (resource.fate, resource.deleted_ms, resource.must_be_found());
        match fate {
            Fate::Kept if must_be_found => {
                let found = self.look_up(ix, relay, 1);
                let resolves = found.is_ok_and(|records| !records.is_empty());
                self.outcome.window.0 += 1;
                self.outcome.window.1 += u64::from(resolves);
                self.check(Rule::Resolves, resolves, ix, relay);
            }
            Fate::Hosted if must_be_found && self.provider_up(ix) => self.check_hosted(ix, relay),
            Fate::Deleted => {
                if let Some(deleted_ms) = deleted_ms {
                    self.check_deleted(ix, relay, deleted_ms);
                }
            }
            // Reading is a use: what is to go unused is not read.
            Fate::Hosted | Fate::Kept | Fate::Unused => {}
        }
    }

    fn check_hosted(&mut self, ix: usize, relay: NodeIx) {
        let there = self.look_up(ix, relay, ACK_OF_MANY).is_ok_and(|found| {
            let resource = &self.resources[ix];
            let owner = &self.clients[resource.owner];
            let is_it = |record: &FlatRecord| identity(owner, &record.peer_id) == resource.identity;
            found.iter().any(is_it)
        });
        self.outcome.window.0 += 1;
        self.outcome.window.1 += u64::from(there);
        self.outcome.host_records_read_late += u64::from(!there);
    }

    fn check_deleted(&mut self, ix: usize, relay: NodeIx, deleted_ms: u64) {
        let gone = self.look_up(ix, relay, 1).map_or(true, |found| found.is_empty());
        let settled_ms = deleted_ms + self.config.spell.replicate_interval_sec * 1_100 + SPELL_SLACK_MS;
        if self.now_ms >= settled_ms && self.config.replication {
            self.check(Rule::StaysDeleted, gone, ix, relay);
        } else {
            self.outcome.deleted_read_early += u64::from(!gone);
        }
    }

    fn check(&mut self, rule: Rule, holds: bool, ix: usize, relay: NodeIx) {
        let (now_ms, key) = (self.now_ms, &self.resources[ix].key);
        self.outcome.check(rule, holds, || {
            let hours = now_ms as f64 / HOUR_MS as f64;
            format!("after {hours:.2} h: {} ({}) through node {relay}", key.label, key.id)
        });
    }

    pub(crate) fn provider_up(&self, ix: usize) -> bool {
        self.resources[ix].provider.is_some_and(|provider| self.is_up(provider))
    }

    /// Begin, ask the closest, and the others where these are not enough, check every answer, end.
    fn look_up(&mut self, ix: usize, relay: NodeIx, ack: i16) -> Result<Vec<FlatRecord>, CallError> {
        let near = self.near(ix, relay, Job::Lookup)?;
        let key_id = self.resources[ix].key.id.clone();
        let client = self.clients[self.resources[ix].owner].clone();
        let now = self.clock_sec(relay);
        let node = &mut self.nodes[relay as usize];
        let origins = node.from(&client, 7).time(6);
        let plan = self.costs.timed(Job::Lookup, || {
            node.call(origins, |call| {
                Ok(call.begin_lookup(&key_id, ("", &[]), near, (ack, READ_PERCENT), now))
            })
        })?;
        let mut answers = Vec::new();
        for turn in plan.turns.clone() {
            let node = &mut self.nodes[relay as usize];
            let origins = node.from(&client, 5);
            let wave = self.costs.timed(Job::Lookup, || {
                node.call(origins, |call| Ok(call.get_wave(&plan, &answers, turn, 1_000, 6_000)))
            })?;
            self.ask(relay, &plan, wave, &mut answers);
        }
        let node = &mut self.nodes[relay as usize];
        let origins = node.from(&client, 4).time(3);
        let found = self.costs.timed(Job::Lookup, || {
            node.call(origins, |call| Ok(call.end_lookup(&plan, &answers, 6_000, now)))
        })?;
        Ok(found.result)
    }

    /// Asks these nodes at once. Answers come in any order, and those after the one that is enough do not count.
    fn ask(&mut self, relay: NodeIx, plan: &Plan, wave: Wave, answers: &mut Vec<NodeAnswer>) {
        let mut peers = wave.ask;
        peers.shuffle(&mut self.rng);
        for peer_id in peers {
            let Some(reply) = self.ask_one(relay, plan, &peer_id) else {
                continue;
            };
            let good = answers.iter().filter(|answer| !answer.counts.is_empty()).count();
            if good > wave.enough as usize {
                continue;
            }
            let now_node = &mut self.nodes[relay as usize];
            let origins = now_node.own(6);
            let checked = self.costs.timed(Job::Lookup, || {
                now_node.call(origins, |call| {
                    Ok(call.check_answer(&peer_id, &plan.key_id, &plan.wanted, reply))
                })
            });
            answers.extend(checked.ok());
        }
    }

    fn ask_one(&mut self, relay: NodeIx, plan: &Plan, peer_id: &str) -> Option<NodeReply> {
        self.send(Job::Lookup, plan.key_id.len() + plan.wanted.len())?;
        let peer = self.directory.find(peer_id).filter(|peer| self.is_up(*peer))?;
        let now = self.clock_sec(peer);
        let init = self.nodes[relay as usize].peer.clone();
        let node = &mut self.nodes[peer as usize];
        let origins = node.from(&init, 3).time(2);
        let reply = NodeReply::from(self.costs.timed(Job::Lookup, || {
            node.call(origins, |call| call.get_answer(&plan.key_id, &plan.wanted, now))
        }));
        self.send(Job::Lookup, reply.answer.len() + reply.error.len())?;
        Some(reply)
    }
}
