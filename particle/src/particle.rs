use std::sync::Arc;

use fluence_keypair::error::SigningError;
use fluence_keypair::{KeyFormat, KeyPair, PublicKey, Signature};

use crate::limits::PEER_ID_LEN_MAX;

/// What travels between peers: a script, the data that AquaVM has gathered so far, and who started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Particle {
    pub id: Arc<str>,
    /// Who started it: a peer id in base58.
    pub init_peer_id: Arc<str>,
    /// When it was started: Unix milliseconds on the initiator's clock.
    pub timestamp: u64,
    /// Milliseconds for which peers work on it.
    pub ttl: u32,
    /// AIR.
    pub script: Arc<str>,
    /// The initiator's signature over id, timestamp, time to live and script.
    pub signature: Arc<[u8]>,
    /// AquaVM's own. The only part that changes on the way, and the only one that is not signed.
    pub data: Vec<u8>,
}

/// Why a particle is not the one that its initiator started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the initiator `{0}` is not the peer id of an ed25519 key")]
    Initiator(String),
    #[error("particle `{id}`: the signature is not that of its initiator {init_peer_id}")]
    Signature { id: String, init_peer_id: String },
}

impl Particle {
    /// A particle without data, started by the owner of the key pair. Other peers verify ed25519 signatures only.
    pub fn signed(
        key_pair: &KeyPair,
        id: Arc<str>,
        timestamp: u64,
        ttl: u32,
        script: Arc<str>,
    ) -> Result<Self, SigningError> {
        let mut particle = Self {
            id,
            init_peer_id: key_pair.get_peer_id().to_base58().into(),
            timestamp,
            ttl,
            script,
            signature: Arc::new([]),
            data: Vec::new(),
        };
        particle.signature = key_pair.sign(&particle.signed_bytes())?.to_vec().into();
        Ok(particle)
    }

    /// What the initiator signs.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        [
            self.id.as_bytes(),
            &self.timestamp.to_le_bytes(),
            &self.ttl.to_le_bytes(),
            self.script.as_bytes(),
        ]
        .concat()
    }

    /// Whether the initiator started exactly this script, under this id, at this time.
    pub fn verify(&self) -> Result<(), SignatureError> {
        let key = ed25519_key(&self.init_peer_id);
        let key = key.ok_or_else(|| SignatureError::Initiator(shortened(&self.init_peer_id)))?;
        let signature = Signature::from_bytes(KeyFormat::Ed25519, self.signature.to_vec());
        let verdict = key.verify(&self.signed_bytes(), &signature);
        verdict.map_err(|_| SignatureError::Signature {
            id: shortened(&self.id),
            init_peer_id: self.init_peer_id.to_string(),
        })
    }

    /// Bytes of all parts. The framing is left out.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        const TIMESTAMP_AND_TTL: usize = 8 + 4;
        self.id.len()
            + self.init_peer_id.len()
            + TIMESTAMP_AND_TTL
            + self.script.len()
            + self.signature.len()
            + self.data.len()
    }

    /// When peers stop working on it: the last Unix millisecond at which they still do.
    #[must_use]
    pub fn expires_at(&self) -> u64 {
        self.timestamp.saturating_add(u64::from(self.ttl))
    }

    /// Whether a peer whose clock shows `unix_ms` works on it no longer.
    #[must_use]
    pub fn is_expired_at(&self, unix_ms: u64) -> bool {
        unix_ms > self.expires_at()
    }
}

/// The ed25519 key that a peer id in base58 spells out. Peer ids of RSA keys hold only a hash; nobody uses other kinds.
#[must_use]
pub fn ed25519_key(peer_id: &str) -> Option<PublicKey> {
    /// A multihash of kind identity, of a public key in protobuf: kind ed25519, 32 bytes.
    const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    // Decoding base58 takes quadratic time.
    if peer_id.len() > PEER_ID_LEN_MAX {
        return None;
    }
    let bytes = bs58::decode(peer_id).into_vec().ok()?;
    let key = bytes.strip_prefix(&PREFIX)?;
    PublicKey::decode(&[&[KeyFormat::Ed25519.into()], key].concat()).ok()
}

/// An error names what it refuses, but does not repeat a megabyte of it.
pub(crate) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
