//! What is handed over to other nodes, when, and how long until again.

use std::collections::BTreeSet;

use registry_service::domain::data::Key;
use registry_service::domain::limits::{
    CACHED_ENTRIES_MAX, EVICT_STALE_ENTRIES_MAX, EVICT_STALE_KEYS_MAX, LEASE_SEC, TOMBSTONES_PER_KEY_MAX,
};
use registry_service::domain::{own_turn, KeyId};
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{dump, scene, with_providers, DAY, HOUR, NOW};

/// The labels of the keys that the host's evict_stale returns.
fn evicted(node: &mut NativeNode, now: u64) -> Vec<String> {
    let stale = node.evict_stale(now).unwrap();
    stale.into_iter().map(|stale| stale.key.label).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_key_is_due_when_it_is_stale_to_the_second() {
    let mut scene = scene();
    assert_eq!(evicted(&mut scene.node, NOW), NONE);
    assert_eq!(evicted(&mut scene.node, NOW + HOUR - 1), NONE);
    assert_eq!(evicted(&mut scene.node, NOW + HOUR), ["resource"]);
}

#[test]
fn registering_or_republishing_puts_off_when_a_key_is_due() {
    let mut scene = scene();
    scene.node.republish_key(&scene.key, NOW + 100).unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + HOUR + 99), NONE);
    scene.node.register_key(&scene.key, NOW + 200).unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + HOUR + 199), NONE);
    // Reading and putting do not.
    let now = NOW + HOUR + 200;
    scene.node.get_records(&scene.key_id, now).unwrap();
    scene.node.put_record(&scene.record("provider", now), now).unwrap();
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
}

#[test]
fn the_hosts_evict_stale_leases_what_it_returns() {
    let mut scene = scene();
    let now = NOW + HOUR;
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
    assert_eq!(evicted(&mut scene.node, now), NONE);
    assert_eq!(evicted(&mut scene.node, now + LEASE_SEC - 1), NONE);
    assert_eq!(evicted(&mut scene.node, now + LEASE_SEC), ["resource"]);
}

#[test]
fn a_lease_lasts_as_long_where_keys_are_stale_sooner() {
    let mut scene = scene();
    scene.node.set_stale_timeout(60).unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + 60), ["resource"]);
    assert_eq!(evicted(&mut scene.node, NOW + 60 + LEASE_SEC - 1), NONE);
    assert_eq!(evicted(&mut scene.node, NOW + 60 + LEASE_SEC), ["resource"]);
}

#[test]
fn anybody_elses_evict_stale_only_reads() {
    let mut scene = scene();
    let now = NOW + HOUR;
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
fn what_was_confirmed_is_due_after_the_full_time() {
    let mut scene = scene();
    let now = NOW + HOUR;
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
    scene
        .node
        .confirm_replicated(&[scene.key_id.clone()], now + 10)
        .unwrap();
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR - 1), NONE);
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR), ["resource"]);
}

#[test]
fn what_is_remembered_does_not_undo_a_confirmation() {
    let mut scene = scene();
    let now = NOW + HOUR;
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
    // A read brings the key into memory with the time of its lease; a later one writes it.
    scene.node.get_records(&scene.key_id, now).unwrap();
    scene
        .node
        .confirm_replicated(&[scene.key_id.clone()], now + 10)
        .unwrap();
    scene.node.get_records(&scene.key_id, now + 20 * 60).unwrap();
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR - 1), NONE);
    // A republication waits in memory to be written.
    let now = now + 2 * HOUR;
    scene.node.republish_key(&scene.key, now).unwrap();
    scene
        .node
        .confirm_replicated(&[scene.key_id.clone()], now + 10)
        .unwrap();
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR - 1), NONE);
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR), ["resource"]);
}

#[test]
fn a_refused_call_does_not_make_a_key_due_earlier() {
    let mut scene = scene();
    scene.node.republish_key(&scene.key, NOW + 100).unwrap();
    let expired = scene.record("provider", NOW - DAY);
    scene.node.put_record(&expired, NOW + 100).unwrap_err();
    assert_eq!(evicted(&mut scene.node, NOW + HOUR + 99), NONE);
}

#[test]
fn a_put_does_not_make_a_key_due_earlier() {
    let mut scene = scene();
    scene
        .node
        .put_record(&scene.record("first", NOW + 100), NOW + 100)
        .unwrap();
    scene.node.republish_key(&scene.key, NOW + 100).unwrap();
    scene
        .node
        .put_record(&scene.record("second", NOW + 100), NOW + 100)
        .unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + HOUR + 99), NONE);
}

#[test]
fn confirming_an_unknown_key_does_nothing() {
    let mut scene = scene();
    let unknown = Peer::named("nobody").key("unknown", NOW).id;
    let before = dump(&scene.node);
    scene.node.confirm_replicated(&[unknown], NOW + HOUR).unwrap();
    assert_eq!(before, dump(&scene.node));
}

#[test]
fn the_oldest_keys_come_first_and_no_more_than_a_batch() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    let count = EVICT_STALE_KEYS_MAX + 20;
    // Registered in an order that is neither that of time nor of ids.
    for number in (0..count).map(|number| number * 77 % count) {
        let at = NOW + number as u64;
        node.register_key(&owner.key(&format!("key {number}"), at), at).unwrap();
    }
    let now = NOW + DAY / 2;
    let first = evicted(&mut node, now);
    assert_eq!(
        first,
        (0..EVICT_STALE_KEYS_MAX)
            .map(|number| format!("key {number}"))
            .collect::<Vec<_>>()
    );
    let second = evicted(&mut node, now);
    assert_eq!(
        second,
        (EVICT_STALE_KEYS_MAX..count)
            .map(|number| format!("key {number}"))
            .collect::<Vec<_>>()
    );
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
fn republications_beyond_what_memory_holds_are_written() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    let keys: Vec<_> = (0..3 * CACHED_ENTRIES_MAX)
        .map(|number| owner.key(&format!("key {number}"), NOW))
        .collect();
    for now in [NOW, NOW + 100] {
        for key in &keys {
            node.republish_key(key, now).unwrap();
        }
    }
    let own_turn = |key: &&Key| {
        let key_id = KeyId::of(&key.label, &key.owner_peer_id);
        own_turn(&key_id, node.host.id(), NOW + 100, HOUR)
    };
    let own: Vec<String> = keys.iter().filter(own_turn).map(|key| key.id.clone()).collect();
    let mut due = BTreeSet::new();
    while let batch @ [_, ..] = &node.evict_stale(NOW + HOUR + 99).unwrap()[..] {
        due.extend(batch.iter().map(|stale| stale.key.id.clone()));
    }
    assert_eq!(
        due,
        own.into_iter().collect(),
        "the others were taken over by who republished them"
    );
    assert_eq!(evicted(&mut node, NOW + HOUR + 100).len(), EVICT_STALE_KEYS_MAX);
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
    assert_eq!(evicted(&mut node, NOW + HOUR), ["other"]);
    assert!(node.get_records(&scene.key_id, NOW + HOUR).is_err());
}
