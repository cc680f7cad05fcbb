//! The port to where the ledger lives.

use std::future::Future;

use countersign_audit::store::LedgerStore;

use super::check::run_checks;
use super::report::Report;

/// Checks the contract of [`LedgerStore`]; `make` gives an empty store.
pub async fn ledger_store<S, M, F>(make: M) -> Report
where
    S: LedgerStore + 'static,
    M: Fn() -> F,
    F: Future<Output = S>,
{
    run_checks!(make:
        ledger_entries {
            an_empty_ledger_is_empty,
            entries_come_back_byte_for_byte,
            the_outbox_keeps_its_order,
            an_entry_is_enqueued_once,
            entries_at_once_are_all_kept,
        }
        ledger_tree {
            entries_are_found_by_index_leaf_and_id,
            entries_come_back_in_the_order_asked,
            a_range_ends_with_the_tree,
            only_the_first_of_the_outbox_become_leaves,
            integrating_compares_the_size,
            of_two_integrations_at_once_one_conflicts,
            nodes_come_back_in_the_order_asked,
            nodes_never_change,
            a_checkpoint_compares_and_sets,
            a_note_compares_and_sets,
            of_two_checkpoints_at_once_one_conflicts,
        }
        ledger_anchors {
            anchors_come_back_byte_for_byte,
            anchors_are_found_by_what_they_cover,
            an_anchor_compares_and_sets,
            of_two_anchors_at_once_one_conflicts,
            a_rotation_compares_and_sets,
        }
    )
}
