//! Tombstones.

use registry_service::calls;
use registry_service::domain::data::Tombstone;

use super::stage::{Needs, Stage};
use crate::input::{Argument, Objects};
use crate::{oracle, probe};

/// Items of one republished batch.
const BATCH_MAX: usize = 544;

pub(super) const FUNCTIONS: &[&str] = &[
    "get_tombstone_bytes",
    "add_tombstone",
    "get_tombstones",
    "republish_tombstones",
];

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(8) {
        0..=3 => add_tombstone(stage),
        4..=5 => republish_tombstones(stage),
        6 => get_tombstones(stage),
        _ => get_tombstone_bytes(stage),
    }
}

fn add_tombstone(stage: &mut Stage<'_>) {
    let tombstone = Objects::tombstone(&mut stage.source);
    let now = stage.now();
    let added = stage.call("add_tombstone", (7, &[Argument::Time(6)]), Needs::TIME, |call| {
        call.add_tombstone(tombstone.clone(), now)
    });
    if added.is_ok() {
        stage.check_tombstones("add_tombstone", std::slice::from_ref(&tombstone));
        let records = stage.node().get_records(&tombstone.key_id, now).unwrap_or_default();
        let returned = records.iter().find(|record| {
            record.metadata.issued_by == tombstone.issued_by
                && record.metadata.peer_id == tombstone.peer_id
                && record.metadata.timestamp_issued <= tombstone.timestamp_issued
        });
        assert_eq!(returned, None, "it was deleted");
    }
}

fn republish_tombstones(stage: &mut Stage<'_>) {
    let count = stage.source.count(BATCH_MAX);
    let few: Vec<Tombstone> = (0..count.min(8))
        .map(|_| Objects::tombstone(&mut stage.source))
        .collect();
    let batch: Vec<Tombstone> = few.iter().cycle().take(count).cloned().collect();
    let now = stage.now();
    let republished = stage.call("republish_tombstones", (2, &[Argument::Time(1)]), Needs::TIME, |call| {
        call.republish_tombstones(batch.clone(), now)
    });
    let Ok(republished) = republished else { return };
    for (position, tombstone) in batch.into_iter().enumerate() {
        match republished.refused.iter().find(|(refused, _)| *refused == position) {
            Some((_, error)) => probe::call("republish_tombstones-item", &Err::<(), _>(error.clone())),
            None => stage.check_tombstones("republish_tombstones", &[tombstone]),
        }
    }
}

fn get_tombstones(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let now = stage.now();
    let read = stage.call("get_tombstones", (2, &[Argument::Time(1)]), Needs::TIME, |call| {
        call.get_tombstones(&key_id, now)
    });
    if let Ok(tombstones) = read {
        stage.check_tombstones("get_tombstones", &tombstones);
        assert!(tombstones.iter().all(|tombstone| tombstone.key_id == key_id));
    }
}

fn get_tombstone_bytes(stage: &mut Stage<'_>) {
    let tombstone = Objects::tombstone(&mut stage.source);
    match calls::get_tombstone_bytes(&tombstone) {
        Ok(bytes) => assert_eq!(bytes, oracle::tombstone_bytes(&tombstone)),
        Err(error) => probe::refused("get_tombstone_bytes", &error),
    }
}
