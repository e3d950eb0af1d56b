//! The registry as a Rust peer takes it in: two Marine modules, the config they run with, and the spell that renews,
//! replicates and clears what they keep.
//!
//! ```
//! let modules = registry_distro::modules();
//! assert!(modules["registry"].starts_with(b"\0asm"));
//!
//! let spell = registry_distro::registry_spell(registry_distro::RegistryConfig {
//!     expired_interval: 86_400,
//!     renew_interval: 43_200,
//!     replicate_interval: 3_600,
//! });
//! assert_eq!(spell.init_data["config"]["replicate_interval"], 3_600);
//! ```
//!
//! The host deploys the modules, in [`CONFIG`]'s order, as one service under the alias `registry`, and installs the spell
//! under the alias `registry-spell`. The spell's script decides by [`RegistryConfig`] what is due whenever it runs; run
//! it once a minute, because a record that waits for its node's signature gets it then.
//!
//! Timeouts and storage limits come from the node's environment, see [`Settings`]: the spell sets them whenever it runs,
//! so they hold for a service that an upgrade has made anew, too.

mod settings;

use std::collections::HashMap;

use serde_json::{json, Value};

pub use settings::{SettingError, Settings, StorageLimits};

/// The registry: the facade of the service, its functions are the service's.
pub const REGISTRY_WASM: &[u8] = include_bytes!("../registry-service/registry.wasm");
/// SQLite as a Marine module, which the registry imports.
pub const SQLITE_WASM: &[u8] = include_bytes!("../registry-service/sqlite3.wasm");
/// The spell's script, in AIR.
pub const REGISTRY_SPELL: &str = include_str!("../registry-service/registry-spell.air");

/// The service's Marine config, in TOML: its modules in the order in which they load.
pub const CONFIG: &[u8] = include_bytes!("../registry-service/Config.toml");

/// The version of this package and of the modules in it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The wasm of each module that [`CONFIG`] names.
#[must_use]
pub fn modules() -> HashMap<&'static str, &'static [u8]> {
    HashMap::from([("sqlite3", SQLITE_WASM), ("registry", REGISTRY_WASM)])
}

/// How often the spell does each of its jobs, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Between two removals of what has expired.
    pub expired_interval: u32,
    /// Between two renewals of the records that this node hosts. Well below the time after which records expire (24
    /// hours), or they are gone before they are renewed.
    pub renew_interval: u32,
    /// Between two replications of the keys that are due.
    pub replicate_interval: u32,
}

/// A spell to install.
#[derive(Debug, Clone)]
pub struct DistrSpell {
    /// The script, in AIR.
    pub air: &'static str,
    /// What the spell's storage holds at first: the script's arguments, each a JSON value.
    pub init_data: HashMap<&'static str, Value>,
}

/// The spell that keeps the registry's data, with its argument `config`. Its [`Settings`] are those of the environment.
///
/// # Panics
///
/// Panics with a [`SettingError`] if the environment has a value that the service would not take: a node does not start with
/// settings other than those it was given. [`registry_spell_with`] leaves the choice to the host.
#[must_use]
pub fn registry_spell(config: RegistryConfig) -> DistrSpell {
    match Settings::from_env() {
        Ok(settings) => registry_spell_with(config, settings),
        Err(error) => panic!("registry-distro: {error}"),
    }
}

/// The same with settings from elsewhere.
#[must_use]
pub fn registry_spell_with(config: RegistryConfig, settings: Settings) -> DistrSpell {
    let mut fields = json!({
        "expired_interval": config.expired_interval,
        "renew_interval": config.renew_interval,
        "replicate_interval": config.replicate_interval,
    });
    for (name, value) in settings.fields() {
        fields[name] = value;
    }
    DistrSpell {
        air: REGISTRY_SPELL,
        init_data: HashMap::from([("config", fields)]),
    }
}
