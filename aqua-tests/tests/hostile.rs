//! Nodes that lie. They cannot make anybody believe it, nor keep the honest from being heard.

use aqua_tests::{compile, Scene};
use devnet::{Answer, Hostile, NetworkConfig, PeerIndex, ServiceCall, ServiceResult};
use registry_service::domain::{pack_key, pack_records};
use registry_testkit::Peer;
use serde_json::{json, Value};

const LIAR: PeerIndex = PeerIndex(9);

fn good(packed: String) -> Value {
    json!({"success": true, "error": "", "answer": packed})
}

/// Has a node answer `function` of the registry with this.
fn lying(scene: &mut Scene, function: &'static str, answer: Value) {
    let respond = move |call: &ServiceCall| {
        let lie = || Answer::from(ServiceResult::ok(answer.clone()));
        (call.service == "registry" && call.function == function).then(lie)
    };
    scene
        .network
        .set_hostile(LIAR, Some(Hostile::new().respond(respond)))
        .unwrap();
}

/// A resource with the client as its provider.
fn provided(program: devnet::AquaProgram) -> (Scene, String) {
    let mut scene = Scene::with(NetworkConfig::new(20), program);
    let id = scene.create("sample");
    scene.register(scene.client, &id, "value");
    (scene, id)
}

#[test]
fn forged_records_are_dropped_and_the_forger_is_named() {
    let (mut scene, id) = provided(compile("resources.aqua", &[]));
    let now = devnet::EPOCH_SEC;
    let mallory = Peer::named("mallory");
    // The signature of one peer under the name of another.
    let mut forged = mallory.own_record(&id, "forged", now);
    forged.metadata.peer_id = Peer::named("victim").id().to_owned();
    // Genuine, but of another key.
    let other_key = mallory.key("other", now);
    let elsewhere = mallory.own_record(&other_key.id, "elsewhere", now);
    for lie in [
        good(pack_records([&forged])),
        good(pack_records([&elsewhere])),
        good("not packed".to_owned()),
        good("A".repeat(100_000)),
        good(String::new()),
    ] {
        lying(&mut scene, "get_answer", lie);
        let reply = scene.resolve(&id, 20);
        assert_eq!(reply.providers(), [scene.id(scene.client)]);
        assert!(
            reply.error_of(&scene.id(LIAR)).contains("the answer is dropped"),
            "{:?}",
            reply.errors()
        );
        assert!(reply.latency_ms() < 1_000, "{} ms", reply.latency_ms());
        let enough = scene.resolve(&id, 19);
        assert_eq!(enough.providers(), [scene.id(scene.client)]);
    }
}

#[test]
fn what_has_the_wrong_type_is_an_error_of_that_node_alone() {
    let (mut scene, id) = provided(compile("resources.aqua", &[]));
    for lie in [
        json!("nonsense"),
        json!(null),
        json!({"success": true, "error": "", "answer": 5}),
        json!({"success": ["", "", ""], "error": "", "answer": ""}),
        json!([]),
        json!({"answer": "x"}),
    ] {
        lying(&mut scene, "get_answer", lie.clone());
        let reply = scene.resolve(&id, 20);
        assert_eq!(reply.providers(), [scene.id(scene.client)], "{lie}");
        assert!(!reply.error_of(&scene.id(LIAR)).is_empty(), "{lie}");
        assert!(reply.latency_ms() < 1_000, "{lie}: {} ms", reply.latency_ms());
    }
}

#[test]
fn forged_keys_are_dropped_and_the_forger_is_named() {
    let program = compile("resources.aqua", &["CONSISTENCY_LEVEL = 20"]);
    let (mut scene, id) = provided(program);
    let genuine = scene.call("getResource", &[json!(id)]).clean()[0].clone();
    let mut forged: registry_service::domain::data::Key = serde_json::from_value(genuine.clone()).unwrap();
    forged.timestamp_created += 1_000_000_000;
    let another = Peer::named("mallory").key("sample", devnet::EPOCH_SEC);
    for lie in [
        good(format!("{}:", pack_key(&forged))),
        good(format!("{}:", pack_key(&another))),
        good(pack_key(&another)),
        good("not packed".to_owned()),
        json!(7),
    ] {
        lying(&mut scene, "get_answer", lie);
        let reply = scene.call("getResource", &[json!(id)]);
        assert_eq!(reply.value(), &json!([genuine]));
        assert!(!reply.error_of(&scene.id(LIAR)).is_empty());
        assert!(reply.latency_ms() < 1_000);
    }
}

#[test]
fn a_node_that_refuses_to_store_is_an_error_and_the_others_do() {
    let program = compile("resources.aqua", &["INITIAL_REPLICATION_FACTOR = 19"]);
    let mut scene = Scene::with(NetworkConfig::new(20), program);
    for lie in [
        json!({"success": false, "error": "no room", "answer": ""}),
        json!("nonsense"),
        json!({"success": false, "error": [{"a": 1}], "answer": ""}),
    ] {
        lying(&mut scene, "publish", lie.clone());
        let reply = scene.call("createResource", &[json!("sample")]);
        assert_eq!(
            reply.value().as_array().unwrap().len(),
            1,
            "{lie}: {:?}",
            reply.errors()
        );
        scene.settle();
    }
}

#[test]
fn a_node_that_never_answers_does_not_keep_a_reader_waiting_who_needs_fewer() {
    let (mut scene, id) = provided(compile("resources.aqua", &[]));
    let silent = |call: &ServiceCall| (call.service == "registry").then_some(Answer::Never);
    scene
        .network
        .set_hostile(LIAR, Some(Hostile::new().respond(silent)))
        .unwrap();
    let reply = scene.resolve(&id, 5);
    assert_eq!(reply.clean().as_array().unwrap().len(), 1);
    assert!(reply.latency_ms() < 2_000, "{} ms", reply.latency_ms());
}

#[test]
fn a_node_that_lies_about_hosting_convinces_nobody() {
    let (mut scene, id) = provided(compile("resources.aqua", &[]));
    let now = devnet::EPOCH_SEC;
    let metadata = Peer::named("mallory").metadata(&id, &Peer::named("victim"), "forged", now);
    let mut lie = json!({"success": true, "error": "", "record": {
        "metadata": serde_json::to_value(metadata).unwrap(), "timestamp_created": now, "signature": []}});
    lying(&mut scene, "put_host_record", lie.take());
    let liar = scene.id(LIAR);
    let args = [json!(liar), json!(id), json!("value"), json!(null)];
    let reply = scene.call("registerNodeProvider", &args);
    assert_eq!(reply.value(), &json!(false));
    assert!(!reply.errors().is_empty());
    assert_eq!(scene.resolve(&id, 20).providers(), [scene.id(scene.client)]);
}
