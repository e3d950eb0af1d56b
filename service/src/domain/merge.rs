//! Merging what several nodes answered. Everything is checked, forgeries are dropped, and the result does not
//! depend on who answered first: merge is commutative, associative and idempotent.

use super::data::{Key, Record};
use super::entry::{key_order, record_order};
use super::error::{quoted, Error};
use super::id::check_count;
use super::limits::{MERGE_LISTS_MAX, MERGE_RECORDS_MAX};
use super::verified::{verify_key, Verified};
use super::verifier::Verifier;

/// The latest genuine record of every identity, in the order of key and identity. `key_id`, where given, is
/// the only key whose records count.
///
/// Candidates are tried best first, so a signature is checked once per distinct record and not at all for those
/// that lose.
///
/// # Errors
/// [`Error::TooMany`] above [`MERGE_LISTS_MAX`] lists or [`MERGE_RECORDS_MAX`] records.
pub fn merge_records(
    lists: Vec<Vec<Record>>,
    key_id: Option<&str>,
    verifier: &mut Verifier,
) -> Result<Vec<Verified<Record>>, Error> {
    check_count("lists", lists.len(), MERGE_LISTS_MAX)?;
    check_count("records", lists.iter().map(Vec::len).sum(), MERGE_RECORDS_MAX)?;
    let mut candidates: Vec<Record> = lists.into_iter().flatten().collect();
    candidates.retain(|record| key_id.is_none_or(|key_id| record.metadata.key_id == key_id));
    candidates.sort_unstable_by(|a, b| identity(a).cmp(&identity(b)).then_with(|| record_order(b, a)));
    candidates.dedup();
    let mut merged: Vec<Verified<Record>> = Vec::new();
    for candidate in candidates {
        if merged.last().is_some_and(|best| identity(best) == identity(&candidate)) {
            continue;
        }
        merged.extend(verifier.record(candidate, None).ok());
    }
    Ok(merged)
}

fn identity(record: &Record) -> (&str, &str, &str, &[String]) {
    let metadata = &record.metadata;
    (
        &metadata.key_id,
        &metadata.issued_by,
        &metadata.peer_id,
        &metadata.service_id,
    )
}

/// The latest genuine registration. `key_id`, where given, is the only key that counts.
///
/// # Errors
/// [`Error::Empty`], [`Error::TooMany`] above [`MERGE_LISTS_MAX`], and [`Error::NoneGenuine`].
pub fn merge_keys(mut keys: Vec<Key>, key_id: Option<&str>) -> Result<Verified<Key>, Error> {
    let count = keys.len();
    if count == 0 {
        return Err(Error::Empty { what: "keys" });
    }
    check_count("keys", count, MERGE_LISTS_MAX)?;
    keys.sort_by(|a, b| key_order(b, a));
    keys.dedup();
    let mut first = None;
    for key in keys {
        if let Some(wanted) = key_id.filter(|wanted| *wanted != key.id) {
            first.get_or_insert_with(|| format!("it is not key {}", quoted(wanted)));
            continue;
        }
        match verify_key(key) {
            Ok(key) => return Ok(key),
            Err(error) => {
                first.get_or_insert_with(|| error.to_string());
            }
        }
    }
    Err(Error::NoneGenuine {
        what: "keys",
        count,
        first: first.unwrap_or_default(),
    })
}
