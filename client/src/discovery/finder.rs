//! Local handler, cache, DHT: in this order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, Shared, WeakShared};
use futures_util::FutureExt;

use super::clock::{Clock, SystemClock};
use super::dht::Network;
use super::error::{DhtError, Error};
use super::handler::Handler;
use super::name::Name;
use super::provider::ProviderInfo;
use super::registry::{Options, Refresh, ServiceRegistry};
use super::selection::{Selection, Selector};

/// The nodes that hold a name, and so the nodes that a provider is published on.
pub const K: u8 = 20;
/// How many nodes must have answered when a name is looked up.
const QUERY_K: u8 = 3;
/// Providers that one call tries.
const TRIES: usize = 3;
/// The time that one provider has to answer.
const TRY_LIMIT: Duration = Duration::from_secs(5);
/// What is allowed for it.
const TRY_LIMITS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
/// How often what has expired is removed.
const PRUNED_EVERY: Duration = Duration::from_secs(60);

/// Finds services, calls them and offers some: a [`ServiceRegistry`] with a [`Network`] behind it.
///
/// Cheap to clone; clones share everything. See the [module](super) for an example.
pub struct Discovery<N> {
    pub(super) inner: Arc<Inner<N>>,
}

pub(super) struct Inner<N> {
    pub(super) network: N,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    state: Mutex<State>,
    /// Look-ups under way: who wants the same waits for the same.
    asking: Mutex<BTreeMap<Name, WeakShared<Answer>>>,
}

type Answer = BoxFuture<'static, Result<Vec<ProviderInfo>, DhtError>>;

pub(super) struct State {
    pub(super) registry: ServiceRegistry,
    pub(super) selector: Selector,
    pruned_at: Instant,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) k: u8,
    query_k: u8,
    pub(super) tries: usize,
    pub(super) try_limit: Duration,
}

/// How a [`Discovery`] is set up.
pub struct Builder<N> {
    network: N,
    options: Options,
    settings: Settings,
    selection: Selection,
    seed: Option<u64>,
    clock: Arc<dyn Clock>,
}

/// Where providers were found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Discovered {
    /// In this process.
    Local(Handler),
    /// In the cache.
    Cached(Vec<ProviderInfo>),
    /// In the DHT, now. There may be none.
    Found(Vec<ProviderInfo>),
}

/// Who offers something beside this process.
pub(super) struct Others {
    pub(super) providers: Vec<ProviderInfo>,
    pub(super) are_cached: bool,
}

impl<N> Clone for Discovery<N> {
    fn clone(&self) -> Self {
        let inner = self.inner.clone();
        Self { inner }
    }
}

impl<N> fmt::Debug for Discovery<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.inner.settings;
        f.debug_struct("Discovery")
            .field("settings", settings)
            .finish_non_exhaustive()
    }
}

impl<N> fmt::Debug for Builder<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .field("settings", &self.settings)
            .field("selection", &self.selection)
            .finish_non_exhaustive()
    }
}

impl<N: Network> Builder<N> {
    /// How long things are kept.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// On how many nodes a provider is published: 20 unless set, 1 to 20. Fewer cost less, and are fewer to survive.
    #[must_use]
    pub fn k(mut self, k: u8) -> Self {
        self.settings.k = k;
        self
    }

    /// How many nodes must have answered when a name is looked up: 3 unless set, 1 to 20. More see more of what was just
    /// published, and wait for slower ones.
    #[must_use]
    pub fn query_k(mut self, k: u8) -> Self {
        self.settings.query_k = k;
        self
    }

    /// Which provider is called: a random one unless set.
    #[must_use]
    pub fn selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Where [`Selection::Random`] begins, for runs that are to be the same again.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How many providers one call tries at most: 3 unless set, 1 to 20.
    #[must_use]
    pub fn tries(mut self, tries: usize) -> Self {
        self.settings.tries = tries;
        self
    }

    /// How long each of them has to answer, and each handler of this process: 5 s unless set, 1 s to 10 min.
    #[must_use]
    pub fn try_limit(mut self, limit: Duration) -> Self {
        self.settings.try_limit = limit;
        self
    }

    /// The machine's unless set.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub fn build(self) -> Result<Discovery<N>, Error> {
        let settings = self.settings;
        for (what, k) in [("k", settings.k), ("query_k", settings.query_k)] {
            if !(1..=K).contains(&k) {
                return Err(Error::argument(what, k, format!("is outside 1 to {K}")));
            }
        }
        if !(1..=usize::from(K)).contains(&settings.tries) {
            return Err(Error::argument("tries", settings.tries, format!("is outside 1 to {K}")));
        }
        if !TRY_LIMITS.contains(&settings.try_limit) {
            let limit = format!("{:?}", settings.try_limit);
            return Err(Error::argument("try_limit", limit, "is outside 1 s to 10 min"));
        }
        let state = State {
            registry: ServiceRegistry::with_options(self.options)?,
            selector: Selector::new(self.selection, self.seed.unwrap_or_else(rand::random)),
            pruned_at: self.clock.now(),
        };
        let inner = Inner {
            network: self.network,
            clock: self.clock,
            settings,
            state: Mutex::new(state),
            asking: Mutex::default(),
        };
        let inner = Arc::new(inner);
        Ok(Discovery { inner })
    }
}

impl<N: Network> Discovery<N> {
    /// With the defaults.
    pub fn new(network: N) -> Self {
        Self::builder(network).build().expect("the defaults are possible")
    }

    pub fn builder(network: N) -> Builder<N> {
        Builder {
            network,
            options: Options::default(),
            settings: Settings {
                k: K,
                query_k: QUERY_K,
                tries: TRIES,
                try_limit: TRY_LIMIT,
            },
            selection: Selection::default(),
            seed: None,
            clock: Arc::new(SystemClock),
        }
    }

    #[must_use]
    pub fn network(&self) -> &N {
        &self.inner.network
    }

    /// Who offers a service: this process, or whom the cache knows, or whom the DHT knows, who are cached then. That
    /// nobody does is not cached.
    ///
    /// Where the DHT fails, what is in the cache serves until it expires. What has expired does not serve.
    pub async fn discover(&self, name: &Name) -> Result<Discovered, Error> {
        if let Some(handler) = self.inner.local_handler(name) {
            return Ok(Discovered::Local(handler));
        }
        let others = self.others(name).await?;
        Ok(match others.are_cached {
            true => Discovered::Cached(others.providers),
            false => Discovered::Found(others.providers),
        })
    }

    /// Who offers a service, by the DHT, whatever this process offers and has cached. Where it fails, what is cached stays.
    pub async fn rediscover(&self, name: &Name) -> Result<Vec<ProviderInfo>, Error> {
        Ok(self.inner.clone().ask(name.clone()).await?)
    }

    /// Who has subscribed to a topic: whom the cache knows, or whom the DHT knows, who are cached then.
    pub async fn subscribers(&self, topic: &Name) -> Result<Vec<ProviderInfo>, Error> {
        Ok(self.others(topic).await?.providers)
    }

    /// The names of the services that this process offers.
    #[must_use]
    pub fn local_services(&self) -> Vec<Name> {
        let (state, now) = self.inner.state();
        state.registry.list_local_services(now)
    }

    /// The next look-up of each service asks the DHT.
    pub fn clear_cache(&self) {
        self.inner.state().0.registry.clear_cache();
    }

    /// The next look-up of each topic asks the DHT.
    pub fn clear_subscriber_cache(&self) {
        self.inner.state().0.registry.clear_subscriber_cache();
    }

    pub(super) async fn others(&self, name: &Name) -> Result<Others, DhtError> {
        let cached = self.inner.cached(name);
        let are_cached = cached.is_some();
        let providers = match cached {
            Some(providers) => providers,
            None => self.inner.join(name).await?,
        };
        Ok(Others { providers, are_cached })
    }
}

impl<N: Network> Inner<N> {
    /// The state, and the time. Removes what has expired when that is due.
    pub(super) fn state(&self) -> (MutexGuard<'_, State>, Instant) {
        let now = self.clock.now();
        let mut state = self.state.lock().expect("no holder panics");
        if now.saturating_duration_since(state.pruned_at) >= PRUNED_EVERY {
            state.pruned_at = now;
            let registry = &mut state.registry;
            let services = registry.prune_expired(now);
            let subscribers = registry.prune_expired_subscribers(now);
            let local = registry.prune_expired_local_services(now);
            tracing::debug!(services, subscribers, local, "expired");
        }
        (state, now)
    }

    pub(super) fn local_handler(&self, name: &Name) -> Option<Handler> {
        let (state, now) = self.state();
        state.registry.get_local_handler(name, now)
    }

    fn cached(&self, name: &Name) -> Option<Vec<ProviderInfo>> {
        let (state, now) = self.state();
        let cached = match name.is_topic() {
            true => state.registry.discover_subscribers(name, Refresh::WhenExpired, now),
            false => state.registry.discover_service(name, Refresh::WhenExpired, now),
        };
        cached.map(<[_]>::to_vec)
    }

    /// What the DHT says to whoever asks for the same now. It is asked for as long as one of them waits.
    async fn join(self: &Arc<Self>, name: &Name) -> Result<Vec<ProviderInfo>, DhtError> {
        let answer: Shared<Answer> = {
            let mut asking = self.asking.lock().expect("no holder panics");
            match asking.get(name).and_then(WeakShared::upgrade) {
                Some(answer) if answer.peek().is_none() => answer,
                _ => {
                    let answer = self.clone().ask(name.clone()).boxed().shared();
                    asking.retain(|_, other| other.upgrade().is_some());
                    asking.extend(answer.downgrade().map(|answer| (name.clone(), answer)));
                    answer
                }
            }
        };
        answer.await
    }

    /// Asks the DHT, and caches what it says.
    pub(super) async fn ask(self: Arc<Self>, name: Name) -> Result<Vec<ProviderInfo>, DhtError> {
        let found = self.network.query(&name, self.settings.query_k).await?;
        if !found.is_empty() {
            let (mut state, now) = self.state();
            let registry = &mut state.registry;
            let ttl = registry.options().cache_ttl;
            let cached = match name.is_topic() {
                true => registry.cache_subscribers(&name, found.clone(), ttl, now),
                false => registry.cache_service(&name, found.clone(), ttl, now),
            };
            if let Err(error) = cached {
                tracing::warn!(%name, %error, "not cached");
            }
        }
        Ok(found)
    }
}
