//! Nodes as providers: a client registers them, though no node signs for a client.

use aqua_tests::Scene;
use devnet::{NetworkConfig, PeerIndex};
use serde_json::json;

const NODE: PeerIndex = PeerIndex(4);

#[test]
fn r8_an_ordinary_client_registers_a_node() {
    for config in [NetworkConfig::new(20), NetworkConfig::new(20).without_trust_graph()] {
        let mut scene = Scene::new(config);
        let id = scene.create("sample");
        let node = scene.id(NODE);
        let args = [json!(node), json!(id), json!("value"), json!("service")];
        assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
        scene.settle();
        for ack in [1, 20] {
            let reply = scene.resolve(&id, ack);
            assert_eq!(reply.providers(), std::slice::from_ref(&node));
            let record = &reply.clean()[0];
            assert_eq!(record["set_by"], json!(scene.id(scene.client)));
            assert_eq!(record["relay_id"], json!([]));
            assert_eq!(record["service_id"], json!(["service"]));
        }
        assert!(scene.holders(&id).iter().all(|(_, held)| held.records.len() == 1));
    }
}

#[test]
fn a_node_outside_the_neighbourhood_hosts_its_own_record() {
    let mut scene = Scene::of(30);
    let id = scene.create("sample");
    let near = scene.neighbourhood(&id);
    let outsider = scene
        .network
        .nodes()
        .into_iter()
        .find(|node| !near.contains(node))
        .unwrap();
    let args = [json!(scene.id(outsider)), json!(id), json!("value"), json!(null)];
    assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
    scene.settle();
    let holders = scene.holders(&id);
    assert_eq!(holders.len(), 21);
    assert!(holders.iter().all(|(_, held)| held.records.len() == 1));

    let outsider_id = scene.id(outsider);
    let removed = scene.call("removeNodeFromProviders", &[json!(outsider_id), json!(id)]);
    assert_eq!(removed.clean(), &json!(true));
    scene.settle();
    assert!(
        scene.holders(&id).iter().all(|(_, held)| held.records.is_empty()),
        "the host knows, too"
    );
    assert_eq!(scene.resolve(&id, 20).providers(), [] as [String; 0]);
}

#[test]
fn create_and_register_a_node_in_one_go() {
    let mut scene = Scene::of(20);
    let node = scene.id(NODE);
    let args = [json!(node), json!("sample"), json!("value"), json!(null)];
    let reply = scene.call("createResourceAndRegisterNodeProvider", &args);
    let id = reply.clean()[0].as_str().unwrap().to_owned();
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).providers(), [node]);
}

#[test]
fn a_dead_node_is_no_provider_and_the_error_names_it() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    scene.network.kill(NODE).unwrap();
    let node = scene.id(NODE);
    let args = [json!(node), json!(id), json!("value"), json!(null)];
    let reply = scene.call("registerNodeProvider", &args);
    assert_eq!(reply.value(), &json!(false));
    assert!(reply.error_of(&node).contains("no answer in time"));
    // 10 % of the particle's time to live.
    assert!((700..1_700).contains(&reply.latency_ms()), "{} ms", reply.latency_ms());
    assert_eq!(scene.resolve(&id, 1).providers(), [] as [String; 0]);
}

#[test]
fn a_node_that_refuses_is_no_provider_and_says_why() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let node = scene.id(NODE);
    let args = [json!(node), json!(id), json!("x".repeat(4097)), json!(null)];
    let reply = scene.call("registerNodeProvider", &args);
    assert_eq!(reply.value(), &json!(false));
    assert!(!reply.errors().is_empty());
    assert!(reply.latency_ms() < 1_000);
}

#[test]
fn a_client_cannot_be_registered_as_a_node() {
    let mut scene = Scene::of(3);
    let id = scene.create("sample");
    let other = scene.add_client(PeerIndex(0));
    let other_id = scene.id(other);
    let args = [json!(other_id), json!(id), json!("value"), json!(null)];
    let reply = scene.call("registerNodeProvider", &args);
    assert_eq!(reply.value(), &json!(false));
    assert!(!reply.error_of(&other_id).is_empty());
}

#[test]
fn a_node_without_registry_is_no_provider_and_says_so_at_once() {
    let mut scene = Scene::of(3);
    let id = scene.create("sample");
    let absent = devnet::Hostile::new().respond(|call| {
        let absent = || devnet::ServiceResult::error("Service with id 'registry' not found").into();
        (call.service == "registry").then(absent)
    });
    scene.network.set_hostile(PeerIndex(1), Some(absent)).unwrap();
    let node = scene.id(PeerIndex(1));
    let args = [json!(node), json!(id), json!("value"), json!(null)];
    let reply = scene.call("registerNodeProvider", &args);
    assert_eq!(reply.value(), &json!(false));
    assert!(reply.error_of(&node).contains("not found"), "{:?}", reply.errors());
    assert!(reply.latency_ms() < 1_000);
}
