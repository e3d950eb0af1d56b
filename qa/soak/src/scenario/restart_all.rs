//! All nodes restart at once: nothing is lost.

use std::time::Duration;

use eyre::Result;
use rand::Rng;

use super::HOUR;
use crate::figures::Figures;
use crate::options::Options;
use crate::population::Population;
use crate::progress::Progress;
use crate::world::World;

const RESTARTS: u32 = 3;

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts = world.live_nodes();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    for _ in 0..RESTARTS {
        if let Some(provider) = population.any_host_provider(&mut world) {
            population.delete(&mut world, provider)?;
        }
        let minutes = world.rng.gen_range(30..90);
        world.run_for(Duration::from_secs(60 * minutes))?;
        restart_all(&mut world)?;
        population.check_all(&mut world)?;
    }
    population.check_replicas(&mut world, 2 * HOUR)?;
    population.check_all(&mut world)?;
    world.finish()
}

/// For a moment there is no node at all.
fn restart_all(world: &mut World) -> Result<()> {
    let nodes = world.live_nodes();
    for node in &nodes {
        world.harvest(*node);
        world.network.kill(*node)?;
    }
    world.network.advance(Duration::from_secs(5))?;
    for node in nodes {
        world.network.restart(node)?;
        world.figures.restarts += 1;
    }
    Ok(())
}
