use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::calls;
use registry_service::domain::data::{Record, RecordMetadata};

use super::results::{GetRecordsResult, MergeResult, PutHostRecordResult, RegistryResult, RepublishRecordsResult};
use super::{call, with_registry};

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

/// Makes this node a provider, on the issuer's signature alone. `weights` holds what its trust-graph says of the issuer, or
/// nothing.
#[marine]
pub fn put_host_record(
    metadata: RecordMetadata,
    weights: Vec<WeightResult>,
    current_timestamp_sec: u64,
) -> PutHostRecordResult {
    call(|mut call| call.put_host_record(metadata, &weights, current_timestamp_sec)).into()
}

/// Takes away what an issuer had this node provide under a key. For the host and the service's creator only.
#[marine]
pub fn remove_host_record(key_id: String, issued_by: String, current_timestamp_sec: u64) -> RegistryResult {
    call(|mut call| call.remove_host_record(&key_id, &issued_by, current_timestamp_sec)).into()
}
