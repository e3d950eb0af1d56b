//! A client of the Registry, the service-discovery DHT of a Fluence network: finds providers, calls them, and is one.
//!
//! ```no_run
//! use registry_client::{Client, Execute, KeyPair, Provide};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), registry_client::Error> {
//! let relay = "/ip4/127.0.0.1/tcp/9990/p2p/12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
//! let client = Client::connect(relay, KeyPair::generate_ed25519()).await?;
//!
//! // Offer a service, and say so.
//! client.serve("greeter", |call| async move { Ok(json!(format!("Hello, {}!", call.arguments[0]))) });
//! let chat = client.create_resource("chat").await?.value;
//! let provided = client.provide(&chat, Provide::new("English").service("greeter")).await?;
//!
//! // Find all who offer it, and call them.
//! for execution in client.execute(&chat, Execute::new("greet", vec![json!("Ada")])).await?.value {
//!     println!("{}: {:?}", execution.provider.peer_id, execution.result);
//! }
//!
//! provided.close().await
//! # }
//! ```
//!
//! * One connection, to a *relay*: any node of the network. It is kept, and made anew when it is lost; with several addresses
//!   in [`Client::builder`] the client moves to the next.
//! * Every call ends within the client's time to live, 7 s unless set: with a result, or with an [`Error`] that holds each
//!   node's own words. Dropping the future cancels.
//! * [`Client::provide`] keeps the client registered, [`Client::watch`] tells who comes and goes.
//! * A resource has an owner, whose peer id whoever looks for it has to know; an open one, [`ResourceName::open`], has a
//!   label alone.
//! * Scripts of one's own: [`Client::run_air`].
//!
//! A network to try it on: `./build.sh up` in the repository. Set `RUST_LIB_BACKTRACE=0` where `RUST_BACKTRACE` is set: AquaVM
//! is several times slower with backtraces.

mod api;
mod client;
pub mod discovery;
mod engine;
mod error;
mod execute;
mod inspect;
mod provide;
mod resource;
mod scripts;
mod serve;
mod through;
mod transport;
mod verify;
mod watch;

pub use client::{Builder, Client, DEFAULT_TTL};
pub use error::{AddressFailure, Error, NodeError};
pub use execute::{Execute, Execution};
pub use inspect::{HeldRecord, HeldTombstone, Inspection, SignatureState};
pub use provide::{Provide, Provided, ProvidedState};
pub use resource::{Answer, NodeStats, Provider, Resource, ResourceId, ResourceName};
pub use serve::Call;
pub use through::DIRECTORY;
pub use watch::Change;

pub use fluence_keypair::KeyPair;
pub use marine_host::SecurityTetraplet;
pub use particle::Limits;
