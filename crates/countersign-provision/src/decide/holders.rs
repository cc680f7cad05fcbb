//! The last-admin guard: a sign-in takes no tenant its last holder of a role that must have one.
//!
//! A provider that leaves a group out, or an administrator who edits a rule, would otherwise lock
//! everybody out of what only that role may do. The role is kept, and the decision says so.

use std::collections::BTreeSet;

use countersign_core::RoleName;
use countersign_roles::GrantDelta;

use crate::decide::Decision;
use crate::reason::Reason;
use crate::store::UserWithGrants;

impl Decision<'_> {
    /// Puts back what would be the tenant's last live grant of a role that keeps its last holder.
    /// Returns the roles that the account does lose, for the commit to check again, and a reason
    /// for each that it keeps.
    pub(super) fn keep_last(
        &self,
        account: &UserWithGrants,
        delta: &mut GrantDelta,
    ) -> (BTreeSet<RoleName>, Vec<Reason>) {
        let mut lost = BTreeSet::new();
        let mut kept = Vec::new();
        if !account.user.state.is_in_use() {
            // Whoever is not in use holds nothing, and so has nothing to lose.
            return (lost, kept);
        }
        let guarded = self.policy.guarded_roles();
        let losing = delta.lost_roles(self.now).filter(|r| guarded.contains(*r));
        let losing: BTreeSet<RoleName> = losing.cloned().collect();
        for role in losing {
            let mut holders = self.snapshot.holders.get(&role).into_iter().flatten();
            if holders.any(|id| *id != account.user.id) {
                lost.insert(role);
            } else if delta.keep_instead_of_losing(&role, self.now).is_some() {
                kept.push(Reason::LastHolderKept { role });
            }
        }
        (lost, kept)
    }
}
