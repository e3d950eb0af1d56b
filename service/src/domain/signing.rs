//! What is signed: `sha256(tag ‖ fields)`, version `registry/1` (docs/WIRE.md has the vectors).
//!
//! Every variable-length field stands behind its u32 LE length and every list behind its u32 LE count,
//! integers are u64 LE, fields come in the order of the data type. The tag separates the kinds, so that no
//! signature over one can pass for another.

use sha2::{Digest, Sha256};

use super::data::{Key, RecordMetadata, Tombstone};

/// The bytes that go through a signature: one sha256.
pub type SignedBytes = [u8; 32];

struct Encoder(Sha256);

impl Encoder {
    fn new(tag: &str) -> Self {
        Self(Sha256::new_with_prefix(tag))
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        // The limits keep every field far below 4 GiB; a longer one could only come from an unchecked
        // caller and then must not wrap.
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.update(len.to_le_bytes());
        self.0.update(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn list(mut self, items: &[String]) -> Self {
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        self.0.update(count.to_le_bytes());
        items.iter().fold(self, |encoder, item| encoder.text(item))
    }

    fn integer(mut self, value: u64) -> Self {
        self.0.update(value.to_le_bytes());
        self
    }

    fn metadata_fields(self, metadata: &RecordMetadata) -> Self {
        self.text(&metadata.key_id)
            .text(&metadata.issued_by)
            .text(&metadata.peer_id)
            .integer(metadata.timestamp_issued)
            .bytes(&metadata.solution)
            .text(&metadata.value)
            .list(&metadata.relay_id)
            .list(&metadata.service_id)
    }

    fn finish(self) -> SignedBytes {
        self.0.finalize().into()
    }
}

/// What the owner of a key signs. The id is not in it: it follows from label and owner.
pub fn key_bytes(key: &Key) -> SignedBytes {
    Encoder::new("fluence-registry/key/1")
        .text(&key.label)
        .text(&key.owner_peer_id)
        .integer(key.timestamp_created)
        .bytes(&key.challenge)
        .text(&key.challenge_type)
        .finish()
}

/// What the issuer of a record signs.
pub fn metadata_bytes(metadata: &RecordMetadata) -> SignedBytes {
    Encoder::new("fluence-registry/metadata/1")
        .metadata_fields(metadata)
        .finish()
}

/// What the provider of a record signs.
pub fn record_bytes(metadata: &RecordMetadata, timestamp_created: u64) -> SignedBytes {
    Encoder::new("fluence-registry/record/1")
        .metadata_fields(metadata)
        .bytes(&metadata.issuer_signature)
        .integer(timestamp_created)
        .finish()
}

/// What the issuer of a tombstone signs.
pub fn tombstone_bytes(tombstone: &Tombstone) -> SignedBytes {
    Encoder::new("fluence-registry/tombstone/1")
        .text(&tombstone.key_id)
        .text(&tombstone.issued_by)
        .text(&tombstone.peer_id)
        .integer(tombstone.timestamp_issued)
        .bytes(&tombstone.solution)
        .finish()
}
