//! What a reader leaves out although it is genuine: records whose time is over, and those that their issuers have voided.
//! A node that missed the news, or pretends to, answers with such ones.

use std::collections::BTreeMap;

use crate::domain::data::{Record, Tombstone};
use crate::domain::{verify_tombstone, voids, Error, HostTimestamp, Timeouts};

/// The tombstones that a reader was told of, unverified: they are looked at only where they void something.
pub(super) struct Voided<'a> {
    key_id: &'a str,
    timeouts: Timeouts,
    now: HostTimestamp,
    /// How many records are dated ahead, and how far the furthest is, in seconds.
    ahead: (usize, u64),
    /// By issuer and peer.
    tombstones: BTreeMap<(String, String), Vec<Tombstone>>,
}

impl<'a> Voided<'a> {
    pub(super) fn new(key_id: &'a str, timeouts: Timeouts, now: HostTimestamp) -> Self {
        Self {
            key_id,
            timeouts,
            now,
            ahead: (0, 0),
            tombstones: BTreeMap::new(),
        }
    }

    pub(super) fn note(&mut self, tombstones: Vec<Tombstone>) {
        for tombstone in tombstones {
            let identity = (tombstone.issued_by.clone(), tombstone.peer_id.clone());
            let known = self.tombstones.entry(identity).or_default();
            if !known.contains(&tombstone) {
                known.push(tombstone);
            }
        }
    }

    /// Whether a record that these nodes answered with counts by its signed timestamps, as it would if it were offered
    /// here. One that its own host answers with does not end.
    pub(super) fn is_due(&mut self, record: &Record, from: &[&str]) -> bool {
        let created = record.timestamp_created;
        let latest = created.max(record.metadata.timestamp_issued);
        let in_time = self.now.check_not_ahead("timestamp", latest).is_ok();
        if !in_time {
            let (count, furthest) = self.ahead;
            self.ahead = (count + 1, furthest.max(latest - self.now.as_sec()));
        }
        let hosted = from.contains(&record.metadata.peer_id.as_str());
        in_time && (hosted || !self.timeouts.record_expired(created, self.now))
    }

    /// What is to be said where records were left out because they are dated ahead.
    pub(super) fn ahead(&self) -> Option<Error> {
        let (count, ahead_sec) = self.ahead;
        (count > 0).then_some(Error::DatedAhead { count, ahead_sec })
    }

    /// Whether a genuine tombstone voids the record.
    pub(super) fn voids(&self, record: &Record) -> bool {
        let metadata = &record.metadata;
        let identity = (metadata.issued_by.clone(), metadata.peer_id.clone());
        let tombstones = self.tombstones.get(&identity).into_iter().flatten();
        tombstones
            .filter(|tombstone| tombstone.key_id == self.key_id && self.counts_against(tombstone, record))
            .any(|tombstone| verify_tombstone(tombstone.clone()).is_ok())
    }

    fn counts_against(&self, tombstone: &Tombstone, record: &Record) -> bool {
        let issued = tombstone.timestamp_issued;
        voids(tombstone, &record.metadata) && self.now.check_not_ahead("timestamp_issued", issued).is_ok()
    }
}
