//! What must be in a database after so many operations: the same operations in memory, where nothing can get lost.

use std::path::Path;

use registry_testkit::NativeNode;

use super::perform::on_native;
use super::{Answer, Rows, Script, Step};
use crate::Failure;

/// The state after the first `next` operations of a script.
#[derive(Debug)]
pub struct Model {
    script: Script,
    node: NativeNode,
    next: u64,
}

impl Model {
    /// # Errors
    /// [`Failure`] where SQLite has no memory.
    pub fn new(seed: u64) -> Result<Self, Failure> {
        let node = NativeNode::at(Script::host(), Path::new(":memory:"));
        Ok(Self {
            script: Script::new(seed),
            node: node.map_err(|error| Failure::Broken(error.to_string()))?,
            next: 0,
        })
    }

    pub fn script(&self) -> &Script {
        &self.script
    }

    /// For reading beside a node; what is performed on it does not count as a step.
    pub fn parts(&mut self) -> (&Script, &mut NativeNode) {
        (&self.script, &mut self.node)
    }

    /// The number of the operation that comes next.
    pub const fn next(&self) -> u64 {
        self.next
    }

    pub fn next_step(&self) -> Step {
        self.script.step(self.next)
    }

    /// Performs the next operation.
    pub fn advance(&mut self) -> Answer {
        let step = self.next_step();
        self.next += 1;
        on_native(&mut self.node, &step)
    }

    /// Passes over the next operation: it failed, and has changed nothing.
    pub fn skip(&mut self) {
        self.next += 1;
    }

    /// # Errors
    /// [`Failure`] where SQLite fails.
    pub fn rows(&self) -> Result<Rows, Failure> {
        Rows::of(self.node.registry().store())
    }

    /// Keys, records, host records and tombstones, as [`super::writer`] prints them.
    ///
    /// # Errors
    /// [`Failure`] where SQLite fails.
    pub fn counts(&self) -> Result<String, Failure> {
        let counts = self.node.registry().store().counts();
        let counts = counts.map_err(|error| Failure::Broken(error.to_string()))?;
        Ok(super::writer::counts([
            counts.keys,
            counts.records,
            counts.host_records,
            counts.tombstones,
        ]))
    }
}
