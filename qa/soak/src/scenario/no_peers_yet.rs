//! All nodes restart and see nobody for more than an interval, while clients register and delete through them; then they see a
//! few, some minutes later more, and in the end all. Keys stay due until their nodes see enough others, and are exchanged then.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use devnet::kademlia::{neighbourhood_target, Point};
use devnet::{PeerIndex, ServiceCall, ServiceResult};
use eyre::{eyre, Result};
use rand::seq::SliceRandom;
use serde_json::json;

use super::LEASE;
use crate::figures::Figures;
use crate::options::Options;
use crate::population::{Population, Provider};
use crate::progress::Progress;
use crate::world::{World, INTERVAL_SEC};

/// Longer than an interval, shorter than three.
const BLIND: Duration = Duration::from_secs(3_600 + 30 * 60);
/// When clients write, after the nodes have lost sight: so late that readers need not know of it before the nodes see again.
const WRITE_AFTER: Duration = Duration::from_secs(85 * 60);
/// How many others of its group a node sees, one after the other, before it sees all. Those that are too many for the network to be a few are
/// left out.
const STEPS: [usize; 3] = [1, 3, 10];
/// Copies of keys that must be due when nobody has been seen for so long.
const DUE_PERCENT: u64 = 90;

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    for key_id in population.keys.clone() {
        population.add_client(&mut world, &key_id)?;
        population.delete_eldest(&mut world, &key_id)?;
    }
    // From now on every node knows all of that.
    world.run_for(Duration::from_secs(world.agreed_sec(1)))?;
    // All of them: a neighbour that sees and holds the same would rightly postpone what is due at those that do not.
    let mut blind: Vec<PeerIndex> = world.live_nodes();
    blind.shuffle(&mut world.rng);
    let seen = Rc::new(Cell::new(0));
    for node in &blind {
        blindfold(&mut world, (*node, &blind), Rc::clone(&seen))?;
        world.harvest(*node);
        world.network.kill(*node)?;
        world.network.restart(*node)?;
        world.figures.restarts += 1;
    }
    let closed = world.network.now();
    world.run_until(closed + WRITE_AFTER)?;
    let (added, deleted) = write_blind(&mut world, &mut population)?;
    world.run_until(closed + BLIND)?;
    check_backlog(&mut world)?;

    world.few_peers = true;
    let few = |count: &usize| 2 * count < nodes - 1;
    for count in STEPS.into_iter().filter(few) {
        seen.set(count);
        // Each runs its spell at least once.
        world.run_for(options.tick() + Duration::from_secs(60))?;
        check_through_all(&mut world, &population)?;
    }
    seen.set(usize::MAX);
    world.few_peers = false;
    // Everything is still due: it is exchanged in the next run, and what is lost meanwhile when a lease ends.
    population.check_replicas(&mut world, 3 * options.tick() + 2 * LEASE)?;
    for provider in added {
        population.expect(&mut world, provider);
    }
    for provider in deleted {
        population.expect_deleted(&mut world, provider);
    }
    check_through_all(&mut world, &population)?;
    world.finish()
}

/// Through each node, a few resources: time passes with every look-up, and the next step is to come soon.
fn check_through_all(world: &mut World, population: &Population) -> Result<()> {
    const KEYS_MAX: usize = 3;
    let nodes: BTreeSet<PeerIndex> = world.live_nodes().into_iter().collect();
    let keys: Vec<String> = population
        .keys
        .choose_multiple(&mut world.rng, KEYS_MAX)
        .cloned()
        .collect();
    keys.iter().try_for_each(|key_id| world.check_from(key_id, &nodes))
}

/// Each resource has a provider more and one less. A relay that sees nobody stores both alone, and answers that they are done; it must
/// know the resource. Readers may be told of either as long as few are seen, however long that takes: both are returned.
fn write_blind(world: &mut World, population: &mut Population) -> Result<(Vec<usize>, Vec<usize>)> {
    let (mut added, mut deleted) = (Vec::new(), Vec::new());
    for key_id in population.keys.clone() {
        let relay = world.holders(&key_id)?.choose(&mut world.rng).copied();
        let relay = relay.ok_or_else(|| eyre!("nobody holds {key_id}"))?;
        let client = world.add_client()?;
        world.network.set_relay(client, relay)?;
        let provider = population.add(world, &key_id, client, client)?;
        population.release(world, provider);
        added.push(provider);
        let is_old = |other: &Provider| other.live && other.key_id == key_id && other.issuer != client;
        let Some(old) = population.providers.iter().position(is_old) else {
            continue;
        };
        world.network.set_relay(population.providers[old].issuer, relay)?;
        population.delete_unheard(world, old)?;
        deleted.push(old);
    }
    Ok((added, deleted))
}

/// Nodes that saw nobody have settled nothing: what they exchanged last is due since.
fn check_backlog(world: &mut World) -> Result<()> {
    let backlog = world.backlog()?;
    if backlog.due * 100 < backlog.keys * DUE_PERCENT {
        world.violation(format!(
            "nodes that saw nobody have {} of {} keys due: they settled the others alone",
            backlog.due, backlog.keys
        ));
    }
    let least_sec = BLIND
        .as_secs()
        .saturating_sub(INTERVAL_SEC + INTERVAL_SEC / 10 + world.options.tick().as_secs());
    if backlog.oldest_due_sec < least_sec {
        world.violation(format!(
            "nodes that saw nobody have had keys due for {} s at most, not for {least_sec} s",
            backlog.oldest_due_sec
        ));
    }
    Ok(())
}

/// The node's host names no more others than `seen`: of all nodes, in the same order for all, those of its group. So what one group
/// settles alone no other one hears of.
fn blindfold(world: &mut World, (node, all): (PeerIndex, &[PeerIndex]), seen: Rc<Cell<usize>>) -> Result<()> {
    let own = world.id(node);
    let place = all.iter().position(|other| *other == node).unwrap_or_default();
    let ids = all.iter().map(|node| world.id(*node));
    let all: Vec<(Point, String)> = ids
        .filter_map(|id| Some((Point::of(&bs58::decode(&id).into_vec().ok()?), id)))
        .collect();
    let answer = move |call: &ServiceCall| {
        let target = || {
            let key = bs58::decode(call.args.first()?.as_str()?).into_vec().ok()?;
            let hashed = call.args.get(1).is_some_and(|hashed| hashed[0] == json!(true));
            neighbourhood_target(&key, hashed).ok()
        };
        let Some(target) = target() else {
            return ServiceResult::ok(json!([])).into();
        };
        let count = call.args.get(2).and_then(|count| count[0].as_u64()).unwrap_or(20) as usize;
        let group = seen.get().min(all.len()) + 1;
        let group = all.iter().skip(place / group * group).take(group);
        let mut near: Vec<&(Point, String)> = group.filter(|(_, id)| *id != own).collect();
        near.sort_by_key(|(point, _)| target.distance(point));
        let ids: Vec<&String> = near.into_iter().take(count).map(|(_, id)| id).collect();
        ServiceResult::ok(json!(ids)).into()
    };
    Ok(world.network.define_service(node, "kad", "neighborhood", answer)?)
}
