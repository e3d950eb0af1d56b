//! Hostile nodes and clients call what honest nodes export, in particles of their own.

use aqua_tests::hostile::{Siege, SiegeConfig};
use aqua_tests::Scene;
use devnet::{PeerIndex, ServiceRequest, ServiceRequests};
use serde_json::{json, Value};

#[test]
fn every_function_with_whatever_arguments_harms_nothing() {
    Siege::new(SiegeConfig::new(11).requests(32)).run();
}

/// What a registry does for its own host only, with arguments that would do something.
fn host_only() -> Vec<(&'static str, Vec<Value>)> {
    let now = json!(devnet::EPOCH_SEC);
    vec![
        ("set_expired_timeout", vec![json!(1)]),
        ("set_stale_timeout", vec![json!(1)]),
        ("begin_replication", vec![json!([]), json!(2_700), now.clone()]),
        ("continue_replication", vec![now.clone(), now]),
    ]
}

#[test]
fn what_is_for_the_host_alone_is_refused_to_every_other_peer() {
    let mut scene = Scene::of(3);
    scene.create("sample");
    let requests: Vec<ServiceRequest> = host_only()
        .into_iter()
        .map(|(function, args)| ServiceRequest {
            function: function.to_owned(),
            timed: args.last() == Some(&json!(devnet::EPOCH_SEC)),
            args,
        })
        .collect();
    for from in [PeerIndex(1), scene.client] {
        let requests = ServiceRequests {
            node: PeerIndex(0),
            service: "registry",
            requests: &requests,
        };
        let served = scene.network.request(from, &requests).unwrap();
        assert_eq!(served.failures, [] as [String; 0]);
        assert_eq!(served.results.len(), requests.requests.len());
        for (result, request) in served.results.iter().zip(requests.requests) {
            assert_eq!(result["success"], json!(false), "{}: {result}", request.function);
            let error = result["error"].as_str().unwrap_or_default();
            assert!(error.contains("only"), "{}: {error}", request.function);
        }
    }
    // The host itself may.
    let requests = ServiceRequests {
        node: PeerIndex(0),
        service: "registry",
        requests: &requests,
    };
    let served = scene.network.request(PeerIndex(0), &requests).unwrap();
    for (result, request) in served.results.iter().zip(requests.requests) {
        let error = result["error"].as_str().unwrap_or_default();
        let has_no_round = request.function == "continue_replication" && error.contains("no round");
        let done = has_no_round || result["success"] == json!(true);
        assert!(done, "{}: {result}", request.function);
    }
}
