//! Runs every check on this project's module and on the reference, and prints what holds where.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use eyre::{ensure, Result, WrapErr};
use registry_checks::{rules, Row, Table};

/// Runs the registry's rules on artifacts/registry.wasm and on registry-distro 0.9.4, side by side. Exits with 1 where one
/// does not hold here.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Writes the table to this file as well: the reference prints lines of its own.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Only checks whose name or rule contains this.
    #[arg(long)]
    only: Option<String>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if std::env::var_os("RUST_LIB_BACKTRACE").is_none_or(|value| value != "0") {
        eprintln!("RUST_LIB_BACKTRACE=0 is not set: with RUST_BACKTRACE=1 calls are up to 14 times slower");
    }
    let wanted = options.only.unwrap_or_default();
    let mut table = Table::default();
    for check in rules::all() {
        if check.name.contains(&wanted) || check.sentence().contains(&wanted) || check.rule == wanted {
            table.push(Row::of(check));
        }
    }
    ensure!(
        !table.is_empty(),
        "no check has a name or rule like {wanted:?}: leave --only out to see them all"
    );
    println!("{table}");
    if let Some(path) = options.output {
        std::fs::write(&path, table.to_string()).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if table.failures_here() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
