//! A genuine call of every function, as the starting point of hostile ones.

use marine_host::ServiceInterface;
use registry_testkit::{Origins, Peer};
use serde_json::{json, Map, Value};

use crate::{Failure, World, NOW};

/// What is stored before each function is tried.
pub(super) struct Stored {
    pub(super) key: Value,
    pub(super) record: Value,
    pub(super) tombstone: Value,
}

pub(super) fn store(world: &mut World) -> Result<Stored, Failure> {
    let (owner, issuer, deleted) = (Peer::named("owner"), Peer::named("issuer"), Peer::named("deleted"));
    let key_id = world.key("label")?;
    let signature = world.signed(
        "get_key_bytes",
        json!(["label", [owner.id()], NOW, [1], "type"]),
        &owner,
    )?;
    let key = json!({
        "id": key_id, "label": "label", "owner_peer_id": owner.id(), "timestamp_created": NOW, "challenge": [1],
        "challenge_type": "type", "signature": signature,
    });
    let fields = json!([
        key_id,
        issuer.id(),
        NOW,
        "value",
        issuer.id(),
        [owner.id()],
        ["service"],
        [1]
    ]);
    let signature = world.signed("get_record_metadata_bytes", fields.clone(), &issuer)?;
    let mut arguments = fields.as_array().cloned().unwrap_or_default();
    arguments.push(json!(signature));
    let origins = Origins::new(&world.host, &issuer, 9);
    let metadata = world.call("create_record_metadata", json!(arguments), origins)?;
    let record = world.record(&issuer, metadata, NOW)?;
    world.put_record(&record, &issuer, NOW)?.ok()?;
    let bytes = json!([key_id, deleted.id(), deleted.id(), NOW, [1]]);
    let signature = world.signed("get_tombstone_bytes", bytes, &deleted)?;
    let tombstone = json!({
        "key_id": key_id, "issued_by": deleted.id(), "peer_id": deleted.id(), "timestamp_issued": NOW,
        "solution": [1], "issuer_signature": signature,
    });
    world.by_client("republish_tombstones", json!([[tombstone], NOW]))?;
    Ok(Stored { key, record, tombstone })
}

/// Calls that succeed, every list with one item at least, of the functions that every registry has.
fn published_calls(stored: &Stored) -> Vec<(&'static str, Value)> {
    let Stored { key, record, tombstone } = stored;
    let metadata = &record["metadata"];
    let field = |name: &str| metadata[name].clone();
    let weight = |peer_id: &Value| json!({ "success": true, "weight": 0, "peer_id": peer_id, "error": "none" });
    let (key_id, owner) = (&key["id"], &key["owner_peer_id"]);
    let owner_weight = weight(owner);
    let issuer_weight = weight(&metadata["issued_by"]);
    let metadata_fields = json!([
        key_id,
        field("issued_by"),
        NOW,
        "value",
        field("peer_id"),
        field("relay_id"),
        field("service_id"),
        [1]
    ]);
    let mut created = metadata_fields.as_array().cloned().unwrap_or_default();
    created.push(field("issuer_signature"));
    vec![
        ("get_key_bytes", json!(["label", [owner], NOW, [1], "type"])),
        ("get_key_id", json!(["label", owner])),
        (
            "register_key",
            json!(["label", [owner], NOW, [1], "type", key["signature"], owner_weight, NOW]),
        ),
        ("get_key_metadata", json!([key_id])),
        ("republish_key", json!([key, owner_weight, NOW])),
        ("merge_keys", json!([[key]])),
        ("get_record_metadata_bytes", metadata_fields),
        ("create_record_metadata", json!(created)),
        ("get_record_bytes", json!([metadata, NOW])),
        (
            "put_record",
            json!([metadata, NOW, record["signature"], issuer_weight, NOW]),
        ),
        ("get_records", json!([key_id, NOW])),
        ("republish_records", json!([[record], [issuer_weight], NOW])),
        ("get_stale_local_records", json!([NOW])),
        (
            "get_tombstone_bytes",
            json!([key_id, tombstone["issued_by"], tombstone["peer_id"], NOW, [1]]),
        ),
        (
            "add_tombstone",
            json!([
                key_id,
                tombstone["issued_by"],
                tombstone["peer_id"],
                NOW,
                [1],
                tombstone["issuer_signature"],
                NOW
            ]),
        ),
        ("get_tombstones", json!([key_id, NOW])),
        ("republish_tombstones", json!([[tombstone], NOW])),
        ("merge", json!([[[record]]])),
        ("merge_two", json!([[record], [record]])),
        ("evict_stale", json!([NOW])),
        ("set_expired_timeout", json!([3_600])),
        ("set_stale_timeout", json!([3_600])),
        ("clear_expired", json!([NOW])),
    ]
}

/// A function with genuine arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: String,
    pub(super) arguments: Value,
    /// Name and type of each argument.
    signature: Vec<(String, String)>,
}

/// A call of every function that this module has.
pub(super) fn calls(world: &mut World, stored: &Stored) -> Result<Vec<Call>, Failure> {
    let (issuer, host) = (Peer::named("issuer"), world.host.clone());
    let key_id = stored.key["id"].as_str().unwrap_or_default();
    let host_metadata = world.metadata((&issuer, &host), key_id, "hosted", NOW)?;
    let interface = world.service().interface();
    let samples = Samples {
        stored,
        host_metadata,
        interface: &interface,
    };
    let published = published_calls(stored);
    let calls = interface.function_signatures.iter().map(|function| {
        let written = published.iter().find(|(name, _)| *name == function.name);
        let arguments = match written {
            Some((_, arguments)) => arguments.clone(),
            None => function
                .arguments
                .iter()
                .map(|(name, of)| samples.of(&function.name, name, of))
                .collect(),
        };
        Call {
            function: function.name.clone(),
            arguments,
            signature: function.arguments.clone(),
        }
    });
    Ok(calls.collect())
}

impl Call {
    /// The origins that a well-behaved script of `caller` gives these arguments.
    pub(super) fn origins(&self, world: &World, caller: &Peer, arguments: &Value) -> Origins {
        let mut origins = Origins::new(&world.host, caller, self.signature.len());
        for (position, (name, of)) in self.signature.iter().enumerate() {
            let argument = &arguments[position];
            origins = match (name.as_str(), of.as_str()) {
                ("current_timestamp_sec", _) => origins.time(position),
                ("weight", _) => origins.weight(position),
                ("weights", _) => origins.weights(position, argument.as_array().map_or(0, Vec::len)),
                (_, "[]PutHostRecordResult") => {
                    let peer_id = argument[0]["record"]["metadata"]["peer_id"]
                        .as_str()
                        .unwrap_or_default();
                    origins.with(position, peer_id, "registry", "put_host_record")
                }
                _ => origins,
            };
        }
        origins
    }
}

/// Arguments made of what is stored, by name and type.
struct Samples<'s> {
    stored: &'s Stored,
    host_metadata: Value,
    interface: &'s ServiceInterface,
}

impl Samples<'_> {
    fn of(&self, function: &str, name: &str, of: &str) -> Value {
        let Stored { key, record, tombstone } = self.stored;
        match (of, name) {
            ("string", "key_id") => key["id"].clone(),
            ("string", "issued_by") => record["metadata"]["issued_by"].clone(),
            ("string", "label") => key["label"].clone(),
            ("string", "peer_id") => tombstone["peer_id"].clone(),
            ("string", "provider") => tombstone["peer_id"].clone(),
            // All records of a key, and a key without any.
            ("string", "wanted" | "answer") => json!(""),
            // No keys: a version byte, and two empty lists in the bundle.
            ("string", "digests") => json!("AQ"),
            ("string", "bundle") => json!("AQAA"),
            ("string", "keys") => json!(""),
            ("string", _) => json!("text"),
            ("[]string", "key_ids") => json!([key["id"]]),
            ("[]string", "peers") => json!([record["metadata"]["peer_id"]]),
            ("[]u8", _) => json!(vec![7; 64]),
            ("u64", "stale_sec" | "renew_sec" | "interval_sec") => json!(3_600),
            ("u64", _) => json!(NOW),
            ("bool", _) => json!(true),
            ("u8" | "u16" | "u32" | "i8" | "i16" | "i32" | "i64", _) => json!(1),
            ("Key", _) => key.clone(),
            ("RecordMetadata", _) if function == "put_host_record" => self.host_metadata.clone(),
            ("RecordMetadata", _) => record["metadata"].clone(),
            ("Record", _) => record.clone(),
            ("WeightResult", _) => json!({ "success": false, "weight": 0, "peer_id": "none", "error": "none" }),
            _ => match of.strip_prefix("[]") {
                Some(item) => json!([self.of(function, name, item)]),
                None => self.data(function, of),
            },
        }
    }

    fn data(&self, function: &str, name: &str) -> Value {
        let record = self.interface.record_types.iter().find(|record| record.name == name);
        let fields = record.map(|record| record.fields.as_slice()).unwrap_or_default();
        let fields: Map<String, Value> = fields
            .iter()
            .map(|(name, of)| (name.clone(), self.of(function, name, of)))
            .collect();
        Value::Object(fields)
    }
}
