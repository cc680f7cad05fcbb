//! Roles that administrators give and take.

use countersign_audit::leaf::{Leaf, Loss};
use countersign_core::{
    DocumentPattern, Grant, GrantId, GrantOwner, LeafHash, RoleName, TenantId, Timestamp, UserId,
};
use countersign_provision::user::UserState;

use crate::account::{AccountError, check_not_oneself};
use crate::account_step::{ADMINISTRATOR, AccountStep, By, is_synced};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filing::Notes;
use crate::identifier::{self, random};

/// A role to give by hand.
///
/// ```
/// use countersign::{RoleByHand, RoleName, Timestamp};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let role = RoleByHand::new(RoleName::new("signer")?)
///     .until("2026-04-01T00:00:00Z".parse()?)
///     .only("nda/*".parse()?);
/// # let _: RoleByHand = role;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleByHand {
    role: RoleName,
    until: Option<Timestamp>,
    scope: Vec<DocumentPattern>,
}

impl RoleByHand {
    /// The role, until it is taken away, for all that it allows.
    #[must_use]
    pub fn new(role: RoleName) -> Self {
        Self {
            role,
            until: None,
            scope: Vec::new(),
        }
    }

    /// Ends it: from that instant on it does not exist.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Self {
        self.until = Some(end);
        self
    }

    /// Limits it to documents of these types, and of those that were named before.
    #[must_use]
    pub fn only(mut self, documents: DocumentPattern) -> Self {
        self.scope.push(documents);
        self
    }

    fn owner(&self) -> GrantOwner {
        match self.until {
            Some(_) => GrantOwner::Temporary,
            None => GrantOwner::Manual,
        }
    }
}

impl Engine {
    /// Gives a role in the name of an administrator, to whatever end: no sync takes it away. If
    /// an administrator had barred the account from the role, it is barred no longer. Given anew,
    /// the grant of the same owner goes on with the new end and scope.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::UnknownRole`], [`AccountError::OutOfUse`],
    /// [`AccountError::EndsBeforeItBegins`], [`AccountError::Exclusive`],
    /// [`AccountError::NoRecord`]; [`EngineError::Misuse`] if the account is the administrator's
    /// own; or if the store fails.
    pub async fn grant(
        &self,
        tenant: &TenantId,
        user: &UserId,
        role: &RoleByHand,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<Grant, EngineError> {
        check_not_oneself(user, by)?;
        let by = By::administrator(by, note);
        let now = self.shared.clock.now();
        let id = identifier::grant(now, random(&*self.shared.entropy)?)?;
        self.step_account(tenant, user, Notes::of_account(note), |step| {
            step.grant(id.clone(), role, by)
        })
        .await
    }

    /// Takes a grant away in the name of an administrator, whoever gave it; returns the
    /// `role.revoked` record.
    ///
    /// A role that a sync gave would come back with the next one. So the account loses every
    /// grant of the role that syncs gave, and is *barred* from it: no sync gives it the role until
    /// an administrator does.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::UnknownGrant`], [`AccountError::LastHolder`],
    /// or if the store fails.
    pub async fn revoke(
        &self,
        tenant: &TenantId,
        user: &UserId,
        grant: &GrantId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        let by = By::administrator(by, note);
        let now = self.shared.clock.now();
        let bar = identifier::grant(now, random(&*self.shared.entropy)?)?;
        self.step_account(tenant, user, Notes::of_account(note), |step| {
            step.take_away(grant, bar.clone(), None, by)
        })
        .await
    }
}

impl AccountStep<'_> {
    fn grant(&mut self, id: GrantId, given: &RoleByHand, by: By<'_>) -> Result<Grant, EngineError> {
        let policy = self.engine().policy();
        let catalog = policy.catalog();
        if catalog.role(&given.role).is_none() {
            return Err(AccountError::UnknownRole(given.role.clone()).into());
        }
        let state = self.user().state;
        if !state.is_in_use() && state != UserState::Invited {
            return Err(AccountError::OutOfUse.into());
        }
        if given.until.is_some_and(|until| until <= self.now) {
            return Err(AccountError::EndsBeforeItBegins.into());
        }
        let live = self.account.grants.iter().filter(|g| g.is_live(self.now));
        for set in catalog.separation_of_duty() {
            let mut live = live.clone().map(|grant| &grant.role);
            if set.roles().contains(&given.role)
                && let Some(held) = live.find(|r| **r != given.role && set.roles().contains(r))
            {
                let (role, held) = (given.role.clone(), held.clone());
                return Err(AccountError::Exclusive { role, held }.into());
            }
        }
        let owner = given.owner();
        let mut rows = self.account.grants.iter();
        let same = rows.find(|grant| grant.role == given.role && grant.owner == owner);
        let same = same.filter(|grant| grant.is_live(self.now)).cloned();
        let grant = Grant {
            id: same.as_ref().map_or(id, |grant| grant.id.clone()),
            user: self.user().id.clone(),
            role: given.role.clone(),
            owner,
            rule: None,
            policy_hash: policy.hash(),
            first_given_at: same.as_ref().map_or(self.now, |grant| grant.first_given_at),
            granted_at: self.now,
            expires_at: given.until,
            scope: given.scope.clone(),
            // Its record's, as soon as it has one.
            entry: LeafHash::from_bytes([0; 32]),
        };
        let grant = self.give(grant, by)?;
        let bars: Vec<GrantId> = self.bars(&given.role).collect();
        self.change().remove_grants.extend(bars);
        Ok(grant)
    }

    /// The bars that keep the role from the account.
    fn bars(&self, role: &RoleName) -> impl Iterator<Item = GrantId> {
        let rows = self.account.grants.iter();
        let bars = rows.filter(move |row| row.owner == GrantOwner::Barred && row.role == *role);
        bars.map(|row| row.id.clone())
    }

    /// Takes a grant away, with `bar` in its place where it would come back.
    pub(crate) fn take_away(
        &mut self,
        grant: &GrantId,
        bar: GrantId,
        loss: Option<Leaf<Loss>>,
        by: By<'_>,
    ) -> Result<LeafHash, EngineError> {
        let mut rows = self.account.grants.iter();
        let row = rows.find(|row| row.id == *grant && row.owner != GrantOwner::Barred);
        let row = row
            .ok_or_else(|| AccountError::UnknownGrant(grant.clone()))?
            .clone();
        let is_lost = |other: &Grant| {
            other.id == row.id
                || is_synced(&row.owner) && other.role == row.role && is_synced(&other.owner)
        };
        let rows = self.account.grants.iter();
        let (lost, left): (Vec<Grant>, Vec<Grant>) = rows.cloned().partition(is_lost);
        let still_holds = left
            .iter()
            .any(|g| g.role == row.role && g.is_live(self.now));
        if self.engine().keeps_last(&row.role) && row.is_live(self.now) {
            if !still_holds && self.last_holds(&row.role) {
                let role = row.role.clone();
                return Err(AccountError::LastHolder { role }.into());
            }
            self.keep_holders([row.role.clone()].into());
        }
        let mut entry = None;
        for lost in &lost {
            let revoked = self.revoke(lost, ADMINISTRATOR, loss, by)?;
            if lost.id == row.id {
                entry = Some(revoked);
            }
        }
        let entry = entry.ok_or(AccountError::UnknownGrant(row.id))?;
        if is_synced(&row.owner) && self.bars(&row.role).next().is_none() {
            let bar = Grant {
                id: bar,
                user: row.user,
                role: row.role,
                owner: GrantOwner::Barred,
                rule: None,
                policy_hash: self.engine().policy().hash(),
                first_given_at: self.now,
                granted_at: self.now,
                expires_at: Some(self.now),
                scope: Vec::new(),
                entry,
            };
            self.change().put_grants.push(bar);
        }
        Ok(entry)
    }
}
