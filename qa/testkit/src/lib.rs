//! What tests of the registry have in common: peers that sign, call parameters that prove where arguments come from,
//! and a registry over native SQLite.

pub mod model;
mod node;
mod origins;
mod peer;
mod promises;
mod replication;

pub use node::NativeNode;
pub use origins::{no_weight, weight_of, Origins};
pub use peer::{Peer, RsaKey};
pub use promises::check_promises;
pub use replication::RoundTrip;
