//! Where a resource lies, and what nodes hold of it: looked at from inside in `up`, asked for in front of any other network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use devnet::kademlia::{resource_point, Point};
use devnet::live::Holder as Inside;
use futures_util::future::join_all;
use registry_client::{Client, HeldRecord, HeldTombstone, Inspection, Resource, ResourceId};
use serde::Serialize;
use serde_json::Value;

use super::error::{HttpError, Reply};
use super::watched::{NodeView, Watched};
use crate::output::unix_now_ms;

/// An answer of this age is given again.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// Resources whose answers are kept.
const KEPT_MAX: usize = 256;

#[derive(Debug, Serialize)]
struct ResourceView {
    id: ResourceId,
    at_ms: u64,
    position: f64,
    label: Option<String>,
    owner_peer_id: Option<String>,
    nodes: Vec<Holder>,
}

#[derive(Debug, Default, Serialize)]
struct Holder {
    peer_id: String,
    position: f64,
    is_neighbour: bool,
    error: Option<String>,
    took_ms: Option<u64>,
    clock_ahead_ms: Option<i64>,
    created_at: Option<u64>,
    partial: Option<bool>,
    records: Vec<HeldRecord>,
    tombstones: Vec<HeldTombstone>,
}

/// The latest answers. Whoever asks while one is being made waits for it.
#[derive(Debug, Default)]
pub(super) struct Answers {
    slots: Mutex<HashMap<ResourceId, Slot>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Bytes)>>>;

impl Answers {
    /// The view of a resource in JSON.
    pub(super) async fn of(&self, id: &ResourceId, client: &Client, inside: Option<&Watched>) -> Reply<Bytes> {
        let slot = self.slot(id);
        let mut slot = slot.lock().await;
        if let Some((at, bytes)) = &*slot {
            if at.elapsed() < FRESH_FOR {
                return Ok(bytes.clone());
            }
        }
        let view = match inside {
            Some(watched) => look_inside(id, watched).await?,
            None => ask(id, client).await?,
        };
        let bytes = Bytes::from(serde_json::to_vec(&view).map_err(HttpError::internal)?);
        *slot = Some((Instant::now(), bytes.clone()));
        Ok(bytes)
    }

    /// What was changed through the server is seen at once.
    pub(super) fn forget(&self, id: &ResourceId) {
        self.slots.lock().expect("no holder panics").remove(id);
    }

    fn slot(&self, id: &ResourceId) -> Slot {
        let mut slots = self.slots.lock().expect("no holder panics");
        if slots.len() >= KEPT_MAX && !slots.contains_key(id) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        match slots.len() < KEPT_MAX {
            true => slots.entry(id.clone()).or_default().clone(),
            // All of them are being made: this one is made for its reader alone.
            false => slots.get(id).cloned().unwrap_or_default(),
        }
    }
}

async fn look_inside(id: &ResourceId, watched: &Watched) -> Reply<ResourceView> {
    let at_ms = unix_now_ms();
    let view = watched.network.resource(id.as_str()).await?;
    let nodes = watched.view();
    let mut held: HashMap<usize, Inside> = view.holders.into_iter().map(|holder| (holder.node, holder)).collect();
    let failures: HashMap<usize, String> = view.failures.into_iter().collect();
    let owned = held.values().find_map(|holder| resource(&holder.key));
    let mut others: Vec<usize> = held.keys().chain(failures.keys()).copied().collect();
    others.sort_unstable();
    others.dedup();
    others.retain(|number| !view.neighbours.contains(number));
    let mut read = Reader::default();
    let mut holder = |number: usize, is_neighbour: bool| {
        let node = nodes.nodes.get(number)?;
        let inside = held.remove(&number);
        let error = failures.get(&number).cloned();
        Some(read.holder(node, is_neighbour, inside, error))
    };
    let neighbours: Vec<_> = view
        .neighbours
        .iter()
        .filter_map(|number| holder(*number, true))
        .collect();
    let others: Vec<_> = others.into_iter().filter_map(|number| holder(number, false)).collect();
    Ok(ResourceView {
        id: id.clone(),
        at_ms,
        position: view.position,
        label: owned.as_ref().map(|owned| owned.label.clone()),
        owner_peer_id: owned.map(|owned| owned.owner_peer_id),
        nodes: neighbours.into_iter().chain(others).collect(),
    })
}

/// Twenty nodes hold the same record as a rule: its signatures are checked once.
#[derive(Default)]
struct Reader {
    read: HashMap<String, HeldRecord>,
}

impl Reader {
    fn holder(&mut self, node: &NodeView, is_neighbour: bool, inside: Option<Inside>, error: Option<String>) -> Holder {
        let of_node = Holder {
            peer_id: node.peer_id.clone(),
            position: node.position,
            is_neighbour,
            error,
            clock_ahead_ms: Some(node.clock_ahead_ms),
            ..Holder::default()
        };
        let Some(inside) = inside else {
            return of_node;
        };
        let tombstones = inside.tombstones.into_iter();
        Holder {
            created_at: resource(&inside.key).map(|resource| resource.timestamp_created),
            partial: inside.is_partial,
            records: inside.records.iter().map(|record| self.record(record)).collect(),
            tombstones: tombstones
                .filter_map(|tombstone| serde_json::from_value(tombstone).ok())
                .collect(),
            ..of_node
        }
    }

    fn record(&mut self, record: &Value) -> HeldRecord {
        let read = self.read.entry(record.to_string());
        read.or_insert_with(|| HeldRecord::read(record)).clone()
    }
}

fn resource(key: &Value) -> Option<Resource> {
    serde_json::from_value(key.clone()).ok()
}

async fn ask(id: &ResourceId, client: &Client) -> Reply<ResourceView> {
    let at_ms = unix_now_ms();
    let neighbours = client.neighbours(id).await?;
    let asking = neighbours.iter().map(|peer_id| client.inspect(peer_id, id));
    let answers = join_all(asking).await;
    let mut owned = None;
    let nodes = neighbours.iter().zip(answers).map(|(peer_id, answer)| {
        let of_node = Holder {
            peer_id: peer_id.clone(),
            position: position(peer_id),
            is_neighbour: true,
            ..Holder::default()
        };
        match answer {
            Err(error) => Holder {
                error: Some(error.to_string()),
                ..of_node
            },
            Ok(inspection) => {
                let held = held(of_node, &inspection);
                owned = owned.take().or(inspection.resource);
                held
            }
        }
    });
    let nodes = nodes.collect();
    let place = resource_point(id.as_str()).map_err(HttpError::bad_resource)?;
    Ok(ResourceView {
        id: id.clone(),
        at_ms,
        position: place.fraction(),
        label: owned.as_ref().map(|owned: &Resource| owned.label.clone()),
        owner_peer_id: owned.map(|owned| owned.owner_peer_id),
        nodes,
    })
}

fn held(of_node: Holder, inspection: &Inspection) -> Holder {
    Holder {
        took_ms: Some(inspection.took_ms),
        clock_ahead_ms: Some(inspection.clock_ahead_ms),
        created_at: inspection.resource.as_ref().map(|resource| resource.timestamp_created),
        partial: inspection.is_partial,
        records: inspection.records.clone(),
        tombstones: inspection.tombstones.clone(),
        ..of_node
    }
}

/// Where a node lies in the key space: at the sha256 of its peer id's bytes.
fn position(peer_id: &str) -> f64 {
    let bytes = bs58::decode(peer_id).into_vec().unwrap_or_default();
    Point::of(&bytes).fraction()
}
