//! What is spread over a neighbourhood.

use registry_service::calls::{self, Answer, CallError, Spread, Tally};
use registry_service::domain::data::Key;

use super::stage::{Needs, Stage};
use crate::input::{cast, Argument, Objects, Source};
use crate::{oracle, probe};

/// Peers in one list.
const PEERS_MAX: usize = 256;
/// Peers that share a key.
const NEIGHBOURHOOD_MAX: usize = 20;

pub(super) const FUNCTIONS: &[&str] = &[
    "get_neighbourhood",
    "get_place",
    "spread_key",
    "publish_key",
    "spread_record",
    "publish_record",
    "spread_host_record",
    "publish_host_record",
    "spread_tombstone",
    "publish_tombstone",
    "tally",
];

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(16) {
        0..=2 => publish_key(stage),
        3..=7 => publish_record(stage),
        8..=10 => publish_host_record(stage),
        11..=13 => publish_tombstone(stage),
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

/// None, the record's own, or some others.
fn keys(source: &mut Source<'_>) -> Vec<Key> {
    match source.below(6) {
        0..=2 => vec![Objects::first_key()],
        3 => Vec::new(),
        4 => vec![Objects::key(source)],
        _ => vec![Objects::key(source), Objects::key(source)],
    }
}

/// Whether the call goes on to the neighbours, and how.
fn spreads(source: &mut Source<'_>) -> Option<(Vec<String>, i16)> {
    (source.below(2) == 1).then(|| (peers(source), ack(source)))
}

fn publish_key(stage: &mut Stage<'_>) {
    let key = Objects::key(&mut stage.source);
    let now = stage.now();
    let spreads = spreads(&mut stage.source);
    let at = if spreads.is_some() { 5 } else { 3 };
    published(
        stage,
        ("publish_key", "spread_key"),
        at,
        &[],
        Needs::TIME,
        spreads,
        &key.id,
        |call| call.publish_key(key.clone(), (at, now)),
    )
    .then(|| stage.check_key("publish_key", &key));
}

fn publish_record(stage: &mut Stage<'_>) {
    let record = Objects::record(&mut stage.source);
    let keys = keys(&mut stage.source);
    let now = stage.now();
    let weights = stage.weights(&record.metadata.issued_by, PEERS_MAX);
    let spreads = spreads(&mut stage.source);
    let at = if spreads.is_some() { 7 } else { 5 };
    let needs = Needs {
        weight: weights
            .iter()
            .any(|weight| weight.success && weight.peer_id == record.metadata.issued_by),
        ..Needs::TIME
    };
    let arguments = [Argument::Weights(4, weights.len())];
    let key_id = record.metadata.key_id.clone();
    let names = ("publish_record", "spread_record");
    if published(stage, names, at, &arguments, needs, spreads, &key_id, |call| {
        call.publish_record(keys, record.clone(), (4, &weights), (at, now))
    }) {
        assert!(!record.signature.is_empty(), "publish_record took an unsigned record");
        stage.check_records("publish_record", [&record]);
    }
}

fn publish_host_record(stage: &mut Stage<'_>) {
    let record = match stage.source.below(4) {
        0..=2 => Objects::unsigned_record(&mut stage.source),
        _ => Objects::record(&mut stage.source),
    };
    let result = match stage.source.rarely(16) {
        true => Err(stage.source.hostile_text()),
        false => Ok(record.clone()),
    };
    let keys = keys(&mut stage.source);
    let now = stage.now();
    let weights = stage.weights(&record.metadata.issued_by, PEERS_MAX);
    let spreads = spreads(&mut stage.source);
    let at = if spreads.is_some() { 5 } else { 3 };
    let needs = Needs {
        weight: weights
            .iter()
            .any(|weight| weight.success && weight.peer_id == record.metadata.issued_by),
        host_record: true,
        ..Needs::TIME
    };
    let arguments = [
        Argument::HostRecord(0, &record.metadata.peer_id),
        Argument::Weights(2, weights.len()),
    ];
    let key_id = record.metadata.key_id.clone();
    let names = ("publish_host_record", "spread_host_record");
    if published(stage, names, at, &arguments, needs, spreads, &key_id, |call| {
        call.publish_host_record(result, keys, (2, &weights), (at, now))
    }) {
        stage.check_records("publish_host_record", [&record]);
    }
}

fn publish_tombstone(stage: &mut Stage<'_>) {
    let tombstone = Objects::tombstone(&mut stage.source);
    let keys = keys(&mut stage.source);
    let now = stage.now();
    let spreads = spreads(&mut stage.source);
    let at = if spreads.is_some() { 7 } else { 5 };
    let key_id = tombstone.key_id.clone();
    let names = ("publish_tombstone", "spread_tombstone");
    if published(stage, names, at, &[], Needs::TIME, spreads, &key_id, |call| {
        call.publish_tombstone(keys, tombstone.clone(), (at, now))
    }) {
        stage.check_tombstones("publish_tombstone", &[tombstone]);
    }
}

/// One call that publishes, directly or as the beginning of a spread; whether this node took it in.
#[allow(clippy::too_many_arguments)]
fn published(
    stage: &mut Stage<'_>,
    (publish, spread): (&'static str, &'static str),
    time_at: usize,
    arguments: &[Argument<'_>],
    needs: Needs,
    spreads: Option<(Vec<String>, i16)>,
    key_id: &str,
    work: impl FnOnce(&mut calls::Call<'_, crate::memory::Memory>) -> Result<(), CallError>,
) -> bool {
    let arguments: Vec<Argument<'_>> = arguments.iter().copied().chain([Argument::Time(time_at)]).collect();
    let arguments = (time_at + 1, arguments.as_slice());
    let Some((peers, ack)) = spreads else {
        return stage.call(publish, arguments, needs, work).is_ok();
    };
    let mut taken = false;
    let begun = stage.call(spread, arguments, Needs::default(), |call| {
        Ok(call.spread(key_id, (peers, None), ack, |call| {
            let done = work(call);
            probe::call(spread, &done);
            taken = done.is_ok();
            done
        }))
    });
    if let Ok(spread) = begun {
        check_spread(&spread);
        assert_eq!(taken, !spread.good.is_empty());
    }
    taken
}

fn check_spread(spread: &Spread) {
    assert!(spread.ask.len() <= NEIGHBOURHOOD_MAX);
    assert!(spread.ack as usize <= NEIGHBOURHOOD_MAX);
    assert!(spread.good.len() + spread.bad.len() <= 1);
    if !spread.more.is_empty() {
        assert!(
            (spread.enough as usize) < spread.ask.len(),
            "it waits for more than there are"
        );
        assert!((spread.hopeless as usize) < spread.ask.len());
    }
    assert!(spread.bad.iter().all(|error| error.len() <= oracle::ERROR_LEN_MAX));
}

fn get_neighbourhood(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let peers = peers(&mut stage.source);
    let near = stage.call("get_neighbourhood", (2, &[]), Needs::default(), |call| {
        call.get_neighbourhood(&key_id, peers)
    });
    if let Ok(near) = near {
        assert!(near.len() <= NEIGHBOURHOOD_MAX);
    }
    match calls::get_place(&key_id) {
        Ok(place) => assert_eq!(place, oracle::base58(key_id.as_bytes())),
        Err(error) => probe::refused("get_place", &error),
    }
}

fn tally(stage: &mut Stage<'_>) {
    let source = &mut stage.source;
    let spread = Spread {
        ask: peers(source),
        good: peers(source),
        bad: vec![source.hostile_text(); source.count(4)],
        ack: source.number() as u32,
        enough: source.number() as u32,
        ..Spread::default()
    };
    let (good, bad) = (peers(source), vec![source.hostile_text(); source.count(PEERS_MAX)]);
    match Tally::of(&spread, &good, bad) {
        Ok(tally) => {
            probe::note("tally", if tally.success { "Ok" } else { "failed" });
            assert_eq!(
                tally.success,
                spread.good.len() + good.len() >= spread.ack.max(1) as usize
            );
        }
        Err(error) => probe::refused("tally", &error),
    }
    let answer = Answer::from(Err(CallError::Refused(registry_service::domain::Error::Empty {
        what: "answers",
    })));
    assert_eq!((answer.good.len(), answer.bad.len()), (0, 1));
}
