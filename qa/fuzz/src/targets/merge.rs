//! Merging, against a plain implementation, and its laws.

use std::collections::BTreeMap;

use registry_service::calls::latest_key;
use registry_service::domain::data::{Key, Record};
use registry_service::domain::{merge_records, pack_records, Unpacker, Verified, Verifier};
use registry_testkit::NativeNode;

use crate::input::{cast, Objects, Source};
use crate::memory::Memory;
use crate::{oracle, probe};

/// Lists in one call.
const LISTS_MAX: usize = 256;

pub(super) const FUNCTIONS: &[&str] = &["merge", "merge_two", "merge_keys"];

pub(super) fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    match source.below(4) {
        0..=2 => records(&mut source),
        _ => keys(&mut source),
    }
}

fn lists(source: &mut Source<'_>) -> Vec<Vec<Record>> {
    let pool: Vec<Record> = (0..1 + source.below(8)).map(|_| Objects::record(source)).collect();
    (0..source.below(4))
        .map(|_| (0..source.below(6)).map(|_| source.pick(&pool).clone()).collect())
        .collect()
}

fn merge(lists: Vec<Vec<Record>>, verifier: &mut Verifier) -> Vec<Record> {
    let merged = merge_records(lists, None, verifier).expect("within the limits");
    merged.into_iter().map(Verified::into_inner).collect()
}

fn records(source: &mut Source<'_>) {
    let (a, b) = (lists(source), lists(source));
    let all = [a.clone(), b.clone()].concat();
    let mut verifier = Verifier::default();
    let merged = merge(all.clone(), &mut verifier);
    probe::note("merge", ["nothing", "one", "some"][merged.len().min(2)]);
    assert_eq!(merged, plainly(&all), "against the plain implementation");
    // What is remembered makes no difference.
    assert_eq!(merged, merge(all.clone(), &mut verifier));
    let reversed: Vec<Vec<Record>> = all
        .iter()
        .rev()
        .map(|list| list.iter().rev().cloned().collect())
        .collect();
    assert_eq!(merged, merge(reversed, &mut verifier), "the order matters");
    let (one, two) = (merge(a, &mut verifier), merge(b, &mut verifier));
    assert_eq!(merged, merge(vec![one, two], &mut verifier), "the grouping matters");
    assert_eq!(merged, merge(vec![merged.clone(); 2], &mut verifier), "not idempotent");
    packed(source, &all);
}

/// The best genuine record of every identity.
fn plainly(lists: &[Vec<Record>]) -> Vec<Record> {
    let mut best: BTreeMap<(String, String, String, Vec<String>), &Record> = BTreeMap::new();
    let genuine = lists.iter().flatten().filter(|record| oracle::record(record).is_ok());
    for record in genuine {
        let metadata = &record.metadata;
        let identity = (
            metadata.key_id.clone(),
            metadata.issued_by.clone(),
            metadata.peer_id.clone(),
            metadata.service_id.clone(),
        );
        let rank = |record: &Record| {
            (
                record.metadata.timestamp_issued,
                record.timestamp_created,
                !record.signature.is_empty(),
                record.clone(),
            )
        };
        best.entry(identity)
            .and_modify(|best| {
                if rank(record) > rank(best) {
                    *best = record;
                }
            })
            .or_insert(record);
    }
    best.into_values().cloned().collect()
}

fn packed(source: &mut Source<'_>, lists: &[Vec<Record>]) {
    let key_id = Objects::some_key_id(source);
    let mut packed: Vec<String> = lists.iter().map(pack_records).collect();
    if source.rarely(4) {
        packed.push(source.hostile_text());
    }
    if source.rarely(32) {
        let count = source.count(LISTS_MAX);
        packed.resize(count, String::new());
    }
    let count = packed.len();
    let mut node = NativeNode::<Memory>::over(cast().host().clone(), ":memory:").expect("an empty database opens");
    let unpacker = Unpacker::sharing(count);
    let unpacked = packed.iter().filter_map(|list| unpacker.unpack(list).ok()).collect();
    match node.merge(unpacked) {
        Ok(mut merged) if count >= lists.len() => {
            let mut expected = plainly(lists);
            expected.retain(|record| record.metadata.key_id == key_id);
            merged.retain(|record| record.metadata.key_id == key_id);
            assert_eq!(merged, expected);
            probe::note("merge", "packed");
        }
        Ok(_) => {}
        Err(error) => probe::refused("merge", &error),
    }
}

fn keys(source: &mut Source<'_>) {
    let keys: Vec<Key> = (0..source.below(8)).map(|_| Objects::key(source)).collect();
    let wanted = (source.below(2) == 1).then(|| Objects::some_key_id(source));
    let of_key = |key: &&Key| wanted.as_ref().is_none_or(|wanted| *wanted == key.id);
    let genuine = keys.iter().filter(|key| oracle::key(key).is_ok()).filter(of_key);
    let expected = genuine.max_by_key(|key| (key.timestamp_created, *key));
    let merged = latest_key(keys.clone(), wanted.as_deref());
    probe::call("merge_keys", &merged);
    assert_eq!(merged.ok().as_ref(), expected);
}
