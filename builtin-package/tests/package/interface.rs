//! The names and types that a nox node compiles against.

use std::collections::HashMap;

use registry_distro::{DistrSpell, RegistryConfig};
use serde_json::{json, Value};

/// A service as a node deploys it.
struct ServicePackage {
    modules: HashMap<&'static str, &'static [u8]>,
    config: &'static [u8],
    version: &'static str,
}

/// A spell as a node installs it.
struct SpellPackage {
    air: &'static str,
    kv: HashMap<&'static str, Value>,
}

#[test]
fn a_node_compiles_against_every_item_it_uses() {
    let service = ServicePackage {
        modules: registry_distro::modules(),
        config: registry_distro::CONFIG,
        version: registry_distro::VERSION,
    };
    let mut names: Vec<&str> = service.modules.keys().copied().collect();
    names.sort_unstable();
    assert_eq!(names, ["registry", "sqlite3"]);
    assert!(service.modules.values().all(|wasm| wasm.starts_with(b"\0asm")));
    assert!(!service.config.is_empty());
    assert_eq!(service.version, env!("CARGO_PKG_VERSION"));

    let (expired_sec, renew_sec, replicate_sec): (u32, u32, u32) = (86_400, 43_200, 3_600);
    let config = RegistryConfig {
        expired_interval: expired_sec,
        renew_interval: renew_sec,
        replicate_interval: replicate_sec,
    };
    // Nodes log it.
    let text = format!("{config:?}");
    assert!(text.contains("renew_interval: 43200"), "{text}");
    let DistrSpell { air, init_data } = registry_distro::registry_spell(config);
    let spell = SpellPackage { air, kv: init_data };
    assert!(spell.air.trim_start().starts_with('('), "no AIR: {:.40}", spell.air);
    let config = json!({
        "expired_interval": 86_400, "renew_interval": 43_200, "replicate_interval": 3_600,
        "expired_timeout_sec": [], "stale_timeout_sec": [], "total_bytes": [], "owner_bytes": [],
    });
    assert_eq!(spell.kv, HashMap::from([("config", config)]));
}

/// Its own storage is called by the alias under which it is installed, and its arguments come from there.
#[test]
fn the_spell_asks_for_its_config_under_the_name_that_it_is_given() {
    let air = registry_distro::REGISTRY_SPELL;
    assert!(air.contains(r#"("getDataSrv""config")"#));
    for interval in ["expired_interval", "renew_interval", "replicate_interval"] {
        assert!(air.contains(interval), "{interval}");
    }
}
