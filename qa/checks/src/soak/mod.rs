//! A node under mixed load whose process, disk and files are not kind to it, beside a model that shows what it must still
//! hold: `registry-soak` runs it for long, the tests of this crate for a short while.

mod crash;
mod damage;
mod disk;
mod model;
mod operation;
mod perform;
mod rows;
mod small_disk;
pub mod writer;

pub use crash::{CrashSoak, Kills};
pub use damage::{damage_table, Damage, Damaged, DamagedFiles};
pub use disk::{read_only_disk, FullDisk};
pub use model::Model;
pub use operation::{Operation, Script, Step};
pub use perform::{on_marine, Answer};
pub use rows::Rows;
pub use small_disk::SmallDisk;
