//! One exported call, from its proof to its commit. Free of Marine, so that tests run the code a node runs.

mod keys;
mod upkeep;
mod values;

pub use upkeep::{Cleared, Evicted};
pub use values::{HostValue, Said};

use marine_rs_sdk::CallParameters;
use registry_service::auth::{AuthError, Caller};
use registry_service::store::{Backend, StoreError};

use crate::domain::{quoted, At, Error, Timeouts, Topic};
use crate::store::{SaveError, Store};

/// Why a call was refused, or failed. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Refused(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SaveError> for CallError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Refused(error) => Self::Refused(error),
            SaveError::Store(error) => Self::Store(error),
        }
    }
}

/// One call of an exported function. Argument positions are those of the wire.
#[derive(Debug)]
pub struct Call<'s, B> {
    store: &'s mut Store<B>,
    caller: Caller,
    parameters: CallParameters,
}

impl<'s, B: Backend> Call<'s, B> {
    pub fn new(store: &'s mut Store<B>, parameters: CallParameters) -> Self {
        Self {
            store,
            caller: Caller::new(parameters.clone()),
            parameters,
        }
    }

    fn load(&self, key: &str, at: &At<'_>) -> Result<Topic, CallError> {
        let topic = self.store.load(key)?.filter(|topic| !topic.is_dead(at));
        Ok(topic.ok_or_else(|| Error::UnknownKey { key: quoted(key) })?)
    }

    /// Changes a topic that is here, and uses it.
    fn change<T>(
        &mut self,
        key: &str,
        time: (usize, u64),
        work: impl FnOnce(&mut Topic, &At<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError> {
        let at = at(&self.caller, self.store.timeouts(), time)?;
        let before = self.load(key, &at)?;
        let mut topic = before.clone();
        topic.accessed_at = at.now;
        let outcome = work(&mut topic, &at)?;
        topic.drop_expired(&at);
        self.store.save(Some(before), Some(topic))?;
        Ok(outcome)
    }
}

/// The circumstances, with the time proved at its position.
fn at(caller: &Caller, timeouts: Timeouts, (position, seconds): (usize, u64)) -> Result<At<'_>, AuthError> {
    let now = caller.host_timestamp(position, seconds)?;
    Ok(At {
        caller: caller.init_peer_id(),
        host: caller.here().host_id(),
        now: now.as_sec(),
        timeouts,
    })
}
