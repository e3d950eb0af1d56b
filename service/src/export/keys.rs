use marine_rs_sdk::marine;
use registry_service::auth::WeightResult;
use registry_service::calls::{self, latest_key};
use registry_service::domain::data::Key;

use super::call;
use super::results::{GetKeyMetadataResult, MergeKeysResult, RegisterKeyResult, RegistryResult};

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
