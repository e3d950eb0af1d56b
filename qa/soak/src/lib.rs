//! Days of a network's life in minutes.
//!
//! Nodes with the real registry and the real spell, in virtual time: they come and go, restart, fall apart and are killed
//! in the middle of their work, while clients register, delete and look up. What must always hold is checked all the
//! time: every live provider is found, nothing deleted is ever returned, nothing outlives its time.

mod figures;
mod liar;
mod newcomers;
mod options;
mod population;
mod progress;
mod report;
mod scenario;
mod world;

pub use figures::{Figures, Sample, VIOLATIONS_MAX};
pub use options::Options;
pub use progress::Progress;
pub use report::table;
pub use scenario::Scenario;
