//! The network: peers, links, clock and queue.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use marine_host::MarineHost;
use rand::rngs::StdRng;
use rand::SeedableRng;

use crate::avm::{Avm, Scripts};
use crate::call::Running;
use crate::check::Checker;
use crate::config::{NetworkConfig, NODES_MAX};
use crate::error::NetworkError;
use crate::link::Links;
use crate::log::{Log, Record, What};
use crate::outside::Outside;
use crate::peer::{Peer, PeerIndex};
use crate::queue::{Event, Queue};
use crate::schedule::Schedule;
use crate::storage::{Standing, Storage};
use crate::time::{virtual_unix_ms, wall_unix_ms, VirtualTime};

/// A Fluence network in this process. See the [crate's documentation](crate).
pub struct Network {
    pub(crate) config: NetworkConfig,
    pub(crate) host: Arc<MarineHost>,
    pub(crate) avm: Avm,
    pub(crate) peers: Vec<Peer>,
    pub(crate) by_id: HashMap<Arc<str>, PeerIndex>,
    pub(crate) links: Links,
    pub(crate) queue: Queue,
    pub(crate) rng: StdRng,
    pub(crate) now: VirtualTime,
    pub(crate) log: Log,
    pub(crate) running: BTreeMap<Arc<str>, Running>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) checkers: Vec<Box<dyn Checker>>,
    pub(crate) next_particle: u64,
    /// Where real and virtual time stood at the start, when the two are to keep step.
    pub(crate) real_start: Option<(Instant, VirtualTime)>,
    /// Peers that are no part of this process.
    pub(crate) outside: Option<Box<dyn Outside>>,
    storage: Storage,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.config.seed)
            .field("now", &self.now)
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Starts a network.
    pub fn start(config: NetworkConfig) -> Result<Self, NetworkError> {
        Self::start_with_progress(config, |_| {})
    }

    /// Starts a network and tells after each node how many are ready.
    pub fn start_with_progress(config: NetworkConfig, ready: impl FnMut(usize)) -> Result<Self, NetworkError> {
        Self::start_on(Arc::new(MarineHost::new()?), config, ready)
    }

    /// Starts a network on a Marine host that others may share.
    pub fn start_on(
        host: Arc<MarineHost>,
        config: NetworkConfig,
        mut ready: impl FnMut(usize),
    ) -> Result<Self, NetworkError> {
        if !(1..=NODES_MAX).contains(&config.nodes) {
            return Err(NetworkError::NodeCount {
                nodes: config.nodes,
                max: NODES_MAX,
            });
        }
        let (storage, standing) = Storage::open(config.storage_dir.as_deref(), config.seed)?;
        let now = VirtualTime::from_millis(standing.virtual_ms);
        let scripts = if config.wall_clock {
            Scripts::Strangers
        } else {
            Scripts::Own
        };
        let mut network = Self {
            avm: Avm::start(host.clone(), scripts)?,
            host,
            peers: Vec::new(),
            by_id: HashMap::new(),
            links: Links::new(config.link),
            queue: Queue::default(),
            rng: StdRng::seed_from_u64(config.seed),
            now,
            log: Log::default(),
            running: BTreeMap::new(),
            schedules: Vec::new(),
            checkers: Vec::new(),
            next_particle: standing.particles,
            real_start: None,
            outside: None,
            storage,
            config,
        };
        for count in 1..=network.config.nodes {
            network.add_node()?;
            ready(count);
        }
        network.real_start = network.config.real_time.then(|| (Instant::now(), now));
        Ok(network)
    }

    /// Virtual time since the start.
    #[must_use]
    pub fn now(&self) -> VirtualTime {
        self.now
    }

    #[must_use]
    pub fn seed(&self) -> u64 {
        self.config.seed
    }

    /// All peers, by index.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// All nodes' indices.
    #[must_use]
    pub fn nodes(&self) -> Vec<PeerIndex> {
        let nodes = self.peers.iter().filter(|peer| peer.is_node());
        nodes.map(Peer::index).collect()
    }

    pub fn peer(&self, index: PeerIndex) -> Result<&Peer, NetworkError> {
        let peer = self.peers.get(index.0);
        peer.ok_or(NetworkError::NoSuchPeer(index.0))
    }

    /// The peer with this peer id.
    #[must_use]
    pub fn peer_by_id(&self, peer_id: &str) -> Option<PeerIndex> {
        self.by_id.get(peer_id).copied()
    }

    /// The aliases of a node's Marine services.
    pub fn services(&self, node: PeerIndex) -> Result<Vec<String>, NetworkError> {
        Ok(self.peer(node)?.services.aliases())
    }

    /// Linear memory of all running services, in bytes.
    #[must_use]
    pub fn service_memory_bytes(&self) -> u64 {
        let of_peer = |peer: &Peer| peer.services.memory_bytes();
        self.peers.iter().map(of_peer).sum()
    }

    /// The clock of a peer, Unix milliseconds.
    pub fn unix_ms(&self, peer: PeerIndex) -> Result<u64, NetworkError> {
        Ok(self.clock_ms(self.peer(peer)?.clock_offset_ms))
    }

    /// What a clock shows that is `offset_ms` ahead.
    pub(crate) fn clock_ms(&self, offset_ms: i64) -> u64 {
        let true_ms = if self.config.wall_clock {
            wall_unix_ms()
        } else {
            virtual_unix_ms(self.now)
        };
        true_ms.saturating_add_signed(offset_ms)
    }

    /// A digest (sha256, hex) of everything that has happened: equal for equal runs.
    #[must_use]
    pub fn digest(&self) -> String {
        self.log.digest()
    }

    /// How many records the log has in all.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.log.count()
    }

    /// The latest records, at most [`RECENT_RECORDS_MAX`](crate::RECENT_RECORDS_MAX).
    pub fn recent_events(&self) -> impl Iterator<Item = &Record> {
        self.log.recent()
    }

    /// Runs whatever is due within `time` and moves the clock on by exactly that.
    pub fn advance(&mut self, time: Duration) -> Result<(), NetworkError> {
        let until = self.now + time;
        while self.queue.next_at().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.pace(until);
        self.now = until;
        Ok(())
    }

    /// The directory of a node's files.
    #[must_use]
    pub fn node_dir(&self, node: PeerIndex) -> PathBuf {
        self.storage.dir().join(format!("node-{}", node.0))
    }

    pub(crate) fn peer_mut(&mut self, index: PeerIndex) -> Result<&mut Peer, NetworkError> {
        let peer = self.peers.get_mut(index.0);
        peer.ok_or(NetworkError::NoSuchPeer(index.0))
    }

    pub(crate) fn live(&self, index: PeerIndex) -> Result<&Peer, NetworkError> {
        let peer = self.peer(index)?;
        if peer.alive {
            Ok(peer)
        } else {
            Err(NetworkError::Dead(index))
        }
    }

    pub(crate) fn live_mut(&mut self, index: PeerIndex) -> Result<&mut Peer, NetworkError> {
        self.live(index)?;
        self.peer_mut(index)
    }

    pub(crate) fn record(&mut self, peer: PeerIndex, particle_id: &Arc<str>, what: What) {
        self.log.push(Record {
            at: self.now,
            peer,
            particle_id: particle_id.clone(),
            what,
        });
    }

    pub(crate) fn enqueue_expiry(&mut self, particle_id: Arc<str>, ttl_ms: u32) {
        let at = self.now + Duration::from_millis(ttl_ms.into());
        self.queue.push(at, Event::Expire { particle_id });
    }
}

impl Drop for Network {
    /// A network that is started on the same directory later goes on from here.
    fn drop(&mut self) {
        let standing = Standing::new(self.config.seed, self.now, self.next_particle);
        // Nobody is left to be told; the next start finds what was kept before.
        let _ = self.storage.save(standing);
    }
}
