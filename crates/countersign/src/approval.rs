//! Accounts that wait for an administrator's approval: `create.mode = "approve"`.
//!
//! The person's first sign-in makes the account, linked to the person, without a role and without
//! a session. It takes a seat from then on. Once approved, the next sign-in is like any other, and
//! gives the roles; a declined account gives its seat up and stays as a tombstone: whoever was
//! declined does not come back as somebody new.

use std::num::NonZeroU32;

use countersign_audit::account::UserProvisioned;
use countersign_audit::approval::{UserApproved, UserDeclined};
use countersign_audit::assertion::AssertionVerified;
use countersign_audit::kind::RecordBody;
use countersign_audit::leaf::Leaf;
use countersign_audit::record::Recorded;
use countersign_audit::seal::{Correlation, Draft};
use countersign_audit::vault::Filing;
use countersign_core::{Facts, LeafHash, TenantId, UserId};
use countersign_provision::lifecycle::{Mover, Transition};
use countersign_provision::plan::{LinkPlan, Queued};
use countersign_provision::store::{Change, Link, Snapshot, UserQuery, UserWrite};
use countersign_provision::user::{User, UserState};

use crate::arrival::{Arrival, Concluding};
use crate::engine::{Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::filing::Notes;
use crate::new_account::NewAccount;

impl Engine {
    /// The accounts that wait for approval, in the order of their ids: those after `after`, at
    /// most `limit`. A page that is not full is the last.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn pending_approvals(
        &self,
        tenant: &TenantId,
        after: Option<&UserId>,
        limit: NonZeroU32,
    ) -> Result<Vec<User>, EngineError> {
        let query = UserQuery {
            tenant: tenant.clone(),
            states: [UserState::PendingApproval].into(),
            after: after.cloned(),
            limit,
        };
        let accounts = self.shared.users.users(&query).await?;
        Ok(accounts.into_iter().map(|account| account.user).collect())
    }

    /// Approves an account that waits for it, in the name of the administrator `by`, and returns
    /// the `user.approved` record. The person comes in at the next sign-in.
    ///
    /// # Errors
    /// [`EngineError::NotAwaitingApproval`] if there is no such account or it does not wait, also
    /// because somebody else was faster; [`EngineError::Misuse`] if the administrator is the
    /// person who waits; or if the store fails.
    pub async fn approve(
        &self,
        tenant: &TenantId,
        user: &UserId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        let state = UserState::Active;
        let notes = Notes::of_account(note);
        self.settle(tenant, user, (by, notes), state, |provisioned| {
            let body = UserApproved {
                state: state.name().to_owned(),
            };
            body.draft(user.clone(), by.clone(), note, provisioned)
        })
        .await
    }

    /// Declines an account that waits for approval, in the name of the administrator `by`, and
    /// returns the `user.declined` record. The account stays as a tombstone, without a seat.
    ///
    /// # Errors
    /// As [`approve`](Self::approve).
    pub async fn decline_account(
        &self,
        tenant: &TenantId,
        user: &UserId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        let state = UserState::Deprovisioned;
        let notes = Notes::of_account(note);
        self.settle(tenant, user, (by, notes), state, |provisioned| {
            let body = UserDeclined {
                state: state.name().to_owned(),
            };
            body.draft(user.clone(), by.clone(), note, provisioned)
        })
        .await
    }

    /// Takes an account out of the queue.
    async fn settle<K: RecordBody>(
        &self,
        tenant: &TenantId,
        user: &UserId,
        (by, notes): (&UserId, Notes),
        state: UserState,
        draft: impl Fn(Leaf<UserProvisioned>) -> Draft<K>,
    ) -> Result<LeafHash, EngineError> {
        if user == by {
            return Err(EngineError::Misuse {
                what: "an administrator who decides about the own account",
            });
        }
        for _ in 0..MOST_ATTEMPTS {
            let now = self.shared.clock.now();
            let account = self.shared.users.user(tenant, user).await?;
            let waiting = account
                .map(|account| account.user)
                .filter(|user| user.state == UserState::PendingApproval)
                .and_then(|user| Some((user.entry?, user)));
            let Some((entry, waiting)) = waiting else {
                return Err(EngineError::NotAwaitingApproval);
            };
            let step = Transition::new(waiting.state, state, Mover::Administrator);
            let step = step.map_err(|_| EngineError::NotAwaitingApproval)?;
            let provisioned: Recorded<UserProvisioned> = self.recorded(entry).await?;
            let walk = Correlation::resume(&provisioned).under_policy(self.policy().hash());
            let mut walk = self.filed_for(walk, user, notes).await?;
            let sealed = self.seal(&mut walk, draft(provisioned.leaf()), now)?;
            let leaf = sealed.leaf().hash();
            let mut change = Change::new(tenant.clone());
            change.users.push(UserWrite::Update {
                user: step.apply(&waiting, now, Some(leaf)),
                expected_version: waiting.version,
            });
            change.entries.push(sealed.into_parts().0);
            if self.commits(&change).await? {
                return Ok(leaf);
            }
        }
        Err(too_many_conflicts())
    }

    /// The account that waits for approval as one change: account, link and records. Returns the
    /// `user.provisioned` record with it.
    pub(crate) fn queue(
        &self,
        arrival: &Arrival<'_>,
        facts: &Facts,
        snapshot: &Snapshot,
        queued: &Queued,
        (id, filing): (UserId, Filing),
    ) -> Result<(Concluding, LeafHash), EngineError> {
        let mut walk = arrival.walk().filed(filing);
        let mut change = arrival.admitting_change(&id, snapshot);
        change.seat_cap = queued.seat_cap;
        change.unique_email = queued.unique_email;

        let draft = AssertionVerified::draft(arrival.id.clone(), &arrival.identity);
        let (entry, assertion) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        change.entries.push(entry);
        let made = NewAccount {
            arrival,
            facts,
            new: &queued.user,
            state: UserState::PendingApproval,
            reasons: &queued.reasons,
        };
        let mut draft = made.draft(&id, assertion.leaf());
        if let Some(used) = arrival.invitation_used(&id, assertion.leaf()) {
            let (entry, used) = self.seal(&mut walk, used, arrival.now)?.into_parts();
            change.entries.push(entry);
            draft = draft.by_invitation(used.leaf());
        }
        let (entry, provisioned) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        change.entries.push(entry);

        let leaf = provisioned.leaf().hash();
        change.users.push(UserWrite::Create(made.user(&id, leaf)));
        if let LinkPlan::Move { from, version } = &queued.link {
            change.users.push(UserWrite::Expect {
                user: from.clone(),
                version: *version,
            });
            change.remove_links.push(facts.subject.clone());
        }
        change.links.push(Link {
            subject: facts.subject.clone(),
            user: id,
            connection: arrival.id.clone(),
            linked_at: arrival.now,
            entry: leaf,
        });
        Ok((change, leaf))
    }
}
