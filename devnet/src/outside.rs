//! Peers outside of this process: clients that are connected to a node.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use avm_server::CallResults;
use serde_json::Value;

use crate::call::Running;
use crate::error::NetworkError;
use crate::log::What;
use crate::network::Network;
use crate::particle::{wire_len, Particle};
use crate::peer::PeerIndex;
use crate::service::ServiceCall;
use crate::stats::ParticleStats;

/// The longest time to live of a particle from outside: nodes keep its data for as long.
pub(crate) const TTL_MAX_MS: u32 = 10 * 60 * 1000;
/// Particles from outside that are alive at the same time.
pub(crate) const PARTICLES_MAX: usize = 16_384;
/// Bytes of AquaVM's data that all nodes hold together, before they take no more particles from outside.
pub(crate) const HELD_BYTES_MAX: usize = 1 << 30;
/// How the ids of spells' particles begin. Spell services trust particles with such an id.
const SPELL_PREFIX: &str = "spell_";

/// Whoever is connected to the nodes.
pub(crate) trait Outside {
    fn is_connected(&self, node: PeerIndex, peer_id: &str) -> bool;

    /// Sends a particle, without waiting for its arrival: on the connection on which its sender brought it, if that is there
    /// still, else on the peer's latest. The error says why it is lost.
    fn send(
        &mut self,
        node: PeerIndex,
        peer_id: &str,
        particle: &Particle,
        brought_on: Option<u64>,
    ) -> Result<(), String>;

    /// A Marine service of a node has answered.
    fn called(&mut self, particle: &Particle, call: &ServiceCall, answer: &Value);

    /// What a peer started made AquaVM fail, and everybody wait for it.
    fn gave_up(&mut self, initiator: &str, why: &str);

    /// A node refuses what a peer sent.
    fn refused(&mut self, node: PeerIndex, peer_id: &str, why: &str);
}

/// How a particle came in from outside for the first time.
pub(crate) struct FromOutside {
    signature: Arc<[u8]>,
    /// The number of its initiator's connection that brought it.
    connection: u64,
}

/// A particle from outside, verified.
pub(crate) struct Entry {
    /// The peer that sent it, not necessarily its initiator.
    pub(crate) from: Arc<str>,
    /// The number of the connection on which it came.
    pub(crate) connection: u64,
    pub(crate) particle: Particle,
    /// Dropped when the particle has been run: its sender may send as many at a time as it has permits.
    pub(crate) permit: Box<dyn Any + Send>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("from", &self.from)
            .field("id", &self.particle.id)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Runs a particle from outside on a node.
    pub(crate) fn enter(&mut self, to: PeerIndex, entry: Entry) -> Result<(), NetworkError> {
        let Entry {
            from,
            connection,
            particle,
            permit,
        } = entry;
        let _held_until_it_has_run = permit;
        if !self.peers[to.0].alive {
            return Ok(());
        }
        let id = particle.id.clone();
        if let Err(why) = self.admit(to, connection, &particle) {
            self.record(to, &id, What::Refused { why: why.clone() });
            if let Some(outside) = &mut self.outside {
                outside.refused(to, &from, &why);
            }
            return Ok(());
        }
        let bytes = wire_len(&particle);
        let from = from.to_string();
        self.record(to, &id, What::Entered { from, bytes });
        self.count(&id, |stats, _| stats.peer(to).bytes_in += bytes as u64);
        self.run_particle(to, particle, CallResults::new())
    }

    /// Takes a particle into the books, unless a node must not run it.
    fn admit(&mut self, to: PeerIndex, connection: u64, particle: &Particle) -> Result<(), String> {
        let clock = self.clock_ms(self.peers[to.0].clock_offset_ms);
        if particle.is_expired_at(clock) {
            let late = clock - particle.expires_at();
            return Err(format!("it expired {late} ms ago by this node's clock"));
        }
        if particle.ttl > TTL_MAX_MS {
            let ttl = particle.ttl;
            return Err(format!(
                "its time to live is {ttl} ms, at most {TTL_MAX_MS} are allowed"
            ));
        }
        match self.running.get(&particle.id) {
            Some(running) if !running.expired => match &running.from_outside {
                Some(first) if first.signature == particle.signature => return Ok(()),
                // One of a node's own, on its way back from a client.
                None if self.is_started_by_a_node(particle) => return Ok(()),
                _ => return Err("another particle has the same id".to_owned()),
            },
            _ => {}
        }
        if particle.id.starts_with(SPELL_PREFIX) {
            return Err("ids that begin with `spell_` are those of nodes' spells".to_owned());
        }
        let alive = self.running.len();
        if alive >= PARTICLES_MAX {
            return Err(format!(
                "{alive} particles are alive already, at most {PARTICLES_MAX} are kept"
            ));
        }
        let held: usize = self.peers.iter().map(|peer| peer.data.bytes()).sum();
        if held >= HELD_BYTES_MAX {
            return Err(format!(
                "nodes hold {held} bytes of particles already, at most {HELD_BYTES_MAX} are kept"
            ));
        }
        let running = Running {
            origin: to,
            started: self.now,
            data: BTreeMap::new(),
            callbacks: HashMap::new(),
            outcome: None,
            stats: ParticleStats::new(to),
            ttl_ms: particle.ttl,
            schedule: None,
            spell: None,
            expired: false,
            given_up: false,
            from_outside: Some(FromOutside {
                signature: particle.signature.clone(),
                connection,
            }),
            waited: false,
        };
        self.running.insert(particle.id.clone(), running);
        self.enqueue_expiry(particle.id.clone(), particle.ttl);
        Ok(())
    }

    /// Ends a particle that made AquaVM fail. Those of nodes go on, whatever happens to them.
    pub(crate) fn give_up(&mut self, particle: &Particle, error: NetworkError) -> NetworkError {
        let running = self.running.get_mut(&particle.id);
        if let Some(running) = running.filter(|running| running.from_outside.is_some()) {
            running.given_up = true;
            if let Some(outside) = &mut self.outside {
                outside.gave_up(&particle.init_peer_id, &error.to_string());
            }
        }
        error
    }

    pub(crate) fn is_given_up(&self, id: &str) -> bool {
        self.running.get(id).is_some_and(|running| running.given_up)
    }

    /// The signature has been verified before: only the initiator itself made it.
    fn is_started_by_a_node(&self, particle: &Particle) -> bool {
        self.by_id.contains_key(&particle.init_peer_id)
    }

    /// Sends a particle to a peer outside that is connected to this node.
    pub(crate) fn leave(&mut self, from: PeerIndex, to: &str, particle: &Particle) -> bool {
        let Some(outside) = &mut self.outside else {
            return false;
        };
        let running = self.running.get(&particle.id).filter(|_| *to == *particle.init_peer_id);
        let brought_on = running.and_then(|running| Some(running.from_outside.as_ref()?.connection));
        match outside.send(from, to, particle, brought_on) {
            Ok(()) => {
                let (to, bytes) = (to.to_owned(), wire_len(particle));
                self.record(from, &particle.id, What::Left { to, bytes });
                self.count(&particle.id, |stats, after| stats.left(from, particle, after));
            }
            Err(why) => {
                self.record(from, &particle.id, What::Lost { to: to.to_owned(), why });
                self.count(&particle.id, |stats, _| stats.lost += 1);
            }
        }
        true
    }
}
