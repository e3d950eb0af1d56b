//! What the exported functions return: `success`, `error`, then the rest.

use marine_rs_sdk::marine;
use registry_service::calls::{CallError, Republished, StaleKey, Stats};
use registry_service::domain::data::{Key, Record, Tombstone};
use registry_service::domain::KeyId;
use registry_service::store::Cleared;

/// Nothing but whether it worked.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct RegistryResult {
    pub success: bool,
    pub error: String,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct RegisterKeyResult {
    pub success: bool,
    pub error: String,
    pub key_id: String,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct GetKeyMetadataResult {
    pub success: bool,
    pub error: String,
    pub key: Key,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct MergeKeysResult {
    pub success: bool,
    pub error: String,
    pub key: Key,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct GetRecordsResult {
    pub success: bool,
    pub error: String,
    pub result: Vec<Record>,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct GetRecordsPackedResult {
    pub success: bool,
    pub error: String,
    /// Base64, see `merge_packed`.
    pub packed: String,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct MergeResult {
    pub success: bool,
    pub error: String,
    pub result: Vec<Record>,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct RepublishRecordsResult {
    pub success: bool,
    pub error: String,
    pub updated: u64,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct PutHostRecordResult {
    pub success: bool,
    pub error: String,
    pub record: Record,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct GetTombstonesResult {
    pub success: bool,
    pub error: String,
    pub result: Vec<Tombstone>,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct ClearExpiredResult {
    pub success: bool,
    pub error: String,
    pub count_keys: u64,
    pub count_records: u64,
    pub count_tombstones: u64,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct EvictStaleItem {
    pub key: Key,
    pub records: Vec<Record>,
    pub tombstones: Vec<Tombstone>,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct EvictStaleResult {
    pub success: bool,
    pub error: String,
    pub results: Vec<EvictStaleItem>,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct StatsResult {
    pub success: bool,
    pub error: String,
    pub keys: u64,
    pub records: u64,
    pub host_records: u64,
    pub tombstones: u64,
    pub db_size_bytes: u64,
    pub schema_version: u32,
    pub service_version: String,
}

/// Makes `$result` of an outcome: of its value, or of its error with everything else empty.
macro_rules! from_outcome {
    ($result:ident, $value:ident: $type:ty => { $($field:ident: $with:expr),* $(,)? }) => {
        impl<E: Into<CallError>> From<Result<$type, E>> for $result {
            fn from(outcome: Result<$type, E>) -> Self {
                match outcome {
                    Ok($value) => Self { success: true, $($field: $with,)* ..Self::default() },
                    Err(error) => Self { error: error.into().to_string(), ..Self::default() },
                }
            }
        }
    };
}

from_outcome!(RegisterKeyResult, key_id: KeyId => { key_id: key_id.to_string() });
from_outcome!(GetKeyMetadataResult, key: Key => { key: key });
from_outcome!(MergeKeysResult, key: Key => { key: key });
from_outcome!(GetRecordsResult, records: Vec<Record> => { result: records });
from_outcome!(GetRecordsPackedResult, packed: String => { packed: packed });
from_outcome!(MergeResult, records: Vec<Record> => { result: records });
from_outcome!(PutHostRecordResult, record: Record => { record: record });
from_outcome!(GetTombstonesResult, tombstones: Vec<Tombstone> => { result: tombstones });
from_outcome!(ClearExpiredResult, cleared: Cleared => {
    count_keys: cleared.keys,
    count_records: cleared.records,
    count_tombstones: cleared.tombstones,
});
from_outcome!(EvictStaleResult, keys: Vec<StaleKey> => {
    results: keys.into_iter().map(EvictStaleItem::from).collect(),
});
from_outcome!(StatsResult, stats: Stats => {
    keys: stats.counts.keys,
    records: stats.counts.records,
    host_records: stats.counts.host_records,
    tombstones: stats.counts.tombstones,
    db_size_bytes: stats.counts.db_size_bytes,
    schema_version: stats.schema_version,
    service_version: stats.service_version.to_owned(),
});

impl From<Result<(), CallError>> for RegistryResult {
    fn from(outcome: Result<(), CallError>) -> Self {
        Self {
            success: outcome.is_ok(),
            error: outcome.map_or_else(|error| error.to_string(), |()| String::new()),
        }
    }
}

/// A batch with refused items has not succeeded, though the others are in.
impl From<Result<Republished, CallError>> for RegistryResult {
    fn from(outcome: Result<Republished, CallError>) -> Self {
        let RepublishRecordsResult { success, error, .. } = outcome.into();
        Self { success, error }
    }
}

impl From<Result<Republished, CallError>> for RepublishRecordsResult {
    fn from(outcome: Result<Republished, CallError>) -> Self {
        match outcome {
            Ok(republished) => Self {
                success: republished.refused.is_empty(),
                error: republished.error(),
                updated: republished.updated,
            },
            Err(error) => Self {
                success: false,
                error: error.to_string(),
                updated: 0,
            },
        }
    }
}

impl From<StaleKey> for EvictStaleItem {
    fn from(stale: StaleKey) -> Self {
        Self {
            key: stale.key,
            records: stale.records,
            tombstones: stale.tombstones,
        }
    }
}
