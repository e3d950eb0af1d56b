//! Keys that are offered again although they are settled: a neighbour that lacked them, or may, was silent.

use std::collections::HashMap;

use super::limits::{REPEATED_KEYS_MAX, REPEATS_MAX};
use super::KeyId;

/// How often each key has been offered again, one round after the other. Kept in memory: what is lost with it waits for
/// the next stale period.
#[derive(Debug, Default)]
pub struct Repeats(HashMap<KeyId, u8>);

impl Repeats {
    /// Whether a key may be offered once more before the stale period is over.
    pub fn again(&mut self, key_id: &KeyId) -> bool {
        let room = self.0.len() < REPEATED_KEYS_MAX;
        let count = self.0.get(key_id).copied().unwrap_or(0);
        if count >= REPEATS_MAX || (count == 0 && !room) {
            self.0.remove(key_id);
            return false;
        }
        self.0.insert(*key_id, count + 1);
        true
    }

    /// Nobody was silent.
    pub fn forget(&mut self, key_id: &KeyId) {
        self.0.remove(key_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> KeyId {
        KeyId::of(&number.to_string(), "owner")
    }

    #[test]
    fn a_key_is_repeated_a_few_times_in_a_row_and_then_from_the_beginning() {
        let mut repeats = Repeats::default();
        for _ in 0..2 {
            for _ in 0..REPEATS_MAX {
                assert!(repeats.again(&id(1)));
            }
            assert!(!repeats.again(&id(1)));
        }
        assert!(repeats.again(&id(1)));
        repeats.forget(&id(1));
        assert_eq!(repeats.0.len(), 0);
    }

    #[test]
    fn how_many_keys_are_repeated_is_bounded() {
        let mut repeats = Repeats::default();
        assert!((0..REPEATED_KEYS_MAX).all(|number| repeats.again(&id(number))));
        assert!(!repeats.again(&id(REPEATED_KEYS_MAX)));
        assert!(repeats.again(&id(0)), "one that is among them");
    }
}
