//! What a call costs on 20 nodes: round trips, and all bytes that travel, to the last echo. `aqua/README.md` says so.

use aqua_tests::cost::{assert_stated, measure, Cost, LINK};
use aqua_tests::{compile, Scene};
use devnet::{NetworkConfig, PeerIndex, ServiceResult};
use serde_json::{json, Value};

const README: &str = include_str!("../../aqua/README.md");
/// Providers of the resource on which one or all are called.
const CALLED: usize = 3;

fn value() -> Value {
    json!("a value of common length, such as a CID or a URL")
}

/// Measures a call, whose name in the README may say which arguments it has.
fn cost(scene: &mut Scene, call: &'static str, args: &[Value]) -> (&'static str, Cost) {
    let function = call.split(['(', ',']).next().unwrap_or(call);
    let (results, cost) = measure(scene, function, args);
    let first = &results[0];
    let done = first == &json!(true) || first.as_array().is_some_and(|found| !found.is_empty());
    assert!(done, "{call}: {results:?}");
    (call, cost)
}

#[test]
fn calls_cost_what_the_readme_says() {
    let mut scene = Scene::new(NetworkConfig::new(20).latency(LINK));
    let warm = scene.create("warm up");
    scene.register(scene.client, &warm, "value");
    let (node, me) = (scene.id(PeerIndex(10)), scene.id(scene.client));
    let (results, of_create) = measure(&mut scene, "createResource", &[json!("sample")]);
    let id = results[0][0].clone();
    let mut costs = vec![("createResource", of_create)];
    for (call, args) in [
        ("registerProvider", vec![id.clone(), value(), json!(null)]),
        (
            "registerNodeProvider",
            vec![json!(node), id.clone(), value(), json!(null)],
        ),
        (
            "createResourceAndRegisterProvider",
            vec![json!("another"), value(), json!(null)],
        ),
        (
            "createResourceAndRegisterNodeProvider",
            vec![json!(node), json!("a third"), value(), json!(null)],
        ),
        ("getResource", vec![id.clone()]),
        ("resolveProviders(…, 1)", vec![id.clone(), json!(1)]),
        ("resolveProviders(…, 5)", vec![id.clone(), json!(5)]),
        ("unregisterService", vec![id, json!(me)]),
    ] {
        costs.push(cost(&mut scene, call, &args));
    }
    assert_stated(README, &costs);
}

/// Each beside the call that does the nearest without it.
#[test]
fn names_without_an_owner_and_leases_cost_what_the_readme_says() {
    let mut scene = Scene::with(NetworkConfig::new(20).latency(LINK), compile("names.aqua", &[]));
    let warm = scene.create("warm up");
    scene.register(scene.client, &warm, "value");
    let (node, id) = (scene.id(PeerIndex(10)), json!(scene.create("sample")));
    let mut costs = Vec::new();
    for (call, args) in [
        ("createOpenResource", vec![json!("open")]),
        ("createOpenResource, known", vec![json!("open")]),
        ("registerProviderFor", vec![id, value(), json!(null), json!(3_600)]),
        ("registerOpenProvider", vec![json!("another"), value(), json!(null)]),
        ("registerOpenProvider, known", vec![json!("open"), value(), json!(null)]),
        (
            "registerOpenProviderFor",
            vec![json!("a third"), value(), json!(null), json!(3_600)],
        ),
        (
            "registerOpenNodeProvider",
            vec![json!(node), json!("a fourth"), value(), json!(null)],
        ),
        ("resolveOpenProviders(…, 1)", vec![json!("another"), json!(1)]),
        ("resolveOpenProviders(…, 5)", vec![json!("another"), json!(5)]),
    ] {
        costs.push(cost(&mut scene, call, &args));
    }
    assert_stated(README, &costs);
}

/// Three clients greet. `greetOne` and `greetAll` add a service's name and the list of greetings to the calls.
#[test]
fn calling_one_provider_or_all_costs_what_the_readme_says() {
    let mut scene = Scene::with(NetworkConfig::new(20).latency(LINK), compile("names.aqua", &[]));
    let id = json!(scene.create("sample"));
    for relay in 5..5 + CALLED {
        let client = scene.add_client(PeerIndex(relay));
        let greet = |_: &devnet::ServiceCall| ServiceResult::ok("hello").into();
        scene.network.define_service(client, "greeter", "greet", greet).unwrap();
        let args = [id.clone(), value(), json!("greeter")];
        assert_eq!(scene.call_as(client, "registerProvider", &args).clean(), &json!(true));
    }
    scene.settle();
    let resolve = [id.clone(), json!(1)];
    let alive = cost(&mut scene, "resolveAlive", &resolve).1;
    let greet = [id, json!(1), json!("you")];
    let one = cost(&mut scene, "greetOne", &greet).1;
    let all = cost(&mut scene, "greetAll", &greet).1;
    assert_stated(
        README,
        &[
            (
                "resolveProviders(…, 1), 3 providers",
                cost(&mut scene, "resolveProviders", &resolve).1,
            ),
            ("resolveAlive(…, 1), 3 providers", alive),
            ("executeOnProviders(…, 1), 3 providers", all),
            ("executeOnOne(…, 1), 3 providers", one),
        ],
    );
}
