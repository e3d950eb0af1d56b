//! `devnet demo`: the registry's main job, told step by step.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use comfy_table::{presets, Table};
use devnet::kademlia::{resource_point, REPLICATION_FACTOR};
use devnet::picture::{draw, Picture};
use devnet::{AquaCompiler, AquaProgram, HeldKey, Network, PeerIndex, ServiceResult};
use serde_json::{json, Value};

use super::progress::Progress;
use super::start::NetworkArgs;

/// How many nodes have to answer when providers are resolved.
const ACK: i16 = 3;

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
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("aqua/demo.aqua");
    let compiling = Progress::begin("compiling the demo's Aqua");
    let program = AquaCompiler::new().compile(script)?;
    drop(compiling);
    let since = Instant::now();
    let network = args.network.start()?;
    println!(
        "{} nodes ready in {:.2} s, seed {}\n",
        args.network.peers,
        since.elapsed().as_secs_f64(),
        network.seed()
    );
    let mut story = Story::new(network, program)?;
    let resource_id = story.register(&args.label)?;
    story.show_holders(&resource_id, &args)?;
    story.unregister(&resource_id)?;
    Ok(ExitCode::SUCCESS)
}

struct Story {
    network: Network,
    program: AquaProgram,
    /// Owns the resource, and is a provider.
    provider: PeerIndex,
    /// A node that the client makes a provider, too.
    node: PeerIndex,
    /// Looks for providers, behind another relay.
    reader: PeerIndex,
}

impl Story {
    fn new(mut network: Network, program: AquaProgram) -> Result<Self, Box<dyn Error>> {
        let last = network.peers().len() - 1;
        let provider = network.add_client(PeerIndex(0))?;
        let reader = network.add_client(PeerIndex(last))?;
        let node = PeerIndex(last / 2);
        for (peer, who) in [(provider, "the client"), (node, "the node")] {
            network.define_service(peer, "greeter", "greet", move |call| {
                let name = call.arg(0).as_str().unwrap_or_default();
                ServiceResult::ok(json!(format!("hello {name}, this is {who}"))).into()
            })?;
        }
        Ok(Self {
            network,
            program,
            provider,
            node,
            reader,
        })
    }

    /// The resource comes into being, with two providers; its id.
    fn register(&mut self, label: &str) -> Result<String, Box<dyn Error>> {
        let (client, reader) = (self.provider, self.reader);
        let created = self.step("a client creates a resource", client, "createResource", &[json!(label)])?;
        let resource_id = created[0][0].as_str().ok_or("no resource came back")?.to_owned();
        println!("      {resource_id}");

        let id = json!(resource_id);
        let register = [id.clone(), json!("from the client"), json!([])];
        self.done(
            "it registers itself as a provider",
            client,
            "registerProvider",
            &register,
        )?;
        let register = [
            json!(self.id_of(self.node)),
            id.clone(),
            json!("from the node"),
            json!([]),
        ];
        self.done(
            "it registers a node as another one",
            client,
            "registerNodeProvider",
            &register,
        )?;

        let resolve = [id.clone(), json!(ACK)];
        self.resolve("somebody else resolves the providers", &resolve, 2)?;
        let greet = [id, json!("world"), json!(ACK)];
        let greetings = self.step("and calls a function on each", reader, "greetAll", &greet)?;
        for greeting in greetings[0].as_array().into_iter().flatten() {
            println!(
                "      {} says: {}",
                self.name_of(&greeting["peer_id"]),
                text(&greeting["text"])
            );
        }

        Ok(resource_id)
    }

    /// The providers leave.
    fn unregister(&mut self, resource_id: &str) -> Result<(), Box<dyn Error>> {
        let (client, id) = (self.provider, json!(resource_id));
        let resolve = [id.clone(), json!(ACK)];
        let remove = [id.clone(), json!(self.id_of(client))];
        self.done("the client unregisters itself", client, "unregisterService", &remove)?;
        self.resolve("the node is left", &resolve, 1)?;
        let remove = [json!(self.id_of(self.node)), id];
        self.done("it removes the node, too", client, "removeNodeFromProviders", &remove)?;
        self.resolve("nobody is left", &resolve, 0)
    }

    /// Calls a function of the script and says what it took.
    fn step(
        &mut self,
        title: &str,
        peer: PeerIndex,
        function: &str,
        arguments: &[Value],
    ) -> Result<Value, Box<dyn Error>> {
        let outcome = self.network.call(peer, self.program.function(function)?, arguments)?;
        let value = outcome.value()?;
        let stats = &outcome.stats;
        println!(
            "==> {title}: {function}\n      {} ms, {} nodes asked, {} KiB",
            stats.latency.as_millis(),
            stats.peers.len().saturating_sub(1),
            stats.bytes / 1024
        );
        Ok(value)
    }

    /// A step that answers whether it has worked.
    fn done(
        &mut self,
        title: &str,
        peer: PeerIndex,
        function: &str,
        arguments: &[Value],
    ) -> Result<(), Box<dyn Error>> {
        let answer = self.step(title, peer, function, arguments)?;
        if answer[0] == json!(true) {
            return Ok(());
        }
        Err(format!("{function} has not worked: {}", answer[1]).into())
    }

    fn resolve(&mut self, title: &str, arguments: &[Value], expected: usize) -> Result<(), Box<dyn Error>> {
        let answer = self.step(title, self.reader, "resolveProviders", arguments)?;
        let records = answer[0].as_array().cloned().unwrap_or_default();
        for record in &records {
            println!(
                "      {}: `{}`",
                self.name_of(&record["peer_id"]),
                text(&record["value"])
            );
        }
        if records.len() == expected {
            return Ok(());
        }
        Err(format!("{expected} providers expected, {} found: {}", records.len(), answer[1]).into())
    }

    fn id_of(&self, peer: PeerIndex) -> String {
        self.network.peers()[peer.0].id().to_owned()
    }

    fn name_of(&self, peer_id: &Value) -> String {
        let peers = self.network.peers();
        let found = peers.iter().position(|peer| peer_id == peer.id());
        found.map_or_else(|| text(peer_id), |at| format!("{at} …{}", peers[at].short_id()))
    }

    fn show_holders(&mut self, resource_id: &str, args: &DemoArgs) -> Result<(), Box<dyn Error>> {
        let point = resource_point(resource_id)?;
        let neighbourhood = self.network.closest_nodes(point, REPLICATION_FACTOR);
        let holders = self.network.holders(resource_id)?;
        println!(
            "\nwhat the neighbourhood holds now:\n{}",
            table(&self.network, &neighbourhood, &holders)
        );
        let Some(path) = &args.picture else {
            return Ok(());
        };
        let picture = Picture {
            title: format!("{} nodes, resource `{}`", args.network.peers, args.label),
            key: Some(point),
            neighbourhood,
            holders: holders.iter().map(|(node, held)| (*node, holds(held))).collect(),
        };
        let drawn = draw(&self.network, &picture);
        std::fs::write(path, drawn).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        println!("drawn in {}\n", path.display());
        Ok(())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
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
