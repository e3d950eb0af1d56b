//! The network of `registry up` as everybody sees it: looked at by the server once, however many readers there are.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use devnet::kademlia::resource_point;
use devnet::live::{Deed, Event, LiveError, Network, NodeState, Standing, What};
use devnet::NODES_MAX;
use registry_client::NodeStats;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch, Notify, Semaphore};

use super::error::{HttpError, Reply};
use super::feed::{frame, Feed, Happened, Kind};
use crate::output::unix_now_ms;

/// How often nodes are asked while somebody looks.
const SAMPLED_EVERY: Duration = Duration::from_secs(2);
/// And while nobody does; also the distance of two samples in a history.
pub(super) const KEPT_EVERY: Duration = Duration::from_secs(10);
/// Samples of an hour.
const HISTORY_LEN: usize = 360;
/// Whoever has looked within this time looks.
const LOOKS_FOR: Duration = Duration::from_secs(10);
/// Two samples have at least this between them, whatever happens.
const REST: Duration = Duration::from_millis(200);
const SEEN_MAX: usize = 1_024;
const STREAMS_MAX: usize = 64;

/// What a node says of itself, the numbers that are shown over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Sample {
    at_ms: u64,
    keys: u64,
    records: u64,
    tombstones: u64,
    due: u64,
    partial: u64,
    bytes: u64,
    spell_runs: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct NodeView {
    pub(super) number: usize,
    pub(super) peer_id: String,
    tcp: String,
    ws: String,
    pub(super) position: f64,
    pub(super) state: Standing,
    clients: Vec<String>,
    pub(super) clock_ahead_ms: i64,
    stats: Option<Sample>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Cut {
    pub(super) sides: [Vec<String>; 2],
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct NetworkView {
    at_ms: u64,
    pub(super) nodes: Vec<NodeView>,
    cut: Option<Cut>,
    nodes_max: usize,
    spell_every_sec: u64,
    replicate_every_sec: u64,
}

/// How often nodes do what they do on their own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) spell_every: Duration,
    pub(crate) replicate_every: Duration,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct SeenResource {
    id: String,
    label: Option<String>,
    owner_peer_id: Option<String>,
    position: f64,
    active_ms: u64,
    kind: Kind,
}

/// What is kept of a node beside what everybody sees.
#[derive(Debug, Default)]
struct Kept {
    history: VecDeque<Sample>,
    /// All that its registry said the last time, while it runs.
    registry: Option<Value>,
}

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) network: Network,
    times: Times,
    pub(super) feed: Feed,
    pub(super) streams: Arc<Semaphore>,
    view: watch::Sender<Arc<NetworkView>>,
    /// The view as streams send it. Another one only where something is different.
    shown: watch::Sender<Bytes>,
    kept: Mutex<Vec<Kept>>,
    seen: Mutex<HashMap<String, SeenResource>>,
    pub(super) cut: Mutex<Option<Cut>>,
    looked: Mutex<Instant>,
    wake: Notify,
    pub(super) replicated: Mutex<Option<Instant>>,
}

impl Watched {
    /// Takes a look at a network.
    pub(super) async fn new(network: Network, times: Times) -> Result<Self, LiveError> {
        let view = Arc::new(NetworkView {
            at_ms: 0,
            nodes: Vec::new(),
            cut: None,
            nodes_max: NODES_MAX,
            spell_every_sec: times.spell_every.as_secs(),
            replicate_every_sec: times.replicate_every.as_secs(),
        });
        let watched = Self {
            network,
            times,
            feed: Feed::new(unix_now_ms()),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            shown: watch::Sender::new(frame(Some("network"), None, &*view)),
            view: watch::Sender::new(view),
            kept: Mutex::default(),
            seen: Mutex::default(),
            cut: Mutex::default(),
            looked: Mutex::new(Instant::now()),
            wake: Notify::new(),
            replicated: Mutex::default(),
        };
        watched.sample().await?;
        Ok(watched)
    }

    /// Keeps looking until it is dropped, or the network has ended.
    pub(super) async fn watch(&self, events: broadcast::Receiver<Event>) {
        tokio::select! {
            () = self.sample_on() => {}
            () = self.listen(events) => {}
        }
    }

    /// As it was sampled last. Whoever asks is somebody who looks.
    pub(super) fn view(&self) -> Arc<NetworkView> {
        self.look();
        self.view.borrow().clone()
    }

    /// The view, whenever it is different, as streams send it.
    pub(super) fn views(&self) -> watch::Receiver<Bytes> {
        self.shown.subscribe()
    }

    fn look(&self) {
        let before = std::mem::replace(&mut *self.looked.lock().expect("no holder panics"), Instant::now());
        if before.elapsed() > SAMPLED_EVERY {
            self.wake.notify_one();
        }
    }

    /// Takes a look at once: something was done.
    pub(super) async fn refresh(&self) -> Reply<Arc<NetworkView>> {
        self.sample().await?;
        Ok(self.view())
    }

    pub(super) fn node(&self, peer_id: &str) -> Reply<usize> {
        let nodes = self.network.nodes();
        let found = nodes.iter().position(|node| node.peer_id == peer_id);
        found.ok_or_else(|| HttpError::no_such_node(peer_id))
    }

    async fn sample_on(&self) {
        loop {
            let is_watched = self.looked.lock().expect("no holder panics").elapsed() < LOOKS_FOR
                || self.streams.available_permits() < STREAMS_MAX;
            let rest = if is_watched { SAMPLED_EVERY } else { KEPT_EVERY };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = self.wake.notified() => tokio::time::sleep(REST).await,
            }
            if self.sample().await.is_err() {
                return;
            }
        }
    }

    /// Asks every running node, one after the other, so that nothing else waits for more than one answer.
    async fn sample(&self) -> Result<(), LiveError> {
        let mut answers = Vec::new();
        for (number, state) in self.network.states().await?.into_iter().enumerate() {
            let answer = match state.standing {
                Standing::Running => match self.network.stats(number).await {
                    Err(LiveError::Stopped(why)) => return Err(LiveError::Stopped(why)),
                    answer => answer.ok(),
                },
                _ => None,
            };
            answers.push((state, answer));
        }
        let at_ms = unix_now_ms();
        let mut nodes = Vec::with_capacity(answers.len());
        {
            let mut kept = self.kept.lock().expect("no holder panics");
            kept.resize_with(answers.len(), Kept::default);
            for (number, (state, answer)) in answers.into_iter().enumerate() {
                let stats = answer.as_ref().map(|answer| sample(at_ms, &state, answer));
                kept[number].registry = answer;
                kept[number].keep(stats);
                nodes.push(node_view(number, state, stats));
            }
        }
        let view = NetworkView {
            at_ms,
            nodes,
            cut: self.cut.lock().expect("no holder panics").clone(),
            nodes_max: NODES_MAX,
            spell_every_sec: self.times.spell_every.as_secs(),
            replicate_every_sec: self.times.replicate_every.as_secs(),
        };
        let view = Arc::new(view);
        let before = self.view.send_replace(view.clone());
        if differs(&before, &view) {
            self.shown.send_replace(frame(Some("network"), None, &*view));
        }
        Ok(())
    }

    /// A node's samples, oldest first, and all that its registry said the last time.
    pub(super) fn kept(&self, number: usize) -> (Vec<Sample>, Option<Value>) {
        let kept = self.kept.lock().expect("no holder panics");
        let of = |kept: &Kept| (kept.history.iter().copied().collect(), kept.registry.clone());
        kept.get(number).map(of).unwrap_or_default()
    }

    /// All nodes and what each said last, as `registry metrics` has them.
    pub(super) fn stats(&self) -> Vec<(String, Option<NodeStats>)> {
        let view = self.view();
        let kept = self.kept.lock().expect("no holder panics");
        let of = |node: &NodeView| {
            let registry = kept.get(node.number).and_then(|kept| kept.registry.clone());
            (
                node.peer_id.clone(),
                registry.and_then(|stats| serde_json::from_value(stats).ok()),
            )
        };
        view.nodes.iter().map(of).collect()
    }

    pub(super) fn seen(&self) -> Vec<SeenResource> {
        let mut seen: Vec<_> = self.seen.lock().expect("no holder panics").values().cloned().collect();
        seen.sort_by(|a, b| (b.active_ms, &b.id).cmp(&(a.active_ms, &a.id)));
        seen
    }

    async fn listen(&self, mut events: broadcast::Receiver<Event>) {
        loop {
            match events.recv().await {
                Ok(event) => self.take_in(event).await,
                Err(RecvError::Lagged(missed)) => self.feed.push(&Happened {
                    text: Some(format!("{missed} events went by untold: too much happened at once")),
                    ..Happened::now(Kind::Trouble)
                }),
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn take_in(&self, event: Event) {
        let node = self.network.nodes().get(event.node).map(|node| node.peer_id.clone());
        let happened = Happened {
            at_ms: event.at_ms,
            node,
            ..happened(event.what)
        };
        if happened.cost.is_none() {
            self.wake.notify_one();
        }
        for id in &happened.resources {
            self.see(id, &happened).await;
        }
        self.feed.push(&happened);
    }

    async fn see(&self, id: &str, happened: &Happened) {
        let Ok(place) = resource_point(id) else {
            return;
        };
        let known = self.seen.lock().expect("no holder panics").get(id).cloned();
        let mut seen = known.unwrap_or_else(|| SeenResource {
            id: id.to_owned(),
            label: None,
            owner_peer_id: None,
            position: place.fraction(),
            active_ms: 0,
            kind: happened.kind,
        });
        seen.active_ms = happened.at_ms;
        seen.kind = happened.kind;
        if seen.label.is_none() {
            if let Ok(Some(key)) = self.network.key(id).await {
                seen.label = text(&key["label"]);
                seen.owner_peer_id = text(&key["owner_peer_id"]);
            }
        }
        let mut all = self.seen.lock().expect("no holder panics");
        if all.len() >= SEEN_MAX && !all.contains_key(id) {
            let oldest = all
                .values()
                .min_by_key(|seen| seen.active_ms)
                .map(|seen| seen.id.clone());
            if let Some(oldest) = oldest {
                all.remove(&oldest);
            }
        }
        all.insert(id.to_owned(), seen);
    }
}

impl Kept {
    fn keep(&mut self, sample: Option<Sample>) {
        let Some(sample) = sample else {
            return;
        };
        // A little less than the distance: samples come a little early or late.
        let distance = KEPT_EVERY.as_millis() as u64 * 9 / 10;
        if self
            .history
            .back()
            .is_some_and(|last| sample.at_ms < last.at_ms + distance)
        {
            return;
        }
        if self.history.len() == HISTORY_LEN {
            self.history.pop_front();
        }
        self.history.push_back(sample);
    }
}

/// Whether more than the time is another.
fn differs(before: &NetworkView, after: &NetworkView) -> bool {
    let timeless = |node: &NodeView| {
        let mut node = node.clone();
        if let Some(stats) = &mut node.stats {
            stats.at_ms = 0;
        }
        node
    };
    before.cut != after.cut || !before.nodes.iter().map(timeless).eq(after.nodes.iter().map(timeless))
}

fn sample(at_ms: u64, state: &NodeState, answer: &Value) -> Sample {
    let number = |name: &str| answer[name].as_u64().unwrap_or_default();
    Sample {
        at_ms,
        keys: number("keys"),
        records: number("records"),
        tombstones: number("tombstones"),
        due: number("keys_due"),
        partial: number("keys_partial"),
        bytes: number("stored_bytes"),
        spell_runs: state.spell_runs,
    }
}

fn node_view(number: usize, state: NodeState, stats: Option<Sample>) -> NodeView {
    NodeView {
        number,
        peer_id: state.node.peer_id,
        tcp: state.node.tcp,
        ws: state.node.ws,
        position: state.position,
        state: state.standing,
        clients: state.clients,
        clock_ahead_ms: state.clock_ahead_ms,
        stats,
    }
}

impl Happened {
    pub(super) fn now(kind: Kind) -> Self {
        Self {
            at_ms: unix_now_ms(),
            kind,
            node: None,
            peer_id: None,
            resources: Vec::new(),
            cost: None,
            text: None,
        }
    }
}

fn happened(what: What) -> Happened {
    let of = Happened::now;
    match what {
        What::Started => of(Kind::Started),
        What::Added => of(Kind::Added),
        What::Stopped => of(Kind::Stopped),
        What::Killed => of(Kind::Killed),
        What::Connected { peer_id } => Happened {
            peer_id: Some(peer_id),
            ..of(Kind::Connected)
        },
        What::CutOff { peer_id, why } => Happened {
            peer_id: Some(peer_id),
            text: Some(why),
            ..of(Kind::CutOff)
        },
        What::Refused { peer_id, why } => Happened {
            peer_id: Some(peer_id),
            text: Some(why),
            ..of(Kind::Refused)
        },
        What::Done {
            deed,
            keys,
            initiator,
            cost,
        } => Happened {
            peer_id: Some(initiator),
            resources: keys,
            cost: Some(cost),
            ..of(kind(deed))
        },
        What::Trouble { message } => Happened {
            text: Some(message),
            ..of(Kind::Trouble)
        },
        other => Happened {
            text: Some(format!("{other:?}")),
            ..of(Kind::Trouble)
        },
    }
}

fn kind(deed: Deed) -> Kind {
    match deed {
        Deed::Created => Kind::Created,
        Deed::Registered => Kind::Registered,
        Deed::Resolved => Kind::Resolved,
        Deed::Replicated => Kind::Replicated,
        Deed::Renewed => Kind::Renewed,
        Deed::Expired => Kind::Expired,
        Deed::Deleted => Kind::Deleted,
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
