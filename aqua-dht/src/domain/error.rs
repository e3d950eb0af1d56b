//! What can be wrong with a request. Each text names the value, its limit and the way out.

use super::limits::*;

/// Longest part of a caller's value that an error repeats, in characters.
const QUOTE_CHARS_MAX: usize = 72;

/// A refusal. Nothing has been written when one is returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{what} has {len} bytes, at most {max} are allowed: shorten it")]
    TooLong { what: &'static str, len: usize, max: usize },
    #[error("{what} is empty: pass one")]
    Empty { what: &'static str },
    #[error("{count} {what} given, at most {max} are allowed: pass fewer")]
    TooMany {
        what: &'static str,
        count: usize,
        max: usize,
    },
    #[error("key {key} not found here: register it on this node first")]
    UnknownKey { key: String },
    #[error(
        "key already exists with different peer_id: {key} belongs to {owner}, this is {peer_id}: take another key"
    )]
    KeyOfAnother {
        key: String,
        owner: String,
        peer_id: String,
    },
    #[error("only {owner}, the key's owner, and the node itself pin {key}: this is {peer_id}")]
    NotTheOwner {
        key: String,
        owner: String,
        peer_id: String,
    },
    #[error(
        "values limit is exceeded: key {key} has {VALUES_MAX} values, the lightest of weight {lightest}, this one has \
         {weight}: come back when one has expired, or with a larger weight"
    )]
    ValuesLimit { key: String, lightest: u32, weight: u32 },
    #[error("key {key} has {HOST_VALUES_MAX} values of nodes, no more are taken: come back when one has expired")]
    HostValuesLimit { key: String },
    #[error("{KEYS_MAX} keys are registered here, no more are taken: use another node")]
    KeysLimit,
    #[error("{set_by} has put no value of this node under key {key}: put one with put_host_value")]
    NoHostValue { key: String, set_by: String },
    #[error("put_host_value did not succeed on the node: {error}")]
    HostValueFailed { error: String },
    #[error(
        "set_host_value must be the untouched result of aqua-dht.put_host_value on {peer_id}: call it there in the same \
         script and pass on what it returns"
    )]
    UnprovedHostValue { peer_id: String },
    #[error("a result of put_host_value holds one value, this one {count}: pass it on untouched")]
    NotOneHostValue { count: usize },
    #[error(
        "timestamp_created {timestamp_created} is {ahead_sec} s ahead of this node's {now}, at most \
         {CLOCK_SKEW_MAX_SEC} s are accepted: set the clock that it comes from"
    )]
    FromFuture {
        timestamp_created: u64,
        now: u64,
        ahead_sec: u64,
    },
    #[error("{what} of {timestamp_created} has expired, it is {now}: register or put it anew")]
    Expired {
        what: &'static str,
        timestamp_created: u64,
        now: u64,
    },
    #[error("the weight {given} is out of range: pass 0 to {}", u32::MAX)]
    WeightOutOfRange { given: i64 },
    #[error("a timeout of {given} s is out of range: pass {TIMEOUT_MIN_SEC} to {TIMEOUT_MAX_SEC} seconds")]
    TimeoutOutOfRange { given: u64 },
}

/// A caller's value for an error text.
pub fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// # Errors
/// [`Error::TooLong`].
pub(super) fn check_len(what: &'static str, len: usize, max: usize) -> Result<(), Error> {
    if len > max {
        return Err(Error::TooLong { what, len, max });
    }
    Ok(())
}

/// # Errors
/// [`Error::TooMany`].
pub(super) fn check_count(what: &'static str, count: usize, max: usize) -> Result<(), Error> {
    if count > max {
        return Err(Error::TooMany { what, count, max });
    }
    Ok(())
}
