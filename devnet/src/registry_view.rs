//! Which nodes hold what of a key: the registry's state from outside.

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

    /// In what live replicas of a key differ: the first pair among `nodes` that does not hold the same records, or `None`
    /// where all agree. Records count as the same when provider, issuer, value and time of issue are.
    pub fn divergence(&mut self, key_id: &str, nodes: &[PeerIndex]) -> Result<Option<String>, NetworkError> {
        let holders = self.holders(key_id)?;
        let live = nodes.iter().filter(|node| self.peers()[node.0].is_alive());
        let mut first: Option<(PeerIndex, BTreeSet<String>)> = None;
        for node in live {
            let records = holders.get(node).map_or(&[][..], |held| &held.records);
            let records: BTreeSet<String> = records.iter().map(essence).collect();
            match &first {
                None => first = Some((*node, records)),
                Some((_, expected)) if *expected == records => {}
                Some((other, expected)) => {
                    let difference: Vec<_> = expected.symmetric_difference(&records).cloned().collect();
                    return Ok(Some(format!("{other} and {node} differ in {}", difference.join("; "))));
                }
            }
        }
        Ok(None)
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

fn essence(record: &Value) -> String {
    let metadata = &record["metadata"];
    let field = |name: &str| metadata[name].to_string();
    ["peer_id", "issued_by", "value", "timestamp_issued"]
        .map(field)
        .join(" ")
}
