//! Calls, with failover.

use serde_json::Value;

use super::dht::Network;
use super::error::{DhtError, Error, Failure, Try};
use super::finder::{Discovery, Inner};
use super::handler::{Arguments, Reply};
use super::name::Name;
use super::provider::{Metadata, ProviderInfo};

impl<N: Network> Discovery<N> {
    /// Calls a service: this process's own handler, or a provider that the [`Selection`](super::Selection) chooses. Where
    /// it does not answer, another is called, at most three in all; where all that were cached are silent, the DHT is asked
    /// who else there is. Each has 5 s. Both are set in the [`Builder`](super::Builder).
    ///
    /// An error that a handler answers with ends the call: [`Error::Refused`]. A provider that does not answer in time may
    /// have done what was asked all the same, so a call may take effect more than once: make that harmless, or
    /// [try](super::Builder::tries) one only. Dropping the future cancels.
    pub async fn call(&self, name: &Name, arguments: Arguments) -> Result<Value, Error> {
        let inner = &self.inner;
        let mut silent = Silent::default();
        let local = inner.local_handler(name);
        if let Some(handler) = local {
            let limit = inner.settings.try_limit;
            match handler.call(arguments.clone(), limit, &*inner.clock).await {
                Ok(reply) => return replied(name, inner.network.node_id(), reply),
                Err(failure) => silent.0.push((inner.provider(Metadata::new()), failure)),
            }
        }
        let (mut providers, mut are_cached) = match self.others(name).await {
            Ok(others) => (others.providers, others.are_cached),
            Err(error) => return Err(silent.end(name, Some(error))),
        };
        while silent.0.len() < inner.settings.tries {
            providers.retain(|provider| !silent.has(provider));
            let chosen = inner.state().0.selector.choose(name, &providers).cloned();
            match chosen {
                Some(provider) => match inner.call_one(&provider, name, arguments.clone()).await {
                    Ok(reply) => return replied(name, &provider.node_id, reply),
                    Err(failure) => {
                        tracing::debug!(%name, provider = provider.node_id, %failure, "a provider does not answer");
                        inner.state().0.registry.forget_provider(name, &provider);
                        silent.0.push((provider, failure));
                    }
                },
                None if std::mem::take(&mut are_cached) => match inner.clone().ask(name.clone()).await {
                    Ok(found) => providers = found,
                    Err(error) => return Err(silent.end(name, Some(error))),
                },
                None => break,
            }
        }
        Err(silent.end(name, None))
    }
}

impl<N: Network> Inner<N> {
    async fn call_one(&self, provider: &ProviderInfo, name: &Name, arguments: Arguments) -> Result<Reply, Failure> {
        let limit = self.settings.try_limit;
        tokio::select! {
            reply = self.network.call(provider, name, arguments, limit) => reply,
            () = self.clock.sleep_until(self.clock.now() + limit) => Err(Failure::Silent(limit)),
        }
    }
}

/// Who was called and did not answer.
#[derive(Default)]
struct Silent(Vec<(ProviderInfo, Failure)>);

impl Silent {
    fn has(&self, provider: &ProviderInfo) -> bool {
        self.0.iter().any(|(silent, _)| silent.is_at_same(provider))
    }

    /// Why the call ends without an answer.
    fn end(self, name: &Name, dht: Option<DhtError>) -> Error {
        let name = name.clone();
        if self.0.is_empty() {
            return dht.map_or(Error::NotFound { name }, Error::Dht);
        }
        let tries = self.0.into_iter().map(|(provider, failure)| Try {
            node_id: provider.node_id,
            failure,
        });
        Error::Failed {
            name,
            tries: tries.collect(),
            dht,
        }
    }
}

fn replied(name: &Name, node_id: &str, reply: Reply) -> Result<Value, Error> {
    reply.map_err(|text| Error::Refused {
        name: name.clone(),
        node_id: node_id.to_owned(),
        text,
    })
}
