//! Keys of which a node holds less than its neighbours do, because a registration alone has brought them: what it answers
//! to readers, and how replication fills it.

use registry_service::calls::{Answer, CallError, NodeAnswer, NodeReply, Plan, Published, ReplicaAnswer, Wave};
use registry_service::domain::data::Record;
use registry_service::domain::limits::{ASKED_ONE_IN, NEW_KEY_SEC};
use registry_service::domain::{pack_bundle, BundleItem, OfferAnswer};
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
fn of_a_key_that_is_new_nobody_holds_more() {
    for (age, partial) in [(NEW_KEY_SEC, false), (NEW_KEY_SEC + 1, true)] {
        let (mut scene, mut node) = (scene(), NativeNode::new(Peer::named("newcomer")));
        register(&mut node, &scene, "provider", NOW + age);
        assert_eq!(is_partial(&mut scene, &mut node, NOW + age), partial, "{age} s");
        assert_eq!(
            !node.peek_stale(NOW + HOUR).unwrap().is_empty(),
            partial,
            "due at once where it is partial"
        );
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
fn a_neighbour_that_replicates_fills_a_partial_key() {
    let (mut scene, newcomer) = with_newcomer();
    let mut others = vec![newcomer];
    scene.node.replicate(&mut others, everybody, HOUR, LATER + HOUR);
    let newcomer = &mut others[0];
    assert!(!is_partial(&mut scene, newcomer, LATER + HOUR));
    assert_eq!(newcomer.get_records(&scene.key_id, LATER + HOUR).unwrap().len(), 3);
}

#[test]
fn in_its_own_round_a_newcomer_asks_and_whoever_holds_more_fills_it_at_once() {
    let (scene, mut newcomer) = with_newcomer();
    let key_id = scene.key_id.clone();
    let mut reader = scene_of(&scene);
    let mut holders = vec![scene.node];
    let now = LATER + HOUR / ASKED_ONE_IN;
    newcomer.replicate(&mut holders, everybody, HOUR, now);
    assert!(is_partial(&mut reader, &mut newcomer, now), "nothing has come yet");
    assert_eq!(newcomer.get_records(&key_id, now).unwrap().len(), 1);

    let mut others = vec![newcomer];
    let trip = holders[0].replicate(&mut others, everybody, HOUR, now + 60);
    assert_eq!(trip.report.settled, 1, "due because it was asked");
    assert!(!is_partial(&mut reader, &mut others[0], now + 60));
    assert_eq!(others[0].get_records(&key_id, now + 60).unwrap().len(), 3);
}

#[test]
fn whoever_asks_gets_no_more_than_a_few_rounds_in_a_period() {
    let (scene, newcomer) = with_newcomer();
    let (mut holder, mut others) = (scene.node, vec![newcomer]);
    let mut rounds = 0;
    for minute in 0..60 {
        let now = LATER + minute * 60;
        // Every time one that has just come.
        others[0] = NativeNode::new(Peer::named("newcomer"));
        let record = Peer::named("third").own_record(&scene.key_id, "value", LATER);
        others[0].republish_key(&scene.key, now).unwrap();
        others[0].republish_records(&[record], now).unwrap();
        let mut holders = vec![holder];
        others[0].replicate(&mut holders, everybody, HOUR, now);
        holder = holders.remove(0);
        let trip = holder.replicate(&mut others, everybody, HOUR, now + 1);
        rounds += u64::from(trip.report.offered);
    }
    assert_eq!(
        rounds,
        ASKED_ONE_IN - 1,
        "the first may come a quarter of a period after the registration"
    );
}

#[test]
fn to_those_who_replicate_a_partial_key_is_as_good_as_none() {
    let (mut scene, mut newcomer) = with_newcomer();
    let table = vec![vec![newcomer.host.id().to_owned()]];
    let now = LATER + HOUR;
    let round = scene.node.begin_replication(table, HOUR, now).unwrap();
    let offer = &round.offers[0];
    let answer = newcomer.compare_replica(&round.digests, &offer.keys, now).unwrap();
    let answer = OfferAnswer::parse(&answer).unwrap();
    assert_eq!(answer.differing, [(0, vec![])]);
}

#[test]
fn newcomers_alone_are_whole_when_one_of_them_has_replicated() {
    let scene = scene();
    let mut others = nodes(3);
    for node in &mut others {
        register(node, &scene, "provider", LATER);
    }
    let mut reader = scene_of(&scene);
    let mut first = others.remove(0);
    assert!(is_partial(&mut reader, &mut first, LATER));
    let trip = first.replicate(&mut others, everybody, HOUR, LATER);
    assert_eq!(trip.report.settled, 1);
    for node in others.iter_mut().chain([&mut first]) {
        assert!(!is_partial(&mut reader, node, LATER));
    }
}

#[test]
fn a_newcomer_that_hears_of_nobody_is_whole_and_one_that_nobody_answers_is_not() {
    let scene = scene();
    let (mut alone, mut silenced) = (nodes(1).remove(0), nodes(1).remove(0));
    let mut reader = scene_of(&scene);
    for node in [&mut alone, &mut silenced] {
        register(node, &scene, "provider", LATER);
    }
    let mut nobody: [NativeNode; 0] = [];
    alone.replicate(&mut nobody, everybody, HOUR, LATER);
    assert!(!is_partial(&mut reader, &mut alone, LATER));
    let mut others = nodes(3);
    silenced.replicate(&mut others, |_| false, HOUR, LATER);
    assert!(is_partial(&mut reader, &mut silenced, LATER));
}

#[test]
fn a_bundle_that_asks_fills_nothing() {
    let (mut scene, mut newcomer) = with_newcomer();
    let bundle = pack_bundle(&[BundleItem::asking(scene.key.clone())]);
    newcomer.take_replica(&bundle, &[], LATER).unwrap();
    assert!(is_partial(&mut scene, &mut newcomer, LATER));
}

#[test]
fn where_nobody_replicates_a_key_counts_as_partial_for_two_periods() {
    let (mut scene, mut newcomer) = with_newcomer();
    assert!(is_partial(&mut scene, &mut newcomer, LATER + 2 * HOUR - 1));
    assert!(!is_partial(&mut scene, &mut newcomer, LATER + 2 * HOUR));
}

#[test]
fn a_restarted_node_has_a_partial_key_due_at_once() {
    let (scene, newcomer) = with_newcomer();
    let mut newcomer = newcomer.restart(|_| ()).unwrap();
    let table = vec![vec![scene.node.host.id().to_owned()]];
    let round = newcomer.begin_replication(table, HOUR, LATER + HOUR / 2).unwrap();
    assert_eq!(round.offers.len(), 1);
}

#[test]
fn a_round_that_finds_holders_who_have_more_leaves_the_key_partial() {
    let (scene, mut newcomer) = with_newcomer();
    let mut reader = scene_of(&scene);
    let mut holder = scene.node;
    let table = vec![vec![holder.host.id().to_owned()]];
    let round = newcomer.begin_replication(table, HOUR, LATER).unwrap();
    let keys = &round.offers[0].keys;
    let text = holder.compare_replica(&round.digests, keys, LATER);
    let answer = ReplicaAnswer::of(holder.host.id(), Answer::from(text));
    let report = newcomer.end_replication(&round, &[answer], &[], &[], LATER).unwrap();
    assert_eq!(report.settled, 0);
    assert!(is_partial(&mut reader, &mut newcomer, LATER));
}
