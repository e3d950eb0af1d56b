use registry_service::store::Backend;

use super::{at, Call, CallError};
use crate::domain::data::DhtKey;
use crate::domain::{check_key, check_passed_on, check_weight, Topic};

impl<B: Backend> Call<'_, B> {
    /// Registers a key for the particle's initiator, or registers it anew.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn register_key(&mut self, key: String, now: u64, weight: i64) -> Result<(), CallError> {
        let at = at(&self.caller, self.store.timeouts(), (1, now))?;
        check_key(&key)?;
        let registered = DhtKey {
            peer_id: at.caller.to_owned(),
            timestamp_created: at.now,
            pinned: false,
            weight: check_weight(weight)?,
            key,
        };
        let held = self.store.load(&registered.key)?;
        let topic = match held.clone().filter(|held| !held.is_dead(&at)) {
            Some(mut topic) => {
                topic.register(registered, &at)?;
                topic.drop_expired(&at);
                topic
            }
            None => Topic::new(registered, at.now)?,
        };
        Ok(self.store.save(held, Some(topic))?)
    }

    /// # Errors
    /// [`CallError`].
    pub fn get_key_metadata(&mut self, key: &str, now: u64) -> Result<DhtKey, CallError> {
        self.change(key, (1, now), |topic, _| Ok(topic.key.clone()))
    }

    /// Takes in a key that another node passes on.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn republish_key(&mut self, key: DhtKey, now: u64) -> Result<(), CallError> {
        let at = at(&self.caller, self.store.timeouts(), (1, now))?;
        check_passed_on(key.timestamp_created, "the key", &at)?;
        let held = self.store.load(&key.key)?;
        let arriving = Topic::new(DhtKey { pinned: false, ..key }, at.now)?;
        let topic = match held.clone().filter(|held| !held.is_dead(&at)) {
            Some(mut topic) => {
                topic.republish(arriving.key);
                topic.drop_expired(&at);
                topic
            }
            None => arriving,
        };
        Ok(self.store.save(held, Some(topic))?)
    }

    /// Has eviction leave the key here, or take it again.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn pin_key(&mut self, key: &str, now: u64, pinned: bool) -> Result<(), CallError> {
        self.change(key, (1, now), |topic, at| topic.pin(pinned, at))
    }
}
