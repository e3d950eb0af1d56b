//! The rules, free of I/O: time, host and limits are arguments.

pub mod data;
mod error;
pub mod limits;
mod merge;
mod time;
mod topic;
mod weight;

pub use error::{quoted, Error};
pub use merge::merge;
pub use time::Timeouts;
pub use topic::{check_key, check_passed_on, At, Topic};
pub use weight::check_weight;
