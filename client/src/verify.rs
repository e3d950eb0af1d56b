//! Verifying what nodes say of a provider, without trusting them.

use fluence_keypair::{KeyFormat, Signature};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::resource::Provider;

impl Provider {
    /// Whether the issuer signed exactly this. No node can have changed or made up anything. Issuers with keys other than
    /// ed25519 are not verified: an error.
    pub fn verify(&self) -> Result<(), Error> {
        let refused = |reason: &str| Error::argument("the record of the provider", &self.peer_id, reason);
        let key =
            particle::ed25519_key(&self.issuer).ok_or_else(|| refused("names an issuer without an ed25519 key"))?;
        let signature = Signature::from_bytes(KeyFormat::Ed25519, self.signature.clone());
        let verdict = key.verify(&self.signed_bytes(), &signature);
        verdict.map_err(|_| refused("does not carry its issuer's signature: a node made it up"))
    }

    /// What the issuer signs: docs/WIRE.md, `registry/1`.
    fn signed_bytes(&self) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix("fluence-registry/metadata/1");
        sized(&mut hash, self.resource_id.as_bytes());
        sized(&mut hash, self.issuer.as_bytes());
        sized(&mut hash, self.peer_id.as_bytes());
        hash.update(self.issued_at.to_le_bytes());
        sized(&mut hash, &self.solution);
        sized(&mut hash, self.value.as_bytes());
        for list in [&self.relay_id, &self.service_id] {
            hash.update(u32::from(list.is_some()).to_le_bytes());
            list.iter().for_each(|item| sized(&mut hash, item.as_bytes()));
        }
        hash.finalize().into()
    }
}

/// A field behind its length.
fn sized(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::ResourceId;
    use fluence_keypair::KeyPair;

    fn vector() -> Provider {
        Provider {
            resource_id: "key".into(),
            peer_id: "peer".into(),
            issuer: "issuer".into(),
            value: "value".into(),
            relay_id: Some("relay".into()),
            service_id: None,
            issued_at: 1,
            solution: vec![0, 255],
            signature: vec![7],
        }
    }

    #[test]
    fn what_is_signed_is_the_vector_of_the_wire() {
        let expected = "870a78786a25df632efed2e6f2326433b5e70229854e84eebdd083e3f39e3818";
        assert_eq!(hex::encode(vector().signed_bytes()), expected);
        let id = ResourceId::of("label", "owner");
        assert_eq!(id.as_str(), "ASqTZijhYuanmqiK7KnfDdX3uKWjvsA93QEBbnyxpb2c");
    }

    #[test]
    fn only_what_the_issuer_signed_verifies() {
        let issuer = KeyPair::generate_ed25519();
        let mut provider = vector();
        provider.issuer = issuer.get_peer_id().to_base58();
        provider.signature = issuer.sign(&provider.signed_bytes()).unwrap().to_vec().to_vec();
        provider.verify().unwrap();
        for change in [
            |p: &mut Provider| p.value = "other".into(),
            |p: &mut Provider| p.relay_id = None,
            |p: &mut Provider| p.issued_at += 1,
            |p: &mut Provider| p.service_id = Some("x".into()),
            |p: &mut Provider| p.issuer = "nobody".into(),
        ] {
            let mut changed = provider.clone();
            change(&mut changed);
            assert!(changed.verify().is_err(), "{changed:?}");
        }
    }
}
