//! A Fluence network in one process.
//!
//! Peers have real key pairs, run scripts in the real AquaVM and keep real Marine services; what lies between them is
//! simulated. There is one virtual clock, one seed and one event queue, so that the same seed gives the same run, and
//! virtual time passes only by the latency of links, `peer.timeout`, particles' time to live and scheduled scripts.
//!
//! ```no_run
//! use devnet::{AquaCompiler, Network, NetworkConfig, PeerIndex};
//! use serde_json::json;
//!
//! let mut network = Network::start(NetworkConfig::new(20).seed(7))?;
//! let client = network.add_client(PeerIndex(0))?;
//! let program = AquaCompiler::new().compile("hello.aqua")?;
//! let outcome = network.call(client, program.function("hello")?, &[json!("world")])?;
//! println!("{} after {:?}", outcome.value()?, outcome.stats.latency);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Clients that serve and call
//!
//! A scenario with several clients is a program, and runs as a test does. Here two clients offer a greeter under one resource,
//! and a third finds and calls both; `greetAll` is written in Aqua, in `devnet/aqua/demo.aqua`.
//!
//! ```
//! use devnet::{AquaCompiler, Network, NetworkConfig, PeerIndex, ServiceResult};
//! use serde_json::json;
//!
//! let mut network = Network::start(NetworkConfig::new(5))?;
//! let program = AquaCompiler::new().compile(concat!(env!("CARGO_MANIFEST_DIR"), "/aqua/demo.aqua"))?;
//!
//! let reader = network.add_client(PeerIndex(4))?;
//! let created = network.call(reader, program.function("createResource")?, &[json!("greeters")])?.value()?;
//! let resource = created[0][0].clone();
//!
//! for (relay, name) in [(0, "Ann"), (1, "Bob")] {
//!     let provider = network.add_client(PeerIndex(relay))?;
//!     network.define_service(provider, "greeter", "greet", move |call| {
//!         let who = call.arg(0).as_str().unwrap_or_default();
//!         ServiceResult::ok(json!(format!("hello {who}, I am {name}"))).into()
//!     })?;
//!     let arguments = [resource.clone(), json!(name), json!(null)];
//!     let registered = network.call(provider, program.function("registerProvider")?, &arguments)?.value()?;
//!     assert_eq!(registered[0], json!(true), "{registered}");
//! }
//!
//! let greeted = network.call(reader, program.function("greetAll")?, &[resource, json!("Cem"), json!(5)])?.value()?;
//! let mut texts: Vec<_> = greeted[0].as_array().into_iter().flatten().map(|greeting| &greeting["text"]).collect();
//! texts.sort_by_key(|text| text.to_string());
//! assert_eq!(texts, [&json!("hello Cem, I am Ann"), &json!("hello Cem, I am Bob")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What else there is
//!
//! * Races: [`Network::start_call`] and [`Network::wait`]. AIR without Aqua: [`Network::start_air`].
//! * What a client or node defines itself: [`Network::define_service`], [`CallOptions::callback`].
//! * Time: [`Network::advance`]. Scripts that nodes run on their own: [`Network::schedule`], [`Network::install_spell`].
//! * Faults: [`Network::kill`], [`restart`](Network::restart), [`retire`](Network::retire), [`partition`](Network::partition),
//!   [`slow`](Network::slow), [`set_link`](Network::set_link), [`set_hostile`](Network::set_hostile),
//!   [`set_clock_offset_ms`](Network::set_clock_offset_ms).
//! * Invariants after every event: [`Network::add_checker`], [`RegistryInvariants`]. Of answers: [`ProviderLedger`]. State without a particle: [`Network::ask`],
//!   [`Network::holders`].
//!
//! **Set `RUST_LIB_BACKTRACE=0`** in the environment of every process that uses this crate where `RUST_BACKTRACE` is
//! set: calls of services are up to 14 times slower otherwise.

mod aqua;
mod ask;
mod avm;
mod builtins;
mod call;
mod check;
mod config;
mod error;
mod faults;
mod hostile;
mod identity;
mod invariants;
pub mod kademlia;
mod ledger;
mod link;
pub mod live;
mod log;
mod network;
mod node_services;
mod outside;
mod particle;
mod peer;
pub mod picture;
mod queue;
mod registry_view;
pub mod report;
mod run;
mod schedule;
mod send;
mod serve;
mod service;
mod setup;
mod spell;
mod stats;
mod storage;
mod time;

pub use aqua::{
    AquaCompiler, AquaField, AquaFunction, AquaProgram, AquaType, ArgumentError, CompileError, Invocation,
    InvocationError, COMPILE_DIR_VARIABLE,
};
pub use ask::Query;
pub use builtins::{pure_builtin, PURE_BUILTINS};
pub use call::{CallError, CallHandle, CallOptions, CallOutcome};
pub use check::{Causality, Checker, World};
pub use config::{
    AquaDhtModules, NetworkConfig, RegistryModules, Secret, ARTIFACTS_DIR_VARIABLE, DEFAULT_TTL_MS, NODES_MAX,
};
pub use error::{CallFailure, NetworkError};
pub use hostile::{Behaviour, CallMaker, Honest, Hostile, Mix, Sending, Served, ServiceRequest, ServiceRequests};
pub use invariants::{RegistryInvariants, RECORDS_MAX};
pub use ledger::{Judgement, ProviderLedger};
pub use link::Link;
pub use log::{Record, What, RECENT_RECORDS_MAX};
pub use network::Network;
pub use particle::Particle;
pub use peer::{Peer, PeerIndex, Role};
pub use registry_view::HeldKey;
pub use schedule::{ScheduleIndex, ScheduledRun, ScheduledScript, SCHEDULED_RUNS_MAX};
pub use service::{Answer, ServiceCall, ServiceFn, ServiceResult, CALL_FAILED};
pub use spell::SpellSpec;
pub use stats::{ParticleStats, PeerStats};
pub use time::{VirtualTime, EPOCH_SEC};

pub use marine_host::{MarineHost, ModuleSource, SecurityTetraplet, ServiceInterface, ServiceSpec};
