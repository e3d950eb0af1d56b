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
    /// Notes the closest nodes to a key. Returns whether there was room.
    pub fn note(&mut self, key_id: KeyId, peers: Vec<String>, now: HostTimestamp) -> bool {
        if self.0.len() >= LOCATED_KEYS_MAX && !self.0.contains_key(&key_id) {
            self.0.retain(|_, (until_sec, _)| *until_sec > now.as_sec());
        }
        let room = self.0.len() < LOCATED_KEYS_MAX || self.0.contains_key(&key_id);
        if room {
            let until_sec = now.as_sec().saturating_add(LOCATED_SEC);
            self.0.insert(key_id, (until_sec, peers));
        }
        room
    }

    /// The closest nodes to a key, if they were found lately.
    pub fn peers(&self, key_id: &KeyId, now: HostTimestamp) -> Option<&[String]> {
        let (until_sec, peers) = self.0.get(key_id)?;
        let is_now = (now.as_sec() + 1..=now.as_sec().saturating_add(LOCATED_SEC)).contains(until_sec);
        is_now.then_some(peers.as_slice())
    }

    /// A round has taken the key: when it is due again, others may be the closest.
    pub fn forget(&mut self, key_id: &KeyId) {
        self.0.remove(key_id);
    }
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
        assert!(located.note(id(1), peers.clone(), at(100)));
        assert_eq!(located.peers(&id(1), at(100 + LOCATED_SEC - 1)), Some(&peers[..]));
        assert_eq!(located.peers(&id(1), at(100 + LOCATED_SEC)), None);
        assert_eq!(located.peers(&id(2), at(100)), None);
        located.forget(&id(1));
        assert_eq!(located.peers(&id(1), at(100)), None);
    }

    #[test]
    fn how_many_keys_are_remembered_is_bounded_and_those_whose_time_is_over_make_room() {
        let mut located = Located::default();
        assert!((0..LOCATED_KEYS_MAX).all(|number| located.note(id(number), Vec::new(), at(100))));
        assert!(!located.note(id(LOCATED_KEYS_MAX), Vec::new(), at(100)));
        assert!(located.note(id(0), Vec::new(), at(101)), "one that is among them");
        assert!(located.note(id(LOCATED_KEYS_MAX), Vec::new(), at(100 + LOCATED_SEC)));
        assert_eq!(located.0.len(), 2);
    }
}
