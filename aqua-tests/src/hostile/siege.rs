//! One resource and its life on a network of which up to a third of the resource's neighbours are hostile: what honest
//! clients get, what it costs, and what honest nodes hold in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use devnet::{
    Behaviour, CallMaker, CallOptions, CallOutcome, Mix, NetworkConfig, PeerIndex, Query, RegistryInvariants,
    ScheduledScript, Served, ServiceRequest, ServiceRequests,
};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use registry_service::domain::KeyId;
use serde_json::{json, Value};

use super::forgery::{Forger, Lie};
use crate::{artifact, compile, strings, Scene};

/// Requests in one particle of a hostile node.
const REQUESTS_PER_PARTICLE: usize = 8;
const HOUR: Duration = Duration::from_secs(3_600);
/// What honest nodes may hold of the one resource, beside their own records: the limits of the service.
const RECORDS_MAX: u64 = 32;
const TOMBSTONES_MAX: u64 = 256;

/// Who attacks, and how.
#[derive(Debug, Clone)]
pub struct SiegeConfig {
    pub seed: u64,
    pub nodes: usize,
    /// How many of the resource's neighbours are hostile; none is the network that the others are compared with.
    pub hostile: usize,
    pub behaviours: Vec<Behaviour>,
    pub lies: Vec<Lie>,
    /// Treats half of those who ask honestly.
    pub equivocate: bool,
    pub huge_len: usize,
    /// Requests that each hostile node makes to an honest one, in particles of its own.
    pub requests: usize,
    /// Periods of replication, with a node that joins before them.
    pub replications: usize,
}

impl SiegeConfig {
    /// 24 nodes, 6 of a resource's 20 neighbours hostile, but for now harmless.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            nodes: 24,
            hostile: 6,
            behaviours: vec![Behaviour::Honest],
            lies: Vec::new(),
            equivocate: false,
            huge_len: 16 * 1024,
            requests: 0,
            replications: 0,
        }
    }

    #[must_use]
    pub fn behaviours(mut self, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        self.behaviours = behaviours.into_iter().collect();
        self
    }

    #[must_use]
    pub fn lies(mut self, lies: impl IntoIterator<Item = Lie>) -> Self {
        self.lies = lies.into_iter().collect();
        self
    }

    #[must_use]
    pub fn equivocating(mut self) -> Self {
        self.equivocate = true;
        self
    }

    #[must_use]
    pub fn requests(mut self, requests: usize) -> Self {
        self.requests = requests;
        self
    }

    #[must_use]
    pub fn replications(mut self, replications: usize) -> Self {
        self.replications = replications;
        self
    }

    /// The same network with nobody hostile.
    #[must_use]
    pub fn peaceful(&self) -> Self {
        Self {
            hostile: 0,
            requests: 0,
            ..self.clone()
        }
    }

    /// Something of everything, as the seed has it.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x5eed);
        let count = rng.gen_range(1..=4);
        let behaviours: Vec<Behaviour> = Behaviour::ALL.choose_multiple(&mut rng, count).copied().collect();
        let count = rng.gen_range(0..=3);
        let lies: Vec<Lie> = Lie::ALL.choose_multiple(&mut rng, count).copied().collect();
        let mut config = Self::new(seed).behaviours(behaviours).lies(lies);
        config.hostile = rng.gen_range(1..=6);
        config.equivocate = rng.gen_range(0..4) == 0;
        config.huge_len = 1 << rng.gen_range(10..=16);
        config.requests = [0, 32][rng.gen_range(0..2)];
        config.replications = rng.gen_range(0..=2);
        config
    }
}

/// What an honest client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    Create,
    Register,
    RegisterNode,
    Resolve,
    Unregister,
    Replicate,
}

/// What it cost at most.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    pub bytes: u64,
    pub avm_calls: u64,
    pub latency: Duration,
}

/// What a siege came to.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub costs: BTreeMap<Op, Cost>,
    /// Honest clients' calls, all with the right result.
    pub calls: u64,
    /// Calls that hostile nodes made to honest ones.
    pub requests: u64,
    /// The most bytes of an honest node's database.
    pub db_len_max: u64,
    /// Linear memory of all services of all nodes.
    pub memory_bytes: u64,
}

/// A network under attack.
#[derive(Debug)]
pub struct Siege {
    pub scene: Scene,
    pub forger: Forger,
    pub hostile: Vec<PeerIndex>,
    config: SiegeConfig,
    label: String,
    /// A client of an honest neighbour; it becomes a provider, and is removed.
    second: PeerIndex,
    /// An honest node; it becomes a provider, and is removed.
    provider_node: PeerIndex,
    figures: Figures,
    rng: StdRng,
}

impl Siege {
    /// # Panics
    /// Where the network does not start.
    #[must_use]
    pub fn new(config: SiegeConfig) -> Self {
        let program = compile("resources.aqua", &[]);
        let mut scene = Scene::with(NetworkConfig::new(config.nodes).seed(config.seed), program);
        let mut rng = StdRng::seed_from_u64(config.seed);
        let (label, neighbours) = distant_label(&scene);
        scene
            .network
            .add_checker(RegistryInvariants::watching([id_of(&scene, &label)]));
        let mut honest = neighbours;
        honest.shuffle(&mut rng);
        let hostile: Vec<PeerIndex> = honest.drain(..config.hostile).collect();
        let provider_node = honest[0];
        let second = scene.add_client(honest[1]);
        let mut siege = Self {
            scene,
            forger: Forger::default(),
            hostile,
            config,
            label,
            second,
            provider_node,
            figures: Figures::default(),
            rng,
        };
        siege.arm();
        siege
    }

    fn arm(&mut self) {
        for (number, node) in self.hostile.clone().into_iter().enumerate() {
            let seed = self.config.seed.wrapping_mul(1_000).wrapping_add(number as u64);
            let mut mix =
                Mix::new(seed, "registry", self.config.behaviours.iter().copied()).huge_len(self.config.huge_len);
            if self.config.equivocate {
                mix = mix.honest_to_half();
            }
            let hostile = self.forger.hostile(seed, &self.config.lies, mix);
            self.scene.network.set_hostile(node, Some(hostile)).expect("a node");
        }
    }

    /// How many nodes must answer so that one of them is honest.
    #[must_use]
    pub fn ack(&self) -> i16 {
        self.config.hostile as i16 + 1
    }

    /// The whole life of a resource.
    ///
    /// # Panics
    /// Where an honest client gets what it should not, or an honest node holds what it should not.
    pub fn run(mut self) -> Figures {
        let id = self.create();
        let (first, second, node) = (self.scene.client, self.second, self.provider_node);
        self.register(first, &id, "first");
        self.register(second, &id, "second");
        self.register_node(&id);
        let everybody = self.expected(&[(first, "first"), (second, "second"), (node, "node")]);
        self.expect(&id, &everybody);
        self.assail(&id);
        self.expect(&id, &everybody);
        self.unregister(second, second, &id);
        self.unregister(first, node, &id);
        let remaining = self.expected(&[(first, "first")]);
        self.expect(&id, &remaining);
        self.replicate(&id);
        self.assail(&id);
        self.expect(&id, &remaining);
        self.check_storage();
        self.figures.memory_bytes = self.scene.network.service_memory_bytes();
        self.figures
    }

    fn create(&mut self) -> String {
        let args = [json!(self.label)];
        let values = self.honest(Op::Create, self.scene.client, "createResource", &args);
        let id = values[0][0]
            .as_str()
            .unwrap_or_else(|| panic!("{}: no resource: {values:?}", self.what()));
        assert_eq!(id, id_of(&self.scene, &self.label));
        id.to_owned()
    }

    fn register(&mut self, client: PeerIndex, id: &str, value: &str) {
        let args = [json!(id), json!(value), json!(null)];
        let values = self.honest(Op::Register, client, "registerProvider", &args);
        assert_eq!(values[0], json!(true), "{}: {values:?}", self.what());
    }

    fn register_node(&mut self, id: &str) {
        let node = self.scene.id(self.provider_node);
        let args = [json!(node), json!(id), json!("node"), json!(null)];
        let values = self.honest(Op::RegisterNode, self.scene.client, "registerNodeProvider", &args);
        assert_eq!(values[0], json!(true), "{}: {values:?}", self.what());
    }

    fn unregister(&mut self, client: PeerIndex, peer: PeerIndex, id: &str) {
        // A deletion counts for what was issued before it.
        self.scene.network.advance(Duration::from_secs(1)).expect("a second");
        let args = [json!(self.scene.id(peer)), json!(id)];
        let values = self.honest(Op::Unregister, client, "removeNodeFromProviders", &args);
        assert_eq!(values[0], json!(true), "{}: {values:?}", self.what());
    }

    fn expected(&self, providers: &[(PeerIndex, &str)]) -> BTreeSet<(String, String)> {
        let expected = |(peer, value): &(PeerIndex, &str)| (self.scene.id(*peer), (*value).to_owned());
        providers.iter().map(expected).collect()
    }

    /// Both clients find these providers and nobody else.
    fn expect(&mut self, id: &str, expected: &BTreeSet<(String, String)>) {
        for (client, ack) in [
            (self.scene.client, self.ack()),
            (self.second, self.ack()),
            (self.scene.client, 14),
        ] {
            let values = self.honest(Op::Resolve, client, "resolveProviders", &[json!(id), json!(ack)]);
            let (peers, texts) = (strings(&values[0], "peer_id"), strings(&values[0], "value"));
            let found: BTreeSet<_> = peers.into_iter().zip(texts).collect();
            assert_eq!(
                &found,
                expected,
                "{}, ack {ack}: errors {:.2000}",
                self.what(),
                values[1]
            );
        }
    }

    /// An honest client's call, at the end of which what is on its way has arrived.
    fn honest(&mut self, op: Op, client: PeerIndex, function: &str, args: &[Value]) -> Vec<Value> {
        let function = self.scene.program.function(function).expect("it is there").clone();
        let outcome = self
            .scene
            .network
            .call_with(client, &function, args, CallOptions::new())
            .unwrap_or_else(|error| panic!("{}: {op:?}: {error}", self.what()));
        self.note(op, &outcome);
        self.scene.settle();
        outcome
            .result
            .unwrap_or_else(|error| panic!("{}: {op:?}: {error}", self.what()))
    }

    fn note(&mut self, op: Op, outcome: &CallOutcome) {
        self.figures.calls += 1;
        let cost = self.figures.costs.entry(op).or_default();
        cost.bytes = cost.bytes.max(outcome.stats.bytes);
        cost.avm_calls = cost.avm_calls.max(outcome.stats.avm_calls);
        cost.latency = cost.latency.max(outcome.stats.latency);
    }

    /// Has the hostile nodes call whatever an honest node exports.
    fn assail(&mut self, id: &str) {
        for node in self.hostile.clone() {
            let requests = self.config.requests;
            if requests > 0 {
                self.assail_from(node, id, requests);
            }
        }
    }

    fn assail_from(&mut self, from: PeerIndex, id: &str, count: usize) {
        let honest: Vec<PeerIndex> = self.honest_nodes();
        let to = *honest.choose(&mut self.rng).expect("most are honest");
        let interface = self.scene.network.interface(to, "registry").expect("a registry");
        let mut maker = CallMaker::new(&interface, self.rng.gen());
        self.tell(&mut maker, id);
        for _ in 0..self.rng.gen_range(0..maker.function_count()) {
            maker.make();
        }
        let requests: Vec<ServiceRequest> = (0..count).map(|_| maker.make()).collect();
        for chunk in requests.chunks(REQUESTS_PER_PARTICLE) {
            let served = self.request(from, to, chunk);
            let done = served.results.len() + served.failures.len();
            // A hostile node may garble even its own particles: then nothing comes back.
            if done == chunk.len() {
                self.figures.requests += done as u64;
                let trap = served.failures.iter().find(|failure| is_trap(failure));
                assert_eq!(trap, None, "{}: a trap", self.what());
            }
        }
    }

    /// Requests of one node to another, in one particle.
    ///
    /// # Panics
    /// Where the network fails as a whole.
    pub fn request(&mut self, from: PeerIndex, to: PeerIndex, requests: &[ServiceRequest]) -> Served {
        let requests = ServiceRequests {
            node: to,
            service: "registry",
            requests,
        };
        let served = self.scene.network.request(from, &requests);
        served.unwrap_or_else(|error| panic!("{}: {error}", self.what()))
    }

    /// What a hostile node knows: everything that is public.
    fn tell(&self, maker: &mut CallMaker, id: &str) {
        maker.tell("key_id", id);
        maker.tell("key_ids", json!([id]));
        for peer in self.scene.network.peers() {
            maker.tell("peer_id", peer.id());
            maker.tell("issued_by", peer.id());
        }
        for record in self.forger.records() {
            let record = serde_json::to_value(record).expect("plain data");
            maker.tell("metadata", record["metadata"].clone());
            maker.tell("signature", record["signature"].clone());
            maker.tell("timestamp_created", record["timestamp_created"].clone());
            maker.tell("records", json!([record]));
        }
        for key in self.forger.keys() {
            let key = serde_json::to_value(key).expect("plain data");
            maker.tell("key", key.clone());
            maker.tell("keys", json!([key]));
        }
        for tombstone in self.forger.tombstones() {
            let tombstone = serde_json::to_value(tombstone).expect("plain data");
            maker.tell("timestamp_issued", tombstone["timestamp_issued"].clone());
            maker.tell("signature", tombstone["issuer_signature"].clone());
            maker.tell("tombstones", json!([tombstone]));
        }
    }

    /// Lets every node replicate, after one has joined that lies close to nothing in particular. Nodes that lack
    /// something have it afterwards.
    fn replicate(&mut self, id: &str) {
        if self.config.replications == 0 {
            return;
        }
        let script = std::fs::read_to_string(artifact("replicate_3600.air")).expect("run ./build.sh first");
        let joined = self.scene.network.add_node().expect("room for a node");
        let mut schedules = Vec::new();
        for (number, node) in self.scene.network.nodes().into_iter().enumerate() {
            let first = HOUR + Duration::from_secs(60 * number as u64);
            let script = ScheduledScript::new(script.as_str(), HOUR)
                .first_after(first)
                .ttl_ms(60_000);
            schedules.push((node, self.scene.network.schedule(node, script).expect("a node")));
        }
        let time = HOUR * (self.config.replications as u32 + 1);
        let advanced = self.scene.network.advance(time);
        advanced.unwrap_or_else(|error| panic!("{}: {error}", self.what()));
        for (node, schedule) in schedules {
            if self.hostile.contains(&node) {
                continue;
            }
            let runs: Vec<_> = self.scene.network.scheduled_runs(schedule).cloned().collect();
            for run in runs {
                let outcome = CallOutcome {
                    result: run.result,
                    stats: run.stats,
                    particle_id: String::new(),
                };
                self.note(Op::Replicate, &outcome);
                let values = outcome
                    .result
                    .unwrap_or_else(|error| panic!("{}: replication: {error}", self.what()));
                for report in values.iter().flat_map(|value| value.as_array().into_iter().flatten()) {
                    assert_eq!(report["success"], json!(true), "{}: {report:.2000}", self.what());
                }
            }
        }
        let belongs = self.scene.neighbourhood(id).contains(&joined);
        let held = self.scene.holders(id).into_iter().find(|(node, _)| *node == joined);
        if belongs {
            let held = held.unwrap_or_else(|| panic!("{}: the node that joined was given nothing", self.what()));
            assert_eq!(held.1.records.len(), 1, "{}", self.what());
        }
    }

    fn honest_nodes(&self) -> Vec<PeerIndex> {
        let nodes = self.scene.network.nodes();
        nodes.into_iter().filter(|node| !self.hostile.contains(node)).collect()
    }

    /// What honest nodes hold is bounded, whatever was thrown at them.
    fn check_storage(&mut self) {
        for node in self.honest_nodes() {
            let query = Query::new("registry", "get_stats").now();
            let stats = self.scene.network.ask(node, &query);
            let stats = stats.unwrap_or_else(|error| panic!("{}: {error}", self.what()));
            let count = |name: &str| stats[name].as_u64().unwrap_or(u64::MAX);
            assert!(count("keys") <= 1, "{}: {stats}", self.what());
            assert!(count("records") <= RECORDS_MAX, "{}: {stats}", self.what());
            assert!(count("host_records") <= 1, "{}: {stats}", self.what());
            assert!(count("tombstones") <= TOMBSTONES_MAX, "{}: {stats}", self.what());
            self.figures.db_len_max = self.figures.db_len_max.max(count("db_size_bytes"));
        }
    }

    /// For messages: how to repeat this.
    #[must_use]
    pub fn what(&self) -> String {
        let SiegeConfig {
            seed,
            hostile,
            behaviours,
            lies,
            ..
        } = &self.config;
        format!("seed {seed}, {hostile} hostile, {behaviours:?}, {lies:?}")
    }
}

/// Whether a call failed in the service's code, not at its door.
#[must_use]
pub fn is_trap(failure: &str) -> bool {
    ["unreachable", "trap", "panicked", "out of bounds", "stack"]
        .iter()
        .any(|word| failure.contains(word))
}

/// The label of a resource of the first client to whose neighbourhood the client's relay does not belong, so that nothing is
/// found without the help of others; with the neighbourhood.
fn distant_label(scene: &Scene) -> (String, Vec<PeerIndex>) {
    (0..)
        .map(|number| format!("resource {number}"))
        .map(|label| {
            let neighbours = scene.neighbourhood(&id_of(scene, &label));
            (label, neighbours)
        })
        .find(|(_, neighbours)| scene.network.nodes().len() <= 20 || !neighbours.contains(&PeerIndex(0)))
        .expect("there are endlessly many")
}

fn id_of(scene: &Scene, label: &str) -> String {
    KeyId::of(label, &scene.id(scene.client)).to_string()
}
