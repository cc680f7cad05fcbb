//! What can be wrong with a store of users, each with the check that catches it.

use super::defects;

defects! {
    /// What is wrong with a [`BrokenUserStore`](crate::broken::BrokenUserStore).
    UserDefect {
        /// It takes a connection that it does not know for a disabled one.
        DisablesUnknownConnections: "an_empty_store_knows_nobody",
        /// It acknowledges a change and writes nothing.
        AcknowledgesWithoutWriting: "an_account_comes_back_as_it_was_given",
        /// It takes white space away from names.
        TrimsNames: "an_account_comes_back_as_it_was_given",
        /// It keeps the version that a created account came with.
        LetsTheCallerSetTheVersion: "an_account_comes_back_as_it_was_given",
        /// It does not keep legal holds.
        ForgetsLegalHolds: "an_account_comes_back_as_it_was_given",
        /// It does not show accounts that are not active.
        HidesInactiveAccounts: "a_snapshot_shows_link_user_and_email",
        /// It shows the first subject of an account only.
        ShowsOneSubject: "an_account_shows_its_subjects",
        /// It keeps the first document type of a consent's scope.
        ForgetsTheScope: "a_consent_comes_back_as_it_was_given",
        /// It acknowledges a consent whose id is taken.
        AcknowledgesASecondConsent: "a_consent_is_given_once",
        /// It keeps a consent that was withdrawn.
        KeepsWithdrawnConsents: "a_consent_is_withdrawn_once",
        /// It acknowledges that a consent is withdrawn that is not there.
        AcknowledgesASecondWithdrawal: "a_consent_is_withdrawn_once",
        /// It does not move the version of an account on whose consent it writes.
        LeavesTheVersionOfWhoConsents: "touching_consents_moves_the_version_on",
        /// It replaces an account whose id is taken.
        OverwritesAccounts: "a_user_id_is_taken_once",
        /// It does not compare versions.
        IgnoresVersions: "an_update_needs_the_version_that_was_read",
        /// It compares the version, and writes in a second step.
        LooksBeforeItUpdates: "of_two_updates_at_once_one_conflicts",
        /// It does not compare a version that is only expected.
        IgnoresExpectations: "an_expected_version_holds_or_conflicts",
        /// It moves on a version that is only expected.
        WritesWhatIsExpected: "an_expected_version_holds_or_conflicts",
        /// It links a subject to its last account.
        LinksAnew: "a_subject_is_linked_once",
        /// It looks whether a subject is linked, and links it in a second step.
        LooksBeforeItLinks: "one_subject_at_once_makes_one_user",
        /// It never takes a link away.
        KeepsLinks: "a_link_is_taken_away_before_one_is_added",
        /// It does not show grants that ended before they began.
        HidesExpiredGrants: "a_grant_comes_back_as_it_was_given",
        /// It does not replace a grant.
        KeepsTheOlderGrant: "a_grant_is_replaced_and_removed_by_its_id",
        /// It lets a grant go over to another account.
        MovesGrants: "a_grant_stays_with_its_account",
        /// It takes grants away without moving the account's version on.
        LeavesTheVersionToGrants: "touching_grants_moves_the_version_on",
        /// It does not keep what a grant is limited to.
        ForgetsScopes: "a_grant_comes_back_as_it_was_given",
        /// It takes a renewal for the first giving.
        MovesTheFirstGiving: "a_grant_comes_back_as_it_was_given",
        /// It does not keep how a person authenticated.
        ForgetsHowSomebodyCameIn: "a_session_opens_once_and_closes_once",
        /// It closes a session again.
        ClosesSessionsAgain: "a_session_opens_once_and_closes_once",
        /// It finds sessions that were closed, too.
        FindsClosedSessions: "open_sessions_are_found_by_user_and_by_index",
        /// It finds the sessions of a user through every connection.
        FindsSessionsOfAnyConnection: "open_sessions_are_found_by_user_and_by_index",
        /// It drops what belongs to an account that is not there.
        DropsOrphans: "links_grants_and_sessions_need_their_account",
        /// It allows one seat more than there are.
        MiscountsSeats: "the_seat_cap_holds_at_the_edge",
        /// It counts the seats, and takes one in a second step.
        LooksBeforeItSeats: "seats_taken_at_once_stop_at_the_cap",
        /// It does not compare e-mail addresses.
        IgnoresUniqueEmails: "an_email_is_unique_where_the_policy_says_so",
        /// It looks for the e-mail address, and takes it in a second step.
        LooksBeforeItTakesAnEmail: "an_email_taken_at_once_is_taken_by_one",
        /// It does not look at the connection again.
        IgnoresConnections: "a_connection_that_changed_conflicts",
        /// It writes over whatever policy entry is there.
        OverwritesPolicyEntries: "a_policy_entry_takes_the_place_of_the_one_expected",
        /// It finds accounts of any tenant by their id.
        FindsAccountsOfAnyTenant: "tenants_never_cross",
        /// It takes the accounts of another tenant for its own.
        AdoptsAccountsOfOtherTenants: "tenants_never_cross",
        /// Its index has no room for keys that are long.
        RefusesLongKeys: "identifiers_are_as_long_as_they_may_be",
        /// It adds a link in whatever tenant the link names.
        LinksInOtherTenants: "tenants_never_cross",
        /// It removes a link in whatever tenant the link names.
        UnlinksInOtherTenants: "tenants_never_cross",
        /// It opens a session in whatever tenant the session names.
        OpensSessionsInOtherTenants: "tenants_never_cross",
        /// It erases in whatever tenant the owner names.
        ErasesInOtherTenants: "tenants_never_cross",
        /// It shows the last account of a page on the next page again.
        RepeatsTheLastOfAPage: "users_come_in_pages_by_id",
        /// It gives as many accounts as there are.
        IgnoresLimits: "users_come_in_pages_by_id",
        /// It gives accounts of any state.
        IgnoresStates: "users_are_found_by_state",
        /// It takes a page, and leaves out what is of another state.
        FiltersAfterItLimits: "users_are_found_by_state",
        /// It shows accounts in a page without their grants.
        ListsWithoutGrants: "a_page_shows_what_an_account_holds",
        /// It lets a one-time entry be used again.
        SpendsAgain: "a_one_time_entry_is_spent_once",
        /// It lets each tenant use a one-time entry once.
        SpendsByTenant: "a_one_time_entry_is_spent_once",
        /// It looks whether an entry is spent, and spends it in a second step.
        LooksBeforeItSpends: "spent_at_once_is_spent_by_one",
        /// It does not remember what a change has shown.
        ForgetsKeys: "a_key_is_seen_once_by_a_change",
        /// It lets each tenant see a key once.
        SeesByTenant: "a_key_is_seen_once_by_a_change",
        /// It does not tell that a key was seen before a commit meets it.
        HidesKeys: "a_key_is_seen_once_by_a_change",
        /// It remembers what changes have shown apart from what calls have.
        RemembersChangesApart: "a_key_is_seen_by_changes_and_by_calls",
        /// It looks whether a key was seen, and remembers it in a second step.
        LooksBeforeItRemembers: "seen_at_once_is_seen_by_one",
        /// It remembers before it knows whether the change holds.
        RemembersBeforehand: "a_failing_change_leaves_its_key",
        /// It forgets a key at the instant that it expires, when it is still accepted.
        ForgetsAnInstantTooSoon: "a_change_remembers_its_key_until_it_expires",
        /// It spends before it knows whether the change holds.
        SpendsBeforehand: "a_failing_change_leaves_nothing",
        /// It counts expired grants of a role.
        ShowsFormerHolders: "a_snapshot_shows_who_holds_a_role",
        /// It does not look whether a role loses its last holder.
        LosesLastHolders: "the_last_holder_of_a_role_stays",
        /// It counts on holders whose grant has expired.
        CountsOnFormerHolders: "the_last_holder_of_a_role_stays",
        /// It looks who holds a role, and takes it away in a second step.
        LooksBeforeItTakesARole: "of_removals_at_once_one_holder_is_left",
        /// It does not record.
        ForgetsEntries: "entries_reach_the_outbox_in_order",
        /// It records the last entry of a change first.
        ReversesEntries: "entries_reach_the_outbox_in_order",
        /// It takes an entry that is there already for one that need not be written.
        SkipsKnownEntries: "an_entry_is_recorded_once",
        /// It records before it knows whether the change holds.
        RecordsBeforehand: "a_failing_change_leaves_nothing",
        /// It writes the accounts, and everything else in a second step.
        CommitsInTwoSteps: "a_failing_change_leaves_nothing",
        /// It does not record while it is busy.
        LosesEntriesInARush: "changes_at_once_keep_all_their_entries",
        /// It reads an account, and its grants in a second step.
        ReadsInTwoSteps: "a_read_is_of_one_moment",
    }
}
