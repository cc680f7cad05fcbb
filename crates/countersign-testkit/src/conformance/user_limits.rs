//! Checks of what a commit has to look at beyond the accounts that it writes: seats, e-mail
//! addresses, connections, tenants.

use std::sync::Arc;

use countersign_core::{StoreError, TenantId, VaultOwner};
use countersign_provision::store::{Change, ConnectionState, PolicyEntry, UserStore, UserWrite};
use countersign_provision::user::{User, UserState};

use super::at_once::at_once;
use super::check::{Outcome, conflicts, exactly, refuses, same};
use super::ledger_entries::pending;
use super::samples::{
    change, connection, create, email, entry, first_sign_in, grant, grant_id, link, query, session,
    session_id, subject, subject_of, tenant, tenant_named, update, user, user_id, user_with_email,
};
use super::user_accounts::read;
use super::user_store::Accounts;

fn capped(cap: u64, mut change: Change) -> Change {
    change.seat_cap = Some(cap);
    change
}

fn deprovisioned(id: &str) -> User {
    User {
        state: UserState::Deprovisioned,
        ..user(id)
    }
}

async fn seats<S: UserStore>(store: &S, tenant: TenantId) -> Result<u64, StoreError> {
    let query = query(subject_of(tenant, "anybody"));
    Ok(store.snapshot(&query).await?.seats_taken)
}

pub(super) async fn the_seat_cap_holds_at_the_edge<S: Accounts>(store: Arc<S>) -> Outcome {
    let mut other = user("other");
    other.tenant = tenant_named("other");
    store.commit(&create(other)).await?;
    store
        .commit(&capped(2, create(deprovisioned("former"))))
        .await?;
    store.commit(&capped(2, create(user("a")))).await?;
    let mut two = create(user("b"));
    two.users.push(UserWrite::Create(user("c")));
    conflicts(
        "two accounts for one seat",
        store.commit(&capped(2, two)).await,
    )?;
    store.commit(&capped(2, create(user("b")))).await?;
    let invited = User {
        state: UserState::Invited,
        ..user("c")
    };
    conflicts(
        "a third account of two",
        store.commit(&capped(2, create(invited))).await,
    )?;
    conflicts(
        "an account of none",
        store.commit(&capped(0, create(user("c")))).await,
    )?;
    same("the seats taken", &seats(&*store, tenant()).await?, &2)?;
    // What takes no seat, or creates nobody, has its place under any cap.
    store
        .commit(&capped(0, create(deprovisioned("former too"))))
        .await?;
    store.commit(&capped(0, update(user("a"), 1))).await?;
    // A seat that is given up in the same change is free for it.
    let mut swap = update(deprovisioned("a"), 2);
    swap.users.push(UserWrite::Create(user("c")));
    store.commit(&capped(2, swap)).await?;
    same("the seats taken", &seats(&*store, tenant()).await?, &2)?;
    conflicts(
        "an account that comes back to a full house",
        store.commit(&capped(2, update(user("a"), 3))).await,
    )?;
    // Without a cap there is none.
    store.commit(&create(user("d"))).await?;
    store.commit(&update(user("a"), 3)).await?;
    same("the seats taken", &seats(&*store, tenant()).await?, &4)?;
    same(
        "another tenant's",
        &seats(&*store, tenant_named("other")).await?,
        &1,
    )
}

pub(super) async fn seats_taken_at_once_stop_at_the_cap<S: Accounts>(store: Arc<S>) -> Outcome {
    let results = at_once(&store, 32, |store, number| async move {
        store.commit(&capped(5, first_sign_in(number))).await
    })
    .await?;
    exactly("32 first sign-ins for 5 seats", 5, results)?;
    same("the seats taken", &seats(&*store, tenant()).await?, &5)
}

fn unique(mut change: Change) -> Change {
    change.unique_email = true;
    change
}

pub(super) async fn an_email_is_unique_where_the_policy_says_so<S: Accounts>(
    store: Arc<S>,
) -> Outcome {
    store
        .commit(&unique(create(user_with_email("a", "x"))))
        .await?;
    let second = create(user_with_email("b", "x"));
    conflicts(
        "a second account with the address",
        store.commit(&unique(second.clone())).await,
    )?;
    let mut two = create(user_with_email("c", "y"));
    two.users.push(UserWrite::Create(user_with_email("d", "y")));
    conflicts(
        "two accounts that share one",
        store.commit(&unique(two)).await,
    )?;
    store.commit(&unique(create(user("b")))).await?;
    store.commit(&unique(create(user("c")))).await?;
    let taken = update(user_with_email("b", "x"), 1);
    conflicts(
        "an update to a taken address",
        store.commit(&unique(taken)).await,
    )?;
    // One's own address, addresses that differ, another tenant's, and one that is given up in
    // the same change are free.
    store
        .commit(&unique(update(user_with_email("a", "x"), 1)))
        .await?;
    store
        .commit(&unique(update(user_with_email("b", "xx"), 1)))
        .await?;
    let mut other = user_with_email("other", "x");
    other.tenant = tenant_named("other");
    store.commit(&unique(create(other))).await?;
    let mut handed_on = update(user_with_email("a", "z"), 2);
    handed_on
        .users
        .push(UserWrite::Create(user_with_email("e", "x")));
    store.commit(&unique(handed_on)).await?;
    // A deprovisioned account has no claim to its address.
    let mut former = user_with_email("e", "x");
    former.state = UserState::Deprovisioned;
    store.commit(&unique(update(former, 1))).await?;
    store
        .commit(&unique(create(user_with_email("f", "x"))))
        .await?;
    // Where the policy does not say so, nothing is unique.
    store.commit(&create(user_with_email("g", "x"))).await?;
    let mut query = query(subject("anybody"));
    query.email = Some(email("x"));
    let sharing = store.snapshot(&query).await?.by_email.len();
    same("the accounts with the address", &sharing, &3)
}

pub(super) async fn an_email_taken_at_once_is_taken_by_one<S: Accounts>(store: Arc<S>) -> Outcome {
    let results = at_once(&store, 32, |store, number| async move {
        let mut sign_in = first_sign_in(number);
        for write in &mut sign_in.users {
            if let UserWrite::Create(user) = write {
                user.email = Some(email("shared"));
            }
        }
        store.commit(&unique(sign_in)).await
    })
    .await?;
    exactly("32 accounts with one address", 1, results)
}

pub(super) async fn a_connection_that_changed_conflicts<S: Accounts>(store: Arc<S>) -> Outcome {
    let through = |epoch, number| {
        let mut sign_in = first_sign_in(number);
        sign_in.connection = Some((connection(), epoch));
        sign_in
    };
    let set = async |enabled| {
        store
            .set_connection(&tenant(), &connection(), enabled)
            .await
    };
    let state = |enabled, epoch| ConnectionState { enabled, epoch };
    store.commit(&through(0, 1)).await?;
    conflicts(
        "an epoch that is yet to come",
        store.commit(&through(1, 2)).await,
    )?;
    same(
        "the connection, disabled",
        &set(false).await?,
        &state(false, 1),
    )?;
    for epoch in [0, 1] {
        let what = format!("a disabled connection at epoch {epoch}");
        conflicts(&what, store.commit(&through(epoch, 2)).await)?;
    }
    let snapshot = store.snapshot(&query(subject("anybody"))).await?;
    same(
        "the connection in a snapshot",
        &snapshot.connection,
        &state(false, 1),
    )?;
    same(
        "the connection, enabled",
        &set(true).await?,
        &state(true, 2),
    )?;
    same(
        "the connection, changed",
        &set(true).await?,
        &state(true, 3),
    )?;
    conflicts("the epoch before", store.commit(&through(2, 2)).await)?;
    store.commit(&through(3, 2)).await?;
    same("the outbox", &pending(&*store).await?, &vec![1, 2])?;
    // Another tenant has a connection of the same name.
    let snapshot = store
        .snapshot(&query(subject_of(tenant_named("other"), "anybody")))
        .await?;
    same(
        "another tenant's connection",
        &snapshot.connection,
        &state(true, 0),
    )
}

pub(super) async fn a_policy_entry_takes_the_place_of_the_one_expected<S: Accounts>(
    store: Arc<S>,
) -> Outcome {
    let moved = |expected: Option<usize>, number: usize| {
        let mut change = change();
        change.policy = Some(PolicyEntry {
            expected: expected.map(|number| entry(number).leaf()),
            entry: entry(number).leaf(),
        });
        change.entries.push(entry(number));
        change
    };
    let is = async |expected: Option<usize>| -> Outcome {
        let found = store.policy_entry(&tenant()).await?;
        let expected = expected.map(|number| entry(number).leaf());
        same("the policy's entry", &found, &expected)
    };
    is(None).await?;
    let unknown = moved(Some(1), 2);
    conflicts(
        "an entry that was never there",
        store.commit(&unknown).await,
    )?;
    store.commit(&moved(None, 1)).await?;
    is(Some(1)).await?;
    conflicts("a second first entry", store.commit(&moved(None, 2)).await)?;
    store.commit(&moved(Some(1), 2)).await?;
    conflicts(
        "an entry before the last",
        store.commit(&moved(Some(1), 3)).await,
    )?;
    let mut failing = moved(Some(2), 3);
    failing.users = update(user("nobody"), 1).users;
    conflicts("an update of nobody", store.commit(&failing).await)?;
    store.commit(&change()).await?;
    is(Some(2)).await?;
    same("the outbox", &pending(&*store).await?, &vec![1, 2])?;
    let elsewhere = store.policy_entry(&tenant_named("other")).await?;
    same("another tenant's", &elsewhere, &None)
}

pub(super) async fn tenants_never_cross<S: Accounts>(store: Arc<S>) -> Outcome {
    let other = || tenant_named("other");
    let mut first = create(user_with_email("user-1", "shared"));
    first.links.push(link(subject("s"), "user-1"));
    first.put_grants.push(grant("grant-1", "user-1"));
    first.open_sessions.push(session("session-1", "user-1"));
    first.entries.push(entry(1));
    store.commit(&first).await?;

    same(
        "an account from the other tenant",
        &store.user(&other(), &user_id("user-1")).await?,
        &None,
    )?;
    let found = store.session(&other(), &session_id("session-1")).await?;
    same("a session from the other tenant", &found, &None)?;
    let mut looked = query(subject_of(other(), "s"));
    looked.email = Some(email("shared"));
    let snapshot = store.snapshot(&looked).await?;
    same("a link from the other tenant", &snapshot.link, &None)?;
    same("an account by e-mail", &snapshot.by_email, &vec![])?;
    same("the other tenant's seats", &snapshot.seats_taken, &0)?;
    // A subject of one tenant, looked for in the other.
    looked.subject = subject("s");
    same(
        "a subject of another tenant",
        &store.snapshot(&looked).await?.link,
        &None,
    )?;

    // The other tenant reaches nothing of the first by its ids.
    let mut reach = Change::new(other());
    reach.remove_grants.push(grant_id("grant-1"));
    reach
        .close_sessions
        .push((session_id("session-1"), super::samples::at(9)));
    store.commit(&reach).await?;
    same(
        "the grants",
        &read(&*store, "user-1").await?.grants,
        &vec![grant("grant-1", "user-1")],
    )?;
    let found = store.session(&tenant(), &session_id("session-1")).await?;
    same("the session", &found, &Some(session("session-1", "user-1")))?;

    let named = [
        ("an account of another tenant", create(user("x"))),
        ("an update of another tenant", update(user("user-1"), 1)),
        ("a link of another tenant", {
            let mut change = change();
            change.links.push(link(subject("t"), "user-1"));
            change
        }),
        ("removing a link of another tenant", {
            let mut change = change();
            change.remove_links.push(subject("s"));
            change
        }),
        ("a session of another tenant", {
            let mut change = change();
            change.open_sessions.push(session("t", "user-1"));
            change
        }),
        ("erasing an account of another tenant", {
            let mut change = change();
            change
                .erase
                .push(VaultOwner::Account(tenant(), user_id("user-1")));
            change
        }),
        ("expecting an account of another tenant", {
            let mut change = change();
            let (user, version) = (user_id("user-1"), 1);
            change.users.push(UserWrite::Expect { user, version });
            change
        }),
        ("a grant to an account of another tenant", {
            let mut change = change();
            change.put_grants.push(grant("t", "user-1"));
            change
        }),
    ];
    for (what, mut change) in named {
        change.tenant = other();
        change.entries.push(entry(2));
        refuses(what, store.commit(&change).await)?;
    }
    same("the outbox", &pending(&*store).await?, &vec![1])?;
    let still = store.snapshot(&query(subject("s"))).await?.link;
    same(
        "the link",
        &still.map(|link| link.user),
        &Some(user_id("user-1")),
    )?;

    // The same names are free in the other tenant.
    let mut theirs = user_with_email("user-1", "shared");
    theirs.tenant = other();
    let mut second = unique(capped(1, create(theirs)));
    second.links.push(link(subject_of(other(), "s"), "user-1"));
    store.commit(&second).await?;
    same("the seats taken", &seats(&*store, tenant()).await?, &1)?;
    same("the other tenant's", &seats(&*store, other()).await?, &1)
}
