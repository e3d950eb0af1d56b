//! The command line.

mod demo;
mod progress;
mod run;
mod start;
mod up;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A Fluence network in one process: real AquaVM, real Marine, one clock, one seed.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a network, call a function of an Aqua file from a client, show what it returns.
    Run(run::RunArgs),
    /// Start a network that clients connect to, and keep it running.
    Up(up::UpArgs),
    /// Start a network, show where a resource belongs in it, and draw it.
    Demo(demo::DemoArgs),
}

pub(crate) fn run(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::Up(args) => up::run(args),
        Command::Demo(args) => demo::run(args),
    }
}

/// Each WASI error would capture a backtrace, which makes services up to 14 times slower. Called first thing in `main`,
/// before any thread exists and any error is made.
pub(crate) fn without_backtraces() {
    std::env::set_var("RUST_LIB_BACKTRACE", "0");
}
