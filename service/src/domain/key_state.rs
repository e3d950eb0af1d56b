//! All that a node holds of one key, and the one admission rule for everything that wants in.

use std::collections::BTreeMap;

use super::data::{Key, Record, Tombstone};
use super::entry::{key_order, Entry, HeldRecord, Identity};
use super::error::Error;
use super::id::KeyId;
use super::limits::*;
use super::storage::Priority;
use super::time::{HostTimestamp, Timeouts};
use super::verified::Verified;
use super::verifier::Verifier;
use super::Here;

/// How an entry reached this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Put here by its provider: among records of one second the one that came last wins its place.
    Direct,
    /// Passed on by another node: among records of one second the bytes decide, so that replicas converge.
    Replica,
}

/// The issuer's weight as far as it was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvedWeight {
    Proved(u32),
    /// No trust-graph, or none of its results for this issuer: 0 for a new record, no change for a known one.
    Unproved,
}

impl ProvedWeight {
    pub const fn is_positive(self) -> bool {
        self.or_zero() > 0
    }

    const fn or_zero(self) -> u32 {
        match self {
            Self::Proved(weight) => weight,
            Self::Unproved => 0,
        }
    }
}

/// What became of an entry that was offered and is genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    Stored,
    /// Already here, bit for bit.
    Known,
    /// Something later stands for its identity.
    Superseded(Error),
    /// The key is full of entries that rank higher.
    Outranked(Error),
}

/// The circumstances of an admission.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    pub here: &'a Here,
    pub now: HostTimestamp,
    pub timeouts: Timeouts,
}

/// What has to be written for one identity.
#[derive(Debug, Clone, Copy)]
pub struct Change<'s> {
    pub identity: &'s Identity,
    /// What the store holds.
    pub held: Option<&'s Entry>,
    /// What it has to hold.
    pub now: Option<&'s Entry>,
}

/// One key with its entries, as loaded; what differs from the store afterwards is in `dirty` and `meta_dirty`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    key: Verified<Key>,
    /// The latest sign of life: the key's own `timestamp_created`, its last use here, the `timestamp_created` of a
    /// record that was accepted, what [`Timeouts::life_of_tombstone`] says of a tombstone. Never the time of
    /// a replication, so nothing lives by being passed around.
    life_at: u64,
    /// When the key was last registered here, republished here or handed over from here.
    published_at: u64,
    entries: BTreeMap<Identity, Entry>,
    /// The identities whose entries have changed, with what the store holds.
    dirty: BTreeMap<Identity, Option<Entry>>,
    /// The key as the store holds it, where another registration has replaced it.
    held_key: Option<Verified<Key>>,
    stored: bool,
    /// None of a key that is not in the store, until it is settled.
    priority: Option<Priority>,
    /// The highest weight that was proved for the key's owner in this call.
    owner_weight: u32,
    meta_dirty: bool,
    published_dirty: bool,
}

impl KeyState {
    /// A key that was not here before.
    pub fn new(key: Verified<Key>, now: HostTimestamp) -> Self {
        Self {
            life_at: key.timestamp_created,
            published_at: now.as_sec(),
            key,
            entries: BTreeMap::new(),
            dirty: BTreeMap::new(),
            held_key: None,
            stored: false,
            priority: None,
            owner_weight: 0,
            meta_dirty: true,
            published_dirty: false,
        }
    }

    /// A key as the store holds it.
    pub(crate) fn stored(
        key: Verified<Key>,
        (life_at, published_at, priority): (u64, u64, Priority),
        entries: impl IntoIterator<Item = Entry>,
    ) -> Self {
        Self {
            key,
            life_at,
            published_at,
            entries: entries.into_iter().map(|entry| (entry.identity(), entry)).collect(),
            dirty: BTreeMap::new(),
            held_key: None,
            stored: true,
            priority: Some(priority),
            owner_weight: 0,
            meta_dirty: false,
            published_dirty: false,
        }
    }

    pub fn key(&self) -> &Verified<Key> {
        &self.key
    }

    pub fn key_id(&self) -> &KeyId {
        self.key.key_id()
    }

    pub const fn life_at(&self) -> u64 {
        self.life_at
    }

    pub const fn published_at(&self) -> u64 {
        self.published_at
    }

    /// Whether the row of the key itself has to be written.
    pub const fn meta_dirty(&self) -> bool {
        self.meta_dirty
    }

    /// Whether `published_at` alone has changed. That can wait: if it is lost, the key is only replicated earlier.
    pub const fn published_dirty(&self) -> bool {
        self.published_dirty
    }

    /// Whether there is anything to write that cannot wait.
    pub fn is_dirty(&self) -> bool {
        self.meta_dirty || !self.dirty.is_empty()
    }

    /// All changes are written; `published_at` alone only where the row of the key was.
    pub(crate) fn mark_saved(&mut self) {
        self.dirty.clear();
        self.held_key = None;
        self.stored = true;
        // Proved for this call alone.
        self.owner_weight = 0;
        self.published_dirty &= !self.meta_dirty;
        self.meta_dirty = false;
    }

    /// How many entries it holds.
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// What has to be written beside the row of the key.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.dirty.iter().map(|(identity, held)| Change {
            identity,
            held: held.as_ref(),
            now: self.entries.get(identity),
        })
    }

    /// The key as the store holds it, if it does.
    pub fn held_key(&self) -> Option<&Verified<Key>> {
        self.stored.then(|| self.held_key.as_ref().unwrap_or(&self.key))
    }

    /// When this goes, if the node is full. [`settle_priority`](Self::settle_priority) says so first.
    pub fn priority(&self) -> Priority {
        self.priority.unwrap_or(Priority::FIRST)
    }

    /// Brings the priority up to what is here now; for whoever is about to write.
    pub(crate) fn settle_priority(&mut self, here: &Here, now: HostTimestamp) {
        let bare = !self.entries.is_empty() && self.entries.values().all(|entry| is_host_record(entry, here));
        let settled = match self.priority {
            _ if bare => Priority::HOSTED,
            Some(held) if held != Priority::HOSTED => held.weighed(self.weight()),
            _ => Priority::arriving(self.key_id(), here, self.weight(), now),
        };
        if self.priority != Some(settled) {
            self.priority = Some(settled);
            self.meta_dirty = true;
        }
    }

    /// The weight that what comes now has in its favour.
    pub(crate) fn weight_ever(&self) -> u32 {
        match self.priority {
            Some(priority) if priority != Priority::HOSTED => priority.weight().max(self.weight()),
            _ => self.weight(),
        }
    }

    /// Notes a weight of the key's owner.
    pub fn note_weight(&mut self, weight: ProvedWeight) {
        self.owner_weight = self.owner_weight.max(weight.or_zero());
        // Written with the next change, or now where it raises the key.
        self.meta_dirty |= self.stored && self.owner_weight > self.priority().weight();
    }

    /// The highest weight among its owner, as far as it was proved in this call, and the issuers of its records.
    pub fn weight(&self) -> u32 {
        let weights = self.entries.values().map(|entry| match entry {
            Entry::Record(held) => held.weight,
            Entry::Tombstone(_) => 0,
        });
        weights.fold(self.owner_weight, u32::max)
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// A key whose time is over is as good as absent, whether it was cleared or not.
    pub fn dead(&self, at: &Circumstances<'_>) -> bool {
        at.timeouts.key_dead(self.life_at, at.now) && !self.entries.values().any(|entry| is_host_record(entry, at.here))
    }

    /// Live records, those of this host included, in the order of their identities.
    pub fn live_records<'s>(&'s self, at: &'s Circumstances<'_>) -> impl Iterator<Item = &'s HeldRecord> {
        self.entries.values().filter_map(move |entry| match entry {
            Entry::Record(held) if !is_over(entry, at) => Some(held),
            _ => None,
        })
    }

    /// Live tombstones, in the order of their identities.
    pub fn live_tombstones<'s>(&'s self, at: &'s Circumstances<'_>) -> impl Iterator<Item = &'s Verified<Tombstone>> {
        self.entries.values().filter_map(move |entry| match entry {
            Entry::Tombstone(tombstone) if !is_over(entry, at) => Some(tombstone),
            _ => None,
        })
    }

    /// Notes a registration, put or read at this node.
    pub fn note_use(&mut self, at: &Circumstances<'_>) {
        if self.life_at < at.now.as_sec() {
            self.extend_life(at.timeouts.life_of_use(at.now));
        }
    }

    /// Notes a registration at, or republication to, this node.
    pub fn note_published(&mut self, now: HostTimestamp) {
        if self.published_at != now.as_sec() {
            self.published_at = now.as_sec();
            self.published_dirty = true;
        }
    }

    /// What is here must reach the neighbours at once: the key is due before all others, also after a crash.
    pub fn note_due(&mut self) {
        self.published_at = 0;
        self.meta_dirty = true;
    }

    /// Whether something here would be lost with this node's copy: its own records, and what nobody may pass on yet.
    pub fn needed_here(&self, at: &Circumstances<'_>) -> bool {
        self.entries.values().any(|entry| match entry {
            Entry::Record(held) => is_host_record(entry, at.here) || held.record.signature.is_empty(),
            Entry::Tombstone(_) => false,
        })
    }

    /// Takes in another registration of this key; the later one stays.
    pub fn admit_key(&mut self, key: Verified<Key>) {
        if key_order(&key, &self.key).is_gt() {
            self.extend_life(key.timestamp_created);
            let replaced = std::mem::replace(&mut self.key, key);
            self.held_key.get_or_insert(replaced);
            self.meta_dirty = true;
        }
    }

    /// Verifies a record, but nothing twice: what this node holds bit for bit was verified when it came.
    ///
    /// # Errors
    /// As [`verify_record`](super::verify_record).
    pub fn verify(&self, record: Record, verifier: &mut Verifier) -> Result<Verified<Record>, Error> {
        match self.held(&record) {
            Some(held) if **held == record => Ok(held.clone()),
            held => verifier.record(record, held),
        }
    }

    /// The held record of the same identity.
    pub fn held(&self, record: &Record) -> Option<&Verified<Record>> {
        let identity = Identity {
            issued_by: record.metadata.issued_by.clone(),
            peer_id: record.metadata.peer_id.clone(),
        };
        match self.entries.get(&identity) {
            Some(Entry::Record(held)) => Some(&held.record),
            _ => None,
        }
    }

    /// The held tombstone that equals this one.
    pub fn held_tombstone(&self, tombstone: &Tombstone) -> Option<&Verified<Tombstone>> {
        let identity = Identity {
            issued_by: tombstone.issued_by.clone(),
            peer_id: tombstone.peer_id.clone(),
        };
        match self.entries.get(&identity) {
            Some(Entry::Tombstone(held)) if **held == *tombstone => Some(held),
            _ => None,
        }
    }

    /// Offers a record.
    ///
    /// # Errors
    /// [`Error::ExpiredRecord`], [`Error::FromFuture`]: refused whatever else is here.
    pub fn admit_record(
        &mut self,
        record: Verified<Record>,
        weight: ProvedWeight,
        arrival: Arrival,
        at: &Circumstances<'_>,
    ) -> Result<Admission, Error> {
        check_record_times(&record, at)?;
        let life_at = record.timestamp_created;
        let incoming = HeldRecord {
            record,
            weight: weight.or_zero(),
        };
        let identity = Entry::Record(incoming.clone()).identity();
        let standing = self.standing(&identity, at).cloned();
        if let Some(Entry::Record(held)) = &standing {
            if held.record == incoming.record {
                self.refresh_weight(&identity, weight);
                return Ok(Admission::Known);
            }
        }
        let entry = Entry::Record(incoming);
        if let Some(superseded) = superseded(&entry, standing.as_ref()) {
            return Ok(superseded);
        }
        let replaces_live_record = matches!(standing, Some(Entry::Record(_)));
        if !replaces_live_record {
            if let Some(outranked) = self.make_room_for_record(&entry, arrival, at)? {
                return Ok(outranked);
            }
        }
        self.put(identity, entry);
        self.extend_life(life_at);
        Ok(Admission::Stored)
    }

    /// Offers a tombstone.
    ///
    /// # Errors
    /// [`Error::ExpiredTombstone`], [`Error::FromFuture`]: refused whatever else is here.
    pub fn admit_tombstone(
        &mut self,
        tombstone: Verified<Tombstone>,
        at: &Circumstances<'_>,
    ) -> Result<Admission, Error> {
        check_tombstone_times(&tombstone, at)?;
        let life_at = at.timeouts.life_of_tombstone(tombstone.timestamp_issued);
        let entry = Entry::Tombstone(tombstone);
        let identity = entry.identity();
        let standing = self.standing(&identity, at);
        if standing == Some(&entry) {
            return Ok(Admission::Known);
        }
        if let Some(superseded) = superseded(&entry, standing) {
            return Ok(superseded);
        }
        if let Some(outranked) = self.make_room_for_tombstone(&entry, at) {
            return Ok(outranked);
        }
        self.put(identity, entry);
        self.extend_life(life_at);
        Ok(Admission::Stored)
    }

    /// The live entry for an identity: an expired one is as good as absent, whether it was cleared or not.
    fn standing(&self, identity: &Identity, at: &Circumstances<'_>) -> Option<&Entry> {
        self.entries.get(identity).filter(|entry| !is_over(entry, at))
    }

    fn refresh_weight(&mut self, identity: &Identity, weight: ProvedWeight) {
        let (ProvedWeight::Proved(weight), Some(Entry::Record(held))) = (weight, self.entries.get_mut(identity)) else {
            return;
        };
        if held.weight != weight {
            let before = Entry::Record(held.clone());
            held.weight = weight;
            self.dirty.entry(identity.clone()).or_insert(Some(before));
        }
    }

    /// Removes the lowest-ranking records until one more fits, or says that `incoming` itself ranks lowest.
    fn make_room_for_record(
        &mut self,
        incoming: &Entry,
        arrival: Arrival,
        at: &Circumstances<'_>,
    ) -> Result<Option<Admission>, Error> {
        if is_host_record(incoming, at.here) {
            return self.check_room_for_host_record(at).map(|()| None);
        }
        let Entry::Record(incoming) = incoming else {
            return Ok(None);
        };
        let mut ranked: Vec<&HeldRecord> = self
            .live_records(at)
            .filter(|held| !at.here.is(&held.record.metadata.peer_id))
            .collect();
        if ranked.len() < RECORDS_PER_KEY_MAX {
            return Ok(None);
        }
        ranked.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.record.cmp(&b.record)));
        let excess = ranked.len() - RECORDS_PER_KEY_MAX + 1;
        let highest_to_go = ranked[excess - 1];
        let stays_out = match rank(incoming).cmp(&rank(highest_to_go)) {
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => arrival == Arrival::Replica && incoming.record < highest_to_go.record,
        };
        if stays_out {
            let (weight, timestamp_created) = rank(highest_to_go);
            return Ok(Some(Admission::Outranked(Error::Outranked {
                key_id: self.key_id().to_string(),
                max: RECORDS_PER_KEY_MAX,
                weight,
                timestamp_created,
            })));
        }
        let leaving: Vec<Identity> = ranked[..excess]
            .iter()
            .map(|held| Entry::Record((*held).clone()).identity())
            .collect();
        for identity in leaving {
            self.remove(identity);
        }
        Ok(None)
    }

    fn check_room_for_host_record(&self, at: &Circumstances<'_>) -> Result<(), Error> {
        let count = self
            .entries
            .values()
            .filter(|entry| is_host_record(entry, at.here))
            .count();
        if count >= HOST_RECORDS_PER_KEY_MAX {
            return Err(Error::HostRecordsFull {
                key_id: self.key_id().to_string(),
                max: HOST_RECORDS_PER_KEY_MAX,
            });
        }
        Ok(())
    }

    /// At the maximum the issuer with the most tombstones loses the one that would end first, so that nobody pushes out
    /// more than he has; `incoming` stays out where it would be that one.
    fn make_room_for_tombstone(&mut self, incoming: &Entry, at: &Circumstances<'_>) -> Option<Admission> {
        let identity_coming = incoming.identity();
        let held: Vec<(&Identity, u64)> = self
            .entries
            .iter()
            .filter(|(identity, entry)| {
                matches!(entry, Entry::Tombstone(_)) && !is_over(entry, at) && **identity != identity_coming
            })
            .map(|(identity, entry)| (identity, entry.timestamp_issued()))
            .collect();
        if held.len() < TOMBSTONES_PER_KEY_MAX {
            return None;
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::from([(identity_coming.issued_by.as_str(), 1)]);
        for (identity, _) in &held {
            *counts.entry(&identity.issued_by).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let coming = (&identity_coming, incoming.timestamp_issued());
        let leaving = held
            .iter()
            .copied()
            .chain([coming])
            .filter(|(identity, _)| counts.get(identity.issued_by.as_str()) == Some(&most))
            .min_by_key(|(identity, issued)| (*issued, *identity))?;
        let (identity, timestamp_issued) = (leaving.0.clone(), leaving.1);
        if identity == identity_coming {
            return Some(Admission::Outranked(Error::TombstonesFull {
                key_id: self.key_id().to_string(),
                max: TOMBSTONES_PER_KEY_MAX,
                timestamp_issued,
            }));
        }
        self.remove(identity);
        None
    }

    fn put(&mut self, identity: Identity, entry: Entry) {
        let held = self.entries.insert(identity.clone(), entry);
        self.dirty.entry(identity).or_insert(held);
    }

    fn remove(&mut self, identity: Identity) {
        let held = self.entries.remove(&identity);
        self.dirty.entry(identity).or_insert(held);
    }

    /// What has ended goes with what is written next.
    pub(crate) fn remove_ended(&mut self, at: &Circumstances<'_>) {
        let ended: Vec<Identity> = self
            .entries
            .iter()
            .filter(|(_, entry)| is_over(entry, at))
            .map(|(identity, _)| identity.clone())
            .collect();
        for identity in ended {
            self.remove(identity);
        }
    }

    fn extend_life(&mut self, life_at: u64) {
        if self.life_at < life_at {
            self.life_at = life_at;
            self.meta_dirty = true;
        }
    }
}

/// A record that names this node as its peer.
pub fn is_host_record(entry: &Entry, here: &Here) -> bool {
    matches!(entry, Entry::Record(_)) && here.is(entry.peer_id())
}

/// Whether an entry's time is over on this node.
pub fn is_over(entry: &Entry, at: &Circumstances<'_>) -> bool {
    entry.expired(at.here.is(entry.peer_id()), &at.timeouts, at.now)
}

/// Who has to go first: the lowest weight, the oldest among equals.
fn rank(held: &HeldRecord) -> (u32, u64) {
    (held.weight, held.record.timestamp_created)
}

fn superseded(incoming: &Entry, standing: Option<&Entry>) -> Option<Admission> {
    let standing = standing.filter(|standing| !incoming.beats(standing))?;
    let identity = standing.identity();
    Some(Admission::Superseded(Error::Superseded {
        winner: standing.kind(),
        issued_by: identity.issued_by,
        peer_id: identity.peer_id,
        timestamp_issued: standing.timestamp_issued(),
    }))
}

fn check_record_times(record: &Record, at: &Circumstances<'_>) -> Result<(), Error> {
    at.now.check_not_ahead("timestamp_created", record.timestamp_created)?;
    at.now
        .check_not_ahead("timestamp_issued", record.metadata.timestamp_issued)?;
    if at.timeouts.record_expired(record.timestamp_created, at.now) {
        return Err(Error::ExpiredRecord {
            peer_id: record.metadata.peer_id.clone(),
            created: record.timestamp_created,
            now: at.now.as_sec(),
            timeout_sec: at.timeouts.expired_sec,
        });
    }
    Ok(())
}

fn check_tombstone_times(tombstone: &Tombstone, at: &Circumstances<'_>) -> Result<(), Error> {
    at.now.check_not_ahead("timestamp_issued", tombstone.timestamp_issued)?;
    if at.timeouts.tombstone_expired(tombstone.timestamp_issued, at.now) {
        return Err(Error::ExpiredTombstone {
            issued_by: tombstone.issued_by.clone(),
            issued: tombstone.timestamp_issued,
            now: at.now.as_sec(),
            timeout_sec: at.timeouts.tombstone_sec(),
        });
    }
    Ok(())
}
