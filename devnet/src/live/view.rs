//! What nodes hold, seen from inside: nothing of it costs a particle.

use serde::Serialize;
use serde_json::Value;

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
}

/// What one node holds of a resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holder {
    pub node: usize,
    /// The registration, or null where the node knows only records.
    pub key: Value,
    /// Records that live, as `get_records` gives them.
    pub records: Vec<Value>,
}

impl Network {
    /// Where a resource lies, and what each node holds of it at this moment.
    pub async fn resource(&self, id: impl Into<String>) -> Result<ResourceView, LiveError> {
        let id = id.into();
        let place = resource_point(&id).map_err(LiveError::Resource)?;
        let view = self.with(move |engine| {
            let network = &mut engine.network;
            let neighbours = network.closest_nodes(place, REPLICATION_FACTOR);
            let holders = network.holders(&id)?.into_iter();
            Ok::<_, NetworkError>(ResourceView {
                position: place.fraction(),
                neighbours: neighbours.into_iter().map(|node| node.0).collect(),
                holders: holders
                    .map(|(node, held)| Holder {
                        node: node.0,
                        key: held.key,
                        records: held.records,
                    })
                    .collect(),
                id,
            })
        });
        Ok(view.await??)
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
