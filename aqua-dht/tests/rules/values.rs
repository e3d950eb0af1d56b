use super::*;

#[test]
fn values_come_heaviest_first() {
    let mut node = Node::new();
    node.register(&Peer::named("owner"), "topic", NOW).unwrap();
    for (weight, name) in [(1, "light"), (9, "heavy"), (5, "middle")] {
        node.put(&Peer::named(name), "topic", name, weight, NOW).unwrap();
    }
    assert_eq!(node.texts("topic", NOW), ["heavy", "middle", "light"]);
}

#[test]
fn a_peer_has_one_value_which_its_next_one_replaces() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    node.put(&peer, "topic", "first", 0, NOW).unwrap();
    node.put(&peer, "topic", "second", 0, NOW).unwrap();
    assert_eq!(node.texts("topic", NOW), ["second"]);
}

#[test]
fn a_value_says_who_put_it_when_and_how_the_peer_is_reached() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    let said = Said {
        value: "value".to_owned(),
        relay_id: vec!["relay".to_owned()],
        service_id: vec!["service".to_owned()],
        weight: 3,
    };
    node.call(&peer, 2).put_value("topic", said, NOW).unwrap();
    let expected = DhtRecord {
        relay_id: vec!["relay".to_owned()],
        service_id: vec!["service".to_owned()],
        ..record(&peer, "value", 3, NOW)
    };
    assert_eq!(node.values("topic", NOW).unwrap(), [expected]);
}

#[test]
fn a_host_value_is_of_the_node_and_of_each_setter_there_is_one() {
    let mut node = Node::new();
    let (a, b) = (Peer::named("a"), Peer::named("b"));
    node.register(&a, "topic", NOW).unwrap();
    node.put_host(&a, "topic", "of a", NOW).unwrap();
    node.put_host(&a, "topic", "of a, again", NOW).unwrap();
    let of_b = node.put_host(&b, "topic", "of b", NOW).unwrap();
    assert_eq!((of_b.peer_id.as_str(), of_b.set_by.as_str()), (node.host.id(), b.id()));
    let mut texts = node.texts("topic", NOW);
    texts.sort();
    assert_eq!(texts, ["of a, again", "of b"]);
}

#[test]
fn only_who_put_a_host_value_renews_or_clears_it() {
    let mut node = Node::new();
    let (setter, other) = (Peer::named("setter"), Peer::named("other"));
    node.register(&setter, "topic", NOW).unwrap();
    node.put_host(&setter, "topic", "value", NOW).unwrap();
    assert_refused(node.call(&other, 1).renew_host_value("topic", NOW), other.id());
    assert_refused(node.call(&other, 1).clear_host_value("topic", NOW), other.id());

    node.call(&setter, 1).renew_host_value("topic", NOW + 7).unwrap();
    assert_eq!(node.values("topic", NOW + 7).unwrap()[0].timestamp_created, NOW + 7);
    node.call(&setter, 1).clear_host_value("topic", NOW + 8).unwrap();
    assert_eq!(node.texts("topic", NOW + 8), [""; 0]);
    assert_refused(
        node.call(&setter, 1).renew_host_value("topic", NOW + 9),
        "put_host_value",
    );
}

#[test]
fn of_a_republished_value_the_last_write_stays_in_whatever_order_they_come() {
    let peer = Peer::named("peer");
    let (old, new) = (record(&peer, "old", 0, NOW - 5), record(&peer, "new", 0, NOW));
    for order in [[&old, &new], [&new, &old]] {
        let mut node = Node::new();
        node.register(&peer, "topic", NOW).unwrap();
        for value in order {
            node.republish("topic", vec![value.clone()], NOW).unwrap();
        }
        assert_eq!(node.texts("topic", NOW), ["new"]);
    }
}

#[test]
fn values_of_one_second_end_the_same_everywhere() {
    let peer = Peer::named("peer");
    let (a, b) = (record(&peer, "a", 0, NOW), record(&peer, "b", 0, NOW));
    let ends = [[&a, &b], [&b, &a]].map(|order| {
        let mut node = Node::new();
        node.register(&peer, "topic", NOW).unwrap();
        for value in order {
            node.republish("topic", vec![value.clone()], NOW).unwrap();
        }
        node.texts("topic", NOW)
    });
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn nobody_republishes_a_value_of_this_very_node() {
    let mut node = Node::new();
    let setter = Peer::named("setter");
    node.register(&setter, "topic", NOW).unwrap();
    let forged = DhtRecord {
        set_by: setter.id().to_owned(),
        ..record(&node.host.clone(), "forged", 9, NOW)
    };
    assert_eq!(node.republish("topic", vec![forged], NOW).unwrap(), 0);
    assert_eq!(node.texts("topic", NOW), [""; 0]);
}

#[test]
fn republication_says_how_many_values_were_new() {
    let mut node = Node::new();
    node.register(&Peer::named("owner"), "topic", NOW).unwrap();
    let records: Vec<DhtRecord> = peers(3).map(|peer| record(&peer, "value", 0, NOW)).collect();
    assert_eq!(node.republish("topic", records.clone(), NOW).unwrap(), 3);
    assert_eq!(node.republish("topic", records, NOW).unwrap(), 0);
}

#[test]
fn an_expired_value_is_not_returned_and_not_taken_in() {
    let mut node = Node::new();
    let (owner, peer) = (Peer::named("owner"), Peer::named("peer"));
    node.register(&owner, "topic", NOW).unwrap();
    node.put(&peer, "topic", "value", 0, NOW).unwrap();
    node.register(&owner, "topic", NOW + DAY - 1).unwrap();
    assert_eq!(node.texts("topic", NOW + DAY - 1), ["value"]);
    assert_eq!(node.texts("topic", NOW + DAY), [""; 0]);
    let old = record(&peer, "value", 0, NOW);
    assert_eq!(node.republish("topic", vec![old], NOW + DAY).unwrap(), 0);
}

#[test]
fn a_value_dated_ahead_is_not_taken_in() {
    let mut node = Node::new();
    node.register(&Peer::named("owner"), "topic", NOW).unwrap();
    let peer = Peer::named("peer");
    assert_eq!(
        node.republish("topic", vec![record(&peer, "far", 0, NOW + 31)], NOW)
            .unwrap(),
        0
    );
    assert_eq!(
        node.republish("topic", vec![record(&peer, "near", 0, NOW + 30)], NOW)
            .unwrap(),
        1
    );
}

#[test]
fn all_data_survive_a_restart() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    node.put(&peer, "topic", "value", 0, NOW).unwrap();
    let host = node.host.clone();
    node.call(&host, 0).set_expired_timeout(2 * DAY).unwrap();
    let mut node = node.restart();
    assert_eq!(node.texts("topic", NOW + DAY), ["value"]);
}
