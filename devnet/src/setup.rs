//! What is added to a network: nodes, clients, services, checkers.

use std::path::Path;

use marine_host::ServiceSpec;

use crate::check::Checker;
use crate::config::trust_graph_spec;
use crate::error::NetworkError;
use crate::network::Network;
use crate::peer::{Peer, PeerIndex, Role};
use crate::service::{Answer, ServiceCall};

impl Network {
    /// Adds a node; all others know it at once.
    pub fn add_node(&mut self) -> Result<PeerIndex, NetworkError> {
        let index = self.add_peer(Role::Node);
        if let Some(registry) = self.config.registry.clone() {
            self.deploy_lazily(index, "registry", |dir| registry.spec(dir), false)?;
        }
        if let Some(aqua_dht) = self.config.aqua_dht.clone() {
            self.deploy_lazily(index, "aqua-dht", |dir| aqua_dht.spec(dir), false)?;
        }
        if self.config.trust_graph {
            self.deploy_lazily(index, "trust-graph", trust_graph_spec, true)?;
        }
        Ok(index)
    }

    /// Adds a client that talks to `relay`.
    pub fn add_client(&mut self, relay: PeerIndex) -> Result<PeerIndex, NetworkError> {
        if !self.peer(relay)?.is_node() {
            return Err(NetworkError::NotANode(relay));
        }
        Ok(self.add_peer(Role::Client { relay }))
    }

    /// Defines a service function on a peer, in front of whatever the peer has under that name.
    pub fn define_service(
        &mut self,
        peer: PeerIndex,
        service: impl Into<String>,
        function: impl Into<String>,
        f: impl FnMut(&ServiceCall) -> Answer + 'static,
    ) -> Result<(), NetworkError> {
        let functions = &mut self.peer_mut(peer)?.functions;
        functions.insert((service.into(), function.into()), Box::new(f));
        Ok(())
    }

    /// Deploys a Marine service on a node under an alias and starts it. `spec` is told the service's own directory,
    /// which stays the same over restarts.
    pub fn deploy(
        &mut self,
        node: PeerIndex,
        alias: &str,
        spec: impl FnOnce(&Path) -> ServiceSpec,
    ) -> Result<(), NetworkError> {
        self.deploy_lazily(node, alias, spec, false)
    }

    /// Starts the services that wait for their first call, so that no measurement includes it: trust-graph's.
    pub fn start_waiting_services(&mut self) -> Result<(), NetworkError> {
        let host = self.host.clone();
        for peer in self.peers.iter_mut().filter(|peer| peer.alive) {
            peer.services.start_waiting(&host)?;
        }
        Ok(())
    }

    pub(crate) fn deploy_lazily(
        &mut self,
        node: PeerIndex,
        alias: &str,
        spec: impl FnOnce(&Path) -> ServiceSpec,
        lazy: bool,
    ) -> Result<(), NetworkError> {
        let spec = spec(&self.node_dir(node).join(alias));
        let host = self.host.clone();
        let peer = self.live_mut(node)?;
        if !peer.is_node() {
            return Err(NetworkError::NotANode(node));
        }
        let creator = peer.id().to_owned();
        peer.services.deploy(alias, spec, &creator, lazy);
        peer.services.start_all(&host)
    }

    /// Adds an invariant that is checked after every event from now on.
    pub fn add_checker(&mut self, checker: impl Checker + 'static) {
        self.log.take_fresh();
        self.checkers.push(Box::new(checker));
    }

    fn add_peer(&mut self, role: Role) -> PeerIndex {
        let index = PeerIndex(self.peers.len());
        let peer = Peer::new(self.config.key_pair(index.0), index, role);
        self.by_id.insert(peer.id_arc().clone(), index);
        self.peers.push(peer);
        index
    }
}
