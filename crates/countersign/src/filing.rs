//! Whose the private parts of a walk's records are, and erasing them.
//!
//! What is known to be about an account is filed under it, what is not, under the walk; with a
//! [vault](crate::EngineBuilder::vault) encrypted, without one in the clear. Either way it can be
//! erased, and either way an export says so afterwards.

use countersign_audit::AuditError;
use countersign_audit::seal::Correlation;
use countersign_audit::vault::{Filing, Rewrapped, Vault, VaultError};
use countersign_audit::vault_store::UnclaimedQuery;
use countersign_core::{TenantId, Timestamp, UserId, VaultOwner};
use countersign_provision::store::Change;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::sweep::Sweep;

/// What the records of a step with an account hold that is private: an administrator's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notes {
    /// Nothing: no key is asked for.
    None,
    /// Something that is the account's, and erased with it.
    OfAccount,
    /// Something that outlives the account: why it was erased.
    OfWalk,
}

impl Notes {
    pub(crate) fn of_account(note: Option<&str>) -> Self {
        note.map_or(Self::None, |_| Self::OfAccount)
    }
}

impl Engine {
    /// What to file the private parts of an account with; `None` if it was erased at this moment.
    pub(crate) async fn filing_of(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<Filing>, EngineError> {
        let owner = VaultOwner::Account(tenant.clone(), user.clone());
        match self.filing(owner).await {
            Err(EngineError::Audit(AuditError::Vault(VaultError::Store(error))))
                if error.is_conflict() =>
            {
                Ok(None)
            }
            filing => filing.map(Some),
        }
    }

    /// The walk, whose private parts belong to no account.
    pub(crate) async fn unclaimed(&self, walk: Correlation) -> Result<Correlation, EngineError> {
        let owner = VaultOwner::Walk(walk.tenant().clone(), walk.id().clone());
        let filing = self.filing(owner).await?;
        Ok(walk.filed(filing))
    }

    /// The walk of a step with an account.
    pub(crate) async fn filed_for(
        &self,
        walk: Correlation,
        user: &UserId,
        notes: Notes,
    ) -> Result<Correlation, EngineError> {
        let filing = match notes {
            Notes::OfWalk => return self.unclaimed(walk).await,
            Notes::OfAccount => self.filing_of(walk.tenant(), user).await?,
            Notes::None => None,
        };
        let owner = VaultOwner::Account(walk.tenant().clone(), user.clone());
        // Under an account that is erased nothing can be filed, which the commit notices.
        Ok(walk.filed(filing.unwrap_or_else(|| Filing::in_the_clear(owner))))
    }

    async fn filing(&self, owner: VaultOwner) -> Result<Filing, EngineError> {
        let Some(vault) = &self.shared.vault else {
            return Ok(Filing::in_the_clear(owner));
        };
        let now = self.shared.clock.now();
        let filing = vault.filing(owner, now, &*self.shared.entropy).await;
        Ok(filing.map_err(AuditError::from)?)
    }

    /// The keys of private parts, to wrap them anew after the host's key was rotated; `None` if the
    /// engine has no vault.
    #[must_use]
    pub fn vault(&self) -> Option<&Vault> {
        self.shared.vault.as_ref()
    }

    /// Wraps every vault key anew that an older key of the host's has wrapped. Afterwards the host
    /// may destroy the older one.
    ///
    /// # Errors
    /// [`EngineError::Misuse`] if the engine has no vault; if the host's key can not be asked, or
    /// the store fails: what was done until then stays done.
    pub async fn rewrap_vault(&self) -> Result<Rewrapped, EngineError> {
        let vault = self.shared.vault.as_ref().ok_or(EngineError::Misuse {
            what: "an engine without a vault",
        })?;
        let mut all = Rewrapped::default();
        loop {
            let page = vault.rewrap(Sweep::DEFAULT_PAGE).await;
            let page = page.map_err(AuditError::from)?;
            all.keys = all.keys.saturating_add(page.keys);
            all.skipped = all.skipped.saturating_add(page.skipped);
            if page.keys == 0 {
                return Ok(all);
            }
        }
    }

    /// The keys of everything that an erasure of the account destroys.
    pub(crate) async fn vault_keys_of(
        &self,
        owner: &VaultOwner,
    ) -> Result<Vec<countersign_core::VaultKeyId>, EngineError> {
        let keys = self.shared.vault_store.vault_keys_of(owner).await?;
        Ok(keys.into_iter().map(|key| key.id).collect())
    }

    /// Erases what was filed before this instant and belongs to no account: refused sign-ins,
    /// addresses that nobody proved, invitations that nobody used. Returns how many walks it was.
    pub(crate) async fn erase_unclaimed(
        &self,
        tenant: &TenantId,
        filed_before: Timestamp,
        sweep: &Sweep,
    ) -> Result<u64, EngineError> {
        let query = UnclaimedQuery {
            tenant: tenant.clone(),
            filed_before,
            limit: sweep.page(),
        };
        let mut erased = 0_u64;
        loop {
            let walks = self.shared.vault_store.unclaimed_walks(&query).await?;
            let count = u64::try_from(walks.len()).unwrap_or(u64::MAX);
            erased = erased.saturating_add(count);
            if walks.is_empty() || sweep.is_dry_run() {
                return Ok(erased);
            }
            let mut change = Change::new(tenant.clone());
            let owners = walks.into_iter();
            change.erase = owners
                .map(|walk| VaultOwner::Walk(tenant.clone(), walk))
                .collect();
            self.shared.users.commit(&change).await?;
        }
    }
}
