//! One exported call, from its proof to its commit: `auth` says what the caller proved, `domain` decides, `store`
//! writes. Free of Marine, so that tests, fuzzing and simulation run the very code a node runs.

mod error;
mod hosting;
mod keys;
mod records;
mod tombstones;
mod upkeep;

pub use error::CallError;
pub use keys::latest_key;
pub use records::{get_record_bytes, get_record_metadata_bytes, merge, merge_packed, Republished};
pub use tombstones::get_tombstone_bytes;
pub use upkeep::{StaleKey, Stats};

use crate::auth::Caller;
use crate::domain::{Circumstances, Error, Here, HostTimestamp, KeyId, KeyState, Timeouts};
use crate::store::{Backend, Store, StoreError};

/// The registry of one node.
#[derive(Debug)]
pub struct Registry<B> {
    store: Store<B>,
}

impl<B: Backend> Registry<B> {
    /// Opens the database at `path`, see [`Store::open`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &str) -> Result<Self, StoreError> {
        Ok(Self {
            store: Store::open(path)?,
        })
    }

    /// Begins a call by `caller`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn call(&mut self, caller: Caller) -> Result<Call<'_, B>, StoreError> {
        self.store.settle(caller.here())?;
        Ok(Call {
            store: &mut self.store,
            caller,
        })
    }

    pub fn store(&self) -> &Store<B> {
        &self.store
    }
}

/// One call of an exported function. Argument positions are those of the wire.
#[derive(Debug)]
pub struct Call<'r, B> {
    store: &'r mut Store<B>,
    caller: Caller,
}

impl<B: Backend> Call<'_, B> {
    fn here(&self) -> &Here {
        self.caller.here()
    }

    fn timeouts(&self) -> Timeouts {
        self.store.timeouts()
    }

    fn at(&self, now: HostTimestamp) -> Circumstances<'_> {
        Circumstances {
            here: self.here(),
            now,
            timeouts: self.timeouts(),
        }
    }

    fn load(&self, key_id: &KeyId) -> Result<KeyState, CallError> {
        let state = self.store.load(key_id)?;
        Ok(state.ok_or_else(|| Error::UnknownKey {
            key_id: key_id.to_string(),
        })?)
    }

    /// A key for reading: one whose time is over counts as unknown.
    fn load_alive(&self, key_id: &KeyId, now: HostTimestamp) -> Result<KeyState, CallError> {
        let state = self.load(key_id)?;
        if state.dead(&self.at(now)) {
            return Err(Error::UnknownKey {
                key_id: key_id.to_string(),
            }
            .into());
        }
        Ok(state)
    }

    fn save(&self, state: &KeyState) -> Result<(), CallError> {
        Ok(self.store.save(state, self.here())?)
    }
}
