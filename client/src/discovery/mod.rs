//! Service discovery with a cache, over open names: who offers `energy.home.get`, and calling one of them.
//!
//! ```no_run
//! use registry_client::discovery::{Discovery, Handler, Metadata, Name, OpenNames};
//! use registry_client::{Client, KeyPair};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let relay = "/ip4/127.0.0.1/tcp/9990/p2p/12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
//! let client = Client::connect(relay, KeyPair::generate_ed25519()).await?;
//! let discovery = Discovery::new(OpenNames::new(client));
//! let get: Name = "energy.home.get".parse()?;
//!
//! // Offer a service, for as long as `advertiser` is there.
//! let handler = Handler::new(|arguments| async move { Ok(json!({"room": arguments["room"], "watts": 230})) });
//! let advertiser = discovery.advertise(&get, handler, Metadata::new()).await?;
//!
//! // Find and call it: in this process, or any other.
//! let arguments = json!({"room": "kitchen"}).as_object().cloned().unwrap_or_default();
//! println!("{}", discovery.call(&get, arguments).await?);
//!
//! advertiser.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The same without a network, as a test of whatever uses it:
//!
//! ```
//! use registry_client::discovery::{Discovery, Handler, MapDht, Metadata, Name, SystemClock};
//! use serde_json::json;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), registry_client::discovery::Error> {
//! let network = MapDht::new(Arc::new(SystemClock));
//! let (home, city) = (Discovery::new(network.peer("home")), Discovery::new(network.peer("city")));
//! let get: Name = "energy.home.get".parse()?;
//!
//! let handler = Handler::new(|arguments| async move { Ok(json!({"room": arguments["room"], "watts": 230})) });
//! let advertiser = home.advertise(&get, handler, Metadata::new()).await?;
//!
//! let arguments = json!({"room": "kitchen"}).as_object().cloned().unwrap_or_default();
//! assert_eq!(city.call(&get, arguments).await?["watts"], 230);
//!
//! advertiser.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! * [`ServiceRegistry`] is the memory: local services and two caches. A value; its time is an argument.
//! * [`Dht`] is the table that all share, [`Transport`] the way to other peers. [`OpenNames`] is both, over a
//!   [`Client`](crate::Client); [`MapDht`] is both in memory; [`NoNetwork`] is neither.
//! * [`Discovery`] puts them together: local handler, cache, DHT, in this order.
//! * [`Advertiser`] keeps one service advertised.
//!
//! `docs/DISCOVERY.md` in the repository says what is decided, and why.

mod advertiser;
mod cache;
mod call;
mod clock;
mod dht;
mod error;
mod finder;
mod handler;
mod map_dht;
mod name;
mod open_names;
mod provider;
mod registry;
mod selection;
mod value;

pub use advertiser::{Advertised, Advertiser};
pub use cache::{CACHED_NAMES_MAX, CACHED_PROVIDERS_MAX};
pub use clock::{Clock, ManualClock, SystemClock};
pub use dht::{Dht, Network, NoNetwork, Published, Transport};
pub use error::{DhtError, Error, Failure, Try};
pub use finder::{Builder, Discovered, Discovery, K};
pub use handler::{Arguments, Handler, Incoming, Reply};
pub use map_dht::{MapDht, MapPeer};
pub use name::{Name, NAME_LEN_MAX};
pub use open_names::OpenNames;
pub use provider::{Metadata, ProviderInfo};
pub use registry::{Options, Refresh, ServiceRegistry, LOCAL_SERVICES_MAX};
pub use selection::{Selection, Selector};
pub use value::VALUE_LEN_MAX;
