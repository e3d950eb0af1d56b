use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use marine_host::MarineHost;
use registry_testkit::Peer;
use serde_json::{json, Value};
use tempfile::TempDir;

use crate::{records_of, Failure, Node, Outcome, Subject};

/// The time at which a check begins, in seconds since 1970.
pub const NOW: u64 = 1_700_000_000;
/// The default of `expired_timeout`.
pub const DAY_SEC: u64 = 86_400;
/// The default of `stale_timeout`.
pub const HOUR_SEC: u64 = 3_600;

/// What a check runs in: a fresh node with an empty database. It dereferences to the [`Node`].
#[derive(Debug)]
pub struct World {
    subject: Subject,
    marine: MarineHost,
    directory: TempDir,
    /// None only while the node restarts.
    node: Option<Node>,
}

impl World {
    /// # Errors
    /// [`Failure`] where the node does not start.
    pub fn new(subject: Subject) -> Result<Self, Failure> {
        let marine = MarineHost::new()?;
        let directory = TempDir::new()?;
        let mut world = Self {
            subject,
            marine,
            directory,
            node: None,
        };
        world.restart()?;
        Ok(world)
    }

    /// Whose module runs.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Stops the node and starts it again over the same directories.
    ///
    /// # Errors
    /// [`Failure`] where the node does not start.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.node = None;
        self.node = Some(self.start_node("host")?);
        Ok(())
    }

    /// Another node, with directories of its own.
    ///
    /// # Errors
    /// [`Failure`] where the node does not start.
    pub fn start_node(&self, name: &str) -> Result<Node, Failure> {
        let host = Peer::named(name);
        Ok(Node::start(&self.marine, self.subject, host, &self.directory_of(name))?)
    }

    /// Where a node of this name has its `storage` and `tmp`.
    pub fn directory_of(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A key with this label, owned by the peer `owner` and registered at [`NOW`]; its id.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn key(&mut self, label: &str) -> Result<String, Failure> {
        self.key_at(label, NOW)
    }

    /// The same at another time.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn key_at(&mut self, label: &str, now: u64) -> Result<String, Failure> {
        let registered = self.register_key(&Peer::named("owner"), label, now)?.ok()?;
        Ok(registered["key_id"].as_str().unwrap_or_default().to_owned())
    }

    /// Puts a record in which `peer` provides for itself, created at `now`; the record.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn put_own(&mut self, peer: &Peer, key_id: &str, value: &str, now: u64) -> Result<Value, Failure> {
        let record = self.own_record(peer, key_id, value, now)?;
        self.put_record(&record, peer, now)?.ok()?;
        Ok(record)
    }

    /// The records that readers get.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn records(&mut self, key_id: &str, now: u64) -> Result<Vec<Value>, Failure> {
        Ok(records_of(&self.get_records(key_id, now)?.ok()?))
    }

    /// The values of the records that readers get.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn values(&mut self, key_id: &str, now: u64) -> Result<BTreeSet<String>, Failure> {
        Ok(values_of(&self.records(key_id, now)?))
    }

    /// The tombstones that readers get.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn tombstones(&mut self, key_id: &str, now: u64) -> Result<Vec<Value>, Failure> {
        let result = self.by_client("get_tombstones", json!([key_id, now]))?.ok()?;
        Ok(records_of(&result))
    }

    /// A proved call in a particle of the node itself.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn by_host(&mut self, function: &str, arguments: Value) -> Result<Outcome, Failure> {
        let host = self.host.clone();
        Ok(self.proved(function, arguments, &host)?)
    }

    /// A proved call in a particle of somebody who is neither the node nor the service's creator.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn by_client(&mut self, function: &str, arguments: Value) -> Result<Outcome, Failure> {
        Ok(self.proved(function, arguments, &Peer::named("a client"))?)
    }
}

impl Deref for World {
    type Target = Node;

    fn deref(&self) -> &Node {
        self.node.as_ref().expect("a node that failed to start ended the check")
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Node {
        self.node.as_mut().expect("a node that failed to start ended the check")
    }
}

/// The values of some records.
pub fn values_of(records: &[Value]) -> BTreeSet<String> {
    records
        .iter()
        .map(|record| record["metadata"]["value"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Values by name.
pub fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}
