//! Who is connected to which node.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc};

use super::feed::{self, Feed};
use super::limits::OUTBOX_MAX;
use super::{Event, What};
use crate::outside::Outside;
use crate::service::ServiceCall;
use crate::time::wall_unix_ms;
use crate::{Network, Particle, PeerIndex};

/// The way to a connected client. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) number: u64,
    pub(super) sender: mpsc::Sender<Particle>,
}

/// All connections. The engine and its network share it.
#[derive(Clone)]
pub(super) struct Gateway {
    connections: Rc<RefCell<Connections>>,
    feed: Rc<RefCell<Feed>>,
    start: Instant,
    events: broadcast::Sender<Event>,
}

/// The connections of a client with a node, the latest last.
type Connections = HashMap<PeerIndex, BTreeMap<Arc<str>, Vec<Outlet>>>;

impl Gateway {
    pub(super) fn new(events: broadcast::Sender<Event>) -> Self {
        Self {
            connections: Rc::default(),
            feed: Rc::default(),
            start: Instant::now(),
            events,
        }
    }

    pub(super) fn connect(&self, node: PeerIndex, peer_id: Arc<str>, outlet: Outlet) {
        let mut connections = self.connections.borrow_mut();
        let clients = connections.entry(node).or_default();
        // Those that have ended are forgotten when another one comes.
        clients.retain(|_, outlets| {
            outlets.retain(Outlet::is_open);
            !outlets.is_empty()
        });
        self.tell(
            node,
            What::Connected {
                peer_id: peer_id.to_string(),
            },
        );
        clients.entry(peer_id).or_default().push(outlet);
    }

    /// Closes all connections of a node.
    pub(super) fn disconnect_all(&self, node: PeerIndex) {
        self.connections.borrow_mut().remove(&node);
    }

    /// The clients that are connected to a node.
    pub(super) fn clients(&self, node: PeerIndex) -> Vec<Arc<str>> {
        let connections = self.connections.borrow();
        let clients = connections.get(&node).into_iter().flatten();
        clients
            .filter(|(_, outlets)| outlets.iter().any(Outlet::is_open))
            .map(|(peer_id, _)| peer_id.clone())
            .collect()
    }

    /// When there will be something to tell of scripts, from now.
    pub(super) fn tells_in(&self) -> Option<Duration> {
        let at = self.feed.borrow().next_at();
        at.map(|at| at.saturating_sub(self.start.elapsed()))
    }

    /// Tells of the scripts that have come to rest.
    pub(super) fn tell_deeds(&self, network: &Network) {
        for told in self.feed.borrow_mut().take(self.start.elapsed()) {
            let running = network.running.get(&told.particle_id);
            let node = running.map_or(PeerIndex(0), |running| running.origin);
            let cost = running.map(|running| feed::cost(&running.stats)).unwrap_or_default();
            let (deed, keys, initiator) = (told.deed, told.keys, told.initiator);
            self.tell(
                node,
                What::Done {
                    deed,
                    keys,
                    initiator,
                    cost,
                },
            );
        }
    }

    pub(super) fn tell(&self, node: PeerIndex, what: What) {
        // It is an error that nobody listens, but not here.
        let _ = self.events.send(Event {
            at_ms: wall_unix_ms(),
            node: node.0,
            what,
        });
    }
}

impl Outlet {
    fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }
}

impl Outside for Gateway {
    fn is_connected(&self, node: PeerIndex, peer_id: &str) -> bool {
        let connections = self.connections.borrow();
        let outlets = connections.get(&node).and_then(|clients| clients.get(peer_id));
        outlets.is_some_and(|outlets| outlets.iter().any(Outlet::is_open))
    }

    fn send(
        &mut self,
        node: PeerIndex,
        peer_id: &str,
        particle: &Particle,
        brought_on: Option<u64>,
    ) -> Result<(), String> {
        let mut connections = self.connections.borrow_mut();
        let outlets = connections.get_mut(&node).and_then(|clients| clients.get_mut(peer_id));
        let outlets = outlets.ok_or("nobody of that name is connected to this node")?;
        let on = |outlet: &Outlet| brought_on == Some(outlet.number);
        while let Some(at) = outlets.iter().position(on).or(outlets.len().checked_sub(1)) {
            match outlets[at].sender.try_send(particle.clone()) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => drop(outlets.remove(at)),
                Err(TrySendError::Full(_)) => {
                    // Dropping the outlet closes the connection.
                    drop(outlets.remove(at));
                    let why = format!("{OUTBOX_MAX} particles wait for it to take them");
                    let peer_id = peer_id.to_owned();
                    self.tell(node, What::CutOff { peer_id, why });
                }
            }
        }
        Err("the client's connection has ended".to_owned())
    }

    fn called(&mut self, particle: &Particle, call: &ServiceCall, answer: &Value) {
        let now = self.start.elapsed();
        self.feed.borrow_mut().called(now, particle, call, answer);
    }

    fn gave_up(&mut self, initiator: &str, why: &str) {
        let mut ended = Vec::new();
        for (node, clients) in self.connections.borrow_mut().iter_mut() {
            if clients.remove(initiator).is_some() {
                ended.push(*node);
            }
        }
        for node in ended {
            let (peer_id, why) = (initiator.to_owned(), format!("its script: {why}"));
            self.tell(node, What::CutOff { peer_id, why });
        }
    }

    fn refused(&mut self, node: PeerIndex, peer_id: &str, why: &str) {
        let (peer_id, why) = (peer_id.to_owned(), why.to_owned());
        self.tell(node, What::Refused { peer_id, why });
    }
}
