//! The network of `registry up`: what it is like, and what can be done to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{HttpError, Reply};
use super::feed::{self, Feed, Happened, Kind, EVENTS_KEPT};
use super::request::{json, ok, whole, Request};
use super::watched::{Cut, NodeView, Sample, SeenResource, Watched, KEPT_EVERY};
use crate::commands::metrics;

/// Peers that are listed of a node.
const PEERS_MAX: usize = 64;
const REPLICATED_EVERY: Duration = Duration::from_secs(5);
/// From one node's round to the next one's.
const REPLICATED_APART: Duration = Duration::from_millis(200);

type Up = Arc<Watched>;

#[derive(Debug, Serialize)]
struct NodePage {
    node: NodeView,
    history: Vec<Sample>,
    sampled_every_ms: u128,
    registry: Option<Value>,
    peers: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SeenResources {
    resources: Vec<SeenResource>,
}

#[derive(Debug, Serialize)]
struct Healed {
    healed: bool,
}

#[derive(Debug, Serialize)]
struct Replicating {
    nodes: usize,
}

/// A change that needs no more words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCut {
    side: Option<Vec<String>>,
}

pub(super) async fn view(watched: Up, _: Request) -> Reply {
    Ok(ok(&*watched.view()))
}

pub(super) async fn seen(watched: Up, _: Request) -> Reply {
    Ok(ok(&SeenResources {
        resources: watched.seen(),
    }))
}

pub(super) async fn node(watched: Up, request: Request) -> Reply {
    let number = watched.node(&request.parameter(0)?)?;
    let mut peers = watched.network.peers(number).await?;
    peers.truncate(PEERS_MAX);
    let (history, registry) = watched.kept(number);
    Ok(ok(&NodePage {
        node: shown(&watched, number).await?,
        history,
        sampled_every_ms: KEPT_EVERY.as_millis(),
        registry,
        peers,
    }))
}

/// A node as it was seen last; one that is new is looked at.
async fn shown(watched: &Watched, number: usize) -> Reply<NodeView> {
    if let Some(node) = watched.view().nodes.get(number) {
        return Ok(node.clone());
    }
    refreshed(watched, number).await
}

async fn refreshed(watched: &Watched, number: usize) -> Reply<NodeView> {
    let view = watched.refresh().await?;
    view.nodes
        .get(number)
        .cloned()
        .ok_or_else(|| HttpError::internal("the node is not there"))
}

pub(super) async fn add(watched: Up, request: Request) -> Reply {
    let Nothing {} = request.json()?;
    let added = watched.network.add_node().await?;
    let number = watched.node(&added.peer_id)?;
    Ok(json(StatusCode::CREATED, &refreshed(&watched, number).await?))
}

pub(super) async fn stop(watched: Up, request: Request) -> Reply {
    let Nothing {} = request.json()?;
    let number = watched.node(&request.parameter(0)?)?;
    watched.network.stop_node(number).await?;
    Ok(ok(&refreshed(&watched, number).await?))
}

pub(super) async fn kill(watched: Up, request: Request) -> Reply {
    let Nothing {} = request.json()?;
    let number = watched.node(&request.parameter(0)?)?;
    watched.network.kill(number).await?;
    Ok(ok(&refreshed(&watched, number).await?))
}

pub(super) async fn restart(watched: Up, request: Request) -> Reply {
    let Nothing {} = request.json()?;
    let number = watched.node(&request.parameter(0)?)?;
    watched.network.restart(number).await?;
    Ok(ok(&refreshed(&watched, number).await?))
}

pub(super) async fn cut(watched: Up, request: Request) -> Reply {
    let new: NewCut = request.json()?;
    let view = watched.refresh().await?;
    let nodes = &view.nodes;
    let mut side: Vec<usize> = match new.side {
        Some(side) => side.iter().map(|peer_id| watched.node(peer_id)).collect::<Reply<_>>()?,
        None => lower_half(nodes),
    };
    side.sort_unstable();
    side.dedup();
    if side.is_empty() || side.len() == nodes.len() {
        let message = format!(
            "one side has {} of {} nodes: each side has at least one",
            side.len(),
            nodes.len()
        );
        return Err(HttpError::bad_request(message));
    }
    watched.network.partition(side.clone()).await?;
    let peer_ids = |is_in: bool| {
        let of_side = nodes.iter().filter(|node| side.contains(&node.number) == is_in);
        of_side.map(|node| node.peer_id.clone()).collect()
    };
    let cut = Cut {
        sides: [peer_ids(true), peer_ids(false)],
    };
    *watched.cut.lock().expect("no holder panics") = Some(cut.clone());
    watched.feed.push(&Happened::now(Kind::Cut));
    watched.refresh().await?;
    Ok(ok(&cut))
}

fn lower_half(nodes: &[NodeView]) -> Vec<usize> {
    let mut by_position: Vec<&NodeView> = nodes.iter().collect();
    by_position.sort_by(|a, b| a.position.total_cmp(&b.position));
    by_position.truncate(nodes.len() / 2);
    by_position.into_iter().map(|node| node.number).collect()
}

pub(super) async fn heal(watched: Up, request: Request) -> Reply {
    let Nothing {} = request.json()?;
    watched.network.heal().await?;
    let healed = watched.cut.lock().expect("no holder panics").take().is_some();
    if healed {
        watched.feed.push(&Happened::now(Kind::Healed));
    }
    watched.refresh().await?;
    Ok(ok(&Healed { healed }))
}

pub(super) async fn replicate(watched: Up, request: Request) -> Reply {
    let Nothing {} = request.json()?;
    {
        let mut last = watched.replicated.lock().expect("no holder panics");
        if last.is_some_and(|last| last.elapsed() < REPLICATED_EVERY) {
            let message = format!("all nodes began less than {} s ago: wait", REPLICATED_EVERY.as_secs());
            return Err(HttpError::too_many(message));
        }
        *last = Some(Instant::now());
    }
    let states = watched.view();
    let running = states
        .nodes
        .iter()
        .filter(|node| node.state == devnet::live::Standing::Running);
    let running: Vec<usize> = running.map(|node| node.number).collect();
    let nodes = running.len();
    // It goes on when the answer is there, and holds up nobody's end.
    let network = Arc::downgrade(&watched);
    tokio::spawn(async move {
        for number in running {
            match network.upgrade() {
                // A node that has ended since has no part in it.
                Some(watched) => drop(watched.network.replicate(number).await),
                None => return,
            }
            tokio::time::sleep(REPLICATED_APART).await;
        }
    });
    Ok(json(StatusCode::ACCEPTED, &Replicating { nodes }))
}

pub(super) async fn events(watched: Up, request: Request) -> Reply {
    let query = request.query(&["last_event_id", "network", "replay"])?;
    let replay = query.parsed("replay")?.unwrap_or(0);
    if replay > EVENTS_KEPT as u64 {
        return Err(HttpError::bad_request(format!(
            "replay is {replay}: it is 0 to {EVENTS_KEPT}"
        )));
    }
    // A browser says where it was, after a break, in the header; the address stays what it was.
    let last = match request.headers.get("last-event-id") {
        Some(id) => Some(id.to_str().map_err(HttpError::bad_request)?),
        None => query.text("last_event_id"),
    };
    let place = match last.filter(|id| !id.is_empty()) {
        Some(id) => watched.feed.after(id).map_err(HttpError::bad_request)?,
        None => watched.feed.back(replay),
    };
    let views = query.parsed("network")?.unwrap_or(false).then(|| watched.views());
    let permit = watched.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| HttpError::too_many("64 streams of events are read, and no more: close one"))?;
    // Whoever reads a stream looks: the first one wakes the server.
    watched.view();
    Ok(feed::stream(FeedOf(watched), place, views, permit))
}

/// The feed, which lives in what is watched.
struct FeedOf(Arc<Watched>);

impl std::ops::Deref for FeedOf {
    type Target = Feed;

    fn deref(&self) -> &Feed {
        &self.0.feed
    }
}

pub(super) async fn metrics(watched: Up, _: Request) -> Reply {
    let stats = watched.stats();
    let stats: Vec<_> = stats
        .iter()
        .map(|(node, stats)| (node.as_str(), stats.clone()))
        .collect();
    Ok(whole(StatusCode::OK, metrics::CONTENT_TYPE, metrics::text(&stats)))
}
