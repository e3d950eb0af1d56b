//! Random histories of one key against the naive model.

use registry_testkit::model::{History, Step, HOST_ISSUERS, PROVIDERS};

use crate::input::Source;
use crate::memory::Memory;
use crate::probe;

const STEPS_MAX: usize = 60;
/// Clock steps that bring things to their borders, in units of the model's.
const LEAPS: [u64; 4] = [6 * 6, 12 * 6, 24 * 6, 48 * 6];

pub(super) fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut history = History::<Memory>::over(":memory:");
    history.take(Step::Register);
    for _ in 0..STEPS_MAX {
        if source.is_empty() {
            break;
        }
        if source.rarely(64) {
            crowd(&mut history, &mut source);
        }
        let step = step(&mut source);
        probe::say(|| format!("{step:?}"));
        probe::note("step", name(&step));
        history.take(step);
        history.check();
    }
    probe::note(
        "entries",
        ["none", "some", "many", "full"][history.entry_count().div_ceil(16).min(3)],
    );
}

/// Every provider at once.
fn crowd(history: &mut History<Memory>, source: &mut Source<'_>) {
    let ago = (source.below(4) as u64, source.below(4) as u64);
    for provider in 0..PROVIDERS {
        history.take(Step::Put {
            provider,
            agency: source.below(2) == 1,
            service: source.below(3) as u8,
            ago,
            weight: None,
        });
    }
}

fn step(source: &mut Source<'_>) -> Step {
    let ago = source.below(4) as u64;
    match source.below(32) {
        0..=11 => Step::Put {
            provider: source.below(PROVIDERS),
            agency: source.below(2) == 1,
            service: source.below(3) as u8,
            ago: (ago, source.below(4) as u64),
            weight: weight(source),
        },
        12..=13 => Step::Republish(picks(source), weight(source)),
        14..=16 => Step::Tombstone {
            provider: source.below(PROVIDERS),
            agency: source.below(2) == 1,
            ago,
        },
        17 => Step::TombstoneOfHostRecord {
            issuer: source.below(HOST_ISSUERS),
            ago,
        },
        18..=19 => Step::RepublishTombstones(picks(source)),
        20..=21 => Step::PutHostRecord {
            issuer: source.below(HOST_ISSUERS),
            ago,
        },
        22 => Step::Renew,
        23..=25 => Step::Clock(source.below(4) as u64),
        26 => Step::Clock(*source.pick(&LEAPS)),
        27 => Step::ClearExpired,
        28..=29 => Step::Evict,
        30 => Step::Read,
        _ => Step::Register,
    }
}

fn weight(source: &mut Source<'_>) -> Option<u32> {
    match source.below(8) {
        0..=5 => None,
        weight => Some(weight as u32 - 6),
    }
}

fn picks(source: &mut Source<'_>) -> Vec<u16> {
    (0..1 + source.below(11)).map(|_| source.number() as u16).collect()
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Clock(_) => "clock",
        Step::Register => "register",
        Step::Read => "read",
        Step::Put { .. } => "put",
        Step::Republish(..) => "republish",
        Step::Tombstone { .. } => "tombstone",
        Step::TombstoneOfHostRecord { .. } => "tombstone-of-host-record",
        Step::RepublishTombstones(_) => "republish-tombstones",
        Step::PutHostRecord { .. } => "put-host-record",
        Step::Renew => "renew",
        Step::ClearExpired => "clear-expired",
        Step::Evict => "evict",
    }
}
