//! What a node's operator sets.

use devnet::{PeerIndex, Query};
use registry_distro::{RegistryConfig, Settings, StorageLimits};
use serde_json::{json, Value};

use crate::scene::{Scene, MINUTE, USUAL};

const NODE: PeerIndex = PeerIndex(0);

#[test]
fn what_an_operator_sets_holds_also_for_a_service_made_anew() {
    let mut scene = Scene::of(1);
    let every_minute = RegistryConfig {
        expired_interval: 60,
        ..USUAL
    };
    let settings = Settings {
        expired_timeout_sec: Some(600),
        stale_timeout_sec: Some(1_200),
        storage: Some(StorageLimits {
            total_bytes: 8 << 20,
            owner_bytes: 1 << 20,
        }),
    };
    scene.install_with(NODE, every_minute, settings);
    let mut storages = Vec::new();
    for made_anew in [false, true] {
        if made_anew {
            storages.push(scene.replace_service(NODE));
        }
        scene.create("sample");
        scene.advance(2 * MINUTE);
        let stats = scene.ask(NODE, &Query::new("registry", "get_stats").now());
        assert_eq!(stats["storage_total_bytes"], json!(8 << 20), "{stats}");
        assert_eq!(stats["storage_owner_bytes"], json!(1 << 20), "{stats}");
        assert_eq!(stats["keys"], json!(1), "{stats}");
        // By default the key would live for a day.
        scene.advance(20 * MINUTE);
        let stats = scene.ask(NODE, &Query::new("registry", "get_stats").now());
        assert_eq!(stats["keys"], json!(0), "{stats}");
    }
    let set = scene.last_jobs(NODE);
    let set: Vec<_> = set.iter().filter(|ran| ran["job"] == json!("set")).collect();
    assert_eq!(set.len(), 3, "{set:?}");
    scene.check_no_failure(44);
}

#[test]
fn what_the_service_refuses_to_be_set_to_is_told_and_the_other_jobs_are_done() {
    let mut scene = Scene::of(1);
    let settings = Settings {
        expired_timeout_sec: Some(0),
        ..Settings::default()
    };
    scene.install_with(NODE, USUAL, settings);
    scene.advance(2 * MINUTE);
    let jobs = scene.last_jobs(NODE);
    assert_eq!(jobs[0]["job"], json!("set"), "{jobs:?}");
    assert_eq!(jobs[0]["success"], json!(false), "{jobs:?}");
    assert!(
        jobs[0]["error"].as_str().unwrap().contains("timeout 0 s is outside"),
        "{jobs:?}"
    );
    for job in ["renew", "replicate", "clear"] {
        assert!(
            jobs.iter()
                .any(|ran| ran["job"] == json!(job) && ran["success"] == json!(true)),
            "{jobs:?}"
        );
    }
}

/// A variable, how to set what it stands for, and the smallest and largest value.
type Range = (&'static str, fn(u64) -> Query, u64, u64);

const RANGES: [Range; 4] = [
    (
        "REGISTRY_EXPIRED_TIMEOUT_SEC",
        |sec| Query::new("registry", "set_expired_timeout").arg(sec),
        1,
        31_536_000,
    ),
    (
        "REGISTRY_STALE_TIMEOUT_SEC",
        |sec| Query::new("registry", "set_stale_timeout").arg(sec),
        1,
        31_536_000,
    ),
    (
        "REGISTRY_TOTAL_BYTES",
        |bytes| limits(bytes, bytes.min(64 << 20)),
        1 << 20,
        1 << 40,
    ),
    (
        "REGISTRY_OWNER_BYTES",
        |bytes| limits(2 << 30, bytes),
        64 << 10,
        2 << 30,
    ),
];

fn limits(total_bytes: u64, owner_bytes: u64) -> Query {
    Query::new("registry", "set_storage_limits")
        .arg(total_bytes)
        .arg(owner_bytes)
}

/// Whether a value is one that a node starts with.
fn starts_with(variable: &str, value: &str) -> Result<Settings, String> {
    let settings = Settings::from_variables(|name| (name == variable).then(|| value.to_owned()));
    settings.map_err(|error| error.to_string())
}

#[test]
fn a_node_starts_with_exactly_the_values_that_its_service_takes() {
    let mut scene = Scene::of(1);
    for (variable, set, min, max) in RANGES {
        for (value, expected) in [(min - 1, false), (min, true), (max, true), (max + 1, false)] {
            let taken = scene.ask(NODE, &set(value));
            assert_eq!(taken["success"], Value::Bool(expected), "{variable}={value}: {taken}");
            let started = starts_with(variable, &value.to_string());
            assert_eq!(started.is_ok(), expected, "{variable}={value}: {started:?}");
        }
    }
}

#[test]
fn a_value_that_is_no_number_in_range_is_named() {
    for (variable, _, min, max) in RANGES {
        for value in ["", "1h", "-1", "1e6", " 3600", "0", "18446744073709551616"] {
            let error = starts_with(variable, value).unwrap_err();
            let expected =
                format!("{variable} is `{value}`: it must be a whole number from {min} to {max}, or not be set");
            assert_eq!(error, expected);
        }
    }
}

#[test]
fn of_two_storage_limits_the_one_that_is_not_set_fits_the_other() {
    let storage = |variable, bytes: u64| starts_with(variable, &bytes.to_string()).unwrap().storage;
    let limits = |total_bytes, owner_bytes| {
        Some(StorageLimits {
            total_bytes,
            owner_bytes,
        })
    };
    assert_eq!(storage("REGISTRY_TOTAL_BYTES", 1 << 30), limits(1 << 30, 64 << 20));
    assert_eq!(storage("REGISTRY_TOTAL_BYTES", 1 << 20), limits(1 << 20, 1 << 20));
    assert_eq!(storage("REGISTRY_OWNER_BYTES", 1 << 20), limits(2 << 30, 1 << 20));
    assert_eq!(Settings::from_variables(|_| None), Ok(Settings::default()));
}
