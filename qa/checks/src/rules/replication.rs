use serde_json::{json, Value};

use super::admission::provider;
use crate::{ensure, Failure, World, HOUR_SEC, NOW};

const LEASE_SEC: u64 = 300;

/// Three keys, each with a record.
fn stored(world: &mut World) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    for label in ["one", "two", "three"] {
        let key_id = world.key(label)?;
        world.put_own(&provider(0), &key_id, label, NOW)?;
        ids.push(key_id);
    }
    ids.sort();
    Ok(ids)
}

/// The ids of the keys that this call of `evict_stale` returned, sorted.
fn ids(result: &Value) -> Vec<String> {
    let results = result["results"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<String> = results
        .iter()
        .map(|item| item["key"]["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    ids.sort();
    ids
}

fn due(world: &mut World, now: u64) -> Result<Vec<String>, Failure> {
    Ok(ids(&world.by_host("evict_stale", json!([now]))?.ok()?))
}

pub(super) fn the_nodes_own_call_leases_what_it_returns(world: &mut World) -> Result<(), Failure> {
    let all = stored(world)?;
    let stale = NOW + HOUR_SEC;
    ensure!(due(world, stale - 1)?.is_empty(), "keys are due a second too early");
    let result = world.by_host("evict_stale", json!([stale]))?.ok()?;
    ensure!(
        ids(&result) == all,
        "{} keys are due, 3 were expected",
        ids(&result).len()
    );
    let with_records = result["results"].as_array().into_iter().flatten();
    ensure!(
        with_records
            .clone()
            .all(|item| item["records"].as_array().is_some_and(|list| list.len() == 1)),
        "a key came without its record"
    );
    ensure!(
        due(world, stale + LEASE_SEC - 1)?.is_empty(),
        "leased keys are due again before the lease ends"
    );
    ensure!(
        due(world, stale + LEASE_SEC)? == all,
        "what was not confirmed is not due again after the lease"
    );
    Ok(())
}

pub(super) fn confirmed_keys_are_not_due_before_they_are_stale_again(world: &mut World) -> Result<(), Failure> {
    let all = stored(world)?;
    let stale = NOW + HOUR_SEC;
    due(world, stale)?;
    world
        .by_host("confirm_replicated", json!([all[..2], stale + 10]))?
        .ok()?;
    ensure!(
        due(world, stale + LEASE_SEC)? == all[2..],
        "not exactly the unconfirmed key is due"
    );
    world
        .by_host("confirm_replicated", json!([all[2..], stale + LEASE_SEC]))?
        .ok()?;
    ensure!(
        due(world, stale + 10 + HOUR_SEC - 1)?.is_empty(),
        "a confirmed key is due too early"
    );
    ensure!(
        due(world, stale + 10 + HOUR_SEC)? == all[..2],
        "the confirmed keys are not due again"
    );
    Ok(())
}

pub(super) fn a_copy_stays_until_it_was_handed_over(world: &mut World) -> Result<(), Failure> {
    let all = stored(world)?;
    let stale = NOW + HOUR_SEC;
    due(world, stale)?;
    for key_id in &all {
        let values = world.values(key_id, stale);
        ensure!(
            values.is_ok_and(|values| values.len() == 1),
            "the copy went before anybody had confirmed it"
        );
    }
    Ok(())
}

pub(super) fn anybody_elses_call_only_reads(world: &mut World) -> Result<(), Failure> {
    let all = stored(world)?;
    let stale = NOW + HOUR_SEC;
    for _ in 0..2 {
        let read = ids(&world.by_client("evict_stale", json!([stale]))?.ok()?);
        ensure!(read == all, "{} keys were read, 3 expected", read.len());
    }
    for key_id in &all {
        let values = world.values(key_id, stale);
        ensure!(
            values.is_ok_and(|values| values.len() == 1),
            "a stranger's call removed a copy"
        );
    }
    ensure!(due(world, stale)? == all, "a stranger's call leased what it read");
    Ok(())
}

pub(super) fn only_the_node_confirms(world: &mut World) -> Result<(), Failure> {
    let all = stored(world)?;
    let stale = NOW + HOUR_SEC;
    let why = world.by_client("confirm_replicated", json!([all, stale]))?.refused()?;
    ensure!(
        why.contains(world.host.id()),
        "the refusal does not name the node: {why}"
    );
    ensure!(due(world, stale)? == all, "a stranger confirmed");
    Ok(())
}
