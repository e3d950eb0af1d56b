//! What can go wrong in a network, on demand.

mod common;

use std::time::Duration;

use common::{bare, with_registry, Setting};
use devnet::{
    Answer, CallFailure, CallOptions, Checker, Hostile, Link, NetworkError, PeerIndex, Query, Record, Sending,
    ServiceResult, What, World,
};
use serde_json::json;

const NODE: PeerIndex = PeerIndex(1);

fn lost(outcome: &devnet::CallOutcome) -> bool {
    matches!(outcome.result, Err(CallFailure::Expired { .. }))
}

#[test]
fn a_partitioned_peer_gets_nothing_until_the_partition_ends() {
    let mut setting = Setting::basics(bare(3));
    let args = [json!(setting.id(1))];
    setting.network.partition([NODE]);
    let outcome = setting.call("clock_of", &args);
    assert!(lost(&outcome), "{outcome:?}");
    assert!(!outcome.stats.asked().any(|peer| peer == NODE));
    let arrived = |record: &Record| record.peer == NODE && matches!(record.what, What::Arrived { .. });
    assert!(!setting.network.recent_events().any(arrived));

    setting.network.heal();
    setting.value("clock_of", &args);
}

#[test]
fn a_dead_peer_does_not_answer_and_a_restarted_one_does() {
    let mut setting = Setting::basics(bare(2));
    let args = [json!(setting.id(1))];
    setting.network.kill(NODE).unwrap();
    assert!(lost(&setting.call("clock_of", &args)));
    setting.network.restart(NODE).unwrap();
    setting.value("clock_of", &args);
}

#[test]
fn a_killed_client_gets_no_answer() {
    let mut setting = Setting::basics(bare(2));
    let function = setting.program.function("clock_of").unwrap();
    let args = [json!(setting.network.peers()[1].id())];
    let client = setting.client;
    let call = setting
        .network
        .start_call(client, function, &args, CallOptions::new())
        .unwrap();
    setting.network.kill(client).unwrap();
    let outcome = setting.network.wait(&call).unwrap();
    assert_eq!(outcome.result, Err(CallFailure::Killed(client)));
}

#[test]
fn timers_of_a_former_life_do_not_fire() {
    let mut setting = Setting::basics(bare(2));
    let function = setting.program.function("first_or_timeout").unwrap();
    let args = [json!(setting.network.peers()[1].id()), json!(2_000)];
    setting.network.kill(NODE).unwrap();
    let client = setting.client;
    let call = setting
        .network
        .start_call(client, function, &args, CallOptions::new())
        .unwrap();
    setting.network.advance(Duration::from_millis(500)).unwrap();
    setting.network.restart(PeerIndex(0)).unwrap();
    let outcome = setting.network.wait(&call).unwrap();
    assert!(lost(&outcome), "{outcome:?}");
}

#[test]
fn a_killed_node_keeps_its_storage_over_a_restart_and_loses_tmp() {
    let mut setting = Setting::basics(with_registry(2));
    let dir = setting.network.node_dir(NODE).join("registry");
    std::fs::write(dir.join("storage/kept"), "x").unwrap();
    std::fs::write(dir.join("tmp/lost"), "x").unwrap();
    setting.network.kill(NODE).unwrap();
    setting.network.restart(NODE).unwrap();
    assert!(dir.join("storage/kept").is_file());
    assert!(!dir.join("tmp/lost").exists());
    let query = Query::new("registry", "get_key_id").arg("label").arg("owner");
    setting.network.ask(NODE, &query).unwrap();
}

#[test]
fn a_dead_node_cannot_be_asked() {
    let mut setting = Setting::basics(with_registry(2));
    setting.network.kill(NODE).unwrap();
    let query = Query::new("registry", "get_key_id").arg("label").arg("owner");
    let error = setting.network.ask(NODE, &query).unwrap_err();
    assert!(matches!(error, NetworkError::Dead(NODE)), "{error:?}");
}

#[test]
fn a_slow_peer_and_a_slow_link_add_up() {
    let mut setting = Setting::basics(bare(2));
    setting.network.slow(NODE, Duration::from_millis(400));
    let fast = setting.client;
    setting
        .network
        .set_link(fast, PeerIndex(0), Link::with_latency(Duration::from_millis(1)));
    let args = [json!(setting.id(1))];
    let outcome = setting.call("clock_of", &args);
    assert_eq!(outcome.stats.latency, Duration::from_millis(1 + 450 + 450 + 1));
}

#[test]
fn a_link_that_drops_everything_lets_nothing_through() {
    let mut setting = Setting::basics(bare(2));
    let mut link = Link::with_latency(Duration::from_millis(1));
    link.drop_rate = 1.0;
    setting.network.set_link(PeerIndex(0), NODE, link);
    let args = [json!(setting.id(1))];
    let outcome = setting.call("clock_of", &args);
    assert!(lost(&outcome));
    assert_eq!(outcome.stats.lost, 1);
}

#[test]
fn each_node_has_its_own_clock() {
    let mut setting = Setting::basics(bare(3));
    setting.network.set_clock_offset_ms(NODE, 5_000).unwrap();
    let time = |setting: &mut Setting, node: usize| {
        let args = [json!(setting.id(node))];
        setting.value("clock_of", &args).as_u64().unwrap()
    };
    let (ahead, right) = (time(&mut setting, 1), time(&mut setting, 2));
    assert_eq!(right, ahead - 5_000 + 200, "one call later");
}

#[test]
fn a_peer_whose_clock_is_too_far_ahead_finds_every_particle_expired() {
    let mut setting = Setting::basics(bare(2));
    setting.network.set_clock_offset_ms(NODE, 20_000).unwrap();
    let args = [json!(setting.id(1))];
    let outcome = setting.call("clock_of", &args);
    assert!(lost(&outcome));
    let errors = &outcome.stats.peers[&NODE].errors;
    assert!(errors[0].contains("expired"), "{errors:?}");
    let patient = setting.call_with("clock_of", &args, CallOptions::new().ttl_ms(30_000));
    patient.value().unwrap();
}

#[test]
fn a_hostile_peer_answers_what_it_likes() {
    let mut setting = Setting::basics(bare(2));
    let lie =
        |call: &devnet::ServiceCall| (call.function == "timestamp_ms").then(|| Answer::Now(ServiceResult::ok(42)));
    setting
        .network
        .set_hostile(NODE, Some(Hostile::new().respond(lie)))
        .unwrap();
    let args = [json!(setting.id(1))];
    assert_eq!(setting.value("clock_of", &args), json!(42));
    setting.network.set_hostile(NODE, None).unwrap();
    assert_ne!(setting.value("clock_of", &args), json!(42));
}

#[test]
fn a_script_that_a_hostile_peer_altered_is_refused() {
    let mut setting = Setting::basics(bare(2));
    let alter = |particle: &mut devnet::Particle| {
        particle.script = format!("{} ", particle.script).into();
        Sending::Send
    };
    setting
        .network
        .set_hostile(NODE, Some(Hostile::new().alter(alter)))
        .unwrap();
    let args = [json!(setting.id(1))];
    let outcome = setting.call("clock_of", &args);
    assert!(lost(&outcome));
    let errors = &outcome.stats.peers[&PeerIndex(0)].errors;
    assert!(errors[0].contains("signature"), "{errors:?}");
}

#[test]
fn data_that_a_hostile_peer_garbled_is_an_avm_error_and_the_script_goes_on() {
    let mut setting = Setting::basics(bare(2));
    let garble = |particle: &mut devnet::Particle| {
        particle.data.truncate(10);
        Sending::Send
    };
    setting
        .network
        .set_hostile(NODE, Some(Hostile::new().alter(garble)))
        .unwrap();
    let args = [json!(setting.id(1)), json!(700)];
    let outcome = setting.call("first_or_timeout", &args);
    assert_eq!(outcome.value(), Ok(json!("timeout")));
    let errors = &outcome.stats.peers[&PeerIndex(0)].errors;
    assert!(errors[0].contains("AquaVM"), "{errors:?}");
}

#[test]
fn a_hostile_peer_may_swallow_particles() {
    let mut setting = Setting::basics(bare(2));
    let swallow = |_: &mut devnet::Particle| Sending::Swallow;
    setting
        .network
        .set_hostile(NODE, Some(Hostile::new().alter(swallow)))
        .unwrap();
    let args = [json!(setting.id(1)), json!(700)];
    let outcome = setting.call("first_or_timeout", &args);
    assert_eq!(outcome.value(), Ok(json!("timeout")));
}

struct NobodyTellsTheTime;

impl Checker for NobodyTellsTheTime {
    fn name(&self) -> &str {
        "nobody tells the time"
    }

    fn check(&mut self, _: &mut World<'_>, records: &[Record]) -> Result<(), String> {
        let tells =
            |record: &&Record| matches!(&record.what, What::Called { function, .. } if function == "timestamp_ms");
        match records.iter().find(tells) {
            Some(record) => Err(record.to_string()),
            None => Ok(()),
        }
    }
}

#[test]
fn a_broken_invariant_ends_the_run_and_names_the_seed() {
    let mut setting = Setting::basics(bare(2).seed(77));
    setting.network.add_checker(NobodyTellsTheTime);
    setting.value("neighbours", &[json!("key")]);
    let function = setting.program.function("clock_of").unwrap();
    let args = [json!(setting.network.peers()[1].id())];
    let error = setting
        .network
        .call(setting.client, function, &args)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nobody tells the time") && error.contains("seed 77"),
        "{error}"
    );
}

#[test]
fn a_node_that_left_for_good_is_freed_and_does_not_come_back() {
    let mut setting = Setting::new(with_registry(2), "basics.aqua");
    let script = devnet::ScheduledScript::new("(null)", Duration::from_secs(60));
    let schedule = setting.network.schedule(NODE, script).unwrap();
    setting.network.advance(Duration::from_secs(90)).unwrap();
    assert!(setting.network.service_memory_bytes() > 0 && setting.network.node_dir(NODE).exists());
    let before = setting.network.service_memory_bytes();

    setting.network.retire(NODE).unwrap();
    setting.network.advance(Duration::from_secs(300)).unwrap();
    assert_eq!(setting.network.services(NODE).unwrap(), [] as [String; 0]);
    assert_eq!(setting.network.service_memory_bytes() * 2, before);
    assert!(!setting.network.node_dir(NODE).exists());
    assert_eq!(setting.network.scheduled_runs(schedule).count(), 0);
    let ticked = |record: &Record| record.what == What::Ticked && record.at > Duration::from_secs(90);
    assert!(!setting.network.recent_events().any(ticked));
    let error = setting.network.restart(NODE).unwrap_err();
    assert!(matches!(error, NetworkError::Retired(NODE)), "{error}");
    assert!(matches!(
        setting.network.retire(setting.client),
        Err(NetworkError::NotANode(_))
    ));
}

#[test]
fn a_client_goes_on_through_another_relay() {
    let mut setting = Setting::basics(bare(3));
    let args = [json!(setting.id(2))];
    setting.network.kill(PeerIndex(0)).unwrap();
    assert!(lost(&setting.call("clock_of", &args)));
    setting.network.set_relay(setting.client, NODE).unwrap();
    setting.value("clock_of", &args);
    assert!(matches!(
        setting.network.set_relay(NODE, PeerIndex(2)),
        Err(NetworkError::NotAClient(NODE))
    ));
    assert!(matches!(
        setting.network.set_relay(setting.client, setting.client),
        Err(NetworkError::NotANode(_))
    ));
}

#[test]
fn the_sides_of_a_partition_forget_each_other_like_the_dead() {
    let config = devnet::NetworkConfig {
        forget_dead_after: Some(Duration::from_secs(60)),
        ..bare(4)
    };
    let mut setting = Setting::basics(config);
    let known = |setting: &mut Setting| {
        setting
            .value("neighbours", &[json!(setting.id(3))])
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(known(&mut setting), 3);
    setting.network.partition([NODE]);
    assert_eq!(known(&mut setting), 3);
    setting.network.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(known(&mut setting), 2);
    setting.network.heal();
    assert_eq!(known(&mut setting), 3);
}
