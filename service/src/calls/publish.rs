//! Spreading what a client has signed over the neighbourhood: one call on each node, which takes in the key, too, in
//! case the node does not know it, and everything in one transaction.

use super::records::check_signed;
use super::{Call, CallError};
use crate::auth::WeightResult;
use crate::domain::data::{Key, Record, Tombstone};
use crate::domain::limits::{OWNERS_MAX, PEERS_MAX};
use crate::domain::{check_count, neighbourhood, Error, Here, HostTimestamp, KeyId, KeyState};
use crate::store::Backend;

/// How what was taken in here goes on to the other nodes of its neighbourhood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread {
    /// The nodes that are still to take it in, closest first.
    pub ask: Vec<String>,
    /// One item if the successes of others are needed, else none.
    pub more: Vec<bool>,
    /// This node, if it has taken it in.
    pub good: Vec<String>,
    /// Its error, if it belongs to the neighbourhood but has not.
    pub bad: Vec<String>,
    /// How many nodes have to take it in.
    pub ack: u32,
    /// Index, among the successes of others, of the one that is enough.
    pub enough: u32,
    /// Index, among the failures of others, of the one after which there cannot be enough.
    pub hopeless: u32,
}

impl Spread {
    fn begin(
        host_id: &str,
        near: Result<Vec<String>, Error>,
        also: Option<String>,
        ack: i16,
        own: impl FnOnce() -> Result<(), CallError>,
    ) -> Self {
        let mut peers = match near {
            Ok(peers) => peers,
            Err(error) => return Self::failed(host_id, &error.into()),
        };
        peers.extend(also.filter(|also| !peers.contains(also)));
        let mut spread = Self {
            ack: clamp(ack, peers.len()),
            ..Self::default()
        };
        if peers.iter().any(|peer| peer == host_id) {
            match own() {
                Ok(()) => spread.good.push(host_id.to_owned()),
                Err(error) => spread.bad.push(format!("{host_id}: {error}")),
            }
            peers.retain(|peer| peer != host_id);
        }
        let others = peers.len() as u32;
        let needed = (spread.ack - spread.good.len() as u32).min(others);
        if needed > 0 {
            spread.more.push(true);
            spread.enough = needed - 1;
            spread.hopeless = others - needed;
        }
        spread.ask = peers;
        spread
    }

    /// Nobody is asked: this node says what is wrong.
    fn failed(host_id: &str, error: &CallError) -> Self {
        Self {
            ack: 1,
            bad: vec![format!("{host_id}: {error}")],
            ..Self::default()
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub success: bool,
    pub errors: Vec<String>,
}

impl Tally {
    /// `good` names the nodes that took it in, `bad` are the errors of the others, each beginning with its node.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub fn of(spread: &Spread, good: &[String], mut bad: Vec<String>) -> Result<Self, Error> {
        check_count("peers", spread.ask.len(), PEERS_MAX)?;
        check_count("answers", good.len() + bad.len(), PEERS_MAX)?;
        let stored = spread.good.len() + good.len();
        let success = stored >= spread.ack.max(1) as usize;
        bad.splice(..0, spread.bad.iter().cloned());
        if !success {
            let silent: Vec<String> = spread
                .ask
                .iter()
                .filter(|peer| !good.contains(peer) && !bad.iter().any(|error| error.starts_with(peer.as_str())))
                .map(|peer| no_answer(peer))
                .collect();
            bad.extend(silent);
            bad.push(format!("stored on {stored} nodes, {} are needed", spread.ack));
        }
        Ok(Self { success, errors: bad })
    }
}

pub(super) fn no_answer(peer: &str) -> String {
    format!("{peer}: no answer in time")
}

/// # Errors
/// [`Error::TooMany`], and those of a malformed key id.
pub(super) fn near(key_id: &str, peers: Vec<String>, here: &Here) -> Result<Vec<String>, Error> {
    check_count("peers", peers.len(), PEERS_MAX)?;
    Ok(neighbourhood(&KeyId::parse(key_id)?, peers, here))
}

/// Where `kad.neighborhood` is to look for a key: the base58 of its id's text.
///
/// # Errors
/// [`Error::TooLong`] and [`Error::Malformed`].
pub fn get_place(key_id: &str) -> Result<String, Error> {
    KeyId::parse(key_id)?;
    Ok(bs58::encode(key_id).into_string())
}

/// At least one node, at most all.
pub(super) fn clamp(ack: i16, peers: usize) -> u32 {
    (ack.max(1) as u32).min(peers as u32)
}

impl<B: Backend> Call<'_, B> {
    /// The closest among `peers` and this node, closest first.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_neighbourhood(&self, key_id: &str, peers: Vec<String>) -> Result<Vec<String>, CallError> {
        Ok(near(key_id, peers, self.here())?)
    }

    /// The key of the particle's initiator, put together for passing on. Checks nothing.
    #[must_use]
    pub fn create_key(&self, label: String, timestamp_created: u64, signature: Vec<u8>) -> Key {
        let owner_peer_id = self.caller.init_peer_id().to_owned();
        Key {
            id: KeyId::of(&label, &owner_peer_id).to_string(),
            label,
            owner_peer_id,
            timestamp_created,
            signature,
            ..Key::default()
        }
    }

    /// The tombstone of the particle's initiator, put together for passing on. Checks nothing.
    #[must_use]
    pub fn create_tombstone(
        &self,
        key_id: String,
        peer_id: String,
        timestamp_issued: u64,
        signature: Vec<u8>,
    ) -> Tombstone {
        Tombstone {
            key_id,
            issued_by: self.caller.init_peer_id().to_owned(),
            peer_id,
            timestamp_issued,
            issuer_signature: signature,
            ..Tombstone::default()
        }
    }

    /// Registers a key: `register_key` for scripts that ask many nodes. The time comes with its position.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn publish_key(&mut self, key: Key, (now_at, now): (usize, u64)) -> Result<(), CallError> {
        let now = self.caller.host_timestamp(now_at, now)?;
        now.check_not_ahead("timestamp_created", key.timestamp_created)?;
        let (_, mut state) = self.admit_key(key, now)?;
        state.note_use(&self.at(now));
        self.save(state, now)
    }

    /// Puts a provider's own record, and before it the record's key, if one is given.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn publish_record(
        &mut self,
        keys: Vec<Key>,
        record: Record,
        weights: (usize, &[WeightResult]),
        now: (usize, u64),
    ) -> Result<(), CallError> {
        check_signed(&record)?;
        self.publish_provider(keys, record, weights, now)
    }

    /// Takes in what `put_host_record` returned on the provider in this very particle, and before it the record's
    /// key, if one is given. Position 0 must prove that.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn publish_host_record(
        &mut self,
        result: Result<Record, String>,
        keys: Vec<Key>,
        weights: (usize, &[WeightResult]),
        now: (usize, u64),
    ) -> Result<(), CallError> {
        let record = result.map_err(|error| Error::HostRecordFailed {
            error: crate::domain::quoted(&error),
        })?;
        self.caller.check_host_record(0, &record)?;
        self.publish_provider(keys, record, weights, now)
    }

    fn publish_provider(
        &mut self,
        keys: Vec<Key>,
        record: Record,
        (weights_at, weights): (usize, &[WeightResult]),
        (now_at, now): (usize, u64),
    ) -> Result<(), CallError> {
        let now = self.caller.host_timestamp(now_at, now)?;
        check_count("weights", weights.len(), PEERS_MAX)?;
        let weight = self.caller.weight_of(weights_at, weights, &record.metadata.issued_by)?;
        let state = self.state_for(keys, &record.metadata.key_id, now)?;
        self.put(state, record, weight, now)
    }

    /// Voids a record, and takes in the key before, if one is given.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn publish_tombstone(
        &mut self,
        keys: Vec<Key>,
        tombstone: Tombstone,
        (now_at, now): (usize, u64),
    ) -> Result<(), CallError> {
        let now = self.caller.host_timestamp(now_at, now)?;
        let state = self.state_for(keys, &tombstone.key_id, now)?;
        self.void(state, tombstone, now)
    }

    /// Begins to publish something of a key: this node first, if it belongs to the key's neighbourhood, by `own`; then
    /// the others among `peers`, which is what this node's `kad.neighborhood` returned, and `also`. `ack` successes are
    /// to be enough, at least one and at most all.
    pub fn spread(
        &mut self,
        key_id: &str,
        (peers, also): (Vec<String>, Option<String>),
        ack: i16,
        own: impl FnOnce(&mut Self) -> Result<(), CallError>,
    ) -> Spread {
        let near = near(key_id, peers, self.here());
        let host_id = self.here().host_id().to_owned();
        Spread::begin(&host_id, near, also, ack, || {
            own(self).inspect_err(|error| self.refusals.note(error))
        })
    }

    /// The provider, whose answer position 0 is, has refused: nobody is asked, the error is the provider's.
    #[must_use]
    pub fn spread_refused(&self, error: &str) -> Spread {
        Spread {
            ack: 1,
            bad: vec![format!("{}: {error}", self.caller.peer_of(0))],
            ..Spread::default()
        }
    }

    /// What is here of a key; a key that comes along is taken in.
    fn state_for(&mut self, keys: Vec<Key>, key_id: &str, now: HostTimestamp) -> Result<KeyState, CallError> {
        check_count("keys", keys.len(), OWNERS_MAX)?;
        let key_id = KeyId::parse(key_id)?;
        let Some(key) = keys.into_iter().next() else {
            return self.load(&key_id);
        };
        if key.id != key_id.to_string() {
            return Err(Error::SeveralKeys {
                first: crate::domain::quoted(&key.id),
                other: key_id.to_string(),
            }
            .into());
        }
        now.check_not_ahead("timestamp_created", key.timestamp_created)?;
        Ok(self.admit_key(key, now)?.1)
    }
}
