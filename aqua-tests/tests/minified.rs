//! The Resources API with scripts as the compiler writes them, and as they ship: the same results, and a fraction of the bytes.

use aqua_tests::{aqua_file, Scene};
use devnet::{AquaCompiler, AquaProgram, CallFailure, ParticleStats};
use serde_json::{json, Value};

const NODES: usize = 6;

fn program(compiler: &AquaCompiler, file: &str) -> AquaProgram {
    compiler
        .compile(aqua_file(file))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The function, what came of it, and what it cost.
type Call = (&'static str, Result<Vec<Value>, CallFailure>, ParticleStats);

/// Every function of the API, in an order in which each has something to do: what came of each, and what it cost.
fn story(compiler: &AquaCompiler) -> Vec<Call> {
    let mut scene = Scene::of(NODES);
    let (client, nodes) = (scene.client, scene.network.nodes());
    let (me, node) = (scene.id(client), scene.id(nodes[NODES - 1]));
    for peer in [client, nodes[NODES - 1]] {
        let define = scene.network.define_service(peer, "greeter", "greet", |call| {
            devnet::ServiceResult::ok(format!("hello {}", call.arg(0))).into()
        });
        define.unwrap();
    }
    let id = scene.create("first");
    scene.program = program(compiler, "execute.aqua");
    let nothing = "1220".to_owned();
    let calls: [(&str, Vec<Value>); 16] = [
        ("getResourceId", vec![json!("first"), json!(me)]),
        ("createResource", vec![json!("second")]),
        ("createResource", vec![json!("x".repeat(2_000))]),
        ("getResource", vec![json!(id)]),
        ("getResource", vec![json!(nothing)]),
        (
            "registerProvider",
            vec![json!(id), json!("from the client"), json!(["greeter"])],
        ),
        (
            "registerNodeProvider",
            vec![json!(node), json!(id), json!("from the node"), json!(["greeter"])],
        ),
        (
            "registerService",
            vec![json!(id), json!("again"), json!(me), json!(["greeter"])],
        ),
        ("resolveProviders", vec![json!(id), json!(3)]),
        ("resolveResource", vec![json!(id), json!(20)]),
        ("greetAll", vec![json!(id), json!(3), json!("world")]),
        (
            "createResourceAndRegisterProvider",
            vec![json!("third"), json!("value"), json!([])],
        ),
        (
            "createResourceAndRegisterNodeProvider",
            vec![json!(node), json!("fourth"), json!("value"), json!([])],
        ),
        ("removeNodeFromProviders", vec![json!(node), json!(id)]),
        ("unregisterService", vec![json!(id), json!(me)]),
        ("resolveProviders", vec![json!(id), json!(NODES)]),
    ];
    calls
        .into_iter()
        .map(|(name, args)| {
            let outcome = scene.call(name, &args).outcome;
            (name, outcome.result, outcome.stats)
        })
        .collect()
}

#[test]
fn short_scripts_give_the_same_results_in_the_same_time_and_cost_fewer_bytes() {
    let long = story(&AquaCompiler::new().unminified());
    let short = story(&AquaCompiler::new());
    for ((name, before, long), (_, after, short)) in long.iter().zip(&short) {
        assert_eq!(before, after, "{name}");
        assert_eq!(
            (long.latency, long.hops, long.avm_calls, long.service_calls),
            (short.latency, short.hops, short.avm_calls, short.service_calls),
            "{name}"
        );
        assert!(
            short.bytes < long.bytes,
            "{name}: {} and {} bytes",
            long.bytes,
            short.bytes
        );
    }
    let bytes = |story: &[(_, _, ParticleStats)]| story.iter().map(|(_, _, stats)| stats.bytes).sum::<u64>();
    assert!(
        3 * bytes(&short) < 2 * bytes(&long),
        "{} of {} bytes",
        bytes(&short),
        bytes(&long)
    );
}
