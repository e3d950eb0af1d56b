//! The registry over native SQLite, by behaviour. The same code runs in the module on a node.

mod admission;
mod expiry;
mod input;
mod merge;
mod model;
mod origins;
mod replication;
mod restart;
mod signing;
mod support;
mod wire;
