//! What a run measured: a table, JSON, and samples over time as CSV.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use eyre::{ensure, eyre, Result};
use hdrhistogram::Histogram;
use registry_checks::{Node, Outcome};
use serde_json::{json, Value};

use crate::report::new_table;

const SIGNIFICANT_DIGITS: u8 = 3;
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
const MIB: f64 = 1_048_576.0;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    GetRecords,
    PutRecord,
    RegisterKey,
    RepublishRecords,
    AddTombstone,
    EvictStale,
    ClearExpired,
}

impl Kind {
    pub(super) const fn function(self) -> &'static str {
        match self {
            Self::GetRecords => "get_records",
            Self::PutRecord => "put_record",
            Self::RegisterKey => "register_key",
            Self::RepublishRecords => "republish_records",
            Self::AddTombstone => "add_tombstone",
            Self::EvictStale => "evict_stale",
            Self::ClearExpired => "clear_expired",
        }
    }
}

/// The state of things at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) elapsed: Duration,
    calls: u64,
    wasm_bytes: u64,
    process_bytes: u64,
    database_bytes: u64,
}

impl Sample {
    pub(super) fn take(elapsed: Duration, calls: u64, node: &Node, database: &Path) -> Result<Self> {
        Ok(Self {
            elapsed,
            calls,
            wasm_bytes: node.service().memory_bytes(),
            process_bytes: resident_bytes()?,
            database_bytes: std::fs::metadata(database)?.len(),
        })
    }
}

/// All figures of a run. Times are in nanoseconds.
#[derive(Debug)]
pub(super) struct Figures {
    records: u32,
    load_before: String,
    load_after: String,
    times: BTreeMap<Kind, Histogram<u64>>,
    pub(super) samples: Vec<Sample>,
}

impl Figures {
    pub(super) fn new(records: u32) -> Result<Self> {
        Ok(Self {
            records,
            load_before: load_average()?,
            load_after: String::new(),
            times: BTreeMap::new(),
            samples: Vec::new(),
        })
    }

    /// A refusal is an error of the benchmark: every call is made so that it is due to succeed.
    pub(super) fn note(&mut self, kind: Kind, time: Duration, outcome: &Outcome) -> Result<()> {
        ensure!(outcome.success, "{}: {}", kind.function(), outcome.error);
        let times = match self.times.entry(kind) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Histogram::new(SIGNIFICANT_DIGITS)?),
        };
        times.record(time.as_nanos() as u64)?;
        Ok(())
    }

    pub(super) fn calls(&self) -> u64 {
        self.times.values().map(Histogram::len).sum()
    }

    pub(super) fn per_second(&self, elapsed: Duration) -> String {
        format!("{:.0}", self.calls() as f64 / elapsed.as_secs_f64().max(f64::EPSILON))
    }

    pub(super) fn finish(&mut self, last: Sample) {
        self.samples.push(last);
        self.load_after = load_average().unwrap_or_default();
    }

    fn elapsed(&self) -> Duration {
        self.samples.last().map(|sample| sample.elapsed).unwrap_or_default()
    }

    /// Part of the time that the node spent in calls; the rest is spent waiting for requests to be signed.
    fn busy(&self) -> f64 {
        let nanoseconds: f64 = self.times.values().map(|times| times.mean() * times.len() as f64).sum();
        nanoseconds / self.elapsed().as_nanos().max(1) as f64
    }

    /// `load.json` and `load.csv`.
    pub(super) fn write(&self, directory: &Path, stats: &Value) -> Result<()> {
        std::fs::create_dir_all(directory)?;
        std::fs::write(
            directory.join("load.json"),
            serde_json::to_vec_pretty(&self.json(stats))?,
        )?;
        let mut csv = "seconds,calls,wasm_bytes,process_bytes,database_bytes\n".to_owned();
        for sample in &self.samples {
            writeln!(
                csv,
                "{:.1},{},{},{},{}",
                sample.elapsed.as_secs_f64(),
                sample.calls,
                sample.wasm_bytes,
                sample.process_bytes,
                sample.database_bytes
            )?;
        }
        Ok(std::fs::write(directory.join("load.csv"), csv)?)
    }

    fn json(&self, stats: &Value) -> Value {
        let calls: serde_json::Map<String, Value> = self
            .times
            .iter()
            .map(|(kind, times)| {
                let mut figures = json!({
                    "calls": times.len(), "mean_ms": times.mean() / 1e6, "max_ms": times.max() as f64 / 1e6,
                });
                for (name, quantile) in QUANTILES {
                    figures[format!("{name}_ms")] = json!(times.value_at_quantile(quantile) as f64 / 1e6);
                }
                (kind.function().to_owned(), figures)
            })
            .collect();
        json!({
            "records": self.records, "seconds": self.elapsed().as_secs_f64(), "busy": self.busy(),
            "calls_per_second": self.calls() as f64 / self.elapsed().as_secs_f64(),
            "load_average_before": self.load_before, "load_average_after": self.load_after,
            "calls": calls, "held_at_the_end": stats,
        })
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let elapsed = self.elapsed();
        writeln!(
            f,
            "{} records, {:.0} s: {} calls a second, {:.0} % of the time in the service; load average {} before, {} after\n",
            self.records,
            elapsed.as_secs_f64(),
            self.per_second(elapsed),
            100.0 * self.busy(),
            self.load_before,
            self.load_after
        )?;
        let mut table = new_table(["call", "calls", "mean ms", "p50 ms", "p99 ms", "p99.9 ms", "max ms"]);
        let milliseconds = |nanoseconds: f64| format!("{:.2}", nanoseconds / 1e6);
        for (kind, times) in &self.times {
            let quantiles = QUANTILES.map(|(_, quantile)| milliseconds(times.value_at_quantile(quantile) as f64));
            let [p50, p99, p999] = quantiles;
            table.add_row([
                kind.function().to_owned(),
                times.len().to_string(),
                milliseconds(times.mean()),
                p50,
                p99,
                p999,
                milliseconds(times.max() as f64),
            ]);
        }
        writeln!(f, "{table}\n")?;
        let mut table = new_table(["after s", "calls", "wasm memory MiB", "process MiB", "database MiB"]);
        for sample in self.shown() {
            table.add_row([
                format!("{:.0}", sample.elapsed.as_secs_f64()),
                sample.calls.to_string(),
                format!("{:.1}", sample.wasm_bytes as f64 / MIB),
                format!("{:.1}", sample.process_bytes as f64 / MIB),
                format!("{:.1}", sample.database_bytes as f64 / MIB),
            ]);
        }
        writeln!(f, "{table}")
    }
}

impl Figures {
    /// A dozen samples, the first and the last among them.
    fn shown(&self) -> impl Iterator<Item = &Sample> {
        let every = self.samples.len().div_ceil(11).max(1);
        let last = self.samples.len().saturating_sub(1);
        let shown = move |(at, sample)| (at % every == 0 || at == last).then_some(sample);
        self.samples.iter().enumerate().filter_map(shown)
    }
}

fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    Ok(1_024 * kib.ok_or_else(|| eyre!("/proc/self/status has no VmRSS"))?)
}

/// Processes that wanted to run, on average over 1, 5 and 15 minutes.
fn load_average() -> Result<String> {
    let line = std::fs::read_to_string("/proc/loadavg")?;
    Ok(line.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
