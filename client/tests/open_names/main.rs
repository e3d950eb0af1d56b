//! Discovery over open names, on networks of real sockets.

mod energy;
mod live;
#[path = "../support/mod.rs"]
mod support;
