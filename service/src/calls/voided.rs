//! What a reader leaves out although it is genuine: records whose time is over, and those that their issuers have voided.
//! A node that missed the news, or pretends to, answers with such ones.

use std::collections::BTreeMap;

use crate::domain::data::{Record, Tombstone};
use crate::domain::{verify_tombstone, voids, HostTimestamp, Timeouts};

/// The tombstones that a reader was told of, unverified: they are looked at only where they void something.
pub(super) struct Voided<'a> {
    key_id: &'a str,
    timeouts: Timeouts,
    now: HostTimestamp,
    /// By issuer and peer.
    tombstones: BTreeMap<(String, String), Vec<Tombstone>>,
}

impl<'a> Voided<'a> {
    pub(super) fn new(key_id: &'a str, timeouts: Timeouts, now: HostTimestamp) -> Self {
        Self {
            key_id,
            timeouts,
            now,
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
    pub(super) fn is_due(&self, record: &Record, from: &[&str]) -> bool {
        let created = record.timestamp_created;
        let in_time = [created, record.metadata.timestamp_issued]
            .into_iter()
            .all(|timestamp| self.now.check_not_ahead("timestamp", timestamp).is_ok());
        let hosted = from.contains(&record.metadata.peer_id.as_str());
        in_time && (hosted || !self.timeouts.record_expired(created, self.now))
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
