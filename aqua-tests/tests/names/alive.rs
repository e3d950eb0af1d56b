//! Who of the providers is there, and one of them that does the work.

use std::time::Duration;

use aqua_tests::{Reply, Scene};
use devnet::{Answer, PeerIndex, ServiceCall, ServiceResult};
use serde_json::json;

use crate::{cost, greeter, ids, in_time, none, scene_of, MOST_MS};

fn node_provides(scene: &mut Scene, node: PeerIndex, id: &str, service: Option<&str>) {
    let args = [json!(scene.id(node)), json!(id), json!("value"), json!(service)];
    assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
}

fn client_provides(scene: &mut Scene, relay: usize, id: &str, service: Option<&str>) -> PeerIndex {
    let client = scene.add_client(PeerIndex(relay));
    if let Some(service) = service {
        greeter(scene, client, service);
    }
    let args = [json!(id), json!("value"), json!(service)];
    assert_eq!(scene.call_as(client, "registerProvider", &args).clean(), &json!(true));
    client
}

fn alive(scene: &mut Scene, id: &str) -> Reply {
    let reply = scene.call("resolveAlive", &[json!(id), json!(1)]);
    cost("resolveAlive", &reply);
    reply
}

#[test]
fn those_who_are_there_are_found_in_one_round_trip_more_than_all() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    let client = client_provides(&mut scene, 6, &id, None);
    greeter(&mut scene, PeerIndex(3), "greeter");
    node_provides(&mut scene, PeerIndex(3), &id, Some("greeter"));
    node_provides(&mut scene, PeerIndex(4), &id, None);
    scene.settle();
    let all = [client, PeerIndex(3), PeerIndex(4)];
    let resolved = scene.resolve(&id, 1);
    cost("resolveProviders", &resolved);
    let found = alive(&mut scene, &id);
    assert_eq!(found.errors(), [] as [String; 0]);
    assert_eq!(found.providers(), ids(&scene, &all));
    // A link takes 50 ms each way.
    assert_eq!(found.latency_ms(), resolved.latency_ms() + 100);
}

#[test]
fn who_is_not_there_is_left_out_and_named() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    let (here, left) = (
        client_provides(&mut scene, 6, &id, None),
        client_provides(&mut scene, 7, &id, None),
    );
    let behind_the_dead = client_provides(&mut scene, 8, &id, None);
    node_provides(&mut scene, PeerIndex(3), &id, Some("greeter"));
    node_provides(&mut scene, PeerIndex(9), &id, None);
    node_provides(&mut scene, PeerIndex(4), &id, Some("registry"));
    scene.settle();
    scene.network.kill(left).unwrap();
    for node in [8, 9] {
        scene.network.kill(PeerIndex(node)).unwrap();
    }
    let found = alive(&mut scene, &id);
    assert_eq!(found.providers(), ids(&scene, &[here, PeerIndex(4)]));
    assert!(found.latency_ms() < MOST_MS);
    assert!(found.error_of(&scene.id(left)).contains("not connected to its relay"));
    assert!(found.error_of(&scene.id(PeerIndex(3))).contains("'greeter' not found"));
    for gone in [behind_the_dead, PeerIndex(9)] {
        assert!(
            found.error_of(&scene.id(gone)).contains("no answer in time"),
            "{:?}",
            found.errors()
        );
    }
    in_time(&mut scene, "resolveAlive", &[json!(id), json!(20)]);
}

#[test]
fn of_a_resource_without_providers_or_that_nobody_knows_nobody_is_there() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    assert_eq!(alive(&mut scene, &id).clean(), &json!([]));
    let unknown = scene.call("resolveAlive", &[json!("1".repeat(32)), json!(1)]);
    assert_eq!(unknown.value(), &json!([]));
    assert!(
        unknown.errors()[0].contains("is not known here"),
        "{:?}",
        unknown.errors()
    );
    let mut known = |id: &str| {
        scene
            .call("resolveAliveResource", &[json!(id), json!(1)])
            .value()
            .clone()
    };
    assert_eq!([known(&id), known(&"1".repeat(32))], [json!([[]]), json!([])]);
    let greeted = scene.call("greetOne", &[json!(id), json!(1), json!("you")]);
    assert_eq!(greeted.values[..2], [json!([]), json!(false)]);
}

/// Greetings, whether one was called, and errors.
fn greet(scene: &mut Scene, id: &str) -> (Vec<String>, bool, Reply) {
    let reply = scene.call("greetOne", &[json!(id), json!(1), json!("you")]);
    cost("executeOnOne", &reply);
    let greetings: Vec<String> = serde_json::from_value(reply.values[0].clone()).unwrap();
    (greetings, reply.values[1] == json!(true), reply)
}

#[test]
fn one_provider_does_the_work_and_not_always_the_same() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    for relay in [5, 6, 7, 8] {
        client_provides(&mut scene, relay, &id, Some("greeter"));
    }
    scene.settle();
    let mut greeted = Vec::new();
    for _ in 0..12 {
        let (greetings, done, reply) = greet(&mut scene, &id);
        assert!(done && reply.errors().is_empty(), "{:?}", reply.errors());
        assert_eq!(greetings.len(), 1);
        assert!(reply.latency_ms() < 1_000);
        greeted.extend(greetings);
        scene.settle();
    }
    greeted.sort();
    greeted.dedup();
    assert!(greeted.len() > 1, "{greeted:?}");
}

#[test]
fn where_one_fails_at_once_the_next_is_called_at_once() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    let clients: Vec<PeerIndex> = [5, 6, 7]
        .map(|relay| client_provides(&mut scene, relay, &id, Some("greeter")))
        .into();
    scene.settle();
    for client in &clients[..2] {
        let fails = |_: &ServiceCall| ServiceResult::error("no mood").into();
        scene
            .network
            .define_service(*client, "greeter", "greet", fails)
            .unwrap();
    }
    for _ in 0..4 {
        let (greetings, done, reply) = greet(&mut scene, &id);
        assert_eq!(
            (greetings, done),
            (vec![format!("{} greets you", scene.id(clients[2]))], true)
        );
        assert!(
            reply.errors().iter().all(|error| error.contains("no mood")),
            "{:?}",
            reply.errors()
        );
        assert!(reply.latency_ms() < 1_500, "{} ms", reply.latency_ms());
        scene.settle();
    }
    let fails = |_: &ServiceCall| ServiceResult::error("no mood").into();
    scene
        .network
        .define_service(clients[2], "greeter", "greet", fails)
        .unwrap();
    let (greetings, done, reply) = greet(&mut scene, &id);
    assert_eq!((greetings, done), (vec![], false));
    assert!(
        reply
            .errors()
            .iter()
            .any(|error| error == "done on 0 nodes, 1 are needed"),
        "{:?}",
        reply.errors()
    );
}

#[test]
fn where_providers_are_dead_or_hang_the_next_has_its_turn_within_the_time() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    let clients: Vec<PeerIndex> = [5, 6, 7]
        .map(|relay| client_provides(&mut scene, relay, &id, Some("greeter")))
        .into();
    scene.settle();
    scene.network.kill(PeerIndex(5)).unwrap();
    scene
        .network
        .define_service(clients[1], "greeter", "greet", |_| Answer::Never)
        .unwrap();
    for _ in 0..4 {
        let (greetings, done, reply) = greet(&mut scene, &id);
        assert_eq!(
            (greetings, done),
            (vec![format!("{} greets you", scene.id(clients[2]))], true)
        );
        assert!(reply.latency_ms() < MOST_MS, "{} ms", reply.latency_ms());
        scene.settle();
    }
    scene
        .network
        .define_service(clients[2], "greeter", "greet", |_| Answer::Never)
        .unwrap();
    let (greetings, done, reply) = greet(&mut scene, &id);
    assert_eq!((greetings, done), (vec![], false));
    for client in &clients {
        assert!(reply.error_of(&scene.id(*client)).contains("no answer in time"));
    }
    in_time(&mut scene, "greetOne", &[json!(id), json!(1), json!("you")]);
}

/// It has had its turn, and is not called again; its answer counts when it comes while another one is tried.
#[test]
fn a_provider_that_is_late_counts_when_it_answers() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    let clients: Vec<PeerIndex> = [5, 6, 7]
        .map(|relay| client_provides(&mut scene, relay, &id, Some("greeter")))
        .into();
    scene.settle();
    for client in &clients {
        let late = |_: &ServiceCall| Answer::After(Duration::from_millis(1_500), ServiceResult::ok("late"));
        scene.network.define_service(*client, "greeter", "greet", late).unwrap();
    }
    let (greetings, done, reply) = greet(&mut scene, &id);
    assert_eq!((greetings, done), (vec!["late".to_owned()], true));
    assert!(reply.latency_ms() < MOST_MS);
    let _ = none();
}
