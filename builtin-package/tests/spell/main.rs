//! The spell of this package, run through the real spell service on nodes with the modules of this package.

mod scene;
mod settings;

use std::time::Duration;

use devnet::{NetworkConfig, PeerIndex, Query};
use registry_distro::RegistryConfig;
use scene::{Scene, MINUTE, USUAL};
use serde_json::{json, Value};

#[test]
fn it_runs_without_a_failure_with_trust_graph_and_without() {
    let with = NetworkConfig::new(3);
    for config in [with.clone(), with.without_trust_graph()] {
        let mut scene = Scene::new(config);
        scene.install_everywhere(RegistryConfig {
            expired_interval: 60,
            renew_interval: 60,
            replicate_interval: 60,
        });
        let id = scene.create("sample");
        scene.register_node(PeerIndex(1), &id);
        scene.register(&id);
        scene.advance(4 * MINUTE);
        scene.check_no_failure(4);
        let providers = scene.call("resolveProviders", &[json!(id), json!(3)]);
        assert_eq!(providers.as_array().unwrap().len(), 2, "{providers}");
    }
}

#[test]
fn a_record_without_the_nodes_signature_gets_it_within_a_minute_everywhere() {
    let mut scene = Scene::of(4);
    scene.install_everywhere(USUAL);
    let id = scene.create("sample");
    scene.register_node(PeerIndex(2), &id);
    assert_eq!(signed(&mut scene, &id), [false; 4]);

    scene.advance(MINUTE + Duration::from_secs(5));
    assert_eq!(signed(&mut scene, &id), [true; 4]);
    scene.check_no_failure(1);
}

/// Whether the only record that each node holds of a key has its provider's signature.
fn signed(scene: &mut Scene, id: &str) -> Vec<bool> {
    let is_signed = |record: &Value| !record["signature"].as_array().expect("bytes").is_empty();
    let nodes = scene.network.nodes().into_iter();
    let of_node = |node| match scene.held(node, id).expect("a copy").records.as_slice() {
        [record] => is_signed(record),
        records => panic!("{node} holds {} records", records.len()),
    };
    nodes.map(of_node).collect()
}

#[test]
fn an_expired_key_is_removed() {
    // What there is to remove by hand, twice its lifetime later.
    let left = |installed: bool| {
        let mut scene = Scene::of(2);
        for node in scene.network.nodes() {
            let expires = Query::new("registry", "set_expired_timeout").arg(600);
            assert_eq!(scene.ask(node, &expires)["success"], json!(true));
            if installed {
                let expired_interval = 300;
                scene.install(
                    node,
                    RegistryConfig {
                        expired_interval,
                        ..USUAL
                    },
                );
            }
        }
        let id = scene.create("sample");
        scene.register(&id);
        scene.advance(20 * MINUTE);
        let cleared = scene.ask(PeerIndex(1), &Query::new("registry", "clear_expired").now());
        assert_eq!(cleared["success"], json!(true), "{cleared}");
        cleared["count_keys"].as_u64().unwrap()
    };
    assert_eq!(left(false), 1);
    assert_eq!(left(true), 0);
}

#[test]
fn a_key_reaches_a_node_that_joined_later() {
    let mut scene = Scene::of(3);
    let config = RegistryConfig {
        replicate_interval: 120,
        ..USUAL
    };
    scene.install_everywhere(config);
    let id = scene.create("sample");
    scene.register(&id);
    let late = scene.network.add_node().unwrap_or_else(|error| panic!("{error}"));
    scene.install(late, config);
    assert_eq!(scene.held(late, &id), None);

    scene.advance(6 * MINUTE);
    let held = scene.held(late, &id).expect("the newcomer holds the key");
    assert_eq!(held.key["id"], json!(id));
    assert_eq!(held.records.len(), 1);
    scene.check_no_failure(5);
}

#[test]
fn a_service_that_was_replaced_by_an_empty_one_is_filled_by_its_neighbours() {
    let mut scene = Scene::of(3);
    scene.install_everywhere(RegistryConfig {
        replicate_interval: 120,
        ..USUAL
    });
    let upgraded = PeerIndex(2);
    let id = scene.create("sample");
    scene.register(&id);
    scene.register_node(upgraded, &id);
    // Until the node has signed its own record nobody passes it on.
    scene.advance(2 * MINUTE);

    let _storage = scene.replace_service(upgraded);
    assert_eq!(scene.held(upgraded, &id), None);

    scene.advance(6 * MINUTE);
    let held = scene.held(upgraded, &id).expect("the node holds the key again");
    assert_eq!(held.records.len(), 2, "its own record among them");
    scene.check_no_failure(7);
}
