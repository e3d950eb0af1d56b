//! The same operation on a node in Marine and on the model, and what each answers, in one form.

use std::collections::BTreeSet;

use registry_service::calls::CallError;
use registry_service::domain::data::{Record, Tombstone};
use registry_testkit::{no_weight, NativeNode, Peer};
use serde::Serialize;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

use super::{Operation, Script, Step};
use crate::{Failure, Node, Outcome};

/// Of an item's digest, in hex.
const DIGEST_CHARS: usize = 16;

/// What a call answered: equal texts stand for equal answers. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(String);

impl Answer {
    /// An answer as another process wrote it down.
    pub fn parse(line: &str) -> Self {
        Self(line.to_owned())
    }

    fn ok(details: impl std::fmt::Display) -> Self {
        Self(format!("ok {details}"))
    }

    fn refused(error: &str) -> Self {
        Self(format!("refused {}", error.replace('\n', " ")))
    }

    /// Whether it says nothing but what the other one says, too: items of a list can be missing.
    pub fn is_part_of(&self, other: &Self) -> bool {
        let items = |answer: &Self| -> Option<BTreeSet<String>> {
            let items = answer.0.strip_prefix("ok ")?.split_ascii_whitespace();
            Some(items.map(str::to_owned).collect())
        };
        match (items(self), items(other)) {
            (Some(part), Some(whole)) => part.is_subset(&whole),
            _ => false,
        }
    }

    /// The error's text, of a refusal.
    pub fn error(&self) -> Option<&str> {
        self.0.strip_prefix("refused ")
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Performs a step on a node in Marine.
///
/// # Errors
/// [`Failure`]: a trap, or a result of another form.
pub fn on_marine(node: &mut Node, step: &Step) -> Result<Answer, Failure> {
    let (function, arguments) = call_of(step);
    let init_peer = match step.operation {
        Operation::EvictStale | Operation::SetExpiredTimeout(_) => node.host.clone(),
        // Registered by anybody else it is not new, but partial.
        Operation::RegisterKey(_) => Script::owner(),
        _ => Peer::named("a client"),
    };
    let outcome = node.proved(function, arguments, &init_peer)?;
    marine_answer(&step.operation, &outcome)
}

fn call_of(step: &Step) -> (&'static str, Value) {
    let now = step.now;
    match &step.operation {
        Operation::RegisterKey(key) => (
            "register_key",
            json!([
                key.label,
                [key.owner_peer_id],
                key.timestamp_created,
                key.challenge,
                key.challenge_type,
                key.signature,
                no_weight(),
                now
            ]),
        ),
        Operation::RepublishKey(key) => ("republish_key", json!([key, no_weight(), now])),
        Operation::PutRecord(record, weight) => (
            "put_record",
            json!([record.metadata, record.timestamp_created, record.signature, weight, now]),
        ),
        Operation::PutHostRecord(metadata, weight) => ("put_host_record", json!([metadata, [weight], now])),
        Operation::RepublishRecords(records, weights) => ("republish_records", json!([records, weights, now])),
        Operation::AddTombstone(tombstone) => (
            "add_tombstone",
            json!([
                tombstone.key_id,
                tombstone.issued_by,
                tombstone.peer_id,
                tombstone.timestamp_issued,
                tombstone.solution,
                tombstone.issuer_signature,
                now
            ]),
        ),
        Operation::RepublishTombstones(tombstones) => ("republish_tombstones", json!([tombstones, now])),
        Operation::GetRecords(key_id) => ("get_records", json!([key_id, now])),
        Operation::GetTombstones(key_id) => ("get_tombstones", json!([key_id, now])),
        Operation::EvictStale => ("evict_stale", json!([now])),
        Operation::ClearExpired => ("clear_expired", json!([now])),
        Operation::SetExpiredTimeout(sec) => ("set_expired_timeout", json!([sec])),
    }
}

fn marine_answer(operation: &Operation, outcome: &Outcome) -> Result<Answer, Failure> {
    let Outcome { success, error, value } = outcome;
    if !success {
        return Ok(Answer::refused(error));
    }
    let list = value["result"].clone();
    let of_another_form = |error: serde_json::Error| Failure::Broken(format!("a row of another form: {error}"));
    Ok(match operation {
        Operation::RegisterKey(_) => Answer::ok(value["key_id"].as_str().unwrap_or_default()),
        Operation::RepublishRecords(..) => Answer::ok(&value["updated"]),
        Operation::GetRecords(_) => listed(&serde_json::from_value::<Vec<Record>>(list).map_err(of_another_form)?),
        Operation::GetTombstones(_) => {
            listed(&serde_json::from_value::<Vec<Tombstone>>(list).map_err(of_another_form)?)
        }
        Operation::ClearExpired => cleared([
            &value["count_keys"],
            &value["count_records"],
            &value["count_tombstones"],
        ]),
        _ => Answer::ok(""),
    })
}

/// Performs a step on the model.
pub(super) fn on_native(node: &mut NativeNode, step: &Step) -> Answer {
    let now = step.now;
    let none = |()| Answer::ok("");
    let answer = match &step.operation {
        Operation::RegisterKey(key) => node.register_key(key, now).map(Answer::ok),
        Operation::RepublishKey(key) => node.republish_key(key, now).map(none),
        Operation::PutRecord(record, weight) => node.put_weighed(record, weight, now).map(none),
        Operation::PutHostRecord(metadata, _) => node.put_host_record(metadata, now).map(|_| Answer::ok("")),
        Operation::RepublishRecords(records, weights) => node.republish_weighed(records, weights, now).map(|done| {
            if done.refused.is_empty() {
                Answer::ok(done.updated)
            } else {
                Answer::refused(&done.error())
            }
        }),
        Operation::AddTombstone(tombstone) => node.add_tombstone(tombstone, now).map(none),
        Operation::RepublishTombstones(tombstones) => node.republish_tombstones(tombstones, now).map(|done| {
            if done.refused.is_empty() {
                Answer::ok("")
            } else {
                Answer::refused(&done.error())
            }
        }),
        Operation::GetRecords(key_id) => node.get_records(key_id, now).map(|list| listed(&list)),
        Operation::GetTombstones(key_id) => node.get_tombstones(key_id, now).map(|list| listed(&list)),
        Operation::EvictStale => node.evict_stale(now).map(|_| Answer::ok("")),
        Operation::ClearExpired => node
            .clear_expired(now)
            .map(|done| cleared([done.keys, done.records, done.tombstones])),
        Operation::SetExpiredTimeout(sec) => node.set_expired_timeout(*sec).map(none),
    };
    answer.unwrap_or_else(|error: CallError| Answer::refused(&error.to_string()))
}

/// A digest of each item, in their order.
fn listed<T: Serialize>(items: &[T]) -> Answer {
    let digests = items.iter().map(|item| {
        let mut digest = format!("{:x}", Sha256::digest(serde_json::to_vec(item).unwrap_or_default()));
        digest.truncate(DIGEST_CHARS);
        digest
    });
    Answer::ok(digests.collect::<Vec<_>>().join(" "))
}

fn cleared<T: std::fmt::Display>([keys, records, tombstones]: [T; 3]) -> Answer {
    Answer::ok(format_args!(
        "{keys} keys {records} records {tombstones} tombstones cleared"
    ))
}

/// Reads all that a node may hold before step `number`: each answer beside the model's.
///
/// # Errors
/// [`Failure`]: a trap.
pub(super) fn read_both(
    node: &mut Node,
    model: &mut NativeNode,
    script: &Script,
    number: u64,
) -> Result<Vec<(Step, Answer, Answer)>, Failure> {
    let now = Script::time_of(number);
    let mut answers = Vec::new();
    for key_id in script.key_ids(number) {
        for operation in [Operation::GetRecords(key_id.clone()), Operation::GetTombstones(key_id)] {
            let step = Step { number, now, operation };
            let (found, expected) = (on_marine(node, &step)?, on_native(model, &step));
            answers.push((step, found, expected));
        }
    }
    Ok(answers)
}
