//! Open names: who knows the label finds the providers.

use aqua_tests::{strings, Reply, Scene};
use devnet::{PeerIndex, ServiceCall, ServiceResult};
use serde_json::{json, Value};

use crate::{cost, greeter, ids, in_time, none, pass, scene_of, MOST_MS};

const CHAT_ID: &str = "7YAjq7JRWbhYJvJkP5U4DMzPci2zJqiWnztPnU35h9Z7";

fn register(scene: &mut Scene, client: PeerIndex, label: &str, value: &str) {
    let reply = scene.call_as(client, "registerOpenProvider", &[json!(label), json!(value), none()]);
    assert_eq!(reply.clean(), &json!(true));
    cost("registerOpenProvider", &reply);
    scene.settle();
}

fn resolve(scene: &mut Scene, client: PeerIndex, ack: i16) -> Vec<String> {
    let reply = scene.call_as(client, "resolveOpenProviders", &[json!("chat"), json!(ack)]);
    assert_eq!(reply.errors(), [] as [String; 0]);
    cost("resolveOpenProviders", &reply);
    reply.providers()
}

#[test]
fn whoever_knows_the_label_is_a_provider_and_finds_all_others() {
    let mut scene = scene_of(20);
    assert_eq!(
        scene.call("getOpenResourceId", &[json!("chat")]).value(),
        &json!(CHAT_ID)
    );
    let clients = [
        scene.client,
        scene.add_client(PeerIndex(7)),
        scene.add_client(PeerIndex(15)),
    ];
    for client in clients {
        register(&mut scene, client, "chat", "hello");
    }
    for client in clients {
        for ack in [1, 20] {
            assert_eq!(resolve(&mut scene, client, ack), ids(&scene, &clients), "ack {ack}");
        }
    }
    let holders = scene.holders(CHAT_ID);
    assert_eq!(holders.len(), 20);
    assert!(holders.iter().all(|(_, held)| held.records.len() == 3));
    let reply = scene.call("resolveOpenProviders", &[json!("another"), json!(3)]);
    assert_eq!(reply.value(), &json!([]));
}

#[test]
fn a_name_is_made_first_provided_by_a_node_and_left_again() {
    let mut scene = scene_of(20);
    let created = scene.call("createOpenResource", &[json!("chat")]);
    assert_eq!(created.clean(), &json!([CHAT_ID]));
    cost("createOpenResource", &created);
    scene.settle();
    assert_eq!(
        resolve(&mut scene, PeerIndex(20), 20),
        [] as [String; 0],
        "known, and nobody is there yet"
    );
    let node = scene.id(PeerIndex(3));
    let args = [json!(node), json!("chat"), json!("a node"), json!("greeter")];
    let reply = scene.call("registerOpenNodeProvider", &args);
    assert_eq!(reply.clean(), &json!(true));
    cost("registerOpenNodeProvider", &reply);
    scene.settle();
    register(&mut scene, PeerIndex(20), "chat", "hello");
    assert_eq!(resolve(&mut scene, PeerIndex(20), 20).len(), 2);
    for peer in [node, scene.id(scene.client)] {
        let left = scene.call("unregisterService", &[json!(CHAT_ID), json!(peer)]);
        assert_eq!(left.clean(), &json!(true));
        scene.settle();
    }
    assert_eq!(resolve(&mut scene, PeerIndex(20), 20), [] as [String; 0]);
}

/// Two who make the same name at once, each with a key of its own second, have made one.
#[test]
fn made_twice_at_once_it_is_one_name() {
    let mut scene = scene_of(20);
    let other = scene.add_client(PeerIndex(11));
    let args = [json!("chat"), json!("hello"), none()];
    let both = [
        scene.start(scene.client, "registerOpenProvider", &args),
        scene.start(other, "registerOpenProvider", &args),
    ];
    for handle in &both {
        assert_eq!(scene.wait(handle).clean(), &json!(true));
    }
    scene.settle();
    let both = [scene.client, other];
    assert_eq!(resolve(&mut scene, PeerIndex(20), 20), ids(&scene, &both));
}

/// What a node hears of a name that was only just made is all that there is: nothing waits for its replication.
#[test]
fn a_new_name_is_whole_and_one_that_a_newcomer_hears_of_is_not() {
    let mut scene = scene_of(5);
    register(&mut scene, PeerIndex(5), "chat", "hello");
    assert_eq!(resolve(&mut scene, PeerIndex(5), 5).len(), 1);
    // A node that comes later, and is told of one provider more than a minute afterwards.
    let newcomer = scene.network.add_node().unwrap();
    pass(&mut scene, 120);
    let late = scene.add_client(newcomer);
    register(&mut scene, late, "chat", "late");
    let reply = scene.call_as(late, "resolveOpenProviders", &[json!("chat"), json!(1)]);
    assert_eq!(reply.providers().len(), 2, "the newcomer asks those who hold more");
}

#[test]
fn providers_of_an_open_name_are_called() {
    let mut scene = scene_of(20);
    let provider = scene.add_client(PeerIndex(6));
    greeter(&mut scene, provider, "greeter");
    let args = [json!("chat"), json!("hello"), json!("greeter")];
    assert_eq!(
        scene.call_as(provider, "registerOpenProvider", &args).clean(),
        &json!(true)
    );
    scene.settle();
    let reply = scene.call("greetOpen", &[json!("chat"), json!(1), json!("you")]);
    assert_eq!(reply.clean(), &json!([format!("{} greets you", scene.id(provider))]));
}

#[test]
fn labels_that_are_none_are_refused_with_their_limit() {
    let mut scene = scene_of(3);
    let node = scene.id(PeerIndex(1));
    for (label, words) in [
        (String::new(), "the label is empty"),
        ("l".repeat(513), "label has 513 bytes, at most 512"),
    ] {
        let label = json!(label);
        assert_eq!(
            scene.call("getOpenResourceId", std::slice::from_ref(&label)).value(),
            &json!("")
        );
        for (function, args) in [
            ("createOpenResource", vec![label.clone()]),
            ("registerOpenProvider", vec![label.clone(), json!("v"), none()]),
            (
                "registerOpenProviderFor",
                vec![label.clone(), json!("v"), none(), json!(600)],
            ),
            (
                "registerOpenNodeProvider",
                vec![json!(node), label.clone(), json!("v"), none()],
            ),
        ] {
            let reply = scene.call(function, &args);
            assert!(
                reply.value() == &json!(false) || reply.value() == &json!([]),
                "{function}: {reply:?}"
            );
            assert!(
                reply.errors().iter().any(|error| error.contains(words)),
                "{function}: {:?}",
                reply.errors()
            );
        }
    }
    let reply = scene.call(
        "registerOpenProvider",
        &[json!("chat"), json!("x".repeat(4_097)), none()],
    );
    assert_eq!(reply.value(), &json!(false));
    assert!(reply.errors()[0].contains("4096"), "{:?}", reply.errors());
}

/// Of a call with a first result such as `true` or an id, whatever the errors say.
#[track_caller]
fn assert_all(replies: &[Reply], expected: &Value, function: &str) {
    for reply in replies {
        assert_eq!(reply.value(), expected, "{function}: {:?}", reply.errors());
    }
}

#[test]
fn with_a_dead_node_or_none_but_the_relay_every_call_ends_in_time() {
    for dead in [19..20, 1..20] {
        let mut scene = scene_of(20);
        register(&mut scene, PeerIndex(20), "chat", "hello");
        let gone = scene.id(PeerIndex(19));
        for node in dead {
            scene.network.kill(PeerIndex(node)).unwrap();
        }
        // The relay is a neighbour of the name, so what is written is there, at least.
        for (function, args, expected) in [
            ("getOpenResourceId", vec![json!("chat")], json!(CHAT_ID)),
            ("createOpenResource", vec![json!("chat")], json!([CHAT_ID])),
            (
                "registerOpenProvider",
                vec![json!("chat"), json!("v"), none()],
                json!(true),
            ),
            (
                "registerOpenProviderFor",
                vec![json!("chat"), json!("v"), none(), json!(600)],
                json!(true),
            ),
            (
                "registerOpenNodeProvider",
                vec![json!(gone), json!("chat"), json!("v"), none()],
                json!(false),
            ),
        ] {
            let replies = in_time(&mut scene, function, &args);
            assert_all(&replies, &expected, function);
        }
        for reply in in_time(&mut scene, "resolveOpenProviders", &[json!("chat"), json!(20)]) {
            assert_eq!(strings(reply.value(), "peer_id"), [scene.id(scene.client)]);
        }
        let reply = scene.call(
            "registerOpenNodeProvider",
            &[json!(gone), json!("chat"), json!("v"), none()],
        );
        assert_eq!(reply.value(), &json!(false));
        assert!(reply.error_of(&gone).contains("no answer in time") && reply.latency_ms() < MOST_MS);
        let found = scene.call("resolveOpenProviders", &[json!("chat"), json!(1)]);
        assert_eq!(strings(found.value(), "peer_id"), [scene.id(scene.client)]);
    }
}

#[test]
fn a_provider_that_is_dead_or_fails_is_named_and_the_others_are_called_in_time() {
    let mut scene = scene_of(20);
    let clients = [6, 7, 8].map(|relay| scene.add_client(PeerIndex(relay)));
    for client in clients {
        greeter(&mut scene, client, "greeter");
        let args = [json!("chat"), json!("hello"), json!("greeter")];
        assert_eq!(
            scene.call_as(client, "registerOpenProvider", &args).clean(),
            &json!(true)
        );
    }
    scene.settle();
    let [good, dead, fails] = clients;
    scene.network.kill(dead).unwrap();
    let no_mood = |_: &ServiceCall| ServiceResult::error("no mood").into();
    scene
        .network
        .define_service(fails, "greeter", "greet", no_mood)
        .unwrap();
    let args = [json!("chat"), json!(1), json!("you")];
    for reply in in_time(&mut scene, "greetOpen", &args) {
        assert_eq!(reply.value(), &json!([format!("{} greets you", scene.id(good))]));
        let errors = reply.errors();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert_eq!(errors[2], "done on 1 nodes, 3 are needed");
        assert!(reply.error_of(&scene.id(dead)).contains("no answer in time"));
        assert!(reply.error_of(&scene.id(fails)).contains("no mood"));
    }
}
