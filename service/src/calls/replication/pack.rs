//! What the neighbours lack, packed once for all of them: a script carries each bundle to all whom it visits anyway.

use std::collections::BTreeMap;

use super::standing::{Lacking, Opened, Standing};
use super::{by_tag, ReplicaAnswer, ReplicaOffer, ReplicaParcel, ReplicaRound};
use crate::calls::{Call, CallError};
use crate::domain::data::Key;
use crate::domain::limits::*;
use crate::domain::{entry_tag, pack_bundle, BundleItem, Entry, KeySet, KeyState, KeyTag};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// Packs what the neighbours lack. What does not fit goes another time. Where this node is [behind](Standing) those who
    /// hold a key, nothing of it is for those who do not.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn pack_replica(
        &mut self,
        round: &ReplicaRound,
        answers: &[ReplicaAnswer],
        current_timestamp_sec: u64,
    ) -> Result<ReplicaParcel, CallError> {
        self.caller.check_host("pack_replica")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        let opened = Opened::new(round, answers)?;
        let (digests, lacking) = (&opened.digests, Lacking::of(&opened));
        let wanted: Vec<KeyTag> = lacking
            .0
            .keys()
            .filter_map(|index| Some(digests.keys.get(*index)?.0))
            .collect();
        let states = by_tag(self.store.load_tagged(&wanted)?);
        let at = self.at(now);
        let (mut parcel, mut keys) = (Parcel::default(), KeySet::default());
        let mut offered: BTreeMap<&str, KeySet> = BTreeMap::new();
        let mut part = false;
        for (index, lacks) in &lacking.0 {
            let Some((tag, fingerprint)) = digests.keys.get(*index) else {
                continue;
            };
            // What has changed since is offered as it is then.
            let unchanged = |state: &&KeyState| state.fingerprint(&at) == *fingerprint;
            let Some(state) = states.get(tag).and_then(|states| states.iter().find(unchanged)) else {
                continue;
            };
            let key = (**state.key()).clone();
            let standing = lacks.standing(state, &at);
            let asks = standing != Standing::UpToDate || lacks.left_to_holders;
            let told = lacks.told(standing);
            // Of those who are asked, some hold all of it.
            let (item, receivers) = match asks {
                false => (BundleItem::new(*fingerprint, key), told.len()),
                true => (BundleItem::asking(key), lacks.holders.len()),
            };
            let is_lacking = |entry: &&Entry| receivers > 0 && !lacks.all_hold(&entry_tag(entry), receivers);
            let entries = state
                .replicable(&at)
                .filter(|entry| standing != Standing::MissedDeletion && is_lacking(entry));
            match parcel.add(item, entries) {
                Fit::Whole => keys.insert(*index),
                Fit::Part => part = true,
                Fit::None => break,
            }
            for peer in told {
                offered.entry(peer).or_default().insert(parcel.items.len() - 1);
            }
            if part {
                break;
            }
        }
        let offers = ReplicaOffer::each(offered, parcel.items.len());
        Ok(ReplicaParcel {
            success: true,
            error: String::new(),
            more: (!offers.is_empty()).then_some(true).into_iter().collect(),
            last: offers.len().saturating_sub(1) as u32,
            bundle: pack_bundle(&parcel.items),
            keys: keys.encode(),
            offers,
        })
    }
}

enum Fit {
    Whole,
    /// A key that alone is too much: the bundle's only one, and none that the receipt can settle.
    Part,
    None,
}

/// A bundle in the making.
#[derive(Default)]
struct Parcel {
    items: Vec<BundleItem>,
    entries: usize,
    len: usize,
}

impl Parcel {
    /// Half of what a bundle may have, as text is a third longer than bytes.
    const LEN_MAX: usize = BUNDLE_LEN_MAX / 2;

    fn add<'e>(&mut self, mut item: BundleItem, entries: impl Iterator<Item = &'e Entry>) -> Fit {
        let first = self.items.is_empty();
        let mut len = key_len(&item.key);
        let mut fit = Fit::Whole;
        for entry in entries {
            let more = entry_len(entry);
            let full = self.entries + item.entry_count() >= BUNDLE_ENTRIES_MAX || self.len + len + more > Self::LEN_MAX;
            if full && !first {
                return Fit::None;
            }
            if full {
                fit = Fit::Part;
                break;
            }
            len += more;
            item.push(entry);
        }
        if self.len + len > Self::LEN_MAX && !first {
            return Fit::None;
        }
        self.len += len;
        self.entries += item.entry_count();
        self.items.push(item);
        fit
    }
}

/// At most so many bytes of a bundle.
fn key_len(key: &Key) -> usize {
    key.label.len() + key.challenge.len() + key.challenge_type.len() + key.signature.len() + KEY_ID_LEN_MAX + 128
}

/// At most so many bytes of a bundle.
fn entry_len(entry: &Entry) -> usize {
    const IDS_LEN_MAX: usize = 3 * PEER_ID_LEN_MAX + 64;
    IDS_LEN_MAX
        + match entry {
            Entry::Record(held) => {
                let metadata = &held.record.metadata;
                let texts = metadata.relay_id.iter().chain(&metadata.service_id);
                metadata.value.len()
                    + metadata.solution.len()
                    + metadata.issuer_signature.len()
                    + held.record.signature.len()
                    + texts.map(String::len).sum::<usize>()
            }
            Entry::Tombstone(tombstone) => tombstone.solution.len() + tombstone.issuer_signature.len(),
        }
}
