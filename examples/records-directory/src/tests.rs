use super::*;

fn record(issuer: &str, value: &str) -> Record {
    Record {
        key_id: "a resource".to_owned(),
        value: value.to_owned(),
        peer_id: issuer.to_owned(),
        set_by: issuer.to_owned(),
        relay_id: Vec::new(),
        service_id: Vec::new(),
        timestamp_created: 1_700_000_000,
        solution: Vec::new(),
        signature: Vec::new(),
    }
}

fn many(count: usize) -> Vec<Record> {
    (0..count)
        .map(|number| record(&format!("peer {number}"), "v"))
        .collect()
}

#[track_caller]
fn assert_refused(records: &[Record], record: Record, caller: &str, part: &str) {
    let error = with(records, record, caller).expect_err("a refusal");
    assert!(error.contains(part), "{error}");
}

#[test]
fn nobody_but_its_issuer_lists_a_record() {
    let listed = with(&[], record("alice", "hers"), "alice").unwrap();
    assert_eq!(listed, [record("alice", "hers")]);
    assert_refused(&listed, record("alice", "forged"), "mallory", "only mallory itself");
    let of_a_node = Record {
        peer_id: "a node".to_owned(),
        ..record("alice", "for a node")
    };
    assert_eq!(
        with(&listed, of_a_node, "alice").unwrap().len(),
        2,
        "an issuer lists others, too"
    );
}

#[test]
fn what_an_issuer_says_again_of_a_provider_stands_in_place_of_the_first() {
    let mut listed = many(3);
    listed = with(&listed, record("peer 1", "again"), "peer 1").unwrap();
    let values: Vec<&str> = listed.iter().map(|record| record.value.as_str()).collect();
    assert_eq!(values, ["v", "v", "again"]);
    let elsewhere = Record {
        key_id: "another resource".to_owned(),
        ..record("peer 1", "elsewhere")
    };
    assert_eq!(with(&listed, elsewhere, "peer 1").unwrap().len(), 4);
}

#[test]
fn a_record_has_at_most_8_192_bytes_in_all_its_texts() {
    let texts = |len: usize| Record {
        relay_id: vec!["r".repeat(100)],
        service_id: vec!["s".repeat(100)],
        solution: vec![1; 100],
        signature: vec![2; 100],
        ..record("alice", &"v".repeat(len - 400 - "a resource".len() - 2 * "alice".len()))
    };
    assert_eq!(length(&texts(RECORD_LEN_MAX)), 8_192);
    assert_eq!(with(&[], texts(RECORD_LEN_MAX), "alice").unwrap().len(), 1);
    assert_refused(
        &[],
        texts(RECORD_LEN_MAX + 1),
        "alice",
        "8193 bytes, at most 8192 are listed: shorten its value",
    );
}

#[test]
fn at_most_10_000_records_are_listed_and_each_of_them_can_be_renewed() {
    let full = many(RECORDS_MAX);
    assert_refused(
        &full,
        record("late", "v"),
        "late",
        "10000 records are listed here already",
    );
    let renewed = with(&full, record("peer 7", "again"), "peer 7").unwrap();
    assert_eq!(renewed.len(), 10_000);
    assert_eq!(renewed[9_999], record("peer 7", "again"));
    assert_eq!(with(&full[1..], record("late", "v"), "late").unwrap().len(), 10_000);
}

#[test]
fn pages_have_250_records_of_the_resource_and_the_last_asked_for_says_how_many_are_left() {
    let mut listed = many(600);
    for number in 0..600 {
        let elsewhere = Record {
            key_id: "another resource".to_owned(),
            ..record(&format!("other {number}"), "v")
        };
        listed.insert(2 * number, elsewhere);
    }
    let page = |page: i64, pages: i64| page_of(&listed, "a resource", page, pages);
    let lengths = |pages: i64| {
        (0..pages)
            .map(|number| page(number, pages).records.len())
            .collect::<Vec<_>>()
    };
    let left = |pages: i64| {
        (0..pages)
            .map(|number| page(number, pages).left_out)
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(4), [250, 250, 100, 0]);
    assert_eq!(left(4), [[""; 0]; 4]);
    assert_eq!(left(3), [[""; 0]; 3], "all were asked for, to the last");
    assert_eq!(lengths(2), [250, 250]);
    assert_eq!(left(2)[0], [""; 0]);
    assert_eq!(left(2)[1], ["100 more are listed than are asked for"]);
    let all: Vec<Record> = (0..3).flat_map(|number| page(number, 3).records).collect();
    assert_eq!(all, many(600));
}

#[test]
fn pages_that_there_cannot_be_are_empty() {
    for (page, pages) in [
        (-1, 2),
        (i64::MIN, 0),
        (i64::MAX, i64::MAX),
        (i64::MAX, i64::MIN),
        (7, 3),
    ] {
        let DirectoryPage { records, left_out } = page_of(&many(3), "a resource", page, pages);
        assert_eq!((records.len(), left_out.len()), (0, 0), "page {page} of {pages}");
    }
    assert_eq!(page_of(&many(3), "an unknown resource", 0, 1).records, []);
}
