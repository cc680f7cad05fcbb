//! The port to the host's users.

use std::future::Future;

use countersign_audit::store::LedgerStore;
use countersign_provision::store::UserStore;
use countersign_saml::replay::ReplayStore;

use super::check::run_checks;
use super::report::Report;

/// What the checks of this port need: the outbox that a change writes to is read through the
/// port to the ledger, and what a change has seen is not seen through the port of replays.
pub(super) trait Accounts: UserStore + LedgerStore + ReplayStore + 'static {}

impl<S: UserStore + LedgerStore + ReplayStore + 'static> Accounts for S {}

/// Checks the contract of [`UserStore`]; `make` gives an empty store.
///
/// The store implements [`LedgerStore`] and [`ReplayStore`] too, over the same transactions: the
/// entries of a change are looked for in its outbox, and a key that one of the two ways has
/// remembered must not be new to the other.
pub async fn user_store<S, M, F>(make: M) -> Report
where
    S: UserStore + LedgerStore + ReplayStore + 'static,
    M: Fn() -> F,
    F: Future<Output = S>,
{
    run_checks!(make:
        user_accounts {
            an_empty_store_knows_nobody,
            an_account_comes_back_as_it_was_given,
            a_snapshot_shows_link_user_and_email,
            an_account_shows_its_subjects,
            a_user_id_is_taken_once,
            an_update_needs_the_version_that_was_read,
            of_two_updates_at_once_one_conflicts,
            an_expected_version_holds_or_conflicts,
            a_subject_is_linked_once,
            one_subject_at_once_makes_one_user,
            a_link_is_taken_away_before_one_is_added,
            identifiers_are_as_long_as_they_may_be,
        }
        user_grants {
            a_grant_comes_back_as_it_was_given,
            a_grant_is_replaced_and_removed_by_its_id,
            a_grant_stays_with_its_account,
            touching_grants_moves_the_version_on,
            a_session_opens_once_and_closes_once,
            open_sessions_are_found_by_user_and_by_index,
            links_grants_and_sessions_need_their_account,
        }
        user_consents {
            a_consent_comes_back_as_it_was_given,
            a_consent_is_given_once,
            a_consent_is_withdrawn_once,
            touching_consents_moves_the_version_on,
        }
        user_limits {
            the_seat_cap_holds_at_the_edge,
            seats_taken_at_once_stop_at_the_cap,
            an_email_is_unique_where_the_policy_says_so,
            an_email_taken_at_once_is_taken_by_one,
            a_connection_that_changed_conflicts,
            a_policy_entry_takes_the_place_of_the_one_expected,
            tenants_never_cross,
        }
        user_pages {
            users_come_in_pages_by_id,
            users_are_found_by_state,
            a_page_shows_what_an_account_holds,
        }
        user_one_time {
            a_one_time_entry_is_spent_once,
            spent_at_once_is_spent_by_one,
            a_key_is_seen_once_by_a_change,
            a_key_is_seen_by_changes_and_by_calls,
            seen_at_once_is_seen_by_one,
            a_failing_change_leaves_its_key,
            a_change_remembers_its_key_until_it_expires,
        }
        user_holders {
            a_snapshot_shows_who_holds_a_role,
            the_last_holder_of_a_role_stays,
            of_removals_at_once_one_holder_is_left,
        }
        user_record {
            entries_reach_the_outbox_in_order,
            an_entry_is_recorded_once,
            a_failing_change_leaves_nothing,
            changes_at_once_keep_all_their_entries,
            a_read_is_of_one_moment,
        }
    )
}
