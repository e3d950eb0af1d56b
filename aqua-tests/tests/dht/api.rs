//! Every function of `dht-api.aqua`.

use aqua_tests::{strings, Scene};
use devnet::{CallFailure, NetworkConfig, PeerIndex};
use serde_json::json;

use super::*;

/// A key of the client's that all of 20 nodes have.
fn registered() -> Scene {
    let mut scene = scene(20);
    assert_done(&scene.call("registerKey", &[json!("topic")]));
    scene.settle();
    scene
}

#[test]
fn a_value_is_found_from_everywhere_with_who_put_it_and_how_it_is_reached() {
    let mut scene = registered();
    let (me, relay) = (scene.id(scene.client), scene.id(PeerIndex(0)));
    let args = [json!("topic"), json!("value"), json!(relay), json!("service")];
    let reply = scene.call("putValue", &args);
    assert_done(&reply);
    assert!(reply.latency_ms() < AT_ONCE_MS);
    scene.settle();
    assert_eq!(holders(&mut scene, "topic").len(), 20);
    for node in [0, 7, 19] {
        let reader = scene.add_client(PeerIndex(node));
        let reply = scene.call_as(reader, "getValues", &[json!("topic")]);
        let record = &reply.clean()[0];
        assert_eq!(
            (&record["peer_id"], &record["set_by"], &record["value"]),
            (&json!(me), &json!(me), &json!("value"))
        );
        assert_eq!(
            (&record["relay_id"], &record["service_id"]),
            (&json!([relay]), &json!(["service"]))
        );
        assert!(reply.latency_ms() < AT_ONCE_MS);
    }
}

#[test]
fn a_key_of_another_is_refused_and_its_values_are_taken_all_the_same() {
    let mut scene = registered();
    let other = scene.add_client(PeerIndex(5));
    let reply = scene.call_as(other, "registerKey", &[json!("topic")]);
    assert_all_refuse(&reply, 20, "key already exists with different peer_id");
    let args = [json!("topic"), json!("of another"), json!(null), json!(null)];
    assert_done(&scene.call_as(other, "registerKeyPutValue", &args));
    scene.settle();
    let reply = scene.call("getValues", &[json!("topic")]);
    assert_eq!(strings(reply.clean(), "value"), ["of another"]);
}

#[test]
fn a_key_that_nobody_registered_takes_no_values_and_has_none() {
    let mut scene = scene(20);
    let args = [json!("topic"), json!("value"), json!(null), json!(null)];
    assert_all_refuse(&scene.call("putValue", &args), 20, "not found here");
    let reply = scene.call("putHostValue", &args[..3]);
    assert_eq!(reply.value(), &json!(false));
    assert!(reply.error_of(&scene.id(PeerIndex(0))).contains("not found here"));
    let reply = scene.call("getValues", &[json!("topic")]);
    assert_eq!(reply.value(), &json!([]));
    assert_eq!(reply.errors().len(), 20);
    assert!(reply.latency_ms() < AT_ONCE_MS);
    let cleared = scene.call("clearHostValue", &[json!("topic")]);
    assert_eq!(cleared.value()["success"], json!(false));
}

#[test]
fn what_is_too_long_is_refused_by_name_with_its_limit() {
    let mut scene = registered();
    let long = "x".repeat(4_097);
    let args = [json!("topic"), json!(long), json!(null), json!(null)];
    assert_all_refuse(&scene.call("putValue", &args), 20, "4097 bytes, at most 4096");
    let reply = scene.call("registerKeyPutHostValue", &args[..3]);
    assert_eq!(reply.value(), &json!(false));
    assert!(reply.errors()[0].contains("at most 4096"), "{:?}", reply.errors());
    let args = [json!("topic"), json!("v"), json!(null), json!("s".repeat(129))];
    assert_all_refuse(&scene.call("putValue", &args), 20, "129 bytes, at most 128");
}

/// `propagate_host_value` never succeeded in the original.
#[test]
fn a_value_of_the_relay_comes_to_all_neighbours_on_the_relays_word() {
    let mut scene = scene(20);
    let (me, relay) = (scene.id(scene.client), scene.id(PeerIndex(0)));
    let args = [json!("topic"), json!("the relay's"), json!(null)];
    assert_done(&scene.call("registerKeyPutHostValue", &args));
    scene.settle();
    let held = holders(&mut scene, "topic");
    assert_eq!(held.len(), 20);
    for (node, values) in held {
        assert_eq!(values.len(), 1, "{node}");
        assert_eq!(
            (&values[0]["peer_id"], &values[0]["set_by"]),
            (&json!(relay), &json!(me)),
            "{node}"
        );
    }
    assert_done(&scene.call("putHostValue", &[json!("topic"), json!("a newer one"), json!(null)]));
    scene.settle();
    let reply = scene.call("getValues", &[json!("topic")]);
    assert_eq!(strings(reply.clean(), "value"), ["a newer one"]);
}

#[test]
fn who_put_a_value_of_the_relay_clears_it_there() {
    let mut scene = scene(1);
    let args = [json!("topic"), json!("the relay's"), json!(null)];
    assert_done(&scene.call("registerKeyPutHostValue", &args));
    let other = scene.add_client(PeerIndex(0));
    let refused = scene.call_as(other, "clearHostValue", &[json!("topic")]);
    assert_eq!(refused.value()["success"], json!(false));
    assert_eq!(
        scene.call("clearHostValue", &[json!("topic")]).value()["success"],
        json!(true)
    );
    assert_eq!(scene.call("getValues", &[json!("topic")]).clean(), &json!([]));
}

#[test]
fn a_function_is_called_on_every_provider() {
    let mut scene = registered();
    for node in [3, 9] {
        let (client, [relay, service]) = subscriber(&mut scene, node);
        let args = [json!("topic"), json!("value"), relay, service];
        assert_done(&scene.call_as(client, "putValue", &args));
    }
    scene.settle();
    let reply = scene.call("greetProviders", &[json!("topic"), json!("Ada")]);
    assert_eq!(reply.clean().as_array().unwrap().len(), 2);
    let unknown = scene.call("greetProviders", &[json!("unknown"), json!("Ada")]);
    assert_eq!(unknown.value(), &json!([]));
    assert_eq!(unknown.errors().len(), 20);
}

/// The original merged two answers.
#[test]
fn the_answers_of_all_nodes_are_merged() {
    let mut scene = scene(5);
    for node in 0..5 {
        let (client, _) = subscriber(&mut scene, 0);
        let node = scene.id(PeerIndex(node));
        let args = [json!(node), json!("topic"), json!(node)];
        let put = scene.call_as(client, "putOn", &args);
        assert_eq!(put.value()["success"], json!(true), "{:?}", put.values);
    }
    assert!(holders(&mut scene, "topic").iter().all(|(_, values)| values.len() == 1));
    let reply = scene.call("getValues", &[json!("topic")]);
    assert_eq!(reply.clean().as_array().unwrap().len(), 5);
    let found = scene.call("findSubscribers", &[json!("topic")]);
    assert_eq!(found.value(), reply.value());
}

#[test]
fn with_one_or_half_of_the_nodes_dead_writes_wait_for_nobody_and_reads_name_who_is_silent() {
    for dead in [1, 10] {
        let mut scene = registered();
        kill(&mut scene, 20 - dead..20);
        let value = [json!("topic"), json!("value"), json!(null), json!(null)];
        for (function, args) in [
            ("registerKey", &value[..1]),
            ("putValue", &value[..]),
            ("registerKeyPutValue", &value[..]),
            ("putHostValue", &value[..3]),
            ("registerKeyPutHostValue", &value[..3]),
        ] {
            let reply = scene.call(function, args);
            assert_done(&reply);
            assert!(reply.latency_ms() < AT_ONCE_MS, "{function}: {} ms", reply.latency_ms());
        }
        scene.settle();
        let reply = scene.call("getValues", &[json!("topic")]);
        assert_eq!(reply.value().as_array().unwrap().len(), 2);
        assert_eq!(reply.errors().len(), dead);
        assert!(reply.error_of(&scene.id(PeerIndex(19))).contains("no answer in time"));
        let waited = READ_WAIT_MS..READ_WAIT_MS + AT_ONCE_MS;
        assert!(waited.contains(&reply.latency_ms()), "{} ms", reply.latency_ms());
    }
}

/// The relay knows 20 that are closer, and none of them answers.
#[test]
fn with_all_neighbours_dead_a_write_fails_in_time_and_names_them() {
    let mut scene = scene(30);
    let near = scene.neighbourhood("topic");
    let away = (0..30).map(PeerIndex).find(|node| !near.contains(node)).unwrap();
    let client = scene.add_client(away);
    for node in &near {
        scene.network.kill(*node).unwrap();
    }
    let value = [json!("topic"), json!("value"), json!(null), json!(null)];
    for (function, args) in [("registerKey", &value[..1]), ("registerKeyPutValue", &value[..])] {
        let reply = scene.call_as(client, function, args);
        assert_eq!(reply.value(), &json!(false), "{function}");
        assert!(reply.errors().len() >= 20, "{:?}", reply.errors());
        assert!(reply.error_of(&scene.id(near[0])).contains("no answer in time"));
        let waited = WRITE_WAIT_MS..WRITE_WAIT_MS + AT_ONCE_MS;
        assert!(
            waited.contains(&reply.latency_ms()),
            "{function}: {} ms",
            reply.latency_ms()
        );
    }
}

#[test]
fn a_dead_relay_ends_with_the_particle() {
    let mut scene = registered();
    scene.network.kill(PeerIndex(0)).unwrap();
    let function = scene.program.function("getValues").unwrap();
    let outcome = scene.network.call(scene.client, function, &[json!("topic")]).unwrap();
    assert!(
        matches!(outcome.result, Err(CallFailure::Expired { .. })),
        "{outcome:?}"
    );
}

#[test]
fn nodes_without_aqua_dht_are_named() {
    let without = NetworkConfig {
        aqua_dht: None,
        ..config(3)
    };
    let mut scene = Scene::with(without, compile("dht.aqua", &[]));
    let reply = scene.call("registerKey", &[json!("topic")]);
    assert_eq!(reply.value(), &json!(false));
    assert_eq!(reply.errors().len(), 3);
    for node in 0..3 {
        assert!(!reply.error_of(&scene.id(PeerIndex(node))).is_empty());
    }
}
