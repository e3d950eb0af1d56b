//! The registry: signed keys and records of a Fluence network's service discovery, on one node.
//!
//! Data flow is one way: the module's exports decode, [`auth`] proves, [`domain`] decides, [`store`] writes, then back
//! out. [`calls`] is that way for each exported function. Everything here compiles natively too, over rusqlite.

pub mod auth;
pub mod calls;
pub mod domain;
pub mod store;
