//! What a neighbour brings is taken in, each entry judged by itself, and answered with what it does not know.

use std::collections::{BTreeMap, BTreeSet};

use super::NEWS_SEPARATOR;
use crate::auth::WeightResult;
use crate::calls::keys::with_key;
use crate::calls::records::check_signed;
use crate::calls::{tombstones, Call, CallError};
use crate::domain::data::{Record, Tombstone};
use crate::domain::limits::*;
use crate::domain::{
    check_count, pack_bundle, unpack_bundle, voids, Admission, Arrival, BundleItem, Error, HostTimestamp, KeyId,
    KeySet, KeyState, ProvedWeight, Verified,
};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// Takes in what another node holds and this one lacks: of a bundle, the `keys` that are for this node. Each key and
    /// each entry is judged by itself, the rest comes in, as far as it fits into the limits of this node; all in one
    /// transaction. Returns which keys of the bundle are settled here: nothing of them was refused. Behind a dot follow,
    /// as a bundle, tombstones that void what was sent. A key of which the other node asks for what it lacks is due here
    /// at once, if it has not been replicated for a while.
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
        let (mut clean_keys, mut news) = (Vec::new(), Vec::new());
        let mut states: BTreeMap<KeyId, KeyState> = BTreeMap::new();
        let items: Vec<(usize, BundleItem)> = addressed(bundle, keys)?.collect();
        let unasked = self.unasked(&items, weights)?;
        for (index, item) in items {
            if unasked.contains(&item.key.owner_peer_id) {
                continue;
            }
            let Ok(key_id) = KeyId::parse(&item.key.id) else {
                continue;
            };
            let held = self.take_from(&mut states, &key_id)?;
            let (is_new, asks) = (held.is_none(), item.asks());
            if asks && is_new {
                continue;
            }
            let admitted = now
                .check_not_ahead("timestamp_created", item.key.timestamp_created)
                .and_then(|()| with_key(held, item.key.clone(), now));
            let Ok(mut state) = admitted else {
                continue;
            };
            let fingerprint = item.fingerprint;
            self.note_news(&state, &item, &mut news, now);
            state.note_weight(self.caller.weight_of(2, weights, &item.key.owner_peer_id)?);
            let clean = self.admit_replica(&mut state, item, (weights, &unasked), now)?;
            if is_new && state.dead(&self.at(now)) {
                continue;
            }
            if clean {
                clean_keys.push((index, key_id, asks));
            }
            if state.fingerprint(&self.at(now)) == fingerprint {
                self.note_published(&mut state, now);
            }
            if asks {
                self.note_asked(&mut state, now);
            }
            states.insert(key_id, state);
        }
        // A key that comes again and is refused then takes with it what came before.
        clean_keys.retain(|(_, key_id, _)| states.contains_key(key_id));
        let unfit = self.save_fitting(states.into_values().collect(), now)?;
        let mut settled = KeySet::default();
        for (index, key_id, asks) in clean_keys {
            if unfit.iter().any(|unfit| unfit.key_id == key_id) {
                continue;
            }
            settled.insert(index);
            if !asks {
                self.partial.forget(&key_id);
            }
        }
        if news.is_empty() {
            return Ok(settled.encode());
        }
        Ok(format!("{}{NEWS_SEPARATOR}{}", settled.encode(), pack_bundle(&news)))
    }

    /// Another node lacks something of this key. In the next round here it is told, with all others that lack something.
    /// Anybody can ask; more than a few rounds in a stale period nobody gets for it.
    fn note_asked(&self, state: &mut KeyState, now: HostTimestamp) {
        let rest_sec = self.timeouts().stale_sec / ASKED_ONE_IN;
        if state.published_at().saturating_add(rest_sec) <= now.as_sec() {
            state.note_due();
        }
    }

    /// A key that this call has loaded already, or that it loads now.
    pub(super) fn take_from(
        &mut self,
        states: &mut BTreeMap<KeyId, KeyState>,
        key_id: &KeyId,
    ) -> Result<Option<KeyState>, CallError> {
        match states.remove(key_id) {
            Some(state) => Ok(Some(state)),
            None => Ok(self.store.load(key_id)?),
        }
    }

    /// What the sending node does not know: the tombstones that void records it has sent, or all of them if it asks.
    fn note_news(&self, state: &KeyState, item: &BundleItem, news: &mut Vec<BundleItem>, now: HostTimestamp) {
        let at = self.at(now);
        let noted: usize = news.iter().map(BundleItem::entry_count).sum();
        let is_news = |tombstone: &Verified<Tombstone>| {
            let mut records = item.records.iter();
            records.any(|record| voids(tombstone, &record.metadata))
        };
        let voiding = state
            .live_tombstones(&at)
            .filter(|tombstone| item.asks() || is_news(tombstone));
        let tombstones: Vec<Tombstone> = voiding
            .take(REPLICA_NEWS_MAX.saturating_sub(noted))
            .map(|tombstone| (**tombstone).clone())
            .collect();
        if !tombstones.is_empty() {
            news.push(BundleItem {
                tombstones,
                ..BundleItem::new(state.fingerprint(&at), (**state.key()).clone())
            });
        }
    }

    /// Whether nothing was refused.
    fn admit_replica(
        &mut self,
        state: &mut KeyState,
        item: BundleItem,
        (weights, unasked): (&[WeightResult], &BTreeSet<String>),
        now: HostTimestamp,
    ) -> Result<bool, CallError> {
        let mut clean = true;
        for record in item.records {
            if unasked.contains(&record.metadata.issued_by) {
                clean = false;
                continue;
            }
            let weight = self.caller.weight_of(2, weights, &record.metadata.issued_by)?;
            clean &= self.admit_replica_record(state, record, weight, now).is_ok();
        }
        for tombstone in item.tombstones {
            clean &= self.admit_replica_tombstone(state, tombstone, now).is_ok();
        }
        Ok(clean)
    }

    pub(super) fn admit_replica_tombstone(
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

/// The keys of a bundle that are for this node, by their positions: the others belong elsewhere, and would lie here until
/// they are handed over.
pub(super) fn addressed(bundle: &str, keys: &str) -> Result<impl Iterator<Item = (usize, BundleItem)>, Error> {
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
