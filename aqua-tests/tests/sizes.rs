//! Networks of every size, with and without trust-graph.

use aqua_tests::Scene;
use devnet::{NetworkConfig, PeerIndex};
use serde_json::json;

/// Everything the API is for, once.
fn story(scene: &mut Scene) {
    let id = scene.create("sample");
    let node = scene.id(*scene.network.nodes().last().unwrap());
    let other = scene.add_client(*scene.network.nodes().last().unwrap());
    scene.register(scene.client, &id, "client");
    scene.register(other, &id, "other");
    let args = [json!(node), json!(id), json!("node"), json!(null)];
    assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
    scene.settle();

    let (me, other_id) = (scene.id(scene.client), scene.id(other));
    let mut all = vec![me.clone(), other_id.clone(), node.clone()];
    all.sort();
    for reader in [scene.client, other] {
        for ack in [1, 20] {
            let reply = scene.call_as(reader, "resolveProviders", &[json!(id), json!(ack)]);
            assert_eq!(reply.clean().as_array().unwrap().len(), 3, "ack {ack}");
            assert_eq!(reply.providers(), all);
        }
    }

    let removed = scene.call("removeNodeFromProviders", &[json!(node), json!(id)]);
    assert_eq!(removed.clean(), &json!(true));
    let gone = scene.call("unregisterService", &[json!(id), json!(me)]);
    assert_eq!(gone.clean(), &json!(true));
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).providers(), [other_id]);
}

#[test]
fn r14_a_network_of_one_node_works() {
    story(&mut Scene::of(1));
}

#[test]
fn networks_of_2_and_3_nodes_work() {
    story(&mut Scene::of(2));
    story(&mut Scene::of(3));
}

#[test]
fn a_network_of_20_nodes_works() {
    story(&mut Scene::of(20));
}

#[test]
fn r9_networks_without_trust_graph_work() {
    for nodes in [1, 20] {
        story(&mut Scene::new(NetworkConfig::new(nodes).without_trust_graph()));
    }
}

#[test]
fn in_a_network_of_100_nodes_a_relay_far_from_the_resource_works_too() {
    let mut scene = Scene::new(NetworkConfig::new(100).without_trust_graph());
    let id = scene.create("sample");
    let near = scene.neighbourhood(&id);
    let outside = (0..100).map(PeerIndex).find(|node| !near.contains(node)).unwrap();
    scene.client = scene.add_client(outside);
    scene.register(scene.client, &id, "from afar");
    for ack in [1, 5, 20] {
        assert_eq!(
            scene.resolve(&id, ack).clean().as_array().unwrap().len(),
            1,
            "ack {ack}"
        );
    }
    let mut holders: Vec<_> = scene.holders(&id).into_iter().map(|(node, _)| node).collect();
    let mut expected = near;
    holders.sort();
    expected.sort();
    assert_eq!(holders, expected);
    let me = scene.id(scene.client);
    assert_eq!(
        scene.call("unregisterService", &[json!(id), json!(me)]).clean(),
        &json!(true)
    );
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).providers(), [] as [String; 0]);
}
