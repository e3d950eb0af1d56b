//! What the network costs a node.

use rustix::time::{clock_gettime, ClockId};
use serde::Serialize;

/// What a message or a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Job {
    /// `begin_replication` and `compare_replica`: saying who holds what.
    Compare,
    /// `fetch_replica` and `take_replica`: moving what is lacking.
    Transfer,
    /// Finding the neighbourhoods of keys that lie far from a node.
    Locate,
    /// Renewal of host records, removal of what has expired.
    Upkeep,
    /// What clients publish.
    Publish,
    /// What clients look up.
    Lookup,
}

pub const JOBS: [Job; 6] = [
    Job::Compare,
    Job::Transfer,
    Job::Locate,
    Job::Upkeep,
    Job::Publish,
    Job::Lookup,
];

/// Sums for one job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Messages sent, lost ones included.
    pub messages: u64,
    /// Bytes of the arguments and results in them: what the service makes of them, without what a particle carries besides.
    pub bytes: u64,
    pub calls: u64,
    /// Native time of the service's calls.
    pub cpu_ns: u64,
}

/// Sums for all nodes together, by job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs([Cost; JOBS.len()]);

impl Costs {
    #[must_use]
    pub fn of(&self, job: Job) -> Cost {
        self.0[job as usize]
    }

    pub fn sent(&mut self, job: Job, bytes: usize) {
        let cost = &mut self.0[job as usize];
        cost.messages += 1;
        cost.bytes += bytes as u64;
    }

    /// Does a call's work and notes the time it takes on this thread.
    pub fn timed<T>(&mut self, job: Job, work: impl FnOnce() -> T) -> T {
        let begin = cpu_ns();
        let result = work();
        let cost = &mut self.0[job as usize];
        cost.calls += 1;
        cost.cpu_ns += cpu_ns().saturating_sub(begin);
        result
    }
}

/// Time this thread has computed: other processes do not count.
fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
