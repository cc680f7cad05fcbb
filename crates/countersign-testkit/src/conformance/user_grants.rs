//! Checks of grants and sessions.

use std::sync::Arc;

use countersign_core::{Door, Grant, GrantOwner, RuleId, Sha256Digest, StoreError};
use countersign_provision::store::{Change, SessionQuery, SessionRecord, SessionsOf, UserStore};

use super::check::{Outcome, Violation, conflicts, refuses, same};
use super::ledger_entries::pending;
use super::samples::{
    at, change, connection, connection_named, create, entry, first_sign_in, grant, grant_id, link,
    pattern, query, role, session, session_id, subject, tenant, update, user, user_id,
};
use super::user_accounts::{read, version_of};
use super::user_store::Accounts;

/// A change that puts grants and nothing else.
fn put(grants: &[Grant]) -> Change {
    let mut change = change();
    change.put_grants = grants.to_vec();
    change
}

fn remove(id: &str) -> Change {
    let mut change = change();
    change.remove_grants.push(grant_id(id));
    change
}

/// The grants of an account, by their ids.
async fn grants_of<S: UserStore>(store: &S, id: &str) -> Result<Vec<Grant>, Violation> {
    let mut grants = read(store, id).await?.grants;
    grants.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(grants)
}

pub(super) async fn a_grant_comes_back_as_it_was_given<S: Accounts>(store: Arc<S>) -> Outcome {
    let rule = RuleId::new("contractor").map_err(|error| Violation(error.to_string()))?;
    let grants = vec![
        Grant {
            owner: GrantOwner::Jit(connection()),
            rule: Some(rule),
            policy_hash: Sha256Digest::from_bytes([0xff; 32]),
            first_given_at: at(1),
            expires_at: Some(at(86_400)),
            scope: vec![pattern("*"), pattern("nda/mutual"), pattern("hr/\u{e9}/*")],
            ..grant("a", "u")
        },
        Grant {
            owner: GrantOwner::Default(connection()),
            role: role("Signer \u{e9}"),
            ..grant("b", "u")
        },
        // Long over: expiry is for the reader to judge.
        Grant {
            expires_at: Some(at(0)),
            ..grant("c", "u")
        },
        Grant {
            owner: GrantOwner::Temporary,
            ..grant("d", "u")
        },
        Grant {
            owner: GrantOwner::Scim,
            scope: vec![pattern("nda/*")],
            ..grant("e", "u")
        },
        Grant {
            owner: GrantOwner::Barred,
            ..grant("f", "u")
        },
    ];
    let mut change = create(user("u"));
    change.put_grants.clone_from(&grants);
    change.links.push(link(subject("s"), "u"));
    store.commit(&change).await?;
    store.commit(&create(user("other"))).await?;
    same("the grants", &grants_of(&*store, "u").await?, &grants)?;
    same(
        "another's grants",
        &grants_of(&*store, "other").await?,
        &vec![],
    )?;
    let linked = store.snapshot(&query(subject("s"))).await?.linked;
    let mut found = linked.map(|linked| linked.grants).unwrap_or_default();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    same("the grants in a snapshot", &found, &grants)
}

pub(super) async fn a_grant_is_replaced_and_removed_by_its_id<S: Accounts>(
    store: Arc<S>,
) -> Outcome {
    store.commit(&create(user("u"))).await?;
    store
        .commit(&put(&[grant("a", "u"), grant("b", "u")]))
        .await?;
    let renewed = Grant {
        owner: GrantOwner::Jit(connection()),
        role: role("sender"),
        granted_at: at(50),
        expires_at: Some(at(100)),
        scope: vec![pattern("*")],
        entry: entry(1).leaf(),
        ..grant("a", "u")
    };
    store.commit(&put(std::slice::from_ref(&renewed))).await?;
    let expected = vec![renewed.clone(), grant("b", "u")];
    same("the grants", &grants_of(&*store, "u").await?, &expected)?;
    store.commit(&remove("b")).await?;
    store.commit(&remove("never there")).await?;
    same(
        "the grants",
        &grants_of(&*store, "u").await?,
        &vec![renewed],
    )
}

pub(super) async fn a_grant_stays_with_its_account<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    store.commit(&create(user("other"))).await?;
    store.commit(&put(&[grant("a", "u")])).await?;
    let moved = put(&[grant("a", "other")]);
    conflicts("a grant of another account", store.commit(&moved).await)?;
    let expected = vec![grant("a", "u")];
    same("the grants", &grants_of(&*store, "u").await?, &expected)?;
    same(
        "another's grants",
        &grants_of(&*store, "other").await?,
        &vec![],
    )
}

pub(super) async fn touching_grants_moves_the_version_on<S: Accounts>(store: Arc<S>) -> Outcome {
    let version = async |expected: u64, what: &str| -> Outcome {
        let what = format!("the version after {what}");
        same(&what, &version_of(&*store, "u").await?, &expected)
    };
    let mut created = create(user("u"));
    created.put_grants.push(grant("a", "u"));
    store.commit(&created).await?;
    store.commit(&create(user("other"))).await?;
    version(1, "it was created with a grant").await?;
    store
        .commit(&put(&[grant("b", "u"), grant("c", "u")]))
        .await?;
    version(2, "two grants were put").await?;
    store.commit(&remove("b")).await?;
    version(3, "a grant was removed").await?;
    store.commit(&remove("b")).await?;
    version(3, "a grant was removed that was not there").await?;
    let mut both = update(user("u"), 3);
    both.put_grants.push(grant("d", "u"));
    both.remove_grants.push(grant_id("c"));
    store.commit(&both).await?;
    version(4, "an update together with grants").await?;
    let stale = update(user("u"), 3);
    conflicts(
        "an update of the version before",
        store.commit(&stale).await,
    )?;
    same(
        "another's version",
        &version_of(&*store, "other").await?,
        &1,
    )
}

pub(super) async fn a_session_opens_once_and_closes_once<S: Accounts>(store: Arc<S>) -> Outcome {
    let stored = async || store.session(&tenant(), &session_id("s")).await;
    let close = async |id: &str, seconds| {
        let mut change = change();
        change.close_sessions.push((session_id(id), at(seconds)));
        store.commit(&change).await
    };
    let opened = SessionRecord {
        session_index: Some("_index\" '1".to_owned()),
        door: Door::Email,
        authn_context: Some("urn:'context'".to_owned()),
        authn_instant: Some(at(1)),
        ..session("s", "u")
    };
    let mut sign_in = create(user("u"));
    sign_in.open_sessions.push(opened.clone());
    sign_in.open_sessions.push(session("other", "u"));
    store.commit(&sign_in).await?;
    same("the session", &stored().await?, &Some(opened.clone()))?;

    let mut again = change();
    again.open_sessions.push(session("s", "u"));
    conflicts("a session id that is taken", store.commit(&again).await)?;

    close("never there", 9).await?;
    close("s", 10).await?;
    let closed = SessionRecord {
        closed_at: Some(at(10)),
        ..opened
    };
    same(
        "the session, closed",
        &stored().await?,
        &Some(closed.clone()),
    )?;
    close("s", 20).await?;
    same("the session, closed twice", &stored().await?, &Some(closed))?;
    // Whoever has read the account before has to read it again, but for the close of nothing.
    let version = version_of(&*store, "u").await?;
    same("the version after one close of three", &version, &2)?;
    let other = store.session(&tenant(), &session_id("other")).await?;
    same("another session", &other, &Some(session("other", "u")))
}

pub(super) async fn open_sessions_are_found_by_user_and_by_index<S: Accounts>(
    store: Arc<S>,
) -> Outcome {
    let indexed = |id: &str, user: &str, index: &str| SessionRecord {
        session_index: Some(index.to_owned()),
        ..session(id, user)
    };
    let elsewhere = SessionRecord {
        connection: connection_named("elsewhere"),
        ..indexed("s5", "u", "_1")
    };
    let mut sign_in = create(user("u"));
    sign_in.users.extend(create(user("other")).users);
    sign_in.open_sessions = vec![
        indexed("s2", "u", "_1"),
        indexed("s1", "u", "_2"),
        session("s3", "u"),
        indexed("s4", "other", "_1"),
        elsewhere,
    ];
    store.commit(&sign_in).await?;
    let found_through = async |connection, of: SessionsOf| {
        let query = SessionQuery {
            tenant: tenant(),
            connection,
            of,
        };
        let found = store.open_sessions(&query).await?;
        let ids = found.into_iter().map(|session| session.id);
        Ok::<_, StoreError>(ids.collect::<Vec<_>>())
    };
    let found = async |of| found_through(Some(connection()), of).await;
    let ids = |ids: &[&str]| ids.iter().map(|id| session_id(id)).collect::<Vec<_>>();
    let of_user = || SessionsOf::User(user_id("u"));
    let of_index = |index: &str| SessionsOf::Index(index.to_owned());
    let open = found(of_user()).await?;
    same("the sessions of a user", &open, &ids(&["s1", "s2", "s3"]))?;
    let open = found(of_index("_1")).await?;
    same("the sessions of an index", &open, &ids(&["s2", "s4"]))?;
    let open = found_through(None, of_user()).await?;
    let all = ids(&["s1", "s2", "s3", "s5"]);
    same("the sessions of a user, wherever from", &open, &all)?;
    let open = found_through(None, of_index("_1")).await?;
    let all = ids(&["s2", "s4", "s5"]);
    same("the sessions of an index, wherever from", &open, &all)?;
    let open = found(of_index("_3")).await?;
    same("the sessions of an unknown index", &open, &ids(&[]))?;
    let open = found(SessionsOf::User(user_id("nobody"))).await?;
    same("the sessions of nobody", &open, &ids(&[]))?;

    let mut close = change();
    close.close_sessions.push((session_id("s2"), at(9)));
    store.commit(&close).await?;
    let open = found(of_user()).await?;
    same("the sessions that are left", &open, &ids(&["s1", "s3"]))?;
    let open = found(of_index("_1")).await?;
    same(
        "the sessions of the index that are left",
        &open,
        &ids(&["s4"]),
    )
}

pub(super) async fn links_grants_and_sessions_need_their_account<S: Accounts>(
    store: Arc<S>,
) -> Outcome {
    let mut linked = change();
    linked.links.push(link(subject("s"), "nobody"));
    let mut signed_in = change();
    signed_in.open_sessions.push(session("s", "nobody"));
    let orphans = [
        ("a link to nobody", linked),
        ("a grant to nobody", put(&[grant("a", "nobody")])),
        ("a session of nobody", signed_in),
    ];
    for (what, mut orphan) in orphans {
        orphan.entries.push(entry(1));
        refuses(what, store.commit(&orphan).await)?;
    }
    same("the outbox", &pending(&*store).await?, &vec![])?;
    let link = store.snapshot(&query(subject("s"))).await?.link;
    same("the link", &link, &None)?;
    let found = store.session(&tenant(), &session_id("s")).await?;
    same("the session", &found, &None)?;
    // The same parts, with their account.
    Ok(store.commit(&first_sign_in(1)).await?)
}
