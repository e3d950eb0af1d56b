//! Arguments, progress and what is printed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use eyre::{eyre, Result, WrapErr};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use registry_sim::report::{growth_table, Report};
use registry_sim::{reach, survival, Config, World};

const MINUTE_MS: u64 = 60_000;
/// What `growth` leaves out at the beginning: the nodes sign what they host, and bring it out.
const SETTLING_MIN: u64 = 20;

/// Simulates a network of registries: the service's own code on every node, one clock, one seed.
#[derive(Debug, Parser)]
#[command(version)]
pub(super) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate one network, check everything, and say what it costs
    Run(Run),
    /// Simulate networks of several sizes, and show how the costs of a node grow
    Growth(Growth),
    /// Simulate networks under several kinds of churn, with replication and without, and draw what survives
    Plot(Plot),
    /// Simulate lookups in networks of several sizes, and show how many find their key when nobody is asked for closer
    /// nodes, or the closest are once, or twice
    Reach(Reach),
}

#[derive(Debug, Args)]
struct WorldArgs {
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Half of the nodes have left and others have come after so many hours; 0 for never
    #[arg(long, default_value_t = 2.0)]
    half_life_hours: f64,
    /// Share of the messages that are lost
    #[arg(long, default_value_t = 0.05)]
    loss: f64,
    /// Share of the departures that are restarts
    #[arg(long, default_value_t = 0.2)]
    restarts: f64,
    /// Clocks are at most so far apart
    #[arg(long, default_value_t = 20)]
    clock_spread_sec: u64,
    /// Peers in one bucket of a routing table
    #[arg(long, default_value_t = 20)]
    bucket: usize,
    /// A client's node that looks for a key's neighbours goes by its own routing table alone
    #[arg(long)]
    own_table: bool,
    /// Lookups in an hour
    #[arg(long, default_value_t = 5_000)]
    lookups_per_hour: usize,
    /// Minutes between two censuses
    #[arg(long, default_value_t = 30)]
    census_min: u64,
    /// How often a node replicates a key, in seconds
    #[arg(long, default_value_t = 3_600)]
    replicate_sec: u64,
    /// How often a node removes what has expired, in seconds
    #[arg(long, default_value_t = 3_600)]
    clear_sec: u64,
    /// Networks simulated at once; each takes one thread
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// End each network after so many minutes of real time, and report what was simulated until then
    #[arg(long)]
    wall_min: Option<u64>,
    /// Write everything there as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Run {
    #[arg(long, default_value_t = 1_000)]
    nodes: usize,
    #[arg(long, default_value_t = 100_000)]
    keys: usize,
    /// Virtual time
    #[arg(long, default_value_t = 3.0)]
    hours: f64,
    /// Do not replicate
    #[arg(long)]
    without_replication: bool,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Args)]
struct Growth {
    /// Numbers of nodes
    #[arg(long, value_delimiter = ',', default_value = "50,200,800")]
    nodes: Vec<usize>,
    /// Numbers of keys
    #[arg(long, value_delimiter = ',', default_value = "500,5000,20000")]
    keys: Vec<usize>,
    /// Virtual time of each
    #[arg(long, default_value_t = 1.5)]
    hours: f64,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Args)]
struct Plot {
    #[arg(long, default_value_t = 60)]
    nodes: usize,
    #[arg(long, default_value_t = 300)]
    keys: usize,
    /// Virtual time, at most 23 hours
    #[arg(long, default_value_t = 12.0)]
    hours: f64,
    /// The picture
    #[arg(long, default_value = "survival.svg")]
    out: PathBuf,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Args)]
struct Reach {
    /// Numbers of nodes
    #[arg(long, value_delimiter = ',', default_value = "50,100,200,400,1000")]
    nodes: Vec<usize>,
    #[arg(long, default_value_t = 400)]
    keys: usize,
    /// Virtual time of each
    #[arg(long, default_value_t = 0.5)]
    hours: f64,
    #[command(flatten)]
    world: WorldArgs,
}

impl WorldArgs {
    fn config(&self, nodes: usize, keys: usize, hours: f64) -> Config {
        let mut config = Config {
            seed: self.seed,
            nodes,
            keys,
            hours,
            half_life_hours: self.half_life_hours,
            restarts: self.restarts,
            loss: self.loss,
            clock_spread_sec: self.clock_spread_sec,
            bucket: self.bucket,
            asks_closer: !self.own_table,
            lookups_per_hour: self.lookups_per_hour,
            census_min: self.census_min,
            ..Config::default()
        };
        config.spell.replicate_interval_sec = self.replicate_sec;
        config.spell.expired_interval_sec = self.clear_sec;
        config
    }

    fn finish(&self, reports: &[Report]) -> Result<()> {
        if let Some(path) = &self.json {
            let json = serde_json::to_string_pretty(reports)?;
            std::fs::write(path, json).wrap_err_with(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

pub(super) fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Run(args) => {
            let mut config = args.world.config(args.nodes, args.keys, args.hours);
            config.replication = !args.without_replication;
            println!("seed {}", config.seed);
            let reports = simulate(&[config], &args.world, 0)?;
            args.world.finish(&reports)?;
            reports.iter().for_each(|report| println!("{}", report.text()));
            Ok(judged(&reports))
        }
        Command::Growth(args) => {
            let sizes = args
                .nodes
                .iter()
                .flat_map(|nodes| args.keys.iter().map(move |keys| (*nodes, *keys)));
            let configs: Vec<Config> = sizes
                .map(|(nodes, keys)| args.world.config(nodes, keys, args.hours))
                .collect();
            println!("seed {}; costs are those of one node in one hour", args.world.seed);
            let reports = simulate(&configs, &args.world, SETTLING_MIN)?;
            args.world.finish(&reports)?;
            println!("{}", growth_table(&reports));
            Ok(judged(&reports))
        }
        Command::Plot(args) => {
            let base = args.world.config(args.nodes, args.keys, args.hours);
            println!("seed {}", base.seed);
            let reports = simulate(&survival::configs(&base), &args.world, 0)?;
            args.world.finish(&reports)?;
            std::fs::write(&args.out, survival::picture(&reports))
                .wrap_err_with(|| format!("cannot write {}", args.out.display()))?;
            println!("{} is drawn", args.out.display());
            let judgeable: Vec<Report> = reports.into_iter().filter(|report| report.config.replication).collect();
            Ok(judged(&judgeable))
        }
        Command::Reach(args) => {
            let configs = reach::configs(&args.world.config(1, args.keys, args.hours), &args.nodes);
            println!("seed {}", args.world.seed);
            let reports = simulate(&configs, &args.world, 0)?;
            args.world.finish(&reports)?;
            println!("{}", reach::table_of(&reports));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn judged(reports: &[Report]) -> ExitCode {
    let violated: Vec<&Report> = reports.iter().filter(|report| report.outcome.violated()).collect();
    for report in &violated {
        let told = report.outcome.told.join("\n  ");
        eprintln!(
            "{} nodes, {} keys, half-life {} h: {:?}\n  {told}",
            report.config.nodes, report.config.keys, report.config.half_life_hours, report.outcome.violations
        );
    }
    if violated.is_empty() {
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

/// Runs these networks, so many at once; the reports are in their order.
fn simulate(configs: &[Config], args: &WorldArgs, settling_min: u64) -> Result<Vec<Report>> {
    for config in configs {
        config.check().map_err(|why| eyre!(why))?;
    }
    let bars = MultiProgress::new();
    let next = AtomicUsize::new(0);
    let reports: Mutex<Vec<Option<Result<Report>>>> = Mutex::new(configs.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..args.threads.clamp(1, configs.len().max(1)) {
            scope.spawn(|| loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(config) = configs.get(at) else {
                    return;
                };
                let report = one(config, &bars, settling_min, args.wall_min);
                if let Ok(mut reports) = reports.lock() {
                    reports[at] = Some(report);
                }
            });
        }
    });
    let reports = reports.into_inner().map_err(|_| eyre!("a simulation has panicked"))?;
    reports
        .into_iter()
        .map(|report| report.unwrap_or_else(|| Err(eyre!("a simulation has not ended"))))
        .collect()
}

/// What there is to see where no bar can be drawn.
fn progress(world: &World, elapsed: Duration) -> String {
    let copies = world.samples().last().map(|sample| sample.copies).unwrap_or_default();
    format!(
        "{:.2} h, {} checks, {} violations, {} to {} copies of a key, {} in the median, {} s",
        world.hours(),
        world.outcome().check_count(),
        world.outcome().violations.values().sum::<u64>(),
        copies.min,
        copies.max,
        copies.median,
        elapsed.as_secs()
    )
}

fn one(config: &Config, bars: &MultiProgress, settling_min: u64, wall_min: Option<u64>) -> Result<Report> {
    let begin = Instant::now();
    let minutes = config.end_ms() / MINUTE_MS;
    let bar = bars.add(ProgressBar::new(minutes));
    bar.set_style(ProgressStyle::with_template(
        "{msg:48} {bar:32} {pos}/{len} virtual minutes, {elapsed} gone, {eta} to go",
    )?);
    bar.enable_steady_tick(Duration::from_secs(1));
    let what = format!(
        "{} nodes, {} keys, half-life {} h{}",
        config.nodes,
        config.keys,
        config.half_life_hours,
        if config.replication { "" } else { ", not replicating" }
    );
    bar.set_message(format!("{what}: filling"));
    let mut world = World::new(config.clone())?;
    bar.set_message(what.clone());
    for minute in 1..=minutes {
        world.run_until(minute * MINUTE_MS)?;
        if minute == settling_min {
            world.forget_costs();
        }
        bar.inc(1);
        if bar.is_hidden() && minute % config.census_min == 0 {
            eprintln!("{what}: {}", progress(&world, begin.elapsed()));
        }
        if wall_min.is_some_and(|wall_min| begin.elapsed() >= Duration::from_secs(60 * wall_min)) {
            bar.abandon();
            return Ok(Report::of(&world));
        }
    }
    world.run_until(config.end_ms())?;
    bar.finish();
    Ok(Report::of(&world))
}
