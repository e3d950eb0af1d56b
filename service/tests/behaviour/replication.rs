//! What is handed over to other nodes, when, and how long until again; and how node providers get signed.

use registry_service::calls::CallError;
use registry_service::domain::data::Record;
use registry_service::domain::limits::{
    EVICT_STALE_ENTRIES_MAX, EVICT_STALE_KEYS_MAX, LEASE_SEC, RENEW_BATCH_MAX, TOMBSTONES_PER_KEY_MAX,
};
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{assert_refused, dump, scene, sorted, Scene, DAY, HOUR, NOW};

/// The labels of the keys that the host's evict_stale returns.
fn evicted(node: &mut NativeNode, now: u64) -> Vec<String> {
    let stale = node.evict_stale(now).unwrap();
    stale.into_iter().map(|stale| stale.key.label).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_key_is_due_when_it_is_stale_to_the_second() {
    let mut scene = scene();
    assert_eq!(evicted(&mut scene.node, NOW), NONE);
    assert_eq!(evicted(&mut scene.node, NOW + HOUR - 1), NONE);
    assert_eq!(evicted(&mut scene.node, NOW + HOUR), ["resource"]);
}

#[test]
fn registering_or_republishing_puts_off_when_a_key_is_due() {
    let mut scene = scene();
    scene.node.republish_key(&scene.key, NOW + 100).unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + HOUR + 99), NONE);
    scene.node.register_key(&scene.key, NOW + 200).unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + HOUR + 199), NONE);
    // Reading and putting do not.
    let now = NOW + HOUR + 200;
    scene.node.get_records(&scene.key_id, now).unwrap();
    scene.node.put_record(&scene.record("provider", now), now).unwrap();
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
}

#[test]
fn the_hosts_evict_stale_leases_what_it_returns() {
    let mut scene = scene();
    let now = NOW + HOUR;
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
    assert_eq!(evicted(&mut scene.node, now), NONE);
    assert_eq!(evicted(&mut scene.node, now + LEASE_SEC - 1), NONE);
    assert_eq!(evicted(&mut scene.node, now + LEASE_SEC), ["resource"]);
}

#[test]
fn a_lease_lasts_as_long_where_keys_are_stale_sooner() {
    let mut scene = scene();
    scene.node.set_stale_timeout(60).unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + 60), ["resource"]);
    assert_eq!(evicted(&mut scene.node, NOW + 60 + LEASE_SEC - 1), NONE);
    assert_eq!(evicted(&mut scene.node, NOW + 60 + LEASE_SEC), ["resource"]);
}

#[test]
fn anybody_elses_evict_stale_only_reads() {
    let mut scene = scene();
    let now = NOW + HOUR;
    let before = dump(&scene.node);
    assert_eq!(scene.node.peek_stale(now).unwrap().len(), 1);
    assert_eq!(scene.node.peek_stale(now).unwrap().len(), 1);
    let (host, creator) = (scene.host(), Peer::named("creator"));
    let as_creator = Origins::new(&host, &creator, 1).creator(&creator).time(0);
    assert_eq!(
        scene.node.call(as_creator, |call| call.evict_stale(now)).unwrap().len(),
        1
    );
    assert_eq!(before, dump(&scene.node));
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
}

#[test]
fn what_was_confirmed_is_due_after_the_full_time() {
    let mut scene = scene();
    let now = NOW + HOUR;
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
    scene
        .node
        .confirm_replicated(&[scene.key_id.clone()], now + 10)
        .unwrap();
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR - 1), NONE);
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR), ["resource"]);
}

#[test]
fn what_is_remembered_does_not_undo_a_confirmation() {
    let mut scene = scene();
    let now = NOW + HOUR;
    assert_eq!(evicted(&mut scene.node, now), ["resource"]);
    // A read brings the key into memory with the time of its lease; a later one writes it.
    scene.node.get_records(&scene.key_id, now).unwrap();
    scene
        .node
        .confirm_replicated(&[scene.key_id.clone()], now + 10)
        .unwrap();
    scene.node.get_records(&scene.key_id, now + 20 * 60).unwrap();
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR - 1), NONE);
    // A republication waits in memory to be written.
    let now = now + 2 * HOUR;
    scene.node.republish_key(&scene.key, now).unwrap();
    scene
        .node
        .confirm_replicated(&[scene.key_id.clone()], now + 10)
        .unwrap();
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR - 1), NONE);
    assert_eq!(evicted(&mut scene.node, now + 10 + HOUR), ["resource"]);
}

#[test]
fn a_refused_call_does_not_make_a_key_due_earlier() {
    let mut scene = scene();
    scene.node.republish_key(&scene.key, NOW + 100).unwrap();
    let expired = scene.record("provider", NOW - DAY);
    scene.node.put_record(&expired, NOW + 100).unwrap_err();
    assert_eq!(evicted(&mut scene.node, NOW + HOUR + 99), NONE);
}

#[test]
fn a_put_does_not_make_a_key_due_earlier() {
    let mut scene = scene();
    scene
        .node
        .put_record(&scene.record("first", NOW + 100), NOW + 100)
        .unwrap();
    scene.node.republish_key(&scene.key, NOW + 100).unwrap();
    scene
        .node
        .put_record(&scene.record("second", NOW + 100), NOW + 100)
        .unwrap();
    assert_eq!(evicted(&mut scene.node, NOW + HOUR + 99), NONE);
}

#[test]
fn confirming_an_unknown_key_does_nothing() {
    let mut scene = scene();
    let unknown = Peer::named("nobody").key("unknown", NOW).id;
    let before = dump(&scene.node);
    scene.node.confirm_replicated(&[unknown], NOW + HOUR).unwrap();
    assert_eq!(before, dump(&scene.node));
}

#[test]
fn the_oldest_keys_come_first_and_no_more_than_a_batch() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    let count = EVICT_STALE_KEYS_MAX + 20;
    // Registered in an order that is neither that of time nor of ids.
    for number in (0..count).map(|number| number * 77 % count) {
        let at = NOW + number as u64;
        node.register_key(&owner.key(&format!("key {number}"), at), at).unwrap();
    }
    let now = NOW + DAY / 2;
    let first = evicted(&mut node, now);
    assert_eq!(
        first,
        (0..EVICT_STALE_KEYS_MAX)
            .map(|number| format!("key {number}"))
            .collect::<Vec<_>>()
    );
    let second = evicted(&mut node, now);
    assert_eq!(
        second,
        (EVICT_STALE_KEYS_MAX..count)
            .map(|number| format!("key {number}"))
            .collect::<Vec<_>>()
    );
    assert_eq!(evicted(&mut node, now), NONE);
}

#[test]
fn a_batch_has_a_bounded_number_of_entries() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    let provider = Peer::named("provider");
    for number in 0..10 {
        let key = owner.key(&format!("key {number}"), NOW + number);
        node.register_key(&key, NOW + number).unwrap();
        let tombstones: Vec<_> = (0..TOMBSTONES_PER_KEY_MAX)
            .map(|issuer| Peer::named(&format!("issuer {issuer}")).tombstone(&key.id, &provider, NOW))
            .collect();
        assert_eq!(node.republish_tombstones(&tombstones, NOW).unwrap().updated, 256);
    }
    let fitting = EVICT_STALE_ENTRIES_MAX / TOMBSTONES_PER_KEY_MAX;
    let stale = node.evict_stale(NOW + DAY).unwrap();
    assert_eq!(stale.len(), fitting);
    assert!(stale
        .iter()
        .all(|stale| stale.tombstones.len() == TOMBSTONES_PER_KEY_MAX));
    assert_eq!(node.evict_stale(NOW + DAY).unwrap().len(), 10 - fitting);
}

/// R6: 0.9.4 never replicates a tombstone.
#[test]
fn a_due_key_comes_with_its_live_records_and_tombstones() {
    let mut scene = scene();
    let now = NOW + DAY;
    let issuer = Peer::named("issuer");
    let old = scene.record("old", NOW);
    let young = scene.record("young", now - 10);
    let tombstone = issuer.tombstone(&scene.key_id, &issuer, NOW);
    scene.node.put_record(&old, NOW).unwrap();
    scene.node.put_record(&young, now - 10).unwrap();
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    let stale = scene.node.evict_stale(now).unwrap();
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0].key, scene.key);
    assert_eq!(stale[0].records, [young.clone()]);
    assert_eq!(stale[0].tombstones, [tombstone.clone()]);

    let mut neighbour = NativeNode::new(Peer::named("neighbour"));
    neighbour.republish_key(&stale[0].key, now).unwrap();
    assert_eq!(neighbour.republish_records(&stale[0].records, now).unwrap().updated, 1);
    assert_eq!(
        neighbour
            .republish_tombstones(&stale[0].tombstones, now)
            .unwrap()
            .updated,
        1
    );
    assert_eq!(neighbour.get_records(&scene.key_id, now).unwrap(), [young]);
    assert_eq!(neighbour.get_tombstones(&scene.key_id, now).unwrap(), [tombstone]);
}

#[test]
fn a_dead_key_is_not_replicated_but_one_with_a_host_record_is() {
    let mut scene = scene();
    let much_later = NOW + 5 * DAY;
    assert_eq!(evicted(&mut scene.node, much_later), NONE);
    let record = scene.host().record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.put_record(&record, NOW).unwrap();
    assert_eq!(evicted(&mut scene.node, much_later), ["resource"]);
}

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
    neighbour.propagate_host_record(&unsigned, NOW)?;
    assert_eq!(neighbour.get_records(&scene.key_id, NOW)?, [unsigned.clone()]);
    // Nobody passes an unsigned record on.
    for node in [&mut scene.node, &mut neighbour] {
        assert_eq!(node.evict_stale(NOW + HOUR)?[0].records, []);
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
fn taking_a_node_provider_in_again_returns_what_stands() {
    let mut scene = scene();
    let host = scene.host();
    let earlier = scene.host_metadata("issuer", NOW - 5);
    let later = scene.host_metadata("issuer", NOW);
    let signed = host.record(later.clone(), NOW);
    scene.node.put_host_record(&earlier, NOW).unwrap();
    scene.node.put_record(&signed, NOW).unwrap();
    assert_eq!(scene.node.put_host_record(&earlier, NOW).unwrap(), signed);
    assert_eq!(scene.node.put_host_record(&later, NOW).unwrap(), signed);
    let tombstone = Peer::named("issuer").tombstone(&scene.key_id, &host, NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_refused(&mut scene.node, &["a tombstone"], |node| {
        node.put_host_record(&later, NOW)
    });
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
        |node| node.propagate_host_record(&unsigned, NOW),
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
        node.propagate_host_record(&forged, NOW)
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
fn renewals_come_in_batches_unsigned_and_oldest_first() {
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
        assert_eq!(due.contains(&unsigned), renewed == 0);
        renewed += due.len();
        for record in due {
            let signed = scene.host().record(record.metadata, now);
            scene.node.put_record(&signed, now).unwrap();
        }
    }
    assert_eq!(renewed, records.len() + 1);
}
