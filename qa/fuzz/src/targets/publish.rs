//! What is spread over a neighbourhood.

use registry_service::calls::{NodeAnswer, Plan, Published, TallyResult, Wave};
use registry_service::domain::data::Key;
use registry_service::domain::limits::PUBLISHED_KEYS_MAX;

use super::stage::{Needs, Stage};
use crate::input::{cast, Argument, Objects, Source};
use crate::{oracle, probe};

/// Peers in one list.
pub(super) const PEERS_MAX: usize = 256;
/// Peers that share a key.
const NEIGHBOURHOOD_MAX: usize = 20;
/// Entries of a kind that are published together.
const PUBLISHED_MAX: usize = 32;
const HOSTED_AT: usize = 2;
const WEIGHTS_AT: usize = 4;

pub(super) const FUNCTIONS: &[&str] = &["get_neighbourhood", "spread", "publish", "tally", "tally_providers"];

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(16) {
        0..=13 => publish(stage),
        14 => get_neighbourhood(stage),
        _ => tally(stage),
    }
}

/// Peers as a node's Kademlia, or somebody else, names them.
pub(super) fn peers(source: &mut Source<'_>) -> Vec<String> {
    let count = source.count(PEERS_MAX);
    let hostile = source.rarely(4).then(|| source.hostile_text());
    let mut peers: Vec<String> = (0..count)
        .map(|at| cast().peers[at % cast().peers.len()].id().to_owned())
        .collect();
    peers.extend(hostile);
    peers
}

fn ack(source: &mut Source<'_>) -> i16 {
    [1, 2, 3, 0, -1, 20, i16::MAX, i16::MIN][source.below(8)]
}

/// None, the record's own, others, what others know and then another registration, or too many.
fn keys(source: &mut Source<'_>) -> Vec<Key> {
    match source.below(8) {
        0..=2 => vec![Objects::first_key()],
        3 => Vec::new(),
        4 => vec![Objects::key(source)],
        5..=6 => vec![Objects::first_key(), Objects::key(source)],
        _ => (0..=PUBLISHED_KEYS_MAX).map(|_| Objects::key(source)).collect(),
    }
}

/// One thing as a rule, sometimes several, and rarely far too many.
fn published(source: &mut Source<'_>) -> Published {
    let mut published = Published {
        keys: keys(source),
        ..Published::default()
    };
    let kinds = match source.below(8) {
        0 => vec![],
        1..=5 => vec![source.below(3)],
        _ => vec![0, 1, 2],
    };
    for kind in kinds {
        let count = if source.rarely(16) {
            source.count(PUBLISHED_MAX)
        } else {
            1
        };
        match kind {
            0 => published.records = vec![Objects::record(source); count],
            1 => {
                let result = match source.rarely(16) {
                    true => Err(source.hostile_text()),
                    false => Ok(Objects::unsigned_record(source)),
                };
                published.hosted = vec![result; count];
            }
            _ => published.tombstones = vec![Objects::tombstone(source); count],
        }
    }
    published
}

/// One call that publishes, directly or as the beginning of a spread.
fn publish(stage: &mut Stage<'_>) {
    let published = published(&mut stage.source);
    let now = stage.now();
    let records: Vec<_> = published
        .records
        .iter()
        .chain(published.hosted.iter().flatten())
        .cloned()
        .collect();
    let issuer = records
        .first()
        .map_or(String::new(), |record| record.metadata.issued_by.clone());
    let weights = stage.weights(&issuer, PEERS_MAX);
    let spreads = (stage.source.below(2) == 1).then(|| (peers(&mut stage.source), ack(&mut stage.source)));
    let time_at = if spreads.is_some() { 7 } else { 5 };
    let hosted = published
        .hosted
        .iter()
        .flatten()
        .next()
        .map(|record| record.metadata.peer_id.clone());
    let mut arguments = vec![Argument::Weights(WEIGHTS_AT, weights.len())];
    // All of them are the same one, and each item needs its proof.
    let count = published.hosted.len();
    arguments.extend(hosted.iter().map(|peer| Argument::HostRecords(HOSTED_AT, peer, count)));
    arguments.push(Argument::Time(time_at));
    let needs = Needs {
        weight: !records.is_empty() && weights.iter().any(|weight| weight.success && weight.peer_id == issuer),
        host_record: hosted.is_some(),
        ..Needs::TIME
    };
    let given = published.clone();
    let Some((peers, ack)) = spreads else {
        let taken = stage.call("publish", (6, &arguments), needs, |call| {
            call.publish(given, &weights, now)
        });
        if taken.is_ok() {
            check_taken(stage, &published, &records);
        }
        return;
    };
    let begun = stage.call("spread", (8, &arguments), Needs::default(), |call| {
        Ok(call.spread(given, &weights, (peers, ack), now))
    });
    let Ok(plan) = begun else { return };
    check_plan(&plan);
    if plan.here.iter().any(|here| !here.counts.is_empty()) {
        probe::note("spread", "taken in");
        check_taken(stage, &published, &records);
    }
    waves(stage, &plan, &[]);
}

fn check_taken(stage: &mut Stage<'_>, published: &Published, records: &[registry_service::domain::data::Record]) {
    for key in &published.keys {
        stage.check_key("publish", key);
    }
    stage.check_records("publish", records);
    stage.check_tombstones("publish", &published.tombstones);
    assert!(
        published.records.iter().all(|record| !record.signature.is_empty()),
        "publish took an unsigned record"
    );
    assert!(published.hosted.iter().all(Result::is_ok), "publish took a failure");
}

/// What holds of every plan, whoever made it.
pub(super) fn check_plan(plan: &Plan) {
    // The neighbours, and those whose records are voided.
    assert!(plan.ask.len() <= NEIGHBOURHOOD_MAX + PUBLISHED_MAX);
    assert!(plan.ack as usize <= NEIGHBOURHOOD_MAX + PUBLISHED_MAX);
    assert!(plan.here.len() <= 2);
    assert_eq!(plan.turns.is_empty(), plan.ask.is_empty());
    assert!(plan.here.iter().all(|here| here.error.len() <= oracle::ERROR_LEN_MAX));
}

/// The waves of a plan, true or made up, wait for no more than they ask, and no longer than they may.
pub(super) fn waves(stage: &mut Stage<'_>, plan: &Plan, answers: &[NodeAnswer]) {
    let (turn, hedge_ms, timeout_ms) = (stage.source.below(4) as u8, 1_000, 6_000);
    let wave = stage.call("get_wave", (5, &[]), Needs::default(), |call| {
        Ok(call.get_wave(plan, answers, turn, hedge_ms, timeout_ms))
    });
    let Wave {
        ask,
        more,
        last,
        wait_ms,
        ..
    } = wave.expect("whom to ask needs no proof");
    assert!(ask.iter().all(|peer| plan.ask.contains(peer)));
    assert!(more.is_empty() || (last as usize) < plan.ask.len());
    assert!(wait_ms <= timeout_ms);
}

fn get_neighbourhood(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let peers = peers(&mut stage.source);
    let near = stage.call("get_neighbourhood", (2, &[]), Needs::default(), |call| {
        Ok(call.get_neighbourhood(&key_id, vec![peers])?)
    });
    if let Ok(near) = near {
        assert!(near.len() <= NEIGHBOURHOOD_MAX);
    }
}

/// Answers of nodes, some of them made up.
pub(super) fn answers(source: &mut Source<'_>, mut content: impl FnMut(&mut Source<'_>) -> String) -> Vec<NodeAnswer> {
    (0..source.below(6))
        .map(|_| {
            let peer_id = Objects::peer(source).id().to_owned();
            match source.below(8) {
                0..=4 => NodeAnswer {
                    counts: vec![peer_id.clone()],
                    answer: content(source),
                    peer_id,
                    error: String::new(),
                },
                5 => NodeAnswer {
                    answer: content(source),
                    peer_id,
                    ..NodeAnswer::default()
                },
                6 => NodeAnswer::failed(&peer_id, &source.hostile_text()),
                _ => NodeAnswer {
                    peer_id: source.hostile_text(),
                    counts: vec![source.hostile_text(); source.below(4)],
                    answer: source.hostile_text(),
                    error: source.hostile_text(),
                },
            }
        })
        .collect()
}

fn tally(stage: &mut Stage<'_>) {
    let source = &mut stage.source;
    let (asked, here, ack) = (
        peers(source),
        answers(source, |_| String::new()),
        source.number() as u32,
    );
    let mut given = answers(source, |_| String::new());
    if source.rarely(8) {
        given = vec![NodeAnswer::failed("peer", &source.hostile_text()); 3 * PEERS_MAX];
    }
    let tally = TallyResult::of(&asked, &here, ack, &given);
    probe::note("tally", if tally.success { "Ok" } else { "failed" });
    assert_eq!(
        (tally.stored.len() == 1, tally.error.is_empty() || !tally.success),
        (tally.success, true)
    );
    assert!(!tally.success || asked.len() + here.len() >= ack as usize);
    assert!(tally.errors.len() <= asked.len() + here.len() + given.len() + 1);
    let acks = vec![self::ack(&mut stage.source); stage.source.below(3)];
    let called = TallyResult::of_providers(&asked, &acks, &given);
    probe::note("tally_providers", if called.success { "Ok" } else { "failed" });
    assert!(called.errors.len() <= asked.len() + given.len() + 1);
}
