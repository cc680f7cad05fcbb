//! Checks of entries that may be used once.

use std::sync::Arc;

use countersign_provision::store::{Change, UserStore};

use super::at_once::at_once;
use super::check::{Outcome, conflicts, exactly, same};
use super::ledger_entries::pending;
use super::samples::{change, entry, first_sign_in, tenant, tenant_named, user_id};
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
