//! Checks of accounts, their versions and their links.

use std::sync::Arc;

use countersign_core::text::MAX_IDENTIFIER_BYTES;
use countersign_core::{Grant, StoreError, SubjectKey, SubjectKeyError, UserId};
use countersign_provision::store::{
    Change, ConnectionState, SessionQuery, SessionRecord, SessionsOf, Snapshot, UserStore,
    UserWithGrants, UserWrite,
};
use countersign_provision::user::{User, UserState};

use super::at_once::at_once;
use super::check::{Outcome, Violation, conflicts, exactly, same};
use super::ledger_entries::pending;
use super::samples::{
    at, change, create, email, entry, first_sign_in, grant, link, long_text, query, role, session,
    session_id, subject, tenant, tenant_named, update, user, user_id, user_with_email,
};
use super::user_store::Accounts;

/// Reads an account that has to be there.
pub(super) async fn read<S: UserStore>(store: &S, id: &str) -> Result<UserWithGrants, Violation> {
    let found = store.user(&tenant(), &user_id(id)).await?;
    found.ok_or_else(|| Violation(format!("account `{id}` is not there")))
}

pub(super) async fn version_of<S: UserStore>(store: &S, id: &str) -> Result<u64, Violation> {
    Ok(read(store, id).await?.user.version)
}

fn expect(id: &str, version: u64) -> Change {
    let mut change = change();
    let user = user_id(id);
    change.users.push(UserWrite::Expect { user, version });
    change
}

pub(super) async fn an_empty_store_knows_nobody<S: Accounts>(store: Arc<S>) -> Outcome {
    let mut query = query(subject("anybody"));
    query.email = Some(email("anybody"));
    let snapshot = store.snapshot(&query).await?;
    same("the snapshot", &snapshot, &Snapshot::default())?;
    let unknown = ConnectionState {
        enabled: true,
        epoch: 0,
    };
    same("an unknown connection", &snapshot.connection, &unknown)?;
    let found = store.user(&tenant(), &user_id("anybody")).await?;
    same("an account", &found, &None)?;
    let found = store.session(&tenant(), &session_id("any")).await?;
    same("a session", &found, &None)?;
    Ok(store.commit(&change()).await?)
}

pub(super) async fn an_account_comes_back_as_it_was_given<S: Accounts>(store: Arc<S>) -> Outcome {
    let full = User {
        state: UserState::Invited,
        state_since: at(3),
        state_entry: Some(entry(3).leaf()),
        hold: Some(entry(2).leaf()),
        email: Some(email("given.family")),
        email_verified_locally: true,
        given_name: Some("Gi'v\"en; -- \u{1f58b}".to_owned()),
        // The same letter in two ways of writing it, and white space that is there.
        family_name: Some(" \u{e9} e\u{301}\u{a0} ".to_owned()),
        display_name: Some(String::new()),
        account_id: Some("ACCOUNT-1".to_owned()),
        permission_profile_id: Some("profile".to_owned()),
        created_at: at(1),
        last_sign_in_at: Some(at(2)),
        entry: Some(entry(1).leaf()),
        ..user("User-1")
    };
    // The version is the store's to set.
    let given = User {
        version: 77,
        ..full.clone()
    };
    store.commit(&create(given)).await?;
    same(
        "an account with everything",
        &read(&*store, "User-1").await?.user,
        &full,
    )?;
    let other = store.user(&tenant(), &user_id("user-1")).await?;
    same("an account whose id differs in case", &other, &None)?;
    store.commit(&create(user("bare"))).await?;
    let bare = read(&*store, "bare").await?;
    same("an account with nothing", &bare.user, &user("bare"))?;
    same("its grants", &bare.grants, &vec![])?;
    let states = [
        UserState::Active,
        UserState::Stale,
        UserState::PendingApproval,
        UserState::Suspended,
        UserState::Deprovisioned,
        UserState::Erased,
    ];
    for (version, state) in (1..).zip(states) {
        // Every other field is taken away, too.
        let mut written = User {
            state,
            created_at: at(9),
            ..user("User-1")
        };
        store.commit(&update(written.clone(), version)).await?;
        written.version = version.saturating_add(1);
        same(
            "an updated account",
            &read(&*store, "User-1").await?.user,
            &written,
        )?;
    }
    Ok(())
}

pub(super) async fn a_snapshot_shows_link_user_and_email<S: Accounts>(store: Arc<S>) -> Outcome {
    let states = [
        ("c", UserState::Suspended),
        ("a", UserState::Active),
        ("b", UserState::Deprovisioned),
    ];
    for (id, state) in states {
        let user = User {
            state,
            ..user_with_email(id, "shared")
        };
        store.commit(&create(user)).await?;
    }
    store.commit(&create(user_with_email("d", "other"))).await?;
    let mut change = change();
    change.links.push(link(subject("s"), "b"));
    store.commit(&change).await?;

    let mut query = query(subject("s"));
    query.email = Some(email("shared"));
    let snapshot = store.snapshot(&query).await?;
    same("the link", &snapshot.link, &Some(link(subject("s"), "b")))?;
    let linked = snapshot.linked.map(|linked| linked.user.id);
    same("the linked account", &linked, &Some(user_id("b")))?;
    let by_email: Vec<UserId> = snapshot.by_email.into_iter().map(|u| u.user.id).collect();
    let expected = vec![user_id("a"), user_id("b"), user_id("c")];
    same("the accounts with the e-mail address", &by_email, &expected)?;
    same("the seats taken", &snapshot.seats_taken, &3)?;

    query.email = None;
    let by_email = store.snapshot(&query).await?.by_email;
    same("the accounts without a query for one", &by_email, &vec![])?;
    query.subject = subject("S");
    let snapshot = store.snapshot(&query).await?;
    same("a subject that differs in case", &snapshot.link, &None)?;
    same("its account", &snapshot.linked, &None)
}

pub(super) async fn an_account_shows_its_subjects<S: Accounts>(store: Arc<S>) -> Outcome {
    store
        .commit(&create(user_with_email("u", "shared")))
        .await?;
    store
        .commit(&create(user_with_email("v", "shared")))
        .await?;
    same("no subjects", &read(&*store, "u").await?.subjects, &vec![])?;
    let mut change = change();
    // Neither in their order nor in one change with the account.
    for (value, id) in [("c", "u"), ("a", "u"), ("b", "v"), ("d", "u")] {
        change.links.push(link(subject(value), id));
    }
    change.remove_links.push(subject("nobody"));
    store.commit(&change).await?;
    let expected = vec![subject("a"), subject("c"), subject("d")];
    same(
        "the subjects",
        &read(&*store, "u").await?.subjects,
        &expected,
    )?;
    let mut query = query(subject("a"));
    query.email = Some(email("shared"));
    let snapshot = store.snapshot(&query).await?;
    let linked = snapshot.linked.map(|linked| linked.subjects);
    same(
        "the subjects of the linked account",
        &linked,
        &Some(expected.clone()),
    )?;
    let by_email: Vec<_> = snapshot.by_email.into_iter().map(|u| u.subjects).collect();
    let expected = vec![expected, vec![subject("b")]];
    same(
        "the subjects of the accounts by e-mail",
        &by_email,
        &expected,
    )
}

pub(super) async fn a_user_id_is_taken_once<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&create(user_with_email("u", "first"))).await?;
    let second = create(user_with_email("u", "second"));
    conflicts("an id that is taken", store.commit(&second).await)?;
    let mut twice = create(user("twice"));
    twice.users.push(UserWrite::Create(user("twice")));
    conflicts(
        "an id created twice in one change",
        store.commit(&twice).await,
    )?;
    let found = read(&*store, "u").await?.user;
    same("the account", &found, &user_with_email("u", "first"))?;
    let found = store.user(&tenant(), &user_id("twice")).await?;
    same("the account that was refused", &found, &None)
}

pub(super) async fn an_update_needs_the_version_that_was_read<S: Accounts>(
    store: Arc<S>,
) -> Outcome {
    store.commit(&create(user("u"))).await?;
    store
        .commit(&update(user_with_email("u", "second"), 1))
        .await?;
    for version in [0, 1, 3, u64::MAX] {
        let stale = update(user_with_email("u", "stale"), version);
        let what = format!("an update of version {version} at version 2");
        conflicts(&what, store.commit(&stale).await)?;
    }
    conflicts(
        "an update of nobody",
        store.commit(&update(user("nobody"), 1)).await,
    )?;
    let found = read(&*store, "u").await?.user;
    same("the e-mail address", &found.email, &Some(email("second")))?;
    same("the version", &found.version, &2)
}

pub(super) async fn of_two_updates_at_once_one_conflicts<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    for version in 1..4 {
        let results = at_once(&store, 16, move |store, number| async move {
            let user = user_with_email("u", &format!("from-{number}"));
            store.commit(&update(user, version)).await
        })
        .await?;
        exactly("updates of one version from 16 callers", 1, results)?;
        let expected = version.saturating_add(1);
        same("the version", &version_of(&*store, "u").await?, &expected)?;
    }
    Ok(())
}

pub(super) async fn an_expected_version_holds_or_conflicts<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    store.commit(&update(user("u"), 1)).await?;
    let mut signing = expect("u", 2);
    signing.entries.push(entry(1));
    store.commit(&signing).await?;
    same("the version after it", &version_of(&*store, "u").await?, &2)?;
    for (id, version) in [
        ("u", 1),
        ("u", 3),
        ("u", u64::MAX),
        ("nobody", 1),
        ("nobody", 0),
    ] {
        let mut signing = expect(id, version);
        signing.entries.push(entry(2));
        let what = format!("expecting version {version} of `{id}`");
        conflicts(&what, store.commit(&signing).await)?;
    }
    same("the outbox", &pending(&*store).await?, &vec![1])
}

pub(super) async fn a_subject_is_linked_once<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&first_sign_in(1)).await?;
    for id in ["user-1", "user-2"] {
        let mut again = create(user("user-2"));
        again.links.push(link(subject("user-1"), id));
        let what = format!("linking the subject again, to `{id}`");
        conflicts(&what, store.commit(&again).await)?;
    }
    let mut twice = create(user("user-3"));
    twice.links.push(link(subject("new"), "user-3"));
    twice.links.push(link(subject("new"), "user-3"));
    conflicts(
        "linking a subject twice in one change",
        store.commit(&twice).await,
    )?;
    let snapshot = store.snapshot(&query(subject("user-1"))).await?;
    let linked = snapshot.linked.map(|linked| linked.user.id);
    same("the linked account", &linked, &Some(user_id("user-1")))?;
    same("the seats taken", &snapshot.seats_taken, &1)?;
    let link = store.snapshot(&query(subject("new"))).await?.link;
    same("the subject that was refused", &link, &None)
}

pub(super) async fn one_subject_at_once_makes_one_user<S: Accounts>(store: Arc<S>) -> Outcome {
    // 64 first sign-ins of one person: each creates an account under an id of its own.
    let results = at_once(&store, 64, |store, number| async move {
        let mut sign_in = first_sign_in(number);
        for link in &mut sign_in.links {
            link.subject = subject("one person");
        }
        store.commit(&sign_in).await
    })
    .await?;
    exactly("64 first sign-ins of one person", 1, results)?;
    let snapshot = store.snapshot(&query(subject("one person"))).await?;
    same("the accounts", &snapshot.seats_taken, &1)?;
    let linked = snapshot.linked.map(|linked| linked.user.id);
    let pending = pending(&*store).await?;
    same("the number of entries", &pending.len(), &1)?;
    let recorded = pending
        .first()
        .map(|number| user_id(&format!("user-{number}")));
    same(
        "the account, and the one that was recorded",
        &linked,
        &recorded,
    )
}

pub(super) async fn a_link_is_taken_away_before_one_is_added<S: Accounts>(
    store: Arc<S>,
) -> Outcome {
    store.commit(&first_sign_in(1)).await?;
    let mut moved = create(user("new"));
    moved.remove_links.push(subject("user-1"));
    moved.links.push(link(subject("user-1"), "new"));
    store.commit(&moved).await?;
    let link_of = async |value: &str| -> Result<_, StoreError> {
        let snapshot = store.snapshot(&query(subject(value))).await?;
        Ok(snapshot.link.map(|link| link.user))
    };
    same(
        "the moved link",
        &link_of("user-1").await?,
        &Some(user_id("new")),
    )?;
    let mut removed = change();
    removed.remove_links.push(subject("user-1"));
    removed.remove_links.push(subject("never linked"));
    store.commit(&removed).await?;
    same("the removed link", &link_of("user-1").await?, &None)?;
    Ok(())
}

pub(super) async fn identifiers_are_as_long_as_they_may_be<S: Accounts>(store: Arc<S>) -> Outcome {
    let long = |name: &str| long_text(name, MAX_IDENTIFIER_BYTES);
    let (tenant, id, role) = (
        tenant_named(&long("tenant")),
        long("user"),
        role(&long("role")),
    );
    let invalid = |error: SubjectKeyError| Violation(error.to_string());
    let subject = SubjectKey::from_stable_value(tenant.clone(), &long("issuer"), &long("subject"));
    let subject = subject.map_err(invalid)?;
    let session_index = long_text("index", 8 * MAX_IDENTIFIER_BYTES);
    let mut first = create(User {
        tenant: tenant.clone(),
        ..user(&id)
    });
    first.links.push(link(subject.clone(), &id));
    first.put_grants.push(Grant {
        role: role.clone(),
        ..grant(&long("grant"), &id)
    });
    let session = SessionRecord {
        tenant: tenant.clone(),
        session_index: Some(session_index.clone()),
        ..session(&long("session"), &id)
    };
    first.open_sessions.push(session.clone());
    store.commit(&first).await?;

    let mut query = query(subject.clone());
    query.guarded_roles.insert(role.clone());
    let seen = store.snapshot(&query).await?;
    same("the link", &seen.link, &Some(link(subject.clone(), &id)))?;
    let holders = [(role, vec![user_id(&id)])].into();
    same("who holds the role", &seen.holders, &holders)?;
    let by_index = SessionQuery {
        tenant: tenant.clone(),
        connection: None,
        of: SessionsOf::Index(session_index),
    };
    let found = store.open_sessions(&by_index).await?;
    same("the sessions of the index", &found, &vec![session])?;
    let mut again = Change::new(tenant.clone());
    again.links.push(link(subject.clone(), &id));
    conflicts("the same subject again", store.commit(&again).await)?;
    let mut remove = Change::new(tenant);
    remove.remove_links.push(subject);
    store.commit(&remove).await?;
    let seen = store.snapshot(&query).await?;
    same("the link that was removed", &seen.link, &None)
}
