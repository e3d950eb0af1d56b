//! A node tells each other one that it holds the same, every few minutes and whenever something has just changed, so that nobody
//! has a key due that can be put off, and passes all keys on. Nodes that join are filled all the same.

use std::time::Duration;

use devnet::PeerIndex;
use eyre::Result;
use rand::seq::SliceRandom;

use super::busy_keys::republish;
use super::HOUR;
use crate::figures::Figures;
use crate::liar::Liar;
use crate::newcomers::Newcomers;
use crate::options::Options;
use crate::population::Population;
use crate::progress::Progress;
use crate::world::World;

/// Twelve intervals, for which it can suppress a node, and what is left of the first.
pub(super) const HOURS: f64 = 14.0;
const LIE_EVERY: Duration = Duration::from_secs(20 * 60);
/// Nodes that are replaced, one in an hour.
const REPLACE_EVERY: Duration = HOUR;
/// When a provider joins and another one is deleted, first and from then on.
const FIRST_CHANGE: Duration = Duration::from_secs(30 * 60);
const CHANGE_EVERY: Duration = HOUR;
/// How often clients register again what they provide, at least; in a short run three times.
const RENEW_EVERY: Duration = Duration::from_secs(6 * 3_600);

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    let keys = population.keys.clone();
    let mut liar = Liar::new(world.add_node()?);
    let mut newcomers = Newcomers::default();
    let length = options.length(HOURS);
    let renew_every = RENEW_EVERY.min(length / 3);
    let start = world.network.now();
    let (end, mut changing) = (start + length, keys.iter().cycle());
    let (mut replace_at, mut change_at, mut renew_at) =
        (start + REPLACE_EVERY, start + FIRST_CHANGE, start + renew_every);
    while world.network.now() < end {
        let began = world.network.now();
        let replaced = began >= replace_at;
        if replaced {
            let mut nodes = world.live_nodes();
            nodes.retain(|node| *node != liar.node());
            if let Some(node) = nodes.choose(&mut world.rng).copied() {
                newcomers.replace(&mut world, &mut population, node)?;
            }
            replace_at += REPLACE_EVERY;
        }
        newcomers.check_before(&mut world, &population)?;
        if began >= change_at {
            if let Some(key_id) = changing.next() {
                let only = std::slice::from_ref(key_id);
                population.add_client(&mut world, key_id)?;
                liar.lie(&mut world, only)?;
                population.delete_eldest(&mut world, key_id)?;
                liar.lie(&mut world, only)?;
            }
            change_at += CHANGE_EVERY;
        }
        if began >= renew_at {
            for provider in population.own_providers() {
                population.register(&mut world, provider)?;
                let key_id = population.providers[provider].key_id.clone();
                liar.lie(&mut world, &[key_id])?;
            }
            renew_at += renew_every;
        }
        // The worst moment: a newcomer has had no run of its own, and what was just put or renewed has reached few.
        for key_id in &keys {
            republish(&mut world, liar.node(), key_id)?;
        }
        liar.lie(&mut world, &keys)?;
        newcomers.check_after(&mut world, &population)?;
        if replaced {
            population.check_all(&mut world)?;
        }
        world.run_until(began + LIE_EVERY)?;
    }
    population.check_all(&mut world)?;
    population.check_replicas_in_an_interval(&mut world)?;
    world.finish()
}
