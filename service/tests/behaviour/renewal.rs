//! Which of its own records a node signs anew, and those that its operator takes away.

use registry_service::calls::CallError;
use registry_service::domain::data::{Record, RecordMetadata};
use registry_service::domain::limits::{RECORDS_PER_KEY_MAX, RENEW_BATCH_MAX};
use registry_testkit::{weight_of, NativeNode, Origins, Peer};

use crate::support::{assert_refused, assert_text, scene, sorted, Scene, DAY, HOUR, NOW};

/// What a run of the node's renewal does.
fn renew(scene: &mut Scene, now: u64) -> Vec<Record> {
    let due = scene.node.get_due_host_records(DAY / 2, now).unwrap();
    assert!(due.len() <= RENEW_BATCH_MAX);
    let host = scene.host();
    let signed = due.into_iter().map(|record| host.record(record.metadata, now));
    signed
        .inspect(|record| scene.node.put_record(record, now).unwrap())
        .collect()
}

/// So many issuers issue their records for this node anew.
fn flood(scene: &mut Scene, issuers: usize, now: u64) {
    for number in 0..issuers {
        let metadata = scene.host_metadata(&format!("flooder {number}"), now);
        scene.node.put_host_record(&metadata, now).unwrap();
    }
}

fn is_among(renewed: &[Record], metadata: &RecordMetadata) -> bool {
    renewed.iter().any(|record| record.metadata == *metadata)
}

#[test]
fn an_old_record_is_renewed_however_many_others_are_issued_anew_before_every_run() {
    let mut scene = scene();
    let honest = scene.host().record(scene.host_metadata("honest", NOW), NOW);
    scene.node.put_record(&honest, NOW).unwrap();
    let now = NOW + 13 * HOUR;
    for run in 0..3 {
        flood(&mut scene, RENEW_BATCH_MAX, now + 60 * run);
        let renewed = renew(&mut scene, now + 60 * run + 1);
        assert_eq!(is_among(&renewed, &honest.metadata), run == 0, "it waited for longest");
    }
}

#[test]
fn a_new_record_is_signed_however_many_others_are_issued_anew_before_every_run() {
    let mut scene = scene();
    // Twice what a run takes, so that there is a queue.
    flood(&mut scene, 2 * RENEW_BATCH_MAX, NOW);
    let honest = scene.host_metadata("honest", NOW + 1);
    scene.node.put_host_record(&honest, NOW + 1).unwrap();
    let mut signed_in = None;
    for run in 1..5 {
        if is_among(&renew(&mut scene, NOW + 60 * run), &honest) {
            signed_in = signed_in.or(Some(run));
        }
        flood(&mut scene, 2 * RENEW_BATCH_MAX, NOW + 60 * run + 1);
    }
    assert!(signed_in.is_some_and(|run| run <= 3), "{signed_in:?}");
}

/// Neighbours refuse it, while by its own node's clock, which was ahead for one run, all is well.
#[test]
fn a_record_dated_ahead_by_its_own_node_is_due_and_renewed() {
    let mut scene = scene();
    let ahead = NOW + 30 * DAY;
    let metadata = scene.host_metadata("issuer", NOW);
    scene.node.put_host_record(&metadata, NOW).unwrap();
    assert_eq!(renew(&mut scene, ahead)[0].timestamp_created, ahead);
    let renewed = renew(&mut scene, NOW + 60);
    assert_eq!(renewed[0].timestamp_created, NOW + 60);
    assert_eq!(scene.node.get_records(&scene.key_id, NOW + 60).unwrap(), renewed);
    assert_eq!(renew(&mut scene, NOW + 120), []);
    let mut neighbour = NativeNode::new(Peer::named("neighbour"));
    neighbour.register_key(&scene.key, NOW).unwrap();
    neighbour.republish_records(&renewed, NOW + 60).unwrap();
    assert_eq!(neighbour.get_records(&scene.key_id, NOW + 60).unwrap(), renewed);
}

#[test]
fn what_neighbours_accept_in_spite_of_its_date_is_not_due() {
    let mut scene = scene();
    let metadata = scene.host_metadata("issuer", NOW);
    scene.node.put_host_record(&metadata, NOW).unwrap();
    renew(&mut scene, NOW + 30);
    assert_eq!(renew(&mut scene, NOW), []);
}

/// A new signature of the node does not mend it, and others must not wait for it.
#[test]
fn what_its_issuer_has_dated_ahead_is_not_due_for_renewal() {
    let mut scene = scene();
    let ahead = NOW + 30 * DAY;
    flood(&mut scene, 2 * RENEW_BATCH_MAX, ahead);
    renew(&mut scene, ahead);
    renew(&mut scene, ahead);
    let honest = scene.host_metadata("honest", NOW + 60);
    scene.node.put_host_record(&honest, NOW + 60).unwrap();
    let renewed = renew(&mut scene, NOW + 61);
    assert!(renewed.len() == 1 && is_among(&renewed, &honest));
}

/// It stands for nothing any more: the same issuer's next tombstone and records count by the time as it is.
#[test]
fn what_a_clock_ahead_has_let_in_does_not_stand_in_the_way() {
    let mut scene = scene();
    let (provider, ahead) = (Peer::named("provider"), NOW + 30 * DAY);
    scene.node.put_record(&scene.record("provider", ahead), ahead).unwrap();
    let now = scene.record("provider", NOW);
    scene.node.put_record(&now, NOW).unwrap();
    assert_eq!(scene.node.get_records(&scene.key_id, NOW).unwrap(), [now]);
    let dated_ahead = provider.tombstone(&scene.key_id, &provider, ahead);
    scene.node.add_tombstone(&dated_ahead, ahead).unwrap();
    let again = scene.record("provider", NOW + 1);
    scene.node.put_record(&again, NOW + 1).unwrap();
    assert_eq!(scene.node.get_records(&scene.key_id, NOW + 1).unwrap(), [again]);
}

/// They would rank above all that is right until their time has come.
#[test]
fn what_a_clock_ahead_has_let_in_makes_room_first() {
    let mut scene = scene();
    let ahead = NOW + 30 * DAY;
    for number in 0..RECORDS_PER_KEY_MAX {
        let record = scene.record(&format!("ahead {number}"), ahead);
        scene.node.put_record(&record, ahead).unwrap();
    }
    let right: Vec<Record> = (0..RECORDS_PER_KEY_MAX)
        .map(|number| scene.record(&format!("right {number}"), NOW))
        .collect();
    scene.node.put_record(&right[0], NOW).unwrap();
    let republished = scene.node.republish_records(&right, NOW).unwrap();
    assert_eq!((republished.updated, republished.refused.len()), (31, 0));
    assert_eq!(
        sorted(scene.node.get_records(&scene.key_id, NOW).unwrap()),
        sorted(right)
    );
}

/// What the node adds to a record that it has taken in is its own signature.
#[test]
fn an_issuer_at_its_limit_does_not_keep_the_node_from_signing() {
    let mut scene = scene();
    let host = scene.host();
    let origins = Origins::new(&host, &host, 2);
    let limits = |call: &mut registry_service::calls::Call<'_, _>| call.set_storage_limits(1 << 20, 64 << 10);
    scene.node.call(origins, limits).unwrap();
    let issuer = Peer::named("issuer");
    let mut taken_in = 0;
    for len in [4_000, 100, 1] {
        while let Ok(taken) = {
            let service = format!("service {taken_in}");
            let value = "v".repeat(len);
            let metadata = issuer.service_metadata(&scene.key_id, &host, (&service, &value), NOW);
            scene.node.put_host_record(&metadata, NOW)
        } {
            assert!(taken.signature.is_empty());
            taken_in += 1;
        }
    }
    assert!(taken_in > 3);
    assert_eq!(renew(&mut scene, NOW + 60).len(), taken_in);
    assert_eq!(renew(&mut scene, NOW + 120), []);
}

#[test]
fn host_records_of_weighed_issuers_do_not_close_the_node_to_others() {
    let mut scene = scene();
    // In place of 10,000 records: the count that the limit is compared with.
    let count = |scene: &Scene| {
        let sql = "SELECT count(*) FROM entries WHERE kind = 0 AND weight = 0";
        let count = scene.node.registry().store().read_raw(sql, &[]).unwrap();
        String::from_utf8(count).unwrap().parse::<usize>().unwrap()
    };
    for (number, weight) in [(0, Some(5)), (1, Some(0)), (2, None)] {
        let issuer = format!("issuer {number}");
        let metadata = scene.host_metadata(&issuer, NOW);
        let origins = Origins::new(&scene.host(), &Peer::named(&issuer), 3).time(2).weight(1);
        let proof = weight.map_or_else(registry_testkit::no_weight, |weight| {
            weight_of(Peer::named(&issuer).id(), weight)
        });
        scene
            .node
            .call(origins, |call| {
                call.put_host_record(metadata, std::slice::from_ref(&proof), NOW)
            })
            .unwrap();
    }
    assert_eq!(count(&scene), 2);
    renew(&mut scene, NOW + 1);
    scene.node = scene.node.restart(|_| ()).unwrap();
    assert_eq!(count(&scene), 2);
}

fn remove(scene: &mut Scene, issuer: &str, now: u64) -> Result<(), CallError> {
    let host = scene.host();
    let origins = Origins::new(&host, &host, 3).time(2);
    let (key_id, issuer) = (scene.key_id.clone(), Peer::named(issuer));
    scene
        .node
        .call(origins, |call| call.remove_host_record(&key_id, issuer.id(), now))
}

#[test]
fn a_host_record_that_was_removed_is_gone_is_not_renewed_and_no_neighbour_brings_it_back() {
    let mut scene = scene();
    let host = scene.host();
    let chat = Peer::named("issuer").service_metadata(&scene.key_id, &host, ("chat", "value"), NOW - 9);
    let signed: Vec<Record> = [scene.host_metadata("issuer", NOW - 9), chat.clone()]
        .map(|metadata| host.record(metadata, NOW))
        .to_vec();
    let other = host.record(scene.host_metadata("other", NOW), NOW);
    let remote = Peer::named("issuer").metadata(&scene.key_id, &Peer::named("remote"), "value", NOW);
    let remote = Peer::named("remote").record(remote, NOW);
    for record in signed.iter().chain([&other, &remote]) {
        scene.node.put_record(record, NOW).unwrap();
    }
    remove(&mut scene, "issuer", NOW).unwrap();
    let rest = sorted(vec![other.clone(), remote]);
    for later in [0, HOUR, DAY - 1] {
        let now = NOW + later;
        scene.node = scene.node.restart(|_| ()).unwrap();
        assert_eq!(scene.node.republish_records(&signed, now).unwrap().updated, 0);
        assert_eq!(sorted(scene.node.get_records(&scene.key_id, now).unwrap()), rest);
        let words = [
            "a removal by this host of timestamp_issued 1700000000",
            "later timestamp",
        ];
        assert_refused(&mut scene.node, &words, |node| node.put_record(&signed[1], now));
    }
    let due = scene.node.get_due_host_records(DAY / 2, NOW + DAY / 2).unwrap();
    assert_eq!(due, [other]);
    // It is this host's word alone: nobody is told.
    assert_eq!(scene.node.get_tombstones(&scene.key_id, NOW).unwrap(), []);
    let stale = scene.node.evict_stale(NOW + DAY - 1).unwrap();
    assert!(stale.len() == 1 && stale[0].tombstones.is_empty());
    // When neighbours hold the records no more, it ends.
    assert_eq!(scene.node.clear_expired(NOW + 2 * DAY - 1).unwrap().tombstones, 0);
    assert_eq!(scene.node.clear_expired(NOW + 2 * DAY).unwrap().tombstones, 1);
}

#[test]
fn what_an_issuer_issues_after_a_removal_is_taken_in() {
    let mut scene = scene();
    let first = scene.host_metadata("issuer", NOW);
    scene.node.put_host_record(&first, NOW).unwrap();
    remove(&mut scene, "issuer", NOW).unwrap();
    // What the node says of itself is not the issuer's word, and goes to nobody.
    assert_eq!(scene.latest_issued("issuer", "host"), None);
    assert_refused(&mut scene.node, &["a removal by this host"], |node| {
        node.put_host_record(&first, NOW)
    });
    let again = scene.host_metadata("issuer", NOW + 1);
    assert_eq!(scene.node.put_host_record(&again, NOW).unwrap().metadata, again);
    assert_eq!(scene.providers(NOW).len(), 1);
}

#[test]
fn removing_what_is_not_there_or_by_a_stranger_is_refused() {
    let mut scene = scene();
    let key_id = scene.key_id.clone();
    assert_text(
        &remove(&mut scene, "issuer", NOW).unwrap_err().to_string(),
        &["no record of issuer", Peer::named("issuer").id(), &key_id],
    );
    let metadata = scene.host_metadata("issuer", NOW);
    scene.node.put_host_record(&metadata, NOW).unwrap();
    assert_refused(
        &mut scene.node,
        &["remove_host_record is for the node", "only"],
        |node| {
            let origins = Origins::new(&node.host, &Peer::named("stranger"), 3)
                .time(2)
                .creator(&node.host);
            let issuer = Peer::named("issuer");
            node.call(origins, |call| call.remove_host_record(&key_id, issuer.id(), NOW))
        },
    );
}

#[test]
fn a_tombstone_without_a_signature_is_none_from_anybody_else() {
    let mut scene = scene();
    let metadata = scene.host_metadata("issuer", NOW);
    scene.node.put_host_record(&metadata, NOW).unwrap();
    remove(&mut scene, "issuer", NOW).unwrap();
    let mut forged = Peer::named("issuer").tombstone(&scene.key_id, &scene.host(), NOW);
    forged.issuer_signature.clear();
    assert_refused(&mut scene.node, &["tombstone's signature"], |node| {
        node.add_tombstone(&forged, NOW)
    });
    let refused = scene.node.republish_tombstones(&[forged], NOW).unwrap().refused;
    assert_eq!(refused.len(), 1);
}
