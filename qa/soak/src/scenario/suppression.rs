//! A node compares whatever it may with all others and passes on all that there is, every few minutes and whenever something
//! has just changed, so that nobody has a key due that it can put off. Nodes that join are filled all the same.

use std::time::Duration;

use devnet::{PeerIndex, Query};
use eyre::Result;
use rand::seq::SliceRandom;
use serde_json::json;

use super::busy_keys::{republishing, send};
use super::HOUR;
use crate::figures::Figures;
use crate::options::Options;
use crate::population::Population;
use crate::progress::Progress;
use crate::world::World;

/// Twelve intervals, for which it can suppress a node, and what is left of the first.
pub(super) const HOURS: f64 = 14.0;
const LIE_EVERY: Duration = Duration::from_secs(20 * 60);
/// Nodes that are replaced, one in an hour.
const REPLACE_EVERY: Duration = HOUR;

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    let spy = world.add_node()?;
    let end = world.network.now() + options.length(HOURS);
    let (mut replace_at, mut renew_at) = (world.network.now() + REPLACE_EVERY, world.network.now() + 6 * HOUR);
    while world.network.now() < end {
        let began = world.network.now();
        let mut nodes = world.live_nodes();
        nodes.retain(|node| *node != spy);
        let replaced = began >= replace_at;
        if let Some(node) = nodes.choose(&mut world.rng).copied().filter(|_| replaced) {
            population.replace(&mut world, node)?;
            replace_at += REPLACE_EVERY;
        }
        if began >= renew_at {
            for provider in population.own_providers() {
                population.register(&mut world, provider)?;
            }
            renew_at += 6 * HOUR;
        }
        // The worst moment: a newcomer has had no run of its own, and what was just put or renewed has reached few.
        suppress(&mut world, spy, &population.keys)?;
        if replaced {
            population.check_all(&mut world)?;
        }
        world.run_until(began + LIE_EVERY)?;
    }
    population.check_all(&mut world)?;
    world.finish()
}

/// Asks a node of its own what a round there would say, and says it to all others; and passes on all that there is.
fn suppress(world: &mut World, spy: PeerIndex, keys: &[String]) -> Result<()> {
    let (nodes, spy_id) = (world.live_nodes(), world.id(spy));
    let peers: Vec<String> = nodes.iter().map(|node| world.id(*node)).collect();
    let begin = Query::new("registry", "begin_replication").arg(json!(peers)).arg(1);
    let begun = world.ask(spy, &begin.now())?;
    let mut lies = Vec::new();
    if let Some(digests) = begun["text"].as_str().filter(|text| !text.is_empty()) {
        let compare = Query::new("registry", "compare_replica").arg(digests).arg("*");
        lies.push(compare.now().init_peer_id(&*spy_id));
    }
    for key_id in keys {
        lies.extend(republishing(world, spy, key_id)?);
    }
    let mut others = nodes.into_iter().filter(|node| *node != spy);
    others.try_for_each(|node| send(world, node, &lies))
}
