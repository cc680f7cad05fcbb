//! Access reviews: who has which role and why, as a table that somebody fills in, and what its
//! answers do.
//!
//! Each row carries a hash of what its reader was shown. An answer to something that is not there
//! any more, or not like that, is refused with its line; of one account all answers are taken or
//! none.

use std::collections::{BTreeMap, BTreeSet};

use countersign_audit::leaf::Leaf;
use countersign_audit::review::{AccessReviewed, ReviewOutcome};
use countersign_audit::role::RoleGranted;
use countersign_core::{
    Grant, GrantId, GrantOwner, RoleName, Sha256Digest, TenantId, Timestamp, UserId,
};
use countersign_provision::Policy;
use countersign_provision::store::UserWithGrants;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::account::AccountError;
use crate::account_step::{AccountStep, By, is_synced};
use crate::ceremony::sha256;
use crate::engine::{Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::filing::Notes;
use crate::identifier::{self, random};

pub mod file;

/// One live grant, for somebody who is asked whether it is still right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewRow {
    /// The account.
    pub user: UserId,
    /// Its display name, or given and family name.
    pub name: String,
    /// Its e-mail address.
    pub email: String,
    /// Where it is in its life.
    pub state: String,
    /// When its last session was opened.
    pub last_sign_in_at: Option<Timestamp>,
    /// The grant.
    pub grant: GrantId,
    /// The role.
    pub role: RoleName,
    /// What it allows, within the grant's scope.
    pub allows: String,
    /// Who gave it: `jit:CONNECTION`, `default:CONNECTION`, `manual`, `temporary`, `scim`.
    pub owner: String,
    /// The rule that gave it.
    pub rule: String,
    /// Since when the account has it.
    pub since: Timestamp,
    /// From this instant on it does not exist.
    pub expires_at: Option<Timestamp>,
    /// SHA-256 of what is shown here and does not change by signing in.
    pub reviewed_sha256: Sha256Digest,
    /// To be filled in: `certify` or `revoke`; whoever leaves it empty says nothing.
    #[serde(default)]
    pub decision: String,
    /// To be filled in, if there is something to say.
    #[serde(default)]
    pub note: String,
}

/// What the hash of a row is over, as JSON in this order.
#[derive(Serialize)]
struct Reviewed<'a> {
    tenant: &'a TenantId,
    user: &'a UserId,
    state: &'a str,
    grant: &'a GrantId,
    role: &'a RoleName,
    allows: &'a str,
    owner: &'a str,
    rule: &'a str,
    since: Timestamp,
    ends: bool,
    /// Where an administrator said when; a sync moves the end at each sign-in.
    until: Option<Timestamp>,
}

/// The rows of an account: its grants that are live at `now`, by role.
#[must_use]
pub fn review_rows(policy: &Policy, account: &UserWithGrants, now: Timestamp) -> Vec<ReviewRow> {
    let live = account.grants.iter().filter(|grant| grant.is_live(now));
    let mut rows: Vec<ReviewRow> = live.map(|grant| row(policy, account, grant)).collect();
    rows.sort_by(|a, b| (&a.role, &a.grant).cmp(&(&b.role, &b.grant)));
    rows
}

fn row(policy: &Policy, account: &UserWithGrants, grant: &Grant) -> ReviewRow {
    let user = &account.user;
    let role = policy.catalog().role(&grant.role);
    let allows = role.map(|role| role.permissions_within(&grant.scope));
    let allows: Vec<String> = allows.iter().flatten().map(ToString::to_string).collect();
    let names = [&user.given_name, &user.family_name];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    let rule = grant.rule.as_ref().map(ToString::to_string);
    let name = user.display_name.clone();
    let email = user.email.as_ref().map(ToString::to_string);
    let mut row = ReviewRow {
        user: user.id.clone(),
        name: name.unwrap_or_else(|| names.join(" ")),
        email: email.unwrap_or_default(),
        state: user.state.name().to_owned(),
        last_sign_in_at: user.last_sign_in_at,
        grant: grant.id.clone(),
        role: grant.role.clone(),
        since: grant.first_given_at,
        expires_at: grant.expires_at,
        allows: allows.join("; "),
        owner: owner(&grant.owner),
        rule: rule.unwrap_or_default(),
        reviewed_sha256: Sha256Digest::from_bytes([0; 32]),
        decision: String::new(),
        note: String::new(),
    };
    row.reviewed_sha256 = row.hash(&user.tenant);
    row
}

impl ReviewRow {
    /// The hash of what the row shows of a grant in this tenant.
    fn hash(&self, tenant: &TenantId) -> Sha256Digest {
        let reviewed = Reviewed {
            tenant,
            user: &self.user,
            state: &self.state,
            grant: &self.grant,
            role: &self.role,
            allows: &self.allows,
            owner: &self.owner,
            rule: &self.rule,
            since: self.since,
            ends: self.expires_at.is_some(),
            until: self
                .expires_at
                .filter(|_| self.owner == GrantOwner::Temporary.name()),
        };
        // Texts, an instant and a truth value can be written as JSON.
        sha256(&serde_json::to_vec(&reviewed).unwrap_or_default())
    }
}

fn owner(owner: &GrantOwner) -> String {
    match owner.connection() {
        Some(connection) => format!("{}:{connection}", owner.name()),
        None => owner.name().to_owned(),
    }
}

/// What somebody said of one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewAnswer {
    /// Where it stands in the file that it came from.
    pub line: u64,
    /// The account.
    pub user: UserId,
    /// The grant.
    pub grant: GrantId,
    /// What was reviewed.
    pub reviewed_sha256: Sha256Digest,
    /// What was said.
    pub outcome: ReviewOutcome,
    /// In whose words.
    pub note: Option<String>,
}

/// Why the answers about an account were not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerRefusal {
    /// There is no such account, or it has no such live grant.
    #[error("the grant is not there any more")]
    Gone,
    /// The grant, its role or its account is not as it was shown.
    #[error("the grant is not as it was when it was reviewed")]
    Changed,
    /// The grant is answered for twice.
    #[error("the grant is answered for twice")]
    Twice,
    /// One grant of a role is certified, and another revoked: revoking bars the account from the
    /// role, whatever rule gives it.
    #[error("the role `{0}` is certified by one answer and revoked by another")]
    Contradicts(RoleName),
    /// Nobody reviews the own access.
    #[error("nobody reviews the own access")]
    OwnAccess,
    /// Nobody else in the tenant holds the role, and it must not be without it.
    #[error("nobody else holds the role `{0}`, which must not be without a holder")]
    LastHolder(RoleName),
}

impl AnswerRefusal {
    /// A stable code for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gone => "review.gone",
            Self::Changed => "review.changed",
            Self::Twice => "review.twice",
            Self::Contradicts(_) => "review.contradicts",
            Self::OwnAccess => "review.own_access",
            Self::LastHolder(_) => "review.last_holder",
        }
    }
}

/// Answers about an account that were not taken, none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedAnswers {
    /// The account.
    pub user: UserId,
    /// The line of the answer that does not fit.
    pub line: u64,
    /// Why.
    pub reason: AnswerRefusal,
}

/// What became of a review's answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReviewReport {
    /// How many grants were certified.
    pub certified: u64,
    /// How many grants were revoked.
    pub revoked: u64,
    /// Accounts whose answers were not taken.
    pub refused: Vec<RefusedAnswers>,
}

impl Engine {
    /// Does what a review says, in the name of the reviewer `by`: each answer is an
    /// `access.reviewed` record, and what is revoked is taken as [`Engine::revoke`] does. The
    /// answers about one account are one transaction: one that does not fit refuses them all.
    ///
    /// # Errors
    /// If the store fails; what was done until then stays done, and answering again is refused
    /// for what was revoked and does no harm for what was certified.
    pub async fn apply_review(
        &self,
        tenant: &TenantId,
        answers: &[ReviewAnswer],
        by: &UserId,
    ) -> Result<ReviewReport, EngineError> {
        let mut by_account: BTreeMap<&UserId, Vec<&ReviewAnswer>> = BTreeMap::new();
        for answer in answers {
            by_account.entry(&answer.user).or_default().push(answer);
        }
        let mut report = ReviewReport::default();
        for (user, answers) in by_account {
            match self.review_account(tenant, user, &answers, by).await? {
                Ok(()) => {
                    let is = |outcome| answers.iter().filter(move |a| a.outcome == outcome);
                    let count = |outcome| u64::try_from(is(outcome).count()).unwrap_or(u64::MAX);
                    let certified = count(ReviewOutcome::Certified);
                    report.certified = report.certified.saturating_add(certified);
                    let revoked = count(ReviewOutcome::Revoked);
                    report.revoked = report.revoked.saturating_add(revoked);
                }
                Err((line, reason)) => report.refused.push(RefusedAnswers {
                    user: user.clone(),
                    line,
                    reason,
                }),
            }
        }
        Ok(report)
    }

    async fn review_account(
        &self,
        tenant: &TenantId,
        user: &UserId,
        answers: &[&ReviewAnswer],
        by: &UserId,
    ) -> Result<Result<(), (u64, AnswerRefusal)>, EngineError> {
        for _ in 0..MOST_ATTEMPTS {
            let account = self.shared.users.user(tenant, user).await?;
            let first = answers.first().map_or(0, |answer| answer.line);
            let Some(account) = account else {
                return Ok(Err((first, AnswerRefusal::Gone)));
            };
            if user == by {
                return Ok(Err((first, AnswerRefusal::OwnAccess)));
            }
            let has_note = answers.iter().find_map(|answer| answer.note.as_deref());
            let notes = Notes::of_account(has_note);
            let mut step = self.read_step(account, notes).await?;
            if let Err(refusal) = check(self.policy(), &step, answers) {
                return Ok(Err(refusal));
            }
            for answer in answers {
                let bar = identifier::grant(step.now, random(&*self.shared.entropy)?)?;
                match step.review(answer, bar, by) {
                    Ok(()) => {}
                    Err(EngineError::Account(AccountError::LastHolder { role })) => {
                        return Ok(Err((answer.line, AnswerRefusal::LastHolder(role))));
                    }
                    Err(error) => return Err(error),
                }
            }
            if self.commits(&step.into_change()).await? {
                return Ok(Ok(()));
            }
        }
        Err(too_many_conflicts())
    }
}

/// Whether all answers fit what is there.
fn check(
    policy: &Policy,
    step: &AccountStep<'_>,
    answers: &[&ReviewAnswer],
) -> Result<(), (u64, AnswerRefusal)> {
    let mut seen = BTreeSet::new();
    let mut said: BTreeMap<&RoleName, ReviewOutcome> = BTreeMap::new();
    for answer in answers {
        let refuse = |reason| Err((answer.line, reason));
        let mut live = step.account.grants.iter().filter(|g| g.is_live(step.now));
        let Some(grant) = live.find(|grant| grant.id == answer.grant) else {
            return refuse(AnswerRefusal::Gone);
        };
        if row(policy, &step.account, grant).reviewed_sha256 != answer.reviewed_sha256 {
            return refuse(AnswerRefusal::Changed);
        }
        if !seen.insert(&answer.grant) {
            return refuse(AnswerRefusal::Twice);
        }
        if is_synced(&grant.owner) {
            let before = said.insert(&grant.role, answer.outcome);
            if before.is_some_and(|before| before != answer.outcome) {
                return refuse(AnswerRefusal::Contradicts(grant.role.clone()));
            }
        }
    }
    Ok(())
}

impl AccountStep<'_> {
    /// Records an answer, and does what it says. A grant that went with another of its role is
    /// recorded all the same.
    fn review(
        &mut self,
        answer: &ReviewAnswer,
        bar: GrantId,
        by: &UserId,
    ) -> Result<(), EngineError> {
        let mut rows = self.as_read.iter();
        let grant = rows.find(|grant| grant.id == answer.grant).cloned();
        let grant = grant.ok_or_else(|| AccountError::UnknownGrant(answer.grant.clone()))?;
        let body = AccessReviewed {
            grant: grant.id.clone(),
            role: grant.role.clone(),
            outcome: answer.outcome,
            reviewed_sha256: answer.reviewed_sha256,
        };
        let note = answer.note.as_deref();
        let granted = Leaf::<RoleGranted>::from_store(grant.entry);
        let draft = body.draft(grant.user.clone(), by.clone(), note, granted);
        let record = self.seal(draft)?;
        let is_there = self.account.grants.iter().any(|row| row.id == grant.id);
        if answer.outcome == ReviewOutcome::Revoked && is_there {
            let by = By::administrator(by, note);
            self.take_away(&grant.id, bar, Some(record.into()), by)?;
        }
        Ok(())
    }
}
