use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::Error;
use super::name::Name;
use super::provider::ProviderInfo;

/// Names in one cache. Beyond it the oldest makes room.
pub const CACHED_NAMES_MAX: usize = 1_024;
/// Providers of one name in a cache.
pub const CACHED_PROVIDERS_MAX: usize = 1_024;

/// Who was found under which name, and when.
#[derive(Debug)]
pub(super) struct Cache {
    ttl_max: Duration,
    entries: BTreeMap<Name, Entry>,
}

#[derive(Debug)]
struct Entry {
    providers: Vec<ProviderInfo>,
    at: Instant,
    ttl: Duration,
}

impl Entry {
    fn is_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= self.ttl
    }
}

impl Cache {
    pub(super) fn new(ttl_max: Duration) -> Self {
        let entries = BTreeMap::new();
        Self { ttl_max, entries }
    }

    pub(super) fn put(
        &mut self,
        name: &Name,
        providers: Vec<ProviderInfo>,
        ttl: Duration,
        now: Instant,
    ) -> Result<(), Error> {
        if providers.len() > CACHED_PROVIDERS_MAX {
            return Err(Error::TooMany {
                what: "providers to cache",
                count: providers.len(),
                max: CACHED_PROVIDERS_MAX,
                way_out: "cache some of them",
            });
        }
        if self.entries.len() >= CACHED_NAMES_MAX && !self.entries.contains_key(name) {
            self.make_room(now);
        }
        let ttl = ttl.min(self.ttl_max);
        self.entries.insert(
            name.clone(),
            Entry {
                providers,
                at: now,
                ttl,
            },
        );
        Ok(())
    }

    pub(super) fn get(&self, name: &Name, now: Instant) -> Option<&[ProviderInfo]> {
        let entry = self.entries.get(name).filter(|entry| !entry.is_expired(now))?;
        Some(&entry.providers)
    }

    /// A provider that is known not to answer is left out. Whoever is left stays for as long as before; where nobody is,
    /// the name is a miss.
    pub(super) fn forget(&mut self, name: &Name, gone: &ProviderInfo) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        entry.providers.retain(|provider| !provider.is_at_same(gone));
        if entry.providers.is_empty() {
            self.entries.remove(name);
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Removes what has expired. Says how many names.
    pub(super) fn prune(&mut self, now: Instant) -> usize {
        let before = self.entries.len();
        self.entries.retain(|_, entry| !entry.is_expired(now));
        before - self.entries.len()
    }

    fn make_room(&mut self, now: Instant) {
        if self.prune(now) > 0 {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.at);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.entries.remove(&name);
        }
    }
}
