use std::path::Path;

use registry_service::auth::{Caller, WeightResult};
use registry_service::calls::{Call, CallError, Published, Registry, Republished, StaleKey, Stats};
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::{Error, KeyId};
use registry_service::store::{Backend, Cleared, NativeBackend, StoreError};
use tempfile::TempDir;

use crate::{no_weight, Origins, Peer};

/// A registry over native SQLite on a host of its own, called with everything proved as a well-behaved script does. What a
/// script must *not* get away with goes through [`NativeNode::call`].
#[derive(Debug)]
pub struct NativeNode<B = NativeBackend> {
    pub host: Peer,
    registry: Registry<B>,
    path: String,
    /// Removed with the node, where it is the node's own.
    directory: Option<TempDir>,
}

impl NativeNode<NativeBackend> {
    /// A node with a fresh database, which goes when the node goes.
    pub fn new(host: Peer) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let path = directory.path().join("registry.sqlite");
        let mut node = Self::at(host, &path).expect("a fresh database opens");
        node.directory = Some(directory);
        node
    }

    /// A node with the database at `path`, which stays.
    pub fn at(host: Peer, path: &Path) -> Result<Self, StoreError> {
        Self::over(host, &path.to_string_lossy())
    }

    /// Closes the database and opens it again, as a restart of the service does; `between` may touch the files.
    pub fn restart(self, between: impl FnOnce(&str)) -> Result<Self, StoreError> {
        let Self {
            host,
            registry,
            path,
            directory,
        } = self;
        drop(registry);
        between(&path);
        let mut node = Self::at(host, Path::new(&path))?;
        node.directory = directory;
        Ok(node)
    }
}

impl<B: Backend> NativeNode<B> {
    /// A node over any backend, which opens `path`.
    pub fn over(host: Peer, path: &str) -> Result<Self, StoreError> {
        Ok(Self {
            host,
            registry: Registry::open(path)?,
            path: path.to_owned(),
            directory: None,
        })
    }

    pub fn database_path(&self) -> &str {
        &self.path
    }

    pub fn registry(&self) -> &Registry<B> {
        &self.registry
    }

    /// See [`Store::set_clear_batch`](registry_service::store::Store::set_clear_batch).
    pub fn set_clear_batch(&mut self, rows: u64) {
        self.registry.store_mut().set_clear_batch(rows);
    }

    /// SQL as a damaged disk, or a hand at the database, would have left it.
    pub fn run_raw(&mut self, sql: &str) -> Result<(), StoreError> {
        self.registry.store_mut().run_raw(sql)
    }

    /// One call with the given origins.
    pub fn call<T>(
        &mut self,
        origins: Origins,
        work: impl FnOnce(&mut Call<'_, B>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        self.registry
            .call(Caller::new(origins.build()), |mut call| work(&mut call))
    }

    fn origins(&self, arguments: usize) -> Origins {
        Origins::new(&self.host, &Peer::named("a client"), arguments)
    }

    fn host_origins(&self, arguments: usize) -> Origins {
        Origins::new(&self.host, &self.host, arguments)
    }

    /// By its owner.
    pub fn register_key(&mut self, key: &Key, now: u64) -> Result<KeyId, CallError> {
        let origins = self.origins(8).time(7).initiator(&key.owner_peer_id);
        let owner = vec![key.owner_peer_id.clone()];
        self.call(origins, |call| call.register_key(owner, key.clone(), &no_weight(), now))
    }

    pub fn republish_key(&mut self, key: &Key, now: u64) -> Result<(), CallError> {
        let origins = self.origins(3).time(2);
        self.call(origins, |call| call.republish_key(key.clone(), &no_weight(), now))
    }

    pub fn get_key_metadata(&mut self, key_id: &str) -> Result<Key, CallError> {
        let origins = self.origins(1);
        self.call(origins, |call| call.get_key_metadata(key_id))
    }

    pub fn put_record(&mut self, record: &Record, now: u64) -> Result<(), CallError> {
        self.put_weighed(record, &no_weight(), now)
    }

    pub fn put_weighed(&mut self, record: &Record, weight: &WeightResult, now: u64) -> Result<(), CallError> {
        let origins = self.origins(5).time(4).weight(3);
        self.call(origins, |call| call.put_record(record.clone(), weight, now))
    }

    pub fn get_records(&mut self, key_id: &str, now: u64) -> Result<Vec<Record>, CallError> {
        let origins = self.origins(2).time(1);
        self.call(origins, |call| call.get_records(key_id, now))
    }

    pub fn republish_records(&mut self, records: &[Record], now: u64) -> Result<Republished, CallError> {
        self.republish_weighed(records, &[], now)
    }

    pub fn republish_weighed(
        &mut self,
        records: &[Record],
        weights: &[WeightResult],
        now: u64,
    ) -> Result<Republished, CallError> {
        let origins = self.origins(3).time(2).weights(1, weights.len());
        self.call(origins, |call| call.republish_records(records.to_vec(), weights, now))
    }

    pub fn put_host_record(&mut self, metadata: &RecordMetadata, now: u64) -> Result<Record, CallError> {
        let origins = self.origins(3).time(2);
        self.call(origins, |call| call.put_host_record(metadata.clone(), &[], now))
    }

    /// With the proof that `put_host_record` ran on the record's peer.
    pub fn publish_host_record(&mut self, record: &Record, now: u64) -> Result<(), CallError> {
        let peer_id = record.metadata.peer_id.clone();
        let origins = self.origins(6).time(5).with(2, &peer_id, "registry", "put_host_record");
        let published = Published {
            hosted: vec![Ok(record.clone())],
            ..Published::default()
        };
        self.call(origins, |call| call.publish(published, &[], now))
    }

    pub fn add_tombstone(&mut self, tombstone: &Tombstone, now: u64) -> Result<(), CallError> {
        let origins = self.origins(7).time(6);
        self.call(origins, |call| call.add_tombstone(tombstone.clone(), now))
    }

    pub fn get_tombstones(&mut self, key_id: &str, now: u64) -> Result<Vec<Tombstone>, CallError> {
        let origins = self.origins(2).time(1);
        self.call(origins, |call| call.get_tombstones(key_id, now))
    }

    pub fn republish_tombstones(&mut self, tombstones: &[Tombstone], now: u64) -> Result<Republished, CallError> {
        let origins = self.origins(2).time(1);
        self.call(origins, |call| call.republish_tombstones(tombstones.to_vec(), now))
    }

    pub fn get_stale_local_records(&mut self, now: u64) -> Result<Vec<Record>, CallError> {
        let origins = self.host_origins(1).time(0);
        self.call(origins, |call| call.get_stale_local_records(now))
    }

    /// As the host, so what is returned is leased.
    pub fn evict_stale(&mut self, now: u64) -> Result<Vec<StaleKey>, CallError> {
        let origins = self.host_origins(1).time(0);
        self.call(origins, |call| call.evict_stale(now))
    }

    /// As a client: only reads.
    pub fn peek_stale(&mut self, now: u64) -> Result<Vec<StaleKey>, CallError> {
        let origins = self.origins(1).time(0);
        self.call(origins, |call| call.evict_stale(now))
    }

    pub fn clear_expired(&mut self, now: u64) -> Result<Cleared, CallError> {
        let origins = self.origins(1).time(0);
        self.call(origins, |call| call.clear_expired(now))
    }

    pub fn get_stats(&mut self, now: u64) -> Result<Stats, CallError> {
        let origins = self.origins(1).time(0);
        self.call(origins, |call| call.get_stats(now))
    }

    pub fn merge(&mut self, lists: Vec<Vec<Record>>) -> Result<Vec<Record>, Error> {
        self.registry.merge(lists)
    }

    pub fn set_expired_timeout(&mut self, timeout_sec: u64) -> Result<(), CallError> {
        let origins = self.host_origins(1);
        self.call(origins, |call| call.set_expired_timeout(timeout_sec))
    }

    pub fn set_stale_timeout(&mut self, timeout_sec: u64) -> Result<(), CallError> {
        let origins = self.host_origins(1);
        self.call(origins, |call| call.set_stale_timeout(timeout_sec))
    }
}
