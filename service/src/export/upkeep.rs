use marine_rs_sdk::marine;
use registry_service::domain::data::{Record, RecordMetadata};

use super::call;
use super::results::{ClearExpiredResult, EvictStaleResult, GetRecordsResult, RegistryResult, StatsResult};

/// This host's own records that are due to be signed anew.
#[marine]
pub fn get_stale_local_records(current_timestamp_sec: u64) -> GetRecordsResult {
    call(|mut call| call.get_stale_local_records(current_timestamp_sec)).into()
}

/// The same for a renewal every so often: what is older than `renew_sec`, at most half of what a record lives, and what
/// is not signed yet. For the host only.
#[marine]
pub fn get_due_host_records(renew_sec: u64, current_timestamp_sec: u64) -> GetRecordsResult {
    call(|mut call| call.get_due_host_records(renew_sec, current_timestamp_sec)).into()
}

/// Takes in a record of this host, signed anew at `timestamp_created`; its key is replicated next. `signature` is what
/// `sig.sign` returned: one, or none where the host does not sign. For the host only.
#[marine]
pub fn renew_host_record(
    metadata: RecordMetadata,
    timestamp_created: u64,
    signature: Vec<Vec<u8>>,
    current_timestamp_sec: u64,
) -> RegistryResult {
    let record = Record {
        metadata,
        timestamp_created,
        signature: signature.into_iter().next().unwrap_or_default(),
    };
    call(|mut call| call.renew_host_record(record, current_timestamp_sec)).into()
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

/// The same, but nothing if all that had expired was removed less than `interval_sec` ago since the service started.
/// For the host only.
#[marine]
pub fn clear_expired_every(interval_sec: u64, current_timestamp_sec: u64) -> ClearExpiredResult {
    call(|mut call| call.clear_expired_every(interval_sec, current_timestamp_sec)).into()
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
