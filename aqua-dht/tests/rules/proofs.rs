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

/// A call with a time that is not proved, of a peer or of the host.
type Tried = fn(Call<'_, NativeBackend>, &Peer) -> Result<(), CallError>;

/// Every call that takes a time, and its position.
const TIMES: [(&str, usize, Tried); 14] = [
    ("register_key", 1, |mut call, _| {
        call.register_key("topic".to_owned(), NOW, 0)
    }),
    ("get_key_metadata", 1, |mut call, _| {
        call.get_key_metadata("topic", NOW).map(drop)
    }),
    ("republish_key", 1, |mut call, owner| {
        let key = DhtKey {
            key: "topic".to_owned(),
            peer_id: owner.id().to_owned(),
            timestamp_created: NOW,
            ..DhtKey::default()
        };
        call.republish_key(key, NOW)
    }),
    ("pin_key", 1, |mut call, _| call.pin_key("topic", NOW, true)),
    ("unpin_key", 1, |mut call, _| call.pin_key("topic", NOW, false)),
    ("put_value", 2, |mut call, _| {
        call.put_value("topic", Said::default(), NOW)
    }),
    ("put_host_value", 2, |mut call, _| {
        call.put_host_value("topic", Said::default(), NOW).map(drop)
    }),
    ("propagate_host_value", 1, |mut call, owner| {
        call.propagate_host_value(Ok(hosted(&Peer::named("another node"), owner, NOW)), NOW, 0)
    }),
    ("renew_host_value", 1, |mut call, _| call.renew_host_value("topic", NOW)),
    ("clear_host_value", 1, |mut call, _| call.clear_host_value("topic", NOW)),
    ("get_values", 1, |mut call, _| call.get_values("topic", NOW).map(drop)),
    ("republish_values", 2, |mut call, owner| {
        call.republish_values("topic", vec![record(owner, "value", 0, NOW)], NOW)
            .map(drop)
    }),
    ("evict_stale", 0, |mut call, _| call.evict_stale(NOW).map(drop)),
    ("clear_expired", 0, |mut call, _| call.clear_expired(NOW).map(drop)),
];

/// A topic whose owner is the host, which may do everything and has put a value of its own.
fn node_with_own_topic() -> Node {
    let mut node = Node::new();
    let host = node.host.clone();
    node.register(&host, "topic", NOW).unwrap();
    node.put_host(&host, "topic", "value", NOW).unwrap();
    node
}

/// What calls of the host have as origins: only the time is missing.
fn without_time(node: &Node) -> Origins {
    let origins = Origins::new(&node.host, &node.host, 6);
    origins.with(0, Peer::named("another node").id(), "aqua-dht", "put_host_value")
}

#[test]
fn a_time_that_this_host_did_not_say_is_refused_by_every_call() {
    let mut node = node_with_own_topic();
    let (host, elsewhere) = (node.host.clone(), Peer::named("elsewhere"));
    for (function, position, tried) in TIMES {
        let said = |node: &Node, peer: &Peer, service: &str, name: &str| {
            without_time(node).with(position, peer.id(), service, name)
        };
        // A literal, or for `propagate_host_value` and what takes its time first, whatever else was said there.
        let unproved = [
            without_time(&node),
            without_time(&node).time(3),
            said(&node, &elsewhere, "peer", "timestamp_sec"),
            said(&node, &host, "peer", "timestamp_ms"),
            said(&node, &host, "op", "timestamp_sec"),
        ];
        for origins in unproved {
            let error = tried(node.call_with(origins), &host).expect_err(function).to_string();
            assert!(error.contains("peer.timestamp_sec"), "{function}: {error}");
        }
        let proved = without_time(&node).time(position);
        tried(node.call_with(proved), &host).unwrap_or_else(|error| panic!("{function}: {error}"));
        node = node_with_own_topic();
    }
}

/// What scripts older than `peer.timestamp_sec` passed.
#[test]
fn a_time_of_op_timestamp_sec_is_refused_with_what_to_pass() {
    let mut node = node_with_topic();
    let origins = Origins::new(&node.host, &Peer::named("peer"), 6).with(1, node.host.id(), "op", "timestamp_sec");
    let refused = node.call_with(origins).get_values("topic", NOW);
    assert_refused(refused, "peer.timestamp_sec");
    assert_eq!(node.texts("topic", NOW), [""; 0]);
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
