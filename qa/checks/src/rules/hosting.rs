use registry_testkit::{no_weight, Origins, Peer};
use serde_json::{json, Value};

use crate::{ensure, Failure, Node, Outcome, World, NOW};

/// The client's script on the provider node: metadata with the client's signature alone.
fn put_host_record(world: &mut World, key_id: &str) -> Result<Value, Failure> {
    let (client, host) = (Peer::named("client"), world.host.clone());
    let metadata = world.metadata((&client, &host), key_id, "hosted", NOW)?;
    let arguments = json!([metadata, [], NOW]);
    Ok(world.proved("put_host_record", arguments, &client)?.ok()?)
}

/// No trust-graph: a weight that needs no proof.
fn unproved() -> Value {
    let weight = no_weight();
    json!({ "success": false, "weight": weight.weight, "peer_id": weight.peer_id, "error": weight.error })
}

/// The same script on a neighbour; `origin` is what the result's tetraplet says.
fn propagate(neighbour: &mut Node, result: &Value, origin: (&str, &str, &str)) -> Result<Outcome, Failure> {
    let (peer_id, service, function) = origin;
    let origins = Origins::new(&neighbour.host, &Peer::named("client"), 7)
        .with(2, peer_id, service, function)
        .time(5);
    let value = neighbour.call("publish", json!([[], [], [result], [], [], NOW, []]), origins)?;
    Ok(Outcome::of(value))
}

pub(super) fn a_client_registers_a_node_as_provider(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let result = put_host_record(world, &key_id)?;
    let host = world.host.id().to_owned();
    ensure!(
        result["record"]["metadata"]["peer_id"] == json!(host),
        "the record names another peer"
    );
    ensure!(
        world.values(&key_id, NOW)?.contains("hosted"),
        "the provider does not return its own record"
    );

    let mut neighbour = world.start_node("neighbour")?;
    neighbour.register_key(&Peer::named("owner"), "label", NOW)?.ok()?;
    propagate(&mut neighbour, &result, (&host, "registry", "put_host_record"))?.ok()?;
    let held = neighbour.get_records(&key_id, NOW)?.ok()?;
    ensure!(
        held["result"] == json!([result["record"]]),
        "the neighbour returns {}",
        held["result"]
    );
    Ok(())
}

pub(super) fn neighbours_take_a_host_record_on_proof_only(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let result = put_host_record(world, &key_id)?;
    let (host, client) = (world.host.id().to_owned(), Peer::named("client").id().to_owned());
    let mut neighbour = world.start_node("neighbour")?;
    neighbour.register_key(&Peer::named("owner"), "label", NOW)?.ok()?;
    let origins = [
        (client.as_str(), "registry", "put_host_record"),
        (host.as_str(), "registry", "get_records"),
        (host.as_str(), "other", "put_host_record"),
        (client.as_str(), "", ""),
    ];
    for origin in origins {
        let why = propagate(&mut neighbour, &result, origin)?.refused()?;
        ensure!(!why.is_empty(), "refused without a word");
    }
    // Nobody passes it on either.
    let passed_on = neighbour.republish_records(&[result["record"].clone()], NOW)?;
    let held = neighbour.get_records(&key_id, NOW)?.ok()?;
    ensure!(
        !passed_on.success && held["result"] == json!([]),
        "an unsigned record was passed on"
    );
    Ok(())
}

pub(super) fn a_host_record_that_was_removed_does_not_come_back(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let result = put_host_record(world, &key_id)?;
    let (host, client) = (world.host.clone(), Peer::named("client"));
    let signed = world.record(&host, result["record"]["metadata"].clone(), NOW)?;
    let arguments = json!([signed["metadata"], NOW, signed["signature"], unproved(), NOW]);
    world.by_host("put_record", arguments)?.ok()?;
    let arguments = json!([key_id, client.id(), NOW]);
    world.by_client("remove_host_record", arguments.clone())?.refused()?;
    world.by_host("remove_host_record", arguments)?.ok()?;
    for now in [NOW, NOW + 3_600] {
        world.restart()?;
        world.republish_records(std::slice::from_ref(&signed), now)?;
        ensure!(world.records(&key_id, now)?.is_empty(), "a neighbour brought it back");
    }
    let due = world.by_host("get_stale_local_records", json!([NOW + 86_000]))?.ok()?;
    ensure!(due["result"] == json!([]), "it is renewed");
    Ok(())
}

pub(super) fn the_nodes_renewal_signs_a_host_record(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    put_host_record(world, &key_id)?;
    let now = NOW + 60;
    let due = world.by_host("get_stale_local_records", json!([now]))?.ok()?;
    let metadata = due["result"][0]["metadata"].clone();
    ensure!(
        metadata["value"] == "hosted",
        "the unsigned record is not due for renewal"
    );
    let host = world.host.clone();
    let signed = world.record(&host, metadata, now)?;
    let arguments = json!([signed["metadata"], now, signed["signature"], unproved(), now]);
    world.by_host("put_record", arguments)?.ok()?;
    ensure!(
        world.records(&key_id, now)? == [signed.clone()],
        "the signed record did not replace the other"
    );
    let due = world.by_host("get_stale_local_records", json!([now]))?.ok()?;
    ensure!(due["result"] == json!([]), "it is due again at once");
    let mut neighbour = world.start_node("neighbour")?;
    neighbour.register_key(&Peer::named("owner"), "label", NOW)?.ok()?;
    neighbour.republish_records(&[signed], now)?.ok()?;
    Ok(())
}
