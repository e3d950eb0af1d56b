//! Keys of which this node may hold less than its neighbours do.
//!
//! A registration brings its key along. To a node that has just become one of the key's neighbours it brings that one
//! record alone, while the others hold those of all providers. Until replication has filled such a key it is *partial*:
//! what is here of it is genuine, but that nothing else is here says nothing.
//!
//! Kept in memory. A node that is restarted forgets it; the key stays due at once, so that a round of replication soon
//! makes up for it.

use std::collections::HashMap;

use super::limits::{NEW_KEY_SEC, PARTIAL_KEYS_MAX};
use super::{HostTimestamp, KeyId};

/// A set of keys, each for a time; at most [`PARTIAL_KEYS_MAX`].
#[derive(Debug, Default)]
pub struct PartialKeys(HashMap<KeyId, u64>);

impl PartialKeys {
    /// Notes a key that did not come by replication. One that was made only just now nobody else holds more of. Returns
    /// whether it may be partial. It counts as such for two stale periods: by then its neighbours have replicated it, or
    /// nobody replicates here.
    pub fn note(&mut self, key_id: &KeyId, timestamp_created: u64, now: HostTimestamp, stale_sec: u64) -> bool {
        if timestamp_created.saturating_add(NEW_KEY_SEC) >= now.as_sec() {
            return false;
        }
        if self.0.len() >= PARTIAL_KEYS_MAX && !self.0.contains_key(key_id) {
            self.0.retain(|_, until_sec| *until_sec > now.as_sec());
        }
        if self.0.len() < PARTIAL_KEYS_MAX {
            let until_sec = now.as_sec().saturating_add(stale_sec.saturating_mul(2));
            self.0.insert(*key_id, until_sec);
        }
        true
    }

    /// Notes that replication has filled a key, or found that nobody holds more.
    pub fn forget(&mut self, key_id: &KeyId) {
        self.0.remove(key_id);
    }

    pub fn contains(&self, key_id: &KeyId, now: HostTimestamp) -> bool {
        self.0.get(key_id).is_some_and(|until_sec| *until_sec > now.as_sec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_keys_are_remembered_is_bounded_and_those_whose_time_is_over_make_room() {
        const STALE_SEC: u64 = 3_600;
        let mut partial = PartialKeys::default();
        let at = |sec| HostTimestamp::new(sec).unwrap();
        let (now, over) = (at(10_000), at(10_000 + 2 * STALE_SEC));
        let id = |number: usize| KeyId::of(&number.to_string(), "owner");
        for number in 0..=PARTIAL_KEYS_MAX {
            assert!(partial.note(&id(number), 0, now, STALE_SEC));
        }
        assert!(partial.contains(&id(0), now) && !partial.contains(&id(PARTIAL_KEYS_MAX), now));
        assert!(partial.note(&id(PARTIAL_KEYS_MAX), 0, over, STALE_SEC));
        assert!(partial.contains(&id(PARTIAL_KEYS_MAX), over) && !partial.contains(&id(0), over));
    }
}
