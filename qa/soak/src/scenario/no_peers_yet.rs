//! All nodes restart and see nobody for more than an interval: their keys stay due, and are exchanged when they see others.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use devnet::kademlia::{neighbourhood_target, Point};
use devnet::{PeerIndex, ServiceCall, ServiceResult};
use eyre::Result;
use serde_json::json;

use super::HOUR;
use crate::figures::Figures;
use crate::options::Options;
use crate::population::Population;
use crate::progress::Progress;
use crate::world::World;

/// Longer than an interval, shorter than three.
const BLIND: Duration = Duration::from_secs(3_600 + 30 * 60);

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world.live_nodes().into_iter().take(2).collect();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    world.run_for(HOUR / 2)?;
    // All of them: a neighbour that sees and holds the same would rightly postpone what is due at those that do not.
    let blind: Vec<PeerIndex> = world.live_nodes();
    let seeing = Rc::new(Cell::new(false));
    for node in &blind {
        blindfold(&mut world, *node, Rc::clone(&seeing))?;
        world.harvest(*node);
        world.network.kill(*node)?;
        world.network.restart(*node)?;
        world.figures.restarts += 1;
    }
    // What reaches them alone meanwhile: they are the relays of those who write.
    world.run_for(BLIND)?;
    if world.backlog()?.due == 0 {
        world.violation("nodes that saw nobody have nothing due: they settled it alone".to_owned());
    }
    seeing.set(true);
    for key_id in population.keys_with_room() {
        let client = world.add_client()?;
        population.add(&mut world, &key_id, client, client)?;
    }
    let within = HOUR + HOUR / 10 + Duration::from_secs(300) + 2 * options.tick();
    population.check_replicas(&mut world, within)?;
    population.check_all(&mut world)?;
    world.finish()
}

/// The node's host names nobody until it sees.
fn blindfold(world: &mut World, node: PeerIndex, seeing: Rc<Cell<bool>>) -> Result<()> {
    let own = world.id(node);
    let others: Vec<(Point, String)> = world
        .live_nodes()
        .into_iter()
        .map(|node| world.id(node))
        .filter(|id| *id != own)
        .filter_map(|id| Some((Point::of(&bs58::decode(&id).into_vec().ok()?), id)))
        .collect();
    let answer = move |call: &ServiceCall| {
        let target = || {
            let key = bs58::decode(call.args.first()?.as_str()?).into_vec().ok()?;
            let hashed = call.args.get(1).is_some_and(|hashed| hashed[0] == json!(true));
            neighbourhood_target(&key, hashed).ok()
        };
        let Some(target) = target().filter(|_| seeing.get()) else {
            return ServiceResult::ok(json!([])).into();
        };
        let count = call.args.get(2).and_then(|count| count[0].as_u64()).unwrap_or(20) as usize;
        let mut near: Vec<&(Point, String)> = others.iter().collect();
        near.sort_by_key(|(point, _)| target.distance(point));
        let ids: Vec<&String> = near.into_iter().take(count).map(|(_, id)| id).collect();
        ServiceResult::ok(json!(ids)).into()
    };
    Ok(world.network.define_service(node, "kad", "neighborhood", answer)?)
}
