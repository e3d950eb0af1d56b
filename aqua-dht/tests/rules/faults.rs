//! What the original of 2021 got wrong.

use aqua_dht::calls::HostValue;
use aqua_dht::domain::limits::VALUES_MAX;
use aqua_dht::domain::merge;

use super::*;

#[test]
fn values_can_be_republished() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", NOW).unwrap();
    assert_eq!(
        node.republish("topic", vec![record(&peer, "value", 0, NOW)], NOW)
            .unwrap(),
        1
    );
    assert_eq!(node.texts("topic", NOW), ["value"]);
}

#[test]
fn who_loses_its_place_under_one_key_keeps_its_values_under_others() {
    let mut node = Node::new();
    let light = Peer::named("light");
    for key in ["full", "other"] {
        node.register(&light, key, NOW).unwrap();
        node.put(&light, key, "light", 0, NOW).unwrap();
    }
    for peer in peers(VALUES_MAX) {
        node.put(&peer, "full", "heavier", 1, NOW + 1).unwrap();
    }
    assert!(!node.texts("full", NOW + 1).contains(&"light".to_owned()));
    assert_eq!(node.texts("other", NOW + 1), ["light"]);
}

#[test]
fn texts_are_never_part_of_a_statement() {
    let hostile = [
        "'; DROP TABLE topics; --",
        "\"; DELETE FROM topic_values; --",
        "x' OR '1'='1",
        "a\0b",
        "%",
        "_",
        "\u{202e}",
        "a,b:c",
    ];
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "bystander", NOW).unwrap();
    node.put(&peer, "bystander", "value", 0, NOW).unwrap();
    for text in hostile {
        node.register(&peer, text, NOW).unwrap();
        let said = Said {
            value: text.to_owned(),
            relay_id: vec![text.to_owned()],
            service_id: vec![text.to_owned()],
            weight: 0,
        };
        node.call(&peer, 2).put_value(text, said.clone(), NOW).unwrap();
        node.call(&peer, 2).put_host_value(text, said, NOW).unwrap();
        let forged = DhtRecord {
            peer_id: text.to_owned(),
            set_by: text.to_owned(),
            ..record(&peer, text, 0, NOW)
        };
        node.republish(text, vec![forged], NOW).unwrap();
    }
    let mut node = node.restart();
    for text in hostile {
        assert_eq!(node.texts(text, NOW), [text; 3], "{text:?}");
        node.call(&peer, 1).clear_host_value(text, NOW).unwrap();
        assert_eq!(node.texts(text, NOW), [text; 2], "{text:?}");
    }
    assert_eq!(node.texts("bystander", NOW), ["value"]);
}

#[test]
fn times_smaller_than_a_timeout_do_not_underflow() {
    let mut node = Node::new();
    let peer = Peer::named("peer");
    node.register(&peer, "topic", 0).unwrap();
    node.put(&peer, "topic", "value", 0, 1).unwrap();
    let host = node.host.clone();
    assert_eq!(node.call(&host, 0).evict_stale(2).unwrap(), []);
    assert_eq!(node.call(&host, 0).clear_expired(2).unwrap(), Default::default());
    assert_eq!(node.texts("topic", 2), ["value"]);
}

#[test]
fn a_full_key_takes_its_own_members_renewals() {
    let mut node = Node::new();
    node.register(&Peer::named("owner"), "topic", NOW).unwrap();
    for peer in peers(VALUES_MAX) {
        node.put(&peer, "topic", "old", 0, NOW).unwrap();
    }
    for peer in peers(VALUES_MAX) {
        node.put(&peer, "topic", "new", 0, NOW + 1).unwrap();
    }
    assert_eq!(node.texts("topic", NOW + 1), ["new"; VALUES_MAX]);
}

#[test]
fn twenty_answers_are_merged_not_only_the_first_two() {
    let answers: Vec<Vec<DhtRecord>> = peers(20).map(|peer| vec![record(&peer, "value", 0, NOW)]).collect();
    assert_eq!(merge(answers).unwrap().len(), 20);
}

/// What one node's function returned is what the other node's function takes.
#[test]
fn a_host_value_can_be_propagated() {
    let (mut there, mut here) = (Node::named("there"), Node::named("here"));
    let setter = Peer::named("setter");
    for node in [&mut there, &mut here] {
        node.register(&setter, "topic", NOW).unwrap();
    }
    let value = there.put_host(&setter, "topic", "of the node", NOW).unwrap();
    let returned = HostValue {
        key: "topic".to_owned(),
        records: vec![value.clone()],
    };
    let origins = Origins::new(&here.host, &setter, 3).time(1);
    let origins = origins.with(0, there.host.id(), "aqua-dht", "put_host_value");
    here.call_with(origins)
        .propagate_host_value(Ok(returned), NOW, 0)
        .unwrap();
    assert_eq!(here.values("topic", NOW).unwrap(), [value]);
}
