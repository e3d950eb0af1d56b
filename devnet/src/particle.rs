use std::sync::Arc;

use fluence_keypair::{KeyPair, PublicKey, Signature};

/// What travels between peers: a script, the data that AquaVM has gathered so far, and who started it.
#[derive(Debug, Clone)]
pub struct Particle {
    pub id: Arc<str>,
    pub init_peer_id: Arc<str>,
    /// Unix milliseconds on the initiator's clock.
    pub timestamp: u64,
    /// Milliseconds for which peers work on it.
    pub ttl: u32,
    pub script: Arc<str>,
    /// The initiator's signature over everything above.
    pub signature: Arc<[u8]>,
    pub data: Vec<u8>,
}

impl Particle {
    /// A particle without data, signed by its initiator.
    pub(crate) fn new(
        id: Arc<str>,
        key_pair: &KeyPair,
        init_peer_id: Arc<str>,
        timestamp: u64,
        ttl: u32,
        script: Arc<str>,
    ) -> Self {
        let mut particle = Self {
            id,
            init_peer_id,
            timestamp,
            ttl,
            script,
            signature: Arc::new([]),
            data: Vec::new(),
        };
        let signature = key_pair.sign(&particle.signed_bytes());
        let signature = signature.expect("an ed25519 key signs any bytes");
        particle.signature = signature.to_vec().into();
        particle
    }

    /// The bytes that travel: everything a peer has to receive. The framing of a real transport is left out.
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

    /// Whether the initiator started exactly this script.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let signature = Signature::from_bytes(key.get_key_format(), self.signature.to_vec());
        key.verify(&self.signed_bytes(), &signature).is_ok()
    }

    /// Whether a peer whose clock shows `unix_ms` still works on it.
    pub(crate) fn is_expired_at(&self, unix_ms: u64) -> bool {
        unix_ms >= self.timestamp.saturating_add(u64::from(self.ttl))
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.script.len() + 160);
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(self.init_peer_id.as_bytes());
        bytes.extend_from_slice(&self.timestamp.to_le_bytes());
        bytes.extend_from_slice(&self.ttl.to_le_bytes());
        bytes.extend_from_slice(self.script.as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::key_pair;

    fn particle() -> (Particle, PublicKey) {
        let key = key_pair(1, 1);
        let id = key.get_peer_id().to_base58().into();
        (
            Particle::new("p".into(), &key, id, 1_000, 500, "(null)".into()),
            key.public(),
        )
    }

    #[test]
    fn an_altered_script_no_longer_fits_the_signature() {
        let (mut particle, key) = particle();
        assert!(particle.is_signed_by(&key));
        assert!(!particle.is_signed_by(&key_pair(1, 2).public()));
        particle.script = "(never)".into();
        assert!(!particle.is_signed_by(&key));
    }

    #[test]
    fn a_particle_expires_when_its_ttl_has_passed() {
        let (particle, _) = particle();
        assert!(!particle.is_expired_at(1_499));
        assert!(particle.is_expired_at(1_500));
    }
}
