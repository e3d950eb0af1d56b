//! Reading from a neighbourhood: whom a node asks, what counts as an answer, when others are needed; and what a write is told
//! before it begins.

use registry_service::calls::{CallError, FindResult, FlatRecord, NodeAnswer, NodeReply, Plan, Wave};
use registry_service::domain::data::Record;
use registry_service::domain::pack_records;
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{assert_text, scene, Scene, DAY, NOW};

fn peers(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| Peer::named(&format!("node {n}")).id().to_owned())
        .collect()
}

fn origins(node: &NativeNode, arguments: usize) -> Origins {
    Origins::new(&node.host, &Peer::named("a client"), arguments)
}

fn begin(scene: &mut Scene, peers: &[String], ack: i16) -> Plan {
    let origins = origins(&scene.node, 7).time(6);
    let (key_id, peers) = (scene.key_id.clone(), peers.to_vec());
    let begun = scene.node.call(origins, |call| {
        Ok::<_, CallError>(call.begin_lookup(&key_id, ("", &[]), peers, (ack, 60), NOW))
    });
    begun.unwrap()
}

/// Whom to ask in a turn of a particle that lives for 10 s.
fn wave(scene: &mut Scene, plan: &Plan, answers: &[NodeAnswer], turn: u8) -> Wave {
    let origins = origins(&scene.node, 5).particle(NOW * 1_000, 10_000);
    let wave = scene.node.call(origins, |call| {
        Ok::<_, CallError>(call.get_wave(plan, answers, turn, 1_000, 6_000))
    });
    wave.unwrap()
}

/// What this node makes of an answer that came from `from`.
fn check(scene: &mut Scene, from: &str, answer: String) -> NodeAnswer {
    let origins = origins(&scene.node, 6);
    let (key_id, reply) = (scene.key_id.clone(), reply(answer));
    scene
        .node
        .call(origins, |call| {
            Ok::<_, CallError>(call.check_answer(from, &key_id, "", reply))
        })
        .unwrap()
}

fn reply(answer: String) -> NodeReply {
    NodeReply {
        success: true,
        answer,
        ..NodeReply::default()
    }
}

fn end_at(node: &mut NativeNode, client: &Peer, plan: &Plan, answers: &[NodeAnswer], now: u64) -> FindResult {
    let origins = Origins::new(&node.host, client, 4).time(3);
    node.call(origins, |call| {
        Ok::<_, CallError>(call.end_lookup(plan, answers, 6_000, now))
    })
    .unwrap()
}

fn end(scene: &mut Scene, plan: &Plan, answers: &[NodeAnswer]) -> (Option<Vec<FlatRecord>>, Vec<String>) {
    let found = end_at(&mut scene.node, &Peer::named("a client"), plan, answers, NOW);
    (found.success.then_some(found.result), found.errors)
}

fn flat(records: impl IntoIterator<Item = Record>) -> Vec<FlatRecord> {
    records.into_iter().map(FlatRecord::from).collect()
}

fn near(scene: &mut Scene, peers: &[String]) -> Vec<String> {
    let origins = origins(&scene.node, 2);
    let key_id = scene.key_id.clone();
    scene
        .node
        .call(origins, |call| {
            Ok(call.get_neighbourhood(&key_id, vec![peers.to_vec()])?)
        })
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
    let plan = begin(&mut scene, &peers(5), 1);
    assert!(plan.ask.is_empty() && plan.turns.is_empty());
    let (found, errors) = end(&mut scene, &plan, &[]);
    assert_eq!((found, errors), (Some(vec![]), vec![]));
}

#[test]
fn those_needed_and_one_more_are_asked_at_once_the_others_later() {
    let mut scene = scene();
    let host = scene.host().id().to_owned();
    // One of three good answers is the node's own.
    let plan = begin(&mut scene, &peers(10), 3);
    assert_eq!(plan.turns, [0, 1]);
    let (first, second) = (wave(&mut scene, &plan, &[], 0), wave(&mut scene, &plan, &[], 1));
    assert_eq!((first.ask.len(), second.ask.len()), (3, 7));
    assert_eq!((first.enough, first.last, second.enough, second.last), (1, 2, 1, 9));
    assert_eq!((first.wait_ms, second.wait_ms), (500, 5_500), "60 % in all");
    let closest: Vec<String> = near(&mut scene, &peers(10))
        .into_iter()
        .filter(|peer| *peer != host)
        .collect();
    assert_eq!([first.ask, second.ask].concat(), closest);
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
    let plan = begin(&mut scene, &peers(10), 3);
    let good = |scene: &mut Scene, at: usize| check(scene, &plan.ask[at].clone(), pack_records(&[]));
    let (one, another) = (good(&mut scene, 0), good(&mut scene, 2));
    let bad = NodeAnswer::failed(&plan.ask[1], "unknown key");
    assert_eq!(wave(&mut scene, &plan, &[], 1).ask.len(), 7);
    assert_eq!(wave(&mut scene, &plan, &[one.clone(), bad], 1).ask.len(), 7);
    assert_eq!(
        wave(&mut scene, &plan, &[one.clone(), one.clone()], 1).ask.len(),
        7,
        "one node"
    );
    assert_eq!(wave(&mut scene, &plan, &[one, another], 1), Wave::default());
    // Nobody is left to ask.
    let everybody = begin(&mut scene, &peers(2), 3);
    assert_eq!(wave(&mut scene, &everybody, &[], 0).wait_ms, 6_000);
    assert_eq!(wave(&mut scene, &everybody, &[], 1), Wave::default());
}

#[test]
fn answers_are_merged_with_what_the_node_holds() {
    let mut scene = scene();
    let (mine, theirs) = (scene.record("mine", NOW), scene.record("theirs", NOW));
    scene.node.put_record(&mine, NOW).unwrap();
    let plan = begin(&mut scene, &peers(3), 2);
    let answer = check(&mut scene, &plan.ask[0].clone(), pack_records([&theirs]));
    let (found, errors) = end(&mut scene, &plan, &[answer]);
    let mut found = found.unwrap();
    found.sort_by_key(|record| record.peer_id.clone());
    let mut expected = flat([mine, theirs]);
    expected.sort_by_key(|record| record.peer_id.clone());
    assert_eq!((found, errors), (expected, vec![]));
}

#[test]
fn a_neighbour_answers_only_with_what_the_reader_lacks() {
    let mut scene = scene();
    let (known, unknown) = (scene.record("known", NOW), scene.record("unknown", NOW));
    scene.node.put_record(&known, NOW).unwrap();
    let plan = begin(&mut scene, &peers(3), 2);
    let mut neighbour = NativeNode::new(Peer::named("neighbour"));
    neighbour.register_key(&scene.key, NOW).unwrap();
    neighbour.put_record(&known, NOW).unwrap();
    neighbour.put_record(&unknown, NOW).unwrap();
    let origins = origins(&neighbour, 3).time(2);
    let answer = neighbour.call(origins, |call| call.get_answer(&scene.key_id, &plan.wanted, NOW));
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
    for answer in [
        pack_records(&[genuine, forged]),
        pack_records([&stranger]),
        "!".to_owned(),
        String::new(),
    ] {
        let checked = check(&mut scene, &from, answer);
        assert!(checked.counts.is_empty());
        assert_eq!(checked.peer_id, from);
        assert_text(&checked.error, &["the answer is dropped"]);
    }
}

#[test]
fn too_few_answers_give_what_there_is_and_name_who_was_silent() {
    let mut scene = scene();
    let record = scene.record("provider", NOW);
    scene.node.put_record(&record, NOW).unwrap();
    let plan = begin(&mut scene, &peers(2), 3);
    let failed = NodeAnswer::failed(&plan.ask[0], "out of order");
    let (found, errors) = end(&mut scene, &plan, &[failed]);
    assert_eq!(found, Some(flat([record])));
    assert_text(&errors[0], &[&plan.ask[0], "out of order"]);
    assert_text(&errors[1], &[&plan.ask[1], "no answer in time"]);
    assert_text(&errors[2], &["1 nodes answered", "3 are needed"]);
}

// ---- before a write ----------------------------------------------------------------------------------------------------

/// What the scene's node says before `issuer` writes about `provider` at `now`.
fn before_write(scene: &mut Scene, issuer: &Peer, provider: &str, labels: &[&str], now: u64) -> FindResult {
    let plan = plan_write(scene, issuer, provider, labels, (&[], now));
    end_at(&mut scene.node, issuer, &plan, &[], now)
}

fn plan_write(
    scene: &mut Scene,
    issuer: &Peer,
    provider: &str,
    labels: &[&str],
    (peers, now): (&[String], u64),
) -> Plan {
    let origins = Origins::new(&scene.node.host, issuer, 7).time(6);
    let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    let (key_id, peers) = (scene.key_id.clone(), peers.to_vec());
    scene
        .node
        .call(origins, |call| {
            Ok::<_, CallError>(call.begin_lookup(&key_id, (provider, &labels), peers, (1, 25), now))
        })
        .unwrap()
}

#[test]
fn a_write_brings_the_key_and_takes_the_time_after_what_stands() {
    let mut scene = scene();
    let issuer = Peer::named("provider");
    let fresh = before_write(&mut scene, &issuer, issuer.id(), &[], NOW + 5);
    assert_eq!(
        (fresh.keys.as_slice(), fresh.issue_at.as_slice()),
        ([scene.key.clone()].as_slice(), [NOW + 5].as_slice())
    );
    assert_text(&fresh.absent[0], &["nothing stands", issuer.id()]);
    assert_eq!(
        (fresh.relay_id, fresh.hosts),
        (vec![scene.host().id().to_owned()], vec![])
    );

    let record = scene.record("provider", NOW + 20);
    scene.node.put_record(&record, NOW).unwrap();
    let second = before_write(&mut scene, &issuer, issuer.id(), &[], NOW);
    assert_eq!((second.issue_at, second.absent), (vec![NOW + 21], vec![]));
    let later = before_write(&mut scene, &issuer, issuer.id(), &[], NOW + 100);
    assert_eq!(later.issue_at, [NOW + 100]);
    let of_another = before_write(&mut scene, &Peer::named("another"), issuer.id(), &[], NOW);
    assert_eq!(
        (of_another.issue_at, of_another.hosts),
        (vec![NOW], vec![issuer.id().to_owned()])
    );

    scene
        .node
        .add_tombstone(&issuer.tombstone(&scene.key_id, &issuer, NOW + 25), NOW)
        .unwrap();
    let after_removal = before_write(&mut scene, &issuer, issuer.id(), &[], NOW);
    assert_eq!(
        (after_removal.issue_at, after_removal.absent.len()),
        (vec![NOW + 26], 1)
    );
}

#[test]
fn a_clock_that_is_too_far_behind_what_stands_cannot_write_and_is_named() {
    let mut scene = scene();
    let issuer = Peer::named("provider");
    let record = scene.record("provider", NOW + 30);
    scene.node.put_record(&record, NOW).unwrap();
    let found = before_write(&mut scene, &issuer, issuer.id(), &[], NOW);
    assert_eq!(found.issue_at, [] as [u64; 0]);
    assert_text(
        &found.errors[0],
        &[
            scene.host().id(),
            "30 s ahead of the clock of this node",
            &NOW.to_string(),
        ],
    );
    assert_eq!(
        before_write(&mut scene, &issuer, issuer.id(), &[], NOW + 1).issue_at,
        [NOW + 31]
    );
}

#[test]
fn what_the_relay_can_know_it_says_at_once_and_asks_nobody() {
    let mut scene = scene();
    let issuer = Peer::named("provider");
    let long = "l".repeat(600);
    for (provider, labels, word) in [
        ("bob", vec![], "peer id `bob`"),
        (issuer.id(), vec![""], "label is empty"),
        (issuer.id(), vec![long.as_str()], "600 bytes"),
        (issuer.id(), vec!["a", "b"], "2 labels"),
    ] {
        let plan = plan_write(&mut scene, &issuer, provider, &labels, (&peers(19), NOW));
        assert!(plan.ask.is_empty() && plan.turns.is_empty(), "{word}");
        let found = end_at(&mut scene.node, &issuer, &plan, &[], NOW);
        let [error] = found.errors.as_slice() else {
            panic!("{:?}", found.errors);
        };
        assert_text(error, &[scene.host().id(), word]);
        assert!(found.issue_at.is_empty() && !found.success);
    }
}

#[test]
fn other_nodes_bring_the_key_and_what_stands_and_lies_do_not_count() {
    let mut scene = scene();
    let issuer = Peer::named("provider");
    let record = scene.record("provider", NOW + 20);
    scene.node.put_record(&record, NOW).unwrap();
    let mut holder = std::mem::replace(&mut scene.node, NativeNode::new(Peer::named("far relay")));
    let from = holder.host.id().to_owned();
    let plan = plan_write(&mut scene, &issuer, issuer.id(), &[], (&[from.clone()], NOW));
    let origins = Origins::new(&holder.host, &issuer, 3).time(2);
    let answer = holder
        .call(origins, |call| call.get_answer(&scene.key_id, &plan.wanted, NOW))
        .unwrap();
    let check = |scene: &mut Scene, answer: &str| {
        let origins = Origins::new(&scene.node.host, &issuer, 6);
        let (key_id, reply) = (scene.key_id.clone(), reply(answer.to_owned()));
        let checked = scene.node.call(origins, |call| {
            Ok::<_, CallError>(call.check_answer(&from, &key_id, &plan.wanted, reply))
        });
        checked.unwrap()
    };
    let good = check(&mut scene, &answer);
    assert_eq!(good.counts, [from.clone()]);
    let found = end_at(&mut scene.node, &issuer, &plan, &[good], NOW);
    assert_eq!((found.keys, found.issue_at), (vec![scene.key.clone()], vec![NOW + 21]));

    let (key, entries) = answer.split_once(':').unwrap();
    let other = Peer::named("other").own_record(&scene.key_id, "value", NOW + DAY);
    let mut forged = record.clone();
    forged.metadata.timestamp_issued += DAY;
    for lie in [
        entries.to_owned(),
        format!("{key}:"),
        format!(":{entries}"),
        format!("{key}:{}", pack_records([&other])),
        format!("{key}:{}", pack_records([&forged])),
        format!("{key}:{}", pack_records([&record, &record])),
        String::new(),
    ] {
        let dropped = check(&mut scene, &lie);
        assert!(dropped.counts.is_empty() && dropped.answer.is_empty(), "{lie}");
        assert_text(&dropped.error, &["the answer is dropped"]);
    }
}

#[test]
fn a_key_that_comes_with_the_write_need_not_be_known() {
    let mut scene = scene();
    scene.node = NativeNode::new(Peer::named("host"));
    let issuer = Peer::named("provider");
    let unknown = before_write(&mut scene, &issuer, issuer.id(), &[], NOW);
    assert!(unknown.issue_at.is_empty() && !unknown.success);
    assert_text(&unknown.errors[0], &["is not known here"]);
    let new = before_write(&mut scene, &issuer, issuer.id(), &["resource"], NOW);
    assert_eq!((new.issue_at, new.errors, new.keys), (vec![NOW], vec![], vec![]));
}

/// Whoever knows the label of an open name can have made it before.
#[test]
fn whether_an_open_name_is_new_others_are_asked_and_an_owner_is_believed() {
    let issuer = Peer::named("provider");
    let mut plans = [Peer::named("owner of the name"), issuer.clone()].map(|owner| {
        let mut scene = scene();
        scene.node = NativeNode::new(Peer::named("host"));
        scene.key_id = owner.key("resource", NOW).id;
        let mut peers = peers(5);
        peers.push(scene.host().id().to_owned());
        plan_write(&mut scene, &issuer, issuer.id(), &["resource"], (&peers, NOW))
    });
    let [of_open, of_own] = &mut plans;
    assert_eq!((of_open.ask.len(), of_open.here[0].counts.len()), (5, 0));
    assert_eq!((of_own.ask.len(), of_own.here[0].counts.len()), (0, 1));
}

/// Where one provider is enough, three are tried: each particle begins with another, so that none has all the work.
#[test]
fn at_most_three_providers_are_tried_and_each_is_the_first_of_as_many_particles() {
    for count in [0, 1, 2, 3, 10] {
        let names: Vec<String> = (0..count).map(|n| format!("provider {n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut scene = crate::support::with_providers(&names);
        let plan = Plan {
            percent: 25,
            ..begin(&mut scene, &peers(5), 1)
        };
        let mut first = vec![0; count];
        for particle in 0..600 {
            let origins = origins(&scene.node, 4)
                .time(3)
                .particle_id(format!("particle {particle}"));
            let found = scene.node.call(origins, |call| {
                Ok::<_, CallError>(call.end_lookup(&plan, &[], 6_000, NOW))
            });
            let tries = found.unwrap().tries;
            assert_eq!(tries.len(), count.min(3));
            let mut different = tries.clone();
            different.sort_unstable();
            different.dedup();
            assert_eq!(different.len(), tries.len());
            assert!(tries.iter().all(|index| (*index as usize) < count));
            if let Some(index) = tries.first() {
                first[*index as usize] += 1;
            }
        }
        assert!(first.iter().all(|times| *times * count * 2 > 600), "{first:?}");
        // A reader calls nobody.
        let read = begin(&mut scene, &peers(5), 1);
        let found = end_at(&mut scene.node, &Peer::named("a client"), &read, &[], NOW);
        assert_eq!((found.result.len(), found.tries), (count, Vec::new()));
    }
}

#[test]
fn an_answer_that_nobody_has_checked_is_named_in_a_few_words() {
    let mut scene = scene();
    let plan = begin(&mut scene, &peers(5), 1);
    let unchecked = |answer: &str, error: &str| NodeAnswer {
        peer_id: "p".repeat(5_000),
        answer: answer.to_owned(),
        error: error.to_owned(),
        ..NodeAnswer::default()
    };
    let answers = [unchecked("no packed records", ""), unchecked("", &"e".repeat(5_000))];
    let (_, errors) = end(&mut scene, &plan, &answers);
    assert_eq!(errors.len(), 2, "{errors:?}");
    for error in errors {
        assert!(error.len() < 1_500, "{} bytes", error.len());
    }
}
