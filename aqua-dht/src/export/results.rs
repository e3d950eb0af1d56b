use aqua_dht::calls::{CallError, Cleared, Evicted, HostValue};
use aqua_dht::domain::data::{DhtKey, DhtRecord};
use marine_rs_sdk::marine;

#[marine]
#[derive(Debug, Default)]
pub struct DhtResult {
    pub success: bool,
    pub error: String,
}

#[marine]
#[derive(Debug, Default)]
pub struct GetKeyMetadataResult {
    pub success: bool,
    pub error: String,
    pub key: DhtKey,
}

/// Holds one value if it is a success, else none.
#[marine]
#[derive(Debug, Default)]
pub struct PutHostValueResult {
    pub success: bool,
    pub error: String,
    pub key: String,
    pub value: Vec<DhtRecord>,
}

#[marine]
#[derive(Debug, Default)]
pub struct GetValuesResult {
    pub success: bool,
    pub error: String,
    pub result: Vec<DhtRecord>,
}

#[marine]
#[derive(Debug, Default)]
pub struct RepublishValuesResult {
    pub success: bool,
    pub error: String,
    /// How many of the values were new here.
    pub updated: u64,
}

#[marine]
#[derive(Debug, Default)]
pub struct EvictStaleItem {
    pub key: DhtKey,
    pub records: Vec<DhtRecord>,
}

#[marine]
#[derive(Debug, Default)]
pub struct EvictStaleResult {
    pub success: bool,
    pub error: String,
    pub results: Vec<EvictStaleItem>,
}

#[marine]
#[derive(Debug, Default)]
pub struct ClearExpiredResult {
    pub success: bool,
    pub error: String,
    pub count_keys: u64,
    pub count_values: u64,
}

#[marine]
#[derive(Debug, Default)]
pub struct MergeResult {
    pub success: bool,
    pub error: String,
    pub result: Vec<DhtRecord>,
}

/// Turns what came of a call into a result: `success`, `error`, and the rest from the value.
macro_rules! result_from {
    ($result:ident, $value:ty, |$name:ident| $($field:ident = $from:expr),*) => {
        impl<E: std::fmt::Display> From<Result<$value, E>> for $result {
            fn from(outcome: Result<$value, E>) -> Self {
                match outcome {
                    Ok($name) => Self { success: true, $($field: $from,)* ..Self::default() },
                    Err(error) => Self { error: error.to_string(), ..Self::default() },
                }
            }
        }
    };
}

impl From<Result<(), CallError>> for DhtResult {
    fn from(outcome: Result<(), CallError>) -> Self {
        Self {
            success: outcome.is_ok(),
            error: outcome.err().map(|error| error.to_string()).unwrap_or_default(),
        }
    }
}

result_from!(GetKeyMetadataResult, DhtKey, |key| key = key);
result_from!(
    PutHostValueResult,
    HostValue,
    |hosted| key = hosted.key,
    value = hosted.records
);
result_from!(GetValuesResult, Vec<DhtRecord>, |records| result = records);
result_from!(RepublishValuesResult, u64, |updated| updated = updated);
result_from!(EvictStaleResult, Vec<Evicted>, |evicted| results = items(evicted));
result_from!(
    ClearExpiredResult,
    Cleared,
    |cleared| count_keys = cleared.keys,
    count_values = cleared.values
);
result_from!(MergeResult, Vec<DhtRecord>, |records| result = records);

fn items(evicted: Vec<Evicted>) -> Vec<EvictStaleItem> {
    let item = |evicted: Evicted| EvictStaleItem {
        key: evicted.key,
        records: evicted.records,
    };
    evicted.into_iter().map(item).collect()
}
