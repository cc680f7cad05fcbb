//! Checks of entries that may be used once, and of keys that may be seen once.

use std::sync::Arc;

use countersign_core::{OneTimeKey, ReplayKey};
use countersign_provision::store::{Change, SnapshotQuery, UserStore};
use countersign_saml::replay::Seen;

use super::at_once::at_once;
use super::check::{Outcome, conflicts, exactly, same};
use super::ledger_entries::pending;
use super::samples::{
    at, change, entry, first_sign_in, query, subject, tenant, tenant_named, user_id,
};
use super::user_store::Accounts;

/// A change that uses up the entries of these numbers and nothing else.
fn spend(numbers: &[usize]) -> Change {
    let mut change = change();
    change.spend = numbers.iter().map(|number| entry(*number).leaf()).collect();
    change
}

pub(super) async fn a_one_time_entry_is_spent_once<S: Accounts>(store: Arc<S>) -> Outcome {
    let is_spent = async |number: usize, expected: bool, what: &str| -> Outcome {
        let spent = store.is_spent(&tenant(), entry(number).leaf()).await?;
        same(&format!("whether {what} is spent"), &spent, &expected)
    };
    is_spent(1, false, "an entry of an empty store").await?;
    let mut first = spend(&[1, 2]);
    first.entries.push(entry(9));
    store.commit(&first).await?;
    is_spent(1, true, "an entry").await?;
    is_spent(2, true, "an entry beside it").await?;
    is_spent(3, false, "another entry").await?;
    is_spent(9, false, "the entry of the use").await?;

    let mut again = first_sign_in(5);
    again.spend = spend(&[3, 1]).spend;
    conflicts("an entry that is spent", store.commit(&again).await)?;
    conflicts(
        "an entry twice in one change",
        store.commit(&spend(&[4, 4])).await,
    )?;
    is_spent(3, false, "what came with an entry that was spent").await?;
    is_spent(4, false, "an entry that was named twice").await?;
    let found = store.user(&tenant(), &user_id("user-5")).await?;
    same("the account of a change that failed", &found, &None)?;

    let mut elsewhere = Change::new(tenant_named("other"));
    elsewhere.spend = spend(&[1]).spend;
    conflicts(
        "an entry that another tenant has spent",
        store.commit(&elsewhere).await,
    )?;
    let leaf = entry(1).leaf();
    let theirs = store.is_spent(&tenant_named("other"), leaf).await?;
    same("whether another tenant has spent it", &theirs, &false)?;
    same("the outbox", &pending(&*store).await?, &vec![9])
}

pub(super) async fn spent_at_once_is_spent_by_one<S: Accounts>(store: Arc<S>) -> Outcome {
    let results = at_once(&store, 16, |store, number| async move {
        let mut change = first_sign_in(number);
        change.spend.push(entry(1000).leaf());
        store.commit(&change).await
    })
    .await?;
    exactly("16 uses of one entry", 1, results)?;
    let count = pending(&*store).await?.len();
    same("the entries of the outbox", &count, &1)
}

fn key(id: &str) -> ReplayKey {
    ReplayKey {
        issuer: "https://idp.acme.example/".to_owned(),
        id: id.to_owned(),
    }
}

/// The change, which remembers a key until second `expires` as well.
fn showing(mut change: Change, id: &str, expires: u64, now: u64) -> Change {
    change.once = Some(OneTimeKey {
        key: key(id),
        expires: at(expires),
        now: at(now),
    });
    change
}

/// Checks what a snapshot of second `now` says of a key.
async fn is_seen<S: Accounts>(store: &S, what: &str, id: &str, now: u64, seen: bool) -> Outcome {
    for tenant in [tenant(), tenant_named("other")] {
        let asked = SnapshotQuery {
            tenant,
            once: Some(key(id)),
            now: at(now),
            ..query(subject("nobody"))
        };
        let found = store.snapshot(&asked).await?.seen;
        same(&format!("whether {what} was seen"), &found, &seen)?;
    }
    Ok(())
}

pub(super) async fn a_key_is_seen_once_by_a_change<S: Accounts>(store: Arc<S>) -> Outcome {
    let store = &*store;
    is_seen(store, "a key of an empty store", "a", 0, false).await?;
    let found = store.snapshot(&query(subject("nobody"))).await?.seen;
    same("whether no key was seen", &found, &false)?;
    store
        .commit(&showing(first_sign_in(1), "a", 100, 0))
        .await?;
    is_seen(store, "a key", "a", 0, true).await?;
    is_seen(store, "another key", "b", 0, false).await?;

    let again = showing(first_sign_in(2), "a", 100, 1);
    conflicts("a key that was seen", store.commit(&again).await)?;
    let found = store.user(&tenant(), &user_id("user-2")).await?;
    same("the account of a change that failed", &found, &None)?;
    let elsewhere = showing(Change::new(tenant_named("other")), "a", 100, 1);
    conflicts(
        "a key that another tenant has seen",
        store.commit(&elsewhere).await,
    )?;
    store
        .commit(&showing(first_sign_in(2), "b", 100, 1))
        .await?;
    same("the outbox", &pending(store).await?, &vec![1, 2])
}

pub(super) async fn a_key_is_seen_by_changes_and_by_calls<S: Accounts>(store: Arc<S>) -> Outcome {
    let store = &*store;
    store.commit(&showing(change(), "a", 100, 0)).await?;
    let seen = store.insert_once(&key("a"), at(100), at(0)).await?;
    same("a key that a change has shown", &seen, &Seen::Before)?;
    let seen = store.insert_once(&key("b"), at(100), at(0)).await?;
    same("a new key", &seen, &Seen::First)?;
    is_seen(store, "a key that a call has shown", "b", 0, true).await?;
    conflicts(
        "a key that a call has shown",
        store.commit(&showing(change(), "b", 100, 0)).await,
    )
}

pub(super) async fn seen_at_once_is_seen_by_one<S: Accounts>(store: Arc<S>) -> Outcome {
    let results = at_once(&store, 16, |store, number| async move {
        let change = showing(first_sign_in(number), "a", 100, 0);
        store.commit(&change).await
    })
    .await?;
    exactly("16 changes with one key", 1, results)?;
    let count = pending(&*store).await?.len();
    same("the entries of the outbox", &count, &1)
}

pub(super) async fn a_failing_change_leaves_its_key<S: Accounts>(store: Arc<S>) -> Outcome {
    let store = &*store;
    store.commit(&first_sign_in(1)).await?;
    let taken = showing(first_sign_in(1), "a", 100, 0);
    conflicts("an account that is there", store.commit(&taken).await)?;
    is_seen(store, "the key of a change that failed", "a", 0, false).await?;
    Ok(store
        .commit(&showing(first_sign_in(2), "a", 100, 0))
        .await?)
}

pub(super) async fn a_change_remembers_its_key_until_it_expires<S: Accounts>(
    store: Arc<S>,
) -> Outcome {
    let store = &*store;
    store.commit(&showing(change(), "a", 100, 60)).await?;
    for (what, now) in [
        ("a key whose replay claims to expire sooner", 61),
        ("a key at the instant that it expires", 100),
        ("a key that a node sees whose clock is late", 0),
    ] {
        is_seen(store, what, "a", now, true).await?;
        let again = showing(change(), "a", now.saturating_add(1), now);
        conflicts(what, store.commit(&again).await)?;
    }
    for number in 0..50 {
        let other = showing(change(), &format!("short {number}"), 70, 60);
        store.commit(&other).await?;
    }
    store.commit(&showing(change(), "another", 200, 90)).await?;
    is_seen(
        store,
        "a key beside others that were forgotten",
        "a",
        90,
        true,
    )
    .await?;

    // It may be forgotten or not; but a look and a leap agree.
    let asked = SnapshotQuery {
        once: Some(key("a")),
        now: at(101),
        ..query(subject("nobody"))
    };
    let was_seen = store.snapshot(&asked).await?.seen;
    let committed = store.commit(&showing(change(), "a", 300, 101)).await;
    match was_seen {
        true => Ok(()),
        false => Ok(committed?),
    }
}
