//! The `devnet` command.

mod cli;

use clap::Parser;

fn main() -> std::process::ExitCode {
    cli::without_backtraces();
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("devnet: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
