//! Checks of roles that must keep a holder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign_core::{Grant, UserId};
use countersign_provision::store::{Change, KeepHolders, Snapshot, UserStore};
use countersign_provision::user::{User, UserState};

use super::at_once::at_once;
use super::check::{Outcome, Violation, conflicts, exactly, same};
use super::ledger_entries::pending;
use super::samples::{
    at, change, create, entry, grant, grant_id, query, role, subject, subject_of, tenant_named,
    update, user, user_id,
};
use super::user_accounts::version_of;
use super::user_store::Accounts;

/// An account in that state with one grant of the role `admin`, named after it.
fn with_admin(id: &str, state: UserState) -> Change {
    let mut change = create(User { state, ..user(id) });
    change.put_grants.push(admin(id));
    change
}

fn admin(id: &str) -> Grant {
    Grant {
        role: role("admin"),
        expires_at: Some(at(100)),
        ..grant(id, id)
    }
}

/// The change must leave a role `admin` with a holder, at a moment where it has one.
fn kept(mut change: Change) -> Change {
    change.keep_holders = Some(KeepHolders {
        roles: BTreeSet::from([role("admin"), role("held by nobody")]),
        now: at(99),
    });
    change
}

fn removing(id: &str) -> Change {
    let mut change = change();
    change.remove_grants.push(grant_id(id));
    change
}

pub(super) async fn a_snapshot_shows_who_holds_a_role<S: Accounts>(store: Arc<S>) -> Outcome {
    let holders = async |seconds: u64| {
        let mut query = query(subject("anybody"));
        query.guarded_roles = BTreeSet::from([role("admin"), role("held by nobody")]);
        query.now = at(seconds);
        Ok::<_, Violation>(store.snapshot(&query).await?.holders)
    };
    let expected = |holders: &[&str]| {
        let holders: Vec<UserId> = holders.iter().map(|id| user_id(id)).collect();
        BTreeMap::from([
            (role("admin"), holders),
            (role("held by nobody"), Vec::new()),
        ])
    };
    same(
        "the holders of an empty store",
        &holders(0).await?,
        &expected(&[]),
    )?;
    let not_in_use = [
        ("a", UserState::Invited),
        ("b", UserState::PendingApproval),
        ("c", UserState::Suspended),
        ("d", UserState::Deprovisioned),
        ("e", UserState::Erased),
    ];
    for (id, state) in not_in_use {
        store.commit(&with_admin(id, state)).await?;
    }
    let mut elsewhere = Change::new(tenant_named("other"));
    elsewhere.users = create(User {
        tenant: tenant_named("other"),
        ..user("f")
    })
    .users;
    elsewhere.put_grants.push(admin("f"));
    store.commit(&elsewhere).await?;
    let mut other_role = create(user("g"));
    other_role.put_grants.push(grant("g", "g"));
    store.commit(&other_role).await?;
    same(
        "the holders among others",
        &holders(0).await?,
        &expected(&[]),
    )?;

    // Two grants of one account make one holder.
    let mut twice = with_admin("i", UserState::Active);
    twice.put_grants.push(Grant {
        id: grant_id("i again"),
        expires_at: None,
        ..admin("i")
    });
    store.commit(&twice).await?;
    same("one holder", &holders(0).await?, &expected(&["i"]))?;
    store.commit(&with_admin("h", UserState::Stale)).await?;
    same("two holders", &holders(0).await?, &expected(&["h", "i"]))?;
    store.commit(&with_admin("j", UserState::Active)).await?;
    same("the first two", &holders(0).await?, &expected(&["h", "i"]))?;
    same(
        "a moment before the end",
        &holders(99).await?,
        &expected(&["h", "i"]),
    )?;
    same(
        "at the end of most",
        &holders(100).await?,
        &expected(&["i"]),
    )?;
    let unasked = store.snapshot(&query(subject("anybody"))).await?.holders;
    same(
        "the holders that nobody asked for",
        &unasked,
        &BTreeMap::new(),
    )?;
    let mut theirs = query(subject_of(tenant_named("other"), "anybody"));
    theirs.guarded_roles = BTreeSet::from([role("admin")]);
    let Snapshot { holders, .. } = store.snapshot(&theirs).await?;
    let expected = BTreeMap::from([(role("admin"), vec![user_id("f")])]);
    same("the other tenant's holders", &holders, &expected)
}

pub(super) async fn the_last_holder_of_a_role_stays<S: Accounts>(store: Arc<S>) -> Outcome {
    let state = |id: &str, state: UserState, version: u64| {
        let user = User { state, ..user(id) };
        update(user, version)
    };
    // Where nobody held it before, nobody has to after.
    store.commit(&kept(create(user("nobody")))).await?;
    store.commit(&with_admin("a", UserState::Active)).await?;
    store.commit(&with_admin("b", UserState::Stale)).await?;
    // Holds it at another moment, and so does not count.
    let mut expired = create(user("c"));
    expired.put_grants.push(Grant {
        expires_at: Some(at(99)),
        ..admin("c")
    });
    store.commit(&expired).await?;

    store.commit(&kept(removing("a"))).await?;
    let mut last = kept(removing("b"));
    last.entries.push(entry(1));
    conflicts("taking the last holder's grant", store.commit(&last).await)?;
    let mut shortened = kept(change());
    shortened.put_grants.push(Grant {
        expires_at: Some(at(99)),
        ..admin("b")
    });
    conflicts(
        "ending the last holder's grant",
        store.commit(&shortened).await,
    )?;
    let suspended = kept(state("b", UserState::Suspended, 1));
    conflicts("suspending the last holder", store.commit(&suspended).await)?;
    same(
        "the version of the last holder",
        &version_of(&*store, "b").await?,
        &1,
    )?;
    same("the outbox", &pending(&*store).await?, &vec![])?;

    // Another grant, another holder, or another role in the same change will do.
    let mut renewed = kept(removing("b"));
    renewed.put_grants.push(Grant {
        id: grant_id("b again"),
        ..admin("b")
    });
    store.commit(&renewed).await?;
    let mut handed_on = kept(removing("b again"));
    handed_on.put_grants.push(admin("a"));
    store.commit(&handed_on).await?;
    let mut unguarded = removing("a");
    unguarded.keep_holders = Some(KeepHolders {
        roles: BTreeSet::from([role("signer")]),
        now: at(99),
    });
    store.commit(&unguarded).await?;
    // Once it is lost it can not be lost again.
    Ok(store
        .commit(&kept(state("a", UserState::Suspended, 4)))
        .await?)
}

pub(super) async fn of_removals_at_once_one_holder_is_left<S: Accounts>(store: Arc<S>) -> Outcome {
    for number in 0..8 {
        let change = with_admin(&format!("user-{number}"), UserState::Active);
        store.commit(&change).await?;
    }
    let results = at_once(&store, 8, |store, number| async move {
        store
            .commit(&kept(removing(&format!("user-{number}"))))
            .await
    })
    .await?;
    exactly("8 removals of 8 holders", 7, results)
}
