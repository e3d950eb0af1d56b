//! A registry's wasm in a Marine host, called as a node calls it, and the rules that it must keep. The same checks run on
//! this project's module and on the reference's, registry-distro 0.9.4.

mod check;
mod failure;
mod interface;
mod node;
pub mod rules;
pub mod soak;
mod subject;
mod table;
mod wire;
mod world;
pub mod writes;

pub use check::Check;
pub(crate) use failure::ensure;
pub use failure::Failure;
pub use interface::interface_lines;
pub use node::Node;
pub use subject::{artifact, spec_of_artifacts, Subject, ARTIFACTS_DIR_VARIABLE, REFERENCE_WASM_BYTES};
pub use table::{Row, Table};
pub use wire::{records_of, Outcome};
pub use world::{set, values_of, World, DAY_SEC, HOUR_SEC, NOW};
