//! Which account that is there a person may be matched with, and what their address allows.

use std::collections::BTreeSet;

use countersign_core::{Door, Email, EmailFact, RoleName, SubjectKey};
use countersign_roles::Role;

use crate::confusable;
use crate::connection::{EmailLink, OnEmailChange};
use crate::decide::{Account, Decision, refuse_out_of_use};
use crate::plan::MatchedBy;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::store::UserWithGrants;
use crate::user::{User, UserState};

impl<'a> Decision<'a> {
    /// Whether the person may come with this address, if it is another one than is stored.
    pub(super) fn check_email_change(&self, user: &User) -> Result<(), Refusal> {
        let Some(address) = self.changed_email(user) else {
            return Ok(());
        };
        match self.connection.matching.on_email_change {
            OnEmailChange::Keep => Ok(()),
            OnEmailChange::Deny => Err(Refusal::denied(Reason::EmailChanged).about(&user.id)),
            OnEmailChange::UpdateIfOwnedDomain => {
                let shares = self.connection.matching.shares_email;
                match self.other_owner(address, user) {
                    Some(other) if !shares => {
                        let refusal = Refusal::conflict(Reason::NewEmailTaken, &other.id);
                        Err(refusal.about(&user.id))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Whether an account that comes into use would find its address given to another by now.
    pub(super) fn check_email_free(&self, user: &User) -> Result<(), Refusal> {
        let shares = self.connection.matching.shares_email;
        let address = user.email.as_ref();
        match address.and_then(|address| self.other_owner(address, user)) {
            Some(other) if !shares => {
                Err(Refusal::conflict(Reason::EmailTaken, &other.id).about(&user.id))
            }
            _ => Ok(()),
        }
    }

    /// Another account that has the address and is not out of use for good.
    fn other_owner(&self, address: &Email, user: &User) -> Option<&'a User> {
        let mut others = self.with_address(address).map(|account| &account.user);
        others.find(|other| other.id != user.id && other.state.takes_a_seat())
    }

    /// The address that the person came with, if it is not the stored one.
    pub(super) fn changed_email(&self, user: &User) -> Option<&'a Email> {
        let address = &self.facts.email.as_ref()?.address;
        (user.email.as_ref() != Some(address)).then_some(address)
    }

    /// The accounts of the tenant with exactly this address, whatever the store sent.
    pub(super) fn with_address<'e>(
        &self,
        address: &'e Email,
    ) -> impl Iterator<Item = &'a UserWithGrants> + use<'a, 'e> {
        let tenant = &self.connection.tenant;
        self.snapshot.by_email.iter().filter(move |candidate| {
            candidate.user.email.as_ref() == Some(address) && candidate.user.tenant == *tenant
        })
    }

    /// A subject that no account in use is linked to.
    pub(super) fn unlinked(&self) -> Result<Account<'a>, Refusal> {
        let Some(email) = &self.facts.email else {
            return self.create();
        };
        let same_address = self.with_address(&email.address);
        let (link, exclude_roles) = match &self.connection.matching.link {
            EmailLink::EmailAndName { exclude_roles } => {
                let same: Vec<_> = same_address.filter(|c| self.is_docusign_match(c)).collect();
                return match one(&same)? {
                    None => self.create(),
                    Some(candidate) => {
                        self.check_not_confusable(email, &candidate.user)?;
                        self.check_unprivileged(candidate, Some(exclude_roles))?;
                        self.check_is_theirs(email, &candidate.user)?;
                        let reason = Reason::LinkedByEmailAndName;
                        Ok(Account::of(candidate, MatchedBy::EmailAndName, reason))
                    }
                };
            }
            EmailLink::Verified { exclude_roles } => (true, Some(exclude_roles)),
            EmailLink::Off => (false, None),
        };
        let candidates: Vec<_> = same_address.collect();
        let Some(candidate) = one(&candidates)? else {
            return self.create();
        };
        let user = &candidate.user;
        let conflict = |reason| Err(Refusal::conflict(reason, &user.id));
        if !user.state.is_in_use() && user.state != UserState::Invited {
            return Err(refuse_out_of_use(user));
        }
        let known_here = |subject: &SubjectKey| subject.issuer() == self.connection.issuer;
        if candidate.subjects.iter().any(known_here) {
            return conflict(Reason::EmailRecycled);
        }
        let unused = user.state == UserState::Invited
            && user.last_sign_in_at.is_none()
            && candidate.subjects.is_empty();
        // Whoever reads the mail of an address is nobody whom a provider has vouched for.
        let is_anothers = self.connection.door == Door::Email && !candidate.subjects.is_empty();
        if is_anothers || (!unused && !link) {
            return conflict(Reason::EmailTaken);
        }
        self.check_not_confusable(email, user)?;
        if !crate::normalize::may_link(&email.address) {
            return conflict(Reason::EmailNotAscii);
        }
        self.check_unprivileged(candidate, exclude_roles)?;
        if unused {
            self.check_is_theirs(email, user)?;
            // Nobody has ever been in this account, so there is nobody to take it from.
            let reason = Reason::ClaimedInvitation;
            return Ok(Account::of(candidate, MatchedBy::Invitation, reason));
        }
        if !email.verified_by_idp {
            return conflict(Reason::EmailNotVerifiedByIdp);
        }
        // What came through the e-mail door was verified here a moment ago.
        if !user.email_verified_locally && self.connection.door != Door::Email {
            // A mail to the address proves whose it is from now on, not who has been in the account
            // until now. With somebody in it, the proof would let two people into one account.
            if !candidate.subjects.is_empty() {
                return conflict(Reason::AccountUnproved);
            }
            if self.proved != Some(&user.id) {
                let reason = Reason::EmailNotVerifiedLocally;
                return Err(Refusal::needs_proof(reason, &user.id));
            }
        }
        Ok(Account::of(
            candidate,
            MatchedBy::Email,
            Reason::LinkedByEmail,
        ))
    }

    /// Rule 2 of DocuSign, but for the address: active, and both names are there and equal.
    fn is_docusign_match(&self, candidate: &UserWithGrants) -> bool {
        let user = &candidate.user;
        user.state.is_in_use()
            && self.facts.given_name.is_some()
            && user.given_name == self.facts.given_name
            && self.facts.family_name.is_some()
            && user.family_name == self.facts.family_name
    }

    /// An account with a role worth stealing is never linked by its address.
    fn check_unprivileged(
        &self,
        candidate: &UserWithGrants,
        exclude_roles: Option<&BTreeSet<RoleName>>,
    ) -> Result<(), Refusal> {
        let mut live = candidate.grants.iter().filter(|g| g.is_live(self.now));
        let stolen = live.any(|grant| {
            let role = self.policy.catalog().role(&grant.role);
            // A role that the catalog does not know any more may have been one.
            role.is_none_or(Role::is_privileged)
                || exclude_roles.is_some_and(|roles| roles.contains(&grant.role))
        });
        if stolen {
            let reason = Reason::PrivilegedAccount;
            return Err(Refusal::conflict(reason, &candidate.user.id));
        }
        Ok(())
    }

    /// Whether the address is the person's.
    pub(super) fn is_theirs(&self, email: &EmailFact) -> bool {
        self.connection.believes(email)
    }

    /// An account that is there, if never used, is not given to whoever names its address.
    fn check_is_theirs(&self, email: &EmailFact, user: &User) -> Result<(), Refusal> {
        if self.is_theirs(email) {
            return Ok(());
        }
        let reason = Reason::EmailNotVerifiedByIdp;
        Err(Refusal::conflict(reason, &user.id))
    }

    /// An account that is there is never given to an address that is made to look like another.
    fn check_not_confusable(&self, email: &EmailFact, user: &User) -> Result<(), Refusal> {
        if confusable::is_confusable_address(&email.address) {
            return Err(Refusal::conflict(Reason::ConfusableAddress, &user.id));
        }
        Ok(())
    }
}

/// The one candidate, or none.
fn one<'a>(candidates: &[&'a UserWithGrants]) -> Result<Option<&'a UserWithGrants>, Refusal> {
    match candidates {
        [] => Ok(None),
        [candidate] => Ok(Some(candidate)),
        _ => {
            let ids = candidates.iter().map(|candidate| candidate.user.id.clone());
            Err(Refusal::ambiguous(ids.collect()))
        }
    }
}
