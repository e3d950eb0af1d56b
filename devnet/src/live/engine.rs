//! The thread on which all nodes run: AquaVM and Marine block, sockets are answered elsewhere.
//!
//! Whatever happens is an event in one queue, in the order in which it came: so a long script of one node never holds up
//! another for more than one step, and no client can have more steps in the queue than it has permits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::mpsc::SyncSender;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::gateway::Gateway;
pub(super) use super::gateway::Outlet;
use super::options::SpellTimes;
use super::{Event, LiveError, Node, NodeState, Standing, What};
use crate::call::Running;
use crate::outside::Entry;
use crate::queue;
use crate::{MarineHost, Network, NetworkConfig, NetworkError, PeerIndex, SpellSpec, VirtualTime};

/// What a spell's script may take.
const SPELL_TTL_MS: u32 = 60_000;
const SPELL: &str = "registry-spell";
const DHT_SPELL: &str = "aqua-dht-spell";
/// With this interval a round exchanges every key that is due later than in 5 minutes. A node that ran within three of them is not taken for
/// one that was away.
const REPLICATE_NOW_SEC: u64 = 60;
/// Inputs taken in between two steps.
const INPUTS_AT_ONCE: usize = 64;

/// What reaches the engine.
pub(super) enum Input {
    Connected {
        node: PeerIndex,
        peer_id: Arc<str>,
        outlet: Outlet,
    },
    Particle {
        node: PeerIndex,
        entry: Entry,
    },
    /// A particle that is not what its initiator started.
    Refused {
        node: PeerIndex,
        peer_id: Arc<str>,
        why: String,
    },
    CutOff {
        node: PeerIndex,
        peer_id: Arc<str>,
        why: String,
    },
    Do(Box<dyn FnOnce(&mut Engine) + Send>),
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}

/// What nodes run on their own, in AIR.
pub(super) struct SpellScripts {
    pub(super) registry: String,
    /// Where there is an aqua-dht.
    pub(super) aqua_dht: Option<String>,
}

/// What the engine is started with.
pub(super) struct Setup {
    pub(super) config: NetworkConfig,
    pub(super) spells: SpellScripts,
    pub(super) times: SpellTimes,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) inbox: mpsc::Receiver<Input>,
    /// Closed when the engine is to stop.
    pub(super) stop: oneshot::Receiver<()>,
}

pub(super) struct Engine {
    pub(super) network: Network,
    pub(super) gateway: Gateway,
    spells: SpellScripts,
    times: SpellTimes,
    /// Nodes that were stopped, not killed.
    stopped: BTreeSet<PeerIndex>,
    /// Where real and virtual time stood at the start.
    start: (Instant, VirtualTime),
    inbox: mpsc::Receiver<Input>,
    stop: oneshot::Receiver<()>,
}

/// Runs an engine to its end on the calling thread. `ready` is told when all nodes run, or why not.
pub(super) fn run(setup: Setup, progress: impl FnMut(usize), ready: &SyncSender<Result<(), LiveError>>) {
    let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let started = waiting
        .map_err(|error| NetworkError::Avm(error.to_string()).into())
        .and_then(|waiting| Ok((Engine::start(setup, progress)?, waiting)));
    match started {
        Ok((mut engine, waiting)) => {
            if ready.send(Ok(())).is_ok() {
                engine.run(&waiting);
            }
        }
        // Whoever waited may have gone.
        Err(error) => drop(ready.send(Err(error))),
    }
}

impl Engine {
    fn start(setup: Setup, mut progress: impl FnMut(usize)) -> Result<Self, LiveError> {
        let host = Arc::new(MarineHost::interruptible().map_err(NetworkError::from)?);
        let nodes = setup.config.nodes;
        let first = NetworkConfig {
            nodes: 1,
            ..setup.config
        };
        let mut network = Network::start_on(host, first, |_| {})?;
        let gateway = Gateway::new(setup.events);
        network.outside = Some(Box::new(gateway.clone()));
        let start = (Instant::now(), network.now);
        let mut engine = Self {
            network,
            gateway,
            spells: setup.spells,
            times: setup.times,
            stopped: BTreeSet::new(),
            start,
            inbox: setup.inbox,
            stop: setup.stop,
        };
        for turn in 0..nodes {
            let node = match turn {
                0 => PeerIndex(0),
                _ => engine.network.add_node()?,
            };
            engine.install_spells(node, turn, nodes)?;
            engine.gateway.tell(node, What::Started);
            progress(turn + 1);
        }
        Ok(engine)
    }

    /// Spells of different nodes run at different times.
    fn install_spells(&mut self, node: PeerIndex, turn: usize, of: usize) -> Result<(), LiveError> {
        let config = self.spell_config(self.times.replicate_every.as_secs());
        let every = self.times.every;
        let spell = |alias: &str, air: &str, init_data| SpellSpec {
            alias: alias.to_owned(),
            air: air.to_owned(),
            init_data,
            every,
            first_after: every.mul_f64((turn + 1) as f64 / of as f64),
            ttl_ms: Some(SPELL_TTL_MS),
        };
        let config = BTreeMap::from([("config".to_owned(), config)]);
        let of_registry = spell(SPELL, &self.spells.registry, config);
        let of_dht = self
            .spells
            .aqua_dht
            .as_ref()
            .map(|air| spell(DHT_SPELL, air, BTreeMap::new()));
        for spell in std::iter::once(of_registry).chain(of_dht) {
            self.network.install_spell(node, spell)?;
        }
        Ok(())
    }

    fn spell_config(&self, replicate_sec: u64) -> Value {
        json!({
            "expired_interval": self.times.clear_every.as_secs(),
            "renew_interval": self.times.renew_every.as_secs(),
            "replicate_interval": replicate_sec,
            "expired_timeout_sec": [], "stale_timeout_sec": [], "total_bytes": [], "owner_bytes": [],
        })
    }

    fn run(&mut self, waiting: &tokio::runtime::Runtime) {
        while self.is_wanted() {
            for _ in 0..INPUTS_AT_ONCE {
                match self.inbox.try_recv() {
                    Ok(input) => self.take_in(input),
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    Err(mpsc::error::TryRecvError::Disconnected) => return,
                }
            }
            self.network.now = self.now();
            if self.gateway.tells_in() == Some(Duration::ZERO) {
                self.gateway.tell_deeds(&self.network);
            }
            match self.network.queue.next_at() {
                Some(at) if at <= self.network.now => self.step(),
                next => self.wait(waiting, next),
            }
        }
    }

    fn now(&self) -> VirtualTime {
        let (real, at) = self.start;
        at + real.elapsed()
    }

    fn is_wanted(&mut self) -> bool {
        matches!(self.stop.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    /// A step that fails is the loss of one particle, not of the network.
    fn step(&mut self) {
        let node = self.network.queue.next_peer().unwrap_or(PeerIndex(0));
        if let Err(error) = self.network.step() {
            let message = error.to_string();
            self.gateway.tell(node, What::Trouble { message });
        }
    }

    /// Waits for an input or for the time of the next event.
    fn wait(&mut self, waiting: &tokio::runtime::Runtime, next: Option<Duration>) {
        const LONGEST: Duration = Duration::from_secs(60);
        let next = next.map(|at| at.saturating_sub(self.now()));
        let time = [next, self.gateway.tells_in()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(LONGEST);
        let (inbox, stop) = (&mut self.inbox, &mut self.stop);
        let input = waiting.block_on(async {
            tokio::select! {
                biased;
                _ = stop => None,
                input = inbox.recv() => input,
                () = tokio::time::sleep(time) => None,
            }
        });
        if let Some(input) = input {
            self.take_in(input);
        }
    }

    fn take_in(&mut self, input: Input) {
        match input {
            Input::Connected { node, peer_id, outlet } => {
                // A node that was killed in the meantime has no clients.
                if self.network.live(node).is_ok() {
                    self.gateway.connect(node, peer_id, outlet);
                }
            }
            Input::Particle { node, entry } => {
                let now = self.now();
                self.network.queue.push(now, queue::Event::Enter { to: node, entry });
            }
            Input::Refused { node, peer_id, why } => {
                let peer_id = peer_id.to_string();
                self.gateway.tell(node, What::Refused { peer_id, why });
            }
            Input::CutOff { node, peer_id, why } => {
                let peer_id = peer_id.to_string();
                self.gateway.tell(node, What::CutOff { peer_id, why });
            }
            Input::Do(what) => what(self),
        }
    }

    pub(super) fn state(&self, index: PeerIndex, node: Node) -> Result<NodeState, NetworkError> {
        let peer = self.network.peer(index)?;
        let clients = self.gateway.clients(index);
        let standing = match (peer.is_alive(), self.stopped.contains(&index)) {
            (true, _) => Standing::Running,
            (false, true) => Standing::Stopped,
            (false, false) => Standing::Killed,
        };
        Ok(NodeState {
            node,
            standing,
            position: peer.point().fraction(),
            clock_ahead_ms: peer.clock_offset_ms,
            spell_runs: self.network.spell_runs(index, SPELL),
            clients: clients.iter().map(ToString::to_string).collect(),
        })
    }

    /// Ends a node as a power failure does.
    pub(super) fn kill(&mut self, node: PeerIndex) -> Result<(), LiveError> {
        self.network.kill(node)?;
        self.gateway.disconnect_all(node);
        self.gateway.tell(node, What::Killed);
        Ok(())
    }

    /// Whether a node has work before it, or waits for the answer to a script of its own.
    pub(super) fn is_at_work(&self, node: PeerIndex) -> bool {
        let is_own = |running: &Running| {
            let is_open = running.outcome.is_none() && !running.expired;
            running.origin == node && running.from_outside.is_none() && is_open
        };
        self.network.queue.has_for(node) || self.network.running.values().any(is_own)
    }

    /// Ends a node that has ended what it was at.
    pub(super) fn stop_node(&mut self, node: PeerIndex) -> Result<(), LiveError> {
        self.network.kill(node)?;
        self.stopped.insert(node);
        self.gateway.disconnect_all(node);
        self.gateway.tell(node, What::Stopped);
        Ok(())
    }

    /// Has a node exchange all its keys now.
    pub(super) fn replicate(&mut self, node: PeerIndex) -> Result<(), LiveError> {
        let data = BTreeMap::from([("config".to_owned(), self.spell_config(REPLICATE_NOW_SEC))]);
        Ok(self.network.cast_now(node, SPELL, data)?)
    }

    pub(super) fn restart(&mut self, node: PeerIndex) -> Result<(), LiveError> {
        self.network.restart(node)?;
        self.stopped.remove(&node);
        self.gateway.tell(node, What::Started);
        Ok(())
    }

    pub(super) fn add_node(&mut self) -> Result<PeerIndex, LiveError> {
        let node = self.network.add_node()?;
        self.install_spells(node, 0, self.network.nodes().len())?;
        Ok(node)
    }
}
