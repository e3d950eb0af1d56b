use super::error::Error;
use super::limits::*;

/// How long things live on this node, in seconds. Every comparison saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub stale_sec: u64,
    pub expired_sec: u64,
    pub host_expired_sec: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            stale_sec: STALE_TIMEOUT_DEFAULT_SEC,
            expired_sec: EXPIRED_TIMEOUT_DEFAULT_SEC,
            host_expired_sec: HOST_EXPIRED_TIMEOUT_DEFAULT_SEC,
        }
    }
}

impl Timeouts {
    /// # Errors
    /// [`Error::TimeoutOutOfRange`].
    pub fn check_range(given: u64) -> Result<u64, Error> {
        if (TIMEOUT_MIN_SEC..=TIMEOUT_MAX_SEC).contains(&given) {
            return Ok(given);
        }
        Err(Error::TimeoutOutOfRange { given })
    }
}

/// Whether `timeout_sec` have passed. A time before the clock's beginning, and one ahead of the clock, have not passed.
pub(super) const fn is_over(since: u64, timeout_sec: u64, now: u64) -> bool {
    now.saturating_sub(since) >= timeout_sec
}

/// # Errors
/// [`Error::FromFuture`].
pub(super) fn check_not_ahead(timestamp_created: u64, now: u64) -> Result<(), Error> {
    let ahead_sec = timestamp_created.saturating_sub(now);
    if ahead_sec > CLOCK_SKEW_MAX_SEC {
        return Err(Error::FromFuture {
            timestamp_created,
            now,
            ahead_sec,
        });
    }
    Ok(())
}
