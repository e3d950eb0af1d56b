//! Peers: nodes and clients.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use fluence_keypair::KeyPair;

use crate::hostile::Hostile;
use crate::kademlia::Point;
use crate::node_services::NodeServices;
use crate::particle::Particle;
use crate::service::ServiceFn;
use crate::time::VirtualTime;

/// A peer's number in its network: nodes come first, in the order they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct PeerIndex(pub usize);

impl fmt::Display for PeerIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

/// What a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs services and is part of the Kademlia network.
    Node,
    /// Talks to one node only, its relay.
    Client { relay: PeerIndex },
}

/// AquaVM's data of the particles that a peer has worked on.
#[derive(Debug, Default)]
pub(crate) struct ParticleData {
    by_id: HashMap<Arc<str>, Vec<u8>>,
    bytes: usize,
}

impl ParticleData {
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub(crate) fn insert(&mut self, id: Arc<str>, data: Vec<u8>) {
        self.bytes += data.len();
        if let Some(before) = self.by_id.insert(id, data) {
            self.bytes -= before.len();
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Vec<u8>> {
        let data = self.by_id.remove(id)?;
        self.bytes -= data.len();
        Some(data)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Of all particles together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// One peer of the network.
pub struct Peer {
    index: PeerIndex,
    id: Arc<str>,
    point: Point,
    pub(crate) role: Role,
    pub(crate) key_pair: KeyPair,
    pub(crate) alive: bool,
    /// When it was killed last.
    pub(crate) killed_at: Option<VirtualTime>,
    /// It was retired: it never comes back.
    pub(crate) retired: bool,
    pub(crate) incarnation: u32,
    pub(crate) clock_offset_ms: i64,
    pub(crate) services: NodeServices,
    pub(crate) functions: HashMap<(String, String), ServiceFn>,
    pub(crate) hostile: Option<Hostile>,
    /// AquaVM's data per particle.
    pub(crate) data: ParticleData,
    /// The particles themselves, without data.
    pub(crate) particles: HashMap<Arc<str>, Particle>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("index", &self.index)
            .field("id", &self.id)
            .field("role", &self.role)
            .field("alive", &self.alive)
            .finish_non_exhaustive()
    }
}

impl Peer {
    pub(crate) fn new(key_pair: KeyPair, index: PeerIndex, role: Role) -> Self {
        let id = key_pair.get_peer_id();
        Self {
            index,
            id: id.to_base58().into(),
            point: Point::of(&id.to_bytes()),
            role,
            key_pair,
            alive: true,
            killed_at: None,
            retired: false,
            incarnation: 0,
            clock_offset_ms: 0,
            services: NodeServices::default(),
            functions: HashMap::new(),
            hostile: None,
            data: ParticleData::default(),
            particles: HashMap::new(),
        }
    }

    #[must_use]
    pub fn index(&self) -> PeerIndex {
        self.index
    }

    /// The peer id, base58.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn id_arc(&self) -> &Arc<str> {
        &self.id
    }

    /// Where the peer lies in the key space.
    #[must_use]
    pub fn point(&self) -> Point {
        self.point
    }

    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    #[must_use]
    pub fn is_node(&self) -> bool {
        self.role == Role::Node
    }

    /// A client's relay.
    #[must_use]
    pub fn relay(&self) -> Option<PeerIndex> {
        match self.role {
            Role::Node => None,
            Role::Client { relay } => Some(relay),
        }
    }

    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// Whether the peer was made hostile.
    #[must_use]
    pub fn is_hostile(&self) -> bool {
        self.hostile.is_some()
    }

    /// The peer's ed25519 signature over `bytes`: for tests that talk to services directly, or forge what others say.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature = self.key_pair.sign(bytes);
        signature.expect("an ed25519 key signs any bytes").to_vec().to_vec()
    }

    /// The last characters of the peer id, enough for people to tell peers apart.
    #[must_use]
    pub fn short_id(&self) -> &str {
        &self.id[self.id.len() - 6..]
    }
}
