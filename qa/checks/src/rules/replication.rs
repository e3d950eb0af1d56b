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
    let (early, stale) = (NOW + HOUR_SEC - HOUR_SEC / 10, NOW + HOUR_SEC + HOUR_SEC / 10);
    ensure!(due(world, early - 1)?.is_empty(), "keys are due a second too early");
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
        "what was handed out is not due again after the lease"
    );
    Ok(())
}

pub(super) fn a_copy_stays_when_it_was_handed_out(world: &mut World) -> Result<(), Failure> {
    let all = stored(world)?;
    let stale = NOW + HOUR_SEC + HOUR_SEC / 10;
    due(world, stale)?;
    for key_id in &all {
        let values = world.values(key_id, stale);
        ensure!(values.is_ok_and(|values| values.len() == 1), "the copy went");
    }
    Ok(())
}

pub(super) fn anybody_elses_call_only_reads(world: &mut World) -> Result<(), Failure> {
    let all = stored(world)?;
    let stale = NOW + HOUR_SEC + HOUR_SEC / 10;
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
