//! Neighbourhoods of far keys, as closer nodes have named them.
//!
//! Looking them up and replicating are two scripts: everything that a script has computed travels on to every node it
//! visits, so what the one finds would be carried along by the other.

use std::collections::HashMap;

use super::limits::{LOCATED_KEYS_MAX, LOCATED_SEC};
use super::{HostTimestamp, KeyId};

/// What was found lately; at most [`LOCATED_KEYS_MAX`] keys. Kept in memory: what is lost with it is looked up again.
#[derive(Debug, Default)]
pub struct Located(HashMap<KeyId, (u64, Vec<String>)>);

impl Located {
    /// Notes the closest nodes to a key, if there is room.
    pub fn note(&mut self, key_id: KeyId, peers: Vec<String>, now: HostTimestamp) {
        if self.0.len() >= LOCATED_KEYS_MAX && !self.0.contains_key(&key_id) {
            self.0.retain(|_, (until_sec, _)| is_ahead(*until_sec, now));
        }
        if self.0.len() < LOCATED_KEYS_MAX || self.0.contains_key(&key_id) {
            let until_sec = now.as_sec().saturating_add(LOCATED_SEC);
            self.0.insert(key_id, (until_sec, peers));
        }
    }

    /// The closest nodes to a key, if they were found lately.
    pub fn peers(&self, key_id: &KeyId, now: HostTimestamp) -> Option<&[String]> {
        let (until_sec, peers) = self.0.get(key_id)?;
        is_ahead(*until_sec, now).then_some(peers.as_slice())
    }

    /// A round has taken the key: when it is due again, others may be the closest.
    pub fn forget(&mut self, key_id: &KeyId) {
        self.0.remove(key_id);
    }
}

/// Unless the clock was set back.
fn is_ahead(until_sec: u64, now: HostTimestamp) -> bool {
    (now.as_sec() + 1..=now.as_sec().saturating_add(LOCATED_SEC)).contains(&until_sec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sec: u64) -> HostTimestamp {
        HostTimestamp::new(sec).unwrap()
    }

    fn id(number: usize) -> KeyId {
        KeyId::of(&number.to_string(), "owner")
    }

    #[test]
    fn what_was_found_counts_for_a_while_and_once() {
        let mut located = Located::default();
        let peers = vec!["peer".to_owned()];
        located.note(id(1), peers.clone(), at(100));
        assert_eq!(located.peers(&id(1), at(100 + LOCATED_SEC - 1)), Some(&peers[..]));
        assert_eq!(located.peers(&id(1), at(100 + LOCATED_SEC)), None);
        assert_eq!(located.peers(&id(1), at(99)), None, "the clock was set back");
        assert_eq!(located.peers(&id(2), at(100)), None);
        located.forget(&id(1));
        assert_eq!(located.peers(&id(1), at(100)), None);
    }

    #[test]
    fn how_many_keys_are_remembered_is_bounded_and_those_whose_time_is_over_make_room() {
        let mut located = Located::default();
        let mut is_noted = |number: usize, now: u64| {
            located.note(id(number), Vec::new(), at(now));
            located.peers(&id(number), at(now)).is_some()
        };
        assert!((0..LOCATED_KEYS_MAX).all(|number| is_noted(number, 100)));
        assert!(!is_noted(LOCATED_KEYS_MAX, 100));
        assert!(is_noted(0, 101), "one that is among them");
        assert!(is_noted(LOCATED_KEYS_MAX, 100 + LOCATED_SEC));
        // And those of a clock that was ahead.
        assert!((0..LOCATED_KEYS_MAX).all(|number| is_noted(1_000 + number, 100 + 2 * LOCATED_SEC)));
        assert!(is_noted(1, 50));
    }
}
