use registry_testkit::Peer;
use serde_json::json;

use crate::{ensure, Failure, World, DAY_SEC, NOW};

pub(super) fn rows_survive_a_restart(world: &mut World) -> Result<(), Failure> {
    let (provider, gone) = (Peer::named("provider"), Peer::named("gone"));
    let key_id = world.key("label")?;
    world.put_own(&provider, &key_id, "value", NOW)?;
    world.put_own(&gone, &key_id, "deleted", NOW)?;
    world.add_tombstone((&gone, &gone), &key_id, NOW + 1, NOW + 1)?.ok()?;
    let before = state(world, &key_id)?;
    world.restart()?;
    let after = state(world, &key_id).map_err(|failure| format!("after a restart: {failure}"))?;
    ensure!(before == after, "a restart changed {before} to {after}");
    Ok(())
}

fn state(world: &mut World, key_id: &str) -> Result<serde_json::Value, Failure> {
    let key = world.by_client("get_key_metadata", json!([key_id]))?.ok()?;
    let records = world.records(key_id, NOW + 1)?;
    let tombstones = world.tombstones(key_id, NOW + 1)?;
    ensure!(
        (records.len(), tombstones.len()) == (1, 1),
        "{} records and {} tombstones, 1 and 1 expected",
        records.len(),
        tombstones.len()
    );
    Ok(json!([key["key"], records, tombstones]))
}

pub(super) fn timeouts_survive_a_restart(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    world.put_own(&Peer::named("provider"), &key_id, "value", NOW)?;
    world.by_host("set_expired_timeout", json!([10 * DAY_SEC]))?;
    world.restart()?;
    let values = world.values(&key_id, NOW + 2 * DAY_SEC)?;
    ensure!(values.contains("value"), "the timeout was forgotten");
    Ok(())
}

/// A node may throw `/tmp` away; `/storage` it keeps.
pub(super) fn nothing_is_written_to_tmp(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    world.put_own(&Peer::named("provider"), &key_id, "value", NOW)?;
    let files = |name: &str| -> Result<Vec<String>, Failure> {
        let entries = std::fs::read_dir(world.directory_of("host").join(name))?;
        Ok(entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect())
    };
    let (tmp, storage) = (files("tmp")?, files("storage")?);
    ensure!(tmp.is_empty(), "/tmp holds {}", tmp.join(", "));
    ensure!(!storage.is_empty(), "/storage is empty");
    Ok(())
}
