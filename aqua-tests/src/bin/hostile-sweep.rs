//! Sieges by seed, as many as one likes: `cargo run --release -p aqua-tests --bin hostile-sweep -- --seeds 100`.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aqua_tests::hostile::{Figures, Op, Siege, SiegeConfig};
use clap::Parser;
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};

/// Runs the life of a resource under attack, once for each seed, and tells what it cost at most.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
}

#[derive(Default)]
struct Total {
    sieges: u64,
    calls: u64,
    requests: u64,
    db_len_max: u64,
    memory_max: u64,
    costs: std::collections::BTreeMap<Op, (u64, u64, Duration)>,
}

impl Total {
    fn add(&mut self, figures: &Figures) {
        self.sieges += 1;
        self.calls += figures.calls;
        self.requests += figures.requests;
        self.db_len_max = self.db_len_max.max(figures.db_len_max);
        self.memory_max = self.memory_max.max(figures.memory_bytes);
        for (op, cost) in &figures.costs {
            let most = self.costs.entry(*op).or_default();
            most.0 = most.0.max(cost.bytes);
            most.1 = most.1.max(cost.avm_calls);
            most.2 = most.2.max(cost.latency);
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.set_header(["call", "bytes", "AVM calls", "latency, ms"]);
        for (op, (bytes, avm_calls, latency)) in &self.costs {
            table.add_row([
                format!("{op:?}"),
                bytes.to_string(),
                avm_calls.to_string(),
                latency.as_millis().to_string(),
            ]);
        }
        table
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let bar = ProgressBar::new(args.seeds);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} [{elapsed_precise}, {eta} to go]");
    bar.set_style(style.expect("a valid template"));
    let (mut total, mut failed, since) = (Total::default(), Vec::new(), Instant::now());
    for seed in args.first..args.first.saturating_add(args.seeds) {
        bar.set_message(format!("seed {seed}"));
        match catch_unwind(AssertUnwindSafe(|| Siege::new(SiegeConfig::drawn(seed)).run())) {
            Ok(figures) => total.add(&figures),
            Err(_) => failed.push(seed),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("{}", total.table());
    println!(
        "{} sieges in {} s: {} calls of honest clients, {} of hostile nodes; at most {} bytes in a database, {} of memory",
        total.sieges,
        since.elapsed().as_secs(),
        total.calls,
        total.requests,
        total.db_len_max,
        total.memory_max
    );
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("failed: seeds {failed:?}; repeat one with --first SEED --seeds 1");
    ExitCode::FAILURE
}
