//! What nodes do on their own: renew, replicate and clear, by the scheduled scripts and by the spell.

use std::time::Duration;

use aqua_tests::{air, Scene, SCHEDULED_TTL_MS};
use devnet::{Hostile, NetworkConfig, PeerIndex, ScheduleIndex, ScheduledScript, ServiceResult};
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

const NODE: PeerIndex = PeerIndex(4);

/// A node that is registered as a provider by a client, and has not signed that yet.
fn with_unsigned_record() -> Scene {
    let mut scene = Scene::of(5);
    let id = scene.create("sample");
    let args = [json!(scene.id(NODE)), json!(id), json!("value"), json!(null)];
    assert_eq!(scene.call("registerNodeProvider", &args).clean(), &json!(true));
    scene
}

/// Has a function of the node's host fail from now on.
fn fail(scene: &mut Scene, service: &'static str, function: &'static str) {
    let failing = Hostile::new().respond(move |call| {
        let is_meant = call.service == service && call.function == function;
        let text = format!("{service}.{function} is out of order");
        // A node that does not sign says so, as the client does that is asked for a signature.
        let refusal = json!({"success": false, "error": [text], "signature": []});
        is_meant.then(|| match service {
            "sig" => ServiceResult::ok(refusal).into(),
            _ => ServiceResult::error(text).into(),
        })
    });
    scene.network.set_hostile(NODE, Some(failing)).unwrap();
}

/// What the last run of the spell did: each job, whether it succeeded, and its error.
fn last_jobs(scene: &Scene, schedule: ScheduleIndex) -> Vec<(String, bool, String)> {
    let run = scene.network.scheduled_runs(schedule).last().expect("a run");
    let response = run.result.as_ref().unwrap_or_else(|failure| panic!("{failure}"));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let jobs = response[0]["runs"].as_array().expect("a list of jobs");
    jobs.iter()
        .map(|ran| (text(&ran["job"]), ran["success"] == json!(true), text(&ran["error"])))
        .collect()
}

#[test]
fn what_fails_on_a_nodes_host_is_reported_the_other_jobs_are_done_and_the_next_run_does_it() {
    for (service, function, failing) in [
        ("kad", "neighborhood", &["replicate"][..]),
        ("sig", "sign", &["renew"]),
        ("trust-graph", "get_weight", &[]),
        ("peer", "timestamp_sec", &["renew", "replicate", "clear", "stats"]),
    ] {
        let mut scene = with_unsigned_record();
        let schedule = scene.install_spell(NODE);
        fail(&mut scene, service, function);
        scene.network.advance(Duration::from_secs(60)).unwrap();
        let jobs = last_jobs(&scene, schedule);
        for job in ["renew", "replicate", "clear", "stats"] {
            let of_job = || jobs.iter().filter(|(name, ..)| name == job);
            let error = of_job().find(|(_, success, _)| !success).map(|(.., error)| error);
            assert_eq!(
                error.is_some(),
                failing.contains(&job),
                "{service}.{function}, {job}: {jobs:?}"
            );
            assert!(error.is_none_or(|error| error.contains("is out of order")), "{jobs:?}");
            // Statistics are told beside the jobs.
            assert!(job == "stats" || of_job().count() > 0, "no {job} in {jobs:?}");
        }

        scene.network.set_hostile(NODE, None).unwrap();
        scene.network.advance(Duration::from_secs(120)).unwrap();
        let jobs = last_jobs(&scene, schedule);
        assert!(
            jobs.iter().all(|(_, success, _)| *success),
            "{service}.{function}: {jobs:?}"
        );
        let id = id_of(&mut scene);
        for (holder, held) in scene.holders(&id) {
            assert_ne!(
                held.records[0]["signature"],
                json!([]),
                "{service}.{function}: {holder}"
            );
        }
    }
}

fn id_of(scene: &mut Scene) -> String {
    let me = scene.id(scene.client);
    let id = scene.call("getResourceId", &[json!("sample"), json!(me)]);
    id.value().as_str().expect("an id").to_owned()
}

#[test]
fn a_scheduled_script_that_is_told_no_neighbours_reports_it_and_does_the_rest() {
    let mut scene = with_unsigned_record();
    fail(&mut scene, "kad", "neighborhood");
    let results = ["clearExpired_86400.air", "replicate_3600.air", "renew_43200.air"].map(|script| {
        let script = ScheduledScript::new(air(script), HOUR).ttl_ms(SCHEDULED_TTL_MS);
        let schedule = scene.network.schedule(NODE, script).unwrap();
        scene.network.advance(HOUR + Duration::from_secs(60)).unwrap();
        let run = scene.network.scheduled_runs(schedule).last().expect("a run");
        run.result.clone().unwrap_or_else(|failure| panic!("{failure}"))
    });
    let [cleared, replicated, renewed] = &results;
    assert_eq!(cleared[0]["success"], json!(true), "{cleared:?}");
    for steps in [&replicated[0], &renewed[1]] {
        assert_eq!(steps.as_array().map(Vec::len), Some(1), "{steps}");
        assert_eq!(steps[0]["success"], json!(false), "{steps}");
        let error = steps[0]["error"].as_str().expect("a text");
        assert!(error.contains("kad.neighborhood is out of order"), "{steps}");
    }
    let signed = renewed[0].as_array().expect("a list");
    assert_eq!(signed.len(), 2, "the record was found, and signed: {signed:?}");
    assert!(signed.iter().all(|one| one["success"] == json!(true)), "{signed:?}");
}
