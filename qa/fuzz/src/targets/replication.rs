//! Rounds of replication, with neighbours and hosts that lie.

use registry_service::calls::{self, NodeReply, ReplicaStep};
use registry_service::domain::limits::{FAR_KEYS_MAX, FETCH_LEN_MAX, FETCH_PEERS_MAX};
use registry_service::domain::{
    key_tag, pack_bundle, unpack_bundle, BundleItem, Digests, Fetch, KeyId, KeySet, OfferAnswer,
};

use super::publish::peers;
use super::stage::{Needs, Stage};
use crate::input::{Argument, Objects, Source};
use crate::probe;

/// Keys of one round.
const KEYS_MAX: usize = 256;
/// Peers, answers or weights in one list.
const PEERS_MAX: usize = 256;

pub(super) const FUNCTIONS: &[&str] = &[
    "begin_replication",
    "compare_replica",
    "note_replica",
    "continue_replication",
    "fetch_replica",
    "get_replica_issuers",
    "take_replica",
    "note_neighbours",
];

const BY_HOST: Needs = Needs {
    host: true,
    ..Needs::TIME
};

/// At whatever time.
const OF_HOST: Needs = Needs { time: false, ..BY_HOST };

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(16) {
        0..=4 => take_replica(stage),
        5..=6 => compare_replica(stage),
        7..=8 => fetch_replica(stage),
        9 => drop(begin_replication(stage)),
        10 => note_neighbours(stage),
        11 => note_replica(stage, 0),
        12..=13 => whole_round(stage),
        14 => get_replica_issuers(stage),
        _ => texts(stage),
    }
}

fn item(source: &mut Source<'_>) -> BundleItem {
    let key = match source.below(4) {
        0..=2 => Objects::first_key(),
        _ => Objects::key(source),
    };
    let mut item = BundleItem::new(key);
    item.records = (0..source.below(4)).map(|_| Objects::record(source)).collect();
    item.tombstones = (0..source.below(3)).map(|_| Objects::tombstone(source)).collect();
    item
}

fn bundle(source: &mut Source<'_>) -> String {
    let items: Vec<BundleItem> = match source.below(8) {
        0..=6 => (0..1 + source.below(3)).map(|_| item(source)).collect(),
        _ => vec![item(source); source.count(KEYS_MAX)],
    };
    let mut bundle = pack_bundle(&items);
    match source.below(16) {
        0..=13 => bundle,
        14 => {
            bundle.truncate(source.below(bundle.len() + 1));
            bundle
        }
        _ => source.hostile_text(),
    }
}

fn take_replica(stage: &mut Stage<'_>) {
    let bundle = bundle(&mut stage.source);
    let keys = part(&mut stage.source);
    let now = stage.now();
    let issuer = Objects::peer(&mut stage.source).id();
    let weights = stage.weights(issuer, PEERS_MAX);
    let arguments = [Argument::Weights(2, weights.len()), Argument::Time(3)];
    let taken = stage.call("take_replica", (4, &arguments), Needs::TIME, |call| {
        call.take_replica(&bundle, &keys, &weights, now)
    });
    let Ok(receipt) = taken else { return };
    let held = KeySet::parse(&receipt).expect("its own receipt parses");
    let items = unpack_bundle(&bundle).expect("what was taken unpacks");
    let asked = KeySet::parse_of(&keys, items.len()).expect("what was taken names its keys");
    for index in held.iter() {
        assert!(asked.contains(index), "a key that was for somebody else");
        let item = items.get(index).expect("a key that the bundle holds");
        probe::note("take_replica", "held");
        stage.check_key("take_replica", &item.key);
        stage.check_records("take_replica", &item.records);
        stage.check_tombstones("take_replica", &item.tombstones);
        assert!(item.records.iter().all(|record| !record.signature.is_empty()));
        let ids = item.records.iter().map(|record| &record.metadata.key_id);
        let ids = ids.chain(item.tombstones.iter().map(|tombstone| &tombstone.key_id));
        assert!(ids.into_iter().all(|id| *id == item.key.id), "an entry of another key");
    }
}

fn get_replica_issuers(stage: &mut Stage<'_>) {
    let bundle = bundle(&mut stage.source);
    let keys = part(&mut stage.source);
    let issuers = stage.call("get_replica_issuers", (2, &[]), Needs::default(), |_| {
        Ok(calls::get_replica_issuers(&bundle, &keys)?)
    });
    assert!(issuers.unwrap_or_default().len() <= 64);
}

/// Of a bundle, mostly all.
fn part(source: &mut Source<'_>) -> String {
    match source.below(4) {
        0..=2 => "*".to_owned(),
        _ => key_set(source),
    }
}

fn key_set(source: &mut Source<'_>) -> String {
    let mut keys = KeySet::default();
    for _ in 0..source.below(4) {
        keys.insert(source.below(KEYS_MAX + 8));
    }
    match source.below(8) {
        0..=6 => keys.encode(),
        _ => source.hostile_text(),
    }
}

fn digests(source: &mut Source<'_>) -> String {
    let own = key_tag(&KeyId::parse(&Objects::key_id(0)).expect("it is one"));
    let digests = (0..source.count(KEYS_MAX)).map(|at| match at {
        0 => (own, [at as u8; 16]),
        _ => ((at as u64).to_be_bytes(), [0; 16]),
    });
    match source.below(8) {
        0..=5 => {
            let keys = digests.collect();
            let mut outside = KeySet::default();
            outside.insert(source.below(KEYS_MAX));
            let outside = if source.below(2) == 0 {
                outside
            } else {
                KeySet::default()
            };
            Digests { keys, outside }.encode()
        }
        6 => format!("AQ.{}", key_set(source)),
        _ => source.hostile_text(),
    }
}

fn compare_replica(stage: &mut Stage<'_>) {
    let (digests, keys) = (digests(&mut stage.source), key_set(&mut stage.source));
    let now = stage.now();
    let compared = stage.call("compare_replica", (3, &[Argument::Time(2)]), Needs::TIME, |call| {
        call.compare_replica(&digests, &keys, now)
    });
    if let Ok(answer) = compared {
        OfferAnswer::parse(&answer).expect("its own answer parses");
    }
}

/// Tags that nobody has, mostly, and those of the first key.
fn wanted(source: &mut Source<'_>) -> String {
    let own = key_tag(&KeyId::parse(&Objects::key_id(0)).expect("it is one"));
    let key = Objects::first_key();
    let record = [Objects::record(source)];
    let tags = registry_service::domain::tags_of(&key, &record, &[]).collect();
    match source.below(8) {
        0..=4 => Fetch(vec![(own, tags)]).encode(),
        5 => Fetch(vec![(own, tags); 2]).encode(),
        6 => Fetch(vec![([1; 8], vec![[2; 8]; source.count(KEYS_MAX)])]).encode(),
        _ => source.hostile_text(),
    }
}

fn fetch_replica(stage: &mut Stage<'_>) {
    let wanted = wanted(&mut stage.source);
    let now = stage.now();
    let fetched = stage.call("fetch_replica", (2, &[Argument::Time(1)]), Needs::TIME, |call| {
        call.fetch_replica(&wanted, now)
    });
    let Ok(bundle) = fetched else { return };
    assert!(bundle.len() <= FETCH_LEN_MAX, "{} bytes", bundle.len());
    check_bundle(stage, "fetch_replica", &bundle);
}

/// What this node passes on.
fn check_bundle(stage: &Stage<'_>, function: &'static str, bundle: &str) {
    for item in unpack_bundle(bundle).expect("its own bundle unpacks") {
        probe::note(function, "item");
        stage.check_key(function, &item.key);
        stage.check_records(function, &item.records);
        stage.check_tombstones(function, &item.tombstones);
        assert!(item.records.iter().all(|record| !record.signature.is_empty()));
    }
}

fn begin_replication(stage: &mut Stage<'_>) -> Option<ReplicaStep> {
    let peers = peers(&mut stage.source);
    let interval_sec = [1, 3_600, 0, 86_400, u64::MAX][stage.source.below(5)];
    let now = stage.now();
    let begun = stage.call("begin_replication", (3, &[Argument::Time(2)]), BY_HOST, |call| {
        call.begin_replication(peers, interval_sec, now)
    });
    let step = begun.ok()?;
    assert!(step.asks.len() <= PEERS_MAX && step.far.len() <= FAR_KEYS_MAX);
    assert!(step.asks.is_empty() || step.far.is_empty());
    if !step.asks.is_empty() {
        probe::note("begin_replication", "asks");
        let digests = Digests::parse(&step.text).expect("its own digests parse");
        assert!(digests.keys.len() <= KEYS_MAX);
    }
    check_step(&step);
    Some(step)
}

fn check_step(step: &ReplicaStep) {
    let count = step.asks.len().max(step.far.len());
    let last: Vec<u32> = count.checked_sub(1).map(|last| last as u32).into_iter().collect();
    assert_eq!(step.last, last);
}

/// Now and then of a key that nobody has asked about.
fn note_neighbours(stage: &mut Stage<'_>) {
    let near = peers(&mut stage.source);
    let key_id = match stage.source.below(4) {
        0..=2 => Objects::first_key().id,
        _ => stage.source.hostile_text(),
    };
    let now = stage.now();
    let noted = stage.call("note_neighbours", (3, &[Argument::Time(2)]), BY_HOST, |call| {
        call.note_neighbours(&key_id, near, now)
    });
    if noted.is_ok() {
        probe::note("note_neighbours", "noted");
    }
}

/// An answer of some peer, to one of two questions, which may be a lie.
fn note_replica(stage: &mut Stage<'_>, round: u64) {
    let source = &mut stage.source;
    let mut answer = OfferAnswer::default();
    answer.same.insert(source.below(8));
    answer.differing = (0..source.below(3))
        .map(|_| (source.below(8) as u16, vec![[1; 8]; source.below(3)]))
        .collect();
    let text = match source.below(8) {
        0..=4 => answer.encode(),
        5..=6 => key_set(source),
        _ => source.hostile_text(),
    };
    let answer = match source.below(4) {
        0..=2 => NodeReply {
            success: true,
            answer: text,
            ..NodeReply::default()
        },
        _ => NodeReply::failed(source.hostile_text()),
    };
    let function = ["compare_replica", "take_replica"][source.below(2)];
    let peer = Objects::peer(source).id();
    let arguments = [Argument::Replica(1, peer, function)];
    let _ = stage.call("note_replica", (2, &arguments), OF_HOST, |call| {
        call.note_replica(round, &answer)
    });
}

/// A round as it should be, answered by neighbours that lie.
fn whole_round(stage: &mut Stage<'_>) {
    let Some(begun) = begin_replication(stage) else { return };
    let mut steps = 0;
    for _ in 0..4 {
        for _ in 0..stage.source.below(4) {
            note_replica(stage, begun.round);
        }
        if stage.source.below(3) == 0 {
            take_replica(stage);
        }
        let now = stage.now();
        let step = stage.call("continue_replication", (2, &[Argument::Time(1)]), BY_HOST, |call| {
            call.continue_replication(begun.round, now)
        });
        let Ok(step) = step else { continue };
        check_step(&step);
        steps += 1;
        assert!(steps <= 3, "a round has three more steps");
        assert!(step.dropped <= step.exchanged && step.exchanged <= step.taken);
        if step.text.is_empty() {
            assert!(step.asks.len() <= FETCH_PEERS_MAX);
        } else {
            check_bundle(stage, "continue_replication", &step.text);
        }
    }
}

/// Whatever parses is encoded to something that parses to the same.
fn texts(stage: &mut Stage<'_>) {
    let source = &mut stage.source;
    let text = match source.below(4) {
        0 => digests(source),
        1 => key_set(source),
        2 => String::from_utf8_lossy(source.bytes(200)).into_owned(),
        _ => {
            const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let bytes = source.bytes(200);
            bytes
                .iter()
                .map(|byte| char::from(LETTERS[usize::from(byte & 0x3f)]))
                .collect()
        }
    };
    match Digests::parse(&text) {
        Ok(digests) => assert_eq!(Digests::parse(&digests.encode()), Ok(digests)),
        Err(error) => probe::refused("digests", &error),
    }
    match KeySet::parse(&text) {
        Ok(keys) => assert!(KeySet::parse(&keys.encode()).is_ok_and(|again| again.iter().eq(keys.iter()))),
        Err(error) => probe::refused("key_set", &error),
    }
    match OfferAnswer::parse(&text) {
        Ok(answer) => assert!(OfferAnswer::parse(&answer.encode()).is_ok()),
        Err(error) => probe::refused("offer_answer", &error),
    }
    match Fetch::parse(&text) {
        Ok(wanted) => assert!(Fetch::parse(&wanted.encode()).is_ok()),
        Err(error) => probe::refused("wanted", &error),
    }
    match unpack_bundle(&text) {
        Ok(items) => assert_eq!(unpack_bundle(&pack_bundle(&items)), Ok(items)),
        Err(error) => probe::refused("bundle", &error),
    }
}
