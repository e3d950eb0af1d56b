use aqua_dht::domain::data::DhtKey;
use marine_rs_sdk::marine;

use super::call;
use super::results::{DhtResult, GetKeyMetadataResult};

#[marine]
pub fn register_key(key: String, current_timestamp: u64, weight: i64) -> DhtResult {
    call(|mut call| call.register_key(key, current_timestamp, weight)).into()
}

#[marine]
pub fn get_key_metadata(key: String, current_timestamp: u64) -> GetKeyMetadataResult {
    call(|mut call| call.get_key_metadata(&key, current_timestamp)).into()
}

#[marine]
pub fn republish_key(key: DhtKey, current_timestamp: u64) -> DhtResult {
    call(|mut call| call.republish_key(key, current_timestamp)).into()
}

/// Has eviction leave the key on this node; for its owner and the node itself.
#[marine]
pub fn pin_key(key: String, current_timestamp: u64) -> DhtResult {
    call(|mut call| call.pin_key(&key, current_timestamp, true)).into()
}

#[marine]
pub fn unpin_key(key: String, current_timestamp: u64) -> DhtResult {
    call(|mut call| call.pin_key(&key, current_timestamp, false)).into()
}
