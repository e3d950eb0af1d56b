//! What a neighbour answers: what it holds, and what it holds beyond the asking node.

use super::by_tag;
use crate::calls::{Call, CallError};
use crate::domain::limits::*;
use crate::domain::{entry_tag, Digests, Fetch, Fit, KeySet, KeyTag, OfferAnswer, Parcel};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// Says what this node holds of the keys that another one replicates. Those of which it holds the same it may leave for
    /// an interval, if the other node belongs to their neighbourhood. Looks at so many keys as have
    /// [`REPLICA_ENTRIES_MAX`] entries; those it has not looked at are in no list.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn compare_replica(
        &mut self,
        digests: &str,
        keys: &str,
        current_timestamp_sec: u64,
    ) -> Result<String, CallError> {
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        let digests = Digests::parse(digests)?;
        let keys = KeySet::parse_of(keys, digests.keys.len())?;
        let mut asked: Vec<(usize, KeyTag)> = digests
            .keys
            .iter()
            .enumerate()
            .filter(|(index, _)| keys.contains(*index))
            .map(|(index, (tag, _))| (index, *tag))
            .collect();
        let tags: Vec<KeyTag> = asked.iter().map(|(_, tag)| *tag).collect();
        let ids = self.store.ids_tagged(&tags)?;
        let (states, unseen) = self.store.load_bounded(&ids, REPLICA_ENTRIES_MAX)?;
        asked.retain(|(_, tag)| !unseen.iter().any(|id| id.as_bytes().starts_with(tag)));
        let states = by_tag(states);
        let at = self.at(now);
        let (mut answer, mut same_ids) = (OfferAnswer::default(), Vec::new());
        for (index, tag) in asked {
            let held = states.get(&tag).into_iter().flatten();
            let held: Vec<_> = held.map(|state| (*state.key_id(), state.outline(&at))).collect();
            let same = held.iter().find(|(_, outline)| outline.0 == digests.keys[index].1);
            if let Some((key_id, _)) = same {
                answer.same.insert(index);
                if !digests.outside.contains(index) {
                    same_ids.push(*key_id);
                }
                continue;
            }
            let tags = held.into_iter().flat_map(|(_, outline)| outline.1);
            let tags = tags.take(HELD_TAGS_MAX).collect();
            answer.differing.push((index as u16, tags));
        }
        let most_sec = self.interval_sec().saturating_mul(POSTPONED_INTERVALS);
        if !same_ids.is_empty() {
            self.store.postpone(&self.by_next_due(&same_ids, now), most_sec)?;
        }
        Ok(answer.encode())
    }

    /// What another node wants of what this one has named, in a bundle, as far as it fits.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn fetch_replica(&mut self, wanted: &str, current_timestamp_sec: u64) -> Result<String, CallError> {
        let now = self.caller.host_timestamp(1, current_timestamp_sec)?;
        let Fetch(wanted) = Fetch::parse(wanted)?;
        let tags: Vec<KeyTag> = wanted.iter().map(|(tag, _)| *tag).collect();
        let ids = self.store.ids_tagged(&tags)?;
        let states = by_tag(self.store.load_bounded(&ids, REPLICA_ENTRIES_MAX)?.0);
        let at = self.at(now);
        let mut parcel = Parcel::new(FETCH_LEN_MAX / 4 * 3);
        for (tag, entries) in &wanted {
            for state in states.get(tag).into_iter().flatten() {
                let entries = state
                    .replicable(&at)
                    .filter(|entry| entries.contains(&entry_tag(entry)));
                if parcel.add(state.key(), entries) == Fit::None {
                    break;
                }
            }
        }
        Ok(parcel.pack())
    }
}
