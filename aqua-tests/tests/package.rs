//! The npm package as its users meet it.

use std::path::Path;

use aqua_tests::{compile, Scene};
use devnet::{AquaCompiler, NetworkConfig, PeerIndex};
use serde_json::{json, Value};

fn package_dir() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../aqua")
}

fn package() -> Value {
    serde_json::from_slice(&std::fs::read(package_dir().join("package.json")).unwrap()).unwrap()
}

/// What the package publishes, but for the JavaScript that is made of it.
fn aqua_files() -> Vec<String> {
    let mut files: Vec<String> = serde_json::from_value(package()["files"].clone()).unwrap();
    assert_eq!(files.pop().as_deref(), Some("dist"));
    files
}

#[test]
fn r15_every_file_compiles_by_itself_without_a_warning() {
    let files = aqua_files();
    assert!(!files.is_empty());
    for file in files {
        let path = package_dir().join(&file);
        let program = AquaCompiler::new()
            .compile(&path)
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(program.warnings(), [] as [String; 0], "{file}");
    }
}

#[test]
fn every_aqua_file_is_published_and_aqua_lib_is_the_only_dependency() {
    let mut present: Vec<String> = std::fs::read_dir(package_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".aqua"))
        .collect();
    present.sort();
    assert_eq!(aqua_files(), present);
    assert_eq!(package()["dependencies"], json!({"@fluencelabs/aqua-lib": "0.10.2"}));
    assert_eq!(package()["name"], json!("@fluencelabs/registry"));
}

#[test]
fn r15_import_and_use_give_the_same() {
    let mut scene = Scene::of(3);
    let id = scene.create("sample");
    scene.register(scene.client, &id, "value");
    scene.program = compile("imported.aqua", &[]);
    let imported = scene.call("first", &[json!(id)]);
    assert_eq!(imported.value()[0]["value"], json!("value"));
    scene.program = compile("used.aqua", &[]);
    assert_eq!(scene.call("first", &[json!(id)]).values, imported.values);
}

#[test]
fn constants_can_be_overridden() {
    let factor = |constants: &[&str]| {
        let mut scene = Scene::with(
            NetworkConfig::new(1).without_registry(),
            compile("imported.aqua", constants),
        );
        scene.call("replicationFactor", &[]).value().clone()
    };
    assert_eq!(factor(&[]), json!(1));
    assert_eq!(factor(&["INITIAL_REPLICATION_FACTOR = 7"]), json!(7));
}

#[test]
fn what_uses_the_api_may_name_functions_as_its_parts() {
    let mut scene = Scene::with(NetworkConfig::new(1).without_registry(), compile("used.aqua", &[]));
    for name in [
        "issue",
        "own",
        "findKey",
        "findRecords",
        "publishPlain",
        "publishRecord",
        "publishHostRecord",
    ] {
        assert_eq!(scene.call(name, &[]).value(), &json!(name));
    }
}

#[test]
fn the_lower_level_stores_on_one_node() {
    for config in [NetworkConfig::new(3), NetworkConfig::new(3).without_trust_graph()] {
        let mut scene = Scene::with(config, compile("imported.aqua", &[]));
        let reply = scene.call("storeOnRelay", &[json!("sample"), json!("value")]);
        let record = &reply.value()[0];
        assert_eq!(record["metadata"]["value"], json!("value"));
        assert_eq!(record["metadata"]["peer_id"], json!(scene.id(scene.client)));
        let neighbours: Vec<String> = serde_json::from_value(reply.values[1].clone()).unwrap();
        let id = record["metadata"]["key_id"].as_str().unwrap();
        let expected: Vec<String> = scene.neighbourhood(id).iter().map(|node| scene.id(*node)).collect();
        assert_eq!(neighbours, expected);
        assert_eq!(scene.holders(id).len(), 1);
    }
}

#[test]
fn the_lower_level_hosts_and_voids() {
    for config in [NetworkConfig::new(3), NetworkConfig::new(3).without_trust_graph()] {
        let mut scene = Scene::new(config);
        let id = scene.create("sample");
        scene.program = compile("used.aqua", &[]);
        let (host, neighbour) = (scene.id(PeerIndex(1)), scene.id(PeerIndex(2)));
        let reply = scene.call("hostOn", &[json!(id), json!(host), json!(neighbour)]);
        let [propagated, records, voided, tombstones] = reply.values.as_slice() else {
            panic!("{reply:?}");
        };
        assert_eq!(propagated, &json!({"success": true, "error": ""}));
        assert_eq!(records[0]["metadata"]["peer_id"], json!(host));
        assert_eq!(voided, &json!({"success": true, "error": ""}));
        assert_eq!(tombstones[0]["peer_id"], json!(host));
    }
}
