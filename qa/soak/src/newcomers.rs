//! Nodes that have joined with empty storage: while they do not know everything their answers must not count, and soon after
//! they have heard of a key they must.

use std::collections::BTreeSet;
use std::time::Duration;

use devnet::kademlia::{resource_point, REPLICATION_FACTOR};
use devnet::PeerIndex;
use eyre::{Report, Result};

use crate::population::Population;
use crate::world::World;

#[derive(Debug)]
struct Newcomer {
    node: PeerIndex,
    /// In seconds since 1970.
    joined_sec: u64,
    /// When somebody had brought all keys to it, registered anew or republished.
    told_at: Option<Duration>,
    /// To the neighbourhoods of which it has belonged ever since.
    near: BTreeSet<String>,
    /// Its spell has run twice since it was told.
    ready: bool,
}

/// Those that have not been looked at for the last time.
#[derive(Debug, Default)]
pub(crate) struct Newcomers {
    list: Vec<Newcomer>,
    /// Each fault is noted once.
    blamed: BTreeSet<(PeerIndex, String)>,
}

impl Newcomers {
    /// A node leaves, another one joins, and who provided on the first goes over to a third.
    ///
    /// # Errors
    /// Where a registration fails for good.
    pub(crate) fn replace(&mut self, world: &mut World, population: &mut Population, node: PeerIndex) -> Result<()> {
        let joined_sec = world.now_sec();
        let node = population.replace(world, node)?;
        self.list.push(Newcomer {
            node,
            joined_sec,
            told_at: None,
            near: BTreeSet::new(),
            ready: false,
        });
        Ok(())
    }

    /// To be called before all keys are registered anew and republished.
    ///
    /// # Errors
    /// Where no answer comes at all.
    pub(crate) fn check_before(&mut self, world: &mut World, population: &Population) -> Result<()> {
        let now = world.network.now();
        let two_runs = 2 * world.options.tick() + Duration::from_secs(60);
        self.list
            .retain(|newcomer| world.network.peers()[newcomer.node.0].is_alive());
        for newcomer in &mut self.list {
            newcomer.ready = newcomer.told_at.is_some_and(|at| now >= at + two_runs);
        }
        self.check(world, population, false)
    }

    /// And after it.
    ///
    /// # Errors
    /// Where no answer comes at all.
    pub(crate) fn check_after(&mut self, world: &mut World, population: &Population) -> Result<()> {
        self.check(world, population, true)?;
        self.list.retain(|newcomer| !newcomer.ready);
        Ok(())
    }

    fn check(&mut self, world: &mut World, population: &Population, told: bool) -> Result<()> {
        for newcomer in &mut self.list {
            let first = newcomer.told_at.is_none();
            if told && first {
                newcomer.told_at = Some(world.network.now());
                newcomer.near = population.keys.iter().cloned().collect();
            }
            for key_id in &population.keys {
                let neighbours = world
                    .network
                    .closest_nodes(resource_point(key_id).map_err(Report::msg)?, REPLICATION_FACTOR);
                if !neighbours.contains(&newcomer.node) {
                    // The key may have been dropped there, and come anew.
                    newcomer.near.remove(key_id);
                }
                let must_count = newcomer.ready && newcomer.near.contains(key_id);
                let joined = (newcomer.node, newcomer.joined_sec);
                if let Some(fault) = world.fault_of_newcomer(joined, key_id, must_count)? {
                    if self.blamed.insert((newcomer.node, key_id.clone())) {
                        world.violation(fault);
                    }
                }
                if first || newcomer.ready {
                    world.check_from(key_id, &BTreeSet::from([newcomer.node]))?;
                }
            }
        }
        Ok(())
    }
}
