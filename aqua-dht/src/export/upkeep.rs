use marine_rs_sdk::marine;

use super::call;
use super::results::{ClearExpiredResult, DhtResult, EvictStaleResult};

/// Stale keys with their values, for passing on; for the node itself and the service's creator.
#[marine]
pub fn evict_stale(current_timestamp: u64) -> EvictStaleResult {
    call(|mut call| call.evict_stale(current_timestamp)).into()
}

#[marine]
pub fn clear_expired(current_timestamp: u64) -> ClearExpiredResult {
    call(|mut call| call.clear_expired(current_timestamp)).into()
}

#[marine]
pub fn set_expired_timeout(timeout_sec: u64) -> DhtResult {
    call(|mut call| call.set_expired_timeout(timeout_sec)).into()
}

#[marine]
pub fn set_host_expired_timeout(timeout_sec: u64) -> DhtResult {
    call(|mut call| call.set_host_expired_timeout(timeout_sec)).into()
}

#[marine]
pub fn set_stale_timeout(timeout_sec: u64) -> DhtResult {
    call(|mut call| call.set_stale_timeout(timeout_sec)).into()
}
