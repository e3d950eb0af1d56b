use registry_service::auth::WeightResult;
use registry_service::calls::{
    Answer, CallError, FarKeys, ReplicaAnswer, ReplicaParcel, ReplicaRound, ReplicationReport,
};
use registry_service::domain::data::Record;
use registry_service::store::Cleared;

use crate::{NativeNode, Origins, Peer};

/// One round of a node's replication, with what went over the wire.
#[derive(Debug, Clone, Default)]
pub struct RoundTrip {
    pub round: ReplicaRound,
    /// None where nobody lacked anything.
    pub parcel: Option<ReplicaParcel>,
    pub report: ReplicationReport,
}

/// What the scheduled scripts call, each with everything proved.
impl NativeNode {
    fn own(&self, arguments: usize, time: usize) -> Origins {
        Origins::new(&self.host, &self.host, arguments).time(time)
    }

    fn neighbours(&self, arguments: usize, time: usize) -> Origins {
        Origins::new(&self.host, &Peer::named("another node"), arguments).time(time)
    }

    pub fn get_due_places(&mut self, peers: &[String], stale_sec: u64, now: u64) -> Result<Vec<String>, CallError> {
        let origins = self.own(3, 2);
        self.call(origins, |call| call.get_due_places(peers, stale_sec, now))
    }

    pub fn get_far_keys(&mut self, peers: Vec<String>, stale_sec: u64, now: u64) -> Result<FarKeys, CallError> {
        let origins = self.own(3, 2);
        self.call(origins, |call| call.get_far_keys(peers, stale_sec, now))
    }

    pub fn note_neighbours(&mut self, key_id: &str, peers: Vec<String>, now: u64) -> Result<(), CallError> {
        let origins = self.own(3, 2);
        self.call(origins, |call| call.note_neighbours(key_id, peers, now))
    }

    pub fn begin_replication(
        &mut self,
        peers: Vec<Vec<String>>,
        stale_sec: u64,
        now: u64,
    ) -> Result<ReplicaRound, CallError> {
        let origins = self.own(3, 2);
        self.call(origins, |call| call.begin_replication(peers, stale_sec, now))
    }

    pub fn compare_replica(&mut self, digests: &str, keys: &str, now: u64) -> Result<String, CallError> {
        let origins = self.neighbours(3, 2);
        self.call(origins, |call| call.compare_replica(digests, keys, now))
    }

    pub fn pack_replica(
        &mut self,
        round: &ReplicaRound,
        answers: &[ReplicaAnswer],
        now: u64,
    ) -> Result<ReplicaParcel, CallError> {
        let origins = self.own(3, 2);
        self.call(origins, |call| call.pack_replica(round, answers, now))
    }

    pub fn get_replica_issuers(&mut self, bundle: &str) -> Result<Vec<String>, CallError> {
        let origins = self.neighbours(2, 1);
        self.call(origins, |call| call.get_replica_issuers(bundle, "*"))
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

    pub fn end_replication(
        &mut self,
        round: &ReplicaRound,
        answers: &[ReplicaAnswer],
        sent: &[String],
        receipts: &[ReplicaAnswer],
        now: u64,
    ) -> Result<ReplicationReport, CallError> {
        let origins = self.own(5, 4);
        self.call(origins, |call| {
            call.end_replication(round, answers, sent, receipts, now)
        })
    }

    pub fn get_due_host_records(&mut self, renew_sec: u64, now: u64) -> Result<Vec<Record>, CallError> {
        let origins = self.own(2, 1);
        self.call(origins, |call| call.get_due_host_records(renew_sec, now))
    }

    pub fn renew_host_record(&mut self, record: &Record, now: u64) -> Result<(), CallError> {
        let origins = self.own(4, 3);
        self.call(origins, |call| call.renew_host_record(record.clone(), now))
    }

    pub fn clear_expired_every(&mut self, interval_sec: u64, now: u64) -> Result<Cleared, CallError> {
        let origins = self.own(2, 1);
        self.call(origins, |call| call.clear_expired_every(interval_sec, now))
    }

    /// A whole round over `others`, all of whom this node knows; those that `reached` leaves out do not answer.
    ///
    /// # Panics
    /// Where a call fails.
    pub fn replicate(
        &mut self,
        others: &mut [NativeNode],
        reached: impl Fn(&NativeNode) -> bool,
        stale_sec: u64,
        now: u64,
    ) -> RoundTrip {
        let table = others.iter().map(|node| node.host.id().to_owned()).collect();
        let round = self.begin_replication(vec![table], stale_sec, now).unwrap();
        let mut answers = Vec::new();
        for offer in &round.offers {
            if let Some(node) = find(others, &offer.peer_id, &reached) {
                let answer = node.compare_replica(&round.digests, &offer.keys, now);
                answers.push(ReplicaAnswer::of(&offer.peer_id, Answer::from(answer)));
            }
        }
        let parcel = self.pack_replica(&round, &answers, now).unwrap();
        let mut receipts = Vec::new();
        for part in &parcel.offers {
            if let Some(node) = find(others, &part.peer_id, &reached) {
                let receipt = node.take_part(&parcel.bundle, &part.keys, &[], now);
                receipts.push(ReplicaAnswer::of(&part.peer_id, Answer::from(receipt)));
            }
        }
        let parcel = (!parcel.offers.is_empty()).then_some(parcel);
        let sent: Vec<String> = parcel.iter().map(|parcel| parcel.keys.clone()).collect();
        let report = self.end_replication(&round, &answers, &sent, &receipts, now).unwrap();
        RoundTrip { round, parcel, report }
    }
}

fn find<'n>(
    nodes: &'n mut [NativeNode],
    peer_id: &str,
    reached: impl Fn(&NativeNode) -> bool,
) -> Option<&'n mut NativeNode> {
    nodes.iter_mut().find(|node| node.host.id() == peer_id && reached(node))
}
