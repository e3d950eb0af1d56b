use registry_testkit::{Origins, Peer};
use serde_json::{json, Value};

use super::admission::provider;
use crate::{ensure, Failure, Outcome, World, NOW};

fn weight(peer: &Peer, weight: u32, success: bool) -> Value {
    json!({ "success": success, "weight": weight, "peer_id": peer.id(), "error": "" })
}

/// `put_record` in a particle of the issuer, with a weight and an origin of one's own.
fn put(
    world: &mut World,
    (record, issuer): (&Value, &Peer),
    weight: &Value,
    origins: impl FnOnce(Origins) -> Origins,
) -> Result<Outcome, Failure> {
    let arguments = json!([
        record["metadata"],
        record["timestamp_created"],
        record["signature"],
        weight,
        NOW + 60
    ]);
    let origins = origins(Origins::new(&world.host, issuer, 5).time(4));
    Ok(Outcome::of(world.call("put_record", arguments, origins)?))
}

/// Where there is no trust-graph, the call of it fails and the script passes `success = false`.
pub(super) fn a_node_without_trust_graph_works(world: &mut World) -> Result<(), Failure> {
    let peer = Peer::named("peer");
    let none = json!({ "success": false, "weight": 0, "peer_id": "", "error": "no trust-graph" });
    let signature = world.signed("get_key_bytes", json!(["label", [peer.id()], NOW, [], ""]), &peer)?;
    let arguments = json!(["label", [peer.id()], NOW, [], "", signature, none, NOW]);
    let origins = Origins::new(&world.host, &peer, 8).time(7);
    let registered = Outcome::of(world.call("register_key", arguments, origins)?).ok()?;
    let key_id = registered["key_id"].as_str().unwrap_or_default().to_owned();
    let record = world.own_record(&peer, &key_id, "value", NOW)?;
    put(world, (&record, &peer), &none, |origins| origins)?.ok()?;

    let other = world.own_record(&provider(0), &key_id, "republished", NOW)?;
    let origins = Origins::new(&world.host, &peer, 3).time(2);
    let republished = world.call("republish_records", json!([[other], [none], NOW]), origins)?;
    Outcome::of(republished).ok()?;
    ensure!(world.values(&key_id, NOW)?.len() == 2, "not both records are there");
    Ok(())
}

pub(super) fn a_weight_without_proof_is_refused(world: &mut World) -> Result<(), Failure> {
    let peer = provider(0);
    let key_id = world.key("label")?;
    let record = world.own_record(&peer, &key_id, "value", NOW)?;
    let claimed = weight(&peer, 1_000, true);
    put(world, (&record, &peer), &claimed, |origins| origins)?.refused()?;
    for (service, function) in [("trust-graph", "get_weight_from"), ("trust", "get_weight"), ("", "")] {
        let host = world.host.id().to_owned();
        put(world, (&record, &peer), &claimed, |origins| {
            origins.with(3, &host, service, function)
        })?
        .refused()?;
    }
    put(world, (&record, &peer), &claimed, |origins| {
        origins.with(3, provider(1).id(), "trust-graph", "get_weight")
    })?
    .refused()?;
    ensure!(world.records(&key_id, NOW)?.is_empty(), "the record came in");
    put(world, (&record, &peer), &claimed, |origins| origins.weight(3))?.ok()?;
    Ok(())
}

pub(super) fn a_weight_of_another_peer_is_refused(world: &mut World) -> Result<(), Failure> {
    let peer = provider(0);
    let key_id = world.key("label")?;
    let record = world.own_record(&peer, &key_id, "value", NOW)?;
    let anothers = weight(&provider(1), 1_000, true);
    put(world, (&record, &peer), &anothers, |origins| origins.weight(3))?.refused()?;
    ensure!(world.records(&key_id, NOW)?.is_empty(), "the record came in");
    Ok(())
}

/// Among 32 records of weight 1 and more, the one of weight 1 goes, though it is the newest.
pub(super) fn the_lowest_weight_goes_first(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    for position in 0..34 {
        let peer = provider(position);
        let record = world.own_record(&peer, &key_id, &format!("value {position}"), NOW + position)?;
        let weight_of = weight(&peer, if position == 31 { 1 } else { 2 }, true);
        put(world, (&record, &peer), &weight_of, |origins| origins.weight(3))?
            .ok()
            .map_err(|error| format!("record {}: {error}", position + 1))?;
    }
    let values = world.values(&key_id, NOW + 60)?;
    let gone: Vec<u64> = (0..34).filter(|n| !values.contains(&format!("value {n}"))).collect();
    ensure!(
        gone == [0, 31],
        "records {gone:?} went, [31] and then [0] were expected"
    );

    let light = provider(40);
    let record = world.own_record(&light, &key_id, "light", NOW + 50)?;
    let refused = put(world, (&record, &light), &weight(&light, 1, true), |origins| {
        origins.weight(3)
    })?;
    ensure!(!refused.success, "a lighter record than all others came in");
    Ok(())
}

pub(super) fn a_time_without_proof_is_refused(world: &mut World) -> Result<(), Failure> {
    let peer = provider(0);
    let key_id = world.key("label")?;
    world.put_own(&peer, &key_id, "value", NOW)?;
    let host = world.host.id().to_owned();
    let later = NOW + 1_000_000;
    let calls = [
        ("get_records", json!([key_id, later])),
        ("get_tombstones", json!([key_id, later])),
        ("clear_expired", json!([later])),
        ("evict_stale", json!([later])),
        ("get_stale_local_records", json!([later])),
    ];
    for (function, arguments) in calls {
        let position = arguments.as_array().map_or(0, Vec::len) - 1;
        let literal = Origins::new(&world.host, &world.host, position + 1);
        let origins = [
            literal.clone(),
            literal.clone().raw(position, Vec::new()),
            literal
                .clone()
                .with(position, provider(1).id(), "peer", "timestamp_sec"),
            literal.clone().with(position, &host, "peer", "timestamp_ms"),
            literal.with(position, &host, "clock", "timestamp_sec"),
        ];
        for origin in origins {
            let outcome = Outcome::of(world.call(function, arguments.clone(), origin)?);
            ensure!(!outcome.success, "{function} took a time of unknown origin");
        }
    }
    ensure!(world.values(&key_id, NOW)?.contains("value"), "the record has gone");
    Ok(())
}
