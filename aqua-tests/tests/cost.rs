//! What a call costs on 20 nodes: round trips, and all bytes that travel, to the last echo. `aqua/README.md` says so.

use std::time::Duration;

use aqua_tests::Scene;
use devnet::{NetworkConfig, PeerIndex};
use serde_json::{json, Value};

const README: &str = include_str!("../../aqua/README.md");
const LINK: Duration = Duration::from_millis(50);
const ROUND_TRIP_MS: u64 = 100;
/// How far from it a figure may be: the scripts of two calls that differ in a peer id differ in bytes, too.
const TOLERATED_PERCENT: u64 = 5;

/// KiB and round trips of a call.
fn cost(scene: &mut Scene, function: &str, args: &[Value]) -> (Value, [u64; 2]) {
    let handle = scene.start(scene.client, function, args);
    let reply = scene.wait(&handle);
    let value = reply.clean().clone();
    // Until the last echo, and not until the particle and its figures have gone.
    scene.network.advance(Duration::from_secs(3)).unwrap();
    let bytes = scene.network.stats(&handle).expect("the particle lives").bytes;
    (
        value,
        [bytes.div_ceil(1024), reply.latency_ms().div_ceil(ROUND_TRIP_MS)],
    )
}

/// The same, as the README has it.
fn stated(call: &str) -> [u64; 2] {
    let line = README.lines().find(|line| line.starts_with(&format!("| `{call}` |")));
    let line = line.unwrap_or_else(|| panic!("aqua/README.md says nothing of {call}"));
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    [2, 3].map(|cell| cells[cell].parse().unwrap_or_else(|error| panic!("{line}: {error}")))
}

#[test]
fn calls_cost_what_the_readme_says() {
    let mut scene = Scene::new(NetworkConfig::new(20).latency(LINK));
    let warm = scene.create("warm up");
    scene.register(scene.client, &warm, "value");
    let (node, me) = (scene.id(PeerIndex(10)), scene.id(scene.client));
    let value = json!("a value of common length, such as a CID or a URL");
    let (created, of_create) = cost(&mut scene, "createResource", &[json!("sample")]);
    let id = created[0].clone();
    let mut costs = vec![("createResource", of_create)];
    let calls = [
        ("registerProvider", vec![id.clone(), value.clone(), json!(null)]),
        (
            "registerNodeProvider",
            vec![json!(node), id.clone(), value.clone(), json!(null)],
        ),
        (
            "createResourceAndRegisterProvider",
            vec![json!("another"), value, json!(null)],
        ),
        ("getResource", vec![id.clone()]),
        ("resolveProviders(…, 1)", vec![id.clone(), json!(1)]),
        ("resolveProviders(…, 5)", vec![id.clone(), json!(5)]),
        ("unregisterService", vec![id, json!(me)]),
    ];
    for (call, args) in calls {
        let function = call.split('(').next().unwrap_or(call);
        costs.push((call, cost(&mut scene, function, &args).1));
    }
    let mut wrong = Vec::new();
    for (call, [kib, trips]) in costs {
        println!("| `{call}` | {kib} | {trips} |");
        let [stated_kib, stated_trips] = stated(call);
        if kib.abs_diff(stated_kib) * 100 > stated_kib * TOLERATED_PERCENT || trips != stated_trips {
            wrong.push(format!("{call}: {kib} KiB, {trips} round trips"));
        }
    }
    assert!(wrong.is_empty(), "aqua/README.md says otherwise: {wrong:#?}");
}
