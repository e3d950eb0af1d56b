//! `devnet run`

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use devnet::{report, AquaCompiler, CallOptions, Invocation, PeerIndex, DEFAULT_TTL_MS};

use super::start::NetworkArgs;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The Aqua file.
    file: PathBuf,
    /// The call, arguments in JSON: 'name("text", 2, ["a"])'.
    call: Invocation,
    #[command(flatten)]
    network: NetworkArgs,
    /// How long the particle may live, in milliseconds.
    #[arg(long, default_value_t = DEFAULT_TTL_MS, value_name = "MS")]
    ttl: u32,
    /// Look for imports in this directory, too.
    #[arg(long = "import", value_name = "DIR")]
    imports: Vec<PathBuf>,
    /// Have a directory stand for imports that begin with NAME.
    #[arg(long = "import-alias", value_name = "NAME=DIR", value_parser = alias)]
    aliases: Vec<(String, PathBuf)>,
    /// Override an Aqua constant; the spaces are needed.
    #[arg(long = "const", value_name = "NAME = VALUE")]
    constants: Vec<String>,
    /// Write result and cost as JSON.
    #[arg(long)]
    json: bool,
    /// Write the event log to stderr.
    #[arg(long)]
    trace: bool,
}

fn alias(text: &str) -> Result<(String, PathBuf), String> {
    let (name, dir) = text.split_once('=').ok_or("write it like NAME=DIR")?;
    Ok((name.to_owned(), dir.into()))
}

pub(super) fn run(args: RunArgs) -> Result<ExitCode, Box<dyn Error>> {
    let mut compiler = AquaCompiler::new();
    for dir in &args.imports {
        compiler = compiler.import_dir(dir.canonicalize().unwrap_or_else(|_| dir.clone()));
    }
    for (name, dir) in &args.aliases {
        compiler = compiler.import_alias(name, dir.canonicalize().unwrap_or_else(|_| dir.clone()));
    }
    for constant in &args.constants {
        compiler = compiler.constant(constant);
    }
    let program = compiler.compile(&args.file)?;
    for warning in program.warnings() {
        eprintln!("{warning}");
    }
    let function = program.function(&args.call.function)?;

    let since = Instant::now();
    let mut network = args.network.start()?;
    let ready = since.elapsed();
    let client = network.add_client(PeerIndex(0))?;
    let options = CallOptions::new().ttl_ms(args.ttl);
    let outcome = network.call_with(client, function, &args.call.args, options)?;

    if args.trace {
        network.recent_events().for_each(|record| eprintln!("{record}"));
    }
    if args.json {
        println!("{:#}", report::as_json(&network, &outcome));
    } else {
        println!("{}", report::table(&network, &outcome));
        println!(
            "{} peers ready in {:.2} s; seed {}, digest {}",
            args.network.peers,
            ready.as_secs_f64(),
            network.seed(),
            &network.digest()[..16]
        );
        match outcome.value() {
            Ok(value) => println!("\n{value:#}"),
            Err(failure) => println!("\n{failure}"),
        }
    }
    Ok(match outcome.result {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}
