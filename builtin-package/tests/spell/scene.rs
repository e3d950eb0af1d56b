//! A network of nodes with this package's modules and spell, and a client that registers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use devnet::{
    AquaCompiler, AquaProgram, Causality, HeldKey, Network, NetworkConfig, PeerIndex, Query, RegistryModules,
    ScheduleIndex, ServiceSpec, SpellSpec,
};
use registry_distro::{registry_spell_with, RegistryConfig, Settings};
use serde_json::{json, Value};
use tempfile::TempDir;

const ALIAS: &str = "registry-spell";
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// What nox has in its default configuration.
pub(crate) const USUAL: RegistryConfig = RegistryConfig {
    expired_interval: 86_400,
    renew_interval: 43_200,
    replicate_interval: 3_600,
};

pub(crate) fn modules() -> RegistryModules {
    let modules = registry_distro::modules();
    RegistryModules {
        sqlite3: modules["sqlite3"].into(),
        registry: modules["registry"].into(),
    }
}

pub(crate) struct Scene {
    pub(crate) network: Network,
    client: PeerIndex,
    program: AquaProgram,
    spells: Vec<ScheduleIndex>,
}

impl Scene {
    pub(crate) fn of(nodes: usize) -> Self {
        Self::new(NetworkConfig::new(nodes))
    }

    /// No spell is installed yet.
    pub(crate) fn new(config: NetworkConfig) -> Self {
        let config = NetworkConfig {
            ttl_ms: 20_000,
            ..config.registry(modules())
        };
        let mut network = Network::start(config).unwrap_or_else(|error| panic!("{error}"));
        network.add_checker(Causality::default());
        let client = network.add_client(PeerIndex(0)).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spell/aqua/resources.aqua");
        let program = AquaCompiler::new().compile(file);
        Self {
            network,
            client,
            program: program.unwrap_or_else(|error| panic!("{error}")),
            spells: Vec::new(),
        }
    }

    /// Installs the spell as nox does: every minute, first in a minute.
    pub(crate) fn install(&mut self, node: PeerIndex, config: RegistryConfig) {
        self.install_with(node, config, Settings::default());
    }

    pub(crate) fn install_with(&mut self, node: PeerIndex, config: RegistryConfig, settings: Settings) {
        let distro = registry_spell_with(config, settings);
        let data = distro.init_data.into_iter().map(|(key, value)| (key.to_owned(), value));
        let spell = SpellSpec {
            alias: ALIAS.to_owned(),
            air: distro.air.to_owned(),
            init_data: data.collect::<BTreeMap<_, _>>(),
            every: MINUTE,
            first_after: MINUTE,
            ttl_ms: Some(50_000),
        };
        let installed = self.network.install_spell(node, spell);
        self.spells.push(installed.unwrap_or_else(|error| panic!("{error}")));
    }

    pub(crate) fn install_everywhere(&mut self, config: RegistryConfig) {
        for node in self.network.nodes() {
            self.install(node, config);
        }
    }

    /// Puts an empty service in the place of the node's own, as nox does where the modules have changed. Its storage is in
    /// the folder that is returned.
    #[must_use]
    pub(crate) fn replace_service(&mut self, node: PeerIndex) -> TempDir {
        let empty = tempfile::tempdir().unwrap();
        let modules = modules();
        let replaced = self.network.deploy(node, "registry", |_| {
            let spec = ServiceSpec::new("registry", empty.path());
            spec.module("sqlite3", modules.sqlite3)
                .module("registry", modules.registry)
        });
        replaced.unwrap_or_else(|error| panic!("{error}"));
        empty
    }

    /// The jobs of the last run of a node's spell.
    pub(crate) fn last_jobs(&self, node: PeerIndex) -> Vec<Value> {
        let run = self.network.scheduled_runs(self.spells[node.0]).last().expect("a run");
        let response = run.result.as_ref().unwrap_or_else(|failure| panic!("{failure}"));
        response[0]["runs"].as_array().expect("a list of jobs").clone()
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.network.advance(time).unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) fn ask(&mut self, node: PeerIndex, query: &Query) -> Value {
        let answer = self.network.ask(node, query);
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The first result of a function that must have no errors, and a second for what is still on its way.
    pub(crate) fn call(&mut self, function: &str, args: &[Value]) -> Value {
        let function = self.program.function(function).unwrap();
        let outcome = self.network.call(self.client, function, args).unwrap();
        let mut results = outcome.result.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(results.pop(), Some(json!([])), "errors");
        self.advance(Duration::from_secs(1));
        results.remove(0)
    }

    pub(crate) fn create(&mut self, label: &str) -> String {
        let id = self.call("createResource", &[json!(label)]);
        id[0].as_str().expect("an id").to_owned()
    }

    /// Registers the client.
    pub(crate) fn register(&mut self, id: &str) {
        let args = [json!(id), json!("client"), json!(null)];
        assert_eq!(self.call("registerProvider", &args), json!(true));
    }

    pub(crate) fn register_node(&mut self, node: PeerIndex, id: &str) {
        let node = self.network.peers()[node.0].id();
        let args = [json!(node), json!(id), json!("node"), json!(null)];
        assert_eq!(self.call("registerNodeProvider", &args), json!(true));
    }

    pub(crate) fn held(&mut self, node: PeerIndex, id: &str) -> Option<HeldKey> {
        let holders = self.network.holders(id);
        holders.unwrap_or_else(|error| panic!("{error}")).remove(&node)
    }

    /// Every run ended with a response, in which every job succeeded, and the nodes' spell services know of no error.
    pub(crate) fn check_no_failure(&mut self, runs_min: usize) {
        for spell in &self.spells {
            let runs: Vec<_> = self.network.scheduled_runs(*spell).collect();
            assert!(runs.len() >= runs_min, "{} runs", runs.len());
            for run in runs {
                let response = run.result.as_ref().unwrap_or_else(|failure| panic!("{failure}"));
                let jobs = response[0]["runs"].as_array().expect("a list of jobs");
                for job in ["renew", "replicate", "clear"] {
                    assert!(jobs.iter().any(|ran| ran["job"] == json!(job)), "no {job} in {jobs:?}");
                }
                assert!(jobs.iter().all(|ran| ran["success"] == json!(true)), "{jobs:?}");
            }
        }
        for node in self.network.nodes() {
            let errors = self.ask(node, &Query::new(ALIAS, "get_all_errors"));
            assert_eq!(errors["particle_errors"], json!([]), "{errors}");
        }
    }
}
