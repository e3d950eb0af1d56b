//! What scheduled scripts call.

use registry_service::domain::data::Record;

use super::stage::{Needs, Stage};
use crate::input::{Argument, Objects};
use crate::oracle;

/// Seconds: on both sides of what can be set.
const TIMEOUTS_SEC: [u64; 8] = [
    86_400,
    0,
    1,
    3_600,
    365 * 86_400,
    365 * 86_400 + 1,
    i64::MAX as u64,
    u64::MAX,
];

pub(super) const FUNCTIONS: &[&str] = &[
    "get_stale_local_records",
    "get_due_host_records",
    "remove_host_record",
    "evict_stale",
    "clear_expired",
    "clear_expired_every",
    "set_storage_limits",
    "set_expired_timeout",
    "set_stale_timeout",
    "get_stats",
];

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(12) {
        8 => get_due_host_records(stage),
        9 => clear_expired_every(stage),
        10 => set_storage_limits(stage),
        11 => remove_host_record(stage),
        0..=1 | 3 => evict_stale(stage),
        2 => get_stale_local_records(stage),
        4 => clear_expired(stage),
        5 => set_timeout(stage, "set_expired_timeout"),
        6 => set_timeout(stage, "set_stale_timeout"),
        _ => get_stats(stage),
    }
}

fn evict_stale(stage: &mut Stage<'_>) {
    let now = stage.now();
    let stale = stage.call("evict_stale", (1, &[Argument::Time(0)]), Needs::TIME, |call| {
        call.evict_stale(now)
    });
    for stale in stale.into_iter().flatten() {
        stage.check_key("evict_stale", &stale.key);
        stage.check_records("evict_stale", &stale.records);
        stage.check_tombstones("evict_stale", &stale.tombstones);
        assert!(stale.records.iter().all(|record| !record.signature.is_empty()));
    }
}

fn get_stale_local_records(stage: &mut Stage<'_>) {
    let now = stage.now();
    let due = stage.call(
        "get_stale_local_records",
        (1, &[Argument::Time(0)]),
        Needs::TIME,
        |call| call.get_stale_local_records(now),
    );
    stage.check_records("get_stale_local_records", &due.unwrap_or_default());
}

/// Of the host alone, at a proved time.
const BY_HOST: Needs = Needs {
    host: true,
    ..Needs::TIME
};

fn get_due_host_records(stage: &mut Stage<'_>) {
    let renew_sec = *stage.source.pick(&TIMEOUTS_SEC);
    let now = stage.now();
    let due = stage.call("get_due_host_records", (2, &[Argument::Time(1)]), BY_HOST, |call| {
        call.get_due_host_records(renew_sec, now)
    });
    stage.check_records("get_due_host_records", &due.unwrap_or_default());
}

fn remove_host_record(stage: &mut Stage<'_>) {
    let metadata = Objects::host_metadata(&mut stage.source);
    let now = stage.now();
    // There is nothing to remove otherwise, mostly.
    let is_put = stage.source.below(4) > 0 && stage.node().put_host_record(&metadata, now).is_ok();
    let needs = Needs {
        host_or_creator: true,
        ..Needs::TIME
    };
    let removed = stage.call("remove_host_record", (3, &[Argument::Time(2)]), needs, |call| {
        call.remove_host_record(&metadata.key_id, &metadata.issued_by, now)
    });
    if removed.is_ok() && is_put {
        let left = stage.node().get_records(&metadata.key_id, now).unwrap_or_default();
        let is_removed = |record: &Record| {
            record.metadata.issued_by == metadata.issued_by && record.metadata.peer_id == metadata.peer_id
        };
        assert!(!left.iter().any(is_removed), "what was removed is read");
        let again = stage.node().put_host_record(&metadata, now);
        assert!(again.is_err(), "what was removed is taken in again");
    }
}

fn clear_expired_every(stage: &mut Stage<'_>) {
    let interval_sec = *stage.source.pick(&TIMEOUTS_SEC);
    let now = stage.now();
    let _ = stage.call("clear_expired_every", (2, &[Argument::Time(1)]), BY_HOST, |call| {
        call.clear_expired_every(interval_sec, now)
    });
}

fn set_storage_limits(stage: &mut Stage<'_>) {
    const BYTES: [u64; 6] = [1 << 30, 1 << 20, 64 << 10, 0, (64 << 10) - 1, u64::MAX];
    let (total, owner) = (*stage.source.pick(&BYTES), *stage.source.pick(&BYTES));
    let needs = Needs {
        host_or_creator: true,
        ..Needs::default()
    };
    let _ = stage.call("set_storage_limits", (2, &[]), needs, |call| {
        call.set_storage_limits(total, owner)
    });
}

fn clear_expired(stage: &mut Stage<'_>) {
    let now = stage.now();
    let _ = stage.call("clear_expired", (1, &[Argument::Time(0)]), Needs::TIME, |call| {
        call.clear_expired(now)
    });
}

fn set_timeout(stage: &mut Stage<'_>, function: &'static str) {
    let timeout_sec = match stage.source.rarely(8) {
        true => stage.source.number(),
        false => *stage.source.pick(&TIMEOUTS_SEC),
    };
    let needs = Needs {
        host_or_creator: true,
        ..Needs::default()
    };
    let set = stage.call(function, (1, &[]), needs, |call| match function {
        "set_expired_timeout" => call.set_expired_timeout(timeout_sec),
        _ => call.set_stale_timeout(timeout_sec),
    });
    if set.is_ok() {
        assert!((1..=365 * 86_400).contains(&timeout_sec), "{timeout_sec} s was set");
        stage.timeouts_changed();
    }
}

fn get_stats(stage: &mut Stage<'_>) {
    let now = stage.now();
    let stats = stage.call("get_stats", (1, &[Argument::Time(0)]), Needs::TIME, |call| {
        call.get_stats(now)
    });
    if let Ok(stats) = stats {
        assert!(stats.counts.keys <= 16);
        assert!(stats.counts.records as usize <= 16 * (oracle::RECORDS_MAX + 16));
        assert!(stats.host_records_overdue <= stats.counts.host_records);
    }
}
