use registry_testkit::Peer;
use serde_json::{json, Value};

use super::admission::provider;
use super::genuine::{calls, store, Call, Stored};
use super::hostile::{refused_by_host, variants, Variant, ERROR_LEN_MAX, HUGE, LARGE};
use crate::{ensure, Failure, Subject, World, HOUR_SEC, NOW};

/// Calls with hostile arguments of a proved origin: the module must stand what a script really can pass.
fn attempt(world: &mut World, call: &Call, variant: Variant) -> Result<Option<Value>, Failure> {
    let Variant { what, arguments } = variant;
    let origins = call.origins(world, &Peer::named("issuer"), &arguments);
    match world.call(&call.function, arguments, origins) {
        Ok(value) => Ok(Some(value)),
        Err(error) if refused_by_host(&error) => Ok(None),
        Err(error) => Err(match Failure::from(error) {
            Failure::Trap(why) => Failure::Trap(format!("{}, {what}: {why}", call.function)),
            other => other,
        }),
    }
}

pub(super) fn bad_input_never_traps(world: &mut World) -> Result<(), Failure> {
    // 0.9.4 spells a signature that does not fit out in base58, which takes it minutes for a megabyte.
    let sizes = match world.subject() {
        Subject::Here => HUGE,
        Subject::Reference => LARGE,
    };
    let stored = store(world)?;
    for call in calls(world, &stored)? {
        for variant in variants(&call.arguments, sizes) {
            attempt(world, &call, variant)?;
        }
        // A proved time far ahead may have ended everything.
        store(world)?;
    }
    let key_id = stored.key["id"].as_str().unwrap_or_default();
    ensure!(!world.records(key_id, NOW)?.is_empty(), "the record has gone");
    Ok(())
}

pub(super) fn a_refused_call_changes_nothing_and_says_why(world: &mut World) -> Result<(), Failure> {
    let stored = store(world)?;
    for call in calls(world, &stored)? {
        store(world)?;
        let mut before = fingerprint(world, &stored)?;
        for variant in variants(&call.arguments, LARGE) {
            let what = format!("{}, {}", call.function, variant.what);
            let Some(value) = attempt(world, &call, variant)? else {
                continue;
            };
            let after = fingerprint(world, &stored)?;
            if let Some(error) = refusal(&call.function, &value) {
                ensure!(before == after, "{what}: refused, but the database has changed");
                ensure!(!error.is_empty(), "{what}: refused without a word");
                ensure!(
                    error.len() <= ERROR_LEN_MAX,
                    "{what}: an error text of {} bytes",
                    error.len()
                );
            }
            before = after;
        }
    }
    Ok(())
}

/// The text of a result that says no: `success` is false; or a text is what is wrong; or a plan has nobody to ask, for the one
/// reason that it gives.
fn refusal<'v>(function: &str, value: &'v Value) -> Option<&'v str> {
    if value["success"] == json!(false) {
        return value["error"].as_str().or(Some(""));
    }
    match function {
        "note_replica" | "note_neighbours" => value.as_str().filter(|error| !error.is_empty()),
        "begin_lookup" | "spread" => {
            let (here, ask) = (value["here"].as_array()?, value["ask"].as_array()?);
            let [answer] = here.as_slice() else { return None };
            let is_refused = ask.is_empty() && answer["counts"] == json!([]);
            answer["error"].as_str().filter(|error| is_refused && !error.is_empty())
        }
        _ => None,
    }
}

/// What can be seen of the database from outside.
fn fingerprint(world: &mut World, stored: &Stored) -> Result<Value, Failure> {
    let key_id = &stored.key["id"];
    let mut seen = Vec::new();
    for (function, arguments) in [
        ("get_key_metadata", json!([key_id])),
        ("get_records", json!([key_id, NOW])),
        ("get_tombstones", json!([key_id, NOW])),
        ("get_stats", json!([NOW])),
    ] {
        match world.by_client(function, arguments) {
            Ok(mut outcome) => {
                // What was refused is counted, in memory.
                if let Some(stats) = outcome.value.as_object_mut() {
                    stats.remove("refused");
                }
                seen.push(outcome.value);
            }
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
    let empty = world.by_client("get_stats", json!([NOW]))?.ok()?;
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
        let stats = world.by_client("get_stats", json!([NOW]))?.ok()?;
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

pub(super) fn more_than_one_relay_service_or_owner_is_refused(world: &mut World) -> Result<(), Failure> {
    let (peer, now) = (provider(0), NOW);
    let key_id = world.key("label")?;
    let relay = provider(1);
    for (relays, services) in [(vec![relay.id(); 2], vec![]), (vec![], vec!["one", "two"])] {
        let mut metadata = world.metadata((&peer, &peer), &key_id, "value", now)?;
        metadata["relay_id"] = json!(relays);
        metadata["service_id"] = json!(services);
        let fields = json!([key_id, peer.id(), now, "value", peer.id(), relays, services, []]);
        metadata["issuer_signature"] = json!(world.signed("get_record_metadata_bytes", fields, &peer)?);
        let record = world.record(&peer, metadata, now)?;
        world.put_record(&record, &peer, now)?.refused()?;
    }
    let owners = json!([peer.id(), relay.id()]);
    let signature = world.signed("get_key_bytes", json!(["two owners", owners, now, [], ""]), &peer)?;
    let weight = json!({ "success": true, "weight": 0, "peer_id": peer.id(), "error": "" });
    let arguments = json!(["two owners", owners, now, [], "", signature, weight, now]);
    world.proved("register_key", arguments, &peer)?.refused()?;
    Ok(())
}

pub(super) fn what_is_too_long_is_refused_with_its_limit(world: &mut World) -> Result<(), Failure> {
    let (owner, peer) = (Peer::named("owner"), provider(0));
    let key_id = world.key("label")?;
    world.register_key(&owner, &"l".repeat(512), NOW)?.ok()?;
    let label = world.register_key(&owner, &"l".repeat(513), NOW)?.refused()?;
    ensure!(label.contains("512"), "the limit of a label is not named: {label}");
    world.put_own(&peer, &key_id, &"v".repeat(4_096), NOW)?;
    let record = world.own_record(&peer, &key_id, &"v".repeat(4_097), NOW + 1)?;
    let value = world.put_record(&record, &peer, NOW + 1)?.refused()?;
    ensure!(value.contains("4096"), "the limit of a value is not named: {value}");
    Ok(())
}
