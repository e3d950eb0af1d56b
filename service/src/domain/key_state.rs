//! All that a node holds of one key, and the one admission rule for everything that wants in.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::data::{Key, Record, Tombstone};
use super::entry::{key_order, record_order, tombstone_order, voids, Entry, HeldRecord, Identity, Subject};
use super::error::{quoted, Error};
use super::id::KeyId;
use super::limits::*;
use super::storage::Priority;
use super::time::{HostTimestamp, Timeouts};
use super::verified::{removal, Verified};
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
    /// No trust-graph, or none of its results for this issuer: changes nothing. What is known of the issuer from other
    /// records of the key goes for a new one, too.
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
    /// Whether what the store holds is a record that a tombstone voids.
    pub voided: bool,
}

/// One key with its entries, as loaded; what differs from the store afterwards is in `dirty` and `meta_dirty`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    key: Verified<Key>,
    /// The latest sign of life: the key's own `timestamp_created`, its last use here, the `timestamp_created` of a
    /// record that was accepted, what [`Timeouts::life_of_tombstone`] says of a tombstone. Never the time of
    /// a replication, so nothing lives by being passed around.
    life_at: u64,
    /// When the key is to be exchanged with its neighbours. 0: at once (*urgent*): it has a record of this node that nobody
    /// else holds. 1: at once, as it is partial. Nothing that others send postpones either.
    due_at: u64,
    /// When this node last exchanged all of it, or was the first to hold it. 0: the key is *partial*, neighbours may
    /// hold more of it.
    exchanged_at: u64,
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
}

/// What `due_at` says of a key that is due at once: it is urgent, or partial.
pub const URGENT_DUE_AT: u64 = 0;
pub const PARTIAL_DUE_AT: u64 = 1;

impl KeyState {
    /// A key that was not here before: partial, unless [`note_new`](Self::note_new) says that nobody holds more.
    pub fn new(key: Verified<Key>) -> Self {
        Self {
            life_at: key.timestamp_created,
            due_at: PARTIAL_DUE_AT,
            exchanged_at: 0,
            key,
            entries: BTreeMap::new(),
            dirty: BTreeMap::new(),
            held_key: None,
            stored: false,
            priority: None,
            owner_weight: 0,
            meta_dirty: true,
        }
    }

    /// A key as the store holds it.
    pub(crate) fn stored(
        key: Verified<Key>,
        (life_at, due_at, exchanged_at, priority): (u64, u64, u64, Priority),
        entries: impl IntoIterator<Item = Entry>,
    ) -> Self {
        Self {
            key,
            life_at,
            due_at,
            exchanged_at,
            entries: entries.into_iter().map(|entry| (entry.identity(), entry)).collect(),
            dirty: BTreeMap::new(),
            held_key: None,
            stored: true,
            priority: Some(priority),
            owner_weight: 0,
            meta_dirty: false,
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

    pub const fn due_at(&self) -> u64 {
        self.due_at
    }

    pub const fn exchanged_at(&self) -> u64 {
        self.exchanged_at
    }

    /// Whether neighbours may hold more of it.
    pub const fn is_partial(&self) -> bool {
        self.exchanged_at == 0
    }

    /// Whether the row of the key itself has to be written.
    pub const fn meta_dirty(&self) -> bool {
        self.meta_dirty
    }

    /// Whether there is anything to write.
    pub fn is_dirty(&self) -> bool {
        self.meta_dirty || !self.dirty.is_empty()
    }

    /// All changes are written.
    pub(crate) fn mark_saved(&mut self) {
        self.dirty.clear();
        self.held_key = None;
        self.stored = true;
        // Proved for this call alone.
        self.owner_weight = 0;
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
            voided: held.as_ref().is_some_and(|held| self.is_voided(held)),
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
        let weights = self.entries.values().map(Entry::weight);
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
            Entry::Tombstone(tombstone) if entry.is_signed() && !is_over(entry, at) => Some(tombstone),
            _ => None,
        })
    }

    /// Notes a registration, put or read at this node.
    pub fn note_use(&mut self, at: &Circumstances<'_>) {
        if self.life_at < at.now.as_sec() {
            self.extend_life(at.timeouts.life_of_use(at.now));
        }
    }

    /// A key that its owner has only just made: nobody holds more of it.
    pub fn note_new(&mut self, now: HostTimestamp, due_at: u64) {
        (self.due_at, self.exchanged_at) = (due_at, now.as_sec());
        self.meta_dirty = true;
    }

    /// A key of which neighbours may hold more.
    pub fn note_partial(&mut self) {
        let due_at = self.due_at.min(PARTIAL_DUE_AT);
        self.meta_dirty |= (self.due_at, self.exchanged_at) != (due_at, 0);
        (self.due_at, self.exchanged_at) = (due_at, 0);
    }

    /// A record of this node must reach the neighbours at once.
    pub fn note_urgent(&mut self) {
        self.meta_dirty |= self.due_at != URGENT_DUE_AT;
        self.due_at = URGENT_DUE_AT;
    }

    /// Whether something here would be lost with this node's copy: its own records, and what nobody may pass on.
    pub fn needed_here(&self, at: &Circumstances<'_>) -> bool {
        let is_needed = |entry: &Entry| is_host_record(entry, at.here) || !entry.is_signed() && !is_over(entry, at);
        self.entries.values().any(is_needed)
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
        match self.entries.get(&Identity::of_record(&record.metadata)) {
            Some(Entry::Record(held)) => Some(&held.record),
            _ => None,
        }
    }

    /// Whether there is an entry of this identity.
    pub fn holds(&self, identity: &Identity) -> bool {
        self.entries.contains_key(identity)
    }

    /// The held tombstone that equals this one.
    pub fn held_tombstone(&self, tombstone: &Tombstone) -> Option<&Verified<Tombstone>> {
        match self.entries.get(&Identity::of_tombstone(tombstone)) {
            Some(entry @ Entry::Tombstone(held)) if **held == *tombstone && entry.is_signed() => Some(held),
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
        let identity = Identity::of_record(&record.metadata);
        let mut tombstones = self.standing_of_pair(&identity, at).filter_map(Entry::tombstone);
        if let Some(tombstone) = tombstones.find(|tombstone| voids(tombstone, &record.metadata)) {
            let winner = match tombstone.issuer_signature.is_empty() {
                false => "tombstone",
                true => "removal by this host",
            };
            return Ok(superseded(winner, &identity, tombstone.timestamp_issued));
        }
        drop(tombstones);
        let standing = self.standing_record(&identity, at);
        if let Some(held) = standing {
            if held.record == record {
                self.note_issuer_weight(&identity.issued_by, weight);
                return Ok(Admission::Known);
            }
            if record_order(&record, &held.record).is_lt() {
                return Ok(superseded("record", &identity, held.record.metadata.timestamp_issued));
            }
        }
        let replaces_live_record = standing.is_some();
        let life_at = record.timestamp_created;
        let entry = Entry::Record(HeldRecord {
            record,
            weight: match weight {
                ProvedWeight::Proved(weight) => weight,
                ProvedWeight::Unproved => self.weight_of_issuer(&identity.issued_by, at),
            },
        });
        if !replaces_live_record {
            if let Some(outranked) = self.make_room_for_record(&entry, arrival, at)? {
                return Ok(outranked);
            }
        }
        self.note_issuer_weight(&identity.issued_by, weight);
        self.remove_fallen_tombstones(&entry);
        if arrival == Arrival::Direct && is_host_record(&entry, at.here) {
            // Nobody else holds it.
            self.note_urgent();
        }
        self.put(identity, entry);
        self.extend_life(life_at);
        Ok(Admission::Stored)
    }

    /// Offers a tombstone. Passed on, it voids what there is up to its time; its issuer's own word is refused where it
    /// would leave a later record standing, because it then does not say what the issuer wants.
    ///
    /// # Errors
    /// [`Error::ExpiredTombstone`], [`Error::FromFuture`]: refused whatever else is here.
    pub fn admit_tombstone(
        &mut self,
        tombstone: Verified<Tombstone>,
        arrival: Arrival,
        at: &Circumstances<'_>,
    ) -> Result<Admission, Error> {
        check_tombstone_times(&tombstone, at)?;
        let identity = Identity::of_tombstone(&tombstone);
        let issued = tombstone.timestamp_issued;
        let latest_record = self.standing_of_pair(&identity, at).filter(|entry| is_record(entry));
        if let Some(later) = latest_record
            .map(Entry::timestamp_issued)
            .max()
            .filter(|later| *later > issued)
        {
            if arrival == Arrival::Direct {
                return Ok(superseded("record", &identity, later));
            }
        }
        if let Some(held) = self.standing_tombstone(&identity, at) {
            match tombstone_order(&tombstone, held) {
                Ordering::Equal => return Ok(Admission::Known),
                Ordering::Less => return Ok(superseded("tombstone", &identity, held.timestamp_issued)),
                Ordering::Greater => {}
            }
        }
        let entry = Entry::Tombstone(tombstone);
        if let Some(outranked) = self.make_room_for_tombstone(&entry, at) {
            return Ok(outranked);
        }
        self.remove_voided(&entry);
        self.put(identity, entry);
        self.extend_life(at.timeouts.life_of_tombstone(issued));
        Ok(Admission::Stored)
    }

    /// The latest of what an issuer has said of a provider and stands, whether records of any service or a tombstone. What the
    /// issuer says next has to be later.
    pub fn latest_entry<'s>(&'s self, issued_by: &str, peer_id: &str, at: &'s Circumstances<'_>) -> Option<&'s Entry> {
        let identity = Identity {
            issued_by: issued_by.to_owned(),
            peer_id: peer_id.to_owned(),
            subject: Subject::All,
        };
        let entries = self.of_pair(&identity).map(|(_, entry)| entry);
        // Also one that is dated ahead: whether this node's clock is wrong or another's was, nodes with others hold it.
        // Not this node's own word: it is not the issuer's, and goes to nobody.
        entries
            .filter(|entry| !is_over(entry, at) && (entry.is_signed() || is_record(entry)))
            .max_by_key(|entry| entry.timestamp_issued())
    }

    /// What stands of the issuer and provider of `identity`: an entry that is expired is as good as absent, whether it was
    /// cleared or not, and so is one that is dated ahead because this node's clock was.
    fn standing_of_pair<'s>(
        &'s self,
        identity: &Identity,
        at: &'s Circumstances<'_>,
    ) -> impl Iterator<Item = &'s Entry> {
        self.of_pair(identity)
            .map(|(_, entry)| entry)
            .filter(|entry| stands(entry, at))
    }

    /// All entries of the issuer and provider of `identity`.
    fn of_pair<'s>(&'s self, identity: &Identity) -> impl Iterator<Item = (&'s Identity, &'s Entry)> {
        let first = identity.of_all_services();
        self.entries
            .range(first.clone()..)
            .take_while(move |(identity, _)| identity.pair() == first.pair())
    }

    fn standing_record(&self, identity: &Identity, at: &Circumstances<'_>) -> Option<&HeldRecord> {
        match self.entries.get(identity) {
            Some(entry @ Entry::Record(held)) if stands(entry, at) => Some(held),
            _ => None,
        }
    }

    /// The tombstone of the issuer and provider of `identity`.
    fn standing_tombstone(&self, identity: &Identity, at: &Circumstances<'_>) -> Option<&Verified<Tombstone>> {
        match self.entries.get(&identity.of_all_services()) {
            Some(entry @ Entry::Tombstone(held)) if stands(entry, at) => Some(held),
            _ => None,
        }
    }

    fn is_voided(&self, entry: &Entry) -> bool {
        self.voiding(entry).next().is_some()
    }

    /// The tombstones that void this record.
    fn voiding<'s>(&'s self, record: &'s Entry) -> impl Iterator<Item = &'s Identity> {
        self.of_pair(&record.identity())
            .filter(|(_, entry)| {
                entry
                    .tombstone()
                    .is_some_and(|tombstone| record.is_voided_by(tombstone))
            })
            .map(|(identity, _)| identity)
    }

    /// Removes the tombstones that would void this record, which was admitted because they stand no more.
    fn remove_fallen_tombstones(&mut self, record: &Entry) {
        let fallen: Vec<Identity> = self.voiding(record).cloned().collect();
        for identity in fallen {
            self.remove(identity);
        }
    }

    /// Takes the records of this very node that an issuer has issued away, for good: neighbours bring them again, until
    /// they expire there, and are told by nothing but this node's own word that it does not want them. That lies here as
    /// long as a tombstone. What the issuer issues later is taken in as ever.
    ///
    /// # Errors
    /// [`Error::NoHostRecord`].
    pub fn remove_host_records(&mut self, issued_by: &str, at: &Circumstances<'_>) -> Result<(), Error> {
        let mut latest: BTreeMap<String, u64> = BTreeMap::new();
        let mut removed = Vec::new();
        for (identity, held) in self.records_of_issuer(issued_by) {
            if at.here.is(&identity.peer_id) {
                removed.push(identity.clone());
                let issued = latest.entry(identity.peer_id.clone()).or_default();
                *issued = held.record.metadata.timestamp_issued.max(*issued);
            }
        }
        if removed.is_empty() {
            return Err(Error::NoHostRecord {
                key_id: self.key_id().to_string(),
                issued_by: quoted(issued_by),
            });
        }
        for identity in removed {
            self.remove(identity);
        }
        for (peer_id, latest) in latest {
            self.make_room_for_removal();
            let issued = latest.min(at.now.latest_accepted()).max(at.now.as_sec());
            let entry = Entry::Tombstone(removal(self.key_id(), issued_by, &peer_id, issued));
            self.put(entry.identity(), entry);
            self.extend_life(at.timeouts.life_of_tombstone(issued));
        }
        Ok(())
    }

    /// As many as there can be records of this node; the one that ends first makes room.
    fn make_room_for_removal(&mut self) {
        let removals = || {
            self.entries
                .iter()
                .filter(|(identity, _)| identity.subject == Subject::Removed)
        };
        if removals().count() < HOST_RECORDS_PER_KEY_MAX {
            return;
        }
        let first = removals().min_by_key(|(_, entry)| entry.timestamp_issued());
        if let Some(first) = first.map(|(identity, _)| identity.clone()) {
            self.remove(first);
        }
    }

    /// Removes the records that a tombstone voids.
    fn remove_voided(&mut self, tombstone: &Entry) {
        let Entry::Tombstone(void) = tombstone else {
            return;
        };
        let voided: Vec<Identity> = self
            .of_pair(&Identity::of_tombstone(void))
            .filter(|(_, entry)| entry.is_voided_by(void))
            .map(|(identity, _)| identity.clone())
            .collect();
        for identity in voided {
            self.remove(identity);
        }
    }

    /// Notes a weight of an issuer: it goes for all its records here.
    pub fn note_issuer_weight(&mut self, issued_by: &str, weight: ProvedWeight) {
        let ProvedWeight::Proved(weight) = weight else {
            return;
        };
        let changed: Vec<Identity> = self
            .records_of_issuer(issued_by)
            .filter(|(_, held)| held.weight != weight)
            .map(|(identity, _)| identity.clone())
            .collect();
        for identity in changed {
            if let Some(Entry::Record(held)) = self.entries.get(&identity) {
                let record = held.record.clone();
                self.put(identity, Entry::Record(HeldRecord { record, weight }));
            }
        }
    }

    /// What is known of an issuer's weight by its records here.
    fn weight_of_issuer(&self, issued_by: &str, at: &Circumstances<'_>) -> u32 {
        let standing = self
            .records_of_issuer(issued_by)
            .filter(|(_, held)| !record_expired(held, at));
        standing.map(|(_, held)| held.weight).max().unwrap_or(0)
    }

    fn records_of_issuer<'s>(&'s self, issued_by: &str) -> impl Iterator<Item = (&'s Identity, &'s HeldRecord)> {
        let first = Identity {
            issued_by: issued_by.to_owned(),
            peer_id: String::new(),
            subject: Subject::All,
        };
        self.entries
            .range(first.clone()..)
            .take_while(move |(identity, _)| identity.issued_by == first.issued_by)
            .filter_map(|(identity, entry)| match entry {
                Entry::Record(held) => Some((identity, held)),
                Entry::Tombstone(_) => None,
            })
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
        // What is dated ahead because this node's clock was would outrank all others for as long.
        let is_ahead = |held: &HeldRecord| held.record.dated() > at.now.latest_accepted();
        ranked.sort_by(|a, b| is_ahead(b).cmp(&is_ahead(a)).then_with(|| rank_order(a, b)));
        let excess = ranked.len() - RECORDS_PER_KEY_MAX + 1;
        let highest_to_go = ranked[excess - 1];
        let stays_out = match rank(incoming).cmp(&rank(highest_to_go)) {
            _ if is_ahead(highest_to_go) => false,
            Ordering::Greater => false,
            Ordering::Less => true,
            Ordering::Equal => arrival == Arrival::Replica && incoming.record < highest_to_go.record,
        };
        if stays_out {
            let (weight, dated) = rank(highest_to_go);
            return Ok(Some(Admission::Outranked(Error::Outranked {
                key_id: self.key_id().to_string(),
                max: RECORDS_PER_KEY_MAX,
                weight,
                dated,
            })));
        }
        let leaving: Vec<Identity> = ranked[..excess]
            .iter()
            .map(|held| Identity::of_record(&held.record.metadata))
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
                identity.subject == Subject::All && !is_over(entry, at) && **identity != identity_coming
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

fn stands(entry: &Entry, at: &Circumstances<'_>) -> bool {
    !is_over(entry, at) && entry.dated() <= at.now.latest_accepted()
}

fn record_expired(held: &HeldRecord, at: &Circumstances<'_>) -> bool {
    let hosted = at.here.is(&held.record.metadata.peer_id);
    !hosted && at.timeouts.record_expired(held.record.timestamp_created, at.now)
}

/// Whether an entry's time is over on this node.
pub fn is_over(entry: &Entry, at: &Circumstances<'_>) -> bool {
    entry.expired(at.here.is(entry.peer_id()), &at.timeouts, at.now)
}

/// Who has to go first: the lowest weight, the oldest among equals. A record is as old as the later of its issue and its
/// last signature: neither an issuer nor a provider has to renew the other's word.
fn rank(held: &HeldRecord) -> (u32, u64) {
    (held.weight, held.record.dated())
}

const fn is_record(entry: &Entry) -> bool {
    matches!(entry, Entry::Record(_))
}

/// The same, and among those of one second the bytes decide.
pub(super) fn rank_order(a: &HeldRecord, b: &HeldRecord) -> std::cmp::Ordering {
    rank(a).cmp(&rank(b)).then_with(|| a.record.cmp(&b.record))
}

fn superseded(winner: &'static str, identity: &Identity, timestamp_issued: u64) -> Admission {
    Admission::Superseded(Error::Superseded {
        winner,
        issued_by: identity.issued_by.clone(),
        peer_id: identity.peer_id.clone(),
        timestamp_issued,
    })
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
