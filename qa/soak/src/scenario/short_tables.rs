//! Nodes know few peers of a network that is larger than a neighbourhood by far, and half of them are replaced every two
//! hours: a short table says nothing about how large the network is.

use std::time::Duration;

use devnet::PeerIndex;
use eyre::Result;

use crate::figures::Figures;
use crate::options::Options;
use crate::population::Population;
use crate::progress::Progress;
use crate::world::World;

pub(super) const HOURS: f64 = 4.0;
/// Of each half, quarter, eighth … of the network: some 25 of 64 in all.
const BUCKET: usize = 6;
const CHECK_EVERY: Duration = Duration::from_secs(20 * 60);
const HALF_LIFE: Duration = Duration::from_secs(2 * 3_600);

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start_with_tables(options, nodes, Some(BUCKET), progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    let end = world.network.now() + options.length(HOURS);
    let every = HALF_LIFE / (nodes as u32 / 2).max(1);
    let (mut replace_at, mut check_at) = (world.network.now() + every, world.network.now() + CHECK_EVERY);
    while world.network.now() < end {
        world.run_until(replace_at.min(check_at))?;
        while replace_at <= world.network.now() {
            let node = world.any_node()?;
            population.replace(&mut world, node)?;
            replace_at += every;
        }
        if check_at <= world.network.now() {
            population.check_all(&mut world)?;
            check_at += CHECK_EVERY;
        }
    }
    population.check_all(&mut world)?;
    population.check_holders_in_an_interval(&mut world)?;
    world.finish()
}
