//! `registry`: the Registry for people and scripts.

mod arguments;
mod commands;
mod failure;
mod http;
mod keys;
mod network;
mod output;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = commands::run(arguments, &runtime);
            // Connections that hang keep nobody waiting.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(failure::Failure::failed(error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json);
            failure.exit_code()
        }
    }
}
