//! A service as one archive, for peers that take it from files: `artifacts/registry.tar.gz`, `artifacts/aqua-dht.tar.gz`.
//! The registry's holds
//!
//! | entry | what it is |
//! |---|---|
//! | `registry/registry.wasm`, `sqlite3/sqlite3.wasm` | the modules |
//! | `registry/config.json`, `sqlite3/config.json` | a module's config, as nox's `dist.add_module` takes it |
//! | `blueprint.json` | name and modules of the service, as nox's `dist.add_blueprint` takes it |
//! | `service.yaml`, `registry/module.yaml`, `sqlite3/module.yaml` | the service for Fluence CLI |
//! | `Config.toml` | the service for Marine's own tools: `mrepl Config.toml` |
//! | `deploy.aqua` | a script that makes these calls |
//! | `air/*.air` | the spell and the scheduled scripts |
//! | `LICENSE`, `VERSION`, `SHA256SUMS` | licence, version, checksums of everything else |
//!
//! The same inputs give the same bytes: entries are sorted, and carry neither dates nor owners.

pub mod archive;
pub mod blueprint;
pub mod content_id;
pub mod entries;
