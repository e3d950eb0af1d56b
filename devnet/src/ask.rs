//! Asking a node's Marine service directly, without a particle: what tests and checkers look at state with.

use marine_host::{literal, tetraplet, CallContext, SecurityTetraplet};
use serde_json::{json, Value};

use crate::error::NetworkError;
use crate::network::Network;
use crate::peer::PeerIndex;

#[derive(Debug, Clone)]
enum Arg {
    Literal(Value),
    /// A value that `service.function` of the node itself returned.
    ResultOf(Value, String, String),
    With(Value, SecurityTetraplet),
    /// The node's own clock, with the tetraplet that proves it.
    Now,
}

/// A call of a node's Marine service.
#[derive(Debug, Clone)]
pub struct Query {
    service: String,
    function: String,
    args: Vec<Arg>,
    init_peer_id: Option<String>,
    particle_id: Option<String>,
}

impl Query {
    pub fn new(service: impl Into<String>, function: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            function: function.into(),
            args: Vec::new(),
            init_peer_id: None,
            particle_id: None,
        }
    }

    /// An argument that the script's author wrote down.
    #[must_use]
    pub fn arg(mut self, value: impl Into<Value>) -> Self {
        self.args.push(Arg::Literal(value.into()));
        self
    }

    /// The node's time in seconds, as `peer.timestamp_sec` gives it.
    #[must_use]
    pub fn now(mut self) -> Self {
        self.args.push(Arg::Now);
        self
    }

    /// An argument that `service.function` returned on the node itself.
    #[must_use]
    pub fn result_of(
        mut self,
        service: impl Into<String>,
        function: impl Into<String>,
        value: impl Into<Value>,
    ) -> Self {
        let arg = Arg::ResultOf(value.into(), service.into(), function.into());
        self.args.push(arg);
        self
    }

    /// An argument with any origin.
    #[must_use]
    pub fn arg_with(mut self, value: impl Into<Value>, origin: SecurityTetraplet) -> Self {
        self.args.push(Arg::With(value.into(), origin));
        self
    }

    /// Who started the script; the node itself unless set.
    #[must_use]
    pub fn init_peer_id(mut self, peer_id: impl Into<String>) -> Self {
        self.init_peer_id = Some(peer_id.into());
        self
    }

    /// The particle that the call pretends to belong to.
    #[must_use]
    pub fn particle_id(mut self, id: impl Into<String>) -> Self {
        self.particle_id = Some(id.into());
        self
    }
}

impl Network {
    /// Calls a Marine service of a live node.
    pub fn ask(&mut self, node: PeerIndex, query: &Query) -> Result<Value, NetworkError> {
        let now_sec = self.unix_ms(node)? / 1000;
        let no_such_service = || NetworkError::NoSuchService {
            peer: node,
            service: query.service.clone(),
        };
        let host = self.host.clone();
        let peer = self.live_mut(node)?;
        let host_id = peer.id().to_owned();
        let init_peer_id = query.init_peer_id.as_deref().unwrap_or(&host_id);
        let identity = peer.services.identity(&query.service);
        let (service_id, creator) = identity.ok_or_else(no_such_service)?;
        let context = CallContext::new(&host_id)
            .service_creator(creator)
            .service_id(service_id);

        let mut values = Vec::with_capacity(query.args.len());
        let mut origins = Vec::with_capacity(query.args.len());
        for arg in &query.args {
            let (value, origin) = match arg {
                Arg::Literal(value) => (value.clone(), literal(init_peer_id)),
                Arg::ResultOf(value, service, function) => (value.clone(), tetraplet(&host_id, service, function)),
                Arg::With(value, origin) => (value.clone(), origin.clone()),
                Arg::Now => (json!(now_sec), tetraplet(&host_id, "peer", "timestamp_sec")),
            };
            values.push(value);
            origins.push(vec![origin]);
        }
        let mut parameters = context.init_peer_id(init_peer_id).tetraplets(origins).build();
        if let Some(particle_id) = &query.particle_id {
            parameters.particle.id.clone_from(particle_id);
        }
        let service = peer.services.running(&query.service, &host);
        let service = service.ok_or_else(no_such_service)??;
        Ok(service.call(&query.function, Value::Array(values), parameters)?)
    }
}
