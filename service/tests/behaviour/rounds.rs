//! Rounds of replication between nodes: what travels, what is exchanged, what is dropped, and what happens when a round is
//! cut short.

use registry_service::calls::{get_replica_issuers, NodeReply, ReplicaStep};
use registry_service::domain::data::Key;
use registry_service::domain::limits::{
    AWAY_INTERVALS, BUNDLE_ISSUERS_MAX, BUNDLE_LEN_MAX, FETCHED_FROM, FETCH_LEN_MAX, FETCH_PEERS_MAX, HANDED_OVER_TO,
    LEASE_SEC, NEIGHBOURHOOD_MAX, POSTPONED_INTERVALS, RECORDS_PER_KEY_MAX, REPLICA_ENTRIES_MAX, REPLICA_KEYS_MAX,
    ROUND_SEC, TOMBSTONES_PER_KEY_MAX, VALUE_LEN_MAX,
};
use registry_service::domain::{
    key_tag, pack_bundle, unpack_bundle, Digests, Entry, Fetch, KeyId, KeySet, KeyState, OfferAnswer,
};
use registry_testkit::{weight_of, NativeNode, Origins, Peer};

use crate::support::{assert_refused, dump, everybody, nodes, scene, sorted, with_providers, Scene, DAY, HOUR, NOW};

/// When a key registered at `NOW` is due.
const DUE: u64 = NOW + 2 * HOUR;

fn providers(node: &mut NativeNode, key_id: &str, now: u64) -> usize {
    node.get_records(key_id, now).map_or(0, |records| records.len())
}

fn state(node: &NativeNode, key_id: &str) -> KeyState {
    let key_id = KeyId::parse(key_id).unwrap();
    node.registry().store().stored(&key_id).unwrap().unwrap()
}

fn table(others: &[NativeNode]) -> Vec<String> {
    others.iter().map(|node| node.host.id().to_owned()).collect()
}

fn recipients(step: &ReplicaStep) -> Vec<&str> {
    step.asks.iter().map(|ask| ask.peer_id.as_str()).collect()
}

fn entries(bundle: &str) -> usize {
    let items = unpack_bundle(bundle).unwrap();
    items
        .iter()
        .map(|item| item.records.len() + item.tombstones.len())
        .sum()
}

/// The first two steps of a round that all answer: what it gives.
fn gives(scene: &mut Scene, others: &mut [NativeNode], now: u64) -> ReplicaStep {
    let begun = scene.node.ask(others, everybody, HOUR, now);
    scene.node.continue_replication(begun.round, now).unwrap();
    scene.node.continue_replication(begun.round, now).unwrap()
}

/// Who is in `ids`.
fn only(ids: Vec<String>) -> impl Fn(&NativeNode) -> bool {
    move |node| ids.iter().any(|id| id == node.host.id())
}

#[test]
fn a_neighbour_that_has_nothing_is_given_keys_records_and_tombstones() {
    let mut scene = with_providers(&["provider", "another"]);
    let deleted = Peer::named("provider").tombstone(&scene.key_id, &Peer::named("provider"), NOW + 1);
    scene.node.add_tombstone(&deleted, NOW + 1).unwrap();
    let mut others = nodes(3);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!((trip.end.taken, trip.end.exchanged, trip.end.dropped), (1, 1, 0));
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
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * HOUR);
    assert_eq!(trip.end.exchanged, 1);
    assert!(trip.fetch.asks.is_empty() && trip.give.asks.is_empty());
    assert!(trip.give.text.is_empty());

    let record = scene.record("another", DUE);
    scene.node.put_record(&record, DUE).unwrap();
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + 4 * HOUR);
    assert_eq!(entries(&trip.give.text), 1, "only the new record");
    assert_eq!(providers(&mut others[0], &scene.key_id, DUE + 4 * HOUR), 2);
}

#[test]
fn a_bundle_goes_to_those_alone_who_lack_something() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    let lacking = others[1].host.id().to_owned();
    scene
        .node
        .replicate(&mut others, |node| node.host.id() != lacking, HOUR, DUE);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * HOUR);
    assert_eq!(recipients(&trip.give), [lacking]);
    assert_eq!(providers(&mut others[1], &scene.key_id, DUE + 2 * HOUR), 1);
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
    let give = gives(&mut scene, &mut others, DUE);
    assert_eq!((unpack_bundle(&give.text).unwrap().len(), give.asks.len()), (2, 2));
    for ask in &give.asks {
        let keys = KeySet::parse(&ask.what).unwrap();
        assert_eq!(keys.iter().count(), 1, "{ask:?}");
        let mut newcomer = NativeNode::new(Peer::named("newcomer"));
        let receipt = newcomer.take_part(&give.text, &ask.what, &[], DUE).unwrap();
        assert!(KeySet::parse(&receipt).unwrap().iter().eq(keys.iter()));
        assert_eq!(newcomer.registry().store().counts().unwrap().keys, 1);
    }
    assert_refused(&mut others[0], &["malformed"], |node| {
        node.take_part(&give.text, "no set", &[], DUE)
    });
}

#[test]
fn what_others_hold_is_learnt_and_passed_on_in_the_same_round() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(4);
    let (extra, issuer) = (scene.record("extra", NOW), Peer::named("issuer"));
    let tombstone = issuer.tombstone(&scene.key_id, &issuer, NOW);
    for node in &mut others[..2] {
        node.register_key(&scene.key, NOW).unwrap();
        node.put_record(&extra, NOW).unwrap();
        node.add_tombstone(&tombstone, NOW).unwrap();
    }
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!(
        trip.fetch.asks.len(),
        2,
        "two holders are asked, in case that one does not answer"
    );
    assert_eq!(trip.end.exchanged, 1);
    for node in others.iter_mut().chain([&mut scene.node]) {
        assert_eq!(providers(node, &scene.key_id, DUE), 2);
        assert_eq!(node.get_tombstones(&scene.key_id, DUE).unwrap(), [tombstone.clone()]);
    }
}

#[test]
fn a_later_registration_of_a_key_reaches_those_who_hold_an_earlier_one() {
    for here in [true, false] {
        let mut scene = scene();
        let mut others = nodes(3);
        scene.node.replicate(&mut others, everybody, HOUR, DUE);
        let later = Peer::named("owner").key("resource", DUE + 1);
        let node = if here { &mut scene.node } else { &mut others[0] };
        node.register_key(&later, DUE + 1).unwrap();
        let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * HOUR);
        assert_eq!(trip.end.exchanged, 1, "here: {here}");
        for node in others.iter_mut().chain([&mut scene.node]) {
            assert_eq!(node.get_key_metadata(&later.id).unwrap(), later, "here: {here}");
        }
    }
}

/// A scene whose neighbours have heard of a deletion that the scene's node has missed, beside newcomers with nothing.
fn missed_a_deletion() -> (Scene, Vec<NativeNode>) {
    let mut scene = with_providers(&["provider", "another"]);
    let mut others = nodes(5);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let provider = Peer::named("provider");
    let tombstone = provider.tombstone(&scene.key_id, &provider, DUE);
    for node in &mut others {
        node.add_tombstone(&tombstone, DUE).unwrap();
    }
    others.extend(nodes(9).into_iter().skip(5));
    (scene, others)
}

#[test]
fn a_node_that_has_missed_a_deletion_hears_of_it_before_it_passes_a_key_on() {
    let (mut scene, mut others) = missed_a_deletion();
    let now = DUE + 2 * HOUR;
    let trip = scene.node.replicate(&mut others, everybody, HOUR, now);
    assert_eq!(trip.end.exchanged, 1);
    let given = unpack_bundle(&trip.give.text).unwrap();
    assert_eq!((given[0].records.len(), given[0].tombstones.len()), (1, 1));
    for node in others.iter_mut().chain([&mut scene.node]) {
        assert_eq!(providers(node, &scene.key_id, now), 1);
        assert_eq!(node.get_tombstones(&scene.key_id, now).unwrap().len(), 1);
    }
}

#[test]
fn what_is_given_makes_a_key_partial_and_due_at_once_where_it_was_not_known_alone() {
    let (mut scene, mut others) = missed_a_deletion();
    scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * HOUR);
    for newcomer in &others[5..] {
        let state = state(newcomer, &scene.key_id);
        assert_eq!((state.is_partial(), state.due_at()), (true, 1));
    }
    let mut node = NativeNode::new(Peer::named("another"));
    node.register_key(&scene.key, NOW).unwrap();
    let due_at = state(&node, &scene.key_id).due_at();
    node.take_replica(&trip_bundle(&scene), &[], DUE).unwrap();
    let state = state(&node, &scene.key_id);
    assert_eq!((state.is_partial(), state.due_at()), (false, due_at));
}

/// A bundle of the scene's key and a record.
fn trip_bundle(scene: &Scene) -> String {
    let mut item = registry_service::domain::BundleItem::new(scene.key.clone());
    item.records.push(scene.record("third", NOW));
    pack_bundle(&[item])
}

#[test]
fn a_newcomer_is_whole_when_it_has_exchanged_a_key_itself() {
    let (mut scene, mut others) = missed_a_deletion();
    scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * HOUR);
    let mut newcomer = others.pop().unwrap();
    let now = DUE + 2 * HOUR + 60;
    let trip = newcomer.replicate(&mut others, everybody, HOUR, now);
    assert_eq!(trip.end.exchanged, 1);
    let state = state(&newcomer, &scene.key_id);
    assert_eq!(state.exchanged_at(), now);
    assert!((now + HOUR - HOUR / 10..=now + HOUR + HOUR / 10).contains(&state.due_at()));
}

#[test]
fn more_than_half_of_those_asked_must_have_nothing_more_to_say() {
    for (reached, exchanged) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
        let mut scene = with_providers(&["provider"]);
        let mut others = nodes(4);
        let reach = only(table(&others[..reached]));
        let trip = scene.node.replicate(&mut others, reach, HOUR, DUE);
        assert_eq!(trip.end.exchanged, exchanged, "{reached} of 4");
        assert_eq!(trip.end.silent.len(), 4 - reached);
    }
}

#[test]
fn a_round_that_nobody_answers_is_due_again_when_its_lease_ends() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    let trip = scene.node.replicate(&mut others, |_| false, HOUR, DUE);
    assert_eq!((trip.end.taken, trip.end.exchanged), (1, 0));
    let table = table(&others);
    let mut begin = |now| {
        scene
            .node
            .begin_replication(table.clone(), HOUR, now)
            .unwrap()
            .asks
            .len()
    };
    assert_eq!(begin(DUE + LEASE_SEC - 1), 0);
    assert_eq!(begin(DUE + LEASE_SEC), 3);
}

/// Nothing but a restart ends a lease before its time, and nothing but a round makes a key less urgent.
#[test]
fn a_round_cut_short_leaves_its_keys_as_due_as_they_were() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    for number in 0..2 * REPLICA_KEYS_MAX {
        let at = NOW + (number / REPLICA_KEYS_MAX) as u64;
        node.register_key(&owner.key(&format!("key {number}"), at), at).unwrap();
    }
    let others = nodes(1);
    let taken = |step: &ReplicaStep| Digests::parse(&step.text).unwrap().keys.len();
    for _ in 0..2 {
        let first = node.begin_replication(table(&others), HOUR, DUE).unwrap();
        let second = node.begin_replication(table(&others), HOUR, DUE + ROUND_SEC).unwrap();
        assert_eq!((taken(&first), taken(&second)), (REPLICA_KEYS_MAX, REPLICA_KEYS_MAX));
        let third = node
            .begin_replication(table(&others), HOUR, DUE + 2 * ROUND_SEC)
            .unwrap();
        assert!(third.asks.is_empty(), "all are leased");
        node = node.restart(|_| {}).unwrap();
    }
}

#[test]
fn where_somebody_lacked_something_and_another_was_silent_the_key_is_due_again_when_the_lease_ends() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    let silent = others[0].host.id().to_owned();
    let reached = |node: &NativeNode| node.host.id() != silent;
    let mut rounds = Vec::new();
    for lease in 0..3 {
        let trip = scene
            .node
            .replicate(&mut others, reached, HOUR, DUE + lease * LEASE_SEC);
        rounds.push((trip.end.taken, trip.end.exchanged));
    }
    assert_eq!(
        rounds,
        [(1, 1), (1, 1), (0, 0)],
        "once more, when nobody lacked anything"
    );
    assert!(!state(&scene.node, &scene.key_id).is_partial());

    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * HOUR);
    assert_eq!(recipients(&trip.give), [silent.as_str()]);
}

#[test]
fn where_nobody_lacks_anything_silence_repeats_nothing() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let silent = others[0].host.id().to_owned();
    let now = DUE + 2 * HOUR;
    let trip = scene
        .node
        .replicate(&mut others, |node| node.host.id() != silent, HOUR, now);
    assert_eq!(trip.end.exchanged, 1);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, now + LEASE_SEC);
    assert_eq!(trip.end.taken, 0);
}

/// It has heard it all the same, and would refuse it again.
#[test]
fn what_a_neighbour_refuses_is_not_offered_before_the_next_interval() {
    let mut scene = with_providers(&["provider"]);
    let record = scene.record("from the future", NOW + 40);
    scene.node.put_record(&record, NOW + 20).unwrap();
    let mut others = nodes(3);
    for node in &mut others {
        node.register_key(&scene.key, NOW).unwrap();
    }
    // Their clocks are slow.
    let begun = scene.node.ask(&mut others, everybody, HOUR, DUE);
    scene.node.continue_replication(begun.round, DUE).unwrap();
    let give = scene.node.continue_replication(begun.round, DUE).unwrap();
    for (ask, node) in give.asks.iter().zip(&mut others) {
        let receipt = node.take_part(&give.text, &ask.what, &[], NOW);
        assert_eq!(receipt.as_deref().unwrap(), "", "refused");
        let from = (node.host.id(), "take_replica");
        scene.node.note_replica(begun.round, from, receipt).unwrap();
    }
    let end = scene.node.continue_replication(begun.round, DUE).unwrap();
    assert_eq!(end.exchanged, 1);
    assert_eq!(
        scene
            .node
            .replicate(&mut others, everybody, HOUR, DUE + LEASE_SEC)
            .end
            .taken,
        0
    );
}

// What others can do about when a key is due.

#[test]
fn a_neighbours_round_that_finds_the_same_puts_a_key_off_by_an_interval() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(8);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    for node in &mut others {
        let mut rest = vec![NativeNode::new(Peer::named("nobody"))];
        node.replicate(&mut rest, everybody, HOUR, DUE);
    }
    let now = DUE + 2 * HOUR;
    let holders = others
        .iter()
        .filter(|node| !state(node, &scene.key_id).is_partial())
        .count();
    assert_eq!(holders, 8);
    scene.node.replicate(&mut others, everybody, HOUR, now);
    for node in &others {
        let due_at = state(node, &scene.key_id).due_at();
        assert!((now + HOUR - HOUR / 10..=now + HOUR + HOUR / 10).contains(&due_at));
    }
}

/// Whoever calls all that he may, whenever he likes, stops no node for longer than that.
#[test]
fn others_put_a_key_off_for_twelve_intervals_and_no_longer() {
    let mut scene = with_providers(&["provider"]);
    let others = nodes(3);
    let begun = |node: &mut NativeNode, now| {
        let table = others.iter().map(|node| node.host.id().to_owned()).collect();
        node.begin_replication(table, HOUR, now).unwrap()
    };
    let text = {
        let mut copy = with_providers(&["provider"]);
        begun(&mut copy.node, DUE).text
    };
    let last = NOW + POSTPONED_INTERVALS * HOUR;
    for now in (NOW + 60..last).step_by(20 * 60) {
        let answer = scene.node.compare_replica(&text, "*", now).unwrap();
        assert_eq!(OfferAnswer::parse(&answer).unwrap().same.iter().count(), 1);
        assert!(begun(&mut scene.node, now).asks.is_empty(), "suppressed so far");
    }
    assert_eq!(state(&scene.node, &scene.key_id).due_at(), last);
    assert_eq!(begun(&mut scene.node, last).asks.len(), 3);
}

#[test]
fn nothing_that_others_send_puts_off_what_is_urgent_or_partial() {
    let mut scene = with_providers(&["provider"]);
    let hosted = scene.host().record(scene.host_metadata("issuer", NOW), NOW + 7);
    scene.node.put_record(&hosted, NOW + 7).unwrap();
    let mut partial = NativeNode::new(Peer::named("newcomer"));
    partial.take_replica(&trip_bundle(&scene), &[], NOW).unwrap();
    let others = nodes(3);
    for (node, due_at) in [(&mut scene.node, 0), (&mut partial, 1)] {
        let begun = node.begin_replication(table(&others), HOUR, NOW + 10).unwrap();
        for now in [NOW + 20, NOW + HOUR] {
            let answer = node.compare_replica(&begun.text, "*", now).unwrap();
            assert_eq!(OfferAnswer::parse(&answer).unwrap().same.iter().count(), 1);
            node.republish_key(&scene.key, now).unwrap();
            node.register_key(&scene.key, now).unwrap();
        }
        assert_eq!(state(node, &scene.key_id).due_at(), due_at);
    }
}

#[test]
fn the_round_of_an_outsider_replaces_no_round_of_the_neighbours() {
    let (mut scene, mut near) = where_some_hold_it(NEIGHBOURHOOD_MAX);
    let due =
        |near: &mut [NativeNode]| -> usize { near.iter_mut().map(|node| node.peek_stale(DUE).unwrap().len()).sum() };
    let before = due(&mut near);
    scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!(due(&mut near), before);
    // That of a neighbour does.
    let mut neighbour = near.remove(0);
    neighbour.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!(due(&mut near), 0);
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
    scene.node.put_record(&record, NOW + 7).unwrap();
    let mut node = scene.node.restart(|_| {}).unwrap();
    let trip = node.replicate(&mut nodes(1), everybody, HOUR, DUE);
    let first = Digests::parse(&trip.begun.text).unwrap().keys[0].0;
    assert_eq!(first, key_tag(&KeyId::parse(&scene.key_id).unwrap()));
}

// A node that was away, or is alone.

#[test]
fn a_node_that_was_away_exchanges_everything_before_its_answers_count() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let gone = Peer::named("provider").tombstone(&scene.key_id, &Peer::named("provider"), DUE + 60);
    others
        .iter_mut()
        .for_each(|node| node.add_tombstone(&gone, DUE + 60).unwrap());
    let back = DUE + AWAY_INTERVALS * HOUR;
    let mut node = scene.node.restart(|_| {}).unwrap();
    assert!(!is_partial(&mut node, &scene.key_id, back));
    assert!(
        is_partial(&mut node, &scene.key_id, back + 1),
        "before its first run, too"
    );
    let trip = node.replicate(&mut others, everybody, HOUR, back + 1);
    assert_eq!(trip.end.exchanged, 1);
    assert!(!is_partial(&mut node, &scene.key_id, back + 1));
    assert_eq!(providers(&mut node, &scene.key_id, back + 1), 0);
}

#[test]
fn a_comparison_puts_off_nothing_of_a_node_that_was_away() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let back = DUE + AWAY_INTERVALS * HOUR + 1;
    let silent = scene.node.replicate(&mut others, |_| false, HOUR, back);
    let due_at = |node: &NativeNode| state(node, &scene.key_id).due_at();
    let before = due_at(&scene.node);
    scene.node.compare_replica(&silent.begun.text, "*", back).unwrap();
    assert_eq!(due_at(&scene.node), before);
    assert_eq!(scene.node.get_stats(back).unwrap().behind.oldest_due_sec, 0);
}

/// What a reader is told.
fn is_partial(node: &mut NativeNode, key_id: &str, now: u64) -> bool {
    let origins = Origins::new(&node.host, &Peer::named("a client"), 3).time(2);
    let answer = node.call(origins, |call| call.get_answer(key_id, "", now));
    answer.unwrap().ends_with('!')
}

#[test]
fn a_node_that_was_away_takes_its_keys_one_batch_after_the_other_and_urgent_ones_first() {
    let mut scene = scene();
    let owner = Peer::named("owner");
    for number in 0..REPLICA_KEYS_MAX + 10 {
        let key = owner.key(&format!("key {number}"), NOW);
        scene.node.register_key(&key, NOW).unwrap();
    }
    let mut others = nodes(2);
    scene.node.replicate(&mut others, |_| false, HOUR, NOW + 10);
    let back = NOW + 10 + AWAY_INTERVALS * HOUR + 1;
    scene
        .node
        .put_host_record(&scene.host_metadata("issuer", back), back)
        .unwrap();
    let begun = scene.node.begin_replication(table(&others), HOUR, back).unwrap();
    let digests = Digests::parse(&begun.text).unwrap();
    assert_eq!(digests.keys.len(), REPLICA_KEYS_MAX);
    assert_eq!(digests.keys[0].0, key_tag(&KeyId::parse(&scene.key_id).unwrap()));
    let begun = scene.node.begin_replication(table(&others), HOUR, back + 60).unwrap();
    assert_eq!(Digests::parse(&begun.text).unwrap().keys.len(), 11);
}

#[test]
fn a_node_that_sees_no_peers_settles_nothing() {
    let mut scene = with_providers(&["provider"]);
    let before = dump(&scene.node);
    for peers in [Vec::new(), vec![scene.host().id().to_owned()]] {
        let begun = scene.node.begin_replication(peers, HOUR, DUE).unwrap();
        assert!(begun.success && begun.asks.is_empty() && begun.last.is_empty());
    }
    assert_eq!(before, dump(&scene.node));
    let trip = scene.node.replicate(&mut nodes(3), everybody, HOUR, DUE + 60);
    assert_eq!(trip.end.exchanged, 1, "when it sees some, at once");
}

/// It has just started, or is being cut off.
#[test]
fn a_node_that_sees_few_of_those_it_saw_settles_nothing_until_it_has_seen_as_few_for_some_runs() {
    let (mut scene, mut others) = missed_a_deletion();
    others.extend(nodes(25).into_iter().skip(others.len()));
    let now = DUE + AWAY_INTERVALS * HOUR + 120;
    let expected = others.len();
    scene.node.begin_replication(table(&others), HOUR, DUE + 60).unwrap();
    // Newcomers, who would take in what was deleted.
    let mut few = others.split_off(expected - 2);
    let before = dump(&scene.node);
    let mut runs = 0;
    while scene
        .node
        .begin_replication(table(&few), HOUR, now + runs * 60)
        .unwrap()
        .asks
        .is_empty()
    {
        assert!(is_partial(&mut scene.node, &scene.key_id, now + runs * 60));
        assert!(few.iter_mut().all(|node| node.get_key_metadata(&scene.key_id).is_err()));
        runs += 1;
    }
    assert_eq!(runs, 3, "25, 12, 6 were expected, then 3");
    assert_ne!(before, dump(&scene.node), "away");
}

#[test]
fn a_node_that_sees_a_neighbourhood_or_half_of_what_it_saw_goes_on() {
    for (seen, then, goes) in [
        (100, 20, true),
        (100, 19, false),
        (18, 9, true),
        (18, 8, false),
        (3, 1, false),
        (2, 1, true),
    ] {
        let mut scene = with_providers(&["provider"]);
        let peers = table(&nodes(seen));
        scene.node.begin_replication(peers.clone(), HOUR, NOW + 60).unwrap();
        let begun = scene.node.begin_replication(peers[..then].to_vec(), HOUR, DUE).unwrap();
        assert_eq!(!begun.asks.is_empty(), goes, "{then} of {seen}");
    }
}

/// The clock was ahead for as long as nobody knows.
#[test]
fn a_node_whose_clock_was_ahead_was_away() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    scene.node.replicate(&mut others, everybody, HOUR, DUE + 10 * HOUR);
    assert!(!is_partial(&mut scene.node, &scene.key_id, DUE + 10 * HOUR));
    assert!(is_partial(&mut scene.node, &scene.key_id, DUE));
}

// Bounds.

/// Parts of large keys that nobody takes in are heard of all the same, and not sent again before the next interval.
#[test]
fn large_keys_that_a_majority_refuses_keep_no_other_waiting() {
    let mut scene = scene();
    for number in 0..2 {
        let key = Peer::named("owner").key(&format!("large {number}"), NOW - 10);
        scene.node.register_key(&key, NOW).unwrap();
        put_large(&mut scene.node, &key.id);
    }
    let mut others = nodes(3);
    let small = scene.key_id.clone();
    let (mut now, mut taken) = (DUE, Vec::new());
    for _ in 0..2 {
        let begun = scene.node.ask(&mut others, everybody, HOUR, now);
        if begun.asks.is_empty() {
            break;
        }
        scene.node.continue_replication(begun.round, now).unwrap();
        let give = scene.node.continue_replication(begun.round, now).unwrap();
        for node in &mut others {
            let items = unpack_bundle(&give.text).unwrap();
            let is_small = |at: &usize| items[*at].key.id == small;
            let receipt: KeySet = (0..items.len()).filter(is_small).collect();
            node.take_part(&give.text, &receipt.encode(), &[], now).unwrap();
            let from = (node.host.id(), "take_replica");
            scene
                .node
                .note_replica(begun.round, from, Ok(receipt.encode()))
                .unwrap();
        }
        taken.push(scene.node.continue_replication(begun.round, now).unwrap().exchanged);
        now += LEASE_SEC;
    }
    assert_eq!(taken.iter().sum::<u32>(), 3, "{taken:?}");
    assert!(others.iter_mut().all(|node| node.get_key_metadata(&small).is_ok()));
}

/// All the records and tombstones that a key can hold, of the largest values.
fn put_large(node: &mut NativeNode, key_id: &str) {
    for number in 0..RECORDS_PER_KEY_MAX {
        let value = format!("{number:04}").repeat(VALUE_LEN_MAX / 4);
        let provider = Peer::named(&format!("provider {number}"));
        node.put_record(&provider.own_record(key_id, &value, NOW), NOW).unwrap();
    }
    let issuers = (0..TOMBSTONES_PER_KEY_MAX).map(|number| Peer::named(&format!("issuer {number}")));
    let tombstones: Vec<_> = issuers.map(|issuer| issuer.tombstone(key_id, &issuer, NOW)).collect();
    node.republish_tombstones(&tombstones, NOW).unwrap();
}

#[test]
fn a_key_that_is_larger_than_a_bundle_keeps_no_other_waiting() {
    let mut scene = scene();
    let key = Peer::named("owner").key("large", NOW - 10);
    scene.node.register_key(&key, NOW).unwrap();
    put_large(&mut scene.node, &key.id);
    let mut others = nodes(2);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert!(trip.give.text.len() <= BUNDLE_LEN_MAX);
    let given = unpack_bundle(&trip.give.text).unwrap();
    assert_eq!(given.len(), 2, "the large one in part, the other whole");
    assert_eq!(trip.end.exchanged, 1, "the other");
    let mut now = DUE;
    while trip_of(&mut scene, &mut others, now).end.exchanged == 0 {
        now += LEASE_SEC;
        assert!(now < DUE + 10 * LEASE_SEC, "the rest follows");
    }
}

/// A node hosts more records of a key than others can hold.
#[test]
fn of_a_key_no_more_records_are_passed_on_than_another_node_can_hold_and_the_latest_of_them() {
    let mut scene = scene();
    for number in 0..RECORDS_PER_KEY_MAX as u64 + 20 {
        let metadata = scene.host_metadata(&format!("issuer {number}"), NOW + number);
        let record = scene.host().record(metadata, NOW + number);
        scene.node.put_record(&record, NOW + number).unwrap();
    }
    let mut others = nodes(2);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!((entries(&trip.give.text), trip.end.exchanged), (RECORDS_PER_KEY_MAX, 1));
    let held = others[0].get_records(&scene.key_id, DUE).unwrap();
    assert!(held.iter().all(|record| record.timestamp_created >= NOW + 20));
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE + 2 * HOUR);
    assert!(trip.give.asks.is_empty(), "the others would find no place");
}

fn trip_of(scene: &mut Scene, others: &mut [NativeNode], now: u64) -> registry_testkit::RoundTrip {
    scene.node.replicate(others, everybody, HOUR, now)
}

#[test]
fn a_comparison_names_each_key_once_and_looks_at_no_more_entries_than_a_round_has() {
    let mut node = NativeNode::new(Peer::named("host"));
    let (owner, provider) = (Peer::named("owner"), Peer::named("provider"));
    let count = REPLICA_ENTRIES_MAX / TOMBSTONES_PER_KEY_MAX + 10;
    let mut digests = Digests::default();
    let tombstones: Vec<Peer> = (0..TOMBSTONES_PER_KEY_MAX)
        .map(|number| Peer::named(&format!("issuer {number}")))
        .collect();
    for number in 0..count {
        let key = owner.key(&format!("key {number}"), NOW);
        node.register_key(&key, NOW).unwrap();
        let tombstones: Vec<_> = tombstones
            .iter()
            .map(|issuer| issuer.tombstone(&key.id, &provider, NOW))
            .collect();
        node.republish_tombstones(&tombstones, NOW).unwrap();
        digests.keys.push((key_tag(&KeyId::parse(&key.id).unwrap()), [0; 16]));
    }
    let answer = node.compare_replica(&digests.encode(), "*", DUE).unwrap();
    let answer = OfferAnswer::parse(&answer).unwrap();
    let named: usize = answer.differing.iter().map(|(_, tags)| tags.len()).sum();
    assert!(
        (1..count).contains(&answer.differing.len()),
        "{}",
        answer.differing.len()
    );
    assert!(named <= REPLICA_ENTRIES_MAX + count, "{named}");

    digests.keys = vec![digests.keys[0]; REPLICA_KEYS_MAX];
    assert_refused(&mut node, &["malformed", "twice"], |node| {
        node.compare_replica(&digests.encode(), "*", DUE)
    });
    let wanted = Fetch(vec![(digests.keys[0].0, Vec::new()); 2]);
    assert_refused(&mut node, &["malformed", "twice"], |node| {
        node.fetch_replica(&wanted.encode(), DUE)
    });
}

#[test]
fn what_one_node_gives_at_a_time_and_of_how_many_is_fetched_is_bounded() {
    let mut scene = scene();
    let mut others = nodes(20);
    for (number, node) in others.iter_mut().enumerate() {
        node.register_key(&scene.key, NOW).unwrap();
        for record in 0..32 {
            let provider = Peer::named(&format!("provider {number} {record}"));
            let value = format!("{number:02}{record:02}").repeat(VALUE_LEN_MAX / 4);
            node.put_record(&provider.own_record(&scene.key_id, &value, NOW), NOW)
                .unwrap();
        }
    }
    let begun = scene.node.ask(&mut others, everybody, HOUR, DUE);
    let fetch = scene.node.continue_replication(begun.round, DUE).unwrap();
    assert_eq!(fetch.asks.len(), FETCH_PEERS_MAX);
    for ask in &fetch.asks {
        let node = others.iter_mut().find(|node| node.host.id() == ask.peer_id).unwrap();
        let bundle = node.fetch_replica(&ask.what, DUE).unwrap();
        assert!(
            (FETCH_LEN_MAX / 4..=FETCH_LEN_MAX).contains(&bundle.len()),
            "{}",
            bundle.len()
        );
    }
}

// Those who lie.

fn lie(round: &mut Scene, (begun, peer): (u64, &NativeNode), answer: OfferAnswer) {
    let from = (peer.host.id(), "compare_replica");
    round.node.note_replica(begun, from, Ok(answer.encode())).unwrap();
}

#[test]
fn those_who_name_what_they_do_not_hold_keep_nothing_from_the_others() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(9);
    let now = DUE + HOUR;
    let begun = scene.node.begin_replication(table(&others), HOUR, now).unwrap();
    let (liars, honest) = others.split_at_mut(4);
    for liar in liars.iter() {
        let tags = (0..32_u64).map(u64::to_be_bytes).collect();
        lie(
            &mut scene,
            (begun.round, liar),
            OfferAnswer {
                differing: vec![(0, tags)],
                ..OfferAnswer::default()
            },
        );
    }
    for node in honest.iter_mut() {
        let held = node.compare_replica(&begun.text, "*", now);
        let from = (node.host.id(), "compare_replica");
        scene.node.note_replica(begun.round, from, held).unwrap();
    }
    scene.node.continue_replication(begun.round, now).unwrap();
    let give = scene.node.continue_replication(begun.round, now).unwrap();
    for node in honest.iter_mut() {
        let receipt = node.take_replica(&give.text, &[], now);
        let from = (node.host.id(), "take_replica");
        scene.node.note_replica(begun.round, from, receipt).unwrap();
    }
    let end = scene.node.continue_replication(begun.round, now).unwrap();
    assert_eq!(end.exchanged, 1, "5 of 9");
    for node in honest {
        assert_eq!(providers(node, &scene.key_id, now), 1);
    }
}

/// A neighbour that names what it does not hold is never done.
#[test]
fn nobody_has_a_key_exchanged_every_five_minutes_all_the_time() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    let mut rounds = Vec::new();
    for now in (DUE..DUE + HOUR - HOUR / 10).step_by(60) {
        let begun = scene.node.begin_replication(table(&others), HOUR, now).unwrap();
        if begun.asks.is_empty() {
            continue;
        }
        rounds.push(now - DUE);
        let differing = vec![(0, vec![[7; 8]])];
        let named = OfferAnswer {
            differing,
            ..OfferAnswer::default()
        };
        lie(&mut scene, (begun.round, &others[0]), named);
        for node in &mut others[1..] {
            let held = node.compare_replica(&begun.text, "*", now);
            scene
                .node
                .note_replica(begun.round, (node.host.id(), "compare_replica"), held)
                .unwrap();
        }
        scene.node.continue_replication(begun.round, now).unwrap();
        let give = scene.node.continue_replication(begun.round, now).unwrap();
        for node in others[1..].iter_mut().filter(|_| !give.asks.is_empty()) {
            let receipt = node.take_replica(&give.text, &[], now);
            scene
                .node
                .note_replica(begun.round, (node.host.id(), "take_replica"), receipt)
                .unwrap();
        }
        assert_eq!(scene.node.continue_replication(begun.round, now).unwrap().exchanged, 1);
    }
    // Each time after twice as long.
    assert_eq!(rounds, [0, 300, 900, 2_100]);
}

#[test]
fn an_answer_counts_once_from_those_who_were_asked_and_in_its_round() {
    let mut scene = with_providers(&["provider"]);
    let others = nodes(4);
    let all = || OfferAnswer {
        same: (0..REPLICA_KEYS_MAX).collect(),
        ..OfferAnswer::default()
    };
    let begun = scene.node.begin_replication(table(&others), HOUR, DUE).unwrap();
    for _ in 0..3 {
        lie(&mut scene, (begun.round, &others[0]), all());
    }
    lie(&mut scene, (begun.round, &nodes(5)[4]), all());
    lie(&mut scene, (begun.round - 1, &others[1]), all());
    let receipt = ("take_replica", others[2].host.id());
    scene
        .node
        .note_replica(begun.round, (receipt.1, receipt.0), Ok("AQ".to_owned()))
        .unwrap();
    let steps: Vec<ReplicaStep> = (0..3)
        .map(|_| scene.node.continue_replication(begun.round, DUE).unwrap())
        .collect();
    assert_eq!((steps[2].exchanged, steps[2].silent.len()), (0, 3));
    assert_refused(&mut scene.node, &["no round"], |node| {
        node.continue_replication(begun.round, DUE)
    });
}

#[test]
fn a_forged_bundle_changes_nothing() {
    let mut scene = with_providers(&["provider", "another"]);
    let mut others = nodes(1);
    let give = gives(&mut scene, &mut others, DUE);
    let mut items = unpack_bundle(&give.text).unwrap();
    items[0].records[0].metadata.value.push('!');
    let receipt = others[0].take_replica(&pack_bundle(&items), &[], DUE).unwrap();
    assert_eq!(receipt, "", "no key of it is held");
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
fn of_a_full_key_a_deletion_and_what_replaces_it_come_in_together() {
    let names: Vec<String> = (0..RECORDS_PER_KEY_MAX)
        .map(|number| format!("provider {number}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut scene, away) = (with_providers(&names), with_providers(&names));
    let mut others = [NativeNode::new(Peer::named("away"))];
    others[0].republish_key(&scene.key, NOW).unwrap();
    for name in &names {
        others[0].republish_records(&[away.record(name, NOW)], NOW).unwrap();
    }
    for name in &names[..3] {
        let provider = Peer::named(name);
        let tombstone = provider.tombstone(&scene.key_id, &provider, NOW + 1);
        scene.node.add_tombstone(&tombstone, NOW + 1).unwrap();
        let next = scene.record(&format!("after {name}"), NOW + 2);
        scene.node.put_record(&next, NOW + 2).unwrap();
    }
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!(providers(&mut others[0], &scene.key_id, DUE), RECORDS_PER_KEY_MAX);
    let asked = vec![others[0].host.id().to_owned()];
    let again = scene.node.begin_replication(asked, HOUR, DUE + 2 * HOUR).unwrap();
    let answer = others[0].compare_replica(&again.text, "*", DUE + 2 * HOUR).unwrap();
    let answer = OfferAnswer::parse(&answer).unwrap();
    assert!(answer.same.contains(0), "{answer:?}");
}

#[test]
fn records_of_another_key_do_not_come_in_under_this_one() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(1);
    let give = gives(&mut scene, &mut others, DUE);
    let mut items = unpack_bundle(&give.text).unwrap();
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
    let give = gives(&mut scene, &mut others, DUE);
    let provider = Peer::named("provider");
    let issuers = get_replica_issuers(&give.text, "*").unwrap();
    // And of the key's owner.
    assert_eq!(
        sorted(issuers),
        sorted(vec![provider.id().to_owned(), Peer::named("owner").id().to_owned()])
    );
    others[0]
        .take_replica(&give.text, &[weight_of(provider.id(), 7)], DUE)
        .unwrap();
    let held = state(&others[0], &scene.key_id);
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
    let give = gives(&mut scene, &mut others, DUE);
    assert_eq!(get_replica_issuers(&give.text, "*").unwrap().len(), BUNDLE_ISSUERS_MAX);
}

// Where a node does not belong.

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
    let few = only(table(&near[..HANDED_OVER_TO - 1]));
    let trip = scene.node.replicate(&mut near, few, HOUR, DUE);
    assert_eq!(trip.end.dropped, 0, "that is not enough of them");
    assert_eq!(providers(&mut scene.node, &scene.key_id, DUE), 1);

    let later = DUE + LEASE_SEC;
    let trip = scene.node.replicate(&mut near, everybody, HOUR, later);
    assert_eq!((trip.end.exchanged, trip.end.dropped), (1, 1));
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
fn a_node_outside_the_neighbourhood_gives_nothing_where_eight_hold_the_same() {
    let (mut scene, mut near) = where_some_hold_it(HANDED_OVER_TO);
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert!(trip.give.asks.is_empty());
    assert_eq!((trip.end.exchanged, trip.end.dropped), (1, 1));

    let (mut scene, mut near) = where_some_hold_it(HANDED_OVER_TO - 1);
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!(trip.give.asks.len(), NEIGHBOURHOOD_MAX - HANDED_OVER_TO + 1);
    assert_eq!((trip.end.exchanged, trip.end.dropped), (1, 1));
}

#[test]
fn what_came_in_during_a_hand_over_is_not_dropped() {
    let (mut scene, mut near) = outsider();
    let begun = scene.node.ask(&mut near, everybody, HOUR, DUE);
    scene.node.continue_replication(begun.round, DUE).unwrap();
    let give = scene.node.continue_replication(begun.round, DUE).unwrap();
    let late = scene.record("late", DUE);
    scene.node.put_record(&late, DUE).unwrap();
    for node in &mut near {
        let receipt = node.take_replica(&give.text, &[], DUE);
        let from = (node.host.id(), "take_replica");
        scene.node.note_replica(begun.round, from, receipt).unwrap();
    }
    let end = scene.node.continue_replication(begun.round, DUE).unwrap();
    assert_eq!((end.exchanged, end.dropped), (0, 0));
    assert_eq!(providers(&mut scene.node, &scene.key_id, DUE), 2);
}

#[test]
fn a_node_that_missed_the_deletion_of_its_own_record_hears_of_it_in_its_round() {
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
    scene.node.put_record(&renewed, DUE + 1).unwrap();
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE + 1);
    assert_eq!((trip.end.exchanged, trip.end.dropped), (1, 1), "nothing keeps it here");
    assert!(
        scene.node.get_due_host_records(60, DUE + HOUR).unwrap().is_empty(),
        "nothing is left to renew"
    );
}

#[test]
fn a_node_keeps_what_it_hosts_wherever_it_lies() {
    let (mut scene, mut near) = outsider();
    let record = scene.host().record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.put_record(&record, NOW).unwrap();
    let trip = scene.node.replicate(&mut near, everybody, HOUR, DUE);
    assert_eq!((trip.end.exchanged, trip.end.dropped), (1, 0));
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
    neighbour.replicate(&mut near, everybody, HOUR, DUE + 2 * HOUR);
    let provider = near.last_mut().unwrap();
    let due = provider.get_due_host_records(HOUR, DUE + 2 * HOUR).unwrap();
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
    assert_eq!(trip.end.exchanged, 1);
    assert_eq!(providers(&mut others[0], &scene.key_id, DUE), 0);

    let due = scene.node.get_due_host_records(HOUR, DUE).unwrap();
    let signed = scene.host().record(due[0].metadata.clone(), DUE);
    scene.node.put_record(&signed, DUE).unwrap();
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!(
        others[0].get_records(&scene.key_id, DUE).unwrap(),
        [signed],
        "at once, though it was exchanged just now"
    );
}

#[test]
fn only_use_on_this_node_does_not_make_others_keep_a_key() {
    let mut scene = scene();
    scene.node.get_records(&scene.key_id, NOW + DAY - 1).unwrap();
    let mut others = nodes(2);
    let trip = scene.node.replicate(&mut others, everybody, HOUR, NOW + DAY + HOUR);
    assert!(trip.begun.asks.is_empty());
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
fn rounds_are_for_the_host_alone() {
    let mut scene = scene();
    let client = Peer::named("a client");
    let origins = |node: &NativeNode, arguments, time| Origins::new(&node.host, &client, arguments).time(time);
    assert_refused(&mut scene.node, &["begin_replication", client.id()], |node| {
        let origins = origins(node, 3, 2);
        node.call(origins, |call| call.begin_replication(Vec::new(), HOUR, DUE))
    });
    assert_refused(&mut scene.node, &["note_replica"], |node| {
        let origins = origins(node, 2, 1);
        node.call(origins, |call| call.note_replica(DUE, &NodeReply::default()))
    });
    assert_refused(&mut scene.node, &["continue_replication"], |node| {
        let origins = origins(node, 2, 1);
        node.call(origins, |call| call.continue_replication(DUE, DUE))
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

// Rounds that meet, and peers that lie.

#[test]
fn a_late_step_of_an_earlier_round_leaves_the_later_one_alone() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    let first = scene.node.ask(&mut others, everybody, HOUR, DUE);
    let key = Peer::named("owner").key("another", NOW);
    scene.node.republish_key(&key, DUE).unwrap();
    let second = scene.node.ask(&mut others, everybody, HOUR, DUE + ROUND_SEC);
    assert_eq!(second.asks.len(), 3);
    assert!(scene.node.continue_replication(first.round, DUE).is_err());
    scene.node.continue_replication(second.round, DUE + ROUND_SEC).unwrap();
}

#[test]
fn a_run_with_nothing_due_leaves_the_round_under_way_alone() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(3);
    let first = scene.node.ask(&mut others, everybody, HOUR, DUE);
    let idle = scene.node.begin_replication(table(&others), HOUR, DUE + 5).unwrap();
    assert!(idle.asks.is_empty());
    scene.node.continue_replication(first.round, DUE).unwrap();
}

#[test]
fn answers_of_one_round_are_not_those_of_another_of_the_same_second() {
    let (scene, mut near) = outsider();
    let host = scene.host();
    let mut node = NativeNode::new(host.clone());
    let other = Peer::named("owner").key("other", NOW);
    let record = host.record(Peer::named("issuer").metadata(&other.id, &host, "value", NOW), NOW);
    for node in near.iter_mut().chain([&mut node]) {
        node.register_key(&other, NOW).unwrap();
        node.put_record(&record, NOW).unwrap();
    }
    let now = NOW + 10;
    let first = node.begin_replication(table(&near), HOUR, now).unwrap();
    assert!(first.asks.len() >= 19);
    // Nobody has answered.
    for _ in 0..3 {
        node.continue_replication(first.round, now).unwrap();
    }
    let mut item = registry_service::domain::BundleItem::new(scene.key.clone());
    item.records.push(scene.record("third", NOW));
    node.take_replica(&pack_bundle(&[item]), &[], now).unwrap();
    let second = node.begin_replication(table(&near), HOUR, now).unwrap();
    assert_eq!(second.asks.len(), 20);
    assert_ne!(second.round, first.round);
    // Now the answers to the first come.
    for ask in &first.asks {
        let asked = near.iter_mut().find(|node| node.host.id() == ask.peer_id).unwrap();
        let held = asked.compare_replica(&first.text, &ask.what, now);
        node.note_replica(first.round, (&ask.peer_id, "compare_replica"), held)
            .unwrap();
    }
    for _ in 0..2 {
        node.continue_replication(second.round, now).unwrap();
    }
    let end = node.continue_replication(second.round, now).unwrap();
    let copies = near
        .iter_mut()
        .filter_map(|node| node.get_key_metadata(&scene.key_id).ok())
        .count();
    assert_eq!((end.dropped, copies), (0, 0), "nobody else holds it");
}

/// Peers in the routing table that are none of the 20.
fn sybils(scene: &mut Scene, near: &[NativeNode], count: usize) -> Vec<Peer> {
    let liars: Vec<Peer> = (0..60).map(|number| Peer::named(&format!("sybil {number}"))).collect();
    let mut ids = table(near);
    ids.extend(liars.iter().map(|peer| peer.id().to_owned()));
    let host = scene.host();
    let origins = Origins::new(&host, &host, 2);
    let key_id = scene.key_id.clone();
    let closest = scene
        .node
        .call(origins, |call| Ok(call.get_neighbourhood(&key_id, vec![ids])?))
        .unwrap();
    let is_far = |peer: &Peer| !closest.iter().any(|id| id == peer.id());
    liars.into_iter().filter(is_far).take(count).collect()
}

#[test]
fn peers_who_are_no_neighbours_do_not_make_a_node_drop_the_last_copy() {
    let (mut scene, mut near) = outsider();
    let liars = sybils(&mut scene, &near, HANDED_OVER_TO);
    assert_eq!(liars.len(), HANDED_OVER_TO);
    for liar in &liars {
        let record = liar.own_record(&scene.key_id, "value", NOW);
        scene.node.put_record(&record, NOW).unwrap();
    }
    let mut peers = table(&near);
    peers.extend(liars.iter().map(|peer| peer.id().to_owned()));
    let begun = scene.node.begin_replication(peers, HOUR, DUE).unwrap();
    assert_eq!(begun.asks.len(), 28);
    for ask in &begun.asks {
        let from = (ask.peer_id.as_str(), "compare_replica");
        let held = match near.iter_mut().find(|node| node.host.id() == ask.peer_id) {
            Some(node) => node.compare_replica(&begun.text, &ask.what, DUE),
            None => Ok(OfferAnswer {
                same: (0..1).collect(),
                ..OfferAnswer::default()
            }
            .encode()),
        };
        scene.node.note_replica(begun.round, from, held).unwrap();
    }
    scene.node.continue_replication(begun.round, DUE).unwrap();
    let give = scene.node.continue_replication(begun.round, DUE).unwrap();
    let end = scene.node.continue_replication(begun.round, DUE).unwrap();
    assert_eq!(
        (give.asks.len(), end.dropped),
        (20, 0),
        "all 20 neighbours have said that they hold nothing"
    );
}

#[test]
fn silent_providers_do_not_keep_a_key_from_being_exchanged() {
    let candidates: Vec<Peer> = (0..60).map(|number| Peer::named(&format!("node {number}"))).collect();
    let ids: Vec<String> = candidates.iter().map(|peer| peer.id().to_owned()).collect();
    let mut node = NativeNode::new(Peer::named("host"));
    let host = node.host.clone();
    let owner = Peer::named("owner");
    let (key, closest) = (0..)
        .map(|number| owner.key(&format!("label {number}"), NOW))
        .find_map(|key| {
            let origins = Origins::new(&host, &host, 2);
            let ids = ids.clone();
            let near = node
                .call(origins, |call| Ok(call.get_neighbourhood(&key.id, vec![ids])?))
                .unwrap();
            near.iter().any(|id| id == host.id()).then_some((key, near))
        })
        .unwrap();
    let is_near = |peer: &Peer| closest.iter().any(|id| id == peer.id());
    let (near, far): (Vec<Peer>, Vec<Peer>) = candidates.into_iter().partition(is_near);
    let mut near: Vec<NativeNode> = near.into_iter().map(NativeNode::new).collect();
    assert_eq!(near.len(), 19);
    for node in near.iter_mut().chain([&mut node]) {
        node.register_key(&key, NOW).unwrap();
        for provider in &far[..21] {
            node.put_record(&provider.own_record(&key.id, "value", NOW), NOW)
                .unwrap();
        }
    }
    let begun = node.begin_replication(ids, HOUR, DUE).unwrap();
    assert_eq!(begun.asks.len(), 40);
    for asked in &mut near {
        let held = asked.compare_replica(&begun.text, "*", DUE);
        node.note_replica(begun.round, (asked.host.id(), "compare_replica"), held)
            .unwrap();
    }
    for _ in 0..2 {
        node.continue_replication(begun.round, DUE).unwrap();
    }
    let end = node.continue_replication(begun.round, DUE).unwrap();
    assert_eq!(end.exchanged, 1, "all 19 neighbours hold the same");
}

/// Those of whom a tombstone is fetched bring it under a key of their making: how the round ends.
fn round_with_liars(
    scene: &mut Scene,
    others: &mut [NativeNode],
    now: u64,
    make_key: impl Fn(&mut Key),
) -> ReplicaStep {
    let begun = scene.node.ask(others, everybody, HOUR, now);
    let fetch = scene.node.continue_replication(begun.round, now).unwrap();
    assert_eq!(recipients(&fetch).len(), FETCHED_FROM);
    for ask in &fetch.asks {
        let liar = others.iter_mut().find(|node| node.host.id() == ask.peer_id).unwrap();
        let mut items = unpack_bundle(&liar.fetch_replica(&ask.what, now).unwrap()).unwrap();
        assert_eq!(items[0].tombstones.len(), 1);
        make_key(&mut items[0].key);
        scene.node.learn_replica(&pack_bundle(&items), now).unwrap();
    }
    scene.node.give(others, everybody, begun.round, now);
    scene.node.continue_replication(begun.round, now).unwrap()
}

/// Two of nine bring what they have named under a key that is refused.
#[test]
fn what_comes_under_a_refused_key_is_not_heard() {
    let (mut scene, mut others) = missed_a_deletion();
    let now = DUE + AWAY_INTERVALS * HOUR + 60;
    assert!(is_partial(&mut scene.node, &scene.key_id, now), "it was away");
    let end = round_with_liars(&mut scene, &mut others, now, |key| key.timestamp_created = now + HOUR);
    let shown = providers(&mut scene.node, &scene.key_id, now);
    let partial = is_partial(&mut scene.node, &scene.key_id, now);
    assert!(
        partial || shown == 1,
        "exchanged {}, {shown} providers, the deleted one among them",
        end.exchanged
    );
}

/// Cut off, but running: its routing table still has the peers.
#[test]
fn a_node_that_nobody_has_answered_for_hours_was_away() {
    let mut scene = with_providers(&["provider", "another"]);
    let mut others = nodes(5);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let gone = Peer::named("provider").tombstone(&scene.key_id, &Peer::named("provider"), DUE + 60);
    others
        .iter_mut()
        .for_each(|node| node.add_tombstone(&gone, DUE + 60).unwrap());
    let back = DUE + 12 * HOUR;
    for now in (DUE + 60..back).step_by(60) {
        let trip = scene.node.replicate(&mut others, |_| false, HOUR, now);
        assert_eq!(trip.end.exchanged, 0);
    }
    let partial = is_partial(&mut scene.node, &scene.key_id, back);
    let shown = providers(&mut scene.node, &scene.key_id, back);
    assert!(partial, "whole, with {shown} providers");
}

/// The neighbours that have answered "the same" do not hold what comes between their answer and the next step.
#[test]
fn what_came_in_while_others_compared_is_not_dropped() {
    // One of the 20 holds the key without its record, the others hold the same.
    let (mut scene, mut near) = where_some_hold_it(NEIGHBOURHOOD_MAX - 1);
    near[NEIGHBOURHOOD_MAX - 1].register_key(&scene.key, NOW).unwrap();
    let late = scene.record("late", DUE);
    let end = round_with_a_write(&mut scene, &mut near, |node| node.put_record(&late, DUE).unwrap());
    let id = Peer::named("late").id().to_owned();
    let mut copies = 0;
    for node in near.iter_mut().chain([&mut scene.node]) {
        let records = node.get_records(&scene.key_id, DUE).unwrap_or_default();
        copies += usize::from(records.iter().any(|record| record.metadata.peer_id == id));
    }
    assert!(
        copies >= HANDED_OVER_TO || end.dropped == 0,
        "{copies} copies, {} dropped",
        end.dropped
    );
}

#[test]
fn a_key_with_an_unreadable_row_does_not_keep_others_of_a_bundle_out() {
    let mut scene = with_providers(&["provider"]);
    let mut node = NativeNode::new(Peer::named("damaged"));
    node.register_key(&scene.key, NOW).unwrap();
    node.put_record(&scene.record("provider", NOW), NOW).unwrap();
    let node = node.restart(|_| {}).unwrap();
    let other = Peer::named("owner").key("other", NOW);
    scene.node.register_key(&other, NOW).unwrap();
    let mut others = vec![node];
    others[0].run_raw("UPDATE entries SET body = x'01FF'").unwrap();
    let give = gives(&mut scene, &mut others, DUE);
    assert_eq!(unpack_bundle(&give.text).unwrap().len(), 2);
    let receipt = others[0].take_part(&give.text, &give.asks[0].what, &[], DUE);
    assert!(receipt.is_ok(), "{receipt:?}");
    assert!(others[0].get_key_metadata(&other.id).is_ok());
}

/// A liar says in every round that it holds nothing of a key that travels in parts.
#[test]
fn whoever_lacks_everything_keeps_nothing_from_the_others() {
    let mut scene = scene();
    let key = Peer::named("owner").key("large", NOW - 10);
    scene.node.register_key(&key, NOW).unwrap();
    let issuers = (0..TOMBSTONES_PER_KEY_MAX).map(|number| Peer::named(&format!("issuer {number}")));
    let tombstones: Vec<_> = issuers
        .map(|issuer| {
            let mut tombstone = issuer.tombstone(&key.id, &issuer, NOW);
            tombstone.solution = vec![7; 1024];
            tombstone.issuer_signature = issuer.sign(&registry_service::domain::signing::tombstone_bytes(&tombstone));
            tombstone
        })
        .collect();
    assert_eq!(scene.node.republish_tombstones(&tombstones, NOW).unwrap().updated, 256);
    let mut honest = nodes(1);
    let liar = NativeNode::new(Peer::named("liar"));
    let held = |node: &mut NativeNode, now| node.get_tombstones(&key.id, now).map_or(0, |all| all.len());
    let mut progress = Vec::new();
    for turn in 0..12 {
        let now = DUE + turn * LEASE_SEC;
        let mut peers = table(&honest);
        peers.push(liar.host.id().to_owned());
        let begun = scene.node.begin_replication(peers, HOUR, now).unwrap();
        if begun.asks.is_empty() {
            continue;
        }
        let count = Digests::parse(&begun.text).unwrap().keys.len();
        let nothing = OfferAnswer {
            differing: (0..count as u16).map(|at| (at, Vec::new())).collect(),
            ..OfferAnswer::default()
        };
        lie(&mut scene, (begun.round, &liar), nothing);
        let answer = honest[0].compare_replica(&begun.text, "*", now);
        let from = (honest[0].host.id(), "compare_replica");
        scene.node.note_replica(begun.round, from, answer).unwrap();
        scene.node.continue_replication(begun.round, now).unwrap();
        let give = scene.node.continue_replication(begun.round, now).unwrap();
        for ask in &give.asks {
            let receipt = match ask.peer_id == honest[0].host.id() {
                true => honest[0].take_part(&give.text, &ask.what, &[], now),
                false => Ok(ask.what.clone()).map(|what| if what == "*" { "Aw".to_owned() } else { what }),
            };
            scene
                .node
                .note_replica(begun.round, (&ask.peer_id, "take_replica"), receipt)
                .unwrap();
        }
        scene.node.continue_replication(begun.round, now).unwrap();
        progress.push(held(&mut honest[0], now));
    }
    assert_eq!(progress.last(), Some(&TOMBSTONES_PER_KEY_MAX), "{progress:?}");
}

/// The answers are in, and somebody registers before the round goes on.
fn round_with_a_write(
    scene: &mut Scene,
    others: &mut [NativeNode],
    write: impl FnOnce(&mut NativeNode),
) -> ReplicaStep {
    let begun = scene.node.ask(others, everybody, HOUR, DUE);
    write(&mut scene.node);
    scene.node.learn(others, everybody, begun.round, DUE);
    scene.node.give(others, everybody, begun.round, DUE);
    scene.node.continue_replication(begun.round, DUE).unwrap()
}

/// Whoever is asked knows when.
#[test]
fn whoever_writes_while_neighbours_compare_keeps_no_key_from_being_exchanged() {
    for holders in [0, 4, 5] {
        let mut scene = with_providers(&["provider"]);
        let mut others = nodes(5);
        for node in &mut others[..holders] {
            node.register_key(&scene.key, NOW).unwrap();
            node.put_record(&scene.record("provider", NOW), NOW).unwrap();
        }
        let late = scene.record("late", DUE);
        let end = round_with_a_write(&mut scene, &mut others, |node| node.put_record(&late, DUE).unwrap());
        assert_eq!(end.exchanged, 1, "{holders} hold the same");
        // Where nobody differs nothing is given: the writer has told all, as far as he could.
        let told = if holders == 5 { 1 } else { 2 };
        for node in &mut others {
            assert_eq!(providers(node, &scene.key_id, DUE), told, "{holders} hold the same");
        }
    }
}

/// What neighbours have said of it is not true of what is here now.
#[test]
fn a_key_that_goes_and_comes_again_during_a_round_stays_partial() {
    let mut scene = scene();
    let mut others = nodes(5);
    let begins = NOW + DAY - 1;
    for node in &mut others {
        node.register_key(&scene.key, NOW).unwrap();
        node.get_records(&scene.key_id, begins).unwrap();
    }
    let begun = scene.node.ask(&mut others, everybody, HOUR, begins);
    let ends = NOW + DAY + 600;
    scene.node.clear_expired(ends).unwrap();
    let key = Peer::named("owner").key("resource", ends - 300);
    scene.node.republish_key(&key, ends).unwrap();
    scene.node.learn(&mut others, everybody, begun.round, ends);
    scene.node.give(&mut others, everybody, begun.round, ends);
    scene.node.continue_replication(begun.round, ends).unwrap();
    assert!(is_partial(&mut scene.node, &scene.key_id, ends));
}

#[test]
fn a_record_of_the_nodes_own_that_comes_during_a_round_stays_urgent() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    let hosted = scene.host().record(scene.host_metadata("issuer", DUE), DUE);
    let begun = scene.node.ask(&mut others, everybody, HOUR, DUE);
    scene.node.learn(&mut others, everybody, begun.round, DUE);
    scene.node.give(&mut others, everybody, begun.round, DUE);
    scene.node.put_record(&hosted, DUE).unwrap();
    let end = scene.node.continue_replication(begun.round, DUE).unwrap();
    assert_eq!((end.exchanged, state(&scene.node, &scene.key_id).due_at()), (0, 0));
    let begun = scene.node.begin_replication(table(&others), HOUR, DUE + 60).unwrap();
    assert_eq!(begun.asks.len(), 5, "the next run takes it");
}

/// Genuine keys of as many owners as there are, older than all else: more than a bundle can name, run after run.
#[test]
fn keys_that_a_stranger_brings_keep_neither_the_nodes_own_nor_the_others_waiting() {
    let mut scene = with_providers(&["provider"]);
    let mut others = nodes(5);
    for number in 0..2 * REPLICA_KEYS_MAX {
        let key = Peer::named(&format!("owner {number}")).key("flood", NOW - HOUR);
        scene.node.republish_key(&key, NOW).unwrap();
    }
    let own = Peer::named("owner").key("own", NOW);
    scene.node.register_key(&own, NOW).unwrap();
    let metadata = Peer::named("issuer").metadata(&own.id, &scene.host(), "value", NOW);
    scene.node.put_record(&scene.host().record(metadata, NOW), NOW).unwrap();
    let trip = scene.node.replicate(&mut others, everybody, HOUR, DUE);
    assert_eq!(trip.end.taken as usize, REPLICA_KEYS_MAX);
    for key_id in [&own.id, &scene.key_id] {
        let state = state(&scene.node, key_id);
        assert_eq!(state.exchanged_at(), DUE, "{} is exchanged", state.key().label);
    }
    // What had no room is not the first again.
    let due = Digests::parse(
        &scene
            .node
            .begin_replication(table(&others), HOUR, DUE + 61)
            .unwrap()
            .text,
    )
    .unwrap();
    let taken: Vec<_> = Digests::parse(&trip.begun.text)
        .unwrap()
        .keys
        .into_iter()
        .map(|(tag, _)| tag)
        .collect();
    assert!(due.keys.iter().all(|(tag, _)| !taken.contains(tag)));
}

/// Two of nine bring what they have named under another key, which is genuine.
#[test]
fn what_comes_under_another_key_is_not_heard() {
    let (mut scene, mut others) = missed_a_deletion();
    let now = DUE + AWAY_INTERVALS * HOUR + 60;
    round_with_liars(&mut scene, &mut others, now, |key| {
        *key = Peer::named("liar").key("another", now)
    });
    let shown = providers(&mut scene.node, &scene.key_id, now);
    let partial = is_partial(&mut scene.node, &scene.key_id, now);
    assert!(
        partial || shown == 1,
        "whole, with the deleted one among {shown} providers"
    );
}

/// Otherwise no answer for it would ever count.
#[test]
fn a_partial_key_that_readers_alone_keep_alive_is_whole_when_it_was_exchanged() {
    let mut scene = scene();
    let mut others = nodes(5);
    let now = NOW + DAY + HOUR;
    scene.node = NativeNode::new(Peer::named("newcomer"));
    scene.node.republish_key(&scene.key, NOW).unwrap();
    for now in [NOW + DAY - 1, now] {
        assert!(is_partial(&mut scene.node, &scene.key_id, now), "and read");
    }
    scene.node.replicate(&mut others, everybody, HOUR, now);
    assert!(!is_partial(&mut scene.node, &scene.key_id, now));
    assert!(others
        .iter_mut()
        .all(|node| node.get_key_metadata(&scene.key_id).is_err()));
}

#[test]
fn a_key_that_readers_alone_keep_alive_is_due_at_once_when_the_node_was_away() {
    let mut scene = scene();
    let mut others = nodes(5);
    scene.node.replicate(&mut others, everybody, HOUR, DUE);
    let back = NOW + DAY + HOUR;
    scene.node.get_records(&scene.key_id, NOW + DAY - 1).unwrap();
    assert!(is_partial(&mut scene.node, &scene.key_id, back), "it was away");
    scene.node.replicate(&mut others, everybody, HOUR, back);
    assert!(!is_partial(&mut scene.node, &scene.key_id, back));
}
