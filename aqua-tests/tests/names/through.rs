//! More than 32 providers: directories, each a Marine service of its own.

use std::collections::BTreeSet;

use aqua_tests::{artifact, strings, Reply, Scene};
use devnet::{Answer, PeerIndex, Query, ServiceCall, ServiceResult, ServiceSpec};
use serde_json::{json, Value};

use crate::{cost, in_time, none, scene_of, MOST_MS};

const DIRECTORIES: [PeerIndex; 4] = [PeerIndex(1), PeerIndex(3), PeerIndex(5), PeerIndex(7)];
const PROVIDERS: usize = 1_000;

/// A resource with these directories.
fn crowded(directories: &[PeerIndex]) -> (Scene, String) {
    let mut scene = scene_of(20);
    let id = scene.create("crowded");
    for node in directories {
        let directory = |dir: &std::path::Path| {
            ServiceSpec::new("directory", dir).module("records-directory", artifact("records-directory.wasm"))
        };
        scene.network.deploy(*node, "directory", directory).unwrap();
        let args = [json!(scene.id(*node)), json!(id), json!("directory")];
        assert_eq!(scene.call("registerDirectory", &args).clean(), &json!(true));
    }
    scene.settle();
    (scene, id)
}

/// Has a directory list that many providers, without scripts: a provider each, which is its own issuer.
fn fill(scene: &mut Scene, id: &str, node: PeerIndex, providers: std::ops::Range<usize>) {
    for number in providers {
        let peer = format!("provider {number}");
        let record = json!({
            "key_id": id, "value": "v", "peer_id": peer, "set_by": peer, "relay_id": [scene.id(node)], "service_id": [],
            "timestamp_created": 1_700_000_000, "solution": [], "signature": vec![7; 64],
        });
        let query = Query::new("directory", "put_record").init_peer_id(&peer).arg(record);
        let listed = scene.network.ask(node, &query).unwrap();
        assert_eq!(listed["success"], json!(true), "{listed}");
    }
}

fn gather(scene: &mut Scene, id: &str) -> (Vec<usize>, BTreeSet<String>, Reply) {
    let reply = scene.call("resolveThroughDirectories", &[json!(id), json!(1)]);
    cost("resolveThroughDirectories", &reply);
    let lists = reply.value().as_array().unwrap();
    let lengths = lists.iter().map(|list| list.as_array().unwrap().len()).collect();
    let found = lists.iter().flat_map(|list| strings(list, "peer_id")).collect();
    (lengths, found, reply)
}

#[test]
fn clients_list_themselves_and_are_found_beside_those_who_registered() {
    let (mut scene, id) = crowded(&DIRECTORIES[..2]);
    let (one, other) = (scene.add_client(PeerIndex(9)), scene.add_client(PeerIndex(11)));
    for (client, node) in [(one, DIRECTORIES[0]), (other, DIRECTORIES[1])] {
        let args = [
            json!(scene.id(node)),
            json!("directory"),
            json!(id),
            json!("listed"),
            json!("greeter"),
        ];
        assert_eq!(scene.call_as(client, "enlist", &args).clean(), &json!(true));
    }
    let args = [json!(id), json!("registered"), none()];
    assert_eq!(scene.call("registerProvider", &args).clean(), &json!(true));
    scene.settle();
    let (lengths, found, reply) = gather(&mut scene, &id);
    assert_eq!(reply.errors(), [] as [String; 0]);
    assert_eq!(lengths[0], 1, "first those that are no directories");
    assert_eq!(found, [scene.client, one, other].map(|peer| scene.id(peer)).into());
    let listed = reply
        .value()
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|list| list.as_array().unwrap());
    let listed: Vec<&Value> = listed
        .filter(|record| record["peer_id"] == json!(scene.id(one)))
        .collect();
    assert_eq!(listed[0]["relay_id"], json!([scene.id(PeerIndex(9))]));
    assert_eq!(listed[0]["service_id"], json!(["greeter"]));
    assert_eq!(listed[0]["set_by"], json!(scene.id(one)));

    let nowhere = [
        json!(scene.id(PeerIndex(15))),
        json!("directory"),
        json!(id),
        json!("v"),
        none(),
    ];
    let refused = scene.call("enlist", &nowhere);
    assert_eq!(refused.value(), &json!(false));
    assert!(
        refused.error_of(&scene.id(PeerIndex(15))).contains("directory"),
        "{:?}",
        refused.errors()
    );
    let too_long = [
        json!(scene.id(DIRECTORIES[0])),
        json!("directory"),
        json!(id),
        json!("v".repeat(4_097)),
        none(),
    ];
    assert_eq!(scene.call("enlist", &too_long).value(), &json!(false));
    scene.network.kill(DIRECTORIES[0]).unwrap();
    let dead = [
        json!(scene.id(DIRECTORIES[0])),
        json!("directory"),
        json!(id),
        json!("v"),
        none(),
    ];
    let refused = scene.call("enlist", &dead);
    assert_eq!(refused.value(), &json!(false));
    assert!(
        refused
            .error_of(&scene.id(DIRECTORIES[0]))
            .contains("no answer in time"),
        "{:?}",
        refused.errors()
    );
    in_time(&mut scene, "enlist", &dead);
}

#[test]
fn a_thousand_providers_in_four_directories_are_found_and_a_dead_one_is_named() {
    let (mut scene, id) = crowded(&DIRECTORIES);
    for (number, node) in DIRECTORIES.into_iter().enumerate() {
        let share = PROVIDERS / DIRECTORIES.len();
        fill(&mut scene, &id, node, number * share..(number + 1) * share);
    }
    let (_, found, reply) = gather(&mut scene, &id);
    assert_eq!(reply.errors(), [] as [String; 0]);
    assert_eq!(found.len(), PROVIDERS);
    let resolved = scene.resolve(&id, 1);
    assert_eq!(reply.latency_ms(), resolved.latency_ms() + 100, "one round trip more");

    scene.network.kill(DIRECTORIES[2]).unwrap();
    let (_, found, reply) = gather(&mut scene, &id);
    assert_eq!(found.len(), PROVIDERS / 4 * 3);
    assert!(
        reply.error_of(&scene.id(DIRECTORIES[2])).contains("no answer in time"),
        "{:?}",
        reply.errors()
    );
    assert!(reply.latency_ms() < MOST_MS, "{} ms", reply.latency_ms());
    in_time(&mut scene, "resolveThroughDirectories", &[json!(id), json!(1)]);
}

/// Forty pages of 250: with two directories, twenty of each.
#[test]
fn what_is_beyond_a_directorys_share_is_counted() {
    let (mut scene, id) = crowded(&DIRECTORIES[..2]);
    // One that says it has more than anybody asks for, and one that sends a page of any length.
    let endless = |call: &ServiceCall| {
        let (page, pages) = (call.arg(1).as_i64().unwrap(), call.arg(2).as_i64().unwrap());
        assert!(page < pages && pages == 20, "{page} of {pages}");
        let record = |n: i64| {
            let peer = format!("provider {page} {n}");
            json!({
                "key_id": "k", "value": "v", "peer_id": peer, "set_by": peer, "relay_id": [], "service_id": [],
                "timestamp_created": 1, "solution": [], "signature": [],
            })
        };
        let records: Vec<Value> = (0..250).map(record).collect();
        let left_out: &[&str] = if page + 1 == pages {
            &["7 more are listed than are asked for"]
        } else {
            &[]
        };
        ServiceResult::ok(json!({"records": records, "left_out": left_out})).into()
    };
    scene
        .network
        .define_service(DIRECTORIES[0], "directory", "get_page", endless)
        .unwrap();
    let long = |_: &ServiceCall| {
        let record = json!({
            "key_id": "k", "value": "v", "peer_id": "p", "set_by": "p", "relay_id": [], "service_id": [],
            "timestamp_created": 1, "solution": [], "signature": [],
        });
        ServiceResult::ok(json!({"records": vec![record; 251], "left_out": []})).into()
    };
    scene
        .network
        .define_service(DIRECTORIES[1], "directory", "get_page", long)
        .unwrap();
    let (lengths, found, reply) = gather(&mut scene, &id);
    assert_eq!((lengths.iter().sum::<usize>(), found.len()), (5_000, 5_000));
    assert_eq!(
        reply.error_of(&scene.id(DIRECTORIES[0])).split(": ").last(),
        Some("7 more are listed than are asked for")
    );
    assert!(
        reply.error_of(&scene.id(DIRECTORIES[1])).contains("is left out"),
        "{:?}",
        reply.errors()
    );
}

#[test]
fn a_directory_that_fails_or_hangs_costs_nobody_elses_providers() {
    let (mut scene, id) = crowded(&DIRECTORIES[..3]);
    fill(&mut scene, &id, DIRECTORIES[0], 0..3);
    let fails = |_: &ServiceCall| ServiceResult::error("no mood").into();
    scene
        .network
        .define_service(DIRECTORIES[1], "directory", "get_page", fails)
        .unwrap();
    scene
        .network
        .define_service(DIRECTORIES[2], "directory", "get_page", |_| Answer::Never)
        .unwrap();
    let (_, found, reply) = gather(&mut scene, &id);
    assert_eq!(found.len(), 3);
    assert!(reply.error_of(&scene.id(DIRECTORIES[1])).contains("no mood"));
    assert!(reply.error_of(&scene.id(DIRECTORIES[2])).contains("no answer in time"));
    assert!(reply.latency_ms() < MOST_MS, "{} ms", reply.latency_ms());
    let unknown = scene.call("resolveThroughDirectories", &[json!("1".repeat(32)), json!(1)]);
    assert_eq!(unknown.value(), &json!([]));
    assert!(
        unknown.errors()[0].contains("is not known here"),
        "{:?}",
        unknown.errors()
    );
}
