//! The checks can fail: on registry-distro 0.9.4 they show what it is known to get wrong.

use registry_checks::{rules, Failure, Subject};

/// Checks of the numbered defects that 0.9.4 passes all the same: R5 shows in the others, R6 in what is cleared (that
/// tombstones do not reach the neighbours there is the fault of its scripts), R3 in what strangers may do.
const KEPT_BY_REFERENCE: [&str; 4] = [
    "the_node_and_the_creator_may_set_timeouts",
    "the_rest_of_a_batch_comes_in_beside_an_older_record",
    "tombstones_are_handed_over_with_their_key",
    "tombstones_outlive_every_copy_of_what_they_delete",
];

#[test]
fn every_numbered_defect_shows_in_the_reference() {
    let mut shown: Vec<&str> = Vec::new();
    for check in rules::all().into_iter().filter(|check| is_numbered(check.rule)) {
        match check.on(Subject::Reference) {
            Ok(()) => assert!(KEPT_BY_REFERENCE.contains(&check.name), "0.9.4 passes {}", check.name),
            Err(failure) => {
                assert!(
                    !KEPT_BY_REFERENCE.contains(&check.name),
                    "0.9.4 fails {}: {failure}",
                    check.name
                );
                // Node providers are what 0.9.4 has no function for.
                let missing = matches!(failure, Failure::NoSuchFunction(_));
                assert_eq!(missing, check.rule == "R8", "{}: {failure}", check.name);
                shown.push(check.rule);
            }
        }
    }
    shown.dedup();
    let all = [
        "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12",
    ];
    assert_eq!(shown, all);
}

/// A check that fails on both modules alike would say nothing about either.
#[test]
fn the_reference_keeps_what_it_is_known_to_keep() {
    let kept = [
        "a_weight_without_proof_is_refused",
        "a_weight_of_another_peer_is_refused",
        "a_time_without_proof_is_refused",
        "expired_records_are_not_read",
        "a_tombstone_removes_the_record",
        "a_later_record_beats_a_tombstone",
        "a_forged_tombstone_is_refused",
        "the_latest_record_and_key_win",
    ];
    for name in kept {
        let check = rules::named(name).expect("the list has it");
        check
            .on(Subject::Reference)
            .unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}

fn is_numbered(rule: &str) -> bool {
    rule.strip_prefix('R')
        .is_some_and(|number| number.parse::<u32>().is_ok())
}
