//! Times the registry's exported calls, as a node makes them, next to the reference on the same Marine host.

mod calls;
mod case;
mod growth;
mod load;
mod measure;
mod network;
mod replication;
mod report;
mod start;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use eyre::Result;

/// Times every exported call side by side with registry-distro 0.9.4, and how the cost grows with what is stored.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure; everything but `load` without it.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Timed rounds of each call; each round calls both modules, in turn.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Only calls whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Compare the calls with those of another build, whose `sqlite3.wasm` and `registry.wasm` are in this directory, and
    /// not with 0.9.4.
    #[arg(long)]
    before: Option<PathBuf>,
    /// Numbers of keys to measure growth at.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000,1000000")]
    keys: Vec<u32>,
    /// Numbers of keys to measure replication at.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000", value_parser = clap::value_parser!(u32).range(1..))]
    replicated_keys: Vec<u32>,
    /// Numbers of keys to measure the reference's replication at: it takes all in one particle.
    #[arg(long, value_delimiter = ',', default_value = "10,30", value_parser = clap::value_parser!(u32).range(1..))]
    reference_keys: Vec<u32>,
    /// How long to load the node.
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// Records stored before the load begins, 32 of each key.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(32..=32_000_000))]
    records: u32,
    /// The load's calls follow from it; random without it.
    #[arg(long)]
    seed: Option<u64>,
    /// A database for the load to begin with, of an earlier run with as many records; made where there is none.
    #[arg(long)]
    prefilled: Option<PathBuf>,
    /// A directory for the load's figures: load.json, and load.csv with samples over time.
    #[arg(long)]
    results: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.01..=1_440.0).contains(&minutes) => Ok(minutes),
        _ => Err("a number of minutes from 0.01 to 1440".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Every exported call, here and in the reference.
    Calls,
    /// Starting the service.
    Start,
    /// The Resources API on a network of 20 nodes, here and in the reference.
    Network,
    /// A round of replication on 20 nodes, here and in the reference.
    Replication,
    /// Cost by the number of keys in the database.
    Growth,
    /// Sustained mixed calls on one node with many records: throughput, latencies, memory.
    Load,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let wanted = |part| options.parts.is_empty() || options.parts.contains(&part);
    if wanted(Part::Calls) {
        calls::run(options.rounds, options.only.as_deref(), options.before.as_deref())?;
    }
    if wanted(Part::Start) {
        start::run()?;
    }
    if wanted(Part::Network) {
        network::run()?;
    }
    if wanted(Part::Replication) {
        replication::run(&options.replicated_keys, &options.reference_keys)?;
    }
    if wanted(Part::Growth) {
        growth::run(&options.keys, options.rounds)?;
    }
    if options.parts.contains(&Part::Load) {
        let seed = options.seed.unwrap_or_else(rand::random);
        println!("seed {seed}");
        load::run(&load::Options {
            duration: Duration::from_secs_f64(60.0 * options.minutes),
            records: options.records,
            seed,
            prefilled: options.prefilled,
            results: options.results,
        })?;
    }
    Ok(())
}
