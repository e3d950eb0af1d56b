//! Nodes are killed in the middle of a round of replication, while others wait to be filled, and restarted some minutes
//! later: rounds resume when leases end, nothing is lost, and all nodes end with the same.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use devnet::{Checker, PeerIndex, Record, What};
use eyre::Result;
use rand::Rng;

use super::{HOUR, LEASE};
use crate::figures::Figures;
use crate::options::Options;
use crate::population::Population;
use crate::progress::Progress;
use crate::world::World;

const KILLS: u64 = 20;
/// A round is looked for that long before the next one is begun with another node.
const PATIENCE: Duration = Duration::from_secs(2 * 3_600);
/// Events of a particle after which its node is killed, at most.
const EVENTS_MAX: u64 = 40;

pub(super) fn length(options: &Options) -> Duration {
    (HOUR / 2 + options.tick()) * KILLS as u32
}

/// The round of replication that was begun last, and how many events it has had since.
#[derive(Debug, Default)]
struct Round {
    node: Option<PeerIndex>,
    particle_id: Arc<str>,
    events: u64,
}

/// Watches for rounds that have begun.
#[derive(Debug, Default, Clone)]
struct RoundWatch(Rc<RefCell<Round>>);

impl Checker for RoundWatch {
    fn name(&self) -> &str {
        "rounds of replication"
    }

    fn check(&mut self, _: &mut devnet::World<'_>, records: &[Record]) -> Result<(), String> {
        let mut round = self.0.borrow_mut();
        for record in records {
            match &record.what {
                What::Called { function, .. } if function == "begin_replication" && round.node.is_none() => {
                    *round = Round {
                        node: Some(record.peer),
                        particle_id: record.particle_id.clone(),
                        events: 0,
                    };
                }
                // The end: this round asked nobody, or everything is done.
                What::Responded | What::Failed if record.particle_id == round.particle_id => round.node = None,
                _ if record.particle_id == round.particle_id => round.events += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts = world.live_nodes();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    if let Some(provider) = population.any_host_provider(&mut world) {
        population.delete(&mut world, provider)?;
    }
    let watch = RoundWatch::default();
    world.network.add_checker(watch.clone());
    let kills = KILLS.min(nodes as u64);
    for kill in 0..kills {
        if kill % 4 == 0 {
            // Somebody who has nothing: rounds have something to bring.
            world.add_node()?;
        }
        let Some(node) = kill_midway(&mut world, &watch)? else {
            continue;
        };
        let down = Duration::from_secs(world.rng.gen_range(1..600));
        world.run_for(down)?;
        world.network.restart(node)?;
        world.figures.restarts += 1;
        population.check_all(&mut world)?;
    }
    // What was leased when its node was killed is due again by then.
    population.check_replicas(&mut world, HOUR + 2 * LEASE + 2 * options.tick())?;
    population.check_all(&mut world)?;
    world.finish()
}

/// Lets the network run until a round has had some events, and kills its node there.
fn kill_midway(world: &mut World, watch: &RoundWatch) -> Result<Option<PeerIndex>> {
    let events = world.rng.gen_range(1..=EVENTS_MAX);
    let until = world.network.now() + PATIENCE;
    *watch.0.borrow_mut() = Round::default();
    while world.network.now() < until && world.network.step()? {
        world.sample_if_due()?;
        let node = {
            let round = watch.0.borrow();
            round.node.filter(|_| round.events >= events)
        };
        if let Some(node) = node {
            world.harvest(node);
            world.network.kill(node)?;
            world.figures.kills_midway += 1;
            return Ok(Some(node));
        }
    }
    Ok(None)
}
