//! What holds whatever happens. What fails is shrunk, printed, and kept with its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use registry_client::discovery::{Name, Options, ProviderInfo, Refresh, Selection, Selector, ServiceRegistry};

use crate::stage::{get, name, provider};

#[derive(Debug, Clone)]
enum Step {
    Cache { of: u8, ttl_ms: u64 },
    Pass { ms: u64 },
    Prune,
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..4u8, 0..3_000u64).prop_map(|(of, ttl_ms)| Step::Cache { of, ttl_ms }),
        5 => (0..1_500u64).prop_map(|ms| Step::Pass { ms }),
        2 => Just(Step::Prune),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..60)
}

fn named(of: u8) -> Name {
    name(&format!("n{of}"))
}

fn is_hit(registry: &ServiceRegistry, of: u8, now: Instant) -> bool {
    let found = registry.discover_service(&named(of), Refresh::WhenExpired, now);
    let forced = registry.discover_service(&named(of), Refresh::Force, now);
    assert_eq!(forced, None);
    found.is_some()
}

/// Between two turns of one provider that stays, each other that stays has exactly one.
fn is_fair(turns: &[(String, BTreeSet<String>)]) -> bool {
    turns.iter().enumerate().all(|(from, (chosen, _))| {
        let Some(until) = (from + 1..turns.len()).find(|index| turns[*index].0 == *chosen) else {
            return true;
        };
        let stays = |id: &&String| turns[from..=until].iter().all(|(_, there)| there.contains(*id));
        let turns_of = |id: &String| turns[from + 1..until].iter().filter(|(chosen, _)| chosen == id).count();
        let mut others = turns[from].1.iter().filter(|id| *id != chosen).filter(stays);
        !stays(&chosen) || others.all(|id| turns_of(id) == 1)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A hit is what was cached last and is younger than both times; pruning counts what is older.
    #[test]
    fn the_cache_hits_exactly_while_an_entry_is_young(steps in steps(), cache_ttl_ms in 0..2_500u64) {
        let cache_ttl = Duration::from_millis(cache_ttl_ms);
        let mut registry = ServiceRegistry::with_options(Options { cache_ttl, ..Options::default() }).unwrap();
        let mut now = Instant::now();
        let mut model: BTreeMap<u8, (Instant, Duration)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Cache { of, ttl_ms } => {
                    let ttl = Duration::from_millis(ttl_ms);
                    registry.cache_service(&named(of), vec![provider("a")], ttl, now).unwrap();
                    model.insert(of, (now, ttl.min(cache_ttl)));
                }
                Step::Pass { ms } => now += Duration::from_millis(ms),
                Step::Prune => {
                    let before = model.len();
                    model.retain(|_, (at, ttl)| now - *at < *ttl);
                    prop_assert_eq!(registry.prune_expired(now), before - model.len());
                }
                Step::Clear => {
                    registry.clear_cache();
                    model.clear();
                }
            }
            for of in 0..4 {
                let expected = model.get(&of).is_some_and(|(at, ttl)| now - *at < *ttl);
                prop_assert_eq!(is_hit(&registry, of, now), expected, "n{}", of);
            }
        }
    }

    /// Among those who stay, nobody has a second turn before everybody has had one.
    #[test]
    fn round_robin_is_fair_whoever_comes_and_goes(
        there in prop::collection::vec(prop::collection::btree_set("[a-f]", 1..6), 1..40),
        order in any::<bool>(),
    ) {
        let mut selector = Selector::new(Selection::RoundRobin, 0);
        let turns: Vec<(String, BTreeSet<String>)> = there.into_iter().map(|there| {
            let mut providers: Vec<ProviderInfo> = there.iter().map(|id| provider(id)).collect();
            if order {
                providers.reverse();
            }
            let chosen = selector.choose(&get(), &providers).unwrap().node_id.clone();
            (chosen, there)
        }).collect();
        prop_assert!(is_fair(&turns), "{:?}", turns);
    }

    /// Of those who stay the same, each has as many turns as any other, of each service by itself.
    #[test]
    fn round_robin_gives_all_the_same_number_of_turns(count in 1..12usize, rounds in 1..6usize) {
        let providers: Vec<ProviderInfo> = (0..count).map(|index| provider(&format!("p{index}"))).collect();
        let mut selector = Selector::new(Selection::RoundRobin, 0);
        for of in [get(), name("other.x")] {
            let mut turns: BTreeMap<String, usize> = BTreeMap::new();
            for _ in 0..count * rounds {
                *turns.entry(selector.choose(&of, &providers).unwrap().node_id.clone()).or_default() += 1;
            }
            prop_assert_eq!(turns.len(), count);
            prop_assert!(turns.values().all(|turns| *turns == rounds), "{:?}", turns);
        }
    }

    /// One seed, one sequence; and all have a chance.
    #[test]
    fn random_selection_is_the_same_for_a_seed_and_reaches_everybody(seed in any::<u64>(), count in 1..6usize) {
        let providers: Vec<ProviderInfo> = (0..count).map(|index| provider(&format!("p{index}"))).collect();
        let chosen = || {
            let mut selector = Selector::new(Selection::Random, seed);
            let turns = (0..200).map(|_| selector.choose(&get(), &providers).unwrap().node_id.clone());
            turns.collect::<Vec<_>>()
        };
        prop_assert_eq!(chosen(), chosen());
        prop_assert_eq!(chosen().into_iter().collect::<BTreeSet<_>>().len(), count);
    }
}

#[test]
fn the_first_is_the_first_and_of_nobody_nobody_is_chosen() {
    let providers = ["b", "a"].map(provider);
    let mut selector = Selector::new(Selection::First, 0);
    assert_eq!(selector.choose(&get(), &providers), Some(&providers[0]));
    for selection in [Selection::First, Selection::Random, Selection::RoundRobin] {
        assert_eq!(Selector::new(selection, 0).choose(&get(), &[]), None);
    }
    assert_eq!(Selection::default(), Selection::Random);
}
