use std::path::Path;

use marine_host::{CallError, MarineHost, Service, ServiceSpec, StartError};
use registry_testkit::{Origins, Peer};
use serde_json::{json, Value};

use crate::{Outcome, Subject};

/// Functions whose arguments have to be proved: the position of the time, and of the weight where there is one.
const PROVED: [(&str, usize, Option<usize>); 15] = [
    ("register_key", 7, Some(6)),
    ("republish_key", 2, Some(1)),
    ("put_record", 4, Some(3)),
    ("get_records", 1, None),
    ("get_answer", 2, None),
    ("republish_records", 2, Some(1)),
    ("get_stale_local_records", 0, None),
    ("add_tombstone", 6, None),
    ("get_tombstones", 1, None),
    ("republish_tombstones", 1, None),
    ("clear_expired", 0, None),
    ("evict_stale", 0, None),
    ("put_host_record", 2, Some(1)),
    ("remove_host_record", 2, None),
    ("get_stats", 0, None),
];

/// A registry in a Marine host, on the node of a peer.
#[derive(Debug)]
pub struct Node {
    pub host: Peer,
    service: Service,
}

impl Node {
    /// # Errors
    /// [`StartError`].
    pub fn start(marine: &MarineHost, subject: Subject, host: Peer, directory: &Path) -> Result<Self, StartError> {
        Self::start_service(marine, subject.spec(directory), host)
    }

    /// # Errors
    /// [`StartError`].
    pub fn start_service(marine: &MarineHost, spec: ServiceSpec, host: Peer) -> Result<Self, StartError> {
        let service = marine.start(spec)?;
        Ok(Self { host, service })
    }

    pub fn service(&self) -> &Service {
        &self.service
    }

    /// A call with origins of one's own.
    ///
    /// # Errors
    /// [`CallError`]: a trap, or arguments that do not fit.
    pub fn call(&mut self, function: &str, arguments: Value, origins: Origins) -> Result<Value, CallError> {
        self.service.call(function, arguments, origins.build())
    }

    /// The origins of a well-behaved script of `init_peer` for this function.
    pub fn origins(&self, function: &str, arguments: &Value, init_peer: &Peer) -> Origins {
        let count = arguments.as_array().map_or(0, Vec::len);
        let origins = Origins::new(&self.host, init_peer, count);
        let Some((_, time, weight)) = PROVED.iter().find(|(name, ..)| *name == function) else {
            return origins;
        };
        let origins = origins.time(*time);
        match weight {
            Some(position) => match arguments[*position].as_array() {
                Some(weights) => origins.weights(*position, weights.len()),
                None => origins.weight(*position),
            },
            None => origins,
        }
    }

    /// A call as a well-behaved script of `init_peer` makes it.
    ///
    /// # Errors
    /// [`CallError`]: a trap, or arguments that do not fit.
    pub fn proved(&mut self, function: &str, arguments: Value, init_peer: &Peer) -> Result<Outcome, CallError> {
        let origins = self.origins(function, &arguments, init_peer);
        self.call(function, arguments, origins).map(Outcome::of)
    }

    /// What `signer` has to sign, from the node's own function, signed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn signed(&mut self, function: &str, arguments: Value, signer: &Peer) -> Result<Vec<u8>, CallError> {
        let origins = Origins::new(&self.host, signer, arguments.as_array().map_or(0, Vec::len));
        let bytes = self.call(function, arguments, origins)?;
        let bytes: Vec<u8> = serde_json::from_value(bytes).unwrap_or_default();
        Ok(signer.sign(&bytes))
    }

    /// A signed key of `owner`, as other nodes pass it around.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn signed_key(&mut self, owner: &Peer, label: &str, created: u64) -> Result<Value, CallError> {
        let signature = self.signed("get_key_bytes", json!([label, [owner.id()], created, [], ""]), owner)?;
        let id = self.call(
            "get_key_id",
            json!([label, owner.id()]),
            Origins::new(&self.host, owner, 2),
        )?;
        Ok(json!({
            "id": id, "label": label, "owner_peer_id": owner.id(), "timestamp_created": created,
            "challenge": [], "challenge_type": "", "signature": signature,
        }))
    }

    /// Registers a key of `owner`; its id.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn register_key(&mut self, owner: &Peer, label: &str, now: u64) -> Result<Outcome, CallError> {
        let signature = self.signed("get_key_bytes", json!([label, [owner.id()], now, [], ""]), owner)?;
        let arguments = json!([label, [owner.id()], now, [], "", signature, weight(owner), now]);
        self.proved("register_key", arguments, owner)
    }

    /// Metadata of `issuer` for `provider`, signed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn metadata(
        &mut self,
        (issuer, provider): (&Peer, &Peer),
        key_id: &str,
        value: &str,
        issued: u64,
    ) -> Result<Value, CallError> {
        let signature = self.signed(
            "get_record_metadata_bytes",
            json!([key_id, issuer.id(), issued, value, provider.id(), [], [], []]),
            issuer,
        )?;
        self.call(
            "create_record_metadata",
            json!([key_id, issuer.id(), issued, value, provider.id(), [], [], [], signature]),
            Origins::new(&self.host, issuer, 9),
        )
    }

    /// A record in which `peer` provides for itself, signed twice.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn own_record(&mut self, peer: &Peer, key_id: &str, value: &str, created: u64) -> Result<Value, CallError> {
        let metadata = self.metadata((peer, peer), key_id, value, created)?;
        self.record(peer, metadata, created)
    }

    /// A record of `provider` over metadata, signed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn record(&mut self, provider: &Peer, metadata: Value, created: u64) -> Result<Value, CallError> {
        let signature = self.signed("get_record_bytes", json!([metadata, created]), provider)?;
        Ok(json!({ "metadata": metadata, "timestamp_created": created, "signature": signature }))
    }

    /// Puts a record of this issuer, in a particle of the issuer: the reference asks for the weight of the particle's
    /// initiator.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn put_record(&mut self, record: &Value, issuer: &Peer, now: u64) -> Result<Outcome, CallError> {
        let arguments = json!([
            record["metadata"],
            record["timestamp_created"],
            record["signature"],
            weight(issuer),
            now
        ]);
        self.proved("put_record", arguments, issuer)
    }

    /// # Errors
    /// [`CallError`].
    pub fn get_records(&mut self, key_id: &str, now: u64) -> Result<Outcome, CallError> {
        self.proved("get_records", json!([key_id, now]), &Peer::named("a client"))
    }

    /// Records of one key as another node passes them on, each issuer with weight 0.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn republish_records(&mut self, records: &[Value], now: u64) -> Result<Outcome, CallError> {
        let weights: Vec<Value> = records
            .iter()
            .map(|record| json!({ "success": true, "weight": 0, "peer_id": record["metadata"]["issued_by"], "error": "" }))
            .collect();
        self.proved(
            "republish_records",
            json!([records, weights, now]),
            &Peer::named("a client"),
        )
    }

    /// Signs and adds `issuer`'s tombstone for `provider`.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn add_tombstone(
        &mut self,
        (issuer, provider): (&Peer, &Peer),
        key_id: &str,
        issued: u64,
        now: u64,
    ) -> Result<Outcome, CallError> {
        let signature = self.signed(
            "get_tombstone_bytes",
            json!([key_id, issuer.id(), provider.id(), issued, []]),
            issuer,
        )?;
        let arguments = json!([key_id, issuer.id(), provider.id(), issued, [], signature, now]);
        self.proved("add_tombstone", arguments, issuer)
    }
}

/// A weight of 0 for `peer`, as trust-graph returns it.
pub(crate) fn weight(peer: &Peer) -> Value {
    json!({ "success": true, "weight": 0, "peer_id": peer.id(), "error": "" })
}
