//! Keys in use, in memory. The connection is exclusive and the service single-threaded, so what is here is what the
//! database holds.

use std::collections::HashMap;

use crate::domain::limits::CACHED_ENTRIES_MAX;
use crate::domain::{KeyId, KeyState};

type Generation = HashMap<KeyId, KeyState>;

/// Two generations of keys, of which the older leaves when the younger is full.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: Generation,
    old: Generation,
    /// Keys and entries in `young`.
    young_size: usize,
}

impl Cache {
    pub(super) fn take(&mut self, key_id: &KeyId) -> Option<KeyState> {
        match self.young.remove(key_id) {
            Some(state) => {
                self.young_size -= size(&state);
                Some(state)
            }
            None => self.old.remove(key_id),
        }
    }

    /// Keeps a key; the generation that has to leave for it is forgotten.
    pub(super) fn put(&mut self, state: KeyState) {
        self.take(state.key_id());
        if self.young_size >= CACHED_ENTRIES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.young_size = 0;
        }
        self.young_size += size(&state);
        self.young.insert(*state.key_id(), state);
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn states(&self) -> impl Iterator<Item = &KeyState> {
        self.young.values().chain(self.old.values())
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn size(state: &KeyState) -> usize {
    1 + state.entry_count()
}
