//! Spells, run from the real spell service.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{bare, with_registry};
use devnet::{CallFailure, Network, PeerIndex, Query, SpellSpec};
use serde_json::{json, Value};

const NODE: PeerIndex = PeerIndex(0);
const COUNT: &str = r#"
    (xor
        (seq
            (seq
                (call %init_peer_id% ("getDataSrv" "step") [] step)
                (call %init_peer_id% ("my-spell" "get_u32") ["sum"] old))
            (seq
                (call %init_peer_id% ("math" "add") [old.$.value step] sum)
                (seq
                    (call %init_peer_id% ("my-spell" "set_u32") ["sum" sum] done)
                    (call %init_peer_id% ("callbackSrv" "response") [done]))))
        (call %init_peer_id% ("errorHandlingSrv" "error") [:error: 0]))"#;

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

fn spell(air: &str, data: &[(&str, Value)]) -> SpellSpec {
    let data = data.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    SpellSpec {
        alias: "my-spell".into(),
        air: air.into(),
        init_data: data.collect(),
        every: minutes(1),
        first_after: minutes(1),
        ttl_ms: None,
    }
}

fn sum(network: &mut Network) -> u64 {
    let query = Query::new("my-spell", "get_u32").arg("sum");
    network.ask(NODE, &query).unwrap()["value"].as_u64().unwrap()
}

#[test]
fn a_spell_runs_by_its_clock_and_keeps_its_data_over_a_restart() {
    let mut network = Network::start(bare(2)).unwrap();
    let schedule = network
        .install_spell(NODE, spell(COUNT, &[("step", json!(3))]))
        .unwrap();
    network.advance(minutes(3)).unwrap();
    let runs: Vec<_> = network.scheduled_runs(schedule).map(|run| &run.result).collect();
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| run.is_ok()), "{runs:?}");
    assert_eq!(sum(&mut network), 9);

    network.restart(NODE).unwrap();
    network.advance(minutes(1)).unwrap();
    assert_eq!(sum(&mut network), 12);
}

#[test]
fn an_error_of_a_spell_is_kept_by_its_service() {
    let mut network = Network::start(bare(1)).unwrap();
    let schedule = network.install_spell(NODE, spell(COUNT, &[])).unwrap();
    network.advance(minutes(1)).unwrap();
    let run = network.scheduled_runs(schedule).next().unwrap();
    assert!(matches!(run.result, Err(CallFailure::Script(_))), "{run:?}");
    let kept = network.ask(NODE, &Query::new("my-spell", "get_all_errors")).unwrap();
    let message = &kept["particle_errors"][0]["errors"][0]["last_error"]["message"];
    assert!(message.as_str().unwrap().contains("`step`"), "{kept}");
}

#[test]
fn the_published_registry_spell_runs_on_a_node() {
    let mut network = Network::start(with_registry(3)).unwrap();
    let config = registry_distro::RegistryConfig {
        expired_interval: 3600,
        renew_interval: 3600,
        replicate_interval: 3600,
    };
    let distro = registry_distro::registry_spell(config);
    let data: BTreeMap<_, _> = distro.init_data.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    let spell = SpellSpec {
        alias: "registry-spell".into(),
        air: distro.air.into(),
        init_data: data,
        every: minutes(1),
        first_after: minutes(1),
        ttl_ms: Some(30_000),
    };
    network.install_spell(NODE, spell).unwrap();
    network.advance(minutes(2)).unwrap();
    let cleared = network.ask(NODE, &Query::new("registry-spell", "get_u32").arg("clear_expired"));
    assert_eq!(cleared.unwrap()["value"], json!(devnet::EPOCH_SEC + 60));
    // Its script ends with an empty response, which the spell service cannot store.
    let errors = network
        .ask(NODE, &Query::new("registry-spell", "get_all_errors"))
        .unwrap();
    for particle in errors["particle_errors"].as_array().unwrap() {
        let message = particle["errors"][0]["last_error"]["message"].as_str().unwrap();
        assert!(message.contains("the response has no value"), "{message}");
    }
}
