//! Reading what the neighbourhood knows, from neighbours that lie.

use registry_service::calls::{NodeAnswer, NodeReply, Plan};
use registry_service::domain::data::{Record, Tombstone};
use registry_service::domain::{
    pack_answer, pack_key, unpack_answer, unpack_key, Extent, KnownRecords, Unpacker, Wanted,
};

use super::publish::{answers, check_plan, peers, waves};
use super::stage::{Needs, Stage};
use crate::input::{Argument, Objects, Source};
use crate::{oracle, probe};

pub(super) const FUNCTIONS: &[&str] = &["begin_lookup", "get_answer", "check_answer", "end_lookup"];

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(16) {
        0..=2 => begin_lookup(stage),
        3..=5 => get_answer(stage),
        6..=9 => check_answer(stage),
        _ => end_lookup(stage),
    }
}

fn begin_lookup(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let peers = peers(&mut stage.source);
    let ack = stage.source.number() as i16;
    let provider = match stage.source.below(4) {
        0 => String::new(),
        1..=2 => Objects::peer(&mut stage.source).id().to_owned(),
        _ => stage.source.hostile_text(),
    };
    let labels = match stage.source.below(4) {
        0..=1 => Vec::new(),
        2 => vec!["label".to_owned()],
        _ => vec![stage.source.hostile_text(); stage.source.below(3)],
    };
    let now = stage.now();
    let begun = stage.call("begin_lookup", (7, &[Argument::Time(6)]), Needs::default(), |call| {
        Ok(call.begin_lookup(&key_id, (&provider, &labels), peers, (ack, 60), now))
    });
    let Ok(plan) = begun else { return };
    check_plan(&plan);
    if !plan.turns.is_empty() {
        Wanted::parse(&plan.wanted).expect("what it wants parses");
    }
    waves(stage, &plan, &[]);
}

/// What is asked for: records beyond some, an entry, or nonsense.
fn wanted(source: &mut Source<'_>, known: &[Record]) -> String {
    match source.below(8) {
        0..=3 => KnownRecords::describe(known),
        4..=6 => Wanted::entry(Objects::peer(source).id(), source.below(2) == 1),
        _ => source.hostile_text(),
    }
}

fn get_answer(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let known: Vec<Record> = (0..stage.source.below(4))
        .map(|_| Objects::record(&mut stage.source))
        .collect();
    let wanted = wanted(&mut stage.source, &known);
    let now = stage.now();
    let answer = stage.call("get_answer", (3, &[Argument::Time(2)]), Needs::TIME, |call| {
        call.get_answer(&key_id, &wanted, now)
    });
    let Ok(answer) = answer else { return };
    if answer.is_empty() {
        assert!(wanted.starts_with("@?"), "nothing is an answer where a key may be new");
        return;
    }
    let entries = match answer.split_once(':') {
        Some((key, entries)) => {
            stage.check_key("get_answer", &unpack_key(key).expect("its own key unpacks"));
            entries
        }
        None => &answer,
    };
    let (records, tombstones) = unpack_answer(&key_id, entries, Unpacker::sharing(1)).expect("its own answer unpacks");
    stage.check_records("get_answer", &records);
    stage.check_tombstones("get_answer", &tombstones);
    if wanted == KnownRecords::describe(&known) {
        assert!(records.iter().all(|record| !known.contains(record)));
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

/// The same with a key before it.
fn packed_entry(source: &mut Source<'_>) -> String {
    match source.below(8) {
        0..=6 => format!("{}:{}", pack_key(&Objects::key(source)), packed(source)),
        _ => packed(source),
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

fn check_answer(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let wanted = wanted(&mut stage.source, &[]);
    let node = Objects::peer(&mut stage.source).id().to_owned();
    let reply = NodeReply {
        success: stage.source.below(8) > 0,
        error: if stage.source.below(8) == 0 {
            stage.source.hostile_text()
        } else {
            String::new()
        },
        answer: if wanted.starts_with('@') {
            packed_entry(&mut stage.source)
        } else {
            packed(&mut stage.source)
        },
    };
    let checked = stage.call("check_answer", (6, &[]), Needs::default(), |call| {
        Ok(call.check_answer(&node, &key_id, &wanted, reply))
    });
    let Ok(NodeAnswer {
        peer_id,
        counts,
        answer,
        error,
    }) = checked
    else {
        return;
    };
    let verdict = match (counts.len(), error.is_empty()) {
        (1, _) => "good",
        (_, true) => "partial",
        _ => "bad",
    };
    probe::note("check_answer", verdict);
    assert!(counts.len() <= 1 && counts.iter().all(|counted| *counted == peer_id));
    assert!(error.len() <= oracle::ERROR_LEN_MAX);
    if verdict == "bad" || answer.is_empty() {
        return;
    }
    let entries = match answer.split_once(':') {
        Some((key, entries)) => {
            let key = unpack_key(key).expect("a checked answer unpacks");
            stage.check_key("check_answer", &key);
            assert_eq!(key.id, key_id);
            entries
        }
        None => &answer,
    };
    let (records, _) = unpack_answer(&key_id, entries, Unpacker::sharing(1)).expect("a checked answer unpacks");
    stage.check_records("check_answer", &records);
    assert!(records.iter().all(|record| record.metadata.key_id == key_id));
}

/// A plan, made up.
fn plan(source: &mut Source<'_>, key_id: &str) -> Plan {
    let node = |source: &mut Source<'_>| Objects::peer(source).id().to_owned();
    let here = match source.below(4) {
        0..=1 => Vec::new(),
        2 => vec![NodeAnswer {
            peer_id: node(source),
            answer: "here".to_owned(),
            ..NodeAnswer::default()
        }],
        _ => vec![NodeAnswer::failed(&node(source), &source.hostile_text()); source.count(256)],
    };
    Plan {
        key_id: key_id.to_owned(),
        wanted: wanted(source, &[]),
        ask: peers(source),
        turns: vec![0, 1],
        ack: source.below(24) as u32,
        percent: source.number() as u8,
        here,
    }
}

fn end_lookup(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let plan = plan(&mut stage.source, &key_id);
    let of_entry = plan.wanted.starts_with('@');
    let answers = answers(&mut stage.source, if of_entry { packed_entry } else { packed });
    let now = stage.now();
    let ended = stage.call("end_lookup", (4, &[Argument::Time(3)]), Needs::default(), |call| {
        Ok(call.end_lookup(&plan, &answers, 6_000, now))
    });
    let Ok(found) = ended else { return };
    assert_eq!(found.success, !found.found.is_empty());
    assert!(found.wait_ms <= 6_000);
    if !found.success {
        return;
    }
    probe::note("end_lookup", if of_entry { "key" } else { "records" });
    for key in &found.keys {
        stage.check_key("end_lookup", key);
        assert_eq!(key.id, key_id);
    }
    for issue_at in &found.issue_at {
        assert!((now..=now.saturating_add(oracle::SKEW_MAX_SEC)).contains(issue_at));
    }
    assert!(found.result.iter().all(|record| record.key_id == key_id));
    let told = answers.iter().filter(|answer| answer.error.is_empty() && !of_entry);
    let tombstones =
        told.filter_map(|told| unpack_answer(&key_id, &told.answer, Unpacker::sharing(answers.len())).ok());
    for tombstone in tombstones.flat_map(|(_, tombstones)| tombstones) {
        let in_time = tombstone.timestamp_issued <= now.saturating_add(oracle::SKEW_MAX_SEC);
        if in_time && oracle::tombstone(&tombstone).is_ok() {
            let voided = found.result.iter().find(|record| {
                record.set_by == tombstone.issued_by
                    && record.peer_id == tombstone.peer_id
                    && record.timestamp_created <= tombstone.timestamp_issued
            });
            assert_eq!(voided, None, "it was deleted");
        }
    }
    waves(stage, &plan, &answers);
}
