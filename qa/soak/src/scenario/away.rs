//! Nodes are down for more than three hours, while providers are deleted and added, and one of the nodes itself is deleted as a
//! provider. When they come back, no answer of theirs that counts lacks or adds one.

use std::collections::BTreeSet;
use std::time::Duration;

use devnet::PeerIndex;
use eyre::Result;
use rand::seq::SliceRandom;

use super::HOUR;
use crate::figures::Figures;
use crate::options::Options;
use crate::population::{Population, Provider};
use crate::progress::Progress;
use crate::world::World;

/// A little more than three intervals.
const DOWN: Duration = Duration::from_secs(3 * 3_600 + 20 * 60);
/// How many of the nodes leave at a time: one in so many.
const AWAY_ONE_IN: usize = 3;

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    // All have replicated.
    world.run_for(HOUR + HOUR / 4 + 2 * options.tick())?;
    for _ in 0..2 {
        let host = population.any_host_provider(&mut world);
        let mut away = population.movable(&world);
        away.shuffle(&mut world.rng);
        away.truncate(nodes / AWAY_ONE_IN);
        if let Some(host) = host {
            away.truncate(nodes / AWAY_ONE_IN - 1);
            away.push(population.providers[host].peer);
        }
        for node in &away {
            world.harvest(*node);
            world.network.kill(*node)?;
        }
        change(&mut world, &mut population)?;
        if let Some(host) = host {
            remove_host(&mut world, &mut population, host)?;
        }
        // So that the others agree.
        world.run_for(2 * HOUR + 2 * world.options.tick())?;
        world.run_for(DOWN)?;
        for node in &away {
            world.network.restart(*node)?;
            world.figures.restarts += 1;
        }
        let away: BTreeSet<PeerIndex> = away.into_iter().collect();
        // At once, and when each has run its spell once and a minute has passed.
        check_through(&mut world, &population, &away)?;
        world.run_for(options.tick() + Duration::from_secs(60))?;
        check_through(&mut world, &population, &away)?;
    }
    population.check_all(&mut world)?;
    population.check_replicas_in_an_interval(&mut world)?;
    world.finish()
}

/// Of some resources a provider is deleted; to each a client is added.
fn change(world: &mut World, population: &mut Population) -> Result<()> {
    for key_id in population.keys.clone() {
        let living = population.own_providers().into_iter();
        let of_key = living.filter(|index| population.providers[*index].key_id == key_id);
        let provider = of_key.min();
        if let Some(provider) = provider {
            population.delete(world, provider)?;
        }
        population.add_client(world, &key_id)?;
    }
    Ok(())
}

/// A node that is down is no longer a provider; another one takes its place.
fn remove_host(world: &mut World, population: &mut Population, host: usize) -> Result<()> {
    population.delete(world, host)?;
    let Provider { key_id, issuer, .. } = population.providers[host].clone();
    population.succeed(world, &key_id, issuer)
}

fn check_through(world: &mut World, population: &Population, nodes: &BTreeSet<PeerIndex>) -> Result<()> {
    for key_id in &population.keys {
        world.check_from(key_id, nodes)?;
    }
    Ok(())
}
