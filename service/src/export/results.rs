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

/// When to sign a record that is to end, or why it cannot: one item in one of the lists.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct Lease {
    pub created_at: Vec<u64>,
    pub errors: Vec<String>,
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
    /// Those of them that are not signed, or were signed longer ago than half of what a record lives.
    pub host_records_overdue: u64,
    pub tombstones: u64,
    /// Keys that are due for replication; 10,000 stand for as many or more.
    pub keys_due: u64,
    /// For how many seconds the longest due is, but for those that are due at once.
    pub oldest_due_sec: u64,
    /// Keys of which neighbours may hold more; 10,000 stand for as many or more.
    pub keys_partial: u64,
    pub db_size_bytes: u64,
    /// What all rows are charged together; `storage_total_bytes` is its limit.
    pub stored_bytes: u64,
    pub storage_total_bytes: u64,
    /// The limit of what one owner or issuer is charged.
    pub storage_owner_bytes: u64,
    /// Seconds since the spell ran last; none if it has not since the service started.
    pub spell_ran_sec: Vec<u64>,
    /// Calls that were refused since the service started, by reason.
    pub refused: Vec<RefusedCalls>,
    pub schema_version: u32,
    pub service_version: String,
}

/// How many calls were refused for one reason.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct RefusedCalls {
    pub reason: String,
    pub count: u64,
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
    host_records_overdue: stats.host_records_overdue,
    tombstones: stats.counts.tombstones,
    keys_due: stats.behind.due,
    oldest_due_sec: stats.behind.oldest_due_sec,
    keys_partial: stats.behind.partial,
    db_size_bytes: stats.counts.db_size_bytes,
    stored_bytes: stats.stored_bytes,
    storage_total_bytes: stats.limits.total_bytes,
    storage_owner_bytes: stats.limits.owner_bytes,
    spell_ran_sec: stats.spell_ran_sec.into_iter().collect(),
    refused: stats.refused.into_iter().map(|(reason, count)| RefusedCalls {
        reason: reason.name().to_owned(),
        count,
    }).collect(),
    schema_version: stats.schema_version,
    service_version: stats.service_version.to_owned(),
});

impl From<Result<u64, CallError>> for Lease {
    fn from(outcome: Result<u64, CallError>) -> Self {
        match outcome {
            Ok(created_at) => Self {
                created_at: vec![created_at],
                ..Self::default()
            },
            Err(error) => Self {
                errors: vec![error.to_string()],
                ..Self::default()
            },
        }
    }
}

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
