//! The registry over native SQLite, by behaviour. The same code runs in the module on a node.

// A batch of one reads better as a list.
#![allow(clippy::cloned_ref_to_slice_refs)]

mod admission;
mod callers;
mod closer;
mod encodings;
mod expiry;
mod far;
mod forgeries;
mod hosting;
mod input;
mod key_life;
mod limits;
mod lookup;
mod merge;
mod model;
mod open_names;
mod order;
mod origins;
mod partial;
mod provider_leases;
mod publishing;
mod renewal;
mod replication;
mod restart;
mod rounds;
mod services;
mod signing;
mod sizes;
mod stale_answers;
mod statistics;
mod support;
mod weights;
mod wire;
