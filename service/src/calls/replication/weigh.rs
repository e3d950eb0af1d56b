//! Whose weights a node asks for before it takes in what others pass on.

use std::collections::BTreeSet;

use super::take::addressed;
use crate::auth::WeightResult;
use crate::calls::{Call, CallError};
use crate::domain::limits::{BUNDLE_ISSUERS_MAX, PEER_ID_LEN_MAX};
use crate::domain::{BundleItem, KeyId};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// Whose weights this node should know before it takes a bundle in: the owners of keys and the issuers of records that
    /// are not here, at most [`BUNDLE_ISSUERS_MAX`]. `keys` are those of the bundle that are for this node.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_replica_issuers(&mut self, bundle: &str, keys: &str) -> Result<Vec<String>, CallError> {
        let items: Vec<(usize, BundleItem)> = addressed(bundle, keys)?.collect();
        let new = self.new_peers(&items)?;
        Ok(new.into_iter().take(BUNDLE_ISSUERS_MAX).collect())
    }

    /// Those whose weights were not asked for, because the bundle has too many. Where there is a trust-graph, what they
    /// say is not taken in yet: without a weight it would stay so, as nobody sends again what is here. The other node
    /// offers it again, and each time more is known.
    pub(super) fn unasked(
        &mut self,
        items: &[(usize, BundleItem)],
        weights: &[WeightResult],
    ) -> Result<BTreeSet<String>, CallError> {
        if weights.len() < BUNDLE_ISSUERS_MAX || weights.iter().all(|weight| !weight.success) {
            return Ok(BTreeSet::new());
        }
        let new = self.new_peers(items)?;
        Ok(new.into_iter().skip(BUNDLE_ISSUERS_MAX).collect())
    }

    /// Owners and issuers of what is not here, in the order of their ids.
    fn new_peers(&mut self, items: &[(usize, BundleItem)]) -> Result<BTreeSet<String>, CallError> {
        let mut new = BTreeSet::new();
        for (_, item) in items {
            let Ok(key_id) = KeyId::parse(&item.key.id) else {
                continue;
            };
            let held = self.store.load(&key_id)?;
            if held.is_none() {
                new.insert(item.key.owner_peer_id.clone());
            }
            for record in &item.records {
                let known = held.as_ref().and_then(|state| state.held(record));
                if known.is_none_or(|known| **known != *record) {
                    new.insert(record.metadata.issued_by.clone());
                }
            }
            if let Some(state) = held {
                self.store.keep(state);
            }
        }
        new.retain(|peer_id| peer_id.len() <= PEER_ID_LEN_MAX);
        Ok(new)
    }
}
