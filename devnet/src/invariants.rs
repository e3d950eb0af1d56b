//! What must hold of every registry at every moment.

use std::collections::{BTreeMap, BTreeSet};

use fluence_keypair::{KeyFormat, Signature};
use serde_json::Value;

use crate::ask::Query;
use crate::check::{Checker, World};
use crate::log::{Record, What};
use crate::peer::PeerIndex;

/// How many non-host records a key holds at most.
pub const RECORDS_MAX: usize = 32;
/// The functions that change what a registry holds.
const CHANGING: [&str; 15] = [
    "register_key",
    "republish_key",
    "put_record",
    "put_host_record",
    "remove_host_record",
    "spread",
    "republish_records",
    "add_tombstone",
    "republish_tombstones",
    "clear_expired",
    "evict_stale",
    "publish",
    "take_replica",
    "continue_replication",
    "clear_expired_every",
];

/// Checks the registries of all nodes, for the keys it was told to watch, whenever one of them may have changed: every
/// record and tombstone carries the signatures it must have, a key holds at most [`RECORDS_MAX`] records of others,
/// and what a node once knew to be deleted never comes back on it.
#[derive(Debug, Default)]
pub struct RegistryInvariants {
    keys: BTreeSet<String>,
    deleted: BTreeMap<(PeerIndex, Identity), u64>,
}

/// Key, issuer and provider of a record or tombstone.
type Identity = [String; 3];

impl RegistryInvariants {
    /// Watches these keys.
    #[must_use]
    pub fn watching<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self {
            keys: keys.into_iter().map(Into::into).collect(),
            deleted: BTreeMap::new(),
        }
    }

    fn check_key(&mut self, world: &mut World<'_>, node: PeerIndex, key_id: &str) -> Result<(), String> {
        let records = list(world, node, "get_records", key_id)?;
        let tombstones = list(world, node, "get_tombstones", key_id)?;
        for tombstone in &tombstones {
            check_tombstone(world, node, tombstone)?;
            self.note_deletion(node, tombstone);
        }
        let host_id = world.peers()[node.0].id().to_owned();
        let others = records.iter().filter(|r| r["metadata"]["peer_id"] != host_id);
        let count = others.count();
        if count > RECORDS_MAX {
            return Err(format!(
                "{node} holds {count} records of key {key_id}, at most {RECORDS_MAX} are allowed"
            ));
        }
        for record in &records {
            check_record(world, node, record)?;
            self.check_deletion(node, &record["metadata"])?;
        }
        Ok(())
    }

    fn note_deletion(&mut self, node: PeerIndex, tombstone: &Value) {
        let issued = tombstone["timestamp_issued"].as_u64().unwrap_or(0);
        let latest = self.deleted.entry((node, identity(tombstone))).or_default();
        *latest = issued.max(*latest);
    }

    fn check_deletion(&self, node: PeerIndex, metadata: &Value) -> Result<(), String> {
        let issued = metadata["timestamp_issued"].as_u64().unwrap_or(0);
        match self.deleted.get(&(node, identity(metadata))) {
            Some(deleted) if issued <= *deleted => Err(format!(
                "{node} holds a record issued at {issued} that it knew to be deleted at {deleted}: {metadata}"
            )),
            _ => Ok(()),
        }
    }
}

impl Checker for RegistryInvariants {
    fn name(&self) -> &str {
        "registry invariants"
    }

    fn check(&mut self, world: &mut World<'_>, records: &[Record]) -> Result<(), String> {
        let changes = |record: &&Record| match &record.what {
            What::Called { service, function, .. } => service == "registry" && CHANGING.contains(&function.as_str()),
            _ => false,
        };
        let changed: BTreeSet<_> = records.iter().filter(changes).map(|record| record.peer).collect();
        for node in changed {
            let peer = &world.peers()[node.0];
            if !peer.is_alive() || peer.is_hostile() {
                continue;
            }
            for key_id in self.keys.clone() {
                self.check_key(world, node, &key_id)?;
            }
        }
        Ok(())
    }
}

fn list(world: &mut World<'_>, node: PeerIndex, function: &str, key_id: &str) -> Result<Vec<Value>, String> {
    let query = Query::new("registry", function).arg(key_id).now();
    let mut answer = world.ask(node, &query).map_err(|e| e.to_string())?;
    match answer["result"].take() {
        Value::Array(items) => Ok(items),
        other => Err(format!("{node}: {function} returned {other} instead of a list")),
    }
}

fn check_record(world: &mut World<'_>, node: PeerIndex, record: &Value) -> Result<(), String> {
    let metadata = &record["metadata"];
    let fields = [
        "key_id",
        "issued_by",
        "timestamp_issued",
        "value",
        "peer_id",
        "relay_id",
        "service_id",
        "solution",
    ];
    let query = with_fields("get_record_metadata_bytes", metadata, &fields);
    check_signature(
        world,
        node,
        &query,
        &metadata["issued_by"],
        &metadata["issuer_signature"],
    )?;
    // A host record that only its issuer signed stands in for the one that the node will sign.
    if record["signature"].as_array().is_some_and(Vec::is_empty) {
        return Ok(());
    }
    let query = Query::new("registry", "get_record_bytes")
        .arg(metadata.clone())
        .arg(record["timestamp_created"].clone());
    check_signature(world, node, &query, &metadata["peer_id"], &record["signature"])
}

fn check_tombstone(world: &mut World<'_>, node: PeerIndex, tombstone: &Value) -> Result<(), String> {
    let fields = ["key_id", "issued_by", "peer_id", "timestamp_issued", "solution"];
    let query = with_fields("get_tombstone_bytes", tombstone, &fields);
    check_signature(
        world,
        node,
        &query,
        &tombstone["issued_by"],
        &tombstone["issuer_signature"],
    )
}

fn with_fields(function: &str, value: &Value, fields: &[&str]) -> Query {
    let query = Query::new("registry", function);
    fields
        .iter()
        .fold(query, |query, field| query.arg(value[*field].clone()))
}

/// Whether `signature` is the signer's over the bytes that the node's registry has for the query.
fn check_signature(
    world: &mut World<'_>,
    node: PeerIndex,
    query: &Query,
    signer: &Value,
    signature: &Value,
) -> Result<(), String> {
    let bytes = world.ask(node, query).map_err(|e| e.to_string())?;
    let bytes: Vec<u8> = serde_json::from_value(bytes).map_err(|e| e.to_string())?;
    let signature: Vec<u8> = serde_json::from_value(signature.clone()).map_err(|e| e.to_string())?;
    let signature = Signature::from_bytes(KeyFormat::Ed25519, signature);
    let signer_id = signer.as_str().unwrap_or_default();
    let signer = world.peers().iter().find(|peer| peer.id() == signer_id);
    match signer {
        Some(signer) if signer.key_pair.public().verify(&bytes, &signature).is_ok() => Ok(()),
        Some(_) => Err(format!("{node} holds what {signer_id} did not sign: {query:?}")),
        None => Err(format!(
            "{node} holds what an unknown peer {signer_id} signed: {query:?}"
        )),
    }
}

fn identity(value: &Value) -> Identity {
    ["key_id", "issued_by", "peer_id"].map(|field| value[field].as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NODE: PeerIndex = PeerIndex(3);

    fn entry(issued: u64) -> Value {
        json!({"key_id": "k", "issued_by": "i", "peer_id": "p", "timestamp_issued": issued})
    }

    #[test]
    fn only_a_record_newer_than_its_deletion_may_be_there() {
        let mut invariants = RegistryInvariants::watching(["k"]);
        assert!(invariants.check_deletion(NODE, &entry(5)).is_ok());
        invariants.note_deletion(NODE, &entry(7));
        invariants.note_deletion(NODE, &entry(6));
        assert!(invariants.check_deletion(NODE, &entry(6)).is_err());
        let error = invariants.check_deletion(NODE, &entry(7)).unwrap_err();
        assert!(error.contains("deleted at 7"), "{error}");
        assert!(invariants.check_deletion(NODE, &entry(8)).is_ok());
        assert!(
            invariants.check_deletion(PeerIndex(4), &entry(6)).is_ok(),
            "another node"
        );
    }
}
