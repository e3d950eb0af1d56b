//! What an issuer says later stands, through whichever relay and however fast.

use aqua_tests::{compile, strings, Scene};
use devnet::{NetworkConfig, PeerIndex};
use serde_json::json;

/// Particles that live longer than clocks are apart: a node takes others for expired.
fn scene() -> Scene {
    Scene::living(NetworkConfig::new(20), 60_000, compile("resources.aqua", &[]))
}

fn value(scene: &mut Scene, id: &str) -> Vec<String> {
    strings(scene.resolve(id, 20).clean(), "value")
}

/// The client's id, with which it comes back through other relays: one client of each relay would be another issuer.
fn set_clock(scene: &mut Scene, offset_sec: i64) {
    scene
        .network
        .set_clock_offset_ms(PeerIndex(0), offset_sec * 1_000)
        .unwrap();
}

#[test]
fn of_two_registrations_in_one_second_the_later_stands() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    for value in ["z", "old", "a", "new"] {
        let args = [json!(id), json!(value), json!(null)];
        assert_eq!(scene.call("registerProvider", &args).clean(), &json!(true), "{value}");
    }
    scene.settle();
    assert_eq!(value(&mut scene, &id), ["new"]);
    let (node, relay) = (scene.id(PeerIndex(3)), scene.id(PeerIndex(0)));
    for provider in [node, relay] {
        for value in ["b", "a"] {
            let args = [json!(provider), json!(id), json!(value), json!(null)];
            assert_eq!(
                scene.call("registerNodeProvider", &args).clean(),
                &json!(true),
                "{value}"
            );
        }
    }
    scene.settle();
    let mut values = value(&mut scene, &id);
    values.sort();
    assert_eq!(values, ["a", "a", "new"]);
}

#[test]
fn a_relay_whose_clock_is_slower_makes_no_difference_within_30_seconds() {
    let mut scene = scene();
    set_clock(&mut scene, 20);
    let id = scene.create("sample");
    let me = scene.id(scene.client);
    let args = [json!(id), json!("ahead"), json!(null)];
    assert_eq!(scene.call("registerProvider", &args).clean(), &json!(true));
    set_clock(&mut scene, 0);
    let args = [json!(id), json!("again"), json!(null)];
    assert_eq!(scene.call("registerProvider", &args).clean(), &json!(true));
    scene.settle();
    assert_eq!(value(&mut scene, &id), ["again"]);
    let removed = scene.call("unregisterService", &[json!(id), json!(me)]);
    assert_eq!(removed.clean(), &json!(true));
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).providers(), [] as [String; 0]);
    let args = [json!("sample"), json!("back"), json!(null)];
    assert_eq!(
        scene.call("createResourceAndRegisterProvider", &args).clean(),
        &json!([id])
    );
    scene.settle();
    assert_eq!(value(&mut scene, &id), ["back"]);
}

#[test]
fn a_relay_too_far_behind_what_stands_says_so_and_nothing_changes() {
    let mut scene = scene();
    set_clock(&mut scene, 25);
    let id = scene.create("sample");
    let me = scene.id(scene.client);
    let args = [json!(id), json!("ahead"), json!(null)];
    assert_eq!(scene.call("registerProvider", &args).clean(), &json!(true));
    set_clock(&mut scene, -10);
    let args = [json!(id), json!("late"), json!(null)];
    for (function, args) in [
        ("registerProvider", args.to_vec()),
        ("unregisterService", vec![json!(id), json!(me)]),
    ] {
        let reply = scene.call(function, &args);
        assert_eq!(reply.value(), &json!(false), "{function}");
        let error = reply.error_of(&scene.id(PeerIndex(0)));
        assert!(error.contains("ahead of the clock of this node"), "{function}: {error}");
        assert_eq!(reply.errors().len(), 1, "{:?}", reply.errors());
    }
}

#[test]
fn removing_what_is_not_there_says_so() {
    let mut scene = Scene::of(3);
    let id = scene.create("sample");
    let other = scene.add_client(PeerIndex(1));
    scene.register(other, &id, "others");
    let (me, other_id) = (scene.id(scene.client), scene.id(other));
    for peer in [&me, &other_id] {
        let reply = scene.call("unregisterService", &[json!(id), json!(peer)]);
        assert_eq!(reply.value(), &json!(true));
        let [error] = &reply.errors()[..] else {
            panic!("{:?}", reply.errors());
        };
        assert!(
            error.contains("nothing stands") && error.contains(&me) && error.contains(peer),
            "{error}"
        );
    }
    scene.settle();
    assert_eq!(scene.resolve(&id, 3).providers(), [other_id]);
}

#[test]
fn each_service_of_a_provider_stands_beside_the_others_until_all_are_removed() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let me = scene.id(scene.client);
    for service in ["one", "two", "one"] {
        let args = [json!(id), json!(service), json!(service)];
        assert_eq!(scene.call("registerProvider", &args).clean(), &json!(true));
    }
    scene.settle();
    let mut services = value(&mut scene, &id);
    services.sort();
    assert_eq!(services, ["one", "two"]);
    let removed = scene.call("unregisterService", &[json!(id), json!(me)]);
    assert_eq!(removed.clean(), &json!(true));
    scene.settle();
    assert_eq!(value(&mut scene, &id), [] as [String; 0]);
}
