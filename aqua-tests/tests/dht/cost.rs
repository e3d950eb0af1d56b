//! What a call costs on 20 nodes, beside the registry's call for the same purpose. `aqua-dht/README.md` says so.

use aqua_tests::cost::{assert_stated, measure, Cost, LINK};
use aqua_tests::{compile, Scene};
use devnet::{AquaDhtModules, NetworkConfig, PeerIndex};
use serde_json::{json, Value};

const README: &str = include_str!("../../../aqua-dht/README.md");

/// The cost of a call that succeeds, or finds one value.
fn cost(scene: &mut Scene, call: &'static str, args: &[Value]) -> (&'static str, Cost) {
    let function = call.split('(').next().unwrap_or(call);
    let (results, cost) = measure(scene, function, args);
    let done = results[0] == json!(true) || results[0].as_array().is_some_and(|found| found.len() == 1);
    assert!(done, "{call}: {results:?}");
    (call, cost)
}

#[test]
fn calls_cost_what_the_readme_says_and_the_registrys_beside_them() {
    let config = NetworkConfig::new(20)
        .latency(LINK)
        .without_trust_graph()
        .aqua_dht(AquaDhtModules::default());
    let mut scene = Scene::with(config, compile("dht.aqua", &[]));
    let (node, relay) = (scene.id(PeerIndex(10)), scene.id(PeerIndex(0)));
    let value = json!("a value of common length, such as a CID or a URL");
    let service = json!("greeter");
    let client_args = |topic: &str| vec![json!(topic), value.clone(), json!(relay), service.clone()];
    let node_args = |topic: &str| vec![json!(node), json!(topic), value.clone(), service.clone()];
    let mut costs = Vec::new();
    for (call, args) in [
        ("registerKey", vec![json!("topic")]),
        ("putValue", client_args("topic")),
        ("initTopicAndSubscribe", client_args("another")),
        ("initTopicAndSubscribeNode", node_args("a third")),
        ("getValues", vec![json!("topic")]),
        ("findSubscribers", vec![json!("topic")]),
    ] {
        costs.push(cost(&mut scene, call, &args));
    }

    scene.program = compile("resources.aqua", &[]);
    let (created, of_create) = measure(&mut scene, "createResource", &[json!("topic")]);
    let id = created[0][0].clone();
    costs.push(("createResource", of_create));
    for (call, args) in [
        ("registerProvider", vec![id.clone(), value.clone(), service.clone()]),
        (
            "createResourceAndRegisterProvider",
            vec![json!("another"), value.clone(), service.clone()],
        ),
        ("createResourceAndRegisterNodeProvider", node_args("a third")),
        ("resolveProviders(…, 1)", vec![id.clone(), json!(1)]),
        ("resolveProviders(…, 20)", vec![id, json!(20)]),
    ] {
        costs.push(cost(&mut scene, call, &args));
    }
    assert_stated(README, &costs);
}
