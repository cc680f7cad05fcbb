//! The port that sees to it that nothing is accepted twice.

use std::future::Future;
use std::sync::Arc;

use countersign_core::{StoreError, Timestamp};
use countersign_saml::replay::{ReplayKey, ReplayStore, Seen};

use super::at_once::at_once;
use super::check::{Outcome, ensure, run_checks, same};
use super::report::Report;
use super::samples::{at, long_text};

/// Checks the contract of [`ReplayStore`]; `make` gives an empty store.
pub async fn replay_store<S, M, F>(make: M) -> Report
where
    S: ReplayStore + 'static,
    M: Fn() -> F,
    F: Future<Output = S>,
{
    run_checks!(make: replay_store {
        a_key_is_seen_first_once,
        keys_are_told_apart_by_every_byte,
        a_long_key_is_remembered,
        one_of_many_at_once_is_the_first,
        different_keys_at_once_are_all_first,
        a_key_is_remembered_until_it_expires,
        a_replay_does_not_shorten_the_memory,
        forgetting_one_key_keeps_the_others,
        a_clock_that_goes_back_forgets_nothing,
    })
}

fn key(issuer: &str, id: &str) -> ReplayKey {
    ReplayKey {
        issuer: issuer.to_owned(),
        id: id.to_owned(),
    }
}

/// Shows a key of one issuer at second `now`, to be remembered until second `expires`.
async fn show<S: ReplayStore>(
    store: &S,
    id: &str,
    expires: u64,
    now: u64,
) -> Result<Seen, StoreError> {
    let key = key("https://idp.acme.example/", id);
    store.insert_once(&key, at(expires), at(now)).await
}

pub(super) async fn a_key_is_seen_first_once<S: ReplayStore>(store: Arc<S>) -> Outcome {
    let seen = show(&*store, "a", 100, 0).await?;
    same("a new key", &seen, &Seen::First)?;
    for now in [0, 1, 50] {
        let seen = show(&*store, "a", 100, now).await?;
        same("the same key again", &seen, &Seen::Before)?;
    }
    Ok(())
}

pub(super) async fn keys_are_told_apart_by_every_byte<S: ReplayStore>(store: Arc<S>) -> Outcome {
    let keys = [
        key("https://idp.acme.example/", "_a1"),
        key("https://idp.other.example/", "_a1"),
        key("https://idp.acme.example/", "_A1"),
        key("https://idp.acme.example/", "_a1 "),
        key("https://idp.acme.example/", "_a"),
        // The same text as the first one if issuer and id are joined without a mark between.
        key("https://idp.acme.example/_", "a1"),
        key("https://idp.acme.example/", "_\u{e9}"),
        key("https://idp.acme.example/", "_e\u{301}"),
    ];
    for key in &keys {
        let seen = store.insert_once(key, at(100), at(0)).await?;
        same(&format!("the new key {key:?}"), &seen, &Seen::First)?;
    }
    for key in &keys {
        let seen = store.insert_once(key, at(100), at(0)).await?;
        same(&format!("the key {key:?} again"), &seen, &Seen::Before)?;
    }
    Ok(())
}

pub(super) async fn a_long_key_is_remembered<S: ReplayStore>(store: Arc<S>) -> Outcome {
    let id = long_text("id", 8 * 1024);
    for (what, id, expected) in [
        ("a long key", format!("{id}a"), Seen::First),
        ("one that differs at its end", format!("{id}b"), Seen::First),
        ("the long key again", format!("{id}a"), Seen::Before),
    ] {
        let key = key(&long_text("issuer", 1024), &id);
        let seen = store.insert_once(&key, at(100), at(0)).await?;
        same(what, &seen, &expected)?;
    }
    Ok(())
}

pub(super) async fn one_of_many_at_once_is_the_first<S: ReplayStore + 'static>(
    store: Arc<S>,
) -> Outcome {
    for round in 0..4_u64 {
        let seen = at_once(&store, 32, move |store, _| async move {
            show(&*store, &format!("round {round}"), 100, 0).await
        })
        .await?;
        let seen = seen.into_iter().collect::<Result<Vec<_>, _>>()?;
        let first = seen.iter().filter(|seen| **seen == Seen::First).count();
        ensure!(first == 1, "{first} of 32 callers at once were the first");
    }
    Ok(())
}

pub(super) async fn different_keys_at_once_are_all_first<S: ReplayStore + 'static>(
    store: Arc<S>,
) -> Outcome {
    let seen = at_once(&store, 32, |store, number| async move {
        show(&*store, &format!("key {number}"), 100, 0).await
    })
    .await?;
    for seen in seen {
        same("a new key among others", &seen?, &Seen::First)?;
    }
    Ok(())
}

pub(super) async fn a_key_is_remembered_until_it_expires<S: ReplayStore>(store: Arc<S>) -> Outcome {
    let _ = show(&*store, "a", 100, 0).await?;
    let seen = show(&*store, "a", 200, 99).await?;
    same("a second before it expires", &seen, &Seen::Before)?;
    let seen = show(&*store, "a", 200, 100).await?;
    same("at the instant that it expires", &seen, &Seen::Before)?;
    let key = key("https://idp.acme.example/", "for ever");
    for now in [Timestamp::MIN, at(0), Timestamp::MAX] {
        let seen = store.insert_once(&key, Timestamp::MAX, now).await?;
        let expected = match now {
            Timestamp::MIN => Seen::First,
            _ => Seen::Before,
        };
        same("a key that never expires", &seen, &expected)?;
    }
    Ok(())
}

pub(super) async fn a_replay_does_not_shorten_the_memory<S: ReplayStore>(store: Arc<S>) -> Outcome {
    let _ = show(&*store, "a", 100, 0).await?;
    let seen = show(&*store, "a", 10, 5).await?;
    same(
        "a replay that claims to expire sooner",
        &seen,
        &Seen::Before,
    )?;
    let seen = show(&*store, "a", 100, 50).await?;
    same("the same key afterwards", &seen, &Seen::Before)
}

pub(super) async fn forgetting_one_key_keeps_the_others<S: ReplayStore>(store: Arc<S>) -> Outcome {
    let _ = show(&*store, "long", 100, 0).await?;
    for number in 0..50 {
        let _ = show(&*store, &format!("short {number}"), 10, 0).await?;
    }
    let _ = show(&*store, "another", 100, 50).await?;
    for id in ["long", "another"] {
        let seen = show(&*store, id, 100, 50).await?;
        same("a key that has not expired", &seen, &Seen::Before)?;
    }
    Ok(())
}

pub(super) async fn a_clock_that_goes_back_forgets_nothing<S: ReplayStore>(
    store: Arc<S>,
) -> Outcome {
    let _ = show(&*store, "a", 100, 60).await?;
    let seen = show(&*store, "a", 100, 0).await?;
    same(
        "the same key from a node whose clock is late",
        &seen,
        &Seen::Before,
    )
}
