use marine_rs_sdk::{CallParameters, ParticleParameters, SecurityTetraplet};
use registry_service::auth::WeightResult;

use crate::Peer;

/// The origins of a call's arguments: a tetraplet for each list item of each argument, as AquaVM would give them.
#[derive(Debug, Clone)]
pub struct Origins {
    host_id: String,
    init_peer_id: String,
    worker_id: String,
    creator: String,
    particle_id: String,
    began_ms: u64,
    ttl_ms: u32,
    tetraplets: Vec<Vec<SecurityTetraplet>>,
}

impl Origins {
    /// A call on `host` in a particle of `init_peer`, with `arguments` literals of that peer.
    pub fn new(host: &Peer, init_peer: &Peer, arguments: usize) -> Self {
        let literal = SecurityTetraplet::literal_tetraplet(init_peer.id());
        Self {
            host_id: host.id().to_owned(),
            worker_id: host.id().to_owned(),
            init_peer_id: init_peer.id().to_owned(),
            creator: host.id().to_owned(),
            particle_id: String::new(),
            began_ms: 0,
            ttl_ms: 0,
            tetraplets: vec![vec![literal]; arguments],
        }
    }

    /// In a particle of somebody whose id alone is known.
    pub fn initiator(mut self, init_peer_id: &str) -> Self {
        init_peer_id.clone_into(&mut self.init_peer_id);
        self
    }

    pub fn creator(mut self, creator: &Peer) -> Self {
        creator.id().clone_into(&mut self.creator);
        self
    }

    /// When the particle began, and how long it lives; without it the host does not say.
    pub fn particle(mut self, began_ms: u64, ttl_ms: u32) -> Self {
        (self.began_ms, self.ttl_ms) = (began_ms, ttl_ms);
        self
    }

    pub fn particle_id(mut self, id: impl Into<String>) -> Self {
        self.particle_id = id.into();
        self
    }

    /// The service runs on a worker of the host.
    pub fn worker(mut self, worker: &Peer) -> Self {
        worker.id().clone_into(&mut self.worker_id);
        self
    }

    /// Only the first `len` arguments have tetraplets.
    pub fn truncated(mut self, len: usize) -> Self {
        self.tetraplets.truncate(len);
        self
    }

    /// Argument `position` came from `peer_id`'s `service.function`.
    pub fn with(mut self, position: usize, peer_id: &str, service: &str, function: &str) -> Self {
        self.tetraplets[position] = vec![SecurityTetraplet::new(peer_id, service, function, "")];
        self
    }

    /// Argument `position` came from the host's `peer.timestamp_sec`.
    pub fn time(self, position: usize) -> Self {
        let host = self.host_id.clone();
        self.with(position, &host, "peer", "timestamp_sec")
    }

    /// Argument `position` came from the host's `trust-graph.get_weight`.
    pub fn weight(self, position: usize) -> Self {
        let host = self.host_id.clone();
        self.with(position, &host, "trust-graph", "get_weight")
    }

    /// Argument `position` is a list of `count` results of the host's `trust-graph.get_weight`.
    pub fn weights(mut self, position: usize, count: usize) -> Self {
        let weight = SecurityTetraplet::new(&self.host_id, "trust-graph", "get_weight", "");
        self.tetraplets[position] = vec![weight; count];
        self
    }

    /// Replaces the tetraplets of an argument.
    pub fn raw(mut self, position: usize, tetraplets: Vec<SecurityTetraplet>) -> Self {
        self.tetraplets[position] = tetraplets;
        self
    }

    pub fn build(self) -> CallParameters {
        CallParameters {
            particle: ParticleParameters {
                id: self.particle_id,
                init_peer_id: self.init_peer_id,
                timestamp: self.began_ms,
                ttl: self.ttl_ms,
                ..ParticleParameters::default()
            },
            service_id: "registry".to_owned(),
            service_creator_peer_id: self.creator,
            worker_id: self.worker_id,
            host_id: self.host_id,
            tetraplets: self.tetraplets,
        }
    }
}

/// What trust-graph says of `peer_id`.
pub fn weight_of(peer_id: &str, weight: u32) -> WeightResult {
    WeightResult {
        success: true,
        weight,
        peer_id: peer_id.to_owned(),
        error: String::new(),
    }
}

/// What a script passes where there is no trust-graph.
pub fn no_weight() -> WeightResult {
    WeightResult {
        error: "no trust-graph".to_owned(),
        ..WeightResult::default()
    }
}
