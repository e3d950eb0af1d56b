//! aqua-dht, the predecessor of the registry: keys that whoever comes first owns, and values under them, both unsigned.
//!
//! Data flow is one way: the module's exports decode, [`calls`] take what the caller has proved, [`domain`] decides,
//! [`store`] writes. Whoever can write to a node can write anything in anybody's name: see the README.

pub mod calls;
pub mod domain;
pub mod store;
