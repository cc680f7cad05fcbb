//! The decision: match, link, create or refuse.

use std::collections::BTreeSet;

use countersign_core::{ConnectionId, Email, EmailFact, Facts, RoleName, SubjectKey, Timestamp};
use countersign_roles::{GrantDelta, Role, RoleSync, reconcile};

use crate::connection::{
    ConnectionPolicy, CreationMode, EmailLink, OnEmailChange, OnInactive, Strategy,
};
use crate::plan::{
    Admission, FieldChange, LinkPlan, MatchedBy, NewUser, Plan, Refusal, UserField, UserPlan,
};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::store::{Snapshot, UserWithGrants};
use crate::user::{User, UserState};

/// Decides about one sign-in.
///
/// Pure and total: the same arguments give the same plan, and there is a plan for all. The order
/// is: the connection; the address's domain; the account that the subject is linked to; an
/// account with the same address, where the policy links by it; a new account, where the policy
/// makes one. Roles are computed anew each time.
///
/// `snapshot` must answer [`Policy::snapshot_query`] of the same connection and facts.
pub fn decide(
    policy: &Policy,
    connection: &ConnectionId,
    facts: &Facts,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Plan {
    let Some(rules) = policy.connection(connection) else {
        return Plan::Refuse(Refusal::new(Reason::UnknownConnection));
    };
    let decision = Decision {
        policy,
        id: connection,
        connection: rules,
        facts,
        snapshot,
        now,
    };
    match decision.account() {
        Ok(account) => Plan::Admit(decision.admit(account)),
        Err(refusal) => Plan::Refuse(refusal),
    }
}

/// The arguments of one decision.
struct Decision<'a> {
    policy: &'a Policy,
    id: &'a ConnectionId,
    connection: &'a ConnectionPolicy,
    facts: &'a Facts,
    snapshot: &'a Snapshot,
    now: Timestamp,
}

/// The account that was settled on.
struct Account<'a> {
    /// `None` for a new one.
    existing: Option<&'a UserWithGrants>,
    link: LinkPlan,
    matched_by: MatchedBy,
    reasons: Vec<Reason>,
}

impl<'a> Account<'a> {
    fn of(existing: &'a UserWithGrants, matched_by: MatchedBy, reason: Reason) -> Self {
        Self {
            existing: Some(existing),
            link: match matched_by {
                MatchedBy::Subject => LinkPlan::Existing,
                _ => LinkPlan::Add,
            },
            matched_by,
            reasons: vec![reason],
        }
    }
}

impl<'a> Decision<'a> {
    fn account(&self) -> Result<Account<'a>, Refusal> {
        self.check_connection()?;
        let address = self.facts.email.as_ref().map(|email| &email.address);
        if address.is_some_and(|address| !self.connection.owns(address)) {
            return Err(Refusal::new(Reason::EmailOutsideDomains));
        }
        let Some(linked) = &self.snapshot.linked else {
            return self.unlinked();
        };
        let user = &linked.user;
        if user.tenant != self.connection.tenant {
            return Err(Refusal::new(Reason::OtherTenant));
        }
        let by_subject = || Account::of(linked, MatchedBy::Subject, Reason::MatchedBySubject);
        let on_inactive = self.connection.matching.on_inactive;
        match user.state {
            UserState::Active | UserState::Stale => {
                self.check_email_change(user)?;
                Ok(by_subject())
            }
            UserState::Invited => {
                self.check_email_change(user)?;
                self.check_email_free(user)?;
                Ok(by_subject())
            }
            _ if on_inactive == OnInactive::PassOver => {
                let mut account = self.unlinked()?;
                account.link = LinkPlan::Move {
                    from: user.id.clone(),
                    version: user.version,
                };
                account.reasons.push(Reason::InactivePassedOver);
                Ok(account)
            }
            UserState::Deprovisioned if on_inactive == OnInactive::ReactivateDeprovisioned => {
                self.check_email_change(user)?;
                self.check_email_free(user)?;
                self.check_seats()?;
                let mut account = by_subject();
                account.reasons.push(Reason::Reactivated);
                Ok(account)
            }
            _ => Err(refuse_inactive(user)),
        }
    }

    /// What holds whoever the person is.
    fn check_connection(&self) -> Result<(), Refusal> {
        let subject = &self.facts.subject;
        let reason = if !self.snapshot.connection.enabled {
            Reason::ConnectionDisabled
        } else if *subject.tenant() != self.connection.tenant {
            Reason::OtherTenant
        } else if subject.issuer() != self.connection.issuer {
            Reason::OtherIssuer
        } else {
            return Ok(());
        };
        Err(Refusal::new(reason))
    }

    /// Whether the person may come with this address, if it is another one than is stored.
    fn check_email_change(&self, user: &User) -> Result<(), Refusal> {
        let Some(address) = self.changed_email(user) else {
            return Ok(());
        };
        let refuse = |reason| Err(Refusal::new(reason).about(&user.id));
        match self.connection.matching.on_email_change {
            OnEmailChange::Keep => Ok(()),
            OnEmailChange::Deny => refuse(Reason::EmailChanged),
            OnEmailChange::UpdateIfOwnedDomain => {
                let shares = self.connection.matching.shares_email;
                if !shares && self.has_other_owner(address, user) {
                    return refuse(Reason::NewEmailTaken);
                }
                Ok(())
            }
        }
    }

    /// Whether an account that comes into use would find its address given to another by now.
    fn check_email_free(&self, user: &User) -> Result<(), Refusal> {
        let shares = self.connection.matching.shares_email;
        let taken = |address| self.has_other_owner(address, user);
        if !shares && user.email.as_ref().is_some_and(taken) {
            return Err(Refusal::new(Reason::EmailTaken).about(&user.id));
        }
        Ok(())
    }

    fn has_other_owner(&self, address: &Email, user: &User) -> bool {
        self.with_address(address)
            .any(|other| other.user.id != user.id && other.user.state.takes_a_seat())
    }

    /// The address that the person came with, if it is not the stored one.
    fn changed_email(&self, user: &User) -> Option<&'a Email> {
        let address = &self.facts.email.as_ref()?.address;
        (user.email.as_ref() != Some(address)).then_some(address)
    }

    /// The accounts of the tenant with exactly this address, whatever the store sent.
    fn with_address<'e>(
        &self,
        address: &'e Email,
    ) -> impl Iterator<Item = &'a UserWithGrants> + use<'a, 'e> {
        let tenant = &self.connection.tenant;
        self.snapshot.by_email.iter().filter(move |candidate| {
            candidate.user.email.as_ref() == Some(address) && candidate.user.tenant == *tenant
        })
    }

    /// A subject that no account in use is linked to.
    fn unlinked(&self) -> Result<Account<'a>, Refusal> {
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
                        self.check_unprivileged(candidate, Some(exclude_roles))?;
                        self.check_is_theirs(email, candidate)?;
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
        let refuse = |reason| Err(Refusal::new(reason).about(&user.id));
        let known_here = |subject: &SubjectKey| subject.issuer() == self.connection.issuer;
        if candidate.subjects.iter().any(known_here) {
            return refuse(Reason::EmailTaken);
        }
        let unused = user.state == UserState::Invited
            && user.last_sign_in_at.is_none()
            && candidate.subjects.is_empty();
        match user.state {
            UserState::Active | UserState::Stale | UserState::Invited if !unused && !link => {
                return refuse(Reason::EmailTaken);
            }
            UserState::Active | UserState::Stale | UserState::Invited => {}
            _ => return Err(refuse_inactive(user)),
        }
        if !crate::normalize::may_link(&email.address) {
            return refuse(Reason::EmailNotAscii);
        }
        self.check_unprivileged(candidate, exclude_roles)?;
        if unused {
            self.check_is_theirs(email, candidate)?;
            // Nobody has ever been in this account, so there is nobody to take it from.
            let reason = Reason::ClaimedInvitation;
            return Ok(Account::of(candidate, MatchedBy::Invitation, reason));
        }
        if !email.verified_by_idp {
            return refuse(Reason::EmailNotVerifiedByIdp);
        }
        if !user.email_verified_locally {
            return refuse(Reason::EmailNotVerifiedLocally);
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
            return Err(Refusal::new(Reason::PrivilegedAccount).about(&candidate.user.id));
        }
        Ok(())
    }

    /// Whether the address is the person's. A provider that owns the domain is taken at its word;
    /// one that anybody registers with has to say that it verified the address.
    fn is_theirs(&self, email: &EmailFact) -> bool {
        self.connection.strategy != Strategy::SelfRegister || email.verified_by_idp
    }

    /// An account that is there, if never used, is not given to whoever names its address.
    fn check_is_theirs(
        &self,
        email: &EmailFact,
        candidate: &UserWithGrants,
    ) -> Result<(), Refusal> {
        if self.is_theirs(email) {
            return Ok(());
        }
        Err(Refusal::new(Reason::EmailNotVerifiedByIdp).about(&candidate.user.id))
    }

    fn create(&self) -> Result<Account<'a>, Refusal> {
        let connection = self.connection;
        let refuse = |reason| Err(Refusal::new(reason));
        if connection.strategy == Strategy::PreProvisionedOnly {
            return refuse(Reason::NotPreProvisioned);
        }
        if connection.create.mode == CreationMode::Deny {
            return refuse(Reason::CreationDenied);
        }
        let Some(email) = &self.facts.email else {
            return refuse(Reason::EmailMissing);
        };
        if !self.is_theirs(email) && !connection.create.accepts_unverified_email {
            return refuse(Reason::EmailNotVerifiedByIdp);
        }
        let group = connection.create.require_group.as_ref();
        if group.is_some_and(|group| !self.facts.groups.contains(group)) {
            return refuse(Reason::RequiredGroupMissing);
        }
        self.check_seats()?;
        Ok(Account {
            existing: None,
            link: LinkPlan::Add,
            matched_by: MatchedBy::Created,
            reasons: vec![Reason::Created],
        })
    }

    fn check_seats(&self) -> Result<(), Refusal> {
        let seats = self.connection.create.seats;
        if seats.is_some_and(|seats| self.snapshot.seats_taken >= seats) {
            return Err(Refusal::new(Reason::SeatsTaken));
        }
        Ok(())
    }

    fn admit(&self, account: Account<'a>) -> Admission {
        let mut reasons = account.reasons;
        let user = match account.existing {
            None => UserPlan::Create(self.new_user()),
            Some(existing) => self.updated(&existing.user),
        };
        // An account that keeps its address must not be locked out by another that shares it.
        let mut takes_address = account.existing.is_none();
        if let UserPlan::Update { changes, .. } = &user {
            for FieldChange { field, .. } in changes {
                takes_address |= matches!(field, UserField::Email | UserField::State);
                reasons.push(Reason::FieldUpdated(*field));
            }
        }
        let sync = RoleSync {
            connection: self.id,
            rules: self.policy.rules(),
            default_roles: &self.connection.create.default_roles,
            facts: self.facts,
        };
        let evaluation = self.policy.rules().evaluate(self.id, self.facts);
        let matched = evaluation.matched().iter();
        reasons.extend(matched.map(|rule| Reason::RuleMatched(rule.id.clone())));
        let existing = account.existing.map_or(&[][..], |user| &user.grants);
        let grants = reconcile(existing, &sync, &evaluation, self.now);
        reasons.extend(grant_reasons(&grants));
        if !self.facts.groups.is_complete() {
            reasons.push(Reason::GroupsIncomplete);
        }
        Admission {
            user,
            link: account.link,
            matched_by: account.matched_by,
            grants,
            seat_cap: self.connection.create.seats,
            unique_email: !self.connection.matching.shares_email && takes_address,
            session_not_after: self.policy.session().deadline(self.now, None),
            reasons,
        }
    }

    fn new_user(&self) -> NewUser {
        let facts = self.facts;
        let create = &self.connection.create;
        // Only both together decide; one alone would name a profile of another account.
        let sent = facts
            .account_id
            .as_ref()
            .zip(facts.permission_profile_id.as_ref());
        let default = create
            .account_id
            .as_ref()
            .zip(create.permission_profile_id.as_ref());
        let (account_id, permission_profile_id) = sent.or(default).unzip();
        NewUser {
            email: facts.email.as_ref().map(|email| email.address.clone()),
            given_name: facts.given_name.clone(),
            family_name: facts.family_name.clone(),
            display_name: facts.display_name.clone(),
            account_id: account_id.cloned(),
            permission_profile_id: permission_profile_id.cloned(),
        }
    }

    /// The account with what follows the provider. What was not sent stays as it is.
    fn updated(&self, user: &User) -> UserPlan {
        let mut updated = user.clone();
        let mut changes = Vec::new();
        if user.state != UserState::Active {
            updated.state = UserState::Active;
            updated.state_since = self.now;
            changes.push(FieldChange {
                field: UserField::State,
                before: Some(user.state.name().to_owned()),
                after: Some(UserState::Active.name().to_owned()),
            });
        }
        let follows =
            self.connection.matching.on_email_change == OnEmailChange::UpdateIfOwnedDomain;
        let theirs = self
            .facts
            .email
            .as_ref()
            .is_some_and(|email| self.is_theirs(email));
        if let Some(address) = self.changed_email(user).filter(|_| follows && theirs) {
            updated.email = Some(address.clone());
            changes.push(FieldChange {
                field: UserField::Email,
                before: user.email.as_ref().map(ToString::to_string),
                after: Some(address.to_string()),
            });
            if user.email_verified_locally {
                // It was another address that the host verified.
                updated.email_verified_locally = false;
                changes.push(FieldChange {
                    field: UserField::EmailVerifiedLocally,
                    before: Some("true".to_owned()),
                    after: Some("false".to_owned()),
                });
            }
        }
        if self.connection.matching.syncs_names {
            let facts = self.facts;
            let names = [
                (
                    UserField::GivenName,
                    &mut updated.given_name,
                    &facts.given_name,
                ),
                (
                    UserField::FamilyName,
                    &mut updated.family_name,
                    &facts.family_name,
                ),
                (
                    UserField::DisplayName,
                    &mut updated.display_name,
                    &facts.display_name,
                ),
            ];
            for (field, stored, sent) in names {
                if sent.is_some() && stored != sent {
                    changes.push(FieldChange {
                        field,
                        before: stored.clone(),
                        after: sent.clone(),
                    });
                    stored.clone_from(sent);
                }
            }
        }
        if changes.is_empty() {
            UserPlan::Keep(updated)
        } else {
            UserPlan::Update {
                user: updated,
                changes,
            }
        }
    }
}

/// The one candidate, or none.
fn one<'a>(candidates: &[&'a UserWithGrants]) -> Result<Option<&'a UserWithGrants>, Refusal> {
    match candidates {
        [] => Ok(None),
        [candidate] => Ok(Some(candidate)),
        _ => {
            let ids = candidates.iter().map(|candidate| candidate.user.id.clone());
            let mut candidates: Vec<_> = ids.collect();
            candidates.sort();
            Err(Refusal::new(Reason::Ambiguous { candidates }))
        }
    }
}

fn refuse_inactive(user: &User) -> Refusal {
    let reason = match user.state {
        UserState::PendingApproval => Reason::UserAwaitsApproval,
        UserState::Deprovisioned | UserState::Erased => Reason::UserDeprovisioned,
        UserState::Suspended | UserState::Active | UserState::Stale | UserState::Invited => {
            Reason::UserSuspended
        }
    };
    Refusal::new(reason).about(&user.id)
}

fn grant_reasons(grants: &GrantDelta) -> impl Iterator<Item = Reason> {
    let given = grants.give.iter().map(|grant| Reason::RoleGiven {
        role: grant.role.clone(),
        rule: grant.rule.clone(),
    });
    let renewed = grants.renew.iter().map(|renewal| Reason::RoleRenewed {
        role: renewal.grant.role.clone(),
        rule: renewal.grant.rule.clone(),
    });
    let taken = grants.take.iter().map(|taken| Reason::RoleTaken {
        role: taken.grant.role.clone(),
        rule: taken.grant.rule.clone(),
    });
    let spent = grants.spent.iter().map(|grant| Reason::RoleSpent {
        role: grant.role.clone(),
        rule: grant.rule.clone(),
    });
    given.chain(renewed).chain(taken).chain(spent)
}
