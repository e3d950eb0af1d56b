//! The targets. Each is a plain function over bytes and panics where it finds something.

mod history;
mod ids;
mod keys;
mod lookup;
mod merge;
mod packed;
mod particle;
mod publish;
mod records;
mod replication;
mod rows;
mod signatures;
mod stage;
mod tombstones;
mod upkeep;

use self::stage::Stage;
use crate::input::Source;

/// One concern, and what tries it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    /// What is tried, in a few words.
    pub about: &'static str,
    pub run: fn(&[u8]),
    /// Where executions are counted, the target's share of them: one for those that call a node, more for those of which
    /// many take as long as one such call.
    pub share: u64,
    /// The exported functions that it calls, or whose way it takes.
    pub functions: &'static [&'static str],
}

/// All targets.
pub const ALL: [Target; 14] = [
    Target {
        name: "keys",
        about: "hostile calls that register and read keys",
        run: keys,
        share: 1,
        functions: keys::FUNCTIONS,
    },
    Target {
        name: "records",
        about: "hostile calls that put and read records, host records among them",
        run: records,
        share: 1,
        functions: records::FUNCTIONS,
    },
    Target {
        name: "tombstones",
        about: "hostile calls that add and read tombstones",
        run: tombstones,
        share: 1,
        functions: tombstones::FUNCTIONS,
    },
    Target {
        name: "publish",
        about: "hostile calls that spread over a neighbourhood",
        run: publish,
        share: 1,
        functions: publish::FUNCTIONS,
    },
    Target {
        name: "lookup",
        about: "hostile calls and answers of lookups",
        run: lookup,
        share: 1,
        functions: lookup::FUNCTIONS,
    },
    Target {
        name: "upkeep",
        about: "hostile calls of the upkeep: renewal, replication, clearing, timeouts",
        run: upkeep,
        share: 1,
        functions: upkeep::FUNCTIONS,
    },
    Target {
        name: "replication",
        about: "hostile rounds of replication: bundles, digests, answers, receipts",
        run: replication,
        share: 1,
        functions: replication::FUNCTIONS,
    },
    Target {
        name: "history",
        about: "histories of a key against the naive model",
        run: history,
        share: 1,
        functions: &[],
    },
    Target {
        name: "merge",
        about: "merging of records and keys against a plain implementation, and its laws",
        run: merge,
        share: 6,
        functions: merge::FUNCTIONS,
    },
    Target {
        name: "packed",
        about: "packed lists and keys: round trips, garbage, bounds",
        run: packed,
        share: 60,
        functions: &[],
    },
    Target {
        name: "ids",
        about: "key ids, peer ids and neighbourhoods against plain implementations",
        run: ids,
        share: 30,
        functions: ids::FUNCTIONS,
    },
    Target {
        name: "signatures",
        about: "signatures of every kind of key, changed, against other implementations",
        run: signatures,
        share: 30,
        functions: &[],
    },
    Target {
        name: "particle",
        about: "messages that carry particles: round trips, changed bytes, garbage, bounds",
        run: particle,
        share: 30,
        functions: &[],
    },
    Target {
        name: "rows",
        about: "a database whose rows are damaged",
        run: rows,
        share: 1,
        functions: &[],
    },
];

/// The target of this name.
pub fn named(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// What one call of a group of exported functions does.
type Step = fn(&mut Stage<'_>);

const GROUPS: [Step; 7] = [
    keys::step,
    records::step,
    tombstones::step,
    publish::step,
    lookup::step,
    upkeep::step,
    replication::step,
];

/// Calls in one execution: few mostly, because most is found by one after another.
const CALLS: [usize; 8] = [1, 2, 2, 3, 3, 4, 6, 12];

/// A few calls on one node, of one group mostly.
fn calls(bytes: &[u8], own: Step) {
    let mut stage = Stage::new(Source::new(bytes));
    let calls = *stage.source.pick(&CALLS);
    for _ in 0..calls {
        if stage.source.is_empty() {
            break;
        }
        match stage.source.below(6) {
            0..=4 => own(&mut stage),
            _ => stage.source.pick(&GROUPS)(&mut stage),
        }
    }
    stage.audit();
}

pub fn keys(bytes: &[u8]) {
    calls(bytes, keys::step);
}

pub fn records(bytes: &[u8]) {
    calls(bytes, records::step);
}

pub fn tombstones(bytes: &[u8]) {
    calls(bytes, tombstones::step);
}

pub fn publish(bytes: &[u8]) {
    calls(bytes, publish::step);
}

pub fn lookup(bytes: &[u8]) {
    calls(bytes, lookup::step);
}

pub fn upkeep(bytes: &[u8]) {
    calls(bytes, upkeep::step);
}

pub fn replication(bytes: &[u8]) {
    calls(bytes, replication::step);
}

pub fn history(bytes: &[u8]) {
    history::run(bytes);
}

pub fn merge(bytes: &[u8]) {
    merge::run(bytes);
}

pub fn packed(bytes: &[u8]) {
    packed::run(bytes);
}

pub fn ids(bytes: &[u8]) {
    ids::run(bytes);
}

pub fn signatures(bytes: &[u8]) {
    signatures::run(bytes);
}

pub fn particle(bytes: &[u8]) {
    particle::run(bytes);
}

pub fn rows(bytes: &[u8]) {
    rows::run(bytes);
}
