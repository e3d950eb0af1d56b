//! Several services of one provider, and what an issuer's tombstone and later words do to them: the state of issuer and
//! provider is the latest tombstone, and per service the latest record issued after it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::prelude::*;
use registry_service::domain::data::{Record, Tombstone};
use registry_service::domain::Entry;
use registry_testkit::{weight_of, NativeNode, Peer};

use crate::support::{assert_refused, scene, sorted, Scene, NOW};

fn provider() -> Peer {
    Peer::named("provider")
}

/// The provider's own record of one of its services.
fn of_service(key_id: &str, service: &str, value: &str, issued: u64) -> Record {
    let provider = provider();
    provider.record(
        provider.service_metadata(key_id, &provider, (service, value), issued),
        issued,
    )
}

/// Service and value of all that readers are told.
fn told(scene: &mut Scene) -> Vec<(String, String)> {
    let records = scene.node.get_records(&scene.key_id, NOW).unwrap();
    let told = records.into_iter().map(|Record { metadata, .. }| {
        let service = metadata.service_id.into_iter().next().unwrap_or_default();
        (service, metadata.value)
    });
    told.collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(service, value): &(&str, &str)| ((*service).to_owned(), (*value).to_owned());
    of.iter().map(owned).collect()
}

fn put(scene: &mut Scene, service: &str, value: &str, issued: u64) {
    let record = of_service(&scene.key_id, service, value, issued);
    scene.node.put_record(&record, NOW).unwrap();
}

#[test]
fn six_services_of_one_provider_are_six_records() {
    let mut scene = scene();
    scene.node.put_record(&scene.record("provider", NOW), NOW).unwrap();
    for service in ["a", "b", "c", "d", "e"] {
        put(&mut scene, service, "value", NOW);
    }
    let services: Vec<String> = told(&mut scene).into_iter().map(|(service, _)| service).collect();
    assert_eq!(services, ["", "a", "b", "c", "d", "e"]);
}

#[test]
fn a_record_replaces_that_of_the_same_service_only() {
    let mut scene = scene();
    put(&mut scene, "chat", "old", NOW - 5);
    put(&mut scene, "files", "old", NOW - 5);
    put(&mut scene, "chat", "new", NOW - 4);
    assert_eq!(told(&mut scene), pairs(&[("chat", "new"), ("files", "old")]));
    let late = of_service(&scene.key_id, "chat", "late", NOW - 5);
    assert_refused(&mut scene.node, &["a record of timestamp_issued"], |node| {
        node.put_record(&late, NOW)
    });
}

#[test]
fn a_tombstone_voids_all_services_up_to_its_time_and_stays_beside_later_ones() {
    let mut scene = scene();
    put(&mut scene, "chat", "value", NOW - 5);
    put(&mut scene, "files", "value", NOW - 4);
    let tombstone = provider().tombstone(&scene.key_id, &provider(), NOW - 4);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_eq!(told(&mut scene), []);
    put(&mut scene, "files", "again", NOW - 3);
    assert_eq!(told(&mut scene), pairs(&[("files", "again")]));
    // The other service is as void as before.
    let old = of_service(&scene.key_id, "chat", "value", NOW - 5);
    assert_eq!(scene.node.republish_records(&[old.clone()], NOW).unwrap().updated, 0);
    assert_refused(&mut scene.node, &["a tombstone of timestamp_issued"], |node| {
        node.put_record(&old, NOW)
    });
    assert_eq!(scene.node.get_tombstones(&scene.key_id, NOW).unwrap(), [tombstone]);
    scene.node = scene.node.restart(|_| ()).unwrap();
    assert_eq!(told(&mut scene), pairs(&[("files", "again")]));
}

#[test]
fn a_tombstone_leaves_what_others_issued_and_other_providers() {
    let mut scene = scene();
    let agency = Peer::named("agency");
    put(&mut scene, "chat", "own", NOW);
    let by_agency = agency.service_metadata(&scene.key_id, &provider(), ("chat", "agency's"), NOW);
    scene.node.put_record(&provider().record(by_agency, NOW), NOW).unwrap();
    scene.node.put_record(&scene.record("other", NOW), NOW).unwrap();
    let tombstone = provider().tombstone(&scene.key_id, &provider(), NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_eq!(sorted(told(&mut scene)), pairs(&[("", "value"), ("chat", "agency's")]));
}

/// Removing one of several services: a tombstone, and in the same breath the others again, issued a second later.
#[test]
fn one_of_several_services_is_removed_by_a_tombstone_and_the_others_again() {
    let mut scene = scene();
    for service in ["chat", "files", "mail"] {
        put(&mut scene, service, "value", NOW - 9);
    }
    let latest = scene.latest_issued("provider", "provider").unwrap();
    let tombstone = provider().tombstone(&scene.key_id, &provider(), latest + 1);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    for service in ["chat", "mail"] {
        put(&mut scene, service, "value", latest + 2);
    }
    assert_eq!(told(&mut scene), pairs(&[("chat", "value"), ("mail", "value")]));
}

/// A tombstone through a slower relay would otherwise succeed, and the provider stay.
#[test]
fn an_issuers_own_tombstone_that_would_leave_a_later_record_is_refused() {
    let mut scene = scene();
    put(&mut scene, "chat", "value", NOW - 5);
    put(&mut scene, "files", "value", NOW);
    let early = provider().tombstone(&scene.key_id, &provider(), NOW - 1);
    assert_refused(&mut scene.node, &["a record of timestamp_issued 1700000000"], |node| {
        node.add_tombstone(&early, NOW)
    });
    // Passed on by a neighbour it says what it says: the earlier service is void.
    assert_eq!(scene.node.republish_tombstones(&[early], NOW).unwrap().updated, 1);
    assert_eq!(told(&mut scene), pairs(&[("files", "value")]));
}

#[test]
fn the_latest_word_of_an_issuer_is_that_of_its_records_of_any_service_and_its_tombstone() {
    let mut scene = scene();
    assert_eq!(scene.latest_issued("provider", "provider"), None);
    put(&mut scene, "chat", "value", NOW - 5);
    put(&mut scene, "files", "value", NOW - 3);
    assert_eq!(scene.latest_issued("provider", "provider"), Some(NOW - 3));
    let tombstone = provider().tombstone(&scene.key_id, &provider(), NOW - 1);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_eq!(scene.latest_issued("provider", "provider"), Some(NOW - 1));
    assert_eq!(scene.latest_issued("agency", "provider"), None);
    assert_eq!(scene.latest_issued("provider", "agency"), None);
}

#[test]
fn at_the_limit_of_an_owner_a_tombstone_still_voids_its_services() {
    let mut scene = scene();
    let origins = registry_testkit::Origins::new(&scene.host(), &scene.host(), 2);
    scene
        .node
        .call(origins, |call| call.set_storage_limits(1 << 20, 64 << 10))
        .unwrap();
    let full = (0..200).find_map(|number| {
        let record = of_service(&scene.key_id, &format!("service {number}"), &"v".repeat(3_000), NOW);
        scene.node.put_record(&record, NOW).err()
    });
    let full = full.expect("the limit is reached").to_string();
    assert!(full.contains("limit of 65536"), "{full}");
    let tombstone = provider().tombstone(&scene.key_id, &provider(), NOW);
    scene.node.add_tombstone(&tombstone, NOW).unwrap();
    assert_eq!(told(&mut scene), []);
}

/// What may arrive at a node, in the words of the promise: who, about whom, which service, when.
#[derive(Debug, Clone)]
enum Word {
    Record(Record),
    Tombstone(Tombstone),
}

/// All words there are: two issuers, two providers, three services, several times; a provider signs some of them twice.
fn words() -> &'static [Word] {
    static WORDS: OnceLock<Vec<Word>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let peers = ["one", "two"].map(Peer::named);
        let key_id = scene().key_id;
        let mut words = Vec::new();
        for (issuer, provider) in [(0, 0), (0, 1), (1, 1)] {
            let (issuer, provider) = (&peers[issuer], &peers[provider]);
            for issued in (NOW - 4)..=NOW {
                for (service, value) in [("a", "x"), ("a", "y"), ("b", "x"), ("", "x")] {
                    let metadata = match service {
                        "" => issuer.metadata(&key_id, provider, value, issued),
                        service => issuer.service_metadata(&key_id, provider, (service, value), issued),
                    };
                    for created in [issued, NOW] {
                        words.push(Word::Record(provider.record(metadata.clone(), created)));
                    }
                }
                words.push(Word::Tombstone(issuer.tombstone(&key_id, provider, issued)));
            }
        }
        words
    })
}

/// A node that was told these words, one by one, as by neighbours.
fn node_told(words: &[Word]) -> Scene {
    let mut scene = scene();
    for word in words {
        match word {
            Word::Record(record) => scene.node.republish_records(std::slice::from_ref(record), NOW),
            Word::Tombstone(tombstone) => scene.node.republish_tombstones(std::slice::from_ref(tombstone), NOW),
        }
        .unwrap();
    }
    scene
}

/// What the node holds of the key, as text.
fn holds(scene: &Scene) -> BTreeSet<String> {
    let key_id = registry_service::domain::KeyId::parse(&scene.key_id).unwrap();
    let state = scene.node.registry().store().stored(&key_id).unwrap().unwrap();
    let text = |entry: &Entry| match entry {
        Entry::Record(held) => format!("{:?}", *held.record),
        Entry::Tombstone(tombstone) => format!("{:?}", **tombstone),
    };
    state.entries().map(text).collect()
}

/// All that one node holds, as it passes it on to another.
fn passed_on(scene: &mut Scene) -> Vec<Word> {
    let records = scene.node.get_records(&scene.key_id, NOW).unwrap();
    let tombstones = scene.node.get_tombstones(&scene.key_id, NOW).unwrap();
    let records = records.into_iter().map(Word::Record);
    records.chain(tombstones.into_iter().map(Word::Tombstone)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Commutative and idempotent: in whatever order and however often words arrive, the same stands.
    #[test]
    fn the_order_in_which_words_arrive_does_not_matter(
        words in prop::sample::subsequence(words().to_vec(), 0..24),
        shuffle in any::<prop::sample::Index>(),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let expected = holds(&node_told(&words));
        let mut other = words.clone();
        other.reverse();
        if !words.is_empty() {
            other.rotate_left(shuffle.index(words.len()));
            other.extend(again.iter().map(|index| words[index.index(words.len())].clone()));
        }
        prop_assert_eq!(holds(&node_told(&other)), expected);
    }

    /// Associative: whoever has heard of whom first, all know the same in the end.
    #[test]
    fn it_does_not_matter_who_told_whom_first(
        [a, b, c] in [0, 1, 2].map(|_| prop::sample::subsequence(words().to_vec(), 0..10)),
    ) {
        let join = |left: Vec<Word>, right: Vec<Word>| passed_on(&mut node_told(&[left, right].concat()));
        let left = join(join(a.clone(), b.clone()), c.clone());
        let right = join(a.clone(), join(b.clone(), c.clone()));
        let all = holds(&node_told(&[a, b, c].concat()));
        prop_assert_eq!(holds(&node_told(&left)), all.clone());
        prop_assert_eq!(holds(&node_told(&right)), all);
    }

    /// The promise: nothing that a tombstone voids is told, everything else is, one record for each service, the one
    /// that was issued last.
    #[test]
    fn of_each_service_the_last_word_stands_unless_it_was_voided(
        words in prop::sample::subsequence(words().to_vec(), 0..24),
    ) {
        let mut scene = node_told(&words);
        let told = scene.node.get_records(&scene.key_id, NOW).unwrap();
        let records = || words.iter().filter_map(|word| match word {
            Word::Record(record) => Some(record),
            Word::Tombstone(_) => None,
        });
        let about = |one: &Record, two: &Record| {
            let (one, two) = (&one.metadata, &two.metadata);
            (&one.issued_by, &one.peer_id, &one.service_id) == (&two.issued_by, &two.peer_id, &two.service_id)
        };
        for record in records() {
            let metadata = &record.metadata;
            let is_voided = words.iter().any(|word| matches!(word, Word::Tombstone(tombstone)
                if (&tombstone.issued_by, &tombstone.peer_id) == (&metadata.issued_by, &metadata.peer_id)
                    && tombstone.timestamp_issued >= metadata.timestamp_issued));
            let of_service: Vec<&Record> = told.iter().filter(|other| about(record, other)).collect();
            prop_assert!(of_service.len() <= 1);
            prop_assert!(!is_voided || of_service.first() != Some(&record));
            if !is_voided {
                let issued = of_service[0].metadata.timestamp_issued;
                prop_assert!(issued >= metadata.timestamp_issued, "{} before {}", issued, metadata.timestamp_issued);
            }
        }
        prop_assert!(told.iter().all(|record| records().any(|known| known == record)));
    }
}

#[test]
fn a_newer_record_that_comes_without_a_proved_weight_keeps_the_weight() {
    let mut scene = scene();
    let provider = provider();
    let first = provider.own_record(&scene.key_id, "value", NOW - 500);
    scene
        .node
        .put_weighed(&first, &weight_of(provider.id(), 5), NOW)
        .unwrap();
    let newer = provider.own_record(&scene.key_id, "value", NOW - 400);
    scene.node.republish_records(&[newer], NOW).unwrap();
    // A service that was not there before counts for the same issuer.
    put(&mut scene, "chat", "value", NOW - 400);
    for number in 0..40 {
        let newcomer = scene.record(&format!("newcomer {number}"), NOW - 40 + number);
        scene.node.put_record(&newcomer, NOW).unwrap();
    }
    let mine = |scene: &mut Scene| {
        let ids = scene.providers(NOW);
        ids.iter().filter(|id| *id == provider.id()).count()
    };
    assert_eq!(mine(&mut scene), 2);
    // What is proved changes it.
    let last = provider.own_record(&scene.key_id, "value", NOW - 300);
    let weights = [weight_of(provider.id(), 0)];
    scene.node.republish_weighed(&[last], &weights, NOW).unwrap();
    for number in 40..42 {
        let newcomer = scene.record(&format!("newcomer {number}"), NOW);
        scene.node.put_record(&newcomer, NOW).unwrap();
    }
    assert_eq!(mine(&mut scene), 0);
}

#[test]
fn a_node_tells_of_a_batch_what_stands_and_not_what_gave_way_to_another_item() {
    let mut scene = scene();
    let batch = [("old", NOW - 2), ("new", NOW - 1), ("older", NOW - 3)]
        .map(|(value, issued)| of_service(&scene.key_id, "chat", value, issued));
    assert_eq!(scene.node.republish_records(&batch, NOW).unwrap().updated, 1);
    let crowd: Vec<Record> = (0..40)
        .map(|number| scene.record(&format!("provider {number}"), NOW - 40 + number))
        .collect();
    let mut other = NativeNode::new(Peer::named("other host"));
    other.register_key(&scene.key, NOW).unwrap();
    assert_eq!(other.republish_records(&crowd, NOW).unwrap().updated, 32);
}

/// The table of WIRE.md.
#[test]
fn what_stands_is_what_the_table_of_the_wire_says() {
    use Word as W;
    let key_id = scene().key_id;
    let at = |second: u64| NOW - 100 + second;
    let record = |service: &str, second| W::Record(of_service(&key_id, service, "value", at(second)));
    let tombstone = |second| W::Tombstone(provider().tombstone(&key_id, &provider(), at(second)));
    let without_service = |second| W::Record(provider().own_record(&key_id, "value", at(second)));
    let table = [
        (vec![record("chat", 10), record("files", 11)], vec![0, 1]),
        (vec![record("chat", 10), record("chat", 12)], vec![1]),
        (vec![record("chat", 10), record("files", 11), tombstone(10)], vec![1, 2]),
        (vec![record("chat", 10), record("files", 12), tombstone(12)], vec![2]),
        (vec![tombstone(12), record("files", 13), record("chat", 12)], vec![0, 1]),
        (vec![tombstone(12), tombstone(14), without_service(14)], vec![1]),
    ];
    for (words, stand) in table {
        let expected: Vec<Word> = stand.iter().map(|at| Word::clone(&words[*at])).collect();
        let reversed: Vec<Word> = words.iter().rev().cloned().collect();
        for order in [words, reversed] {
            assert_eq!(holds(&node_told(&order)), holds(&node_told(&expected)), "{order:?}");
            assert_eq!(holds(&node_told(&order)).len(), expected.len());
        }
    }
}
