//! User stores that let a key be seen twice.

use std::time::Duration;

use countersign_audit::store::LedgerStore;
use countersign_core::{OneTimeKey, ReplayKey, StoreError, TenantId};
use countersign_provision::store::{Change, UserStore};
use countersign_saml::replay::{ReplayStore, Seen};

use super::dawdle;
use super::user_defect::UserDefect;
use super::user_store::BrokenUserStore;

impl<S: UserStore + LedgerStore + ReplayStore> BrokenUserStore<S> {
    /// Remembers the key of a change in some wrong way.
    pub(super) async fn remember_wrongly(&self, mut change: Change) -> Result<(), StoreError> {
        let Some(mut once) = change.once.take() else {
            return self.inner.commit(&change).await;
        };
        match self.defect {
            UserDefect::RemembersBeforehand => {
                self.remember(&once).await?;
                return self.inner.commit(&change).await;
            }
            UserDefect::LooksBeforeItRemembers => {
                let mut looking = self.nobody(&change.tenant)?;
                looking.once = Some(once.key.clone());
                looking.now = once.now;
                if self.inner.snapshot(&looking).await?.seen {
                    return Err(StoreError::conflict("commit a change"));
                }
                dawdle();
                self.inner.commit(&change).await?;
                // Whoever else has looked meanwhile has remembered it, too.
                drop(self.remember(&once).await);
                return Ok(());
            }
            UserDefect::ForgetsAnInstantTooSoon => {
                once.expires = once.expires.saturating_sub(Duration::from_millis(1));
                change.once = Some(once);
            }
            // It forgets the key.
            _ => {
                change.once = self
                    .renamed(&change.tenant, &once.key)
                    .map(|key| OneTimeKey { key, ..once })
            }
        }
        self.inner.commit(&change).await
    }

    async fn remember(&self, once: &OneTimeKey) -> Result<(), StoreError> {
        let remembered = self.inner.insert_once(&once.key, once.expires, once.now);
        match remembered.await? {
            Seen::First => Ok(()),
            Seen::Before => Err(StoreError::conflict("commit a change")),
        }
    }

    /// What this store takes a key for; `None` for nothing that it looks for.
    pub(super) fn renamed(&self, tenant: &TenantId, key: &ReplayKey) -> Option<ReplayKey> {
        let prefix = match self.defect {
            UserDefect::SeesByTenant => tenant.as_str(),
            UserDefect::RemembersChangesApart => "change",
            UserDefect::ForgetsKeys => return None,
            _ => "",
        };
        Some(ReplayKey {
            issuer: format!("{prefix}{}", key.issuer),
            id: key.id.clone(),
        })
    }
}
