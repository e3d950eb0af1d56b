//! One execution of a target, its panic caught.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use rustix::time::{clock_gettime, ClockId};

use crate::{memory, probe};

/// An execution that takes more of a processor's time is a finding.
const SLOW: Duration = Duration::from_secs(10);
/// The place of what takes too long.
pub(super) const CLOCK: &str = "the clock";

/// What came of an input.
#[derive(Debug)]
pub struct Execution {
    pub outcomes: Vec<String>,
    pub took: Duration,
    pub failure: Option<Failure>,
}

/// What is wrong with the registry, or with the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where: failures of one place are one.
    pub place: String,
    pub message: String,
}

thread_local! {
    static PANIC: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Keeps panics of executions off the terminal while `work` runs.
pub fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, ToString::to_string);
        let payload = info.payload();
        let message = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default();
        PANIC.set(Some(Failure { place, message }));
    }));
    let outcome = work();
    panic::set_hook(usual);
    outcome
}

/// The time that this thread has had a processor: a busy machine makes no execution slow.
pub(super) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Runs a target on an input, within [`quietly`].
pub fn execute(target: fn(&[u8]), input: &[u8]) -> Execution {
    let began = thread_time();
    let mut outcomes = Vec::new();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        outcomes = probe::collect(|| target(input));
    }));
    // A panic may have left it on.
    memory::fail_after(None);
    let took = thread_time() - began;
    let slow = (took > SLOW).then(|| Failure {
        place: CLOCK.to_owned(),
        message: format!("it took {took:?}"),
    });
    let failure = match caught {
        Ok(()) => slow,
        Err(_) => Some(PANIC.take().unwrap_or_else(|| Failure {
            place: "unknown".to_owned(),
            message: "a panic".to_owned(),
        })),
    };
    Execution {
        outcomes,
        took,
        failure,
    }
}
