//! What was checked, and what did not hold.

use std::collections::BTreeMap;

use serde::Serialize;

/// So many violations of each rule are told in full; all are counted.
const TOLD_MAX: u64 = 5;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Rule {
    /// A key with a live provider resolves, whichever node is asked.
    Resolves,
    /// The record of a live node lies in the neighbourhood of its key.
    HostRecordThere,
    /// What was deleted is read by nobody an interval later, and lies nowhere three intervals later.
    StaysDeleted,
    /// An unused key is gone an interval after its time.
    UnusedGoes,
    /// A tombstone is gone an interval after its time.
    TombstonesGo,
    /// No node refuses a call of its own scripts.
    NothingRefused,
}

/// Checks and violations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub checks: BTreeMap<Rule, u64>,
    pub violations: BTreeMap<Rule, u64>,
    pub told: Vec<String>,
    /// Reads of three nodes that did not see the record of a live node yet, which its neighbourhood holds.
    pub host_records_read_late: u64,
    /// Reads that showed what had been deleted less than an interval ago.
    pub deleted_read_early: u64,
    /// Renewals of records that the node's clock has not reached yet.
    pub renewals_put_off: u64,
    pub departures: u64,
    pub restarts: u64,
    pub published: u64,
    pub publish_failures: u64,
    pub rounds: u64,
    /// Far keys whose neighbourhoods nodes have looked up.
    pub keys_located: u64,
    pub keys_taken: u64,
    pub keys_exchanged: u64,
    pub keys_dropped: u64,
    /// Lookups of keys that must be found since the last census, and how many found them.
    #[serde(skip)]
    pub(crate) window: (u64, u64),
}

impl Outcome {
    pub(crate) fn check(&mut self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        *self.checks.entry(rule).or_default() += 1;
        if holds {
            return;
        }
        let count = self.violations.entry(rule).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            self.told.push(format!("{rule:?}: {}", what()));
        }
    }

    #[must_use]
    pub fn violated(&self) -> bool {
        !self.violations.is_empty()
    }

    /// Lookups that found a key with a live provider, and all lookups of such keys.
    #[must_use]
    pub fn resolved(&self) -> (u64, u64) {
        let checks = self.checks.get(&Rule::Resolves).copied().unwrap_or(0);
        let failed = self.violations.get(&Rule::Resolves).copied().unwrap_or(0);
        (checks - failed, checks)
    }

    #[must_use]
    pub fn check_count(&self) -> u64 {
        self.checks.values().sum()
    }
}
