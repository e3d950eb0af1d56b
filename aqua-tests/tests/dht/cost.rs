//! What a call costs on 20 nodes, beside the registry's call for the same purpose: bytes to the last echo, and round trips.

use std::time::Duration;

use aqua_tests::{compile, Scene, TTL_MS};
use devnet::{AquaDhtModules, NetworkConfig, PeerIndex};
use serde_json::{json, Value};

const LINK: Duration = Duration::from_millis(50);
const ROUND_TRIP_MS: u64 = 100;

/// The first result, KiB and round trips of a call.
fn cost(scene: &mut Scene, function: &str, args: &[Value]) -> (Value, u64, u64) {
    let handle = scene.start(scene.client, function, args);
    let reply = scene.wait(&handle);
    let value = reply.value().clone();
    // Once the particle has expired nobody counts any more.
    let rest_ms = u64::from(TTL_MS) - 1 - reply.latency_ms();
    scene.network.advance(Duration::from_millis(rest_ms)).unwrap();
    let bytes = scene.network.stats(&handle).expect("it has not expired").bytes;
    let (kib, trips) = (bytes / 1024, reply.latency_ms().div_ceil(ROUND_TRIP_MS));
    println!("{function}: {kib} KiB, {trips} round trips");
    (value, kib, trips)
}

#[test]
fn calls_take_few_round_trips_and_bounded_bytes() {
    let config = NetworkConfig::new(20)
        .latency(LINK)
        .without_trust_graph()
        .aqua_dht(AquaDhtModules::default());
    let mut scene = Scene::with(config, compile("dht.aqua", &[]));
    let (node, relay) = (scene.id(PeerIndex(10)), scene.id(PeerIndex(0)));
    let value = json!("a value of common length, such as a CID or a URL");
    let service = json!("greeter");
    let node_args = |topic: &str| vec![json!(node), json!(topic), value.clone(), service.clone()];
    let client_args = |topic: &str| vec![json!(topic), value.clone(), json!(relay), service.clone()];
    let calls = [
        ("registerKey", vec![json!("topic")], 720, 1),
        ("putValue", client_args("topic"), 800, 1),
        ("initTopicAndSubscribe", client_args("another"), 800, 1),
        ("initTopicAndSubscribeNode", node_args("a third"), 1_800, 2),
        ("getValues", vec![json!("topic")], 760, 2),
        ("findSubscribers", vec![json!("topic")], 760, 2),
    ];
    let mut over = Vec::new();
    for (function, args, kib_max, trips_max) in calls {
        let (result, kib, trips) = cost(&mut scene, function, &args);
        assert!(
            result == json!(true) || result.as_array().is_some_and(|found| found.len() == 1),
            "{function}: {result}"
        );
        if kib > kib_max || trips > trips_max {
            over.push(format!("{function}: {kib} KiB, {trips} round trips"));
        }
    }

    // The registry's, for docs: what these may cost is said in cost.rs.
    scene.program = compile("resources.aqua", &[]);
    let (created, ..) = cost(&mut scene, "createResource", &[json!("topic")]);
    let id = created[0].clone();
    cost(
        &mut scene,
        "registerProvider",
        &[id.clone(), value.clone(), service.clone()],
    );
    let args = [json!("another"), value.clone(), service.clone()];
    cost(&mut scene, "createResourceAndRegisterProvider", &args);
    let args = [json!(node), json!("a third"), value.clone(), service];
    cost(&mut scene, "createResourceAndRegisterNodeProvider", &args);
    let (found, ..) = cost(&mut scene, "resolveProviders", &[id.clone(), json!(1)]);
    assert_eq!(found.as_array().unwrap().len(), 1);
    cost(&mut scene, "resolveProviders", &[id, json!(20)]);
    assert_eq!(over, [] as [String; 0]);
}
