//! A simulated network of registries: every node runs the service's own code over SQLite in memory, natively and without
//! AquaVM; the world between them does what the scripts in `aqua/` do. One clock, one seed: the same configuration
//! gives the same run.

pub mod census;
mod churn;
mod client;
pub mod config;
pub mod cost;
pub mod directory;
mod fill;
mod lookup;
pub mod node;
pub mod outcome;
pub mod plot;
pub mod queue;
pub mod reach;
pub mod report;
pub mod resource;
mod round;
mod spell;
pub mod survival;
pub mod world;

pub use config::Config;
pub use world::World;
