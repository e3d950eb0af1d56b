//! Whatever is changed in a signed object, or put where it was not signed for, is refused: for every kind of object, and
//! every kind of key.

use registry_service::calls::CallError;
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::{signing, verify_key, verify_record, verify_tombstone, Error, KeyId};
use registry_testkit::{NativeNode, Peer, RsaKey};

use crate::signing::one_bit_changes;
use crate::support::{dump, scene, DAY, HOUR, NOW};

/// One of each kind, and another one of the same.
fn peers_of_every_kind() -> [(Peer, Peer); 3] {
    [
        (Peer::named("one"), Peer::named("another")),
        (Peer::secp256k1("one"), Peer::secp256k1("another")),
        (Peer::rsa(RsaKey::First), Peer::rsa(RsaKey::Second)),
    ]
}

fn key_id() -> String {
    KeyId::of("resource", Peer::named("owner").id()).to_string()
}

/// A key with something in every field.
fn full_key(owner: &Peer) -> Key {
    let mut key = Key {
        challenge: vec![1, 2],
        challenge_type: "type".to_owned(),
        ..owner.key("label", NOW)
    };
    key.signature = owner.sign(&signing::key_bytes(&key));
    key
}

/// Metadata with something in every field.
fn full_metadata(issuer: &Peer, provider: &Peer) -> RecordMetadata {
    issuer.issue(RecordMetadata {
        key_id: key_id(),
        peer_id: provider.id().to_owned(),
        timestamp_issued: NOW,
        solution: vec![1, 2],
        value: "value".to_owned(),
        relay_id: vec![Peer::named("relay").id().to_owned()],
        service_id: vec!["service".to_owned()],
        ..RecordMetadata::default()
    })
}

fn full_tombstone(issuer: &Peer, provider: &Peer) -> Tombstone {
    let mut tombstone = Tombstone {
        solution: vec![1, 2],
        ..issuer.tombstone(&key_id(), provider, NOW)
    };
    tombstone.issuer_signature = issuer.sign(&signing::tombstone_bytes(&tombstone));
    tombstone
}

/// Every bit of every field and of both signatures; at least so many changes were tried.
fn no_bit_of_a_record_can_change(issuer: &Peer, provider: &Peer, least: usize) {
    let record = provider.record(full_metadata(issuer, provider), NOW);
    verify_record(record.clone(), None).unwrap();
    let changes = one_bit_changes(&record);
    assert!(changes.len() >= least, "{} changes", changes.len());
    for changed in changes {
        assert!(verify_record(changed.clone(), None).is_err(), "{changed:?}");
    }
}

fn no_bit_of_a_key_or_a_tombstone_can_change(peer: &Peer, other: &Peer, least: usize) {
    let key = full_key(peer);
    verify_key(key.clone()).unwrap();
    let changes = one_bit_changes(&key);
    assert!(changes.len() >= least, "{} changes", changes.len());
    for changed in changes {
        assert!(verify_key(changed.clone()).is_err(), "{changed:?}");
    }
    let tombstone = full_tombstone(peer, other);
    verify_tombstone(tombstone.clone()).unwrap();
    let changes = one_bit_changes(&tombstone);
    assert!(changes.len() >= least, "{} changes", changes.len());
    for changed in changes {
        assert!(verify_tombstone(changed.clone()).is_err(), "{changed:?}");
    }
}

#[test]
fn no_bit_of_what_ed25519_peers_signed_can_change() {
    let (one, another) = (Peer::named("one"), Peer::named("another"));
    no_bit_of_a_record_can_change(&one, &another, 2_500);
    no_bit_of_a_key_or_a_tombstone_can_change(&one, &another, 1_000);
}

#[test]
fn no_bit_of_what_secp256k1_peers_signed_can_change() {
    let (one, another) = (Peer::secp256k1("one"), Peer::secp256k1("another"));
    no_bit_of_a_record_can_change(&one, &another, 2_500);
    no_bit_of_a_key_or_a_tombstone_can_change(&one, &another, 1_000);
}

#[test]
fn no_bit_of_what_rsa_peers_signed_can_change() {
    let (one, another) = (Peer::rsa(RsaKey::First), Peer::named("another"));
    no_bit_of_a_record_can_change(&one, &another, 6_000);
    no_bit_of_a_record_can_change(&another, &one, 6_000);
    no_bit_of_a_key_or_a_tombstone_can_change(&one, &another, 5_000);
}

/// The node remembers whose signatures it has checked; that opens no door for what resembles them.
#[test]
fn no_bit_can_change_underway_to_a_node_that_knows_the_genuine_one() {
    let mut scene = scene();
    let provider = Peer::named("provider");
    let genuine = scene.record("provider", NOW);
    scene.node.put_record(&genuine, NOW).unwrap();
    let tombstone = Peer::named("another").tombstone(&scene.key_id, &provider, NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    let before = dump(&scene.node);
    for changed in one_bit_changes(&genuine) {
        // One that carries a later time is judged before the record that stands.
        scene.node.put_record(&changed, NOW).unwrap_err();
        if let Ok(republished) = scene.node.republish_records(&[changed.clone()], NOW) {
            assert_eq!((republished.updated, republished.refused.len()), (0, 1), "{changed:?}");
        }
        let merged = scene.node.merge(vec![vec![genuine.clone()], vec![changed]]).unwrap();
        assert_eq!(merged, [genuine.clone()]);
    }
    for changed in one_bit_changes(&tombstone) {
        scene.node.add_tombstone(&changed, NOW).unwrap_err();
    }
    for changed in one_bit_changes(&scene.key) {
        scene.node.republish_key(&changed, NOW).unwrap_err();
    }
    assert_eq!(dump(&scene.node), before);
}

/// n - s is as good as s to whoever only checks the equation, so anybody could make a second signature of a first.
#[test]
fn the_second_form_of_a_secp256k1_signature_is_refused() {
    let peer = Peer::secp256k1("one");
    let mut key = full_key(&peer);
    for _ in 0..16 {
        key.timestamp_created += 1;
        key.signature = peer.sign(&signing::key_bytes(&key));
        verify_key(key.clone()).unwrap();
        let second = Key {
            signature: with_high_s(&key.signature),
            ..key.clone()
        };
        let error = verify_key(second).unwrap_err().to_string();
        assert!(error.contains("second form"), "{error}");
    }
}

/// DER: 0x30 len, 0x02 len r, 0x02 len s.
fn with_high_s(der: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae,
        0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    let r_end = 4 + usize::from(der[3]);
    let (r, s) = (&der[2..r_end], &der[r_end + 2..]);
    let mut padded = [0; 32];
    let s = &s[s.len().saturating_sub(32)..];
    padded[32 - s.len()..].copy_from_slice(s);
    let (mut negated, mut borrow) = ([0_u8; 32], 0);
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(padded[at]) - borrow;
        borrow = i16::from(difference < 0);
        negated[at] = difference.rem_euclid(256) as u8;
    }
    // The high one has its first bit set, so a zero goes before it.
    assert!(negated[0] & 0x80 != 0, "s was low");
    let s = [&[0x02, 33, 0][..], &negated].concat();
    [&[0x30, (r.len() + s.len()) as u8][..], r, &s].concat()
}

#[test]
fn no_signature_of_one_kind_passes_for_another() {
    for (peer, _) in peers_of_every_kind() {
        let key = full_key(&peer);
        let record = peer.record(full_metadata(&peer, &peer), NOW);
        let tombstone = full_tombstone(&peer, &peer);
        let of_key = key.signature.clone();
        let of_metadata = record.metadata.issuer_signature.clone();
        let of_record = record.signature.clone();
        let of_tombstone = tombstone.issuer_signature.clone();
        for signature in [&of_metadata, &of_record, &of_tombstone] {
            let mut forged = key.clone();
            forged.signature.clone_from(signature);
            verify_key(forged).unwrap_err();
        }
        for signature in [&of_key, &of_record, &of_tombstone] {
            let mut forged = record.metadata.clone();
            forged.issuer_signature.clone_from(signature);
            verify_record(peer.record(forged, NOW), None).unwrap_err();
        }
        for signature in [&of_key, &of_metadata, &of_tombstone] {
            let mut forged = record.clone();
            forged.signature.clone_from(signature);
            verify_record(forged, None).unwrap_err();
        }
        for signature in [&of_key, &of_metadata, &of_record] {
            let mut forged = tombstone.clone();
            forged.issuer_signature.clone_from(signature);
            verify_tombstone(forged).unwrap_err();
        }
    }
}

#[test]
fn nothing_signed_counts_for_another_key_peer_or_time() {
    for (peer, other) in peers_of_every_kind() {
        let elsewhere = KeyId::of("another resource", "").to_string();
        let record = peer.record(full_metadata(&peer, &peer), NOW);
        let in_the_record: [fn(&mut Record, &str, &str); 6] = [
            |record, key_id, _| record.metadata.key_id = key_id.to_owned(),
            |record, _, peer_id| record.metadata.issued_by = peer_id.to_owned(),
            |record, _, peer_id| record.metadata.peer_id = peer_id.to_owned(),
            |record, _, peer_id| record.metadata.relay_id = vec![peer_id.to_owned()],
            |record, _, _| record.metadata.timestamp_issued += 1,
            |record, _, _| record.timestamp_created += 1,
        ];
        for replay in in_the_record {
            let mut replayed = record.clone();
            replay(&mut replayed, &elsewhere, other.id());
            verify_record(replayed.clone(), None).unwrap_err();
            // Who signs as the provider cannot mend what the issuer did not sign.
            let replayed = peer.record(replayed.metadata, NOW);
            assert_eq!(
                verify_record(replayed.clone(), None).is_ok(),
                replayed.metadata == record.metadata
            );
        }
        let tombstone = full_tombstone(&peer, &peer);
        let in_the_tombstone: [fn(&mut Tombstone, &str, &str); 4] = [
            |tombstone, key_id, _| tombstone.key_id = key_id.to_owned(),
            |tombstone, _, peer_id| tombstone.issued_by = peer_id.to_owned(),
            |tombstone, _, peer_id| tombstone.peer_id = peer_id.to_owned(),
            |tombstone, _, _| tombstone.timestamp_issued += 1,
        ];
        for replay in in_the_tombstone {
            let mut replayed = tombstone.clone();
            replay(&mut replayed, &elsewhere, other.id());
            verify_tombstone(replayed).unwrap_err();
        }
        let key = full_key(&peer);
        let in_the_key: [fn(&mut Key, &str); 3] = [
            |key, _| key.label = "another resource".to_owned(),
            |key, peer_id| key.owner_peer_id = peer_id.to_owned(),
            |key, _| key.timestamp_created += 1,
        ];
        for replay in in_the_key {
            let mut replayed = key.clone();
            replay(&mut replayed, other.id());
            replayed.id = KeyId::of(&replayed.label, &replayed.owner_peer_id).to_string();
            verify_key(replayed).unwrap_err();
        }
    }
}

/// Signed by one, sent as another's of any kind.
#[test]
fn nobody_signs_for_somebody_else() {
    let peers: Vec<Peer> = peers_of_every_kind()
        .into_iter()
        .flat_map(|(one, other)| [one, other])
        .collect();
    for signer in &peers {
        for victim in peers.iter().filter(|victim| victim.id() != signer.id()) {
            let mut key = full_key(victim);
            key.signature = signer.sign(&signing::key_bytes(&key));
            verify_key(key).unwrap_err();
            let mut metadata = full_metadata(victim, victim);
            let by_provider = signer.record(metadata.clone(), NOW);
            verify_record(by_provider, None).unwrap_err();
            metadata.issuer_signature = signer.sign(&signing::metadata_bytes(&metadata));
            verify_record(victim.record(metadata, NOW), None).unwrap_err();
            let mut tombstone = full_tombstone(victim, victim);
            tombstone.issuer_signature = signer.sign(&signing::tombstone_bytes(&tombstone));
            verify_tombstone(tombstone).unwrap_err();
        }
    }
}

/// Nodes of other names, whose clocks differ as much as clocks may, and whose operators have set other timeouts.
fn eyes() -> Vec<(NativeNode, u64)> {
    let key = Peer::named("owner").key("resource", NOW);
    [
        ("one", NOW, DAY),
        ("two", NOW + 14, HOUR),
        ("three", NOW - 14, 2 * DAY),
        ("four", NOW, 60),
    ]
    .into_iter()
    .map(|(name, clock, timeout_sec)| {
        let mut node = NativeNode::new(Peer::named(name));
        node.set_expired_timeout(timeout_sec).unwrap();
        node.set_stale_timeout(timeout_sec).unwrap();
        node.register_key(&key, clock).unwrap();
        (node, clock)
    })
    .collect()
}

/// What a node says of the object itself, whatever else it holds.
fn verdict<T>(outcome: Result<T, CallError>) -> Option<String> {
    match outcome {
        Ok(_) | Err(CallError::Refused(Error::Superseded { .. } | Error::Outranked { .. })) => None,
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn what_is_valid_in_one_nodes_eyes_is_valid_in_all() {
    let mut eyes = eyes();
    let (mut accepted, mut refused) = (0, 0);
    for (peer, other) in peers_of_every_kind() {
        let genuine = peer.record(full_metadata(&other, &peer), NOW);
        let mut records = vec![genuine.clone(), other.own_record(&key_id(), "value", NOW)];
        records.extend(one_bit_changes(&genuine).into_iter().step_by(97));
        // Those dated otherwise are a matter of clocks; what counts here is who signed what.
        records.retain(|record| record.timestamp_created == NOW && record.metadata.timestamp_issued == NOW);
        for record in records {
            let verdicts: Vec<_> = eyes
                .iter_mut()
                .map(|(node, clock)| verdict(node.put_record(&record, *clock)))
                .collect();
            assert!(
                verdicts.iter().all(|verdict| *verdict == verdicts[0]),
                "{verdicts:?}: {record:?}"
            );
            let again: Vec<_> = eyes
                .iter_mut()
                .map(|(node, clock)| verdict(node.put_record(&record, *clock)))
                .collect();
            assert_eq!(verdicts, again);
            match verdicts[0] {
                None => accepted += 1,
                Some(_) => refused += 1,
            }
        }
        let genuine = full_tombstone(&peer, &other);
        let mut tombstones = vec![genuine.clone()];
        tombstones.extend(one_bit_changes(&genuine).into_iter().step_by(97));
        tombstones.retain(|tombstone| tombstone.timestamp_issued == NOW);
        for tombstone in tombstones {
            let verdicts: Vec<_> = eyes
                .iter_mut()
                .map(|(node, clock)| verdict(node.add_tombstone(&tombstone, *clock)))
                .collect();
            assert!(
                verdicts.iter().all(|verdict| *verdict == verdicts[0]),
                "{verdicts:?}: {tombstone:?}"
            );
            match verdicts[0] {
                None => accepted += 1,
                Some(_) => refused += 1,
            }
        }
    }
    assert!(
        accepted >= 9 && refused >= 100,
        "{accepted} accepted, {refused} refused"
    );
}
