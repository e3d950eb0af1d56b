//! Keys in use, in memory. The connection is exclusive and the service single-threaded, so what is here is what the
//! database holds, `published_at` aside, which may wait here to be written.

use std::collections::HashMap;

use crate::domain::limits::CACHED_ENTRIES_MAX;
use crate::domain::{KeyId, KeyState};

pub(super) type Generation = HashMap<KeyId, KeyState>;

/// Two generations of keys, of which the older leaves when the younger is full.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: Generation,
    old: Generation,
    /// Keys and entries in `young`.
    young_size: usize,
}

impl Cache {
    pub(super) fn get(&self, key_id: &KeyId) -> Option<&KeyState> {
        self.young.get(key_id).or_else(|| self.old.get(key_id))
    }

    pub(super) fn take(&mut self, key_id: &KeyId) -> Option<KeyState> {
        match self.young.remove(key_id) {
            Some(state) => {
                self.young_size -= size(&state);
                Some(state)
            }
            None => self.old.remove(key_id),
        }
    }

    /// Keeps a key; returns the generation that has to leave for it, if one has.
    pub(super) fn put(&mut self, state: KeyState) -> Option<Generation> {
        self.take(state.key_id());
        let mut leaving = None;
        if self.young_size >= CACHED_ENTRIES_MAX {
            let young = std::mem::take(&mut self.young);
            leaving = Some(std::mem::replace(&mut self.old, young));
            self.young_size = 0;
        }
        self.young_size += size(&state);
        self.young.insert(*state.key_id(), state);
        leaving
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn states(&self) -> impl Iterator<Item = &KeyState> {
        self.young.values().chain(self.old.values())
    }

    /// Empties the cache; what was in it.
    pub(super) fn clear(&mut self) -> Vec<KeyState> {
        self.young_size = 0;
        self.young
            .drain()
            .chain(self.old.drain())
            .map(|(_, state)| state)
            .collect()
    }
}

fn size(state: &KeyState) -> usize {
    1 + state.entry_count()
}
