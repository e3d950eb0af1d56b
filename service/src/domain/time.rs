//! Lifetimes. Every comparison of a signed timestamp with the clock is here, and saturates.

use super::error::Error;
use super::limits::*;

/// The time on this host, in seconds since 1970. Only `auth` makes one from a call; its other source is a test's or
/// a simulation's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostTimestamp(u64);

impl HostTimestamp {
    /// # Errors
    /// [`Error::TimestampTooLarge`].
    pub(crate) fn new(seconds: u64) -> Result<Self, Error> {
        if seconds > TIMESTAMP_MAX {
            return Err(Error::TimestampTooLarge {
                what: "current_timestamp_sec",
                value: seconds,
            });
        }
        Ok(Self(seconds))
    }

    pub const fn as_sec(self) -> u64 {
        self.0
    }

    /// The latest signed timestamp that is not dated ahead.
    pub const fn latest_accepted(self) -> u64 {
        self.0.saturating_add(CLOCK_SKEW_MAX_SEC)
    }

    /// # Errors
    /// [`Error::FromFuture`] for a timestamp more than [`CLOCK_SKEW_MAX_SEC`] ahead.
    pub fn check_not_ahead(self, what: &'static str, value: u64) -> Result<(), Error> {
        if value > self.latest_accepted() {
            return Err(Error::FromFuture {
                what,
                value,
                now: self.0,
                ahead_sec: value.saturating_sub(self.0),
            });
        }
        Ok(())
    }

    /// What is issued now stands after `latest`, what stands already: it is dated now, or one second later than that.
    ///
    /// # Errors
    /// [`Error::ClockBehind`] where that is further ahead than others accept.
    pub fn issue_after(self, latest: Option<u64>) -> Result<u64, Error> {
        let issue_at = latest.map_or(self.0, |latest| self.0.max(latest.saturating_add(1)));
        let ahead_sec = issue_at - self.0;
        if ahead_sec > CLOCK_SKEW_MAX_SEC {
            return Err(Error::ClockBehind {
                latest: issue_at - 1,
                now: self.0,
                ahead_sec: ahead_sec - 1,
            });
        }
        Ok(issue_at)
    }

    /// That this clock and that of the peer who began a particle at `began_ms` are further apart than others accept. For the
    /// beginning of a call, when the particle is young. 0 stands for what the host does not say.
    ///
    /// # Errors
    /// [`Error::ClocksApart`].
    pub fn check_clock_of(self, peer_id: &str, began_ms: u64) -> Result<(), Error> {
        let began = began_ms / 1_000;
        let apart_sec = self.0.abs_diff(began);
        if began == 0 || apart_sec <= CLOCK_SKEW_MAX_SEC {
            return Ok(());
        }
        Err(Error::ClocksApart {
            apart_sec,
            direction: if self.0 > began { "ahead of" } else { "behind" },
            peer_id: peer_id.to_owned(),
        })
    }
}

/// How long things live on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A record is expired, and an unused key dead, after this many seconds.
    pub expired_sec: u64,
    /// A key not registered at or republished to this node for so many seconds is due for replication.
    pub stale_sec: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            expired_sec: EXPIRED_TIMEOUT_DEFAULT_SEC,
            stale_sec: STALE_TIMEOUT_DEFAULT_SEC,
        }
    }
}

impl Timeouts {
    /// # Errors
    /// [`Error::TimeoutOutOfRange`].
    pub fn check_range(given: u64) -> Result<u64, Error> {
        if !(TIMEOUT_MIN_SEC..=TIMEOUT_MAX_SEC).contains(&given) {
            return Err(Error::TimeoutOutOfRange {
                given,
                min: TIMEOUT_MIN_SEC,
                max: TIMEOUT_MAX_SEC,
            });
        }
        Ok(given)
    }

    /// When a provider signs a record that is to end `lease_sec` from now: so long ago that it expires then.
    ///
    /// # Errors
    /// [`Error::LeaseOutOfRange`].
    pub fn created_for(&self, lease_sec: u64, now: HostTimestamp) -> Result<u64, Error> {
        if !(LEASE_MIN_SEC..=self.expired_sec).contains(&lease_sec) {
            return Err(Error::LeaseOutOfRange {
                given: lease_sec,
                min: LEASE_MIN_SEC,
                max: self.expired_sec,
            });
        }
        Ok(now.0.saturating_sub(self.expired_sec - lease_sec))
    }

    /// Tombstones outlive every copy of what they delete.
    pub const fn tombstone_sec(&self) -> u64 {
        self.expired_sec.saturating_mul(2)
    }

    /// A host record older than this is due for renewal, well before it would expire elsewhere.
    pub const fn renew_sec(&self) -> u64 {
        self.expired_sec / 2
    }

    /// Uses of a key are noted this coarsely (15 minutes by default), rounded up: reading a key costs a write
    /// at most so often, and the key lives at most so much longer than it must.
    pub const fn use_granularity_sec(&self) -> u64 {
        self.expired_sec / 96
    }

    pub const fn record_expired(&self, timestamp_created: u64, now: HostTimestamp) -> bool {
        now.0.saturating_sub(timestamp_created) >= self.expired_sec
    }

    pub const fn tombstone_expired(&self, timestamp_issued: u64, now: HostTimestamp) -> bool {
        now.0.saturating_sub(timestamp_issued) >= self.tombstone_sec()
    }

    /// `life_at` is the latest sign of life of a key, see [`KeyState`](super::KeyState).
    pub const fn key_dead(&self, life_at: u64, now: HostTimestamp) -> bool {
        now.0.saturating_sub(life_at) >= self.expired_sec
    }

    /// The sign of life that a use at `now` gives a key.
    pub const fn life_of_use(&self, now: HostTimestamp) -> u64 {
        let at = now.0.saturating_add(self.use_granularity_sec());
        if at > TIMESTAMP_MAX {
            TIMESTAMP_MAX
        } else {
            at
        }
    }

    /// The sign of life that a tombstone gives its key: the key stays, and is replicated, as long as the
    /// tombstone has something to say.
    pub const fn life_of_tombstone(&self, timestamp_issued: u64) -> u64 {
        let at = timestamp_issued.saturating_add(self.tombstone_sec() - self.expired_sec);
        if at > TIMESTAMP_MAX {
            TIMESTAMP_MAX
        } else {
            at
        }
    }
}
