//! The rules, each as a function that fails where a module breaks it. All run on every module: what is signed comes from
//! the node's own functions, weights are proved, and only behaviour counts.

mod admission;
mod expiry;
mod genuine;
pub mod hostile;
mod hosting;
mod input;
mod merging;
mod proofs;
mod replication;
mod restart;
mod signing;
mod timeouts;
mod tombstones;

use crate::Check;

/// Hands every check to the macro `$with`, as `module: rule => function;`.
#[macro_export]
macro_rules! every_check {
    ($with:ident) => {
        $with! {
            signing: "R1" => a_providers_signature_signs_no_other_record;
            signing: "R1" => a_providers_signature_covers_the_time_of_creation;
            restart: "R2" => rows_survive_a_restart;
            restart: "R2" => timeouts_survive_a_restart;
            timeouts: "R3" => a_stranger_cannot_have_records_deleted_by_a_timeout;
            timeouts: "R3" => a_stranger_cannot_have_keys_handed_over_by_a_timeout;
            timeouts: "R3" => the_node_and_the_creator_may_set_timeouts;
            timeouts: "R3" => a_timeout_out_of_range_is_refused;
            admission: "R4" => the_33rd_record_replaces_the_oldest;
            admission: "R4" => replacing_ones_own_record_removes_nobody;
            admission: "R5" => republishing_keeps_to_the_limit;
            admission: "R5" => the_rest_of_a_batch_comes_in_beside_a_forgery;
            admission: "R5" => the_rest_of_a_batch_comes_in_beside_an_older_record;
            tombstones: "R6" => tombstones_are_handed_over_with_their_key;
            tombstones: "R6" => tombstones_are_cleared_when_their_time_is_over;
            tombstones: "R6" => tombstones_outlive_every_copy_of_what_they_delete;
            merging: "R7" => merge_drops_forged_records;
            merging: "R7" => merge_drops_a_record_with_a_changed_value;
            merging: "R7" => merge_keys_drops_a_forged_key_of_the_future;
            hosting: "R8" => a_client_registers_a_node_as_provider;
            hosting: "R8" => neighbours_take_a_host_record_on_proof_only;
            hosting: "R8" => the_nodes_renewal_signs_a_host_record;
            proofs: "R9" => a_node_without_trust_graph_works;
            signing: "R10" => a_record_is_never_signed_like_a_tombstone;
            expiry: "R11" => small_timestamps_do_not_wrap;
            restart: "R12" => nothing_is_written_to_tmp;
            signing: "signatures" => peers_of_every_kind_of_key_can_register_and_provide;
            signing: "signatures" => a_signature_over_something_else_is_refused_for_every_kind_of_key;
            proofs: "weights" => a_weight_without_proof_is_refused;
            proofs: "weights" => a_weight_of_another_peer_is_refused;
            proofs: "weights" => the_lowest_weight_goes_first;
            proofs: "time" => a_time_without_proof_is_refused;
            expiry: "time" => a_timestamp_is_at_most_30_s_ahead;
            expiry: "expiry" => expired_records_are_not_read;
            expiry: "expiry" => expired_records_are_refused;
            expiry: "expiry" => clear_expired_removes_what_has_expired_and_no_more;
            expiry: "expiry" => nothing_is_kept_alive_by_being_passed_around;
            expiry: "expiry" => a_host_record_survives_on_its_own_host;
            tombstones: "tombstones" => a_tombstone_removes_the_record;
            tombstones: "tombstones" => a_tombstone_wins_at_equal_timestamps;
            tombstones: "tombstones" => a_deleted_record_does_not_come_back;
            tombstones: "tombstones" => a_later_record_beats_a_tombstone;
            tombstones: "tombstones" => a_forged_tombstone_is_refused;
            tombstones: "services" => a_provider_has_a_record_for_each_of_its_services;
            hosting: "removal" => a_host_record_that_was_removed_does_not_come_back;
            replication: "replication" => the_nodes_own_call_leases_what_it_returns;
            replication: "replication" => a_copy_stays_when_it_was_handed_out;
            replication: "replication" => anybody_elses_call_only_reads;
            merging: "merge" => merging_does_not_depend_on_the_order;
            merging: "merge" => the_latest_record_and_key_win;
            merging: "merge" => packed_records_merge_like_plain_ones;
            input: "input" => bad_input_never_traps;
            input: "input" => a_refused_call_changes_nothing_and_says_why;
            input: "input" => an_oversized_signature_is_refused_in_a_few_words;
            input: "input" => huge_lists_are_refused;
            input: "input" => records_of_several_keys_in_one_batch_are_refused;
            input: "input" => more_than_one_relay_service_or_owner_is_refused;
            input: "input" => what_is_too_long_is_refused_with_its_limit;
            input: "input" => an_empty_batch_is_refused;
            input: "input" => a_key_id_that_is_not_its_labels_and_owners_is_refused;
            input: "input" => quotes_and_nul_are_kept_as_they_are;
            input: "input" => an_unknown_key_is_named_in_the_error;
            input: "stats" => get_stats_counts_what_is_stored;
        }
    };
}

macro_rules! list {
    ($($module:ident: $rule:literal => $name:ident;)*) => {
        /// Every check, the known defects of 0.9.4 first.
        pub fn all() -> Vec<Check> {
            vec![$(Check { rule: $rule, name: stringify!($name), run: $module::$name },)*]
        }
    };
}

every_check!(list);

/// The check of this name.
pub fn named(name: &str) -> Option<Check> {
    all().into_iter().find(|check| check.name == name)
}
