//! Spreading what is signed over the neighbourhood: one call on each node, which takes in the key, too, in case the node
//! does not know it, and everything in one transaction.

use std::collections::BTreeSet;

use super::asking::{clamp, NodeAnswer, Plan};
use super::keys::{with_key, Came};
use super::records::check_signed;
use super::{Call, CallError};
use crate::auth::WeightResult;
use crate::domain::data::{Key, Record, RecordMetadata, Tombstone};
use crate::domain::limits::{PEERS_MAX, PUBLISHED_KEYS_MAX, PUBLISHED_MAX};
use crate::domain::{
    check_count, check_label, neighbourhood, quoted, verify_key, verify_tombstone, Error, Here, HostTimestamp, KeyId,
    KeyState,
};
use crate::store::Backend;

/// Where the results of `put_host_record` stand among the arguments.
const HOSTED_AT: usize = 2;
const WEIGHTS_AT: usize = 4;
const PUBLISH_TIME_AT: usize = 5;
const SPREAD_TIME_AT: usize = 7;

/// What is published together, all of one key.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// The key itself, for nodes that do not know it, and before it what others know of it: to such a node it is no new one.
    pub keys: Vec<Key>,
    /// Records that their providers have signed.
    pub records: Vec<Record>,
    /// What `put_host_record` returned on the providers in this very particle.
    pub hosted: Vec<Result<Record, String>>,
    pub tombstones: Vec<Tombstone>,
}

impl Published {
    fn check_counts(&self) -> Result<(), Error> {
        check_count("keys", self.keys.len(), PUBLISHED_KEYS_MAX)?;
        check_count("records", self.records.len(), PUBLISHED_MAX)?;
        check_count("results of put_host_record", self.hosted.len(), PUBLISHED_MAX)?;
        check_count("tombstones", self.tombstones.len(), PUBLISHED_MAX)
    }

    fn hosted_records(&self) -> impl Iterator<Item = &Record> {
        self.hosted.iter().flatten()
    }

    /// The key that all of it belongs to.
    fn key_id(&self) -> Result<KeyId, Error> {
        let records = self.records.iter().chain(self.hosted_records());
        let ids: BTreeSet<&str> = (self.keys.iter().map(|key| key.id.as_str()))
            .chain(records.map(|record| record.metadata.key_id.as_str()))
            .chain(self.tombstones.iter().map(|tombstone| tombstone.key_id.as_str()))
            .collect();
        let mut ids = ids.into_iter();
        let first = ids.next().ok_or(Error::Empty {
            what: "keys, records and tombstones",
        })?;
        match ids.next() {
            Some(other) => Err(Error::SeveralKeys {
                first: quoted(first),
                other: quoted(other),
            }),
            None => KeyId::parse(first),
        }
    }

    fn is_key_alone(&self) -> bool {
        self.records.is_empty() && self.hosted.is_empty() && self.tombstones.is_empty()
    }

    /// Whether the key was made for what comes with it. What was issued later, somebody has found it for: others hold it.
    fn makes_key(&self) -> bool {
        let [key] = self.keys.as_slice() else {
            return false;
        };
        let records = self.records.iter().chain(self.hosted_records());
        let tombstones = self.tombstones.iter().map(|tombstone| tombstone.timestamp_issued);
        let mut issued_at = records.map(|record| record.metadata.timestamp_issued).chain(tombstones);
        issued_at.all(|issued_at| issued_at <= key.timestamp_created)
    }

    /// Those who are told although they do not belong to the neighbourhood: providers whose records others void.
    fn voided_providers(&self) -> impl Iterator<Item = &String> {
        let of_others = |tombstone: &&Tombstone| tombstone.peer_id != tombstone.issued_by;
        self.tombstones
            .iter()
            .filter(of_others)
            .map(|tombstone| &tombstone.peer_id)
    }
}

/// # Errors
/// [`Error::TooMany`], and those of a malformed key id.
pub(super) fn near(key_id: &str, peers: Vec<String>, here: &Here) -> Result<Vec<String>, Error> {
    check_count("peers", peers.len(), PEERS_MAX)?;
    Ok(neighbourhood(&KeyId::parse(key_id)?, peers, here))
}

/// Records of which the providers have signed what was issued to them, in the second in which it was. One without a
/// signature is refused where it is taken in.
pub fn signed_records(metadata: Vec<RecordMetadata>, signatures: Vec<Vec<u8>>) -> Vec<Record> {
    let signatures = signatures.into_iter().chain(std::iter::repeat(Vec::new()));
    let record = |(metadata, signature): (RecordMetadata, Vec<u8>)| Record {
        timestamp_created: metadata.timestamp_issued,
        metadata,
        signature,
    };
    metadata.into_iter().zip(signatures).map(record).collect()
}

impl<B: Backend> Call<'_, B> {
    /// The neighbourhood of what is published, as `lists` have it. A list of voided providers alone says nothing of it:
    /// these are told in any case.
    ///
    /// # Errors
    /// A plan that says what is wrong with the lists.
    pub fn find_peers_for(&self, published: &Published, mut lists: Vec<Vec<String>>) -> Result<Vec<String>, Box<Plan>> {
        let Ok(key_id) = published.key_id() else {
            // `spread` refuses it.
            return Ok(Vec::new());
        };
        let is_told = |peer: &String| published.voided_providers().any(|provider| provider == peer);
        lists.retain(|list| !list.iter().all(is_told));
        self.find_peers(&key_id.to_string(), lists)
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

    /// Takes in a key, records, what providers have taken in themselves, and tombstones: all or nothing.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn publish(
        &mut self,
        published: Published,
        weights: &[WeightResult],
        current_timestamp_sec: u64,
    ) -> Result<(), CallError> {
        let now = self.caller.host_timestamp(PUBLISH_TIME_AT, current_timestamp_sec)?;
        self.take_in(published, weights, now)
    }

    fn take_in(&mut self, published: Published, weights: &[WeightResult], now: HostTimestamp) -> Result<(), CallError> {
        published.check_counts()?;
        check_count("weights", weights.len(), PEERS_MAX)?;
        let key_id = published.key_id()?;
        let (is_alone, makes_key) = (published.is_key_alone(), published.makes_key());
        let mut state = self.state_for(published.keys, &key_id, (is_alone, makes_key), now)?;
        let owner = &state.key().owner_peer_id;
        let weight = self.caller.weight_of(WEIGHTS_AT, weights, owner)?;
        state.note_weight(weight);
        // Deletions first: what is issued after them stands.
        for tombstone in published.tombstones {
            self.admit_void(&mut state, tombstone, now)?;
        }
        for record in published.records {
            check_signed(&record)?;
            self.take_record(&mut state, record, weights, now)?;
        }
        for (item, hosted) in published.hosted.into_iter().enumerate() {
            let record = hosted.map_err(|error| Error::HostRecordFailed { error: quoted(&error) })?;
            self.caller.check_host_record((HOSTED_AT, item), &record)?;
            self.take_record(&mut state, record, weights, now)?;
        }
        self.save(state, now)
    }

    fn take_record(
        &mut self,
        state: &mut KeyState,
        record: Record,
        weights: &[WeightResult],
        now: HostTimestamp,
    ) -> Result<(), CallError> {
        let weight = self.caller.weight_of(WEIGHTS_AT, weights, &record.metadata.issued_by)?;
        self.admit_put(state, record, weight, now)
    }

    /// What is here of a key; a key that comes along is taken in. Its owner uses it with that, and so does whoever registers it
    /// alone, as with `register_key`.
    fn state_for(
        &mut self,
        keys: Vec<Key>,
        key_id: &KeyId,
        (is_alone, makes_key): (bool, bool),
        now: HostTimestamp,
    ) -> Result<KeyState, CallError> {
        let mut keys = keys.into_iter();
        let Some(key) = keys.next() else {
            return self.load(key_id);
        };
        now.check_not_ahead("timestamp_created", key.timestamp_created)?;
        let is_owner = key.owner_peer_id == self.caller.init_peer_id();
        let came = if makes_key { self.came(&key) } else { Came::PassedOn };
        let (_, mut state) = self.admit_key(key, came, now)?;
        for key in keys {
            now.check_not_ahead("timestamp_created", key.timestamp_created)?;
            state = with_key(Some(state), key)?;
        }
        if is_owner || is_alone {
            state.note_use(&self.at(now));
        }
        Ok(state)
    }

    /// Begins to publish: this node first, if it belongs to the key's neighbourhood; then the others among `peers`, which is
    /// what this node's `kad.neighborhood` returned, and the providers whose records are voided. `ack` nodes are to take it
    /// in, at least one and at most all. What is wrong in itself nobody else is asked to take.
    pub fn spread(
        &mut self,
        published: Published,
        weights: &[WeightResult],
        (peers, ack): (Vec<String>, i16),
        current_timestamp_sec: u64,
    ) -> Plan {
        let refused = published.hosted.iter().enumerate();
        let mut refused = refused.filter_map(|(item, hosted)| Some((item, hosted.as_ref().err()?)));
        if let Some((item, error)) = refused.next() {
            return Plan::refused(self.caller.peer_of((HOSTED_AT, item)), error);
        }
        let host_id = self.here().host_id().to_owned();
        let begun = self.plan_spread(published, weights, (peers, ack), current_timestamp_sec);
        begun.unwrap_or_else(|error| {
            self.refusals.note(&error);
            Plan::refused(&host_id, &error.to_string())
        })
    }

    fn plan_spread(
        &mut self,
        published: Published,
        weights: &[WeightResult],
        (peers, ack): (Vec<String>, i16),
        current_timestamp_sec: u64,
    ) -> Result<Plan, CallError> {
        let now = self.caller.host_timestamp(SPREAD_TIME_AT, current_timestamp_sec)?;
        self.check_published(&published)?;
        let host_id = self.here().host_id().to_owned();
        let mut peers = near(&published.key_id()?.to_string(), peers, self.here())?;
        let known: Vec<&String> = published
            .voided_providers()
            .filter(|peer| !peers.contains(peer))
            .collect();
        let also: Vec<String> = known.into_iter().cloned().collect();
        peers.extend(also);
        let mut plan = Plan {
            ack: clamp(ack, peers.len()),
            ..Plan::default()
        };
        let count = peers.len();
        peers.retain(|peer| *peer != host_id);
        if peers.len() < count {
            plan.here.push(match self.take_in(published, weights, now) {
                Ok(()) => NodeAnswer::good(&host_id, String::new()),
                Err(error) => {
                    self.refusals.note(&error);
                    NodeAnswer::failed(&host_id, &error.to_string())
                }
            });
        }
        if !peers.is_empty() {
            plan.ask = peers;
            plan.publish_turns();
        }
        Ok(plan)
    }

    /// What everybody refuses, whatever is held there.
    fn check_published(&mut self, published: &Published) -> Result<(), CallError> {
        published.check_counts()?;
        for key in &published.keys {
            check_label(&key.label)?;
        }
        published.key_id()?;
        for key in &published.keys {
            verify_key(key.clone())?;
        }
        for record in &published.records {
            check_signed(record)?;
        }
        for (item, record) in published.hosted_records().enumerate() {
            self.caller.check_host_record((HOSTED_AT, item), record)?;
        }
        for record in published.records.iter().chain(published.hosted_records()) {
            self.verifier.record(record.clone(), None)?;
        }
        for tombstone in &published.tombstones {
            verify_tombstone(tombstone.clone())?;
        }
        Ok(())
    }

    /// That this host's clock and that of the particle's initiator are far apart.
    pub(super) fn clock_error(&self, now: HostTimestamp) -> Option<String> {
        self.caller.check_clocks(now).err().map(|error| error.to_string())
    }
}
