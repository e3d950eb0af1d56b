//! Node providers: taken in on the issuer's word, propagated by proof, signed by the node's own renewal.

use registry_service::calls::CallError;
use registry_service::domain::data::Record;
use registry_service::domain::limits::RENEW_BATCH_MAX;
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{assert_refused, cleared, scene, sorted, Scene, DAY, HOUR, NOW};

/// R8: the node takes the client's metadata in, its neighbours accept that, its own renewal signs it.
#[test]
fn a_node_provider_is_taken_in_propagated_and_signed_by_its_own_renewal() -> Result<(), CallError> {
    let mut scene = scene();
    let host = scene.host();
    let metadata = scene.host_metadata("issuer", NOW - 5);
    let unsigned = scene.node.put_host_record(&metadata, NOW)?;
    assert_eq!(unsigned.metadata, metadata);
    assert_eq!((unsigned.timestamp_created, unsigned.signature.len()), (NOW - 5, 0));
    assert_eq!(scene.node.get_records(&scene.key_id, NOW)?, [unsigned.clone()]);

    let mut neighbour = NativeNode::new(Peer::named("neighbour"));
    neighbour.register_key(&scene.key, NOW)?;
    neighbour.publish_host_record(&unsigned, NOW)?;
    assert_eq!(neighbour.get_records(&scene.key_id, NOW)?, [unsigned.clone()]);
    // Nobody passes an unsigned record on.
    for node in [&mut scene.node, &mut neighbour] {
        assert_eq!(node.evict_stale(NOW + 2 * HOUR)?[0].records, []);
    }
    // The neighbour does not host it, so it has nothing to renew.
    assert_eq!(neighbour.get_stale_local_records(NOW)?, []);

    assert_eq!(scene.node.get_stale_local_records(NOW)?, [unsigned.clone()]);
    let renewed = host.record(unsigned.metadata, NOW);
    scene.node.put_record(&renewed, NOW)?;
    assert_eq!(scene.node.get_stale_local_records(NOW)?, []);
    for node in [&mut scene.node, &mut neighbour] {
        node.republish_records(&[renewed.clone()], NOW)?;
        assert_eq!(node.get_records(&scene.key_id, NOW)?, [renewed.clone()]);
        assert_eq!(node.evict_stale(NOW + DAY - 1)?[0].records, [renewed.clone()]);
    }
    Ok(())
}

#[test]
fn taking_a_node_provider_in_again_returns_the_record_that_the_node_has_signed() {
    let mut scene = scene();
    let host = scene.host();
    let earlier = scene.host_metadata("issuer", NOW - 5);
    let later = scene.host_metadata("issuer", NOW);
    let signed = host.record(later.clone(), NOW);
    scene.node.put_host_record(&earlier, NOW).unwrap();
    scene.node.put_record(&signed, NOW).unwrap();
    assert_eq!(scene.node.put_host_record(&later, NOW).unwrap(), signed);
    let tombstone = Peer::named("issuer").tombstone(&scene.key_id, &host, NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_refused(&mut scene.node, &["a tombstone"], |node| {
        node.put_host_record(&later, NOW)
    });
}

/// It used to answer true with what stood, so that the second of two registrations in one second was lost without a word.
#[test]
fn a_node_provider_that_something_later_stands_for_is_refused() {
    let mut scene = scene();
    let host = scene.host();
    let issue = |value: &str, issued| Peer::named("issuer").metadata(&scene.key_id, &host, value, issued);
    let (b, a, earlier) = (issue("b", NOW), issue("a", NOW), issue("c", NOW - 1));
    let unsigned = scene.node.put_host_record(&b, NOW).unwrap();
    for superseded in [a, earlier] {
        assert_refused(&mut scene.node, &["a record of timestamp_issued 1700000000"], |node| {
            node.put_host_record(&superseded, NOW)
        });
    }
    assert_eq!(scene.node.get_records(&scene.key_id, NOW).unwrap(), [unsigned]);
    let next = scene.latest_issued("issuer", "host").unwrap() + 1;
    let a = Peer::named("issuer").metadata(&scene.key_id, &host, "a", next);
    assert_eq!(scene.node.put_host_record(&a, NOW).unwrap().metadata, a);
}

#[test]
fn a_record_of_another_node_is_not_taken_in_as_a_host_record() {
    let mut scene = scene();
    let remote = Peer::named("remote");
    let metadata = Peer::named("issuer").metadata(&scene.key_id, &remote, "value", NOW);
    let words = [remote.id(), scene.node.host.id(), "call put_host_record on"].map(str::to_owned);
    assert_refused(&mut scene.node, &words.each_ref().map(String::as_str), |node| {
        node.put_host_record(&metadata, NOW)
    });
}

#[test]
fn an_unsigned_record_carries_nothing_that_its_issuer_did_not_sign() {
    let mut scene = scene();
    let remote = Peer::named("remote");
    let unsigned = Record {
        metadata: Peer::named("issuer").metadata(&scene.key_id, &remote, "value", NOW - HOUR),
        timestamp_created: NOW,
        signature: vec![],
    };
    assert_refused(
        &mut scene.node,
        &["timestamp_created", "timestamp_issued", "untouched"],
        |node| node.publish_host_record(&unsigned, NOW),
    );
    let forged = Record {
        timestamp_created: NOW - HOUR,
        metadata: registry_service::domain::data::RecordMetadata {
            value: "another".into(),
            ..unsigned.metadata.clone()
        },
        ..unsigned
    };
    assert_refused(&mut scene.node, &["issuer's signature"], |node| {
        node.publish_host_record(&forged, NOW)
    });
}

fn host_records(scene: &mut Scene, count: usize, created: u64) -> Vec<Record> {
    let records: Vec<Record> = (0..count)
        .map(|number| {
            let metadata = scene.host_metadata(&format!("issuer {number}"), created);
            scene.host().record(metadata, created)
        })
        .collect();
    for record in &records {
        scene.node.put_record(record, created).unwrap();
    }
    records
}

#[test]
fn host_records_are_due_for_renewal_well_before_they_expire() {
    let mut scene = scene();
    let records = host_records(&mut scene, 3, NOW);
    scene.node.put_record(&scene.record("not hosted", NOW), NOW).unwrap();
    let due = NOW + DAY / 2;
    assert_eq!(scene.node.get_stale_local_records(due - 1).unwrap(), []);
    assert_eq!(
        sorted(scene.node.get_stale_local_records(due).unwrap()),
        sorted(records)
    );
    assert!(due + 11 * HOUR < NOW + DAY);
}

#[test]
fn renewals_come_in_batches_and_who_has_waited_longest_comes_first() {
    let mut scene = scene();
    let records = host_records(&mut scene, RENEW_BATCH_MAX + 20, NOW);
    let now = NOW + DAY;
    let unsigned = scene
        .node
        .put_host_record(&scene.host_metadata("client", now - 1), now)
        .unwrap();
    let mut renewed = 0;
    loop {
        let due = scene.node.get_stale_local_records(now).unwrap();
        if due.is_empty() {
            break;
        }
        assert!(due.len() <= RENEW_BATCH_MAX);
        // It came last, so it is signed last.
        assert_eq!(due.contains(&unsigned), due.len() < RENEW_BATCH_MAX);
        renewed += due.len();
        for record in due {
            let signed = scene.host().record(record.metadata, now);
            scene.node.put_record(&signed, now).unwrap();
        }
    }
    assert_eq!(renewed, records.len() + 1);
}

/// A call from the scope of a worker, or a file that was under another node for a while.
#[test]
fn a_node_renews_its_own_records_whatever_it_was_called_in_between() {
    let mut scene = scene();
    let host = scene.host();
    let signed = host.record(scene.host_metadata("one", NOW), NOW);
    scene.node.put_record(&signed, NOW).unwrap();
    let unsigned = scene
        .node
        .put_host_record(&scene.host_metadata("two", NOW), NOW)
        .unwrap();
    let due = NOW + DAY / 2;
    let renewals = [unsigned, signed];
    for (name, worker) in [("another", "another"), ("host", "worker"), ("another", "host")] {
        let origins = Origins::new(&Peer::named(name), &host, 2)
            .time(1)
            .worker(&Peer::named(worker));
        let key_id = scene.key_id.clone();
        scene.node.call(origins, |call| call.get_records(&key_id, due)).unwrap();
        assert_eq!(
            scene.node.get_stale_local_records(due).unwrap(),
            renewals,
            "after {name}, {worker}"
        );
        scene.node = scene.node.restart(|_| ()).unwrap();
        assert_eq!(scene.node.get_stale_local_records(due).unwrap(), renewals);
        assert_eq!(scene.node.get_stats(due).unwrap().counts.host_records, 2);
    }
}

#[test]
fn a_record_that_came_while_the_node_had_another_name_is_its_own() {
    let mut scene = scene();
    let host = scene.host();
    let record = host.record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.host = Peer::named("another");
    scene.node.put_record(&record, NOW).unwrap();
    assert_eq!(scene.node.get_stale_local_records(NOW + DAY / 2).unwrap(), []);
    scene.node.host = host;
    assert_eq!(scene.node.get_stale_local_records(NOW + DAY / 2).unwrap(), [record]);
    assert_eq!(scene.node.clear_expired(NOW + 30 * DAY).unwrap(), cleared(0, 0, 0));
}

#[test]
fn records_that_wait_for_their_renewal_are_counted() {
    let mut scene = scene();
    host_records(&mut scene, 3, NOW);
    scene.node.put_record(&scene.record("not hosted", NOW), NOW).unwrap();
    let overdue = |scene: &mut Scene, now| scene.node.get_stats(now).unwrap().host_records_overdue;
    assert_eq!(overdue(&mut scene, NOW), 0);
    scene
        .node
        .put_host_record(&scene.host_metadata("unsigned", NOW), NOW)
        .unwrap();
    assert_eq!(overdue(&mut scene, NOW), 1);
    assert_eq!(overdue(&mut scene, NOW + DAY / 2 - 1), 1);
    assert_eq!(overdue(&mut scene, NOW + DAY / 2), 4);
}
