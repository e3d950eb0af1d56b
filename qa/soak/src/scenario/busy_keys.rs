//! Clients register resources and themselves anew every few minutes, and republish keys, while half of the nodes are replaced
//! every two hours. What is registered seldom has to be found all the same.

use std::time::Duration;

use devnet::{PeerIndex, Query};
use eyre::{ensure, Result};
use serde_json::{json, Value};

use crate::figures::Figures;
use crate::options::Options;
use crate::population::{create, Population};
use crate::progress::Progress;
use crate::world::World;

pub(super) const HOURS: f64 = 8.0;
/// Between two registrations of everything.
const BUSY_EVERY: Duration = Duration::from_secs(5 * 60);
/// In this time half of the nodes are replaced.
const HALF_LIFE: Duration = Duration::from_secs(2 * 3_600);

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    // Of each resource one provider is busy; the others have registered once.
    let owners: Vec<PeerIndex> = population
        .keys
        .iter()
        .filter_map(|key| population.owner_of(key))
        .collect();
    let stranger = world.add_client()?;
    let end = world.network.now() + options.length(HOURS);
    let every_replacement = HALF_LIFE / (nodes as u32 / 2).max(1);
    let mut replace_at = world.network.now() + every_replacement;
    while world.network.now() < end {
        let began = world.network.now();
        for (index, key_id) in population.keys.iter().enumerate() {
            create(&mut world, owners[index], &format!("resource {index}"))?;
            let calls = republishing(&mut world, stranger, key_id)?;
            for node in world.live_nodes() {
                send(&mut world, node, &calls)?;
            }
            world.check(key_id)?;
        }
        if let Some(busy) = population.own_providers().first().copied() {
            population.register(&mut world, busy)?;
        }
        while replace_at <= world.network.now() {
            let node = world.any_node()?;
            population.replace(&mut world, node)?;
            replace_at += every_replacement;
        }
        world.run_until(began + BUSY_EVERY)?;
    }
    population.check_all(&mut world)?;
    world.finish()
}

/// The calls that pass on a key, and what lies under it on the first node that has it, as anybody can make them: none where
/// nobody does.
pub(super) fn republishing(world: &mut World, stranger: PeerIndex, key_id: &str) -> Result<Vec<Query>> {
    let stranger = world.id(stranger);
    let query = |function: &str| Query::new("registry", function).init_peer_id(&*stranger);
    let unproved = json!({"success": false, "weight": 0, "peer_id": "", "error": ""});
    let Some(holder) = world.holders(key_id)?.first().copied() else {
        return Ok(Vec::new());
    };
    let held = world.ask(holder, &query("get_key_metadata").arg(key_id))?;
    let records = world.ask(holder, &query("get_records").arg(key_id).now())?;
    // What is not signed yet is taken from nobody.
    let is_signed = |record: &&Value| record["signature"].as_array().is_some_and(|bytes| !bytes.is_empty());
    let records: Vec<&Value> = records["result"].as_array().into_iter().flatten().collect();
    let records: Vec<&Value> = records.into_iter().filter(is_signed).collect();
    let key = query("republish_key").arg(held["key"].clone()).arg(unproved.clone());
    let mut calls = vec![key.now()];
    if !records.is_empty() {
        let weights = vec![&unproved; records.len()];
        let republish = query("republish_records").arg(json!(records)).arg(json!(weights));
        calls.push(republish.now());
    }
    Ok(calls)
}

/// Makes these calls at a node, all of which it must take.
pub(super) fn send(world: &mut World, node: PeerIndex, calls: &[Query]) -> Result<()> {
    for call in calls {
        let answer = world.ask(node, call)?;
        ensure!(answer["success"] == json!(true), "{call:?}: {answer}");
    }
    Ok(())
}
