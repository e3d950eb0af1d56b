//! The state at the start: what a network that has been running for days holds. Every key, record and tombstone comes
//! into one registry by the calls that clients make, at the time it is dated; then its rows are copied to the twenty
//! nodes it belongs to. So nothing is there that the service has not verified, but it verifies it once and not
//! twenty times.

use std::fmt::Write;
use std::path::Path;

use eyre::{Result, WrapErr};
use rand::Rng;
use registry_service::calls::Published;
use registry_testkit::Peer;
use tempfile::TempDir;

use crate::node::{Node, EPOCH_SEC};
use crate::resource::{Fate, Resource};
use crate::world::World;

/// Where there is a file system in memory, the database that all are filled from lies there: it is written once and
/// read once.
fn memory_directory() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        return tempfile::tempdir_in(memory);
    }
    tempfile::tempdir()
}

impl World {
    pub(crate) fn fill(&mut self) -> Result<()> {
        let directory = memory_directory().wrap_err("a temporary directory")?;
        let path = directory.path().join("filled.sqlite");
        let path = path.to_string_lossy();
        self.make_resources();
        self.fill_one(&path)?;
        let mut belongs: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (ix, resource) in self.resources.iter().enumerate() {
            if resource.fate != Fate::Hosted {
                for node in self.directory.truly_closest(resource.target) {
                    belongs[node as usize].push(ix);
                }
            }
        }
        for (node, resources) in belongs.into_iter().enumerate() {
            self.copy(node, &resources, &path)?;
        }
        Ok(())
    }

    fn make_resources(&mut self) {
        let mix = &self.config.mix;
        let count = self.config.keys as f64;
        let ends =
            [mix.kept, mix.kept + mix.hosted, mix.kept + mix.hosted + mix.deleted].map(|end| (end * count) as usize);
        let expired_sec = self.timeouts.expired_sec;
        for number in 0..self.config.keys {
            let fate = match ends.iter().position(|end| number < *end) {
                Some(0) => Fate::Kept,
                Some(1) => Fate::Hosted,
                Some(_) => Fate::Deleted,
                None => Fate::Unused,
            };
            let age_sec = match fate {
                Fate::Kept if self.config.renewal => self.rng.gen_range(0..expired_sec / 10 * 7),
                Fate::Kept | Fate::Hosted => 0,
                Fate::Deleted => self.rng.gen_range(0..2 * expired_sec),
                Fate::Unused => self.rng.gen_range(0..expired_sec),
            };
            let owner = number % self.clients.len();
            let resource = Resource::new(number, owner, &self.clients[owner], fate, EPOCH_SEC - age_sec);
            self.by_key.insert(*resource.key_id.as_bytes(), number);
            self.resources.push(resource);
        }
    }

    /// Everything but what nodes provide into one database.
    fn fill_one(&mut self, path: &str) -> Result<()> {
        let mut node = Node::at(Peer::named("filler"), path)?;
        // Rows that lie together are written together.
        let mut order: Vec<usize> = (0..self.resources.len()).collect();
        order.sort_by_key(|ix| self.resources[*ix].key_id);
        for ix in order {
            let resource = &mut self.resources[ix];
            let client = &self.clients[resource.owner];
            let keys = vec![resource.key.clone()];
            let now = resource.dated_sec;
            match resource.fate {
                Fate::Hosted => continue,
                Fate::Deleted => {
                    let tombstone = resource.tombstone(client, now);
                    let origins = node.from(client, 6).time(5);
                    let published = Published {
                        keys,
                        tombstones: vec![tombstone],
                        ..Published::default()
                    };
                    node.call(origins, |call| call.publish(published, &[], now))?;
                    resource.deleted_ms = Some(0);
                }
                Fate::Kept | Fate::Unused => {
                    let record = resource.own_record(client, node.id(), now);
                    let origins = node.from(client, 6).time(5);
                    let published = Published {
                        keys,
                        records: vec![record],
                        ..Published::default()
                    };
                    node.call(origins, |call| call.publish(published, &[], now))?;
                }
            }
            resource.registered = true;
        }
        self.mark_exchanged(&mut node)
    }

    /// They were last exchanged at any time within the last interval.
    fn mark_exchanged(&mut self, node: &mut Node) -> Result<()> {
        let interval_sec = self.config.spell.replicate_interval_sec;
        let mut script = "BEGIN;".to_owned();
        for resource in &self.resources {
            let exchanged_at = EPOCH_SEC - self.rng.gen_range(0..interval_sec);
            let due_at = exchanged_at + interval_sec;
            write!(
                script,
                "UPDATE keys SET due_at = {due_at}, exchanged_at = {exchanged_at} WHERE id = x'{}';",
                hex(resource.key_id.as_bytes())
            )?;
        }
        script.push_str("COMMIT;");
        if let Some(registry) = node.registry_mut() {
            registry.store_mut().run_raw(&script)?;
        }
        Ok(())
    }

    /// Rows of these resources to a node.
    fn copy(&mut self, node: usize, resources: &[usize], path: &str) -> Result<()> {
        let mut ids = String::new();
        for resource in resources {
            let separator = if ids.is_empty() { "" } else { "," };
            write!(
                ids,
                "{separator}x'{}'",
                hex(self.resources[*resource].key_id.as_bytes())
            )?;
        }
        let node = &mut self.nodes[node];
        if let Some(registry) = node.registry_mut() {
            registry.store_mut().run_raw(&format!(
                "ATTACH '{path}' AS filled;
                BEGIN;
                INSERT INTO main.keys SELECT * FROM filled.keys WHERE id IN ({ids});
                INSERT INTO main.entries SELECT * FROM filled.entries WHERE key_id IN ({ids});
                COMMIT;
                DETACH filled;",
            ))?;
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
