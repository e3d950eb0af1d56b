use registry_service::domain::Unpacker;
use registry_testkit::Peer;
use serde_json::{json, Value};

use super::admission::provider;
use crate::{ensure, records_of, set, values_of, Failure, World, DAY_SEC, NOW};

fn merged(world: &mut World, lists: Value) -> Result<Vec<Value>, Failure> {
    Ok(records_of(&world.by_client("merge", json!([lists]))?.ok()?))
}

/// What a neighbour invented: signatures of somebody else.
pub(super) fn merge_drops_forged_records(world: &mut World) -> Result<(), Failure> {
    let (victim, attacker) = (Peer::named("victim"), Peer::named("attacker"));
    let key_id = world.key("label")?;
    let genuine = world.own_record(&provider(0), &key_id, "genuine", NOW)?;
    let mut forged = world.own_record(&attacker, &key_id, "forged", NOW)?;
    for field in ["issued_by", "peer_id"] {
        forged["metadata"][field] = json!(victim.id());
    }
    let values = values_of(&merged(world, json!([[genuine], [forged]]))?);
    ensure!(values == set(&["genuine"]), "{values:?} came out of the merge");
    Ok(())
}

pub(super) fn merge_drops_a_record_with_a_changed_value(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let genuine = world.own_record(&provider(0), &key_id, "genuine", NOW)?;
    let mut changed = genuine.clone();
    changed["metadata"]["value"] = json!("changed");
    changed["metadata"]["timestamp_issued"] = json!(NOW + 1);
    changed["timestamp_created"] = json!(NOW + 1);
    let values = values_of(&merged(world, json!([[changed], [genuine]]))?);
    ensure!(values == set(&["genuine"]), "{values:?} came out of the merge");
    Ok(())
}

pub(super) fn merge_keys_drops_a_forged_key_of_the_future(world: &mut World) -> Result<(), Failure> {
    let genuine = world.signed_key(&Peer::named("owner"), "label", NOW)?;
    let mut forged = genuine.clone();
    forged["timestamp_created"] = json!(NOW + 365 * DAY_SEC);
    let merged = world.by_client("merge_keys", json!([[forged, genuine]]))?.ok()?;
    ensure!(
        merged["key"] == genuine,
        "a key of timestamp {} came out of the merge",
        merged["key"]["timestamp_created"]
    );
    Ok(())
}

pub(super) fn merging_does_not_depend_on_the_order(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let mut lists: Vec<Vec<Value>> = Vec::new();
    for node in 0..4 {
        let mut list = Vec::new();
        for position in node..node + 4 {
            list.push(world.own_record(&provider(position), &key_id, &format!("{position}/{node}"), NOW + node)?);
        }
        lists.push(list);
    }
    let forwards = merged(world, json!(lists))?;
    let result = world.by_client("merge_two", json!([forwards, forwards]))?.ok()?;
    ensure!(
        records_of(&result) == forwards,
        "merging the result with itself changes it"
    );
    lists.reverse();
    for list in &mut lists {
        list.reverse();
    }
    ensure!(
        merged(world, json!(lists))? == forwards,
        "another order of lists gives another result"
    );
    ensure!(forwards.len() == 7, "{} records of 7 providers", forwards.len());
    Ok(())
}

pub(super) fn the_latest_record_and_key_win(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    let old = world.own_record(&provider(0), &key_id, "old", NOW)?;
    let new = world.own_record(&provider(0), &key_id, "new", NOW + 1)?;
    let values = values_of(&merged(world, json!([[new], [old]]))?);
    ensure!(values == set(&["new"]), "{values:?} came out of the merge");
    let owner = Peer::named("owner");
    let (old, new) = (
        world.signed_key(&owner, "label", NOW)?,
        world.signed_key(&owner, "label", NOW + 1)?,
    );
    let merged = world.by_client("merge_keys", json!([[old, new, old]]))?.ok()?;
    ensure!(merged["key"] == new, "not the latest key");
    Ok(())
}

pub(super) fn packed_records_merge_like_plain_ones(world: &mut World) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    for position in 0..5 {
        world.put_own(&provider(position), &key_id, &format!("value {position}"), NOW)?;
    }
    let plain = world.records(&key_id, NOW)?;
    let answer = world.by_client("get_answer", json!([key_id, "", NOW]))?.ok()?["answer"].clone();
    let packed = answer.as_str().unwrap_or_default();
    let unpacked = Unpacker::sharing(1).unpack(packed);
    ensure!(
        unpacked.map(|records| json!(records)) == Ok(json!(plain)),
        "the packed records differ from the plain ones"
    );
    Ok(())
}
