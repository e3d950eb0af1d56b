//! The Resources API on a network of nodes: what a particle costs with the reference's own scripts and wasm, with the
//! scripts here as the compiler writes them, and as they ship.

use std::path::{Path, PathBuf};
use std::time::Duration;

use devnet::{
    AquaCompiler, AquaProgram, CallOptions, Network, NetworkConfig, ParticleStats, PeerIndex, RegistryModules,
};
use eyre::{ensure, eyre, Result, WrapErr};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{json, Value};

use crate::measure::timed;
use crate::report::{milliseconds, new_table, print_table};

const NODES: usize = 20;
const PROVIDERS: usize = 32;
const LATENCY: Duration = Duration::from_millis(50);
const TTL_MS: u32 = 20_000;
/// How many nodes have to answer a resolve.
const ACK: i16 = 5;

/// What one call of the API came to.
struct Measured {
    latency: Duration,
    wall: Duration,
    /// To the last echo of the particle, not only to its answer.
    stats: ParticleStats,
}

struct Row {
    name: &'static str,
    /// Which row of the reference it stands against.
    against: &'static str,
    measured: Measured,
}

/// A network with one API on it.
struct Side {
    network: Network,
    program: AquaProgram,
    client: PeerIndex,
    names: Names,
}

/// What the functions are called, and what they take.
struct Names {
    register: &'static str,
    resolve: &'static str,
    /// The reference is told who provides, here it is the caller.
    names_provider: bool,
}

const HERE: Names = Names {
    register: "registerProvider",
    resolve: "resolveProviders",
    names_provider: false,
};
const REFERENCE: Names = Names {
    register: "registerService",
    resolve: "resolveResource",
    names_provider: true,
};

/// What the reference has not: the function, the label of an open name, and for how long.
const NEWER: [(&str, Option<&str>, Option<u64>); 3] = [
    ("registerProviderFor", None, Some(600)),
    ("registerOpenProvider", Some("open"), None),
    ("registerOpenProviderFor", Some("open"), Some(600)),
];

pub(crate) fn run() -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("network");
    let reference = directory.join("reference");
    let reference_compiler = AquaCompiler::with_packages(&reference).unminified();
    let modules = RegistryModules {
        sqlite3: registry_distro::SQLITE_WASM.into(),
        registry: registry_distro::REGISTRY_WASM.into(),
    };
    let config = || NetworkConfig::new(NODES).seed(1).latency(LATENCY);
    let theirs = Side::new(
        config().registry(modules),
        reference_compiler,
        reference.join("resources.aqua"),
        REFERENCE,
    )?
    .story()?;
    let here = |compiler| Side::new(config(), compiler, directory.join("here.aqua"), HERE)?.story();
    let unminified = here(AquaCompiler::new().unminified())?;
    let ours = here(AquaCompiler::new())?;
    report(&theirs, &unminified, &ours);
    Ok(())
}

impl Side {
    fn new(config: NetworkConfig, compiler: AquaCompiler, file: PathBuf, names: Names) -> Result<Self> {
        let program = compiler
            .compile(&file)
            .wrap_err_with(|| format!("{}", file.display()))?;
        let mut network = Network::start(config)?;
        // Trust-graph starts at its first call, which would be counted otherwise.
        network.start_waiting_services()?;
        let client = network.add_client(PeerIndex(0))?;
        Ok(Self {
            network,
            program,
            client,
            names,
        })
    }

    fn story(mut self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut row = |name, against, measured| {
            rows.push(Row {
                name,
                against,
                measured,
            })
        };
        let client = self.client;
        // The first calls warm up: the AVM is compiled, databases are opened.
        let (warm, _) = self.call(client, "createResource", &[json!("warm up")])?;
        self.register(client, &resource(&warm)?)?;

        let (created, measured) = self.call(client, "createResource", &[json!("one provider")])?;
        row("createResource", "createResource", measured);
        let one = resource(&created)?;
        row("registerProvider", "registerProvider", self.register(client, &one)?);
        if !self.names.names_provider {
            let node = self.network.peer(PeerIndex(NODES / 2))?.id().to_owned();
            let (created, _) = self.call(client, "createResource", &[json!("a node")])?;
            let arguments = [json!(node), json!(resource(&created)?), json!("value"), json!([])];
            let (answer, measured) = self.call(client, "registerNodeProvider", &arguments)?;
            ensure!(answer[0] == json!(true), "registerNodeProvider: {answer}");
            row("registerNodeProvider", "registerProvider", measured);
            for (function, name, lease) in NEWER {
                let name = name.map_or_else(|| json!(one), |label| json!(label));
                let arguments = [
                    Some(name),
                    Some(json!("value")),
                    Some(json!([])),
                    lease.map(|sec| json!(sec)),
                ];
                let arguments: Vec<Value> = arguments.into_iter().flatten().collect();
                let (answer, measured) = self.call(client, function, &arguments)?;
                ensure!(answer[0] == json!(true), "{function}: {answer}");
                row(function, "registerProvider", measured);
            }
        }
        row("resolveProviders, 1", "resolveProviders, 1", self.resolve(&one, 1)?);
        if !self.names.names_provider {
            for (function, name) in [("resolveOpenProviders", "open"), ("resolveAlive", one.as_str())] {
                let (answer, measured) = self.call(client, function, &[json!(name), json!(ACK)])?;
                ensure!(
                    answer[0].as_array().is_some_and(|found| found.len() == 1),
                    "{function}: {answer}"
                );
                row(function, "resolveProviders, 1", measured);
            }
        }

        let (created, _) = self.call(client, "createResource", &[json!("many providers")])?;
        let many = resource(&created)?;
        let progress = ProgressBar::new(PROVIDERS as u64);
        progress.set_style(ProgressStyle::with_template("registering {bar:40} {pos}/{len}")?);
        for n in 0..PROVIDERS {
            let provider = self.network.add_client(PeerIndex(n % NODES))?;
            self.register(provider, &many)?;
            progress.inc(1);
        }
        progress.finish_and_clear();
        row(
            "resolveProviders, 32",
            "resolveProviders, 32",
            self.resolve(&many, PROVIDERS)?,
        );
        Ok(rows)
    }

    fn register(&mut self, provider: PeerIndex, resource_id: &str) -> Result<Measured> {
        let mut arguments = vec![
            json!(resource_id),
            json!("a value of common length, such as a CID or a URL"),
        ];
        if self.names.names_provider {
            arguments.push(json!(self.network.peer(provider)?.id()));
        }
        arguments.push(json!([]));
        let (answer, measured) = self.call(provider, self.names.register, &arguments)?;
        ensure!(answer[0] == json!(true), "{}: {answer}", self.names.register);
        Ok(measured)
    }

    fn resolve(&mut self, resource_id: &str, expected: usize) -> Result<Measured> {
        let (answer, measured) = self.call(self.client, self.names.resolve, &[json!(resource_id), json!(ACK)])?;
        // The reference wraps the list in an option.
        let found = match answer[0].as_array().map(Vec::as_slice) {
            Some([Value::Array(records)]) => records.len(),
            Some(records) => records.len(),
            None => 0,
        };
        ensure!(
            found == expected,
            "{expected} providers expected, {found} found; errors: {}",
            answer[1]
        );
        Ok(measured)
    }

    fn call(&mut self, peer: PeerIndex, function: &str, arguments: &[Value]) -> Result<(Value, Measured)> {
        let function = self.program.function(function)?;
        let options = CallOptions::new().ttl_ms(TTL_MS);
        let handle = self.network.start_call(peer, function, arguments, options)?;
        let (outcome, wall) = timed(|| self.network.wait(&handle));
        let outcome = outcome?;
        let value = outcome.value()?;
        self.network.advance(Duration::from_millis(u64::from(TTL_MS) / 2))?;
        let stats = self.network.stats(&handle).cloned().unwrap_or(outcome.stats.clone());
        let latency = outcome.stats.latency;
        Ok((value, Measured { latency, wall, stats }))
    }
}

fn resource(created: &Value) -> Result<String> {
    let id = created[0][0].as_str().or_else(|| created[0].as_str());
    Ok(id.ok_or_else(|| eyre!("no resource: {created}"))?.to_owned())
}

fn report(theirs: &[Row], unminified: &[Row], ours: &[Row]) {
    let mut table = new_table([
        "on 20 nodes, 50 ms links",
        "",
        "AVM calls",
        "AVM ms",
        "KiB, data",
        "KiB, all",
        "latency ms",
        "wall ms",
    ]);
    for (row, long) in ours.iter().zip(unminified) {
        let Some(reference) = theirs.iter().find(|reference| reference.name == row.against) else {
            continue;
        };
        let (a, b) = (&reference.measured, &row.measured);
        table.add_row(cells(row.name, "0.9.4", a));
        table.add_row(cells("", "here, not minified", &long.measured));
        table.add_row(cells("", "here", b));
        let percent = |ours: f64, theirs: f64| format!("{:.0} %", 100.0 * ours / theirs);
        table.add_row([
            String::new(),
            "here of 0.9.4".to_owned(),
            percent(b.stats.avm_calls as f64, a.stats.avm_calls as f64),
            percent(b.stats.avm_time.as_secs_f64(), a.stats.avm_time.as_secs_f64()),
            percent(b.stats.data_bytes as f64, a.stats.data_bytes as f64),
            percent(b.stats.bytes as f64, a.stats.bytes as f64),
            percent(b.latency.as_secs_f64(), a.latency.as_secs_f64()),
            percent(b.wall.as_secs_f64(), a.wall.as_secs_f64()),
        ]);
    }
    print_table(table);
}

fn cells(name: &str, side: &str, measured: &Measured) -> [String; 8] {
    let kibibytes = |bytes: u64| format!("{:.0}", bytes as f64 / 1024.0);
    [
        name.to_owned(),
        side.to_owned(),
        measured.stats.avm_calls.to_string(),
        milliseconds(measured.stats.avm_time),
        kibibytes(measured.stats.data_bytes),
        kibibytes(measured.stats.bytes),
        milliseconds(measured.latency),
        milliseconds(measured.wall),
    ]
}
