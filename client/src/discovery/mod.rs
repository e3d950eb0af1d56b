//! Service discovery with a cache: who offers `energy.home.get`, and calling one of them.
//!
//! ```
//! use registry_client::discovery::{Discovery, Handler, MapDht, Metadata, Name, SystemClock};
//! use serde_json::json;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), registry_client::discovery::Error> {
//! // Two peers of a network in memory.
//! let network = MapDht::new(Arc::new(SystemClock));
//! let (home, city) = (Discovery::new(network.peer("home")), Discovery::new(network.peer("city")));
//! let get: Name = "energy.home.get".parse()?;
//!
//! // One offers a service, for as long as `advertiser` is there.
//! let handler = Handler::new(|arguments| async move { Ok(json!({"room": arguments["room"], "watts": 230})) });
//! let advertiser = home.advertise(&get, handler, Metadata::new()).await?;
//!
//! // The other finds and calls it.
//! let arguments = json!({"room": "kitchen"}).as_object().cloned().unwrap_or_default();
//! assert_eq!(city.call(&get, arguments).await?["watts"], 230);
//!
//! advertiser.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! * [`ServiceRegistry`] is the memory: local services and two caches. A value; its time is an argument.
//! * [`Dht`] is the table that all share, [`Transport`] the way to other peers. [`MapDht`] is both in memory, for tests;
//!   [`NoNetwork`] is neither.
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
mod provider;
mod registry;
mod selection;

pub use advertiser::{Advertised, Advertiser};
pub use cache::{CACHED_NAMES_MAX, CACHED_PROVIDERS_MAX};
pub use clock::{Clock, ManualClock, SystemClock};
pub use dht::{Dht, Network, NoNetwork, Published, Transport};
pub use error::{DhtError, Error, Failure, Try};
pub use finder::{Builder, Discovered, Discovery, K};
pub use handler::{Arguments, Handler, Incoming, Reply};
pub use map_dht::{MapDht, MapPeer};
pub use name::{Name, NAME_LEN_MAX};
pub use provider::{Metadata, ProviderInfo};
pub use registry::{Options, Refresh, ServiceRegistry, LOCAL_SERVICES_MAX};
pub use selection::{Selection, Selector};
