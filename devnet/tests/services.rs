//! Marine services on nodes, shown with the published registry 0.9.4.

mod common;

use std::time::Duration;

use common::{with_registry, Setting};
use devnet::kademlia::{resource_point, REPLICATION_FACTOR};
use devnet::{CallOptions, Network, NetworkError, PeerIndex, Query, RegistryInvariants};
use fluence_keypair::{KeyFormat, KeyPair};
use serde_json::{json, Value};

const NODE: PeerIndex = PeerIndex(0);
const SIGN_AS_NODE: &str = r#"
    (seq
        (seq
            (call %init_peer_id% ("registry" "get_record_metadata_bytes") ["key" %init_peer_id% 1 "value" %init_peer_id% [] [] []] bytes)
            (call %init_peer_id% ("sig" "sign") [bytes] signed))
        (call %init_peer_id% ("callbackSrv" "response") [signed.$.success]))"#;

#[test]
fn a_key_that_the_client_signed_is_stored_on_the_relay_only() {
    let mut setting = Setting::new(with_registry(3), "registry.aqua");
    let created = setting.value("create_key", &[json!("label")]);
    assert_eq!(created["success"], json!(true), "{created}");
    let key_id = created["key_id"].as_str().unwrap();
    let holders = setting.network.holders(key_id).unwrap();
    assert_eq!(holders.keys().copied().collect::<Vec<_>>(), [NODE]);
    assert_eq!(holders[&NODE].key["label"], json!("label"));
    assert_eq!(holders[&NODE].records.len(), 0);
    let shown = setting.value("key_label", &[json!(key_id)]);
    assert_eq!(shown, json!(["label", ""]));
}

#[test]
fn a_node_signs_what_its_registry_encoded_in_its_own_script() {
    let mut setting = Setting::new(with_registry(1), "registry.aqua");
    let options = CallOptions::new();
    let call = setting
        .network
        .start_air(NODE, SIGN_AS_NODE, Default::default(), options);
    let outcome = setting.network.wait(&call.unwrap()).unwrap();
    assert_eq!(outcome.value(), Ok(json!(true)));
}

#[test]
fn a_node_refuses_the_same_to_a_clients_script() {
    let mut setting = Setting::new(with_registry(1), "registry.aqua");
    let node_id = setting.id(0);
    let air = SIGN_AS_NODE.replace(r#"%init_peer_id% ("registry""#, &format!(r#""{node_id}" ("registry""#));
    let air = air.replace(r#"%init_peer_id% ("sig""#, &format!(r#""{node_id}" ("sig""#));
    let air = format!(r#"(xor {air} (call %init_peer_id% ("errorHandlingSrv" "error") [:error: 0]))"#);
    let client = setting.client;
    let call = setting
        .network
        .start_air(client, air, Default::default(), CallOptions::new());
    let outcome = setting.network.wait(&call.unwrap()).unwrap();
    let error = outcome.result.unwrap_err().to_string();
    assert!(error.contains("started itself"), "{error}");
}

#[test]
fn a_query_proves_the_nodes_time_and_only_that() {
    let mut setting = Setting::new(with_registry(1), "registry.aqua");
    let ask = |setting: &mut Setting, query: Query| setting.network.ask(NODE, &query).unwrap();
    let query = || Query::new("registry", "get_records").arg("no such key");
    let proved = ask(&mut setting, query().now());
    let unproved = ask(&mut setting, query().arg(devnet::EPOCH_SEC));
    let text = |answer: &serde_json::Value| answer["error"].as_str().unwrap().to_owned();
    assert!(text(&unproved).contains("timestamp"), "{unproved}");
    assert!(!text(&proved).contains("timestamp"), "{proved}");
    let from_peer = query().result_of("peer", "timestamp_sec", devnet::EPOCH_SEC);
    assert_eq!(ask(&mut setting, from_peer), proved);
}

#[test]
fn a_service_that_is_not_there_is_named() {
    let mut setting = Setting::new(with_registry(1), "registry.aqua");
    let error = setting.network.ask(NODE, &Query::new("nothing", "f")).unwrap_err();
    assert!(matches!(error, NetworkError::NoSuchService { .. }), "{error:?}");
    let services = setting.network.services(NODE).unwrap();
    assert_eq!(services, ["registry", "trust-graph"]);
}

#[test]
fn without_trust_graph_its_calls_fail_and_the_rest_works() {
    let config = with_registry(1).without_trust_graph();
    let mut setting = Setting::new(config, "registry.aqua");
    setting.value("key_id", &[json!("label"), json!("owner")]);
    let error = setting.call("create_key", &[json!("label")]).result.unwrap_err();
    assert!(error.to_string().contains("trust-graph"), "{error}");
}

#[test]
fn a_network_of_100_peers_answers() {
    let mut setting = Setting::new(with_registry(100), "registry.aqua");
    let created = setting.value("create_key", &[json!("label")]);
    assert_eq!(created["success"], json!(true), "{created}");
    let key_id = created["key_id"].as_str().unwrap();
    let point = resource_point(key_id).unwrap();
    let closest = setting.network.closest_nodes(point, REPLICATION_FACTOR);
    assert_eq!(closest.len(), 20);
}

/// A key on the relay, with one record of the client.
fn with_record() -> (Setting, String) {
    let mut setting = Setting::new(with_registry(3), "registry.aqua");
    let created = setting.value("create_key", &[json!("label")]);
    let key_id = created["key_id"].as_str().unwrap().to_owned();
    let node_id = json!(setting.id(0));
    let put = setting.value("put", &[json!(key_id), json!("first"), node_id]);
    assert_eq!(put["success"], json!(true), "{put}");
    (setting, key_id)
}

#[test]
fn replicas_that_hold_different_records_are_told() {
    let (mut setting, key_id) = with_record();
    let record = &setting.network.holders(&key_id).unwrap()[&NODE].records[0];
    assert_eq!(record["metadata"]["value"], json!("first"));
    let divergence = |network: &mut Network, nodes: &[usize]| {
        let nodes: Vec<PeerIndex> = nodes.iter().copied().map(PeerIndex).collect();
        network.divergence(&key_id, &nodes).unwrap()
    };
    assert!(divergence(&mut setting.network, &[0]).is_empty());
    let lines = divergence(&mut setting.network, &[0, 1, 2]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("peer 0 differs from 2 others in "), "{lines:?}");
    assert!(lines[0].contains("first"), "{lines:?}");
    setting.network.kill(PeerIndex(0)).unwrap();
    assert!(divergence(&mut setting.network, &[0, 1, 2]).is_empty());
}

#[test]
fn signed_records_keep_the_registry_invariants() {
    let (mut setting, key_id) = with_record();
    setting
        .network
        .add_checker(RegistryInvariants::watching([key_id.clone()]));
    let node_id = json!(setting.id(0));
    setting.network.advance(Duration::from_secs(5)).unwrap();
    let put = setting.value("put", &[json!(key_id), json!("second"), node_id]);
    assert_eq!(put["success"], json!(true), "{put}");
}

/// Puts a record of somebody with this key on the relay, without a particle.
fn put_as(network: &mut Network, key: &KeyPair, key_id: &str) -> Value {
    let owner = key.get_peer_id().to_base58();
    let now = network.unix_ms(NODE).unwrap() / 1000;
    let ask = |network: &mut Network, query: Query| network.ask(NODE, &query.init_peer_id(&owner)).unwrap();
    let sign = |bytes: Value| {
        let bytes: Vec<u8> = serde_json::from_value(bytes).unwrap();
        json!(key.sign(&bytes).unwrap().to_vec())
    };
    let fields = |query: Query| {
        let query = query.arg(key_id).arg(owner.clone()).arg(now).arg("stray");
        query.arg(owner.clone()).arg(json!([])).arg(json!([])).arg(json!([]))
    };
    let query = |function: &str| Query::new("registry", function);
    let issued = sign(ask(network, fields(query("get_record_metadata_bytes"))));
    let metadata = ask(network, fields(query("create_record_metadata")).arg(issued));
    let bytes = query("get_record_bytes").arg(metadata.clone()).arg(now);
    let signature = sign(ask(network, bytes));
    let weight = json!({"success": true, "weight": 0, "peer_id": owner, "error": ""});
    let put = query("put_record").arg(metadata).arg(now).arg(signature);
    ask(network, put.result_of("trust-graph", "get_weight", weight).now())
}

#[test]
fn a_record_signed_by_nobody_in_the_network_breaks_the_registry_invariants() {
    let (mut setting, key_id) = with_record();
    setting
        .network
        .add_checker(RegistryInvariants::watching([key_id.clone()]));
    let stranger = KeyPair::from_secret_key(vec![9; 32], KeyFormat::Ed25519).unwrap();
    let put = put_as(&mut setting.network, &stranger, &key_id);
    assert_eq!(put["success"], json!(true), "{put}");

    let function = setting.program.function("put").unwrap();
    let args = [json!(key_id), json!("second"), json!(setting.network.peers()[0].id())];
    let result = setting.network.call(setting.client, function, &args);
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("registry invariants") && error.contains("unknown peer"),
        "{error}"
    );
}
