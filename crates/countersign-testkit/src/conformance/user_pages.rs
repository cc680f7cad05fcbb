//! Checks of reading a tenant's accounts page by page.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use countersign_core::TenantId;
use countersign_provision::store::{UserQuery, UserStore};
use countersign_provision::user::{User, UserState};

use super::check::{Outcome, Violation, same};
use super::samples::{create, first_sign_in, tenant, tenant_named, user, user_id};
use super::user_accounts::read;
use super::user_store::Accounts;

/// The ids of one page.
async fn page<S: UserStore>(
    store: &S,
    tenant: TenantId,
    states: &[UserState],
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, Violation> {
    let limit = NonZeroU32::new(limit);
    let query = UserQuery {
        tenant,
        states: states.iter().copied().collect::<BTreeSet<_>>(),
        after: after.map(user_id),
        limit: limit.ok_or_else(|| Violation("a page of nothing".to_owned()))?,
    };
    let page = store.users(&query).await?.into_iter();
    Ok(page.map(|found| found.user.id.to_string()).collect())
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

pub(super) async fn users_come_in_pages_by_id<S: Accounts>(store: Arc<S>) -> Outcome {
    let found = page(&*store, tenant(), &[], None, 9).await?;
    same("a page of an empty store", &found, &ids(&[]))?;
    // Byte for byte: capitals come before small letters, and what is longer after its beginning.
    for id in ["b", "a", "ab", "B", "\u{e9}"] {
        store.commit(&create(user(id))).await?;
    }
    let elsewhere = User {
        tenant: tenant_named("other"),
        ..user("aa")
    };
    store.commit(&create(elsewhere)).await?;

    let all = ["B", "a", "ab", "b", "\u{e9}"];
    for (limit, what) in [(9, "more than there are"), (5, "as many as there are")] {
        let found = page(&*store, tenant(), &[], None, limit).await?;
        same(&format!("a page of {what}"), &found, &ids(&all))?;
    }
    let found = page(&*store, tenant(), &[], None, 2).await?;
    same("the first page", &found, &ids(&["B", "a"]))?;
    let found = page(&*store, tenant(), &[], Some("a"), 2).await?;
    same("the second page", &found, &ids(&["ab", "b"]))?;
    let found = page(&*store, tenant(), &[], Some("b"), 2).await?;
    same("the last page", &found, &ids(&["\u{e9}"]))?;
    let found = page(&*store, tenant(), &[], Some("\u{e9}"), 2).await?;
    same("the page after the last", &found, &ids(&[]))?;
    // The account that the page before ended with may be gone from the filter, or be nobody's.
    let found = page(&*store, tenant(), &[], Some("aa"), 2).await?;
    same("the page after nobody", &found, &ids(&["ab", "b"]))?;
    let found = page(&*store, tenant_named("other"), &[], None, 9).await?;
    same("another tenant's page", &found, &ids(&["aa"]))
}

pub(super) async fn users_are_found_by_state<S: Accounts>(store: Arc<S>) -> Outcome {
    let states = [
        ("a", UserState::Active),
        ("b", UserState::Suspended),
        ("c", UserState::Stale),
        ("d", UserState::Active),
        ("e", UserState::Erased),
        ("f", UserState::Invited),
        ("g", UserState::Deprovisioned),
        ("h", UserState::PendingApproval),
    ];
    for (id, state) in states {
        store.commit(&create(User { state, ..user(id) })).await?;
    }
    for (id, state) in states {
        let found = page(&*store, tenant(), &[state], None, 9).await?;
        let expected: Vec<String> = states
            .iter()
            .filter(|(_, other)| *other == state)
            .map(|(id, _)| (*id).to_owned())
            .collect();
        same(&format!("the accounts like `{id}`"), &found, &expected)?;
    }
    let two = [UserState::Active, UserState::Erased];
    // Others do not count against the limit: a page that is not full would be the last.
    let found = page(&*store, tenant(), &two, None, 2).await?;
    same("the first page of two states", &found, &ids(&["a", "d"]))?;
    let found = page(&*store, tenant(), &two, Some("d"), 2).await?;
    same("the last page of two states", &found, &ids(&["e"]))
}

pub(super) async fn a_page_shows_what_an_account_holds<S: Accounts>(store: Arc<S>) -> Outcome {
    for number in [1, 2] {
        store.commit(&first_sign_in(number)).await?;
    }
    let query = UserQuery {
        tenant: tenant(),
        states: BTreeSet::new(),
        after: None,
        limit: NonZeroU32::MAX,
    };
    let expected = vec![
        read(&*store, "user-1").await?,
        read(&*store, "user-2").await?,
    ];
    same("the accounts", &store.users(&query).await?, &expected)?;
    let held = expected
        .iter()
        .all(|found| found.grants.len() == 1 && found.subjects.len() == 1);
    same("whether each has its grant and its subject", &held, &true)
}
