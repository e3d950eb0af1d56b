//! Looking a key up, on the node that the client is connected to: `begin_lookup`, then `get_wave`, `get_answer` on each of its
//! nodes and `check_answer` of what it says, then `end_lookup`.

use marine_rs_sdk::marine;
use registry_service::calls::{FindResult, NodeAnswer, NodeReply, Plan, Wave};

use super::call;

/// Begins to look a key up: this node asks itself first. Where `provider` is empty its records are looked up; else the key,
/// and what stands for what the particle's initiator issued for that provider; `labels` has the label of a key that need not be
/// known. `peers` is what this node's `kad.neighborhood` returned, `ack` how many nodes must answer, at least one and at
/// most all, `percent` how much of the particle's time to live the waits may take.
#[marine]
#[allow(clippy::too_many_arguments)]
pub fn begin_lookup(
    key_id: String,
    provider: String,
    labels: Vec<String>,
    peers: Vec<String>,
    ack: i16,
    percent: u8,
    current_timestamp_sec: u64,
) -> Plan {
    call(|mut call| {
        let wanted = (provider.as_str(), labels.as_slice());
        Ok(call.begin_lookup(&key_id, wanted, peers, (ack, percent), current_timestamp_sec))
    })
    .unwrap_or_else(|error| Plan::refused("the reading node", &error.to_string()))
}

/// Whom to ask in a turn of a plan, and how long to wait for them. Nobody where enough have answered.
#[marine]
pub fn get_wave(plan: Plan, answers: Vec<NodeAnswer>, turn: u8, hedge_ms: u16, timeout_ms: u16) -> Wave {
    call(|call| Ok(call.get_wave(&plan, &answers, turn, hedge_ms.into(), timeout_ms.into()))).unwrap_or_default()
}

/// What a node holds of a key: what a plan says is wanted.
#[marine]
pub fn get_answer(key_id: String, wanted: String, current_timestamp_sec: u64) -> NodeReply {
    call(|mut call| call.get_answer(&key_id, &wanted, current_timestamp_sec)).into()
}

/// Checks what a node replied that was asked for `wanted` of a key, before it counts as an answer. `key_id` is empty where it
/// was asked to take something in. The last three are the reply, or what stands for it where the call failed.
#[marine]
pub fn check_answer(
    peer_id: String,
    key_id: String,
    wanted: String,
    success: bool,
    error: String,
    answer: String,
) -> NodeAnswer {
    let reply = NodeReply { success, error, answer };
    call(|mut call| Ok(call.check_answer(&peer_id, &key_id, &wanted, reply)))
        .unwrap_or_else(|error| NodeAnswer::failed(&peer_id, &error.to_string()))
}

/// Ends a look-up. `timeout_ms` bounds what follows.
#[marine]
pub fn end_lookup(plan: Plan, answers: Vec<NodeAnswer>, timeout_ms: u16, current_timestamp_sec: u64) -> FindResult {
    call(|mut call| Ok(call.end_lookup(&plan, &answers, timeout_ms.into(), current_timestamp_sec))).unwrap_or_else(
        |error| FindResult {
            errors: vec![error.to_string()],
            error: error.to_string(),
            ..FindResult::default()
        },
    )
}
