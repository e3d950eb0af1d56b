//! Bad input: a clear error, an unchanged database, never a panic.

use registry_service::calls::CallError;
use registry_service::domain::data::{Key, Tombstone};
use registry_service::domain::{limits, signing, verify_key, KeyId, Unpacker};
use registry_testkit::{no_weight, NativeNode, Origins, Peer};

use crate::support::{assert_record_refused, assert_refused, scene, signed, DAY, NOW};

#[test]
fn malformed_peer_ids_are_refused_by_name() {
    let mut scene = scene();
    let good = Peer::named("provider").id().to_owned();
    let malformed = [
        String::new(),
        "provider".into(),
        "0OIl".into(),
        "1".repeat(52),
        good[1..].to_owned(),
        format!("{good}1"),
        format!("1{good}"),
        "z".repeat(64),
        "\0\u{202e}'\"; DROP TABLE keys; --".into(),
        "é".repeat(32),
    ];
    for id in malformed {
        let record = signed(&scene, |metadata| metadata.issued_by.clone_from(&id));
        assert_record_refused(&mut scene, &["issued_by", "malformed"], &record);
        let record = signed(&scene, |metadata| metadata.peer_id.clone_from(&id));
        assert_record_refused(&mut scene, &["peer_id", "malformed"], &record);
        let record = signed(&scene, |metadata| metadata.relay_id = vec![id.clone()]);
        assert_record_refused(&mut scene, &["relay_id", "malformed"], &record);
        let key = Key {
            id: KeyId::of("label", &id).to_string(),
            owner_peer_id: id.clone(),
            ..Peer::named("owner").key("label", NOW)
        };
        let words = ["owner_peer_id", "malformed"];
        assert_refused(&mut scene.node, &words, |node| node.register_key(&key, NOW));
        assert_refused(&mut scene.node, &words, |node| node.republish_key(&key, NOW));
        let tombstone = Tombstone {
            peer_id: id,
            ..Peer::named("issuer").tombstone(&scene.key_id, &Peer::named("provider"), NOW)
        };
        assert_refused(&mut scene.node, &["peer_id", "malformed"], |node| {
            node.add_tombstone(&tombstone, NOW)
        });
    }
}

#[test]
fn malformed_key_ids_are_refused_in_every_call() {
    let mut scene = scene();
    let good = scene.key_id.clone();
    let malformed = [
        String::new(),
        "key".into(),
        good[2..].to_owned(),
        "1".repeat(33),
        "z".repeat(44),
        "0".repeat(44),
        "'\0\"".into(),
    ];
    for id in malformed {
        let record = signed(&scene, |metadata| metadata.key_id.clone_from(&id));
        assert_record_refused(&mut scene, &["key id", "malformed"], &record);
        let node = &mut scene.node;
        let words = ["key id", "malformed", "exactly as the network gives it"];
        assert_refused(node, &words, |node| node.get_records(&id, NOW));
        assert_refused(node, &words, |node| node.get_tombstones(&id, NOW));
        assert_refused(node, &words, |node| node.get_key_metadata(&id));
        let tombstone = Peer::named("issuer").tombstone(&id, &Peer::named("provider"), NOW);
        assert_refused(node, &words, |node| node.add_tombstone(&tombstone, NOW));
        assert_refused(node, &words, |node| {
            node.republish_tombstones(&[tombstone.clone()], NOW)
        });
    }
}

#[test]
fn without_an_owner_the_particles_initiator_owns_the_key() {
    let mut scene = scene();
    let owner = Peer::named("initiator");
    let key = owner.key("label", NOW);
    let bytes = scene
        .node
        .call(Origins::new(&scene.host(), &owner, 5), |call| {
            call.get_key_bytes(
                vec![],
                Key {
                    owner_peer_id: String::new(),
                    ..key.clone()
                },
            )
        })
        .unwrap();
    assert_eq!(bytes, signing::key_bytes(&key));
    let origins = Origins::new(&scene.node.host, &owner, 8).time(7);
    let key_id = scene
        .node
        .call(origins, |call| {
            call.register_key(vec![], key.clone(), &no_weight(), NOW)
        })
        .unwrap();
    assert_eq!(scene.node.get_key_metadata(&key_id.to_string()).unwrap(), key);
}

#[test]
fn a_key_id_that_does_not_belong_to_label_and_owner_is_refused() {
    let mut scene = scene();
    let owner = Peer::named("owner");
    let key = owner.key("label", NOW);
    for id in [
        scene.key_id.clone(),
        KeyId::of("label", Peer::named("other").id()).to_string(),
    ] {
        let foreign = Key { id, ..key.clone() };
        assert_refused(&mut scene.node, &[&foreign.id, &key.id, "get_key_id"], |node| {
            node.republish_key(&foreign, NOW)
        });
        verify_key(foreign).unwrap_err();
    }
}

#[test]
fn unknown_keys_are_named_with_the_way_out() {
    let mut scene = scene();
    let key_id = KeyId::of("unknown", "nobody").to_string();
    let provider = Peer::named("provider");
    let record = provider.own_record(&key_id, "value", NOW);
    let tombstone = provider.tombstone(&key_id, &provider, NOW);
    let metadata = provider.metadata(&key_id, &scene.host(), "value", NOW);
    let words = [key_id.as_str(), "not known here", "register it or republish it"];
    let node = &mut scene.node;
    assert_refused(node, &words, |node| node.put_record(&record, NOW));
    assert_refused(node, &words, |node| node.republish_records(&[record.clone()], NOW));
    assert_refused(node, &words, |node| node.put_host_record(&metadata, NOW));
    assert_refused(node, &words, |node| node.add_tombstone(&tombstone, NOW));
    assert_refused(node, &words, |node| {
        node.republish_tombstones(&[tombstone.clone()], NOW)
    });
    assert_refused(node, &words, |node| node.get_records(&key_id, NOW));
    assert_refused(node, &words, |node| node.get_tombstones(&key_id, NOW));
    assert_refused(node, &words, |node| node.get_key_metadata(&key_id));
}

#[test]
fn a_batch_of_several_keys_is_refused_as_a_whole() {
    let mut scene = scene();
    let other = Peer::named("owner").key("other", NOW);
    scene.node.register_key(&other, NOW).unwrap();
    let peer = Peer::named("provider");
    let records = [scene.record("provider", NOW), peer.own_record(&other.id, "value", NOW)];
    let tombstones = [
        peer.tombstone(&scene.key_id, &peer, NOW),
        peer.tombstone(&other.id, &peer, NOW),
    ];
    let words = [scene.key_id.clone(), other.id, "several keys".into()];
    let words = [words[0].as_str(), words[1].as_str(), words[2].as_str()];
    assert_refused(&mut scene.node, &words, |node| node.republish_records(&records, NOW));
    assert_refused(&mut scene.node, &words, |node| {
        node.republish_tombstones(&tombstones, NOW)
    });
}

#[test]
fn thirty_seconds_ahead_are_accepted_and_not_one_more() {
    let mut scene = scene();
    let peer = Peer::named("provider");
    let (ahead, host) = (NOW + limits::CLOCK_SKEW_MAX_SEC, scene.host());
    let node = &mut scene.node;
    let words = ["31 s ahead", "at most 30 s", "take the time from the relay"];
    assert_refused(node, &words, |node| {
        node.register_key(&peer.key("label", ahead + 1), NOW)
    });
    assert_refused(node, &words, |node| {
        node.republish_key(&peer.key("label", ahead + 1), NOW)
    });
    node.register_key(&peer.key("label", ahead), NOW).unwrap();
    node.republish_key(&peer.key("other", ahead), NOW).unwrap();

    let key_id = scene.key_id.clone();
    let created_ahead = peer.record(peer.metadata(&key_id, &peer, "value", NOW), ahead + 1);
    let issued_ahead = peer.record(peer.metadata(&key_id, &peer, "value", ahead + 1), NOW);
    for record in [created_ahead, issued_ahead] {
        assert_refused(node, &words, |node| node.put_record(&record, NOW));
        assert!(node
            .republish_records(&[record], NOW)
            .unwrap()
            .error()
            .contains("31 s ahead"));
    }
    node.put_record(&peer.own_record(&key_id, "value", ahead), NOW).unwrap();
    let issuer = Peer::named("issuer");
    let host_metadata = |timestamp| issuer.metadata(&key_id, &host, "value", timestamp);
    assert_refused(node, &words, |node| {
        node.put_host_record(&host_metadata(ahead + 1), NOW)
    });
    node.put_host_record(&host_metadata(ahead), NOW).unwrap();
    assert_refused(node, &words, |node| {
        node.add_tombstone(&peer.tombstone(&key_id, &peer, ahead + 1), NOW)
    });
    node.add_tombstone(&peer.tombstone(&key_id, &peer, ahead), NOW).unwrap();
}

#[test]
fn timestamps_at_the_ends_of_their_range_do_no_harm() {
    let max = i64::MAX as u64;
    let peer = Peer::named("provider");
    for now in [0, 1, NOW, max - 1, max] {
        for timestamp in [0, 1, DAY, max - 1, max, max + 1, u64::MAX] {
            let mut node = NativeNode::new(Peer::named("host"));
            let future = timestamp.saturating_sub(now) > 30;
            let key = peer.key("label", timestamp);
            assert_eq!(node.register_key(&key, now).is_err(), future || timestamp > max);
            assert_eq!(node.republish_key(&key, now).is_err(), future || timestamp > max);
            node.register_key(&peer.key("resource", 0), now).unwrap();
            let key_id = KeyId::of("resource", peer.id()).to_string();
            let expired = now.saturating_sub(timestamp) >= DAY;
            let record = peer.own_record(&key_id, "value", timestamp);
            let put = node.put_record(&record, now);
            assert_eq!(
                put.is_err(),
                future || expired || timestamp > max,
                "{now} {timestamp}: {put:?}"
            );
            assert_eq!(node.get_records(&key_id, now).unwrap().len(), usize::from(put.is_ok()));
            let dead = now.saturating_sub(timestamp) >= 2 * DAY;
            let tombstone = peer.tombstone(&key_id, &peer, timestamp);
            let added = node.add_tombstone(&tombstone, now);
            assert_eq!(
                added.is_err(),
                future || dead || timestamp > max,
                "{now} {timestamp}: {added:?}"
            );
            node.put_host_record(&peer.metadata(&key_id, &node.host.clone(), "value", timestamp), now)
                .ok();
            node.evict_stale(now).unwrap();
            node.get_stale_local_records(now).unwrap();
            node.clear_expired(now).unwrap();
        }
    }
    let mut scene = scene();
    for now in [max + 1, u64::MAX] {
        let key_id = scene.key_id.clone();
        assert_refused(&mut scene.node, &["current_timestamp_sec", &now.to_string()], |node| {
            node.get_records(&key_id, now)
        });
        assert_refused(&mut scene.node, &["current_timestamp_sec"], |node| {
            node.clear_expired(now)
        });
    }
}

#[test]
fn quotes_and_nul_survive_a_round_trip() -> Result<(), CallError> {
    let mut scene = scene();
    let nasty = "\0'; DROP TABLE keys; --\"\\,:=\n\r\u{202e}😀\0";
    let owner = Peer::named("owner");
    let key = owner.key(nasty, NOW);
    scene.node.register_key(&key, NOW)?;
    assert_eq!(scene.node.get_key_metadata(&key.id)?, key);
    let mut metadata = owner.metadata(&key.id, &owner, nasty, NOW);
    metadata.service_id = vec![nasty.to_owned()];
    metadata.solution = nasty.as_bytes().to_vec();
    let record = owner.record(owner.issue(metadata), NOW);
    scene.node.put_record(&record, NOW)?;
    let mut node = scene.node.restart(|_| ())?;
    assert_eq!(node.get_records(&key.id, NOW)?, [record.clone()]);
    let packed = registry_service::domain::pack_records([&record]);
    assert_eq!(Unpacker::sharing(1).unpack(&packed).unwrap(), [record]);
    Ok(())
}
