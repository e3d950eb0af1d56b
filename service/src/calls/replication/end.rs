//! A round ends: what a majority holds is settled, what does not belong here is dropped, and news are taken in.

use std::collections::{BTreeMap, BTreeSet};

use super::standing::{Lacking, Lacks, Opened, Standing};
use super::{by_tag, ReplicaAnswer, ReplicaRound, ReplicationReport, NEWS_SEPARATOR};
use crate::calls::{Call, CallError};
use crate::domain::limits::*;
use crate::domain::{
    check_count, is_tombstone_tag, unpack_bundle, Digests, Error, HostTimestamp, KeyId, KeySet, KeyState, KeyTag,
};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// Ends a round: settles what a majority of its neighbours holds, drops what does not belong here. `sent` is the
    /// parcel's `keys`, if there was one; `receipts` are what `take_replica` returned.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn end_replication(
        &mut self,
        round: &ReplicaRound,
        answers: &[ReplicaAnswer],
        sent: &[String],
        receipts: &[ReplicaAnswer],
        current_timestamp_sec: u64,
    ) -> Result<ReplicationReport, CallError> {
        self.caller.check_host("end_replication")?;
        let now = self.caller.host_timestamp(4, current_timestamp_sec)?;
        let opened = Opened::new(round, answers)?;
        let digests = &opened.digests;
        let acks = Acks::count(&opened, answers, sent, receipts)?;
        let lacking = Lacking::of(&opened);
        let behind = self.behind(&lacking, digests, now)?;
        self.take_news(receipts, now)?;
        let settled: Vec<usize> = (0..digests.keys.len())
            .filter(|index| acks.settled(*index, opened.digests.away.contains(*index)) && !behind.contains(index))
            .collect();
        let tags: Vec<KeyTag> = settled.iter().map(|index| digests.keys[*index].0).collect();
        let states = by_tag(self.store.load_tagged(&tags)?);
        let at = self.at(now);
        let silent = opened.silent(&lacking, receipts);
        let (mut stay, mut unsure, mut go, mut whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for index in settled {
            let (tag, fingerprint) = &digests.keys[index];
            for state in states.get(tag).into_iter().flatten() {
                // What has changed since was not acknowledged.
                if state.fingerprint(&at) != *fingerprint {
                    continue;
                }
                let lacks = lacking.0.get(&index);
                if lacks.is_none_or(|lacks| lacks.standing(state, &at) == Standing::UpToDate) {
                    whole.push(*state.key_id());
                }
                let goes = opened.digests.away.contains(index) && !state.needed_here(&at);
                let list = match goes {
                    true => &mut go,
                    false if silent.contains(&index) => &mut unsure,
                    false => &mut stay,
                };
                list.push(*state.key_id());
            }
        }
        whole.iter().for_each(|key_id| self.partial.forget(key_id));
        stay.iter().for_each(|key_id| self.repeats.forget(key_id));
        // Those that are repeated stay leased, and are due when the lease ends.
        let (again, enough): (Vec<KeyId>, Vec<KeyId>) =
            unsure.into_iter().partition(|key_id| self.repeats.again(key_id));
        stay.extend(enough);
        let (informed, as_before) = self.informed(&behind, digests, now)?;
        // Nobody could tell: another one may replicate the key.
        self.store.set_published(&as_before, now.as_sec())?;
        // What did not fit into the parcel is the first to go next time.
        let mut first = self.store.ids_tagged(&unsent(&lacking, digests, sent)?)?;
        first.extend(informed);
        self.store.set_published(&first, 0)?;
        self.store.set_published(&stay, now.as_sec())?;
        self.store.drop_keys(&go)?;
        Ok(ReplicationReport {
            success: true,
            error: String::new(),
            offered: digests.keys.len() as u32,
            settled: (stay.len() + again.len() + go.len()) as u32,
            dropped: go.len() as u32,
            errors: acks.errors,
        })
    }

    /// The keys of a round of which this node has missed a deletion.
    fn behind(
        &mut self,
        lacking: &Lacking<'_>,
        digests: &Digests,
        now: HostTimestamp,
    ) -> Result<BTreeSet<usize>, CallError> {
        let told = lacking
            .0
            .iter()
            .filter(|(_, lacks)| lacks.of_most().any(is_tombstone_tag));
        let suspects: Vec<(usize, KeyTag, &Lacks<'_>)> = told
            .filter_map(|(index, lacks)| Some((*index, digests.keys.get(*index)?.0, lacks)))
            .collect();
        let tags: Vec<KeyTag> = suspects.iter().map(|(_, tag, _)| *tag).collect();
        let states = by_tag(self.store.load_tagged(&tags)?);
        let at = self.at(now);
        let is_behind = |(index, tag, lacks): (usize, KeyTag, &Lacks<'_>)| {
            let missed = |state: &KeyState| lacks.standing(state, &at) == Standing::MissedDeletion;
            states.get(&tag)?.iter().any(missed).then_some(index)
        };
        Ok(suspects.into_iter().filter_map(is_behind).collect())
    }

    /// Which of these keys the news have changed, and which not.
    fn informed(
        &mut self,
        behind: &BTreeSet<usize>,
        digests: &Digests,
        now: HostTimestamp,
    ) -> Result<(Vec<KeyId>, Vec<KeyId>), CallError> {
        let keys: Vec<_> = behind.iter().filter_map(|index| digests.keys.get(*index)).collect();
        let tags: Vec<KeyTag> = keys.iter().map(|(tag, _)| *tag).collect();
        let states = self.store.load_tagged(&tags)?;
        let at = self.at(now);
        let (as_before, informed): (Vec<&KeyState>, Vec<&KeyState>) = states.iter().partition(|state| {
            keys.iter()
                .any(|(_, fingerprint)| state.fingerprint(&at) == *fingerprint)
        });
        let ids = |states: Vec<&KeyState>| states.into_iter().map(|state| *state.key_id()).collect();
        Ok((ids(informed), ids(as_before)))
    }

    /// Takes in the tombstones that neighbours answered with, of keys that are here: a node outside a neighbourhood hears
    /// of deletions in no other way. What is not genuine is passed over.
    fn take_news(&mut self, receipts: &[ReplicaAnswer], now: HostTimestamp) -> Result<(), CallError> {
        let mut states: BTreeMap<KeyId, KeyState> = BTreeMap::new();
        let news = receipts.iter().flat_map(|receipt| receipt.good.first());
        let bundles = news.filter_map(|text| text.split_once(NEWS_SEPARATOR));
        for item in bundles.flat_map(|(_, bundle)| unpack_bundle(bundle).unwrap_or_default()) {
            let Ok(key_id) = KeyId::parse(&item.key.id) else {
                continue;
            };
            let Some(mut state) = self.take_from(&mut states, &key_id)? else {
                continue;
            };
            for tombstone in item.tombstones.into_iter().take(REPLICA_NEWS_MAX) {
                // Refused, it changes nothing.
                let _ = self.admit_replica_tombstone(&mut state, tombstone, now);
            }
            states.insert(key_id, state);
        }
        // What does not fit here is no loss: neighbours answer with it again.
        self.save_fitting(states.into_values().collect(), now)?;
        Ok(())
    }
}

/// The keys of which something is lacking and that no parcel held.
fn unsent(lacking: &Lacking<'_>, digests: &Digests, sent: &[String]) -> Result<Vec<KeyTag>, Error> {
    let sent = match sent.first() {
        Some(keys) => KeySet::parse(keys)?,
        None => KeySet::default(),
    };
    let unsent = lacking.0.keys().filter(|index| !sent.contains(**index));
    Ok(unsent.filter_map(|index| Some(digests.keys.get(*index)?.0)).collect())
}

fn receipt_keys(receipt: &str) -> Result<KeySet, Error> {
    KeySet::parse(receipt.split_once(NEWS_SEPARATOR).map_or(receipt, |(keys, _)| keys))
}

/// Who holds what at the end of a round.
struct Acks {
    asked: BTreeMap<usize, u32>,
    given: BTreeMap<usize, u32>,
    errors: Vec<String>,
}

impl Acks {
    fn count(
        opened: &Opened<'_>,
        answers: &[ReplicaAnswer],
        sent: &[String],
        receipts: &[ReplicaAnswer],
    ) -> Result<Self, Error> {
        check_count("parcels", sent.len(), 1)?;
        check_count("receipts", receipts.len(), PEERS_MAX)?;
        let offered = &opened.offered;
        let mut acks = Self {
            asked: BTreeMap::new(),
            given: BTreeMap::new(),
            errors: Vec::new(),
        };
        for index in offered.values().flat_map(KeySet::iter) {
            *acks.asked.entry(index).or_default() += 1;
        }
        answers.iter().for_each(|answer| acks.note_error(answer));
        let mut holders: BTreeSet<(usize, &str)> = BTreeSet::new();
        for (peer, answer) in &opened.answers {
            holders.extend(answer.same.iter().map(|index| (index, *peer)));
        }
        if let Some(keys) = sent.first() {
            let items: Vec<usize> = KeySet::parse(keys)?.iter().collect();
            for receipt in receipts {
                acks.note_error(receipt);
                if let Some(Ok(settled)) = receipt.good.first().map(|text| receipt_keys(text)) {
                    let taken = settled.iter().filter_map(|item| items.get(item));
                    holders.extend(taken.map(|index| (*index, receipt.peer_id.as_str())));
                }
            }
        }
        for (index, peer) in holders {
            if offered.get(peer).is_some_and(|keys| keys.contains(index)) {
                *acks.given.entry(index).or_default() += 1;
            }
        }
        Ok(acks)
    }

    fn note_error(&mut self, answer: &ReplicaAnswer) {
        if self.errors.len() < PEERS_MAX {
            self.errors.extend(answer.bad.first().cloned());
        }
    }

    /// More than half of those who were asked hold it; of a key that does not belong here, enough of them.
    fn settled(&self, index: usize, away: bool) -> bool {
        let given = self.given.get(&index).copied().unwrap_or(0);
        let most = self.asked.get(&index).is_some_and(|asked| given * 2 > *asked);
        most || away && given as usize >= HANDED_OVER_TO
    }
}
