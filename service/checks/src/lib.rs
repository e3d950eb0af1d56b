//! A registry's wasm in a Marine host, called as a node calls it, and the rules that it must keep. The same checks run on
//! this project's module and on the reference's, registry-distro 0.9.4.

mod node;
mod subject;
mod wire;

pub use node::Node;
pub use subject::{artifact, Subject, REFERENCE_WASM_BYTES};
pub use wire::{records_of, Outcome};
