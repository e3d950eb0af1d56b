//! The documentation's own examples, as they stand in `aqua/`.

use aqua_tests::{compile, Scene};
use devnet::{NetworkConfig, PeerIndex, ServiceCall, ServiceResult};
use serde_json::{json, Value};

fn scene(script: &str) -> Scene {
    Scene::with(NetworkConfig::new(20), compile(script, &[]))
}

/// Has a peer greet as a service of this name.
fn greeter(scene: &mut Scene, peer: PeerIndex, service: &str) {
    let own = scene.id(peer);
    let greet = move |call: &ServiceCall| {
        let name = call.arg(0).as_str().unwrap_or_default().to_owned();
        ServiceResult::ok(format!("{own} greets {name}")).into()
    };
    scene.network.define_service(peer, service, "greet", greet).unwrap();
}

fn sorted(values: &Value) -> Vec<String> {
    let mut texts: Vec<String> = serde_json::from_value(values.clone()).unwrap();
    texts.sort();
    texts
}

#[test]
fn a_resource_is_created_or_the_errors_are_told() {
    let mut scene = scene("create.aqua");
    let created = scene.call("createOrTellWhy", &[json!("sample")]);
    assert_eq!(created.value().as_str().unwrap().len(), 44);
    let refused = scene.call("createOrTellWhy", &[json!("x".repeat(600))]);
    assert_eq!(refused.value(), &json!("not created"));
    assert_eq!(
        refused.outcome.stats.calls_of("run-console", "print"),
        1,
        "the relay alone knows"
    );
}

#[test]
fn the_four_ways_to_register() {
    let mut scene = scene("register.aqua");
    let node = scene.id(PeerIndex(3));
    let reply = scene.call("registerAll", &[json!("sample"), json!(node), json!("service")]);
    let [own_id, nodes_id, also, node_too] = reply.values.as_slice() else {
        panic!("{reply:?}");
    };
    assert_eq!((also, node_too), (&json!(true), &json!(true)));
    scene.settle();
    let mut both = [scene.id(scene.client), node.clone()];
    both.sort();
    let (own_id, nodes_id) = (own_id[0].clone(), nodes_id[0].clone());
    scene.program = compile("resources.aqua", &[]);
    for id in [&own_id, &nodes_id] {
        let reply = scene.call("resolveProviders", &[id.clone(), json!(20)]);
        assert_eq!(reply.clean().as_array().unwrap().len(), 2);
        assert_eq!(reply.providers(), both);
    }
    scene.program = compile("register.aqua", &[]);
    let removed = scene.call("removeNode", &[json!(node), nodes_id.clone()]);
    assert_eq!(removed.clean(), &json!(true));
    scene.settle();
    scene.program = compile("resources.aqua", &[]);
    let reply = scene.call("resolveProviders", &[nodes_id, json!(20)]);
    assert_eq!(reply.providers(), [scene.id(scene.client)]);
}

/// A resource with a node and two clients behind relays as providers, each with a service of its own name.
fn greeted() -> (Scene, String, Vec<String>) {
    let mut scene = scene("resources.aqua");
    let id = scene.create("sample");
    let mut expected = Vec::new();
    for relay in [6, 11] {
        let provider = scene.add_client(PeerIndex(relay));
        let service = format!("greeter-{relay}");
        greeter(&mut scene, provider, &service);
        let args = [json!(id), json!("value"), json!(service)];
        assert_eq!(scene.call_as(provider, "registerProvider", &args).clean(), &json!(true));
        expected.push(format!("{} greets you", scene.id(provider)));
    }
    greeter(&mut scene, PeerIndex(4), "greeter-of-node");
    let node = scene.id(PeerIndex(4));
    let args = [json!(node), json!(id), json!("value"), json!("greeter-of-node")];
    assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
    expected.push(format!("{node} greets you"));
    expected.sort();
    scene.settle();
    scene.program = compile("execute.aqua", &[]);
    (scene, id, expected)
}

#[test]
fn execute_on_providers_reaches_nodes_and_clients_behind_relays() {
    let (mut scene, id, expected) = greeted();
    for ack in [1, 20] {
        let reply = scene.call("greetAll", &[json!(id), json!(ack), json!("you")]);
        assert_eq!(sorted(reply.clean()), expected, "ack {ack}");
    }
}

#[test]
fn data_goes_to_every_provider_in_a_loop() {
    let (mut scene, id, expected) = greeted();
    let reply = scene.call("greetEach", &[json!(id), json!(1), json!("you")]);
    assert_eq!(sorted(reply.clean()), expected);
}

#[test]
fn a_provider_that_fails_or_is_silent_is_named_and_the_others_are_called() {
    let (mut scene, id, expected) = greeted();
    scene.network.kill(PeerIndex(11)).unwrap();
    let fails = |_: &ServiceCall| ServiceResult::error("no mood").into();
    let node = PeerIndex(4);
    scene
        .network
        .define_service(node, "greeter-of-node", "greet", fails)
        .unwrap();
    let reply = scene.call("greetAll", &[json!(id), json!(1), json!("you")]);
    assert_eq!(reply.errors().len(), 3, "{:?}", reply.errors());
    assert_eq!(reply.errors()[2], "done on 1 nodes, 3 are needed");
    assert!(reply.error_of(&scene.id(node)).contains("no mood"));
    assert!(reply.errors().iter().any(|error| error.contains("no answer in time")));
    let greetings = sorted(reply.value());
    assert_eq!(greetings.len(), 1);
    assert!(expected.contains(&greetings[0]));
}
