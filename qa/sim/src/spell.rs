//! What a node's spell does every minute: renew, replicate (`round`), clear; in the order of `registrySpell`.

use registry_service::calls::{CallError, ReplicaStep};
use registry_service::domain::limits::PEERS_MAX;
use registry_service::domain::KeyId;
use registry_testkit::no_weight;

use crate::cost::Job;
use crate::directory::NodeIx;
use crate::outcome::Rule;
use crate::resource::signed_by_node;
use crate::world::{Event, World};

impl World {
    pub(crate) fn spell(&mut self, ix: NodeIx) {
        if !self.is_up(ix) {
            return;
        }
        self.queue
            .push(self.now_ms + self.config.spell.period_sec * 1_000, Event::Spell(ix));
        // A host starts no spell while the last run of it goes on.
        if self.nodes[ix as usize].busy {
            return;
        }
        self.renew_due(ix);
        if !(self.config.replication && self.replicate(ix)) {
            self.clear(ix);
        }
    }

    /// The first part of `replicateDue`; whether a round has begun.
    fn replicate(&mut self, ix: NodeIx) -> bool {
        let table = self.directory.table_ids(ix, self.now_ms, PEERS_MAX);
        let interval_sec = self.config.spell.replicate_interval_sec;
        let now = self.clock_sec(ix);
        let node = &mut self.nodes[ix as usize];
        let origins = node.own(3).time(2);
        let begun = self.costs.timed(Job::Compare, || {
            node.call(origins, |call| call.begin_replication(table, interval_sec, now))
        });
        let begun = begun.unwrap_or_else(|error| {
            self.refused(ix, "begin_replication", &error);
            ReplicaStep::default()
        });
        for key_id in &begun.far {
            self.outcome.keys_located += 1;
            if let Err(error) = self.locate(ix, key_id) {
                self.refused(ix, "note_neighbours", &error);
            }
        }
        self.begin_round(ix, begun, now)
    }

    fn locate(&mut self, ix: NodeIx, key_id: &str) -> Result<(), CallError> {
        let resource = KeyId::parse(key_id).ok().and_then(|id| self.by_key.get(id.as_bytes()));
        let Some(resource) = resource.copied() else {
            return Ok(());
        };
        let peer = self.nodes[ix as usize].peer.clone();
        let near = self.near_for(&peer, resource, ix, Job::Locate)?;
        let now = self.clock_sec(ix);
        let node = &mut self.nodes[ix as usize];
        let origins = node.own(3).time(2);
        self.costs.timed(Job::Locate, || {
            node.call(origins, |call| call.note_neighbours(key_id, near, now))
        })
    }

    /// `renewDue`.
    fn renew_due(&mut self, ix: NodeIx) {
        let renew_sec = self.config.spell.renew_interval_sec;
        let now = self.clock_sec(ix);
        let node = &mut self.nodes[ix as usize];
        let peer = node.peer.clone();
        let origins = node.own(2).time(1);
        let due = self.costs.timed(Job::Upkeep, || {
            node.call(origins, |call| call.get_due_host_records(renew_sec, now))
        });
        let due = due.unwrap_or_else(|error| {
            self.refused(ix, "get_due_host_records", &error);
            Vec::new()
        });
        for record in due {
            // Dated by the client's relay, whose clock may be ahead: then the node's own date is the earlier one, and
            // renewal succeeds as soon as it is not.
            let early = record.timestamp_created > now;
            let record = signed_by_node(record, &peer, now);
            let node = &mut self.nodes[ix as usize];
            let origins = node.own(5).time(4);
            let renewed = self.costs.timed(Job::Upkeep, || {
                node.call(origins, |call| call.put_record(record, &no_weight(), now))
            });
            if early && renewed.is_err() {
                self.outcome.renewals_put_off += 1;
                continue;
            }
            self.outcome.check(Rule::NothingRefused, renewed.is_ok(), || {
                format!("node {ix}: renewal: {}", renewed.unwrap_err())
            });
        }
    }

    /// `clear_expired_every`.
    pub(crate) fn clear(&mut self, ix: NodeIx) {
        let interval_sec = self.config.spell.expired_interval_sec;
        let now = self.clock_sec(ix);
        let node = &mut self.nodes[ix as usize];
        let origins = node.own(2).time(1);
        let cleared = self.costs.timed(Job::Upkeep, || {
            node.call(origins, |call| call.clear_expired_every(interval_sec, now))
        });
        self.outcome.check(Rule::NothingRefused, cleared.is_ok(), || {
            format!("node {ix}: clear_expired_every: {}", cleared.unwrap_err())
        });
    }
}
