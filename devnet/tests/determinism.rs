//! The same seed gives the same run.

mod common;

use std::time::Duration;

use common::{bare, with_registry, Setting};
use devnet::{Link, PeerIndex};
use serde_json::json;

/// A run with everything that draws from the seed.
fn digest(seed: u64) -> (String, u64) {
    let mut setting = Setting::basics(bare(6).seed(seed));
    setting.network.set_default_link(Link {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(30),
        drop_rate: 0.1,
    });
    for i in 1..6 {
        let args = [json!(setting.id(i)), json!(300)];
        setting.call("first_or_timeout", &args);
        setting.call("neighbours", &[json!(format!("key {i}"))]);
    }
    setting.network.kill(PeerIndex(3)).unwrap();
    setting.network.advance(Duration::from_secs(10)).unwrap();
    setting.network.restart(PeerIndex(3)).unwrap();
    (setting.network.digest(), setting.network.event_count())
}

#[test]
fn the_same_seed_gives_the_same_digest() {
    let (first, events) = digest(11);
    assert!(events > 100, "{events} events");
    assert_eq!(digest(11), (first, events));
}

#[test]
fn another_seed_gives_another_digest() {
    assert_ne!(digest(11).0, digest(12).0);
}

#[test]
fn runs_with_marine_services_repeat_to_the_byte() {
    let run = || {
        let mut setting = Setting::new(with_registry(4).seed(5), "registry.aqua");
        let created = setting.value("create_key", &[json!("label")]);
        assert_eq!(created["success"], json!(true), "{created}");
        setting.network.advance(Duration::from_secs(8)).unwrap();
        setting.network.digest()
    };
    assert_eq!(run(), run());
}
