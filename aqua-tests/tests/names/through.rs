//! More than 32 providers: directories, each a Marine service of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use aqua_tests::cost::{assert_stated, measure, Cost};
use aqua_tests::{artifact, strings, Reply, Scene};
use devnet::{Answer, PeerIndex, Query, ServiceCall, ServiceResult, ServiceSpec};
use serde_json::{json, Value};

use crate::{cost, in_time, none, scene_of, MOST_MS};

/// Of a resource that nobody has made.
const ID: &str = "11111111111111111111111111111111";

const DIRECTORIES: [PeerIndex; 4] = [PeerIndex(1), PeerIndex(3), PeerIndex(5), PeerIndex(7)];
const PROVIDERS: usize = 1_000;
const README: &str = include_str!("../../../aqua/README.md");
const API: &str = include_str!("../../../docs/API.md");

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
        let listed = put(scene, node, &peer, record);
        assert_eq!(listed["success"], json!(true), "{listed}");
    }
}

fn put(scene: &mut Scene, node: PeerIndex, caller: &str, record: Value) -> Value {
    let query = Query::new("directory", "put_record").init_peer_id(caller).arg(record);
    scene.network.ask(node, &query).unwrap()
}

/// A page of records that are as long as real ones: peer ids of 52 letters, a signature of 64 bytes.
fn full_page(id: &str, of: usize, page: i64) -> Value {
    let record = |number: usize| {
        let peer = format!("12D3KooW{:044}", (of * 100 + page as usize) * 250 + number);
        let relay = format!("12D3KooW{number:044}");
        json!({
            "key_id": id, "value": "a value of common length, such as a CID or a URL", "peer_id": peer, "set_by": peer,
            "relay_id": [relay], "service_id": ["greeter"], "timestamp_created": 1_700_000_000, "solution": [],
            "signature": (0..64).map(|byte| (byte * 37 + number) % 256).collect::<Vec<_>>(),
        })
    };
    json!({"records": (0..250).map(record).collect::<Vec<_>>(), "left_out": []})
}

/// Has a directory answer as one likes, page by page.
fn pages(scene: &mut Scene, node: PeerIndex, mut answer: impl FnMut(i64) -> Answer + 'static) {
    let page = move |call: &ServiceCall| answer(call.arg(1).as_i64().unwrap());
    scene
        .network
        .define_service(node, "directory", "get_page", page)
        .unwrap();
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
}

/// False, and the errors name the directory.
#[track_caller]
fn assert_not_enlisted(scene: &mut Scene, node: PeerIndex, value: &str, service: Value, part: &str) {
    let args = [
        json!(scene.id(node)),
        json!("directory"),
        json!(ID),
        json!(value),
        service,
    ];
    let refused = scene.call("enlist", &args);
    assert_eq!(refused.value(), &json!(false));
    let errors = refused.errors();
    assert!(errors.len() == 1 && errors[0].contains(part), "{errors:?}");
    assert!(refused.latency_ms() < MOST_MS, "{} ms", refused.latency_ms());
}

#[test]
fn who_is_not_listed_is_told_why() {
    let mut scene = scene_of(20);
    let [dead, refuses, without, fails] = DIRECTORIES;
    let too_many = |_: &ServiceCall| ServiceResult::ok(json!({"success": false, "error": "10000 are listed"})).into();
    scene
        .network
        .define_service(refuses, "directory", "put_record", too_many)
        .unwrap();
    let no_mood = |_: &ServiceCall| ServiceResult::error("no mood").into();
    scene
        .network
        .define_service(fails, "directory", "put_record", no_mood)
        .unwrap();
    scene.network.kill(dead).unwrap();
    for (node, part) in [
        (dead, "no answer in time"),
        (refuses, "10000 are listed"),
        (without, "has no `directory.put_record`"),
        (fails, "no mood"),
    ] {
        let named = format!("{}: ", scene.id(node));
        assert_not_enlisted(&mut scene, node, "v", none(), part);
        assert_not_enlisted(&mut scene, node, "v", none(), &named);
    }
    let relay = scene.id(PeerIndex(0));
    let words = "a record takes a value of at most 4096 bytes and a service id of at most 128: shorten what is longer";
    for (value, service) in [("v".repeat(4_097), none()), ("v".to_owned(), json!("s".repeat(129)))] {
        assert_not_enlisted(&mut scene, refuses, &value, service, &format!("{relay}: {words}"));
    }
    let args = [json!(scene.id(dead)), json!("directory"), json!(ID), json!("v"), none()];
    in_time(&mut scene, "enlist", &args);
}

#[test]
fn a_directory_that_cannot_be_registered_is_told_with_its_node() {
    let mut scene = scene_of(20);
    let id = scene.create("crowded");
    let (dead, here) = (scene.id(PeerIndex(19)), scene.id(PeerIndex(3)));
    scene.network.kill(PeerIndex(19)).unwrap();
    let register = |scene: &mut Scene, node: &str, id: &str, service: &str| {
        let reply = scene.call("registerDirectory", &[json!(node), json!(id), json!(service)]);
        assert_eq!(reply.value(), &json!(false));
        assert!(reply.latency_ms() < MOST_MS, "{} ms", reply.latency_ms());
        reply
    };
    let reply = register(&mut scene, &dead, &id, "directory");
    assert!(
        reply.error_of(&dead).contains("no answer in time"),
        "{:?}",
        reply.errors()
    );
    let args = [json!(dead), json!(id), json!("directory")];
    in_time(&mut scene, "registerDirectory", &args);
    let unknown = register(&mut scene, &here, ID, "directory");
    assert!(
        unknown.errors()[0].contains("is not known here"),
        "{:?}",
        unknown.errors()
    );
    let long = register(&mut scene, &here, &id, &"s".repeat(129));
    assert!(
        long.errors()
            .iter()
            .any(|error| error.contains("129 bytes, at most 128")),
        "{:?}",
        long.errors()
    );
    assert_eq!(scene.resolve(&id, 20).providers(), [] as [String; 0]);
}

#[test]
fn a_directory_lists_nobody_in_anothers_name_and_keeps_its_list_through_a_restart() {
    let (mut scene, id) = crowded(&DIRECTORIES[..1]);
    fill(&mut scene, &id, DIRECTORIES[0], 0..3);
    let forged = json!({
        "key_id": id, "value": "forged", "peer_id": "provider 1", "set_by": "provider 1", "relay_id": [], "service_id": [],
        "timestamp_created": 1_800_000_000, "solution": [], "signature": [],
    });
    let mallory = scene.id(scene.client);
    let refused = put(&mut scene, DIRECTORIES[0], &mallory, forged);
    assert_eq!(refused["success"], json!(false));
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .contains(&format!("only {mallory} itself")),
        "{refused}"
    );
    scene.network.restart(DIRECTORIES[0]).unwrap();
    let (_, found, reply) = gather(&mut scene, &id);
    assert_eq!(reply.errors(), [] as [String; 0]);
    assert_eq!(
        found,
        ["provider 0", "provider 1", "provider 2"].map(str::to_owned).into()
    );
    assert!(!reply.value().to_string().contains("forged"));
}

/// A thousand providers in four directories, beside what knows nothing of directories.
#[test]
fn directories_cost_what_the_readme_says() {
    let (mut scene, id) = crowded(&DIRECTORIES);
    for (number, node) in DIRECTORIES.into_iter().enumerate() {
        let share = PROVIDERS / DIRECTORIES.len();
        fill(&mut scene, &id, node, number * share..(number + 1) * share);
    }
    let another = json!(scene.create("another"));
    let node = json!(scene.id(DIRECTORIES[0]));
    let value = json!("a value of common length, such as a CID or a URL");
    let mut costs: Vec<(&str, Cost)> = Vec::new();
    for (call, args) in [
        (
            "registerDirectory",
            vec![node.clone(), another.clone(), json!("directory")],
        ),
        ("enlist", vec![node, json!("directory"), another, value, none()]),
        ("resolveProviders(…, 1), 4 directories", vec![json!(id), json!(1)]),
        (
            "resolveThroughDirectories(…, 1), 1,000 in 4 directories",
            vec![json!(id), json!(1)],
        ),
    ] {
        let function = call.split('(').next().unwrap();
        costs.push((call, measure(&mut scene, function, &args).1));
    }
    assert_stated(README, &costs);
}

/// The most that there is: forty full pages.
#[test]
fn ten_thousand_providers_are_found_in_one_particle() {
    let (mut scene, id) = crowded(&DIRECTORIES);
    for (number, node) in DIRECTORIES.into_iter().enumerate() {
        let id = id.clone();
        pages(&mut scene, node, move |page| {
            ServiceResult::ok(full_page(&id, number, page)).into()
        });
    }
    let (lengths, found, reply) = gather(&mut scene, &id);
    assert_eq!(reply.errors(), [] as [String; 0]);
    assert_eq!((lengths.len(), found.len()), (1 + 40, 10_000));
    assert!(reply.latency_ms() < MOST_MS, "{} ms", reply.latency_ms());
    let record = reply.value()[1].to_string().len() / 250;
    println!(
        "a record of {record} bytes, {} bytes travelled",
        reply.outcome.stats.bytes
    );
    assert!(
        API.contains(&format!(
            "a listed record takes about {} bytes",
            record.div_ceil(50) * 50
        )),
        "{record} bytes"
    );
}

/// What a directory has travels back at once, so a page that is missing takes those before it along.
#[test]
fn a_directory_that_is_slow_or_fails_between_two_pages_is_named_and_the_others_count() {
    let (mut scene, id) = crowded(&DIRECTORIES[..3]);
    fill(&mut scene, &id, DIRECTORIES[0], 0..3);
    let (of, late) = (id.clone(), Duration::from_millis(300));
    pages(&mut scene, DIRECTORIES[1], move |page| {
        Answer::After(late, ServiceResult::ok(full_page(&of, 1, page)))
    });
    let of = id.clone();
    pages(&mut scene, DIRECTORIES[2], move |page| match page {
        0 | 1 => ServiceResult::ok(full_page(&of, 2, page)).into(),
        _ => ServiceResult::error("no mood").into(),
    });
    for reply in in_time(&mut scene, "resolveThroughDirectories", &[json!(id), json!(1)]) {
        let lists = reply.value().as_array().unwrap();
        let found: BTreeSet<String> = lists.iter().flat_map(|list| strings(list, "peer_id")).collect();
        let errors = reply.errors();
        assert!(
            reply.error_of(&scene.id(DIRECTORIES[2])).contains("no mood"),
            "{errors:?}"
        );
        // 13 pages of 0.3 s: a particle of 15 s has time for them.
        if reply.latency_ms() > 3_800 {
            assert_eq!((found.len(), errors.len()), (3 + 13 * 250, 2), "{errors:?}");
        } else {
            assert_eq!((found.len(), errors.len()), (3, 3), "{errors:?}");
            assert!(reply.error_of(&scene.id(DIRECTORIES[1])).contains("no answer in time"));
        }
    }
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
