//! One exported call, from its proof to its commit: `auth` says what the caller proved, `domain` decides, `store`
//! writes. Free of Marine, so that tests, fuzzing and simulation run the very code a node runs.

mod asking;
mod closer;
mod error;
mod hosting;
mod keys;
mod lookup;
mod publish;
mod records;
mod refusals;
mod replication;
mod tombstones;
mod upkeep;
mod voided;

pub use asking::{NodeAnswer, NodeReply, Plan, TallyResult, Wave};
pub use closer::Closer;
pub use error::CallError;
pub use keys::{get_key_id, latest_key};
pub use lookup::{FindResult, FlatRecord};
pub use publish::{signed_records, Published};
pub use records::{get_record_bytes, get_record_metadata_bytes, Republished};
pub use refusals::Reason;
use replication::Replication;
pub use replication::{get_replica_issuers, ReplicaAsk, ReplicaStep};
pub use tombstones::get_tombstone_bytes;
pub use upkeep::{StaleKey, Stats};

use self::refusals::Refusals;
use crate::auth::Caller;
use crate::domain::data::{Record, RecordMetadata};
use crate::domain::{
    limits, next_due, quoted, Circumstances, Error, Here, HostTimestamp, KeyId, KeyState, Timeouts, Verifier,
};
use crate::store::{Backend, KeysByDue, Store, StoreError, Unfit};

/// The registry of one node.
#[derive(Debug)]
pub struct Registry<B> {
    store: Store<B>,
    verifier: Verifier,
    replication: Replication,
    refusals: Refusals,
    /// When the spell came to its end last, since the service started.
    spell_ran_at: Option<u64>,
}

impl<B: Backend> Registry<B> {
    /// Opens the database at `path`, see [`Store::open`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &str) -> Result<Self, StoreError> {
        Ok(Self {
            store: Store::open(path)?,
            verifier: Verifier::default(),
            replication: Replication::default(),
            refusals: Refusals::default(),
            spell_ran_at: None,
        })
    }

    /// Makes one call of `caller`'s, and counts it where it is refused.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn call<T>(
        &mut self,
        caller: Caller,
        work: impl FnOnce(Call<'_, B>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let outcome = work(self.begin(caller));
        if let Err(error) = &outcome {
            self.refusals.note(error);
        }
        outcome
    }

    fn begin(&mut self, caller: Caller) -> Call<'_, B> {
        self.store.set_here(caller.here());
        Call {
            store: &mut self.store,
            verifier: &mut self.verifier,
            replication: &mut self.replication,
            refusals: &mut self.refusals,
            spell_ran_at: &mut self.spell_ran_at,
            caller,
        }
    }

    /// The latest genuine records among what nodes answered.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub fn merge(&mut self, lists: Vec<Vec<Record>>) -> Result<Vec<Record>, Error> {
        records::merge(lists, None, &mut self.verifier)
    }

    pub fn store(&self) -> &Store<B> {
        &self.store
    }

    pub fn store_mut(&mut self) -> &mut Store<B> {
        &mut self.store
    }
}

/// One call of an exported function. Argument positions are those of the wire.
#[derive(Debug)]
pub struct Call<'r, B> {
    store: &'r mut Store<B>,
    verifier: &'r mut Verifier,
    replication: &'r mut Replication,
    refusals: &'r mut Refusals,
    spell_ran_at: &'r mut Option<u64>,
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

    fn load(&mut self, key_id: &KeyId) -> Result<KeyState, CallError> {
        let state = self.store.load(key_id)?;
        Ok(state.ok_or_else(|| Error::UnknownKey {
            key_id: key_id.to_string(),
        })?)
    }

    /// A key for reading: one whose time is over counts as unknown.
    fn load_alive(&mut self, key_id: &KeyId, now: HostTimestamp) -> Result<KeyState, CallError> {
        let state = self.load(key_id)?;
        if state.dead(&self.at(now)) {
            return Err(Error::UnknownKey {
                key_id: key_id.to_string(),
            }
            .into());
        }
        Ok(state)
    }

    /// # Errors
    /// [`Error::NotThisHost`] where a record names another provider.
    fn check_names_host(&self, metadata: &RecordMetadata) -> Result<(), Error> {
        if self.here().is(&metadata.peer_id) {
            return Ok(());
        }
        Err(Error::NotThisHost {
            given: quoted(&metadata.peer_id),
            host: self.here().host_id().to_owned(),
        })
    }

    fn interval_sec(&self) -> u64 {
        self.replication.interval_sec.unwrap_or(self.timeouts().stale_sec)
    }

    /// When a key that is exchanged now is due again.
    fn next_due(&self, key_id: &KeyId, now: HostTimestamp) -> u64 {
        next_due(key_id, self.here(), now, self.interval_sec())
    }

    /// The same for many, by that time.
    fn by_next_due(&self, ids: &[KeyId], now: HostTimestamp) -> KeysByDue {
        let mut by_due = KeysByDue::new();
        for id in ids {
            by_due.entry(self.next_due(id, now)).or_default().push(*id);
        }
        by_due
    }

    /// Whether this node has heard nobody for so long, or its clock is set back, that it may have missed deletions.
    fn is_away(&self, now: HostTimestamp) -> bool {
        let away_sec = self.interval_sec().saturating_mul(limits::AWAY_INTERVALS);
        self.store
            .ran_at()
            .is_some_and(|ran_at| now.as_sec() > ran_at.saturating_add(away_sec) || ran_at > now.latest_accepted())
    }

    /// Every call that loaded a key and was not refused ends here, whether it changed anything or not. What does not fit
    /// into the limits of this node is refused as a whole.
    fn save(&mut self, state: KeyState, now: HostTimestamp) -> Result<(), CallError> {
        Ok(self.store.save(state, now)?)
    }

    /// The same for a batch: what fits comes in, the rest is returned.
    fn save_fitting(&mut self, states: Vec<KeyState>, now: HostTimestamp) -> Result<Vec<Unfit>, CallError> {
        Ok(self.store.save_fitting(states, now)?)
    }
}
