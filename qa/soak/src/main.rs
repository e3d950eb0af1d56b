//! `devnet-soak`: long runs of a whole network.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use eyre::{Result, WrapErr};
use registry_soak::{table, Figures, Options, Progress, Scenario};
use serde_json::json;

/// Days of a network's life in minutes: nodes come and go, and the registry's promises are checked all the time.
///
/// Ends with 1 where a promise was broken.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// What happens to the network; all scenarios, one after the other, unless given.
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    #[command(flatten)]
    options: Options,
    /// Run each scenario with so many seeds, drawn anew each time, in place of `--seed`.
    #[arg(long, value_name = "COUNT")]
    draw: Option<usize>,
    /// Write all figures into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the figures of the scenario that is running into this file now and then, as JSON.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut options = arguments.options;
    options.check().map_err(eyre::Report::msg)?;
    let scenarios = if arguments.scenario.is_empty() {
        Scenario::ALL.to_vec()
    } else {
        arguments.scenario
    };
    let mut runs: Vec<(Scenario, Figures)> = Vec::new();
    let seeds: Vec<u64> = match arguments.draw {
        Some(count) => (0..count).map(|_| u64::from(rand::random::<u32>())).collect(),
        None => vec![options.seed],
    };
    let drawn = scenarios
        .into_iter()
        .flat_map(|scenario| seeds.iter().map(move |seed| (scenario, *seed)));
    for (scenario, seed) in drawn {
        options.seed = seed;
        eprintln!("{}: seed {}", scenario.name(), options.seed);
        let progress = Progress::shown(scenario.name(), scenario.length(&options)).saving_to(arguments.save.clone());
        let figures = scenario.run(&options, progress);
        runs.push((
            scenario,
            figures.wrap_err_with(|| format!("{}, seed {}", scenario.name(), options.seed))?,
        ));
        if let Some(path) = &arguments.json {
            let text = serde_json::to_string_pretty(&json!({"options": options, "runs": as_json(&runs)}))?;
            std::fs::write(path, text).wrap_err_with(|| format!("cannot write {}", path.display()))?;
        }
    }
    println!("seeds {seeds:?}\n{}", table(&runs));
    let mut broken = false;
    for (scenario, figures) in &runs {
        for violation in &figures.violations {
            broken = true;
            println!("{}: {violation}", scenario.name());
        }
    }
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn as_json(runs: &[(Scenario, Figures)]) -> serde_json::Value {
    let run = |(scenario, figures): &(Scenario, Figures)| json!({"scenario": scenario, "figures": figures});
    runs.iter().map(run).collect()
}
