use std::collections::BTreeMap;

use super::data::DhtRecord;
use super::error::{check_count, Error};
use super::limits::{ANSWERS_MAX, BATCH_MAX};
use super::topic::sort_by_weight;

/// Of each (peer, set_by) the latest of what nodes answered, the heaviest first. The same in whatever order the answers
/// came: of two with one time the greater bytes stay.
///
/// # Errors
/// [`Error::TooMany`].
pub fn merge(answers: Vec<Vec<DhtRecord>>) -> Result<Vec<DhtRecord>, Error> {
    check_count("answers", answers.len(), ANSWERS_MAX)?;
    for answer in &answers {
        check_count("values in one answer", answer.len(), BATCH_MAX)?;
    }
    let mut latest: BTreeMap<(String, String), DhtRecord> = BTreeMap::new();
    for record in answers.into_iter().flatten() {
        let identity = (record.peer_id.clone(), record.set_by.clone());
        match latest.get(&identity) {
            Some(held) if !is_later(&record, held) => {}
            _ => {
                latest.insert(identity, record);
            }
        }
    }
    let mut merged: Vec<DhtRecord> = latest.into_values().collect();
    sort_by_weight(&mut merged);
    Ok(merged)
}

/// Last write wins; of one second, the greater bytes.
pub(super) fn is_later(record: &DhtRecord, held: &DhtRecord) -> bool {
    (record.timestamp_created, record) > (held.timestamp_created, held)
}
