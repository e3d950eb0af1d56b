//! Reading what the neighbourhood knows, from neighbours that lie.

use registry_service::calls::{self, Answer, Lookup, NodeAnswer};
use registry_service::domain::data::{Record, Tombstone};
use registry_service::domain::{pack_answer, pack_key, unpack_answer, Extent, KnownRecords, Unpacker};

use super::publish::peers;
use super::stage::{Needs, Stage};
use crate::input::{Argument, Objects, Source};
use crate::{oracle, probe};

pub(super) const FUNCTIONS: &[&str] = &[
    "begin_records",
    "get_records_beyond",
    "check_records",
    "end_records",
    "begin_key",
    "get_key_packed",
    "check_key",
    "end_key",
    "widen",
    "failed_answer",
    "get_silent",
];

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(16) {
        0..=1 => begin_records(stage),
        2..=3 => get_records_beyond(stage),
        4..=6 => check_records(stage),
        7..=9 => end_records(stage),
        10 => begin_key(stage),
        11..=12 => check_key(stage),
        13..=14 => end_key(stage),
        _ => silence(stage),
    }
}

fn begin_records(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let peers = peers(&mut stage.source);
    let ack = stage.source.number() as i16;
    let now = stage.now();
    let begun = stage.call("begin_records", (4, &[Argument::Time(3)]), Needs::default(), |call| {
        Ok(call.begin_records(&key_id, peers, ack, now))
    });
    check_begun(&begun.unwrap_or_default());
}

fn begin_key(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let peers = peers(&mut stage.source);
    let ack = stage.source.number() as i16;
    let begun = stage.call("begin_key", (3, &[]), Needs::default(), |call| {
        Ok(call.begin_key(&key_id, peers, ack))
    });
    check_begun(&begun.unwrap_or_default());
}

fn check_begun(lookup: &Lookup) {
    let others = lookup.ask.len() + lookup.later.len();
    assert!(others <= 20 && lookup.here.len() <= 1 && lookup.ack <= 20);
    if lookup.more.is_empty() {
        return;
    }
    assert!((lookup.first as usize) < others && (lookup.all as usize) < others);
    // If this node itself does not know, all the others may be too few: then all are waited for.
    assert!(lookup.enough as usize <= others, "it waits for more than there are");
    KnownRecords::parse(&lookup.known).expect("its own list parses");
}

fn get_records_beyond(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let known: Vec<Record> = (0..stage.source.below(4))
        .map(|_| Objects::record(&mut stage.source))
        .collect();
    let text = match stage.source.below(4) {
        0..=2 => KnownRecords::describe(&known),
        _ => stage.source.hostile_text(),
    };
    let now = stage.now();
    let beyond = stage.call("get_records_beyond", (3, &[Argument::Time(2)]), Needs::TIME, |call| {
        call.get_records_beyond(&key_id, &text, now)
    });
    if let Ok(packed) = beyond {
        let (records, tombstones) =
            unpack_answer(&key_id, &packed, Unpacker::sharing(1)).expect("its own answer unpacks");
        stage.check_records("get_records_beyond", &records);
        stage.check_tombstones("get_records_beyond", &tombstones);
        if text == KnownRecords::describe(&known) {
            assert!(records.iter().all(|record| !known.contains(record)));
        }
    }
}

/// Records of one key mostly, forgeries among them.
fn records(source: &mut Source<'_>) -> Vec<Record> {
    (0..source.below(6)).map(|_| Objects::record(source)).collect()
}

/// A packed list as a neighbour answers it.
fn packed(source: &mut Source<'_>) -> String {
    match source.below(8) {
        0..=5 => pack_answer(&records(source), &tombstones(source), extent(source)),
        6 => {
            let mut packed = pack_answer(&records(source), &tombstones(source), extent(source));
            packed.truncate(source.below(packed.len() + 1));
            packed
        }
        _ => source.hostile_text(),
    }
}

fn extent(source: &mut Source<'_>) -> Extent {
    match source.below(4) {
        0 => Extent::Partial,
        _ => Extent::Whole,
    }
}

fn tombstones(source: &mut Source<'_>) -> Vec<Tombstone> {
    let count = source.below(8).saturating_sub(5);
    (0..count).map(|_| Objects::tombstone(source)).collect()
}

fn packed_key(source: &mut Source<'_>) -> String {
    match source.below(8) {
        0..=6 => pack_key(&Objects::key(source)),
        _ => source.hostile_text(),
    }
}

fn answer(source: &mut Source<'_>, packed: impl Fn(&mut Source<'_>) -> String) -> Answer {
    match source.below(8) {
        0..=5 => Answer {
            good: vec![packed(source)],
            bad: Vec::new(),
        },
        6 => Answer {
            good: Vec::new(),
            bad: vec![source.hostile_text()],
        },
        _ => Answer {
            good: vec![packed(source); source.below(3)],
            bad: vec![source.hostile_text(); source.below(3)],
        },
    }
}

fn checked(function: &'static str, answer: &NodeAnswer) {
    let verdict = match (answer.good.len(), answer.partial.len()) {
        (0, 0) => "bad",
        (0, _) => "partial",
        _ => "good",
    };
    probe::note(function, verdict);
    assert_eq!(answer.good.len() + answer.partial.len() + answer.bad.len(), 1);
    assert!(answer.bad.iter().all(|error| error.len() <= oracle::ERROR_LEN_MAX));
}

fn check_records(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let answer = answer(&mut stage.source, packed);
    let node = Objects::peer(&mut stage.source).id().to_owned();
    let verdict = stage.call(
        "check_records",
        (2, &[Argument::Answer(1, &node)]),
        Needs::default(),
        |call| Ok(call.check_records(&key_id, answer)),
    );
    let Ok(verdict) = verdict else { return };
    checked("check_records", &verdict);
    for packed in verdict.good.iter().chain(&verdict.partial) {
        let (records, _) = unpack_answer(&key_id, packed, Unpacker::sharing(1)).expect("a checked answer unpacks");
        stage.check_records("check_records", &records);
        assert!(records.iter().all(|record| record.metadata.key_id == key_id));
    }
}

fn check_key(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let answer = answer(&mut stage.source, packed_key);
    let node = Objects::peer(&mut stage.source).id().to_owned();
    let verdict = stage.call(
        "check_key",
        (2, &[Argument::Answer(1, &node)]),
        Needs::default(),
        |call| Ok(call.check_key(&key_id, answer)),
    );
    let Ok(verdict) = verdict else { return };
    checked("check_key", &verdict);
    for packed in &verdict.good {
        let key = registry_service::domain::unpack_key(packed).expect("a checked answer unpacks");
        stage.check_key("check_key", &key);
        assert_eq!(key.id, key_id);
    }
    let read = stage.call("get_key_packed", (1, &[]), Needs::default(), |call| {
        call.get_key_packed(&key_id)
    });
    if let Ok(packed) = read {
        let key = registry_service::domain::unpack_key(&packed).expect("its own packed key unpacks");
        stage.check_key("get_key_packed", &key);
    }
}

/// A lookup and its answers, made up or as they come.
fn lookup(source: &mut Source<'_>, packed: impl Fn(&mut Source<'_>) -> String) -> (Lookup, Vec<NodeAnswer>) {
    let node = |source: &mut Source<'_>| Objects::peer(source).id().to_owned();
    let answers = (0..source.below(5))
        .map(|_| {
            let Answer { good, bad } = answer(source, &packed);
            let partial = if source.below(4) == 0 { good.clone() } else { Vec::new() };
            NodeAnswer {
                peer_id: node(source),
                good,
                partial,
                bad,
            }
        })
        .collect();
    let here = match source.below(4) {
        0..=1 => Vec::new(),
        2 => vec![NodeAnswer {
            peer_id: node(source),
            good: vec!["here".to_owned()],
            ..NodeAnswer::default()
        }],
        _ => vec![NodeAnswer::failed(&node(source), &source.hostile_text()); source.count(256)],
    };
    let lookup = Lookup {
        ask: peers(source),
        later: peers(source),
        ack: source.below(24) as u32,
        enough: source.below(24) as u32,
        here,
        ..Lookup::default()
    };
    (lookup, answers)
}

fn end_records(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let (lookup, answers) = lookup(&mut stage.source, packed);
    let now = stage.now();
    let ended = stage.call("end_records", (4, &[Argument::Time(3)]), Needs::default(), |call| {
        call.end_records(&key_id, &lookup, &answers, now)
    });
    let Ok(ended) = ended else { return };
    let Some(records) = ended.found else { return };
    probe::note("end_records", "found");
    stage.check_records("end_records", &records);
    assert!(records.iter().all(|record| record.metadata.key_id == key_id));
    let mut identities: Vec<_> = records
        .iter()
        .map(|record| (&record.metadata.issued_by, &record.metadata.peer_id))
        .collect();
    identities.dedup();
    assert_eq!(identities.len(), records.len(), "a provider twice");
    let told = answers
        .iter()
        .flat_map(|answer| answer.good.iter().chain(&answer.partial));
    let tombstones = told.filter_map(|packed| unpack_answer(&key_id, packed, Unpacker::sharing(answers.len())).ok());
    for tombstone in tombstones.flat_map(|(_, tombstones)| tombstones) {
        let in_time = tombstone.timestamp_issued <= now.saturating_add(oracle::SKEW_MAX_SEC);
        if in_time && oracle::tombstone(&tombstone).is_ok() {
            let voided = records.iter().find(|record| voids(&tombstone, record));
            assert_eq!(voided, None, "it was deleted");
        }
    }
}

fn voids(tombstone: &Tombstone, record: &Record) -> bool {
    record.metadata.issued_by == tombstone.issued_by
        && record.metadata.peer_id == tombstone.peer_id
        && record.metadata.timestamp_issued <= tombstone.timestamp_issued
}

fn end_key(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let (lookup, answers) = lookup(&mut stage.source, packed_key);
    let ended = stage.call("end_key", (3, &[]), Needs::default(), |call| {
        call.end_key(&key_id, &lookup, &answers)
    });
    if let Ok(Some(key)) = ended.map(|ended| ended.found) {
        probe::note("end_key", "found");
        stage.check_key("end_key", &key);
        assert_eq!(key.id, key_id);
    }
}

fn silence(stage: &mut Stage<'_>) {
    let source = &mut stage.source;
    let (lookup, answers) = lookup(source, packed);
    let later = lookup.later.len();
    assert!(lookup.widen(&answers).len() <= later);
    let failed = NodeAnswer::failed(&source.hostile_text(), &source.hostile_text());
    checked("failed_answer", &failed);
    let (asked, answered) = (peers(source), peers(source));
    let silent = calls::get_silent(asked.clone().into_iter(), &answered);
    assert!(silent.len() <= asked.len());
}
