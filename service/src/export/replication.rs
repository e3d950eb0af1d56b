//! Replication, as the scheduled scripts call it: `begin_replication`, `pack_replica` and `end_replication` on the node
//! that replicates, for the node itself only; `compare_replica`, `get_replica_issuers` and `take_replica` on its
//! neighbours.

use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::calls::{Answer, FarKeys, ReplicaAnswer, ReplicaParcel, ReplicaRound, ReplicationReport};

use super::call;
use super::results::{NodeResult, RegistryResult};

/// Where the script has to look up due keys one by one; empty unless `peers`, which `kad.neighborhood` returned when it
/// was asked for 256, may have been cut short. For the host only; nothing for others.
#[marine]
pub fn get_due_places(peers: Vec<String>, stale_sec: u64, current_timestamp_sec: u64) -> Vec<String> {
    // What is wrong is said by `begin_replication`, which is asked next.
    call(|mut call| call.get_due_places(&peers, stale_sec, current_timestamp_sec)).unwrap_or_default()
}

/// Due keys that lie far from this node, whose neighbourhoods the script has to look up before a round takes them; at most
/// 4, and none within 90 seconds of the last ones. `peers` is what `kad.neighborhood` returned when it was asked for 256.
/// For the host only.
#[marine]
pub fn get_far_keys(peers: Vec<String>, stale_sec: u64, current_timestamp_sec: u64) -> FarKeys {
    call(|mut call| call.get_far_keys(peers, stale_sec, current_timestamp_sec))
        .unwrap_or_else(|error| FarKeys::failed(error.to_string()))
}

/// Notes the closest nodes to a far key, for the rounds of the next 15 minutes. For the host only.
#[marine]
pub fn note_neighbours(key_id: String, peers: Vec<String>, current_timestamp_sec: u64) -> RegistryResult {
    call(|mut call| call.note_neighbours(&key_id, peers, current_timestamp_sec)).into()
}

/// Begins a round with the keys that have not been replicated for `stale_sec`, oldest first, and leases them. `peers`
/// are the lists that `kad.neighborhood` returned. For the host only.
#[marine]
pub fn begin_replication(peers: Vec<Vec<String>>, stale_sec: u64, current_timestamp_sec: u64) -> ReplicaRound {
    call(|mut call| call.begin_replication(peers, stale_sec, current_timestamp_sec)).unwrap_or_else(|error| {
        ReplicaRound {
            error: error.to_string(),
            ..ReplicaRound::default()
        }
    })
}

/// What this node lacks of those keys of a round that it is asked about.
#[marine]
pub fn compare_replica(digests: String, keys: String, current_timestamp_sec: u64) -> NodeResult {
    Answer::from(call(|mut call| {
        call.compare_replica(&digests, &keys, current_timestamp_sec)
    }))
    .into()
}

/// What a neighbour answered, for `pack_replica` and `end_replication`.
#[marine]
pub fn replica_answer(peer_id: String, answer: NodeResult) -> ReplicaAnswer {
    ReplicaAnswer::of(&peer_id, answer.into())
}

/// What counts for a neighbour whose answer is none: its call failed.
#[marine]
pub fn replica_failure(peer_id: String, error: String) -> ReplicaAnswer {
    ReplicaAnswer::of(&peer_id, Answer::failed(error))
}

/// Packs what the neighbours lack, in one bundle for all. For the host only.
#[marine]
pub fn pack_replica(round: ReplicaRound, answers: Vec<ReplicaAnswer>, current_timestamp_sec: u64) -> ReplicaParcel {
    call(|mut call| call.pack_replica(&round, &answers, current_timestamp_sec)).unwrap_or_else(|error| ReplicaParcel {
        error: error.to_string(),
        ..ReplicaParcel::default()
    })
}

/// Whose weights `take_replica` should be given; none if the bundle is malformed.
#[marine]
pub fn get_replica_issuers(bundle: String, keys: String) -> Vec<String> {
    call(|mut call| call.get_replica_issuers(&bundle, &keys)).unwrap_or_default()
}

/// Takes in what this node lacks of a bundle, each entry judged by itself. Says which of its keys are settled here.
#[marine]
pub fn take_replica(
    bundle: String,
    keys: String,
    weights: Vec<WeightResult>,
    current_timestamp_sec: u64,
) -> NodeResult {
    Answer::from(call(|mut call| {
        call.take_replica(&bundle, &keys, &weights, current_timestamp_sec)
    }))
    .into()
}

/// Ends a round: what a majority of its neighbours holds is replicated; what of it does not belong here is dropped.
/// `sent` is the `keys` of the parcel, if there was one. For the host only.
#[marine]
pub fn end_replication(
    round: ReplicaRound,
    answers: Vec<ReplicaAnswer>,
    sent: Vec<String>,
    receipts: Vec<ReplicaAnswer>,
    current_timestamp_sec: u64,
) -> ReplicationReport {
    call(|mut call| call.end_replication(&round, &answers, &sent, &receipts, current_timestamp_sec)).unwrap_or_else(
        |error| ReplicationReport {
            error: error.to_string(),
            ..ReplicationReport::default()
        },
    )
}
