//! Options that every command has, and starting the network they describe.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use devnet::{AquaDhtModules, Link, Network, NetworkConfig, NetworkError, RegistryModules, NODES_MAX};

use super::progress::Progress;

#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// How many nodes the network has.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=NODES_MAX as i64))]
    pub(crate) peers: u16,
    /// The same seed gives the same run.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub(crate) seed: u64,
    /// Latency of each link.
    #[arg(long, default_value_t = 50, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=60_000))]
    pub(crate) latency: u64,
    /// Up to this much is added to the latency of each message, at random.
    #[arg(long, default_value_t = 0, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=60_000))]
    pub(crate) jitter: u64,
    /// Leave trust-graph out, as real nodes do today.
    #[arg(long)]
    pub(crate) no_trust_graph: bool,
    /// Have aqua-dht on every node, too.
    #[arg(long)]
    pub(crate) aqua_dht: bool,
    /// Let virtual time pass no faster than real time.
    #[arg(long)]
    pub(crate) real_time: bool,
    /// The registry's module, instead of artifacts/registry.wasm.
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_wasm: Option<PathBuf>,
    /// SQLite's module, instead of artifacts/sqlite3.wasm.
    #[arg(long, value_name = "FILE")]
    pub(crate) sqlite_wasm: Option<PathBuf>,
    /// Keep the nodes' files in this directory instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) storage: Option<PathBuf>,
}

impl NetworkArgs {
    fn config(&self) -> NetworkConfig {
        let mut modules = RegistryModules::default();
        if let Some(path) = &self.registry_wasm {
            modules.registry = path.clone().into();
        }
        if let Some(path) = &self.sqlite_wasm {
            modules.sqlite3 = path.clone().into();
        }
        let link = Link {
            jitter: Duration::from_millis(self.jitter),
            ..Link::with_latency(Duration::from_millis(self.latency))
        };
        NetworkConfig {
            seed: self.seed,
            link,
            trust_graph: !self.no_trust_graph,
            aqua_dht: self.aqua_dht.then(AquaDhtModules::default),
            storage_dir: self.storage.clone(),
            real_time: self.real_time,
            ..NetworkConfig::new(self.peers.into()).registry(modules)
        }
    }

    /// Starts the network, and says so on stderr.
    pub(crate) fn start(&self) -> Result<Network, NetworkError> {
        let peers = self.peers;
        let first = "the very first start compiles their WebAssembly, which takes up to a minute";
        let progress = Progress::begin(format!("starting {peers} nodes; {first}"));
        Network::start_with_progress(self.config(), |count| {
            progress.now(format!("starting nodes: {count} of {peers}"));
        })
    }
}
