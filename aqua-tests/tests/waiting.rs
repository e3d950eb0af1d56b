//! However long a particle lives and whoever is dead, a call answers, or says what is wrong, before it ends.

use aqua_tests::Scene;
use devnet::{CallOptions, PeerIndex};
use serde_json::{json, Value};

/// Short, what the JS client has, and what Fluence CLI has.
const TTLS_MS: [u32; 3] = [3_000, 7_000, 15_000];

/// Every function of the API that ends by itself, on what is there and on what is not.
fn calls(id: &str, unknown: &str, me: &str, alive: &str, dead: &str) -> Vec<(&'static str, Vec<Value>)> {
    let (id, unknown) = (json!(id), json!(unknown));
    let (value, none) = (json!("value"), json!(null));
    let mut calls = Vec::new();
    for resource in [&id, &unknown] {
        calls.extend([
            ("getResource", vec![resource.clone()]),
            ("resolveProviders", vec![resource.clone(), json!(1)]),
            ("resolveProviders", vec![resource.clone(), json!(20)]),
            ("resolveResource", vec![resource.clone(), json!(20)]),
            ("registerProvider", vec![resource.clone(), value.clone(), none.clone()]),
            ("unregisterService", vec![resource.clone(), json!(me)]),
        ]);
        for node in [alive, dead] {
            calls.extend([
                (
                    "registerNodeProvider",
                    vec![json!(node), resource.clone(), value.clone(), none.clone()],
                ),
                (
                    "registerService",
                    vec![resource.clone(), value.clone(), json!(node), none.clone()],
                ),
                ("removeNodeFromProviders", vec![json!(node), resource.clone()]),
            ]);
        }
    }
    calls.extend([
        ("createResource", vec![json!("one more")]),
        (
            "createResourceAndRegisterProvider",
            vec![json!("one more"), value.clone(), none.clone()],
        ),
        ("getResourceId", vec![json!("sample"), json!(me)]),
    ]);
    for node in [alive, dead] {
        let args = vec![json!(node), json!("one more"), value.clone(), none.clone()];
        calls.push(("createResourceAndRegisterNodeProvider", args));
    }
    calls
}

fn all_end_in_time(nodes: usize, dead: std::ops::Range<usize>) {
    let mut scene = Scene::of(nodes);
    let id = scene.create("sample");
    let me = scene.id(scene.client);
    let unknown = scene
        .call("getResourceId", &[json!("nothing"), json!(me)])
        .value()
        .clone();
    let unknown = unknown.as_str().unwrap().to_owned();
    let (alive, gone) = (scene.id(PeerIndex(0)), scene.id(PeerIndex(nodes - 1)));
    for node in dead.clone() {
        scene.network.kill(PeerIndex(node)).unwrap();
    }
    for ttl_ms in TTLS_MS {
        for (function, args) in calls(&id, &unknown, &me, &alive, &gone) {
            // It panics where the particle expires.
            let reply = scene.call_with(scene.client, function, &args, CallOptions::new().ttl_ms(ttl_ms));
            let most = u64::from(ttl_ms) * 7 / 10 + 500;
            assert!(
                reply.latency_ms() < most,
                "{function} with {dead:?} dead at {ttl_ms} ms: {} ms",
                reply.latency_ms()
            );
            scene.settle();
        }
    }
}

#[test]
fn with_one_node_dead_every_call_ends_in_time() {
    all_end_in_time(20, 19..20);
}

#[test]
fn with_half_of_the_nodes_dead_every_call_ends_in_time() {
    all_end_in_time(20, 10..20);
}

#[test]
fn with_all_other_nodes_dead_every_call_ends_in_time() {
    all_end_in_time(20, 1..20);
}

#[test]
fn from_afar_every_call_ends_in_time_with_half_of_the_nodes_dead() {
    let mut scene = Scene::new(devnet::NetworkConfig::new(60).without_trust_graph());
    let id = scene.create("sample");
    let near = scene.neighbourhood(&id);
    let outside = (0..60).map(PeerIndex).find(|node| !near.contains(node)).unwrap();
    scene.client = scene.add_client(outside);
    let me = scene.id(scene.client);
    let (alive, gone) = (scene.id(outside), scene.id(near[0]));
    for node in near.iter().step_by(2) {
        scene.network.kill(*node).unwrap();
    }
    for ttl_ms in TTLS_MS {
        for (function, args) in calls(&id, &id, &me, &alive, &gone).into_iter().take(12) {
            let reply = scene.call_with(scene.client, function, &args, CallOptions::new().ttl_ms(ttl_ms));
            let most = u64::from(ttl_ms) * 7 / 10 + 500;
            assert!(
                reply.latency_ms() < most,
                "{function} at {ttl_ms} ms: {} ms",
                reply.latency_ms()
            );
            scene.settle();
        }
    }
}
