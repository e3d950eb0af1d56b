//! Faults: what a test does to a network.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{CallFailure, NetworkError};
use crate::hostile::Hostile;
use crate::link::Link;
use crate::log::What;
use crate::network::Network;
use crate::node_services::{wipe_tmp, NodeServices};
use crate::peer::{PeerIndex, Role};
use crate::storage::storage_error;

impl Network {
    /// Kills a peer as a power failure does: its services stop where they stand, particles are forgotten, files stay.
    pub fn kill(&mut self, index: PeerIndex) -> Result<(), NetworkError> {
        let now = self.now;
        let peer = self.live_mut(index)?;
        peer.alive = false;
        peer.killed_at = Some(now);
        peer.services.stop_all();
        peer.data.clear();
        peer.particles.clear();
        self.record(index, &Arc::from(""), What::Killed);
        let own = self
            .running
            .iter()
            .filter(|(_, r)| r.origin == index && r.from_outside.is_none());
        let own: Vec<_> = own.map(|(id, _)| id.clone()).collect();
        for id in own {
            self.finish(&id, Err(CallFailure::Killed(index)));
        }
        Ok(())
    }

    /// Brings a killed peer back over the same storage; what its services kept in `/tmp` is gone. A live peer is
    /// killed first.
    pub fn restart(&mut self, index: PeerIndex) -> Result<(), NetworkError> {
        if self.peer(index)?.alive {
            self.kill(index)?;
        }
        if self.peer(index)?.retired {
            return Err(NetworkError::Retired(index));
        }
        let dir = self.node_dir(index);
        wipe_tmp(&dir).map_err(|e| storage_error(&dir, e))?;
        let host = self.host.clone();
        let peer = self.peer_mut(index)?;
        peer.incarnation += 1;
        peer.services.start_all(&host)?;
        peer.alive = true;
        peer.killed_at = None;
        self.record(index, &Arc::from(""), What::Restarted);
        Ok(())
    }

    /// Takes a node away for ever: its services, files and scheduled scripts are freed. It keeps its number.
    pub fn retire(&mut self, index: PeerIndex) -> Result<(), NetworkError> {
        if !self.peer(index)?.is_node() {
            return Err(NetworkError::NotANode(index));
        }
        if self.peer(index)?.alive {
            self.kill(index)?;
        }
        let peer = self.peer_mut(index)?;
        peer.retired = true;
        peer.services = NodeServices::default();
        peer.functions.clear();
        for schedule in self.schedules.iter_mut().filter(|schedule| schedule.is_of(index)) {
            schedule.end();
        }
        let dir = self.node_dir(index);
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(storage_error(&dir, error)),
            _ => Ok(()),
        }
    }

    /// Has a client talk to another node from now on.
    pub fn set_relay(&mut self, client: PeerIndex, relay: PeerIndex) -> Result<(), NetworkError> {
        if !self.peer(relay)?.is_node() {
            return Err(NetworkError::NotANode(relay));
        }
        let peer = self.peer_mut(client)?;
        if peer.is_node() {
            return Err(NetworkError::NotAClient(client));
        }
        peer.role = Role::Client { relay };
        Ok(())
    }

    /// Cuts these peers off from all others, in place of any earlier partition. What is on its way still arrives. The
    /// sides forget each other's nodes as they forget dead ones.
    pub fn partition(&mut self, side: impl IntoIterator<Item = PeerIndex>) {
        let now = self.now;
        self.links.cut_off(side, now);
    }

    /// Ends a partition.
    pub fn heal(&mut self) {
        let now = self.now;
        self.links.cut_off([], now);
    }

    /// Sets the link between two peers, in both directions.
    pub fn set_link(&mut self, a: PeerIndex, b: PeerIndex, link: Link) {
        self.links.set(a, b, link);
    }

    /// Sets every link that [`Network::set_link`] did not.
    pub fn set_default_link(&mut self, link: Link) {
        self.links.default = link;
    }

    /// Adds `extra` latency to every message from and to a peer; zero ends it.
    pub fn slow(&mut self, peer: PeerIndex, extra: Duration) {
        self.links.set_slow(peer, extra);
    }

    /// Sets how far a peer's clock is ahead (negative: behind), in milliseconds.
    pub fn set_clock_offset_ms(&mut self, peer: PeerIndex, ms: i64) -> Result<(), NetworkError> {
        self.peer_mut(peer)?.clock_offset_ms = ms;
        Ok(())
    }

    /// Makes a peer hostile, or honest again.
    pub fn set_hostile(&mut self, peer: PeerIndex, hostile: Option<Hostile>) -> Result<(), NetworkError> {
        self.peer_mut(peer)?.hostile = hostile;
        Ok(())
    }
}
