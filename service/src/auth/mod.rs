//! What a caller has proved. A *tetraplet* says which function of which service on which peer returned an
//! argument; AquaVM guarantees it. Only here do claims become a [`HostTimestamp`] or a [`ProvedWeight`].

mod data;
mod error;

pub use data::WeightResult;
pub use error::AuthError;

use marine_rs_sdk::{CallParameters, SecurityTetraplet};

use crate::domain::data::Record;
use crate::domain::{quoted, Error, Here, HostTimestamp, ProvedWeight, TimeToLive};

const PEER_SERVICE: (&str, &str) = ("peer", "timestamp_sec");
const TRUST_GRAPH: (&str, &str) = ("trust-graph", "get_weight");
const PUT_HOST_RECORD: (&str, &str) = ("registry", "put_host_record");

/// The caller of an exported function and the origins of its arguments.
#[derive(Debug)]
pub struct Caller {
    parameters: CallParameters,
    here: Here,
}

impl Caller {
    pub fn new(parameters: CallParameters) -> Self {
        Self {
            here: Here::new(parameters.host_id.clone(), parameters.worker_id.clone()),
            parameters,
        }
    }

    pub fn here(&self) -> &Here {
        &self.here
    }

    pub fn init_peer_id(&self) -> &str {
        &self.parameters.particle.init_peer_id
    }

    pub fn particle_id(&self) -> &str {
        &self.parameters.particle.id
    }

    /// How long the particle lives.
    pub fn time_to_live(&self) -> TimeToLive {
        TimeToLive::new(self.parameters.particle.ttl)
    }

    /// # Errors
    /// [`Error::ClocksApart`](crate::domain::Error::ClocksApart): this host and the particle's initiator.
    pub fn check_clocks(&self, now: HostTimestamp) -> Result<(), Error> {
        let particle = &self.parameters.particle;
        now.check_clock_of(&quoted(self.init_peer_id()), particle.timestamp)
    }

    /// Whether the node itself started the particle.
    pub fn is_host(&self) -> bool {
        self.here.is(self.init_peer_id())
    }

    /// # Errors
    /// [`AuthError::HostOnly`].
    pub fn check_host(&self, function: &'static str) -> Result<(), AuthError> {
        if self.is_host() {
            return Ok(());
        }
        Err(AuthError::HostOnly {
            function,
            caller: self.init_peer_id().to_owned(),
            host: self.here.host_id().to_owned(),
        })
    }

    /// # Errors
    /// [`AuthError::HostOrCreatorOnly`].
    pub fn check_host_or_creator(&self, function: &'static str) -> Result<(), AuthError> {
        let creator = &self.parameters.service_creator_peer_id;
        if self.is_host() || creator == self.init_peer_id() {
            return Ok(());
        }
        Err(AuthError::HostOrCreatorOnly {
            function,
            caller: self.init_peer_id().to_owned(),
            host: self.here.host_id().to_owned(),
            creator: creator.clone(),
        })
    }

    /// The time in argument `position`, if this host's `peer.timestamp_sec` returned it.
    ///
    /// # Errors
    /// [`AuthError::Unproved`], [`AuthError::Invalid`].
    pub fn host_timestamp(&self, position: usize, seconds: u64) -> Result<HostTimestamp, AuthError> {
        self.check_origin(("current_timestamp_sec", position, 0), self.here.names(), PEER_SERVICE)?;
        Ok(HostTimestamp::new(seconds)?)
    }

    /// The weight in argument `position`, if this host's `trust-graph.get_weight` returned it for `issuer`. A
    /// result with `success = false` is what a node without trust-graph passes: it needs no proof and proves
    /// nothing.
    ///
    /// # Errors
    /// [`AuthError::Unproved`], [`AuthError::WeightOfAnother`].
    pub fn weight(&self, position: usize, result: &WeightResult, issuer: &str) -> Result<ProvedWeight, AuthError> {
        if !result.success {
            return Ok(ProvedWeight::Unproved);
        }
        self.check_origin(("weight", position, 0), self.here.names(), TRUST_GRAPH)?;
        if result.peer_id != issuer {
            return Err(AuthError::WeightOfAnother {
                issuer: quoted(issuer),
                given: quoted(&result.peer_id),
            });
        }
        Ok(ProvedWeight::Proved(result.weight))
    }

    /// The weight for `issuer` among those in the list argument `position`; each needs its own tetraplet.
    /// An issuer without one has no proved weight.
    ///
    /// # Errors
    /// [`AuthError::Unproved`].
    pub fn weight_of(
        &self,
        position: usize,
        results: &[WeightResult],
        issuer: &str,
    ) -> Result<ProvedWeight, AuthError> {
        let found = results
            .iter()
            .enumerate()
            .find(|(_, result)| result.success && result.peer_id == issuer);
        let Some((item, result)) = found else {
            return Ok(ProvedWeight::Unproved);
        };
        self.check_origin(("weights", position, item), self.here.names(), TRUST_GRAPH)?;
        Ok(ProvedWeight::Proved(result.weight))
    }

    /// Whether that item of argument `position` is what `registry.put_host_record` returned on the very peer that the record
    /// names: its consent, in place of its signature.
    ///
    /// # Errors
    /// [`AuthError::Unproved`].
    pub fn check_host_record(&self, (position, item): (usize, usize), record: &Record) -> Result<(), AuthError> {
        self.check_origin(
            ("result", position, item),
            [record.metadata.peer_id.as_str()],
            PUT_HOST_RECORD,
        )
    }

    /// The peer that an item of argument `position` comes from, as its tetraplet says; nobody where there is none.
    pub fn peer_of(&self, (position, item): (usize, usize)) -> &str {
        let items = self.parameters.tetraplets.get(position);
        items
            .and_then(|items| items.get(item))
            .map_or("", |origin| &origin.peer_pk)
    }

    /// The same, and which of its functions.
    pub fn origin_of(&self, position: usize) -> (&str, &str) {
        let items = self.parameters.tetraplets.get(position);
        let origin = items.and_then(|items| items.first());
        origin.map_or(("", ""), |origin| (&origin.peer_pk, &origin.function_name))
    }

    fn check_origin<'a>(
        &self,
        (argument, position, item): (&'static str, usize, usize),
        peer_ids: impl IntoIterator<Item = &'a str>,
        (service_id, function_name): (&'static str, &'static str),
    ) -> Result<(), AuthError> {
        let given = self
            .parameters
            .tetraplets
            .get(position)
            .and_then(|items| items.get(item));
        let mut expected = SecurityTetraplet::default();
        for peer_id in peer_ids {
            expected = SecurityTetraplet::new(peer_id, service_id, function_name, "");
            if given == Some(&expected) {
                return Ok(());
            }
        }
        Err(AuthError::unproved(argument, item, &expected, given))
    }
}
