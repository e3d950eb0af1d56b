//! The network falls apart for twelve hours. Both halves go on: on both sides resources are created, providers register and
//! are deleted, among them nodes on the other side, which go on signing their records. Then the halves meet again.

use std::collections::BTreeSet;

use devnet::{PeerIndex, ProviderLedger};
use eyre::Result;
use rand::seq::SliceRandom;

use super::{HOUR, LEASE};
use crate::figures::Figures;
use crate::options::Options;
use crate::population::{create, Population, Provider};
use crate::progress::Progress;
use crate::world::World;

/// As long as the signature of a node that provides: it signs again meanwhile, also what was deleted beyond.
const HOURS_APART: u32 = 12;
/// How often clients register again, in hours.
const RENEW_EVERY: u32 = 6;
/// When resources are created and providers deleted, in hours after the network fell apart.
const WRITE_AT: u32 = 4;
const CHECK_EVERY: u32 = 4;

struct Side {
    nodes: BTreeSet<PeerIndex>,
    /// Reads.
    reader: PeerIndex,
    /// Creates.
    owner: PeerIndex,
}

impl Side {
    fn has(&self, world: &World, peer: PeerIndex) -> bool {
        let node = world.network.peers()[peer.0].relay().unwrap_or(peer);
        self.nodes.contains(&node)
    }
}

pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts = world.live_nodes();
    let mut population = Population::settle(&mut world, options.resources, &hosts)?;
    let before = population.providers.len();
    world.run_for(HOUR + 2 * options.tick())?;
    let sides = split(&mut world, &population)?;
    let apart = world.network.now();

    for hour in 0..HOURS_APART {
        world.run_until(apart + hour * HOUR)?;
        for (index, provider) in population.own_providers().into_iter().enumerate() {
            if (hour + index as u32) % RENEW_EVERY == 0 {
                population.register(&mut world, provider)?;
            }
        }
        if hour == WRITE_AT {
            write_apart(&mut world, &mut population, &sides)?;
        }
        if hour % CHECK_EVERY == 0 {
            check_sides(&mut world, &population, &sides, before)?;
        }
    }
    world.run_until(apart + HOURS_APART * HOUR)?;

    world.network.heal();
    // An interval and a tick; for messages that are lost a lease and a tick more.
    population.check_replicas(&mut world, HOUR + LEASE + 2 * options.tick())?;
    for _ in 0..3 {
        population.check_all(&mut world)?;
        world.run_for(HOUR)?;
    }
    world.finish()
}

/// Cuts the nodes in halves; clients stay with their relays.
fn split(world: &mut World, population: &Population) -> Result<[Side; 2]> {
    let mut nodes = world.live_nodes();
    nodes.shuffle(&mut world.rng);
    let others = nodes.split_off(nodes.len() / 2);
    let mut side = |nodes: Vec<PeerIndex>| -> Result<Side> {
        let (reader, owner) = (world.add_client()?, world.add_client()?);
        for client in [reader, owner] {
            world.network.set_relay(client, nodes[0])?;
        }
        Ok(Side {
            nodes: nodes.into_iter().collect(),
            reader,
            owner,
        })
    };
    let sides = [side(nodes)?, side(others)?];
    let issuers = population.providers.iter().map(|provider| provider.issuer);
    let clients = issuers.chain(sides.iter().flat_map(|side| [side.reader, side.owner]));
    let clients: Vec<PeerIndex> = clients.filter(|client| sides[0].has(world, *client)).collect();
    let cut_off: Vec<PeerIndex> = sides[0].nodes.iter().copied().chain(clients).collect();
    world.network.partition(cut_off);
    Ok(sides)
}

/// On each side: a new resource with a provider, and deletions that the other side cannot know of, one of them of a node
/// on the other side.
fn write_apart(world: &mut World, population: &mut Population, sides: &[Side; 2]) -> Result<()> {
    for (index, side) in sides.iter().enumerate() {
        let key_id = create(world, side.owner, &format!("created on side {index}"))?;
        population.keys.push(key_id.clone());
        population.add(world, &key_id, side.owner, side.owner)?;
        world.figures.resources += 1;
    }
    for side in sides {
        let is_issuer =
            |provider: &Provider| provider.live && provider.issuer != side.owner && side.has(world, provider.issuer);
        let own = |provider: &Provider| is_issuer(provider) && provider.peer == provider.issuer;
        let beyond = |provider: &Provider| is_issuer(provider) && !side.has(world, provider.peer);
        let own = population.providers.iter().position(own);
        let beyond = population.providers.iter().position(beyond);
        for provider in [own, beyond].into_iter().flatten() {
            population.delete(world, provider)?;
        }
    }
    Ok(())
}

/// Each side finds its own providers, and the first `shared` ones of the other side, too: their records still live. What
/// was deleted on a side is not returned there.
fn check_sides(world: &mut World, population: &Population, sides: &[Side; 2], shared: usize) -> Result<()> {
    // Of a key with more providers than it can hold, each half keeps those that it has heard of last.
    let with_room = population.keys_with_room();
    for side in sides {
        let mut ledger = ProviderLedger::default();
        for (index, provider) in population.providers.iter().enumerate() {
            let (issuer, peer) = (world.id(provider.issuer), world.id(provider.peer));
            match provider.deleted_at_sec {
                Some(at_sec) if side.has(world, provider.issuer) => {
                    ledger.delete(&provider.key_id, &issuer, &peer, at_sec);
                }
                None if world.ledger.is_live(&provider.key_id, &issuer, &peer)
                    && (side.has(world, provider.peer) || index < shared && with_room.contains(&provider.key_id)) =>
                {
                    ledger.register(&provider.key_id, &issuer, &peer);
                }
                _ => {}
            }
        }
        for key_id in &population.keys {
            world.check_with(&ledger, side.reader, key_id, Some(&side.nodes))?;
        }
    }
    Ok(())
}
