//! `devnet demo`

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use comfy_table::{presets, Table};
use devnet::kademlia::{resource_point, REPLICATION_FACTOR};
use devnet::picture::{draw, Picture};
use devnet::{AquaCompiler, HeldKey, Network, PeerIndex};
use serde_json::json;

use super::start::NetworkArgs;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// The resource's label.
    #[arg(long, default_value = "sample")]
    label: String,
    /// Draw the ring of peers, the resource's neighbourhood and who holds what of it.
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
}

pub(super) fn run(args: DemoArgs) -> Result<ExitCode, Box<dyn Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("aqua/whereabouts.aqua");
    let program = AquaCompiler::new().compile(script)?;

    let since = Instant::now();
    let mut network = args.network.start()?;
    println!(
        "{} nodes ready in {:.2} s, seed {}",
        args.network.peers,
        since.elapsed().as_secs_f64(),
        network.seed()
    );
    let client = network.add_client(PeerIndex(0))?;
    let outcome = network.call(client, program.function("whereabouts")?, &[json!(args.label)])?;
    let answer = outcome.value()?;
    let resource_id = answer[0].as_str().unwrap_or_default().to_owned();
    println!(
        "resource `{}` of {} is {resource_id}",
        args.label,
        network.peers()[client.0].id()
    );

    let point = resource_point(&resource_id)?;
    let neighbourhood = network.closest_nodes(point, REPLICATION_FACTOR);
    let holders = network.holders(&resource_id)?;
    println!("{}", table(&network, &neighbourhood, &holders));
    if let Some(path) = &args.picture {
        let picture = Picture {
            title: format!("{} nodes, resource `{}`", args.network.peers, args.label),
            key: Some(point),
            neighbourhood,
            holders: holders.iter().map(|(node, held)| (*node, holds(held))).collect(),
        };
        std::fs::write(path, draw(&network, &picture)).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        println!("drawn in {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn table(network: &Network, neighbourhood: &[PeerIndex], holders: &BTreeMap<PeerIndex, HeldKey>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["closest", "node", "holds"]);
    for (rank, node) in neighbourhood.iter().enumerate() {
        table.add_row([
            (rank + 1).to_string(),
            format!("{} …{}", node.0, network.peers()[node.0].short_id()),
            holders.get(node).map_or("-".to_owned(), holds),
        ]);
    }
    table
}

fn holds(held: &HeldKey) -> String {
    let key = if held.key.is_null() { "" } else { "key, " };
    match held.records.len() {
        1 => format!("{key}1 record"),
        count => format!("{key}{count} records"),
    }
}
