//! Neighbourhoods of far keys, as closer nodes have named them.
//!
//! Looking them up and replicating are two scripts: everything that a script has computed travels on to every node it
//! visits, so what the one finds would be carried along by the other.

use std::collections::HashMap;

use super::limits::{LOCATED_KEYS_MAX, LOCATED_SEC, LOCATING_REST_SEC};
use super::{HostTimestamp, KeyId};

/// What was found lately; at most [`LOCATED_KEYS_MAX`] keys. Kept in memory: what is lost with it is looked up again.
#[derive(Debug, Default)]
pub struct Located {
    known: HashMap<KeyId, (u64, Vec<String>)>,
    /// When keys were given out for being looked up last.
    last_sec: Option<u64>,
}

impl Located {
    /// Whether it is time to look keys up: not in two runs of a spell one after the other, so that rounds of replication
    /// have their turn, too.
    pub fn is_time(&self, now: HostTimestamp) -> bool {
        let rests = |last: u64| (last..last.saturating_add(LOCATING_REST_SEC)).contains(&now.as_sec());
        !self.last_sec.is_some_and(rests)
    }

    /// Notes that keys are given out for being looked up.
    pub fn note_begun(&mut self, now: HostTimestamp) {
        self.last_sec = Some(now.as_sec());
    }

    /// Notes the closest nodes to a key. Returns whether there was room.
    pub fn note(&mut self, key_id: KeyId, peers: Vec<String>, now: HostTimestamp) -> bool {
        if self.known.len() >= LOCATED_KEYS_MAX && !self.known.contains_key(&key_id) {
            self.known.retain(|_, (until_sec, _)| *until_sec > now.as_sec());
        }
        let room = self.known.len() < LOCATED_KEYS_MAX || self.known.contains_key(&key_id);
        if room {
            self.known
                .insert(key_id, (now.as_sec().saturating_add(LOCATED_SEC), peers));
        }
        room
    }

    /// The closest nodes to a key, if they were found lately.
    pub fn peers(&self, key_id: &KeyId, now: HostTimestamp) -> Option<&[String]> {
        let (until_sec, peers) = self.known.get(key_id)?;
        (*until_sec > now.as_sec()).then_some(peers.as_slice())
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
    fn what_was_found_counts_for_a_while() {
        let mut located = Located::default();
        let peers = vec!["peer".to_owned()];
        assert!(located.note(id(1), peers.clone(), at(100)));
        assert_eq!(located.peers(&id(1), at(100 + LOCATED_SEC - 1)), Some(&peers[..]));
        assert_eq!(located.peers(&id(1), at(100 + LOCATED_SEC)), None);
        assert_eq!(located.peers(&id(2), at(100)), None);
    }

    #[test]
    fn how_many_keys_are_remembered_is_bounded_and_those_whose_time_is_over_make_room() {
        let mut located = Located::default();
        assert!((0..LOCATED_KEYS_MAX).all(|number| located.note(id(number), Vec::new(), at(100))));
        assert!(!located.note(id(LOCATED_KEYS_MAX), Vec::new(), at(100)));
        assert!(located.note(id(0), Vec::new(), at(101)), "one that is among them");
        assert!(located.note(id(LOCATED_KEYS_MAX), Vec::new(), at(100 + LOCATED_SEC)));
        assert_eq!(located.known.len(), 2);
    }

    #[test]
    fn looking_up_rests_for_one_run_of_the_spell() {
        let mut located = Located::default();
        assert!(located.is_time(at(100)));
        located.note_begun(at(100));
        assert!(!located.is_time(at(160)));
        assert!(located.is_time(at(220)));
        assert!(located.is_time(at(50)), "a clock that was set back stops nothing");
    }
}
