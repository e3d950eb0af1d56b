//! Records of this very node: those that others have it provide.

use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::domain::data::RecordMetadata;

use super::call;
use super::results::{GetRecordsResult, PutHostRecordResult, RegistryResult};

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

/// This host's own records that are older than `renew_sec`, at most half of what a record lives, or not signed yet: signed
/// anew, `put_record` takes them in. For the host only.
#[marine]
pub fn get_due_host_records(renew_sec: u64, current_timestamp_sec: u64) -> GetRecordsResult {
    call(|mut call| call.get_due_host_records(renew_sec, current_timestamp_sec)).into()
}
