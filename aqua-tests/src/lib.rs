//! A network, a client and the Resources API: what the tests of Aqua scripts begin with.

pub mod cost;
pub mod hostile;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use devnet::{
    AquaCompiler, AquaProgram, CallHandle, CallOptions, CallOutcome, Causality, HeldKey, Network, NetworkConfig,
    PeerIndex, ScheduleIndex, SpellSpec,
};
use serde_json::{json, Value};

/// What a particle lives unless a client says otherwise: as the JS client has it.
pub const TTL_MS: u32 = 7_000;
/// How long a reader waits for nodes that do not answer, at most: 60 % of that.
pub const READ_WAIT_MS: u64 = 4_200;
/// The same for what nodes run on their own.
pub const SCHEDULED_TTL_MS: u32 = 60_000;

/// A script of this crate.
#[must_use]
pub fn aqua_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("aqua").join(name)
}

/// A file that `./build.sh` makes.
#[must_use]
pub fn artifact(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts").join(name)
}

/// A compiled script that `./build.sh` makes.
///
/// # Panics
/// Where it is not there.
#[must_use]
pub fn air(name: &str) -> String {
    std::fs::read_to_string(artifact(name)).unwrap_or_else(|error| panic!("{name}: {error}: run ./build.sh first"))
}

/// Compiles a script of this crate, with constants overridden.
///
/// # Panics
/// Where it does not compile, or not without a warning.
#[must_use]
pub fn compile(name: &str, constants: &[&str]) -> AquaProgram {
    let compiler = constants
        .iter()
        .fold(AquaCompiler::new(), |compiler, constant| compiler.constant(*constant));
    let program = compiler
        .compile(aqua_file(name))
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(program.warnings(), [] as [String; 0]);
    program
}

/// A network with a client of its first node, and a compiled script.
#[derive(Debug)]
pub struct Scene {
    pub network: Network,
    pub client: PeerIndex,
    pub program: AquaProgram,
}

/// What a call returned and cost.
#[derive(Debug, Clone)]
pub struct Reply {
    /// All results, in order; an optional value is an array.
    pub values: Vec<Value>,
    pub outcome: CallOutcome,
}

impl Reply {
    /// The first result.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.values[0]
    }

    /// The last result, which is the errors.
    ///
    /// # Panics
    /// Where it is no list of texts.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        let errors = self.values.last().and_then(Value::as_array).expect("a list of errors");
        let text = |error: &Value| error.as_str().expect("an error is a text").to_owned();
        errors.iter().map(text).collect()
    }

    /// The error of this node: its own, or one of several nodes that names it.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn error_of(&self, peer_id: &str) -> String {
        let errors = self.errors();
        let names = |error: &&String| {
            let (nodes, named) = (error.split_once(" nodes: "), error.rsplit_once('('));
            let among = nodes.is_some() && named.is_some_and(|(_, named)| named.contains(peer_id));
            error.starts_with(peer_id) || among
        };
        let found = errors.iter().find(names);
        found
            .unwrap_or_else(|| panic!("no error of {peer_id} in {errors:#?}"))
            .clone()
    }

    /// The result, of a call without errors.
    ///
    /// # Panics
    /// Where there are errors.
    #[must_use]
    pub fn clean(&self) -> &Value {
        assert_eq!(self.errors(), [] as [String; 0]);
        self.value()
    }

    /// The peers of the records returned, sorted.
    #[must_use]
    pub fn providers(&self) -> Vec<String> {
        let mut peers: Vec<String> = strings(self.value(), "peer_id");
        peers.sort();
        peers
    }

    /// Virtual milliseconds from the call to its result.
    #[must_use]
    pub fn latency_ms(&self) -> u64 {
        self.outcome.stats.latency.as_millis() as u64
    }

    /// That all waits of the call together took less than 70 % of the time to live.
    ///
    /// # Panics
    /// Where they took longer.
    #[track_caller]
    pub fn assert_in_time(&self) {
        assert!(
            self.latency_ms() < u64::from(TTL_MS) * 7 / 10,
            "{} ms",
            self.latency_ms()
        );
    }
}

/// A field of every record in a list.
#[must_use]
pub fn strings(records: &Value, field: &str) -> Vec<String> {
    let field = |record: &Value| record[field].as_str().unwrap_or_default().to_owned();
    records.as_array().into_iter().flatten().map(field).collect()
}

impl Scene {
    /// That many nodes.
    #[must_use]
    pub fn of(nodes: usize) -> Self {
        Self::new(NetworkConfig::new(nodes))
    }

    #[must_use]
    pub fn new(config: NetworkConfig) -> Self {
        Self::with(config, compile("resources.aqua", &[]))
    }

    /// # Panics
    /// Where the network does not start.
    #[must_use]
    pub fn with(config: NetworkConfig, program: AquaProgram) -> Self {
        Self::living(config, TTL_MS, program)
    }

    /// The same with particles that live so long.
    ///
    /// # Panics
    /// Where the network does not start.
    #[must_use]
    pub fn living(config: NetworkConfig, ttl_ms: u32, program: AquaProgram) -> Self {
        let config = NetworkConfig { ttl_ms, ..config };
        let mut network = Network::start(config).unwrap_or_else(|error| panic!("{error}"));
        network.add_checker(Causality::default());
        let client = network.add_client(PeerIndex(0)).expect("a client");
        Self {
            network,
            client,
            program,
        }
    }

    /// Has a node run `registry-spell` every minute.
    ///
    /// # Panics
    /// Where the spell service does not start.
    pub fn install_spell(&mut self, node: PeerIndex) -> ScheduleIndex {
        let config = json!({
            "expired_interval": 3_600, "renew_interval": 43_200, "replicate_interval": 3_600,
            "expired_timeout_sec": [], "stale_timeout_sec": [], "total_bytes": [], "owner_bytes": [],
        });
        let spell = SpellSpec {
            alias: "registry-spell".into(),
            air: air("registry-spell.air"),
            init_data: BTreeMap::from([("config".to_owned(), config)]),
            every: Duration::from_secs(60),
            first_after: Duration::from_secs(1 + node.0 as u64),
            ttl_ms: Some(SCHEDULED_TTL_MS),
        };
        self.network.install_spell(node, spell).expect("a spell")
    }

    /// Another client, of this node.
    ///
    /// # Panics
    /// Where there is no such node.
    pub fn add_client(&mut self, node: PeerIndex) -> PeerIndex {
        self.network.add_client(node).expect("a client")
    }

    #[must_use]
    pub fn id(&self, peer: PeerIndex) -> String {
        self.network.peers()[peer.0].id().to_owned()
    }

    #[must_use]
    pub fn ids(&self, peers: &[PeerIndex]) -> BTreeSet<String> {
        peers.iter().map(|peer| self.id(*peer)).collect()
    }

    /// Calls a function as the first client.
    pub fn call(&mut self, function: &str, args: &[Value]) -> Reply {
        self.call_as(self.client, function, args)
    }

    pub fn call_as(&mut self, client: PeerIndex, function: &str, args: &[Value]) -> Reply {
        self.call_with(client, function, args, CallOptions::new())
    }

    /// # Panics
    /// Where the call fails as a whole.
    pub fn call_with(&mut self, client: PeerIndex, function: &str, args: &[Value], options: CallOptions) -> Reply {
        let handle = self.start_with(client, function, args, options);
        self.wait(&handle)
    }

    /// Starts a call without waiting.
    pub fn start(&mut self, client: PeerIndex, function: &str, args: &[Value]) -> CallHandle {
        self.start_with(client, function, args, CallOptions::new())
    }

    fn start_with(&mut self, client: PeerIndex, function: &str, args: &[Value], options: CallOptions) -> CallHandle {
        let function = self
            .program
            .function(function)
            .unwrap_or_else(|error| panic!("{error}"));
        self.network
            .start_call(client, function, args, options)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// # Panics
    /// Where the call fails as a whole.
    pub fn wait(&mut self, handle: &CallHandle) -> Reply {
        let outcome = self.network.wait(handle).unwrap_or_else(|error| panic!("{error}"));
        let values = outcome.result.clone().unwrap_or_else(|error| panic!("{error}"));
        Reply { values, outcome }
    }

    /// Creates a resource and returns its id.
    ///
    /// # Panics
    /// Where that is not possible without an error.
    pub fn create(&mut self, label: &str) -> String {
        let reply = self.call("createResource", &[json!(label)]);
        let id = reply.clean()[0].as_str().expect("an id").to_owned();
        self.settle();
        id
    }

    /// Registers a client as a provider.
    ///
    /// # Panics
    /// Where that is not possible without an error.
    pub fn register(&mut self, client: PeerIndex, resource_id: &str, value: &str) {
        let reply = self.call_as(
            client,
            "registerProvider",
            &[json!(resource_id), json!(value), json!(null)],
        );
        assert_eq!(reply.clean(), &json!(true));
        self.settle();
    }

    pub fn resolve(&mut self, resource_id: &str, ack: i16) -> Reply {
        self.call("resolveProviders", &[json!(resource_id), json!(ack)])
    }

    /// Lets what is on its way arrive: a second of virtual time.
    ///
    /// # Panics
    /// Where a checker objects.
    pub fn settle(&mut self) {
        self.network
            .advance(Duration::from_secs(1))
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// What the live nodes hold of a resource, by node.
    ///
    /// # Panics
    /// Where a node's registry fails.
    pub fn holders(&mut self, resource_id: &str) -> Vec<(PeerIndex, HeldKey)> {
        let holders = self
            .network
            .holders(resource_id)
            .unwrap_or_else(|error| panic!("{error}"));
        holders.into_iter().collect()
    }

    /// The live nodes that belong to a resource's neighbourhood, closest first.
    ///
    /// # Panics
    /// Where the id is malformed.
    #[must_use]
    pub fn neighbourhood(&self, resource_id: &str) -> Vec<PeerIndex> {
        let point = devnet::kademlia::resource_point(resource_id).expect("an id");
        self.network.closest_nodes(point, devnet::kademlia::REPLICATION_FACTOR)
    }
}
