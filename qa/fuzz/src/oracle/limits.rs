//! The documented limits, as numbers: a change of them has to be made here, too.

use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};

use super::Verdict;

/// Live records of a key, host records aside.
pub const RECORDS_MAX: usize = 32;
/// How far ahead of the host a signed time may be.
pub const SKEW_MAX_SEC: u64 = 30;
/// Bytes of any error text: a few quotes of 72 characters, which take up to ten bytes each, and what is around them.
pub const ERROR_LEN_MAX: usize = 4_096;

fn len(what: &str, len: usize, max: usize) -> Verdict {
    if len > max {
        return Err(format!("{what} has {len} bytes, more than {max}"));
    }
    Ok(())
}

fn time(what: &str, time: u64) -> Verdict {
    if i64::try_from(time).is_err() {
        return Err(format!("{what} is {time}"));
    }
    Ok(())
}

pub fn check_key(key: &Key) -> Verdict {
    len("label", key.label.len(), 512)?;
    len("challenge", key.challenge.len(), 1_024)?;
    len("challenge type", key.challenge_type.len(), 64)?;
    len("signature", key.signature.len(), 1_200)?;
    time("timestamp_created", key.timestamp_created)
}

pub fn check_metadata(metadata: &RecordMetadata) -> Verdict {
    len("value", metadata.value.len(), 4_096)?;
    len("solution", metadata.solution.len(), 1_024)?;
    len("issuer signature", metadata.issuer_signature.len(), 1_200)?;
    len("list of relays", metadata.relay_id.len(), 1)?;
    len("list of services", metadata.service_id.len(), 1)?;
    for service_id in &metadata.service_id {
        len("service id", service_id.len(), 128)?;
    }
    time("timestamp_issued", metadata.timestamp_issued)
}

pub fn check_record(record: &Record) -> Verdict {
    len("signature", record.signature.len(), 1_200)?;
    time("timestamp_created", record.timestamp_created)
}

pub fn check_tombstone(tombstone: &Tombstone) -> Verdict {
    len("solution", tombstone.solution.len(), 1_024)?;
    len("issuer signature", tombstone.issuer_signature.len(), 1_200)?;
    time("timestamp_issued", tombstone.timestamp_issued)
}
