use super::{Call, CallError};
use crate::auth::WeightResult;
use crate::domain::data::Key;
use crate::domain::limits::{LABEL_LEN_MAX, NEW_KEY_SEC, OWNERS_MAX};
use crate::domain::{
    check_count, check_len, is_open, limits, merge_keys, open_key, signing, verify_key, Error, HostTimestamp, KeyId,
    KeyState, PeerKey, Verified,
};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// The owner that a list of at most one names; none stands for the particle's initiator.
    fn owner(&self, owner_peer_id: Vec<String>) -> Result<String, Error> {
        check_count("owners", owner_peer_id.len(), OWNERS_MAX)?;
        Ok(owner_peer_id
            .into_iter()
            .next()
            .unwrap_or_else(|| self.caller.init_peer_id().to_owned()))
    }

    /// What the owner signs to register a key.
    ///
    /// # Errors
    /// [`CallError::Refused`] for oversized arguments, or several owners.
    pub fn get_key_bytes(&self, owner_peer_id: Vec<String>, mut key: Key) -> Result<Vec<u8>, CallError> {
        check_len("label", key.label.len(), limits::LABEL_LEN_MAX)?;
        check_len("challenge", key.challenge.len(), limits::CHALLENGE_LEN_MAX)?;
        check_len(
            "challenge_type",
            key.challenge_type.len(),
            limits::CHALLENGE_TYPE_LEN_MAX,
        )?;
        key.owner_peer_id = self.owner(owner_peer_id)?;
        Ok(signing::key_bytes(&key).to_vec())
    }

    /// The key of an open name, made and signed here.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn open_key(&self, label: &str, current_timestamp_sec: u64) -> Result<Key, CallError> {
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        Ok(open_key(label, now)?)
    }

    /// Registers a key here. Registering it again counts as a use; an older registration than the one that is here
    /// changes nothing else. `key` needs neither id nor owner, they follow.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn register_key(
        &mut self,
        owner_peer_id: Vec<String>,
        mut key: Key,
        weight: &WeightResult,
        current_timestamp_sec: u64,
    ) -> Result<KeyId, CallError> {
        let now = self.caller.host_timestamp(7, current_timestamp_sec)?;
        key.owner_peer_id = self.owner(owner_peer_id)?;
        let weight = self.caller.weight(6, weight, &key.owner_peer_id)?;
        key.id = KeyId::of(&key.label, &key.owner_peer_id).to_string();
        now.check_not_ahead("timestamp_created", key.timestamp_created)?;
        let came = self.came(&key);
        let (key_id, mut state) = self.admit_key(key, came, now)?;
        state.note_weight(weight);
        state.note_use(&self.at(now));
        self.save(state, now)?;
        Ok(key_id)
    }

    /// The key, if it is here. Without a proved time this is not a use, and does not say whether the key is alive.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_key_metadata(&mut self, key_id: &str) -> Result<Key, CallError> {
        let key_id = KeyId::parse(key_id)?;
        let state = self.load(&key_id)?;
        let key = state.key().clone().into_inner();
        self.store.keep(state);
        Ok(key)
    }

    /// Takes in a key that another node, or its owner, passes on.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn republish_key(
        &mut self,
        key: Key,
        weight: &WeightResult,
        current_timestamp_sec: u64,
    ) -> Result<(), CallError> {
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        let weight = self.caller.weight(1, weight, &key.owner_peer_id)?;
        now.check_not_ahead("timestamp_created", key.timestamp_created)?;
        let (_, mut state) = self.admit_key(key, Came::PassedOn, now)?;
        state.note_weight(weight);
        self.save(state, now)
    }

    /// Who brings a key along that is another's does not know whether others hold more of it. An open name is anybody's:
    /// whoever comes later has found the older key.
    pub(super) fn came(&self, key: &Key) -> Came {
        match key.owner_peer_id == self.caller.init_peer_id() || is_open(key) {
            true => Came::Registered,
            false => Came::PassedOn,
        }
    }

    pub(super) fn admit_key(
        &mut self,
        key: Key,
        came: Came,
        now: HostTimestamp,
    ) -> Result<(KeyId, KeyState), CallError> {
        let claimed = KeyId::parse(&key.id)?;
        let held = self.store.load(&claimed)?;
        let is_new = held.as_ref().is_none_or(|held| held.dead(&self.at(now)));
        let mut state = with_key(held, key)?;
        let age_sec = now.as_sec().saturating_sub(state.key().timestamp_created);
        match (is_new, came) {
            (false, _) => {}
            (true, Came::Registered) if age_sec <= NEW_KEY_SEC => state.note_new(now, self.next_due(&claimed, now)),
            (true, _) => state.note_partial(),
        }
        Ok((claimed, state))
    }
}

/// How a key reached this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Its owner registers it: one that is new nobody else holds more of.
    Registered,
    /// It comes along with what somebody puts, or another node passes it on.
    PassedOn,
}

/// What is held of a key, with this registration of it. Nothing is verified twice.
///
/// # Errors
/// As [`verify_key`].
pub(super) fn with_key(held: Option<KeyState>, key: Key) -> Result<KeyState, Error> {
    match held {
        Some(state) if **state.key() == key => Ok(state),
        Some(mut state) => {
            state.admit_key(verify_key(key)?);
            Ok(state)
        }
        None => Ok(KeyState::new(verify_key(key)?)),
    }
}

/// The latest genuine registration among what nodes answered. Needs no database.
///
/// # Errors
/// [`CallError::Refused`].
pub fn latest_key(keys: Vec<Key>, key_id: Option<&str>) -> Result<Key, CallError> {
    Ok(merge_keys(keys, key_id).map(Verified::into_inner)?)
}

/// # Errors
/// [`Error::TooLong`] and [`Error::Malformed`]: there can be no such key.
pub fn get_key_id(label: &str, owner_peer_id: &str) -> Result<KeyId, Error> {
    check_len("label", label.len(), LABEL_LEN_MAX)?;
    PeerKey::parse("owner_peer_id", owner_peer_id)?;
    Ok(KeyId::of(label, owner_peer_id))
}
