//! Scripts that nodes run on their own.

mod common;

use std::time::Duration;

use common::bare;
use devnet::{CallFailure, Network, NetworkError, PeerIndex, ScheduledScript};
use serde_json::json;

const NODE: PeerIndex = PeerIndex(0);
const CLOCK: &str = r#"
    (seq
        (seq
            (call %init_peer_id% ("getDataSrv" "add") [] add)
            (call %init_peer_id% ("peer" "timestamp_sec") [] now))
        (seq
            (call %init_peer_id% ("math" "add") [now add] sum)
            (call %init_peer_id% ("callbackSrv" "response") [sum])))"#;

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

#[test]
fn a_script_runs_every_period_as_its_node() {
    let mut network = Network::start(bare(2)).unwrap();
    let script = ScheduledScript::new(CLOCK, minutes(10)).data("add", 1);
    let schedule = network.schedule(NODE, script).unwrap();
    network.advance(minutes(35)).unwrap();
    let runs: Vec<_> = network.scheduled_runs(schedule).collect();
    let at: Vec<_> = runs.iter().map(|run| run.at).collect();
    assert_eq!(at, [minutes(10), minutes(20), minutes(30)]);
    let expected = devnet::EPOCH_SEC + 600 + 1;
    assert_eq!(runs[0].result, Ok(vec![json!(expected)]));
    assert_eq!(network.now(), minutes(35));
}

#[test]
fn while_the_node_is_dead_nothing_runs() {
    let mut network = Network::start(bare(2)).unwrap();
    let script = ScheduledScript::new(CLOCK, minutes(1)).data("add", 0);
    let schedule = network.schedule(NODE, script).unwrap();
    network.advance(minutes(2)).unwrap();
    network.kill(NODE).unwrap();
    network.advance(minutes(2)).unwrap();
    assert_eq!(network.scheduled_runs(schedule).count(), 2);
    network.restart(NODE).unwrap();
    network.advance(minutes(1)).unwrap();
    assert_eq!(network.scheduled_runs(schedule).count(), 3);
}

#[test]
fn a_script_without_its_input_fails_every_time() {
    let mut network = Network::start(bare(1)).unwrap();
    let schedule = network.schedule(NODE, ScheduledScript::new(CLOCK, minutes(1))).unwrap();
    network.advance(minutes(2)).unwrap();
    let run = network.scheduled_runs(schedule).next().unwrap();
    let Err(CallFailure::Avm { message, .. }) = &run.result else {
        panic!("{run:?}");
    };
    assert!(message.contains("`add`"), "{message}");
}

#[test]
fn a_client_runs_no_schedules() {
    let mut network = Network::start(bare(1)).unwrap();
    let client = network.add_client(NODE).unwrap();
    let error = network
        .schedule(client, ScheduledScript::new(CLOCK, minutes(1)))
        .unwrap_err();
    assert!(matches!(error, NetworkError::NotANode(_)), "{error:?}");
}
