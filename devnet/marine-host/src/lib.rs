//! A Marine host in the process.
//!
//! [`MarineHost`] is one wasmtime engine; [`MarineHost::start`] turns a [`ServiceSpec`] into a running [`Service`], whose
//! calls are synchronous. Compiled modules are kept in a cache on disk, so that only the very first start of a module
//! costs a compilation.
//!
//! ```no_run
//! use marine_host::{CallContext, MarineHost, ServiceSpec};
//! use serde_json::json;
//!
//! let host = MarineHost::new()?;
//! let spec = ServiceSpec::new("registry", "/tmp/registry-data")
//!     .module("sqlite3", std::path::Path::new("artifacts/sqlite3.wasm"))
//!     .module("registry", std::path::Path::new("artifacts/registry.wasm"));
//! let mut registry = host.start(spec)?;
//! let call = CallContext::new("12D3KooWHost").init_peer_id("12D3KooWClient").build();
//! let key_id = registry.call("get_key_id", json!(["label", "12D3KooWClient"]), call)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Set `RUST_LIB_BACKTRACE=0`** in every process that hosts Marine (or leave `RUST_BACKTRACE` unset): each WASI error
//! otherwise captures a backtrace, and calls become up to 14 times slower.

mod cache;
mod call_context;
mod error;
mod host;
mod service;
mod spec;

pub use cache::{default_cache_dir, CACHE_DIR_VARIABLE};
pub use call_context::{literal, tetraplet, tetraplet_with_lens, CallContext};
pub use error::{CallError, StartError};
pub use host::{MarineHost, TimedOut};
pub use service::Service;
pub use spec::{ModuleSource, ModuleSpec, ServiceSpec, STORAGE_DIR, TMP_DIR};

pub use fluence_app_service::{
    CallParameters, IValue, ParticleParameters, SecurityTetraplet, ServiceInterface, WasmBackend,
};
