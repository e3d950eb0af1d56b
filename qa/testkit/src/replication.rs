use registry_service::auth::WeightResult;
use registry_service::calls::{CallError, NodeReply, ReplicaAsk, ReplicaStep};
use registry_service::domain::data::Record;
use registry_service::store::{Backend, Cleared};

use crate::{NativeNode, Origins, Peer};

/// One round of a node's replication, with what went over the wire.
#[derive(Debug, Clone, Default)]
pub struct RoundTrip {
    pub begun: ReplicaStep,
    /// What was to be fetched, what came of it, and what was given.
    pub fetch: ReplicaStep,
    pub fetched: Vec<String>,
    pub give: ReplicaStep,
    pub end: ReplicaStep,
}

impl<B: Backend> NativeNode<B> {
    fn own(&self, arguments: usize, time: usize) -> Origins {
        Origins::new(&self.host, &self.host, arguments).time(time)
    }

    /// A node of any backend begins a round, as the scheduled scripts do.
    pub fn begin_replication(
        &mut self,
        peers: Vec<String>,
        interval_sec: u64,
        now: u64,
    ) -> Result<ReplicaStep, CallError> {
        let origins = self.own(3, 2);
        self.call(origins, |call| call.begin_replication(peers, interval_sec, now))
    }
}

/// What the scheduled scripts call, each with everything proved.
impl NativeNode {
    fn neighbours(&self, arguments: usize, time: usize) -> Origins {
        Origins::new(&self.host, &Peer::named("another node"), arguments).time(time)
    }

    pub fn note_neighbours(&mut self, key_id: &str, peers: Vec<String>, now: u64) -> Result<(), CallError> {
        let origins = self.own(3, 2);
        self.call(origins, |call| call.note_neighbours(key_id, peers, now))
    }

    pub fn compare_replica(&mut self, digests: &str, keys: &str, now: u64) -> Result<String, CallError> {
        let origins = self.neighbours(3, 2);
        self.call(origins, |call| call.compare_replica(digests, keys, now))
    }

    /// Notes what `function` returned on `peer_id`.
    pub fn note_replica(
        &mut self,
        round: u64,
        (peer_id, function): (&str, &str),
        answer: Result<String, CallError>,
    ) -> Result<(), CallError> {
        let origins = Origins::new(&self.host, &self.host, 2).with(1, peer_id, "registry", function);
        self.call(origins, |call| call.note_replica(round, &NodeReply::from(answer)))
    }

    pub fn continue_replication(&mut self, round: u64, now: u64) -> Result<ReplicaStep, CallError> {
        let origins = self.own(2, 1);
        self.call(origins, |call| call.continue_replication(round, now))
    }

    pub fn fetch_replica(&mut self, wanted: &str, now: u64) -> Result<String, CallError> {
        let origins = self.neighbours(2, 1);
        self.call(origins, |call| call.fetch_replica(wanted, now))
    }

    /// All of a bundle.
    pub fn take_replica(&mut self, bundle: &str, weights: &[WeightResult], now: u64) -> Result<String, CallError> {
        self.take_part(bundle, "*", weights, now)
    }

    /// Of a bundle, what is for this node.
    pub fn take_part(
        &mut self,
        bundle: &str,
        keys: &str,
        weights: &[WeightResult],
        now: u64,
    ) -> Result<String, CallError> {
        let origins = self.neighbours(4, 3).weights(2, weights.len());
        self.call(origins, |call| call.take_replica(bundle, keys, weights, now))
    }

    /// What was fetched, in the node's own round.
    pub fn learn_replica(&mut self, bundle: &str, now: u64) -> Result<String, CallError> {
        let origins = self.own(4, 3).weights(2, 0);
        self.call(origins, |call| call.take_replica(bundle, "*", &[], now))
    }

    pub fn get_due_host_records(&mut self, renew_sec: u64, now: u64) -> Result<Vec<Record>, CallError> {
        let origins = self.own(2, 1);
        self.call(origins, |call| call.get_due_host_records(renew_sec, now))
    }

    pub fn clear_expired_every(&mut self, interval_sec: u64, now: u64) -> Result<Cleared, CallError> {
        let origins = self.own(2, 1);
        self.call(origins, |call| call.clear_expired_every(interval_sec, now))
    }

    /// The first part of a round over `others`: what those that `reached` leaves in have answered is noted.
    ///
    /// # Panics
    /// Where a call fails.
    pub fn ask(
        &mut self,
        others: &mut [NativeNode],
        reached: impl Fn(&NativeNode) -> bool,
        interval_sec: u64,
        now: u64,
    ) -> ReplicaStep {
        let table = others.iter().map(|node| node.host.id().to_owned()).collect();
        let begun = self.begin_replication(table, interval_sec, now).unwrap();
        for ReplicaAsk { peer_id, what } in &begun.asks {
            if let Some(node) = find(others, peer_id, &reached) {
                let held = node.compare_replica(&begun.text, what, now);
                self.note_replica(begun.round, (peer_id, "compare_replica"), held)
                    .unwrap();
            }
        }
        begun
    }

    /// The second part: what those that `reached` leaves in hold beyond this node comes. With the bundles.
    ///
    /// # Panics
    /// Where a call fails.
    pub fn learn(
        &mut self,
        others: &mut [NativeNode],
        reached: impl Fn(&NativeNode) -> bool,
        round: u64,
        now: u64,
    ) -> (ReplicaStep, Vec<String>) {
        let fetch = self.continue_replication(round, now).unwrap();
        let mut fetched = Vec::new();
        for ReplicaAsk { peer_id, what } in &fetch.asks {
            if let Some(node) = find(others, peer_id, &reached) {
                let bundle = node.fetch_replica(what, now).unwrap();
                self.learn_replica(&bundle, now).unwrap();
                fetched.push(bundle);
            }
        }
        (fetch, fetched)
    }

    /// The third part: those that `reached` leaves in take in what they lack, and their receipts are noted.
    ///
    /// # Panics
    /// Where a call fails.
    pub fn give(
        &mut self,
        others: &mut [NativeNode],
        reached: impl Fn(&NativeNode) -> bool,
        round: u64,
        now: u64,
    ) -> ReplicaStep {
        let give = self.continue_replication(round, now).unwrap();
        for ReplicaAsk { peer_id, what } in &give.asks {
            if let Some(node) = find(others, peer_id, &reached) {
                let held = node.take_part(&give.text, what, &[], now);
                self.note_replica(round, (peer_id, "take_replica"), held).unwrap();
            }
        }
        give
    }

    /// A whole round over `others`, all of whom this node knows; those that `reached` leaves out do not answer.
    ///
    /// # Panics
    /// Where a call fails.
    pub fn replicate(
        &mut self,
        others: &mut [NativeNode],
        reached: impl Fn(&NativeNode) -> bool,
        interval_sec: u64,
        now: u64,
    ) -> RoundTrip {
        let begun = self.ask(others, &reached, interval_sec, now);
        if begun.asks.is_empty() {
            return RoundTrip {
                end: begun.clone(),
                begun,
                ..RoundTrip::default()
            };
        }
        let (fetch, fetched) = self.learn(others, &reached, begun.round, now);
        let give = self.give(others, &reached, begun.round, now);
        let end = self.continue_replication(begun.round, now).unwrap();
        RoundTrip {
            begun,
            fetch,
            fetched,
            give,
            end,
        }
    }
}

fn find<'n>(
    nodes: &'n mut [NativeNode],
    peer_id: &str,
    reached: impl Fn(&NativeNode) -> bool,
) -> Option<&'n mut NativeNode> {
    nodes.iter_mut().find(|node| node.host.id() == peer_id && reached(node))
}
