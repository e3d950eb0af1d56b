//! What can be wrong with a request. Each text names the value, its limit and the way out.

use super::limits::CLOCK_SKEW_MAX_SEC;

/// Longest part of a caller's value that an error text repeats, in characters.
const QUOTE_CHARS_MAX: usize = 72;

/// A refusal. Nothing has been written when one is returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{what} has {len} bytes, at most {max} are allowed: shorten it")]
    TooLong { what: &'static str, len: usize, max: usize },
    #[error("{count} {what} given, at most {max} are allowed: pass fewer")]
    TooMany {
        what: &'static str,
        count: usize,
        max: usize,
    },
    #[error("the list of {what} is empty: pass at least one")]
    Empty { what: &'static str },
    #[error("{what} {value} is malformed ({why}): pass one exactly as the network gives it")]
    Malformed {
        what: &'static str,
        value: String,
        why: String,
    },
    #[error(
        "key id {given} does not belong to this label and owner, whose id is {expected}: \
         take the id from get_key_id"
    )]
    KeyIdMismatch { given: String, expected: String },
    #[error(
        "the {what} signature of {signer} is not valid ({why}): sign the bytes that registry.{bytes_from} returns"
    )]
    BadSignature {
        what: &'static str,
        signer: String,
        why: String,
        bytes_from: &'static str,
    },
    #[error("{what} {value} is more than {max} and cannot be stored: pass seconds since 1970", max = super::limits::TIMESTAMP_MAX)]
    TimestampTooLarge { what: &'static str, value: u64 },
    #[error(
        "{what} {value} is {ahead_sec} s ahead of this host's {now}, at most {CLOCK_SKEW_MAX_SEC} s are \
         accepted: take the time from the relay"
    )]
    FromFuture {
        what: &'static str,
        value: u64,
        now: u64,
        ahead_sec: u64,
    },
    #[error(
        "what you issued at {latest} stands and is {ahead_sec} s ahead of the clock of this node, which says {now}; at most \
         {CLOCK_SKEW_MAX_SEC} s are accepted: issue through another node, or later"
    )]
    ClockBehind { latest: u64, now: u64, ahead_sec: u64 },
    #[error(
        "the clock of this node is {apart_sec} s {direction} that of {peer_id}, who began this call: nodes whose clocks are \
         right refuse what is dated here, or this node what is dated there; use another relay, or set the clock that is wrong"
    )]
    ClocksApart {
        apart_sec: u64,
        direction: &'static str,
        peer_id: String,
    },
    #[error(
        "{count} records are left out that are dated up to {ahead_sec} s ahead of the clock of this node: use another relay, or \
         set the clock that is wrong"
    )]
    DatedAhead { count: usize, ahead_sec: u64 },
    #[error("the label is empty: give the resource one")]
    EmptyLabel,
    #[error(
        "the record of {peer_id} expired: created at {created}, {timeout_sec} s allowed, it is {now}: sign it again"
    )]
    ExpiredRecord {
        peer_id: String,
        created: u64,
        now: u64,
        timeout_sec: u64,
    },
    #[error("the tombstone of {issued_by} expired: issued at {issued}, {timeout_sec} s allowed, it is {now}")]
    ExpiredTombstone {
        issued_by: String,
        issued: u64,
        now: u64,
        timeout_sec: u64,
    },
    #[error("key {key_id} is not known here: register it or republish it to this node first")]
    UnknownKey { key_id: String },
    #[error("the batch holds items of several keys, {first} and {other}: send one key's items at a time")]
    SeveralKeys { first: String, other: String },
    #[error(
        "a {winner} of timestamp_issued {timestamp_issued} already stands for issuer {issued_by} and peer \
         {peer_id}: issue again with a later timestamp"
    )]
    Superseded {
        winner: &'static str,
        issued_by: String,
        peer_id: String,
        timestamp_issued: u64,
    },
    #[error(
        "key {key_id} already holds {max} records that outrank this one (lowest weight {weight}, oldest \
         {dated}): try again later or raise the issuer's weight"
    )]
    Outranked {
        key_id: String,
        max: usize,
        weight: u32,
        /// The later of `timestamp_issued` and `timestamp_created` of the record that would have to go.
        dated: u64,
    },
    #[error("key {key_id} already holds {max} tombstones, all later than this one (the first to end was issued at {timestamp_issued}): issue it again with a later timestamp")]
    TombstonesFull {
        key_id: String,
        max: usize,
        timestamp_issued: u64,
    },
    #[error(
        "key {key_id} already holds {max} records of this host: void one first, or ask the node's operator for \
         remove_host_record"
    )]
    HostRecordsFull { key_id: String, max: usize },
    #[error(
        "{peer_id} has {bytes} bytes on this node, with {more} more it would be over the limit of {max} for one owner: \
         remove or let expire what is not needed, or ask the node's operator to raise owner_bytes by set_storage_limits"
    )]
    OwnerFull {
        peer_id: String,
        bytes: u64,
        more: u64,
        max: u64,
    },
    #[error(
        "this node is full ({bytes} bytes, limit {max}) of keys that go later than {key_id}: publish on other nodes of the \
         neighbourhood, try again tomorrow, or ask the node's operator to raise total_bytes by set_storage_limits"
    )]
    StorageFull { key_id: String, bytes: u64, max: u64 },
    #[error(
        "this host already has {max} records of issuers without weight: have this host's trust-graph weigh the issuer, void \
         a record first, or ask the node's operator for remove_host_record"
    )]
    HostFull { max: usize },
    #[error(
        "this host has no record of issuer {issued_by} under key {key_id}: get_records lists those that there are"
    )]
    NoHostRecord { key_id: String, issued_by: String },
    #[error("{what} {given} is outside {min}..={max} bytes")]
    StorageLimitOutOfRange {
        what: &'static str,
        given: u64,
        min: u64,
        max: u64,
    },
    #[error("the record names peer {given}, this host is {host}: call put_host_record on {given}")]
    NotThisHost { given: String, host: String },
    #[error(
        "the record of {peer_id} carries no signature of that peer: sign what registry.get_record_bytes returns; a \
         host record goes through put_host_record and is signed by its host's renewal"
    )]
    Unsigned { peer_id: String },
    #[error("an unsigned record carries timestamp_created {created} instead of its timestamp_issued {issued}: pass the result of put_host_record untouched")]
    UnsignedTimestamp { created: u64, issued: u64 },
    #[error("put_host_record on the provider did not succeed: {error}")]
    HostRecordFailed { error: String },
    #[error("timeout {given} s is outside {min}..={max} s")]
    TimeoutOutOfRange { given: u64, min: u64, max: u64 },
    #[error(
        "a lease of {given} s is outside {min}..={max} s, and records live {max} s here: pass one within, or register without"
    )]
    LeaseOutOfRange { given: u64, min: u64, max: u64 },
    #[error("{host} renews its own records and never lets one end: register it without a lease, and unregister it")]
    LeaseOfHost { host: String },
    #[error("none of the {count} {what} given is genuine ({first}): ask other nodes")]
    NoneGenuine {
        what: &'static str,
        count: usize,
        first: String,
    },
    #[error(
        "what was passed for replication is malformed ({why}): pass what the other node's registry returned, untouched"
    )]
    BadReplica { why: &'static str },
    #[error("no round of replication {round} is under way: begin another one")]
    NoRound { round: u64 },
    #[error("the packed records are malformed ({why}): pass what the other node answered untouched")]
    BadPacked { why: &'static str },
}

/// A caller's string, safe to put into an error text: bounded, control characters escaped.
pub fn quoted(value: &str) -> String {
    let mut chars = value.chars();
    let mut text: String = chars
        .by_ref()
        .take(QUOTE_CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if chars.next().is_some() {
        text.push_str(&format!("… ({} bytes)", value.len()));
    }
    format!("`{text}`")
}
