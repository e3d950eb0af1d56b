use aqua_dht::domain::limits::{ANSWERS_MAX, BATCH_MAX};
use aqua_dht::domain::merge;
use proptest::prelude::*;

use super::*;

fn some_record() -> impl Strategy<Value = DhtRecord> {
    (0..4u8, 0..3u8, 0..4u64, 0..3u32, "[ab]").prop_map(|(peer, setter, created, weight, value)| DhtRecord {
        value,
        peer_id: format!("peer {peer}"),
        set_by: format!("setter {setter}"),
        relay_id: Vec::new(),
        service_id: Vec::new(),
        timestamp_created: created,
        weight,
    })
}

fn some_answers() -> impl Strategy<Value = Vec<Vec<DhtRecord>>> {
    prop::collection::vec(prop::collection::vec(some_record(), 0..12), 0..6)
}

proptest! {
    #[test]
    fn a_merge_does_not_depend_on_the_order_or_number_of_answers(answers in some_answers()) {
        let whole = merge(answers.clone()).unwrap();
        let mut reversed = answers.clone();
        reversed.reverse();
        prop_assert_eq!(&merge(reversed).unwrap(), &whole);
        prop_assert_eq!(&merge(vec![whole.clone(), whole.clone()]).unwrap(), &whole);
        let (left, right) = answers.split_at(answers.len() / 2);
        let halves = vec![merge(left.to_vec()).unwrap(), merge(right.to_vec()).unwrap()];
        prop_assert_eq!(&merge(halves).unwrap(), &whole);
    }

    #[test]
    fn a_merge_has_of_each_peer_and_setter_one_value_which_nothing_given_is_later_than(answers in some_answers()) {
        let merged = merge(answers.clone()).unwrap();
        for given in answers.iter().flatten() {
            let same: Vec<_> = merged.iter().filter(|held| held.identity() == given.identity()).collect();
            prop_assert_eq!(same.len(), 1);
            prop_assert!(same[0].timestamp_created >= given.timestamp_created);
            prop_assert!(answers.iter().flatten().any(|record| record == same[0]));
        }
        prop_assert!(merged.windows(2).all(|pair| pair[0].weight >= pair[1].weight));
    }
}

#[test]
fn a_merge_is_bounded() {
    let peer = Peer::named("peer");
    let many = merge(vec![Vec::new(); ANSWERS_MAX + 1]).unwrap_err();
    assert!(many.to_string().contains("65 answers"), "{many}");
    let long = merge(vec![vec![record(&peer, "value", 0, NOW); BATCH_MAX + 1]]).unwrap_err();
    assert!(long.to_string().contains("277 values"), "{long}");
}
