//! Replication, as the scheduled scripts call it: `begin_replication`, `note_replica`, `continue_replication` and
//! `note_neighbours` on the node that replicates, for the node itself only; `compare_replica`, `fetch_replica`,
//! `get_replica_issuers` and `take_replica` on its neighbours.

use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::calls::{self, NodeReply, ReplicaStep};

use super::call;

/// Begins a round with keys that are due and leases them, or says which of them have to be looked up before. `peers` is
/// the host's routing table, at most 256. For the host only.
#[marine]
pub fn begin_replication(peers: Vec<String>, interval_sec: u64, current_timestamp_sec: u64) -> ReplicaStep {
    call(|mut call| call.begin_replication(peers, interval_sec, current_timestamp_sec))
        .unwrap_or_else(|error| ReplicaStep::failed(error.to_string()))
}

/// What this node holds of those keys of a round that it is asked about.
#[marine]
pub fn compare_replica(digests: String, keys: String, current_timestamp_sec: u64) -> NodeReply {
    call(|mut call| call.compare_replica(&digests, &keys, current_timestamp_sec)).into()
}

/// Notes what `compare_replica` or `take_replica` returned on a neighbour. Returns what is wrong with it, if anything is.
/// For the host only.
#[marine]
pub fn note_replica(round: u64, answer: NodeReply) -> String {
    call(|mut call| call.note_replica(round, &answer)).map_or_else(|error| error.to_string(), |()| String::new())
}

/// What comes next in a round: what to fetch, what to give, what came of it. For the host only.
#[marine]
pub fn continue_replication(round: u64, current_timestamp_sec: u64) -> ReplicaStep {
    call(|mut call| call.continue_replication(round, current_timestamp_sec))
        .unwrap_or_else(|error| ReplicaStep::failed(error.to_string()))
}

/// What another node wants of what this one has named, in a bundle.
#[marine]
pub fn fetch_replica(wanted: String, current_timestamp_sec: u64) -> NodeReply {
    call(|mut call| call.fetch_replica(&wanted, current_timestamp_sec)).into()
}

/// Whose weights `take_replica` should be given; none if the bundle is malformed.
#[marine]
pub fn get_replica_issuers(bundle: String, keys: String) -> Vec<String> {
    calls::get_replica_issuers(&bundle, &keys).unwrap_or_default()
}

/// Takes in what this node lacks of a bundle, each entry judged by itself. Says which of its keys this node holds now.
#[marine]
pub fn take_replica(bundle: String, keys: String, weights: Vec<WeightResult>, current_timestamp_sec: u64) -> NodeReply {
    call(|mut call| call.take_replica(&bundle, &keys, &weights, current_timestamp_sec)).into()
}

/// Notes the closest nodes to a far key, for the next round that takes it, within two hours. Returns what is wrong with
/// them, if anything is. For the host only.
#[marine]
pub fn note_neighbours(key_id: String, peers: Vec<String>, current_timestamp_sec: u64) -> String {
    call(|mut call| call.note_neighbours(&key_id, peers, current_timestamp_sec))
        .map_or_else(|error| error.to_string(), |()| String::new())
}
