//! What a node's spell and its operator call beside the functions of 0.9.4.

use marine_rs_sdk::marine;

use super::call;
use super::results::{ClearExpiredResult, RegistryResult, StatsResult};

/// Removes what has expired, but nothing if all that had expired was removed less than `interval_sec` ago since the service started.
/// For the host only.
#[marine]
pub fn clear_expired_every(interval_sec: u64, current_timestamp_sec: u64) -> ClearExpiredResult {
    call(|mut call| call.clear_expired_every(interval_sec, current_timestamp_sec)).into()
}

/// How many bytes this node stores for everybody together, and for one owner or issuer. For the host and the service's
/// creator only. The values are kept over restarts.
#[marine]
pub fn set_storage_limits(total_bytes: u64, owner_bytes: u64) -> RegistryResult {
    call(|mut call| call.set_storage_limits(total_bytes, owner_bytes)).into()
}

/// What the node holds, what it is behind with and what it refuses, for operators.
#[marine]
pub fn get_stats(current_timestamp_sec: u64) -> StatsResult {
    call(|mut call| call.get_stats(current_timestamp_sec)).into()
}
