use fluence_keypair::key_pair::KeyFormat;
use fluence_keypair::{KeyPair, PublicKey};
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::{signing, KeyId};
use sha2::{Digest, Sha256};

/// A peer with its key pair.
#[derive(Clone)]
pub struct Peer {
    key_pair: KeyPair,
    id: String,
}

/// The RSA keys of the tests. To make one takes seconds, so they lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaKey {
    /// 2048 bits.
    First,
    /// 3072 bits.
    Second,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peer({})", self.id)
    }
}

impl Peer {
    /// The ed25519 peer of this name: the same name always gives the same peer.
    pub fn named(name: &str) -> Self {
        let seed = Sha256::digest(name).to_vec();
        Self::of(KeyPair::from_secret_key(seed, KeyFormat::Ed25519).expect("32 bytes are an ed25519 secret"))
    }

    /// The secp256k1 peer of this name: the same name always gives the same peer.
    pub fn secp256k1(name: &str) -> Self {
        let seed = Sha256::digest(name).to_vec();
        Self::of(KeyPair::from_secret_key(seed, KeyFormat::Secp256k1).expect("few 32 bytes are no secp256k1 secret"))
    }

    /// An RSA peer; there are two.
    pub fn rsa(which: RsaKey) -> Self {
        let mut pkcs8 = match which {
            RsaKey::First => include_bytes!("../../../service/tests/behaviour/fixtures/rsa2048.pk8").to_vec(),
            RsaKey::Second => include_bytes!("../../../service/tests/behaviour/fixtures/rsa3072.pk8").to_vec(),
        };
        Self::of(KeyPair::rsa_from_pkcs8(&mut pkcs8).expect("the fixture is an RSA key"))
    }

    pub fn of(key_pair: KeyPair) -> Self {
        let id = key_pair.get_peer_id().to_base58();
        Self { key_pair, id }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn key_pair(&self) -> &KeyPair {
        &self.key_pair
    }

    /// The signature as records carry it: an RSA peer's goes into an envelope with its public key.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature = self.key_pair.sign(bytes).expect("these keys can sign");
        match self.key_pair.public() {
            PublicKey::Rsa(key) => {
                let der = key.to_pkcs1();
                [&(der.len() as u32).to_le_bytes(), der, signature.to_vec()].concat()
            }
            _ => signature.to_vec().to_vec(),
        }
    }

    /// A key that this peer owns, signed.
    pub fn key(&self, label: &str, timestamp_created: u64) -> Key {
        let mut key = Key {
            id: KeyId::of(label, &self.id).to_string(),
            label: label.to_owned(),
            owner_peer_id: self.id.clone(),
            timestamp_created,
            ..Key::default()
        };
        key.signature = self.sign(&signing::key_bytes(&key));
        key
    }

    /// Metadata issued by this peer for a provider, signed.
    pub fn metadata(&self, key_id: &str, provider: &Peer, value: &str, timestamp_issued: u64) -> RecordMetadata {
        self.issue(RecordMetadata {
            key_id: key_id.to_owned(),
            peer_id: provider.id.clone(),
            timestamp_issued,
            value: value.to_owned(),
            ..RecordMetadata::default()
        })
    }

    /// The same for a service of the provider.
    pub fn service_metadata(
        &self,
        key_id: &str,
        provider: &Peer,
        (service_id, value): (&str, &str),
        timestamp_issued: u64,
    ) -> RecordMetadata {
        self.issue(RecordMetadata {
            service_id: vec![service_id.to_owned()],
            ..self.metadata(key_id, provider, value, timestamp_issued)
        })
    }

    /// Makes this peer the issuer of any metadata and signs them.
    pub fn issue(&self, mut metadata: RecordMetadata) -> RecordMetadata {
        metadata.issued_by.clone_from(&self.id);
        metadata.issuer_signature = self.sign(&signing::metadata_bytes(&metadata));
        metadata
    }

    /// A record of this peer as a provider, signed.
    pub fn record(&self, metadata: RecordMetadata, timestamp_created: u64) -> Record {
        let signature = self.sign(&signing::record_bytes(&metadata, timestamp_created));
        Record {
            metadata,
            timestamp_created,
            signature,
        }
    }

    /// A record in which this peer provides for itself.
    pub fn own_record(&self, key_id: &str, value: &str, timestamp: u64) -> Record {
        self.record(self.metadata(key_id, self, value, timestamp), timestamp)
    }

    /// A tombstone of what this peer issued for `provider`, signed.
    pub fn tombstone(&self, key_id: &str, provider: &Peer, timestamp_issued: u64) -> Tombstone {
        let mut tombstone = Tombstone {
            key_id: key_id.to_owned(),
            issued_by: self.id.clone(),
            peer_id: provider.id.clone(),
            timestamp_issued,
            ..Tombstone::default()
        };
        tombstone.issuer_signature = self.sign(&signing::tombstone_bytes(&tombstone));
        tombstone
    }
}
