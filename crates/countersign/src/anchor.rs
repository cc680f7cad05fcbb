//! Time-stamps over checkpoints, and over time-stamps in turn.

use std::sync::Arc;
use std::time::Duration;

use countersign_audit::{AnchorDue, Anchored, Correlation};
use countersign_cms::DigestAlgorithm;
use countersign_core::TenantId;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::identifier::{self, random};

impl Engine {
    /// [`checkpoint`](Self::checkpoint), and then has the checkpoint stamped with the time by the
    /// authority that the engine was given: from then on nobody, this host included, can make out
    /// that a record came later, or change it. The answer is verified in full before it is kept,
    /// and recorded in the books of `tenant`, for which the host's own is a good choice.
    ///
    /// A host calls it by the clock, every hour or every day: one time-stamp covers every record
    /// before it.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint); if the engine was given no authority, too few witnesses
    /// have cosigned, the authority can not be reached, refuses, or answers what does not hold.
    pub async fn anchor(&self, tenant: &TenantId) -> Result<Anchored, EngineError> {
        self.with_ledger(|ledger| async move { ledger.advance().await })
            .await?;
        self.stamp(tenant).await
    }

    /// Has the last checkpoint stamped, as it is.
    pub(crate) async fn stamp(&self, tenant: &TenantId) -> Result<Anchored, EngineError> {
        let (walk, shared) = (self.walk_of_the_log(tenant)?, &self.shared);
        self.with_ledger(|ledger| {
            let (mut walk, shared) = (walk.clone(), Arc::clone(shared));
            async move {
                let (entropy, now) = (&*shared.entropy, shared.clock.now());
                ledger.anchor(&mut walk, entropy, now).await
            }
        })
        .await
    }

    /// Has an anchored checkpoint and its time-stamps stamped again, before the authority's
    /// certificate runs out or a hash gets weak: evidence outlives both. `size` is one of those that
    /// [`anchors_due`](Self::anchors_due) tells.
    ///
    /// # Errors
    /// As [`anchor`](Self::anchor), and if no checkpoint of this size is anchored, or its
    /// time-stamps do not hold any more.
    pub async fn renew_anchor(
        &self,
        tenant: &TenantId,
        size: u64,
        algorithm: DigestAlgorithm,
    ) -> Result<Anchored, EngineError> {
        let mut walk = self.walk_of_the_log(tenant)?;
        let (entropy, now) = (&*self.shared.entropy, self.shared.clock.now());
        let ledger = self.ledger();
        Ok(ledger
            .renew_anchor(size, algorithm, &mut walk, entropy, now)
            .await?)
    }

    /// The anchored checkpoints whose time-stamps run out within that time: the ones to
    /// [renew](Self::renew_anchor) now. A host asks once a day or so, for a few months.
    ///
    /// # Errors
    /// If the engine was given no authority, or the store fails.
    pub async fn anchors_due(&self, within: Duration) -> Result<Vec<AnchorDue>, EngineError> {
        let (ledger, now) = (self.ledger(), self.shared.clock.now());
        let horizon = now.saturating_add(within);
        Ok(ledger.anchors_due(now, horizon).await?)
    }

    pub(crate) fn walk_of_the_log(&self, tenant: &TenantId) -> Result<Correlation, EngineError> {
        let id = identifier::correlation(random(&*self.shared.entropy)?)?;
        Ok(Correlation::begin(tenant.clone(), id))
    }
}
