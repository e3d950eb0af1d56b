//! `devnet run`

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use devnet::{report, AquaCompiler, CallOptions, Invocation, PeerIndex, DEFAULT_TTL_MS};

use super::progress::Progress;
use super::start::NetworkArgs;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The Aqua file.
    file: PathBuf,
    /// The call, arguments in JSON: 'name("text", 2, ["a"])'. Without it, what there is to call.
    call: Option<Invocation>,
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
    /// Override an Aqua constant.
    #[arg(long = "const", value_name = "NAME=VALUE")]
    constants: Vec<String>,
    /// Show what the call cost, peer by peer, after its result.
    #[arg(long)]
    costs: bool,
    /// Write result and cost as JSON, bytes as arrays of numbers.
    #[arg(long, conflicts_with = "costs")]
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
    let compiling = Progress::begin(format!("compiling {}", args.file.display()));
    let program = compiler.compile(&args.file)?;
    drop(compiling);
    for warning in program.warnings() {
        eprintln!("{warning}");
    }
    let Some(call) = &args.call else {
        program
            .functions()
            .for_each(|function| println!("{}", function.signature()));
        return Ok(ExitCode::SUCCESS);
    };
    let function = program.function(&call.function)?;
    // Before the network, which takes longer.
    function.check(&call.args)?;

    let mut network = args.network.start()?;
    let client = network.add_client(PeerIndex(0))?;
    let options = CallOptions::new().ttl_ms(args.ttl);
    let calling = Progress::begin(format!("calling {}", call.function));
    let outcome = network.call_with(client, function, &call.args, options)?;
    drop(calling);

    if args.trace {
        network.recent_events().for_each(|record| eprintln!("{record}"));
    }
    if args.json {
        println!("{:#}", report::as_json(&network, &outcome));
    } else {
        match &outcome.result {
            Ok(values) => println!("{}", report::values(function, values)),
            Err(failure) => eprintln!("devnet: {failure}"),
        }
    }
    if args.costs {
        println!("\n{}", report::table(&network, &outcome));
        println!("seed {}, digest {}", network.seed(), &network.digest()[..16]);
    }
    Ok(match outcome.result {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}
