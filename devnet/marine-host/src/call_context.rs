use fluence_app_service::{CallParameters, ParticleParameters, SecurityTetraplet};

/// The origin of a value that `function` of `service` returned on `peer`.
pub fn tetraplet(
    peer: impl Into<String>,
    service: impl Into<String>,
    function: impl Into<String>,
) -> SecurityTetraplet {
    SecurityTetraplet::new(peer, service, function, "")
}

/// The origin of a part (`lens`, such as `.$.success`) of a value.
pub fn tetraplet_with_lens(
    peer: impl Into<String>,
    service: impl Into<String>,
    function: impl Into<String>,
    lens: impl Into<String>,
) -> SecurityTetraplet {
    SecurityTetraplet::new(peer, service, function, lens)
}

/// The origin of a literal in a script that `init_peer_id` started.
pub fn literal(init_peer_id: impl Into<String>) -> SecurityTetraplet {
    SecurityTetraplet::literal_tetraplet(init_peer_id)
}

/// Builds the [`CallParameters`] of one call. Unless set, the particle's initiator and the service's creator are the
/// host itself, and every argument without tetraplets of its own has none.
#[derive(Debug, Clone)]
pub struct CallContext {
    parameters: CallParameters,
}

impl CallContext {
    /// A call on the host (and worker) `host_id`.
    pub fn new(host_id: impl Into<String>) -> Self {
        let host_id = host_id.into();
        let particle = ParticleParameters {
            init_peer_id: host_id.clone(),
            ..ParticleParameters::default()
        };
        Self {
            parameters: CallParameters {
                particle,
                service_creator_peer_id: host_id.clone(),
                worker_id: host_id.clone(),
                host_id,
                ..CallParameters::default()
            },
        }
    }

    #[must_use]
    pub fn init_peer_id(mut self, peer_id: impl Into<String>) -> Self {
        self.parameters.particle.init_peer_id = peer_id.into();
        self
    }

    #[must_use]
    pub fn service_creator(mut self, peer_id: impl Into<String>) -> Self {
        self.parameters.service_creator_peer_id = peer_id.into();
        self
    }

    #[must_use]
    pub fn service_id(mut self, service_id: impl Into<String>) -> Self {
        self.parameters.service_id = service_id.into();
        self
    }

    /// Sets the particle as a whole, the initiator included.
    #[must_use]
    pub fn particle(mut self, particle: ParticleParameters) -> Self {
        self.parameters.particle = particle;
        self
    }

    /// Sets the origin of argument `index`; arguments before it that have none keep an empty list.
    #[must_use]
    pub fn argument(mut self, index: usize, origin: SecurityTetraplet) -> Self {
        let tetraplets = &mut self.parameters.tetraplets;
        if tetraplets.len() <= index {
            tetraplets.resize_with(index + 1, Vec::new);
        }
        tetraplets[index] = vec![origin];
        self
    }

    /// Sets all tetraplets, a list per argument.
    #[must_use]
    pub fn tetraplets(mut self, tetraplets: Vec<Vec<SecurityTetraplet>>) -> Self {
        self.parameters.tetraplets = tetraplets;
        self
    }

    #[must_use]
    pub fn build(self) -> CallParameters {
        self.parameters
    }
}
