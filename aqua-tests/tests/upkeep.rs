//! What nodes do on their own: renew, replicate and clear, by the scheduled scripts and by the spell.

use std::time::Duration;

use aqua_tests::{air, Scene, SCHEDULED_TTL_MS};
use devnet::{NetworkConfig, PeerIndex, ScheduleIndex, ScheduledScript};
use serde_json::{json, Value};

const HOUR: Duration = Duration::from_secs(3_600);

/// Every node runs `replicate_3600` every hour, each at another minute.
fn schedule_replication(scene: &mut Scene) -> Vec<ScheduleIndex> {
    let script = air("replicate_3600.air");
    let nodes = scene.network.nodes();
    nodes
        .into_iter()
        .map(|node| {
            let first_after = HOUR + Duration::from_secs(60 * node.0 as u64);
            let script = ScheduledScript::new(script.as_str(), HOUR)
                .first_after(first_after)
                .ttl_ms(SCHEDULED_TTL_MS);
            scene.network.schedule(node, script).unwrap()
        })
        .collect()
}

fn reports(scene: &Scene, schedule: ScheduleIndex) -> Vec<Value> {
    let runs = scene.network.scheduled_runs(schedule);
    runs.flat_map(|run| run.result.clone().unwrap_or_else(|error| panic!("{error}")))
        .flat_map(|steps| steps.as_array().cloned().unwrap_or_default())
        .collect()
}

#[test]
fn a_node_that_joined_later_is_given_what_belongs_to_it() {
    for nodes in [1, 5, 20] {
        let mut scene = Scene::of(nodes);
        let id = scene.create("sample");
        scene.register(scene.client, &id, "value");
        let schedules = schedule_replication(&mut scene);
        let new = scene.network.add_node().unwrap();
        scene.network.advance(3 * HOUR).unwrap();
        let holders = scene.holders(&id);
        let held = &holders
            .iter()
            .find(|(node, _)| *node == new)
            .expect("the new node holds the key")
            .1;
        assert_eq!(held.records.len(), 1);
        for schedule in schedules {
            for report in reports(&scene, schedule) {
                assert_eq!(report["success"], json!(true), "{report}");
                assert_eq!(report["silent"], json!([]), "{report}");
            }
        }
    }
}

#[test]
fn a_host_record_is_signed_within_a_minute_and_brought_to_its_neighbours() {
    for config in [NetworkConfig::new(5), NetworkConfig::new(5).without_trust_graph()] {
        let mut scene = Scene::new(config);
        let id = scene.create("sample");
        let node = PeerIndex(4);
        for node in scene.network.nodes() {
            scene.install_spell(node);
        }
        let args = [json!(scene.id(node)), json!(id), json!("value"), json!(null)];
        assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
        scene.network.advance(Duration::from_secs(60)).unwrap();
        let holders = scene.holders(&id);
        assert_eq!(holders.len(), 5);
        for (holder, held) in holders {
            assert_eq!(held.records.len(), 1, "{holder}");
            let signature = held.records[0]["signature"].as_array().unwrap();
            assert_eq!(signature.len(), 64, "{holder} holds a record that is not signed");
        }
    }
}
