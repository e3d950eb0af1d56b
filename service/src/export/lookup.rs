//! Looking a key up, on the node that the client is connected to: `begin_lookup`, then for each wave of the plan `get_answer` on
//! its nodes and `check_answer` of what they say, then `end_lookup`.

use marine_rs_sdk::marine;
use registry_service::calls::{FindResult, NodeAnswer, NodeReply};

use super::call;
use super::plan::Plan;

/// Begins to look a key up: this node asks itself first. Where `provider` is empty its records are looked up; else the key,
/// and what stands for what the particle's initiator issued for that provider; `labels` has the label of a key that need not be
/// known. `lists` is what this node's `kad.neighborhood` returned, then what those who were asked for closer nodes have;
/// `ack` is how many nodes must answer, at least one and at most all, `percent` how much of the particle's time to live the
/// waits may take: at most `hedge_ms` for those that are asked first, and at most `timeout_ms` for all.
#[marine]
#[allow(clippy::too_many_arguments)]
pub fn begin_lookup(
    key_id: String,
    provider: String,
    labels: Vec<String>,
    lists: Vec<Vec<String>>,
    ack: i16,
    percent: u8,
    current_timestamp_sec: u64,
    hedge_ms: u16,
    timeout_ms: u16,
) -> Plan {
    call(|mut call| {
        let wanted = (provider.as_str(), labels.as_slice());
        let plan = match call.find_peers(&key_id, lists.clone()) {
            Ok(peers) => call.begin_lookup(&key_id, wanted, peers, (ack, percent), current_timestamp_sec),
            Err(refused) => *refused,
        };
        Ok(Plan::new(&call, plan, &lists, (hedge_ms, timeout_ms)))
    })
    .unwrap_or_else(|error| Plan::refused(&error))
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

/// Ends a look-up. `lists` is what the plan was made of; `timeout_ms` bounds what follows.
#[marine]
pub fn end_lookup(
    plan: Plan,
    answers: Vec<NodeAnswer>,
    timeout_ms: u16,
    current_timestamp_sec: u64,
    lists: Vec<Vec<String>>,
) -> FindResult {
    let plan = plan.named(&lists);
    call(|mut call| Ok(call.end_lookup(&plan, &answers, timeout_ms.into(), current_timestamp_sec))).unwrap_or_else(
        |error| FindResult {
            errors: vec![error.to_string()],
            error: error.to_string(),
            ..FindResult::default()
        },
    )
}
