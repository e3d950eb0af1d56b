//! Fuzzing of the registry, natively: plain functions over bytes, which libFuzzer and the driver in [`run`] both call.
//!
//! A target makes choices from its bytes ([`input`]): genuinely signed objects, changed in places, hostile origins, sizes
//! and times. What comes of it is held against implementations of its own: of the encodings and signatures ([`oracle`]),
//! of merging, of the rules (the testkit's model). A finding is a panic.

pub mod input;
pub mod memory;
pub mod oracle;
pub mod probe;
pub mod run;
pub mod targets;
