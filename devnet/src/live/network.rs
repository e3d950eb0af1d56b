//! The handle of a running network.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::Arc;
use std::time::Duration;

use fluence_keypair::KeyPair;
use libp2p_identity::Keypair;
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, mpsc, oneshot, Mutex, Semaphore};

use super::connection::Shared;
use super::engine::{self, Engine, Input, Setup, SpellScripts};
use super::limits::{INBOX_MAX, UNDER_WAY};
use super::options::{DEFAULT_NODES, DEFAULT_PORT};
use super::sockets::{self, Ports, Sockets};
use super::storage::Storage;
use super::{Event, LiveError, Options, What};
use crate::{ModuleSource, NetworkConfig, NetworkError, PeerIndex, NODES_MAX};

/// Events that are kept for those who read the feed slowly. Who is further behind misses the oldest.
const EVENTS_KEPT: usize = 1024;
/// How long a port may take to become free after its node has ended.
const PORT_FREE_WITHIN: Duration = Duration::from_secs(5);
const PORTS_PER_NODE: u16 = 2;
/// How long a node that is stopped may take to end what it is at.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// Where clients reach a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    pub peer_id: String,
    /// The multiaddr, with the peer id.
    pub tcp: String,
    /// The multiaddr for browsers and the JS client.
    pub ws: String,
}

/// What a node is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeState {
    #[serde(flatten)]
    pub node: Node,
    pub standing: Standing,
    /// Its place in the key space, 0 to 1.
    pub position: f64,
    /// How far its clock is ahead of this machine's.
    pub clock_ahead_ms: i64,
    /// How often its spell has begun since the network started.
    pub spell_runs: u64,
    /// The peer ids of those who are connected to it.
    pub clients: Vec<String>,
}

/// Whether a node runs, and if not, how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Running,
    /// It had ended what it was at.
    Stopped,
    Killed,
}

/// A Fluence network on real sockets and in real time. It ends when this is dropped.
pub struct Network {
    engine: mpsc::Sender<Input>,
    runtime: Option<Runtime>,
    thread: Option<std::thread::JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
    events: broadcast::Sender<Event>,
    under_way: Arc<Semaphore>,
    /// How many connections there have been.
    connections: Arc<AtomicU64>,
    /// What comes and goes. Locked as long as a node is being changed.
    inner: Mutex<Inner>,
    nodes: std::sync::Mutex<Vec<Node>>,
}

struct Inner {
    storage: Storage,
    /// Each node's ports, and its sockets as long as it runs.
    slots: Vec<Slot>,
}

struct Slot {
    key: Keypair,
    ports: Ports,
    sockets: Option<Sockets>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("nodes", &self.nodes())
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Starts a network and returns when its nodes can be reached. `progress` is told how many nodes are ready. This
    /// takes some seconds, the very first time half a minute, and blocks the calling thread.
    pub fn start(options: Options, progress: impl FnMut(usize) + Send + 'static) -> Result<Self, LiveError> {
        let spells = read_artifacts(&options)?;
        let storage = open_storage(&options)?;
        let nodes = storage.nodes;
        let ports = assign_ports(storage.port, nodes)?;
        let config = NetworkConfig {
            secret: Some(storage.secret),
            wall_clock: true,
            trust_graph: options.trust_graph,
            storage_dir: Some(storage.nodes_dir()),
            forget_dead_after: Some(options.forget_dead_after),
            aqua_dht: options.aqua_dht.clone(),
            link: options.link,
            ..NetworkConfig::new(nodes).registry(options.registry.clone())
        };
        let keys: Vec<KeyPair> = (0..nodes).map(|index| config.key_pair(index)).collect();

        let (engine, inbox) = mpsc::channel(INBOX_MAX);
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let (stop, stopped) = oneshot::channel();
        let setup = Setup {
            config,
            spells,
            times: options.spell,
            events: events.clone(),
            inbox,
            stop: stopped,
        };
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("network".to_owned())
            .spawn(move || engine::run(setup, progress, &ready))
            .map_err(|error| LiveError::Stopped(Some(error.to_string())))?;
        is_ready.recv().map_err(|_| LiveError::Stopped(None))??;

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sockets")
            .enable_all()
            .build()
            .map_err(|error| LiveError::Stopped(Some(error.to_string())))?;
        let network = Self {
            engine,
            runtime: Some(runtime),
            thread: Some(thread),
            stop: Some(stop),
            events,
            under_way: Arc::new(Semaphore::new(UNDER_WAY)),
            connections: Arc::default(),
            inner: Mutex::new(Inner {
                storage,
                slots: Vec::new(),
            }),
            nodes: std::sync::Mutex::default(),
        };
        network.open_all(keys, ports)?;
        Ok(network)
    }

    fn open_all(&self, keys: Vec<KeyPair>, ports: Vec<Ports>) -> Result<(), LiveError> {
        let mut inner = self.inner.try_lock().expect("nobody else has the network yet");
        for (index, (key, ports)) in keys.into_iter().zip(ports).enumerate() {
            let key = libp2p_key(&key);
            let opening = sockets::open(key.clone(), ports, self.shared(PeerIndex(index)));
            // Works on any thread, those of async runtimes included.
            let (opened, is_open) = std::sync::mpsc::sync_channel(1);
            self.runtime().spawn(async move { opened.send(opening.await) });
            let sockets = is_open.recv().map_err(|_| LiveError::Stopped(None))??;
            inner.slots.push(Slot {
                key,
                ports: sockets.ports,
                sockets: Some(sockets),
            });
        }
        self.list(&inner);
        Ok(())
    }

    /// All nodes, by number, those that do not run included.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        self.nodes.lock().expect("nobody panics while it is locked").clone()
    }

    /// What all nodes are doing, by number.
    pub async fn states(&self) -> Result<Vec<NodeState>, LiveError> {
        let nodes = self.nodes();
        let states = self.with(move |engine| {
            let states = nodes
                .into_iter()
                .enumerate()
                .map(|(index, node)| engine.state(PeerIndex(index), node));
            states.collect::<Result<Vec<_>, _>>()
        });
        Ok(states.await??)
    }

    /// What happens from now on. Who reads slowly misses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Ends a node as a power failure does: connections break, particles are forgotten, files stay.
    pub async fn kill(&self, node: usize) -> Result<(), LiveError> {
        let mut inner = self.inner.lock().await;
        self.end(&mut inner, node).await
    }

    /// Ends a node in order: no client reaches it any more, and it has 5 s for the scripts that it is at.
    pub async fn stop_node(&self, node: usize) -> Result<(), LiveError> {
        let mut inner = self.inner.lock().await;
        let sockets = inner.slot(node)?.sockets.take();
        drop(sockets.ok_or(LiveError::NotRunning(PeerIndex(node)))?);
        let until = std::time::Instant::now() + STOPPED_WITHIN;
        while self.with(move |engine| engine.is_at_work(PeerIndex(node))).await? && std::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.with(move |engine| engine.stop_node(PeerIndex(node))).await?
    }

    /// Has a running node exchange all its keys with their neighbours now, rather than when they are due. Its next rounds repeat it
    /// within two minutes.
    pub async fn replicate(&self, node: usize) -> Result<(), LiveError> {
        self.check(node)?;
        self.with(move |engine| engine.replicate(PeerIndex(node))).await?
    }

    /// The nodes that a node knows: those that it can reach, and those that it has not found gone yet. Closest first.
    pub async fn peers(&self, node: usize) -> Result<Vec<String>, LiveError> {
        self.check(node)?;
        self.with(move |engine| engine.network.known_from(PeerIndex(node)))
            .await
    }

    fn check(&self, node: usize) -> Result<(), LiveError> {
        match node < self.nodes().len() {
            true => Ok(()),
            false => Err(LiveError::NoSuchNode(node)),
        }
    }

    /// Brings a node back at its ports and over its files. One that runs is killed first.
    pub async fn restart(&self, node: usize) -> Result<(), LiveError> {
        let mut inner = self.inner.lock().await;
        if inner.slot(node)?.sockets.is_some() {
            self.end(&mut inner, node).await?;
        }
        self.with(move |engine| engine.restart(PeerIndex(node))).await??;
        let slot = inner.slot(node)?;
        slot.sockets = Some(self.open(slot.key.clone(), slot.ports, node).await?);
        Ok(())
    }

    /// Adds a node. Its number is the next one.
    pub async fn add_node(&self) -> Result<Node, LiveError> {
        let mut inner = self.inner.lock().await;
        let index = inner.slots.len();
        if index >= NODES_MAX {
            return Err(LiveError::TooManyNodes { max: NODES_MAX });
        }
        let ports = match inner.storage.port {
            0 => Ports { tcp: 0, websocket: 0 },
            first => assign_ports_from(first, index..index + 1)?.remove(0),
        };
        let key = self
            .with(|engine| {
                let node = engine.add_node()?;
                Ok::<_, LiveError>(libp2p_key(&engine.network.peer(node)?.key_pair))
            })
            .await??;
        // The engine has it from here on, whether it can listen or not.
        inner.slots.push(Slot {
            key: key.clone(),
            ports,
            sockets: None,
        });
        self.list(&inner);
        // Whoever hears of it looks it up by its number.
        self.with(move |engine| engine.gateway.tell(PeerIndex(index), What::Added))
            .await?;
        inner.storage.add_node()?;
        let sockets = self.open(key, ports, index).await?;
        let slot = inner.slot(index)?;
        slot.ports = sockets.ports;
        slot.sockets = Some(sockets);
        self.list(&inner);
        Ok(self.nodes().pop().expect("one was added"))
    }

    /// Cuts these nodes off from all others, in place of an earlier cut. Clients stay with their nodes.
    pub async fn partition(&self, side: Vec<usize>) -> Result<(), LiveError> {
        let mut inner = self.inner.lock().await;
        for node in &side {
            inner.slot(*node)?;
        }
        self.with(move |engine| engine.network.partition(side.into_iter().map(PeerIndex)))
            .await
    }

    /// Ends a cut.
    pub async fn heal(&self) -> Result<(), LiveError> {
        self.with(|engine| engine.network.heal()).await
    }

    /// Ends the network: returns when nothing runs any more. Blocks for a moment.
    pub fn stop(mut self) {
        self.end_all();
    }

    fn end_all(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            // Closes all sockets, and works on threads of other runtimes.
            runtime.shutdown_background();
        }
        if let Some(thread) = self.thread.take() {
            // What it died of was printed by the panic itself.
            let _ = thread.join();
        }
    }

    async fn end(&self, inner: &mut Inner, node: usize) -> Result<(), LiveError> {
        let sockets = inner.slot(node)?.sockets.take();
        drop(sockets.ok_or(LiveError::NotRunning(PeerIndex(node)))?);
        self.with(move |engine| engine.kill(PeerIndex(node))).await?
    }

    async fn open(&self, key: Keypair, ports: Ports, node: usize) -> Result<Sockets, LiveError> {
        let opening = sockets::open(key, ports, self.shared(PeerIndex(node)));
        let opened = self.runtime().spawn(async move {
            wait_until_free(ports).await?;
            opening.await
        });
        let opened = opened.await;
        opened.map_err(|error| LiveError::Stopped(Some(error.to_string())))?
    }

    /// Has the engine do something.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> Result<T, LiveError> {
        let (answer, answered) = oneshot::channel();
        let ask = Input::Do(Box::new(move |engine| {
            // Who asked may have gone.
            let _ = answer.send(what(engine));
        }));
        let stopped = || LiveError::Stopped(None);
        self.engine.send(ask).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }

    fn shared(&self, node: PeerIndex) -> Shared {
        Shared {
            node,
            engine: self.engine.clone(),
            under_way: self.under_way.clone(),
            connections: self.connections.clone(),
        }
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it lives as long as the network")
    }

    fn list(&self, inner: &Inner) {
        let nodes = inner.slots.iter().map(Slot::node).collect();
        *self.nodes.lock().expect("nobody panics while it is locked") = nodes;
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.end_all();
    }
}

impl Inner {
    fn slot(&mut self, node: usize) -> Result<&mut Slot, LiveError> {
        self.slots.get_mut(node).ok_or(LiveError::NoSuchNode(node))
    }
}

impl Slot {
    fn node(&self) -> Node {
        let peer_id = self.key.public().to_peer_id().to_base58();
        let address = |port, websocket| format!("{}/p2p/{peer_id}", sockets::address(port, websocket));
        Node {
            tcp: address(self.ports.tcp, false),
            ws: address(self.ports.websocket, true),
            peer_id,
        }
    }
}

fn open_storage(options: &Options) -> Result<Storage, LiveError> {
    let storage = match &options.storage {
        Some(dir) => Storage::open(dir, options.port, options.nodes, (DEFAULT_PORT, DEFAULT_NODES))?,
        None => Storage::temporary(
            options.port.unwrap_or(DEFAULT_PORT),
            options.nodes.unwrap_or(DEFAULT_NODES),
        )?,
    };
    if !(1..=NODES_MAX).contains(&storage.nodes) {
        return Err(NetworkError::NodeCount {
            nodes: storage.nodes,
            max: NODES_MAX,
        }
        .into());
    }
    Ok(storage)
}

/// The spells' scripts. The modules are only looked for.
fn read_artifacts(options: &Options) -> Result<SpellScripts, LiveError> {
    let registry = &options.registry;
    find(&[&registry.sqlite3, &registry.registry])?;
    let path = options.spell_air.clone();
    let path = path.unwrap_or_else(|| beside(&registry.registry, "registry-spell.air"));
    let aqua_dht = match &options.aqua_dht {
        Some(modules) => {
            find(&[&modules.sqlite3, &modules.aqua_dht])?;
            Some(read(beside(&modules.aqua_dht, "aqua-dht-spell.air"))?)
        }
        None => None,
    };
    Ok(SpellScripts {
        registry: read(path)?,
        aqua_dht,
    })
}

fn find(modules: &[&ModuleSource]) -> Result<(), LiveError> {
    for module in modules {
        match module {
            ModuleSource::File(path) if !path.is_file() => return Err(LiveError::NoArtifacts { path: path.clone() }),
            _ => {}
        }
    }
    Ok(())
}

fn read(path: PathBuf) -> Result<String, LiveError> {
    std::fs::read_to_string(&path).map_err(|_| LiveError::NoArtifacts { path })
}

fn beside(module: &ModuleSource, name: &str) -> PathBuf {
    let dir = match module {
        ModuleSource::File(path) => path.parent().map(Path::to_owned),
        ModuleSource::Bytes(_) => None,
    };
    dir.unwrap_or_default().join(name)
}

fn assign_ports(first: u16, nodes: usize) -> Result<Vec<Ports>, LiveError> {
    if first == 0 {
        return Ok(vec![Ports { tcp: 0, websocket: 0 }; nodes]);
    }
    let ports = assign_ports_from(first, 0..nodes)?;
    for port in ports.iter().flat_map(|ports| [ports.tcp, ports.websocket]) {
        if !is_free(port)? {
            let needed = nodes * usize::from(PORTS_PER_NODE);
            return Err(LiveError::PortTaken { port, needed });
        }
    }
    Ok(ports)
}

fn assign_ports_from(first: u16, nodes: std::ops::Range<usize>) -> Result<Vec<Ports>, LiveError> {
    let end = nodes.end;
    let of_node = |index: usize| {
        let tcp = usize::from(first) + index * usize::from(PORTS_PER_NODE);
        let tcp = u16::try_from(tcp).ok()?;
        let websocket = tcp.checked_add(1)?;
        Some(Ports { tcp, websocket })
    };
    let ports: Option<Vec<_>> = nodes.map(of_node).collect();
    ports.ok_or(LiveError::Ports {
        port: first,
        nodes: end,
        needed: end * usize::from(PORTS_PER_NODE),
    })
}

/// libp2p shares a port with another listener of the same user, so it does not find out.
fn is_free(port: u16) -> Result<bool, LiveError> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Ok(false),
        Err(error) => Err(LiveError::Listen {
            port,
            reason: error.to_string(),
        }),
    }
}

async fn wait_until_free(ports: Ports) -> Result<(), LiveError> {
    let until = std::time::Instant::now() + PORT_FREE_WITHIN;
    for port in [ports.tcp, ports.websocket].into_iter().filter(|port| *port != 0) {
        while !is_free(port)? {
            if std::time::Instant::now() > until {
                let needed = PORTS_PER_NODE.into();
                return Err(LiveError::PortTaken { port, needed });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

fn libp2p_key(key: &KeyPair) -> Keypair {
    let secret = key.secret().expect("an ed25519 key has its secret");
    Keypair::ed25519_from_bytes(secret).expect("an ed25519 secret has 32 bytes")
}
