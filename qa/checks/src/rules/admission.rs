use registry_testkit::Peer;
use serde_json::{json, Value};

use crate::{ensure, Failure, World, NOW};

/// Live records that a key may have, host records aside.
const RECORDS_PER_KEY_MAX: u64 = 32;

pub(super) fn provider(position: u64) -> Peer {
    Peer::named(&format!("provider {position}"))
}

/// Fills a key: provider n puts `value n` at `NOW + n`.
fn fill(world: &mut World, key_id: &str) -> Result<(), Failure> {
    for position in 0..RECORDS_PER_KEY_MAX {
        world.put_own(
            &provider(position),
            key_id,
            &format!("value {position}"),
            NOW + position,
        )?;
    }
    Ok(())
}

pub(super) fn the_33rd_record_replaces_the_oldest(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    fill(world, &key_id)?;
    for position in RECORDS_PER_KEY_MAX..RECORDS_PER_KEY_MAX + 3 {
        let now = NOW + position;
        world
            .put_own(&provider(position), &key_id, &format!("value {position}"), now)
            .map_err(|failure| format!("record {}: {failure}", position + 1))?;
        let values = world.values(&key_id, now)?;
        let expected = (position + 1 - RECORDS_PER_KEY_MAX..=position)
            .map(|n| format!("value {n}"))
            .collect();
        ensure!(
            values == expected,
            "the {} latest were expected, not {values:?}",
            RECORDS_PER_KEY_MAX
        );
    }
    Ok(())
}

pub(super) fn replacing_ones_own_record_removes_nobody(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    fill(world, &key_id)?;
    let now = NOW + RECORDS_PER_KEY_MAX;
    world.put_own(&provider(20), &key_id, "renewed", now)?;
    let values = world.values(&key_id, now)?;
    let all_others = (0..RECORDS_PER_KEY_MAX)
        .filter(|n| *n != 20)
        .all(|n| values.contains(&format!("value {n}")));
    ensure!(
        values.len() as u64 == RECORDS_PER_KEY_MAX && values.contains("renewed") && all_others,
        "{} records, not all of them expected",
        values.len()
    );
    Ok(())
}

pub(super) fn republishing_keeps_to_the_limit(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let now = NOW + 40;
    let mut records = Vec::new();
    for position in 0..40 {
        records.push(world.own_record(
            &provider(position),
            &key_id,
            &format!("value {position}"),
            NOW + position,
        )?);
    }
    let outcome = world.republish_records(&records, now)?;
    let values = world.values(&key_id, now)?;
    ensure!(outcome.success, "40 records were refused: {}", outcome.error);
    let latest = (8..40).map(|n| format!("value {n}")).collect();
    ensure!(
        values == latest,
        "{} records are stored, the 32 latest were expected",
        values.len()
    );
    Ok(())
}

pub(super) fn the_rest_of_a_batch_comes_in_beside_a_forgery(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let mut records = batch(world, &key_id)?;
    records[1]["metadata"]["value"] = json!("forged");
    world.republish_records(&records, NOW)?;
    let values = world.values(&key_id, NOW)?;
    ensure!(!values.contains("forged"), "a forgery came in");
    ensure!(values.len() == 2, "{} of the 2 genuine records came in", values.len());
    Ok(())
}

pub(super) fn the_rest_of_a_batch_comes_in_beside_an_older_record(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let records = batch(world, &key_id)?;
    world.put_own(&provider(1), &key_id, "newer", NOW + 5)?;
    world.republish_records(&records, NOW + 5)?;
    let values = world.values(&key_id, NOW + 5)?;
    ensure!(values.contains("newer"), "an older record replaced a newer one");
    ensure!(values.len() == 3, "{} of the 3 records are there", values.len());
    Ok(())
}

fn batch(world: &mut World, key_id: &str) -> Result<Vec<Value>, Failure> {
    let mut records = Vec::new();
    for position in 0..3 {
        records.push(world.own_record(&provider(position), key_id, &format!("value {position}"), NOW)?);
    }
    Ok(records)
}
