//! What stands for an identity: the order of its records and tombstones.

use registry_service::domain::data::{Record, RecordMetadata};
use registry_testkit::{NativeNode, Peer};

use crate::support::{assert_refused, assert_text, dump, scene, Scene, NOW};

/// The value of the one record that stands for `provider`, if any.
fn standing(scene: &mut Scene) -> Option<String> {
    let records = scene.node.get_records(&scene.key_id, NOW).unwrap();
    assert!(records.len() <= 1);
    records.into_iter().next().map(|record| record.metadata.value)
}

fn issued(scene: &Scene, value: &str, issued: u64, created: u64) -> Record {
    let peer = Peer::named("provider");
    peer.record(peer.metadata(&scene.key_id, &peer, value, issued), created)
}

#[test]
fn the_record_issued_later_wins() {
    let mut scene = scene();
    let earlier = issued(&scene, "earlier", NOW - 10, NOW);
    let later = issued(&scene, "later", NOW - 9, NOW - 9);
    scene.node.put_record(&earlier, NOW).unwrap();
    scene.node.put_record(&later, NOW).unwrap();
    assert_eq!(standing(&mut scene).unwrap(), "later");
    let words = ["a record of timestamp_issued 1699999991", "later timestamp"];
    assert_refused(&mut scene.node, &words, |node| node.put_record(&earlier, NOW));
}

#[test]
fn of_one_issue_the_record_created_later_wins() {
    let mut scene = scene();
    let earlier = issued(&scene, "value", NOW - 10, NOW - 10);
    let later = issued(&scene, "value", NOW - 10, NOW - 9);
    scene.node.put_record(&later, NOW).unwrap();
    assert_refused(&mut scene.node, &["already stands"], |node| {
        node.put_record(&earlier, NOW)
    });
    assert_eq!(scene.node.get_records(&scene.key_id, NOW).unwrap(), [later]);
}

#[test]
fn between_records_of_equal_times_the_bytes_decide() {
    let (mut one, mut other) = (scene(), scene());
    let records = [issued(&one, "a", NOW, NOW), issued(&one, "b", NOW, NOW)];
    one.node.put_record(&records[0], NOW).unwrap();
    one.node.put_record(&records[1], NOW).unwrap();
    other.node.put_record(&records[1], NOW).unwrap();
    other.node.put_record(&records[0], NOW).unwrap_err();
    assert_eq!(standing(&mut one), Some("b".into()));
    assert_eq!(standing(&mut other), Some("b".into()));
}

#[test]
fn a_signed_record_beats_an_unsigned_one_of_equal_times() {
    let mut scene = scene();
    let remote = Peer::named("remote");
    let metadata = Peer::named("issuer").metadata(&scene.key_id, &remote, "value", NOW);
    let signed = remote.record(metadata, NOW);
    let unsigned = Record {
        signature: vec![],
        ..signed.clone()
    };
    scene.node.publish_host_record(&unsigned, NOW).unwrap();
    scene.node.put_record(&signed, NOW).unwrap();
    assert_eq!(scene.node.get_records(&scene.key_id, NOW).unwrap(), [signed.clone()]);
    assert_refused(&mut scene.node, &["already stands"], |node| {
        node.publish_host_record(&unsigned, NOW)
    });
}

#[test]
fn tombstone_wins_at_equal_timestamps() {
    let peer = Peer::named("provider");
    let mut scene = scene();
    let record = issued(&scene, "value", NOW, NOW + 5);
    let tombstone = peer.tombstone(&scene.key_id, &peer, NOW);
    scene.node.put_record(&record, NOW).unwrap();
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_eq!(standing(&mut scene), None);
    assert_refused(
        &mut scene.node,
        &["a tombstone of timestamp_issued 1700000000"],
        |node| node.put_record(&record, NOW),
    );
    assert_eq!(scene.node.republish_records(&[record], NOW).unwrap().updated, 0);
    assert_eq!(standing(&mut scene), None);
    assert_eq!(scene.node.get_tombstones(&scene.key_id, NOW).unwrap(), [tombstone]);
}

#[test]
fn a_record_issued_after_a_tombstone_stands_again() {
    let peer = Peer::named("provider");
    let mut scene = scene();
    let tombstone = peer.tombstone(&scene.key_id, &peer, NOW - 1);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    scene.node.put_record(&issued(&scene, "again", NOW, NOW), NOW).unwrap();
    assert_eq!(standing(&mut scene), Some("again".into()));
    // Other services are as void as before.
    assert_eq!(
        scene.node.get_tombstones(&scene.key_id, NOW).unwrap(),
        [tombstone.clone()]
    );
    assert_refused(&mut scene.node, &["a record of timestamp_issued"], |node| {
        node.add_tombstone(&tombstone, NOW)
    });
}

#[test]
fn a_tombstone_of_another_issuer_deletes_nothing() {
    let mut scene = scene();
    scene
        .node
        .put_record(&issued(&scene, "value", NOW - 9, NOW), NOW)
        .unwrap();
    let tombstone = Peer::named("another").tombstone(&scene.key_id, &Peer::named("provider"), NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_eq!(standing(&mut scene), Some("value".into()));
}

#[test]
fn putting_or_adding_the_same_again_changes_nothing() {
    let mut scene = scene();
    let peer = Peer::named("provider");
    let record = issued(&scene, "value", NOW, NOW);
    let tombstone = peer.tombstone(&scene.key_id, &Peer::named("other"), NOW);
    scene.node.put_record(&record, NOW).unwrap();
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    let before = dump(&scene.node);
    scene.node.put_record(&record, NOW).unwrap();
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_eq!(scene.node.republish_records(&[record], NOW).unwrap().updated, 0);
    assert_eq!(scene.node.republish_tombstones(&[tombstone], NOW).unwrap().updated, 0);
    scene.node.republish_key(&scene.key, NOW).unwrap();
    assert_eq!(before, dump(&scene.node));
}

/// What is known bit for bit is not verified again: shown with a row that could not be.
#[test]
fn a_stored_record_is_not_verified_again() {
    let mut scene = scene();
    let mut record = issued(&scene, "value", NOW, NOW);
    scene.node.put_record(&record, NOW).unwrap();
    *record.signature.last_mut().unwrap() = 0xff;
    let mut elsewhere = NativeNode::new(Peer::named("elsewhere"));
    elsewhere.register_key(&scene.key, NOW).unwrap();
    assert_text(
        &elsewhere.put_record(&record, NOW).unwrap_err().to_string(),
        &["signature"],
    );
    // As bodies were before they had checksums.
    scene
        .node
        .run_raw("UPDATE entries SET body = CAST(x'01' || substr(body, 6, length(body) - 6) || x'ff' AS BLOB)")
        .unwrap();
    scene.node = scene.node.restart(|_| ()).unwrap();
    assert_eq!(scene.node.get_records(&scene.key_id, NOW).unwrap(), [record.clone()]);
    scene.node.put_record(&record, NOW).unwrap();
    let republished = scene.node.republish_records(&[record.clone()], NOW).unwrap();
    assert_eq!((republished.updated, republished.refused), (0, vec![]));
    // A single bit more, and it is verified.
    record.metadata = RecordMetadata {
        value: "Value".into(),
        ..record.metadata
    };
    assert_refused(&mut scene.node, &["signature"], |node| node.put_record(&record, NOW));
}
