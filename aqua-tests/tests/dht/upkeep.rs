//! Nodes leave and join, and what the others do every hour.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aqua_tests::{air, compile, strings, Scene, SCHEDULED_TTL_MS};
use devnet::{NetworkConfig, PeerIndex, ScheduleIndex, ScheduledScript, SpellSpec};
use serde_json::{json, Value};

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const TOPIC: &str = "news";

/// Has a node run `replicate_3600` every hour, each at another minute.
fn replicate(scene: &mut Scene, node: PeerIndex) -> ScheduleIndex {
    let script = ScheduledScript::new(air("aqua-dht-replicate_3600.air").as_str(), HOUR)
        .first_after(Duration::from_secs(60 * (1 + node.0 as u64 % 59)))
        .ttl_ms(SCHEDULED_TTL_MS);
    scene.network.schedule(node, script).unwrap()
}

/// What a schedule's runs have reported, of which none has failed.
fn reports(scene: &Scene, schedule: ScheduleIndex) -> Vec<Value> {
    let runs = scene.network.scheduled_runs(schedule);
    let values = runs.flat_map(|run| run.result.clone().unwrap_or_else(|error| panic!("{error}")));
    values.collect()
}

fn failures(reports: &[Value]) -> Vec<&Value> {
    let all = reports.iter().flat_map(|report| report.as_array().unwrap());
    all.filter(|ran| ran["success"] != json!(true)).collect()
}

fn subscribers(scene: &mut Scene, reader: PeerIndex) -> BTreeSet<String> {
    let found = scene.call_as(reader, "findSubscribers", &[json!(TOPIC)]);
    strings(found.value(), "peer_id").into_iter().collect()
}

/// Every hour two of the nodes that hold the topic leave and one joins, so that at the end nobody is left of those who had it
/// first.
#[test]
fn a_topic_outlives_every_node_that_held_it_first() {
    let config = NetworkConfig {
        forget_dead_after: Some(Duration::from_secs(60)),
        ..config(26)
    };
    let mut scene = Scene::with(config, compile("dht.aqua", &[]));
    let first = scene.neighbourhood(TOPIC);
    let away = (0..26).map(PeerIndex).find(|node| !first.contains(node)).unwrap();
    let mut expected = BTreeSet::new();
    for _ in 0..5 {
        let client = scene.add_client(away);
        let args = [json!(TOPIC), json!("value"), json!(scene.id(away)), json!("greeter")];
        assert_done(&scene.call_as(client, "initTopicAndSubscribe", &args));
        expected.insert(scene.id(client));
    }
    scene.settle();
    assert_eq!(holders(&mut scene, TOPIC).len(), 20);
    let mut schedules: Vec<ScheduleIndex> = Vec::new();
    for node in scene.network.nodes() {
        schedules.push(replicate(&mut scene, node));
    }
    for pair in first.chunks(2) {
        scene.network.advance(HOUR).unwrap();
        for node in pair {
            scene.network.retire(*node).unwrap();
        }
        let new = scene.network.add_node().unwrap();
        schedules.push(replicate(&mut scene, new));
    }
    scene.network.advance(2 * HOUR).unwrap();
    let reader = scene.add_client(away);
    assert_eq!(subscribers(&mut scene, reader), expected);
    let held = holders(&mut scene, TOPIC);
    assert!(held.len() >= 10, "{} nodes hold it", held.len());
    let mut handed_over = 0;
    for schedule in schedules {
        let reports = reports(&scene, schedule);
        assert_eq!(failures(&reports), [] as [&Value; 0]);
        handed_over += reports
            .iter()
            .map(|report| report.as_array().unwrap().len() - 1)
            .sum::<usize>();
    }
    // Of nodes that are left: what others have reported went with them.
    assert!(handed_over >= 3, "handed over {handed_over} times");
}

#[test]
fn a_node_that_was_away_is_given_what_it_missed() {
    let mut scene = scene(5);
    kill(&mut scene, 4..5);
    let args = [json!(TOPIC), json!("value"), json!(null), json!(null)];
    assert_done(&scene.call("initTopicAndSubscribe", &args));
    for node in scene.network.nodes() {
        replicate(&mut scene, node);
    }
    scene.network.advance(HOUR / 2).unwrap();
    scene.network.restart(PeerIndex(4)).unwrap();
    assert_eq!(holders(&mut scene, TOPIC).len(), 4);
    scene.network.advance(2 * HOUR).unwrap();
    assert_eq!(holders(&mut scene, TOPIC).len(), 5);
}

/// 25 nodes, of which the 20 closest are cut off from the others.
#[test]
fn a_key_that_no_neighbour_takes_is_taken_back() {
    let mut scene = scene(25);
    let near = scene.neighbourhood(TOPIC);
    let away = (0..25).map(PeerIndex).find(|node| !near.contains(node)).unwrap();
    let client = scene.add_client(away);
    let put = [json!(scene.id(away)), json!(TOPIC), json!("value")];
    assert_eq!(scene.call_as(client, "putOn", &put).value()["success"], json!(true));
    for node in &near {
        scene.network.kill(*node).unwrap();
    }
    let schedule = replicate(&mut scene, away);
    scene.network.advance(HOUR + HOUR).unwrap();
    let reports = reports(&scene, schedule);
    let failed = failures(&reports);
    assert!(
        failed[0]["error"].as_str().unwrap().contains("no answer in time"),
        "{failed:?}"
    );
    let held = holders(&mut scene, TOPIC);
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].0, held[0].1.len()), (away, 1));
}

#[test]
fn the_spell_hands_over_and_clears() {
    let mut scene = scene(5);
    let args = [json!(TOPIC), json!("value"), json!(null), json!(null)];
    assert_done(&scene.call("initTopicAndSubscribe", &args));
    scene.settle();
    let new = scene.network.add_node().unwrap();
    let mut schedules = Vec::new();
    for node in scene.network.nodes() {
        let spell = SpellSpec {
            alias: "aqua-dht-spell".into(),
            air: air("aqua-dht-spell.air"),
            init_data: BTreeMap::new(),
            every: HOUR,
            first_after: Duration::from_secs(60 + node.0 as u64),
            ttl_ms: Some(SCHEDULED_TTL_MS),
        };
        schedules.push(scene.network.install_spell(node, spell).unwrap());
    }
    scene.network.advance(3 * HOUR).unwrap();
    assert!(holders(&mut scene, TOPIC)
        .iter()
        .any(|(node, values)| *node == new && values.len() == 1));
    scene.network.advance(24 * HOUR).unwrap();
    assert_eq!(holders(&mut scene, TOPIC).len(), 0);
    let mut cleared = 0;
    for schedule in schedules {
        for report in reports(&scene, schedule) {
            let runs = report["runs"].as_array().unwrap();
            assert!(runs.iter().all(|ran| ran["success"] == json!(true)), "{runs:?}");
            cleared += runs.iter().filter(|ran| ran["job"] == json!("clear_expired")).count();
        }
    }
    assert!(cleared > 100, "{cleared}");
}

#[test]
fn the_daily_script_clears_what_has_expired() {
    let mut scene = scene(3);
    let args = [json!(TOPIC), json!("value"), json!(null), json!(null)];
    assert_done(&scene.call("initTopicAndSubscribe", &args));
    scene.settle();
    let mut schedules = Vec::new();
    for node in scene.network.nodes() {
        let script = ScheduledScript::new(air("aqua-dht-clearExpired_86400.air").as_str(), 24 * HOUR)
            .first_after(Duration::from_secs(60))
            .ttl_ms(SCHEDULED_TTL_MS);
        schedules.push(scene.network.schedule(node, script).unwrap());
    }
    scene.network.advance(48 * HOUR).unwrap();
    for schedule in schedules {
        let reports = reports(&scene, schedule);
        let counts = |report: &Value| {
            assert_eq!(report["success"], json!(true), "{report}");
            (
                report["count_keys"].as_u64().unwrap(),
                report["count_values"].as_u64().unwrap(),
            )
        };
        let counts: Vec<(u64, u64)> = reports.iter().map(counts).collect();
        // Nothing has expired at first, everything a day later.
        assert_eq!(counts, [(0, 0), (1, 1)]);
    }
}

/// What a node has put for itself it renews: its value lives longer than a day.
#[test]
fn a_node_renews_its_own_values() {
    let mut scene = scene(3);
    let node = PeerIndex(2);
    let function = scene.program.function("registerKeyPutHostValue").unwrap();
    let args = [json!(TOPIC), json!("for ever"), json!(null)];
    let outcome = scene.network.call(node, function, &args).unwrap();
    assert_eq!(outcome.result.unwrap()[0], json!(true));
    for node in scene.network.nodes() {
        replicate(&mut scene, node);
    }
    scene.network.advance(30 * HOUR).unwrap();
    let found = scene.call("findSubscribers", &[json!(TOPIC)]);
    assert_eq!(strings(found.value(), "peer_id"), [scene.id(node)]);
}
