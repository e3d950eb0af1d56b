//! `spread` begins on the node that the client is connected to: it takes in what is published, if it belongs there, and says
//! who else does. `publish` is for those: each takes the key, too, in case it does not know it, and does everything in one
//! transaction.

use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::calls::{self, Closer, NodeAnswer, NodeReply, Published, TallyResult};
use registry_service::domain::data::{Key, RecordMetadata, Tombstone};

use super::call;
use super::plan::Plan;
use super::results::{Lease, PutHostRecordResult};

/// Whom to ask for closer nodes in a step, the first or the second, where this node's own list is full, and how long to wait
/// for them, at most `hedge_ms`. `lists` is this node's own, then what those who were asked have returned. Nobody where the key id is malformed. No argument here is a `u32`:
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

/// The key of the particle's initiator, put together for passing on: a list of one, as it is published. Checks nothing.
#[marine]
pub fn create_key(label: String, timestamp_created: u64, signature: Vec<u8>) -> Vec<Key> {
    call(|call| Ok(vec![call.create_key(label, timestamp_created, signature)])).unwrap_or_default()
}

/// The key of an open name, whose owner everybody can be: made and signed here, dated `current_timestamp_sec`. Where there can
/// be none, the label alone: `spread` says what is wrong with it.
#[marine]
pub fn open_key(label: String, current_timestamp_sec: u64) -> Key {
    call(|call| call.open_key(&label, current_timestamp_sec)).unwrap_or_else(|_| Key {
        label,
        ..Key::default()
    })
}

/// When a provider signs a record that readers are to see for `lease_sec` from now: what it passes as `timestamp_created`.
#[marine]
pub fn begin_lease(lease_sec: u64, current_timestamp_sec: u64) -> Lease {
    call(|call| call.begin_lease(lease_sec, current_timestamp_sec)).into()
}

/// Begins to publish: a key, records that their providers have signed, what `put_host_record` returned on the providers in
/// the same particle, and tombstones, all of one key. Of records it takes the metadata and, in `signatures`, what the
/// provider has signed of each as of the second in which it was issued. `weights` holds what this node's trust-graph says of
/// the issuers. `lists` is what this node's `kad.neighborhood` returned, then what those who were asked for closer nodes
/// have. Providers whose records are voided are told, too, where they stand in a list: one of them alone is no neighbourhood.
#[marine]
#[allow(clippy::too_many_arguments)]
pub fn spread(
    keys: Vec<Key>,
    metadata: Vec<RecordMetadata>,
    hosted: Vec<PutHostRecordResult>,
    tombstones: Vec<Tombstone>,
    weights: Vec<WeightResult>,
    lists: Vec<Vec<String>>,
    ack: i16,
    current_timestamp_sec: u64,
    signatures: Vec<Vec<u8>>,
    timeout_ms: u16,
) -> Plan {
    let published = published(keys, (metadata, signatures), hosted, tombstones);
    call(|mut call| {
        let plan = match call.find_peers_for(&published, lists.clone()) {
            Ok(peers) => call.spread(published, &weights, (peers, ack), current_timestamp_sec),
            Err(refused) => *refused,
        };
        Ok(Plan::new(&call, plan, &lists, (timeout_ms, timeout_ms)))
    })
    .unwrap_or_else(|error| Plan::refused(&error))
}

/// Takes in what is published.
#[marine]
pub fn publish(
    keys: Vec<Key>,
    metadata: Vec<RecordMetadata>,
    hosted: Vec<PutHostRecordResult>,
    tombstones: Vec<Tombstone>,
    weights: Vec<WeightResult>,
    current_timestamp_sec: u64,
    signatures: Vec<Vec<u8>>,
) -> NodeReply {
    let published = published(keys, (metadata, signatures), hosted, tombstones);
    let taken = call(|mut call| call.publish(published, &weights, current_timestamp_sec));
    taken.map(|()| String::new()).into()
}

/// Sums up what the nodes of a plan have answered so far; `lists` is what the plan was made of.
#[marine]
pub fn tally(plan: Plan, lists: Vec<Vec<String>>, answers: Vec<NodeAnswer>) -> TallyResult {
    let plan = plan.named(&lists);
    TallyResult::of(&plan.ask, &plan.here, plan.ack, &answers)
}

/// Sums up what providers have answered who were called. `ack` is how many must have succeeded; without it, all.
#[marine]
pub fn tally_providers(providers: Vec<String>, ack: Vec<i16>, answers: Vec<NodeAnswer>) -> TallyResult {
    TallyResult::of_providers(&providers, &ack, &answers)
}

fn published(
    keys: Vec<Key>,
    (metadata, signatures): (Vec<RecordMetadata>, Vec<Vec<u8>>),
    hosted: Vec<PutHostRecordResult>,
    tombstones: Vec<Tombstone>,
) -> Published {
    let outcome = |result: PutHostRecordResult| match result.success {
        true => Ok(result.record),
        false => Err(result.error),
    };
    Published {
        keys,
        records: calls::signed_records(metadata, signatures),
        hosted: hosted.into_iter().map(outcome).collect(),
        tombstones,
    }
}
