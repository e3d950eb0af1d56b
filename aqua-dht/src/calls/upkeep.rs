use registry_service::store::Backend;

use super::{at, Call, CallError};
use crate::domain::data::{DhtKey, DhtRecord};
use crate::domain::limits::{CLEAR_KEYS_MAX, EVICT_BYTES_MAX, EVICT_KEYS_MAX};
use crate::domain::Timeouts;

/// Keys whose rows are looked up at once.
const BATCH_KEYS: usize = 100;

/// A key that was not used for long, with its values as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evicted {
    pub key: DhtKey,
    pub records: Vec<DhtRecord>,
}

/// What `clear_expired` removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleared {
    pub keys: u64,
    pub values: u64,
}

impl<B: Backend> Call<'_, B> {
    /// Returns keys that are stale with their values, the longest unused first, at most [`EVICT_KEYS_MAX`] and
    /// [`EVICT_BYTES_MAX`], and leaves of them what [`Topic::evict`](crate::domain::Topic::evict) says. For the node itself and
    /// the service's creator: what is evicted and not passed on is gone.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn evict_stale(&mut self, now: u64) -> Result<Vec<Evicted>, CallError> {
        self.caller.check_host_or_creator("evict_stale")?;
        let at = at(&self.caller, self.store.timeouts(), (0, now))?;
        let Some(unused_since) = at.now.checked_sub(at.timeouts.stale_sec) else {
            return Ok(Vec::new());
        };
        let (mut changes, mut evicted, mut bytes) = (Vec::new(), Vec::new(), 0);
        for key in self.store.unused_since(unused_since, EVICT_KEYS_MAX)? {
            let Some(topic) = self.store.load(&key)?.filter(|topic| topic.is_stale(&at)) else {
                continue;
            };
            let dead = topic.is_dead(&at);
            if !dead {
                let records = topic.values(&at);
                bytes += records.iter().map(DhtRecord::text_len).sum::<usize>();
                if bytes > EVICT_BYTES_MAX && !evicted.is_empty() {
                    break;
                }
                evicted.push(Evicted {
                    key: topic.key.clone(),
                    records,
                });
            }
            let left = if dead { None } else { topic.clone().evict(&at) };
            changes.push((Some(topic), left));
        }
        self.store.save_all(&changes)?;
        Ok(evicted)
    }

    /// Removes what has expired, of at most [`CLEAR_KEYS_MAX`] keys; the next call goes on. Keys of which nothing has are not looked
    /// at, however old they are.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn clear_expired(&mut self, now: u64) -> Result<Cleared, CallError> {
        let at = at(&self.caller, self.store.timeouts(), (0, now))?;
        let mut cleared = Cleared::default();
        let mut changes = Vec::new();
        let mut after = String::new();
        for _ in 0..CLEAR_KEYS_MAX / BATCH_KEYS {
            let keys = self.store.ended(&at, &after, BATCH_KEYS)?;
            let Some(last) = keys.last() else {
                break;
            };
            last.clone_into(&mut after);
            for key in &keys {
                let Some(before) = self.store.load(key)? else {
                    continue;
                };
                let mut topic = before.clone();
                cleared.values += topic.drop_expired(&at);
                let dead = topic.is_dead(&at);
                if dead {
                    cleared.keys += 1;
                    cleared.values += topic.records.len() as u64;
                }
                if dead || topic != before {
                    changes.push((Some(before), (!dead).then_some(topic)));
                }
            }
        }
        self.store.save_all(&changes)?;
        Ok(cleared)
    }

    /// # Errors
    /// [`CallError`].
    pub fn set_stale_timeout(&mut self, timeout_sec: u64) -> Result<(), CallError> {
        let stale_sec = Timeouts::check_range(timeout_sec)?;
        self.set_timeouts("set_stale_timeout", |timeouts| Timeouts { stale_sec, ..timeouts })
    }

    /// # Errors
    /// [`CallError`].
    pub fn set_expired_timeout(&mut self, timeout_sec: u64) -> Result<(), CallError> {
        let expired_sec = Timeouts::check_range(timeout_sec)?;
        self.set_timeouts("set_expired_timeout", |timeouts| Timeouts {
            expired_sec,
            ..timeouts
        })
    }

    /// # Errors
    /// [`CallError`].
    pub fn set_host_expired_timeout(&mut self, timeout_sec: u64) -> Result<(), CallError> {
        let host_expired_sec = Timeouts::check_range(timeout_sec)?;
        self.set_timeouts("set_host_expired_timeout", |timeouts| Timeouts {
            host_expired_sec,
            ..timeouts
        })
    }

    fn set_timeouts(
        &mut self,
        function: &'static str,
        change: impl FnOnce(Timeouts) -> Timeouts,
    ) -> Result<(), CallError> {
        self.caller.check_host_or_creator(function)?;
        Ok(self.store.set_timeouts(change(self.store.timeouts()))?)
    }
}
