//! Rounds of replication, with neighbours and hosts that lie.

use registry_service::calls::{Answer, ReplicaAnswer, ReplicaOffer, ReplicaRound};
use registry_service::domain::limits::FAR_KEYS_MAX;
use registry_service::domain::{pack_bundle, unpack_bundle, BundleItem, Digests, KeySet, OfferAnswer};

use super::publish::peers;
use super::stage::{Needs, Stage};
use crate::input::{Argument, Objects, Source};
use crate::{oracle, probe};

/// Keys of one round.
const KEYS_MAX: usize = 256;
/// Peers, answers or weights in one list.
const PEERS_MAX: usize = 256;

pub(super) const FUNCTIONS: &[&str] = &[
    "get_far_keys",
    "note_neighbours",
    "get_due_places",
    "begin_replication",
    "compare_replica",
    "replica_answer",
    "replica_failure",
    "pack_replica",
    "get_replica_issuers",
    "take_replica",
    "end_replication",
];

const BY_HOST: Needs = Needs {
    host: true,
    ..Needs::TIME
};

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(16) {
        0..=5 => take_replica(stage),
        6..=7 => compare_replica(stage),
        8..=9 => begin_replication(stage),
        10 if stage.source.below(2) == 0 => get_due_places(stage),
        10 => get_far_keys(stage),
        11 => pack_replica(stage),
        12 => end_replication(stage),
        13 => whole_round(stage),
        14 => get_replica_issuers(stage),
        _ => texts(stage),
    }
}

fn item(source: &mut Source<'_>) -> BundleItem {
    let key = match source.below(4) {
        0..=2 => Objects::first_key(),
        _ => Objects::key(source),
    };
    let mut item = BundleItem::new([source.below(4) as u8; 16], key);
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
    // What follows a dot are tombstones that the sender does not know.
    let (settled, news) = receipt.split_once('.').unwrap_or((&receipt, ""));
    let settled = KeySet::parse(settled).expect("its own receipt parses");
    if !news.is_empty() {
        check_news(stage, news);
    }
    let items = unpack_bundle(&bundle).expect("what was taken unpacks");
    let asked = KeySet::parse_of(&keys, items.len()).expect("what was taken names its keys");
    for index in settled.iter() {
        assert!(asked.contains(index), "a key that was for somebody else");
        let item = items.get(index).expect("a key that the bundle holds");
        probe::note("take_replica", "settled");
        stage.check_key("take_replica", &item.key);
        stage.check_records("take_replica", &item.records);
        stage.check_tombstones("take_replica", &item.tombstones);
        assert!(item.records.iter().all(|record| !record.signature.is_empty()));
        let ids = item.records.iter().map(|record| &record.metadata.key_id);
        let ids = ids.chain(item.tombstones.iter().map(|tombstone| &tombstone.key_id));
        assert!(ids.into_iter().all(|id| *id == item.key.id), "an entry of another key");
    }
}

/// What the sender of a bundle is told: genuine tombstones, and nothing else.
fn check_news(stage: &Stage<'_>, news: &str) {
    probe::note("take_replica", "news");
    let items = unpack_bundle(news).expect("its own news unpack");
    let count: usize = items.iter().map(|item| item.tombstones.len()).sum();
    assert!(count <= 64, "{count} tombstones");
    for item in items {
        assert!(item.records.is_empty());
        stage.check_key("take_replica", &item.key);
        stage.check_tombstones("take_replica", &item.tombstones);
    }
}

fn get_replica_issuers(stage: &mut Stage<'_>) {
    let bundle = bundle(&mut stage.source);
    let keys = part(&mut stage.source);
    let issuers = stage.call("get_replica_issuers", (2, &[]), Needs::default(), |call| {
        call.get_replica_issuers(&bundle, &keys)
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
    let own = registry_service::domain::key_tag(&registry_service::domain::KeyId::of("resource", ""));
    let digests = (0..source.count(KEYS_MAX)).map(|at| match at % 2 {
        0 => (own, [at as u8; 16]),
        _ => ([at as u8; 8], [0; 16]),
    });
    match source.below(8) {
        0..=5 => {
            let keys = digests.collect();
            let mut away = KeySet::default();
            away.insert(source.below(KEYS_MAX));
            let away = if source.below(2) == 0 { away } else { KeySet::default() };
            Digests { keys, away }.encode()
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

fn lists(source: &mut Source<'_>) -> Vec<Vec<String>> {
    let list = peers(source);
    vec![list; source.count(KEYS_MAX + 1)]
}

fn stale_sec(source: &mut Source<'_>) -> u64 {
    [1, 3_600, 0, 86_400, u64::MAX][source.below(5)]
}

fn begin_replication(stage: &mut Stage<'_>) {
    let lists = lists(&mut stage.source);
    let stale_sec = stale_sec(&mut stage.source);
    let now = stage.now();
    let begun = stage.call("begin_replication", (3, &[Argument::Time(2)]), BY_HOST, |call| {
        call.begin_replication(lists, stale_sec, now)
    });
    if let Ok(round) = begun {
        check_round(&round);
    }
}

fn check_round(round: &ReplicaRound) {
    assert!(round.offers.len() <= PEERS_MAX);
    assert!(
        Digests::parse(&round.digests)
            .expect("its own digests parse")
            .keys
            .len()
            <= KEYS_MAX
    );
    if !round.offers.is_empty() {
        probe::note("begin_replication", "offers");
        assert_eq!(round.last as usize, round.offers.len() - 1);
    }
}

/// Far keys, and what was found of the first of them; now and then of a key that nobody has asked about.
fn get_far_keys(stage: &mut Stage<'_>) {
    let (table, near) = (peers(&mut stage.source), peers(&mut stage.source));
    let stale_sec = stale_sec(&mut stage.source);
    let now = stage.now();
    let far = stage.call("get_far_keys", (3, &[Argument::Time(2)]), BY_HOST, |call| {
        call.get_far_keys(table, stale_sec, now)
    });
    let far = far.unwrap_or_default();
    assert!(far.key_ids.len() <= FAR_KEYS_MAX);
    assert!(!far.success || far.more.len() + far.none.len() == 1);
    let key_id = match far.key_ids.into_iter().next() {
        Some(key_id) => key_id,
        None if stage.source.below(2) == 0 => Objects::first_key().id,
        None => stage.source.hostile_text(),
    };
    let noted = stage.call("note_neighbours", (3, &[Argument::Time(2)]), BY_HOST, |call| {
        call.note_neighbours(&key_id, near, now)
    });
    if noted.is_ok() {
        probe::note("note_neighbours", "noted");
    }
}

fn get_due_places(stage: &mut Stage<'_>) {
    let peers = peers(&mut stage.source);
    let stale_sec = stale_sec(&mut stage.source);
    let now = stage.now();
    let places = stage.call("get_due_places", (3, &[Argument::Time(2)]), BY_HOST, |call| {
        call.get_due_places(&peers, stale_sec, now)
    });
    assert!(places.unwrap_or_default().len() <= KEYS_MAX);
}

fn round(source: &mut Source<'_>) -> ReplicaRound {
    let offer = |source: &mut Source<'_>| ReplicaOffer {
        peer_id: Objects::peer(source).id().to_owned(),
        keys: key_set(source),
    };
    let offers = match source.below(8) {
        0..=6 => (0..source.below(4)).map(|_| offer(source)).collect(),
        _ => vec![offer(source); source.count(PEERS_MAX)],
    };
    ReplicaRound {
        offers,
        digests: digests(source),
        ..ReplicaRound::default()
    }
}

fn answers(source: &mut Source<'_>) -> Vec<ReplicaAnswer> {
    let answer = |source: &mut Source<'_>| {
        let mut offer_answer = OfferAnswer::default();
        offer_answer.same.insert(source.below(8));
        offer_answer.differing = (0..source.below(3))
            .map(|_| (source.below(8), vec![[1; 8]; source.below(3)]))
            .collect();
        let good = match source.below(8) {
            0..=4 => offer_answer.encode(),
            5..=6 => key_set(source),
            _ => source.hostile_text(),
        };
        let peer = Objects::peer(source).id();
        let answer = match source.below(4) {
            0..=2 => ReplicaAnswer::of(
                peer,
                Answer {
                    good: vec![good],
                    bad: Vec::new(),
                },
            ),
            _ => ReplicaAnswer::of(&source.hostile_text(), Answer::failed(source.hostile_text())),
        };
        assert!(answer.good.len() <= 1 && answer.bad.len() <= 1);
        answer
    };
    match source.below(8) {
        0..=6 => (0..source.below(4)).map(|_| answer(source)).collect(),
        _ => vec![answer(source); source.count(PEERS_MAX)],
    }
}

fn pack_replica(stage: &mut Stage<'_>) {
    let round = round(&mut stage.source);
    pack(stage, &round);
}

fn pack(stage: &mut Stage<'_>, round: &ReplicaRound) {
    let answers = answers(&mut stage.source);
    let now = stage.now();
    let packed = stage.call("pack_replica", (3, &[Argument::Time(2)]), BY_HOST, |call| {
        call.pack_replica(round, &answers, now)
    });
    let Ok(parcel) = packed else { return };
    for item in unpack_bundle(&parcel.bundle).expect("its own bundle unpacks") {
        probe::note("pack_replica", "item");
        stage.check_key("pack_replica", &item.key);
        stage.check_records("pack_replica", &item.records);
        stage.check_tombstones("pack_replica", &item.tombstones);
        assert!(item.records.iter().all(|record| !record.signature.is_empty()));
    }
}

fn end_replication(stage: &mut Stage<'_>) {
    let round = round(&mut stage.source);
    end(stage, &round);
}

fn end(stage: &mut Stage<'_>, round: &ReplicaRound) {
    let (answers, receipts) = (answers(&mut stage.source), answers(&mut stage.source));
    let sent = match stage.source.below(4) {
        0 => Vec::new(),
        count => vec![key_set(&mut stage.source); count.min(2)],
    };
    let now = stage.now();
    let ended = stage.call("end_replication", (5, &[Argument::Time(4)]), BY_HOST, |call| {
        call.end_replication(round, &answers, &sent, &receipts, now)
    });
    if let Ok(report) = ended {
        assert!(report.dropped <= report.settled);
        assert!(report
            .errors
            .iter()
            .all(|error| error.len() <= 2 * 100_000 + oracle::ERROR_LEN_MAX));
        probe::note(
            "end_replication",
            if report.settled > 0 { "settled" } else { "unsettled" },
        );
    }
}

/// A round as it should be, answered by neighbours that lie.
fn whole_round(stage: &mut Stage<'_>) {
    let now = stage.now();
    let peers = peers(&mut stage.source);
    let begun = stage.call("begin_replication", (3, &[Argument::Time(2)]), BY_HOST, |call| {
        call.begin_replication(vec![peers], 1, now)
    });
    let Ok(round) = begun else { return };
    check_round(&round);
    pack(stage, &round);
    end(stage, &round);
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
    match unpack_bundle(&text) {
        Ok(items) => assert_eq!(unpack_bundle(&pack_bundle(&items)), Ok(items)),
        Err(error) => probe::refused("bundle", &error),
    }
}
