//! Clients register resources and themselves anew every few minutes, and republish keys, while half of the nodes are replaced
//! every two hours, and providers come and are deleted. What is registered seldom has to be found all the same, and through
//! nodes that have just joined, too.

use std::time::Duration;

use devnet::{PeerIndex, Query};
use eyre::{ensure, Result};
use serde_json::json;

use super::HOUR;
use crate::figures::Figures;
use crate::newcomers::Newcomers;
use crate::options::Options;
use crate::population::{create, Population};
use crate::progress::Progress;
use crate::world::World;

pub(super) const HOURS: f64 = 8.0;
/// Between two registrations of everything.
const BUSY_EVERY: Duration = Duration::from_secs(5 * 60);
/// So many of the clients that provide register so often; the others have registered once.
const BUSY_CLIENTS: usize = 3;
/// In this time half of the nodes are replaced.
const HALF_LIFE: Duration = Duration::from_secs(2 * 3_600);
/// When a provider joins and another one is deleted, first and from then on.
const FIRST_CHANGE: Duration = Duration::from_secs(20 * 60);
const CHANGE_EVERY: Duration = HOUR;

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    let keys = population.keys.clone();
    let owners: Vec<PeerIndex> = keys.iter().filter_map(|key| population.owner_of(key)).collect();
    for key_id in keys.iter().cycle() {
        if population.own_providers().len() > BUSY_CLIENTS {
            break;
        }
        population.add_client(&mut world, key_id)?;
    }
    let stranger = world.add_client()?;
    let mut newcomers = Newcomers::default();
    let start = world.network.now();
    let end = start + options.length(HOURS);
    let every_replacement = HALF_LIFE / (nodes as u32 / 2).max(1);
    let (mut replace_at, mut change_at) = (start + every_replacement, start + FIRST_CHANGE);
    let mut changing = keys.iter().cycle();
    while world.network.now() < end {
        let began = world.network.now();
        while replace_at <= world.network.now() {
            let node = world.any_node()?;
            newcomers.replace(&mut world, &mut population, node)?;
            replace_at += every_replacement;
        }
        newcomers.check_before(&mut world, &population)?;
        for (index, key_id) in keys.iter().enumerate() {
            create(&mut world, owners[index], &format!("resource {index}"))?;
            republish(&mut world, stranger, key_id)?;
        }
        for busy in population.own_providers().into_iter().take(BUSY_CLIENTS) {
            population.register(&mut world, busy)?;
        }
        newcomers.check_after(&mut world, &population)?;
        population.check_all(&mut world)?;
        if world.network.now() >= change_at {
            if let Some(key_id) = changing.next() {
                population.add_client(&mut world, key_id)?;
                population.delete_eldest(&mut world, key_id)?;
            }
            change_at += CHANGE_EVERY;
        }
        world.run_until(began + BUSY_EVERY)?;
    }
    population.check_all(&mut world)?;
    population.check_replicas_in_an_interval(&mut world)?;
    world.finish()
}

/// Passes a key on to all nodes, as anybody can, and nothing that lies under it: that is replication's to bring.
pub(super) fn republish(world: &mut World, stranger: PeerIndex, key_id: &str) -> Result<()> {
    let stranger = world.id(stranger);
    let query = |function: &str| Query::new("registry", function).init_peer_id(&*stranger);
    let unproved = json!({"success": false, "weight": 0, "peer_id": "", "error": ""});
    let Some(holder) = world.holders(key_id)?.first().copied() else {
        return Ok(());
    };
    let held = world.ask(holder, &query("get_key_metadata").arg(key_id))?;
    let republish = query("republish_key").arg(held["key"].clone()).arg(unproved).now();
    for node in world.live_nodes() {
        let answer = world.ask(node, &republish)?;
        ensure!(
            answer["success"] == json!(true),
            "{node} does not take {key_id}: {answer}"
        );
    }
    Ok(())
}
