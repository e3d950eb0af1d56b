//! Records, and host records on their way to neighbours.

use registry_service::calls;
use registry_service::domain::data::Record;

use super::stage::{Needs, Stage};
use crate::input::{Argument, Objects};
use crate::{oracle, probe};

/// Weights in one call.
const PEERS_MAX: usize = 256;
/// Items of one republished batch.
const BATCH_MAX: usize = 544;

pub(super) const FUNCTIONS: &[&str] = &[
    "get_record_metadata_bytes",
    "create_record_metadata",
    "get_record_bytes",
    "begin_lease",
    "put_record",
    "get_records",
    "republish_records",
    "put_host_record",
];

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(16) {
        0..=3 => put_record(stage),
        4 => begin_lease(stage),
        5..=7 => republish_records(stage),
        8..=9 => get_records(stage),
        10..=14 => put_host_record(stage),
        _ => get_bytes(stage),
    }
}

fn begin_lease(stage: &mut Stage<'_>) {
    let lease_sec = stage.source.below(200_000) as u64;
    let now = stage.now();
    let begun = stage.call("begin_lease", (2, &[Argument::Time(1)]), Needs::TIME, |call| {
        call.begin_lease(lease_sec, now)
    });
    if let Ok(created_at) = begun {
        assert!(lease_sec >= 60 && created_at <= now, "{lease_sec} {created_at} {now}");
    }
}

fn put_record(stage: &mut Stage<'_>) {
    let record = Objects::record(&mut stage.source);
    let now = stage.now();
    let weight = stage.weight(&record.metadata.issued_by);
    let arguments = [Argument::Weight(3), Argument::Time(4)];
    let needs = Needs::weighed(&weight);
    let put = stage.call("put_record", (5, &arguments), needs, |call| {
        call.put_record(record.clone(), &weight, now)
    });
    if put.is_ok() {
        assert!(!record.signature.is_empty(), "put_record took an unsigned record");
        stage.check_records("put_record", [&record]);
        let read = stage
            .node()
            .get_records(&record.metadata.key_id, now)
            .expect("the key is here");
        assert!(read.contains(&record), "what was put is not read");
    }
}

fn get_records(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let now = stage.now();
    let read = stage.call("get_records", (2, &[Argument::Time(1)]), Needs::TIME, |call| {
        call.get_records(&key_id, now)
    });
    if let Ok(records) = read {
        stage.check_records("get_records", &records);
        assert!(records.iter().all(|record| record.metadata.key_id == key_id));
    }
}

fn republish_records(stage: &mut Stage<'_>) {
    let count = stage.source.count(BATCH_MAX);
    let few: Vec<Record> = (0..count.min(8)).map(|_| Objects::record(&mut stage.source)).collect();
    let batch: Vec<Record> = few.iter().cycle().take(count).cloned().collect();
    let now = stage.now();
    let issuer = few.first().map_or("", |record| &record.metadata.issued_by).to_owned();
    let weights = stage.weights(&issuer, BATCH_MAX);
    let used = |record: &Record| {
        let weighed = |weight: &&registry_service::auth::WeightResult| {
            weight.success && weight.peer_id == record.metadata.issued_by
        };
        weights.iter().find(weighed).is_some()
    };
    let needs = Needs {
        weight: batch.iter().any(used),
        ..Needs::TIME
    };
    let arguments = [Argument::Weights(1, weights.len()), Argument::Time(2)];
    let republished = stage.call("republish_records", (3, &arguments), needs, |call| {
        call.republish_records(batch.clone(), &weights, now)
    });
    let Ok(republished) = republished else { return };
    assert!(republished.error().len() <= oracle::ERROR_LEN_MAX);
    assert!(republished.updated as usize + republished.refused.len() <= batch.len());
    for (position, error) in &republished.refused {
        probe::call("republish_records-item", &Err::<(), _>(error.clone()));
        assert!(*position < batch.len());
    }
    for (position, record) in batch.iter().enumerate() {
        let refused = republished.refused.iter().any(|(refused, _)| *refused == position);
        if !refused {
            assert!(
                !record.signature.is_empty(),
                "republish_records took an unsigned record"
            );
            stage.check_records("republish_records", [record]);
        }
    }
}

fn put_host_record(stage: &mut Stage<'_>) {
    let metadata = Objects::metadata(&mut stage.source);
    let now = stage.now();
    let weights = stage.weights(&metadata.issued_by, PEERS_MAX);
    let arguments = [Argument::Weights(1, weights.len()), Argument::Time(2)];
    let needs = Needs {
        weight: weights
            .iter()
            .any(|weight| weight.success && weight.peer_id == metadata.issued_by),
        ..Needs::TIME
    };
    let put = stage.call("put_host_record", (3, &arguments), needs, |call| {
        call.put_host_record(metadata.clone(), &weights, now)
    });
    if let Ok(standing) = put {
        stage.check_records("put_host_record", [&standing]);
        assert_eq!(standing.metadata.peer_id, metadata.peer_id);
        assert_eq!(
            oracle::metadata(&metadata),
            Ok(()),
            "put_host_record took forged metadata"
        );
    }
}

fn get_bytes(stage: &mut Stage<'_>) {
    let record = Objects::record(&mut stage.source);
    match calls::get_record_metadata_bytes(&record.metadata) {
        Ok(bytes) => assert_eq!(bytes, oracle::metadata_bytes(&record.metadata)),
        Err(error) => probe::refused("get_record_metadata_bytes", &error),
    }
    match calls::get_record_bytes(&record.metadata, record.timestamp_created) {
        Ok(bytes) => assert_eq!(bytes, oracle::record_bytes(&record.metadata, record.timestamp_created)),
        Err(error) => probe::refused("get_record_bytes", &error),
    }
}
