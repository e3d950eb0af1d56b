//! Invariants that are checked after every event.

use serde_json::Value;

use crate::ask::Query;
use crate::error::NetworkError;
use crate::log::{Record, What};
use crate::network::Network;
use crate::peer::{Peer, PeerIndex};
use crate::time::VirtualTime;

/// An invariant. It runs after every event, so it should look at `records` first and do nothing where nothing that
/// concerns it happened.
pub trait Checker {
    fn name(&self) -> &str;

    /// Looks at what has just happened; an error ends the run with
    /// [`NetworkError::Violation`](crate::NetworkError::Violation).
    fn check(&mut self, world: &mut World<'_>, records: &[Record]) -> Result<(), String>;
}

/// The network as a checker sees it: everything can be read, nothing moved.
#[derive(Debug)]
pub struct World<'a> {
    network: &'a mut Network,
}

impl<'a> World<'a> {
    pub(crate) fn new(network: &'a mut Network) -> Self {
        Self { network }
    }

    #[must_use]
    pub fn now(&self) -> VirtualTime {
        self.network.now()
    }

    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        self.network.peers()
    }

    /// Asks a service on a node directly, without a particle.
    pub fn ask(&mut self, node: PeerIndex, query: &Query) -> Result<Value, NetworkError> {
        self.network.ask(node, query)
    }
}

/// What holds for every network whatever runs on it: time never goes back, the dead do nothing, clients talk to
/// their relays only.
#[derive(Debug, Default)]
pub struct Causality {
    latest: VirtualTime,
}

impl Checker for Causality {
    fn name(&self) -> &str {
        "causality"
    }

    fn check(&mut self, world: &mut World<'_>, records: &[Record]) -> Result<(), String> {
        for record in records {
            if record.at < self.latest {
                return Err(format!("time goes back: {record}"));
            }
            self.latest = record.at;
            let peer = &world.peers()[record.peer.0];
            let acts = matches!(
                record.what,
                What::Arrived { .. } | What::Sent { .. } | What::Called { .. } | What::Started
            );
            if acts && !peer.is_alive() {
                return Err(format!("a dead peer acts: {record}"));
            }
            if let What::Sent { to, .. } = record.what {
                let other = &world.peers()[to.0];
                if [(peer, to), (other, record.peer)]
                    .iter()
                    .any(|(end, other)| end.relay().is_some_and(|relay| relay != *other))
                {
                    return Err(format!("a client talks to a peer that is not its relay: {record}"));
                }
            }
        }
        Ok(())
    }
}
