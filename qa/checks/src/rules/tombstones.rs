use registry_testkit::Peer;
use serde_json::{json, Value};

use crate::{ensure, Failure, World, DAY_SEC, HOUR_SEC, NOW};

/// A key with a record that a tombstone, issued `after_sec` later, deleted.
fn deleted(world: &mut World, after_sec: u64) -> Result<(String, Value), Failure> {
    let provider = Peer::named("provider");
    let key_id = world.key("label")?;
    let record = world.put_own(&provider, &key_id, "deleted", NOW)?;
    let at = NOW + after_sec;
    world.add_tombstone((&provider, &provider), &key_id, at, at)?.ok()?;
    Ok((key_id, record))
}

pub(super) fn tombstones_are_handed_over_with_their_key(world: &mut World) -> Result<(), Failure> {
    let (key_id, _) = deleted(world, 1)?;
    let due = world.by_host("evict_stale", json!([NOW + 2 * HOUR_SEC]))?.ok()?;
    let tombstones = &due["results"][0]["tombstones"];
    let found = tombstones.as_array().map_or(0, Vec::len);
    ensure!(found == 1, "{found} tombstones are handed over, 1 was expected");

    let mut neighbour = world.start_node("neighbour")?;
    let owner = Peer::named("owner");
    neighbour.register_key(&owner, "label", NOW)?.ok()?;
    let arguments = json!([tombstones, NOW + 2 * HOUR_SEC]);
    neighbour.proved("republish_tombstones", arguments, &owner)?.ok()?;
    let held = neighbour
        .proved("get_tombstones", json!([key_id, NOW + 2 * HOUR_SEC]), &owner)?
        .ok()?;
    ensure!(
        held["result"].as_array().is_some_and(|list| list.len() == 1),
        "the neighbour did not take it"
    );
    Ok(())
}

pub(super) fn tombstones_are_cleared_when_their_time_is_over(world: &mut World) -> Result<(), Failure> {
    let (key_id, _) = deleted(world, 1)?;
    let over = NOW + 2 * DAY_SEC + 1;
    let early = world.by_host("clear_expired", json!([over - 1]))?.ok()?;
    let cleared = world.by_host("clear_expired", json!([over]))?.ok()?;
    let counts = (&early["count_tombstones"], &cleared["count_tombstones"]);
    ensure!(
        counts == (&json!(0), &json!(1)),
        "{} and {} were cleared, 0 and 1 expected",
        counts.0,
        counts.1
    );
    // The key may have gone with it.
    let left = world.by_client("get_tombstones", json!([key_id, over]))?;
    ensure!(
        left.value["result"].as_array().is_none_or(Vec::is_empty),
        "it is still there"
    );
    Ok(())
}

/// A copy of the deleted record that still lives somewhere is refused for as long as it can be republished.
pub(super) fn tombstones_outlive_every_copy_of_what_they_delete(world: &mut World) -> Result<(), Failure> {
    let (key_id, record) = deleted(world, 1)?;
    let later = NOW + DAY_SEC - 1;
    world.by_host("clear_expired", json!([later]))?.ok()?;
    world.key_at("label", later)?;
    world.republish_records(&[record], later)?;
    ensure!(
        world.records(&key_id, later)?.is_empty(),
        "the deleted record came back"
    );
    Ok(())
}

pub(super) fn a_tombstone_removes_the_record(world: &mut World) -> Result<(), Failure> {
    let (key_id, _) = deleted(world, 1)?;
    ensure!(world.records(&key_id, NOW + 1)?.is_empty(), "the record is still there");
    let tombstones = world.tombstones(&key_id, NOW + 1)?.len();
    ensure!(tombstones == 1, "{tombstones} tombstones, 1 expected");
    Ok(())
}

pub(super) fn a_tombstone_wins_at_equal_timestamps(world: &mut World) -> Result<(), Failure> {
    let (key_id, record) = deleted(world, 0)?;
    world.put_record(&record, &Peer::named("provider"), NOW)?;
    ensure!(
        world.records(&key_id, NOW)?.is_empty(),
        "the record of the same second won"
    );
    Ok(())
}

pub(super) fn a_deleted_record_does_not_come_back(world: &mut World) -> Result<(), Failure> {
    let provider = Peer::named("provider");
    let (key_id, record) = deleted(world, 1)?;
    let put = world.put_record(&record, &provider, NOW + 1)?;
    ensure!(!put.success, "it was put again");
    world.republish_records(std::slice::from_ref(&record), NOW + 1)?;
    let renewed = world.record(&provider, record["metadata"].clone(), NOW + 2)?;
    world.put_record(&renewed, &provider, NOW + 2)?;
    world.republish_records(&[renewed], NOW + 2)?;
    ensure!(
        world.records(&key_id, NOW + 2)?.is_empty(),
        "the deleted record came back"
    );
    Ok(())
}

pub(super) fn a_later_record_beats_a_tombstone(world: &mut World) -> Result<(), Failure> {
    let provider = Peer::named("provider");
    let (key_id, _) = deleted(world, 1)?;
    world.put_own(&provider, &key_id, "issued again", NOW + 2)?;
    let values = world.values(&key_id, NOW + 2)?;
    ensure!(values.contains("issued again"), "it was not taken");
    Ok(())
}

pub(super) fn a_provider_has_a_record_for_each_of_its_services(world: &mut World) -> Result<(), Failure> {
    let (provider, key_id) = (Peer::named("provider"), world.key("label")?);
    let id = provider.id();
    for service in ["chat", "files"] {
        let fields = json!([key_id, id, NOW, service, id, [], [service], []]);
        let signature = world.signed("get_record_metadata_bytes", fields, &provider)?;
        let metadata = json!({
            "key_id": key_id, "issued_by": id, "peer_id": id, "timestamp_issued": NOW, "solution": [], "value": service,
            "relay_id": [], "service_id": [service], "issuer_signature": signature,
        });
        let record = world.record(&provider, metadata, NOW)?;
        world.put_record(&record, &provider, NOW)?.ok()?;
    }
    let told = world.values(&key_id, NOW)?;
    ensure!(told.len() == 2, "of two services {told:?} are told");
    world.add_tombstone((&provider, &provider), &key_id, NOW, NOW)?.ok()?;
    let left = world.values(&key_id, NOW)?;
    ensure!(left.is_empty(), "the tombstone has left {left:?}");
    Ok(())
}

pub(super) fn a_forged_tombstone_is_refused(world: &mut World) -> Result<(), Failure> {
    let (provider, attacker) = (Peer::named("provider"), Peer::named("attacker"));
    let key_id = world.key("label")?;
    world.put_own(&provider, &key_id, "value", NOW)?;
    let bytes = json!([key_id, provider.id(), provider.id(), NOW + 1, []]);
    let signature = world.signed("get_tombstone_bytes", bytes, &attacker)?;
    let tombstone = json!([key_id, provider.id(), provider.id(), NOW + 1, [], signature, NOW + 1]);
    world.by_client("add_tombstone", tombstone)?.refused()?;
    let tombstone = json!({
        "key_id": key_id, "issued_by": provider.id(), "peer_id": provider.id(), "timestamp_issued": NOW + 1,
        "solution": [], "issuer_signature": signature,
    });
    world
        .by_client("republish_tombstones", json!([[tombstone], NOW + 1]))?
        .refused()?;
    ensure!(
        world.values(&key_id, NOW + 1)?.contains("value"),
        "a forged tombstone deleted a record"
    );
    Ok(())
}
