//! The bytes that are signed: golden vectors of every kind, and that kinds and fields cannot be mistaken.

use registry_service::calls::{get_record_bytes, get_record_metadata_bytes, get_tombstone_bytes};
use registry_service::domain::data::{Key, RecordMetadata, Tombstone};
use registry_service::domain::{signing, KeyId};
use sha2::{Digest, Sha256};

use crate::support::NOW;

fn key() -> Key {
    Key {
        id: "not signed".into(),
        label: "label".into(),
        owner_peer_id: "owner".into(),
        timestamp_created: NOW,
        challenge: vec![1, 2],
        challenge_type: "type".into(),
        signature: vec![5],
    }
}

fn metadata() -> RecordMetadata {
    RecordMetadata {
        key_id: "key".into(),
        issued_by: "issuer".into(),
        peer_id: "peer".into(),
        timestamp_issued: 1,
        solution: vec![0, 255],
        value: "value".into(),
        relay_id: vec!["relay".into()],
        service_id: vec![],
        issuer_signature: vec![7],
    }
}

fn tombstone() -> Tombstone {
    Tombstone {
        key_id: "key".into(),
        issued_by: "issuer".into(),
        peer_id: "peer".into(),
        timestamp_issued: 3,
        solution: vec![],
        issuer_signature: vec![4],
    }
}

/// sha256 of parts that are written out by hand.
fn sha256_of(parts: &[&[u8]]) -> Vec<u8> {
    Sha256::digest(parts.concat()).to_vec()
}

const METADATA_FIELDS: [&[u8]; 8] = [
    b"\x03\0\0\0key",
    b"\x06\0\0\0issuer",
    b"\x04\0\0\0peer",
    b"\x01\0\0\0\0\0\0\0",
    b"\x02\0\0\0\x00\xff",
    b"\x05\0\0\0value",
    b"\x01\0\0\0\x05\0\0\0relay",
    b"\0\0\0\0",
];

#[test]
fn the_bytes_of_a_key_are_those_of_the_specification() {
    let bytes = signing::key_bytes(&key()).to_vec();
    let by_hand = sha256_of(&[
        b"fluence-registry/key/1",
        b"\x05\0\0\0label",
        b"\x05\0\0\0owner",
        &NOW.to_le_bytes(),
        b"\x02\0\0\0\x01\x02",
        b"\x04\0\0\0type",
    ]);
    assert_eq!(bytes, by_hand);
    assert_eq!(
        hex::encode(bytes),
        "f352ed05a775844b001be57ff2311e812cab89fd4f743e2f78871bd64b1a565f"
    );
}

#[test]
fn the_bytes_of_metadata_are_those_of_the_specification() {
    let bytes = get_record_metadata_bytes(&metadata()).unwrap();
    let by_hand = sha256_of(&[b"fluence-registry/metadata/1", &METADATA_FIELDS.concat()]);
    assert_eq!(bytes, by_hand);
    assert_eq!(
        hex::encode(bytes),
        "870a78786a25df632efed2e6f2326433b5e70229854e84eebdd083e3f39e3818"
    );
}

#[test]
fn the_bytes_of_a_record_are_those_of_the_specification() {
    let bytes = get_record_bytes(&metadata(), 2).unwrap();
    let by_hand = sha256_of(&[
        b"fluence-registry/record/1",
        &METADATA_FIELDS.concat(),
        b"\x01\0\0\0\x07",
        b"\x02\0\0\0\0\0\0\0",
    ]);
    assert_eq!(bytes, by_hand);
    assert_eq!(
        hex::encode(bytes),
        "c0030b3b4ba57e4541bd7f482677151c553f12daa82d5f9cbe98352f580ef248"
    );
}

#[test]
fn the_bytes_of_a_tombstone_are_those_of_the_specification() {
    let bytes = get_tombstone_bytes(&tombstone()).unwrap();
    let by_hand = sha256_of(&[
        b"fluence-registry/tombstone/1",
        b"\x03\0\0\0key",
        b"\x06\0\0\0issuer",
        b"\x04\0\0\0peer",
        b"\x03\0\0\0\0\0\0\0",
        b"\0\0\0\0",
    ]);
    assert_eq!(bytes, by_hand);
    assert_eq!(
        hex::encode(bytes),
        "8dfbe7c8c33eb9301b9d3845c183ec404872e046e6349907754feaa96e600ad0"
    );
}

#[test]
fn a_key_id_is_the_base58_of_the_hash_of_label_and_owner() {
    let id = KeyId::of("label", "owner");
    assert_eq!(id.as_bytes().to_vec(), sha256_of(&[b"labelowner"]));
    assert_eq!(id.to_string(), "ASqTZijhYuanmqiK7KnfDdX3uKWjvsA93QEBbnyxpb2c");
}

#[test]
fn fields_cannot_flow_into_each_other() {
    let other_key = Key {
        challenge: vec![1],
        challenge_type: "\u{2}type".into(),
        ..key()
    };
    assert_ne!(signing::key_bytes(&key()), signing::key_bytes(&other_key));
    let service_instead_of_relay = RecordMetadata {
        relay_id: vec![],
        service_id: vec!["relay".into()],
        ..metadata()
    };
    let value_with_relay = RecordMetadata {
        value: "valuerelay".into(),
        relay_id: vec![],
        ..metadata()
    };
    for other in [service_instead_of_relay, value_with_relay] {
        assert_ne!(signing::metadata_bytes(&metadata()), signing::metadata_bytes(&other));
    }
}
