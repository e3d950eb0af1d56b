use aqua_dht::domain::limits::*;

use super::*;

fn full_of_weight(weight: u32) -> Node {
    let mut node = Node::new();
    node.register(&Peer::named("owner"), "topic", NOW).unwrap();
    for (number, peer) in peers(VALUES_MAX).enumerate() {
        node.put(&peer, "topic", &format!("{number}"), weight, NOW + number as u64)
            .unwrap();
    }
    node
}

#[test]
fn the_21st_value_that_is_no_heavier_is_refused() {
    let mut node = full_of_weight(1);
    let late = Peer::named("late");
    assert_refused(
        node.put(&late, "topic", "late", 1, NOW + 30),
        "values limit is exceeded",
    );
    assert_eq!(node.values("topic", NOW + 30).unwrap().len(), VALUES_MAX);
}

#[test]
fn a_heavier_value_takes_the_place_of_the_lightest_the_oldest_among_equals() {
    let mut node = full_of_weight(1);
    node.put(&Peer::named("heavy"), "topic", "heavy", 2, NOW + 30).unwrap();
    let texts = node.texts("topic", NOW + 30);
    assert_eq!(texts.len(), VALUES_MAX);
    assert_eq!(texts[0], "heavy");
    assert!(!texts.contains(&"0".to_owned()), "{texts:?}");
}

#[test]
fn expired_values_hold_no_place() {
    let mut node = full_of_weight(5);
    let now = NOW + DAY + 100;
    node.register(&Peer::named("owner"), "topic", now).unwrap();
    node.put(&Peer::named("late"), "topic", "late", 0, now).unwrap();
    assert_eq!(node.texts("topic", now), ["late"]);
}

#[test]
fn host_values_stand_beside_the_limit() {
    let mut node = full_of_weight(1);
    node.put_host(&Peer::named("setter"), "topic", "of the node", NOW + 30)
        .unwrap();
    let host = node.host.clone();
    node.put_host(&host, "topic", "of the node, by itself", NOW + 30)
        .unwrap();
    assert_eq!(node.values("topic", NOW + 30).unwrap().len(), VALUES_MAX + 2);
}

#[test]
fn host_values_have_a_limit_of_their_own() {
    let mut node = Node::new();
    node.register(&Peer::named("owner"), "topic", NOW).unwrap();
    for setter in peers(HOST_VALUES_MAX) {
        node.put_host(&setter, "topic", "value", NOW).unwrap();
    }
    assert_refused(
        node.put_host(&Peer::named("late"), "topic", "value", NOW),
        "256 values of nodes",
    );
    node.put(&Peer::named("client"), "topic", "a client's", 0, NOW).unwrap();
}

#[test]
fn a_node_that_is_full_of_keys_takes_no_new_one_until_some_have_expired() {
    let mut node = Node::new();
    let (owner, late) = (Peer::named("owner"), Peer::named("late"));
    node.fill((1..KEYS_MAX).map(|number| format!("topic {number}")), NOW);
    node.register(&late, "the last", NOW + 10).unwrap();
    assert_refused(
        node.register(&late, "one more", NOW + 10),
        "100000 keys are registered here",
    );
    let republished = DhtKey {
        key: "one more".to_owned(),
        peer_id: owner.id().to_owned(),
        timestamp_created: NOW,
        ..DhtKey::default()
    };
    assert_refused(
        node.call(&owner, 1).republish_key(republished, NOW + 10),
        "100000 keys are registered here",
    );
    // Who has a key keeps it, and puts values under it.
    node.register(&owner, "topic 1", NOW + 10).unwrap();
    node.put(&late, "topic 1", "value", 0, NOW + 10).unwrap();
    let mut node = node.restart();
    assert_refused(node.register(&late, "one more", NOW + 10), "100000 keys");
    node.call(&owner, 0).clear_expired(NOW + DAY).unwrap();
    node.register(&late, "one more", NOW + DAY).unwrap();
}

#[test]
fn a_batch_that_does_not_fit_comes_in_as_far_as_it_does() {
    let mut node = full_of_weight(5);
    let light = record(&Peer::named("light"), "light", 1, NOW + 30);
    let heavy = record(&Peer::named("heavy"), "heavy", 9, NOW + 30);
    assert_eq!(node.republish("topic", vec![light, heavy], NOW + 30).unwrap(), 1);
    assert_eq!(node.texts("topic", NOW + 30)[0], "heavy");
}

#[test]
fn whatever_is_too_large_is_refused_with_its_limit() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    let long = |len: usize| "x".repeat(len);
    assert_refused(node.register(&peer, &long(KEY_LEN_MAX + 1), NOW), "at most 64");
    assert_refused(node.register(&peer, "", NOW), "empty");
    node.register(&peer, "topic", NOW).unwrap();
    assert_refused(
        node.put(&peer, "topic", &long(VALUE_LEN_MAX + 1), 0, NOW),
        "at most 4096",
    );
    let said = |relays: usize, services: usize, len: usize| Said {
        relay_id: vec![long(len); relays],
        service_id: vec![long(len); services],
        ..Said::default()
    };
    for (said, part) in [
        (said(2, 0, 1), "2 relay ids"),
        (said(0, 2, 1), "2 service ids"),
        (said(1, 0, PEER_ID_LEN_MAX + 1), "relay id has 129 bytes"),
        (said(0, 1, SERVICE_ID_LEN_MAX + 1), "service id has 129 bytes"),
    ] {
        assert_refused(node.call(&peer, 2).put_value("topic", said, NOW), part);
    }
    let many = vec![record(&peer, "value", 0, NOW); BATCH_MAX + 1];
    assert_refused(node.republish("topic", many, NOW), "277 values given");
    assert_eq!(node.texts("topic", NOW), [""; 0]);
}

#[test]
fn a_key_or_a_value_of_nobody_is_refused() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    let of_nobody = record(&peer, "value", 0, NOW);
    for (peer_id, set_by, part) in [("", "x", "peer_id is empty"), ("x", "", "set_by is empty")] {
        let value = DhtRecord {
            peer_id: peer_id.to_owned(),
            set_by: set_by.to_owned(),
            ..of_nobody.clone()
        };
        assert_refused(node.republish("topic", vec![value], NOW), part);
    }
    let key = DhtKey {
        key: "topic".to_owned(),
        timestamp_created: NOW,
        ..Default::default()
    };
    assert_refused(node.call(&peer, 1).republish_key(key, NOW), "peer_id is empty");
}

#[test]
fn one_oversized_value_of_a_batch_refuses_the_batch() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    let long = record(&Peer::named("other"), &"x".repeat(VALUE_LEN_MAX + 1), 0, NOW);
    assert_refused(
        node.republish("topic", vec![record(&peer, "value", 0, NOW), long], NOW),
        "4097",
    );
    assert_eq!(node.texts("topic", NOW), [""; 0]);
}

#[test]
fn weights_outside_their_range_are_refused() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    for weight in [-1, i64::from(u32::MAX) + 1, i64::MIN, i64::MAX] {
        let part = format!("the weight {weight} is out of range");
        assert_refused(node.call(&peer, 1).register_key("topic".to_owned(), NOW, weight), &part);
    }
    node.call(&peer, 1)
        .register_key("topic".to_owned(), NOW, u32::MAX.into())
        .unwrap();
    let said = Said {
        weight: -1,
        ..Said::default()
    };
    assert_refused(node.call(&peer, 2).put_value("topic", said.clone(), NOW), "weight -1");
    assert_refused(node.call(&peer, 2).put_host_value("topic", said, NOW), "weight -1");
    node.put(&peer, "topic", "value", u32::MAX, NOW).unwrap();
    assert_eq!(node.values("topic", NOW).unwrap()[0].weight, u32::MAX);
}

#[test]
fn timeouts_outside_their_range_are_refused() {
    let mut node = Node::new();
    let host = node.host.clone();
    for timeout_sec in [0, TIMEOUT_MIN_SEC - 1, TIMEOUT_MAX_SEC + 1, u64::MAX] {
        let outcome = node.call(&host, 0).set_stale_timeout(timeout_sec);
        assert_refused(outcome, &timeout_sec.to_string());
    }
    node.call(&host, 0).set_stale_timeout(TIMEOUT_MIN_SEC).unwrap();
}
