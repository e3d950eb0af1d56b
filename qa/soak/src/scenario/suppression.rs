//! A client compares whatever it may with all nodes, every few minutes, so that none of them has a key due that it can put
//! off. Nodes that join are filled all the same.

use std::time::Duration;

use devnet::{PeerIndex, ServiceRequest, ServiceRequests};
use eyre::Result;
use rand::seq::SliceRandom;
use serde_json::{json, Value};

use super::HOUR;
use crate::figures::Figures;
use crate::options::Options;
use crate::population::Population;
use crate::progress::Progress;
use crate::world::World;

/// Twelve intervals, for which it can suppress a node, and what is left of the first.
pub(super) const LENGTH: Duration = Duration::from_secs(14 * 3_600);
const LIE_EVERY: Duration = Duration::from_secs(20 * 60);
/// Nodes that are replaced, one in an hour.
const REPLACE_EVERY: Duration = HOUR;

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    let spy = world.add_node()?;
    let end = world.network.now() + LENGTH;
    let (mut replace_at, mut renew_at) = (world.network.now() + REPLACE_EVERY, world.network.now() + 6 * HOUR);
    while world.network.now() < end {
        let began = world.network.now();
        suppress(&mut world, spy)?;
        if world.network.now() >= replace_at {
            let mut nodes = world.live_nodes();
            nodes.retain(|node| !hosts.contains(node) && *node != spy);
            if let Some(node) = nodes.choose(&mut world.rng).copied() {
                world.retire(node)?;
                world.add_node()?;
                world.figures.nodes_replaced += 1;
            }
            replace_at += REPLACE_EVERY;
            population.check_all(&mut world)?;
            world.sample();
        }
        if world.network.now() >= renew_at {
            for provider in population.own_providers() {
                population.register(&mut world, provider)?;
            }
            renew_at += 6 * HOUR;
        }
        world.run_until(began + LIE_EVERY)?;
    }
    population.check_all(&mut world)?;
    Ok(world.finish())
}

/// Asks a node of its own what a round there would say, and says it to all others.
fn suppress(world: &mut World, spy: PeerIndex) -> Result<()> {
    let peers: Vec<String> = world.live_nodes().into_iter().map(|node| world.id(node)).collect();
    let begin = request("begin_replication", vec![json!(peers), json!(1)]);
    let begun = ask(world, spy, spy, begin)?;
    let Some(digests) = begun["text"]
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
    else {
        return Ok(());
    };
    for node in world.live_nodes() {
        if node != spy {
            let compare = request("compare_replica", vec![json!(digests), json!("*")]);
            ask(world, spy, node, compare)?;
        }
    }
    Ok(())
}

fn request(function: &str, mut args: Vec<Value>) -> ServiceRequest {
    args.push(json!(0));
    ServiceRequest {
        function: function.to_owned(),
        args,
        timed: true,
    }
}

fn ask(world: &mut World, from: PeerIndex, node: PeerIndex, request: ServiceRequest) -> Result<Value> {
    let requests = [request];
    let requests = ServiceRequests {
        node,
        service: "registry",
        requests: &requests,
    };
    let served = world.network.request(from, &requests)?;
    Ok(served.results.into_iter().next().unwrap_or_default())
}
