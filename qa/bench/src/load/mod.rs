//! Sustained mixed calls on one node with many records stored: throughput, latencies and memory.

mod figures;
mod prefill;
mod requests;

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use eyre::{ensure, Result, WrapErr};
use indicatif::{ProgressBar, ProgressStyle};
use marine_host::MarineHost;
use registry_checks::{Node, Outcome, Subject};
use serde_json::{json, Value};

use self::figures::{Figures, Kind, Sample};
use self::requests::{Request, Requests};
use crate::measure::timed;

/// Records of each key: as many as it has room for.
pub(crate) const RECORDS_PER_KEY: u32 = registry_service::domain::limits::RECORDS_PER_KEY_MAX as u32;
const NOW: u64 = 1_700_000_000;
const STALE_SEC: u64 = registry_service::domain::limits::STALE_TIMEOUT_DEFAULT_SEC;
/// Seconds between two turns of upkeep, in which the node replicates what has become due and clears what has expired.
const UPKEEP_SEC: u64 = 60;
/// Calls of clients between two calls of upkeep, while there is some to do.
const CALLS_BETWEEN_UPKEEP: u64 = 20;
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
const REQUESTS_AHEAD: usize = 256;

/// What to run.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) duration: Duration,
    pub(crate) records: u32,
    pub(crate) seed: u64,
    /// A filled database to start from, made if it is not there.
    pub(crate) prefilled: Option<PathBuf>,
    /// Where `load.json` and `load.csv` go.
    pub(crate) results: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let keys = options.records.div_ceil(RECORDS_PER_KEY);
    let directory = tempfile::tempdir()?;
    let storage = directory.path().join("storage");
    std::fs::create_dir_all(&storage)?;
    let database = storage.join("registry.sqlite");
    prefill::provide(keys, &database, options.prefilled.as_deref())?;

    let marine = MarineHost::new()?;
    let mut node = Node::start(&marine, Subject::Here, prefill::host(), directory.path())?;
    let figures = measure(&mut node, keys, &database, options)?;
    let stats = by_host(&mut node, "get_stats", json!([NOW]))?;
    println!("{figures}");
    if let Some(directory) = &options.results {
        figures
            .write(directory, &stats)
            .wrap_err_with(|| format!("cannot write to {}", directory.display()))?;
    }
    Ok(())
}

fn measure(node: &mut Node, keys: u32, database: &Path, options: &Options) -> Result<Figures> {
    let (sender, receiver) = sync_channel(REQUESTS_AHEAD);
    let (seed, began) = (options.seed, Instant::now());
    // Signing takes clients' time, not the node's: another thread does it, ahead of the calls.
    let signing = std::thread::spawn(move || {
        let mut requests = Requests::new(keys, seed);
        while sender.send(requests.next(NOW + began.elapsed().as_secs())).is_ok() {}
    });
    let mut figures = Figures::new(keys * RECORDS_PER_KEY)?;
    let mut upkeep = Upkeep::default();
    let progress = ProgressBar::new(options.duration.as_secs());
    progress.set_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} s, {msg} calls a second",
    )?);
    let mut next_sample = Duration::ZERO;
    while began.elapsed() < options.duration {
        if began.elapsed() >= next_sample {
            let sample = Sample::take(began.elapsed(), figures.calls(), node, database)?;
            progress.set_position(sample.elapsed.as_secs());
            progress.set_message(figures.per_second(sample.elapsed));
            figures.samples.push(sample);
            next_sample += SAMPLE_EVERY;
        }
        let request: Request = receiver.recv()?;
        call(node, request, &mut figures)?;
        upkeep.go_on(node, NOW + began.elapsed().as_secs(), &mut figures)?;
    }
    figures.finish(Sample::take(began.elapsed(), figures.calls(), node, database)?);
    progress.finish_and_clear();
    drop(receiver);
    ensure!(signing.join().is_ok(), "the thread that signs has panicked");
    Ok(figures)
}

fn call(node: &mut Node, request: Request, figures: &mut Figures) -> Result<Value> {
    let function = request.kind.function();
    let origins = node.origins(function, &request.arguments, &request.init_peer);
    let (result, time) = timed(|| node.call(function, request.arguments, origins));
    let outcome = Outcome::of(result.wrap_err_with(|| format!("{function} failed"))?);
    figures.note(request.kind, time, &outcome)?;
    Ok(outcome.value)
}

fn by_host(node: &mut Node, function: &'static str, arguments: Value) -> Result<Value> {
    let host = node.host.clone();
    let outcome = node.proved(function, arguments, &host)?;
    outcome.ok().map_err(|error| eyre::eyre!("{function}: {error}"))
}

/// What a node does for its data every now and then, one call at a time between those of clients.
#[derive(Debug, Default)]
struct Upkeep {
    turns: u64,
    replicating: bool,
    clearing: bool,
    calls_since: u64,
}

impl Upkeep {
    fn go_on(&mut self, node: &mut Node, now: u64, figures: &mut Figures) -> Result<()> {
        let turn = (now - NOW) / UPKEEP_SEC;
        if turn > self.turns {
            (self.turns, self.replicating, self.clearing) = (turn, true, true);
        }
        self.calls_since += 1;
        if !(self.replicating || self.clearing) || self.calls_since < CALLS_BETWEEN_UPKEEP {
            return Ok(());
        }
        self.calls_since = 0;
        let host = node.host.clone();
        let request = |kind, arguments| Request {
            kind,
            arguments,
            init_peer: host.clone(),
        };
        if !self.replicating {
            let cleared = call(node, request(Kind::ClearExpired, json!([now])), figures)?;
            let batch = registry_service::domain::limits::CLEAR_BATCH_MAX as u64;
            let counts = ["count_keys", "count_records", "count_tombstones"];
            self.clearing = counts.iter().any(|count| cleared[count].as_u64() == Some(batch));
            return Ok(());
        }
        let due = call(node, request(Kind::EvictStale, json!([now])), figures)?;
        let items = due["results"].as_array().cloned().unwrap_or_default();
        self.replicating = !items.is_empty();
        Ok(())
    }
}
