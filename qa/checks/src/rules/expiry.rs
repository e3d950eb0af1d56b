use registry_testkit::Peer;
use serde_json::json;

use super::admission::provider;
use crate::{ensure, set, Failure, World, DAY_SEC, HOUR_SEC, NOW};

/// `now - timeout` must not wrap: at second 1,000 nothing has expired and nothing is stale.
pub(super) fn small_timestamps_do_not_wrap(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key_at("label", 1_000)?;
    world.put_own(&provider(0), &key_id, "value", 1_000)?;
    let values = world.values(&key_id, 1_000)?;
    ensure!(values.contains("value"), "a record of this second is not returned");
    let due = world.by_host("evict_stale", json!([1_000]))?.ok()?;
    ensure!(due["results"] == json!([]), "a key of this second is stale");
    let cleared = world.by_host("clear_expired", json!([1_000]))?.ok()?;
    ensure!(
        cleared["count_records"] == 0 && cleared["count_keys"] == 0,
        "what is of this second was cleared"
    );
    ensure!(world.values(&key_id, 1_000)?.contains("value"), "the record has gone");
    Ok(())
}

pub(super) fn a_timestamp_is_at_most_30_s_ahead(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    for (ahead_sec, accepted) in [(30, true), (31, false), (DAY_SEC, false)] {
        let peer = provider(ahead_sec);
        let record = world.own_record(&peer, &key_id, "value", NOW + ahead_sec)?;
        let put = world.put_record(&record, &peer, NOW)?;
        ensure!(
            put.success == accepted,
            "put_record {ahead_sec} s ahead: success = {}",
            put.success
        );
        let republished = world.republish_records(&[record], NOW)?;
        ensure!(republished.success == accepted, "republish_records {ahead_sec} s ahead");
        let tombstone = world.add_tombstone((&peer, &provider(99)), &key_id, NOW + ahead_sec, NOW)?;
        ensure!(tombstone.success == accepted, "add_tombstone {ahead_sec} s ahead");
        let key = world.signed_key(&Peer::named("owner"), "another label", NOW + ahead_sec)?;
        let weight = json!({ "success": true, "weight": 0, "peer_id": key["owner_peer_id"], "error": "" });
        let republished = world.proved("republish_key", json!([key, weight, NOW]), &Peer::named("owner"))?;
        ensure!(republished.success == accepted, "republish_key {ahead_sec} s ahead");
    }
    Ok(())
}

pub(super) fn expired_records_are_not_read(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    world.put_own(&provider(0), &key_id, "old", NOW)?;
    world.put_own(&provider(1), &key_id, "young", NOW + 1)?;
    let values = world.values(&key_id, NOW + DAY_SEC - 1)?;
    ensure!(
        values == set(&["old", "young"]),
        "a second before its time only {values:?} is left"
    );
    let values = world.values(&key_id, NOW + DAY_SEC)?;
    ensure!(
        values == set(&["young"]),
        "{values:?} is returned, the expired record is not to be"
    );
    Ok(())
}

pub(super) fn expired_records_are_refused(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    world.put_own(&provider(1), &key_id, "young", NOW + 1)?;
    let now = NOW + DAY_SEC;
    let old = world.own_record(&provider(0), &key_id, "old", NOW)?;
    ensure!(!world.put_record(&old, &provider(0), now)?.success, "it was put");
    world.republish_records(&[old], now)?;
    world.by_host("set_expired_timeout", json!([10 * DAY_SEC]))?;
    let values = world.values(&key_id, now)?;
    ensure!(values == set(&["young"]), "an expired record was republished");
    Ok(())
}

pub(super) fn clear_expired_removes_what_has_expired_and_no_more(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    world.key("unused")?;
    world.put_own(&provider(0), &key_id, "old", NOW)?;
    world.put_own(&provider(1), &key_id, "young", NOW + HOUR_SEC)?;
    // The unused key was registered at NOW, which counts as a use for a quarter of an hour.
    let now = NOW + DAY_SEC + HOUR_SEC / 2;
    let cleared = world.by_host("clear_expired", json!([now]))?.ok()?;
    let counts = (&cleared["count_keys"], &cleared["count_records"]);
    ensure!(
        counts == (&json!(1), &json!(1)),
        "{} keys and {} records were cleared, 1 and 1 expected",
        counts.0,
        counts.1
    );
    ensure!(
        world.values(&key_id, now)? == set(&["young"]),
        "the live record has gone"
    );
    let again = world.by_host("clear_expired", json!([now]))?.ok()?;
    ensure!(again["count_records"] == 0, "something was left to clear");
    Ok(())
}

/// A key and a record that other nodes pass on for ever die at the time that their own timestamps set.
pub(super) fn nothing_is_kept_alive_by_being_passed_around(world: &mut World) -> Result<(), Failure> {
    let owner = Peer::named("owner");
    let key_id = world.key("label")?;
    let key = world.signed_key(&owner, "label", NOW)?;
    let record = world.put_own(&provider(0), &key_id, "value", NOW)?;
    let weight = json!({ "success": true, "weight": 0, "peer_id": owner.id(), "error": "" });
    let over = NOW + DAY_SEC + HOUR_SEC;
    for now in (NOW + HOUR_SEC..=over).step_by(HOUR_SEC as usize) {
        world.proved("republish_key", json!([key, weight, now]), &owner)?;
        world.republish_records(std::slice::from_ref(&record), now)?;
    }
    world.by_host("clear_expired", json!([over]))?.ok()?;
    let left = world.by_client("get_key_metadata", json!([key_id]))?;
    ensure!(!left.success, "the key is still there a day after its last use");
    Ok(())
}

pub(super) fn a_host_record_survives_on_its_own_host(world: &mut World) -> Result<(), Failure> {
    let host = world.host.clone();
    let key_id = world.key("label")?;
    world.put_own(&host, &key_id, "hosted", NOW)?;
    world.put_own(&provider(0), &key_id, "passed on", NOW)?;
    let now = NOW + 3 * DAY_SEC;
    world.by_host("clear_expired", json!([now]))?.ok()?;
    let values = world.values(&key_id, now)?;
    ensure!(values == set(&["hosted"]), "{values:?} is left");
    let due = world.by_host("get_stale_local_records", json!([now]))?.ok()?;
    ensure!(
        due["result"].as_array().is_some_and(|list| list.len() == 1),
        "it is not due for renewal"
    );
    Ok(())
}
