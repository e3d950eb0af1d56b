//! Lets a node suffer for as long as one likes, and says what it withstood.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use eyre::{Result, WrapErr};
use indicatif::{ProgressBar, ProgressStyle};
use marine_host::MarineHost;
use rand::rngs::StdRng;
use rand::SeedableRng;
use registry_checks::soak::{
    damage_table, read_only_disk, writer, CrashSoak, Damage, Damaged, DamagedFiles, FullDisk, SmallDisk,
};

/// Without a terminal the figures are told every so many kills.
const KILLS_TOLD: u64 = 250;
/// One read-only disk takes as long as many rounds with damage.
const READ_ONLY_ROUNDS_PART: u64 = 10;

/// Kills a node under mixed load, or takes its disk away, and checks that no acknowledged operation gets lost. Exits with
/// 1 where one does.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// `kill -9`, again and again, at any moment.
    Crash {
        #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
        kills: u64,
        /// Operations and moments follow from it, though not what each moment finds; random without it.
        #[arg(long)]
        seed: Option<u64>,
        /// Where the node's files lie; it must not exist yet, and stays. Without it they go, unless something is lost.
        #[arg(long)]
        directory: Option<PathBuf>,
    },
    /// Disks that are full or read-only, files that are torn or changed. Needs root, to mount small disks.
    Disk {
        /// Rounds of each kind.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        rounds: u64,
        /// Everything follows from it; random without it.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// The process that is killed.
    #[command(hide = true)]
    Write {
        directory: PathBuf,
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        from: u64,
    },
}

fn main() -> Result<ExitCode> {
    match Options::parse().command {
        Command::Crash { kills, seed, directory } => crash(kills, seed.unwrap_or_else(rand::random), directory),
        Command::Disk { rounds, seed } => disk(rounds, seed.unwrap_or_else(rand::random)),
        Command::Write { directory, seed, from } => {
            writer::run(&directory, seed, from, &mut std::io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn crash(kills: u64, seed: u64, directory: Option<PathBuf>) -> Result<ExitCode> {
    println!("seed {seed}");
    let (path, kept) = match directory {
        Some(path) => {
            std::fs::create_dir(&path).wrap_err_with(|| format!("cannot make the directory {}", path.display()))?;
            (path, None)
        }
        None => {
            let directory = tempfile::tempdir()?;
            (directory.path().to_owned(), Some(directory))
        }
    };
    let own = std::env::current_exe()?;
    let mut soak = CrashSoak::new(&path, seed, &[&own, "write".as_ref()])?;
    let progress = ProgressBar::new(kills);
    progress.set_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} kills, {msg} operations acknowledged, {eta} left",
    )?);
    let mut outcome = Ok(());
    for _ in 0..kills {
        outcome = soak.kill_once();
        if outcome.is_err() {
            break;
        }
        progress.set_message(soak.figures().acknowledged.to_string());
        progress.inc(1);
        if progress.is_hidden() && soak.figures().kills % KILLS_TOLD == 0 {
            println!("{}", soak.figures());
        }
    }
    progress.finish_and_clear();
    println!("{}", soak.figures());
    match outcome.and_then(|()| soak.finish()) {
        Ok(()) => {
            println!("Nothing acknowledged is missing.");
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            let kept = kept.map_or(path, tempfile::TempDir::keep);
            println!("seed {seed}: {failure}\nThe files are in {}.", kept.display());
            Ok(ExitCode::FAILURE)
        }
    }
}

fn disk(rounds: u64, seed: u64) -> Result<ExitCode> {
    println!("seed {seed}");
    drop(SmallDisk::mount(64).wrap_err("small disks of its own are needed, and root may mount them")?);
    match suffer(rounds, seed) {
        Ok(report) => {
            println!("{report}");
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            println!("seed {seed}: {failure}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn suffer(rounds: u64, seed: u64) -> Result<String> {
    let read_only_rounds = rounds.div_ceil(READ_ONLY_ROUNDS_PART);
    let progress = ProgressBar::new(rounds + read_only_rounds + rounds * Damage::ALL.len() as u64);
    progress.set_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} rounds, {msg}, {eta} left",
    )?);
    let (marine, mut random) = (MarineHost::new()?, StdRng::seed_from_u64(seed));

    progress.set_message("full disks");
    let mut full = FullDisk::default();
    FullDisk::from_the_start(&marine, seed)?;
    for _ in 0..rounds {
        full.round(&marine, &mut random)?;
        progress.inc(1);
    }
    progress.set_message("read-only disks");
    for round in 0..read_only_rounds {
        read_only_disk(&marine, seed.wrapping_add(round), round * 10)?;
        progress.inc(1);
    }
    progress.set_message("damaged files");
    let mut files = DamagedFiles::new(seed)?;
    let mut tallies = Damage::ALL.map(|damage| (damage, Damaged::default()));
    for _ in 0..rounds {
        for (damage, tally) in &mut tallies {
            files.round(*damage, &mut random, tally)?;
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(format!(
        "{full}\n{read_only_rounds} read-only disks: nothing lost, and all go on when they can be written\n\n{}",
        damage_table(&tallies)
    ))
}
