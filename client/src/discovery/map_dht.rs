use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::dht::{Dht, Published, Transport};
use super::error::{DhtError, Failure};
use super::handler::{Arguments, Incoming, Reply};
use super::name::Name;
use super::provider::ProviderInfo;

/// Nodes unless said otherwise: as many as hold one name in a real network.
const NODES: usize = 20;
/// Providers on one node.
const ENTRIES_MAX: usize = 10_000;

/// A DHT in memory, with peers that reach each other: for tests, of this crate and of whoever uses it.
///
/// Its nodes are numbered, and each name is closest to node 0, then to node 1. A node that is down answers nothing and
/// keeps what it has.
#[derive(Clone)]
pub struct MapDht(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    nodes: Vec<Node>,
    peers: BTreeMap<String, Peer>,
    queries: u64,
    published: u64,
}

#[derive(Default)]
struct Node {
    is_down: bool,
    entries: BTreeMap<(Name, String), Entry>,
}

#[derive(Clone)]
struct Entry {
    provider: ProviderInfo,
    put_at: Instant,
    ttl: Duration,
}

struct Peer {
    endpoint: tokio::sync::watch::Sender<String>,
    services: BTreeMap<Name, Incoming>,
    is_gone: bool,
}

/// One peer of a [`MapDht`].
#[derive(Debug, Clone)]
pub struct MapPeer {
    dht: MapDht,
    node_id: Arc<str>,
}

impl MapDht {
    /// Of 20 nodes.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_nodes(NODES, clock)
    }

    #[must_use]
    pub fn with_nodes(nodes: usize, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            nodes: (0..nodes).map(|_| Node::default()).collect(),
            peers: BTreeMap::new(),
            queries: 0,
            published: 0,
        };
        let state = Mutex::new(state);
        Self(Arc::new(Shared { clock, state }))
    }

    /// A peer, reached at `map/NODE_ID`. It replaces one of the same id.
    #[must_use]
    pub fn peer(&self, node_id: &str) -> MapPeer {
        let peer = Peer {
            endpoint: tokio::sync::watch::Sender::new(format!("map/{node_id}")),
            services: BTreeMap::new(),
            is_gone: false,
        };
        self.state().peers.insert(node_id.to_owned(), peer);
        MapPeer {
            dht: self.clone(),
            node_id: node_id.into(),
        }
    }

    /// Takes these nodes down, and no others.
    pub fn set_down(&self, down: impl IntoIterator<Item = usize>) {
        let mut state = self.state();
        state.nodes.iter_mut().for_each(|node| node.is_down = false);
        for index in down {
            if let Some(node) = state.nodes.get_mut(index) {
                node.is_down = true;
            }
        }
    }

    /// The nodes that hold a provider, down or not.
    #[must_use]
    pub fn holders(&self, name: &Name, node_id: &str) -> Vec<usize> {
        let (state, now) = (self.state(), self.0.clock.now());
        let key = (name.clone(), node_id.to_owned());
        let holds = |node: &Node| node.entries.get(&key).is_some_and(|entry| !entry.is_expired(now));
        (0..state.nodes.len())
            .filter(|index| holds(&state.nodes[*index]))
            .collect()
    }

    /// How often it was asked so far.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.state().queries
    }

    /// How often something was published, or was to be.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.state().published
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no holder panics")
    }
}

impl fmt::Debug for MapDht {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapDht").finish_non_exhaustive()
    }
}

impl Entry {
    fn is_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.put_at) >= self.ttl
    }
}

impl State {
    /// The nodes that answer among the closest, `k` of them.
    fn up(&mut self, k: u8) -> Result<impl Iterator<Item = &mut Node>, DhtError> {
        if k == 0 {
            return Err(DhtError::refused("k", k, "is 0: at least one node has to be asked"));
        }
        if self.nodes.iter().all(|node| node.is_down) {
            return Err(DhtError::Unavailable("all of its nodes are down".to_owned()));
        }
        Ok(self.nodes.iter_mut().filter(|node| !node.is_down).take(k.into()))
    }
}

impl MapPeer {
    /// The process ends: whoever calls it hears nothing any more.
    pub fn vanish(&self) {
        self.with(|peer| peer.is_gone = true);
    }

    /// From now on the peer is reached there.
    pub fn move_to(&self, endpoint: &str) {
        self.with(|peer| drop(peer.endpoint.send_replace(endpoint.to_owned())));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Peer) -> T) -> T {
        let mut state = self.dht.state();
        let peer = state.peers.get_mut(&*self.node_id);
        act(peer.expect("peers are replaced, and never removed"))
    }
}

impl Dht for MapPeer {
    async fn publish(&self, name: &Name, provider: &ProviderInfo, ttl: Duration, k: u8) -> Result<Published, DhtError> {
        let now = self.dht.0.clock.now();
        let mut state = self.dht.state();
        state.published += 1;
        let key = (name.clone(), provider.node_id.clone());
        let mut published = Published::default();
        for node in state.up(k)? {
            node.entries.retain(|_, entry| !entry.is_expired(now));
            if node.entries.len() >= ENTRIES_MAX && !node.entries.contains_key(&key) {
                published
                    .errors
                    .push(format!("a node holds {ENTRIES_MAX} providers already"));
                continue;
            }
            let entry = Entry {
                provider: provider.clone(),
                put_at: now,
                ttl,
            };
            node.entries.insert(key.clone(), entry);
            published.nodes += 1;
        }
        if published.nodes == 0 {
            return Err(DhtError::Unavailable(published.errors.join(", ")));
        }
        Ok(published)
    }

    async fn query(&self, name: &Name, k: u8) -> Result<Vec<ProviderInfo>, DhtError> {
        let now = self.dht.0.clock.now();
        let mut state = self.dht.state();
        state.queries += 1;
        let mut latest: BTreeMap<String, Entry> = BTreeMap::new();
        for node in state.up(k)? {
            let of_name = |(of, _): &(Name, String)| of == name;
            let live = node
                .entries
                .iter()
                .filter(|(key, entry)| of_name(key) && !entry.is_expired(now));
            for ((_, node_id), entry) in live {
                let known = latest.entry(node_id.clone()).or_insert_with(|| entry.clone());
                if entry.put_at > known.put_at {
                    *known = entry.clone();
                }
            }
        }
        Ok(latest.into_values().map(|entry| entry.provider).collect())
    }

    async fn remove(&self, name: &Name, node_id: &str) -> Result<(), DhtError> {
        let key = (name.clone(), node_id.to_owned());
        self.dht
            .state()
            .up(u8::MAX)?
            .for_each(|node| drop(node.entries.remove(&key)));
        Ok(())
    }
}

impl Transport for MapPeer {
    fn node_id(&self) -> &str {
        &self.node_id
    }

    fn endpoint(&self) -> String {
        self.with(|peer| peer.endpoint.borrow().clone())
    }

    async fn moved(&self, from: &str) {
        let mut endpoint = self.with(|peer| peer.endpoint.subscribe());
        if endpoint.wait_for(|endpoint| endpoint != from).await.is_err() {
            std::future::pending().await
        }
    }

    fn serve(&self, name: &Name, incoming: Incoming) {
        self.with(|peer| drop(peer.services.insert(name.clone(), incoming)));
    }

    fn stop_serving(&self, name: &Name) {
        self.with(|peer| drop(peer.services.remove(name)));
    }

    async fn call(
        &self,
        provider: &ProviderInfo,
        name: &Name,
        arguments: Arguments,
        _limit: Duration,
    ) -> Result<Reply, Failure> {
        let incoming = {
            let state = self.dht.state();
            let at = |peer: &&Peer| !peer.is_gone && *peer.endpoint.borrow() == provider.endpoint;
            let peer = state.peers.get(&provider.node_id).filter(at);
            peer.map(|peer| peer.services.get(name).cloned())
        };
        match incoming {
            Some(Some(incoming)) => incoming(arguments).await,
            Some(None) => Err(Failure::Unreached(format!(
                "{} has no service `{name}`",
                provider.node_id
            ))),
            // Nobody is there who could say so.
            None => std::future::pending().await,
        }
    }
}
