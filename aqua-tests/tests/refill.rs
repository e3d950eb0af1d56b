//! A node that has lost its database is refilled by its neighbours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aqua_tests::{artifact, Scene};
use devnet::{PeerIndex, Query, ScheduledScript};
use serde_json::{json, Value};

const NODES: usize = 5;
const HOUR: Duration = Duration::from_secs(3_600);
const TTL_MS: u32 = 60_000;
const VICTIM: PeerIndex = PeerIndex(2);

/// Every node runs `replicate_3600` every hour, each at another minute.
fn schedule_replication(scene: &mut Scene) {
    let script = fs::read_to_string(artifact("replicate_3600.air")).expect("./build.sh makes it");
    for node in scene.network.nodes() {
        let script = ScheduledScript::new(script.as_str(), HOUR)
            .first_after(Duration::from_secs(60 * (1 + node.0 as u64)))
            .ttl_ms(TTL_MS);
        scene.network.schedule(node, script).expect("it is scheduled");
    }
}

fn database_of(scene: &Scene, node: PeerIndex) -> PathBuf {
    let services = fs::read_dir(scene.network.node_dir(node))
        .expect("the node's files")
        .flatten();
    let mut databases = services.map(|service| service.path().join("storage/registry.sqlite"));
    databases.find(|path| path.is_file()).expect("the node has a database")
}

/// Key, records and tombstones of a resource as the node gives them.
fn held(scene: &mut Scene, node: PeerIndex, id: &str) -> [Value; 3] {
    let key = scene
        .network
        .ask(node, &Query::new("registry", "get_key_metadata").arg(id));
    let mut listed = |function| {
        let query = Query::new("registry", function).arg(id).now();
        scene.network.ask(node, &query).expect("it answers")["result"].take()
    };
    let (records, tombstones) = (listed("get_records"), listed("get_tombstones"));
    [key.expect("it answers")["key"].take(), records, tombstones]
}

/// Resources with a provider each, and one with one that has left.
fn filled(scene: &mut Scene) -> Vec<String> {
    let labels = ["one", "two", "three", "given up"];
    let ids: Vec<String> = labels.iter().map(|label| scene.create(label)).collect();
    for id in &ids {
        scene.register(scene.client, id, "value");
    }
    let me = scene.id(scene.client);
    let gone = scene.call("unregisterService", &[json!(ids[3]), json!(me)]);
    assert_eq!(gone.clean(), &json!(true));
    scene.settle();
    ids
}

fn lose(name: &str, damage: impl FnOnce(&Path)) {
    let mut scene = Scene::of(NODES);
    let ids = filled(&mut scene);
    let before: Vec<[Value; 3]> = ids.iter().map(|id| held(&mut scene, VICTIM, id)).collect();
    assert_eq!(before[0][1].as_array().map(Vec::len), Some(1), "{name}");
    assert_eq!(before[3][2].as_array().map(Vec::len), Some(1), "{name}");

    scene.network.kill(VICTIM).expect("it stops");
    damage(&database_of(&scene, VICTIM));
    scene.network.restart(VICTIM).expect("it comes up");
    for id in &ids {
        assert_eq!(held(&mut scene, VICTIM, id)[1], json!([]), "{name}: nothing was lost");
    }
    schedule_replication(&mut scene);
    scene.network.advance(HOUR + HOUR / 4).expect("an hour");
    for (id, before) in ids.iter().zip(before) {
        assert_eq!(held(&mut scene, VICTIM, id), before, "{name}");
    }
}

/// What belongs to the database lies beside it.
fn remove_log(database: &Path) {
    let _ = fs::remove_file(database.with_extension("sqlite-wal"));
}

#[test]
fn a_node_whose_database_is_garbage_is_refilled_within_a_replication_interval() {
    lose("garbage", |database| {
        remove_log(database);
        fs::write(database, vec![0xA5; 100_000]).expect("garbage");
    });
}

#[test]
fn a_node_whose_database_is_gone_is_refilled_within_a_replication_interval() {
    lose("gone", |database| {
        remove_log(database);
        fs::remove_file(database).expect("it goes");
    });
}

#[test]
fn a_node_whose_database_was_cut_off_is_refilled_within_a_replication_interval() {
    lose("cut off", |database| {
        remove_log(database);
        let file = fs::OpenOptions::new().write(true).open(database).expect("a file");
        file.set_len(4_096).expect("it is cut off");
    });
}

/// Its owner creates it again, as an application does whenever it starts: the node knows the key then, and nothing of what is
/// registered under it.
#[test]
fn a_node_without_its_database_does_not_answer_for_a_resource_that_is_created_again() {
    let mut scene = Scene::of(NODES);
    let id = scene.create("resource");
    scene.register(scene.client, &id, "value");
    scene.settle();
    scene.network.kill(VICTIM).expect("it stops");
    fs::remove_file(database_of(&scene, VICTIM)).expect("it goes");
    scene.network.restart(VICTIM).expect("it comes up");
    scene.network.advance(HOUR / 4).expect("it passes");
    assert_eq!(scene.create("resource"), id);
    scene.settle();
    assert_eq!(held(&mut scene, VICTIM, &id)[1], json!([]), "it knows the key alone");
    scene.network.set_relay(scene.client, VICTIM).expect("it is up");
    let found = scene.call("resolveProviders", &[json!(id), json!(1)]);
    assert_eq!(found.clean().as_array().map(Vec::len), Some(1));
}
