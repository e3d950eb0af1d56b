//! Providers: registering, finding, replacing and removing them.

use aqua_tests::{strings, Scene};
use devnet::PeerIndex;
use serde_json::json;

#[test]
fn a_client_is_a_provider_through_its_relay() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let provider = scene.add_client(PeerIndex(5));
    let args = [json!(id), json!("value"), json!("service")];
    assert_eq!(scene.call_as(provider, "registerProvider", &args).clean(), &json!(true));
    scene.settle();
    let reply = scene.resolve(&id, 1);
    let [record] = reply.clean().as_array().unwrap().as_slice() else {
        panic!("{reply:?}");
    };
    assert_eq!(record["key_id"], json!(id));
    assert_eq!(record["value"], json!("value"));
    assert_eq!(record["peer_id"], json!(scene.id(provider)));
    assert_eq!(record["set_by"], json!(scene.id(provider)));
    assert_eq!(record["relay_id"], json!([scene.id(PeerIndex(5))]));
    assert_eq!(record["service_id"], json!(["service"]));
    assert_eq!(record["solution"], json!([]));
    assert_eq!(record["signature"].as_array().unwrap().len(), 64);
    assert!(record["timestamp_created"].as_u64().unwrap() >= devnet::EPOCH_SEC);
    assert_eq!(scene.holders(&id).len(), 20);
    assert!(scene.holders(&id).iter().all(|(_, held)| held.records.len() == 1));
}

#[test]
fn create_and_register_in_one_go() {
    let mut scene = Scene::of(20);
    let args = [json!("sample"), json!("value"), json!(null)];
    let reply = scene.call("createResourceAndRegisterProvider", &args);
    let id = reply.clean()[0].as_str().unwrap().to_owned();
    scene.settle();
    let provider = scene.id(scene.client);
    assert_eq!(scene.resolve(&id, 20).providers(), [provider]);
    assert_eq!(
        scene.call("getResource", &[json!(id)]).clean()[0]["label"],
        json!("sample")
    );
}

#[test]
fn a_provider_of_a_resource_that_is_nowhere_is_refused() {
    let mut scene = Scene::of(20);
    let owner = scene.id(scene.client);
    let id = scene.call("getResourceId", &[json!("nothing"), json!(owner)]);
    let args = [id.value().clone(), json!("value"), json!(null)];
    let reply = scene.call("registerProvider", &args);
    assert_eq!(reply.value(), &json!(false));
    for node in scene.network.nodes() {
        assert!(reply.errors()[0].contains("is not known here"), "{node:?}");
    }
    assert!(reply.latency_ms() < 1_000);
}

#[test]
fn a_value_that_is_too_long_is_refused_with_its_limit() {
    let mut scene = Scene::of(3);
    let id = scene.create("sample");
    let args = [json!(id), json!("x".repeat(4097)), json!(null)];
    let reply = scene.call("registerProvider", &args);
    assert_eq!(reply.value(), &json!(false));
    assert!(reply.errors()[0].contains("4096"), "{:?}", reply.errors());
}

#[test]
fn registering_again_replaces_the_value() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    scene.register(scene.client, &id, "old");
    scene.register(scene.client, &id, "new");
    assert_eq!(strings(scene.resolve(&id, 20).clean(), "value"), ["new"]);
}

#[test]
fn who_unregisters_is_gone_everywhere_and_may_come_back() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let other = scene.add_client(PeerIndex(1));
    scene.register(scene.client, &id, "mine");
    scene.register(other, &id, "others");
    let me = scene.id(scene.client);
    let reply = scene.call("unregisterService", &[json!(id), json!(me)]);
    assert_eq!(reply.clean(), &json!(true));
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).providers(), [scene.id(other)]);
    assert!(scene.holders(&id).iter().all(|(_, held)| held.records.len() == 1));
    scene.register(scene.client, &id, "back");
    assert_eq!(scene.resolve(&id, 20).providers().len(), 2);
}

#[test]
fn nobody_unregisters_another_clients_provider() {
    let mut scene = Scene::of(3);
    let id = scene.create("sample");
    let other = scene.add_client(PeerIndex(1));
    scene.register(other, &id, "others");
    let other_id = scene.id(other);
    scene.call("unregisterService", &[json!(id), json!(other_id)]);
    scene.settle();
    assert_eq!(scene.resolve(&id, 3).providers(), [other_id]);
}

#[test]
fn of_forty_providers_the_newest_32_come_back() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let mut ids = Vec::new();
    for number in 0..40 {
        let provider = scene.add_client(PeerIndex(number % 20));
        scene.register(provider, &id, &number.to_string());
        ids.push(scene.id(provider));
    }
    let mut newest = ids.split_off(8);
    newest.sort();
    for ack in [1, 20] {
        assert_eq!(scene.resolve(&id, ack).providers(), newest, "ack {ack}");
    }
}

#[test]
fn two_clients_that_race_both_get_in() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let racers = [scene.add_client(PeerIndex(3)), scene.add_client(PeerIndex(12))];
    let args = [json!(id), json!("value"), json!(null)];
    let calls = racers.map(|racer| scene.start(racer, "registerProvider", &args));
    for call in &calls {
        assert_eq!(scene.wait(call).clean(), &json!(true));
    }
    scene.settle();
    let mut expected = racers.map(|racer| scene.id(racer));
    expected.sort();
    assert_eq!(scene.resolve(&id, 20).providers(), expected);
}

#[test]
fn register_service_takes_the_client_and_a_node() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let (me, node) = (scene.id(scene.client), scene.id(PeerIndex(4)));
    for peer in [&me, &node] {
        let args = [json!(id), json!("value"), json!(peer), json!("service")];
        assert_eq!(scene.call("registerService", &args).clean(), &json!(true));
        scene.settle();
    }
    let mut expected = [me, node];
    expected.sort();
    assert_eq!(scene.resolve(&id, 20).providers(), expected);
}

#[test]
fn resolve_resource_tells_an_unknown_resource_from_one_without_providers() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    assert_eq!(
        scene.call("resolveResource", &[json!(id), json!(1)]).clean(),
        &json!([[]])
    );
    let owner = scene.id(scene.client);
    let unknown = scene.call("getResourceId", &[json!("nothing"), json!(owner)]);
    let reply = scene.call("resolveResource", &[unknown.value().clone(), json!(1)]);
    assert_eq!(reply.value(), &json!([]));
    assert_eq!(reply.errors().len(), 2, "{:#?}", reply.errors());
}
