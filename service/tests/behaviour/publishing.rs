//! Publishing over a neighbourhood: one call takes in key and record, here first, and says who else is to be asked.

use registry_service::calls::{signed_records, CallError, NodeAnswer, NodeReply, Plan, Published, TallyResult, Wave};
use registry_service::domain::data::{Key, Record};
use registry_service::domain::limits::PEERS_MAX;
use registry_service::domain::KeyId;
use registry_testkit::{weight_of, NativeNode, Origins, Peer};

use crate::support::{assert_refused, assert_text, NOW};

fn node() -> NativeNode {
    NativeNode::new(Peer::named("host"))
}

fn key() -> Key {
    Peer::named("owner").key("resource", NOW)
}

fn record(key: &Key) -> Record {
    Peer::named("provider").own_record(&key.id, "value", NOW)
}

fn peers(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| Peer::named(&format!("peer {number}")).id().to_owned())
        .collect()
}

fn provided(key: Option<Key>) -> Published {
    Published {
        keys: key.into_iter().collect(),
        records: vec![record(&self::key())],
        ..Published::default()
    }
}

fn spread_of(node: &mut NativeNode, published: Published, peers: Vec<String>, ack: i16) -> Plan {
    let origins = Origins::new(&node.host, &Peer::named("provider"), 8).time(7);
    let spread = node.call(origins, |call| {
        Ok::<_, CallError>(call.spread(published, &[], (peers, ack), NOW))
    });
    spread.unwrap()
}

fn spread(node: &mut NativeNode, peers: Vec<String>, ack: i16) -> Plan {
    spread_of(node, provided(Some(key())), peers, ack)
}

fn publish(node: &mut NativeNode, published: Published) -> Result<(), CallError> {
    let origins = Origins::new(&node.host, &Peer::named("provider"), 6).time(5);
    node.call(origins, |call| call.publish(published, &[], NOW))
}

fn wave(node: &mut NativeNode, plan: &Plan, ttl_ms: u32) -> Wave {
    let origins = Origins::new(&node.host, &Peer::named("provider"), 5).particle(NOW * 1_000, ttl_ms);
    let wave = node.call(origins, |call| {
        Ok::<_, CallError>(call.get_wave(plan, &[], 0, 1_000, 6_000))
    });
    wave.unwrap()
}

/// What this node makes of a reply that says nothing but whether it worked.
fn answer(from: &str, error: Option<&str>) -> NodeAnswer {
    let reply = error.map_or(
        NodeReply {
            success: true,
            ..NodeReply::default()
        },
        |error| NodeReply::failed(error.to_owned()),
    );
    let mut node = node();
    let origins = Origins::new(&node.host, &Peer::named("provider"), 6);
    let checked = node.call(origins, |call| {
        Ok::<_, CallError>(call.check_answer(from, "", "", reply))
    });
    checked.unwrap()
}

#[test]
fn what_a_failed_service_said_is_told_without_aquavms_words_around_it() {
    for (error, told) in [
        (
            r#"Local service error, ret_code is 1, error message is '"no mood"'"#,
            "no mood",
        ),
        (
            "Local service error, ret_code is 2, error message is 'it's gone'",
            "it's gone",
        ),
        (
            "Local service error, ret_code is 2",
            "Local service error, ret_code is 2",
        ),
        ("the key is not known", "the key is not known"),
    ] {
        let answer = answer("a node", Some(error));
        assert_eq!((answer.error.as_str(), answer.counts.len()), (told, 0));
    }
}

/// So one of several services goes without a moment in which readers see none.
#[test]
fn a_tombstone_and_what_is_issued_after_it_are_taken_in_together() {
    let (mut node, provider) = (node(), Peer::named("provider"));
    let of_service = |service, issued| {
        let metadata = provider.service_metadata(&key().id, &provider, (service, "value"), issued);
        provider.record(metadata, issued)
    };
    for service in ["chat", "files", "mail"] {
        let published = Published {
            keys: vec![key()],
            records: vec![of_service(service, NOW - 9)],
            ..Published::default()
        };
        publish(&mut node, published).unwrap();
    }
    let without_files = |issued| Published {
        records: ["chat", "mail"].map(|service| of_service(service, issued)).to_vec(),
        tombstones: vec![provider.tombstone(&key().id, &provider, NOW - 8)],
        ..Published::default()
    };
    assert_refused(&mut node, &["a tombstone of timestamp_issued"], |node| {
        publish(node, without_files(NOW - 8))
    });
    publish(&mut node, without_files(NOW - 7)).unwrap();
    let left = node.get_records(&key().id, NOW).unwrap().into_iter();
    let left: Vec<String> = left.flat_map(|record| record.metadata.service_id).collect();
    assert_eq!(left, ["chat", "mail"]);
}

#[test]
fn a_record_brings_its_key_along() {
    let mut node = node();
    let plan = spread(&mut node, peers(3), 1);
    assert_eq!(plan.here, [answer(node.host.id(), None)]);
    let wave = wave(&mut node, &plan, 7_000);
    assert_eq!(
        (wave.ask.len(), wave.more.len()),
        (3, 0),
        "one is enough, and the others are told all the same"
    );
    assert_eq!(node.get_records(&key().id, NOW).unwrap(), [record(&key())]);
}

#[test]
fn without_the_key_it_is_refused_here_and_the_others_are_waited_for() {
    let mut node = node();
    let plan = spread_of(&mut node, provided(None), peers(3), 2);
    assert_eq!(plan.here[0].peer_id, node.host.id());
    assert_text(&plan.here[0].error, &["is not known here"]);
    let wave = wave(&mut node, &plan, 7_000);
    assert_eq!((wave.ask.len(), wave.enough, wave.last), (3, 1, 2));
    assert_eq!(wave.more, [true]);
    assert_eq!(wave.wait_ms, 1_750, "a quarter of the time to live");
}

#[test]
fn several_entries_of_a_key_are_all_taken_or_none() {
    let mut node = node();
    let (key, provider, other) = (key(), Peer::named("provider"), Peer::named("other"));
    let of_other = other.own_record(&key.id, "value", NOW);
    let gone = Peer::named("gone");
    let mut published = provided(Some(key.clone()));
    published.records.push(of_other.clone());
    published.tombstones.push(gone.tombstone(&key.id, &gone, NOW));
    let mut forged = published.clone();
    forged.tombstones[0].timestamp_issued += 1;
    publish(&mut node, forged).unwrap_err();
    assert!(node.get_key_metadata(&key.id).is_err(), "nothing of it is here");
    publish(&mut node, published).unwrap();
    let mut found = node.get_records(&key.id, NOW).unwrap();
    found.sort();
    let mut expected = vec![provider.own_record(&key.id, "value", NOW), of_other];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(node.get_tombstones(&key.id, NOW).unwrap().len(), 1);
}

#[test]
fn a_key_that_is_not_the_records_is_refused_and_nothing_is_stored() {
    let key = key();
    let other = Peer::named("owner").key("other", NOW);
    let mut node = node();
    // The first call of all notes the host's names.
    node.get_key_metadata(&key.id).unwrap_err();
    assert_refused(&mut node, &[&key.id, &other.id], |node| {
        publish(node, provided(Some(other.clone())))
    });
    assert_refused(&mut node, &["is empty", "pass at least one"], |node| {
        publish(node, Published::default())
    });
}

#[test]
fn a_node_outside_the_neighbourhood_stores_nothing_and_names_20_others() {
    let key = key();
    let all = peers(60);
    let outside = (0..).map(|number| Peer::named(&format!("host {number}")));
    let (mut node, near) = outside
        .map(|host| {
            let mut node = NativeNode::new(host);
            let origins = Origins::new(&node.host, &Peer::named("provider"), 2);
            let near = node.call(origins, |call| {
                Ok::<_, CallError>(call.get_neighbourhood(&key.id, vec![all.clone()])?)
            });
            (node, near.unwrap())
        })
        .find(|(node, near)| !near.contains(&node.host.id().to_owned()))
        .unwrap();
    let plan = spread(&mut node, all, 1);
    assert_eq!(plan.ask, near);
    assert_eq!(plan.here, []);
    assert!(node.get_key_metadata(&key.id).is_err());
}

#[test]
fn ack_is_clamped_to_the_nodes_there_are() {
    for (ack, expected) in [(i16::MIN, 1), (0, 1), (1, 1), (4, 4), (5, 4), (i16::MAX, 4)] {
        let plan = spread(&mut node(), peers(3), ack);
        assert_eq!(plan.ack, expected, "ack {ack}");
    }
}

#[test]
fn what_is_wrong_in_itself_nobody_else_is_asked_to_take() {
    let good = provided(Some(key()));
    let changed = |change: &dyn Fn(&mut Published)| {
        let mut published = good.clone();
        change(&mut published);
        published
    };
    let empty = Peer::named("owner").key("", NOW);
    let wrong = [
        (changed(&|all| all.records[0].metadata.key_id = "xx".to_owned()), "xx"),
        (
            changed(&|all| all.records[0].metadata.value = "v".repeat(5_000)),
            "5000 bytes",
        ),
        (
            changed(&|all| all.records[0].metadata.peer_id = "bob".to_owned()),
            "bob",
        ),
        (changed(&|all| all.records[0].signature.clear()), "no signature"),
        (changed(&|all| all.keys[0].label = "l".repeat(600)), "600 bytes"),
        (
            Published {
                keys: vec![empty],
                ..Published::default()
            },
            "label is empty",
        ),
        (changed(&|all| all.keys[0].signature[0] ^= 1), "signature"),
        (changed(&|all| all.records = vec![record(&key()); 33]), "at most 32"),
        (changed(&|all| all.hosted = vec![Err("no room".to_owned())]), "no room"),
    ];
    for (published, word) in wrong {
        let plan = spread_of(&mut node(), published, peers(3), 1);
        assert!(plan.ask.is_empty() && plan.turns.is_empty(), "{word}");
        let tally = TallyResult::of(&plan.ask, &plan.here, plan.ack, &[]);
        assert!(!tally.success);
        let [error] = tally.errors.as_slice() else {
            panic!("{:?}", tally.errors);
        };
        assert_text(error, &[word]);
    }
    let plan = spread(&mut node(), peers(PEERS_MAX + 1), 1);
    assert_text(&plan.here[0].error, &["at most 256"]);
    assert!(plan.ask.is_empty());
}

#[test]
fn a_record_travels_as_metadata_and_a_signature_of_the_second_in_which_it_was_issued() {
    let whole = record(&key());
    let metadata = || vec![whole.metadata.clone()];
    assert_eq!(
        signed_records(metadata(), vec![whole.signature.clone()]),
        [whole.clone()]
    );
    let unsigned = signed_records(metadata(), Vec::new()).remove(0);
    let published = Published {
        keys: vec![key()],
        records: vec![unsigned],
        ..Published::default()
    };
    assert_refused(&mut node(), &["no signature"], |node| publish(node, published));
    assert!(signed_records(Vec::new(), vec![whole.signature]).is_empty());
}

#[test]
fn a_list_of_those_who_are_told_in_any_case_says_nothing_of_the_neighbourhood() {
    let (owner, provider) = (Peer::named("owner"), Peer::named("a far provider"));
    let published = Published {
        tombstones: vec![owner.tombstone(&key().id, &provider, NOW)],
        ..Published::default()
    };
    let mut node = node();
    let mut found = |named: &[String]| {
        let origins = Origins::new(&node.host, &owner, 10);
        let mut lists = vec![peers(19)];
        lists.extend((!named.is_empty()).then(|| named.to_vec()));
        let found = node.call(origins, |call| {
            Ok::<_, CallError>(call.find_peers_for(&published, lists))
        });
        found.unwrap().unwrap()
    };
    let near = found(&[]);
    assert_eq!(near.len(), 20);
    assert_eq!(found(&[provider.id().to_owned()]), near);
    let other = Peer::named("another").id().to_owned();
    assert!(found(&[other.clone()]).contains(&other), "a list of a closer node");
}

#[test]
fn the_tally_counts_this_node_and_names_who_was_silent() {
    let mut node = node();
    let all = peers(3);
    let plan = spread(&mut node, all.clone(), 3);
    assert_eq!(wave(&mut node, &plan, 0).enough, 1, "this node is one of the three");
    let good = |peer: &String| answer(peer, None);
    let tally = |answers: &[NodeAnswer]| TallyResult::of(&plan.ask, &plan.here, plan.ack, answers);
    let taken = tally(&[good(&all[0]), good(&all[1])]);
    assert!(taken.success && taken.errors.is_empty());

    let short = tally(&[good(&all[0]), answer(&all[1], Some("no room"))]);
    assert!(!short.success);
    let [first, silent, sum] = short.errors.as_slice() else {
        panic!("{:?}", short.errors);
    };
    assert_eq!(first, &format!("{}: no room", all[1]));
    assert_text(silent, &[&all[2], "no answer in time"]);
    assert_text(sum, &["done on 2 nodes, 3 are needed"]);
    let refused = TallyResult::of(&peers(PEERS_MAX + 1), &[], 1, &[]);
    assert!(!refused.success && refused.stored.is_empty());
    assert_text(&refused.error, &["257 peers"]);
}

#[test]
fn one_error_of_many_nodes_is_said_once_with_the_nodes_in_order_where_they_are_few() {
    let mut node = node();
    let plan = spread(&mut node, peers(19), 20);
    let mut answers: Vec<NodeAnswer> = plan.ask[..3].iter().map(|peer| answer(peer, Some("no room"))).collect();
    answers.reverse();
    let few = TallyResult::of(&plan.ask, &plan.here, plan.ack, &answers).errors;
    assert_eq!(few[0], format!("3 nodes: no room ({})", plan.ask[..3].join(", ")));
    assert_eq!(few[1], "16 nodes: no answer in time");
    assert_eq!(few.len(), 3, "{few:?}");
}

#[test]
fn no_node_counts_twice() {
    let all = peers(3);
    let twice = vec![answer(&all[0], None), answer(&all[0], None)];
    let tally = TallyResult::of(&all, &[], 2, &twice);
    assert!(!tally.success, "{tally:?}");
}

#[test]
fn all_providers_have_to_succeed_or_as_many_as_are_asked_for() {
    let called = peers(3);
    let answers = [answer(&called[0], Some("no mood")), answer(&called[1], None)];
    let all = TallyResult::of_providers(&called, &[], &answers);
    assert!(!all.success);
    assert_eq!(all.errors.last().unwrap(), "done on 1 nodes, 3 are needed");
    let one = TallyResult::of_providers(&called, &[1], &answers);
    assert!(one.success);
    assert_eq!(one.errors, [format!("{}: no mood", called[0])]);
    for (ack, needed) in [(i16::MIN, 1), (0, 1), (2, 2), (4, 3), (i16::MAX, 3)] {
        let none = TallyResult::of_providers(&called, &[ack], &answers[..1]);
        assert_eq!(
            none.errors.last().unwrap(),
            &format!("done on 0 nodes, {needed} are needed")
        );
    }
    assert!(
        TallyResult::of_providers(&[], &[1], &[]).success,
        "nobody is there to be called"
    );
}

#[test]
fn the_waits_of_a_call_take_at_most_70_percent_of_its_time_to_live() {
    use registry_service::domain::waits::*;
    let of_all = 2 * HEDGE_PERCENT + LOOKUP_PERCENT;
    assert!(of_all + CALL_PERCENT <= 70);
    assert!(of_all + HOST_PERCENT + PUBLISH_PERCENT <= 70);
    const { assert!(2 * HEDGE_PERCENT + READ_PERCENT <= 70) };
    let ttl = TimeToLive::new(7_000);
    assert_eq!((ttl.part(25, 6_000), ttl.part(25, 1_000)), (1_750, 1_000));
    assert_eq!(TimeToLive::new(0).part(25, 6_000), 6_000, "the host does not say");
    assert_eq!(TimeToLive::new(u32::MAX).part(100, u32::MAX), u32::MAX);
}

#[test]
fn a_clock_that_is_off_is_said_aloud() {
    for (apart, word) in [
        (120_i64, "120 s ahead of"),
        (-60, "60 s behind"),
        (31, "31 s ahead of"),
        (30, ""),
        (-30, ""),
    ] {
        let mut node = node();
        let began_ms = (NOW as i64 - apart) as u64 * 1_000;
        // Every call begins with a look-up.
        let origins = Origins::new(&node.host, &Peer::named("owner"), 4)
            .time(3)
            .particle(began_ms, 7_000);
        let found = node.call(origins, |call| {
            Ok::<_, CallError>(call.end_lookup(&Plan::default(), &[], 6_000, NOW))
        });
        let said = found.unwrap().errors.join("; ");
        match word {
            "" => assert!(!said.contains("clock"), "{apart}: {said}"),
            word => assert_text(&said, &[node.host.id(), word, Peer::named("owner").id()]),
        }
    }
}

/// So that the key is not among the first to go where it comes by what others publish.
#[test]
fn the_owner_of_a_key_is_weighed_when_a_client_publishes_it() {
    let mut node = node();
    let origins = Origins::new(&node.host, &Peer::named("provider"), 6)
        .time(5)
        .weights(4, 1);
    let weights = [weight_of(Peer::named("owner").id(), 5)];
    node.call(origins, |call| call.publish(provided(Some(key())), &weights, NOW))
        .unwrap();
    let key_id = KeyId::parse(&key().id).unwrap();
    let state = node.registry().store().stored(&key_id).unwrap().unwrap();
    assert_eq!(state.priority().weight(), 5);
}
