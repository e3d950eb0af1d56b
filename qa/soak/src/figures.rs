//! What a run did and found.

use serde::Serialize;

/// How many violations are kept in words.
pub const VIOLATIONS_MAX: usize = 50;

/// The state of the process once in a while, to see whether it grows.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    /// Virtual hours since the start.
    pub hour: f64,
    /// Resident memory of the process, where the system tells it.
    pub resident_mib: Option<u64>,
    /// Linear memory of all services.
    pub services_mib: u64,
    /// Nodes that were ever there.
    pub nodes_ever: u64,
    /// Of all nodes that are up, by `get_stats`: keys, those due, for how long the longest due on any of them is, and those
    /// that are partial.
    pub keys: u64,
    pub keys_due: u64,
    pub oldest_due_sec: u64,
    pub keys_partial: u64,
}

/// What a run did and found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Lookups that were judged.
    pub checks: u64,
    /// Live providers that these lookups had to find, all together.
    pub providers_expected: u64,
    /// Lookups that had to be started again because no answer came: the messages between client and relay are lost, too.
    pub lookups_unanswered: u64,
    /// Lookups that had to be started again because the answer lacked a live provider, and said that too few nodes had
    /// answered.
    pub lookups_short: u64,
    /// How often one lookup was started again at most, for each of these reasons.
    pub unanswered_in_a_row: u64,
    pub short_in_a_row: u64,
    /// Lookups whose first answer lacked a live provider, while a second lookup found it.
    pub lookups_incomplete: u64,
    /// Lookups that returned a provider that had been deleted less than an interval before: the nodes that answered did
    /// not know yet.
    pub deletions_on_their_way: u64,
    /// Lookups at `ack` 1 that lacked a provider which had registered less than two intervals before: the node that
    /// answered did not know yet.
    pub registrations_on_their_way: u64,
    /// Providers that a lookup at a higher `ack` lacked, twice, in the first interval: each node that answered had missed the
    /// registration by chance, and most of the others hold it.
    pub registrations_missed: u64,
    /// Looks into nodes that have just joined: whether their answers count too early, or too late.
    pub newcomer_checks: u64,
    /// Comparisons that a liar has made with others about keys, and how many keys these then put off.
    pub keys_lied_about: u64,
    pub keys_put_off: u64,
    /// How long it took until all replicas agreed, in seconds, each time that was waited for.
    pub agreed_after_sec: Vec<u64>,
    /// Copies that did not agree yet when an interval, or what else a scenario allows, was over.
    pub copies_late: u64,
    /// Looks into nodes, past the lookups: unused keys, tombstones, replicas that must be equal.
    pub state_checks: u64,
    /// Writes: registrations and deletions.
    pub writes: u64,
    /// Writes that had to be repeated.
    pub writes_repeated: u64,
    pub resources: u64,
    pub providers_deleted: u64,
    pub unused_keys: u64,
    pub nodes_replaced: u64,
    pub restarts: u64,
    pub kills_midway: u64,
    /// Runs of spells.
    pub spell_runs: u64,
    /// Runs that did not end in a response: the node was killed, or its particle expired.
    pub spell_runs_cut_short: u64,
    /// Rounds of replication that had something to do.
    pub rounds: u64,
    /// What runs of spells have sent, and their time in AquaVM and in services.
    pub spell_bytes: u64,
    pub spell_avm_sec: f64,
    pub spell_services_sec: f64,
    /// Hours in which a node held a key, of all nodes and keys: what the bytes are divided by.
    pub key_hours: f64,
    /// Jobs that a spell reported as failed.
    pub spell_jobs_failed: u64,
    /// What failed jobs said, the first of it.
    pub spell_errors: Vec<String>,
    pub messages: u64,
    pub messages_lost: u64,
    pub virtual_hours: f64,
    pub wall_sec: f64,
    /// Tells runs apart: everything that happened, hashed.
    pub digest: String,
    pub samples: Vec<Sample>,
    pub violation_count: u64,
    pub violations: Vec<String>,
}

impl Figures {
    /// What replication, renewal and clearing have sent for a key on a node in an hour.
    #[must_use]
    pub fn bytes_per_key_hour(&self) -> f64 {
        self.spell_bytes as f64 / self.key_hours.max(1.0)
    }

    pub(crate) fn violation(&mut self, text: String) {
        self.violation_count += 1;
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(text);
        }
    }
}

/// Resident memory of this process, from Linux's /proc.
pub(crate) fn resident_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
