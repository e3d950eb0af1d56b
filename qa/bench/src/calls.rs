//! The exported calls and what each is timed at.

use std::path::Path;
use std::time::Duration;

use eyre::{ensure, eyre, Result};
use indicatif::{ProgressBar, ProgressStyle};
use marine_host::{MarineHost, ServiceSpec};
use registry_checks::{records_of, spec_of_artifacts, Node, Outcome, Subject};
use registry_testkit::{Origins, Peer};
use serde_json::{json, Value};

use crate::case::{Against, Call, Case};
use crate::measure::{timed, Times};
use crate::report;

const NOW: u64 = 1_700_000_000;
const STALE_SEC: u64 = 3_600;
const LISTS: usize = 20;
const RECORDS: usize = 32;
const STALE_KEYS: usize = 50;

const CASES: [Case; 23] = [
    Case::new("get_records, 32 records", Some(25.0), get_records),
    Case::new("get_answer, 32 records", None, get_answer).against(Against::Case("get_records, 32 records")),
    Case::new("put_record, new", Some(4.0), put_record),
    Case::new("put_record, refused at its proof", None, put_record).refused(),
    Case::new("put_record, key full", None, put_record_full).against(Against::Nothing),
    Case::new("put_record, renewed", None, put_record_renewed).against(Against::Nothing),
    Case::new("register_key", Some(4.0), register_key),
    Case::new("register_key, refused at its proof", None, register_key).refused(),
    Case::new("republish_key, known", Some(10.0), republish_key),
    Case::new("republish_records, 32 known", Some(20.0), republish_known),
    Case::new("republish_records, 32 new", Some(5.0), republish_new),
    Case::new("republish_records, refused at its proof", None, republish_new).refused(),
    Case::new("merge, 20 lists of 32 unseen", None, merge_unseen),
    Case::new("merge, 20 lists of 32", Some(1.0), merge),
    Case::new("evict_stale, per key", Some(25.0), evict_stale).per(stale_keys),
    Case::new("get_key_metadata", None, get_key_metadata),
    Case::new("get_key_bytes", None, get_key_bytes),
    Case::new("get_record_metadata_bytes", None, get_record_metadata_bytes),
    Case::new("add_tombstone", None, add_tombstone),
    Case::new("get_tombstones", None, get_tombstones),
    Case::new("get_stale_local_records", None, get_stale_local_records),
    Case::new("put_host_record", None, put_host_record).against(Against::Nothing),
    Case::new("clear_expired, nothing to do", None, clear_expired),
];

/// Times the calls beside the reference's, or beside those of the artifacts of another build in `before`.
pub(crate) fn run(rounds: u32, only: Option<&str>, before: Option<&Path>) -> Result<()> {
    let marine = MarineHost::new()?;
    let directory = tempfile::tempdir()?;
    let start = |spec: ServiceSpec| Node::start_service(&marine, spec, Peer::named("the host"));
    let storage = |subject: Subject| directory.path().join(subject.name());
    let mut here = start(Subject::Here.spec(&storage(Subject::Here)))?;
    let compared_storage = storage(Subject::Reference);
    let mut reference = start(match before {
        Some(artifacts) => spec_of_artifacts(artifacts, &compared_storage),
        None => Subject::Reference.spec(&compared_storage),
    })?;
    let cases: Vec<&Case> = CASES
        .iter()
        .filter(|case| only.is_none_or(|part| case.name.contains(part)))
        .collect();
    ensure!(
        !cases.is_empty(),
        "no call has `{}` in its name",
        only.unwrap_or_default()
    );

    let progress = ProgressBar::new(cases.len() as u64 * u64::from(rounds));
    progress.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")?);
    let mut rows = Vec::new();
    for case in cases {
        progress.set_message(case.name);
        let compared = match case.against {
            _ if before.is_some() => Some(case),
            Against::Same => Some(case),
            Against::Nothing => None,
            Against::Case(name) => CASES.iter().find(|case| case.name == name),
        };
        let (mut ours, mut theirs) = (Times::default(), Times::default());
        // The first round warms up: statements are prepared, pages read.
        for round in 0..=u64::from(rounds) {
            let time = run_once(&mut here, case, round)?;
            let compared = compared.map(|case| run_once(&mut reference, case, round));
            let compared = match before {
                // What it does not have is not compared.
                Some(_) => compared.and_then(Result::ok),
                None => compared.transpose()?,
            };
            if round > 0 {
                ours.push(time);
                compared.into_iter().for_each(|time| theirs.push(time));
                progress.inc(1);
            }
        }
        rows.push(report::Row {
            name: case.name,
            reference: theirs.median(),
            here: ours.median().ok_or_else(|| eyre!("no round was timed"))?,
            goal: case.goal.filter(|_| before.is_none()),
        });
    }
    progress.finish_and_clear();
    report::calls(&rows, before.map_or("0.9.4 ms", |_| "before ms"));
    Ok(())
}

fn run_once(node: &mut Node, case: &Case, round: u64) -> Result<Duration> {
    let Call {
        function,
        arguments,
        init_peer,
    } = (case.prepare)(node, round)?;
    let origins = match case.refused {
        false => node.origins(function, &arguments, &init_peer),
        true => unproved(node, function, &arguments, &init_peer),
    };
    let (result, time) = timed(|| node.call(function, arguments, origins));
    let result = result?;
    let success = result.get("success") != Some(&json!(false));
    ensure!(success != case.refused, "{function} in `{}`: {result}", case.name);
    Ok(time / (case.units)(&result).max(1) as u32)
}

/// The floor of a call that needs proof: its arguments and their origins are taken in, and found wanting.
fn unproved(node: &Node, function: &str, arguments: &Value, init_peer: &Peer) -> Origins {
    let elsewhere = Peer::named("another host");
    (0..arguments.as_array().map_or(0, Vec::len)).fold(node.origins(function, arguments, init_peer), |origins, n| {
        let weights = arguments[n]
            .as_array()
            .filter(|list| list.iter().any(|item| item.get("weight").is_some()));
        match weights {
            Some(_) => origins,
            None => origins.with(n, elsewhere.id(), "peer", "timestamp_sec"),
        }
    })
}

fn client() -> Peer {
    Peer::named("a client")
}

fn call(function: &'static str, arguments: Value) -> Result<Call> {
    Ok(Call {
        function,
        arguments,
        init_peer: client(),
    })
}

fn done(outcome: Outcome) -> Result<Value> {
    outcome.ok().map_err(|error| eyre!(error))
}

fn key(node: &mut Node, label: &str, now: u64) -> Result<String> {
    let registered = done(node.register_key(&client(), label, now)?)?;
    Ok(registered["key_id"].as_str().unwrap_or_default().to_owned())
}

fn new_records(node: &mut Node, key_id: &str, now: u64) -> Result<Vec<Value>> {
    (0..RECORDS)
        .map(|n| Ok(node.own_record(&provider(n), key_id, VALUE, now)?))
        .collect()
}

const VALUE: &str = "a value of common length, such as a CID or a URL";

fn provider(n: usize) -> Peer {
    Peer::named(&format!("provider {n}"))
}

/// The key with 32 records, made the first time it is asked for.
fn full_key(node: &mut Node) -> Result<String> {
    let key_id = key(node, "full", NOW)?;
    if records_of(&node.get_records(&key_id, NOW)?.value).is_empty() {
        let records = new_records(node, &key_id, NOW)?;
        put_all(node, &records)?;
    }
    Ok(key_id)
}

fn full_key_records(node: &mut Node) -> Result<Vec<Value>> {
    let key_id = full_key(node)?;
    Ok(records_of(&done(node.get_records(&key_id, NOW)?)?))
}

fn weight(peer: &Peer) -> Value {
    json!({ "success": true, "weight": 0, "peer_id": peer.id(), "error": "" })
}

/// Puts the records of `new_records`.
fn put_all(node: &mut Node, records: &[Value]) -> Result<()> {
    for (n, record) in records.iter().enumerate() {
        done(node.put_record(record, &provider(n), NOW)?)?;
    }
    Ok(())
}

fn put_call(record: &Value, issuer: &Peer, now: u64) -> Result<Call> {
    let arguments = json!([
        record["metadata"],
        record["timestamp_created"],
        record["signature"],
        weight(issuer),
        now
    ]);
    Ok(Call {
        function: "put_record",
        arguments,
        init_peer: issuer.clone(),
    })
}

fn republish_call(records: &[Value]) -> Result<Call> {
    let weights: Vec<Value> = records
        .iter()
        .map(|record| json!({ "success": true, "weight": 0, "peer_id": record["metadata"]["issued_by"], "error": "" }))
        .collect();
    call("republish_records", json!([records, weights, NOW]))
}

fn get_records(node: &mut Node, _: u64) -> Result<Call> {
    let key_id = full_key(node)?;
    call("get_records", json!([key_id, NOW]))
}

fn get_answer(node: &mut Node, _: u64) -> Result<Call> {
    let key_id = full_key(node)?;
    call("get_answer", json!([key_id, "", NOW]))
}

fn put_record(node: &mut Node, round: u64) -> Result<Call> {
    let key_id = key(node, &format!("put {round}"), NOW)?;
    let record = node.own_record(&provider(0), &key_id, VALUE, NOW)?;
    put_call(&record, &provider(0), NOW)
}

fn put_record_full(node: &mut Node, round: u64) -> Result<Call> {
    let key_id = full_key(node)?;
    let peer = provider(RECORDS + round as usize);
    let record = node.own_record(&peer, &key_id, VALUE, NOW + 1 + round)?;
    put_call(&record, &peer, NOW + 1 + round)
}

fn put_record_renewed(node: &mut Node, round: u64) -> Result<Call> {
    let key_id = key(node, "renewed", NOW)?;
    let metadata = node.metadata((&provider(0), &provider(0)), &key_id, VALUE, NOW)?;
    let record = node.record(&provider(0), metadata, NOW + round)?;
    put_call(&record, &provider(0), NOW + round)
}

fn register_key(node: &mut Node, round: u64) -> Result<Call> {
    let label = format!("register {round}");
    let key = node.signed_key(&client(), &label, NOW)?;
    call(
        "register_key",
        json!([
            label,
            [client().id()],
            NOW,
            [],
            "",
            key["signature"],
            weight(&client()),
            NOW
        ]),
    )
}

fn republish_key(node: &mut Node, round: u64) -> Result<Call> {
    key(node, "republished", NOW)?;
    let key = node.signed_key(&client(), "republished", NOW)?;
    call("republish_key", json!([key, weight(&client()), NOW + round]))
}

fn republish_known(node: &mut Node, _: u64) -> Result<Call> {
    let key_id = key(node, "known", NOW)?;
    let mut records = records_of(&node.get_records(&key_id, NOW)?.value);
    if records.is_empty() {
        records = new_records(node, &key_id, NOW)?;
        put_all(node, &records)?;
    }
    republish_call(&records)
}

fn republish_new(node: &mut Node, round: u64) -> Result<Call> {
    let key_id = key(node, &format!("new {round}"), NOW)?;
    let records = new_records(node, &key_id, NOW)?;
    republish_call(&records)
}

fn merge(node: &mut Node, _: u64) -> Result<Call> {
    let records = full_key_records(node)?;
    call("merge", json!([vec![records; LISTS]]))
}

fn merge_unseen(node: &mut Node, round: u64) -> Result<Call> {
    let key_id = key(node, &format!("unseen {round}"), NOW)?;
    let records = new_records(node, &key_id, NOW)?;
    call("merge", json!([vec![records; LISTS]]))
}

fn evict_stale(node: &mut Node, round: u64) -> Result<Call> {
    let now = NOW + round * 2 * STALE_SEC;
    for n in 0..STALE_KEYS {
        let key_id = key(node, &format!("stale {round} {n}"), now)?;
        let record = node.own_record(&provider(0), &key_id, VALUE, now)?;
        done(node.put_record(&record, &provider(0), now)?)?;
    }
    Ok(Call {
        function: "evict_stale",
        arguments: json!([now + STALE_SEC]),
        init_peer: node.host.clone(),
    })
}

fn stale_keys(result: &Value) -> usize {
    result["results"].as_array().map_or(0, Vec::len)
}

fn get_key_metadata(node: &mut Node, _: u64) -> Result<Call> {
    let key_id = key(node, "metadata", NOW)?;
    call("get_key_metadata", json!([key_id]))
}

fn get_key_bytes(_: &mut Node, _: u64) -> Result<Call> {
    call("get_key_bytes", json!(["label", [client().id()], NOW, [], ""]))
}

fn get_record_metadata_bytes(node: &mut Node, _: u64) -> Result<Call> {
    let (key_id, id) = (key(node, "metadata", NOW)?, provider(0));
    call(
        "get_record_metadata_bytes",
        json!([key_id, id.id(), NOW, VALUE, id.id(), [id.id()], [], []]),
    )
}

fn add_tombstone(node: &mut Node, round: u64) -> Result<Call> {
    let key_id = key(node, &format!("tombstone {round}"), NOW)?;
    let issuer = provider(0);
    let record = node.own_record(&issuer, &key_id, VALUE, NOW)?;
    done(node.put_record(&record, &issuer, NOW)?)?;
    let signature = node.signed(
        "get_tombstone_bytes",
        json!([key_id, issuer.id(), issuer.id(), NOW + 1, []]),
        &issuer,
    )?;
    call(
        "add_tombstone",
        json!([key_id, issuer.id(), issuer.id(), NOW + 1, [], signature, NOW + 1]),
    )
}

fn get_tombstones(node: &mut Node, _: u64) -> Result<Call> {
    let key_id = key(node, "tombstone 0", NOW)?;
    call("get_tombstones", json!([key_id, NOW + 1]))
}

fn get_stale_local_records(_: &mut Node, _: u64) -> Result<Call> {
    call("get_stale_local_records", json!([NOW]))
}

fn put_host_record(node: &mut Node, round: u64) -> Result<Call> {
    let key_id = key(node, &format!("host {round}"), NOW)?;
    let (issuer, host) = (provider(0), node.host.clone());
    let metadata = node.metadata((&issuer, &host), &key_id, VALUE, NOW)?;
    call("put_host_record", json!([metadata, [weight(&issuer)], NOW]))
}

fn clear_expired(_: &mut Node, _: u64) -> Result<Call> {
    call("clear_expired", json!([NOW]))
}
