//! Staying advertised.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::dht::{Network, Published};
use super::error::{DhtError, Error, Failure};
use super::finder::{Discovery, Inner};
use super::handler::{Handler, Incoming};
use super::name::Name;
use super::provider::{Metadata, ProviderInfo};
use super::registry::Holder;

/// So long before it would expire something is advertised anew.
const MARGIN: Duration = Duration::from_secs(60);
/// And at most so often.
const EVERY_MIN: Duration = Duration::from_secs(10);
/// The rest after an attempt that failed: doubled each time, up to the margin.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// How an advertisement stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Advertised {
    /// What is in the DHT, as far as it succeeded.
    pub provider: ProviderInfo,
    /// On which nodes it is.
    pub published: Published,
    /// How often it was published so far.
    pub times: u64,
    /// Why the latest attempt failed; none if it succeeded.
    pub failure: Option<DhtError>,
    /// Whether another [`Advertiser`] of this process has taken over: then this one does nothing any more.
    pub is_replaced: bool,
}

/// Keeps a service advertised: publishes it anew 60 s before it would expire, and at once where this peer is reached
/// somewhere else; keeps its handler alive.
///
/// [`Advertiser::stop`] takes it out of the DHT. Dropped without that, the handler is gone at once, and the advertisement
/// when its time is over. A second one of the same name, on the same [`Discovery`], takes over: there is one provider of a
/// name a peer.
pub struct Advertiser<N: Network> {
    held: Held<N>,
    state: watch::Receiver<Advertised>,
    task: JoinHandle<()>,
}

impl<N: Network> fmt::Debug for Advertiser<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advertiser")
            .field("name", &self.held.name)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

/// The handler of a service, as long as this is there.
struct Held<N: Network> {
    inner: Arc<Inner<N>>,
    name: Name,
    holder: Holder,
}

impl<N: Network> Discovery<N> {
    /// Offers a service, to this process and to all others, for as long as the [`Advertiser`] is there. An error if no
    /// node takes the first advertisement in. Runs within tokio.
    ///
    /// Of a topic, it subscribes: others find this peer with [`Discovery::subscribers`], and its handler is what they call.
    pub async fn advertise(&self, name: &Name, handler: Handler, metadata: Metadata) -> Result<Advertiser<N>, Error> {
        let held = Held::new(self.inner.clone(), name, handler, metadata.clone())?;
        let provider = held.inner.provider(metadata);
        let published = held.inner.publish(name, &provider).await?;
        let (to_state, state) = watch::channel(Advertised {
            provider,
            published,
            times: 1,
            failure: None,
            is_replaced: false,
        });
        let task = tokio::spawn(keep(held.inner.clone(), name.clone(), held.holder, to_state));
        Ok(Advertiser { held, state, task })
    }
}

impl<N: Network> Held<N> {
    fn new(inner: Arc<Inner<N>>, name: &Name, handler: Handler, metadata: Metadata) -> Result<Self, Error> {
        let holder = {
            // Together, so that of two who come at once one is both.
            let (mut state, now) = inner.state();
            let holder = state.registry.hold_local(name, handler, metadata, now)?;
            inner.network.serve(name, inner.incoming(name));
            holder
        };
        let name = name.clone();
        Ok(Self { inner, name, holder })
    }

    fn is_replaced(&self) -> bool {
        !self.inner.state().0.registry.is_held_by(&self.name, self.holder)
    }
}

impl<N: Network> Drop for Held<N> {
    fn drop(&mut self) {
        let (mut state, _) = self.inner.state();
        if state.registry.let_go(&self.name, self.holder) {
            self.inner.network.stop_serving(&self.name);
        }
    }
}

impl<N: Network> Inner<N> {
    /// This peer, as it is now.
    pub(super) fn provider(&self, metadata: Metadata) -> ProviderInfo {
        ProviderInfo {
            node_id: self.network.node_id().to_owned(),
            endpoint: self.network.endpoint(),
            metadata,
            advertised_at: self.clock.unix_sec(),
        }
    }

    async fn publish(&self, name: &Name, provider: &ProviderInfo) -> Result<Published, DhtError> {
        let ttl = self.state().0.registry.options().default_ttl;
        self.network.publish(name, provider, ttl, self.settings.k).await
    }

    /// Answers others with the handler that is there when they call.
    fn incoming(self: &Arc<Self>, name: &Name) -> Incoming {
        let (inner, name) = (Arc::downgrade(self), name.clone());
        Arc::new(move |arguments| {
            let (inner, name) = (inner.clone(), name.clone());
            async move {
                let gone = || Failure::Unreached(format!("`{name}` is not offered any more"));
                let inner = inner.upgrade().ok_or_else(gone)?;
                let handler = inner.local_handler(&name).ok_or_else(gone)?;
                handler.call(arguments, inner.settings.try_limit, &*inner.clock).await
            }
            .boxed()
        })
    }
}

/// How often something that lives for `ttl` is advertised.
fn every(ttl: Duration) -> Duration {
    ttl.saturating_sub(MARGIN).max(EVERY_MIN)
}

/// Advertises whenever it is due.
async fn keep<N: Network>(inner: Arc<Inner<N>>, name: Name, holder: Holder, state: watch::Sender<Advertised>) {
    let every = every(inner.state().0.registry.options().default_ttl);
    let mut endpoint = state.borrow().provider.endpoint.clone();
    let mut due = inner.clock.now() + every;
    let mut retry = RETRY_MIN;
    loop {
        tokio::select! {
            () = inner.clock.sleep_until(due) => {}
            () = inner.network.moved(&endpoint) => {}
        }
        if !inner.state().0.registry.is_held_by(&name, holder) {
            state.send_modify(|state| state.is_replaced = true);
            return;
        }
        let provider = inner.provider(state.borrow().provider.metadata.clone());
        endpoint.clone_from(&provider.endpoint);
        match inner.publish(&name, &provider).await {
            Ok(published) => {
                (due, retry) = (inner.clock.now() + every, RETRY_MIN);
                state.send_modify(|state| {
                    state.provider = provider;
                    state.published = published;
                    state.times += 1;
                    state.failure = None;
                });
            }
            Err(error) => {
                tracing::warn!(%name, %error, "advertising failed");
                (due, retry) = (inner.clock.now() + retry, (retry * 2).min(MARGIN));
                state.send_modify(|state| state.failure = Some(error));
            }
        }
    }
}

impl<N: Network> Advertiser<N> {
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.held.name
    }

    /// How it stands now.
    #[must_use]
    pub fn state(&self) -> Advertised {
        let mut state = self.state.borrow().clone();
        state.is_replaced |= self.held.is_replaced();
        state
    }

    /// How it stands after the next publication or failure.
    pub async fn changed(&mut self) -> Advertised {
        if self.state.changed().await.is_err() {
            // Nothing changes any more.
            return std::future::pending().await;
        }
        self.state.borrow_and_update().clone()
    }

    /// Takes it out of the DHT, and the handler away. Calls under way end as they would. An error of the DHT means that it
    /// is found until its time is over; the handler is gone all the same.
    pub async fn stop(mut self) -> Result<(), Error> {
        // What it was about to publish must not come after the end.
        self.task.abort();
        let _ = (&mut self.task).await;
        if self.held.is_replaced() {
            return Ok(());
        }
        let network = &self.held.inner.network;
        network.remove(&self.held.name, network.node_id()).await?;
        Ok(())
    }
}

impl<N: Network> Drop for Advertiser<N> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
