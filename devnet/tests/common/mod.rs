//! What the tests share.
#![allow(dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};

use devnet::{AquaCompiler, AquaProgram, CallOptions, CallOutcome, Network, NetworkConfig, PeerIndex, RegistryModules};
use serde_json::Value;

pub fn aqua_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aqua").join(name)
}

pub fn compile(name: &str) -> AquaProgram {
    let program = AquaCompiler::new().compile(aqua_file(name));
    program.unwrap_or_else(|error| panic!("{error}"))
}

/// Nodes without Marine services: for what is about the network itself.
pub fn bare(nodes: usize) -> NetworkConfig {
    NetworkConfig::new(nodes).without_registry().without_trust_graph()
}

/// Nodes with the published registry 0.9.4.
pub fn with_registry(nodes: usize) -> NetworkConfig {
    NetworkConfig::new(nodes).registry(RegistryModules {
        sqlite3: registry_distro::SQLITE_WASM.into(),
        registry: registry_distro::REGISTRY_WASM.into(),
    })
}

/// A network, a client of its first node, and the compiled test scripts.
pub struct Setting {
    pub network: Network,
    pub client: PeerIndex,
    pub program: AquaProgram,
}

impl Setting {
    pub fn new(config: NetworkConfig, aqua: &str) -> Self {
        let mut network = Network::start(config).unwrap_or_else(|error| panic!("{error}"));
        network.add_checker(devnet::Causality::default());
        let client = network.add_client(PeerIndex(0)).unwrap();
        Self {
            network,
            client,
            program: compile(aqua),
        }
    }

    pub fn basics(config: NetworkConfig) -> Self {
        Self::new(config, "basics.aqua")
    }

    pub fn id(&self, peer: usize) -> String {
        self.network.peers()[peer].id().to_owned()
    }

    pub fn call(&mut self, function: &str, args: &[Value]) -> CallOutcome {
        self.call_with(function, args, CallOptions::new())
    }

    pub fn call_with(&mut self, function: &str, args: &[Value], options: CallOptions) -> CallOutcome {
        let function = self.program.function(function).unwrap();
        let outcome = self.network.call_with(self.client, function, args, options);
        outcome.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The result of a call that must succeed.
    pub fn value(&mut self, function: &str, args: &[Value]) -> Value {
        let outcome = self.call(function, args);
        outcome.value().unwrap_or_else(|error| panic!("{error}"))
    }
}
