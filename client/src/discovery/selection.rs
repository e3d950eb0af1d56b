use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::cache::CACHED_NAMES_MAX;
use super::name::Name;
use super::provider::ProviderInfo;

/// Which of several providers is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Selection {
    /// The first that the DHT names.
    First,
    /// Any of them.
    #[default]
    Random,
    /// Each in turn, in the order of their peer ids. Between two turns of a provider, each other one has exactly one:
    /// whoever else comes and goes, among those who stay.
    RoundRobin,
}

/// Chooses. Its randomness comes from a seed.
#[derive(Debug)]
pub struct Selector {
    selection: Selection,
    random: StdRng,
    /// Whose turn it was, of each service.
    last: BTreeMap<Name, String>,
}

impl Selector {
    #[must_use]
    pub fn new(selection: Selection, seed: u64) -> Self {
        Self {
            selection,
            random: StdRng::seed_from_u64(seed),
            last: BTreeMap::new(),
        }
    }

    /// One of these, unless there are none.
    pub fn choose<'a>(&mut self, name: &Name, providers: &'a [ProviderInfo]) -> Option<&'a ProviderInfo> {
        match self.selection {
            Selection::First => providers.first(),
            Selection::Random if providers.is_empty() => None,
            Selection::Random => providers.get(self.random.gen_range(0..providers.len())),
            Selection::RoundRobin => self.next(name, providers),
        }
    }

    /// The one after the last, and after the greatest the least.
    fn next<'a>(&mut self, name: &Name, providers: &'a [ProviderInfo]) -> Option<&'a ProviderInfo> {
        let last = self.last.get(name);
        let is_later = |provider: &&ProviderInfo| last.is_some_and(|last| provider.node_id > *last);
        let least = |providers: &mut dyn Iterator<Item = &'a ProviderInfo>| providers.min_by_key(|p| &p.node_id);
        let next = least(&mut providers.iter().filter(is_later)).or_else(|| least(&mut providers.iter()))?;
        if self.last.len() >= CACHED_NAMES_MAX && !self.last.contains_key(name) {
            // Its turns begin anew.
            self.last.pop_first();
        }
        self.last.insert(name.clone(), next.node_id.clone());
        Some(next)
    }
}
