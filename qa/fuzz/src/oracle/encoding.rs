//! What is signed, put together in a buffer.

use registry_service::domain::data::{Key, RecordMetadata, Tombstone};

use super::sha256;

fn put(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend((bytes.len() as u32).to_le_bytes());
    buffer.extend(bytes);
}

fn put_list(buffer: &mut Vec<u8>, items: &[String]) {
    buffer.extend((items.len() as u32).to_le_bytes());
    for item in items {
        put(buffer, item.as_bytes());
    }
}

pub fn key_bytes(key: &Key) -> [u8; 32] {
    let mut buffer = b"fluence-registry/key/1".to_vec();
    put(&mut buffer, key.label.as_bytes());
    put(&mut buffer, key.owner_peer_id.as_bytes());
    buffer.extend(key.timestamp_created.to_le_bytes());
    put(&mut buffer, &key.challenge);
    put(&mut buffer, key.challenge_type.as_bytes());
    sha256(&buffer)
}

fn put_metadata(buffer: &mut Vec<u8>, metadata: &RecordMetadata) {
    put(buffer, metadata.key_id.as_bytes());
    put(buffer, metadata.issued_by.as_bytes());
    put(buffer, metadata.peer_id.as_bytes());
    buffer.extend(metadata.timestamp_issued.to_le_bytes());
    put(buffer, &metadata.solution);
    put(buffer, metadata.value.as_bytes());
    put_list(buffer, &metadata.relay_id);
    put_list(buffer, &metadata.service_id);
}

pub fn metadata_bytes(metadata: &RecordMetadata) -> [u8; 32] {
    let mut buffer = b"fluence-registry/metadata/1".to_vec();
    put_metadata(&mut buffer, metadata);
    sha256(&buffer)
}

pub fn record_bytes(metadata: &RecordMetadata, timestamp_created: u64) -> [u8; 32] {
    let mut buffer = b"fluence-registry/record/1".to_vec();
    put_metadata(&mut buffer, metadata);
    put(&mut buffer, &metadata.issuer_signature);
    buffer.extend(timestamp_created.to_le_bytes());
    sha256(&buffer)
}

pub fn tombstone_bytes(tombstone: &Tombstone) -> [u8; 32] {
    let mut buffer = b"fluence-registry/tombstone/1".to_vec();
    put(&mut buffer, tombstone.key_id.as_bytes());
    put(&mut buffer, tombstone.issued_by.as_bytes());
    put(&mut buffer, tombstone.peer_id.as_bytes());
    buffer.extend(tombstone.timestamp_issued.to_le_bytes());
    put(&mut buffer, &tombstone.solution);
    sha256(&buffer)
}
