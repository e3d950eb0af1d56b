//! What is genuine, found out without a line of the registry: encodings as docs/WIRE.md has them, base58, peer ids and
//! limits written anew, signatures checked by ring and k256.

mod base58;
mod encoding;
mod limits;
mod signature;

use std::cell::RefCell;
use std::collections::HashMap;

use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use ring::digest::{digest, SHA256};

pub use base58::{base58, unbase58};
pub use encoding::{key_bytes, metadata_bytes, record_bytes, tombstone_bytes};
pub use limits::{check_key, check_metadata, check_record, check_tombstone, ERROR_LEN_MAX, RECORDS_MAX, SKEW_MAX_SEC};
pub use signature::{peer_key, verify, PeerKey};

/// Verdicts that a thread remembers.
const VERDICTS_MAX: usize = 20_000;

/// What speaks against an object.
pub type Verdict = Result<(), String>;

thread_local! {
    static VERDICTS: RefCell<HashMap<[u8; 32], Verdict>> = RefCell::default();
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap_or_default()
}

/// `base58(sha256(label ‖ owner_peer_id))`.
pub fn key_id(label: &str, owner_peer_id: &str) -> String {
    base58(&sha256(&[label.as_bytes(), owner_peer_id.as_bytes()].concat()))
}

/// Signed by this peer.
fn signed(by: &str, message: [u8; 32], signature: &[u8]) -> Verdict {
    let id = sha256(&[by.as_bytes(), &[0], &message, signature].concat());
    if let Some(known) = VERDICTS.with_borrow(|verdicts| verdicts.get(&id).cloned()) {
        return known;
    }
    let verdict = peer_key(by).and_then(|key| verify(&key, &message, signature));
    VERDICTS.with_borrow_mut(|verdicts| {
        if verdicts.len() >= VERDICTS_MAX {
            verdicts.clear();
        }
        verdicts.insert(id, verdict.clone());
    });
    verdict
}

fn is_key_id(text: &str) -> Verdict {
    match unbase58(text) {
        Some(bytes) if bytes.len() == 32 => Ok(()),
        _ => Err(format!("`{text}` is no key id")),
    }
}

/// # Errors
/// What speaks against the key.
pub fn key(key: &Key) -> Verdict {
    check_key(key)?;
    let id = key_id(&key.label, &key.owner_peer_id);
    if key.id != id {
        return Err(format!("the id is {id}"));
    }
    signed(&key.owner_peer_id, key_bytes(key), &key.signature)
}

/// # Errors
/// What speaks against the metadata.
pub fn metadata(metadata: &RecordMetadata) -> Verdict {
    check_metadata(metadata)?;
    is_key_id(&metadata.key_id)?;
    peer_key(&metadata.peer_id)?;
    for relay_id in &metadata.relay_id {
        peer_key(relay_id)?;
    }
    signed(
        &metadata.issued_by,
        metadata_bytes(metadata),
        &metadata.issuer_signature,
    )
}

/// An unsigned record may carry nothing that its issuer did not sign.
///
/// # Errors
/// What speaks against the record.
pub fn record(record: &Record) -> Verdict {
    check_record(record)?;
    metadata(&record.metadata)?;
    if record.signature.is_empty() {
        return match record.timestamp_created == record.metadata.timestamp_issued {
            true => Ok(()),
            false => Err("unsigned, and dated by somebody else".to_owned()),
        };
    }
    let message = record_bytes(&record.metadata, record.timestamp_created);
    signed(&record.metadata.peer_id, message, &record.signature)
}

/// # Errors
/// What speaks against the tombstone.
pub fn tombstone(tombstone: &Tombstone) -> Verdict {
    check_tombstone(tombstone)?;
    is_key_id(&tombstone.key_id)?;
    peer_key(&tombstone.peer_id)?;
    signed(
        &tombstone.issued_by,
        tombstone_bytes(tombstone),
        &tombstone.issuer_signature,
    )
}

/// # Panics
/// Where the object, which came through `place`, is not genuine.
pub fn assert_genuine(place: &str, verdict: Verdict, object: &impl std::fmt::Debug) {
    if let Err(why) = verdict {
        panic!("{place} let through what is not genuine ({why}): {object:?}");
    }
}
