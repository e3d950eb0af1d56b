//! What each subcommand does.

mod call;
mod doctor;
mod gateway;
mod key;
pub(crate) mod metrics;
mod provide;
mod resolve;
pub(crate) mod resource;
mod run;
mod stats;
mod up;
mod watch;

use clap::CommandFactory;
use tokio::runtime::Runtime;

use crate::arguments::{Arguments, Command};
use crate::failure::Outcome;

pub(crate) fn run(arguments: Arguments, runtime: &Runtime) -> Outcome {
    let Arguments { json, common, command } = arguments;
    match command {
        Command::Up(up) => up::run(&common, up, json, runtime),
        Command::Gateway { listen, allow_host } => runtime.block_on(gateway::run(&common, listen, allow_host, json)),
        Command::Key(command) => key::run(command, json),
        Command::Id { label, owner } => resource::id(&common, &label, owner, json),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "registry", &mut std::io::stdout());
            Ok(())
        }
        Command::Create { label } => runtime.block_on(resource::create(&common, &label, json)),
        Command::Provide(provide) => runtime.block_on(provide::run(&common, provide, json)),
        Command::Resolve {
            resource,
            ack,
            verify,
            alive,
            through,
        } => {
            let how = resolve::How { verify, alive, through };
            runtime.block_on(resolve::run(&common, &resource, ack, how, json))
        }
        Command::Watch { resource, every } => runtime.block_on(watch::run(&common, &resource, every, json)),
        Command::Unregister { resource, peer } => {
            runtime.block_on(resource::unregister(&common, &resource, peer, json))
        }
        Command::Call {
            resource,
            service,
            function,
            arguments,
            one,
        } => {
            let call = call::What {
                service: &service,
                function: &function,
                arguments: &arguments,
                one,
            };
            runtime.block_on(call::run(&common, &resource, &call, json))
        }
        Command::Doctor { resource } => runtime.block_on(doctor::run(&common, &resource, json)),
        Command::Stats { peers } => runtime.block_on(stats::run(&common, peers, json)),
        Command::Run { file, call, imports } => run::run(&common, &file, &call, &imports, json, runtime),
        Command::Metrics { listen, peers } => runtime.block_on(metrics::run(&common, listen, peers)),
    }
}
