//! Resources: creating them and finding them again.

use aqua_tests::Scene;
use devnet::{CallFailure, NetworkConfig, PeerIndex};
use serde_json::json;

#[test]
fn a_created_resource_is_found_from_everywhere() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let owner = scene.id(scene.client);
    for node in [0, 7, 19] {
        let reader = scene.add_client(PeerIndex(node));
        let reply = scene.call_as(reader, "getResource", &[json!(id)]);
        let resource = &reply.clean()[0];
        assert_eq!(resource["id"], json!(id));
        assert_eq!(resource["label"], json!("sample"));
        assert_eq!(resource["owner_peer_id"], json!(owner));
    }
    let computed = scene.call("getResourceId", &[json!("sample"), json!(owner)]);
    assert_eq!(computed.value(), &json!(id));
}

#[test]
fn all_twenty_neighbours_hold_the_key_and_no_other_node_does() {
    let mut scene = Scene::of(30);
    let id = scene.create("sample");
    let mut expected = scene.neighbourhood(&id);
    expected.sort();
    let holders: Vec<_> = scene.holders(&id).into_iter().map(|(node, _)| node).collect();
    assert_eq!(holders, expected);
}

#[test]
fn creating_it_again_gives_the_same_id() {
    let mut scene = Scene::of(3);
    assert_eq!(scene.create("sample"), scene.create("sample"));
}

#[test]
fn a_resource_that_is_nowhere_is_not_found_as_soon_as_all_have_answered() {
    let mut scene = Scene::of(20);
    let owner = scene.id(scene.client);
    let id = scene.call("getResourceId", &[json!("nothing"), json!(owner)]);
    let reply = scene.call("getResource", &[id.value().clone()]);
    assert_eq!(reply.value(), &json!([]));
    assert!(reply.latency_ms() <= 300, "{} ms", reply.latency_ms());
    let errors = reply.errors();
    assert!(
        errors[0].starts_with("20 nodes: ") && errors[0].contains("is not known here"),
        "{errors:?}"
    );
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn a_malformed_id_is_refused_by_name() {
    let mut scene = Scene::of(3);
    for id in ["", "0OIl", "xx", &"1".repeat(100)] {
        let reply = scene.call("getResource", &[json!(id)]);
        assert_eq!(reply.value(), &json!([]));
        let error = reply.error_of(&scene.id(PeerIndex(0)));
        assert!(error.contains("key id"), "{error}");
    }
}

#[test]
fn a_label_that_is_too_long_is_refused_with_its_limit() {
    let mut scene = Scene::of(3);
    let reply = scene.call("createResource", &[json!("x".repeat(513))]);
    assert_eq!(reply.value(), &json!([]));
    assert!(reply.errors()[0].contains("513"), "{:?}", reply.errors());
    assert!(reply.errors()[0].contains("512"), "{:?}", reply.errors());
}

#[test]
fn a_client_that_does_not_sign_gets_an_error_and_no_wait() {
    let mut scene = Scene::of(3);
    let refuse = |_: &devnet::ServiceCall| {
        let refusal = json!({"success": false, "error": ["I sign nothing"], "signature": []});
        devnet::ServiceResult::ok(refusal).into()
    };
    let client = scene.client;
    let id = scene.create("sample");
    let node = scene.id(PeerIndex(1));
    scene.network.define_service(client, "sig", "sign", refuse).unwrap();
    for (function, args) in [
        ("createResource", vec![json!("other")]),
        ("registerProvider", vec![json!(id), json!("value"), json!(null)]),
        (
            "createResourceAndRegisterProvider",
            vec![json!("other"), json!("value"), json!(null)],
        ),
        (
            "registerNodeProvider",
            vec![json!(node), json!(id), json!("value"), json!(null)],
        ),
        ("unregisterService", vec![json!(id), json!(node)]),
    ] {
        let reply = scene.call(function, &args);
        assert!(
            reply.errors().contains(&"I sign nothing".to_owned()),
            "{function}: {:?}",
            reply.errors()
        );
        assert!([json!(false), json!([])].contains(reply.value()), "{function}");
        assert!(reply.latency_ms() <= 200, "{function}: {} ms", reply.latency_ms());
    }
}

#[test]
fn a_relay_without_a_registry_raises_an_error() {
    let mut scene = Scene::new(NetworkConfig::new(2).without_registry());
    let function = scene.program.function("createResource").unwrap();
    let outcome = scene.network.call(scene.client, function, &[json!("sample")]).unwrap();
    let Err(CallFailure::Script(error)) = outcome.result else {
        panic!("{outcome:?}");
    };
    assert_eq!(error["peer_id"], json!(scene.id(PeerIndex(0))), "{error}");
}
