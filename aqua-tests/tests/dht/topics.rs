//! Every function of `pubsub.aqua`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use aqua_tests::{strings, Reply, Scene};
use devnet::{CallOptions, PeerIndex};
use serde_json::{json, Value};

use super::*;

const TOPIC: &str = "news";
/// As many as a key takes.
const CLIENTS: usize = 20;

/// A topic with this many clients and nodes as its subscribers, all of which greet.
fn subscribed(clients: usize, nodes: usize) -> (Scene, Vec<PeerIndex>) {
    let mut scene = scene(20);
    assert_done(&scene.call("initTopic", &[json!(TOPIC)]));
    scene.settle();
    let mut subscribers = Vec::new();
    for number in 0..clients {
        let (client, [relay, service]) = subscriber(&mut scene, number % 20);
        let args = [json!(TOPIC), json!(format!("client {number}")), relay, service];
        assert_done(&scene.call_as(client, "subscribe", &args));
        subscribers.push(client);
    }
    for number in 0..nodes {
        let node = PeerIndex(19 - number);
        greeter(&mut scene, node);
        let args = [json!(scene.id(node)), json!(TOPIC), json!("a node"), json!("greeter")];
        assert_done(&scene.call("subscribeNode", &args));
        subscribers.push(node);
    }
    scene.settle();
    (scene, subscribers)
}

/// Who has greeted.
fn greeted(reply: &Reply) -> BTreeSet<String> {
    let texts = reply.value().as_array().unwrap().iter();
    let name = |text: &Value| text.as_str().unwrap().split_once(' ').unwrap().0.to_owned();
    texts.map(name).collect()
}

#[test]
fn thirty_subscribers_are_found_and_called() {
    let (mut scene, subscribers) = subscribed(CLIENTS, 10);
    let found = scene.call("findSubscribers", &[json!(TOPIC)]);
    let peers: BTreeSet<String> = strings(found.value(), "peer_id").into_iter().collect();
    assert_eq!(peers, scene.ids(&subscribers));
    assert!(found.latency_ms() < AT_ONCE_MS);

    let reply = scene.call("greetSubscribers", &[json!(TOPIC), json!("Ada")]);
    assert_eq!(greeted(&reply), scene.ids(&subscribers));
    assert_eq!(reply.errors(), [] as [String; 0]);
    assert!(reply.latency_ms() < AT_ONCE_MS, "{} ms", reply.latency_ms());

    // Another client is one too many; who is among them renews.
    let (late, [relay, service]) = subscriber(&mut scene, 0);
    let args = [json!(TOPIC), json!("late"), relay, service];
    let refused = scene.call_as(late, "subscribe", &args);
    assert_all_refuse(&refused, 20, "values limit is exceeded");
    assert_done(&scene.call_as(subscribers[0], "subscribe", &args));
}

#[test]
fn dead_subscribers_are_named_and_the_others_called_in_time() {
    let (mut scene, subscribers) = subscribed(10, 5);
    let (dead, alive): (Vec<PeerIndex>, Vec<PeerIndex>) = subscribers.iter().partition(|peer| peer.0 % 3 == 0);
    assert!(dead.len() >= 4 && dead.iter().any(|peer| peer.0 < 20) && dead.iter().any(|peer| peer.0 >= 20));
    for peer in &dead {
        scene.network.kill(*peer).unwrap();
    }
    let reply = scene.call("greetSubscribers", &[json!(TOPIC), json!("Ada")]);
    // A client behind a dead relay is not reached either.
    let reached: Vec<PeerIndex> = alive
        .into_iter()
        .filter(|peer| {
            scene.network.peers()[peer.0]
                .relay()
                .is_none_or(|relay| !dead.contains(&relay))
        })
        .collect();
    assert_eq!(greeted(&reply), scene.ids(&reached));
    for peer in &dead {
        assert!(reply.error_of(&scene.id(*peer)).contains("no answer in time"));
    }
    reply.assert_in_time();
}

#[test]
fn a_subscriber_without_its_service_is_an_error_that_names_it() {
    let (mut scene, _) = subscribed(1, 0);
    let silent = scene.add_client(PeerIndex(4));
    let relay = scene.id(PeerIndex(4));
    for service in [json!(null), json!("absent")] {
        let args = [json!(TOPIC), json!("v"), json!(relay), service];
        assert_done(&scene.call_as(silent, "subscribe", &args));
        scene.settle();
        let reply = scene.call("greetSubscribers", &[json!(TOPIC), json!("Ada")]);
        assert_eq!(reply.value().as_array().unwrap().len(), 1);
        assert!(!reply.error_of(&scene.id(silent)).is_empty());
    }
}

#[test]
fn a_topic_is_made_once_and_subscribed_to_by_anybody() {
    let mut scene = scene(5);
    let (other, [relay, service]) = subscriber(&mut scene, 3);
    let args = [json!(TOPIC), json!("other"), relay, service];
    let early = scene.call_as(other, "subscribe", &args);
    assert_all_refuse(&early, 5, "not found here");
    assert_done(&scene.call("initTopic", &[json!(TOPIC)]));
    scene.settle();
    assert_all_refuse(
        &scene.call_as(other, "initTopic", &[json!(TOPIC)]),
        5,
        "key already exists with different peer_id",
    );
    assert_done(&scene.call_as(other, "subscribe", &args));
    let mine = [json!(TOPIC), json!("mine"), json!(null), json!(null)];
    assert_done(&scene.call("initTopicAndSubscribe", &mine));
    scene.settle();
    let found = scene.call("findSubscribers", &[json!(TOPIC)]);
    let mut values = strings(found.value(), "value");
    values.sort();
    assert_eq!(values, ["mine", "other"]);
    assert_eq!(scene.call("findSubscribers", &[json!("unknown")]).value(), &json!([]));
}

/// What `progress` is told, and the result.
fn blocking(scene: &mut Scene, topic: &str, value: &str) -> (Vec<String>, Reply) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let hears = told.clone();
    let options = CallOptions::new().callback("progress", move |args| {
        hears.borrow_mut().push(args[0].as_str().unwrap().to_owned());
        json!("")
    });
    let args = [json!(topic), json!(value), json!(null), json!(null)];
    let reply = scene.call_with(scene.client, "initTopicAndSubscribeBlocking", &args, options);
    let told = told.borrow().clone();
    (told, reply)
}

#[test]
fn a_blocking_subscription_ends_when_all_nodes_have_answered_and_tells_of_each() {
    let mut scene = scene(20);
    let (told, reply) = blocking(&mut scene, TOPIC, "value");
    assert_eq!(reply.value(), &json!({"success": true, "error": ""}));
    let nodes: Vec<PeerIndex> = scene.network.nodes();
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), scene.ids(&nodes));
    assert_eq!(holders(&mut scene, TOPIC).len(), 20);
    assert!(reply.latency_ms() < AT_ONCE_MS);

    let (told, reply) = blocking(&mut scene, TOPIC, &"x".repeat(5_000));
    assert_eq!(reply.value()["success"], json!(false));
    assert!(reply.value()["error"].as_str().unwrap().contains("at most 4096"));
    assert_eq!(told.len(), 20);
    assert!(told.iter().all(|text| text.contains("at most 4096")), "{told:?}");
}

#[test]
fn a_blocking_subscription_waits_for_dead_nodes_a_fifth_of_its_time() {
    let mut scene = scene(20);
    kill(&mut scene, 18..20);
    let (told, reply) = blocking(&mut scene, TOPIC, "value");
    assert_eq!(reply.value(), &json!({"success": true, "error": ""}));
    assert_eq!(told.len(), 18);
    let waited = WRITE_WAIT_MS..WRITE_WAIT_MS + AT_ONCE_MS;
    assert!(waited.contains(&reply.latency_ms()), "{} ms", reply.latency_ms());
}

#[test]
fn a_node_subscribes_itself_in_the_clients_name() {
    let mut scene = scene(20);
    let node = scene.id(PeerIndex(7));
    let args = [json!(node), json!(TOPIC), json!("a node"), json!("greeter")];
    let reply = scene.call("initTopicAndSubscribeNode", &args);
    assert_done(&reply);
    assert!(reply.latency_ms() < AT_ONCE_MS, "{} ms", reply.latency_ms());
    scene.settle();
    let held = holders(&mut scene, TOPIC);
    assert_eq!(held.len(), 20);
    let me = scene.id(scene.client);
    for (holder, values) in held {
        assert_eq!(
            strings(&json!(values), "peer_id"),
            std::slice::from_ref(&node),
            "{holder}"
        );
        assert_eq!(strings(&json!(values), "set_by"), std::slice::from_ref(&me), "{holder}");
    }
}

#[test]
fn a_node_that_is_dead_refuses_or_has_no_aqua_dht_does_not_subscribe_and_is_named() {
    let mut scene = scene(20);
    assert_done(&scene.call("initTopic", &[json!(TOPIC)]));
    scene.settle();
    let (dead, other) = (scene.id(PeerIndex(7)), scene.id(PeerIndex(8)));
    scene.network.kill(PeerIndex(7)).unwrap();
    for function in ["subscribeNode", "initTopicAndSubscribeNode"] {
        let args = [json!(dead), json!(TOPIC), json!("v"), json!(null)];
        let reply = scene.call(function, &args);
        assert_eq!(reply.value(), &json!(false), "{function}");
        assert!(reply.error_of(&dead).contains("no answer in time"));
        let waited = WRITE_WAIT_MS..WRITE_WAIT_MS + AT_ONCE_MS;
        assert!(
            waited.contains(&reply.latency_ms()),
            "{function}: {} ms",
            reply.latency_ms()
        );

        let args = [json!(other), json!(TOPIC), json!("x".repeat(4_097)), json!(null)];
        let reply = scene.call(function, &args);
        assert_eq!(reply.value(), &json!(false), "{function}");
        assert!(reply.error_of(&other).contains("at most 4096"));
    }
    let absent = devnet::Hostile::new().respond(|call| {
        let absent = || ServiceResult::error("Service with id 'aqua-dht' not found").into();
        (call.service == "aqua-dht").then(absent)
    });
    scene.network.set_hostile(PeerIndex(8), Some(absent)).unwrap();
    let args = [json!(other), json!(TOPIC), json!("v"), json!(null)];
    let reply = scene.call("subscribeNode", &args);
    assert_eq!(reply.value(), &json!(false));
    assert!(reply.error_of(&other).contains("not found"));
    assert!(reply.latency_ms() < AT_ONCE_MS);
    let found = scene.call("findSubscribers", &[json!(TOPIC)]);
    assert_eq!(found.value(), &json!([]));
}

#[test]
fn who_subscribed_its_relay_removes_it_again() {
    let mut scene = scene(1);
    let relay = scene.id(PeerIndex(0));
    let args = [json!(relay), json!(TOPIC), json!("the relay"), json!(null)];
    assert_done(&scene.call("initTopicAndSubscribeNode", &args));
    let found = scene.call("findSubscribers", &[json!(TOPIC)]);
    assert_eq!(found.value().as_array().unwrap().len(), 1);
    let removed = scene.call("removeSubscriber", &[json!(TOPIC)]);
    assert_eq!(removed.value(), &json!({"success": true, "error": ""}));
    assert_eq!(scene.call("findSubscribers", &[json!(TOPIC)]).value(), &json!([]));
    let again = scene.call("removeSubscriber", &[json!(TOPIC)]);
    assert!(
        again.value()["error"].as_str().unwrap().contains("has put no value"),
        "{:?}",
        again.values
    );
}
