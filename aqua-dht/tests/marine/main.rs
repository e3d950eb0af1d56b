//! artifacts/aqua-dht.wasm in Marine: `./build.sh` makes it.

mod hostile;
mod interface;
mod storage;

use std::path::Path;

use marine_host::{CallError, MarineHost, Service, ServiceSpec};
use registry_checks::artifact;
use registry_testkit::{Origins, Peer};
use serde_json::{json, Value};
use tempfile::TempDir;

const NOW: u64 = 1_700_000_000;
const DAY: u64 = 86_400;

/// Every function that takes a time, and its position.
const TIMES: [(&str, usize); 16] = [
    ("register_key", 1),
    ("get_key_metadata", 1),
    ("republish_key", 1),
    ("pin_key", 1),
    ("unpin_key", 1),
    ("put_value", 2),
    ("put_value_relay", 2),
    ("put_host_value", 2),
    ("put_host_value_relay", 2),
    ("propagate_host_value", 1),
    ("renew_host_value", 1),
    ("clear_host_value", 1),
    ("get_values", 1),
    ("republish_values", 2),
    ("evict_stale", 0),
    ("clear_expired", 0),
];

/// A node with an aqua-dht in Marine.
struct Node {
    host: Peer,
    marine: MarineHost,
    service: Option<Service>,
    directory: TempDir,
}

impl Node {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let mut node = Self {
            host: Peer::named("a host"),
            marine: MarineHost::new().unwrap(),
            service: None,
            directory,
        };
        node.restart();
        node
    }

    fn restart(&mut self) {
        self.service = None;
        let started = self.marine.start(spec(self.directory.path()));
        self.service = Some(started.expect("it starts: ./build.sh makes what it needs"));
    }

    fn storage(&self) -> std::path::PathBuf {
        self.directory.path().join("storage")
    }

    fn service(&mut self) -> &mut Service {
        self.service.as_mut().expect("it runs")
    }

    /// What a well-behaved script of `client` passes: the time is the host's, a host value the host's, too.
    fn origins(&self, function: &str, arguments: &Value, client: &Peer) -> Origins {
        let origins = Origins::new(&self.host, client, arguments.as_array().map_or(0, Vec::len));
        let origins = match TIMES.iter().find(|(name, _)| *name == function) {
            Some((_, position)) => origins.time(*position),
            None => origins,
        };
        match function {
            "propagate_host_value" => origins.with(0, Peer::named("another host").id(), "aqua-dht", "put_host_value"),
            _ => origins,
        }
    }

    fn try_call(&mut self, client: &Peer, function: &str, arguments: Value) -> Result<Value, CallError> {
        let origins = self.origins(function, &arguments, client);
        self.service().call(function, arguments, origins.build())
    }

    /// A call that is answered.
    #[track_caller]
    fn call(&mut self, client: &Peer, function: &str, arguments: Value) -> Value {
        let answer = self.try_call(client, function, arguments);
        answer.unwrap_or_else(|error| panic!("{function}: {error}"))
    }

    /// A call that succeeds.
    #[track_caller]
    fn done(&mut self, client: &Peer, function: &str, arguments: Value) -> Value {
        let answer = self.call(client, function, arguments);
        assert_eq!(answer["success"], json!(true), "{function}: {}", answer["error"]);
        answer
    }

    fn values(&mut self, key: &str, now: u64) -> Value {
        self.done(&Peer::named("a reader"), "get_values", json!([key, now]))["result"].take()
    }
}

fn spec(directory: &Path) -> ServiceSpec {
    ServiceSpec::new("aqua-dht", directory)
        .module("sqlite3", artifact("sqlite3.wasm"))
        .module("aqua-dht", artifact("aqua-dht.wasm"))
}

/// A value as another node would pass it on.
fn record(peer: &str, value: &str, weight: u32) -> Value {
    json!({
        "value": value, "peer_id": peer, "set_by": peer, "relay_id": ["a relay"], "service_id": ["a service"],
        "timestamp_created": NOW, "weight": weight,
    })
}
