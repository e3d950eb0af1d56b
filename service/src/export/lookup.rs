use marine_rs_sdk::marine;
use registry_service::calls;

use super::call;
use super::results::{FindKeyResult, FindRecordsResult, FlatRecord, Lookup, NodeAnswer, NodeResult};

/// Begins to read the records of a key: this node asks itself first. `peers` is what this node's `kad.neighborhood`
/// returned, `ack` how many nodes must answer, at least one and at most all.
#[marine]
pub fn begin_records(key_id: String, peers: Vec<String>, ack: i16, current_timestamp_sec: u64) -> Lookup {
    begun(call(|mut call| {
        Ok(call.begin_records(&key_id, peers, ack, current_timestamp_sec))
    }))
}

/// The records of a key but for those that the reader holds: `known` of its `begin_records`.
#[marine]
pub fn get_records_beyond(key_id: String, known: String, current_timestamp_sec: u64) -> NodeResult {
    let outcome = call(|mut call| call.get_records_beyond(&key_id, &known, current_timestamp_sec));
    calls::Answer::from(outcome).into()
}

/// Checks what a node answered to `get_records_beyond`, before it counts as an answer.
#[marine]
pub fn check_records(key_id: String, answer: NodeResult) -> NodeAnswer {
    checked(call(|mut call| Ok(call.check_records(&key_id, answer.into()))))
}

/// Ends reading records: the latest of every provider.
#[marine]
pub fn end_records(
    key_id: String,
    lookup: Lookup,
    answers: Vec<NodeAnswer>,
    current_timestamp_sec: u64,
) -> FindRecordsResult {
    let answers = answers.into_iter().map(calls::NodeAnswer::from).collect::<Vec<_>>();
    call(|mut call| call.end_records(&key_id, &lookup.into(), &answers, current_timestamp_sec)).into()
}

/// Begins to read a key: this node asks itself first.
#[marine]
pub fn begin_key(key_id: String, peers: Vec<String>, ack: i16) -> Lookup {
    begun(call(|mut call| Ok(call.begin_key(&key_id, peers, ack))))
}

/// The same as `get_key_metadata`, as one string for `check_key`.
#[marine]
pub fn get_key_packed(key_id: String) -> NodeResult {
    calls::Answer::from(call(|mut call| call.get_key_packed(&key_id))).into()
}

/// Checks what a node answered to `get_key_packed`, before it counts as an answer.
#[marine]
pub fn check_key(key_id: String, answer: NodeResult) -> NodeAnswer {
    checked(call(|call| Ok(call.check_key(&key_id, answer.into()))))
}

/// Ends reading a key: its latest registration.
#[marine]
pub fn end_key(key_id: String, lookup: Lookup, answers: Vec<NodeAnswer>) -> FindKeyResult {
    let answers = answers.into_iter().map(calls::NodeAnswer::from).collect::<Vec<_>>();
    call(|mut call| call.end_key(&key_id, &lookup.into(), &answers)).into()
}

/// The nodes that were not asked at once, if the answers of the others are not enough.
#[marine]
pub fn widen(lookup: Lookup, answers: Vec<NodeAnswer>) -> Vec<String> {
    let answers = answers.into_iter().map(calls::NodeAnswer::from).collect::<Vec<_>>();
    calls::Lookup::from(lookup).widen(&answers)
}

/// What counts for a node whose answer is none: its call failed.
#[marine]
pub fn failed_answer(peer_id: String, error: String) -> NodeAnswer {
    calls::NodeAnswer::failed(&peer_id, &error).into()
}

/// An error for each provider that was asked and is not among those that answered.
#[marine]
pub fn get_silent(asked: Vec<FlatRecord>, answered: Vec<String>) -> Vec<String> {
    calls::get_silent(asked.into_iter().map(|provider| provider.peer_id), &answered)
}

/// A node that cannot even begin is the only one that answers, with its error.
fn begun(lookup: Result<calls::Lookup, calls::CallError>) -> Lookup {
    lookup.map(Lookup::from).unwrap_or_else(|error| Lookup {
        here: vec![calls::NodeAnswer::failed("the reading node", &error.to_string()).into()],
        ..Lookup::default()
    })
}

fn checked(answer: Result<calls::NodeAnswer, calls::CallError>) -> NodeAnswer {
    answer
        .unwrap_or_else(|error| calls::NodeAnswer::failed("the reading node", &error.to_string()))
        .into()
}
