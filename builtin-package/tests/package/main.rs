//! The package as a peer takes it in.

mod archive;
mod checksums;
mod interface;
mod marine;
mod standalone;
