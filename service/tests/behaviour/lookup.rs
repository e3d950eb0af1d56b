//! Reading from a neighbourhood: whom a node asks, what counts as an answer, when others are needed.

use registry_service::calls::{Answer, CallError, Lookup, NodeAnswer};
use registry_service::domain::data::Record;
use registry_service::domain::pack_records;
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{assert_text, scene, Scene, NOW};

fn peers(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| Peer::named(&format!("node {n}")).id().to_owned())
        .collect()
}

fn begin(scene: &mut Scene, peers: &[String], ack: i16) -> Lookup {
    let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 4).time(3);
    let (key_id, peers) = (scene.key_id.clone(), peers.to_vec());
    let begun = scene.node.call(origins, |call| {
        Ok::<_, CallError>(call.begin_records(&key_id, peers, ack, NOW))
    });
    begun.unwrap()
}

/// What this node makes of an answer that came from `from`.
fn check(scene: &mut Scene, from: &str, answer: Answer) -> NodeAnswer {
    let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 2);
    let origins = origins.with(1, from, "registry", "get_records_beyond");
    let key_id = scene.key_id.clone();
    scene
        .node
        .call(origins, |call| Ok::<_, CallError>(call.check_records(&key_id, answer)))
        .unwrap()
}

fn end(scene: &mut Scene, lookup: &Lookup, answers: &[NodeAnswer]) -> (Option<Vec<Record>>, Vec<String>) {
    let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 4).time(3);
    let key_id = scene.key_id.clone();
    let found = scene
        .node
        .call(origins, |call| call.end_records(&key_id, lookup, answers, NOW))
        .unwrap();
    (found.found, found.errors)
}

fn packed(records: &[Record]) -> Answer {
    Answer {
        good: vec![pack_records(records)],
        bad: Vec::new(),
    }
}

fn near(scene: &mut Scene, peers: &[String]) -> Vec<String> {
    let origins = Origins::new(&scene.node.host, &Peer::named("a client"), 2);
    let key_id = scene.key_id.clone();
    scene
        .node
        .call(origins, |call| call.get_neighbourhood(&key_id, peers.to_vec()))
        .unwrap()
}

#[test]
fn a_node_counts_itself_into_the_neighbourhood_once() {
    let mut scene = scene();
    let host = scene.host().id().to_owned();
    assert_eq!(near(&mut scene, &[]), [host.clone()]);
    let mut named = peers(3);
    named.extend([host.clone(), named[0].clone()]);
    let near = near(&mut scene, &named);
    assert_eq!(near.len(), 4);
    assert_eq!(near.iter().filter(|peer| **peer == host).count(), 1);
}

#[test]
fn a_neighbourhood_has_the_20_closest_in_an_order_that_does_not_depend_on_who_is_named_first() {
    let mut scene = scene();
    let mut named = peers(50);
    let first = near(&mut scene, &named);
    named.reverse();
    assert_eq!(first.len(), 20);
    assert_eq!(near(&mut scene, &named), first);
}

#[test]
fn a_node_that_knows_enough_asks_nobody() {
    let mut scene = scene();
    let lookup = begin(&mut scene, &peers(5), 1);
    assert!(lookup.ask.is_empty() && lookup.more.is_empty());
    let (found, errors) = end(&mut scene, &lookup, &[]);
    assert_eq!((found, errors), (Some(vec![]), vec![]));
}

#[test]
fn those_needed_and_two_more_are_asked_at_once_the_others_later() {
    let mut scene = scene();
    let host = scene.host().id().to_owned();
    // One of three good answers is the node's own.
    let lookup = begin(&mut scene, &peers(10), 3);
    assert_eq!((lookup.ask.len(), lookup.later.len()), (4, 6));
    assert_eq!((lookup.enough, lookup.first, lookup.all), (1, 3, 9));
    let closest: Vec<String> = near(&mut scene, &peers(10))
        .into_iter()
        .filter(|peer| *peer != host)
        .collect();
    assert_eq!([lookup.ask, lookup.later].concat(), closest);
}

#[test]
fn ack_is_at_least_one_and_at_most_all() {
    let mut scene = scene();
    assert_eq!(begin(&mut scene, &peers(4), i16::MIN).ack, 1);
    assert_eq!(begin(&mut scene, &peers(4), 0).ack, 1);
    assert_eq!(begin(&mut scene, &peers(4), i16::MAX).ack, 5);
}

#[test]
fn others_are_needed_only_while_too_few_have_answered_well() {
    let mut scene = scene();
    let lookup = begin(&mut scene, &peers(10), 3);
    let ask = lookup.ask.clone();
    let good = check(&mut scene, &ask[0], packed(&[]));
    let bad = NodeAnswer::failed(&ask[1], "unknown key");
    assert_eq!(lookup.clone().widen(&[]), lookup.later);
    assert_eq!(lookup.clone().widen(&[good.clone(), bad]), lookup.later);
    assert!(lookup.clone().widen(&[good.clone(), good]).is_empty());
    // Nobody is left to ask.
    let everybody = begin(&mut scene, &peers(2), 3);
    assert!(everybody.widen(&[]).is_empty());
}

#[test]
fn answers_are_merged_with_what_the_node_holds() {
    let mut scene = scene();
    let (mine, theirs) = (scene.record("mine", NOW), scene.record("theirs", NOW));
    scene.node.put_record(&mine, NOW).unwrap();
    let lookup = begin(&mut scene, &peers(3), 2);
    let answer = check(&mut scene, &lookup.ask[0].clone(), packed(&[theirs.clone()]));
    let (found, errors) = end(&mut scene, &lookup, &[answer]);
    let mut found = found.unwrap();
    found.sort();
    let mut expected = vec![mine, theirs];
    expected.sort();
    assert_eq!((found, errors), (expected, vec![]));
}

#[test]
fn a_neighbour_answers_only_with_what_the_reader_lacks() {
    let mut scene = scene();
    let (known, unknown) = (scene.record("known", NOW), scene.record("unknown", NOW));
    scene.node.put_record(&known, NOW).unwrap();
    let lookup = begin(&mut scene, &peers(3), 2);
    let mut neighbour = NativeNode::new(Peer::named("neighbour"));
    neighbour.register_key(&scene.key, NOW).unwrap();
    neighbour.put_record(&known, NOW).unwrap();
    neighbour.put_record(&unknown, NOW).unwrap();
    let origins = Origins::new(&neighbour.host, &Peer::named("a client"), 3).time(2);
    let answer = neighbour.call(origins, |call| {
        call.get_records_beyond(&scene.key_id, &lookup.known, NOW)
    });
    assert_eq!(answer.unwrap(), pack_records([&unknown]));
}

#[test]
fn an_answer_with_a_forgery_or_of_another_key_does_not_count_and_names_its_node() {
    let mut scene = scene();
    let from = peers(1).remove(0);
    let mut forged = scene.record("provider", NOW);
    forged.metadata.value = "another value".to_owned();
    let genuine = scene.record("genuine", NOW);
    let stranger = Peer::named("provider").own_record(&Peer::named("owner").key("other", NOW).id, "value", NOW);
    let garbage = Answer {
        good: vec!["!".to_owned()],
        bad: Vec::new(),
    };
    for answer in [
        packed(&[genuine, forged]),
        packed(&[stranger]),
        garbage,
        Answer::default(),
    ] {
        let checked = check(&mut scene, &from, answer);
        assert!(checked.good.is_empty());
        assert_text(&checked.bad[0], &[&from, "the answer is dropped"]);
    }
}

#[test]
fn too_few_answers_give_what_there_is_and_name_who_was_silent() {
    let mut scene = scene();
    let record = scene.record("provider", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    let lookup = begin(&mut scene, &peers(2), 3);
    let failed = NodeAnswer::failed(&lookup.ask[0], "out of order");
    let (found, errors) = end(&mut scene, &lookup, &[failed]);
    assert_eq!(found, Some(vec![record]));
    assert_text(&errors[0], &[&lookup.ask[0], "out of order"]);
    assert_text(&errors[1], &[&lookup.ask[1], "no answer in time"]);
    assert_text(&errors[2], &["1 nodes answered", "3 are needed"]);
}
