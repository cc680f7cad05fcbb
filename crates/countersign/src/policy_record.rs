//! The record of another policy.

use countersign_audit::leaf::Leaf;
use countersign_audit::policy::PolicyChanged;
use countersign_audit::seal::Correlation;
use countersign_core::{LeafHash, TenantId, UserId};
use countersign_provision::store::{Change, PolicyEntry};

use crate::engine::{Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::identifier::{self, random};

impl Engine {
    /// Records for a tenant that the policy of this engine is in force, if another one was before
    /// or none is on record; returns the `policy.changed` record, or nothing if it was recorded
    /// already.
    ///
    /// A host calls it when it starts with another file, in the name of who changed it. A
    /// [sweep](Self::sweep) that finds another policy in force records it in nobody's name.
    ///
    /// # Errors
    /// If the store fails, or the last record of a change is not in the ledger.
    pub async fn record_policy(
        &self,
        tenant: &TenantId,
        by: Option<&UserId>,
        note: Option<&str>,
    ) -> Result<Option<LeafHash>, EngineError> {
        let after = self.policy().hash();
        for _ in 0..MOST_ATTEMPTS {
            let expected = self.shared.users.policy_entry(tenant).await?;
            let before = match expected {
                Some(entry) => Some(self.recorded::<PolicyChanged>(entry).await?.body().after),
                None => None,
            };
            if before == Some(after) {
                return Ok(None);
            }
            let id = identifier::correlation(random(&*self.shared.entropy)?)?;
            let mut walk = Correlation::begin(tenant.clone(), id).under_policy(after);
            if note.is_some() {
                walk = self.unclaimed(walk).await?;
            }
            let body = PolicyChanged { before, after };
            let draft = body.draft(expected.map(Leaf::from_store), by.cloned(), note);
            let sealed = self.seal(&mut walk, draft, self.shared.clock.now())?;
            let entry = sealed.leaf().hash();
            let mut change = Change::new(tenant.clone());
            change.entries.push(sealed.into_parts().0);
            change.policy = Some(PolicyEntry { expected, entry });
            if self.commits(&change).await? {
                return Ok(Some(entry));
            }
        }
        Err(too_many_conflicts())
    }
}
