//! The `registry-fuzz` command.

mod cli;

use clap::Parser;

fn main() -> std::process::ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("registry-fuzz: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
