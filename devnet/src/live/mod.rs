//! A Fluence network on real sockets and in real time: what `up` starts.
//!
//! The nodes are those of the simulated network, services, spells and faults included. They hand particles to each other in
//! memory. Each listens on two ports of 127.0.0.1, as real nodes do: for tcp, and for the websockets of browsers and of the JS
//! client. Whoever connects is a client behind that node.
//!
//! ```no_run
//! use devnet::live::{Network, Options};
//!
//! let network = Network::start(Options::default(), |ready| eprintln!("{ready} nodes"))?;
//! for node in network.nodes() {
//!     println!("{}", node.ws);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! All nodes run on one thread, sockets are answered on others. What a client may take is limited; one that does not keep to
//! the protocol is cut off, and the network goes on.

mod behaviour;
mod connection;
mod engine;
mod error;
mod event;
mod feed;
mod gateway;
mod limits;
mod network;
mod options;
mod sockets;
mod storage;
mod transport;
mod view;

pub use error::LiveError;
pub use event::{Cost, Deed, Event, What};
pub use network::{Network, Node, NodeState, Standing};
pub use options::{Options, SpellTimes, DEFAULT_NODES, DEFAULT_PORT};
pub use view::{Holder, ResourceView};
