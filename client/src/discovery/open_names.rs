//! The DHT and the way to peers, by a client.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{json, Value};

use super::dht::{Dht, Published, Transport};
use super::error::{DhtError, Failure};
use super::handler::{Arguments, Incoming, Reply};
use super::name::Name;
use super::provider::ProviderInfo;
use super::value::{decode, encode};
use crate::api::{option, Results};
use crate::client::Client;
use crate::error::{short, Error as ClientError};
use crate::resource::{Provider, ResourceId};
use crate::scripts;
use crate::serve::Call;
use crate::transport::Link;

/// The function under which a procedure is called. Its one argument is a map.
const CALL: &str = "call";

/// Discovery in a Fluence network: a [`Dht`] of open names with leases, and the way to peers by a [`Client`].
///
/// A name is the label of an open name. A provider is a record under it, issued and signed by the peer itself, with the name
/// as its service, and with `{"metadata": {…}, "advertised_at": …}` as its value. Time to live is the record's lease. Other
/// records are passed over.
#[derive(Debug, Clone)]
pub struct OpenNames {
    client: Client,
}

impl OpenNames {
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Registers this peer for a time.
    async fn register(&self, name: &Name, value: &str, ttl: Duration, k: u8) -> Result<Published, ClientError> {
        let function = &scripts::ADVERTISE_OPEN;
        let name = name.as_str();
        let values = [
            json!(name),
            json!(value),
            option(Some(name)),
            json!(ttl.as_secs()),
            json!(k),
        ];
        let results = Results::of(function, self.client.call(function, values).await?)?;
        let (holders, errors): (Vec<String>, _) = (results.value()?, results.errors()?);
        if holders.is_empty() {
            let what = "advertising";
            return Err(ClientError::Refused { what, errors });
        }
        Ok(Published {
            nodes: holders.len(),
            errors: errors.iter().map(ToString::to_string).collect(),
        })
    }

    fn is_own(&self, node_id: &str) -> Result<(), DhtError> {
        if node_id == self.client.peer_id() {
            return Ok(());
        }
        let reason = format!(
            "is another peer: this one, {}, signs for itself only",
            self.client.peer_id()
        );
        Err(DhtError::refused("the provider", node_id, reason))
    }
}

impl Dht for OpenNames {
    async fn publish(&self, name: &Name, provider: &ProviderInfo, ttl: Duration, k: u8) -> Result<Published, DhtError> {
        self.is_own(&provider.node_id)?;
        Ok(self.register(name, &encode(provider)?, ttl, k).await?)
    }

    async fn query(&self, name: &Name, k: u8) -> Result<Vec<ProviderInfo>, DhtError> {
        let found = self.client.resolve_providers(&id(name), k.into()).await?;
        let providers = found.value.into_iter().flatten();
        Ok(providers.filter_map(|provider| read(name, &provider)).collect())
    }

    async fn remove(&self, name: &Name, node_id: &str) -> Result<(), DhtError> {
        self.is_own(node_id)?;
        let id = id(name);
        match self.client.unregister(&id, node_id).await {
            Ok(_) => Ok(()),
            // Nothing can be taken away from a name that nobody knows.
            Err(ClientError::Refused { .. }) if self.client.get_resource(&id).await?.is_none() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn id(name: &Name) -> ResourceId {
    ResourceId::open(name.as_str())
}

/// What a record says, if a provider of this name wrote it.
fn read(name: &Name, provider: &Provider) -> Option<ProviderInfo> {
    if provider.service_id.as_deref() != Some(name.as_str()) {
        return None;
    }
    if let Err(error) = provider.verify() {
        tracing::warn!(%name, provider = provider.peer_id, %error, "a record is passed over");
        return None;
    }
    let (metadata, advertised_at) = decode(&provider.value)?;
    Some(ProviderInfo {
        node_id: provider.peer_id.clone(),
        endpoint: endpoint(&provider.peer_id, provider.relay_id.as_deref()),
        metadata,
        advertised_at,
    })
}

/// The way to a peer, as libp2p writes it.
fn endpoint(peer_id: &str, relay_id: Option<&str>) -> String {
    match relay_id {
        Some(relay_id) => format!("/p2p/{relay_id}/p2p-circuit/p2p/{peer_id}"),
        None => format!("/p2p/{peer_id}"),
    }
}

/// The relay in an endpoint.
fn relay_of(endpoint: &str) -> Option<&str> {
    let (relay, _) = endpoint.strip_prefix("/p2p/")?.split_once("/p2p-circuit/")?;
    Some(relay)
}

impl Transport for OpenNames {
    fn node_id(&self) -> &str {
        self.client.peer_id()
    }

    fn endpoint(&self) -> String {
        endpoint(self.client.peer_id(), self.client.relay().as_deref())
    }

    async fn moved(&self, from: &str) {
        let mut link = self.client.link();
        let is_elsewhere = |link: &Link| match link {
            Link::Up { relay, .. } => endpoint(self.client.peer_id(), Some(relay)) != from,
            Link::Down(_) => false,
        };
        if link.wait_for(is_elsewhere).await.is_err() {
            std::future::pending().await
        }
    }

    fn serve(&self, name: &Name, incoming: Incoming) {
        self.client
            .serve(name.as_str(), move |call| answer(call, &incoming).boxed());
    }

    fn stop_serving(&self, name: &Name) {
        self.client.stop_serving(name.as_str());
    }

    async fn call(
        &self,
        provider: &ProviderInfo,
        name: &Name,
        arguments: Arguments,
        limit: Duration,
    ) -> Result<Reply, Failure> {
        let unreached = |error: ClientError| Failure::Unreached(error.to_string());
        let limited = self.client.with_ttl(limit).map_err(unreached)?;
        let (relay, arguments) = (relay_of(&provider.endpoint), vec![Value::Object(arguments)]);
        let answer = limited.call_service(&provider.node_id, relay, name.as_str(), CALL, arguments);
        match answer.await {
            Ok(answer) => reply(answer),
            Err(ClientError::Expired { .. }) => Err(Failure::Silent(limit)),
            Err(error) => Err(unreached(error)),
        }
    }
}

/// Answers a call that came over the network. A refusal of the handler is a result; a call fails where there is no answer.
fn answer(call: Call, incoming: &Incoming) -> impl std::future::Future<Output = Result<Value, String>> + Send {
    let arguments = arguments_of(call);
    let answer = arguments.map(|arguments| incoming(arguments));
    async move {
        let reply = match answer {
            Ok(answer) => answer.await.map_err(|failure| failure.to_string())?,
            Err(refusal) => Err(refusal),
        };
        Ok(match reply {
            Ok(value) => json!({"success": true, "error": "", "value": value}),
            Err(error) => json!({"success": false, "error": error, "value": null}),
        })
    }
}

fn arguments_of(call: Call) -> Result<Arguments, String> {
    if call.function != CALL {
        let (service, function) = (&call.service_id, &call.function);
        return Err(format!("`{service}` has no function `{function}`, only `{CALL}`"));
    }
    match call.arguments.into_iter().next() {
        None => Ok(Arguments::new()),
        Some(Value::Object(arguments)) => Ok(arguments),
        Some(other) => Err(format!("`{CALL}` takes a map, and {} is none", short(other))),
    }
}

fn reply(answer: Value) -> Result<Reply, Failure> {
    match (answer["success"].as_bool(), answer["error"].as_str()) {
        (Some(true), _) => Ok(Ok(answer["value"].clone())),
        (Some(false), Some(error)) => Ok(Err(error.to_owned())),
        _ => Err(Failure::Unreached(format!(
            "it is no procedure: it answered {}",
            short(answer)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(function: &str, arguments: Vec<Value>) -> Call {
        Call {
            service_id: "energy.home.get".into(),
            function: function.into(),
            arguments,
            tetraplets: Vec::new(),
            init_peer_id: "caller".into(),
            particle_id: "p".into(),
        }
    }

    async fn answered(call: Call) -> Result<Reply, Failure> {
        let incoming: Incoming = std::sync::Arc::new(|arguments: Arguments| {
            let answer = match arguments.get("fail") {
                Some(_) => Err(Failure::Panicked("out of paper".into())),
                None => Ok(arguments.get("room").cloned().ok_or_else(|| "which room?".to_owned())),
            };
            async move { answer }.boxed()
        });
        let over_the_wire = answer(call, &incoming).await;
        over_the_wire.map_err(Failure::Unreached).and_then(reply)
    }

    #[tokio::test]
    async fn a_value_and_a_refusal_come_back_as_they_were_and_no_answer_is_a_failed_call() {
        let room = answered(called("call", vec![json!({"room": null})])).await;
        assert_eq!(room, Ok(Ok(Value::Null)));
        for arguments in [vec![], vec![json!({})]] {
            assert_eq!(
                answered(called("call", arguments)).await,
                Ok(Err("which room?".to_owned()))
            );
        }
        let failed = answered(called("call", vec![json!({"fail": 1})])).await;
        assert_eq!(
            failed,
            Err(Failure::Unreached("the handler panicked: out of paper".into()))
        );
    }

    #[tokio::test]
    async fn what_is_no_call_is_refused_in_words() {
        let other = answered(called("get", vec![json!({})])).await.unwrap().unwrap_err();
        assert!(other.contains("no function `get`, only `call`"), "{other}");
        let list = answered(called("call", vec![json!([1])])).await.unwrap().unwrap_err();
        assert!(list.contains("takes a map, and [1] is none"), "{list}");
    }

    #[test]
    fn what_other_services_answer_is_no_reply() {
        for answer in [json!("hello"), json!({"success": false}), json!(null), json!([true])] {
            assert!(matches!(reply(answer), Err(Failure::Unreached(_))));
        }
    }

    #[test]
    fn an_endpoint_names_the_relay() {
        assert_eq!(endpoint("me", Some("relay")), "/p2p/relay/p2p-circuit/p2p/me");
        assert_eq!(relay_of(&endpoint("me", Some("relay"))), Some("relay"));
        assert_eq!(relay_of(&endpoint("me", None)), None);
        assert_eq!(relay_of("https://10.0.0.1"), None);
    }
}
