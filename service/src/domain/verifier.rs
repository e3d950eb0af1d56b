//! Verification that remembers. Nodes are shown the same records again and again: by every reader who merges them, by
//! every neighbour who passes them on.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::data::Record;
use super::error::Error;
use super::id::KeyId;
use super::limits::VERIFIED_REMEMBERED_MAX;
use super::signing;
use super::verified::{verify_record, Verified};

/// Verifies records, each distinct one once as long as it is remembered. What is remembered is the sha256 of all its
/// bytes, so nothing passes that was not verified as it stands.
#[derive(Debug, Default)]
pub struct Verifier {
    /// Two generations, of which the older goes when the younger is full.
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
}

impl Verifier {
    /// # Errors
    /// As [`verify_record`].
    pub fn record(&mut self, record: Record, held: Option<&Verified<Record>>) -> Result<Verified<Record>, Error> {
        let digest = record_digest(&record);
        if self.young.contains(&digest) || self.old.contains(&digest) {
            let key_id = KeyId::parse(&record.metadata.key_id)?;
            return Ok(Verified::stored(record, key_id));
        }
        let verified = verify_record(record, held)?;
        if self.young.len() >= VERIFIED_REMEMBERED_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest);
        Ok(verified)
    }
}

/// `record_bytes` covers everything but the provider's own signature.
pub(super) fn record_digest(record: &Record) -> [u8; 32] {
    Sha256::new()
        .chain_update(signing::record_bytes(&record.metadata, record.timestamp_created))
        .chain_update(&record.signature)
        .finalize()
        .into()
}
