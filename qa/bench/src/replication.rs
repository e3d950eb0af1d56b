//! What keeping data replicated costs: a round of replication from one node to its 19 neighbours, first when nobody else
//! has anything, then when all have everything; here and with the reference's own script and wasm.
//!
//! The reference hands everything that is stale to one particle, so it is measured at as many keys as a run takes that
//! ends, and compared key by key.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use devnet::{AquaCompiler, CallOptions, Network, NetworkConfig, PeerIndex, Query, RegistryModules};
use eyre::{ensure, Result, WrapErr};
use indicatif::{ProgressBar, ProgressStyle};
use registry_testkit::Peer;
use serde_json::{json, Value};

use crate::report::{new_table, print_table};

const NODES: usize = 20;
const LATENCY: Duration = Duration::from_millis(50);
const HOUR: Duration = Duration::from_secs(3_600);
const TTL_MS: u32 = 120_000;
/// In this time every message of a run arrives.
const RUN: Duration = Duration::from_secs(100);
/// How often the script here may run until nothing is due: far more than needed.
const RUNS_MAX: usize = 1_000;
const HOLDER: PeerIndex = PeerIndex(0);

/// What a round came to, over all its runs.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    runs: usize,
    hops: u64,
    bytes: u64,
    avm: Duration,
    services: Duration,
    wall: Duration,
}

struct Measured {
    side: &'static str,
    keys: usize,
    first: Round,
    steady: Round,
}

pub(crate) fn run(here: &[u32], reference: &[u32]) -> Result<()> {
    let mut rows = Vec::new();
    for keys in reference {
        rows.push(Side::reference()?.measure(*keys as usize)?);
    }
    for keys in here {
        rows.push(Side::here()?.measure(*keys as usize)?);
    }
    report(&rows);
    Ok(())
}

struct Side {
    name: &'static str,
    network: Network,
    air: String,
    /// The reference does everything in one run and reports nothing.
    reference: bool,
}

impl Side {
    fn here() -> Result<Self> {
        let air = concat!(env!("CARGO_MANIFEST_DIR"), "/../../artifacts/replicate_3600.air");
        Ok(Self {
            name: "here",
            network: network(NetworkConfig::new(NODES))?,
            air: std::fs::read_to_string(air).wrap_err_with(|| format!("{air}: run ./build.sh first"))?,
            reference: false,
        })
    }

    fn reference() -> Result<Self> {
        let modules = RegistryModules {
            sqlite3: registry_distro::SQLITE_WASM.into(),
            registry: registry_distro::REGISTRY_WASM.into(),
        };
        Ok(Self {
            name: "0.9.4",
            network: network(NetworkConfig::new(NODES).registry(modules))?,
            air: reference_script()?,
            reference: true,
        })
    }

    fn measure(mut self, keys: usize) -> Result<Measured> {
        let progress = ProgressBar::new(keys as u64);
        let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {elapsed}")?;
        progress.set_style(style);
        progress.set_message(format!("{}: storing", self.name));
        for number in 0..keys {
            self.store(number)?;
            progress.inc(1);
        }
        progress.finish_and_clear();
        self.network.advance(2 * HOUR)?;
        let first = self.round(keys, &format!("{}, {keys} keys, first round", self.name))?;
        self.check_all_hold(keys)?;
        self.network.advance(2 * HOUR)?;
        let steady = self.round(keys, &format!("{}, {keys} keys, steady", self.name))?;
        Ok(Measured {
            side: self.name,
            keys,
            first,
            steady,
        })
    }

    /// A key with a provider on one node alone.
    fn store(&mut self, number: usize) -> Result<()> {
        let (owner, provider) = (Peer::named("owner"), Peer::named("provider"));
        let now = self.network.unix_ms(HOLDER)? / 1_000;
        let label = format!("resource {number}");
        let bytes = Query::new("registry", "get_key_bytes")
            .arg(&*label)
            .arg(json!([owner.id()]));
        let signature = self.signed(bytes.arg(now).arg(json!([])).arg(""), &owner)?;
        let register = Query::new("registry", "register_key")
            .arg(&*label)
            .arg(json!([owner.id()]));
        let register = register.arg(now).arg(json!([])).arg("").arg(signature);
        let register = register.init_peer_id(owner.id());
        let registered = self.ask(register.result_of("trust-graph", "get_weight", weight(&owner)).now())?;
        let key_id = &registered["key_id"];

        let fields = |query: Query| {
            let query = query.arg(key_id.clone()).arg(provider.id()).arg(now);
            let query = query
                .arg("a value of common length, such as a CID or a URL")
                .arg(provider.id());
            query.arg(json!([])).arg(json!([])).arg(json!([]))
        };
        let issued = self.signed(fields(Query::new("registry", "get_record_metadata_bytes")), &provider)?;
        let metadata = self.network.ask(
            HOLDER,
            &fields(Query::new("registry", "create_record_metadata")).arg(issued),
        )?;
        let bytes = Query::new("registry", "get_record_bytes")
            .arg(metadata.clone())
            .arg(now);
        let signature = self.signed(bytes, &provider)?;
        let put = Query::new("registry", "put_record")
            .arg(metadata)
            .arg(now)
            .arg(signature);
        let put = put.init_peer_id(provider.id());
        self.ask(put.result_of("trust-graph", "get_weight", weight(&provider)).now())?;
        Ok(())
    }

    fn signed(&mut self, query: Query, signer: &Peer) -> Result<Value> {
        let bytes: Vec<u8> = serde_json::from_value(self.network.ask(HOLDER, &query)?)?;
        Ok(json!(signer.sign(&bytes)))
    }

    fn ask(&mut self, query: Query) -> Result<Value> {
        let answer = self.network.ask(HOLDER, &query)?;
        ensure!(answer["success"] == json!(true), "{}", answer["error"]);
        Ok(answer)
    }

    /// Runs the script until nothing is due.
    fn round(&mut self, keys: usize, title: &str) -> Result<Round> {
        let mut round = Round::default();
        let progress = ProgressBar::new(keys as u64);
        progress.set_style(ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {elapsed}")?);
        progress.set_message(title.to_owned());
        for _ in 0..RUNS_MAX {
            let settled = self.run_once(&mut round)?;
            progress.inc(settled);
            // The reference does everything at once.
            if self.reference || settled == 0 {
                break;
            }
        }
        progress.finish_and_clear();
        Ok(round)
    }

    /// How many keys were settled.
    fn run_once(&mut self, round: &mut Round) -> Result<u64> {
        let relay = Value::from(self.network.peer(HOLDER)?.id());
        let data = BTreeMap::from([("-relay-".to_owned(), relay)]);
        let options = CallOptions::new().ttl_ms(TTL_MS);
        let began = Instant::now();
        let handle = self.network.start_air(HOLDER, self.air.as_str(), data, options)?;
        let outcome = self.network.wait(&handle)?;
        self.network.advance(RUN.saturating_sub(outcome.stats.latency))?;
        round.wall += began.elapsed();
        // To the last echo of the particle, not only to its answer.
        let stats = self.network.stats(&handle).cloned().unwrap_or(outcome.stats);
        let steps = outcome.result?;
        let steps: Vec<&Value> = steps.iter().filter_map(Value::as_array).flatten().collect();
        for step in &steps {
            ensure!(step["success"] == json!(true), "{step}");
            ensure!(step["silent"] == json!([]), "{step}");
        }
        let settled = steps.iter().filter_map(|step| step["exchanged"].as_u64()).sum();
        if self.reference || settled > 0 {
            round.runs += 1;
            round.hops += stats.hops;
            round.bytes += stats.bytes;
            round.avm += stats.avm_time;
            round.services += stats.service_time;
        }
        Ok(settled)
    }

    fn check_all_hold(&mut self, keys: usize) -> Result<()> {
        let owner = Peer::named("owner");
        for number in [0, keys / 2, keys - 1] {
            let query = Query::new("registry", "get_key_id")
                .arg(format!("resource {number}"))
                .arg(owner.id());
            let key_id = self.network.ask(HOLDER, &query)?;
            for node in 0..NODES {
                let query = Query::new("registry", "get_records").arg(key_id.clone()).now();
                let answer = self.network.ask(PeerIndex(node), &query)?;
                let records = answer["result"].as_array().map_or(0, Vec::len);
                ensure!(
                    records == 1,
                    "{}: node {node} holds {records} records of key {number}: {}",
                    self.name,
                    answer["error"]
                );
            }
        }
        Ok(())
    }
}

fn network(config: NetworkConfig) -> Result<Network> {
    let mut network = Network::start(config.seed(1).latency(LATENCY))?;
    network.start_waiting_services()?;
    Ok(network)
}

fn weight(peer: &Peer) -> Value {
    json!({ "success": true, "weight": 0, "peer_id": peer.id(), "error": "" })
}

/// The reference's own script, as its own compiler makes it; its indentation does not travel.
fn reference_script() -> Result<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("network/reference");
    let compiler = AquaCompiler::with_packages(&directory).unminified();
    let program = compiler.compile(directory.join("scheduled.aqua"))?;
    let air = &program.function("replicate_3600")?.air();
    Ok(air.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn report(rows: &[Measured]) {
    let mut table = new_table([
        "replication on 20 nodes",
        "",
        "keys",
        "runs",
        "messages a key",
        "bytes a key",
        "AVM ms a key",
        "services ms a key",
        "wall ms a key",
    ]);
    for row in rows {
        for (name, round) in [("first round", row.first), ("steady", row.steady)] {
            table.add_row(cells(name, row.side, row.keys, &round));
        }
    }
    let largest = |side| rows.iter().filter(|row| row.side == side).max_by_key(|row| row.keys);
    if let (Some(theirs), Some(ours)) = (largest("0.9.4"), largest("here")) {
        for (name, a, b) in [
            ("first round", theirs.first, ours.first),
            ("steady", theirs.steady, ours.steady),
        ] {
            table.add_row(shares(name, (&a, theirs.keys), (&b, ours.keys)));
        }
    }
    print_table(table);
}

fn per_key(time: Duration, keys: usize) -> f64 {
    time.as_secs_f64() * 1_000.0 / keys as f64
}

fn cells(name: &str, side: &str, keys: usize, round: &Round) -> [String; 9] {
    let each = |count: u64| count as f64 / keys as f64;
    [
        name.to_owned(),
        side.to_owned(),
        keys.to_string(),
        round.runs.to_string(),
        format!("{:.2}", each(round.hops)),
        format!("{:.0}", each(round.bytes)),
        format!("{:.3}", per_key(round.avm, keys)),
        format!("{:.3}", per_key(round.services, keys)),
        format!("{:.3}", per_key(round.wall, keys)),
    ]
}

fn shares(name: &str, (a, a_keys): (&Round, usize), (b, b_keys): (&Round, usize)) -> [String; 9] {
    let percent = |ours: f64, theirs: f64| format!("{:.2} %", 100.0 * ours / theirs);
    let each = |count: u64, keys: usize| count as f64 / keys as f64;
    [
        name.to_owned(),
        "here of 0.9.4".to_owned(),
        format!("{b_keys} / {a_keys}"),
        String::new(),
        percent(each(b.hops, b_keys), each(a.hops, a_keys)),
        percent(each(b.bytes, b_keys), each(a.bytes, a_keys)),
        percent(per_key(b.avm, b_keys), per_key(a.avm, a_keys)),
        percent(per_key(b.services, b_keys), per_key(a.services, a_keys)),
        percent(per_key(b.wall, b_keys), per_key(a.wall, a_keys)),
    ]
}
