//! Calling Aqua functions from a client.

mod common;

use std::time::Duration;

use common::{bare, Setting};
use devnet::{Answer, CallError, CallFailure, CallOptions, PeerIndex, ServiceResult};
use serde_json::json;

#[test]
fn networks_of_1_2_3_and_20_nodes_answer() {
    for nodes in [1, 2, 3, 20] {
        let mut setting = Setting::basics(bare(nodes));
        let answer = setting.value("two_values", &[]);
        assert_eq!(answer[0], json!(setting.id(0)), "{nodes} nodes");
    }
}

#[test]
fn a_function_without_result_returns_null() {
    let mut setting = Setting::basics(bare(1));
    assert_eq!(setting.value("nothing", &[]), json!(null));
}

#[test]
fn optional_values_go_in_and_out_as_arrays() {
    let mut setting = Setting::basics(bare(1));
    assert_eq!(setting.value("maybe", &[json!("x")]), json!(["x"]));
    assert_eq!(setting.value("maybe", &[json!(null)]), json!([]));
}

#[test]
fn a_client_answers_a_service_that_it_defines() {
    let mut setting = Setting::basics(bare(1));
    let greet = |call: &devnet::ServiceCall| {
        let name = call.arg(0).as_str().unwrap_or("nobody");
        ServiceResult::ok(format!("hello, {name}")).into()
    };
    let client = setting.client;
    setting
        .network
        .define_service(client, "greeter", "greet", greet)
        .unwrap();
    assert_eq!(setting.value("greet", &[json!("you")]), json!("hello, you"));
}

#[test]
fn another_client_is_reached_through_its_relay() {
    let mut setting = Setting::basics(bare(3));
    let other = setting.network.add_client(PeerIndex(2)).unwrap();
    let greet = |call: &devnet::ServiceCall| ServiceResult::ok(format!("hello, {}", call.arg(0))).into();
    setting
        .network
        .define_service(other, "greeter", "greet", greet)
        .unwrap();
    let args = [json!(setting.id(other.0)), json!(setting.id(2)), json!("you")];
    assert_eq!(setting.value("greet_on", &args), json!("hello, \"you\""));

    // Through a node that is not its relay it is out of reach.
    let args = [json!(setting.id(other.0)), json!(setting.id(1)), json!("you")];
    let outcome = setting.call("greet_on", &args);
    let Err(CallFailure::Expired { hints, .. }) = outcome.result else {
        panic!("{outcome:?}");
    };
    assert_eq!(hints, ["1 messages lost"]);
}

#[test]
fn a_callback_is_called() {
    let mut setting = Setting::basics(bare(1));
    let shout = |args: &[serde_json::Value]| json!(args[0].as_str().unwrap().to_uppercase());
    let options = CallOptions::new().callback("then", shout);
    let outcome = setting.call_with("callback", &[json!("you")], options);
    assert_eq!(outcome.value(), Ok(json!("YOU")));
}

#[test]
fn a_missing_callback_and_wrong_arguments_are_refused_before_anything_runs() {
    let mut setting = Setting::basics(bare(1));
    let before = setting.network.digest();
    for (function, args) in [
        ("callback", vec![json!("x")]),
        ("greet", vec![]),
        ("greet", vec![json!(1)]),
    ] {
        let function = setting.program.function(function).unwrap();
        let result = setting.network.call(setting.client, function, &args);
        assert!(matches!(result, Err(CallError::Argument(_))), "{result:?}");
    }
    assert_eq!(setting.network.digest(), before);
}

#[test]
fn an_error_that_the_script_catches_is_a_value_and_one_it_does_not_is_a_failure() {
    let mut setting = Setting::basics(bare(1));
    let caught = setting.value("caught", &[]);
    assert!(caught.as_str().unwrap().contains("base58"), "{caught}");
    let uncaught = setting.call("uncaught", &[]).result;
    let Err(CallFailure::Script(error)) = uncaught else {
        panic!("{uncaught:?}");
    };
    assert_eq!(error["error_code"], json!(10000), "{error}");
    assert_eq!(error["peer_id"], json!(setting.id(0)));
}

#[test]
fn an_unknown_service_is_an_error_of_the_script() {
    let mut setting = Setting::basics(bare(1));
    let outcome = setting.call("greet", &[json!("you")]);
    let error = outcome.result.unwrap_err().to_string();
    assert!(error.contains("greeter.greet"), "{error}");
}

#[test]
fn a_script_that_is_no_air_fails_with_aquavms_error() {
    let mut setting = Setting::basics(bare(1));
    let client = setting.client;
    let call = setting
        .network
        .start_air(client, "(nonsense", Default::default(), CallOptions::new());
    let outcome = setting.network.wait(&call.unwrap()).unwrap();
    let Err(CallFailure::Avm { peer, message, .. }) = &outcome.result else {
        panic!("{outcome:?}");
    };
    assert_eq!(*peer, client);
    assert!(!message.is_empty());
    assert_eq!(outcome.stats.peers[peer].errors.len(), 1);
}

#[test]
fn a_service_that_never_answers_ends_with_the_ttl() {
    let mut setting = Setting::basics(bare(1));
    let client = setting.client;
    setting
        .network
        .define_service(client, "greeter", "greet", |_| Answer::Never)
        .unwrap();
    let outcome = setting.call_with("greet", &[json!("you")], CallOptions::new().ttl_ms(1_234));
    assert!(
        matches!(outcome.result, Err(CallFailure::Expired { ttl_ms: 1_234, .. })),
        "{outcome:?}"
    );
    assert_eq!(outcome.stats.latency, Duration::from_millis(1_234));
    assert_eq!(setting.network.now(), Duration::from_millis(1_234));
}

#[test]
fn latency_is_that_of_the_links_on_the_way() {
    let mut setting = Setting::basics(bare(2).latency(Duration::from_millis(30)));
    let other = json!(setting.id(1));
    let outcome = setting.call("clock_of", &[other]);
    outcome.value().unwrap();
    // client -> relay -> peer -> relay -> client
    assert_eq!(outcome.stats.hops, 4);
    assert_eq!(outcome.stats.latency, Duration::from_millis(4 * 30));
    let node = &outcome.stats.peers[&PeerIndex(1)];
    assert_eq!(node.asked, Some(Duration::from_millis(30)));
    assert_eq!(node.answered, Some(Duration::from_millis(60)));
    assert_eq!(outcome.stats.calls_of("peer", "timestamp_ms"), 1);
}

#[test]
fn peer_timeout_takes_its_time_and_not_more() {
    let mut setting = Setting::basics(bare(2));
    setting.network.kill(PeerIndex(1)).unwrap();
    let args = [json!(setting.id(1)), json!(500)];
    let outcome = setting.call("first_or_timeout", &args);
    assert_eq!(outcome.value(), Ok(json!("timeout")));
    assert_eq!(outcome.stats.latency, Duration::from_millis(50 + 500 + 50));
}

#[test]
fn a_result_comes_before_the_timeout_that_it_beats() {
    let mut setting = Setting::basics(bare(2));
    let args = [json!(setting.id(1)), json!(500)];
    let outcome = setting.call("first_or_timeout", &args);
    assert_eq!(outcome.value(), Ok(json!(setting.id(1))));
    assert_eq!(outcome.stats.latency, Duration::from_millis(4 * 50));
}

#[test]
fn two_calls_race_under_one_clock() {
    let mut setting = Setting::basics(bare(2));
    let near = setting.network.add_client(PeerIndex(1)).unwrap();
    let clock_of = setting.program.function("clock_of").unwrap().clone();
    let node = [json!(setting.id(1))];
    let start = |network: &mut devnet::Network, client| {
        network
            .start_call(client, &clock_of, &node, CallOptions::new())
            .unwrap()
    };
    let far = start(&mut setting.network, setting.client);
    let near = start(&mut setting.network, near);
    let far = setting.network.wait(&far).unwrap();
    let near = setting.network.wait(&near).unwrap();
    assert_eq!(far.stats.latency, Duration::from_millis(200));
    assert!(near.stats.latency < far.stats.latency, "{:?}", near.stats.latency);
}

#[test]
fn a_neighbourhood_on_a_node_leaves_the_node_itself_out() {
    for (nodes, expected) in [(1, 0), (2, 1), (3, 2), (20, 19), (22, 20)] {
        let mut setting = Setting::basics(bare(nodes));
        let ids = setting.value("neighbours", &[json!("key")]);
        let ids = ids.as_array().unwrap();
        assert_eq!(ids.len(), expected, "{nodes} nodes");
        assert!(!ids.contains(&json!(setting.id(0))));
    }
}

#[test]
fn signing_on_a_node_is_refused_to_a_client_and_the_script_can_catch_it() {
    let mut setting = Setting::basics(bare(2));
    let node = json!(setting.id(1));
    let answer = setting.value("sign_on", &[node]);
    assert_eq!(answer[0], json!(false));
    assert!(answer[1].as_str().unwrap().contains("started itself"), "{answer}");
}

#[test]
fn an_outcome_is_kept_until_it_is_waited_for() {
    let mut setting = Setting::basics(bare(2));
    let function = setting.program.function("two_values").unwrap();
    let client = setting.client;
    let start = setting.network.start_call(client, function, &[], CallOptions::new());
    let call = start.unwrap();
    setting.network.advance(Duration::from_secs(60)).unwrap();
    let outcome = setting.network.wait(&call).unwrap();
    assert!(outcome.result.is_ok(), "{outcome:?}");
    assert!(setting.network.wait(&call).is_err(), "it is gone by now");
}

#[test]
fn a_node_calls_functions_as_its_own_relay() {
    let mut setting = Setting::basics(bare(2));
    let function = setting.program.function("two_values").unwrap();
    let outcome = setting.network.call(PeerIndex(1), function, &[]).unwrap();
    assert_eq!(outcome.value().unwrap()[0], json!(setting.id(1)));
    assert_eq!(outcome.stats.hops, 0);
}

#[test]
fn real_time_keeps_step_with_virtual_time() {
    let mut config = bare(2).latency(Duration::from_millis(40));
    config.real_time = true;
    let mut setting = Setting::basics(config);
    let since = std::time::Instant::now();
    setting.value("two_values", &[]);
    assert!(since.elapsed() >= Duration::from_millis(70), "{:?}", since.elapsed());
}
