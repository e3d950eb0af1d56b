use registry_testkit::{Origins, Peer};
use serde_json::json;

use crate::{ensure, Failure, Outcome, World, DAY_SEC, HOUR_SEC, NOW};

const FUNCTIONS: [&str; 2] = ["set_expired_timeout", "set_stale_timeout"];

pub(super) fn a_stranger_cannot_have_records_deleted_by_a_timeout(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    world.put_own(&Peer::named("provider"), &key_id, "value", NOW)?;
    for timeout_sec in [0, 1] {
        world.by_client("set_expired_timeout", json!([timeout_sec]))?;
        world.by_client("clear_expired", json!([NOW + 60]))?;
    }
    let values = world.values(&key_id, NOW + 60);
    ensure!(
        values.is_ok_and(|values| values.contains("value")),
        "a stranger had the records deleted"
    );
    Ok(())
}

pub(super) fn a_stranger_cannot_have_keys_handed_over_by_a_timeout(world: &mut World) -> Result<(), Failure> {
    world.key("label")?;
    for timeout_sec in [0, 1] {
        world.by_client("set_stale_timeout", json!([timeout_sec]))?;
    }
    let due = world.by_host("evict_stale", json!([NOW + 60]))?.ok()?;
    ensure!(due["results"] == json!([]), "a stranger made every key stale");
    Ok(())
}

pub(super) fn the_node_and_the_creator_may_set_timeouts(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    world.put_own(&Peer::named("provider"), &key_id, "value", NOW)?;
    world.by_host("set_expired_timeout", json!([2 * DAY_SEC]))?;
    let values = world.values(&key_id, NOW + DAY_SEC)?;
    ensure!(values.contains("value"), "the node's timeout was not taken");

    let creator = Peer::named("creator");
    let origins = Origins::new(&world.host, &creator, 1).creator(&creator);
    world.call("set_expired_timeout", json!([HOUR_SEC]), origins)?;
    let values = world.values(&key_id, NOW + DAY_SEC);
    ensure!(
        values.is_ok_and(|values| values.is_empty()),
        "the creator's timeout was not taken"
    );
    Ok(())
}

/// A refusal says so: a call that returns nothing refuses nothing.
pub(super) fn a_timeout_out_of_range_is_refused(world: &mut World) -> Result<(), Failure> {
    for function in FUNCTIONS {
        let stranger = world.by_client(function, json!([HOUR_SEC]))?;
        refused(function, stranger)?;
        for timeout_sec in [0, 366 * DAY_SEC, i64::MAX as u64] {
            let outcome = world.by_host(function, json!([timeout_sec]))?;
            refused(function, outcome)?;
        }
        world.by_host(function, json!([HOUR_SEC]))?.ok()?;
    }
    Ok(())
}

fn refused(function: &str, outcome: Outcome) -> Result<(), Failure> {
    let why = outcome.refused()?;
    ensure!(!why.is_empty(), "{function} says nothing");
    Ok(())
}
