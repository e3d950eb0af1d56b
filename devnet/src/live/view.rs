//! What nodes hold, seen from inside: nothing of it costs a particle.

use serde::Serialize;
use serde_json::{json, Value};

use super::{LiveError, Network};
use crate::kademlia::{resource_point, REPLICATION_FACTOR};
use crate::{NetworkError, PeerIndex, Query};

/// Where a resource lies, and who holds what of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceView {
    pub id: String,
    /// Its place in the key space, 0 to 1.
    pub position: f64,
    /// The numbers of the running nodes where it belongs, closest first.
    pub neighbours: Vec<usize>,
    /// Nodes that hold something of it, wherever they are.
    pub holders: Vec<Holder>,
    /// Nodes that do not answer, and why.
    pub failures: Vec<(usize, String)>,
}

/// What one node holds of a resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holder {
    pub node: usize,
    /// The registration, or null where the node knows only records.
    pub key: Value,
    /// Records that live, as `get_records` gives them.
    pub records: Vec<Value>,
    /// Tombstones, as `get_tombstones` gives them.
    pub tombstones: Vec<Value>,
    /// Whether the node knows that others may hold more. None of a registry that does not say.
    pub is_partial: Option<bool>,
}

impl Network {
    /// Where a resource lies, and what each node holds of it at this moment.
    pub async fn resource(&self, id: impl Into<String>) -> Result<ResourceView, LiveError> {
        let id = id.into();
        let place = resource_point(&id).map_err(LiveError::Resource)?;
        let view = self.with(move |engine| {
            let network = &mut engine.network;
            let neighbours = network.closest_nodes(place, REPLICATION_FACTOR);
            let (mut holders, mut failures) = (Vec::new(), Vec::new());
            for node in network.nodes() {
                let peer = network.peer(node)?;
                if !peer.is_alive() || peer.services.identity("registry").is_none() {
                    continue;
                }
                match holder(network, node, &id) {
                    Ok(holder) => holders.extend(holder),
                    Err(error) => failures.push((node.0, error.to_string())),
                }
            }
            Ok::<_, NetworkError>(ResourceView {
                position: place.fraction(),
                neighbours: neighbours.into_iter().map(|node| node.0).collect(),
                holders,
                failures,
                id,
            })
        });
        Ok(view.await??)
    }

    /// A resource as its owner registered it, from the closest running node that knows it.
    pub async fn key(&self, id: impl Into<String>) -> Result<Option<Value>, LiveError> {
        let id = id.into();
        let place = resource_point(&id).map_err(LiveError::Resource)?;
        self.with(move |engine| {
            let network = &mut engine.network;
            let query = Query::new("registry", "get_key_metadata").arg(id);
            let nodes = network.closest_nodes(place, REPLICATION_FACTOR).into_iter();
            let mut answers = nodes.filter_map(|node| network.ask(node, &query).ok());
            answers.find_map(|mut answer| succeeded(&answer).then(|| answer["key"].take()))
        })
        .await
    }

    /// What the registry of a node says of itself.
    pub async fn stats(&self, node: usize) -> Result<Value, LiveError> {
        if node >= self.nodes().len() {
            return Err(LiveError::NoSuchNode(node));
        }
        let query = Query::new("registry", "get_stats").now();
        let stats = self.with(move |engine| engine.network.ask(PeerIndex(node), &query));
        Ok(stats.await??)
    }
}

/// What a node holds of a resource; none if it holds nothing.
fn holder(network: &mut crate::Network, node: PeerIndex, id: &str) -> Result<Option<Holder>, NetworkError> {
    let held = network.held_by(node, id)?;
    if held.key.is_null() && held.records.is_empty() {
        return Ok(None);
    }
    // What a registry of another version does not have is left out.
    let mut ask = |query: Query| network.ask(node, &query).ok().filter(succeeded);
    let tombstones = ask(Query::new("registry", "get_tombstones").arg(id).now());
    let tombstones = tombstones.map(|mut answer| answer["result"].take());
    let answer = ask(Query::new("registry", "get_answer").arg(id).arg("").now());
    Ok(Some(Holder {
        node: node.0,
        key: held.key,
        records: held.records,
        tombstones: match tombstones {
            Some(Value::Array(tombstones)) => tombstones,
            _ => Vec::new(),
        },
        is_partial: answer.and_then(|answer| Some(answer["answer"].as_str()?.ends_with('!'))),
    }))
}

fn succeeded(answer: &Value) -> bool {
    answer["success"] == json!(true)
}
