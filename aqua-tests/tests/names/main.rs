//! What is looked up by a label alone, for a time, or only where it is there.

mod alive;
mod leases;
mod open;
mod through;

use std::time::Duration;

use aqua_tests::{compile, Reply, Scene, TTL_MS};
use devnet::{CallOptions, NetworkConfig, PeerIndex, ServiceCall, ServiceResult};
use serde_json::{json, Value};

/// All waits of a call, and the way there and back.
const MOST_MS: u64 = TTL_MS as u64 * 7 / 10 + 500;
/// What clients let particles live: short, the JS client, and Fluence CLI.
const TTLS_MS: [u32; 3] = [3_000, 7_000, 15_000];

fn scene_of(nodes: usize) -> Scene {
    Scene::with(NetworkConfig::new(nodes), compile("names.aqua", &[]))
}

/// It has ended before the particle does, whoever is dead. What it returned at each time to live.
fn in_time(scene: &mut Scene, function: &str, args: &[Value]) -> [Reply; 3] {
    TTLS_MS.map(|ttl_ms| {
        // It panics where the particle expires.
        let reply = scene.call_with(scene.client, function, args, CallOptions::new().ttl_ms(ttl_ms));
        let most = u64::from(ttl_ms) * 7 / 10 + 500;
        assert!(
            reply.latency_ms() < most,
            "{function} at {ttl_ms} ms: {} ms",
            reply.latency_ms()
        );
        scene.settle();
        reply
    })
}

/// Has a peer greet as a service of this name.
fn greeter(scene: &mut Scene, peer: PeerIndex, service: &str) {
    let own = scene.id(peer);
    let greet = move |call: &ServiceCall| {
        let name = call.arg(0).as_str().unwrap_or_default().to_owned();
        ServiceResult::ok(format!("{own} greets {name}")).into()
    };
    scene.network.define_service(peer, service, "greet", greet).unwrap();
}

fn pass(scene: &mut Scene, seconds: u64) {
    scene.network.advance(Duration::from_secs(seconds)).unwrap();
}

/// What the call cost, for people: `cargo test … -- --nocapture`.
fn cost(what: &str, reply: &Reply) {
    let stats = &reply.outcome.stats;
    println!("{what}: {} KiB, {} ms", stats.bytes / 1024, reply.latency_ms());
}

fn ids(scene: &Scene, peers: &[PeerIndex]) -> Vec<String> {
    let mut ids: Vec<String> = peers.iter().map(|peer| scene.id(*peer)).collect();
    ids.sort();
    ids
}

fn none() -> Value {
    json!(null)
}
