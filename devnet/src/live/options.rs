use std::path::PathBuf;
use std::time::Duration;

use crate::{AquaDhtModules, Link, RegistryModules};

/// Nodes of a network unless asked for more or fewer.
pub const DEFAULT_NODES: usize = 8;
/// The first port of a network unless asked for another.
pub const DEFAULT_PORT: u16 = 9990;

/// How a network is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many nodes. Unless given: as many as the storage holds, else [`DEFAULT_NODES`].
    pub nodes: Option<usize>,
    /// Node number `i` listens on the ports `port + 2 i` (tcp) and `port + 2 i + 1` (websocket). 0: any that are free. Unless
    /// given: the one that the storage names, else [`DEFAULT_PORT`].
    pub port: Option<u16>,
    /// Where identities, ports and data are kept. Unless given, they end with the network.
    pub storage: Option<PathBuf>,
    /// Whether nodes have a trust-graph.
    pub trust_graph: bool,
    /// The registry's modules.
    pub registry: RegistryModules,
    /// The script that nodes run as the spell `registry-spell`; `registry-spell.air` beside the modules unless given.
    pub spell_air: Option<PathBuf>,
    pub spell: SpellTimes,
    /// aqua-dht on every node beside the registry, and `aqua-dht-spell.air` beside its module as a spell.
    pub aqua_dht: Option<AquaDhtModules>,
    /// What lies between two nodes. Clients are on this machine.
    pub link: Link,
    /// How long others take a node that is dead for one that answers.
    pub forget_dead_after: Duration,
}

/// How often nodes do what they do on their own. Whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpellTimes {
    /// How often the spell runs.
    pub every: Duration,
    /// How often what has expired is removed.
    pub clear_every: Duration,
    /// After how long a node's record is renewed.
    pub renew_every: Duration,
    /// After how long a key is replicated.
    pub replicate_every: Duration,
}

impl Default for SpellTimes {
    /// What nodes of a real network do.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            clear_every: Duration::from_secs(86_400),
            renew_every: Duration::from_secs(43_200),
            replicate_every: Duration::from_secs(3_600),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: None,
            port: None,
            storage: None,
            trust_graph: true,
            registry: RegistryModules::default(),
            spell_air: None,
            spell: SpellTimes::default(),
            aqua_dht: None,
            link: Link::with_latency(Duration::ZERO),
            forget_dead_after: Duration::from_secs(20),
        }
    }
}
