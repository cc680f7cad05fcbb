//! The steps of an account's life that administrators take: out of use and back, legal holds,
//! erasure.
//!
//! Each is one transaction with its records, in the name of an administrator whom the host
//! vouches for. What they say of it is committed to and never written into a record. Their id is
//! written, and no erasure reaches it: it should be one that names nobody, and not an address.

use countersign_audit::leaf::Leaf;
use countersign_audit::lifecycle::{HoldPlaced, HoldReleased};
use countersign_core::{GrantId, LeafHash, RoleName, TenantId, UserId};
use countersign_provision::lifecycle::{EraseRefusal, Mover, RefusedTransition, Transition};
use countersign_provision::user::UserState;
use thiserror::Error;

use crate::account_step::{ADMINISTRATOR, AccountStep, By};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filing::Notes;

/// Why an account can not be changed like this. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The tenant has no such account.
    #[error("there is no account `{0}`")]
    Unknown(UserId),
    /// Nothing leads from the account's state to the one that was asked for.
    #[error("{0}")]
    Transition(#[from] RefusedTransition),
    /// The account waits for approval: it is approved or declined, and nothing else puts it into
    /// use.
    #[error("the account waits for approval")]
    AwaitsApproval,
    /// Nobody else in the tenant holds the role, and it must not be without it.
    #[error("nobody else holds the role `{role}`, which must not be without a holder")]
    LastHolder {
        /// The role.
        role: RoleName,
    },
    /// The account would come back to a full house.
    #[error("every seat is taken")]
    SeatsTaken,
    /// The account's address was given to another one meanwhile.
    #[error("the account's e-mail address belongs to another account by now")]
    EmailTaken,
    /// A legal hold is on the account already.
    #[error("a legal hold is on the account already")]
    HeldAlready,
    /// No legal hold is on the account.
    #[error("no legal hold is on the account")]
    NotHeld,
    /// The account may not be erased now.
    #[error("{0}")]
    Erase(EraseRefusal),
    /// The account is erased: there is nothing left of it.
    #[error("the account is erased")]
    Erased,
    /// Roles are given to accounts that may be used, or were made ahead.
    #[error("the account is out of use")]
    OutOfUse,
    /// The policy has no such role.
    #[error("there is no role `{0}`")]
    UnknownRole(RoleName),
    /// The account has no such grant.
    #[error("the account has no grant `{0}`")]
    UnknownGrant(GrantId),
    /// The grant would be over before it began.
    #[error("the grant would end before it began")]
    EndsBeforeItBegins,
    /// Separation of duty: nobody may hold both.
    #[error("nobody may hold `{role}` who holds `{held}`")]
    Exclusive {
        /// The role that was to be given.
        role: RoleName,
        /// The role that the account holds.
        held: RoleName,
    },
    /// The account has no record that a grant could rest on: the application made it, and nobody
    /// has signed in to it yet.
    #[error("the account has no record that a grant could rest on")]
    NoRecord,
}

impl AccountError {
    /// A stable code for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "account.unknown",
            Self::Transition(_) => "account.transition",
            Self::AwaitsApproval => "account.awaits_approval",
            Self::LastHolder { .. } => "account.last_holder",
            Self::SeatsTaken => "account.seats_taken",
            Self::EmailTaken => "account.email_taken",
            Self::HeldAlready => "account.held_already",
            Self::NotHeld => "account.not_held",
            Self::Erase(EraseRefusal::OnHold) => "account.on_hold",
            Self::Erase(EraseRefusal::Retained { .. }) => "account.retained",
            Self::Erase(_) => "account.transition",
            Self::Erased => "account.erased",
            Self::OutOfUse => "account.out_of_use",
            Self::UnknownRole(_) => "account.unknown_role",
            Self::UnknownGrant(_) => "account.unknown_grant",
            Self::EndsBeforeItBegins => "account.ends_before_it_begins",
            Self::Exclusive { .. } => "account.exclusive",
            Self::NoRecord => "account.no_record",
        }
    }
}

/// Nobody decides about the own account.
pub(crate) fn check_not_oneself(user: &UserId, by: &UserId) -> Result<(), EngineError> {
    if user == by {
        return Err(EngineError::Misuse {
            what: "an administrator who decides about the own account",
        });
    }
    Ok(())
}

impl Engine {
    /// Takes an account out of use: its sessions end, its roles stay and allow nothing. It comes
    /// back by [`reactivate`](Self::reactivate) and by nothing else.
    ///
    /// # Errors
    /// [`AccountError::Unknown`]; [`AccountError::Transition`] if it is out of use already;
    /// [`AccountError::LastHolder`]; or if the store fails.
    pub async fn suspend(
        &self,
        tenant: &TenantId,
        user: &UserId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        self.move_account(tenant, user, UserState::Suspended, by, note)
            .await
    }

    /// Takes an account back into use. A deprovisioned one has lost its roles: the next sign-in
    /// gives those of the rules.
    ///
    /// # Errors
    /// [`AccountError::Unknown`]; [`AccountError::Transition`] if it is in use or was never used;
    /// [`AccountError::AwaitsApproval`]; [`AccountError::SeatsTaken`] or [`AccountError::EmailTaken`] for one
    /// that had given them up; [`EngineError::Misuse`] if it is the administrator's own; or if
    /// the store fails.
    pub async fn reactivate(
        &self,
        tenant: &TenantId,
        user: &UserId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        check_not_oneself(user, by)?;
        self.move_account(tenant, user, UserState::Active, by, note)
            .await
    }

    /// Removes an account's access for good, and keeps its evidence: every live grant and open
    /// session ends with a record. Its links stay as tombstones: its subjects are refused, and
    /// never become somebody new.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    pub async fn deprovision(
        &self,
        tenant: &TenantId,
        user: &UserId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        self.move_account(tenant, user, UserState::Deprovisioned, by, note)
            .await
    }

    /// Erases everything personal of a deprovisioned account, and returns the `subject.erased`
    /// record: the fields of its row, its links, what its sessions keep of how somebody signed in,
    /// its vault keys, and the private parts of its records, encrypted or not. From then on nobody
    /// knows whom it belonged to, and its subject may become somebody new. Every record and proof
    /// stays as it is, and verifies.
    ///
    /// All of it is one transaction with its record; then the store removes what is left in its
    /// files. If that is held back, [`EngineError::ErasurePending`] says so: the account is erased,
    /// and calling this again, or a [sweep](Self::sweep), finishes it. For an account that is
    /// erased already it does nothing else, and returns the record of then.
    ///
    /// What it can not reach: backups, logs of the host, and bundles that were exported. And what
    /// is filed under no account, such as an invitation that the person never used: a sweep erases
    /// that by its age.
    ///
    /// `note` is kept like what belongs to no account, and erased by its age: do not name the person
    /// in it.
    ///
    /// # Errors
    /// [`AccountError::Erase`] if it was not deprovisioned, a legal hold is on it, or it has to
    /// be kept for longer; [`AccountError::Unknown`]; [`EngineError::Misuse`] if it is the
    /// administrator's own; [`EngineError::ErasurePending`]; or if the store fails.
    pub async fn erase_account(
        &self,
        tenant: &TenantId,
        user: &UserId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        check_not_oneself(user, by)?;
        let by = By::administrator(by, note);
        let notes = note.map_or(Notes::None, |_| Notes::OfWalk);
        let entry = self
            .step_account(tenant, user, notes, |step| {
                if let (UserState::Erased, Some(entry)) =
                    (step.user().state, step.user().state_entry)
                {
                    return Ok(entry);
                }
                let lifecycle = self.policy().lifecycle();
                let erase = lifecycle.decide_erase(step.user(), step.now, Mover::Administrator);
                step.move_on(erase.map_err(AccountError::Erase)?, ADMINISTRATOR, by)
            })
            .await?;
        match self.shared.vault_store.scrub().await {
            Ok(()) => Ok(entry),
            Err(source) => Err(EngineError::ErasurePending { entry, source }),
        }
    }

    /// Places a legal hold on an account: it is not erased while the hold is on.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::HeldAlready`], [`AccountError::Erased`], or if
    /// the store fails.
    pub async fn place_hold(
        &self,
        tenant: &TenantId,
        user: &UserId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        let by = By::administrator(by, note);
        self.step_account(tenant, user, Notes::of_account(note), |step| {
            let held = step.user().clone();
            if held.state == UserState::Erased {
                return Err(AccountError::Erased.into());
            }
            if held.hold.is_some() {
                return Err(AccountError::HeldAlready.into());
            }
            let body = HoldPlaced {
                state: held.state.name().to_owned(),
            };
            let draft = body.draft(held.id, step.state(), by.actor(), by.note);
            let placed = step.seal(draft)?.hash();
            step.set_hold(Some(placed));
            Ok(placed)
        })
        .await
    }

    /// Takes the legal hold off an account.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::NotHeld`]; [`EngineError::Misuse`] if it is the
    /// administrator's own; or if the store fails.
    pub async fn release_hold(
        &self,
        tenant: &TenantId,
        user: &UserId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        check_not_oneself(user, by)?;
        let by = By::administrator(by, note);
        self.step_account(tenant, user, Notes::of_account(note), |step| {
            let held = step.user().clone();
            let placed = held.hold.ok_or(AccountError::NotHeld)?;
            let body = HoldReleased {
                state: held.state.name().to_owned(),
            };
            let placed = Leaf::<HoldPlaced>::from_store(placed);
            let released = step.seal(body.draft(held.id, placed, by.actor(), by.note))?;
            step.set_hold(None);
            Ok(released.hash())
        })
        .await
    }

    async fn move_account(
        &self,
        tenant: &TenantId,
        user: &UserId,
        to: UserState,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        let by = By::administrator(by, note);
        self.step_account(tenant, user, Notes::of_account(note), |step| {
            // Only `approve` records who said so.
            if step.user().state == UserState::PendingApproval && to == UserState::Active {
                return Err(AccountError::AwaitsApproval.into());
            }
            let transition = Transition::new(step.user().state, to, Mover::Administrator);
            let transition = transition.map_err(AccountError::Transition)?;
            if transition.to().takes_a_seat() && !transition.from().takes_a_seat() {
                self.check_room(step)?;
            }
            step.move_on(transition, ADMINISTRATOR, by)
        })
        .await
    }

    /// Whether any connection of the tenant has a cap.
    pub(crate) fn has_seat_cap(&self, tenant: &TenantId) -> bool {
        let mut connections = self.policy().connections();
        connections.any(|(_, c)| c.tenant == *tenant && c.create.seats.is_some())
    }

    /// An account that had given up its seat and its address needs both again.
    fn check_room(&self, step: &mut AccountStep<'_>) -> Result<(), EngineError> {
        let tenant = step.user().tenant.clone();
        let connections = self
            .policy()
            .connections()
            .map(|(_, connection)| connection);
        let connections: Vec<_> = connections.filter(|c| c.tenant == tenant).collect();
        // Each connection stops at its own cap; an administrator is stopped by the widest.
        let caps = connections.iter().map(|connection| connection.create.seats);
        let cap: Option<Vec<u64>> = caps.collect();
        let cap = cap.and_then(|caps| caps.into_iter().max());
        if cap.is_some_and(|cap| step.snapshot.seats_taken >= cap) {
            return Err(AccountError::SeatsTaken.into());
        }
        let shares = connections.iter().any(|c| c.matching.shares_email);
        let user = &step.account.user;
        let mut others = step.snapshot.by_email.iter().map(|found| &found.user);
        let is_taken = others.any(|other| other.id != user.id && other.state.takes_a_seat());
        if !shares && user.email.is_some() && is_taken {
            return Err(AccountError::EmailTaken.into());
        }
        step.change().seat_cap = cap;
        step.change().unique_email = !shares;
        Ok(())
    }
}
