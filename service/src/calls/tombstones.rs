use super::records::{only_key, settled, Batch, Republished};
use super::{Call, CallError};
use crate::domain::data::Tombstone;
use crate::domain::{
    check_len, limits, signing, verify_tombstone, Arrival, Error, HostTimestamp, Identity, KeyId, KeyState, Verified,
};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// Voids the issuer's record for a peer, whether it is here already or still to come.
    ///
    /// # Errors
    /// [`CallError`]; also where the issuer has issued a record later than this.
    pub fn add_tombstone(&mut self, tombstone: Tombstone, current_timestamp_sec: u64) -> Result<(), CallError> {
        let now = self.caller.host_timestamp(6, current_timestamp_sec)?;
        let mut state = self.load(&KeyId::parse(&tombstone.key_id)?)?;
        self.admit_void(&mut state, tombstone, now)?;
        self.save(state, now)
    }

    /// Adds a tombstone to what is here of its key.
    pub(super) fn admit_void(
        &mut self,
        state: &mut KeyState,
        tombstone: Tombstone,
        now: HostTimestamp,
    ) -> Result<(), CallError> {
        let tombstone = verify(state, tombstone)?;
        Ok(settled(state.admit_tombstone(
            tombstone,
            Arrival::Direct,
            &self.at(now),
        )?)?)
    }

    /// The live tombstones of a key.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_tombstones(&mut self, key_id: &str, current_timestamp_sec: u64) -> Result<Vec<Tombstone>, CallError> {
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        let state = self.load_alive(&KeyId::parse(key_id)?, now)?;
        let at = self.at(now);
        let tombstones = state
            .live_tombstones(&at)
            .map(|tombstone| (**tombstone).clone())
            .collect();
        self.save(state, now)?;
        Ok(tombstones)
    }

    /// Takes in tombstones of one key that another node passes on. Each is judged by itself, the rest comes in.
    ///
    /// # Errors
    /// [`CallError`] where the batch as a whole is at fault; nothing is written then.
    pub fn republish_tombstones(
        &mut self,
        tombstones: Vec<Tombstone>,
        current_timestamp_sec: u64,
    ) -> Result<Republished, CallError> {
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        let key_id = only_key(
            "tombstones",
            tombstones.iter().map(|tombstone| tombstone.key_id.as_str()),
        )?;
        let mut state = self.load(&key_id)?;
        let mut batch = Batch::default();
        for (position, tombstone) in tombstones.into_iter().enumerate() {
            let identity = Identity::of_tombstone(&tombstone);
            let admitted = verify(&state, tombstone)
                .and_then(|tombstone| state.admit_tombstone(tombstone, Arrival::Replica, &self.at(now)));
            batch.note(position, identity, admitted);
        }
        batch.offered(&state);
        Ok(batch.saved(self.save_fitting(vec![state], now)?))
    }
}

/// Nothing is verified twice: what this node holds bit for bit was verified when it came.
pub(super) fn verify(state: &KeyState, tombstone: Tombstone) -> Result<Verified<Tombstone>, Error> {
    match state.held_tombstone(&tombstone) {
        Some(held) => Ok(held.clone()),
        None => verify_tombstone(tombstone),
    }
}

/// What the issuer of a tombstone signs.
///
/// # Errors
/// [`Error::TooLong`].
pub fn get_tombstone_bytes(tombstone: &Tombstone) -> Result<Vec<u8>, Error> {
    check_len("key id", tombstone.key_id.len(), limits::KEY_ID_LEN_MAX)?;
    check_len("issued_by", tombstone.issued_by.len(), limits::PEER_ID_LEN_MAX)?;
    check_len("peer_id", tombstone.peer_id.len(), limits::PEER_ID_LEN_MAX)?;
    check_len("solution", tombstone.solution.len(), limits::SOLUTION_LEN_MAX)?;
    Ok(signing::tombstone_bytes(tombstone).to_vec())
}
