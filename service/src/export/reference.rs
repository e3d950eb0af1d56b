//! The functions of 0.9.4, with its arguments and results, all together: compiled scripts call them, so they stay as they are.

use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::calls::{self, latest_key};
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};

use super::results::{
    ClearExpiredResult, EvictStaleResult, GetKeyMetadataResult, GetRecordsResult, GetTombstonesResult, MergeKeysResult,
    MergeResult, RegisterKeyResult, RegistryResult, RepublishRecordsResult,
};
use super::{call, with_registry};

/// The bytes that the owner of a key signs; none where the arguments are oversized. An empty `owner_peer_id` means
/// the particle's initiator.
#[marine]
pub fn get_key_bytes(
    label: String,
    owner_peer_id: Vec<String>,
    timestamp_created: u64,
    challenge: Vec<u8>,
    challenge_type: String,
) -> Vec<u8> {
    let key = Key {
        label,
        timestamp_created,
        challenge,
        challenge_type,
        ..Key::default()
    };
    call(|call| call.get_key_bytes(owner_peer_id, key)).unwrap_or_default()
}

/// The id of the key with this label and owner; empty where there can be none: the label is too long, or the owner's id is
/// none.
#[marine]
pub fn get_key_id(label: String, peer_id: String) -> String {
    calls::get_key_id(&label, &peer_id).map_or_else(|_| String::new(), |key_id| key_id.to_string())
}

#[marine]
#[allow(clippy::too_many_arguments)]
pub fn register_key(
    label: String,
    owner_peer_id: Vec<String>,
    timestamp_created: u64,
    challenge: Vec<u8>,
    challenge_type: String,
    signature: Vec<u8>,
    weight: WeightResult,
    current_timestamp_sec: u64,
) -> RegisterKeyResult {
    let key = Key {
        label,
        timestamp_created,
        challenge,
        challenge_type,
        signature,
        ..Key::default()
    };
    call(|mut call| call.register_key(owner_peer_id, key, &weight, current_timestamp_sec)).into()
}

#[marine]
pub fn get_key_metadata(key_id: String) -> GetKeyMetadataResult {
    call(|mut call| call.get_key_metadata(&key_id)).into()
}

#[marine]
pub fn republish_key(key: Key, weight: WeightResult, current_timestamp_sec: u64) -> RegistryResult {
    call(|mut call| call.republish_key(key, &weight, current_timestamp_sec)).into()
}

/// The latest genuine key among those given, whichever id they have.
#[marine]
pub fn merge_keys(keys: Vec<Key>) -> MergeKeysResult {
    latest_key(keys, None).into()
}

/// The bytes that the issuer of a record signs; none where an argument is oversized.
#[marine]
#[allow(clippy::too_many_arguments)]
pub fn get_record_metadata_bytes(
    key_id: String,
    issued_by: String,
    timestamp_issued: u64,
    value: String,
    peer_id: String,
    relay_id: Vec<String>,
    service_id: Vec<String>,
    solution: Vec<u8>,
) -> Vec<u8> {
    let metadata = RecordMetadata {
        key_id,
        issued_by,
        peer_id,
        timestamp_issued,
        solution,
        value,
        relay_id,
        service_id,
        issuer_signature: Vec::new(),
    };
    calls::get_record_metadata_bytes(&metadata).unwrap_or_default()
}

/// Puts the parts of a record's metadata together. Checks nothing.
#[marine]
#[allow(clippy::too_many_arguments)]
pub fn create_record_metadata(
    key_id: String,
    issued_by: String,
    timestamp_issued: u64,
    value: String,
    peer_id: String,
    relay_id: Vec<String>,
    service_id: Vec<String>,
    solution: Vec<u8>,
    signature: Vec<u8>,
) -> RecordMetadata {
    RecordMetadata {
        key_id,
        issued_by,
        peer_id,
        timestamp_issued,
        solution,
        value,
        relay_id,
        service_id,
        issuer_signature: signature,
    }
}

/// The bytes that the provider of a record signs; none where a part of the metadata is oversized.
#[marine]
pub fn get_record_bytes(metadata: RecordMetadata, timestamp_created: u64) -> Vec<u8> {
    calls::get_record_bytes(&metadata, timestamp_created).unwrap_or_default()
}

#[marine]
pub fn put_record(
    metadata: RecordMetadata,
    timestamp_created: u64,
    signature: Vec<u8>,
    weight: WeightResult,
    current_timestamp_sec: u64,
) -> RegistryResult {
    let record = Record {
        metadata,
        timestamp_created,
        signature,
    };
    call(|mut call| call.put_record(record, &weight, current_timestamp_sec)).into()
}

#[marine]
pub fn get_records(key_id: String, current_timestamp_sec: u64) -> GetRecordsResult {
    call(|mut call| call.get_records(&key_id, current_timestamp_sec)).into()
}

#[marine]
pub fn republish_records(
    records: Vec<Record>,
    weights: Vec<WeightResult>,
    current_timestamp_sec: u64,
) -> RepublishRecordsResult {
    call(|mut call| call.republish_records(records, &weights, current_timestamp_sec)).into()
}

#[marine]
pub fn merge(records: Vec<Vec<Record>>) -> MergeResult {
    with_registry(|registry| Ok(registry.merge(records)?)).into()
}

#[marine]
pub fn merge_two(a: Vec<Record>, b: Vec<Record>) -> MergeResult {
    with_registry(|registry| Ok(registry.merge(vec![a, b])?)).into()
}

/// The bytes that the issuer of a tombstone signs; none where an argument is oversized.
#[marine]
pub fn get_tombstone_bytes(
    key_id: String,
    issued_by: String,
    peer_id: String,
    timestamp_issued: u64,
    solution: Vec<u8>,
) -> Vec<u8> {
    let tombstone = Tombstone {
        key_id,
        issued_by,
        peer_id,
        timestamp_issued,
        solution,
        issuer_signature: Vec::new(),
    };
    calls::get_tombstone_bytes(&tombstone).unwrap_or_default()
}

#[marine]
#[allow(clippy::too_many_arguments)]
pub fn add_tombstone(
    key_id: String,
    issued_by: String,
    peer_id: String,
    timestamp_issued: u64,
    solution: Vec<u8>,
    signature: Vec<u8>,
    current_timestamp_sec: u64,
) -> RegistryResult {
    let tombstone = Tombstone {
        key_id,
        issued_by,
        peer_id,
        timestamp_issued,
        solution,
        issuer_signature: signature,
    };
    call(|mut call| call.add_tombstone(tombstone, current_timestamp_sec)).into()
}

#[marine]
pub fn get_tombstones(key_id: String, current_timestamp_sec: u64) -> GetTombstonesResult {
    call(|mut call| call.get_tombstones(&key_id, current_timestamp_sec)).into()
}

#[marine]
pub fn republish_tombstones(tombstones: Vec<Tombstone>, current_timestamp_sec: u64) -> RegistryResult {
    call(|mut call| call.republish_tombstones(tombstones, current_timestamp_sec)).into()
}

/// This host's own records that are due to be signed anew.
#[marine]
pub fn get_stale_local_records(current_timestamp_sec: u64) -> GetRecordsResult {
    call(|mut call| call.get_stale_local_records(current_timestamp_sec)).into()
}

/// Keys due for replication, leased to the host if it is the one that asks.
#[marine]
pub fn evict_stale(current_timestamp_sec: u64) -> EvictStaleResult {
    call(|mut call| call.evict_stale(current_timestamp_sec)).into()
}

/// Removes what has expired, in a bounded batch.
#[marine]
pub fn clear_expired(current_timestamp_sec: u64) -> ClearExpiredResult {
    call(|mut call| call.clear_expired(current_timestamp_sec)).into()
}

/// For the host and the service's creator only. The value is kept over restarts.
#[marine]
pub fn set_expired_timeout(timeout_sec: u64) -> RegistryResult {
    call(|mut call| call.set_expired_timeout(timeout_sec)).into()
}

/// For the host and the service's creator only. The value is kept over restarts.
#[marine]
pub fn set_stale_timeout(timeout_sec: u64) -> RegistryResult {
    call(|mut call| call.set_stale_timeout(timeout_sec)).into()
}
