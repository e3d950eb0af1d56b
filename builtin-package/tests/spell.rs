//! The spell of this package, installed as a node does it, on networks of nodes with the modules of this package.

use std::collections::BTreeMap;
use std::time::Duration;

use aqua_tests::Scene;
use devnet::{NetworkConfig, PeerIndex, Query, RegistryModules, ScheduleIndex, SpellSpec};
use registry_distro::{registry_spell, RegistryConfig};
use serde_json::{json, Value};

const ALIAS: &str = "registry-spell";
const MINUTE: Duration = Duration::from_secs(60);
/// What nox has in its default configuration.
const USUAL: RegistryConfig = RegistryConfig {
    expired_interval: 86_400,
    renew_interval: 43_200,
    replicate_interval: 3_600,
};

fn modules() -> RegistryModules {
    let modules = registry_distro::modules();
    RegistryModules {
        sqlite3: modules["sqlite3"].into(),
        registry: modules["registry"].into(),
    }
}

fn scene(nodes: usize) -> Scene {
    Scene::new(NetworkConfig::new(nodes).registry(modules()))
}

/// Every minute, first in a minute.
fn install(scene: &mut Scene, node: PeerIndex, config: RegistryConfig) -> ScheduleIndex {
    let distro = registry_spell(config);
    let data = distro.init_data.into_iter().map(|(key, value)| (key.to_owned(), value));
    let spell = SpellSpec {
        alias: ALIAS.to_owned(),
        air: distro.air.to_owned(),
        init_data: data.collect::<BTreeMap<_, _>>(),
        every: MINUTE,
        first_after: MINUTE,
        ttl_ms: Some(50_000),
    };
    let installed = scene.network.install_spell(node, spell);
    installed.unwrap_or_else(|error| panic!("{error}"))
}

fn install_everywhere(scene: &mut Scene, config: RegistryConfig) -> Vec<ScheduleIndex> {
    let nodes = scene.network.nodes();
    nodes.into_iter().map(|node| install(scene, node, config)).collect()
}

fn advance(scene: &mut Scene, time: Duration) {
    scene.network.advance(time).unwrap_or_else(|error| panic!("{error}"));
}

fn ask(scene: &mut Scene, node: PeerIndex, query: &Query) -> Value {
    let answer = scene.network.ask(node, query);
    answer.unwrap_or_else(|error| panic!("{error}"))
}

/// Every run ended with a response, and the node's spell service knows of no error.
fn check_no_failure(scene: &mut Scene, schedules: &[ScheduleIndex], runs_min: usize) {
    for schedule in schedules {
        let runs: Vec<_> = scene.network.scheduled_runs(*schedule).collect();
        assert!(runs.len() >= runs_min, "{} runs", runs.len());
        for run in runs {
            let response = run.result.as_ref().unwrap_or_else(|failure| panic!("{failure}"));
            let text = json!(response).to_string();
            assert!(!text.contains(r#""success":false"#), "{text}");
        }
    }
    for node in scene.network.nodes() {
        let errors = ask(scene, node, &Query::new(ALIAS, "get_all_errors"));
        assert_eq!(errors["particle_errors"], json!([]), "{errors}");
    }
}

#[test]
fn it_runs_without_a_failure_with_trust_graph_and_without() {
    let with = NetworkConfig::new(3).registry(modules());
    for config in [with.clone(), with.without_trust_graph()] {
        let mut scene = Scene::new(config);
        let config = RegistryConfig {
            expired_interval: 60,
            renew_interval: 60,
            replicate_interval: 60,
        };
        let schedules = install_everywhere(&mut scene, config);
        let id = scene.create("sample");
        let node = scene.id(PeerIndex(1));
        let args = [json!(node), json!(id), json!("value"), json!(null)];
        assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
        scene.register(scene.client, &id, "client");
        advance(&mut scene, 4 * MINUTE);
        check_no_failure(&mut scene, &schedules, 3);
        assert_eq!(scene.resolve(&id, 3).providers().len(), 2);
    }
}

#[test]
fn a_record_without_the_nodes_signature_gets_it_within_a_minute_everywhere() {
    let mut scene = scene(4);
    let schedules = install_everywhere(&mut scene, USUAL);
    let id = scene.create("sample");
    let node = scene.id(PeerIndex(2));
    let args = [json!(node), json!(id), json!("value"), json!(null)];
    assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
    scene.settle();
    assert_eq!(signatures(&mut scene, &id), [false; 4]);

    advance(&mut scene, MINUTE + Duration::from_secs(5));
    assert_eq!(signatures(&mut scene, &id), [true; 4]);
    check_no_failure(&mut scene, &schedules, 1);
}

/// Whether the only record that a node holds of a key is signed, by node.
fn signatures(scene: &mut Scene, id: &str) -> Vec<bool> {
    let signed = |record: &Value| !record["signature"].as_array().expect("bytes").is_empty();
    let holders = scene.holders(id).into_iter();
    let one = |(node, held): (PeerIndex, devnet::HeldKey)| match held.records.as_slice() {
        [record] => signed(record),
        records => panic!("{node} holds {} records", records.len()),
    };
    holders.map(one).collect()
}

#[test]
fn an_expired_key_is_removed() {
    let config = RegistryConfig {
        expired_interval: 300,
        ..USUAL
    };
    let left = |installed: bool| {
        let mut scene = scene(2);
        for node in scene.network.nodes() {
            let expires = Query::new("registry", "set_expired_timeout").arg(600);
            assert_eq!(ask(&mut scene, node, &expires)["success"], json!(true));
            if installed {
                install(&mut scene, node, config);
            }
        }
        let id = scene.create("sample");
        scene.register(scene.client, &id, "value");
        advance(&mut scene, 20 * MINUTE);
        let clear = Query::new("registry", "clear_expired").now();
        ask(&mut scene, PeerIndex(1), &clear)
    };
    let removed_by_hand = left(false);
    assert_eq!(removed_by_hand["count_keys"], json!(1), "{removed_by_hand}");
    let removed_by_hand = left(true);
    assert_eq!(removed_by_hand["success"], json!(true), "{removed_by_hand}");
    assert_eq!(removed_by_hand["count_keys"], json!(0), "{removed_by_hand}");
}

#[test]
fn a_key_reaches_a_node_that_joined_later() {
    let mut scene = scene(3);
    let config = RegistryConfig {
        replicate_interval: 120,
        ..USUAL
    };
    let mut schedules = install_everywhere(&mut scene, config);
    let id = scene.create("sample");
    scene.register(scene.client, &id, "value");
    let late = scene.network.add_node().unwrap_or_else(|error| panic!("{error}"));
    schedules.push(install(&mut scene, late, config));
    assert!(scene.holders(&id).iter().all(|(node, _)| *node != late));

    advance(&mut scene, 6 * MINUTE);
    let held = scene.holders(&id).into_iter().find(|(node, _)| *node == late);
    let (_, held) = held.expect("the newcomer holds the key");
    assert_eq!(held.key["id"], json!(id));
    assert_eq!(held.records.len(), 1);
    check_no_failure(&mut scene, &schedules, 4);
}
