use aqua_dht::calls::HostValue;

use super::*;

/// A value of another node, as `put_host_value` returned it there.
fn hosted(node: &Peer, setter: &Peer, created: u64) -> HostValue {
    let value = DhtRecord {
        set_by: setter.id().to_owned(),
        ..record(node, "value", 0, created)
    };
    HostValue {
        key: "topic".to_owned(),
        records: vec![value],
    }
}

fn node_with_topic() -> Node {
    let mut node = Node::new();
    node.register(&Peer::named("owner"), "topic", NOW).unwrap();
    node
}

#[test]
fn a_time_that_this_host_did_not_say_is_refused_by_every_call() {
    let mut node = node_with_topic();
    let peer = Peer::named("peer");
    let elsewhere = Peer::named("elsewhere");
    let unproved = |node: &Node| Origins::new(&node.host, &peer, 6);
    let of_another = |node: &Node| unproved(node).with(1, elsewhere.id(), "peer", "timestamp_sec");
    let of_another_function = |node: &Node| unproved(node).with(1, node.host.id(), "peer", "timestamp_ms");
    for origins in [unproved(&node), of_another(&node), of_another_function(&node)] {
        let part = "peer.timestamp_sec";
        let topic = || "topic".to_owned();
        assert_refused(node.call_with(origins.clone()).register_key(topic(), NOW, 0), part);
        assert_refused(node.call_with(origins.clone()).get_key_metadata("topic", NOW), part);
        assert_refused(node.call_with(origins.clone()).get_values("topic", NOW), part);
        assert_refused(
            node.call_with(origins.clone()).put_value("topic", Said::default(), NOW),
            part,
        );
        assert_refused(
            node.call_with(origins.clone())
                .put_host_value("topic", Said::default(), NOW),
            part,
        );
        assert_refused(node.call_with(origins.clone()).renew_host_value("topic", NOW), part);
        assert_refused(node.call_with(origins.clone()).clear_host_value("topic", NOW), part);
        assert_refused(
            node.call_with(origins.clone()).republish_values("topic", vec![], NOW),
            part,
        );
        assert_refused(node.call_with(origins.clone()).pin_key("topic", NOW, true), part);
        assert_refused(node.call_with(origins.clone()).clear_expired(NOW), part);
    }
}

#[test]
fn a_host_value_is_taken_in_on_its_nodes_word() {
    let mut node = node_with_topic();
    let (other, setter) = (Peer::named("another node"), Peer::named("setter"));
    for function in ["put_host_value", "put_host_value_relay"] {
        let origins = Origins::new(&node.host, &setter, 6).time(1);
        let origins = origins.with(0, other.id(), "aqua-dht", function);
        let value = hosted(&other, &setter, NOW);
        node.call_with(origins).propagate_host_value(Ok(value), NOW, 7).unwrap();
        let held = node.values("topic", NOW).unwrap();
        assert_eq!(
            (held.len(), held[0].peer_id.as_str(), held[0].weight),
            (1, other.id(), 7)
        );
    }
}

#[test]
fn a_host_value_without_the_word_of_its_node_is_refused() {
    let mut node = node_with_topic();
    let (other, setter, liar) = (Peer::named("another node"), Peer::named("setter"), Peer::named("liar"));
    for (peer, service, function) in [
        (&liar, "aqua-dht", "put_host_value"),
        (&other, "aqua-dht", "get_values"),
        (&other, "registry", "put_host_value"),
    ] {
        let origins = Origins::new(&node.host, &setter, 6)
            .time(1)
            .with(0, peer.id(), service, function);
        let value = hosted(&other, &setter, NOW);
        let outcome = node.call_with(origins).propagate_host_value(Ok(value), NOW, 0);
        assert_refused(outcome, "set_host_value");
    }
    assert_eq!(node.texts("topic", NOW), [""; 0]);
}

#[test]
fn a_result_that_failed_or_holds_anything_but_one_value_is_refused() {
    let mut node = node_with_topic();
    let (other, setter) = (Peer::named("another node"), Peer::named("setter"));
    let origins = |node: &Node| {
        let origins = Origins::new(&node.host, &setter, 6).time(1);
        origins.with(0, other.id(), "aqua-dht", "put_host_value")
    };
    let call = origins(&node);
    assert_refused(
        node.call_with(call)
            .propagate_host_value(Err("no room".to_owned()), NOW, 0),
        "no room",
    );
    for count in [0, 2] {
        let one = hosted(&other, &setter, NOW);
        let several = HostValue {
            records: vec![one.records[0].clone(); count],
            ..one
        };
        let call = origins(&node);
        assert_refused(
            node.call_with(call).propagate_host_value(Ok(several), NOW, 0),
            "one value",
        );
    }
}

#[test]
fn a_host_value_of_a_clock_far_ahead_or_a_day_ago_is_refused() {
    let mut node = node_with_topic();
    let (other, setter) = (Peer::named("another node"), Peer::named("setter"));
    for (created, part) in [(NOW + 31, "31 s ahead"), (NOW - DAY, "expired")] {
        let origins = Origins::new(&node.host, &setter, 6).time(1);
        let origins = origins.with(0, other.id(), "aqua-dht", "put_host_value");
        let value = hosted(&other, &setter, created);
        assert_refused(node.call_with(origins).propagate_host_value(Ok(value), NOW, 0), part);
    }
}
