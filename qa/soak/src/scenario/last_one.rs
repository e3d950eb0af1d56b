//! All nodes but one are lost; others join with empty storage, and have everything that it held within one interval and a
//! tick.

use std::collections::BTreeSet;
use std::time::Duration;

use devnet::PeerIndex;
use eyre::Result;

use super::{HOUR, LEASE};
use crate::figures::Figures;
use crate::options::Options;
use crate::population::Population;
use crate::progress::Progress;
use crate::world::{World, INTERVAL_SEC};

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let last = PeerIndex(0);
    let hosts = world.live_nodes();
    let mut population = Population::settle(&mut world, options.resources, &hosts[..2])?;
    if let Some(provider) = population.any_host_provider(&mut world) {
        population.delete(&mut world, provider)?;
    }
    // So that nothing depends on a message that was lost.
    world.run_for(HOUR + 2 * options.tick())?;

    let mut held = BTreeSet::new();
    for key_id in &population.keys {
        if world.holders(key_id)?.contains(&last) {
            held.insert(key_id.clone());
        }
    }
    population.forget_all_but(&mut world, &held);
    let gone: BTreeSet<PeerIndex> = world.live_nodes().into_iter().filter(|node| *node != last).collect();
    for node in &gone {
        world.retire(*node)?;
        world.figures.nodes_replaced += 1;
    }
    population.release_hosts(&mut world, &gone);
    for _ in &gone {
        world.add_node()?;
    }
    population.check_all(&mut world)?;

    // Messages are lost here, too: what did not arrive goes when the lease ends.
    let within = Duration::from_secs(INTERVAL_SEC) + options.tick() + LEASE + options.tick();
    population.check_replicas(&mut world, within)?;
    population.check_all(&mut world)?;
    world.finish()
}
