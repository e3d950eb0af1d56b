//! Merging what nodes answered: the order of answers does not matter, and no answer can do harm.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use registry_service::calls::latest_key;
use registry_service::domain::data::{Key, Record, RecordMetadata};
use registry_service::domain::{merge_records, pack_records, Error, KeyId, Unpacker, Verified, Verifier};
use registry_testkit::{NativeNode, Peer};

use crate::support::{assert_text, sorted, NOW};

thread_local! {
    /// One for a test, so that it meets what it remembers from the cases before.
    static NODE: RefCell<NativeNode> = RefCell::new(NativeNode::new(Peer::named("host")));
}

/// What a node merges, whether it has seen the records before or not.
fn merge(lists: Vec<Vec<Record>>) -> Result<Vec<Record>, Error> {
    let fresh = merge_records(lists.clone(), None, &mut Verifier::default())
        .map(|merged| merged.into_iter().map(Verified::into_inner).collect());
    assert_eq!(fresh, NODE.with_borrow_mut(|node| node.merge(lists)));
    fresh
}

/// What a reader of a key makes of packed lists: what cannot be unpacked is dropped like a forgery.
fn merge_packed(key_id: &str, lists: Vec<String>) -> Result<Vec<Record>, Error> {
    let distinct: BTreeSet<String> = lists.into_iter().collect();
    let unpacker = Unpacker::sharing(distinct.len());
    let unpacked = distinct.iter().filter_map(|list| unpacker.unpack(list).ok()).collect();
    let merged = merge_records(unpacked, Some(key_id), &mut Verifier::default())?;
    Ok(merged.into_iter().map(Verified::into_inner).collect())
}

fn key_id() -> String {
    KeyId::of("resource", Peer::named("owner").id()).to_string()
}

/// Genuine records of a few identities, several of each, in different issues and ages, and one of another key.
fn genuine() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let peers = ["one", "two", "three"].map(Peer::named);
        let key_id = key_id();
        let mut records = Vec::new();
        for (issuer, provider) in [(0, 0), (0, 1), (1, 1), (2, 2)] {
            for (value, issued, created) in [("a", 0, 0), ("b", 0, 0), ("a", 0, 1), ("a", 1, 1), ("c", 1, 0)] {
                let metadata = peers[issuer].metadata(&key_id, &peers[provider], value, NOW + issued);
                records.push(peers[provider].record(metadata, NOW + created));
            }
        }
        records.push(peers[0].own_record(&KeyId::of("other", "owner").to_string(), "value", NOW));
        records
    })
}

/// The same, each changed by a stranger: later, with another value, for another key, with another's signature.
fn forged() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let forger = Peer::named("forger");
        let changes: [fn(&mut Record); 6] = [
            |record| record.timestamp_created += 1_000,
            |record| record.metadata.timestamp_issued += 1_000,
            |record| record.metadata.value = "forged".into(),
            |record| record.metadata.key_id = KeyId::of("forged", "").to_string(),
            |record| record.signature.clear(),
            |record| record.metadata.service_id = vec!["forged".into()],
        ];
        let mut records = Vec::new();
        for record in genuine() {
            for change in changes {
                let mut record = record.clone();
                change(&mut record);
                // An unsigned record that says what its issuer said is not forged.
                if !record.signature.is_empty() || record.timestamp_created != record.metadata.timestamp_issued {
                    records.push(record);
                }
            }
            let signed_by_another = Record {
                signature: forger
                    .record(record.metadata.clone(), record.timestamp_created)
                    .signature,
                ..record.clone()
            };
            let issued_by_another = RecordMetadata {
                issuer_signature: forger.issue(record.metadata.clone()).issuer_signature,
                ..record.metadata.clone()
            };
            records.push(signed_by_another);
            records.push(forger.record(issued_by_another, NOW + 5_000));
        }
        records
    })
}

fn lists(of: &'static [Record]) -> impl Strategy<Value = Vec<Vec<Record>>> {
    prop::collection::vec(subsequence(of.to_vec(), 0..=of.len()).prop_shuffle(), 0..4)
}

fn unsigned() -> Record {
    let mut record = genuine()[0].clone();
    record.signature.clear();
    record
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn merge_is_commutative(lists in lists(genuine()).prop_flat_map(|lists| (Just(lists.clone()), Just(lists).prop_shuffle()))) {
        let (lists, shuffled) = lists;
        prop_assert_eq!(merge(lists).unwrap(), merge(shuffled).unwrap());
    }

    #[test]
    fn merge_is_associative(a in lists(genuine()), b in lists(genuine()), c in lists(genuine())) {
        let all = merge([a.clone(), b.clone(), c.clone()].concat()).unwrap();
        let (a, b, c) = (merge(a).unwrap(), merge(b).unwrap(), merge(c).unwrap());
        let left = merge(vec![merge(vec![a.clone(), b.clone()]).unwrap(), c.clone()]).unwrap();
        let right = merge(vec![a, merge(vec![b, c]).unwrap()]).unwrap();
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(left, all);
    }

    #[test]
    fn merge_is_idempotent(lists in lists(genuine())) {
        let once = merge(lists).unwrap();
        prop_assert_eq!(merge(vec![once.clone()]).unwrap(), once.clone());
        prop_assert_eq!(merge(vec![once.clone(), once.clone()]).unwrap(), once);
    }

    /// R7: 0.9.4 verifies nothing on reading.
    #[test]
    fn forgeries_change_nothing(honest in lists(genuine()), dishonest in lists(forged())) {
        let expected = merge(honest.clone()).unwrap();
        prop_assert_eq!(merge([dishonest, honest].concat()).unwrap(), expected);
    }

    #[test]
    fn merge_packed_equals_merge(lists in lists(genuine()), dishonest in lists(forged())) {
        let lists = [lists, dishonest].concat();
        let expected: Vec<Record> =
            merge(lists.clone()).unwrap().into_iter().filter(|record| record.metadata.key_id == key_id()).collect();
        let packed = lists.iter().map(pack_records).collect();
        prop_assert_eq!(merge_packed(&key_id(), packed).unwrap(), expected);
    }

    #[test]
    fn what_was_packed_unpacks_to_the_same(list in lists(forged())) {
        let list = list.concat();
        prop_assert_eq!(unpack(&pack_records(&list)).unwrap(), list);
    }

    #[test]
    fn packed_garbage_does_no_harm(garbage in ".{0,300}", bytes in "[A-Za-z0-9+/]{0,400}", change in any::<prop::sample::Index>(), with in select(vec!['A', 'z', '/', '=', '😀'])) {
        let honest = pack_records(&genuine()[..5]);
        let mut changed: Vec<char> = honest.chars().collect();
        let position = change.index(changed.len());
        changed[position] = with;
        let changed: String = changed.into_iter().collect();
        let cut: String = honest.chars().take(position).collect();
        let lists = vec![garbage, bytes.clone(), format!("AQ{bytes}"), changed, cut, honest];
        prop_assert_eq!(merge_packed(&key_id(), lists).unwrap(), merge(vec![genuine()[..5].to_vec()]).unwrap());
    }
}

fn unpack(packed: &str) -> Result<Vec<Record>, Error> {
    Unpacker::sharing(1).unpack(packed)
}

#[test]
fn merge_of_two_or_twenty_answers_keeps_the_latest_of_each_identity() {
    let merged = merge(vec![genuine().to_vec(); 20]).unwrap();
    assert_eq!(merged.len(), 5);
    let of_the_key: Vec<&Record> = merged
        .iter()
        .filter(|record| record.metadata.key_id == key_id())
        .collect();
    assert_eq!(of_the_key.len(), 4);
    assert!(of_the_key
        .iter()
        .all(|record| record.metadata.timestamp_issued == NOW + 1));
    // Issued at the same second, the one created later wins over the larger value.
    assert!(of_the_key.iter().all(|record| record.metadata.value == "a"));
}

#[test]
fn an_unsigned_record_gives_way_to_the_signed_one() {
    let signed = genuine()[0].clone();
    assert_eq!(merge(vec![vec![unsigned()]]).unwrap(), [unsigned()]);
    assert_eq!(
        merge(vec![vec![unsigned()], vec![signed.clone()]]).unwrap(),
        [signed.clone()]
    );
    assert_eq!(merge(vec![vec![signed.clone()], vec![unsigned()]]).unwrap(), [signed]);
}

#[test]
fn many_different_forgeries_of_one_identity_do_not_stop_a_merge() {
    let genuine = genuine()[0].clone();
    let forgeries: Vec<Record> = (0..16_000_u64)
        .map(|number| Record {
            timestamp_created: NOW,
            signature: number.to_le_bytes().to_vec(),
            ..genuine.clone()
        })
        .collect();
    let merged = merge(vec![
        forgeries.clone(),
        vec![genuine.clone()],
        forgeries[..300].to_vec(),
    ])
    .unwrap();
    assert_eq!(merged, [genuine]);
}

/// R7: 0.9.4 takes a key dated far in the future from any neighbour.
#[test]
fn merge_keys_takes_the_latest_genuine_registration() {
    let owner = Peer::named("owner");
    let [old, young] = [0, 1].map(|later| owner.key("resource", NOW + later));
    let later = Key {
        timestamp_created: i64::MAX as u64,
        ..young.clone()
    };
    let by_another = Peer::named("forger").key("resource", NOW + 5);
    let impostor = Key {
        owner_peer_id: owner.id().to_owned(),
        id: young.id.clone(),
        ..by_another.clone()
    };
    let all = vec![old.clone(), later.clone(), young.clone(), impostor.clone(), old.clone()];
    assert_eq!(latest_key(all.clone(), None).unwrap(), young);
    assert_eq!(latest_key(all.into_iter().rev().collect(), None).unwrap(), young);
    let error = latest_key(vec![later, impostor], None).unwrap_err().to_string();
    assert_text(&error, &["none of the 2 keys", "signature", "ask other nodes"]);
    let wanted = latest_key(vec![by_another.clone(), old.clone()], Some(&old.id)).unwrap();
    assert_eq!(wanted, old);
    let error = latest_key(vec![by_another], Some(&old.id)).unwrap_err().to_string();
    assert_text(&error, &["none of the 1 keys", &format!("not key `{}`", old.id)]);
}

#[test]
fn a_packed_list_is_smaller_by_far_and_equal_lists_pack_alike() {
    let records: Vec<Record> = (0..32)
        .map(|number| Peer::named(&number.to_string()).own_record(&key_id(), "value", NOW))
        .collect();
    let packed = pack_records(&records);
    assert_eq!(packed, pack_records(&records.clone()));
    let json = serde_json::to_string(&records).unwrap();
    assert!(
        packed.len() * 3 < json.len(),
        "{} bytes packed, {} as JSON",
        packed.len(),
        json.len()
    );
    assert_eq!(
        merge_packed(&key_id(), vec![packed; 20]).unwrap(),
        sorted_by_identity(records)
    );
}

fn sorted_by_identity(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|record| (record.metadata.issued_by.clone(), record.metadata.peer_id.clone()));
    records
}

/// A list in which few bytes stand for many: `count` records that all point at one long string.
fn amplified(len: usize, count: usize) -> String {
    let value = "v".repeat(len);
    let template = Record {
        metadata: RecordMetadata {
            value,
            ..RecordMetadata::default()
        },
        ..Record::default()
    };
    pack_records(&vec![template; count])
}

#[test]
fn a_list_that_unpacks_to_too_much_is_refused() {
    let error = unpack(&amplified(100_000, 1_000)).unwrap_err().to_string();
    assert_text(&error, &["unpacked list", "at most 33554432"]);
    let error = unpack(&"A".repeat(8 * 1024 * 1024 + 1)).unwrap_err().to_string();
    assert_text(&error, &["packed list has 8388609 bytes"]);
    let error = unpack(&amplified(0, 16_385)).unwrap_err().to_string();
    assert_text(&error, &["16385 records"]);
}

#[test]
fn no_hostile_answer_crowds_out_the_others() {
    let honest = pack_records(&genuine()[..20]);
    let expected = merge(vec![genuine()[..20].to_vec()]).unwrap();
    for hostile in [
        amplified(100_000, 334),
        amplified(100_000, 335),
        amplified(100_000, 336),
        amplified(20_000, 1_600),
        amplified(0, 16_384),
        amplified(0, 16_385),
        amplified(1, 16_384),
    ] {
        let lists = vec![hostile.clone(), honest.clone(), format!("{hostile}A")];
        assert_eq!(merge_packed(&key_id(), lists).unwrap(), expected);
    }
    let hostile = (0..19).map(|number| amplified(50_000 + number, 600));
    let lists = hostile.chain([honest]).collect();
    assert_eq!(sorted(merge_packed(&key_id(), lists).unwrap()), sorted(expected));
}
