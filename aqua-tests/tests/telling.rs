//! What is said of what went wrong: once, by whoever knows it first, and as an error rather than the end of the script.

use aqua_tests::{compile, Scene};
use devnet::{Answer, NetworkConfig, PeerIndex, ServiceCall, ServiceResult};
use serde_json::{json, Value};

const WRITES: [&str; 6] = [
    "createResource",
    "registerProvider",
    "createResourceAndRegisterProvider",
    "registerNodeProvider",
    "createResourceAndRegisterNodeProvider",
    "unregisterService",
];

/// Arguments of each of [`WRITES`] that are in order.
fn arguments(function: &str, id: &str, node: &str) -> Vec<Value> {
    let (id, node, label, value) = (json!(id), json!(node), json!("another"), json!("value"));
    match function {
        "createResource" => vec![label],
        "registerProvider" => vec![id, value, json!(null)],
        "createResourceAndRegisterProvider" => vec![label, value, json!(null)],
        "registerNodeProvider" => vec![node, id, value, json!(null)],
        "createResourceAndRegisterNodeProvider" => vec![node, label, value, json!(null)],
        _ => vec![id, node],
    }
}

type Refuse = fn(&ServiceCall) -> Answer;

#[test]
fn a_refusal_to_sign_is_an_error_in_every_function() {
    let mut scene = Scene::of(3);
    let id = scene.create("sample");
    let node = scene.id(PeerIndex(1));
    let refusals: [(&str, Refuse); 2] = [
        ("I sign nothing", |_| {
            ServiceResult::ok(json!({"success": false, "error": ["I sign nothing"], "signature": []})).into()
        }),
        ("not for you", |_| ServiceResult::error("not for you").into()),
    ];
    for (text, refuse) in refusals {
        scene
            .network
            .define_service(scene.client, "sig", "sign", refuse)
            .unwrap();
        for function in WRITES {
            let reply = scene.call(function, &arguments(function, &id, &node));
            let errors = reply.errors();
            assert!(
                errors.iter().any(|error| error.contains(text)),
                "{function}: {errors:?}"
            );
            assert!([json!(false), json!([])].contains(reply.value()), "{function}");
            assert!(reply.latency_ms() <= 200, "{function}: {} ms", reply.latency_ms());
        }
    }
}

#[test]
fn what_the_relay_can_know_it_answers_at_once_and_alone() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let (node, me, relay) = (scene.id(PeerIndex(1)), scene.id(scene.client), scene.id(PeerIndex(0)));
    let (label, value) = ("l".repeat(600), "v".repeat(5_000));
    let cases: Vec<(&str, Vec<Value>, &str)> = vec![
        ("createResource", vec![json!(label)], "600 bytes, at most 512"),
        ("createResource", vec![json!("")], "label is empty"),
        (
            "createResourceAndRegisterProvider",
            vec![json!(label), json!("v"), json!(null)],
            "600 bytes",
        ),
        (
            "createResourceAndRegisterProvider",
            vec![json!(""), json!("v"), json!(null)],
            "label is empty",
        ),
        (
            "createResourceAndRegisterNodeProvider",
            vec![json!(node), json!(label), json!("v"), json!(null)],
            "600 bytes",
        ),
        (
            "registerProvider",
            vec![json!(id), json!(value), json!(null)],
            "5000 bytes, at most 4096",
        ),
        (
            "registerProvider",
            vec![json!("bob"), json!("v"), json!(null)],
            "key id `bob`",
        ),
        (
            "registerNodeProvider",
            vec![json!("bob"), json!(id), json!("v"), json!(null)],
            "peer id `bob`",
        ),
        (
            "registerService",
            vec![json!(id), json!("v"), json!("bob"), json!(null)],
            "peer id `bob`",
        ),
        ("unregisterService", vec![json!(id), json!("bob")], "peer id `bob`"),
        ("unregisterService", vec![json!("bob"), json!(me)], "key id `bob`"),
        ("getResource", vec![json!("bob")], "key id `bob`"),
        ("resolveProviders", vec![json!("bob"), json!(20)], "key id `bob`"),
        ("resolveResource", vec![json!(""), json!(1)], "key id ``"),
    ];
    for (function, args, text) in cases {
        let reply = scene.call(function, &args);
        let [error] = &reply.errors()[..] else {
            panic!("{function}, {text}: {:?}", reply.errors());
        };
        assert!(error.starts_with(&relay) && error.contains(text), "{function}: {error}");
        assert!([json!(false), json!([])].contains(reply.value()), "{function}");
        // The way to the relay and back, and to the client for two signatures.
        assert!(reply.latency_ms() <= 300, "{function}: {} ms", reply.latency_ms());
    }
    for (label, owner) in [("sample", "bob"), (label.as_str(), me.as_str())] {
        let computed = scene.call("getResourceId", &[json!(label), json!(owner)]);
        assert_eq!(computed.value(), &json!(""), "there is no such id");
    }
}

#[test]
fn what_the_provider_alone_refuses_is_one_error() {
    let mut scene = Scene::of(20);
    let id = scene.create("sample");
    let node = scene.id(PeerIndex(1));
    let args = [json!(node), json!(id), json!("v".repeat(5_000)), json!(null)];
    let reply = scene.call("registerNodeProvider", &args);
    let [error] = &reply.errors()[..] else {
        panic!("{:?}", reply.errors());
    };
    assert!(error.starts_with(&node) && error.contains("5000 bytes"), "{error}");
}

#[test]
fn a_relay_whose_clock_is_off_says_so() {
    for (offset_sec, text) in [(120_i64, "120 s ahead of"), (-60, "60 s behind")] {
        // A node whose clock is ahead by more than a particle lives takes it for expired.
        let program = compile("resources.aqua", &[]);
        let mut scene = Scene::living(NetworkConfig::new(20), 180_000, program);
        let id = scene.create("sample");
        let other = scene.add_client(PeerIndex(5));
        scene.register(other, &id, "fresh");
        scene
            .network
            .set_clock_offset_ms(PeerIndex(0), offset_sec * 1_000)
            .unwrap();
        let relay = scene.id(PeerIndex(0));
        let node = scene.id(PeerIndex(2));
        for (function, args) in [
            ("resolveProviders", vec![json!(id), json!(1)]),
            ("resolveProviders", vec![json!(id), json!(5)]),
            ("createResource", vec![json!("another")]),
            ("registerProvider", vec![json!(id), json!("value"), json!(null)]),
            (
                "registerNodeProvider",
                vec![json!(node), json!(id), json!("value"), json!(null)],
            ),
        ] {
            let reply = scene.call(function, &args);
            let errors = reply.errors();
            let said = errors
                .iter()
                .any(|error| error.starts_with(&relay) && error.contains(text));
            assert!(said, "{function} at {offset_sec}: {errors:?}");
        }
    }
}
