//! `spread_*` begins on the node that the client is connected to: it takes in what is published, if it belongs there,
//! and says who else does. `publish_*` is for those: each takes the key, too, in case it does not know it, and does
//! everything in one transaction.

use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::calls::{self, Answer, CallError};
use registry_service::domain::data::{Key, Record, RecordMetadata};

use super::call;
use super::results::{Closer, NodeResult, PutHostRecordResult, Spread, TallyResult};

/// The closest to a key among `peers`, which is what this node's `kad.neighborhood` returned, and this node itself. None
/// where the key id is malformed.
#[marine]
pub fn get_neighbourhood(key_id: String, peers: Vec<String>) -> Vec<String> {
    call(|call| call.get_neighbourhood(&key_id, peers)).unwrap_or_default()
}

/// Begins to look for the closest nodes to a key: the steps of that. `peers` is what this node's `kad.neighborhood`
/// returned. None where the node knows the whole network, or the key id is malformed.
#[marine]
pub fn begin_neighbourhood(key_id: String, peers: Vec<String>) -> Vec<u8> {
    call(|call| Ok(call.begin_neighbourhood(&key_id, &peers)?)).unwrap_or_default()
}

/// Whom to ask for closer nodes in a step. `lists` is this node's own, then what those who were asked have returned.
/// Nobody where the key id is malformed. The step is a `u8` because Marine ends a call whose `u32` is above `i32::MAX`.
#[marine]
pub fn get_closer(key_id: String, lists: Vec<Vec<String>>, step: u8) -> Closer {
    call(|call| Ok(call.get_closer(&key_id, lists, step)?))
        .unwrap_or_default()
        .into()
}

/// Ends it: the closest among `lists`, of which this node's own is the first and the others are what those who were asked
/// have returned. None where the key id is malformed.
#[marine]
pub fn end_neighbourhood(key_id: String, lists: Vec<Vec<String>>) -> Vec<String> {
    call(|call| Ok(call.end_neighbourhood(&key_id, lists)?)).unwrap_or_default()
}

/// The key of the particle's initiator, put together for passing on. Checks nothing.
#[marine]
pub fn create_key(label: String, timestamp_created: u64, signature: Vec<u8>) -> Key {
    call(|call| Ok(call.create_key(label, timestamp_created, signature))).unwrap_or_default()
}

/// Where `kad.neighborhood` is to look for a key: the base58 of its id's text. Of what is no key id, the base58 of nothing.
#[marine]
pub fn get_place(key_id: String) -> String {
    calls::get_place(&key_id).unwrap_or_default()
}

/// Begins to register a key of the particle's initiator.
#[marine]
pub fn spread_key(
    label: String,
    timestamp_created: u64,
    signature: Vec<u8>,
    peers: Vec<String>,
    ack: i16,
    current_timestamp_sec: u64,
) -> Spread {
    spread(call(|mut call| {
        let key = call.create_key(label, timestamp_created, signature);
        Ok(call.spread(&key.id.clone(), (peers, None), ack, |call| {
            call.publish_key(key, (5, current_timestamp_sec))
        }))
    }))
}

/// Registers a key of the particle's initiator.
#[marine]
pub fn publish_key(
    label: String,
    timestamp_created: u64,
    signature: Vec<u8>,
    current_timestamp_sec: u64,
) -> NodeResult {
    taken(call(|mut call| {
        let key = call.create_key(label, timestamp_created, signature);
        call.publish_key(key, (3, current_timestamp_sec))
    }))
}

/// Begins to put a record. `weights` holds what this node's trust-graph says of the issuer, or nothing.
#[marine]
#[allow(clippy::too_many_arguments)]
pub fn spread_record(
    keys: Vec<Key>,
    metadata: RecordMetadata,
    timestamp_created: u64,
    signature: Vec<u8>,
    weights: Vec<WeightResult>,
    peers: Vec<String>,
    ack: i16,
    current_timestamp_sec: u64,
) -> Spread {
    let record = Record {
        metadata,
        timestamp_created,
        signature,
    };
    spread(call(|mut call| {
        let key_id = record.metadata.key_id.clone();
        Ok(call.spread(&key_id, (peers, None), ack, |call| {
            call.publish_record(keys, record, (4, &weights), (7, current_timestamp_sec))
        }))
    }))
}

/// Puts a record.
#[marine]
pub fn publish_record(
    keys: Vec<Key>,
    metadata: RecordMetadata,
    timestamp_created: u64,
    signature: Vec<u8>,
    weights: Vec<WeightResult>,
    current_timestamp_sec: u64,
) -> NodeResult {
    let record = Record {
        metadata,
        timestamp_created,
        signature,
    };
    taken(call(|mut call| {
        call.publish_record(keys, record, (4, &weights), (5, current_timestamp_sec))
    }))
}

/// Begins to propagate what `put_host_record` returned on the provider in the same particle.
#[marine]
pub fn spread_host_record(
    result: PutHostRecordResult,
    keys: Vec<Key>,
    weights: Vec<WeightResult>,
    peers: Vec<String>,
    ack: i16,
    current_timestamp_sec: u64,
) -> Spread {
    spread(call(|mut call| {
        if !result.success {
            return Ok(call.spread_refused(&result.error));
        }
        let key_id = result.record.metadata.key_id.clone();
        Ok(call.spread(&key_id, (peers, None), ack, |call| {
            call.publish_host_record(outcome(result), keys, (2, &weights), (5, current_timestamp_sec))
        }))
    }))
}

/// Takes in what `put_host_record` returned on the provider in the same particle.
#[marine]
pub fn publish_host_record(
    result: PutHostRecordResult,
    keys: Vec<Key>,
    weights: Vec<WeightResult>,
    current_timestamp_sec: u64,
) -> NodeResult {
    taken(call(|mut call| {
        call.publish_host_record(outcome(result), keys, (2, &weights), (3, current_timestamp_sec))
    }))
}

/// Begins to void the record that the particle's initiator issued for a peer. That peer is told, too, unless it is the
/// initiator itself.
#[marine]
#[allow(clippy::too_many_arguments)]
pub fn spread_tombstone(
    keys: Vec<Key>,
    key_id: String,
    peer_id: String,
    timestamp_issued: u64,
    signature: Vec<u8>,
    peers: Vec<String>,
    ack: i16,
    current_timestamp_sec: u64,
) -> Spread {
    spread(call(|mut call| {
        let tombstone = call.create_tombstone(key_id.clone(), peer_id, timestamp_issued, signature);
        let provider = (tombstone.peer_id != tombstone.issued_by).then(|| tombstone.peer_id.clone());
        Ok(call.spread(&key_id, (peers, provider), ack, |call| {
            call.publish_tombstone(keys, tombstone, (7, current_timestamp_sec))
        }))
    }))
}

/// Voids the record that the particle's initiator issued for a peer.
#[marine]
pub fn publish_tombstone(
    keys: Vec<Key>,
    key_id: String,
    peer_id: String,
    timestamp_issued: u64,
    signature: Vec<u8>,
    current_timestamp_sec: u64,
) -> NodeResult {
    taken(call(|mut call| {
        let tombstone = call.create_tombstone(key_id, peer_id, timestamp_issued, signature);
        call.publish_tombstone(keys, tombstone, (5, current_timestamp_sec))
    }))
}

/// Sums up what the nodes of a spread said: `good` names those that took it in, `bad` are the errors of the others, each
/// beginning with its node.
#[marine]
pub fn tally(spread: Spread, good: Vec<String>, bad: Vec<String>) -> TallyResult {
    calls::Tally::of(&spread.into(), &good, bad).into()
}

fn outcome(result: PutHostRecordResult) -> Result<Record, String> {
    if result.success {
        Ok(result.record)
    } else {
        Err(result.error)
    }
}

/// A node whose registry does not even begin is the only one to fail.
fn spread(begun: Result<calls::Spread, CallError>) -> Spread {
    begun
        .unwrap_or_else(|error| calls::Spread {
            ack: 1,
            bad: vec![error.to_string()],
            ..calls::Spread::default()
        })
        .into()
}

fn taken(outcome: Result<(), CallError>) -> NodeResult {
    Answer::from(outcome.map(|()| String::new())).into()
}
