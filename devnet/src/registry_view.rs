//! Which nodes hold what of a key: the registry's state from outside.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{json, Value};

use crate::ask::Query;
use crate::error::NetworkError;
use crate::kademlia::Point;
use crate::network::Network;
use crate::peer::PeerIndex;

/// What one node holds of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldKey {
    /// The key itself, or null where only records are held.
    pub key: Value,
    /// The live records, as `get_records` gives them.
    pub records: Vec<Value>,
}

impl Network {
    /// What each live node with a registry holds of a key; nodes that hold nothing of it are left out.
    pub fn holders(&mut self, key_id: &str) -> Result<BTreeMap<PeerIndex, HeldKey>, NetworkError> {
        let mut holders = BTreeMap::new();
        for node in self.nodes() {
            let peer = self.peer(node)?;
            if !peer.is_alive() || peer.services.identity("registry").is_none() {
                continue;
            }
            let held = self.held_by(node, key_id)?;
            if !held.key.is_null() || !held.records.is_empty() {
                holders.insert(node, held);
            }
        }
        Ok(holders)
    }

    pub(crate) fn held_by(&mut self, node: PeerIndex, key_id: &str) -> Result<HeldKey, NetworkError> {
        let key = Query::new("registry", "get_key_metadata").arg(key_id);
        let mut key = self.ask(node, &key)?;
        let found = key["success"] == json!(true);
        let records = Query::new("registry", "get_records").arg(key_id).now();
        let mut records = self.ask(node, &records)?;
        let records = match records["result"].take() {
            Value::Array(records) => records,
            _ => Vec::new(),
        };
        Ok(HeldKey {
            key: if found { key["key"].take() } else { Value::Null },
            records,
        })
    }

    /// In what live replicas of a key among `nodes` differ from what most of them hold: a line for each that does, none where
    /// all agree. Records count as the same when provider, issuer, value and time of issue are. Those without a signature do not
    /// count: nobody passes them on, and where their node leaves before its spell has signed them, nobody ever will.
    pub fn divergence(&mut self, key_id: &str, nodes: &[PeerIndex]) -> Result<Vec<String>, NetworkError> {
        let holders = self.holders(key_id)?;
        let live = nodes.iter().filter(|node| self.peers()[node.0].is_alive());
        let mut replicas: BTreeMap<BTreeSet<String>, Vec<PeerIndex>> = BTreeMap::new();
        for node in live {
            let records = holders.get(node).map_or(&[][..], |held| &held.records);
            replicas
                .entry(records.iter().filter(|record| is_signed(record)).map(essence).collect())
                .or_default()
                .push(*node);
        }
        let mut replicas: Vec<(BTreeSet<String>, Vec<PeerIndex>)> = replicas.into_iter().collect();
        replicas.sort_by_key(|(_, nodes)| Reverse(nodes.len()));
        let Some(((most, others), differing)) = replicas.split_first() else {
            return Ok(Vec::new());
        };
        let line = |records: &BTreeSet<String>, node: &PeerIndex| {
            let difference: Vec<_> = most.symmetric_difference(records).cloned().collect();
            format!(
                "{node} differs from {} others in {}",
                others.len(),
                difference.join("; ")
            )
        };
        let lines = differing
            .iter()
            .flat_map(|(records, nodes)| nodes.iter().map(move |node| line(records, node)));
        Ok(lines.collect())
    }

    /// The live nodes closest to a point, closest first: where a view of the whole network would look for it. Unlike
    /// `kad.neighborhood` on a node, it leaves no node out.
    #[must_use]
    pub fn closest_nodes(&self, target: Point, count: usize) -> Vec<PeerIndex> {
        let mut nodes = self.nodes();
        nodes.retain(|node| self.peers()[node.0].is_alive());
        nodes.sort_by_cached_key(|node| target.distance(&self.peers()[node.0].point()));
        nodes.truncate(count);
        nodes
    }
}

fn is_signed(record: &Value) -> bool {
    record["signature"].as_array().is_some_and(|bytes| !bytes.is_empty())
}

fn essence(record: &Value) -> String {
    let metadata = &record["metadata"];
    let field = |name: &str| metadata[name].to_string();
    ["peer_id", "issued_by", "value", "timestamp_issued"]
        .map(field)
        .join(" ")
}
