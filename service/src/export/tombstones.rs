use marine_rs_sdk::marine;
use registry_service::calls;
use registry_service::domain::data::Tombstone;

use super::call;
use super::results::{GetTombstonesResult, RegistryResult};

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
