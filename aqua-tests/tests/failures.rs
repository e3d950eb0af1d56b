//! Nodes that are dead, slow or cut off.

use std::time::Duration;

use aqua_tests::{compile, Scene, READ_WAIT_MS};
use devnet::{CallFailure, NetworkConfig, PeerIndex};
use serde_json::json;

/// Within this much virtual time everything is done that waits for nobody.
const AT_ONCE_MS: u64 = 1_000;
/// What a script takes beside waiting.
const MARGIN_MS: u64 = 2_000;

fn kill(scene: &mut Scene, nodes: std::ops::Range<usize>) {
    for node in nodes {
        scene.network.kill(PeerIndex(node)).unwrap();
    }
}

/// A resource with the client as its provider, at all of 20 nodes.
fn provided() -> (Scene, String) {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    scene.register(scene.client, &id, "value");
    (scene, id)
}

#[test]
fn with_1_or_half_of_the_nodes_dead_everything_works() {
    for dead in [1, 10] {
        let (mut scene, id) = provided();
        kill(&mut scene, 20 - dead..20);
        let me = scene.id(scene.client);
        assert_eq!(scene.resolve(&id, 1).providers(), std::slice::from_ref(&me));
        assert_eq!(scene.resolve(&id, 5).providers(), std::slice::from_ref(&me));
        assert_eq!(scene.call("getResource", &[json!(id)]).clean()[0]["id"], json!(id));
        let node = scene.id(PeerIndex(2));
        let args = [json!(node), json!(id), json!("value"), json!(null)];
        assert_eq!(scene.call("registerNodeProvider", &args).value(), &json!(true));
        scene.settle();
        let unregistered = scene.call("unregisterService", &[json!(id), json!(me)]);
        assert_eq!(unregistered.value(), &json!(true));
        scene.settle();
        assert_eq!(scene.resolve(&id, 5).providers(), [node]);
        scene.create("another");
    }
}

#[test]
fn with_all_other_nodes_dead_the_relay_answers_alone() {
    let (mut scene, id) = provided();
    kill(&mut scene, 1..20);
    let me = scene.id(scene.client);
    let reply = scene.resolve(&id, 1);
    assert_eq!(reply.clean().as_array().unwrap().len(), 1);
    assert_eq!(reply.providers(), [me]);
    assert!(reply.latency_ms() < AT_ONCE_MS);
    scene.create("another");
}

#[test]
fn r13_a_read_short_of_ack_returns_what_it_has_and_names_who_is_missing() {
    let (mut scene, id) = provided();
    kill(&mut scene, 10..20);
    let reply = scene.resolve(&id, 20);
    assert_eq!(reply.providers(), [scene.id(scene.client)]);
    assert!(
        (READ_WAIT_MS - 10..READ_WAIT_MS + MARGIN_MS).contains(&reply.latency_ms()),
        "{} ms",
        reply.latency_ms()
    );
    for node in 10..20 {
        assert!(reply.error_of(&scene.id(PeerIndex(node))).contains("no answer in time"));
    }
    let resource = scene.call("resolveResource", &[json!(id), json!(20)]);
    assert_eq!(resource.value()[0].as_array().unwrap().len(), 1);
}

#[test]
fn r13_not_found_does_not_wait_for_the_timeout() {
    let mut scene = Scene::of(20);
    let owner = scene.id(scene.client);
    let unknown = scene
        .call("getResourceId", &[json!("nothing"), json!(owner)])
        .value()
        .clone();
    for ack in [1, 20] {
        let reply = scene.call("resolveProviders", &[unknown.clone(), json!(ack)]);
        assert_eq!(reply.value(), &json!([]));
        assert!(reply.latency_ms() < AT_ONCE_MS, "ack {ack}: {} ms", reply.latency_ms());
        let errors = reply.errors();
        assert!(errors[0].starts_with("20 nodes: key"), "{errors:?}");
        assert!(errors[0].contains("is not known here"), "{errors:?}");
        assert_eq!(errors.len(), 2, "{errors:?}");
    }
}

#[test]
fn a_dead_relay_ends_with_the_particle() {
    let (mut scene, id) = provided();
    kill(&mut scene, 0..1);
    let function = scene.program.function("resolveProviders").unwrap();
    let outcome = scene
        .network
        .call(scene.client, function, &[json!(id), json!(1)])
        .unwrap();
    assert!(
        matches!(outcome.result, Err(CallFailure::Expired { .. })),
        "{outcome:?}"
    );
}

#[test]
fn ack_is_clamped_to_the_neighbourhood() {
    let (mut scene, id) = provided();
    for ack in [i16::MIN, -1, 0, 1, 20, 21, i16::MAX] {
        let reply = scene.resolve(&id, ack);
        assert_eq!(reply.clean().as_array().unwrap().len(), 1, "ack {ack}");
        assert!(reply.latency_ms() < AT_ONCE_MS, "ack {ack}");
    }
}

#[test]
fn slow_nodes_are_not_waited_for() {
    let (mut scene, id) = provided();
    for node in 10..20 {
        scene.network.slow(PeerIndex(node), Duration::from_secs(3));
    }
    let reply = scene.resolve(&id, 10);
    assert_eq!(reply.clean().as_array().unwrap().len(), 1);
    assert!(reply.latency_ms() < 2_000, "{} ms", reply.latency_ms());
}

#[test]
fn each_side_of_a_partition_works_and_finds_the_others_after_it() {
    let (mut scene, id) = provided();
    let far = scene.add_client(PeerIndex(15));
    let side: Vec<_> = (10..20).map(PeerIndex).chain([far]).collect();
    scene.network.partition(side);
    assert_eq!(
        scene
            .call_as(far, "resolveProviders", &[json!(id), json!(10)])
            .providers()
            .len(),
        1
    );
    let args = [json!(id), json!("far"), json!(null)];
    assert_eq!(scene.call_as(far, "registerProvider", &args).value(), &json!(true));
    scene.settle();
    assert_eq!(scene.resolve(&id, 10).providers(), [scene.id(scene.client)]);
    scene.network.heal();
    let mut both = [scene.id(scene.client), scene.id(far)];
    both.sort();
    assert_eq!(scene.resolve(&id, 20).providers(), both);
}

#[test]
fn too_few_copies_are_a_failure_that_names_who_is_missing() {
    let program = compile("resources.aqua", &["INITIAL_REPLICATION_FACTOR = 20"]);
    let mut scene = Scene::with(NetworkConfig::new(20), program);
    let id = scene.create("sample");
    scene.register(scene.client, &id, "value");
    scene.network.kill(PeerIndex(7)).unwrap();
    let reply = scene.call("createResource", &[json!("another")]);
    assert_eq!(reply.value(), &json!([]));
    assert!(reply.error_of(&scene.id(PeerIndex(7))).contains("no answer in time"));
    assert!(
        reply
            .errors()
            .last()
            .unwrap()
            .contains("done on 19 nodes, 20 are needed"),
        "{:?}",
        reply.errors()
    );
    let reply = scene.call("registerProvider", &[json!(id), json!("value"), json!(null)]);
    assert_eq!(reply.value(), &json!(false));
}

#[test]
fn clocks_20_seconds_apart_do_not_matter() {
    let program = compile("resources.aqua", &["INITIAL_REPLICATION_FACTOR = 20"]);
    // A node whose clock is ahead by more than a particle lives takes it for expired.
    let mut scene = Scene::living(NetworkConfig::new(20), 30_000, program);
    for node in 0..20 {
        let offset_ms = if node % 2 == 0 { -10_000 } else { 10_000 };
        scene.network.set_clock_offset_ms(PeerIndex(node), offset_ms).unwrap();
    }
    let ahead = scene.add_client(PeerIndex(1));
    let id = scene.create("sample");
    scene.register(scene.client, &id, "behind");
    scene.register(ahead, &id, "ahead");
    let node = scene.id(PeerIndex(4));
    let args = [json!(node), json!(id), json!("node"), json!(null)];
    assert_eq!(
        scene.call_as(ahead, "registerNodeProvider", &args).clean(),
        &json!(true)
    );
    scene.settle();
    let reply = scene.resolve(&id, 20);
    assert_eq!(reply.clean().as_array().unwrap().len(), 3);
    let ahead_id = scene.id(ahead);
    let removed = scene.call_as(ahead, "unregisterService", &[json!(id), json!(ahead_id)]);
    assert_eq!(removed.clean(), &json!(true));
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).clean().as_array().unwrap().len(), 2);
}
