//! Small worlds with everything that the large ones have in it.

use registry_sim::config::{Mix, SpellConfig};
use registry_sim::outcome::Rule;
use registry_sim::report::Report;
use registry_sim::{Config, World};

const SEED: u64 = 20_260_101;

fn config() -> Config {
    Config {
        seed: SEED,
        nodes: 40,
        keys: 120,
        hours: 4.0,
        lookups_per_hour: 600,
        spell: SpellConfig {
            expired_interval_sec: 900,
            ..SpellConfig::default()
        },
        // More of what is rare than in the large worlds.
        mix: Mix {
            kept: 0.3,
            hosted: 0.1,
            deleted: 0.4,
            new_per_hour: 0.02,
        },
        ..Config::default()
    }
}

fn run(config: Config) -> Report {
    println!("seed {}", config.seed);
    let mut world = World::new(config.clone()).unwrap();
    world.run_until(config.end_ms()).unwrap();
    Report::of(&world)
}

#[test]
fn every_rule_holds_while_half_of_the_nodes_are_replaced_every_two_hours() {
    let report = run(config());
    assert!(!report.outcome.violated(), "{}", report.text());
    let checks = |rule| report.outcome.checks.get(&rule).copied().unwrap_or(0);
    assert!(checks(Rule::Resolves) > 500, "{}", report.text());
    for rule in [
        Rule::HostRecordThere,
        Rule::StaysDeleted,
        Rule::UnusedGoes,
        Rule::TombstonesGo,
        Rule::NothingRefused,
    ] {
        assert!(checks(rule) > 0, "{rule:?}: {}", report.text());
    }
    assert!(report.outcome.departures > 20, "{}", report.text());
}

#[test]
fn in_a_network_larger_than_a_routing_table_records_of_nodes_lie_on_their_neighbours_and_few_others() {
    let report = run(Config {
        nodes: 250,
        keys: 60,
        hours: 3.5,
        half_life_hours: 0.0,
        mix: Mix {
            kept: 0.5,
            hosted: 0.5,
            deleted: 0.0,
            new_per_hour: 0.0,
        },
        ..config()
    });
    assert!(!report.outcome.violated(), "{}", report.text());
    assert!(report.outcome.keys_located > 0, "{}", report.text());
    let copies = report.samples.last().unwrap().copies;
    assert!(copies.min >= 19 && copies.max <= 25, "{}", report.text());
}

#[test]
fn without_replication_keys_are_lost() {
    let report = run(Config {
        replication: false,
        renewal: false,
        half_life_hours: 0.5,
        ..config()
    });
    let last = report.samples.last().unwrap();
    assert!(last.lost_keys > last.live_keys / 5, "{}", report.text());
    assert!(
        report.outcome.violations.contains_key(&Rule::Resolves),
        "{}",
        report.text()
    );
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let world = |seed| {
        let mut report = run(Config {
            seed,
            nodes: 25,
            keys: 60,
            hours: 2.0,
            ..config()
        });
        report.per_node_hour.iter_mut().for_each(|cost| cost.cpu_ms = 0.0);
        serde_json::to_string(&report).unwrap()
    };
    let first = world(7);
    assert_eq!(first, world(7));
    assert_ne!(first, world(8));
}

#[test]
fn what_is_out_of_range_is_named_with_its_limit() {
    let config = Config {
        nodes: 100_000,
        ..config()
    };
    let error = World::new(config).unwrap_err().to_string();
    assert!(error.contains("100000") && error.contains("5000"), "{error}");
}
