//! `devnet up`

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use devnet::live::{Network, Options};
use devnet::AquaDhtModules;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// How many nodes the network has [default: 8, or as many as the storage holds].
    #[arg(long, value_name = "N")]
    nodes: Option<usize>,
    /// The first port; 0 takes any that are free [default: 9990, or what the storage names].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Keep identities, ports and data in this directory.
    #[arg(long, value_name = "DIR")]
    storage: Option<PathBuf>,
    /// Leave trust-graph out, as real nodes do today.
    #[arg(long)]
    no_trust_graph: bool,
    /// Have aqua-dht on every node, too.
    #[arg(long)]
    aqua_dht: bool,
    /// Write one line of JSON a node, then {"ready":true}.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: UpArgs) -> Result<ExitCode, Box<dyn Error>> {
    let options = Options {
        nodes: args.nodes,
        port: args.port,
        storage: args.storage,
        trust_graph: !args.no_trust_graph,
        aqua_dht: args.aqua_dht.then(AquaDhtModules::default),
        ..Options::default()
    };
    let network = Network::start(options, |ready| eprintln!("{ready} nodes run"))?;
    let mut out = std::io::stdout().lock();
    for node in network.nodes() {
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&node)?)?;
        } else {
            writeln!(out, "{}", node.ws)?;
        }
    }
    if args.json {
        writeln!(out, "{}", json!({"ready": true}))?;
    }
    out.flush()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(tokio::signal::ctrl_c())?;
    network.stop();
    Ok(ExitCode::SUCCESS)
}
