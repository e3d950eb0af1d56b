//! The rules of the design for one key, in the simplest form there is.

use registry_service::domain::data::{Record, RecordMetadata, Tombstone};

use super::{DAY, HOUR};

const LEASE_SEC: u64 = 300;
const NEW_KEY_SEC: u64 = 60;
/// Uses are noted so coarsely, rounded up.
const USE_SEC: u64 = DAY / 96;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Stored,
    Known,
    /// Something better is here.
    Passed,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    /// With its weight.
    Record(Record, u32),
    Tombstone(Tombstone),
}

impl Held {
    /// Issuer and provider.
    fn pair(&self) -> (&str, &str) {
        match self {
            Self::Record(record, _) => (&record.metadata.issued_by, &record.metadata.peer_id),
            Self::Tombstone(tombstone) => (&tombstone.issued_by, &tombstone.peer_id),
        }
    }

    /// The pair, and of a record the service.
    fn identity(&self) -> (&str, &str, Option<&[String]>) {
        let (issued_by, peer_id) = self.pair();
        match self {
            Self::Record(record, _) => (issued_by, peer_id, Some(&record.metadata.service_id)),
            Self::Tombstone(_) => (issued_by, peer_id, None),
        }
    }

    fn issued(&self) -> u64 {
        match self {
            Self::Record(record, _) => record.metadata.timestamp_issued,
            Self::Tombstone(tombstone) => tombstone.timestamp_issued,
        }
    }

    /// Whether this is why the other cannot stay.
    fn ousts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tombstone(_), Self::Record(..)) => self.pair() == other.pair() && self.issued() >= other.issued(),
            (Self::Record(..), Self::Tombstone(_)) => false,
            _ => self.identity() == other.identity() && self.later(other),
        }
    }

    fn later(&self, other: &Self) -> bool {
        if self.issued() != other.issued() {
            return self.issued() > other.issued();
        }
        match (self, other) {
            (Self::Tombstone(_), Self::Record(..)) | (Self::Record(..), Self::Tombstone(_)) => false,
            (Self::Tombstone(one), Self::Tombstone(two)) => one > two,
            (Self::Record(one, _), Self::Record(two, _)) => {
                if one.timestamp_created != two.timestamp_created {
                    return one.timestamp_created > two.timestamp_created;
                }
                if one.signature.is_empty() != two.signature.is_empty() {
                    return two.signature.is_empty();
                }
                one > two
            }
        }
    }
}

fn is_record(held: &Held, record: &Record) -> bool {
    matches!(held, Held::Record(held, _) if held == record)
}

/// What counts in the order of those that have to go.
fn dated(record: &Record) -> u64 {
    record.timestamp_created.max(record.metadata.timestamp_issued)
}

#[derive(Debug)]
struct KeyTimes {
    life: u64,
    due: u64,
    leased_until: u64,
    /// By the latest registration.
    created: u64,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) held: Vec<Held>,
    host: String,
    key: Option<KeyTimes>,
    /// Every deletion: it goes on counting while it lives, whatever was issued later.
    deleted: Vec<Tombstone>,
}

impl Model {
    pub(super) fn new(host: &str, now: u64) -> Self {
        Self {
            now,
            held: Vec::new(),
            host: host.to_owned(),
            key: None,
            deleted: Vec::new(),
        }
    }

    pub(super) fn knows_key(&self) -> bool {
        self.key.is_some()
    }

    pub(super) fn key_life(&self) -> Option<u64> {
        self.key.as_ref().map(|key| key.life)
    }

    pub(super) fn key_due(&self) -> Option<u64> {
        self.key.as_ref().map(|key| key.due)
    }

    fn hosted(&self, held: &Held) -> bool {
        matches!(held, Held::Record(record, _) if record.metadata.peer_id == self.host)
    }

    pub(super) fn is_live(&self, held: &Held) -> bool {
        match held {
            Held::Record(record, _) => self.hosted(held) || self.now - record.timestamp_created < DAY,
            Held::Tombstone(tombstone) => self.now - tombstone.timestamp_issued < 2 * DAY,
        }
    }

    /// Live records with their weights, in the order of issuer and peer.
    fn live_records(&self) -> Vec<(Record, u32)> {
        let mut live: Vec<&Held> = self.held.iter().filter(|held| self.is_live(held)).collect();
        live.sort_by_key(|held| held.identity());
        live.into_iter()
            .filter_map(|held| match held {
                Held::Record(record, weight) => Some((record.clone(), *weight)),
                Held::Tombstone(_) => None,
            })
            .collect()
    }

    fn dead(&self) -> bool {
        let Some(key) = &self.key else { return true };
        self.now.saturating_sub(key.life) >= DAY && !self.held.iter().any(|held| self.hosted(held))
    }

    fn live_until(&mut self, life: u64) {
        let key = self.key.as_mut().unwrap();
        key.life = key.life.max(life);
    }

    fn used(&mut self) {
        if self.key.as_ref().unwrap().life < self.now {
            self.live_until(self.now + USE_SEC);
        }
    }

    /// A key that is new is due when the node says, an interval later by a tenth more or less. One that is not known here
    /// though others have had the time to register at it is due at once; one that is known stays due when it was. What was to
    /// be passed on at once, and was not in a whole life, still is.
    pub(super) fn register(&mut self, created: u64, says_due: u64) {
        let now = self.now;
        let unknown = self.dead();
        let key = self.key.get_or_insert(KeyTimes {
            created,
            life: created,
            due: 1,
            leased_until: 0,
        });
        key.created = key.created.max(created);
        if unknown && now - key.created > NEW_KEY_SEC {
            key.due = key.due.min(1);
        } else if unknown {
            assert!((now + HOUR - HOUR / 10..=now + HOUR + HOUR / 10).contains(&says_due));
            key.due = says_due;
        }
        self.used();
    }

    pub(super) fn read(&mut self) -> Option<Vec<Record>> {
        if self.dead() {
            return None;
        }
        self.used();
        Some(self.live_records().into_iter().map(|(record, _)| record).collect())
    }

    fn standing(&self, held: &Held) -> Option<usize> {
        self.held
            .iter()
            .position(|other| other.identity() == held.identity() && self.is_live(other))
    }

    pub(super) fn put(&mut self, record: &Record, weight: Option<u32>, direct: bool) -> Outcome {
        if self.key.is_none() || self.now - record.timestamp_created >= DAY {
            return Outcome::Refused;
        }
        let issuer = record.metadata.issued_by.as_str();
        let coming = Held::Record(record.clone(), weight.unwrap_or_else(|| self.weight_of(issuer)));
        if self.live_held().any(|held| held.ousts(&coming)) {
            return Outcome::Passed;
        }
        let standing = self.standing(&coming);
        let known = standing.is_some_and(|position| is_record(&self.held[position], record));
        if !known {
            let needs_room = standing.is_none() && !self.hosted(&coming);
            let Held::Record(_, proved) = &coming else {
                unreachable!()
            };
            if needs_room && !self.make_room(record, *proved, direct) {
                return Outcome::Passed;
            }
            self.held.retain(|held| !held.ousts(&coming));
            self.replace(coming);
            self.live_until(record.timestamp_created);
        }
        if let Some(weight) = weight {
            self.weigh(issuer, weight);
        }
        if direct {
            self.used();
        }
        if direct && !known && record.metadata.peer_id == self.host {
            // Nobody else holds it.
            self.key.as_mut().unwrap().due = 0;
        }
        match known {
            true => Outcome::Known,
            false => Outcome::Stored,
        }
    }

    fn live_held(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|held| self.is_live(held))
    }

    pub(super) fn holds(&self, item: &Held) -> bool {
        self.held.iter().any(|held| match item {
            Held::Record(record, _) => is_record(held, record),
            Held::Tombstone(_) => held == item,
        })
    }

    /// Weights are those of issuers: what was proved last goes for all their records, and for those to come.
    fn weight_of(&self, issuer: &str) -> u32 {
        let weights = self.live_held().filter(|held| held.pair().0 == issuer);
        let weights = weights.map(|held| match held {
            Held::Record(_, weight) => *weight,
            Held::Tombstone(_) => 0,
        });
        weights.max().unwrap_or(0)
    }

    fn weigh(&mut self, issuer: &str, proved: u32) {
        for held in &mut self.held {
            if let Held::Record(record, weight) = held {
                if record.metadata.issued_by == issuer {
                    *weight = proved;
                }
            }
        }
    }

    /// Whether there is room; at 32 the lowest weight goes, the oldest among equals.
    fn make_room(&mut self, coming: &Record, weight: u32, direct: bool) -> bool {
        let mut others: Vec<(u32, u64, Record)> = self
            .live_records()
            .into_iter()
            .filter(|(record, _)| record.metadata.peer_id != self.host)
            .map(|(record, weight)| (weight, dated(&record), record))
            .collect();
        if others.len() < 32 {
            return true;
        }
        others.sort();
        let (low_weight, low_dated, lowest) = others.remove(0);
        let (rank, low_rank) = ((weight, dated(coming)), (low_weight, low_dated));
        if rank < low_rank || (rank == low_rank && !direct && *coming < lowest) {
            return false;
        }
        self.held
            .retain(|held| *held != Held::Record(lowest.clone(), low_weight));
        true
    }

    fn replace(&mut self, coming: Held) {
        self.held.retain(|held| held.identity() != coming.identity());
        self.held.push(coming);
    }

    /// `direct`: the issuer's own word, which must leave nothing later.
    pub(super) fn add_tombstone(&mut self, tombstone: &Tombstone, direct: bool) -> Outcome {
        if self.key.is_none() || self.now - tombstone.timestamp_issued >= 2 * DAY {
            return Outcome::Refused;
        }
        let coming = Held::Tombstone(tombstone.clone());
        let leaves = |held: &Held| {
            matches!(held, Held::Record(..)) && held.pair() == coming.pair() && held.issued() > coming.issued()
        };
        if direct && self.live_held().any(leaves) {
            return Outcome::Passed;
        }
        if self.holds(&coming) && self.is_live(&coming) {
            return Outcome::Known;
        }
        if self.live_held().any(|held| held.ousts(&coming)) {
            return Outcome::Passed;
        }
        self.held.retain(|held| !coming.ousts(held));
        self.replace(coming);
        self.live_until(tombstone.timestamp_issued + DAY);
        self.deleted.push(tombstone.clone());
        Outcome::Stored
    }

    pub(super) fn put_host_record(&mut self, metadata: &RecordMetadata) -> Option<Record> {
        let record = Record {
            metadata: metadata.clone(),
            timestamp_created: metadata.timestamp_issued,
            signature: Vec::new(),
        };
        match self.put(&record, None, true) {
            Outcome::Stored | Outcome::Known => Some(record),
            Outcome::Refused => None,
            // The same again, signed by now.
            Outcome::Passed => {
                let standing = self.standing(&Held::Record(record, 0))?;
                let Held::Record(standing, _) = self.held[standing].clone() else {
                    return None;
                };
                if standing.metadata != *metadata {
                    return None;
                }
                self.used();
                Some(standing)
            }
        }
    }

    pub(super) fn due_for_renewal(&self) -> Vec<Record> {
        let records = self.live_records().into_iter().map(|(record, _)| record);
        records
            .filter(|record| record.metadata.peer_id == self.host)
            .filter(|record| record.signature.is_empty() || self.now - record.timestamp_created >= DAY / 2)
            .collect()
    }

    pub(super) fn live(&self) -> Vec<Held> {
        let live = self.held.iter().filter(|held| self.is_live(held));
        live.cloned().collect()
    }

    pub(super) fn clear_expired(&mut self) {
        self.held = self.live();
        if self.dead() {
            self.key = None;
        }
    }

    pub(super) fn evict(&mut self) -> Option<(Vec<Record>, Vec<Tombstone>)> {
        let dead = self.dead();
        let now = self.now;
        let key = self.key.as_mut()?;
        if now < key.due {
            return None;
        }
        if dead {
            // With all that is left of it.
            self.clear_expired();
            return None;
        }
        if now < key.leased_until {
            return None;
        }
        key.leased_until = now + LEASE_SEC;
        let records = self.live_records().into_iter().map(|(record, _)| record);
        let mut tombstones: Vec<&Held> = self.held.iter().filter(|held| self.is_live(held)).collect();
        tombstones.sort_by_key(|held| held.identity());
        let tombstones = tombstones.into_iter().filter_map(|held| match held {
            Held::Tombstone(tombstone) => Some(tombstone.clone()),
            Held::Record(..) => None,
        });
        Some((
            records.filter(|record| !record.signature.is_empty()).collect(),
            tombstones.collect(),
        ))
    }

    /// What must hold at any time.
    pub(super) fn check(&self) {
        let live = self.live_records();
        for (record, _) in &live {
            let same = live.iter().filter(|(other, _)| {
                let (one, two) = (&record.metadata, &other.metadata);
                (&one.issued_by, &one.peer_id, &one.service_id) == (&two.issued_by, &two.peer_id, &two.service_id)
            });
            assert_eq!(same.count(), 1, "one record of a service: {record:?}");
        }
        let others = live
            .iter()
            .filter(|(record, _)| record.metadata.peer_id != self.host)
            .count();
        assert!(others <= 32, "{others} live records");
        for deleted in self
            .deleted
            .iter()
            .filter(|deleted| self.now - deleted.timestamp_issued < 2 * DAY)
        {
            let returned = live.iter().find(|(record, _)| {
                record.metadata.issued_by == deleted.issued_by
                    && record.metadata.peer_id == deleted.peer_id
                    && record.metadata.timestamp_issued <= deleted.timestamp_issued
            });
            assert_eq!(returned, None, "deleted by {deleted:?}");
        }
    }
}
