//! What neighbours answer to a reader although it no longer counts: a node that missed the news does, and one that lies.

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use registry_service::calls::{CallError, FindResult, FlatRecord, NodeAnswer, NodeReply, Plan};
use registry_service::domain::data::{Record, Tombstone};
use registry_service::domain::{pack_answer, Extent};
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{assert_text, scene, Scene, DAY, NOW};

const NEIGHBOURS: usize = 4;

fn neighbours() -> Vec<String> {
    (0..NEIGHBOURS)
        .map(|n| Peer::named(&format!("node {n}")).id().to_owned())
        .collect()
}

/// Reads the key at `now`, needing everybody; the neighbours answer with these, in the order of their places.
fn read(scene: &mut Scene, answers: &[(&[Record], &[Tombstone])], now: u64) -> Found {
    let packed = answers
        .iter()
        .map(|(records, tombstones)| pack_answer(*records, *tombstones, Extent::Whole));
    read_packed(scene, packed.collect(), now).1
}

/// What was found, none where no node knew.
struct Found {
    found: Option<Vec<FlatRecord>>,
    errors: Vec<String>,
}

impl From<FindResult> for Found {
    fn from(
        FindResult {
            success,
            result,
            errors,
            ..
        }: FindResult,
    ) -> Self {
        Self {
            found: success.then_some(result),
            errors,
        }
    }
}

fn flat<const N: usize>(records: [Record; N]) -> Option<Vec<FlatRecord>> {
    Some(records.into_iter().map(FlatRecord::from).collect())
}

fn read_packed(scene: &mut Scene, packed: Vec<String>, now: u64) -> (Vec<NodeAnswer>, Found) {
    let (key_id, client) = (scene.key_id.clone(), Peer::named("a client"));
    let node = &mut scene.node;
    let timed = |node: &NativeNode, at: usize| Origins::new(&node.host, &client, at + 1).time(at);
    let (origins, ack) = (timed(node, 6), NEIGHBOURS as i16 + 1);
    let plan: Plan = node
        .call(origins, |call| {
            Ok::<_, CallError>(call.begin_lookup(&key_id, ("", &[]), neighbours(), (ack, 60), now))
        })
        .unwrap();
    assert_eq!(plan.ask.len(), NEIGHBOURS);
    let checked: Vec<NodeAnswer> = plan
        .ask
        .iter()
        .zip(packed)
        .map(|(from, answer)| {
            let reply = NodeReply {
                success: true,
                answer,
                ..NodeReply::default()
            };
            let origins = Origins::new(&node.host, &client, 6);
            node.call(origins, |call| {
                Ok::<_, CallError>(call.check_answer(from, &key_id, &plan.wanted, reply))
            })
            .unwrap()
        })
        .collect();
    let origins = timed(node, 3);
    let found = node
        .call(origins, |call| {
            Ok::<_, CallError>(call.end_lookup(&plan, &checked, 6_000, now))
        })
        .unwrap();
    (checked, found.into())
}

fn tombstone(scene: &Scene, provider: &str, issued: u64) -> Tombstone {
    let provider = Peer::named(provider);
    provider.tombstone(&scene.key_id, &provider, issued)
}

#[test]
fn what_the_reading_node_knows_to_be_deleted_is_not_found() {
    let mut scene = scene();
    let (deleted, other) = (scene.record("deleted", NOW), scene.record("other", NOW));
    let tombstone = tombstone(&scene, "deleted", NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    let found = read(&mut scene, &[(&[deleted, other.clone()], &[])], NOW);
    assert_eq!(found.found, flat([other]));
}

#[test]
fn what_one_neighbour_knows_to_be_deleted_is_not_found_although_others_answer_with_it() {
    let mut scene = scene();
    let (deleted, other) = (scene.record("deleted", NOW), scene.record("other", NOW));
    let both = [deleted, other.clone()];
    let tombstone = tombstone(&scene, "deleted", NOW + 1);
    let answers: &[(&[Record], &[Tombstone])] = &[(&both, &[]), (&[], &[tombstone]), (&both, &[])];
    assert_eq!(read(&mut scene, answers, NOW + 1).found, flat([other]));
}

#[test]
fn who_registers_again_after_a_deletion_is_found() {
    let mut scene = scene();
    let again = scene.record("provider", NOW + 1);
    let tombstone = tombstone(&scene, "provider", NOW);
    let answers: &[(&[Record], &[Tombstone])] = &[(&[again.clone()], &[]), (&[], &[tombstone])];
    assert_eq!(read(&mut scene, answers, NOW + 1).found, flat([again]));
}

#[test]
fn a_tombstone_of_somebody_else_voids_nothing() {
    let mut scene = scene();
    let record = scene.record("provider", NOW);
    let genuine = tombstone(&scene, "provider", NOW);
    let mallory = Peer::named("mallory");
    let mut forged = genuine.clone();
    forged.issuer_signature = mallory.sign(b"anything");
    let mut later = genuine.clone();
    later.timestamp_issued += 1;
    let elsewhere = Peer::named("provider").tombstone(
        &Peer::named("owner").key("other", NOW).id,
        &Peer::named("provider"),
        NOW,
    );
    let of_another_issuer = mallory.tombstone(&scene.key_id, &Peer::named("provider"), NOW);
    let ahead = tombstone(&scene, "provider", NOW + DAY);
    for voids_nothing in [forged, later, elsewhere, of_another_issuer, ahead] {
        let answers: &[(&[Record], &[Tombstone])] = &[(&[record.clone()], &[]), (&[], &[voids_nothing])];
        let found = read(&mut scene, answers, NOW);
        assert_eq!(found.found, flat([record.clone()]));
    }
    let answers: &[(&[Record], &[Tombstone])] = &[(&[record], &[]), (&[], &[genuine])];
    assert_eq!(read(&mut scene, answers, NOW).found, flat([]));
}

#[test]
fn an_expired_record_is_found_only_where_its_own_host_answers_with_it() {
    let mut scene = scene();
    let now = NOW + DAY;
    scene
        .node
        .register_key(&Peer::named("owner").key("resource", now), now)
        .unwrap();
    let old = scene.record("provider", NOW);
    let fresh = scene.record("fresh", NOW + 1);
    let of_nodes: Vec<Record> = (0..NEIGHBOURS)
        .map(|n| scene.record(&format!("node {n}"), NOW))
        .collect();
    let all: Vec<Record> = of_nodes.iter().cloned().chain([old, fresh.clone()]).collect();
    let found = read(&mut scene, &[(&all, &[])], now).found.unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&fresh.into()));
    assert!(of_nodes.into_iter().any(|record| found.contains(&record.into())));
}

#[test]
fn a_record_dated_ahead_is_not_found() {
    let mut scene = scene();
    let (ahead, skewed) = (scene.record("ahead", NOW + DAY), scene.record("skewed", NOW + 30));
    let found = read(&mut scene, &[(&[ahead, skewed.clone()], &[])], NOW);
    assert_eq!(found.found, flat([skewed]));
    assert!(
        found
            .errors
            .iter()
            .any(|error| error.starts_with(scene.host().id()) && error.contains("86400 s ahead")),
        "{:?}",
        found.errors
    );
}

#[test]
fn more_records_than_a_node_can_hold_of_a_key_are_no_answer() {
    let mut scene = scene();
    let genuine = scene.record("provider", NOW);
    let packed = vec![
        pack_answer([&genuine; 545], [], Extent::Whole),
        pack_answer([&genuine], [], Extent::Whole),
        pack_answer([&genuine; 544], [], Extent::Whole),
    ];
    let (checked, found) = read_packed(&mut scene, packed, NOW);
    assert_text(&checked[0].error, &["the answer is dropped", "545", "544"]);
    assert!(checked[1].error.is_empty() && checked[2].error.is_empty());
    assert_eq!(found.found, flat([genuine]));
}

#[test]
fn an_answer_too_large_to_be_read_beside_the_others_is_dropped_alone() {
    let mut scene = scene();
    let genuine = scene.record("provider", NOW);
    let mallory = Peer::named("mallory");
    // Genuine as well, the greatest there is, again and again.
    let large = |value: &str| {
        let mut metadata = mallory.metadata(&scene.key_id, &mallory, &value.repeat(4_096), NOW);
        metadata.solution = vec![7; 1_024];
        mallory.record(mallory.issue(metadata), NOW)
    };
    let many = |value: &str| pack_answer(&vec![large(value); 544], [], Extent::Whole);
    let packed = vec![
        many("a"),
        many("b"),
        many("c"),
        pack_answer([&genuine], [], Extent::Whole),
    ];
    let (_, found) = read_packed(&mut scene, packed, NOW);
    assert!(found.found.unwrap().contains(&genuine.into()), "{:?}", found.errors);
}

#[test]
fn lists_that_take_a_byte_an_item_are_refused_before_they_take_memory() {
    let mut scene = scene();
    let genuine = scene.record("provider", NOW);
    // A version, then how many, then as many empty strings.
    let count = 6_000_000_u32;
    let mut bomb = vec![1];
    let mut rest = count;
    while rest >= 0x80 {
        bomb.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bomb.push(rest as u8);
    bomb.resize(bomb.len() + count as usize, 0);
    let bomb = STANDARD_NO_PAD.encode(bomb);
    let good = pack_answer([&genuine], [], Extent::Whole);
    let packed = vec![bomb.clone(), format!("{good}.{bomb}"), format!("{good}.{good}"), good];
    let (checked, found) = read_packed(&mut scene, packed, NOW);
    for dropped in &checked[..3] {
        assert_text(&dropped.error, &["the answer is dropped", "malformed"]);
    }
    assert_eq!(found.found, flat([genuine]));
}
