//! Whatever is sent: no trap, and what is refused has changed nothing.

use registry_checks::rules::hostile::{refused_by_host, variants, Sizes, Variant, ERROR_LEN_MAX};
use registry_testkit::Peer;
use serde_json::{json, Value};

use crate::{record, Node, NOW};

/// Above every limit of the service, and what a particle can carry.
const SIZES: Sizes = Sizes {
    string_len: 1024 * 1024,
    bytes_len: 4 * 1024,
    strings: 1_000,
};

/// A genuine call of every function, every list with one item at least.
fn calls() -> Vec<(&'static str, Value)> {
    let (client, elsewhere) = (Peer::named("client"), Peer::named("another host"));
    let value = record(client.id(), "value", 1);
    let hosted = json!({"value": "value", "peer_id": elsewhere.id(), "set_by": client.id(), "relay_id": ["a relay"],
        "service_id": ["a service"], "timestamp_created": NOW, "weight": 1});
    let key = json!({"key": "topic", "peer_id": client.id(), "timestamp_created": NOW, "pinned": true, "weight": 1});
    let answer = json!({"success": true, "error": "none", "result": [value]});
    let result = json!({"success": true, "error": "none", "key": "topic", "value": [hosted]});
    vec![
        ("register_key", json!(["topic", NOW, 1])),
        ("get_key_metadata", json!(["topic", NOW])),
        ("republish_key", json!([key, NOW])),
        ("pin_key", json!(["topic", NOW])),
        ("unpin_key", json!(["topic", NOW])),
        (
            "put_value",
            json!(["topic", "value", NOW, ["a relay"], ["a service"], 1]),
        ),
        ("put_value_relay", json!(["topic", "value", NOW, "a relay", 1])),
        (
            "put_host_value",
            json!(["topic", "value", NOW, ["a relay"], ["a service"], 1]),
        ),
        ("put_host_value_relay", json!(["topic", "value", NOW, "a relay", 1])),
        ("propagate_host_value", json!([result, NOW, 1])),
        ("renew_host_value", json!(["topic", NOW])),
        ("clear_host_value", json!(["topic", NOW])),
        ("get_values", json!(["topic", NOW])),
        ("republish_values", json!(["topic", [value], NOW])),
        ("evict_stale", json!([NOW])),
        ("clear_expired", json!([NOW])),
        ("merge", json!([[[value]]])),
        ("merge_two", json!([[value], [value]])),
        ("merge_hack_get_values", json!([[answer]])),
        ("set_expired_timeout", json!([86_400])),
        ("set_host_expired_timeout", json!([864_000])),
        ("set_stale_timeout", json!([3_600])),
    ]
}

/// What each call is tried on. A proved time far ahead may have ended everything.
fn store(node: &mut Node) {
    let (client, host) = (Peer::named("client"), node.host.clone());
    node.done(&host, "set_expired_timeout", json!([86_400]));
    node.done(&host, "set_host_expired_timeout", json!([864_000]));
    node.done(&host, "set_stale_timeout", json!([3_600]));
    node.done(&host, "clear_expired", json!([NOW + 400_000_000]));
    node.done(&client, "register_key", json!(["topic", NOW, 1]));
    node.done(&client, "put_value", json!(["topic", "value", NOW, [], [], 1]));
    node.done(
        &client,
        "put_host_value",
        json!(["topic", "the node's", NOW, [], [], 1]),
    );
}

fn fingerprint(node: &mut Node) -> Value {
    let reader = Peer::named("a reader");
    let key = node.call(&reader, "get_key_metadata", json!(["topic", NOW]));
    json!([key, node.call(&reader, "get_values", json!(["topic", NOW]))])
}

#[test]
fn every_function_is_tried() {
    let tried: Vec<&str> = calls().into_iter().map(|(function, _)| function).collect();
    let interface = Node::new().service().interface();
    for function in interface.function_signatures {
        assert!(
            tried.contains(&function.name.as_str()),
            "{} is not tried",
            function.name
        );
    }
}

#[test]
fn hostile_input_never_traps_and_what_is_refused_changes_nothing_and_says_why() {
    let mut node = Node::new();
    let (client, host) = (Peer::named("client"), node.host.clone());
    for (function, arguments) in calls() {
        store(&mut node);
        node.call(&client, function, arguments.clone());
        store(&mut node);
        let mut before = fingerprint(&mut node);
        // Timeouts and evictions are for the host.
        let caller = if function.starts_with("set_") || function == "evict_stale" {
            &host
        } else {
            &client
        };
        for Variant { what, arguments } in variants(&arguments, SIZES) {
            let answer = match node.try_call(caller, function, arguments) {
                Ok(answer) => answer,
                Err(error) if refused_by_host(&error) => continue,
                Err(error) => panic!("{function}, {what}: {error}"),
            };
            let after = fingerprint(&mut node);
            if answer["success"] == json!(false) {
                let error = answer["error"].as_str().unwrap();
                assert!(
                    before == after,
                    "{function}, {what}: refused, but something has changed"
                );
                assert!(
                    !error.is_empty() && error.len() <= ERROR_LEN_MAX,
                    "{function}, {what}: {error}"
                );
            }
            before = after;
        }
    }
}

#[test]
fn results_without_success_are_dropped_by_a_merge() {
    let mut node = Node::new();
    let client = Peer::named("client");
    let answer = |success: bool, peer: &str| json!({"success": success, "error": "", "result": [record(peer, "v", 0)]});
    let answers = json!([[answer(true, "one"), answer(false, "two"), answer(true, "three")]]);
    let merged = node.done(&client, "merge_hack_get_values", answers);
    let peers: Vec<&Value> = merged["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| &value["peer_id"])
        .collect();
    assert_eq!(peers, [&json!("one"), &json!("three")]);
}
