use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::error::Error;
use super::handler::Handler;
use super::name::Name;
use super::provider::{Metadata, ProviderInfo};

/// Services that one process offers.
pub const LOCAL_SERVICES_MAX: usize = 1_024;
/// The longest that anything is kept.
const TTL_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The shortest time for which something is advertised: it is advertised anew every 10 s at the most.
const ADVERTISED_MIN: Duration = Duration::from_secs(20);

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// An advertisement in the DHT: 300 s unless set; 20 s to 24 h.
    pub default_ttl: Duration,
    /// What was discovered, in the cache, at most: 60 s unless set; up to 24 h. 0 caches nothing.
    pub cache_ttl: Duration,
    /// A local service that nobody advertises anew: 300 s unless set; up to 24 h.
    pub service_ttl: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_ttl: Duration::from_secs(300),
            cache_ttl: Duration::from_secs(60),
            service_ttl: Duration::from_secs(300),
        }
    }
}

impl Options {
    fn checked(self) -> Result<Self, Error> {
        let within = |what, ttl: Duration, min: Duration| {
            if (min..=TTL_MAX).contains(&ttl) {
                return Ok(());
            }
            let reason = format!("is outside {min:?} to {TTL_MAX:?}");
            Err(Error::argument(what, format!("{ttl:?}"), reason))
        };
        within("default_ttl", self.default_ttl, ADVERTISED_MIN)?;
        within("cache_ttl", self.cache_ttl, Duration::ZERO)?;
        within("service_ttl", self.service_ttl, Duration::ZERO)?;
        Ok(self)
    }
}

/// Whether what is cached will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refresh {
    /// As long as it has not expired.
    #[default]
    WhenExpired,
    /// It will not: always a miss. What is cached stays.
    Force,
}

/// What one process offers, and whom it has discovered: a value that knows no network and no clock.
///
/// ```
/// use std::time::{Duration, Instant};
/// use registry_client::discovery::{Handler, Metadata, Name, Refresh, ServiceRegistry};
/// use serde_json::json;
///
/// let (mut registry, now) = (ServiceRegistry::new(), Instant::now());
/// let get: Name = "energy.home.get".parse()?;
/// let handler = Handler::new(|_| async { Ok(json!(230)) });
/// registry.advertise_local(&get, handler, Metadata::new(), now)?;
/// assert_eq!(registry.list_local_services(now), [get.clone()]);
///
/// registry.cache_service(&get, Vec::new(), Duration::from_secs(30), now)?;
/// let later = now + Duration::from_secs(30);
/// assert!(registry.discover_service(&get, Refresh::WhenExpired, now).is_some());
/// assert!(registry.discover_service(&get, Refresh::WhenExpired, later).is_none());
/// assert_eq!(registry.prune_expired(later), 1);
/// # Ok::<(), registry_client::discovery::Error>(())
/// ```
#[derive(Debug)]
pub struct ServiceRegistry {
    options: Options,
    local: BTreeMap<Name, Local>,
    services: Cache,
    subscribers: Cache,
    holders: u64,
}

impl Default for ServiceRegistry {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Local {
    handler: Handler,
    metadata: Metadata,
    at: Instant,
    /// Who keeps it alive: while somebody does, it does not expire.
    held_by: Option<Holder>,
}

/// Whoever keeps a local service alive. Each has a number of its own, so that one that was replaced takes nothing away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder(u64);

impl ServiceRegistry {
    /// With the default [`Options`].
    #[must_use]
    pub fn new() -> Self {
        Self::of(Options::default())
    }

    pub fn with_options(options: Options) -> Result<Self, Error> {
        Ok(Self::of(options.checked()?))
    }

    fn of(options: Options) -> Self {
        Self {
            options,
            local: BTreeMap::new(),
            services: Cache::new(options.cache_ttl),
            subscribers: Cache::new(options.cache_ttl),
            holders: 0,
        }
    }

    #[must_use]
    pub fn options(&self) -> Options {
        self.options
    }

    /// Stores the handler of a service, in the place of an earlier one. It is there for `service_ttl`: advertise it again
    /// before, or have an [`Advertiser`](super::Advertiser) hold it.
    pub fn advertise_local(
        &mut self,
        name: &Name,
        handler: Handler,
        metadata: Metadata,
        now: Instant,
    ) -> Result<(), Error> {
        self.put_local(name, handler, metadata, None, now)
    }

    /// Removes the handler. Says whether there was one.
    pub fn unadvertise_local(&mut self, name: &Name) -> bool {
        self.local.remove(name).is_some()
    }

    /// The handler of a service that this process offers.
    #[must_use]
    pub fn get_local_handler(&self, name: &Name, now: Instant) -> Option<Handler> {
        self.live(name, now).map(|local| local.handler.clone())
    }

    /// What the service says of itself.
    #[must_use]
    pub fn get_local_metadata(&self, name: &Name, now: Instant) -> Option<&Metadata> {
        self.live(name, now).map(|local| &local.metadata)
    }

    /// The names of the services that this process offers, sorted.
    #[must_use]
    pub fn list_local_services(&self, now: Instant) -> Vec<Name> {
        let live = self.local.iter().filter(|(_, local)| !self.is_over(local, now));
        live.map(|(name, _)| name.clone()).collect()
    }

    /// Caches who provides a service, for `ttl`, and for `cache_ttl` at most.
    pub fn cache_service(
        &mut self,
        name: &Name,
        providers: Vec<ProviderInfo>,
        ttl: Duration,
        now: Instant,
    ) -> Result<(), Error> {
        self.services.put(name, providers, ttl, now)
    }

    /// Who provides a service, as far as the cache knows; none is a miss: ask the DHT.
    #[must_use]
    pub fn discover_service(&self, name: &Name, refresh: Refresh, now: Instant) -> Option<&[ProviderInfo]> {
        match refresh {
            Refresh::WhenExpired => self.services.get(name, now),
            Refresh::Force => None,
        }
    }

    /// Caches who has subscribed to a topic, apart from services.
    pub fn cache_subscribers(
        &mut self,
        topic: &Name,
        subscribers: Vec<ProviderInfo>,
        ttl: Duration,
        now: Instant,
    ) -> Result<(), Error> {
        self.subscribers.put(topic, subscribers, ttl, now)
    }

    /// Who has subscribed to a topic, as far as the cache knows; none is a miss: ask the DHT.
    #[must_use]
    pub fn discover_subscribers(&self, topic: &Name, refresh: Refresh, now: Instant) -> Option<&[ProviderInfo]> {
        match refresh {
            Refresh::WhenExpired => self.subscribers.get(topic, now),
            Refresh::Force => None,
        }
    }

    pub fn clear_cache(&mut self) {
        self.services.clear();
    }

    pub fn clear_subscriber_cache(&mut self) {
        self.subscribers.clear();
    }

    /// Removes cached services that have expired. Says how many.
    pub fn prune_expired(&mut self, now: Instant) -> usize {
        self.services.prune(now)
    }

    /// Removes local services that have expired. Says how many.
    pub fn prune_expired_local_services(&mut self, now: Instant) -> usize {
        let over: Vec<Name> = self
            .local
            .iter()
            .filter(|(_, local)| self.is_over(local, now))
            .map(|(name, _)| name.clone())
            .collect();
        over.iter().for_each(|name| drop(self.local.remove(name)));
        over.len()
    }

    /// Removes cached topics that have expired. Says how many.
    pub fn prune_expired_subscribers(&mut self, now: Instant) -> usize {
        self.subscribers.prune(now)
    }

    /// A provider that does not answer is not offered from the cache again.
    pub fn forget_provider(&mut self, name: &Name, provider: &ProviderInfo) {
        self.services.forget(name, provider);
    }

    /// As [`ServiceRegistry::advertise_local`], and it stays until its holder lets go.
    pub(super) fn hold_local(
        &mut self,
        name: &Name,
        handler: Handler,
        metadata: Metadata,
        now: Instant,
    ) -> Result<Holder, Error> {
        self.holders += 1;
        let holder = Holder(self.holders);
        self.put_local(name, handler, metadata, Some(holder), now)?;
        Ok(holder)
    }

    /// Whether it is this one that keeps the service alive, and no later one.
    pub(super) fn is_held_by(&self, name: &Name, holder: Holder) -> bool {
        self.local.get(name).is_some_and(|local| local.held_by == Some(holder))
    }

    /// Removes the service if it is this one that keeps it alive. Says whether it was.
    pub(super) fn let_go(&mut self, name: &Name, holder: Holder) -> bool {
        self.is_held_by(name, holder) && self.unadvertise_local(name)
    }

    fn put_local(
        &mut self,
        name: &Name,
        handler: Handler,
        metadata: Metadata,
        held_by: Option<Holder>,
        now: Instant,
    ) -> Result<(), Error> {
        let is_new = !self.local.contains_key(name);
        if is_new && self.local.len() >= LOCAL_SERVICES_MAX && self.prune_expired_local_services(now) == 0 {
            return Err(Error::TooMany {
                what: "local services",
                count: self.local.len() + 1,
                max: LOCAL_SERVICES_MAX,
                way_out: "unadvertise one of them",
            });
        }
        let local = Local {
            handler,
            metadata,
            at: now,
            held_by,
        };
        self.local.insert(name.clone(), local);
        Ok(())
    }

    fn live(&self, name: &Name, now: Instant) -> Option<&Local> {
        self.local.get(name).filter(|local| !self.is_over(local, now))
    }

    fn is_over(&self, local: &Local, now: Instant) -> bool {
        local.held_by.is_none() && now.saturating_duration_since(local.at) >= self.options.service_ttl
    }
}
