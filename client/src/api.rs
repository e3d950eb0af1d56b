//! The Registry's own calls, with types.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{json, Value};

use crate::client::Client;
use crate::error::{Error, NodeError};
use crate::resource::{Answer, NodeStats, Provider, Resource, ResourceId, ResourceName};
use crate::scripts::{self, Function};

impl Client {
    /// Creates a resource of the client's own. The same label gives the same id each time.
    pub async fn create_resource(&self, label: &str) -> Result<Answer<ResourceId>, Error> {
        let results = Results::of(&scripts::CREATE, self.call(&scripts::CREATE, [json!(label)]).await?)?;
        results.at_most_one("creating the resource")
    }

    /// Creates an open resource, which everybody who knows the label finds, and can provide.
    pub async fn create_open_resource(&self, label: &str) -> Result<Answer<ResourceId>, Error> {
        let function = &scripts::CREATE_OPEN;
        let results = Results::of(function, self.call(function, [json!(label)]).await?)?;
        results.at_most_one("creating the open resource")
    }

    /// The resource itself; none if no node knows it.
    pub async fn get_resource(&self, id: &ResourceId) -> Result<Option<Resource>, Error> {
        let results = Results::of(&scripts::GET, self.call(&scripts::GET, [json!(id)]).await?)?;
        Ok(results.value::<Vec<Resource>>()?.into_iter().next())
    }

    /// The id of a resource of the client's own, whether it exists or not.
    #[must_use]
    pub fn resource_id(&self, label: &str) -> ResourceId {
        ResourceId::of(label, self.peer_id())
    }

    /// Registers the client as a provider, reached through its relay. Lives for 24 hours: see [`Client::provide`] for
    /// more than that.
    pub async fn register_provider(
        &self,
        name: impl Into<ResourceName>,
        value: &str,
        service_id: Option<&str>,
    ) -> Result<Answer<()>, Error> {
        let (function, name) = match name.into() {
            ResourceName::Id(id) => (&scripts::REGISTER, id.into()),
            ResourceName::Open(label) => (&scripts::REGISTER_OPEN, label),
        };
        let values = [json!(name), json!(value), option(service_id)];
        Results::of(function, self.call(function, values).await?)?.success("registering")
    }

    /// The same for a time, in whole seconds: readers stop seeing the client when its lease ends, unless it registers again.
    /// A minute to 24 hours, or to what the network's nodes let records live.
    pub async fn register_provider_for(
        &self,
        name: impl Into<ResourceName>,
        value: &str,
        service_id: Option<&str>,
        lease: Duration,
    ) -> Result<Answer<()>, Error> {
        let (function, name) = match name.into() {
            ResourceName::Id(id) => (&scripts::REGISTER_FOR, id.into()),
            ResourceName::Open(label) => (&scripts::REGISTER_OPEN_FOR, label),
        };
        let values = [json!(name), json!(value), option(service_id), json!(lease.as_secs())];
        Results::of(function, self.call(function, values).await?)?.success("registering for a time")
    }

    /// Creates a resource of the client's own and registers the client as its provider, at the price of the second.
    pub async fn create_and_register_provider(
        &self,
        label: &str,
        value: &str,
        service_id: Option<&str>,
    ) -> Result<Answer<ResourceId>, Error> {
        let function = &scripts::CREATE_AND_REGISTER;
        let values = [json!(label), json!(value), option(service_id)];
        Results::of(function, self.call(function, values).await?)?.at_most_one("creating and registering")
    }

    /// Registers a node as a provider. The node keeps it alive until [`Client::unregister`].
    pub async fn register_node_provider(
        &self,
        node: &str,
        name: impl Into<ResourceName>,
        value: &str,
        service_id: Option<&str>,
    ) -> Result<Answer<()>, Error> {
        let (function, name) = match name.into() {
            ResourceName::Id(id) => (&scripts::REGISTER_NODE, id.into()),
            ResourceName::Open(label) => (&scripts::REGISTER_OPEN_NODE, label),
        };
        let values = [json!(node), json!(name), json!(value), option(service_id)];
        Results::of(function, self.call(function, values).await?)?.success("registering the node")
    }

    /// Voids what the client registered for a peer, itself or a node.
    pub async fn unregister(&self, id: &ResourceId, peer_id: &str) -> Result<Answer<()>, Error> {
        let function = &scripts::UNREGISTER;
        Results::of(function, self.call(function, [json!(id), json!(peer_id)]).await?)?.success("unregistering")
    }

    /// The providers, as far as `ack` of the 20 nodes know: 1 is cheapest, 3 to 5 sees what was just written through
    /// another relay. None if no node knows the resource. Errors tell where fewer than `ack` answered.
    pub async fn resolve_providers(&self, id: &ResourceId, ack: u16) -> Result<Answer<Option<Vec<Provider>>>, Error> {
        let ack = ack.min(i16::MAX as u16);
        let function = &scripts::RESOLVE;
        let results = Results::of(function, self.call(function, [json!(id), json!(ack)]).await?)?;
        let found: Vec<Vec<Provider>> = results.value()?;
        Ok(Answer {
            value: found.into_iter().next(),
            errors: results.errors()?,
        })
    }

    /// The providers that are there now: nodes that answer and have the service that they registered, clients that are
    /// connected to their relay. None if no node knows the resource. Errors tell who of the others is not there. Takes one
    /// round trip more than [`Client::resolve_providers`].
    pub async fn resolve_alive(&self, id: &ResourceId, ack: u16) -> Result<Answer<Option<Vec<Provider>>>, Error> {
        let ack = ack.min(i16::MAX as u16);
        let function = &scripts::RESOLVE_ALIVE;
        let results = Results::of(function, self.call(function, [json!(id), json!(ack)]).await?)?;
        let found: Vec<Vec<Provider>> = results.value()?;
        Ok(Answer {
            value: found.into_iter().next(),
            errors: results.errors()?,
        })
    }

    /// The nodes closest to a resource, at most 20, closest first.
    pub async fn neighbours(&self, id: &ResourceId) -> Result<Vec<String>, Error> {
        let function = &scripts::NEIGHBOURS;
        Results::of(function, self.call(function, [json!(id)]).await?)?.value()
    }

    /// What a node's registry says of itself.
    pub async fn node_stats(&self, node: &str) -> Result<NodeStats, Error> {
        let function = &scripts::NODE_STATS;
        let results = Results::of(function, self.call(function, [json!(node)]).await?)?;
        results.result_of_node(0, node, "asking for statistics")
    }
}

/// What a function returned, still in JSON.
pub(crate) struct Results {
    function: &'static str,
    values: Vec<Value>,
}

impl Results {
    pub(crate) fn of(function: &Function, values: Vec<Value>) -> Result<Self, Error> {
        let function = function.name;
        if values.is_empty() {
            let reason = "there is no result".to_owned();
            return Err(Error::Answer {
                function,
                reason,
                value: Value::Null,
            });
        }
        Ok(Self { function, values })
    }

    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.nth(0)
    }

    pub(crate) fn nth<T: DeserializeOwned>(&self, index: usize) -> Result<T, Error> {
        let value = self.values.get(index).unwrap_or(&Value::Null);
        T::deserialize(value).map_err(|error| Error::Answer {
            function: self.function,
            reason: error.to_string(),
            value: value.clone(),
        })
    }

    /// The errors of nodes: the second result of every function of the Resources API.
    pub(crate) fn errors(&self) -> Result<Vec<NodeError>, Error> {
        let errors: Vec<String> = self.nth(1)?;
        Ok(errors.iter().map(|text| NodeError::parse(text)).collect())
    }

    fn success(&self, what: &'static str) -> Result<Answer<()>, Error> {
        let errors = self.errors()?;
        match self.value::<bool>()? {
            true => Ok(Answer { value: (), errors }),
            false => Err(Error::Refused { what, errors }),
        }
    }

    fn at_most_one<T: DeserializeOwned>(&self, what: &'static str) -> Result<Answer<T>, Error> {
        let errors = self.errors()?;
        match self.value::<Vec<T>>()?.into_iter().next() {
            Some(value) => Ok(Answer { value, errors }),
            None => Err(Error::Refused { what, errors }),
        }
    }

    /// What one node's registry returned: its error, where it says that it did not succeed.
    pub(crate) fn result_of_node<T: DeserializeOwned>(
        &self,
        index: usize,
        node: &str,
        what: &'static str,
    ) -> Result<T, Error> {
        let value: Value = self.nth(index)?;
        if value["success"] == json!(false) {
            let error = NodeError {
                peer_id: Some(node.to_owned()),
                text: value["error"].as_str().unwrap_or_default().to_owned(),
            };
            return Err(Error::Refused {
                what,
                errors: vec![error],
            });
        }
        self.nth(index)
    }
}

/// As AIR has it.
pub(crate) fn option(value: Option<&str>) -> Value {
    value.map_or_else(|| json!([]), |value| json!([value]))
}
