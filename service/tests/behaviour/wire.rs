//! The JSON form in which Aqua and other peers see the data: field names, their order and their types.

use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use serde::de::DeserializeOwned;
use serde::Serialize;

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

fn assert_form<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
}

#[test]
fn a_key_has_seven_fields() {
    let key = Key {
        id: "id".into(),
        label: "label".into(),
        owner_peer_id: "owner".into(),
        timestamp_created: u64::MAX,
        challenge: vec![1, 2],
        challenge_type: "type".into(),
        signature: vec![],
    };
    assert_form(
        &key,
        r#"{"id":"id","label":"label","owner_peer_id":"owner","timestamp_created":18446744073709551615,"challenge":[1,2],"challenge_type":"type","signature":[]}"#,
    );
}

#[test]
fn a_record_is_metadata_with_a_timestamp_and_a_signature() {
    let record = Record {
        metadata: metadata(),
        timestamp_created: 2,
        signature: vec![9],
    };
    assert_form(
        &record,
        r#"{"metadata":{"key_id":"key","issued_by":"issuer","peer_id":"peer","timestamp_issued":1,"solution":[0,255],"value":"value","relay_id":["relay"],"service_id":[],"issuer_signature":[7]},"timestamp_created":2,"signature":[9]}"#,
    );
}

#[test]
fn a_tombstone_names_key_issuer_and_peer() {
    let tombstone = Tombstone {
        key_id: "key".into(),
        issued_by: "issuer".into(),
        peer_id: "peer".into(),
        timestamp_issued: 3,
        solution: vec![],
        issuer_signature: vec![4],
    };
    assert_form(
        &tombstone,
        r#"{"key_id":"key","issued_by":"issuer","peer_id":"peer","timestamp_issued":3,"solution":[],"issuer_signature":[4]}"#,
    );
}
