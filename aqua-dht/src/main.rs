//! The Marine module `aqua-dht`: exports the functions of the wire.

mod export;

/// The first call opens the database: whatever the disk is like, the service starts.
fn main() {}
