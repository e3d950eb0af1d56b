//! Keys of which a node holds less than its neighbours do, because a registration alone has brought them: what it answers
//! to readers, and how replication fills it.

use registry_service::calls::{CallError, NodeAnswer, NodeReply, Plan, Published, Wave};
use registry_service::domain::data::Record;
use registry_service::domain::limits::NEW_KEY_SEC;
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{assert_text, everybody, nodes, scene, with_providers, Scene, HOUR, NOW};

/// When a registration reaches a node that has just become a neighbour. The key is older.
const LATER: u64 = NOW + 10 * 60;

/// `provider` registers at this node: its key comes along.
fn register(node: &mut NativeNode, scene: &Scene, provider: &str, now: u64) -> Record {
    let record = scene.record(provider, now);
    let origins = Origins::new(&node.host, &Peer::named(provider), 6).time(5);
    let published = Published {
        keys: vec![scene.key.clone()],
        records: vec![record.clone()],
        ..Published::default()
    };
    let done = node.call(origins, |call| call.publish(published, &[], now));
    done.unwrap();
    record
}

/// A node that holds two providers, and one that only knows of a third, who has registered at both.
fn with_newcomer() -> (Scene, NativeNode) {
    let mut scene = with_providers(&["provider", "another"]);
    let mut newcomer = NativeNode::new(Peer::named("newcomer"));
    let mut holder = std::mem::replace(&mut scene.node, NativeNode::new(Peer::named("nobody")));
    for node in [&mut holder, &mut newcomer] {
        register(node, &scene, "third", LATER);
    }
    scene.node = holder;
    (scene, newcomer)
}

/// What a reader hears of `node`, and makes of it at the scene's node.
fn heard(scene: &mut Scene, node: &mut NativeNode, now: u64) -> NodeAnswer {
    let key_id = scene.key_id.clone();
    let origins = Origins::new(&node.host, &Peer::named("a client"), 3).time(2);
    let answer = node.call(origins, |call| call.get_answer(&key_id, "", now));
    let from = node.host.id().to_owned();
    let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 6);
    let checked = scene.node.call(origins, |call| {
        Ok::<_, CallError>(call.check_answer(&from, &key_id, "", NodeReply::from(answer)))
    });
    checked.unwrap()
}

fn is_partial(scene: &mut Scene, node: &mut NativeNode, now: u64) -> bool {
    let answer = heard(scene, node, now);
    assert_eq!(answer.error, "");
    answer.counts.is_empty()
}

fn begin(node: &mut NativeNode, key_id: &str, others: &[&str], ack: i16, now: u64) -> Plan {
    let origins = Origins::new(&node.host, &Peer::named("a client"), 7).time(6);
    let others = others.iter().map(|other| Peer::named(other).id().to_owned()).collect();
    let begun = node.call(origins, |call| {
        Ok::<_, CallError>(call.begin_lookup(key_id, ("", &[]), others, (ack, 60), now))
    });
    begun.unwrap()
}

fn end(node: &mut NativeNode, plan: &Plan, answers: &[NodeAnswer]) -> (usize, Vec<String>) {
    let origins = Origins::new(&node.host, &Peer::named("a client"), 4).time(3);
    let ended = node.call(origins, |call| {
        Ok::<_, CallError>(call.end_lookup(plan, answers, 6_000, LATER))
    });
    let ended = ended.unwrap();
    (ended.result.len(), ended.errors)
}

fn get_wave(node: &mut NativeNode, plan: &Plan, answers: &[NodeAnswer], turn: u8) -> Wave {
    let origins = Origins::new(&node.host, &Peer::named("a client"), 5);
    let wave = node.call(origins, |call| {
        Ok::<_, CallError>(call.get_wave(plan, answers, turn, 1_000, 6_000))
    });
    wave.unwrap()
}

#[test]
fn a_node_says_that_a_registration_alone_has_brought_it_an_older_key() {
    let (mut scene, mut newcomer) = with_newcomer();
    assert!(is_partial(&mut scene, &mut newcomer, LATER));
    let (mut again, mut holder) = with_newcomer();
    std::mem::swap(&mut again.node, &mut holder);
    assert!(
        !is_partial(&mut again, &mut holder, LATER),
        "it has held the key before"
    );
}

#[test]
fn a_second_registration_leaves_a_newcomer_as_urgent_and_as_partial_as_it_was() {
    let (mut scene, mut newcomer) = with_newcomer();
    for now in [LATER + 10, LATER + 2 * HOUR] {
        let key = Peer::named("owner").key("resource", now);
        newcomer.register_key(&key, now).unwrap();
        register(&mut newcomer, &scene, "third", now);
        assert!(is_partial(&mut scene, &mut newcomer, now));
        assert_eq!(newcomer.peek_stale(now).unwrap().len(), 1, "due at once");
    }
}

#[test]
fn of_a_key_that_is_new_nobody_holds_more() {
    for (age, partial) in [(NEW_KEY_SEC, false), (NEW_KEY_SEC + 1, true)] {
        let (mut scene, mut node) = (scene(), NativeNode::new(Peer::named("newcomer")));
        node.register_key(&scene.key, NOW + age).unwrap();
        assert_eq!(is_partial(&mut scene, &mut node, NOW + age), partial, "{age} s");
        assert_eq!(
            !node.peek_stale(NOW + age).unwrap().is_empty(),
            partial,
            "due at once where it is partial"
        );
    }
}

/// The owner creates a resource again, this node misses it, and within a minute the owner registers itself: with the key that
/// others have named. A key that is made for the record comes in the second in which the record was issued.
#[test]
fn a_key_that_its_owner_has_found_is_no_new_one_however_young() {
    let owner = Peer::named("owner");
    for (later_sec, known, partial) in [(0, false, false), (1, false, true), (0, true, true)] {
        let (mut scene, mut node) = (scene(), NativeNode::new(Peer::named("newcomer")));
        let now = LATER + later_sec;
        // Created 20 s before, and again.
        let known = known.then(|| owner.key("resource", LATER - 20));
        let published = Published {
            keys: known.into_iter().chain([owner.key("resource", LATER)]).collect(),
            records: vec![owner.own_record(&scene.key_id, "value", now)],
            ..Published::default()
        };
        let origins = Origins::new(&node.host, &owner, 6).time(5);
        node.call(origins, |call| call.publish(published, &[], now)).unwrap();
        assert_eq!(is_partial(&mut scene, &mut node, now), partial, "{later_sec} s later");
    }
}

/// Who brings an owner's young registration to a newcomer, without the older key that its owner has found.
#[test]
fn a_key_that_a_stranger_registers_is_no_new_one() {
    let (mut scene, mut node) = (scene(), NativeNode::new(Peer::named("newcomer")));
    let published = Published {
        keys: vec![scene.key.clone()],
        ..Published::default()
    };
    let origins = Origins::new(&node.host, &Peer::named("stranger"), 6).time(5);
    node.call(origins, |call| call.publish(published, &[], NOW)).unwrap();
    assert!(is_partial(&mut scene, &mut node, NOW));
}

/// Its owner creates it again, and brings what others know of it.
#[test]
fn a_key_that_others_know_is_no_new_one_however_young_its_registration_is() {
    let owner = Peer::named("owner");
    let renewed = owner.key("resource", LATER);
    for (with_known, partial) in [(true, true), (false, false)] {
        let (mut scene, mut newcomer) = (scene(), NativeNode::new(Peer::named("newcomer")));
        let known = with_known.then(|| scene.key.clone());
        let published = Published {
            keys: known.into_iter().chain([renewed.clone()]).collect(),
            ..Published::default()
        };
        let origins = Origins::new(&newcomer.host, &owner, 6).time(5);
        newcomer
            .call(origins, |call| call.publish(published.clone(), &[], LATER))
            .unwrap();
        assert_eq!(is_partial(&mut scene, &mut newcomer, LATER), partial);
        let held = newcomer.get_key_metadata(&scene.key_id).unwrap();
        assert_eq!(held.timestamp_created, LATER, "the later registration stands");
    }
}

#[test]
fn a_key_that_comes_without_records_is_partial_as_well() {
    let (mut scene, mut node) = (scene(), NativeNode::new(Peer::named("newcomer")));
    node.republish_key(&scene.key, LATER).unwrap();
    assert!(is_partial(&mut scene, &mut node, LATER));
}

#[test]
fn a_partial_answer_does_not_count_but_what_it_brings_does() {
    let (mut scene, mut newcomer) = with_newcomer();
    let fourth = register(&mut newcomer, &scene, "fourth", LATER);
    let key_id = scene.key_id.clone();
    let mut holder = std::mem::replace(&mut scene.node, NativeNode::new(Peer::named("reader")));
    let lookup = begin(&mut scene.node, &key_id, &["newcomer", "host"], 1, LATER);
    let partial = heard(&mut scene, &mut newcomer, LATER);
    assert_eq!(lookup.ask.len(), 2);
    assert_eq!(get_wave(&mut scene.node, &lookup, &[], 0).ask, lookup.ask);
    assert_eq!(lookup.turns, [0, 1]);
    let (found, errors) = end(&mut scene.node, &lookup, &[partial.clone()]);
    assert_eq!(found, 2, "the third and {fourth:?}");
    assert_text(
        errors.last().unwrap(),
        &["0 nodes answered", "1 that have not been given all", "1 are needed"],
    );

    let whole = heard(&mut scene, &mut holder, LATER);
    let answers = [partial.clone(), whole.clone()];
    assert!(get_wave(&mut scene.node, &lookup, &answers, 1).ask.is_empty());
    let (found, errors) = end(&mut scene.node, &lookup, &[partial, whole]);
    assert_eq!(found, 4);
    assert!(errors.iter().all(|error| !error.contains("are needed")), "{errors:?}");
}

/// The same key, for where its node is borrowed.
fn scene_of(scene: &Scene) -> Scene {
    Scene {
        node: NativeNode::new(Peer::named("nobody")),
        key: scene.key.clone(),
        key_id: scene.key_id.clone(),
    }
}

#[test]
fn a_node_with_a_partial_key_asks_others_even_if_one_answer_is_enough() {
    let (scene, mut newcomer) = with_newcomer();
    let lookup = begin(&mut newcomer, &scene.key_id, &["host"], 1, LATER);
    assert_eq!(lookup.ask, [Peer::named("host").id()]);
    let wave = get_wave(&mut newcomer, &lookup, &[], 0);
    assert_eq!((wave.more.as_slice(), wave.enough), ([true].as_slice(), 0));
    let (found, errors) = end(&mut newcomer, &lookup, &[]);
    assert_eq!(found, 1, "what is here is not withheld");
    assert_text(&errors[0], &[Peer::named("host").id(), "no answer in time"]);

    let alone = begin(&mut newcomer, &scene.key_id, &[], 1, LATER);
    assert!(alone.turns.is_empty());
    assert_eq!(end(&mut newcomer, &alone, &[]), (1, vec![]));
}

#[test]
fn what_a_neighbour_brings_fills_a_partial_key_but_its_own_round_alone_makes_it_whole() {
    let (scene, newcomer) = with_newcomer();
    let key_id = scene.key_id.clone();
    let mut reader = scene_of(&scene);
    let mut holder = scene.node;
    let now = LATER + 2 * HOUR;
    let mut others = vec![newcomer];
    holder.replicate(&mut others, everybody, HOUR, now);
    let mut newcomer = others.remove(0);
    assert_eq!(newcomer.get_records(&key_id, now).unwrap().len(), 3);
    assert!(
        is_partial(&mut reader, &mut newcomer, now),
        "whoever brings it may hold something back"
    );
    newcomer.replicate(&mut [holder], everybody, HOUR, now + 60);
    assert!(!is_partial(&mut reader, &mut newcomer, now + 60));
}

#[test]
fn in_its_next_round_a_newcomer_learns_what_others_hold_and_is_whole() {
    let (scene, newcomer) = with_newcomer();
    let key_id = scene.key_id.clone();
    let mut reader = scene_of(&scene);
    // Over a restart it is not forgotten.
    let mut newcomer = newcomer.restart(|_| ()).unwrap();
    assert!(is_partial(&mut reader, &mut newcomer, LATER));
    let mut holders = vec![scene.node];
    let trip = newcomer.replicate(&mut holders, everybody, HOUR, LATER + 60);
    assert_eq!(trip.end.exchanged, 1);
    assert!(!is_partial(&mut reader, &mut newcomer, LATER + 60));
    for node in holders.iter_mut().chain([&mut newcomer]) {
        assert_eq!(node.get_records(&key_id, LATER + 60).unwrap().len(), 3);
    }
}

#[test]
fn a_newcomer_that_nobody_answers_or_that_could_not_fetch_stays_partial_for_as_long_as_it_takes() {
    let (scene, mut newcomer) = with_newcomer();
    let mut reader = scene_of(&scene);
    let mut holders = vec![scene.node];
    newcomer.replicate(&mut holders, |_| false, HOUR, LATER);
    assert!(is_partial(&mut reader, &mut newcomer, LATER + 20 * HOUR));
    // What it asks for does not come.
    let now = LATER + 20 * HOUR;
    let begun = newcomer.ask(&mut holders, everybody, HOUR, now);
    let steps: Vec<_> = (0..3)
        .map(|_| newcomer.continue_replication(begun.round, now).unwrap())
        .collect();
    assert_eq!((steps[0].asks.len(), steps[2].exchanged), (1, 0));
    assert!(is_partial(&mut reader, &mut newcomer, now));
}

#[test]
fn newcomers_alone_are_whole_when_each_has_replicated() {
    let scene = scene();
    let mut others = nodes(3);
    for node in &mut others {
        register(node, &scene, "provider", LATER);
    }
    let mut reader = scene_of(&scene);
    for _ in 0..3 {
        let mut node = others.remove(0);
        assert!(is_partial(&mut reader, &mut node, LATER));
        assert_eq!(node.replicate(&mut others, everybody, HOUR, LATER).end.exchanged, 1);
        assert!(!is_partial(&mut reader, &mut node, LATER));
        others.push(node);
    }
}
