//! Verifying what nodes say of a provider, without trusting them.

use fluence_keypair::{KeyFormat, Signature};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::inspect::SignatureState;
use crate::resource::Provider;

const METADATA: &str = "fluence-registry/metadata/1";
const RECORD: &str = "fluence-registry/record/1";

/// A record as nodes give it: what its signatures cover.
#[derive(Deserialize)]
struct Signed {
    metadata: Metadata,
    timestamp_created: u64,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Metadata {
    key_id: String,
    issued_by: String,
    peer_id: String,
    timestamp_issued: u64,
    solution: Vec<u8>,
    value: String,
    relay_id: Vec<String>,
    service_id: Vec<String>,
    issuer_signature: Vec<u8>,
}

impl Metadata {
    fn hash(&self, tag: &str) -> Sha256 {
        let mut hash = Sha256::new_with_prefix(tag);
        sized(&mut hash, self.key_id.as_bytes());
        sized(&mut hash, self.issued_by.as_bytes());
        sized(&mut hash, self.peer_id.as_bytes());
        hash.update(self.timestamp_issued.to_le_bytes());
        sized(&mut hash, &self.solution);
        sized(&mut hash, self.value.as_bytes());
        for list in [&self.relay_id, &self.service_id] {
            hash.update(u32::try_from(list.len()).unwrap_or(u32::MAX).to_le_bytes());
            list.iter().for_each(|item| sized(&mut hash, item.as_bytes()));
        }
        hash
    }
}

/// Whether the issuer and the provider signed exactly this record, as `registry.get_records` gives it.
pub(crate) fn signature_state(record: &Value) -> SignatureState {
    let Ok(record) = Signed::deserialize(record) else {
        return SignatureState::Invalid;
    };
    let metadata = &record.metadata;
    let issued = metadata.hash(METADATA).finalize();
    let issuer = is_signed_by(&metadata.issued_by, &issued, &metadata.issuer_signature);
    let provider = match record.signature.is_empty() {
        true => None,
        false => {
            let mut hash = metadata.hash(RECORD);
            sized(&mut hash, &metadata.issuer_signature);
            hash.update(record.timestamp_created.to_le_bytes());
            Some(is_signed_by(&metadata.peer_id, &hash.finalize(), &record.signature))
        }
    };
    match (issuer, provider) {
        (Some(false), _) | (_, Some(Some(false))) => SignatureState::Invalid,
        (None, _) | (_, Some(None)) => SignatureState::Unchecked,
        (Some(true), None) => SignatureState::Missing,
        (Some(true), Some(Some(true))) => SignatureState::Valid,
    }
}

/// None where the peer's key is no ed25519 key.
fn is_signed_by(peer_id: &str, bytes: &[u8], signature: &[u8]) -> Option<bool> {
    let key = particle::ed25519_key(peer_id)?;
    let signature = Signature::from_bytes(KeyFormat::Ed25519, signature.to_vec());
    Some(key.verify(bytes, &signature).is_ok())
}

impl Provider {
    /// Whether the issuer signed exactly this. No node can have changed or made up anything. Issuers with keys other than
    /// ed25519 are not verified: an error.
    pub fn verify(&self) -> Result<(), Error> {
        let refused = |reason: &str| Error::argument("the record of the provider", &self.peer_id, reason);
        match is_signed_by(&self.issuer, &self.signed_bytes(), &self.signature) {
            Some(true) => Ok(()),
            Some(false) => Err(refused("does not carry its issuer's signature: a node made it up")),
            None => Err(refused("names an issuer without an ed25519 key")),
        }
    }

    /// What the issuer signs: docs/WIRE.md, `registry/1`.
    fn signed_bytes(&self) -> [u8; 32] {
        let metadata = Metadata {
            key_id: self.resource_id.clone(),
            issued_by: self.issuer.clone(),
            peer_id: self.peer_id.clone(),
            timestamp_issued: self.issued_at,
            solution: self.solution.clone(),
            value: self.value.clone(),
            relay_id: self.relay_id.iter().cloned().collect(),
            service_id: self.service_id.iter().cloned().collect(),
            issuer_signature: Vec::new(),
        };
        metadata.hash(METADATA).finalize().into()
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
    use serde_json::json;

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

    /// A record that both have signed.
    fn record(issuer: &KeyPair, provider: &KeyPair) -> Value {
        let mut signed = Signed {
            metadata: Metadata {
                key_id: "key".into(),
                issued_by: issuer.get_peer_id().to_base58(),
                peer_id: provider.get_peer_id().to_base58(),
                timestamp_issued: 1,
                solution: vec![0, 255],
                value: "value".into(),
                relay_id: vec!["relay".into()],
                service_id: Vec::new(),
                issuer_signature: Vec::new(),
            },
            timestamp_created: 2,
            signature: Vec::new(),
        };
        let sign = |key: &KeyPair, bytes: &[u8]| key.sign(bytes).unwrap().to_vec().to_vec();
        signed.metadata.issuer_signature = sign(issuer, &signed.metadata.hash(METADATA).finalize());
        let mut hash = signed.metadata.hash(RECORD);
        sized(&mut hash, &signed.metadata.issuer_signature);
        hash.update(signed.timestamp_created.to_le_bytes());
        signed.signature = sign(provider, &hash.finalize());
        json!({
            "metadata": {
                "key_id": "key", "issued_by": signed.metadata.issued_by, "peer_id": signed.metadata.peer_id,
                "timestamp_issued": 1, "solution": [0, 255], "value": "value", "relay_id": ["relay"], "service_id": [],
                "issuer_signature": signed.metadata.issuer_signature,
            },
            "timestamp_created": 2, "signature": signed.signature,
        })
    }

    #[test]
    fn what_a_record_covers_is_the_vector_of_the_wire() {
        let metadata = Metadata {
            key_id: "key".into(),
            issued_by: "issuer".into(),
            peer_id: "peer".into(),
            timestamp_issued: 1,
            solution: vec![0, 255],
            value: "value".into(),
            relay_id: vec!["relay".into()],
            service_id: Vec::new(),
            issuer_signature: vec![7],
        };
        let mut hash = metadata.hash(RECORD);
        sized(&mut hash, &metadata.issuer_signature);
        hash.update(2_u64.to_le_bytes());
        let expected = "c0030b3b4ba57e4541bd7f482677151c553f12daa82d5f9cbe98352f580ef248";
        assert_eq!(hex::encode(hash.finalize()), expected);
    }

    #[test]
    fn both_signatures_of_a_record_count() {
        let (issuer, provider) = (KeyPair::generate_ed25519(), KeyPair::generate_ed25519());
        let record = record(&issuer, &provider);
        assert_eq!(signature_state(&record), SignatureState::Valid);
        let with = |change: fn(&mut Value)| {
            let mut changed = record.clone();
            change(&mut changed);
            signature_state(&changed)
        };
        assert_eq!(with(|r| r["signature"] = json!([])), SignatureState::Missing);
        assert_eq!(with(|r| r["timestamp_created"] = json!(3)), SignatureState::Invalid);
        assert_eq!(
            with(|r| r["metadata"]["value"] = json!("other")),
            SignatureState::Invalid
        );
        assert_eq!(
            with(|r| r["metadata"]["issued_by"] = json!("nobody")),
            SignatureState::Invalid
        );
        assert_eq!(with(|r| *r = json!({})), SignatureState::Invalid);
        let unknown = |r: &mut Value| {
            r["metadata"]["issued_by"] = json!("Qm");
            r["signature"] = json!([]);
        };
        assert_eq!(with(unknown), SignatureState::Unchecked);
    }
}
