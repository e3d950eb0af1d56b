use std::collections::BTreeMap;

use super::{Call, CallError};
use crate::auth::WeightResult;
use crate::domain::data::{Record, RecordMetadata, Tombstone};
use crate::domain::limits::REPUBLISH_BATCH_MAX;
use crate::domain::{
    check_count, check_metadata_sizes, merge_records, signing, Admission, Arrival, Circumstances, Error, HostTimestamp,
    Identity, KeyId, KeyState, ProvedWeight, Verified, Verifier,
};
use crate::store::{Backend, Unfit};

/// Refused items that an error text lists one by one.
const REFUSALS_NAMED_MAX: usize = 3;

/// The outcome of a batch, item by item.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Republished {
    /// Items that are new here, and stand now that the batch is in: what gave way to another item of it does not count.
    pub updated: u64,
    /// Position and reason of every item that was refused. Items that something later stands for, or that a full key
    /// has no room for, are not refused: that is how replicas settle.
    pub refused: Vec<(usize, CallError)>,
}

/// A batch that is being taken in.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Which item was last admitted for an identity.
    admitted: BTreeMap<Identity, usize>,
    refused: Vec<(usize, CallError)>,
}

impl Batch {
    pub(super) fn note(&mut self, position: usize, identity: Identity, outcome: Result<Admission, Error>) {
        match outcome {
            Ok(Admission::Stored) => {
                self.admitted.insert(identity, position);
            }
            Ok(Admission::Known | Admission::Superseded(_) | Admission::Outranked(_)) => {}
            Err(error) => self.refused.push((position, error.into())),
        }
    }

    /// All items were offered: what is there no more made room for later ones.
    pub(super) fn offered(&mut self, state: &KeyState) {
        self.admitted.retain(|identity, _| state.holds(identity));
    }

    /// What came of it, but for what did not fit into the limits of this node.
    pub(super) fn saved(mut self, unfit: Vec<Unfit>) -> Republished {
        for Unfit { identity, error, .. } in unfit {
            match identity {
                // A new weight of an item that was known is no item.
                Some(identity) => {
                    let position = self.admitted.remove(&identity);
                    self.refused.extend(position.map(|position| (position, error.into())));
                }
                None => {
                    self.admitted.clear();
                    self.refused.push((0, error.into()));
                }
            }
        }
        self.refused.sort_by_key(|(position, _)| *position);
        Republished {
            updated: self.admitted.len() as u64,
            refused: self.refused,
        }
    }
}

impl Republished {
    /// One text for all refusals; empty where there are none.
    pub fn error(&self) -> String {
        if self.refused.is_empty() {
            return String::new();
        }
        let named: Vec<String> = self
            .refused
            .iter()
            .take(REFUSALS_NAMED_MAX)
            .map(|(position, error)| format!("item {position}: {error}"))
            .collect();
        format!(
            "{} refused, the others are in; {}",
            self.refused.len(),
            named.join("; ")
        )
    }
}

impl<B: Backend> Call<'_, B> {
    /// When the particle's initiator signs a record of itself that is to end `lease_sec` from now.
    ///
    /// # Errors
    /// [`CallError`]; also where the initiator is this node, which renews its records.
    pub fn begin_lease(&self, lease_sec: u64, current_timestamp_sec: u64) -> Result<u64, CallError> {
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        if self.caller.is_host() {
            let host = self.here().host_id().to_owned();
            return Err(Error::LeaseOfHost { host }.into());
        }
        Ok(self.timeouts().created_for(lease_sec, now)?)
    }

    /// Puts a provider's own record. Putting it again changes nothing.
    ///
    /// # Errors
    /// [`CallError`]; also where a later record or tombstone stands for the identity, or the key is full of
    /// records that rank higher.
    pub fn put_record(
        &mut self,
        record: Record,
        weight: &WeightResult,
        current_timestamp_sec: u64,
    ) -> Result<(), CallError> {
        let now = self.caller.host_timestamp(4, current_timestamp_sec)?;
        let weight = self.caller.weight(3, weight, &record.metadata.issued_by)?;
        check_signed(&record)?;
        let state = self.load(&KeyId::parse(&record.metadata.key_id)?)?;
        self.put(state, record, weight, now)
    }

    /// Adds a provider's record to what is here of its key; that is a use of the key.
    pub(super) fn put(
        &mut self,
        mut state: KeyState,
        record: Record,
        weight: ProvedWeight,
        now: HostTimestamp,
    ) -> Result<(), CallError> {
        self.admit_put(&mut state, record, weight, now)?;
        self.save(state, now)
    }

    /// The same without saving it.
    pub(super) fn admit_put(
        &mut self,
        state: &mut KeyState,
        record: Record,
        weight: ProvedWeight,
        now: HostTimestamp,
    ) -> Result<(), CallError> {
        let record = state.verify(record, self.verifier)?;
        settled(state.admit_record(record, weight, Arrival::Direct, &self.at(now))?)?;
        state.note_use(&self.at(now));
        Ok(())
    }

    /// The live records of a key, in the order of issuer and peer. Reading a key is a use.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_records(&mut self, key_id: &str, current_timestamp_sec: u64) -> Result<Vec<Record>, CallError> {
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        self.read_records(key_id, now)
    }

    pub(super) fn read_records(&mut self, key_id: &str, now: HostTimestamp) -> Result<Vec<Record>, CallError> {
        self.read(key_id, now, live_records)
    }

    /// The live records of a key, and its live tombstones.
    pub(super) fn read_entries(
        &mut self,
        key_id: &str,
        now: HostTimestamp,
    ) -> Result<(Vec<Record>, Vec<Tombstone>), CallError> {
        self.read(key_id, now, |state, at| {
            let tombstones = state.live_tombstones(at).map(|tombstone| (**tombstone).clone());
            (live_records(state, at), tombstones.collect())
        })
    }

    fn read<T>(
        &mut self,
        key_id: &str,
        now: HostTimestamp,
        of: impl FnOnce(&KeyState, &Circumstances<'_>) -> T,
    ) -> Result<T, CallError> {
        let mut state = self.load_alive(&KeyId::parse(key_id)?, now)?;
        state.note_use(&self.at(now));
        let read = of(&state, &self.at(now));
        self.save(state, now)?;
        Ok(read)
    }

    /// Takes in records of one key that another node passes on. Each is judged by itself, the rest comes in.
    ///
    /// # Errors
    /// [`CallError`] where the batch as a whole is at fault; nothing is written then.
    pub fn republish_records(
        &mut self,
        records: Vec<Record>,
        weights: &[WeightResult],
        current_timestamp_sec: u64,
    ) -> Result<Republished, CallError> {
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("weights", weights.len(), REPUBLISH_BATCH_MAX)?;
        let key_id = only_key("records", records.iter().map(|record| record.metadata.key_id.as_str()))?;
        let mut state = self.load(&key_id)?;
        let mut batch = Batch::default();
        for (position, record) in records.into_iter().enumerate() {
            let identity = Identity::of_record(&record.metadata);
            let weight = self.caller.weight_of(1, weights, &record.metadata.issued_by)?;
            let admitted = check_signed(&record)
                .and_then(|()| state.verify(record, self.verifier))
                .and_then(|record| state.admit_record(record, weight, Arrival::Replica, &self.at(now)));
            batch.note(position, identity, admitted);
        }
        batch.offered(&state);
        Ok(batch.saved(self.save_fitting(vec![state], now)?))
    }
}

fn live_records(state: &KeyState, at: &Circumstances<'_>) -> Vec<Record> {
    state.live_records(at).map(|held| (*held.record).clone()).collect()
}

/// An item that stands for nothing now is an error to whoever put it.
pub(super) fn settled(admission: Admission) -> Result<(), Error> {
    match admission {
        Admission::Stored | Admission::Known => Ok(()),
        Admission::Superseded(error) | Admission::Outranked(error) => Err(error),
    }
}

pub(super) fn check_signed(record: &Record) -> Result<(), Error> {
    if record.signature.is_empty() {
        return Err(Error::Unsigned {
            peer_id: crate::domain::quoted(&record.metadata.peer_id),
        });
    }
    Ok(())
}

/// The key that all items of a batch belong to.
pub(super) fn only_key<'a>(
    what: &'static str,
    mut key_ids: impl ExactSizeIterator<Item = &'a str>,
) -> Result<KeyId, Error> {
    check_count(what, key_ids.len(), REPUBLISH_BATCH_MAX)?;
    let first = key_ids.next().ok_or(Error::Empty { what })?;
    let key_id = KeyId::parse(first)?;
    match key_ids.find(|other| *other != first) {
        Some(other) => Err(Error::SeveralKeys {
            first: first.to_owned(),
            other: crate::domain::quoted(other),
        }),
        None => Ok(key_id),
    }
}

/// What the issuer of a record signs.
///
/// # Errors
/// [`Error::TooLong`], [`Error::TooMany`].
pub fn get_record_metadata_bytes(metadata: &RecordMetadata) -> Result<Vec<u8>, Error> {
    check_metadata_sizes(metadata)?;
    Ok(signing::metadata_bytes(metadata).to_vec())
}

/// What the provider of a record signs.
///
/// # Errors
/// [`Error::TooLong`], [`Error::TooMany`].
pub fn get_record_bytes(metadata: &RecordMetadata, timestamp_created: u64) -> Result<Vec<u8>, Error> {
    check_metadata_sizes(metadata)?;
    Ok(signing::record_bytes(metadata, timestamp_created).to_vec())
}

pub(super) fn merge(
    lists: Vec<Vec<Record>>,
    key_id: Option<&str>,
    verifier: &mut Verifier,
) -> Result<Vec<Record>, Error> {
    Ok(merge_records(lists, key_id, verifier)?
        .into_iter()
        .map(Verified::into_inner)
        .collect())
}
