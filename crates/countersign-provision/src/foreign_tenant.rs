//! The rule that a change stays within its tenant.

use countersign_core::{SubjectKey, VaultOwner};
use thiserror::Error;

use crate::store::{Change, UserWrite};

/// A part of a change belongs to another tenant than the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a part of the change belongs to another tenant")]
pub struct ForeignTenant;

impl Change {
    /// Refuses a change that names another tenant than its own anywhere: in an account, a link, a
    /// session, or whom it erases. A store calls it first.
    ///
    /// What names no tenant, such as a grant or a session to close, a store looks for in the
    /// tenant of the change and nowhere else.
    ///
    /// # Errors
    /// [`ForeignTenant`].
    pub fn check_tenant(&self) -> Result<(), ForeignTenant> {
        let users = self.users.iter().filter_map(|write| match write {
            UserWrite::Create(user) | UserWrite::Update { user, .. } => Some(&user.tenant),
            UserWrite::Expect { .. } => None,
        });
        let links = self.links.iter().map(|link| &link.subject);
        let links = links.chain(&self.remove_links).map(SubjectKey::tenant);
        let sessions = self.open_sessions.iter().map(|session| &session.tenant);
        let erased = self.erase.iter().map(VaultOwner::tenant);
        let mut named = users.chain(links).chain(sessions).chain(erased);
        if named.all(|tenant| *tenant == self.tenant) {
            Ok(())
        } else {
            Err(ForeignTenant)
        }
    }
}
