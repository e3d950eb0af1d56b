//! Who signed what, and that nothing else passes for it.

use fluence_keypair::KeyPair;
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::{signing, verify_key, verify_record, verify_tombstone, KeyId};
use registry_testkit::{NativeNode, Peer, RsaKey};

use crate::support::{assert_text, scene, NOW};

/// R10: 0.9.4's one-byte lengths wrap, and a record with a value of 247 bytes signs the bytes of a tombstone.
#[test]
fn no_signature_over_a_record_passes_for_a_tombstone() {
    let mut scene = scene();
    let issuer = Peer::named("issuer");
    for len in 0..=300 {
        let metadata = issuer.metadata(&scene.key_id, &issuer, &"v".repeat(len), NOW);
        let forged = Tombstone {
            issuer_signature: metadata.issuer_signature,
            ..issuer.tombstone(&scene.key_id, &issuer, NOW)
        };
        let error = scene.node.add_tombstone(&forged, NOW).unwrap_err().to_string();
        assert_text(&error, &["tombstone's signature", "get_tombstone_bytes"]);
    }
}

/// R1: 0.9.4's provider signs the hash of nothing, so that one signature makes any record valid.
#[test]
fn the_providers_signature_covers_metadata_issuer_signature_and_timestamp() {
    let provider = Peer::named("provider");
    let issuer = Peer::named("issuer");
    let key_id = KeyId::of("label", "owner").to_string();
    let genuine = provider.record(issuer.metadata(&key_id, &provider, "value", NOW), NOW);
    verify_record(genuine.clone(), None).unwrap();
    let other_value = Record {
        metadata: issuer.metadata(&key_id, &provider, "other", NOW),
        ..genuine.clone()
    };
    let later_issue = Record {
        metadata: issuer.metadata(&key_id, &provider, "value", NOW + 1),
        ..genuine.clone()
    };
    let other_issuer = Record {
        metadata: Peer::named("another").metadata(&key_id, &provider, "value", NOW),
        ..genuine.clone()
    };
    let later = Record {
        timestamp_created: NOW + 1,
        ..genuine.clone()
    };
    let mut other_issuer_signature = genuine.clone();
    other_issuer_signature.metadata.issuer_signature = vec![1; 64];
    for forged in [other_value, later_issue, other_issuer, later, other_issuer_signature] {
        let error = verify_record(forged, None).unwrap_err().to_string();
        assert_text(&error, &["provider's signature", provider.id(), "get_record_bytes"]);
    }
}

fn peers_of_every_kind() -> [Peer; 3] {
    [
        Peer::named("ed25519"),
        Peer::of(KeyPair::generate_secp256k1()),
        Peer::rsa(RsaKey::First),
    ]
}

#[test]
fn keys_records_and_tombstones_of_every_kind_of_peer_are_accepted() {
    for peer in peers_of_every_kind() {
        let mut node = NativeNode::new(Peer::named("host"));
        let key = peer.key("resource", NOW);
        node.register_key(&key, NOW).unwrap();
        let record = peer.own_record(&key.id, "value", NOW);
        node.put_record(&record, NOW).unwrap();
        assert_eq!(node.get_records(&key.id, NOW).unwrap(), [record]);
        node.add_tombstone(&peer.tombstone(&key.id, &peer, NOW), NOW).unwrap();
        assert_eq!(node.get_records(&key.id, NOW).unwrap(), []);
    }
}

#[test]
fn a_signature_of_any_length_that_is_none_is_refused() {
    for peer in peers_of_every_kind() {
        let key_id = KeyId::of("label", "owner").to_string();
        let genuine = peer.own_record(&key_id, "value", NOW);
        let lengths = (0..200)
            .filter(|&len| len != genuine.signature.len())
            .chain([1199, 1200, 1201, 100_000]);
        for len in lengths {
            let mut cut = genuine.signature.clone();
            cut.resize(len, 0);
            for signature in [vec![0; len], vec![0xff; len], vec![0x30; len], cut] {
                let key = Key {
                    signature: signature.clone(),
                    ..peer.key("label", NOW)
                };
                verify_key(key).unwrap_err();
                let mut record = genuine.clone();
                record.metadata.issuer_signature.clone_from(&signature);
                verify_record(record, None).unwrap_err();
                let tombstone = Tombstone {
                    issuer_signature: signature.clone(),
                    ..peer.tombstone(&key_id, &peer, NOW)
                };
                verify_tombstone(tombstone).unwrap_err();
                let record = Record {
                    signature,
                    ..genuine.clone()
                };
                // Without the provider's signature it is an unsigned record, which no call but
                // publish takes.
                assert_eq!(verify_record(record, None).is_ok(), len == 0);
            }
        }
    }
}

/// fluence-keypair 0.10.4 calls libsecp256k1 and drops its verdict.
#[test]
fn a_signature_over_something_else_is_refused_for_every_kind_of_peer() {
    for peer in peers_of_every_kind() {
        let mut key = peer.key("label", NOW);
        key.signature = peer.sign(b"something else");
        let error = verify_key(key).unwrap_err().to_string();
        assert_text(
            &error,
            &["key's signature", peer.id(), "does not match the signed bytes"],
        );
    }
}

#[test]
fn an_rsa_envelope_with_another_key_is_refused() {
    let mut key = Peer::rsa(RsaKey::First).key("label", NOW);
    let der_len = u32::from_le_bytes(key.signature[..4].try_into().unwrap());
    for claimed in [0, 1, der_len - 1, der_len + 1, u32::MAX] {
        let mut mangled = key.clone();
        mangled.signature[..4].copy_from_slice(&claimed.to_le_bytes());
        verify_key(mangled).unwrap_err();
    }
    // The last byte of the modulus: a sound key, but not this peer's.
    key.signature[4 + der_len as usize - 6] ^= 2;
    let error = verify_key(key).unwrap_err().to_string();
    assert_text(&error, &["the key in the envelope is not the peer's"]);
}

/// The JSON of a value with one bit of one leaf changed, for every bit: all that a stranger may change underway.
pub(crate) fn one_bit_changes<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> Vec<T> {
    fn walk(value: &serde_json::Value, emit: &mut dyn FnMut(serde_json::Value)) {
        use serde_json::Value;
        match value {
            Value::Number(number) => {
                let number = number.as_u64().unwrap();
                (0..64).for_each(|bit| emit((number ^ (1 << bit)).into()));
            }
            Value::String(text) => {
                for (position, bit) in (0..text.len()).flat_map(|position| (0..8).map(move |bit| (position, bit))) {
                    let mut bytes = text.clone().into_bytes();
                    bytes[position] ^= 1 << bit;
                    if let Ok(text) = String::from_utf8(bytes) {
                        emit(text.into());
                    }
                }
            }
            Value::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    walk(item, &mut |changed| {
                        let mut items = items.clone();
                        items[position] = changed;
                        emit(items.into());
                    });
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    walk(field, &mut |changed| {
                        let mut fields = fields.clone();
                        fields.insert(name.clone(), changed);
                        emit(fields.into());
                    });
                }
            }
            _ => {}
        }
    }
    let mut changes = Vec::new();
    walk(&serde_json::to_value(value).unwrap(), &mut |changed| {
        // A number of 64 bits is not always a byte: those are left out.
        changes.extend(serde_json::from_value(changed));
    });
    changes
}

#[test]
fn every_single_bit_of_a_key_a_record_and_a_tombstone_counts() {
    let peer = Peer::named("peer");
    let key = Key {
        challenge: vec![1],
        challenge_type: "type".into(),
        ..peer.key("label", NOW)
    };
    let key = Key {
        signature: peer.sign(&signing::key_bytes(&key)),
        ..key
    };
    verify_key(key.clone()).unwrap();
    let keys = one_bit_changes(&key);
    assert!(keys.len() > 1_000);
    assert!(keys.into_iter().all(|changed| verify_key(changed).is_err()));

    let metadata = RecordMetadata {
        solution: vec![1],
        relay_id: vec![Peer::named("relay").id().to_owned()],
        service_id: vec!["service".into()],
        ..peer.metadata(&key.id, &peer, "value", NOW)
    };
    let record = peer.record(peer.issue(metadata), NOW);
    verify_record(record.clone(), None).unwrap();
    let records = one_bit_changes(&record);
    assert!(records.len() > 2_000);
    assert!(records.into_iter().all(|changed| verify_record(changed, None).is_err()));

    let tombstone = peer.tombstone(&key.id, &peer, NOW);
    verify_tombstone(tombstone.clone()).unwrap();
    let tombstones = one_bit_changes(&tombstone);
    assert!(tombstones.len() > 1_000);
    assert!(tombstones.into_iter().all(|changed| verify_tombstone(changed).is_err()));
}
