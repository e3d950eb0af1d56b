//! Which records and tombstones a key holds when there are more than it has room for.

use registry_service::domain::data::Record;
use registry_service::domain::limits::{HOST_RECORDS_PER_KEY_MAX, RECORDS_PER_KEY_MAX, TOMBSTONES_PER_KEY_MAX};
use registry_testkit::{weight_of, NativeNode, Peer};

use crate::support::{assert_refused, assert_text, scene, sorted, Scene, DAY, HOUR, NOW};

fn name(number: usize) -> String {
    format!("provider {number}")
}

fn id(number: usize) -> String {
    Peer::named(&name(number)).id().to_owned()
}

fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    sorted(numbers.into_iter().map(id).collect())
}

/// Puts `count` records, each a second younger than the one before, the last at `NOW - 100`.
fn fill(scene: &mut Scene, count: usize) -> Vec<Record> {
    let records: Vec<Record> = (0..count)
        .map(|number| scene.record(&name(number), NOW - 100 - (count - 1 - number) as u64))
        .collect();
    for record in &records {
        scene.node.put_record(record, NOW).unwrap();
    }
    records
}

/// R4: 0.9.4 refuses every put to a key that holds 32 records.
#[test]
fn the_33rd_record_replaces_the_oldest() {
    let mut scene = scene();
    fill(&mut scene, RECORDS_PER_KEY_MAX);
    assert_eq!(sorted(scene.providers(NOW)), ids(0..32));
    scene.node.put_record(&scene.record(&name(32), NOW), NOW).unwrap();
    assert_eq!(sorted(scene.providers(NOW)), ids(1..33));
    scene.node.put_record(&scene.record(&name(33), NOW), NOW).unwrap();
    assert_eq!(sorted(scene.providers(NOW)), ids(2..34));
}

#[test]
fn a_record_older_than_all_is_refused_by_a_full_key() {
    let mut scene = scene();
    fill(&mut scene, RECORDS_PER_KEY_MAX);
    let old = scene.record("old", NOW - 1_000);
    let words = [
        scene.key_id.clone(),
        "already holds 32 records".into(),
        "try again later".into(),
    ];
    assert_refused(&mut scene.node, &words.each_ref().map(String::as_str), |node| {
        node.put_record(&old, NOW)
    });
}

#[test]
fn of_records_of_one_second_the_one_put_last_is_in() {
    let mut scene = scene();
    for number in 0..40 {
        scene.node.put_record(&scene.record(&name(number), NOW), NOW).unwrap();
        assert!(scene.providers(NOW).contains(&id(number)));
    }
    assert_eq!(scene.providers(NOW).len(), RECORDS_PER_KEY_MAX);
}

#[test]
fn replicas_that_see_records_of_one_second_in_any_order_converge() {
    let forward = &mut scene();
    let backward = &mut scene();
    let records = (0..40).map(|number| forward.record(&name(number), NOW)).collect();
    // Ascending, then descending: the bytes decide among them, not who came last.
    let mut records = sorted(records);
    forward.node.republish_records(&records, NOW).unwrap();
    records.reverse();
    for record in records {
        backward.node.republish_records(&[record], NOW).unwrap();
    }
    assert_eq!(forward.providers(NOW).len(), RECORDS_PER_KEY_MAX);
    assert_eq!(forward.providers(NOW), backward.providers(NOW));
}

#[test]
fn weight_ranks_before_age() {
    let mut scene = scene();
    fill(&mut scene, 31);
    let heavy_and_old = scene.record(&name(31), NOW - DAY + 1);
    scene
        .node
        .put_weighed(&heavy_and_old, &weight_of(&id(31), 1), NOW)
        .unwrap();
    for number in 32..63 {
        scene.node.put_record(&scene.record(&name(number), NOW), NOW).unwrap();
    }
    // All weightless ones have been replaced, the heavy one is still there though it is the oldest by far.
    assert_eq!(sorted(scene.providers(NOW)), ids(31..63));
    for number in 63..94 {
        let weight = weight_of(&id(number), 2);
        scene
            .node
            .put_weighed(&scene.record(&name(number), NOW - 5), &weight, NOW)
            .unwrap();
    }
    assert_eq!(sorted(scene.providers(NOW)), ids([31].into_iter().chain(63..94)));
    let weightless = scene.record("weightless", NOW);
    assert_refused(&mut scene.node, &["lowest weight 1"], |node| {
        node.put_record(&weightless, NOW)
    });
    scene
        .node
        .put_weighed(&scene.record(&name(94), NOW), &weight_of(&id(94), 1), NOW)
        .unwrap();
    assert_eq!(sorted(scene.providers(NOW)), ids(63..95));
}

#[test]
fn a_known_records_weight_is_refreshed_by_proof_alone() {
    let mut scene = scene();
    let records = fill(&mut scene, RECORDS_PER_KEY_MAX);
    let oldest = &records[0];
    scene.node.put_weighed(oldest, &weight_of(&id(0), 1), NOW).unwrap();
    // Republished without a weight, as by a node without trust-graph: it keeps what was proved.
    scene.node.republish_records(&records, NOW).unwrap();
    scene.node.put_record(&scene.record(&name(32), NOW), NOW).unwrap();
    assert_eq!(sorted(scene.providers(NOW)), ids([0].into_iter().chain(2..33)));
    scene.node.put_weighed(oldest, &weight_of(&id(0), 0), NOW).unwrap();
    scene.node.put_record(&scene.record(&name(33), NOW), NOW).unwrap();
    assert_eq!(sorted(scene.providers(NOW)), ids(2..34));
}

#[test]
fn replacing_ones_own_record_removes_nobody() {
    let mut scene = scene();
    fill(&mut scene, RECORDS_PER_KEY_MAX);
    for number in 0..RECORDS_PER_KEY_MAX {
        scene.node.put_record(&scene.record(&name(number), NOW), NOW).unwrap();
        assert_eq!(sorted(scene.providers(NOW)), ids(0..32));
    }
}

#[test]
fn host_records_neither_count_nor_make_room() {
    let mut scene = scene();
    let host = scene.host();
    for number in 0..40 {
        let metadata = Peer::named(&name(number)).metadata(&scene.key_id, &host, "hosted", NOW - 200);
        scene.node.put_record(&host.record(metadata, NOW - 200), NOW).unwrap();
    }
    fill(&mut scene, RECORDS_PER_KEY_MAX);
    assert_eq!(scene.providers(NOW).len(), 40 + RECORDS_PER_KEY_MAX);
    scene.node.put_record(&scene.record(&name(32), NOW), NOW).unwrap();
    scene
        .node
        .put_host_record(&scene.host_metadata("one more", NOW), NOW)
        .unwrap();
    let providers = scene.providers(NOW);
    assert_eq!(providers.iter().filter(|id| *id == host.id()).count(), 41);
    let others = providers.into_iter().filter(|id| id != host.id()).collect();
    assert_eq!(sorted(others), ids(1..33));
}

#[test]
fn expired_records_take_no_place() {
    let mut scene = scene();
    let records = fill(&mut scene, RECORDS_PER_KEY_MAX);
    // The older half expires; nothing is cleared.
    let now = records[15].timestamp_created + DAY;
    for number in 32..48 {
        scene.node.put_record(&scene.record(&name(number), now), now).unwrap();
        assert_eq!(sorted(scene.providers(now)), ids(16..=number));
    }
    scene.node.put_record(&scene.record(&name(48), now), now).unwrap();
    assert_eq!(sorted(scene.providers(now)), ids(17..49));
}

/// R5: 0.9.4's republish_records bypasses the limit.
#[test]
fn republishing_obeys_the_same_limit() {
    let mut scene = scene();
    let records: Vec<Record> = (0..50)
        .map(|number| scene.record(&name(number), NOW - 50 + number as u64))
        .collect();
    let republished = scene.node.republish_records(&records, NOW).unwrap();
    assert_eq!(republished.refused, []);
    assert_eq!(sorted(scene.providers(NOW)), ids(18..50));
    // What ranks lower than all is passed over: that is how replicas settle.
    let again = scene.node.republish_records(&records, NOW).unwrap();
    assert_eq!((again.updated, again.refused), (0, vec![]));
    assert_eq!(sorted(scene.providers(NOW)), ids(18..50));
}

/// R5: one conflict aborts 0.9.4's batch half-written in random order.
#[test]
fn each_item_of_a_batch_is_judged_by_itself() {
    let mut scene = scene();
    let later = scene.record("superseded", NOW);
    scene.node.put_record(&later, NOW).unwrap();
    let mut forged = scene.record("forged", NOW);
    forged.metadata.value = "another".into();
    let batch = [
        scene.record("first", NOW),
        forged,
        scene.record("superseded", NOW - 10),
        scene.record("expired", NOW - DAY),
        scene.record("second", NOW),
        scene.record("from the future", NOW + 31),
        later,
    ];
    let republished = scene.node.republish_records(&batch, NOW).unwrap();
    assert_eq!(republished.updated, 2);
    let refused: Vec<usize> = republished.refused.iter().map(|(position, _)| *position).collect();
    assert_eq!(refused, [1, 3, 5]);
    assert_text(
        &republished.error(),
        &["3 refused", "item 1: ", "item 3: ", "expired", "item 5: ", "31 s ahead"],
    );
    let expected = ["first", "second", "superseded"].map(|name| Peer::named(name).id().to_owned());
    assert_eq!(sorted(scene.providers(NOW)), sorted(expected.to_vec()));
}

#[test]
fn beyond_their_limit_the_tombstone_that_would_end_first_makes_room() {
    let mut scene = scene();
    let peer = Peer::named("provider");
    let tombstone =
        |number: usize| Peer::named(&name(number)).tombstone(&scene.key_id, &peer, NOW - HOUR + number as u64);
    let all: Vec<_> = (0..=TOMBSTONES_PER_KEY_MAX).map(tombstone).collect();
    let late = Peer::named("late").tombstone(&scene.key_id, &peer, NOW - HOUR);
    scene.node.republish_tombstones(&all, NOW).unwrap();
    let held = scene.node.get_tombstones(&scene.key_id, NOW).unwrap();
    assert_eq!(sorted(held), sorted(all[1..].to_vec()));
    assert_refused(&mut scene.node, &["256 tombstones"], |node| {
        node.add_tombstone(&late, NOW)
    });
}

/// R11: 0.9.4 subtracts without a sign and wraps.
#[test]
fn small_timestamps_do_not_wrap() {
    let peer = Peer::named("provider");
    let mut node = NativeNode::new(Peer::named("host"));
    let key = peer.key("label", 0);
    node.register_key(&key, 0).unwrap();
    node.put_record(&peer.own_record(&key.id, "value", 20), 5).unwrap();
    assert_eq!(node.get_records(&key.id, 5).unwrap().len(), 1);
    assert_eq!(node.evict_stale(5).unwrap(), []);
    assert_eq!(node.get_stale_local_records(5).unwrap(), []);
    let cleared = node.clear_expired(5).unwrap();
    assert_eq!((cleared.keys, cleared.records, cleared.tombstones), (0, 0, 0));
    assert_eq!(node.get_records(&key.id, 5).unwrap().len(), 1);
}

#[test]
fn a_key_has_a_bounded_number_of_host_records() {
    let mut scene = scene();
    let host = scene.host();
    let of = |issuer: usize| {
        let metadata = Peer::named(&name(issuer)).metadata(&scene.key_id, &host, "hosted", NOW);
        host.record(metadata, NOW)
    };
    let records: Vec<Record> = (0..=HOST_RECORDS_PER_KEY_MAX).map(of).collect();
    for record in &records[..HOST_RECORDS_PER_KEY_MAX] {
        scene.node.put_record(record, NOW).unwrap();
    }
    let one_more = &records[HOST_RECORDS_PER_KEY_MAX];
    assert_refused(&mut scene.node, &["512 records of this host", "void one"], |node| {
        node.put_record(one_more, NOW)
    });
    scene.node.put_record(&records[0], NOW).unwrap();
}
