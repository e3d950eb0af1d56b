//! What is kept, and where.

use std::path::Path;

use aqua_dht::domain::limits::{ANSWERS_MAX, BATCH_MAX, HOST_VALUES_MAX, VALUES_MAX, VALUE_LEN_MAX};
use registry_testkit::Peer;
use serde_json::{json, Value};

use crate::{record, Node, DAY, NOW};

fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().into_owned();
    entries.map(name).collect()
}

#[test]
fn data_and_timeouts_survive_a_restart_and_nothing_is_in_tmp() {
    let mut node = Node::new();
    let (client, host) = (Peer::named("client"), node.host.clone());
    let named = "'; DROP TABLE topics; --\0\u{1F600}";
    let hostile = "it's a \"value\"\n\0 with NUL,\tcommas, a:b and \u{1F600}'; DROP TABLE topics; --";
    for key in ["topic", named] {
        node.done(&client, "register_key", json!([key, NOW, 0]));
        node.done(
            &client,
            "put_value",
            json!([key, hostile, NOW, [hostile], [hostile], u32::MAX]),
        );
        node.done(
            &client,
            "put_host_value_relay",
            json!([key, "the node's", NOW, "a relay", 0]),
        );
    }
    node.done(&client, "pin_key", json!(["topic", NOW]));
    node.done(&host, "set_expired_timeout", json!([3 * DAY]));
    let before = (node.values("topic", NOW), node.values(named, NOW));
    assert_eq!(before.0[0]["value"], json!(hostile));
    assert_eq!(before.0[0]["weight"], json!(u32::MAX));
    assert_eq!(before.0.as_array().unwrap().len(), 2);

    node.restart();
    assert_eq!((node.values("topic", NOW), node.values(named, NOW)), before);
    assert_eq!(node.values("topic", NOW + 2 * DAY).as_array().unwrap().len(), 2);
    let key = node.done(&client, "get_key_metadata", json!(["topic", NOW]));
    assert_eq!(
        (&key["key"]["pinned"], &key["key"]["peer_id"]),
        (&json!(true), &json!(client.id()))
    );
    assert_eq!(files(&node.directory.path().join("tmp")), [""; 0]);
    assert!(files(&node.storage()).contains(&"aqua-dht.sqlite".to_owned()));
}

#[test]
fn a_relay_that_is_given_as_a_text_is_kept() {
    let mut node = Node::new();
    let client = Peer::named("client");
    node.done(&client, "register_key", json!(["topic", NOW, 0]));
    node.done(&client, "put_value_relay", json!(["topic", "value", NOW, "a relay", 3]));
    let hosted = node.done(
        &client,
        "put_host_value_relay",
        json!(["topic", "the node's", NOW, "another relay", 2]),
    );
    assert_eq!(hosted["value"][0]["relay_id"], json!(["another relay"]));
    let expected = json!([
        {"value": "value", "peer_id": client.id(), "set_by": client.id(), "relay_id": ["a relay"], "service_id": [],
         "timestamp_created": NOW, "weight": 3},
        {"value": "the node's", "peer_id": node.host.id(), "set_by": client.id(), "relay_id": ["another relay"],
         "service_id": [], "timestamp_created": NOW, "weight": 2},
    ]);
    assert_eq!(node.values("topic", NOW), expected);
}

#[test]
fn two_lists_are_merged_to_the_latest_of_each_peer_and_setter() {
    let mut node = Node::new();
    let client = Peer::named("client");
    let value = |peer: &str, set_by: &str, text: &str, created: u64| {
        let mut value = record(peer, text, 0);
        (value["set_by"], value["timestamp_created"]) = (json!(set_by), json!(created));
        value
    };
    let left = json!([
        value("one", "one", "older", NOW),
        value("one", "a client", "by another", NOW),
        value("two", "two", "newer", NOW + 2),
    ]);
    let right = json!([
        value("one", "one", "newer", NOW + 1),
        value("two", "two", "older", NOW + 1)
    ]);
    let merged = node.done(&client, "merge_two", json!([left, right]))["result"].take();
    let texts: Vec<&Value> = merged.as_array().unwrap().iter().map(|value| &value["value"]).collect();
    assert_eq!(texts, ["newer", "newer", "by another"], "the latest first");
    assert_eq!(merged, node.done(&client, "merge_two", json!([right, left]))["result"]);
    assert_eq!(merged, node.done(&client, "merge", json!([[left, right]]))["result"]);
}

#[test]
fn what_is_stale_is_evicted_and_what_has_expired_is_cleared() {
    let mut node = Node::new();
    let (client, host) = (Peer::named("client"), node.host.clone());
    for key in ["\0", "a", "topic"] {
        node.done(&client, "register_key", json!([key, NOW, 0]));
        node.done(&client, "put_value", json!([key, "value", NOW, [], [], 0]));
    }
    let none = node.done(&client, "clear_expired", json!([NOW + DAY - 1]));
    assert_eq!((&none["count_keys"], &none["count_values"]), (&json!(0), &json!(0)));
    node.done(&client, "get_values", json!(["a", NOW + 3_600]));
    let evicted = node.done(&host, "evict_stale", json!([NOW + 3_600]));
    let keys: Vec<&Value> = evicted["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["key"]["key"])
        .collect();
    assert_eq!(keys, [&json!("\0"), &json!("topic")]);
    assert_eq!(evicted["results"][1]["records"][0]["value"], json!("value"));
    let cleared = node.done(&client, "clear_expired", json!([NOW + DAY]));
    assert_eq!(
        (&cleared["count_keys"], &cleared["count_values"]),
        (&json!(1), &json!(1))
    );
}

/// In the SQLite of Marine, too.
#[test]
fn a_key_with_a_live_value_of_the_node_is_passed_over_by_a_clearing() {
    let mut node = Node::new();
    let (client, host) = (Peer::named("client"), node.host.clone());
    for key in ["a", "b"] {
        node.done(&client, "register_key", json!([key, NOW, 0]));
        node.done(&client, "put_value", json!([key, "value", NOW, [], [], 0]));
    }
    node.done(&client, "put_host_value", json!(["a", "the node's", NOW, [], [], 0]));
    let cleared = |node: &mut Node, now: u64| {
        let cleared = node.done(&client, "clear_expired", json!([now]));
        (cleared["count_keys"].clone(), cleared["count_values"].clone())
    };
    assert_eq!(cleared(&mut node, NOW + DAY), (json!(1), json!(2)));
    assert_eq!(node.values("a", NOW + DAY).as_array().unwrap().len(), 1);
    node.done(&host, "set_host_expired_timeout", json!([2 * DAY]));
    assert_eq!(cleared(&mut node, NOW + 2 * DAY - 1), (json!(0), json!(0)));
    assert_eq!(cleared(&mut node, NOW + 2 * DAY), (json!(1), json!(1)));
}

#[test]
fn a_database_that_cannot_be_read_is_moved_aside_and_the_service_goes_on() {
    let mut node = Node::new();
    let client = Peer::named("client");
    node.done(&client, "register_key", json!(["topic", NOW, 0]));
    node.service = None;
    let database = node.storage().join("aqua-dht.sqlite");
    std::fs::write(
        &database,
        "this is no database, however long one reads in it. ".repeat(100),
    )
    .unwrap();
    let _ = std::fs::remove_file(node.storage().join("aqua-dht.sqlite-wal"));
    node.restart();
    let absent = node.call(&client, "get_values", json!(["topic", NOW]));
    assert!(absent["error"].as_str().unwrap().contains("not found"), "{absent}");
    node.done(&client, "register_key", json!(["topic", NOW, 0]));
    assert!(files(&node.storage()).contains(&"aqua-dht.sqlite.corrupt".to_owned()));
}

/// All that one key can hold goes in, out, and through a merge of as many answers as one script can have.
#[test]
fn a_full_key_is_read_and_merged() {
    let mut node = Node::new();
    let client = Peer::named("client");
    node.done(&client, "register_key", json!(["topic", NOW, 0]));
    let text = "x".repeat(VALUE_LEN_MAX);
    let of_clients = (0..VALUES_MAX).map(|number| record(&format!("client {number}"), &text, 1));
    let of_nodes = (0..HOST_VALUES_MAX).map(|number| {
        let mut value = record(&format!("node {number}"), &text, 2);
        value["set_by"] = json!("a client");
        value
    });
    let all: Vec<Value> = of_clients.chain(of_nodes).collect();
    assert_eq!(all.len(), BATCH_MAX);
    let republished = node.done(&client, "republish_values", json!(["topic", all, NOW]));
    assert_eq!(republished["updated"], json!(BATCH_MAX));
    let values = node.values("topic", NOW);
    assert_eq!(values.as_array().unwrap().len(), BATCH_MAX);
    let answer = json!({"success": true, "error": "", "result": values});
    let merged = node.done(&client, "merge_hack_get_values", json!([vec![answer.clone(); 21]]));
    assert_eq!(merged["result"], values);

    let small: Vec<Value> = (0..BATCH_MAX)
        .map(|number| record(&number.to_string(), "x", 0))
        .collect();
    let merged = node.done(&client, "merge", json!([vec![small.clone(); ANSWERS_MAX]]));
    assert_eq!(merged["result"].as_array().unwrap().len(), BATCH_MAX);
    let refused = node.call(&client, "merge", json!([vec![small; ANSWERS_MAX + 1]]));
    assert!(
        refused["error"].as_str().unwrap().contains("at most 64"),
        "{}",
        refused["error"]
    );
}
