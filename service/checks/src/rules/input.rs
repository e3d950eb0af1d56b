use marine_host::CallError;
use registry_testkit::{Origins, Peer};
use serde_json::{json, Value};

use super::admission::provider;
use super::hostile::{variants, HUGE, LARGE};
use crate::{ensure, Failure, Outcome, Subject, World, HOUR_SEC, NOW};

/// No error text is longer than this, in bytes, whatever was sent.
const ERROR_LEN_MAX: usize = 4_000;

/// What is stored before each function is tried.
struct Stored {
    key: Value,
    record: Value,
    tombstone: Value,
}

fn store(world: &mut World) -> Result<Stored, Failure> {
    let (owner, issuer, deleted) = (Peer::named("owner"), Peer::named("issuer"), Peer::named("deleted"));
    let key_id = world.key("label")?;
    let signature = world.signed(
        "get_key_bytes",
        json!(["label", [owner.id()], NOW, [1], "type"]),
        &owner,
    )?;
    let key = json!({
        "id": key_id, "label": "label", "owner_peer_id": owner.id(), "timestamp_created": NOW, "challenge": [1],
        "challenge_type": "type", "signature": signature,
    });
    let fields = json!([
        key_id,
        issuer.id(),
        NOW,
        "value",
        issuer.id(),
        [owner.id()],
        ["service"],
        [1]
    ]);
    let signature = world.signed("get_record_metadata_bytes", fields.clone(), &issuer)?;
    let mut arguments = fields.as_array().cloned().unwrap_or_default();
    arguments.push(json!(signature));
    let origins = Origins::new(&world.host, &issuer, 9);
    let metadata = world.call("create_record_metadata", json!(arguments), origins)?;
    let record = world.record(&issuer, metadata, NOW)?;
    world.put_record(&record, &issuer, NOW)?.ok()?;
    let bytes = json!([key_id, deleted.id(), deleted.id(), NOW, [1]]);
    let signature = world.signed("get_tombstone_bytes", bytes, &deleted)?;
    let tombstone = json!({
        "key_id": key_id, "issued_by": deleted.id(), "peer_id": deleted.id(), "timestamp_issued": NOW,
        "solution": [1], "issuer_signature": signature,
    });
    world.by_client("republish_tombstones", json!([[tombstone], NOW]))?;
    Ok(Stored { key, record, tombstone })
}

/// A genuine call of every function that every registry has, every list with one item at least.
fn calls(stored: &Stored) -> Vec<(&'static str, Value)> {
    let Stored { key, record, tombstone } = stored;
    let metadata = &record["metadata"];
    let field = |name: &str| metadata[name].clone();
    let weight = |peer_id: &Value| json!({ "success": true, "weight": 0, "peer_id": peer_id, "error": "none" });
    let (key_id, owner) = (&key["id"], &key["owner_peer_id"]);
    let owner_weight = weight(owner);
    let issuer_weight = weight(&metadata["issued_by"]);
    let metadata_fields = json!([
        key_id,
        field("issued_by"),
        NOW,
        "value",
        field("peer_id"),
        field("relay_id"),
        field("service_id"),
        [1]
    ]);
    let mut created = metadata_fields.as_array().cloned().unwrap_or_default();
    created.push(field("issuer_signature"));
    vec![
        ("get_key_bytes", json!(["label", [owner], NOW, [1], "type"])),
        ("get_key_id", json!(["label", owner])),
        (
            "register_key",
            json!(["label", [owner], NOW, [1], "type", key["signature"], owner_weight, NOW]),
        ),
        ("get_key_metadata", json!([key_id])),
        ("republish_key", json!([key, owner_weight, NOW])),
        ("merge_keys", json!([[key]])),
        ("get_record_metadata_bytes", metadata_fields),
        ("create_record_metadata", json!(created)),
        ("get_record_bytes", json!([metadata, NOW])),
        (
            "put_record",
            json!([metadata, NOW, record["signature"], issuer_weight, NOW]),
        ),
        ("get_records", json!([key_id, NOW])),
        ("republish_records", json!([[record], [issuer_weight], NOW])),
        ("get_stale_local_records", json!([NOW])),
        (
            "get_tombstone_bytes",
            json!([key_id, tombstone["issued_by"], tombstone["peer_id"], NOW, [1]]),
        ),
        (
            "add_tombstone",
            json!([
                key_id,
                tombstone["issued_by"],
                tombstone["peer_id"],
                NOW,
                [1],
                tombstone["issuer_signature"],
                NOW
            ]),
        ),
        ("get_tombstones", json!([key_id, NOW])),
        ("republish_tombstones", json!([[tombstone], NOW])),
        ("merge", json!([[[record]]])),
        ("merge_two", json!([[record], [record]])),
        ("evict_stale", json!([NOW])),
        ("set_expired_timeout", json!([3_600])),
        ("set_stale_timeout", json!([3_600])),
        ("clear_expired", json!([NOW])),
    ]
}

/// The same for the functions that are new here.
fn new_calls(stored: &Stored, host_metadata: &Value) -> Vec<(&'static str, Value)> {
    let Stored { key, record, .. } = stored;
    let none = json!({ "success": false, "weight": 0, "peer_id": "none", "error": "none" });
    let result = json!({ "success": true, "error": "none", "record": record });
    vec![
        ("merge_keys_of", json!([key["id"], [key]])),
        ("get_records_packed", json!([key["id"], NOW])),
        ("merge_packed", json!([key["id"], ["AAAA"]])),
        ("put_host_record", json!([host_metadata, none, NOW])),
        ("propagate_host_record", json!([result, none, NOW])),
        ("confirm_replicated", json!([[key["id"]], NOW])),
        ("get_stats", json!([])),
    ]
}

/// A genuine call of every function that this module has.
fn all_calls(world: &mut World, stored: &Stored) -> Result<Vec<(&'static str, Value)>, Failure> {
    let (issuer, host) = (Peer::named("issuer"), world.host.clone());
    let key_id = stored.key["id"].as_str().unwrap_or_default();
    let host_metadata = world.metadata((&issuer, &host), key_id, "hosted", NOW)?;
    let mut calls = calls(stored);
    calls.extend(new_calls(stored, &host_metadata));
    let interface = world.service().interface();
    calls.retain(|(name, _)| {
        interface
            .function_signatures
            .iter()
            .any(|function| function.name == *name)
    });
    Ok(calls)
}

/// Calls with hostile arguments of a proved origin: the module must stand what a script really can pass.
fn attempt(world: &mut World, function: &str, arguments: Value, what: &str) -> Result<Option<Outcome>, Failure> {
    let caller = Peer::named("issuer");
    let mut origins = world.origins(function, &arguments, &caller);
    if function == "propagate_host_record" {
        let peer_id = arguments[0]["record"]["metadata"]["peer_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        origins = origins.with(0, &peer_id, "registry", "put_host_record").time(2);
    }
    match world.call(function, arguments, origins) {
        Ok(value) => Ok(Some(Outcome::of(value))),
        Err(error) if refused_by_host(&error) => Ok(None),
        Err(error) => Err(match Failure::from(error) {
            Failure::Trap(why) => Failure::Trap(format!("{function}, {what}: {why}")),
            other => other,
        }),
    }
}

/// Whether Marine itself refused the arguments before the module was asked: a number that does not fit its type, among
/// them every u64 above `i64::MAX`.
fn refused_by_host(error: &CallError) -> bool {
    match error {
        CallError::Arguments { .. } => true,
        CallError::Failed { source, .. } => source.to_string().contains("i64.from_u64"),
        CallError::UnknownFunction { .. } => false,
    }
}

pub(super) fn bad_input_never_traps(world: &mut World) -> Result<(), Failure> {
    // 0.9.4 spells a signature that does not fit out in base58, which takes it minutes for a megabyte.
    let sizes = match world.subject() {
        Subject::Here => HUGE,
        Subject::Reference => LARGE,
    };
    let stored = store(world)?;
    for (function, arguments) in all_calls(world, &stored)? {
        for variant in variants(&arguments, sizes) {
            attempt(world, function, variant.arguments, &variant.what)?;
        }
        store(world)?;
    }
    ensure!(
        !world
            .records(stored.key["id"].as_str().unwrap_or_default(), NOW)?
            .is_empty(),
        "the record has gone"
    );
    Ok(())
}

pub(super) fn a_refused_call_changes_nothing_and_says_why(world: &mut World) -> Result<(), Failure> {
    let stored = store(world)?;
    for (function, arguments) in all_calls(world, &stored)? {
        store(world)?;
        let mut before = fingerprint(world, &stored)?;
        for variant in variants(&arguments, LARGE) {
            let what = variant.what;
            let Some(outcome) = attempt(world, function, variant.arguments, &what)? else {
                continue;
            };
            let after = fingerprint(world, &stored)?;
            let refused = outcome.value["success"] == json!(false);
            if refused {
                ensure!(
                    before == after,
                    "{function}, {what}: refused, but the database has changed"
                );
                let len = outcome.error.len();
                ensure!(len > 0, "{function}, {what}: refused without a word");
                ensure!(len <= ERROR_LEN_MAX, "{function}, {what}: an error text of {len} bytes");
            }
            before = after;
        }
    }
    Ok(())
}

/// What can be seen of the database from outside.
fn fingerprint(world: &mut World, stored: &Stored) -> Result<Value, Failure> {
    let key_id = &stored.key["id"];
    let mut seen = Vec::new();
    for (function, arguments) in [
        ("get_key_metadata", json!([key_id])),
        ("get_records", json!([key_id, NOW])),
        ("get_tombstones", json!([key_id, NOW])),
        ("get_stats", json!([])),
    ] {
        match world.by_client(function, arguments) {
            Ok(outcome) => seen.push(outcome.value),
            // The reference does not count.
            Err(Failure::NoSuchFunction(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(Value::Array(seen))
}

/// An error text that repeats what was sent costs the node more than it costs the sender.
pub(super) fn an_oversized_signature_is_refused_in_a_few_words(world: &mut World) -> Result<(), Failure> {
    let peer = provider(0);
    let key_id = world.key("label")?;
    let mut record = world.own_record(&peer, &key_id, "value", NOW)?;
    record["signature"] = json!(vec![7; 16 * 1024]);
    let why = world.put_record(&record, &peer, NOW)?.refused()?;
    ensure!(why.len() <= ERROR_LEN_MAX, "an error text of {} bytes", why.len());
    Ok(())
}

pub(super) fn huge_lists_are_refused(world: &mut World) -> Result<(), Failure> {
    let stored = store(world)?;
    let Stored { key, record, tombstone } = &stored;
    let calls = [
        ("merge", json!([vec![vec![record]; 257]])),
        ("merge", json!([[vec![record; 16_385]]])),
        ("merge_two", json!([vec![record; 8_193], vec![record; 8_193]])),
        ("merge_keys", json!([vec![key; 257]])),
        ("republish_records", json!([vec![record; 545], [], NOW])),
        ("republish_tombstones", json!([vec![tombstone; 545], NOW])),
    ];
    for (function, arguments) in calls {
        let why = world
            .by_client(function, arguments)?
            .refused()
            .map_err(|_| format!("{function} took it in"))?;
        ensure!(why.contains("at most"), "{function} does not name its limit: {why}");
    }
    Ok(())
}

pub(super) fn records_of_several_keys_in_one_batch_are_refused(world: &mut World) -> Result<(), Failure> {
    let (one, two) = (world.key("one")?, world.key("two")?);
    let records = [
        world.own_record(&provider(0), &one, "one", NOW)?,
        world.own_record(&provider(0), &two, "two", NOW)?,
    ];
    world.republish_records(&records, NOW)?.refused()?;
    for key_id in [one, two] {
        ensure!(world.records(&key_id, NOW)?.is_empty(), "half of the batch came in");
    }
    Ok(())
}

pub(super) fn an_empty_batch_is_refused(world: &mut World) -> Result<(), Failure> {
    world.key("label")?;
    let calls = [
        ("republish_records", json!([[], [], NOW])),
        ("republish_tombstones", json!([[], NOW])),
        ("merge_keys", json!([[]])),
    ];
    for (function, arguments) in calls {
        let outcome = world.by_client(function, arguments)?;
        ensure!(!outcome.success, "{function} of nothing succeeded");
        ensure!(
            outcome.error.contains("empty"),
            "{function} does not say what is wrong: {}",
            outcome.error
        );
    }
    Ok(())
}

pub(super) fn a_key_id_that_is_not_its_labels_and_owners_is_refused(world: &mut World) -> Result<(), Failure> {
    let owner = Peer::named("owner");
    let mut key = world.signed_key(&owner, "label", NOW)?;
    key["id"] = world.signed_key(&owner, "another", NOW)?["id"].clone();
    let weight = json!({ "success": true, "weight": 0, "peer_id": owner.id(), "error": "" });
    world
        .proved("republish_key", json!([key, weight, NOW]), &owner)?
        .refused()?;
    let held = world.by_client("get_key_metadata", json!([key["id"]]))?;
    ensure!(!held.success, "a key is stored under a false id");
    Ok(())
}

pub(super) fn quotes_and_nul_are_kept_as_they_are(world: &mut World) -> Result<(), Failure> {
    let label = "'; DROP TABLE keys; --\"`\\\u{1F600}";
    let value = "it's a \"value\"\n\0 with NUL,\tcommas, a:b and \u{1F600}";
    let key_id = world.key(label)?;
    world.put_own(&provider(0), &key_id, value, NOW)?;
    let key = world.by_client("get_key_metadata", json!([key_id]))?.ok()?;
    ensure!(
        key["key"]["label"] == label,
        "the label came back as {}",
        key["key"]["label"]
    );
    ensure!(
        world.values(&key_id, NOW)?.contains(value),
        "the value came back changed"
    );
    // From the database, not from memory.
    let due = world.by_client("evict_stale", json!([NOW + HOUR_SEC + 1]))?.ok()?;
    let stored = &due["results"][0];
    let texts = (&stored["key"]["label"], &stored["records"][0]["metadata"]["value"]);
    ensure!(
        texts == (&json!(label), &json!(value)),
        "they are stored as {} and {}",
        texts.0,
        texts.1
    );
    Ok(())
}

pub(super) fn an_unknown_key_is_named_in_the_error(world: &mut World) -> Result<(), Failure> {
    let peer = provider(0);
    let unknown = world.signed_key(&peer, "unknown", NOW)?["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let record = world.own_record(&peer, &unknown, "value", NOW)?;
    let outcomes = [
        world.put_record(&record, &peer, NOW)?,
        world.by_client("get_key_metadata", json!([unknown]))?,
        world.add_tombstone((&peer, &peer), &unknown, NOW, NOW)?,
        world.get_records(&unknown, NOW)?,
        world.republish_records(&[record], NOW)?,
    ];
    for outcome in outcomes {
        let why = outcome.refused()?;
        ensure!(why.contains(&unknown), "the error does not name the key: {why}");
    }
    Ok(())
}

pub(super) fn get_stats_counts_what_is_stored(world: &mut World) -> Result<(), Failure> {
    let (host, gone) = (world.host.clone(), provider(9));
    let empty = world.by_client("get_stats", json!([]))?.ok()?;
    for label in ["one", "two"] {
        let key_id = world.key(label)?;
        for position in 0..3 {
            world.put_own(&provider(position), &key_id, "value", NOW)?;
        }
        world.put_own(&host, &key_id, "hosted", NOW)?;
        world.add_tombstone((&gone, &gone), &key_id, NOW, NOW)?.ok()?;
    }
    for restarted in [false, true] {
        if restarted {
            world.restart()?;
        }
        let stats = world.by_client("get_stats", json!([]))?.ok()?;
        let counts: Vec<&Value> = ["keys", "records", "host_records", "tombstones"]
            .map(|name| &stats[name])
            .to_vec();
        ensure!(json!(counts) == json!([2, 6, 2, 2]), "the counts are {counts:?}");
        ensure!(stats["db_size_bytes"].as_u64() > Some(0), "the database has no size");
        ensure!(stats["schema_version"].as_u64() > Some(0), "the schema has no version");
        ensure!(
            stats["service_version"] == empty["service_version"],
            "the version changes"
        );
    }
    ensure!(
        empty["keys"] == 0 && empty["records"] == 0,
        "an empty database holds something"
    );
    Ok(())
}
