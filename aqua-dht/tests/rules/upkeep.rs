use aqua_dht::domain::limits::{CLEAR_KEYS_MAX, EVICT_BYTES_MAX, EVICT_KEYS_MAX, VALUE_LEN_MAX};

use super::*;

fn evict(node: &mut Node, now: u64) -> Vec<(String, Vec<String>)> {
    let host = node.host.clone();
    let evicted = node.call(&host, 0).evict_stale(now).unwrap();
    let texts = |records: Vec<DhtRecord>| records.into_iter().map(|record| record.value).collect();
    evicted
        .into_iter()
        .map(|item| (item.key.key, texts(item.records)))
        .collect()
}

fn clear(node: &mut Node, now: u64) -> (u64, u64) {
    let cleared = node.call(&Peer::named("anybody"), 0).clear_expired(now).unwrap();
    (cleared.keys, cleared.values)
}

#[test]
fn a_key_that_was_not_used_for_an_hour_is_evicted_with_its_values() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    node.put(&peer, "topic", "value", 0, NOW).unwrap();
    assert_eq!(evict(&mut node, NOW + HOUR - 1), []);
    let expected = [("topic".to_owned(), vec!["value".to_owned()])];
    assert_eq!(evict(&mut node, NOW + HOUR), expected);
    assert_refused(node.values("topic", NOW + HOUR), "not found");
}

#[test]
fn reading_a_key_keeps_it_from_being_stale() {
    let mut node = Node::new();
    node.register(&Peer::named("peer"), "topic", NOW).unwrap();
    node.values("topic", NOW + HOUR - 1).unwrap();
    assert_eq!(evict(&mut node, NOW + HOUR), []);
    assert_eq!(evict(&mut node, NOW + 2 * HOUR - 1).len(), 1);
}

#[test]
fn asking_who_owns_a_key_keeps_it_from_being_stale() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    let asked = node.call(&peer, 1).get_key_metadata("topic", NOW + HOUR - 1).unwrap();
    assert_eq!(asked.timestamp_created, NOW, "it is used, not registered again");
    assert_eq!(evict(&mut node, NOW + HOUR), []);
    assert_eq!(evict(&mut node, NOW + 2 * HOUR - 1).len(), 1);
}

#[test]
fn eviction_leaves_host_values_and_pinned_keys() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    for key in ["hosted", "pinned", "plain"] {
        node.register(&peer, key, NOW).unwrap();
        node.put(&peer, key, "a client's", 0, NOW).unwrap();
    }
    node.put_host(&peer, "hosted", "the node's", NOW).unwrap();
    node.call(&peer, 1).pin_key("pinned", NOW, true).unwrap();

    assert_eq!(evict(&mut node, NOW + HOUR).len(), 3);
    assert_eq!(node.texts("hosted", NOW + HOUR), ["the node's"]);
    assert_eq!(node.texts("pinned", NOW + HOUR), [""; 0]);
    assert_refused(node.values("plain", NOW + HOUR), "not found");
}

#[test]
fn one_eviction_is_bounded_and_takes_the_longest_unused_first() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    for number in 0..40 {
        node.register(&peer, &format!("topic {number}"), NOW + 39 - number)
            .unwrap();
    }
    let now = NOW + 2 * HOUR;
    let first = evict(&mut node, now);
    assert_eq!(first.len(), EVICT_KEYS_MAX);
    assert_eq!(first[0].0, "topic 39");
    assert_eq!(evict(&mut node, now).len(), EVICT_KEYS_MAX);
    assert_eq!(evict(&mut node, now).len(), 40 - 2 * EVICT_KEYS_MAX);
}

#[test]
fn one_eviction_returns_bounded_bytes_and_the_next_goes_on() {
    let mut node = Node::new();
    let owner = Peer::named("owner");
    let value = "x".repeat(VALUE_LEN_MAX);
    for number in 0..3 {
        let key = format!("topic {number}");
        node.register(&owner, &key, NOW).unwrap();
        for peer in peers(10) {
            node.put(&peer, &key, &value, 0, NOW + number).unwrap();
        }
    }
    let now = NOW + 2 * HOUR;
    let evicted: Vec<usize> = (0..4).map(|_| evict(&mut node, now).len()).collect();
    assert_eq!(
        evicted,
        [1, 1, 1, 0],
        "ten values of 4,096 bytes are more than half of {EVICT_BYTES_MAX}"
    );
}

#[test]
fn a_day_after_they_were_put_values_and_keys_are_cleared() {
    let mut node = Node::new();
    let (owner, peer) = (Peer::named("owner"), Peer::named("peer"));
    node.register(&owner, "topic", NOW).unwrap();
    node.put(&peer, "topic", "value", 0, NOW).unwrap();
    node.put(&owner, "topic", "later", 0, NOW + 10).unwrap();
    assert_eq!(clear(&mut node, NOW + DAY - 1), (0, 0));
    assert_eq!(clear(&mut node, NOW + DAY), (1, 2));
    assert_eq!(clear(&mut node, NOW + DAY), (0, 0));
}

#[test]
fn a_key_that_was_registered_again_loses_its_expired_values_only() {
    let mut node = Node::new();
    let (owner, peer) = (Peer::named("owner"), Peer::named("peer"));
    node.register(&owner, "topic", NOW).unwrap();
    node.put(&peer, "topic", "value", 0, NOW).unwrap();
    node.register(&owner, "topic", NOW + 10).unwrap();
    assert_eq!(clear(&mut node, NOW + DAY), (0, 1));
    assert_eq!(node.texts("topic", NOW + DAY), [""; 0]);
}

#[test]
fn an_expired_key_with_a_value_of_the_node_stays_for_ten_days() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    node.put_host(&peer, "topic", "the node's", NOW).unwrap();
    assert_eq!(clear(&mut node, NOW + 9 * DAY), (0, 0));
    assert_eq!(node.texts("topic", NOW + 9 * DAY), ["the node's"]);
    assert_eq!(clear(&mut node, NOW + 10 * DAY), (1, 1));
}

#[test]
fn thousands_of_expired_keys_are_cleared_by_one_call() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    for number in 0..1_050 {
        node.register(&peer, &format!("topic {number}"), NOW).unwrap();
    }
    assert_eq!(clear(&mut node, NOW + DAY), (1_050, 0));
}

#[test]
fn one_clearing_is_bounded_and_the_next_call_goes_on() {
    let mut node = Node::new();
    let keys = (0..CLEAR_KEYS_MAX + 50).map(|number| format!("topic {number}"));
    node.fill(keys, NOW);
    assert_eq!(clear(&mut node, NOW + DAY), (CLEAR_KEYS_MAX as u64, 0));
    assert_eq!(clear(&mut node, NOW + DAY), (50, 0));
    assert_eq!(clear(&mut node, NOW + DAY), (0, 0));
}

/// As many keys as one call looks at have expired and stay, because the node is under them.
#[test]
fn what_stays_does_not_keep_a_clearing_from_what_has_expired() {
    let mut node = Node::new();
    let own = record(&node.host.clone(), "the node's", 0, NOW);
    let stays = (0..CLEAR_KEYS_MAX).map(|number| format!("a {number}"));
    node.fill_with(stays, NOW, &[own]);
    node.fill(["b expired".to_owned()], NOW);
    assert_eq!(clear(&mut node, NOW + DAY), (1, 0));
    assert_eq!(node.texts("a 0", NOW + DAY), ["the node's"]);
    assert_eq!(
        clear(&mut node, NOW + 10 * DAY),
        (CLEAR_KEYS_MAX as u64, CLEAR_KEYS_MAX as u64)
    );
}

#[test]
fn a_value_of_the_node_lives_as_long_as_is_set() {
    let mut node = Node::new();
    let (peer, host) = (Peer::named("peer"), node.host.clone());
    node.register(&peer, "topic", NOW).unwrap();
    node.put(&peer, "topic", "a client's", 0, NOW).unwrap();
    node.put_host(&peer, "topic", "the node's", NOW).unwrap();
    for (timeout_sec, later) in [(HOUR, HOUR), (20 * DAY, 20 * DAY)] {
        node.call(&host, 0).set_host_expired_timeout(timeout_sec).unwrap();
        assert!(node.texts("topic", NOW + HOUR - 1).contains(&"the node's".to_owned()));
        if later == HOUR {
            assert_eq!(
                node.texts("topic", NOW + later),
                ["a client's"],
                "and others' live as long as before"
            );
            node.put_host(&peer, "topic", "the node's", NOW).unwrap();
        }
    }
    assert_eq!(clear(&mut node, NOW + 20 * DAY - 1), (0, 1));
    assert_eq!(node.texts("topic", NOW + 20 * DAY - 1), ["the node's"]);
    assert_eq!(clear(&mut node, NOW + 20 * DAY), (1, 1));
}

#[test]
fn only_the_node_and_the_services_creator_evict_and_set_timeouts() {
    let mut node = Node::new();
    let (stranger, creator) = (Peer::named("stranger"), Peer::named("creator"));
    assert_refused(node.call(&stranger, 0).evict_stale(NOW), "evict_stale");
    assert_refused(node.call(&stranger, 0).set_stale_timeout(HOUR), "set_stale_timeout");
    assert_refused(node.call(&stranger, 0).set_expired_timeout(HOUR), "set_expired_timeout");
    assert_refused(
        node.call(&stranger, 0).set_host_expired_timeout(HOUR),
        "set_host_expired_timeout",
    );
    let origins = Origins::new(&node.host, &creator, 6).creator(&creator);
    node.call_with(origins).set_stale_timeout(HOUR / 2).unwrap();
    node.register(&stranger, "topic", NOW).unwrap();
    assert_eq!(evict(&mut node, NOW + HOUR / 2).len(), 1);
}
