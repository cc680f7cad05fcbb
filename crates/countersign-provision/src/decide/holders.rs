//! The last-admin guard: a sign-in takes no tenant its last holder of a role that must have one.
//!
//! A provider that leaves a group out, or an administrator who edits a rule, would otherwise lock
//! everybody out of what only that role may do. The role is kept, and the decision says so.

use std::collections::BTreeSet;

use countersign_core::{Grant, RoleName};
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
        for role in self.policy.guarded_roles() {
            let is_held = |grant: &Grant| grant.role == role && grant.is_live(self.now);
            if !account.grants.iter().any(is_held) || self.has_role_after(&role, delta) {
                continue;
            }
            let holders = self.snapshot.holders.get(&role);
            let another = |holders: &Vec<_>| holders.iter().any(|id| *id != account.user.id);
            if holders.is_some_and(another) {
                lost.insert(role);
                continue;
            }
            let taken = delta.take.extract_if(.., |taken| is_held(&taken.grant));
            delta.keep.extend(taken.map(|taken| taken.grant));
            let cut_short = delta
                .renew
                .extract_if(.., |renewal| is_held(&renewal.grant));
            delta.keep.extend(cut_short.map(|renewal| renewal.grant));
            kept.push(Reason::LastHolderKept { role });
        }
        (lost, kept)
    }

    /// Whether the account has the role once the delta is written.
    fn has_role_after(&self, role: &RoleName, delta: &GrantDelta) -> bool {
        let outlasts = |end: Option<_>| end.is_none_or(|end| end > self.now);
        let kept = delta.keep.iter().chain(&delta.others);
        let mut kept = kept.filter(|grant| grant.is_live(self.now));
        let mut renewed = delta.renew.iter();
        let mut given = delta.give.iter();
        kept.any(|grant| grant.role == *role)
            || renewed.any(|renewal| renewal.grant.role == *role && outlasts(renewal.expires_at))
            || given.any(|grant| grant.role == *role && outlasts(grant.expires_at))
    }
}
