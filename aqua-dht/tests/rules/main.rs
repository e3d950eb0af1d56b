//! The rules of aqua-dht over native SQLite: the code and the SQL that run in Marine.

mod documentation;
mod faults;
mod keys;
mod limits;
mod merging;
mod proofs;
mod upkeep;
mod values;

use aqua_dht::calls::{Call, CallError, Said};
use aqua_dht::domain::data::{DhtKey, DhtRecord};
use aqua_dht::domain::Topic;
use aqua_dht::store::Store;
use registry_service::store::NativeBackend;
use registry_testkit::{Origins, Peer};
use tempfile::TempDir;

const NOW: u64 = 1_700_000_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// One node with its database.
struct Node {
    host: Peer,
    store: Store<NativeBackend>,
    directory: TempDir,
}

impl Node {
    fn new() -> Self {
        Self::named("a host")
    }

    fn named(name: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("dht.sqlite").to_string_lossy()).unwrap();
        Self {
            host: Peer::named(name),
            store,
            directory,
        }
    }

    fn restart(self) -> Self {
        let Self { host, store, directory } = self;
        drop(store);
        let store = Store::open(&directory.path().join("dht.sqlite").to_string_lossy()).unwrap();
        Self { host, store, directory }
    }

    /// A call of `client` whose time, at its position, is proved.
    fn call(&mut self, client: &Peer, time_at: usize) -> Call<'_, NativeBackend> {
        self.call_with(Origins::new(&self.host, client, 6).time(time_at))
    }

    fn call_with(&mut self, origins: Origins) -> Call<'_, NativeBackend> {
        Call::new(&mut self.store, origins.build())
    }

    fn register(&mut self, client: &Peer, key: &str, now: u64) -> Result<(), CallError> {
        self.call(client, 1).register_key(key.to_owned(), now, 0)
    }

    fn put(&mut self, client: &Peer, key: &str, value: &str, weight: u32, now: u64) -> Result<(), CallError> {
        let said = Said {
            value: value.to_owned(),
            weight: weight.into(),
            ..Said::default()
        };
        self.call(client, 2).put_value(key, said, now)
    }

    fn put_host(&mut self, client: &Peer, key: &str, value: &str, now: u64) -> Result<DhtRecord, CallError> {
        let said = Said {
            value: value.to_owned(),
            ..Said::default()
        };
        let hosted = self.call(client, 2).put_host_value(key, said, now)?;
        Ok(hosted.records.into_iter().next().unwrap())
    }

    fn republish(&mut self, key: &str, records: Vec<DhtRecord>, now: u64) -> Result<u64, CallError> {
        self.call(&Peer::named("a neighbour"), 2)
            .republish_values(key, records, now)
    }

    /// Has many keys registered at once, by one owner.
    fn fill(&mut self, keys: impl IntoIterator<Item = String>, now: u64) {
        self.fill_with(keys, now, &[]);
    }

    /// The same with values under each.
    fn fill_with(&mut self, keys: impl IntoIterator<Item = String>, now: u64, records: &[DhtRecord]) {
        let owner = Peer::named("owner");
        let topic = |key: String| {
            let key = DhtKey {
                key,
                peer_id: owner.id().to_owned(),
                timestamp_created: now,
                ..DhtKey::default()
            };
            let mut topic = Topic::new(key, now).unwrap();
            topic.records = records.to_vec();
            (None, Some(topic))
        };
        let changes: Vec<_> = keys.into_iter().map(topic).collect();
        self.store.save_all(&changes).unwrap();
    }

    fn values(&mut self, key: &str, now: u64) -> Result<Vec<DhtRecord>, CallError> {
        self.call(&Peer::named("a reader"), 1).get_values(key, now)
    }

    /// The texts of the values, as they are returned.
    fn texts(&mut self, key: &str, now: u64) -> Vec<String> {
        self.values(key, now)
            .unwrap()
            .into_iter()
            .map(|record| record.value)
            .collect()
    }
}

/// A value as another node would pass it on.
fn record(peer: &Peer, value: &str, weight: u32, created: u64) -> DhtRecord {
    DhtRecord {
        value: value.to_owned(),
        peer_id: peer.id().to_owned(),
        set_by: peer.id().to_owned(),
        relay_id: Vec::new(),
        service_id: Vec::new(),
        timestamp_created: created,
        weight,
    }
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, CallError>, part: &str) {
    let error = outcome.expect_err("a refusal").to_string();
    assert!(error.contains(part), "{error:?} does not say {part:?}");
}

fn peers(count: usize) -> impl Iterator<Item = Peer> {
    (0..count).map(|number| Peer::named(&format!("peer {number}")))
}
