//! How long records and tombstones live, and what clears them.

use registry_service::calls::CallError;
use registry_service::domain::data::{Record, Tombstone};
use registry_service::domain::limits::{BEHIND_COUNTED_MAX, CLEAR_BATCH_MAX, RECORDS_PER_KEY_MAX};
use registry_testkit::{check_promises, NativeNode, Origins, Peer};

use crate::support::{alive, assert_refused, cleared, scene, DAY, HOUR, NOW};

#[test]
fn a_record_is_read_until_the_second_it_expires() {
    let mut scene = scene();
    scene.node.put_record(&scene.record("provider", NOW), NOW).unwrap();
    assert_eq!(scene.providers(NOW + DAY - 1).len(), 1);
    assert_eq!(scene.providers(NOW + DAY).len(), 0);
    assert_eq!(scene.node.clear_expired(NOW + DAY - 1).unwrap(), cleared(0, 0, 0));
    assert_eq!(scene.node.clear_expired(NOW + DAY).unwrap(), cleared(0, 1, 0));
    assert_eq!(scene.node.clear_expired(NOW + DAY).unwrap(), cleared(0, 0, 0));
}

#[test]
fn an_expired_record_is_refused_by_put_and_republish() {
    let mut scene = scene();
    let record = scene.record("provider", NOW);
    let words = [
        record.metadata.peer_id.as_str(),
        "expired",
        "86400 s allowed",
        "sign it again",
    ];
    assert_refused(&mut scene.node, &words, |node| node.put_record(&record, NOW + DAY));
    let republished = scene.node.republish_records(&[record.clone()], NOW + DAY).unwrap();
    assert_eq!((republished.updated, republished.refused.len()), (0, 1));
    let metadata = scene.host_metadata("issuer", NOW);
    assert_refused(&mut scene.node, &["expired"], |node| {
        node.put_host_record(&metadata, NOW + DAY)
    });
    scene.node.put_record(&record, NOW + DAY - 1).unwrap();
    assert_eq!(
        scene.node.republish_records(&[record], NOW + DAY - 1).unwrap().refused,
        []
    );
}

#[test]
fn a_known_record_is_refused_by_republish_once_it_has_expired() {
    let mut scene = scene();
    let record = scene.record("provider", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    assert_eq!(
        scene
            .node
            .republish_records(&[record], NOW + DAY)
            .unwrap()
            .refused
            .len(),
        1
    );
}

#[test]
fn the_age_of_a_record_is_that_of_the_providers_signature() {
    let mut scene = scene();
    let provider = Peer::named("provider");
    let metadata = provider.metadata(&scene.key_id, &provider, "value", NOW - 10 * DAY);
    scene.node.put_record(&provider.record(metadata, NOW), NOW).unwrap();
    assert_eq!(scene.providers(NOW + DAY - 1).len(), 1);
}

#[test]
fn a_host_record_survives_on_its_own_host_and_nowhere_else() {
    let mut scene = scene();
    let host = scene.host();
    let record = host.record(scene.host_metadata("issuer", NOW), NOW);
    let mut elsewhere = NativeNode::new(Peer::named("elsewhere"));
    elsewhere.register_key(&scene.key, NOW).unwrap();
    for node in [&mut scene.node, &mut elsewhere] {
        node.put_record(&record, NOW).unwrap();
    }
    let later = NOW + 30 * DAY;
    assert_eq!(scene.node.clear_expired(later).unwrap(), cleared(0, 0, 0));
    assert_eq!(scene.node.get_records(&scene.key_id, later).unwrap(), [record]);
    assert_eq!(elsewhere.clear_expired(later).unwrap(), cleared(1, 1, 0));
}

/// R6: 0.9.4 never clears a tombstone.
#[test]
fn a_tombstone_lives_twice_as_long_as_a_record() {
    let mut scene = scene();
    let provider = Peer::named("provider");
    let tombstone = provider.tombstone(&scene.key_id, &provider, NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    let end = NOW + 2 * DAY;
    assert_eq!(scene.node.clear_expired(end - 1).unwrap(), cleared(0, 0, 0));
    assert_eq!(
        scene.node.get_tombstones(&scene.key_id, end - 1).unwrap(),
        [tombstone.clone()]
    );
    assert_refused(&mut scene.node, &["expired", "172800 s allowed"], |node| {
        node.add_tombstone(&tombstone, end)
    });
    assert_eq!(scene.node.clear_expired(end).unwrap(), cleared(1, 0, 1));
}

#[test]
fn an_expired_tombstone_stands_for_nothing_though_it_was_not_cleared() {
    let mut scene = scene();
    let provider = Peer::named("provider");
    let end = NOW + 2 * DAY;
    scene
        .node
        .add_tombstone(&provider.tombstone(&scene.key_id, &provider, NOW), NOW)
        .unwrap();
    scene.node.get_records(&scene.key_id, end - 1).unwrap();
    let metadata = provider.metadata(&scene.key_id, &provider, "value", NOW);
    let record = provider.record(metadata, end);
    scene.node.put_record(&record, end - 1).unwrap_err();
    assert_eq!(scene.node.get_tombstones(&scene.key_id, end).unwrap(), []);
    scene.node.put_record(&record, end).unwrap();
}

#[test]
fn what_was_deleted_stays_deleted_after_everything_expired_was_cleared() {
    let mut scene = scene();
    let provider = Peer::named("provider");
    let record = scene.record("provider", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    scene
        .node
        .add_tombstone(&provider.tombstone(&scene.key_id, &provider, NOW), NOW)
        .unwrap();
    // As long as a copy of the record can be anywhere, and the provider may sign it anew.
    for hours in 1..48 {
        let now = NOW + hours * HOUR;
        scene.node.clear_expired(now).unwrap();
        scene.node.republish_records(&[record.clone()], now).unwrap();
        let signed_anew = provider.record(record.metadata.clone(), now);
        assert_refused(&mut scene.node, &["a tombstone"], |node| {
            node.put_record(&signed_anew, now)
        });
        assert_eq!(scene.providers(now), [""; 0], "after {hours} hours");
    }
}

#[test]
fn clear_expired_counts_what_it_removes_and_leaves_the_rest() {
    let mut scene = scene();
    for number in 0..5 {
        let old = scene.record(&format!("old {number}"), NOW - HOUR);
        scene.node.put_record(&old, NOW).unwrap();
        scene
            .node
            .put_record(&scene.record(&format!("young {number}"), NOW), NOW)
            .unwrap();
        let issuer = Peer::named(&format!("issuer {number}"));
        let tombstone = issuer.tombstone(&scene.key_id, &issuer, NOW - DAY - HOUR);
        scene.node.add_tombstone(&tombstone, NOW).unwrap();
    }
    assert_eq!(scene.node.clear_expired(NOW + DAY - HOUR).unwrap(), cleared(0, 5, 5));
    assert_eq!(scene.providers(NOW + DAY - HOUR).len(), 5);
}

#[test]
fn one_clear_expired_removes_a_bounded_batch() {
    let mut scene = scene();
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
         INSERT INTO keys (id, life_at, due_at, body) SELECT randomblob(32), 0, 0, x'' FROM n",
        CLEAR_BATCH_MAX + 7
    );
    scene.node.run_raw(&sql).unwrap();
    let batch = CLEAR_BATCH_MAX as u64;
    assert_eq!(scene.node.clear_expired(NOW).unwrap(), cleared(batch, 0, 0));
    assert_eq!(scene.node.clear_expired(NOW).unwrap(), cleared(7, 0, 0));
    assert!(alive(&mut scene.node, &scene.key_id, NOW));
}

/// Whoever dates records or tombstones so that they end at once must not fill a key with what has ended.
#[test]
fn what_has_ended_goes_with_the_next_change_of_its_key() {
    let mut scene = scene();
    for second in 0..120 {
        let now = NOW + second;
        let name = |number| format!("{second} {number}");
        let records: Vec<Record> = (0..RECORDS_PER_KEY_MAX)
            .map(|number| scene.record(&name(number), now - DAY + 1))
            .collect();
        assert_eq!(scene.node.republish_records(&records, now).unwrap().updated, 32);
        let tombstones: Vec<Tombstone> = (0..10)
            .map(|number| {
                let peer = Peer::named(&name(number + 100));
                peer.tombstone(&scene.key_id, &peer, now - 2 * DAY + 1)
            })
            .collect();
        assert_eq!(scene.node.republish_tombstones(&tombstones, now).unwrap().updated, 10);
        let [_, records, tombstones] = scene.node.registry().store().row_counts();
        assert!(
            records <= 32 && tombstones <= 10,
            "{records} records, {tombstones} tombstones"
        );
        check_promises(scene.node.registry().store());
    }
}

/// That many keys that have ended, with two records and a tombstone each, in rows as they might be.
fn with_ended_keys(count: usize) -> NativeNode {
    let mut scene = scene();
    let keys = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO keys (id, life_at, due_at, body, owner) SELECT randomblob(32), 0, 0, x'00', 1 + i % 7 FROM n;
         INSERT INTO entries (key_id, identity, kind, dated, body, issuer)
         SELECT id, randomblob(20), kind, 0, x'00', 1 + dated FROM keys,
            (SELECT 0 AS kind, 1 AS dated UNION ALL SELECT 0, 2 UNION ALL SELECT 2, 3) WHERE life_at = 0"
    );
    scene.node.run_raw(&keys).unwrap();
    scene.node
}

#[test]
fn clearing_in_batches_leaves_no_entry_without_its_key() {
    let mut node = with_ended_keys(12_000);
    let mut total = cleared(0, 0, 0);
    loop {
        let batch = node.clear_expired(NOW).unwrap();
        check_promises(node.registry().store());
        if batch == cleared(0, 0, 0) {
            break;
        }
        total.keys += batch.keys;
        total.records += batch.records;
        total.tombstones += batch.tombstones;
    }
    assert_eq!(total, cleared(12_000, 24_000, 12_000));
}

#[test]
fn clearing_counts_as_done_when_nothing_is_left_to_go() {
    let mut node = with_ended_keys(12_000);
    let mut now = NOW;
    let mut runs = 0;
    // Every minute, though the interval is a day.
    while node.registry().store().row_counts() != [1, 0, 0] {
        let origins = Origins::new(&node.host, &node.host, 2).time(1);
        let batch = node.call(origins, |call| call.clear_expired_every(DAY, now)).unwrap();
        assert_ne!(batch, cleared(0, 0, 0), "after {runs} runs");
        now += 60;
        runs += 1;
    }
    assert!((3..6).contains(&runs), "{runs}");
}

/// Dead keys are the longest due of all. Each is met once, so they do not hold up the others, run after run.
#[test]
fn dead_keys_do_not_keep_others_from_being_replicated() {
    let mut node = with_ended_keys(5_000);
    let mut due = Vec::new();
    // 20,000 rows, in batches of 10,000.
    for _ in 0..3 {
        due.extend(node.evict_stale(NOW + 2 * HOUR).unwrap());
        check_promises(node.registry().store());
    }
    assert_eq!((due.len(), due[0].key.label.as_str()), (1, "resource"));
    assert_eq!(node.registry().store().row_counts(), [1, 0, 0]);
}

/// What a call has SQLite look at.
fn steps<T>(node: &mut NativeNode, call: impl FnOnce(&mut NativeNode) -> Result<T, CallError>) -> u64 {
    let before = node.registry().store().steps();
    call(node).unwrap();
    node.registry().store().steps() - before
}

/// Counters say how many rows there are, and an index how many keys are due, as far as they are counted.
#[test]
fn statistics_look_at_no_row_and_of_keys_that_are_due_at_10000_of_an_index_however_many_have_ended() {
    let steps_with = |ended| steps(&mut with_ended_keys(ended), |node| node.get_stats(NOW));
    let some = steps_with(100);
    assert!(some < 3_000, "{some} steps, with 300 entries");
    let full = steps_with(BEHIND_COUNTED_MAX as usize);
    assert_eq!(steps_with(3 * BEHIND_COUNTED_MAX as usize), full);
    // Those that are due, and those that are partial: each a step of an index.
    assert!(full < 20 * BEHIND_COUNTED_MAX, "{full} steps");
}

#[test]
fn a_key_that_has_ended_is_looked_at_once_when_due_keys_are_looked_for() {
    let due = |node: &mut NativeNode| steps(node, |node| node.peek_stale(NOW + 2 * HOUR));
    let living = due(&mut scene().node);
    let first = |ended| {
        let mut node = with_ended_keys(ended);
        let first = due(&mut node);
        node.peek_stale(NOW + 2 * HOUR).unwrap();
        (first, due(&mut node))
    };
    let ((some, after_some), (twice, after_twice)) = (first(1_000), first(2_000));
    assert!(twice < 2 * some + some / 4, "{some} steps for 1,000, {twice} for 2,000");
    assert_eq!([after_some, after_twice], [living; 2], "they are gone");
}

/// The life of a key, and how long a tombstone has something to say, are of different timeouts then.
#[test]
fn a_longer_timeout_takes_no_tombstone_from_a_key_that_has_ended() {
    let mut scene = scene();
    scene.node.set_expired_timeout(HOUR).unwrap();
    let provider = Peer::named("provider");
    let tombstone = provider.tombstone(&scene.key_id, &provider, NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    scene.node.set_expired_timeout(DAY).unwrap();
    let end = NOW + HOUR + DAY;
    assert_eq!(scene.node.clear_expired(end).unwrap(), cleared(0, 0, 0));
    check_promises(scene.node.registry().store());
    assert_eq!(scene.node.clear_expired(NOW + 2 * DAY).unwrap(), cleared(1, 0, 1));
}

#[test]
fn a_shorter_timeout_applies_at_once_and_everywhere() {
    let mut scene = scene();
    let record = scene.record("provider", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    scene.node.set_expired_timeout(HOUR).unwrap();
    let end = NOW + HOUR;
    assert_eq!(scene.providers(end - 1).len(), 1);
    assert_eq!(scene.providers(end).len(), 0);
    assert_eq!(scene.node.republish_records(&[record], end).unwrap().refused.len(), 1);
    assert_eq!(scene.node.clear_expired(end).unwrap(), cleared(0, 1, 0));
}

#[test]
fn timeouts_are_kept_over_a_restart() {
    let mut scene = scene();
    scene.node.set_expired_timeout(7 * DAY).unwrap();
    scene.node.set_stale_timeout(2 * HOUR).unwrap();
    let node = scene.node.restart(|_| ()).unwrap();
    let timeouts = node.registry().store().timeouts();
    assert_eq!((timeouts.expired_sec, timeouts.stale_sec), (7 * DAY, 2 * HOUR));
}
