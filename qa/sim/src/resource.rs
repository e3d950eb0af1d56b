//! The keys of the world, and what their clients mean to do with them.

use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::{signing, Identity, KeyId, Subject};
use registry_testkit::Peer;

use crate::directory::{NodeIx, Point};

/// What is to become of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its client puts its record again and again.
    Kept,
    /// A node provides; where it leaves, another one takes its place.
    Hosted,
    /// The client has removed, or will remove, the provider.
    Deleted,
    /// Put once.
    Unused,
}

/// A key, and what is true of it, whatever the nodes say.
#[derive(Debug)]
pub struct Resource {
    pub key: Key,
    pub key_id: KeyId,
    pub target: Point,
    /// The client that owns it and issues its records.
    pub owner: usize,
    pub fate: Fate,
    /// Who provides, if it is a node.
    pub provider: Option<NodeIx>,
    /// What nodes call the present provider's record.
    pub identity: [u8; 21],
    /// The date of the latest record, or of the tombstone once there is one.
    pub dated_sec: u64,
    /// Whether the present record was stored, so that it has to be found.
    pub registered: bool,
    /// When the tombstone was stored.
    pub deleted_ms: Option<u64>,
}

impl Resource {
    #[must_use]
    pub fn new(number: usize, owner: usize, client: &Peer, fate: Fate, created_sec: u64) -> Self {
        let key = client.key(&format!("resource {number}"), created_sec);
        Self {
            key_id: KeyId::of(&key.label, &key.owner_peer_id),
            target: Point::of_key(&key.id),
            owner,
            fate,
            provider: None,
            identity: identity(client, client.id()),
            dated_sec: created_sec,
            registered: false,
            deleted_ms: None,
            key,
        }
    }

    /// Whether reads have to find a provider.
    #[must_use]
    pub fn must_be_found(&self) -> bool {
        self.registered && self.deleted_ms.is_none() && matches!(self.fate, Fate::Kept | Fate::Hosted)
    }

    /// The client's record of itself.
    #[must_use]
    pub fn own_record(&self, client: &Peer, relay_id: &str, now_sec: u64) -> Record {
        let metadata = client.issue(RecordMetadata {
            key_id: self.key.id.clone(),
            peer_id: client.id().to_owned(),
            timestamp_issued: now_sec,
            value: format!("{} at {now_sec}", self.key.label),
            relay_id: vec![relay_id.to_owned()],
            ..RecordMetadata::default()
        });
        client.record(metadata, now_sec)
    }

    /// What the client says of a node that provides for it.
    #[must_use]
    pub fn node_metadata(&self, client: &Peer, node: &Peer, now_sec: u64) -> RecordMetadata {
        client.metadata(&self.key.id, node, &self.key.label, now_sec)
    }

    #[must_use]
    pub fn tombstone(&self, client: &Peer, now_sec: u64) -> Tombstone {
        client.tombstone(&self.key.id, client, now_sec)
    }
}

/// What nodes call a client's record of this provider.
#[must_use]
pub fn identity(client: &Peer, provider_id: &str) -> [u8; 21] {
    let identity = Identity {
        issued_by: client.id().to_owned(),
        peer_id: provider_id.to_owned(),
        subject: Subject::Service(Vec::new()),
    };
    identity.row_id()
}

/// The node's signature under a record of its own, as `sig.sign` gives it to the node's scripts.
#[must_use]
pub fn signed_by_node(mut record: Record, node: &Peer, now_sec: u64) -> Record {
    record.timestamp_created = now_sec;
    record.signature = node.sign(&signing::record_bytes(&record.metadata, now_sec));
    record
}

/// Bytes of a key in a message.
#[must_use]
pub fn key_len(key: &Key) -> usize {
    key.id.len() + key.label.len() + key.owner_peer_id.len() + key.signature.len() + 8
}

/// Bytes of a record in a message.
#[must_use]
pub fn record_len(record: &Record) -> usize {
    let metadata = &record.metadata;
    let ids = metadata.key_id.len() + metadata.issued_by.len() + metadata.peer_id.len();
    let lists = metadata.relay_id.iter().chain(&metadata.service_id);
    ids + metadata.value.len()
        + metadata.issuer_signature.len()
        + record.signature.len()
        + lists.map(String::len).sum::<usize>()
        + 16
}
