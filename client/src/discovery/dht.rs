use std::future::Future;
use std::time::Duration;

use super::error::{DhtError, Failure};
use super::handler::{Arguments, Incoming, Reply};
use super::name::Name;
use super::provider::ProviderInfo;

/// The table that everybody shares: who provides what. Every call ends by itself, and may be dropped before.
pub trait Dht: Send + Sync + 'static {
    /// Puts a provider under a name for `ttl`, in the place of what the same peer put there before, on the `k` nodes that
    /// are closest to it, or on all where there are fewer. Fewer than that may take it in: the result says how many. An
    /// error if none does.
    fn publish(
        &self,
        name: &Name,
        provider: &ProviderInfo,
        ttl: Duration,
        k: u8,
    ) -> impl Future<Output = Result<Published, DhtError>> + Send;

    /// Who is under a name, as far as `k` of its nodes know, or all where there are fewer. Nobody is no error. An error if
    /// no node answers.
    fn query(&self, name: &Name, k: u8) -> impl Future<Output = Result<Vec<ProviderInfo>, DhtError>> + Send;

    /// Takes a peer away from a name, on all nodes. That there was nothing is no error.
    fn remove(&self, name: &Name, node_id: &str) -> impl Future<Output = Result<(), DhtError>> + Send;
}

/// How peers are reached, and this one.
pub trait Transport: Send + Sync + 'static {
    /// This peer.
    fn node_id(&self) -> &str;
    /// Where this peer is reached now.
    fn endpoint(&self) -> String;
    /// Ready when this peer is reached somewhere else than there.
    fn moved(&self, from: &str) -> impl Future<Output = ()> + Send;
    /// Answers the calls of others, in the place of what did before.
    fn serve(&self, name: &Name, incoming: Incoming);
    /// Answers them no longer. Those under way are.
    fn stop_serving(&self, name: &Name);
    /// Calls a service of a peer. Dropped, it waits no longer.
    fn call(
        &self,
        provider: &ProviderInfo,
        name: &Name,
        arguments: Arguments,
        limit: Duration,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send;
}

/// A table and the way to the peers in it.
pub trait Network: Dht + Transport {}

impl<T: Dht + Transport> Network for T {}

/// How far a provider was published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// How many nodes are known to have taken it in.
    pub nodes: usize,
    /// What others said.
    pub errors: Vec<String>,
}

/// No network: only what this process offers and has cached is found.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNetwork;

impl Dht for NoNetwork {
    async fn publish(&self, _: &Name, _: &ProviderInfo, _: Duration, _: u8) -> Result<Published, DhtError> {
        Err(DhtError::Absent)
    }

    async fn query(&self, _: &Name, _: u8) -> Result<Vec<ProviderInfo>, DhtError> {
        Err(DhtError::Absent)
    }

    async fn remove(&self, _: &Name, _: &str) -> Result<(), DhtError> {
        Err(DhtError::Absent)
    }
}

impl Transport for NoNetwork {
    fn node_id(&self) -> &str {
        "here"
    }

    fn endpoint(&self) -> String {
        String::new()
    }

    async fn moved(&self, _: &str) {
        std::future::pending().await
    }

    fn serve(&self, _: &Name, _: Incoming) {}

    fn stop_serving(&self, _: &Name) {}

    async fn call(&self, _: &ProviderInfo, _: &Name, _: Arguments, _: Duration) -> Result<Reply, Failure> {
        Err(Failure::Unreached("there is no network".to_owned()))
    }
}
