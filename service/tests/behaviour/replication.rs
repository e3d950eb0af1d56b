//! What is handed over to other nodes, when, and how long until again.

use std::collections::BTreeSet;

use registry_service::domain::limits::{
    EVICT_STALE_ENTRIES_MAX, EVICT_STALE_KEYS_MAX, LEASE_SEC, TOMBSTONES_PER_KEY_MAX,
};
use registry_service::domain::KeyId;
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{dump, everybody, nodes, scene, with_providers, DAY, HOUR, NOW};

/// The labels of the keys that the host's evict_stale returns.
fn evicted(node: &mut NativeNode, now: u64) -> Vec<String> {
    let stale = node.evict_stale(now).unwrap();
    stale.into_iter().map(|stale| stale.key.label).collect()
}

const NONE: [&str; 0] = [];

/// When the node says that the key is due.
fn due_at(node: &NativeNode, key_id: &str) -> u64 {
    let key_id = KeyId::parse(key_id).unwrap();
    node.registry().store().stored(&key_id).unwrap().unwrap().due_at()
}

#[test]
fn a_new_key_is_due_an_interval_later_by_a_tenth_more_or_less() {
    let mut spread = BTreeSet::new();
    for host in 0..50 {
        let mut node = NativeNode::new(Peer::named(&format!("host {host}")));
        let key = Peer::named("owner").key("resource", NOW);
        node.register_key(&key, NOW).unwrap();
        let due_at = due_at(&node, &key.id);
        assert!((NOW + HOUR - HOUR / 10..=NOW + HOUR + HOUR / 10).contains(&due_at));
        assert_eq!(evicted(&mut node, due_at - 1), NONE);
        assert_eq!(evicted(&mut node, due_at), ["resource"]);
        spread.insert(due_at);
    }
    assert!(spread.len() > 10, "{spread:?}");
}

#[test]
fn a_key_that_is_due_later_than_an_interval_from_now_is_due() {
    let mut scene = scene();
    assert_eq!(
        evicted(&mut scene.node, NOW - DAY),
        ["resource"],
        "the clock was set back"
    );
    let mut node = NativeNode::new(Peer::named("host"));
    node.register_key(&Peer::named("owner").key("resource", NOW), NOW)
        .unwrap();
    node.set_stale_timeout(60).unwrap();
    assert_eq!(evicted(&mut node, NOW + 10), ["resource"], "the interval was longer");
    assert_eq!(evicted(&mut node, NOW + 20), NONE, "it is leased");
}

/// Not by its clients, and not by somebody who wants that.
#[test]
fn registering_putting_republishing_or_reading_does_not_put_off_when_a_key_is_due() {
    let mut scene = scene();
    let due_at = due_at(&scene.node, &scene.key_id);
    for minute in (5..50).step_by(5) {
        let now = NOW + minute * 60;
        scene.key = Peer::named("owner").key("resource", now);
        scene.node.register_key(&scene.key, now).unwrap();
        scene.node.republish_key(&scene.key, now).unwrap();
        scene.node.put_record(&scene.record("provider", now), now).unwrap();
        scene.node.get_records(&scene.key_id, now).unwrap();
    }
    assert_eq!(evicted(&mut scene.node, due_at - 1), NONE);
    assert_eq!(evicted(&mut scene.node, due_at), ["resource"]);
}

#[test]
fn a_key_that_is_republished_every_55_minutes_for_a_day_is_exchanged_in_every_interval() {
    let mut scene = scene();
    let mut others = nodes(3);
    let mut exchanged = Vec::new();
    for minute in 1..23 * 60 {
        let now = NOW + minute * 60;
        if minute % 55 == 0 {
            for node in others.iter_mut().chain([&mut scene.node]) {
                node.republish_key(&scene.key, now).unwrap();
            }
        }
        if scene.node.replicate(&mut others, everybody, HOUR, now).end.exchanged == 1 {
            exchanged.push(now);
        }
    }
    assert!((20..26).contains(&exchanged.len()), "{exchanged:?}");
    let longest = exchanged.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest <= Some(HOUR + HOUR / 10 + 60), "{exchanged:?}");
}

#[test]
fn the_hosts_evict_stale_leases_what_it_returns() {
    let mut scene = scene();
    let now = NOW + 2 * HOUR;
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
    assert_eq!(evicted(&mut scene.node, now), NONE);
    assert_eq!(evicted(&mut scene.node, now + LEASE_SEC - 1), NONE);
    assert_eq!(evicted(&mut scene.node, now + LEASE_SEC), ["resource"]);
}

#[test]
fn a_lease_lasts_as_long_where_the_interval_is_shorter() {
    let mut scene = scene();
    scene.node.set_stale_timeout(60).unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + 60), ["resource"]);
    assert_eq!(evicted(&mut scene.node, NOW + 60 + LEASE_SEC - 1), NONE);
    assert_eq!(evicted(&mut scene.node, NOW + 60 + LEASE_SEC), ["resource"]);
}

#[test]
fn anybody_elses_evict_stale_only_reads() {
    let mut scene = scene();
    let now = NOW + 2 * HOUR;
    let before = dump(&scene.node);
    assert_eq!(scene.node.peek_stale(now).unwrap().len(), 1);
    assert_eq!(scene.node.peek_stale(now).unwrap().len(), 1);
    let (host, creator) = (scene.host(), Peer::named("creator"));
    let as_creator = Origins::new(&host, &creator, 1).creator(&creator).time(0);
    assert_eq!(
        scene.node.call(as_creator, |call| call.evict_stale(now)).unwrap().len(),
        1
    );
    assert_eq!(before, dump(&scene.node));
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
}

#[test]
fn the_longest_due_come_first_and_no_more_than_a_batch() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    let count = EVICT_STALE_KEYS_MAX + 20;
    // Registered in an order that is neither that of time nor of ids.
    for number in (0..count).map(|number| number * 77 % count) {
        let at = NOW + number as u64;
        node.register_key(&owner.key(&format!("key {number}"), at), at).unwrap();
    }
    let mut expected: Vec<(u64, KeyId, String)> = (0..count)
        .map(|number| {
            let label = format!("key {number}");
            let key_id = KeyId::of(&label, owner.id());
            (due_at(&node, &key_id.to_string()), key_id, label)
        })
        .collect();
    expected.sort();
    let labels: Vec<String> = expected.into_iter().map(|(_, _, label)| label).collect();
    let now = NOW + DAY / 2;
    assert_eq!(evicted(&mut node, now), labels[..EVICT_STALE_KEYS_MAX]);
    assert_eq!(evicted(&mut node, now), labels[EVICT_STALE_KEYS_MAX..]);
    assert_eq!(evicted(&mut node, now), NONE);
}

#[test]
fn a_batch_has_a_bounded_number_of_entries() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    let provider = Peer::named("provider");
    for number in 0..10 {
        let key = owner.key(&format!("key {number}"), NOW + number);
        node.register_key(&key, NOW + number).unwrap();
        let tombstones: Vec<_> = (0..TOMBSTONES_PER_KEY_MAX)
            .map(|issuer| Peer::named(&format!("issuer {issuer}")).tombstone(&key.id, &provider, NOW))
            .collect();
        assert_eq!(node.republish_tombstones(&tombstones, NOW).unwrap().updated, 256);
    }
    let fitting = EVICT_STALE_ENTRIES_MAX / TOMBSTONES_PER_KEY_MAX;
    let stale = node.evict_stale(NOW + DAY).unwrap();
    assert_eq!(stale.len(), fitting);
    assert!(stale
        .iter()
        .all(|stale| stale.tombstones.len() == TOMBSTONES_PER_KEY_MAX));
    assert_eq!(node.evict_stale(NOW + DAY).unwrap().len(), 10 - fitting);
}

/// R6: 0.9.4 never replicates a tombstone.
#[test]
fn a_due_key_comes_with_its_live_records_and_tombstones() {
    let mut scene = scene();
    let now = NOW + DAY;
    let issuer = Peer::named("issuer");
    let old = scene.record("old", NOW);
    let young = scene.record("young", now - 10);
    let tombstone = issuer.tombstone(&scene.key_id, &issuer, NOW);
    scene.node.put_record(&old, NOW).unwrap();
    scene.node.put_record(&young, now - 10).unwrap();
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    let stale = scene.node.evict_stale(now).unwrap();
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0].key, scene.key);
    assert_eq!(stale[0].records, [young.clone()]);
    assert_eq!(stale[0].tombstones, [tombstone.clone()]);

    let mut neighbour = NativeNode::new(Peer::named("neighbour"));
    neighbour.republish_key(&stale[0].key, now).unwrap();
    assert_eq!(neighbour.republish_records(&stale[0].records, now).unwrap().updated, 1);
    assert_eq!(
        neighbour
            .republish_tombstones(&stale[0].tombstones, now)
            .unwrap()
            .updated,
        1
    );
    assert_eq!(neighbour.get_records(&scene.key_id, now).unwrap(), [young]);
    assert_eq!(neighbour.get_tombstones(&scene.key_id, now).unwrap(), [tombstone]);
}

#[test]
fn a_dead_key_is_dropped_in_place_of_being_replicated_but_none_with_a_host_record() {
    let much_later = NOW + 5 * DAY;
    let mut dead = with_providers(&["provider"]);
    assert_eq!(evicted(&mut dead.node, much_later), NONE);
    assert_eq!(dead.node.registry().store().row_counts(), [0; 3]);
    let mut scene = scene();
    let record = scene.host().record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.put_record(&record, NOW).unwrap();
    assert_eq!(evicted(&mut scene.node, much_later), ["resource"]);
}

#[test]
fn a_key_with_an_unreadable_row_does_not_hold_up_the_others() {
    let mut scene = scene();
    let owner = Peer::named("the owner of the other key");
    scene.node.register_key(&owner.key("other", NOW), NOW).unwrap();
    scene.node.put_record(&scene.record("provider", NOW), NOW).unwrap();
    // What is in memory is written and forgotten at a restart.
    let mut node = scene.node.restart(|_| {}).unwrap();
    node.run_raw("UPDATE entries SET body = x'01FF'").unwrap();
    assert_eq!(evicted(&mut node, NOW + 2 * HOUR), ["other"]);
    assert!(node.get_records(&scene.key_id, NOW + 2 * HOUR).is_err());
}
