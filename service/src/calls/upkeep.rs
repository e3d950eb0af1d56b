use super::{Call, CallError, Reason};
use crate::domain::data::{Key, Record, Tombstone};
use crate::domain::limits::{EVICT_STALE_ENTRIES_MAX, EVICT_STALE_KEYS_MAX};
use crate::domain::{StorageLimits, Timeouts};
use crate::store::{Backend, Behind, Cleared, Counts, SCHEMA_VERSION};

/// A key due for replication with all that may be passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleKey {
    pub key: Key,
    pub records: Vec<Record>,
    pub tombstones: Vec<Tombstone>,
}

/// What an operator wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    pub counts: Counts,
    /// Records of this node that are not signed, or were signed longer ago than half of what a record lives.
    pub host_records_overdue: u64,
    pub behind: Behind,
    /// What all rows are charged together.
    pub stored_bytes: u64,
    pub limits: StorageLimits,
    /// Since the spell ran last; none if it has not since the service started.
    pub spell_ran_sec: Option<u64>,
    /// Calls that were refused since the service started.
    pub refused: Vec<(Reason, u64)>,
    pub schema_version: u32,
    pub service_version: &'static str,
}

impl<B: Backend> Call<'_, B> {
    /// This host's own records that have to be signed anew, or for the first time.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_stale_local_records(&mut self, current_timestamp_sec: u64) -> Result<Vec<Record>, CallError> {
        let now = self.caller.host_timestamp(0, current_timestamp_sec)?;
        let due = self.store.due_host_records(now)?;
        Ok(due.into_iter().map(|held| held.record.into_inner()).collect())
    }

    /// The same, for a renewal that happens every so often: what is older than `renew_sec`, at most half of what a record
    /// lives, and what is not signed yet.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn get_due_host_records(
        &mut self,
        renew_sec: u64,
        current_timestamp_sec: u64,
    ) -> Result<Vec<Record>, CallError> {
        self.caller.check_host("get_due_host_records")?;
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        let renew_sec = Timeouts::check_range(renew_sec)?.min(self.timeouts().renew_sec());
        let due = self.store.host_records_older_than(renew_sec, now)?;
        Ok(due.into_iter().map(|held| held.record.into_inner()).collect())
    }

    /// Keys due for replication, oldest first, with their live records and tombstones; unsigned records stay here.
    /// Called by the host, it leases them: they are not taken again before the lease ends.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn evict_stale(&mut self, current_timestamp_sec: u64) -> Result<Vec<StaleKey>, CallError> {
        let now = self.caller.host_timestamp(0, current_timestamp_sec)?;
        let stale_sec = self.timeouts().stale_sec;
        let ids = self.due_ids((now, stale_sec), EVICT_STALE_KEYS_MAX)?;
        let (mut states, others) = self.store.load_bounded(&ids, EVICT_STALE_ENTRIES_MAX)?;
        if self.caller.is_host() {
            self.lease(&ids[..ids.len() - others.len()], now);
        }
        states.sort_by_key(|state| (state.due_at(), *state.key_id()));
        let at = self.at(now);
        Ok(states
            .iter()
            .map(|state| StaleKey {
                key: (**state.key()).clone(),
                records: state
                    .live_records(&at)
                    .filter(|held| !held.record.signature.is_empty())
                    .map(|held| (*held.record).clone())
                    .collect(),
                tombstones: state
                    .live_tombstones(&at)
                    .map(|tombstone| (**tombstone).clone())
                    .collect(),
            })
            .collect())
    }

    /// Removes what has expired, in a bounded batch: call again while a count is
    /// [`CLEAR_BATCH_MAX`](crate::domain::limits::CLEAR_BATCH_MAX).
    ///
    /// # Errors
    /// [`CallError`].
    pub fn clear_expired(&mut self, current_timestamp_sec: u64) -> Result<Cleared, CallError> {
        let now = self.caller.host_timestamp(0, current_timestamp_sec)?;
        Ok(self.store.clear_expired(now)?)
    }

    /// Removes what has expired, unless that was done less than `interval_sec` ago since the service started.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn clear_expired_every(&mut self, interval_sec: u64, current_timestamp_sec: u64) -> Result<Cleared, CallError> {
        self.caller.check_host("clear_expired_every")?;
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        let interval_sec = Timeouts::check_range(interval_sec)?;
        // The spell ends with this call in every run, whatever became of the others.
        *self.spell_ran_at = Some(now.as_sec());
        Ok(self.store.clear_expired_every(interval_sec, now)?)
    }

    /// # Errors
    /// [`CallError`]; for anybody but the host and the service's creator.
    pub fn set_expired_timeout(&mut self, timeout_sec: u64) -> Result<(), CallError> {
        self.caller.check_host_or_creator("set_expired_timeout")?;
        self.set_timeouts(Timeouts {
            expired_sec: Timeouts::check_range(timeout_sec)?,
            ..self.timeouts()
        })
    }

    /// # Errors
    /// [`CallError`]; for anybody but the host and the service's creator.
    pub fn set_stale_timeout(&mut self, timeout_sec: u64) -> Result<(), CallError> {
        self.caller.check_host_or_creator("set_stale_timeout")?;
        self.set_timeouts(Timeouts {
            stale_sec: Timeouts::check_range(timeout_sec)?,
            ..self.timeouts()
        })
    }

    /// How much this node stores for everybody together, and for one owner.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host and the service's creator.
    pub fn set_storage_limits(&mut self, total_bytes: u64, owner_bytes: u64) -> Result<(), CallError> {
        self.caller.check_host_or_creator("set_storage_limits")?;
        let limits = StorageLimits {
            total_bytes,
            owner_bytes,
        };
        if limits == self.store.storage_limits() {
            return Ok(());
        }
        Ok(self.store.set_storage_limits(limits.check_range()?)?)
    }

    fn set_timeouts(&mut self, timeouts: Timeouts) -> Result<(), CallError> {
        if timeouts == self.timeouts() {
            return Ok(());
        }
        Ok(self.store.set_timeouts(timeouts)?)
    }

    /// What an operator wants to know of this node.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_stats(&mut self, current_timestamp_sec: u64) -> Result<Stats, CallError> {
        let now = self.caller.host_timestamp(0, current_timestamp_sec)?;
        Ok(Stats {
            counts: self.store.counts()?,
            host_records_overdue: self.store.count_overdue_host_records(now)?,
            behind: self.store.behind(now)?,
            stored_bytes: self.store.stored_bytes(),
            limits: self.store.storage_limits(),
            spell_ran_sec: self.spell_ran_at.map(|ran_at| now.as_sec().saturating_sub(ran_at)),
            refused: self.refusals.counts(),
            schema_version: SCHEMA_VERSION,
            service_version: env!("CARGO_PKG_VERSION"),
        })
    }
}
