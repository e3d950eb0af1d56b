use std::path::{Path, PathBuf};
use std::time::Duration;

use fluence_keypair::KeyPair;
use marine_host::{ModuleSource, ServiceSpec};

use crate::identity;
use crate::link::Link;

/// The most nodes that one process has address space for.
pub const NODES_MAX: usize = 400;
/// A particle's time to live unless the caller says otherwise; what the JS client takes.
pub const DEFAULT_TTL_MS: u32 = 7_000;
/// The environment variable that overrides where `registry.wasm` and `sqlite3.wasm` are looked for.
pub const ARTIFACTS_DIR_VARIABLE: &str = "DEVNET_ARTIFACTS_DIR";

/// How a network is set up.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// 1 to [`NODES_MAX`].
    pub nodes: usize,
    /// Decides keys, jitter and losses: the same seed gives the same run.
    pub seed: u64,
    /// What every link is like unless [`Network::set_link`](crate::Network::set_link) says otherwise.
    pub link: Link,
    pub ttl_ms: u32,
    /// The registry on every node; `None` leaves it out.
    pub registry: Option<RegistryModules>,
    /// aqua-dht on every node, too; without it unless set.
    pub aqua_dht: Option<AquaDhtModules>,
    /// Whether nodes have a trust-graph.
    pub trust_graph: bool,
    /// Where nodes keep their files; a temporary directory, removed with the network, unless set. A network on the directory
    /// of an earlier one has to have its seed, and its clock goes on.
    pub storage_dir: Option<PathBuf>,
    /// After how long other nodes take one off their neighbourhoods that is dead, or beyond a partition; `None` is never.
    pub forget_dead_after: Option<Duration>,
    /// Peers in one bucket of a node's routing table, those that came first; `None`: every node knows all others.
    pub bucket: Option<usize>,
    /// Wait, so that virtual time passes no faster than real time.
    pub real_time: bool,
    /// Keys come from this secret in place of the seed, which anybody can guess.
    pub secret: Option<Secret>,
    /// Clocks show the time of this machine in place of virtual time.
    pub wall_clock: bool,
}

/// What the keys of a network are derived from.
#[derive(Clone, Copy)]
pub struct Secret(pub [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl NetworkConfig {
    /// That many nodes, with the registry from [`RegistryModules::default`], trust-graph, and links of 50 ms.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            nodes,
            seed: 1,
            link: Link::with_latency(Duration::from_millis(50)),
            ttl_ms: DEFAULT_TTL_MS,
            registry: Some(RegistryModules::default()),
            aqua_dht: None,
            trust_graph: true,
            storage_dir: None,
            forget_dead_after: None,
            bucket: None,
            real_time: false,
            secret: None,
            wall_clock: false,
        }
    }

    pub(crate) fn key_pair(&self, index: usize) -> KeyPair {
        match &self.secret {
            Some(secret) => identity::secret_key_pair(secret, index),
            None => identity::key_pair(self.seed, index),
        }
    }

    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.link.latency = latency;
        self
    }

    #[must_use]
    pub fn registry(mut self, modules: RegistryModules) -> Self {
        self.registry = Some(modules);
        self
    }

    #[must_use]
    pub fn aqua_dht(mut self, modules: AquaDhtModules) -> Self {
        self.aqua_dht = Some(modules);
        self
    }

    #[must_use]
    pub fn without_registry(mut self) -> Self {
        self.registry = None;
        self
    }

    #[must_use]
    pub fn without_trust_graph(mut self) -> Self {
        self.trust_graph = false;
        self
    }
}

/// The wasm modules that make a registry.
#[derive(Debug, Clone)]
pub struct RegistryModules {
    pub sqlite3: ModuleSource,
    pub registry: ModuleSource,
}

impl Default for RegistryModules {
    /// Those that the build leaves in `artifacts/`, or in the directory that [`ARTIFACTS_DIR_VARIABLE`] names.
    fn default() -> Self {
        Self {
            sqlite3: artifact("sqlite3.wasm").into(),
            registry: artifact("registry.wasm").into(),
        }
    }
}

/// The wasm modules that make an aqua-dht.
#[derive(Debug, Clone)]
pub struct AquaDhtModules {
    pub sqlite3: ModuleSource,
    pub aqua_dht: ModuleSource,
}

impl Default for AquaDhtModules {
    /// Those that the build leaves in `artifacts/`, or in the directory that [`ARTIFACTS_DIR_VARIABLE`] names.
    fn default() -> Self {
        Self {
            sqlite3: artifact("sqlite3.wasm").into(),
            aqua_dht: artifact("aqua-dht.wasm").into(),
        }
    }
}

impl AquaDhtModules {
    pub(crate) fn spec(&self, working_dir: &Path) -> ServiceSpec {
        ServiceSpec::new("aqua-dht", working_dir)
            .module("sqlite3", self.sqlite3.clone())
            .module("aqua-dht", self.aqua_dht.clone())
    }
}

fn artifact(name: &str) -> PathBuf {
    let dir = std::env::var_os(ARTIFACTS_DIR_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts"),
        PathBuf::from,
    );
    dir.join(name)
}

impl RegistryModules {
    pub(crate) fn spec(&self, working_dir: &Path) -> ServiceSpec {
        ServiceSpec::new("registry", working_dir)
            .module("sqlite3", self.sqlite3.clone())
            .module("registry", self.registry.clone())
    }
}

pub(crate) fn trust_graph_spec(working_dir: &Path) -> ServiceSpec {
    ServiceSpec::new("trust-graph", working_dir)
        .module("sqlite3", trust_graph_distro::SQLITE_WASM)
        .module("trust-graph", trust_graph_distro::TRUST_GRAPH_WASM)
}

pub(crate) fn spell_spec(alias: &str, working_dir: &Path) -> ServiceSpec {
    ServiceSpec::new(alias, working_dir)
        .module("sqlite3", fluence_spell_distro::SQLITE_WASM)
        .module("spell", fluence_spell_distro::SPELL_WASM)
}
