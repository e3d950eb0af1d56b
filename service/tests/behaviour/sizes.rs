//! Sizes: what is too long or too many is refused in a few words, whatever it is.

use registry_service::calls::{
    get_record_bytes, get_record_metadata_bytes, get_tombstone_bytes, latest_key, Published,
};
use registry_service::domain::data::{Key, RecordMetadata, Tombstone};
use registry_service::domain::{limits, signing};
use registry_testkit::{no_weight, weight_of, Origins, Peer};

use crate::support::{assert_record_refused, assert_refused, assert_text, scene, signed, NOW};

const TEN_MB: usize = 10 * 1024 * 1024;

fn huge() -> String {
    "x".repeat(TEN_MB)
}

#[test]
fn lengths_are_accepted_up_to_their_maximum_and_refused_beyond() {
    let mut scene = scene();
    let within = signed(&scene, |metadata| {
        metadata.value = "v".repeat(limits::VALUE_LEN_MAX);
        metadata.solution = vec![1; limits::SOLUTION_LEN_MAX];
        metadata.service_id = vec!["s".repeat(limits::SERVICE_ID_LEN_MAX)];
    });
    scene.node.put_record(&within, NOW).unwrap();
    type Change = fn(&mut RecordMetadata);
    let beyond: [(&str, usize, Change); 3] = [
        ("value", limits::VALUE_LEN_MAX, |metadata| {
            metadata.value = "v".repeat(limits::VALUE_LEN_MAX + 1)
        }),
        ("solution", limits::SOLUTION_LEN_MAX, |metadata| {
            metadata.solution = vec![1; limits::SOLUTION_LEN_MAX + 1]
        }),
        ("service_id", limits::SERVICE_ID_LEN_MAX, |metadata| {
            metadata.service_id = vec!["s".repeat(limits::SERVICE_ID_LEN_MAX + 1)];
        }),
    ];
    for (name, max, change) in beyond {
        let record = signed(&scene, change);
        let words = [name, &(max + 1).to_string(), &max.to_string(), "shorten it"];
        assert_record_refused(&mut scene, &words, &record);
    }

    let owner = Peer::named("owner");
    let mut key = Key {
        challenge: vec![1; limits::CHALLENGE_LEN_MAX],
        challenge_type: "t".repeat(limits::CHALLENGE_TYPE_LEN_MAX),
        ..owner.key(&"l".repeat(limits::LABEL_LEN_MAX), NOW)
    };
    key.signature = owner.sign(&signing::key_bytes(&key));
    scene.node.register_key(&key, NOW).unwrap();
    let long_label = owner.key(&"l".repeat(limits::LABEL_LEN_MAX + 1), NOW);
    let long_challenge = Key {
        challenge: vec![1; limits::CHALLENGE_LEN_MAX + 1],
        ..key.clone()
    };
    let long_type = Key {
        challenge_type: "t".repeat(limits::CHALLENGE_TYPE_LEN_MAX + 1),
        ..key
    };
    for (name, key) in [
        ("label", long_label),
        ("challenge", long_challenge),
        ("challenge_type", long_type),
    ] {
        assert_refused(&mut scene.node, &[name, "shorten it"], |node| {
            node.register_key(&key, NOW)
        });
        assert_refused(&mut scene.node, &[name, "shorten it"], |node| {
            node.republish_key(&key, NOW)
        });
    }
}

#[test]
fn ten_megabytes_anywhere_are_refused_in_a_few_words() {
    let mut scene = scene();
    type Change = fn(&mut RecordMetadata);
    let changes: [Change; 8] = [
        |metadata| metadata.key_id = huge(),
        |metadata| metadata.issued_by = huge(),
        |metadata| metadata.peer_id = huge(),
        |metadata| metadata.value = huge(),
        |metadata| metadata.relay_id = vec![huge()],
        |metadata| metadata.service_id = vec![huge()],
        |metadata| metadata.solution = vec![0; TEN_MB],
        |metadata| metadata.issuer_signature = vec![0; TEN_MB],
    ];
    for change in changes {
        let mut record = scene.record("provider", NOW);
        change(&mut record.metadata);
        assert_record_refused(&mut scene, &["bytes"], &record);
        assert_text(
            &get_record_metadata_bytes(&record.metadata).unwrap_err().to_string(),
            &["bytes"],
        );
        assert_text(
            &get_record_bytes(&record.metadata, NOW).unwrap_err().to_string(),
            &["bytes"],
        );
        assert_eq!(scene.node.merge(vec![vec![record]]).unwrap(), []);
    }
    let mut record = scene.record("provider", NOW);
    record.signature = vec![0; TEN_MB];
    assert_refused(&mut scene.node, &["signature", "10485760 bytes"], |node| {
        node.put_record(&record, NOW)
    });

    let key = Peer::named("owner").key("label", NOW);
    let changes: [fn(&mut Key); 6] = [
        |key| key.id = huge(),
        |key| key.label = huge(),
        |key| key.owner_peer_id = huge(),
        |key| key.challenge = vec![0; TEN_MB],
        |key| key.challenge_type = huge(),
        |key| key.signature = vec![0; TEN_MB],
    ];
    for change in changes {
        let mut changed = key.clone();
        change(&mut changed);
        assert_refused(&mut scene.node, &[], |node| node.republish_key(&changed, NOW));
        if changed.id == key.id {
            assert_refused(&mut scene.node, &[], |node| node.register_key(&changed, NOW));
        }
        assert_text(&latest_key(vec![changed], None).unwrap_err().to_string(), &["1 keys"]);
    }

    let tombstone = Peer::named("issuer").tombstone(&scene.key_id, &Peer::named("provider"), NOW);
    let changes: [fn(&mut Tombstone); 5] = [
        |tombstone| tombstone.key_id = huge(),
        |tombstone| tombstone.issued_by = huge(),
        |tombstone| tombstone.peer_id = huge(),
        |tombstone| tombstone.solution = vec![0; TEN_MB],
        |tombstone| tombstone.issuer_signature = vec![0; TEN_MB],
    ];
    for change in changes {
        let mut changed = tombstone.clone();
        change(&mut changed);
        assert_refused(&mut scene.node, &["bytes"], |node| node.add_tombstone(&changed, NOW));
        if changed.issuer_signature == tombstone.issuer_signature {
            assert_text(&get_tombstone_bytes(&changed).unwrap_err().to_string(), &["bytes"]);
        }
    }
    assert_refused(&mut scene.node, &["bytes"], |node| node.get_records(&huge(), NOW));
    assert_text(
        &latest_key(vec![key], Some(&huge())).unwrap_err().to_string(),
        &["1 keys"],
    );
}

#[test]
fn ten_megabytes_in_a_proof_are_refused_in_a_few_words() {
    let mut scene = scene();
    let mut record = scene.record("provider", NOW);
    let of_huge = weight_of(&huge(), 1);
    assert_refused(&mut scene.node, &["the weight is of peer"], |node| {
        node.put_weighed(&record, &of_huge, NOW)
    });
    record.metadata.issued_by = huge();
    let of_another = weight_of(Peer::named("another").id(), 1);
    assert_refused(&mut scene.node, &["the weight is of peer"], |node| {
        node.put_weighed(&record, &of_another, NOW)
    });
    let host = scene.host();
    assert_refused(&mut scene.node, &["current_timestamp_sec"], |node| {
        let origins = Origins::new(&host, &Peer::named("a client"), 2).with(1, &huge(), &huge(), &huge());
        node.call(origins, |call| call.get_records("key", NOW))
    });
    let key = scene.key.clone();
    assert_refused(&mut scene.node, &["did not succeed"], |node| {
        let origins = Origins::new(&host, &Peer::named("a client"), 6).time(5);
        let published = Published {
            keys: vec![key.clone()],
            hosted: vec![Err(huge())],
            ..Published::default()
        };
        node.call(origins, |call| call.publish(published, &[], NOW))
    });
}

#[test]
fn several_relays_services_or_owners_are_refused() {
    let mut scene = scene();
    let relay = Peer::named("relay").id().to_owned();
    let record = signed(&scene, |metadata| metadata.relay_id = vec![relay.clone(), relay]);
    assert_record_refused(&mut scene, &["2 relay ids", "at most 1", "pass fewer"], &record);
    let record = signed(&scene, |metadata| metadata.service_id = vec!["a".into(), "b".into()]);
    assert_record_refused(&mut scene, &["2 service ids", "at most 1", "pass fewer"], &record);
    let key = Peer::named("owner").key("label", NOW);
    let owners = vec![key.owner_peer_id.clone(), key.owner_peer_id.clone()];
    assert_refused(&mut scene.node, &["2 owners", "at most 1"], |node| {
        let origins = Origins::new(&node.host, &Peer::named("owner"), 8).time(7);
        node.call(origins, |call| {
            call.register_key(owners.clone(), key.clone(), &no_weight(), NOW)
        })
    });
    let origins = Origins::new(&scene.node.host, &Peer::named("owner"), 5);
    let error = scene
        .node
        .call(origins, |call| call.get_key_bytes(owners, Key::default()))
        .unwrap_err();
    assert_text(&error.to_string(), &["2 owners", "at most 1"]);
}

#[test]
fn empty_and_oversized_lists_are_refused() {
    let mut scene = scene();
    let peer = Peer::named("provider");
    let record = scene.record("provider", NOW);
    let tombstone = peer.tombstone(&scene.key_id, &peer, NOW);
    let node = &mut scene.node;
    assert_refused(node, &["list of records is empty"], |node| {
        node.republish_records(&[], NOW)
    });
    assert_refused(node, &["list of tombstones is empty"], |node| {
        node.republish_tombstones(&[], NOW)
    });
    assert_text(
        &latest_key(vec![], None).unwrap_err().to_string(),
        &["list of keys is empty"],
    );
    assert_eq!(node.merge(vec![]).unwrap(), []);
    assert_eq!(node.merge(vec![vec![], vec![]]).unwrap(), []);

    let max = limits::REPUBLISH_BATCH_MAX;
    let words = [&*(max + 1).to_string(), &*max.to_string(), "pass fewer"];
    assert_refused(node, &words, |node| {
        node.republish_records(&vec![record.clone(); max + 1], NOW)
    });
    assert_refused(node, &words, |node| {
        node.republish_tombstones(&vec![tombstone.clone(); max + 1], NOW)
    });
    assert_refused(node, &words, |node| {
        node.republish_weighed(&[record.clone()], &vec![no_weight(); max + 1], NOW)
    });
    let key = peer.key("label", NOW);
    assert_text(
        &latest_key(vec![key; 257], None).unwrap_err().to_string(),
        &["257 keys", "256"],
    );
    assert_text(
        &node.merge(vec![vec![]; 257]).unwrap_err().to_string(),
        &["257 lists", "256"],
    );
    assert_text(
        &node.merge(vec![vec![record; 16_385]]).unwrap_err().to_string(),
        &["16385 records", "16384"],
    );
}
