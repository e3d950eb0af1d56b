//! What `get_stats` tells an operator.

use registry_service::calls::Reason;
use registry_testkit::{Origins, Peer};

use crate::support::{scene, DAY, HOUR, NOW};

#[test]
fn how_long_ago_the_spell_ran_is_told_once_it_has_run() {
    let mut scene = scene();
    assert_eq!(scene.node.get_stats(NOW).unwrap().spell_ran_sec, None);
    for ran_at in [NOW, NOW + HOUR] {
        let origins = Origins::new(&scene.node.host, &scene.node.host, 2).time(1);
        // There is nothing to clear in the second run.
        scene
            .node
            .call(origins, |call| call.clear_expired_every(DAY, ran_at))
            .unwrap();
        assert_eq!(scene.node.get_stats(ran_at + 70).unwrap().spell_ran_sec, Some(70));
    }
    scene.node.clear_expired(NOW + 2 * HOUR).unwrap();
    assert_eq!(
        scene.node.get_stats(NOW + 3 * HOUR).unwrap().spell_ran_sec,
        Some(2 * HOUR),
        "anybody may clear"
    );
}

#[test]
fn what_replication_has_still_to_do_is_told() {
    let mut scene = scene();
    let behind = scene.node.get_stats(NOW + 60).unwrap().behind;
    assert_eq!((behind.due, behind.oldest_due_sec, behind.partial), (0, 0, 0));
    let behind = scene.node.get_stats(NOW + 3 * HOUR).unwrap().behind;
    assert_eq!((behind.due, behind.partial), (1, 0));
    let (spread, since) = (HOUR / 10, 2 * HOUR);
    assert!(
        (since - spread..=since + spread).contains(&behind.oldest_due_sec),
        "{behind:?}"
    );

    // What is urgent or partial is due; since when nobody knows.
    let older = Peer::named("owner").key("older", NOW - HOUR);
    scene.node.republish_key(&older, NOW).unwrap();
    let behind = scene.node.get_stats(NOW + 60).unwrap().behind;
    assert_eq!((behind.due, behind.oldest_due_sec, behind.partial), (1, 0, 1));
    let hosted = scene.host().record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.put_record(&hosted, NOW).unwrap();
    let behind = scene.node.get_stats(NOW + 60).unwrap().behind;
    assert_eq!((behind.due, behind.oldest_due_sec, behind.partial), (2, 0, 1));
}

#[test]
fn refused_calls_are_counted_by_reason() {
    let mut scene = scene();
    assert_eq!(scene.node.get_stats(NOW).unwrap().refused, []);
    let record = scene.record("provider", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    scene.node.put_record(&record, NOW).unwrap();
    scene
        .node
        .put_record(&scene.record("provider", NOW - 1), NOW)
        .unwrap_err();
    for _ in 0..3 {
        scene
            .node
            .put_record(&scene.record("late", NOW - DAY), NOW)
            .unwrap_err();
    }
    scene
        .node
        .put_record(&scene.record("ahead", NOW + 31), NOW)
        .unwrap_err();
    let mut forged = scene.record("forger", NOW);
    forged.metadata.value = "another".to_owned();
    scene.node.put_record(&forged, NOW).unwrap_err();
    scene.node.get_records("no key id", NOW).unwrap_err();
    let elsewhere = Peer::named("owner").key("elsewhere", NOW);
    scene.node.get_records(&elsewhere.id, NOW).unwrap_err();
    // Those that return a plan with the refusal in it are counted like all others.
    let client = Origins::new(&scene.node.host, &Peer::named("a client"), 7).time(6);
    for (key_id, provider) in [
        ("no key id", ""),
        (elsewhere.id.as_str(), "no peer id"),
        (&elsewhere.id, ""),
    ] {
        let begun = scene.node.call(client.clone(), |call| {
            Ok(call.begin_lookup(key_id, (provider, &[]), Vec::new(), (1, 60), NOW))
        });
        assert!(begun.unwrap().here[0].counts.is_empty());
    }
    let unproved = Origins::new(&scene.node.host, &Peer::named("a client"), 2);
    scene
        .node
        .call(unproved, |call| call.get_records(&elsewhere.id, NOW))
        .unwrap_err();
    let stranger = Origins::new(&scene.node.host, &Peer::named("a client"), 1);
    scene
        .node
        .call(stranger, |call| call.set_stale_timeout(HOUR))
        .unwrap_err();
    assert_eq!(
        scene.node.get_stats(NOW).unwrap().refused,
        [
            (Reason::Unproved, 1),
            (Reason::Forbidden, 1),
            (Reason::Malformed, 3),
            (Reason::NotGenuine, 1),
            (Reason::Ahead, 1),
            (Reason::Expired, 3),
            (Reason::UnknownKey, 2),
            (Reason::Superseded, 1),
        ]
    );
    let node = scene.node.restart(|_| ()).unwrap();
    assert_eq!({ node }.get_stats(NOW).unwrap().refused, []);
}
