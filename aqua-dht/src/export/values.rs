use aqua_dht::calls::{HostValue, Said};
use aqua_dht::domain::data::DhtRecord;
use aqua_dht::domain::{merge as merge_answers, Error};
use marine_rs_sdk::marine;

use super::call;
use super::results::{DhtResult, GetValuesResult, MergeResult, PutHostValueResult, RepublishValuesResult};

#[marine]
pub fn put_value(
    key: String,
    value: String,
    current_timestamp: u64,
    relay_id: Vec<String>,
    service_id: Vec<String>,
    weight: i64,
) -> DhtResult {
    let said = Said {
        value,
        relay_id,
        service_id,
        weight,
    };
    call(|mut call| call.put_value(&key, said, current_timestamp)).into()
}

/// The same with the one relay as a text.
#[marine]
pub fn put_value_relay(key: String, value: String, current_timestamp: u64, relay_id: String, weight: i64) -> DhtResult {
    put_value(key, value, current_timestamp, vec![relay_id], Vec::new(), weight)
}

/// Puts a value of this very node.
#[marine]
pub fn put_host_value(
    key: String,
    value: String,
    current_timestamp: u64,
    relay_id: Vec<String>,
    service_id: Vec<String>,
    weight: i64,
) -> PutHostValueResult {
    let said = Said {
        value,
        relay_id,
        service_id,
        weight,
    };
    call(|mut call| call.put_host_value(&key, said, current_timestamp)).into()
}

/// The same with the one relay as a text.
#[marine]
pub fn put_host_value_relay(
    key: String,
    value: String,
    current_timestamp: u64,
    relay_id: String,
    weight: i64,
) -> PutHostValueResult {
    put_host_value(key, value, current_timestamp, vec![relay_id], Vec::new(), weight)
}

/// Takes in what `put_host_value` returned on the node whose value it is, untouched, in the same particle.
#[marine]
pub fn propagate_host_value(set_host_value: PutHostValueResult, current_timestamp: u64, weight: i64) -> DhtResult {
    let hosted = if set_host_value.success {
        Ok(HostValue {
            key: set_host_value.key,
            records: set_host_value.value,
        })
    } else {
        Err(set_host_value.error)
    };
    call(|mut call| call.propagate_host_value(hosted, current_timestamp, weight)).into()
}

/// Renews the value of this node that the caller has put.
#[marine]
pub fn renew_host_value(key: String, current_timestamp: u64) -> DhtResult {
    call(|mut call| call.renew_host_value(&key, current_timestamp)).into()
}

/// Removes the value of this node that the caller has put.
#[marine]
pub fn clear_host_value(key: String, current_timestamp: u64) -> DhtResult {
    call(|mut call| call.clear_host_value(&key, current_timestamp)).into()
}

#[marine]
pub fn get_values(key: String, current_timestamp: u64) -> GetValuesResult {
    call(|mut call| call.get_values(&key, current_timestamp)).into()
}

#[marine]
pub fn republish_values(key: String, records: Vec<DhtRecord>, current_timestamp: u64) -> RepublishValuesResult {
    call(|mut call| call.republish_values(&key, records, current_timestamp)).into()
}

#[marine]
pub fn merge(records: Vec<Vec<DhtRecord>>) -> MergeResult {
    merge_answers(records).into()
}

#[marine]
pub fn merge_two(a: Vec<DhtRecord>, b: Vec<DhtRecord>) -> MergeResult {
    merge_answers(vec![a, b]).into()
}

/// Merges what `get_values` returned on several nodes; those without success are dropped.
#[marine]
pub fn merge_hack_get_values(records: Vec<GetValuesResult>) -> MergeResult {
    let good = records.into_iter().filter(|answer| answer.success);
    let outcome: Result<Vec<DhtRecord>, Error> = merge_answers(good.map(|answer| answer.result).collect());
    outcome.into()
}
