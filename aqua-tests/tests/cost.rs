//! What a call costs on 20 nodes: round trips, and all bytes that travel, to the last echo.

use std::time::Duration;

use aqua_tests::Scene;
use devnet::{NetworkConfig, PeerIndex};
use serde_json::{json, Value};

const LINK: Duration = Duration::from_millis(50);
const ROUND_TRIP_MS: u64 = 100;

/// KiB and round trips of a call.
fn cost(scene: &mut Scene, function: &str, args: &[Value]) -> (Value, u64, u64) {
    let handle = scene.start(scene.client, function, args);
    let reply = scene.wait(&handle);
    let value = reply.clean().clone();
    scene.network.advance(Duration::from_secs(10)).unwrap();
    let bytes = scene.network.stats(&handle).map_or(0, |stats| stats.bytes);
    println!("{function}: {} KiB, {} ms", bytes / 1024, reply.latency_ms());
    (value, bytes / 1024, reply.latency_ms().div_ceil(ROUND_TRIP_MS))
}

#[test]
fn calls_take_few_round_trips_and_bounded_bytes() {
    let mut scene = Scene::new(NetworkConfig::new(20).latency(LINK));
    let warm = scene.create("warm up");
    scene.register(scene.client, &warm, "value");
    let node = scene.id(PeerIndex(10));
    let value = json!("a value of common length, such as a CID or a URL");
    let (created, kib, trips) = cost(&mut scene, "createResource", &[json!("sample")]);
    assert!(
        kib <= 600 && trips <= 2,
        "createResource: {kib} KiB, {trips} round trips"
    );
    let id = created[0].clone();
    let (_, kib, trips) = cost(
        &mut scene,
        "registerProvider",
        &[id.clone(), value.clone(), json!(null)],
    );
    assert!(
        kib <= 1_100 && trips <= 3,
        "registerProvider: {kib} KiB, {trips} round trips"
    );
    let args = [json!(node), id.clone(), value, json!(null)];
    let (_, kib, trips) = cost(&mut scene, "registerNodeProvider", &args);
    assert!(
        kib <= 1_200 && trips <= 3,
        "registerNodeProvider: {kib} KiB, {trips} round trips"
    );
    let (_, kib, trips) = cost(&mut scene, "resolveProviders", &[id.clone(), json!(5)]);
    assert!(
        kib <= 230 && trips <= 2,
        "resolveProviders, 5: {kib} KiB, {trips} round trips"
    );
    let (_, kib, trips) = cost(&mut scene, "resolveProviders", &[id.clone(), json!(1)]);
    assert!(
        kib <= 40 && trips <= 1,
        "resolveProviders, 1: {kib} KiB, {trips} round trips"
    );
}
