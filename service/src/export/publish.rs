//! `spread` begins on the node that the client is connected to: it takes in what is published, if it belongs there, and says
//! who else does. `publish` is for those: each takes the key, too, in case it does not know it, and does everything in one
//! transaction.

use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::calls::{self, Closer, NodeAnswer, NodeReply, Plan, Published, TallyResult};
use registry_service::domain::data::{Key, Record, Tombstone};

use super::call;
use super::results::PutHostRecordResult;

/// Where `kad.neighborhood` is to look for a key: the base58 of its id's text. Of what is no key id, the base58 of nothing.
#[marine]
pub fn get_place(key_id: String) -> String {
    calls::get_place(&key_id).unwrap_or_default()
}

/// Begins to look for the closest nodes to a key: the steps of that. `peers` is what this node's `kad.neighborhood`
/// returned. None where the node knows the whole network, or the key id is malformed.
#[marine]
pub fn begin_neighbourhood(key_id: String, peers: Vec<String>) -> Vec<u8> {
    call(|call| Ok(call.begin_neighbourhood(&key_id, &peers)?)).unwrap_or_default()
}

/// Whom to ask for closer nodes in a step, and how long to wait for them, at most `hedge_ms`. `lists` is this node's own,
/// then what those who were asked have returned. Nobody where the key id is malformed. No argument here is a `u32`:
/// Marine ends a call that has one above `i32::MAX`.
#[marine]
pub fn get_closer(key_id: String, lists: Vec<Vec<String>>, step: u8, hedge_ms: u16) -> Closer {
    call(|call| Ok(call.get_closer(&key_id, lists, step, hedge_ms.into())?)).unwrap_or_default()
}

/// The closest nodes to a key among `lists`, of which this node's own is the first and the others are what those who were
/// asked have returned; and this node itself. None where the key id is malformed.
#[marine]
pub fn get_neighbourhood(key_id: String, lists: Vec<Vec<String>>) -> Vec<String> {
    call(|call| Ok(call.get_neighbourhood(&key_id, lists)?)).unwrap_or_default()
}

/// The key of the particle's initiator, put together for passing on. Checks nothing.
#[marine]
pub fn create_key(label: String, timestamp_created: u64, signature: Vec<u8>) -> Key {
    call(|call| Ok(call.create_key(label, timestamp_created, signature))).unwrap_or_default()
}

/// Begins to publish: a key, records that their providers have signed, what `put_host_record` returned on the providers in
/// the same particle, and tombstones, all of one key. `weights` holds what this node's trust-graph says of the issuers.
/// Providers whose records are voided are told, too.
#[marine]
#[allow(clippy::too_many_arguments)]
pub fn spread(
    keys: Vec<Key>,
    records: Vec<Record>,
    hosted: Vec<PutHostRecordResult>,
    tombstones: Vec<Tombstone>,
    weights: Vec<WeightResult>,
    peers: Vec<String>,
    ack: i16,
    current_timestamp_sec: u64,
) -> Plan {
    let published = published(keys, records, hosted, tombstones);
    call(|mut call| Ok(call.spread(published, &weights, (peers, ack), current_timestamp_sec)))
        .unwrap_or_else(|error| Plan::refused("the publishing node", &error.to_string()))
}

/// Takes in what is published.
#[marine]
pub fn publish(
    keys: Vec<Key>,
    records: Vec<Record>,
    hosted: Vec<PutHostRecordResult>,
    tombstones: Vec<Tombstone>,
    weights: Vec<WeightResult>,
    current_timestamp_sec: u64,
) -> NodeReply {
    let published = published(keys, records, hosted, tombstones);
    let taken = call(|mut call| call.publish(published, &weights, current_timestamp_sec));
    taken.map(|()| String::new()).into()
}

/// Sums up what nodes have answered who were asked to do something; `here` is this node's own answer, `ack` how many have to
/// do it.
#[marine]
pub fn tally(asked: Vec<String>, here: Vec<NodeAnswer>, ack: i64, answers: Vec<NodeAnswer>) -> TallyResult {
    let ack = ack.clamp(0, u32::MAX.into()) as u32;
    TallyResult::of(&asked, &here, ack, &answers)
}

fn published(
    keys: Vec<Key>,
    records: Vec<Record>,
    hosted: Vec<PutHostRecordResult>,
    tombstones: Vec<Tombstone>,
) -> Published {
    let outcome = |result: PutHostRecordResult| match result.success {
        true => Ok(result.record),
        false => Err(result.error),
    };
    Published {
        keys,
        records,
        hosted: hosted.into_iter().map(outcome).collect(),
        tombstones,
    }
}
