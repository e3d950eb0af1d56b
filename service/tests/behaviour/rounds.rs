//! Rounds of replication between nodes: what travels, what is settled, what is dropped, and what happens when a round is
//! cut short.

use registry_service::calls::{Answer, ReplicaAnswer, ReplicaParcel, ReplicaRound, ReplicationReport};
use registry_service::domain::data::Tombstone;
use registry_service::domain::limits::{
    ASKED_WHERE_RARE, BUNDLE_ISSUERS_MAX, HANDED_OVER_TO, LEASE_SEC, NEIGHBOURHOOD_MAX, RARE_BELOW, REPLICA_KEYS_MAX,
};
use registry_service::domain::{
    own_turn, pack_bundle, unpack_bundle, Entry, Identity, KeyId, KeySet, OfferAnswer, Subject,
};
use registry_testkit::{weight_of, NativeNode, Origins, Peer};

use crate::support::{assert_refused, dump, everybody, nodes, scene, sorted, with_providers, Scene, DAY, HOUR, NOW};

/// When a key registered at `NOW` is due.
const DUE: u64 = NOW + HOUR;

/// Whether nobody takes this key's replication over from this node then.
fn in_own_turn(node: &NativeNode, key_id: &str, now: u64) -> bool {
    own_turn(&KeyId::parse(key_id).unwrap(), node.host.id(), now, HOUR)
}

fn providers(node: &mut NativeNode, key_id: &str, now: u64) -> usize {
    node.get_records(key_id, now).map_or(0, |records| records.len())
}

fn answer(node: &mut NativeNode, round: &ReplicaRound, now: u64) -> ReplicaAnswer {
    let peer_id = node.host.id().to_owned();
    let offer = round.offers.iter().find(|offer| offer.peer_id == peer_id).unwrap();
    let answer = node.compare_replica(&round.digests, &offer.keys, now);
    ReplicaAnswer::of(&peer_id, Answer::from(answer))
}

fn begin(node: &mut NativeNode, others: &[NativeNode], now: u64) -> ReplicaRound {
    let table = others.iter().map(|node| node.host.id().to_owned()).collect();
    node.begin_replication(vec![table], HOUR, now).unwrap()
}

fn recipients(parcel: &ReplicaParcel) -> Vec<&str> {
    parcel.offers.iter().map(|part| part.peer_id.as_str()).collect()
}

fn entries(parcel: &ReplicaParcel) -> usize {
    unpack_bundle(&parcel.bundle)
        .unwrap()
        .iter()
        .map(|item| item.entry_count())
        .sum()
}

#[test]
fn a_neighbour_that_has_nothing_is_given_keys_records_and_tombstones() {
    let mut scene = with_providers(&["provider", "another"]);
    let deleted = Peer::named("provider").tombstone(&scene.key_id, &Peer::named("provider"), NOW + 1);
    scene.node.add_tombstone(&deleted, NOW + 1).unwrap();
    let mut others = nodes(3);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!(
        (trip.report.offered, trip.report.settled, trip.report.dropped),
        (1, 1, 0)
    );
    for node in &mut others {
        assert_eq!(providers(node, &scene.key_id, DUE), 1);
        assert_eq!(node.get_tombstones(&scene.key_id, DUE).unwrap(), [deleted.clone()]);
    }
}

#[test]
fn what_neighbours_hold_already_does_not_travel() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + HOUR);
    assert_eq!(trip.report.settled, 1);
    assert!(trip.parcel.is_none());

    let record = scene.record("another", DUE);
    scene.node.put_record(&record, DUE).unwrap();
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * HOUR);
    assert_eq!(entries(&trip.parcel.unwrap()), 1, "only the new record");
    assert_eq!(providers(&mut others[0], &scene.key_id, DUE + 2 * HOUR), 2);
}

#[test]
fn a_parcel_goes_to_those_alone_who_lack_something() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    scene.node.replicate(
        &mut others,
        |node| node.host.id() != Peer::named("node 1").id(),
        HOUR,
        DUE,
    );
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + HOUR);
    assert_eq!(recipients(&trip.parcel.unwrap()), [Peer::named("node 1").id()]);
    assert_eq!(providers(&mut others[1], &scene.key_id, DUE + HOUR), 1);
}

#[test]
fn a_neighbour_takes_in_what_of_a_bundle_is_for_it_and_nothing_else() {
    let mut scene = with_providers(&["provider"]);
    let key = Peer::named("owner").key("another resource", NOW);
    scene.node.register_key(&key, NOW).unwrap();
    let record = Peer::named("provider").own_record(&key.id, "value", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    // The first holds the one already, the second the other.
    let mut others = nodes(2);
    for (node, key) in others.iter_mut().zip([&scene.key, &key]) {
        node.register_key(key, NOW).unwrap();
        let record = Peer::named("provider").own_record(&key.id, "value", NOW);
        node.put_record(&record, NOW).unwrap();
    }
    let round = begin(&mut scene.node, &others, DUE);
    let answers: Vec<_> = others.iter_mut().map(|node| answer(node, &round, DUE)).collect();
    let parcel = scene.node.pack_replica(&round, &answers, DUE).unwrap();
    assert_eq!(unpack_bundle(&parcel.bundle).unwrap().len(), 2);
    for part in &parcel.offers {
        let keys = KeySet::parse(&part.keys).unwrap();
        assert_eq!(keys.iter().count(), 1, "{part:?}");
        let mut newcomer = NativeNode::new(Peer::named("newcomer"));
        let receipt = newcomer.take_part(&parcel.bundle, &part.keys, &[], DUE).unwrap();
        assert!(KeySet::parse(&receipt).unwrap().iter().eq(keys.iter()));
        assert_eq!(newcomer.registry().store().counts().unwrap().keys, 1);
        let issuers = newcomer.get_replica_issuers(&parcel.bundle).unwrap();
        assert_eq!(issuers.len(), 2, "the owner and the issuer of the key that is not here");
    }
    assert_refused(&mut others[0], &["malformed"], |node| {
        node.take_part(&parcel.bundle, "no set", &[], DUE)
    });
}

#[test]
fn who_holds_the_same_need_not_replicate_it_himself() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(8);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let again = DUE + HOUR - 10;
    for now in [again, again + HOUR] {
        // The node that hands over is due later than its neighbours would be.
        scene.node.replicate(&mut others, everybody, 60, now);
        for node in &mut others {
            let due = !node.peek_stale(now + 20).unwrap().is_empty();
            assert_eq!(due, in_own_turn(node, &scene.key_id, now), "{:?}", node.host);
        }
        for node in &mut others {
            let mut none: [NativeNode; 0] = [];
            node.replicate(&mut none, everybody, HOUR, now + 20);
        }
    }
}

#[test]
fn a_node_has_its_own_turn_in_one_of_sixteen_periods() {
    let key_id = KeyId::of("label", "owner");
    let turns = |host: &str| -> Vec<u64> {
        (0..16_000)
            .filter(|period| own_turn(&key_id, host, period * HOUR, HOUR))
            .collect()
    };
    let (one, other) = (turns("one"), turns("other"));
    assert!((900..1_100).contains(&one.len()), "{}", one.len());
    assert_ne!(one, other);
    assert!(
        own_turn(&key_id, "one", one[0] * HOUR + HOUR - 1, HOUR),
        "for the whole period"
    );
}

#[test]
fn who_holds_more_than_he_was_offered_stays_due() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(1);
    others[0].republish_key(&scene.key, NOW).unwrap();
    let extra = scene.record("extra", NOW);
    others[0].republish_records(&[extra], NOW).unwrap();
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!(trip.report.settled, 1);
    assert_eq!(providers(&mut others[0], &scene.key_id, DUE), 2);
    assert_eq!(
        others[0].peek_stale(DUE).unwrap().len(),
        1,
        "he has something to hand over himself"
    );
}

#[test]
fn a_round_that_nobody_answers_is_due_again_when_its_lease_ends() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    let trip = scene.node.replicate(&mut others, |_| false, HOUR, DUE);
    assert_eq!((trip.report.offered, trip.report.settled), (1, 0));
    assert!(begin(&mut scene.node, &others, DUE + LEASE_SEC - 1).offers.is_empty());
    assert_eq!(begin(&mut scene.node, &others, DUE + LEASE_SEC).offers.len(), 3);
}

#[test]
fn a_round_cut_short_goes_on_after_a_restart_where_it_stopped() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    for number in 0..2 * REPLICA_KEYS_MAX {
        let at = NOW + (number / REPLICA_KEYS_MAX) as u64;
        node.register_key(&owner.key(&format!("key {number}"), at), at).unwrap();
    }
    let mut others = nodes(1);
    let first = node.replicate(&mut others, everybody, HOUR, DUE + 1);
    let batch = unpack_bundle(&first.parcel.unwrap().bundle).unwrap();
    assert!(
        batch.iter().all(|item| item.key.timestamp_created == NOW),
        "the oldest first"
    );
    begin(&mut node, &others, DUE + 2);
    // Killed here: the second batch was leased and never ended.
    let mut node = node.restart(|_| {}).unwrap();
    assert!(begin(&mut node, &others, DUE + 3).offers.is_empty());
    for now in [
        DUE + 2 + LEASE_SEC,
        DUE + 3 + LEASE_SEC,
        DUE + 4 + 2 * LEASE_SEC,
        DUE + 5 + 3 * LEASE_SEC,
    ] {
        node.replicate(&mut others, everybody, HOUR, now);
    }
    assert_eq!(
        others[0].registry().store().counts().unwrap().keys,
        2 * REPLICA_KEYS_MAX as u64
    );
}

#[test]
fn a_majority_of_those_asked_settles_a_key() {
    for (reached, settled) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
        let mut scene = with_providers(&["provider"]);
        let mut others = nodes(4);
        let reach: Vec<String> = others[..reached].iter().map(|node| node.host.id().to_owned()).collect();
        let trip = scene.node.replicate(
            &mut others,
            |node| reach.contains(&node.host.id().to_owned()),
            HOUR,
            DUE,
        );
        assert_eq!(trip.report.settled, settled, "{reached} of 4");
    }
}

/// A node that is not among the 20 closest to its key, and the 20 who are.
fn outsider() -> (Scene, Vec<NativeNode>) {
    let mut scene = with_providers(&["provider"]);
    let candidates: Vec<Peer> = (0..200).map(|number| Peer::named(&format!("node {number}"))).collect();
    let ids = candidates.iter().map(|peer| peer.id().to_owned()).collect();
    let host = scene.host();
    let origins = Origins::new(&host, &host, 2);
    let key_id = scene.key_id.clone();
    let near = scene
        .node
        .call(origins, |call| Ok(call.get_neighbourhood(&key_id, vec![ids])?))
        .unwrap();
    assert!(!near.iter().any(|peer| peer == host.id()));
    let near = candidates
        .into_iter()
        .filter(|peer| near.iter().any(|id| id == peer.id()));
    (scene, near.map(NativeNode::new).collect())
}

#[test]
fn a_node_outside_the_neighbourhood_drops_its_copy_after_the_hand_over_and_not_before() {
    let (mut scene, mut near) = outsider();
    assert_eq!(near.len(), NEIGHBOURHOOD_MAX);
    let few: Vec<String> = near[..HANDED_OVER_TO - 1]
        .iter()
        .map(|node| node.host.id().to_owned())
        .collect();
    let trip = scene
        .node
        .replicate(&mut near, |node| few.contains(&node.host.id().to_owned()), HOUR, DUE);
    assert_eq!(trip.report.dropped, 0, "that is not enough of them");
    assert_eq!(providers(&mut scene.node, &scene.key_id, DUE), 1);

    let later = DUE + LEASE_SEC;
    let trip = scene.node.replicate(&mut near, everybody, HOUR, later);
    assert_eq!((trip.report.settled, trip.report.dropped), (1, 1));
    assert_eq!(scene.node.registry().store().counts().unwrap().keys, 0);
    assert!(near.iter_mut().all(|node| providers(node, &scene.key_id, later) == 1));
}

/// The first of them hold what the node holds, the others nothing.
fn where_some_hold_it(count: usize) -> (Scene, Vec<NativeNode>) {
    let (scene, mut near) = outsider();
    let record = scene.record("provider", NOW);
    for node in &mut near[..count] {
        node.register_key(&scene.key, NOW).unwrap();
        node.put_record(&record, NOW).unwrap();
    }
    (scene, near)
}

#[test]
fn a_node_outside_the_neighbourhood_leaves_newcomers_to_the_neighbours_where_these_are_enough() {
    let (mut scene, mut near) = where_some_hold_it(RARE_BELOW);
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert!(trip.parcel.is_none());
    assert_eq!((trip.report.settled, trip.report.dropped), (1, 1));

    let (mut scene, mut near) = where_some_hold_it(HANDED_OVER_TO - 1);
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!(
        trip.parcel.unwrap().offers.len(),
        NEIGHBOURHOOD_MAX - HANDED_OVER_TO + 1
    );
    assert_eq!((trip.report.settled, trip.report.dropped), (1, 1));
}

#[test]
fn where_a_key_has_become_rare_an_outsider_has_the_neighbours_bring_it_to_newcomers() {
    for count in [HANDED_OVER_TO, RARE_BELOW - 1] {
        let (mut scene, mut near) = where_some_hold_it(count);
        for node in &mut near[..count] {
            node.confirm_replicated(&[scene.key_id.clone()], DUE - HOUR / 2)
                .unwrap();
        }
        let due = |near: &mut [NativeNode]| {
            near.iter_mut()
                .filter_map(|node| node.peek_stale(DUE).unwrap().pop())
                .count()
        };
        assert_eq!(due(&mut near), 0);
        let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE);
        let parcel = trip.parcel.unwrap();
        assert_eq!(due(&mut near), ASKED_WHERE_RARE);
        assert_eq!((parcel.offers.len(), entries(&parcel)), (ASKED_WHERE_RARE, 0));
        assert_eq!((trip.report.settled, trip.report.dropped), (1, 1));
        let asked = near
            .iter()
            .position(|node| node.host.id() == parcel.offers[0].peer_id)
            .unwrap();
        let mut asked = near.remove(asked);
        let trip = asked.replicate(&mut near, everybody, HOUR, DUE);
        assert_eq!(trip.report.settled, 1);
        assert!(near.iter_mut().all(|node| providers(node, &scene.key_id, DUE) == 1));
    }
}

#[test]
fn what_a_node_outside_the_neighbourhood_has_beyond_the_neighbours_goes_to_those_who_hold_the_key() {
    let (mut scene, mut near) = where_some_hold_it(HANDED_OVER_TO);
    let record = scene.record("another", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!(trip.parcel.unwrap().offers.len(), HANDED_OVER_TO);
    assert_eq!((trip.report.settled, trip.report.dropped), (1, 1));
    for (index, node) in near.iter_mut().enumerate() {
        let expected = if index < HANDED_OVER_TO { 2 } else { 0 };
        assert_eq!(providers(node, &scene.key_id, DUE), expected, "{index}");
    }
}

#[test]
fn the_round_of_an_outsider_replaces_no_round_of_the_neighbours() {
    let (mut scene, mut near) = where_some_hold_it(NEIGHBOURHOOD_MAX);
    let key_id = scene.key_id.clone();
    // What its own turn has is due in any case.
    let due = |near: &mut [NativeNode]| -> usize {
        let others = near.iter_mut().filter(|node| !in_own_turn(node, &key_id, DUE));
        others.map(|node| node.peek_stale(DUE).unwrap().len()).sum()
    };
    scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert!(due(&mut near) > NEIGHBOURHOOD_MAX / 2);
    // That of a neighbour does.
    let mut neighbour = near.remove(0);
    neighbour.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!(due(&mut near), 0);
}

#[test]
fn neighbours_bring_what_an_outsider_has_beyond_them_to_newcomers() {
    let (mut scene, mut near) = where_some_hold_it(HANDED_OVER_TO);
    let record = scene.record("another", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!(near[0].peek_stale(DUE).unwrap().len(), 1, "it is asked to");
    let mut neighbour = near.remove(0);
    neighbour.replicate(&mut near, everybody, HOUR, DUE);
    assert!(near.iter_mut().all(|node| providers(node, &scene.key_id, DUE) == 2));
}

#[test]
fn what_came_in_during_a_hand_over_is_not_dropped() {
    let (mut scene, mut near) = outsider();
    let round = begin(&mut scene.node, &near, DUE);
    let answers: Vec<_> = near.iter_mut().map(|node| answer(node, &round, DUE)).collect();
    let parcel = scene.node.pack_replica(&round, &answers, DUE).unwrap();
    let late = scene.record("late", DUE);
    scene.node.put_record(&late, DUE).unwrap();
    let receipts: Vec<_> = near
        .iter_mut()
        .map(|node| {
            let taken = node.take_replica(&parcel.bundle, &[], DUE);
            ReplicaAnswer::of(node.host.id(), Answer::from(taken))
        })
        .collect();
    let report = scene
        .node
        .end_replication(&round, &answers, &[parcel.keys], &receipts, DUE)
        .unwrap();
    assert_eq!((report.settled, report.dropped), (0, 0));
    assert_eq!(providers(&mut scene.node, &scene.key_id, DUE), 2);
}

#[test]
fn a_node_that_missed_the_deletion_of_its_own_record_hears_of_it_when_it_hands_over() {
    let (mut scene, mut near) = outsider();
    let (issuer, host) = (Peer::named("issuer"), scene.host());
    let record = host.record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.put_record(&record, NOW).unwrap();
    scene.node.replicate(&mut near, everybody, HOUR, DUE);
    let tombstone = issuer.tombstone(&scene.key_id, &host, DUE);
    for node in &mut near {
        node.add_tombstone(&tombstone, DUE).unwrap();
    }
    let renewed = host.record(record.metadata.clone(), DUE + 1);
    scene.node.renew_host_record(&renewed, DUE + 1).unwrap();
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE + 1);
    assert_eq!(
        (trip.report.settled, trip.report.dropped),
        (0, 0),
        "it is not what was acknowledged"
    );
    assert_eq!(scene.node.get_tombstones(&scene.key_id, DUE + 1).unwrap(), [tombstone]);
    assert_eq!(
        providers(&mut scene.node, &scene.key_id, DUE + 1),
        1,
        "the other provider"
    );
    assert!(
        scene.node.get_due_host_records(60, DUE + HOUR).unwrap().is_empty(),
        "nothing is left to renew"
    );
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE + 1 + LEASE_SEC);
    assert_eq!((trip.report.settled, trip.report.dropped), (1, 1));
}

/// A scene whose neighbours have heard of a deletion that the scene's node has missed, beside newcomers with nothing.
fn behind(neighbours: usize, newcomers: usize) -> (Scene, Vec<NativeNode>, Tombstone) {
    let mut scene = with_providers(&["provider", "another"]);
    // Newcomers lack this one, too: the same bundle goes to them.
    let other = Peer::named("owner").key("another resource", NOW);
    scene.node.register_key(&other, NOW).unwrap();
    let mut others = nodes(neighbours);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let provider = Peer::named("provider");
    let tombstone = provider.tombstone(&scene.key_id, &provider, DUE);
    for node in &mut others {
        node.add_tombstone(&tombstone, DUE).unwrap();
    }
    others.extend(nodes(neighbours + newcomers).into_iter().skip(neighbours));
    (scene, others, tombstone)
}

#[test]
fn a_node_that_has_missed_a_deletion_hears_of_it_before_it_passes_a_key_on() {
    let (mut scene, mut others, tombstone) = behind(5, 4);
    let now = DUE + HOUR;
    let trip = scene.node.replicate(&mut others, everybody, HOUR, now);
    assert_eq!((trip.report.settled, trip.report.dropped), (1, 0), "the other resource");
    assert_eq!(entries(&trip.parcel.unwrap()), 0);
    for newcomer in &mut others[5..] {
        let held = newcomer.get_key_metadata(&scene.key_id);
        assert!(
            held.is_err(),
            "one without records would answer lookups that there are none"
        );
    }
    assert_eq!(
        scene.node.get_tombstones(&scene.key_id, now).unwrap(),
        [tombstone.clone()]
    );

    let trip = scene.node.replicate(&mut others, everybody, HOUR, now);
    assert_eq!(trip.report.settled, 1, "it is due at once");
    for node in &mut others {
        assert_eq!(providers(node, &scene.key_id, now), 1);
        assert_eq!(node.get_tombstones(&scene.key_id, now).unwrap(), [tombstone.clone()]);
    }
}

#[test]
fn a_node_that_has_missed_a_registration_leaves_newcomers_to_those_who_have_not() {
    let (mut scene, mut others, _) = behind(5, 4);
    let (missed, extra) = (scene.record("missed", DUE), scene.record("extra", DUE));
    for node in &mut others[..5] {
        node.put_record(&missed, DUE).unwrap();
    }
    let provider = Peer::named("provider");
    let tombstone = provider.tombstone(&scene.key_id, &provider, DUE);
    scene.node.add_tombstone(&tombstone, DUE).unwrap();
    scene.node.put_record(&extra, DUE).unwrap();
    let now = DUE + HOUR;
    let trip = scene.node.replicate(&mut others, everybody, HOUR, now);
    assert_eq!(entries(&trip.parcel.unwrap()), 1, "what they lack");
    assert_eq!(trip.report.settled, 2, "with the other resource");
    for newcomer in &mut others[5..] {
        assert!(newcomer.get_key_metadata(&scene.key_id).is_err());
    }

    let mut complete = others.remove(0);
    complete.replicate(&mut others, everybody, HOUR, now + 1);
    for node in &mut others {
        assert_eq!(providers(node, &scene.key_id, now + 1), 3);
    }
}

/// Offers of a round, answered by these nodes and by liars, who claim to hold a tombstone that there is not.
fn end_with_liars(scene: &mut Scene, others: &mut [NativeNode], liars: usize, now: u64) -> ReplicationReport {
    let round = begin(&mut scene.node, others, now);
    let provider = Peer::named("provider").id().to_owned();
    let identity = Identity {
        issued_by: provider.clone(),
        peer_id: provider,
        subject: Subject::All,
    };
    let ([who, by_whom, ..], [a, b, c, d]) = (identity.pair_digest(), (now as u32).to_be_bytes());
    let tag = [who, by_whom, a, b, c, d, 0xff, 0xff];
    let answers: Vec<_> = others
        .iter_mut()
        .enumerate()
        .map(|(index, node)| match index < liars {
            true => {
                let lie = OfferAnswer {
                    differing: vec![(0, vec![tag])],
                    ..OfferAnswer::default()
                };
                ReplicaAnswer::of(node.host.id(), Answer::from(Ok(lie.encode())))
            }
            false => answer(node, &round, now),
        })
        .collect();
    let parcel = scene.node.pack_replica(&round, &answers, now).unwrap();
    let receipts: Vec<_> = others
        .iter_mut()
        .filter(|node| recipients(&parcel).contains(&node.host.id()))
        .map(|node| {
            let taken = node.take_replica(&parcel.bundle, &[], now);
            ReplicaAnswer::of(node.host.id(), Answer::from(taken))
        })
        .collect();
    let sent = [parcel.keys];
    scene
        .node
        .end_replication(&round, &answers, &sent, &receipts, now)
        .unwrap()
}

/// Who alone has taken in a registration after a deletion is not behind.
#[test]
fn what_came_after_a_deletion_is_passed_on_to_those_who_know_of_the_deletion_alone() {
    let (mut scene, mut others, tombstone) = behind(5, 4);
    let again = scene.record("provider", DUE + 1);
    assert!(again.metadata.timestamp_issued > tombstone.timestamp_issued);
    scene.node.put_record(&again, DUE + 1).unwrap();
    let now = DUE + HOUR + 1;
    scene.node.replicate(&mut others, everybody, HOUR, now);
    for node in &mut others {
        assert_eq!(providers(node, &scene.key_id, now), 2);
    }
    for node in &mut others[..5] {
        // It stays beside what was issued later.
        assert_eq!(node.get_tombstones(&scene.key_id, now).unwrap(), [tombstone.clone()]);
    }
}

#[test]
fn liars_who_speak_of_deletions_do_not_keep_a_key_from_its_neighbours() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(9);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    others.extend(nodes(18).into_iter().skip(9));
    let now = DUE + HOUR;
    let report = end_with_liars(&mut scene, &mut others, 4, now);
    assert_eq!(report.settled, 1);
    for newcomer in &mut others[9..] {
        assert_eq!(providers(newcomer, &scene.key_id, now), 1);
    }
}

#[test]
fn a_deletion_that_nobody_can_show_is_asked_for_once_a_period() {
    let (mut scene, mut near) = outsider();
    let report = end_with_liars(&mut scene, &mut near, 20, DUE);
    assert_eq!((report.settled, report.dropped), (0, 0));
    assert_eq!(
        providers(&mut scene.node, &scene.key_id, DUE),
        1,
        "nothing was handed over"
    );
    let mut due_at = |now| !scene.node.peek_stale(now).unwrap().is_empty();
    assert!(!due_at(DUE + HOUR - 1));
    assert!(due_at(DUE + HOUR));
}

#[test]
fn a_node_keeps_what_it_hosts_wherever_it_lies() {
    let (mut scene, mut near) = outsider();
    let record = scene.host().record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.put_record(&record, NOW).unwrap();
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!((trip.report.settled, trip.report.dropped), (1, 0));
    assert_eq!(providers(&mut scene.node, &scene.key_id, DUE), 2);
    assert!(near.iter_mut().all(|node| providers(node, &scene.key_id, DUE) == 2));
}

#[test]
fn a_provider_outside_the_neighbourhood_is_given_back_what_it_has_lost() {
    let (mut scene, mut near) = outsider();
    let record = scene.host().record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.put_record(&record, NOW).unwrap();
    scene.node.replicate(&mut near, everybody, HOUR, DUE);

    let mut neighbour = near.swap_remove(0);
    near.push(NativeNode::new(scene.host()));
    neighbour.replicate(&mut near, everybody, HOUR, DUE + HOUR);
    let provider = near.last_mut().unwrap();
    let due = provider.get_due_host_records(HOUR, DUE + HOUR).unwrap();
    assert_eq!(due, [record], "and renews it from now on");
}

#[test]
fn a_record_its_provider_has_not_signed_stays_where_it_is() {
    let mut scene = scene();
    scene
        .node
        .put_host_record(&scene.host_metadata("issuer", NOW), NOW)
        .unwrap();
    let mut others = nodes(2);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!(trip.report.settled, 1);
    assert_eq!(providers(&mut others[0], &scene.key_id, DUE), 0);

    let due = scene.node.get_due_host_records(HOUR, DUE).unwrap();
    let signed = scene.host().record(due[0].metadata.clone(), DUE);
    scene.node.renew_host_record(&signed, DUE).unwrap();
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!(
        others[0].get_records(&scene.key_id, DUE).unwrap(),
        [signed],
        "at once, though it was replicated just now"
    );
}

#[test]
fn a_renewed_key_is_the_first_of_all_and_stays_so_over_a_crash() {
    let mut scene = scene();
    let owner = Peer::named("owner");
    for number in 0..REPLICA_KEYS_MAX {
        scene
            .node
            .register_key(&owner.key(&format!("key {number}"), NOW), NOW)
            .unwrap();
    }
    let record = scene.host().record(scene.host_metadata("issuer", NOW), NOW + 7);
    scene.node.renew_host_record(&record, NOW + 7).unwrap();
    let mut node = scene.node.restart(|_| {}).unwrap();
    let trip = node.replicate(&mut nodes(1), everybody, HOUR, DUE);
    assert_eq!(
        unpack_bundle(&trip.parcel.unwrap().bundle).unwrap()[0].key.id,
        scene.key_id
    );
}

#[test]
fn only_use_on_this_node_does_not_make_others_keep_a_key() {
    let mut scene = scene();
    scene.node.get_records(&scene.key_id, NOW + DAY - 1).unwrap();
    let mut others = nodes(2);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, NOW + DAY + HOUR);
    assert_eq!(trip.report.offered, 0);
    assert!(trip.round.offers.is_empty());
    assert!(scene.node.get_records(&scene.key_id, NOW + DAY + HOUR).is_ok());
}

#[test]
fn replication_is_no_sign_of_life() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(2);
    let late = NOW + DAY - 1;
    scene.node.replicate(&mut others, everybody, HOUR, late);
    assert_eq!(providers(&mut others[0], &scene.key_id, late), 1);
    let node = &mut others[1];
    assert!(
        node.get_tombstones(&scene.key_id, NOW + DAY).is_err(),
        "as dead as where it came from"
    );
    assert_eq!(node.clear_expired(NOW + DAY).unwrap().keys, 1);
}

#[test]
fn a_forged_bundle_changes_nothing_and_settles_nothing() {
    let mut scene = with_providers(&["provider", "another"]);
    let mut others = nodes(1);
    let round = begin(&mut scene.node, &others, DUE);
    let answers = [answer(&mut others[0], &round, DUE)];
    let parcel = scene.node.pack_replica(&round, &answers, DUE).unwrap();
    let mut items = unpack_bundle(&parcel.bundle).unwrap();
    items[0].records[0].metadata.value.push('!');
    let forged = pack_bundle(&items);
    let receipt = others[0].take_replica(&forged, &[], DUE).unwrap();
    assert_eq!(receipt, "", "no key of it is settled");
    assert_eq!(
        providers(&mut others[0], &scene.key_id, DUE),
        1,
        "the other record is genuine"
    );

    items[0].key.label.push('!');
    let mut node = nodes(2).pop().unwrap();
    node.clear_expired(DUE).unwrap();
    let before = dump(&node);
    node.take_replica(&pack_bundle(&items), &[], DUE).unwrap();
    assert_eq!(before, dump(&node));
}

#[test]
fn records_of_another_key_do_not_come_in_under_this_one() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(1);
    let round = begin(&mut scene.node, &others, DUE);
    let answers = [answer(&mut others[0], &round, DUE)];
    let parcel = scene.node.pack_replica(&round, &answers, DUE).unwrap();
    let mut items = unpack_bundle(&parcel.bundle).unwrap();
    items[0].key = Peer::named("owner").key("another resource", NOW);
    let receipt = others[0].take_replica(&pack_bundle(&items), &[], DUE).unwrap();
    assert_eq!(receipt, "");
    let other_key = &items[0].key.id;
    assert_eq!(providers(&mut others[0], other_key, DUE), 0);
    assert_eq!(providers(&mut others[0], &scene.key_id, DUE), 0);
}

#[test]
fn a_weight_that_the_neighbour_proved_counts_for_what_it_takes_in() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(1);
    let round = begin(&mut scene.node, &others, DUE);
    let answers = [answer(&mut others[0], &round, DUE)];
    let parcel = scene.node.pack_replica(&round, &answers, DUE).unwrap();
    let provider = Peer::named("provider");
    let issuers = others[0].get_replica_issuers(&parcel.bundle).unwrap();
    // And of the key's owner.
    assert_eq!(
        sorted(issuers),
        sorted(vec![provider.id().to_owned(), Peer::named("owner").id().to_owned()])
    );
    others[0]
        .take_replica(&parcel.bundle, &[weight_of(provider.id(), 7)], DUE)
        .unwrap();
    assert!(
        others[0].get_replica_issuers(&parcel.bundle).unwrap().is_empty(),
        "known by now"
    );
    let held = others[0]
        .registry()
        .store()
        .stored(&KeyId::parse(&scene.key_id).unwrap())
        .unwrap()
        .unwrap();
    let weights: Vec<u32> = held
        .entries()
        .filter_map(|entry| match entry {
            Entry::Record(held) => Some(held.weight),
            Entry::Tombstone(_) => None,
        })
        .collect();
    assert_eq!(weights, [7]);
}

#[test]
fn issuers_to_be_weighed_are_bounded() {
    let mut scene = scene();
    let owner = Peer::named("owner");
    for number in 0..BUNDLE_ISSUERS_MAX + 10 {
        let key = owner.key(&format!("key {number}"), NOW);
        scene.node.register_key(&key, NOW).unwrap();
        let record = Peer::named(&format!("provider {number}")).own_record(&key.id, "value", NOW);
        scene.node.put_record(&record, NOW).unwrap();
    }
    let mut others = nodes(1);
    let round = begin(&mut scene.node, &others, DUE);
    let answers = [answer(&mut others[0], &round, DUE)];
    let parcel = scene.node.pack_replica(&round, &answers, DUE).unwrap();
    assert_eq!(
        others[0].get_replica_issuers(&parcel.bundle).unwrap().len(),
        BUNDLE_ISSUERS_MAX
    );
}

#[test]
fn a_host_that_cuts_its_routing_table_to_twenty_is_asked_for_each_key() {
    let mut scene = scene();
    let peers = |count: usize| -> Vec<String> {
        (0..count)
            .map(|number| Peer::named(&format!("node {number}")).id().to_owned())
            .collect()
    };
    for count in [0, 1, 19, 21, 200] {
        assert!(scene.node.get_due_places(&peers(count), HOUR, DUE).unwrap().is_empty());
    }
    assert!(scene.node.get_due_places(&peers(20), HOUR, DUE - 1).unwrap().is_empty());
    let place = bs58::encode(&scene.key_id).into_string();
    assert_eq!(scene.node.get_due_places(&peers(20), HOUR, DUE).unwrap(), [place]);
}

#[test]
fn a_node_alone_has_nothing_to_hand_over_and_is_not_asked_again_and_again() {
    let mut scene = scene();
    let trip = scene.node.replicate(&mut [], everybody, HOUR, DUE);
    assert!(trip.round.offers.is_empty() && trip.round.success);
    assert!(scene.node.evict_stale(DUE + 1).unwrap().is_empty());
    assert_eq!(scene.node.evict_stale(DUE + HOUR).unwrap().len(), 1);
}

#[test]
fn rounds_are_for_the_host_alone() {
    let mut scene = scene();
    let client = Peer::named("a client");
    let origins = |node: &NativeNode, arguments, time| Origins::new(&node.host, &client, arguments).time(time);
    assert_refused(&mut scene.node, &["begin_replication", client.id()], |node| {
        let origins = origins(node, 3, 2);
        node.call(origins, |call| call.begin_replication(Vec::new(), HOUR, DUE))
    });
    assert_refused(&mut scene.node, &["pack_replica"], |node| {
        let origins = origins(node, 3, 2);
        node.call(origins, |call| call.pack_replica(&ReplicaRound::default(), &[], DUE))
    });
    assert_refused(&mut scene.node, &["end_replication"], |node| {
        let origins = origins(node, 5, 4);
        node.call(origins, |call| {
            call.end_replication(&ReplicaRound::default(), &[], &[], &[], DUE)
        })
    });
    assert_refused(&mut scene.node, &["renew_host_record"], |node| {
        let record = Peer::named("host").own_record("key", "value", NOW);
        let origins = origins(node, 4, 3);
        node.call(origins, |call| call.renew_host_record(record, DUE))
    });
    assert_refused(&mut scene.node, &["get_due_host_records"], |node| {
        let origins = origins(node, 2, 1);
        node.call(origins, |call| call.get_due_host_records(HOUR, DUE))
    });
    assert_refused(&mut scene.node, &["clear_expired_every"], |node| {
        let origins = origins(node, 2, 1);
        node.call(origins, |call| call.clear_expired_every(HOUR, DUE))
    });
}

#[test]
fn clearing_happens_once_an_interval() {
    let mut scene = scene();
    let late = NOW + 3 * DAY;
    assert_eq!(scene.node.clear_expired_every(HOUR, NOW).unwrap().keys, 0);
    let owner = Peer::named("owner");
    assert_eq!(scene.node.clear_expired_every(HOUR, late).unwrap().keys, 1);
    scene.node.register_key(&owner.key("another", NOW), NOW).unwrap();
    assert_eq!(scene.node.clear_expired_every(HOUR, late + HOUR - 1).unwrap().keys, 0);
    assert_eq!(scene.node.clear_expired_every(HOUR, late + HOUR).unwrap().keys, 1);
}

#[test]
fn a_neighbour_that_was_silent_is_offered_a_settled_key_again_when_the_lease_ends_and_twice_at_most() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    let silent = others[0].host.id().to_owned();
    let reached = |node: &NativeNode| node.host.id() != silent;
    let mut offered = Vec::new();
    for period in 0..4 {
        let now = DUE + period * LEASE_SEC;
        if period > 0 {
            // To somebody else something is lacking each time: one that has lost what it held.
            others[1] = NativeNode::new(others[1].host.clone());
        }
        let trip = scene.node.replicate(&mut others, reached, HOUR, now);
        offered.push((trip.report.offered, trip.report.settled));
    }
    assert_eq!(
        offered,
        [(1, 1), (1, 1), (1, 1), (0, 0)][..],
        "the last has to wait for an hour"
    );
    assert_eq!(providers(&mut others[0], &scene.key_id, DUE), 0);
}

#[test]
fn where_nobody_lacks_anything_silence_repeats_nothing() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let silent = others[0].host.id().to_owned();
    let now = DUE + HOUR;
    let trip = scene
        .node
        .replicate(&mut others, |node| node.host.id() != silent, HOUR, now);
    assert_eq!(trip.report.settled, 1);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, now + LEASE_SEC);
    assert_eq!(trip.report.offered, 0);
}

#[test]
fn a_key_is_offered_again_where_the_bundle_was_lost() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    let round = begin(&mut scene.node, &others, DUE);
    let answers: Vec<ReplicaAnswer> = others.iter_mut().map(|node| answer(node, &round, DUE)).collect();
    let parcel = scene.node.pack_replica(&round, &answers, DUE).unwrap();
    let receipts: Vec<ReplicaAnswer> = others[..2]
        .iter_mut()
        .map(|node| {
            let receipt = node.take_replica(&parcel.bundle, &[], DUE);
            ReplicaAnswer::of(node.host.id(), Answer::from(receipt))
        })
        .collect();
    let sent = [parcel.keys];
    let report = scene
        .node
        .end_replication(&round, &answers, &sent, &receipts, DUE)
        .unwrap();
    assert_eq!(report.settled, 1);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + LEASE_SEC);
    assert_eq!(recipients(&trip.parcel.unwrap()), [others[2].host.id()]);
    assert_eq!(providers(&mut others[2], &scene.key_id, DUE + LEASE_SEC), 1);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * LEASE_SEC);
    assert_eq!(trip.report.offered, 0, "all have it");
}
