//! Random histories of one key, against the naive model of the testkit.

use proptest::prelude::*;
use registry_testkit::model::{History, Step, HOST_ISSUERS, PROVIDERS, STEP_SEC};

use crate::support::HOUR;

fn step() -> impl Strategy<Value = Step> {
    let ago = || 0..4_u64;
    let weight = || prop_oneof![3 => Just(None), 1 => (0..3_u32).prop_map(Some)];
    let picks = || prop::collection::vec(any::<u16>(), 1..12);
    prop_oneof![
        40 => (0..PROVIDERS, any::<bool>(), 0..3_u8, (ago(), ago()), weight())
            .prop_map(|(provider, agency, service, ago, weight)| Step::Put { provider, agency, service, ago, weight }),
        8 => (picks(), weight()).prop_map(|(picks, weight)| Step::Republish(picks, weight)),
        6 => (0..PROVIDERS, any::<bool>(), ago())
            .prop_map(|(provider, agency, ago)| Step::Tombstone { provider, agency, ago }),
        1 => (0..HOST_ISSUERS, ago()).prop_map(|(issuer, ago)| Step::TombstoneOfHostRecord { issuer, ago }),
        2 => picks().prop_map(Step::RepublishTombstones),
        3 => (0..HOST_ISSUERS, ago()).prop_map(|(issuer, ago)| Step::PutHostRecord { issuer, ago }),
        2 => Just(Step::Renew),
        8 => (0..3_u64).prop_map(Step::Clock),
        2 => prop_oneof![Just(6 * 6), Just(12 * 6), Just(24 * 6), Just(48 * 6)].prop_map(Step::Clock),
        3 => Just(Step::ClearExpired),
        3 => Just(Step::Evict),
        3 => Just(Step::Read),
        2 => Just(Step::Register),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_node_holds_what_the_rules_say_whatever_happens(steps in prop::collection::vec(step(), 20..200)) {
        let mut history = History::default();
        history.take(Step::Register);
        for step in steps {
            history.take(step);
            history.check();
        }
    }
}

#[test]
fn what_was_never_passed_on_stays_urgent_when_its_key_is_registered_anew() {
    let mut history = History::default();
    for step in [
        Step::Register,
        Step::PutHostRecord { issuer: 1, ago: 1 },
        Step::TombstoneOfHostRecord { issuer: 1, ago: 0 },
        Step::Clock(48 * 6),
        Step::Register,
    ] {
        history.take(step);
        history.check();
    }
}

#[test]
fn the_histories_reach_a_full_key() {
    let mut history = History::default();
    history.take(Step::Register);
    for provider in 0..PROVIDERS {
        for agency in [false, true] {
            history.take(Step::Put {
                provider,
                agency,
                service: 0,
                ago: (0, 0),
                weight: None,
            });
            history.check();
        }
    }
    assert_eq!(history.entry_count(), 32);
    assert!(HOUR.is_multiple_of(STEP_SEC));
}
