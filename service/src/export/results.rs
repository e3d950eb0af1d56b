//! What the exported functions return: `success`, `error`, then the rest.

use marine_rs_sdk::marine;
use registry_service::calls::{self, CallError, Republished, StaleKey, Stats};
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
    /// Those of them that are not signed, or were signed longer ago than half of what a record lives.
    pub host_records_overdue: u64,
    pub tombstones: u64,
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

/// What one node answers a script that asks many: one item in `good` or one in `bad`. Lists are what a script can loop
/// over without a condition, which costs far more.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct NodeResult {
    pub good: Vec<String>,
    pub bad: Vec<String>,
}

/// The same, checked: errors begin with the node. What is partial does not count, but is read with the rest.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct NodeAnswer {
    pub peer_id: String,
    pub good: Vec<String>,
    pub partial: Vec<String>,
    pub bad: Vec<String>,
}

/// How what was taken in here goes on to the other nodes of its neighbourhood.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct Spread {
    /// The nodes that are still to take it in, closest first.
    pub ask: Vec<String>,
    /// One item if the successes of others are needed, else none.
    pub more: Vec<bool>,
    /// This node, if it has taken it in.
    pub good: Vec<String>,
    /// Its error, if it belongs to the neighbourhood but has not.
    pub bad: Vec<String>,
    /// How many nodes have to take it in.
    pub ack: u32,
    /// Index, among the successes of others, of the one that is enough.
    pub enough: u32,
    /// Index, among the failures of others, of the one after which there cannot be enough.
    pub hopeless: u32,
}

#[marine]
#[derive(Debug, Default, Clone)]
pub struct TallyResult {
    /// Enough nodes took it.
    pub success: bool,
    pub error: String,
    /// One item if enough nodes took it, else none.
    pub stored: Vec<bool>,
    pub errors: Vec<String>,
}

/// Whom to ask for nodes that are closer to a key.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct Closer {
    /// Nobody where this node knows the whole network.
    pub ask: Vec<String>,
    /// One item if somebody is asked, else none: the index, in the list that begins with this node's own, of the list
    /// that is enough.
    pub enough: Vec<u32>,
}

/// Whom to ask, and what to wait for.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct Lookup {
    /// The nodes of the neighbourhood to be asked at once, closest first.
    pub ask: Vec<String>,
    /// Those to be asked where these are not enough, see `widen`.
    pub later: Vec<String>,
    /// One item if there is something to wait for, else none.
    pub more: Vec<bool>,
    /// How many good answers are needed.
    pub ack: u32,
    /// Index, among the good answers of others, of the one that is enough.
    pub enough: u32,
    /// Index, among all answers of others, of the last of those asked at once.
    pub first: u32,
    /// Index, among all answers of others, of the last.
    pub all: u32,
    /// What this node holds, for `get_records_beyond`.
    pub known: String,
    /// This node's own answer, if it belongs to the neighbourhood.
    pub here: Vec<NodeAnswer>,
}

/// A record as applications see it.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct FlatRecord {
    pub key_id: String,
    pub value: String,
    pub peer_id: String,
    pub set_by: String,
    pub relay_id: Vec<String>,
    pub service_id: Vec<String>,
    pub timestamp_created: u64,
    pub solution: Vec<u8>,
    pub signature: Vec<u8>,
}

/// `success`: some node knew the key.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct FindRecordsResult {
    pub success: bool,
    pub error: String,
    /// One item if some node knew the key, else none.
    pub found: Vec<bool>,
    /// Index of the last record, if there is any.
    pub last: Vec<u32>,
    pub result: Vec<FlatRecord>,
    pub errors: Vec<String>,
}

/// `success`: some node knew the key.
#[marine]
#[derive(Debug, Default, Clone)]
pub struct FindKeyResult {
    pub success: bool,
    pub error: String,
    /// At most one.
    pub keys: Vec<Key>,
    pub errors: Vec<String>,
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
    host_records_overdue: stats.host_records_overdue,
    tombstones: stats.counts.tombstones,
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

/// Makes types of one and the same fields of one another.
macro_rules! same_fields {
    ($wire:ident, $inner:path, [$($field:ident),*] $(, $list:ident)?) => {
        impl From<$inner> for $wire {
            fn from(inner: $inner) -> Self {
                Self {
                    $($field: inner.$field,)*
                    $($list: inner.$list.into_iter().map(Into::into).collect(),)?
                }
            }
        }

        impl From<$wire> for $inner {
            fn from(wire: $wire) -> Self {
                Self {
                    $($field: wire.$field,)*
                    $($list: wire.$list.into_iter().map(Into::into).collect(),)?
                }
            }
        }
    };
}

same_fields!(NodeResult, calls::Answer, [good, bad]);
same_fields!(Closer, calls::Closer, [ask, enough]);
same_fields!(NodeAnswer, calls::NodeAnswer, [peer_id, good, partial, bad]);
same_fields!(Spread, calls::Spread, [ask, more, good, bad, ack, enough, hopeless]);
same_fields!(
    Lookup,
    calls::Lookup,
    [ask, later, more, ack, enough, first, all, known],
    here
);

impl From<Result<calls::Tally, registry_service::domain::Error>> for TallyResult {
    fn from(outcome: Result<calls::Tally, registry_service::domain::Error>) -> Self {
        match outcome {
            Ok(calls::Tally { success, errors }) => Self {
                success,
                error: if success {
                    String::new()
                } else {
                    errors.last().cloned().unwrap_or_default()
                },
                stored: success.then_some(true).into_iter().collect(),
                errors,
            },
            Err(error) => Self {
                success: false,
                stored: Vec::new(),
                errors: vec![error.to_string()],
                error: error.to_string(),
            },
        }
    }
}

/// The last error is the one that sums up.
macro_rules! from_found {
    ($result:ident, $type:ty, |$value:ident| { $($field:ident: $with:expr),* $(,)? }) => {
        impl From<Result<calls::Found<$type>, CallError>> for $result {
            fn from(outcome: Result<calls::Found<$type>, CallError>) -> Self {
                match outcome {
                    Ok(calls::Found { found: Some($value), errors }) => Self {
                        success: true,
                        errors,
                        $($field: $with,)*
                        ..Self::default()
                    },
                    Ok(calls::Found { found: None, errors }) => Self {
                        error: errors.last().cloned().unwrap_or_default(),
                        errors,
                        ..Self::default()
                    },
                    Err(error) => Self {
                        error: error.to_string(),
                        errors: vec![error.to_string()],
                        ..Self::default()
                    },
                }
            }
        }
    };
}

from_found!(FindRecordsResult, Vec<Record>, |records| {
    found: vec![true],
    last: records.len().checked_sub(1).map(|last| last as u32).into_iter().collect(),
    result: records.into_iter().map(FlatRecord::from).collect(),
});
from_found!(FindKeyResult, Key, |key| { keys: vec![key] });

impl From<Record> for FlatRecord {
    fn from(Record { metadata, .. }: Record) -> Self {
        Self {
            key_id: metadata.key_id,
            value: metadata.value,
            peer_id: metadata.peer_id,
            set_by: metadata.issued_by,
            relay_id: metadata.relay_id,
            service_id: metadata.service_id,
            timestamp_created: metadata.timestamp_issued,
            solution: metadata.solution,
            signature: metadata.issuer_signature,
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
