//! Topics over open names: the functions of aqua-dht's `pubsub.aqua`, signed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use aqua_tests::{compile, strings, Reply, Scene};
use devnet::{CallOptions, NetworkConfig, PeerIndex, ServiceResult};
use serde_json::{json, Value};

const TOPIC: &str = "news";
/// Within this much virtual time everything is done that waits for nobody.
const AT_ONCE_MS: u64 = 1_000;

fn scene(nodes: usize) -> Scene {
    let config = NetworkConfig::new(nodes).without_trust_graph();
    Scene::with(config, compile("pubsub.aqua", &[]))
}

/// Has a peer answer `greeter.greet`.
fn greeter(scene: &mut Scene, peer: PeerIndex) {
    let name = scene.id(peer);
    let greet = move |_: &devnet::ServiceCall| ServiceResult::ok(name.clone()).into();
    scene.network.define_service(peer, "greeter", "greet", greet).unwrap();
}

/// A topic with this many clients and nodes as its subscribers, all of which greet.
fn subscribed(clients: usize, nodes: usize) -> (Scene, Vec<PeerIndex>) {
    let mut scene = scene(20);
    assert_eq!(scene.call("initTopic", &[json!(TOPIC)]).clean(), &json!(true));
    let mut subscribers = Vec::new();
    for number in 0..clients {
        let client = scene.add_client(PeerIndex(number % 20));
        greeter(&mut scene, client);
        let args = [
            json!(TOPIC),
            json!(format!("client {number}")),
            json!(null),
            json!("greeter"),
        ];
        assert_eq!(scene.call_as(client, "subscribe", &args).value(), &json!(true));
        subscribers.push(client);
    }
    for number in 0..nodes {
        let node = PeerIndex(19 - number);
        greeter(&mut scene, node);
        let args = [json!(scene.id(node)), json!(TOPIC), json!("a node"), json!("greeter")];
        assert_eq!(scene.call("subscribeNode", &args).value(), &json!(true));
        subscribers.push(node);
    }
    scene.settle();
    (scene, subscribers)
}

fn found(scene: &mut Scene) -> BTreeSet<String> {
    let reply = scene.call("findSubscribers", &[json!(TOPIC)]);
    strings(reply.value(), "peer_id").into_iter().collect()
}

/// Who has greeted.
fn greeted(reply: &Reply) -> BTreeSet<String> {
    let names = reply.value().as_array().unwrap().iter();
    names.map(|name: &Value| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn thirty_subscribers_are_found_and_called() {
    let (mut scene, subscribers) = subscribed(20, 10);
    let expected = scene.ids(&subscribers);
    assert_eq!(found(&mut scene), expected);
    let reply = scene.call("greetSubscribers", &[json!(TOPIC), json!("Ada")]);
    assert_eq!(greeted(&reply), expected);
    assert_eq!(reply.errors(), [] as [String; 0]);
    assert!(reply.latency_ms() < AT_ONCE_MS, "{} ms", reply.latency_ms());
}

#[test]
fn dead_subscribers_are_named_and_the_others_called_in_time() {
    let (mut scene, subscribers) = subscribed(6, 4);
    let (dead, alive): (Vec<PeerIndex>, Vec<PeerIndex>) = subscribers.iter().partition(|peer| peer.0 % 2 == 0);
    for peer in &dead {
        scene.network.kill(*peer).unwrap();
    }
    let reply = scene.call("greetSubscribers", &[json!(TOPIC), json!("Ada")]);
    // A client behind a dead relay is not reached either.
    let behind_the_dead = |scene: &Scene, peer: &PeerIndex| {
        let relay = scene.network.peers()[peer.0].relay();
        relay.is_some_and(|relay| dead.contains(&relay))
    };
    let reached: Vec<PeerIndex> = alive
        .into_iter()
        .filter(|peer| !behind_the_dead(&scene, peer))
        .collect();
    assert_eq!(greeted(&reply), scene.ids(&reached));
    for peer in &dead {
        assert!(reply.error_of(&scene.id(*peer)).contains("no answer in time"));
    }
    reply.assert_in_time();
}

#[test]
fn a_topic_needs_no_owner_and_its_subscribers_come_and_go() {
    let mut scene = scene(5);
    let other = scene.add_client(PeerIndex(3));
    let args = [json!(TOPIC), json!("value"), json!(null), json!(null)];
    assert_eq!(scene.call_as(other, "subscribe", &args).value(), &json!(true));
    assert_eq!(scene.call("initTopic", &[json!(TOPIC)]).clean(), &json!(true));
    assert_eq!(scene.call("initTopicAndSubscribe", &args).value(), &json!(true));
    scene.settle();
    let (me, other_id) = (scene.id(scene.client), scene.id(other));
    assert_eq!(found(&mut scene), BTreeSet::from([me.clone(), other_id]));
    assert_eq!(
        scene.call_as(other, "removeSubscriber", &[json!(TOPIC)]).value(),
        &json!(true)
    );
    scene.settle();
    assert_eq!(found(&mut scene), BTreeSet::from([me]));
    assert_eq!(scene.call("findSubscribers", &[json!("unknown")]).value(), &json!([]));
}

/// What `progress` is told, and the result.
fn blocking(scene: &mut Scene, value: &str) -> (Vec<String>, Reply) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let hears = told.clone();
    let options = CallOptions::new().callback("progress", move |args| {
        hears.borrow_mut().push(args[0].as_str().unwrap().to_owned());
        json!("")
    });
    let args = [json!(TOPIC), json!(value), json!(null), json!(null)];
    let reply = scene.call_with(scene.client, "initTopicAndSubscribeBlocking", &args, options);
    let told = told.borrow().clone();
    (told, reply)
}

#[test]
fn a_blocking_subscription_tells_how_it_goes() {
    let mut scene = scene(5);
    let (told, reply) = blocking(&mut scene, "value");
    assert_eq!(reply.value(), &json!({"success": true, "error": ""}));
    assert_eq!(
        (told.first().unwrap().as_str(), told.last().unwrap().as_str()),
        ("subscribing", "subscribed")
    );

    let (told, reply) = blocking(&mut scene, &"x".repeat(5_000));
    let error = reply.value()["error"].as_str().unwrap();
    assert!(error.contains("at most 4096"), "{error}");
    assert!(told.iter().any(|text| text.contains("at most 4096")), "{told:?}");
    assert_eq!(told.last().unwrap(), "not subscribed");
}

#[test]
fn a_node_is_subscribed_unless_it_is_dead() {
    let mut scene = scene(20);
    let (node, dead) = (scene.id(PeerIndex(7)), scene.id(PeerIndex(8)));
    scene.network.kill(PeerIndex(8)).unwrap();
    for function in ["subscribeNode", "initTopicAndSubscribeNode"] {
        let args = [json!(node), json!(TOPIC), json!("a node"), json!(null)];
        assert_eq!(scene.call(function, &args).value(), &json!(true), "{function}");
        let args = [json!(dead), json!(TOPIC), json!("a node"), json!(null)];
        let reply = scene.call(function, &args);
        assert_eq!(reply.value(), &json!(false), "{function}");
        assert!(reply.error_of(&dead).contains("no answer in time"), "{function}");
        reply.assert_in_time();
    }
    scene.settle();
    assert_eq!(found(&mut scene), BTreeSet::from([node]));
}

/// The neighbours that are dead are waited for by nobody who writes, and for a part of the 7 s by who reads.
#[test]
fn with_dead_neighbours_every_call_does_its_work_in_time() {
    for dead in [19..20, 10..20] {
        let mut scene = scene(20);
        for node in dead.clone() {
            scene.network.kill(PeerIndex(node)).unwrap();
        }
        let me = BTreeSet::from([scene.id(scene.client)]);
        let args = [json!(TOPIC), json!("value"), json!(null), json!(null)];
        for function in ["initTopic", "subscribe", "initTopicAndSubscribe"] {
            let args = if function == "initTopic" { &args[..1] } else { &args[..] };
            let reply = scene.call(function, args);
            assert_eq!(
                reply.value(),
                &json!(true),
                "{function}, {dead:?}: {:?}",
                reply.errors()
            );
            reply.assert_in_time();
            scene.settle();
        }
        assert_eq!(found(&mut scene), me, "{dead:?}");
        let (told, reply) = blocking(&mut scene, "anew");
        assert_eq!(
            reply.value(),
            &json!({"success": true, "error": ""}),
            "{dead:?}: {told:?}"
        );
        assert_eq!(told.last().unwrap(), "subscribed");
        reply.assert_in_time();
        scene.settle();

        let read = scene.call("findSubscribers", &[json!(TOPIC)]);
        assert_eq!(strings(read.value(), "value"), ["anew"]);
        read.assert_in_time();

        let reply = scene.call("removeSubscriber", &[json!(TOPIC)]);
        assert_eq!(reply.value(), &json!(true), "{dead:?}: {:?}", reply.errors());
        reply.assert_in_time();
        scene.settle();
        assert_eq!(found(&mut scene), BTreeSet::new());
    }
}

#[test]
fn what_is_refused_says_why() {
    let mut scene = scene(3);
    let long = "t".repeat(600);
    for (function, args) in [
        ("initTopic", vec![json!(long)]),
        ("subscribe", vec![json!(long), json!("v"), json!(null), json!(null)]),
        (
            "initTopicAndSubscribe",
            vec![json!(""), json!("v"), json!(null), json!(null)],
        ),
        ("removeSubscriber", vec![json!(long)]),
    ] {
        let reply = scene.call(function, &args);
        assert_eq!(reply.value(), &json!(false), "{function}");
        assert!(!reply.errors().is_empty(), "{function}");
    }
}
