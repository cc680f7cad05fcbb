//! Checks that a change is one transaction, together with its entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_core::{Entry, Grant, LeafHash};
use countersign_provision::store::{Change, UserStore, UserWrite};

use super::at_once::at_once;
use super::check::{Outcome, Violation, conflicts, ensure, refuses, same};
use super::ledger_entries::pending;
use super::samples::{
    change, create, entry, entry_id, entry_of, first_sign_in, grant, link, query, role, session,
    session_id, subject, tenant, update, user, user_id,
};
use super::user_accounts::{read, version_of};
use super::user_store::Accounts;

pub(super) async fn entries_reach_the_outbox_in_order<S: Accounts>(store: Arc<S>) -> Outcome {
    let mut first = create(user("u"));
    first.entries = vec![entry(5), entry(2), entry(8)];
    store.commit(&first).await?;
    let mut records_only = change();
    records_only.entries = vec![entry(1)];
    store.commit(&records_only).await?;
    store.enqueue(&[entry(7)]).await?;
    let mut last = update(user("u"), 1);
    last.entries = vec![entry(6), entry(3)];
    store.commit(&last).await?;
    let expected = vec![5, 2, 8, 1, 7, 6, 3];
    same("the outbox", &pending(&*store).await?, &expected)?;
    let waiting = store.pending(usize::MAX).await?;
    let leaves: Vec<LeafHash> = waiting.iter().map(Entry::leaf).collect();
    let expected_leaves = expected
        .iter()
        .map(|number| entry(*number).leaf())
        .collect();
    same("the leaf hashes", &leaves, &expected_leaves)
}

pub(super) async fn an_entry_is_recorded_once<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&first_sign_in(1)).await?;
    let same_hash = Entry::from_parts(
        entry_id(9),
        entry(1).leaf(),
        entry(1).bytes().to_vec(),
        None,
    );
    let entries = [
        ("an entry that is there", vec![entry(1)]),
        ("an id that is there", vec![entry_of(1, b"{}".to_vec())]),
        ("a leaf hash that is there", vec![same_hash]),
        ("an entry twice", vec![entry(8), entry(8)]),
    ];
    for (what, entries) in entries {
        let mut change = create(user("new"));
        change.entries = entries;
        conflicts(what, store.commit(&change).await)?;
        let found = store.user(&tenant(), &user_id("new")).await?;
        same("the account after it", &found, &None)?;
        same("the outbox after it", &pending(&*store).await?, &vec![1])?;
    }
    Ok(())
}

/// A change that touches everything, of which no part may be left once it has failed.
fn everything() -> Change {
    let mut everything = first_sign_in(7);
    everything.users.push(UserWrite::Update {
        user: user("user-1"),
        expected_version: 1,
    });
    everything.links.push(link(subject("more"), "user-1"));
    everything.remove_links.push(subject("user-2"));
    everything.put_grants.push(grant("grant-1b", "user-1"));
    everything.remove_grants.push(grant("grant-2", "user-2").id);
    everything
        .close_sessions
        .push((session_id("session-2"), super::samples::at(9)));
    everything.spend.push(entry(70).leaf());
    everything
}

pub(super) async fn a_failing_change_leaves_nothing<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&first_sign_in(1)).await?;
    let mut second = first_sign_in(2);
    second.spend.push(entry(71).leaf());
    store.commit(&second).await?;
    let failing = |what: &'static str, spoil: &dyn Fn(&mut Change)| {
        let mut change = everything();
        spoil(&mut change);
        (what, change)
    };
    let (taken, version) = (user_id("user-2"), 9);
    let expect = UserWrite::Expect {
        user: taken,
        version,
    };
    let changes = [
        failing("a version", &|c| c.users.push(expect.clone())),
        failing("a user id", &|c| {
            c.users.push(UserWrite::Create(user("user-2")))
        }),
        failing("a seat cap", &|c| c.seat_cap = Some(2)),
        failing("a connection", &|c| {
            c.connection = Some((super::samples::connection(), 5));
        }),
        failing("a link", &|c| {
            c.links.push(link(subject("user-1"), "user-7"))
        }),
        failing("a grant", &|c| c.put_grants.push(grant("x", "nobody"))),
        failing("a session", &|c| {
            c.open_sessions.push(session("session-1", "user-7"))
        }),
        failing("a one-time entry", &|c| c.spend.push(entry(71).leaf())),
        failing("an entry", &|c| c.entries.push(entry(1))),
    ];
    for (what, change) in changes {
        refuses(what, store.commit(&change).await)?;
        nothing_of_everything(&*store)
            .await
            .map_err(|Violation(saw)| Violation(format!("after {what} was refused: {saw}")))?;
    }
    // Nothing was wrong with the rest of it.
    Ok(store.commit(&everything()).await?)
}

async fn nothing_of_everything<S: Accounts>(store: &S) -> Outcome {
    let found = store.user(&tenant(), &user_id("user-7")).await?;
    same("the created account", &found, &None)?;
    same(
        "the updated account",
        &version_of(store, "user-1").await?,
        &1,
    )?;
    for (value, linked) in [
        ("user-7", None),
        ("more", None),
        ("user-2", Some(user_id("user-2"))),
    ] {
        let link = store.snapshot(&query(subject(value))).await?.link;
        same("a link", &link.map(|link| link.user), &linked)?;
    }
    for number in 1..=2 {
        let id = format!("user-{number}");
        let grants = vec![grant(&format!("grant-{number}"), &id)];
        same("the grants", &read(store, &id).await?.grants, &grants)?;
    }
    let spent = store.is_spent(&tenant(), entry(70).leaf()).await?;
    same("whether the one-time entry is spent", &spent, &false)?;
    let found = store.session(&tenant(), &session_id("session-7")).await?;
    same("the opened session", &found, &None)?;
    let found = store.session(&tenant(), &session_id("session-2")).await?;
    same(
        "the closed session",
        &found,
        &Some(session("session-2", "user-2")),
    )?;
    same("the outbox", &pending(store).await?, &vec![1, 2])
}

pub(super) async fn changes_at_once_keep_all_their_entries<S: Accounts>(store: Arc<S>) -> Outcome {
    // An entry that was acknowledged before all others is in front of them.
    store.commit(&first_sign_in(1000)).await?;
    let results = at_once(&store, 32, |store, number| async move {
        let mut change = first_sign_in(number.saturating_mul(2));
        change
            .entries
            .insert(0, entry(number.saturating_mul(2).saturating_add(1)));
        store.commit(&change).await
    })
    .await?;
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    let pending = pending(&*store).await?;
    same("the first entry", &pending.first(), &Some(&1000))?;
    for number in (0..64_usize).step_by(2) {
        read(&*store, &format!("user-{number}")).await?;
        let place = |number| pending.iter().position(|found| *found == number);
        let (first, second) = (place(number.saturating_add(1)), place(number));
        ensure!(
            first.is_some() && second.is_some(),
            "account `user-{number}` was acknowledged, its entries are not in the outbox"
        );
        ensure!(first < second, "the entries of one change are out of order");
    }
    same("the length of the outbox", &pending.len(), &65)
}

pub(super) async fn a_read_is_of_one_moment<S: Accounts>(store: Arc<S>) -> Outcome {
    // Each commit gives the account a name and its only grant a role of the same name. Whoever
    // sees them differ has seen two moments.
    let write = async |store: &S, version: u64, created: bool| {
        let name = format!("moment-{version}");
        let mut named = user("u");
        named.display_name = Some(name.clone());
        let mut change = if created {
            update(named, version)
        } else {
            let mut change = create(named);
            change.links.push(link(subject("s"), "u"));
            change
        };
        change.put_grants.push(Grant {
            role: role(&name),
            ..grant("g", "u")
        });
        store.commit(&change).await
    };
    write(&*store, 0, false).await?;
    let readers_are_done = Arc::new(AtomicBool::new(false));
    let results = at_once(&store, 2, move |store, number| {
        let readers_are_done = Arc::clone(&readers_are_done);
        async move {
            if number == 0 {
                let seen = read_for_a_while(&*store).await;
                readers_are_done.store(true, Ordering::SeqCst);
                return seen;
            }
            let mut version: u64 = 1;
            while !readers_are_done.load(Ordering::SeqCst) {
                write(&*store, version, true).await?;
                version = version.saturating_add(1);
            }
            Ok(())
        }
    })
    .await?;
    results.into_iter().collect()
}

async fn read_for_a_while<S: UserStore>(store: &S) -> Outcome {
    for _ in 0..100 {
        let linked = store.snapshot(&query(subject("s"))).await?.linked;
        let linked = linked.ok_or_else(|| Violation("the account is gone".to_owned()))?;
        for seen in [linked, read(store, "u").await?] {
            let roles: Vec<&str> = seen
                .grants
                .iter()
                .map(|grant| grant.role.as_str())
                .collect();
            let name = seen.user.display_name.as_deref();
            same("what one read sees", &roles.first().copied(), &name)?;
        }
    }
    Ok(())
}
