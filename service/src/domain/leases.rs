//! Keys that a round has taken: another one leaves them alone for a while.

use std::collections::HashMap;

use super::limits::{LEASED_KEYS_MAX, LEASE_SEC};
use super::{HostTimestamp, KeyId};

/// Until when each key is leased; at most [`LEASED_KEYS_MAX`]. Kept in memory, and beside `due_at`, so that a key which is
/// urgent stays urgent: what is lost with it is only taken earlier.
#[derive(Debug, Default)]
pub struct Leases(HashMap<KeyId, u64>);

impl Leases {
    /// How many more keys can be leased; those whose time is over are forgotten.
    pub fn room(&mut self, now: HostTimestamp) -> usize {
        let living = now.as_sec() + 1..=until_of(now);
        self.0.retain(|_, until| living.contains(until));
        LEASED_KEYS_MAX.saturating_sub(self.0.len())
    }

    pub fn begin(&mut self, key_id: KeyId, now: HostTimestamp) {
        self.0.insert(key_id, until_of(now));
    }

    pub fn end(&mut self, key_id: &KeyId) {
        self.0.remove(key_id);
    }

    /// Of those that [`room`](Self::room) has left.
    pub fn contains(&self, key_id: &KeyId) -> bool {
        self.0.contains_key(key_id)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn until_of(now: HostTimestamp) -> u64 {
    now.as_sec().saturating_add(LEASE_SEC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_when_its_time_is_over_or_the_clock_was_set_back() {
        let at = |sec| HostTimestamp::new(sec).unwrap();
        let key_id = KeyId::of("label", "owner");
        for (later, leased) in [
            (1_000, true),
            (1_000 + LEASE_SEC - 1, true),
            (1_000 + LEASE_SEC, false),
            (10, false),
        ] {
            let mut leases = Leases::default();
            leases.begin(key_id, at(1_000));
            assert_eq!(leases.room(at(later)), LEASED_KEYS_MAX - usize::from(leased), "{later}");
            assert_eq!(leases.contains(&key_id), leased, "{later}");
        }
    }
}
