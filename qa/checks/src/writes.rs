//! An endless, deterministic sequence of writes, and what must be there after any number of them: for killing a node in
//! the middle.

use std::collections::BTreeSet;

use registry_service::domain::data::{Key, Record, Tombstone};
use registry_service::domain::{verify_key, verify_record, verify_tombstone};
use registry_testkit::Peer;
use serde::de::DeserializeOwned;
use serde_json::{json, Value};

use crate::node::weight;
use crate::{Failure, Node, NOW};

/// Writes that each key takes.
pub const WRITES_PER_KEY: u64 = 10;
/// The time of every write.
const AT: u64 = NOW + WRITES_PER_KEY;

/// All that can be seen of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// None where the key is not there.
    pub key_created: Option<u64>,
    /// Provider and creation time of each record.
    pub records: BTreeSet<(String, u64)>,
    /// The peers that have a tombstone.
    pub tombstones: BTreeSet<String>,
}

fn label(key: u64) -> String {
    format!("key {key}")
}

fn owner() -> Peer {
    Peer::named("owner")
}

fn provider(number: u64) -> Peer {
    Peer::named(&format!("provider {number}"))
}

/// Does write `number`. Doing it again changes nothing.
///
/// # Errors
/// [`Failure`] where the node refuses it.
pub fn perform(node: &mut Node, number: u64) -> Result<(), Failure> {
    let (key, step) = (number / WRITES_PER_KEY, number % WRITES_PER_KEY);
    let label = label(key);
    let signed_key = node.signed_key(&owner(), &label, NOW + step)?;
    let key_id = signed_key["id"].as_str().unwrap_or_default().to_owned();
    let outcome = match step {
        0 => node.register_key(&owner(), &label, NOW)?,
        1..=4 | 7 => {
            let peer = provider(if step == 7 { 2 } else { step });
            let record = node.own_record(&peer, &key_id, "put", NOW + step)?;
            node.put_record(&record, &peer, AT)?
        }
        5 => node.add_tombstone((&provider(1), &provider(1)), &key_id, NOW + step, AT)?,
        6 => {
            let mut records = Vec::new();
            for peer in [6, 7, 8].map(provider) {
                records.push(node.own_record(&peer, &key_id, "republished", NOW + step)?);
            }
            node.republish_records(&records, AT)?
        }
        8 => {
            let peer = provider(3);
            let bytes = json!([key_id, peer.id(), peer.id(), NOW + step, []]);
            let signature = node.signed("get_tombstone_bytes", bytes, &peer)?;
            let tombstone = json!({
                "key_id": key_id, "issued_by": peer.id(), "peer_id": peer.id(), "timestamp_issued": NOW + step,
                "solution": [], "issuer_signature": signature,
            });
            node.proved("republish_tombstones", json!([[tombstone], AT]), &owner())?
        }
        _ => node.proved("republish_key", json!([signed_key, weight(&owner()), AT]), &owner())?,
    };
    outcome
        .ok()
        .map_err(|why| Failure::Broken(format!("write {number}: {why}")))?;
    Ok(())
}

/// What a key is like after its first `writes` writes.
pub fn expected(writes: u64) -> Seen {
    let mut seen = Seen::default();
    let put = |seen: &mut Seen, number: u64, step: u64| {
        let id = provider(number).id().to_owned();
        seen.records.retain(|(peer, _)| *peer != id);
        seen.records.insert((id, NOW + step));
    };
    for step in 0..writes {
        match step {
            0 => seen.key_created = Some(NOW),
            1..=4 => put(&mut seen, step, step),
            7 => put(&mut seen, 2, step),
            5 | 8 => {
                let id = provider(if step == 5 { 1 } else { 3 }).id().to_owned();
                seen.records.retain(|(peer, _)| *peer != id);
                seen.tombstones.insert(id);
            }
            6 => (6..=8).for_each(|number| put(&mut seen, number, step)),
            _ => seen.key_created = Some(NOW + step),
        }
    }
    seen
}

/// What the node holds of a key, every row verified anew.
///
/// # Errors
/// [`Failure`] where a row does not verify.
pub fn seen(node: &mut Node, key: u64) -> Result<Seen, Failure> {
    let key_id = node.signed_key(&owner(), &label(key), NOW)?["id"].clone();
    let held = node.proved("get_key_metadata", json!([key_id]), &owner())?;
    if !held.success {
        return Ok(Seen::default());
    }
    let key: Key = row(held.value["key"].clone())?;
    let key_created = Some(key.timestamp_created);
    verify_key(key).map_err(|error| error.to_string())?;

    let mut seen = Seen {
        key_created,
        ..Seen::default()
    };
    let records = node.proved("get_records", json!([key_id, AT]), &owner())?.ok()?;
    for record in row::<Vec<Record>>(records["result"].clone())? {
        seen.records
            .insert((record.metadata.peer_id.clone(), record.timestamp_created));
        verify_record(record, None).map_err(|error| error.to_string())?;
    }
    let tombstones = node.proved("get_tombstones", json!([key_id, AT]), &owner())?.ok()?;
    for tombstone in row::<Vec<Tombstone>>(tombstones["result"].clone())? {
        seen.tombstones.insert(tombstone.peer_id.clone());
        verify_tombstone(tombstone).map_err(|error| error.to_string())?;
    }
    Ok(seen)
}

fn row<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| Failure::Broken(format!("a row of another form: {error}")))
}
