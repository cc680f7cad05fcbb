//! Consents to electronic records.

use std::sync::Arc;

use countersign_core::{ConsentId, Sha256Digest};
use countersign_provision::store::{Change, ConsentRecord, UserWrite};

use super::check::{Outcome, Violation, conflicts, same};
use super::samples::{at, change, create, entry, pattern, tenant_named, user, user_id};
use super::user_accounts::version_of;
use super::user_store::Accounts;

fn consent_id(id: &str) -> Result<ConsentId, Violation> {
    ConsentId::new(id).map_err(|error| Violation(error.to_string()))
}

fn consent(id: &str, user: &str) -> Result<ConsentRecord, Violation> {
    Ok(ConsentRecord {
        id: consent_id(id)?,
        user: user_id(user),
        scope: vec![pattern("nda/*"), pattern("hr/\u{e9}")],
        disclosure_sha256: Sha256Digest::from_bytes([0xfe; 32]),
        disclosure_version: " 2026-01 \u{e9}".to_owned(),
        given_at: at(5),
        entry: entry(5).leaf(),
    })
}

fn give(consents: Vec<ConsentRecord>) -> Change {
    let mut change = change();
    change.put_consents = consents;
    change
}

/// As a withdrawal does it: of an account that is expected to be as it was read.
fn withdraw(id: &str, user: &str, version: u64) -> Result<Change, Violation> {
    let mut change = change();
    change.users.push(UserWrite::Expect {
        user: user_id(user),
        version,
    });
    change.withdraw_consents.push(consent_id(id)?);
    Ok(change)
}

async fn of<S: Accounts>(store: &S, user: &str) -> Result<Vec<ConsentRecord>, Violation> {
    Ok(store
        .consents(&super::samples::tenant(), &user_id(user))
        .await?)
}

pub(super) async fn a_consent_comes_back_as_it_was_given<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    store.commit(&create(user("v"))).await?;
    same("nobody's consents", &of(&*store, "u").await?, &Vec::new())?;
    let given = vec![consent("b", "u")?, consent("c", "v")?, consent("a", "u")?];
    store.commit(&give(given)).await?;
    let mine = vec![consent("a", "u")?, consent("b", "u")?];
    same(
        "the consents of an account",
        &of(&*store, "u").await?,
        &mine,
    )?;
    let elsewhere = store
        .consents(&tenant_named("other"), &user_id("u"))
        .await?;
    same("the consents of another tenant", &elsewhere, &Vec::new())
}

pub(super) async fn a_consent_is_given_once<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    store.commit(&give(vec![consent("a", "u")?])).await?;
    let again = give(vec![consent("a", "u")?]);
    conflicts("a consent whose id is taken", store.commit(&again).await)?;
    let twice = give(vec![consent("b", "u")?, consent("b", "u")?]);
    conflicts("a consent that is there twice", store.commit(&twice).await)?;
    let nobody = give(vec![consent("d", "nobody")?]);
    conflicts("a consent of nobody", store.commit(&nobody).await)
}

pub(super) async fn a_consent_is_withdrawn_once<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    store
        .commit(&give(vec![consent("a", "u")?, consent("b", "u")?]))
        .await?;
    let version = version_of(&*store, "u").await?;
    store.commit(&withdraw("a", "u", version)?).await?;
    let left = vec![consent("b", "u")?];
    same("what was not withdrawn", &of(&*store, "u").await?, &left)?;
    let version = version_of(&*store, "u").await?;
    let again = withdraw("a", "u", version)?;
    conflicts("a second withdrawal", store.commit(&again).await)?;
    // Given and withdrawn once more, under an id that is free again.
    store.commit(&give(vec![consent("a", "u")?])).await?;
    let version = version_of(&*store, "u").await?;
    store.commit(&withdraw("a", "u", version)?).await?;
    same("what is left", &of(&*store, "u").await?, &left)
}

/// A signing expects the version that it read together with the consent that it rests on.
pub(super) async fn touching_consents_moves_the_version_on<S: Accounts>(store: Arc<S>) -> Outcome {
    store.commit(&create(user("u"))).await?;
    store.commit(&give(vec![consent("a", "u")?])).await?;
    same(
        "the version after a consent",
        &version_of(&*store, "u").await?,
        &2,
    )?;
    let withdrawal = withdraw("a", "u", 2)?;
    store.commit(&withdrawal).await?;
    same(
        "the version after it was withdrawn",
        &version_of(&*store, "u").await?,
        &3,
    )?;
    let mut signing = change();
    signing.users.push(UserWrite::Expect {
        user: user_id("u"),
        version: 2,
    });
    conflicts(
        "a signing that read it before",
        store.commit(&signing).await,
    )
}
