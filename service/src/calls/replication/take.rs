//! What another node brings is taken in, each entry judged by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::auth::WeightResult;
use crate::calls::keys::with_key;
use crate::calls::records::check_signed;
use crate::calls::{tombstones, Call, CallError};
use crate::domain::data::{Record, Tombstone};
use crate::domain::limits::*;
use crate::domain::{
    check_count, unpack_bundle, Admission, Arrival, BundleItem, EntryTag, Error, HostTimestamp, KeyId, KeySet,
    KeyState, ProvedWeight, Verified,
};
use crate::store::{Backend, StoreError};

impl<B: Backend> Call<'_, B> {
    /// Takes in what another node holds and this one lacks: of a bundle, the `keys` that are for this node. Each key and
    /// each entry is judged by itself, the rest comes in, as far as it fits into the limits of this node; all in one
    /// transaction. Returns which keys of the bundle this node holds now: nothing of them was refused.
    ///
    /// # Errors
    /// [`CallError`] where the bundle as a whole is at fault; nothing is written then.
    pub fn take_replica(
        &mut self,
        bundle: &str,
        keys: &str,
        weights: &[WeightResult],
        current_timestamp_sec: u64,
    ) -> Result<String, CallError> {
        let now = self.caller.host_timestamp(3, current_timestamp_sec)?;
        check_count("weights", weights.len(), PEERS_MAX)?;
        let (mut clean_keys, mut judged) = (Vec::new(), Vec::new());
        let mut states: BTreeMap<KeyId, KeyState> = BTreeMap::new();
        for (index, item) in addressed(bundle, keys)? {
            let Ok(key_id) = KeyId::parse(&item.key.id) else {
                continue;
            };
            let held = match states.remove(&key_id) {
                Some(state) => Some(state),
                None => match self.store.load(&key_id) {
                    // It keeps none of the others out.
                    Err(StoreError::BadRow { .. }) => continue,
                    held => held?,
                },
            };
            let is_known = held.as_ref().is_some_and(|held| !held.dead(&self.at(now)));
            let admitted = now
                .check_not_ahead("timestamp_created", item.key.timestamp_created)
                .and_then(|()| with_key(held, item.key.clone()));
            let Ok(mut state) = admitted else {
                judged.retain(|(id, _)| *id != key_id);
                continue;
            };
            judged.push((key_id, item.own_tags().collect::<Vec<EntryTag>>()));
            state.note_weight(self.caller.weight_of(2, weights, &item.key.owner_peer_id)?);
            let clean = self.admit_replica(&mut state, item, weights, now)?;
            if !is_known {
                if state.dead(&self.at(now)) {
                    continue;
                }
                state.note_partial();
            }
            if clean {
                clean_keys.push((index, key_id));
            }
            states.insert(key_id, state);
        }
        // If a bundle names a key twice and the second copy is refused, the first is discarded, too.
        clean_keys.retain(|(_, key_id)| states.contains_key(key_id));
        let unfit = self.save_fitting(states.into_values().collect(), now)?;
        let is_unfit = |key_id: &KeyId| unfit.iter().any(|unfit| unfit.key_id == *key_id);
        clean_keys.retain(|(_, key_id)| !is_unfit(key_id));
        if let Some(round) = self.replication.round.as_mut().filter(|_| self.caller.is_host()) {
            judged.retain(|(key_id, _)| !is_unfit(key_id));
            round.note_judged(judged.into_iter().flat_map(|(_, tags)| tags));
        }
        let held: KeySet = clean_keys.into_iter().map(|(index, _)| index).collect();
        Ok(held.encode())
    }

    /// Whether nothing was refused.
    fn admit_replica(
        &mut self,
        state: &mut KeyState,
        item: BundleItem,
        weights: &[WeightResult],
        now: HostTimestamp,
    ) -> Result<bool, CallError> {
        let mut clean = true;
        // Deletions make room for what comes in their place.
        for tombstone in item.tombstones {
            clean &= self.admit_replica_tombstone(state, tombstone, now).is_ok();
        }
        for record in item.records {
            let weight = self.caller.weight_of(2, weights, &record.metadata.issued_by)?;
            clean &= self.admit_replica_record(state, record, weight, now).is_ok();
        }
        Ok(clean)
    }

    fn admit_replica_tombstone(
        &self,
        state: &mut KeyState,
        tombstone: Tombstone,
        now: HostTimestamp,
    ) -> Result<Admission, Error> {
        let tombstone = of_key(state, tombstones::verify(state, tombstone)?)?;
        state.admit_tombstone(tombstone, Arrival::Replica, &self.at(now))
    }

    fn admit_replica_record(
        &mut self,
        state: &mut KeyState,
        record: Record,
        weight: ProvedWeight,
        now: HostTimestamp,
    ) -> Result<Admission, Error> {
        check_signed(&record)?;
        let record = of_key(state, state.verify(record, self.verifier)?)?;
        state.admit_record(record, weight, Arrival::Replica, &self.at(now))
    }
}

/// Whose weights a node should know before it takes a bundle in: the owners of keys and the issuers of records, at most
/// [`BUNDLE_ISSUERS_MAX`]. `keys` are those of the bundle that are for the node.
///
/// # Errors
/// [`Error::TooLong`], [`Error::TooMany`], [`Error::BadReplica`].
pub fn get_replica_issuers(bundle: &str, keys: &str) -> Result<Vec<String>, Error> {
    let mut peers = BTreeSet::new();
    for (_, item) in addressed(bundle, keys)? {
        peers.extend(item.records.into_iter().map(|record| record.metadata.issued_by));
        peers.insert(item.key.owner_peer_id);
    }
    peers.retain(|peer_id| peer_id.len() <= PEER_ID_LEN_MAX);
    Ok(peers.into_iter().collect())
}

/// The keys of a bundle that are for this node, by their positions: the others belong elsewhere, and would lie here until
/// they are handed over.
fn addressed(bundle: &str, keys: &str) -> Result<impl Iterator<Item = (usize, BundleItem)>, Error> {
    let items = unpack_bundle(bundle)?;
    let keys = KeySet::parse_of(keys, items.len())?;
    let items = items.into_iter().enumerate();
    Ok(items.filter(move |(index, _)| keys.contains(*index)))
}

/// An entry of a bundle stands under the key it names.
fn of_key<T>(state: &KeyState, entry: Verified<T>) -> Result<Verified<T>, Error> {
    if entry.key_id() == state.key_id() {
        return Ok(entry);
    }
    Err(Error::SeveralKeys {
        first: state.key_id().to_string(),
        other: entry.key_id().to_string(),
    })
}
