//! Replication: what is due goes to the neighbourhood of its key, and only what a neighbour lacks travels.
//!
//! A round is one script of the host. `begin_replication` leases the keys that are due, oldest first, and says whom to
//! ask about which; `compare_replica` on each neighbour says what it lacks; `pack_replica` packs all that is lacking
//! once, `take_replica` takes it in there; `end_replication` settles what a majority of its neighbours acknowledged, and
//! only then drops what does not belong here. Whatever is cut short is due again when its lease ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use marine_rs_sdk::marine;

use super::keys::with_key;
use super::lookup::Answer;
use super::records::check_signed;
use super::{Call, CallError};
use crate::auth::WeightResult;
use crate::domain::data::{Key, Record, Tombstone};
use crate::domain::limits::*;
use crate::domain::{
    check_count, entry_tag, is_tombstone_tag, key_tag, pack_bundle, tag_voids, unpack_bundle, Admission, Arrival,
    BundleItem, Circumstances, Digests, Entry, EntryTag, Error, HostTimestamp, KeyId, KeySet, KeyState, KeyTag,
    OfferAnswer, ProvedWeight, RoutingTable, Timeouts, Verified,
};
use crate::store::Backend;

/// What one neighbour is asked: whether it holds the same of these keys.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaOffer {
    pub peer_id: String,
    /// Which of the round's keys, see [`KeySet`].
    pub keys: String,
}

/// A round of replication.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaRound {
    pub success: bool,
    pub error: String,
    /// Empty where nothing is due, or nobody is there to be asked.
    pub offers: Vec<ReplicaOffer>,
    /// The keys and what is here of them, see [`Digests`].
    pub digests: String,
    /// Which of them do not belong here, see [`KeySet`].
    pub away: String,
    /// One item if somebody is to be asked, else none.
    pub more: Vec<bool>,
    /// Index of the last offer.
    pub last: u32,
}

/// What a neighbour answered to an offer, or to a bundle: one text, or one error.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaAnswer {
    pub peer_id: String,
    pub good: Vec<String>,
    pub bad: Vec<String>,
}

/// What the neighbours lack, all of it in one bundle.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaParcel {
    pub success: bool,
    pub error: String,
    /// Who lacks something of it.
    pub peers: Vec<String>,
    pub bundle: String,
    /// Positions of the bundle's keys among the round's, see [`KeySet`].
    pub keys: String,
    /// One item if somebody lacks something, else none.
    pub more: Vec<bool>,
    /// Index of the last peer.
    pub last: u32,
}

/// What came of a round.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicationReport {
    pub success: bool,
    pub error: String,
    /// Keys that were offered.
    pub offered: u32,
    /// Keys that a majority of their neighbours holds now.
    pub settled: u32,
    /// Those among them that did not belong here and are gone.
    pub dropped: u32,
    /// What neighbours said instead of an answer; each begins with the neighbour.
    pub errors: Vec<String>,
}

impl ReplicaRound {
    fn of(offers: Vec<ReplicaOffer>, digests: &Digests, away: &KeySet) -> Self {
        Self {
            success: true,
            error: String::new(),
            more: (!offers.is_empty()).then_some(true).into_iter().collect(),
            last: offers.len().saturating_sub(1) as u32,
            digests: digests.encode(),
            away: away.encode(),
            offers,
        }
    }
}

/// A key that goes out in a round.
struct Outgoing {
    state: KeyState,
    /// Those closest to the key, and the nodes that provide.
    neighbours: Vec<usize>,
    belongs_here: bool,
}

impl<B: Backend> Call<'_, B> {
    /// Where the script has to look up each key by itself: nowhere, unless the host may have cut its routing table short.
    /// `peers` is what the host's `kad.neighborhood` returned when it was asked for
    /// [`PEERS_MAX`]; some hosts never give more than [`NEIGHBOURHOOD_MAX`].
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn get_due_places(
        &mut self,
        peers: &[String],
        stale_sec: u64,
        current_timestamp_sec: u64,
    ) -> Result<Vec<String>, CallError> {
        self.caller.check_host("get_due_places")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("peers", peers.len(), PEERS_MAX)?;
        if peers.len() != NEIGHBOURHOOD_MAX {
            return Ok(Vec::new());
        }
        let ids = self.due_ids(stale_sec, now)?;
        Ok(ids
            .iter()
            .take(REPLICA_PLACES_MAX)
            .map(|id| bs58::encode(id.to_string()).into_string())
            .collect())
    }

    /// Begins a round with the keys that have not been replicated for `stale_sec`, and leases them.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn begin_replication(
        &mut self,
        peers: Vec<Vec<String>>,
        stale_sec: u64,
        current_timestamp_sec: u64,
    ) -> Result<ReplicaRound, CallError> {
        self.caller.check_host("begin_replication")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("lists of peers", peers.len(), PEER_LISTS_MAX)?;
        for list in &peers {
            check_count("peers", list.len(), PEERS_MAX)?;
        }
        let places = peers.len().saturating_sub(1);
        let mut ids = self.due_ids(stale_sec, now)?;
        if places > 0 {
            ids.truncate(places);
        }
        if ids.is_empty() {
            // Most runs of the spell: no place of any peer needs to be computed.
            return Ok(ReplicaRound::of(Vec::new(), &Digests::default(), &KeySet::default()));
        }
        let distinct: BTreeSet<String> = peers.into_iter().flatten().collect();
        let table = RoutingTable::new(distinct, self.here());
        let states = self.store.load_due(&ids, now)?;
        let (outgoing, settled) = self.choose(states, &table, now);
        settled.iter().for_each(|key_id| self.partial.forget(key_id));
        self.store.set_published(&settled, now.as_sec())?;
        let leased: Vec<KeyId> = outgoing.iter().map(|outgoing| *outgoing.state.key_id()).collect();
        self.store.lease(&leased, now, stale_sec)?;
        Ok(self.round(&outgoing, &table, now))
    }

    fn due_ids(&mut self, stale_sec: u64, now: HostTimestamp) -> Result<Vec<KeyId>, CallError> {
        let stale_sec = Timeouts::check_range(stale_sec)?;
        Ok(self
            .store
            .due_ids(now, stale_sec, REPLICA_KEYS_MAX, REPLICA_ENTRIES_MAX)?)
    }

    /// Those for a round of at most [`REPLICA_PEERS_MAX`] peers, and those that need none: nobody else would
    /// keep them, or nobody else is there.
    fn choose(&self, states: Vec<KeyState>, table: &RoutingTable, now: HostTimestamp) -> (Vec<Outgoing>, Vec<KeyId>) {
        let at = self.at(now);
        let (mut outgoing, mut settled) = (Vec::new(), Vec::new());
        let mut peers = BTreeSet::new();
        for state in states {
            if table.count() <= 1 || !state.worth_replicating(&at) {
                settled.push(*state.key_id());
                continue;
            }
            let mut neighbours: Vec<usize> = table.closest(state.key_id()).collect();
            let belongs_here = neighbours.iter().any(|peer| table.is_here(*peer));
            // A node that provides has its own records wherever it lies, also when it has lost them.
            let providers: BTreeSet<usize> = state
                .live_records(&at)
                .filter_map(|held| table.index_of(&held.record.metadata.peer_id))
                .collect();
            for provider in providers {
                if !neighbours.contains(&provider) {
                    neighbours.push(provider);
                }
            }
            let others = || neighbours.iter().copied().filter(|peer| !table.is_here(*peer));
            let more = others().filter(|peer| !peers.contains(peer)).count();
            if peers.len() + more > REPLICA_PEERS_MAX && !outgoing.is_empty() {
                break;
            }
            peers.extend(others());
            outgoing.push(Outgoing {
                state,
                neighbours,
                belongs_here,
            });
        }
        (outgoing, settled)
    }

    fn round(&self, outgoing: &[Outgoing], table: &RoutingTable, now: HostTimestamp) -> ReplicaRound {
        let at = self.at(now);
        let mut asked: BTreeMap<usize, KeySet> = BTreeMap::new();
        let mut away = KeySet::default();
        let mut digests = Digests::default();
        for (index, outgoing) in outgoing.iter().enumerate() {
            let Outgoing { state, neighbours, .. } = outgoing;
            digests.0.push((key_tag(state.key_id()), state.fingerprint(&at)));
            if !outgoing.belongs_here {
                away.insert(index);
            }
            for peer in neighbours.iter().filter(|peer| !table.is_here(**peer)) {
                asked.entry(*peer).or_default().insert(index);
            }
        }
        let offers = asked.into_iter().map(|(peer, keys)| ReplicaOffer {
            peer_id: table.peer(peer).to_owned(),
            keys: keys.encode_of(outgoing.len()),
        });
        ReplicaRound::of(offers.collect(), &digests, &away)
    }

    /// Says what this node lacks of what another one holds. Keys of which it holds the same count as replicated, unless
    /// it is this node's own turn.
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
        let keys = KeySet::parse_of(keys, digests.0.len())?;
        let asked: Vec<(usize, KeyTag)> = digests
            .0
            .iter()
            .enumerate()
            .filter(|(index, _)| keys.contains(*index))
            .map(|(index, (tag, _))| (index, *tag))
            .collect();
        let tags: Vec<KeyTag> = asked.iter().map(|(_, tag)| *tag).collect();
        let mut held = self.store.load_tagged(&tags)?;
        // A partial key is to be filled, and says nothing of what others should hold.
        held.retain(|state| !self.partial.contains(state.key_id(), now));
        let states = by_tag(held);
        let at = self.at(now);
        let (mut answer, mut same_ids, mut len) = (OfferAnswer::default(), Vec::new(), 0);
        for (index, tag) in asked {
            let held = states.get(&tag).map_or(&[][..], Vec::as_slice);
            if let Some(same) = held.iter().find(|state| state.fingerprint(&at) == digests.0[index].1) {
                answer.same.insert(index);
                same_ids.push(*same.key_id());
                continue;
            }
            let tags: Vec<EntryTag> = held
                .iter()
                .flat_map(|state| state.replicable(&at))
                .take(HELD_TAGS_MAX)
                .map(entry_tag)
                .collect();
            len += 4 + std::mem::size_of_val(tags.as_slice());
            // In base64, and with the set before it. What is left out is offered again.
            if len * 4 / 3 > REPLICA_TEXT_LEN_MAX / 2 {
                break;
            }
            answer.differing.push((index, tags));
        }
        same_ids.retain(|id| !self.own_turn(id, now));
        self.store.set_published(&same_ids, now.as_sec())?;
        Ok(answer.encode())
    }

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
            .filter_map(|index| Some(digests.0.get(*index)?.0))
            .collect();
        let states = by_tag(self.store.load_tagged(&wanted)?);
        let at = self.at(now);
        let (mut parcel, mut keys, mut peers) = (Parcel::default(), KeySet::default(), BTreeSet::new());
        let mut part = false;
        for (index, lacks) in &lacking.0 {
            let Some((tag, fingerprint)) = digests.0.get(*index) else {
                continue;
            };
            // What has changed since is offered as it is then.
            let unchanged = |state: &&KeyState| state.fingerprint(&at) == *fingerprint;
            let Some(state) = states.get(tag).and_then(|states| states.iter().find(unchanged)) else {
                continue;
            };
            let key = (**state.key()).clone();
            let standing = lacks.standing(state, &at);
            let (item, told) = match standing {
                Standing::UpToDate => (BundleItem::new(*fingerprint, key), &lacks.peers),
                Standing::MissedRecord | Standing::MissedDeletion => (BundleItem::asking(key), &lacks.holders),
            };
            let entries = state
                .replicable(&at)
                .filter(|entry| standing != Standing::MissedDeletion && !lacks.all_hold(&entry_tag(entry), told.len()));
            match parcel.add(item, entries) {
                Fit::Whole => keys.insert(*index),
                Fit::Part => part = true,
                Fit::None => break,
            }
            peers.extend(told.iter().map(|peer| (*peer).to_owned()));
            if part {
                break;
            }
        }
        let peers: Vec<String> = peers.into_iter().collect();
        Ok(ReplicaParcel {
            success: true,
            error: String::new(),
            more: (!peers.is_empty()).then_some(true).into_iter().collect(),
            last: peers.len().saturating_sub(1) as u32,
            bundle: pack_bundle(&parcel.items),
            keys: keys.encode(),
            peers,
        })
    }

    /// Whose weights this node should know before it takes a bundle in: the issuers of records that are not here, at
    /// most [`BUNDLE_ISSUERS_MAX`].
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_replica_issuers(&mut self, bundle: &str) -> Result<Vec<String>, CallError> {
        let mut issuers = BTreeSet::new();
        for item in unpack_bundle(bundle)? {
            let held = match KeyId::parse(&item.key.id) {
                Ok(key_id) => self.store.load(&key_id)?,
                Err(_) => continue,
            };
            for record in item.records {
                let known = held.as_ref().and_then(|state| state.held(&record));
                if known.is_none_or(|known| **known != record) && record.metadata.issued_by.len() <= PEER_ID_LEN_MAX {
                    issuers.insert(record.metadata.issued_by);
                }
            }
            if let Some(state) = held {
                self.store.keep(state);
            }
        }
        Ok(issuers.into_iter().take(BUNDLE_ISSUERS_MAX).collect())
    }

    /// Takes in what another node holds and this one lacks. Each key and each entry is judged by itself, the rest comes
    /// in, as far as it fits into the limits of this node; all in one transaction. Returns which keys of the bundle are
    /// settled here: nothing of them was refused. Behind a dot follow, as a bundle, tombstones that void what was sent.
    /// A key of which the other node asks for what it lacks is due here at once, if it has not been replicated for a
    /// while.
    ///
    /// # Errors
    /// [`CallError`] where the bundle as a whole is at fault; nothing is written then.
    pub fn take_replica(
        &mut self,
        bundle: &str,
        weights: &[WeightResult],
        current_timestamp_sec: u64,
    ) -> Result<String, CallError> {
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("weights", weights.len(), PEERS_MAX)?;
        let (mut clean_keys, mut news) = (Vec::new(), Vec::new());
        let mut states: BTreeMap<KeyId, KeyState> = BTreeMap::new();
        for (index, item) in unpack_bundle(bundle)?.into_iter().enumerate() {
            let Ok(key_id) = KeyId::parse(&item.key.id) else {
                continue;
            };
            let held = self.take_from(&mut states, &key_id)?;
            if item.asks() && held.is_none() {
                continue;
            }
            let (is_new, asks) = (held.is_none(), item.asks());
            let admitted = now
                .check_not_ahead("timestamp_created", item.key.timestamp_created)
                .and_then(|()| with_key(held, item.key.clone(), now));
            let Ok(mut state) = admitted else {
                continue;
            };
            let fingerprint = item.fingerprint;
            self.note_news(&state, &item, &mut news, now);
            let clean = self.admit_replica(&mut state, item, weights, now)?;
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
    fn take_from(
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
        let voids = |tombstone: &Verified<Tombstone>| {
            item.records.iter().any(|record| {
                let Record { metadata, .. } = record;
                (&metadata.issued_by, &metadata.peer_id) == (&tombstone.issued_by, &tombstone.peer_id)
                    && metadata.timestamp_issued <= tombstone.timestamp_issued
            })
        };
        let voiding = state
            .live_tombstones(&at)
            .filter(|tombstone| item.asks() || voids(tombstone));
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

    /// Whether nothing was refused.
    fn admit_replica(
        &mut self,
        state: &mut KeyState,
        item: BundleItem,
        weights: &[WeightResult],
        now: HostTimestamp,
    ) -> Result<bool, CallError> {
        let mut clean = true;
        for record in item.records {
            let weight = self.caller.weight_of(1, weights, &record.metadata.issued_by)?;
            clean &= self.admit_replica_record(state, record, weight, now).is_ok();
        }
        for tombstone in item.tombstones {
            clean &= self.admit_replica_tombstone(state, tombstone, now).is_ok();
        }
        Ok(clean)
    }

    fn admit_replica_tombstone(
        &self,
        state: &mut KeyState,
        tombstone: Tombstone,
        now: HostTimestamp,
    ) -> Result<Admission, Error> {
        let tombstone = of_key(state, super::tombstones::verify(state, tombstone)?)?;
        state.admit_tombstone(tombstone, &self.at(now))
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
        let settled: Vec<usize> = (0..digests.0.len())
            .filter(|index| acks.settled(*index) && !behind.contains(index))
            .collect();
        let away = KeySet::parse(&round.away)?;
        let tags: Vec<KeyTag> = settled.iter().map(|index| digests.0[*index].0).collect();
        let states = by_tag(self.store.load_tagged(&tags)?);
        let at = self.at(now);
        let (mut stay, mut go, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        for index in settled {
            let (tag, fingerprint) = &digests.0[index];
            for state in states.get(tag).into_iter().flatten() {
                // What has changed since was not acknowledged.
                if state.fingerprint(&at) != *fingerprint {
                    continue;
                }
                let lacks = lacking.0.get(&index);
                if lacks.is_none_or(|lacks| lacks.standing(state, &at) == Standing::UpToDate) {
                    whole.push(*state.key_id());
                }
                let goes = away.contains(index) && !state.needed_here(&at);
                let list = if goes { &mut go } else { &mut stay };
                list.push(*state.key_id());
            }
        }
        whole.iter().for_each(|key_id| self.partial.forget(key_id));
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
            offered: digests.0.len() as u32,
            settled: (stay.len() + go.len()) as u32,
            dropped: go.len() as u32,
            errors: acks.errors,
        })
    }
}

impl<B: Backend> Call<'_, B> {
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
            .filter_map(|(index, lacks)| Some((*index, digests.0.get(*index)?.0, lacks)))
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
        let keys: Vec<_> = behind.iter().filter_map(|index| digests.0.get(*index)).collect();
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
}

/// The keys of which something is lacking and that no parcel held.
fn unsent(lacking: &Lacking<'_>, digests: &Digests, sent: &[String]) -> Result<Vec<KeyTag>, Error> {
    let sent = match sent.first() {
        Some(keys) => KeySet::parse(keys)?,
        None => KeySet::default(),
    };
    let unsent = lacking.0.keys().filter(|index| !sent.contains(**index));
    Ok(unsent.filter_map(|index| Some(digests.0.get(*index)?.0)).collect())
}

/// Between the keys that a receipt settles and the bundle of what the sender does not know: no character of base64.
const NEWS_SEPARATOR: char = '.';

fn receipt_keys(receipt: &str) -> Result<KeySet, Error> {
    KeySet::parse(receipt.split_once(NEWS_SEPARATOR).map_or(receipt, |(keys, _)| keys))
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

fn by_tag(states: Vec<KeyState>) -> HashMap<KeyTag, Vec<KeyState>> {
    let mut map: HashMap<KeyTag, Vec<KeyState>> = HashMap::new();
    for state in states {
        map.entry(key_tag(state.key_id())).or_default().push(state);
    }
    map
}

/// A round with what its neighbours answered, each text read once.
struct Opened<'a> {
    digests: Digests,
    /// Which keys were offered to whom.
    offered: BTreeMap<&'a str, KeySet>,
    /// By whom; an answer that cannot be read is none.
    answers: Vec<(&'a str, OfferAnswer)>,
}

impl<'a> Opened<'a> {
    fn new(round: &'a ReplicaRound, answers: &'a [ReplicaAnswer]) -> Result<Self, Error> {
        check_count("answers", answers.len(), PEERS_MAX)?;
        check_count("offers", round.offers.len(), PEERS_MAX)?;
        let digests = Digests::parse(&round.digests)?;
        let mut offered = BTreeMap::new();
        for ReplicaOffer { peer_id, keys } in &round.offers {
            offered.insert(peer_id.as_str(), KeySet::parse_of(keys, digests.0.len())?);
        }
        let answers = answers.iter().filter_map(|answer| {
            let parsed = OfferAnswer::parse(answer.good.first()?).ok()?;
            Some((answer.peer_id.as_str(), parsed))
        });
        Ok(Self {
            digests,
            offered,
            answers: answers.collect(),
        })
    }
}

/// The peers that lack something of one key.
#[derive(Default)]
struct Lacks<'a> {
    peers: Vec<&'a str>,
    /// Those that hold something of it.
    holders: Vec<&'a str>,
    /// How many others hold the same as this node.
    same: usize,
    /// By how many of them an entry is held.
    held: HashMap<EntryTag, usize>,
}

impl Lacks<'_> {
    /// Whether so many peers hold it.
    fn all_hold(&self, tag: &EntryTag, peers: usize) -> bool {
        self.held.get(tag).is_some_and(|count| *count == peers)
    }

    /// The entries that most of those have who hold anything: a few liars cannot keep a key from being replicated.
    fn of_most(&self) -> impl Iterator<Item = &EntryTag> {
        let holders = self.holders.len() + self.same;
        let held = self.held.iter().filter(move |(_, count)| **count * 2 > holders);
        held.map(|(tag, _)| tag)
    }

    /// What most of those who hold anything have and this node has not. If a record of one identity is older there than
    /// here, this node only seems to have missed it; they are told of the later one all the same.
    fn standing(&self, state: &KeyState, at: &Circumstances<'_>) -> Standing {
        let most: Vec<&EntryTag> = self.of_most().collect();
        if most.is_empty() {
            return Standing::UpToDate;
        }
        let deleted = |entry: &Entry| most.iter().any(|tag| tag_voids(tag, entry));
        if state.replicable(at).any(deleted) {
            return Standing::MissedDeletion;
        }
        let own: BTreeSet<EntryTag> = state.replicable(at).map(entry_tag).collect();
        let is_missed = |tag: &&EntryTag| !is_tombstone_tag(tag) && !own.contains(*tag);
        match most.iter().any(is_missed) {
            true => Standing::MissedRecord,
            false => Standing::UpToDate,
        }
    }
}

/// Where this node stands, of one key, among those that hold something of it. What a newcomer takes in it answers lookups
/// with, so it should have it from a node that is up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    UpToDate,
    MissedRecord,
    /// It would pass on what is deleted.
    MissedDeletion,
}

/// What is lacking, by the key's position in the round.
struct Lacking<'a>(BTreeMap<usize, Lacks<'a>>);

impl<'a> Lacking<'a> {
    fn of(opened: &Opened<'a>) -> Self {
        let mut lacking: BTreeMap<usize, Lacks<'a>> = BTreeMap::new();
        for (peer, answer) in &opened.answers {
            let Some(keys) = opened.offered.get(peer) else {
                continue;
            };
            for (index, tags) in answer.differing.iter().filter(|(index, _)| keys.contains(*index)) {
                let lacks = lacking.entry(*index).or_default();
                if lacks.peers.contains(peer) {
                    continue;
                }
                lacks.peers.push(peer);
                if !tags.is_empty() {
                    lacks.holders.push(peer);
                }
                for tag in tags.iter().collect::<BTreeSet<_>>() {
                    *lacks.held.entry(*tag).or_default() += 1;
                }
            }
        }
        for (index, lacks) in &mut lacking {
            let same = opened.answers.iter().filter(|(_, answer)| answer.same.contains(*index));
            lacks.same = same.count();
        }
        Self(lacking)
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

    /// More than half of those who were asked hold it.
    fn settled(&self, index: usize) -> bool {
        let given = self.given.get(&index).copied().unwrap_or(0);
        self.asked.get(&index).is_some_and(|asked| given * 2 > *asked)
    }
}

impl ReplicaAnswer {
    /// What a neighbour answered.
    #[must_use]
    pub fn of(peer_id: &str, answer: Answer) -> Self {
        let peer_id = super::lookup::clip(peer_id, PEER_ID_LEN_MAX);
        let clip = |texts: Vec<String>, len_max| -> Vec<String> {
            texts
                .into_iter()
                .take(1)
                .map(|text| super::lookup::clip(&text, len_max).to_owned())
                .collect()
        };
        Self {
            peer_id: peer_id.to_owned(),
            good: clip(answer.good, REPLICA_TEXT_LEN_MAX),
            bad: clip(answer.bad, NODE_ERROR_LEN_MAX)
                .into_iter()
                .map(|error| format!("{peer_id}: {error}"))
                .collect(),
        }
    }
}
