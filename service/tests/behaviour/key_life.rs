//! How long a key lives: as long as it is used or has live records, never by being passed around.

use registry_service::domain::data::Key;
use registry_testkit::{NativeNode, Peer};

use crate::support::{alive, assert_refused, cleared, scene, Scene, DAY, HOUR, NOW};

/// Uses of a key are noted no finer than this, rounded up.
const GRANULARITY: u64 = DAY / 96;

#[test]
fn a_key_dies_when_it_was_not_used_for_as_long_as_a_record_lives() {
    let mut scene = scene();
    let end = NOW + DAY;
    assert!(alive(&mut scene.node, &scene.key_id, end - 1));
    assert!(!alive(&mut scene.node, &scene.key_id, end));
    let key_id = scene.key_id.clone();
    assert_refused(&mut scene.node, &["not known here"], |node| {
        node.get_records(&key_id, end)
    });
    assert_eq!(scene.node.clear_expired(end - 1).unwrap(), cleared(0, 0, 0));
    assert_eq!(scene.node.clear_expired(end).unwrap(), cleared(1, 0, 0));
    assert_refused(&mut scene.node, &["not known here"], |node| {
        node.get_key_metadata(&key_id)
    });
}

#[test]
fn a_use_prolongs_the_life_of_a_key_by_no_more_than_its_granularity_too_much() {
    let mut scene = scene();
    let use_at = NOW + HOUR;
    scene.node.get_records(&scene.key_id, use_at).unwrap();
    let end = use_at + GRANULARITY + DAY;
    assert!(alive(&mut scene.node, &scene.key_id, end - 1));
    assert!(!alive(&mut scene.node, &scene.key_id, end));
}

/// Applies one use to a key that is about to die and says whether it lives a day longer.
fn kept_alive_by(work: impl FnOnce(&mut Scene, u64)) -> bool {
    let mut scene = scene();
    let use_at = NOW + DAY - 1;
    work(&mut scene, use_at);
    let key_id = scene.key_id.clone();
    alive(&mut scene.node, &key_id, use_at + DAY - 1)
}

#[test]
fn registering_putting_and_reading_keep_a_key_alive() {
    assert!(kept_alive_by(|scene, now| {
        scene.node.register_key(&scene.key, now).unwrap();
    }));
    assert!(kept_alive_by(|scene, now| scene
        .node
        .put_record(&scene.record("provider", now), now)
        .unwrap()));
    assert!(kept_alive_by(|scene, now| drop(
        scene.node.get_records(&scene.key_id, now).unwrap()
    )));
    assert!(kept_alive_by(|scene, now| {
        scene
            .node
            .put_host_record(&scene.host_metadata("issuer", now), now)
            .unwrap();
    }));
}

#[test]
fn nothing_is_kept_alive_by_being_passed_around() {
    assert!(!kept_alive_by(|_, _| ()));
    assert!(!kept_alive_by(|scene, now| scene
        .node
        .republish_key(&scene.key, now)
        .unwrap()));
    assert!(!kept_alive_by(|scene, now| {
        scene.node.evict_stale(now).unwrap();
    }));
    assert!(!kept_alive_by(|scene, now| {
        let old = scene.record("provider", NOW + HOUR);
        scene.node.republish_records(&[old], now).unwrap();
    }));
}

#[test]
fn a_key_passed_between_nodes_dies_everywhere() {
    let (mut one, mut other) = (
        NativeNode::new(Peer::named("one")),
        NativeNode::new(Peer::named("other")),
    );
    let owner = Peer::named("owner");
    let key = owner.key("resource", NOW);
    let record = owner.own_record(&key.id, "value", NOW);
    one.register_key(&key, NOW).unwrap();
    one.put_record(&record, NOW).unwrap();
    let mut now = NOW;
    while now < NOW + 3 * DAY {
        now += HOUR;
        for turn in 0..2 {
            let (from, to) = if turn == 0 {
                (&mut one, &mut other)
            } else {
                (&mut other, &mut one)
            };
            for stale in from.evict_stale(now).unwrap() {
                to.republish_key(&stale.key, now).unwrap();
                if !stale.records.is_empty() {
                    to.republish_records(&stale.records, now).unwrap();
                }
            }
            from.clear_expired(now).unwrap();
        }
    }
    for node in [one, other] {
        let counts = node.registry().store().counts().unwrap();
        assert_eq!((counts.keys, counts.records), (0, 0));
    }
}

#[test]
fn a_later_registration_extends_the_life_of_a_key_and_stays() {
    let mut scene = scene();
    let owner = Peer::named("owner");
    let later: Key = owner.key("resource", NOW + HOUR);
    let now = NOW + HOUR;
    scene.node.republish_key(&later, now).unwrap();
    assert!(alive(&mut scene.node, &scene.key_id, now + DAY - 1));
    scene.node.republish_key(&scene.key, now).unwrap();
    assert_eq!(scene.node.get_key_metadata(&scene.key_id).unwrap(), later);
}

#[test]
fn a_key_lives_while_it_has_live_records() {
    let mut scene = scene();
    let record = scene.record("provider", NOW + HOUR);
    scene.node.republish_records(&[record], NOW + HOUR).unwrap();
    let end = NOW + HOUR + DAY;
    assert!(alive(&mut scene.node, &scene.key_id, end - 1));
    assert_eq!(scene.node.clear_expired(end).unwrap(), cleared(1, 1, 0));
}
