//! The one validator. A [`Verified<T>`] exists only if everything a stranger can check about the value holds:
//! sizes, ids, timestamps that can be stored, signatures. Nothing else is written or handed to readers.

use std::ops::Deref;

use super::data::{Key, Record, RecordMetadata, Tombstone};
use super::error::Error;
use super::id::{check_count, check_len, KeyId, PeerKey};
use super::limits::*;
use super::signature::Signer;
use super::signing;

/// A value whose signatures and limits were checked. Only this module and the store, which reads back what
/// went through it, can make one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verified<T> {
    value: T,
    key_id: KeyId,
}

impl<T> Verified<T> {
    /// The value as it was verified before it was stored.
    pub(crate) fn stored(value: T, key_id: KeyId) -> Self {
        Self { value, key_id }
    }

    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// # Errors
/// Every [`Error`] about sizes, ids, timestamps and signatures of a key.
pub fn verify_key(key: Key) -> Result<Verified<Key>, Error> {
    check_len("label", key.label.len(), LABEL_LEN_MAX)?;
    check_len("challenge", key.challenge.len(), CHALLENGE_LEN_MAX)?;
    check_len("challenge_type", key.challenge_type.len(), CHALLENGE_TYPE_LEN_MAX)?;
    check_timestamp("timestamp_created", key.timestamp_created)?;
    let owner = Signer::parse("owner_peer_id", &key.owner_peer_id)?;
    let given = KeyId::parse(&key.id)?;
    let key_id = KeyId::of(&key.label, &key.owner_peer_id);
    if given != key_id {
        return Err(Error::KeyIdMismatch {
            given: key.id,
            expected: key_id.to_string(),
        });
    }
    check_signature(
        SignatureOf::KEY,
        (&key.owner_peer_id, &owner),
        &signing::key_bytes(&key),
        &key.signature,
    )?;
    Ok(Verified { value: key, key_id })
}

/// A record with the signatures of its issuer and its provider, or, where `signature` is empty, of its issuer
/// alone: then it may carry nothing that the issuer did not sign. The issuer's signature is not checked again
/// when `held`, a record verified before, has the same metadata.
///
/// # Errors
/// Every [`Error`] about sizes, ids, timestamps and signatures of a record.
pub fn verify_record(record: Record, held: Option<&Verified<Record>>) -> Result<Verified<Record>, Error> {
    check_timestamp("timestamp_created", record.timestamp_created)?;
    let (key_id, issuer, peer) = check_metadata(&record.metadata)?;
    let metadata = &record.metadata;
    if record.signature.is_empty() {
        check_unsigned(&record)?;
    } else {
        check_signature(
            SignatureOf::RECORD,
            (&metadata.peer_id, &peer),
            &signing::record_bytes(metadata, record.timestamp_created),
            &record.signature,
        )?;
    }
    if held.is_none_or(|held| held.metadata != *metadata) {
        check_signature(
            SignatureOf::METADATA,
            (&metadata.issued_by, &issuer),
            &signing::metadata_bytes(metadata),
            &metadata.issuer_signature,
        )?;
    }
    Ok(Verified { value: record, key_id })
}

/// # Errors
/// Every [`Error`] about sizes, ids, timestamps and signatures of a tombstone.
pub fn verify_tombstone(tombstone: Tombstone) -> Result<Verified<Tombstone>, Error> {
    check_len("solution", tombstone.solution.len(), SOLUTION_LEN_MAX)?;
    check_timestamp("timestamp_issued", tombstone.timestamp_issued)?;
    let key_id = KeyId::parse(&tombstone.key_id)?;
    let issuer = Signer::parse("issued_by", &tombstone.issued_by)?;
    PeerKey::parse("peer_id", &tombstone.peer_id)?;
    check_signature(
        SignatureOf::TOMBSTONE,
        (&tombstone.issued_by, &issuer),
        &signing::tombstone_bytes(&tombstone),
        &tombstone.issuer_signature,
    )?;
    Ok(Verified {
        value: tombstone,
        key_id,
    })
}

/// This node's own word that it does not provide for an issuer any more: a tombstone without a signature. Nobody else takes
/// it for one.
pub(super) fn removal(key_id: &KeyId, issued_by: &str, peer_id: &str, timestamp_issued: u64) -> Verified<Tombstone> {
    Verified {
        value: Tombstone {
            key_id: key_id.to_string(),
            issued_by: issued_by.to_owned(),
            peer_id: peer_id.to_owned(),
            timestamp_issued,
            ..Tombstone::default()
        },
        key_id: *key_id,
    }
}

/// The part of the check that is owed before anything is hashed: how long things are.
///
/// # Errors
/// [`Error::TooLong`], [`Error::TooMany`].
pub fn check_metadata_sizes(metadata: &RecordMetadata) -> Result<(), Error> {
    check_len("key id", metadata.key_id.len(), KEY_ID_LEN_MAX)?;
    check_len("issued_by", metadata.issued_by.len(), PEER_ID_LEN_MAX)?;
    check_len("peer_id", metadata.peer_id.len(), PEER_ID_LEN_MAX)?;
    check_len("value", metadata.value.len(), VALUE_LEN_MAX)?;
    check_len("solution", metadata.solution.len(), SOLUTION_LEN_MAX)?;
    check_len("issuer_signature", metadata.issuer_signature.len(), SIGNATURE_LEN_MAX)?;
    check_count("relay ids", metadata.relay_id.len(), RELAY_IDS_MAX)?;
    check_count("service ids", metadata.service_id.len(), SERVICE_IDS_MAX)?;
    for relay_id in &metadata.relay_id {
        check_len("relay_id", relay_id.len(), PEER_ID_LEN_MAX)?;
    }
    for service_id in &metadata.service_id {
        check_len("service_id", service_id.len(), SERVICE_ID_LEN_MAX)?;
    }
    Ok(())
}

fn check_metadata(metadata: &RecordMetadata) -> Result<(KeyId, Signer, Signer), Error> {
    check_metadata_sizes(metadata)?;
    for relay_id in &metadata.relay_id {
        PeerKey::parse("relay_id", relay_id)?;
    }
    check_timestamp("timestamp_issued", metadata.timestamp_issued)?;
    let key_id = KeyId::parse(&metadata.key_id)?;
    let issuer = Signer::parse("issued_by", &metadata.issued_by)?;
    // Clients provide for themselves: one key, decoded once.
    let peer = if metadata.peer_id == metadata.issued_by {
        issuer.clone()
    } else {
        Signer::parse("peer_id", &metadata.peer_id)?
    };
    Ok((key_id, issuer, peer))
}

fn check_unsigned(record: &Record) -> Result<(), Error> {
    let issued = record.metadata.timestamp_issued;
    if record.timestamp_created != issued {
        return Err(Error::UnsignedTimestamp {
            created: record.timestamp_created,
            issued,
        });
    }
    Ok(())
}

fn check_timestamp(what: &'static str, value: u64) -> Result<(), Error> {
    if value > TIMESTAMP_MAX {
        return Err(Error::TimestampTooLarge { what, value });
    }
    Ok(())
}

/// What a signature covers and which function returns the bytes to sign.
struct SignatureOf {
    what: &'static str,
    bytes_from: &'static str,
}

impl SignatureOf {
    const KEY: Self = Self::new("key's", "get_key_bytes");
    const METADATA: Self = Self::new("issuer's", "get_record_metadata_bytes");
    const RECORD: Self = Self::new("provider's", "get_record_bytes");
    const TOMBSTONE: Self = Self::new("tombstone's", "get_tombstone_bytes");

    const fn new(what: &'static str, bytes_from: &'static str) -> Self {
        Self { what, bytes_from }
    }
}

fn check_signature(
    of: SignatureOf,
    (peer_id, signer): (&str, &Signer),
    message: &signing::SignedBytes,
    signature: &[u8],
) -> Result<(), Error> {
    check_len("signature", signature.len(), SIGNATURE_LEN_MAX)?;
    signer.verify(message, signature).map_err(|why| Error::BadSignature {
        what: of.what,
        signer: peer_id.to_owned(),
        why,
        bytes_from: of.bytes_from,
    })
}
