//! aqua-dht's scripts on networks: keys and values, topics and subscribers, what nodes do on their own.

mod api;
mod cost;
mod topics;
mod upkeep;

use std::ops::Range;

use aqua_tests::{compile, Reply, Scene};
use devnet::{AquaDhtModules, NetworkConfig, PeerIndex, Query, ServiceResult};
use serde_json::{json, Value};

/// Within this much virtual time everything is done that waits for nobody.
const AT_ONCE_MS: u64 = 1_000;
/// How long a write waits for nodes that do not answer, at most: 20 % of 7 s.
const WRITE_WAIT_MS: u64 = 1_400;
/// The same for a read, and for subscribers that are called: 30 %.
const READ_WAIT_MS: u64 = 2_100;

/// Nodes with aqua-dht alone.
fn config(nodes: usize) -> NetworkConfig {
    let config = NetworkConfig::new(nodes).without_registry().without_trust_graph();
    config.aqua_dht(AquaDhtModules::default())
}

fn scene(nodes: usize) -> Scene {
    Scene::with(config(nodes), compile("dht.aqua", &[]))
}

fn kill(scene: &mut Scene, nodes: Range<usize>) {
    for node in nodes {
        scene.network.kill(PeerIndex(node)).unwrap();
    }
}

/// The live nodes that have a key, and what they have under it.
fn holders(scene: &mut Scene, key: &str) -> Vec<(PeerIndex, Vec<Value>)> {
    let mut holders = Vec::new();
    for node in scene.network.nodes() {
        if !scene.network.peers()[node.0].is_alive() {
            continue;
        }
        let query = Query::new("aqua-dht", "get_values").arg(key).now();
        let answer = scene.network.ask(node, &query).unwrap();
        if answer["success"] == json!(true) {
            holders.push((node, answer["result"].as_array().unwrap().clone()));
        }
    }
    holders
}

/// Has a peer answer `greeter.greet`.
fn greeter(scene: &mut Scene, peer: PeerIndex) {
    let name = scene.id(peer);
    let greet = move |call: &devnet::ServiceCall| {
        let text = format!("{} says hello to {}", name, call.arg(0).as_str().unwrap_or_default());
        ServiceResult::ok(text).into()
    };
    scene.network.define_service(peer, "greeter", "greet", greet).unwrap();
}

/// Another client, of this node, and its arguments for a subscription: its relay and its service.
fn subscriber(scene: &mut Scene, node: usize) -> (PeerIndex, [Value; 2]) {
    let client = scene.add_client(PeerIndex(node));
    greeter(scene, client);
    let relay = scene.id(PeerIndex(node));
    (client, [json!(relay), json!("greeter")])
}

#[track_caller]
fn assert_done(reply: &Reply) {
    assert_eq!(reply.value(), &json!(true), "{:?}", reply.errors());
}

#[track_caller]
fn assert_all_refuse(reply: &Reply, nodes: usize, part: &str) {
    assert_eq!(reply.value(), &json!(false));
    let errors = reply.errors();
    assert_eq!(errors.len(), nodes, "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains(part)), "{errors:#?}");
    assert!(reply.latency_ms() < AT_ONCE_MS, "{} ms", reply.latency_ms());
}
