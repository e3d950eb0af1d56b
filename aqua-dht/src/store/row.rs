//! Rows to topics and back.

use registry_service::store::{StoreError, Value};
use serde::Deserialize;

use super::{bytes, integer, EXPIRED_TIMEOUT, HOST_EXPIRED_TIMEOUT, STALE_TIMEOUT};
use crate::domain::data::{DhtKey, DhtRecord};
use crate::domain::{Timeouts, Topic};

pub(super) fn key_columns(topic: &Topic) -> Result<[Value; 4], StoreError> {
    Ok([
        bytes(&topic.key.key),
        integer(topic.accessed_at),
        integer(topic.key.timestamp_created),
        body(&topic.key)?,
    ])
}

pub(super) fn value_columns(key: &str, record: &DhtRecord) -> Result<[Value; 5], StoreError> {
    let (peer_id, set_by) = record.identity();
    Ok([
        bytes(key),
        bytes(peer_id),
        bytes(set_by),
        integer(record.timestamp_created),
        body(record)?,
    ])
}

fn body<T: serde::Serialize>(value: &T) -> Result<Value, StoreError> {
    let body = serde_json::to_vec(value).map_err(|_| StoreError::BadRow { why: "not encodable" })?;
    Ok(Value::Blob(body))
}

/// As `sql::LOAD` gives it; none where there is no key.
pub(super) fn read_topic(rows: &[u8]) -> Result<Option<Topic>, StoreError> {
    let (mut held, mut records) = (None, Vec::new());
    for item in items(rows) {
        match item.split_first() {
            Some((b'K', rest)) => {
                let at = rest.iter().position(|&byte| byte == b':');
                let at = at.ok_or(StoreError::BadRow { why: "no time" })?;
                let key: DhtKey = decode(&rest[at + 1..])?;
                held = Some((key, number(&rest[..at])?));
            }
            Some((b'V', rest)) => records.push(decode::<DhtRecord>(rest)?),
            _ => return Err(StoreError::BadRow { why: "of no kind" }),
        }
    }
    Ok(held.map(|(key, accessed_at)| Topic {
        key,
        accessed_at,
        records,
    }))
}

/// As `sql::UNUSED_SINCE` and `sql::CREATED_UNTIL` give them.
pub(super) fn read_keys(rows: &[u8]) -> Result<Vec<String>, StoreError> {
    let text = |item| String::from_utf8(unhex(item)?).map_err(|_| StoreError::BadRow { why: "not a text" });
    items(rows).map(text).collect()
}

pub(super) fn settings(timeouts: Timeouts) -> [(&'static str, u64); 3] {
    [
        (STALE_TIMEOUT, timeouts.stale_sec),
        (EXPIRED_TIMEOUT, timeouts.expired_sec),
        (HOST_EXPIRED_TIMEOUT, timeouts.host_expired_sec),
    ]
}

pub(super) fn read_timeouts(settings: &[u8]) -> Result<Timeouts, StoreError> {
    let mut timeouts = Timeouts::default();
    for line in settings.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let at = line.iter().position(|&byte| byte == b'=');
        let (name, value) = line.split_at(at.ok_or(StoreError::BadRow { why: "settings" })?);
        let value = number(&value[1..])?;
        match std::str::from_utf8(name) {
            Ok(STALE_TIMEOUT) => timeouts.stale_sec = value,
            Ok(EXPIRED_TIMEOUT) => timeouts.expired_sec = value,
            Ok(HOST_EXPIRED_TIMEOUT) => timeouts.host_expired_sec = value,
            // A later version may have settings of its own.
            _ => {}
        }
    }
    Ok(timeouts)
}

pub(super) fn number(text: &[u8]) -> Result<u64, StoreError> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or(StoreError::BadRow { why: "not a number" })
}

fn items(rows: &[u8]) -> impl Iterator<Item = &[u8]> {
    rows.split(|&byte| byte == b',').filter(|item| !item.is_empty())
}

fn decode<T: for<'a> Deserialize<'a>>(hex: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(&unhex(hex)?).map_err(|_| StoreError::BadRow { why: "not decodable" })
}

fn unhex(hex: &[u8]) -> Result<Vec<u8>, StoreError> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .ok_or(StoreError::BadRow { why: "not hex" })
    };
    let pair = |pair: &[u8]| match pair {
        &[high, low] => Ok((digit(high)? << 4 | digit(low)?) as u8),
        _ => Err(StoreError::BadRow { why: "odd hex" }),
    };
    hex.chunks(2).map(pair).collect()
}
