//! The port to wrapped keys, and what a change does to whatever they encrypt.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;

use countersign_audit::key_wrap::WrappedKey;
use countersign_audit::store::{EntryQuery, LedgerStore};
use countersign_audit::vault_store::{StoredVaultKey, UnclaimedQuery, VaultStore};
use countersign_core::{CorrelationId, Entry, Private, Timestamp, VaultKeyId, VaultOwner};
use countersign_provision::store::{Change, UserStore};
use countersign_provision::user::{User, UserState};

use super::at_once::at_once;
use super::check::{Outcome, Violation, conflicts, ensure, exactly, run_checks, same};
use super::report::Report;
use super::samples::{
    at, change, create, entry, first_sign_in, session_id, tenant, tenant_named, update, user,
    user_id,
};

/// A store of users, records and the keys that they are encrypted with.
pub trait Vaulted: VaultStore + UserStore + LedgerStore {}
impl<S: VaultStore + UserStore + LedgerStore> Vaulted for S {}

/// Checks the contract of [`VaultStore`], and that of [`Change::adopt`] and [`Change::erase`];
/// `make` gives an empty store.
pub async fn vault<S, M, F>(make: M) -> Report
where
    S: Vaulted + 'static,
    M: Fn() -> F,
    F: Future<Output = S>,
{
    run_checks!(make: vault {
        a_key_comes_back_byte_for_byte,
        an_owner_has_one_key,
        of_two_keys_at_once_one_is_put,
        owners_are_told_apart,
        rewrapping_compares_and_sets,
        keys_of_older_wrapping_keys_are_found,
        a_private_part_needs_its_owners_key,
        an_erasure_deletes_keys_and_private_parts,
        an_erasure_leaves_others_alone,
        an_erasure_forgets_how_somebody_signed_in,
        a_change_that_conflicts_erases_nothing,
        nothing_is_filed_for_who_is_erased,
        an_account_adopts_a_walk,
        walks_are_found_by_their_age,
        scrubbing_keeps_what_was_not_erased,
    })
}

fn key_id(name: &str) -> Result<VaultKeyId, Violation> {
    VaultKeyId::new(name).map_err(|error| Violation(error.to_string()))
}

fn account(name: &str) -> VaultOwner {
    VaultOwner::Account(tenant(), user_id(name))
}

fn walk_id(name: &str) -> Result<CorrelationId, Violation> {
    CorrelationId::new(name).map_err(|error| Violation(error.to_string()))
}

fn walk(name: &str) -> Result<VaultOwner, Violation> {
    Ok(VaultOwner::Walk(tenant(), walk_id(name)?))
}

fn key(name: &str, owner: &VaultOwner, made_at: u64) -> Result<StoredVaultKey, Violation> {
    Ok(StoredVaultKey {
        id: key_id(name)?,
        owner: owner.clone(),
        made_at: at(made_at),
        wrapped: WrappedKey {
            wrapped_by: "host-1".to_owned(),
            bytes: (0..=255).collect(),
        },
    })
}

/// The entry of that number, with a private part.
fn filed(
    number: usize,
    owner: &VaultOwner,
    key: Option<&StoredVaultKey>,
    filed_at: Timestamp,
) -> Entry {
    let entry = entry(number);
    let private = Private {
        owner: owner.clone(),
        filed_at,
        key_id: key.map(|key| key.id.clone()),
        bytes: format!("private {number}").into_bytes(),
    };
    let (id, leaf, bytes) = (entry.id().clone(), entry.leaf(), entry.bytes().to_vec());
    Entry::from_parts(id, leaf, bytes, Some(private))
}

fn adding(entries: Vec<Entry>) -> Change {
    let mut change = change();
    change.entries = entries;
    change
}

fn erasing(owner: VaultOwner) -> Change {
    let mut change = change();
    change.erase.push(owner);
    change
}

fn erased(user: User) -> User {
    User {
        state: UserState::Erased,
        ..user
    }
}

/// The private part of the entry of that number, which has to be there.
async fn private<S: LedgerStore>(store: &S, number: usize) -> Result<Option<Private>, Violation> {
    let leaf = EntryQuery::Leaf(entry(number).leaf());
    match store.entry(&leaf).await? {
        Some(stored) => Ok(stored.entry.private().cloned()),
        None => Err(Violation(format!("the entry {number} is gone"))),
    }
}

pub(super) async fn a_key_comes_back_byte_for_byte<S: Vaulted>(store: Arc<S>) -> Outcome {
    let owner = account("u");
    same("no keys", &store.vault_keys_of(&owner).await?, &vec![])?;
    same("no key", &store.vault_key(&key_id("k")?).await?, &None)?;
    let key = key("k", &owner, 5)?;
    store.put_vault_key(&key).await?;
    same(
        "the key",
        &store.vault_key(&key.id).await?,
        &Some(key.clone()),
    )?;
    same(
        "its owner's keys",
        &store.vault_keys_of(&owner).await?,
        &vec![key],
    )
}

pub(super) async fn an_owner_has_one_key<S: Vaulted>(store: Arc<S>) -> Outcome {
    let first = key("k", &account("u"), 5)?;
    store.put_vault_key(&first).await?;
    let second = key("l", &account("u"), 6)?;
    conflicts("a second key", store.put_vault_key(&second).await)?;
    let same_id = key("k", &account("v"), 6)?;
    conflicts("an id that is taken", store.put_vault_key(&same_id).await)?;
    same(
        "the key",
        &store.vault_key(&first.id).await?,
        &Some(first.clone()),
    )
}

pub(super) async fn of_two_keys_at_once_one_is_put<S: Vaulted + 'static>(store: Arc<S>) -> Outcome {
    for round in 0..4_usize {
        let put = at_once(&store, 16, move |store, number| async move {
            let owner = account(&format!("user-{round}"));
            let key = key(&format!("key-{round}-{number}"), &owner, 5);
            match key {
                Ok(key) => store.put_vault_key(&key).await,
                Err(_) => Ok(()),
            }
        });
        exactly("the first key of an account", 1, put.await?)?;
        let owner = account(&format!("user-{round}"));
        let keys = store.vault_keys_of(&owner).await?;
        ensure!(keys.len() == 1, "an account has {} keys", keys.len());
    }
    Ok(())
}

pub(super) async fn owners_are_told_apart<S: Vaulted>(store: Arc<S>) -> Outcome {
    let owners = [
        account("same"),
        walk("same")?,
        VaultOwner::Account(tenant_named("other"), user_id("same")),
        VaultOwner::Walk(tenant_named("other"), walk_id("same")?),
    ];
    for (number, owner) in owners.iter().enumerate() {
        let key = key(&format!("k{number}"), owner, 5)?;
        store.put_vault_key(&key).await?;
    }
    for (number, owner) in owners.iter().enumerate() {
        let keys = store.vault_keys_of(owner).await?;
        let expected = key(&format!("k{number}"), owner, 5)?;
        same("an owner's keys", &keys, &vec![expected])?;
    }
    Ok(())
}

pub(super) async fn rewrapping_compares_and_sets<S: Vaulted>(store: Arc<S>) -> Outcome {
    let key = key("k", &account("u"), 5)?;
    store.put_vault_key(&key).await?;
    let anew = WrappedKey {
        wrapped_by: "host-2".to_owned(),
        bytes: b"anew".to_vec(),
    };
    let other = store.rewrap_vault_key(&key.id, "host-0", &anew).await;
    conflicts("a key that another has wrapped", other)?;
    let unknown = key_id("l")?;
    let missing = store.rewrap_vault_key(&unknown, "host-1", &anew);
    conflicts("a key that is not there", missing.await)?;
    store.rewrap_vault_key(&key.id, "host-1", &anew).await?;
    let expected = StoredVaultKey {
        wrapped: anew.clone(),
        ..key.clone()
    };
    same("the key", &store.vault_key(&key.id).await?, &Some(expected))?;
    let again = store.rewrap_vault_key(&key.id, "host-1", &anew).await;
    conflicts("a key that was wrapped anew", again)
}

pub(super) async fn keys_of_older_wrapping_keys_are_found<S: Vaulted>(store: Arc<S>) -> Outcome {
    let wrapped = ["host-1", "host-3", "host-2", "host-1", "host-2"];
    for (number, wrapped_by) in wrapped.iter().enumerate() {
        let mut key = key(&format!("k{number}"), &account(&format!("u{number}")), 5)?;
        (*wrapped_by).clone_into(&mut key.wrapped.wrapped_by);
        store.put_vault_key(&key).await?;
    }
    let most = NonZeroU32::MAX;
    let found = store.vault_keys_not_wrapped_by("host-2", most).await?;
    let found: Vec<String> = found.into_iter().map(|key| key.id.into()).collect();
    same(
        "keys that others have wrapped",
        &found,
        &["k0", "k1", "k3"].map(str::to_owned).into(),
    )?;
    let found = store
        .vault_keys_not_wrapped_by("host-2", NonZeroU32::MIN)
        .await?;
    ensure!(
        found.len() == 1,
        "{} keys where one was asked for",
        found.len()
    );
    Ok(())
}

pub(super) async fn a_private_part_needs_its_owners_key<S: Vaulted>(store: Arc<S>) -> Outcome {
    let (owner, other) = (account("u"), account("v"));
    let (mine, others) = (key("k", &owner, 5)?, key("l", &other, 5)?);
    let unknown = adding(vec![filed(1, &owner, Some(&mine), at(6))]);
    conflicts("a key that is not there", store.commit(&unknown).await)?;
    store.put_vault_key(&mine).await?;
    store.put_vault_key(&others).await?;
    let wrong = filed(1, &owner, Some(&others), at(6));
    conflicts(
        "another owner's key",
        store.commit(&adding(vec![wrong.clone()])).await,
    )?;
    conflicts("another owner's key", store.enqueue(&[wrong]).await)?;
    let right = filed(1, &owner, Some(&mine), at(6));
    store.commit(&adding(vec![right.clone()])).await?;
    same(
        "the private part",
        &private(&*store, 1).await?.as_ref(),
        &right.private(),
    )
}

pub(super) async fn an_erasure_deletes_keys_and_private_parts<S: Vaulted>(
    store: Arc<S>,
) -> Outcome {
    for owner in [account("u"), walk("w")?] {
        let number = if owner == account("u") { 2 } else { 0 };
        let key = key(&format!("k{number}"), &owner, 5)?;
        store.put_vault_key(&key).await?;
        let entries = vec![
            filed(number, &owner, Some(&key), at(6)),
            filed(number.saturating_add(1), &owner, None, at(6)),
        ];
        store.commit(&adding(entries)).await?;
        store.commit(&erasing(owner.clone())).await?;
        same(
            "the owner's keys",
            &store.vault_keys_of(&owner).await?,
            &vec![],
        )?;
        same("the key", &store.vault_key(&key.id).await?, &None)?;
        for number in [number, number.saturating_add(1)] {
            same("a private part", &private(&*store, number).await?, &None)?;
        }
    }
    Ok(())
}

pub(super) async fn an_erasure_leaves_others_alone<S: Vaulted>(store: Arc<S>) -> Outcome {
    let others = [
        account("v"),
        walk("u")?,
        VaultOwner::Account(tenant_named("other"), user_id("u")),
    ];
    for (number, owner) in others.iter().enumerate() {
        let key = key(&format!("k{number}"), owner, 5)?;
        store.put_vault_key(&key).await?;
        store
            .enqueue(&[filed(number, owner, Some(&key), at(6))])
            .await?;
    }
    store.commit(&erasing(account("u"))).await?;
    for (number, owner) in others.iter().enumerate() {
        let keys = store.vault_keys_of(owner).await?;
        ensure!(keys.len() == 1, "another owner's key was erased");
        let kept = private(&*store, number).await?;
        ensure!(kept.is_some(), "another owner's private part was erased");
    }
    Ok(())
}

pub(super) async fn an_erasure_forgets_how_somebody_signed_in<S: Vaulted>(
    store: Arc<S>,
) -> Outcome {
    for number in [1, 2] {
        let mut change = first_sign_in(number);
        for session in &mut change.open_sessions {
            session.session_index = Some("index".to_owned());
            session.authn_context = Some("context".to_owned());
            session.authn_instant = Some(at(2));
        }
        store.commit(&change).await?;
    }
    store.commit(&erasing(account("user-1"))).await?;
    for (number, is_kept) in [(1, false), (2, true)] {
        let id = session_id(&format!("session-{number}"));
        let Some(session) = store.session(&tenant(), &id).await? else {
            return Err(Violation("a session is gone".to_owned()));
        };
        let kept = [
            session.session_index.is_some(),
            session.authn_context.is_some(),
            session.authn_instant.is_some(),
        ];
        same("what a session keeps", &kept, &[is_kept; 3])?;
    }
    Ok(())
}

pub(super) async fn a_change_that_conflicts_erases_nothing<S: Vaulted>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    let owner = account("u");
    let key = key("k", &owner, 5)?;
    store.put_vault_key(&key).await?;
    store
        .enqueue(&[filed(1, &owner, Some(&key), at(6))])
        .await?;
    let mut change = update(user("u"), 7);
    change.erase.push(owner.clone());
    conflicts("another version", store.commit(&change).await)?;
    let mut change = erasing(owner.clone());
    change.entries.push(entry(1));
    conflicts("an entry that is there", store.commit(&change).await)?;
    same(
        "the owner's keys",
        &store.vault_keys_of(&owner).await?,
        &vec![key],
    )?;
    let kept = private(&*store, 1).await?;
    ensure!(
        kept.is_some(),
        "a change that conflicts has erased a private part"
    );
    Ok(())
}

pub(super) async fn nothing_is_filed_for_who_is_erased<S: Vaulted>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    let owner = account("u");
    // In the very change that erases, too.
    let mut change = update(erased(user("u")), 1);
    change.erase.push(owner.clone());
    change.entries.push(filed(1, &owner, None, at(6)));
    conflicts(
        "a private part along with the erasure",
        store.commit(&change).await,
    )?;
    change.entries = vec![entry(2)];
    store.commit(&change).await?;
    let late = filed(1, &owner, None, at(6));
    conflicts(
        "a private part",
        store.commit(&adding(vec![late.clone()])).await,
    )?;
    conflicts("a private part", store.enqueue(&[late]).await)?;
    conflicts("a key", store.put_vault_key(&key("k", &owner, 7)?).await)?;
    let mut adopting = super::samples::change();
    adopting.adopt.push((walk_id("w")?, user_id("u")));
    conflicts("a walk", store.commit(&adopting).await)?;
    // What is no private part is recorded as ever.
    Ok(store.enqueue(&[entry(3)]).await?)
}

pub(super) async fn an_account_adopts_a_walk<S: Vaulted>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    let (walk, other) = (walk("w")?, walk("x")?);
    let (adopted, kept) = (key("k", &walk, 5)?, key("l", &other, 5)?);
    store.put_vault_key(&adopted).await?;
    store.put_vault_key(&kept).await?;
    let entries = [
        filed(1, &walk, Some(&adopted), at(6)),
        filed(2, &other, Some(&kept), at(6)),
    ];
    store.enqueue(&entries).await?;
    let mut change = change();
    change.adopt.push((walk_id("w")?, user_id("u")));
    change.adopt.push((walk_id("nobody")?, user_id("u")));
    store.commit(&change).await?;
    same(
        "the walk's keys",
        &store.vault_keys_of(&walk).await?,
        &vec![],
    )?;
    let expected = StoredVaultKey {
        owner: account("u"),
        ..adopted
    };
    same(
        "the account's keys",
        &store.vault_keys_of(&account("u")).await?,
        &vec![expected],
    )?;
    let owner = private(&*store, 1).await?.map(|private| private.owner);
    same("the owner", &owner, &Some(account("u")))?;
    let owner = private(&*store, 2).await?.map(|private| private.owner);
    same("another walk's owner", &owner, &Some(other))?;
    store.commit(&erasing(account("u"))).await?;
    same("what was adopted", &private(&*store, 1).await?, &None)
}

pub(super) async fn walks_are_found_by_their_age<S: Vaulted>(store: Arc<S>) -> Outcome {
    let query = |before, limit| UnclaimedQuery {
        tenant: tenant(),
        filed_before: at(before),
        limit,
    };
    // One by its key, one by a private part, one whose last is younger, and an account.
    let (by_key, by_part, growing) = (walk("a")?, walk("b")?, walk("c")?);
    store.put_vault_key(&key("k", &by_key, 10)?).await?;
    let entries = [
        filed(1, &by_part, None, at(20)),
        filed(2, &growing, None, at(10)),
        filed(3, &growing, None, at(30)),
        filed(4, &account("u"), None, at(1)),
        filed(
            5,
            &VaultOwner::Walk(tenant_named("other"), walk_id("d")?),
            None,
            at(1),
        ),
    ];
    store.enqueue(&entries).await?;
    for (before, expected) in [
        (10, vec![]),
        (11, vec!["a"]),
        (20, vec!["a"]),
        (21, vec!["a", "b"]),
        (30, vec!["a", "b"]),
        (31, vec!["a", "b", "c"]),
    ] {
        let found = store
            .unclaimed_walks(&query(before, NonZeroU32::MAX))
            .await?;
        let found: Vec<&str> = found.iter().map(CorrelationId::as_str).collect();
        same(
            &format!("the walks before second {before}"),
            &found,
            &expected,
        )?;
    }
    let found = store.unclaimed_walks(&query(31, NonZeroU32::MIN)).await?;
    ensure!(
        found.len() == 1,
        "{} walks where one was asked for",
        found.len()
    );
    Ok(())
}

pub(super) async fn scrubbing_keeps_what_was_not_erased<S: Vaulted>(store: Arc<S>) -> Outcome {
    store.scrub().await?;
    let (owner, other) = (account("u"), account("v"));
    for (number, owner) in [(1, &owner), (2, &other)] {
        let key = key(&format!("k{number}"), owner, 5)?;
        store.put_vault_key(&key).await?;
        store
            .enqueue(&[filed(number, owner, Some(&key), at(6))])
            .await?;
    }
    store.commit(&erasing(owner)).await?;
    for _ in 0..2 {
        store.scrub().await?;
        let keys = store.vault_keys_of(&other).await?;
        ensure!(keys.len() == 1, "a key that was not erased is gone");
        let kept = private(&*store, 2).await?;
        ensure!(kept.is_some(), "a private part that was not erased is gone");
        same("what was erased", &private(&*store, 1).await?, &None)?;
    }
    Ok(store.enqueue(&[entry(3)]).await?)
}
