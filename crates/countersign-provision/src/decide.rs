//! The decision: match, link, create or refuse.

use countersign_core::{ConnectionId, Door, Facts, Groups, SubjectKey, Timestamp, UserId};
use countersign_roles::{GrantDelta, RoleSync, reconcile};

use crate::attribute::AbsenceMode;
use crate::confusable;
use crate::connection::{ConnectionPolicy, OnInactive};
use crate::email_door;
use crate::invited;
use crate::plan::{Admission, FieldChange, LinkPlan, MatchedBy, Plan, UserField, UserPlan};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::store::{Snapshot, UserWithGrants};
use crate::user::{User, UserState};

mod creation;
mod fields;
mod holders;
mod matching;

/// Decides about one sign-in.
///
/// Pure and total: the same arguments give the same plan, and there is a plan for all. The order
/// is: the connection; what had to be sent; the address's domain; the account that the subject is
/// linked to; an account with the same address, where the policy links by it; a new account, where
/// the policy makes one. Roles are computed anew each time.
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
        return Plan::Refuse(Refusal::denied(Reason::UnknownConnection));
    };
    let facts = policy.read(rules, facts);
    let decision = Decision {
        policy,
        id: connection,
        connection: rules,
        facts: &facts,
        snapshot,
        proved: None,
        now,
    };
    match decision.account() {
        Ok(account) if account.awaits_approval => Plan::Queue(decision.queue(account)),
        Ok(account) => Plan::Admit(decision.admit(account)),
        Err(refusal) => Plan::Refuse(refusal.noting(decision.flags())),
    }
}

/// An account that a subject may be linked to, because its address was proved by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvedLink {
    /// The account as it shall be: its address verified here. Its `version` is the one that was
    /// read.
    pub user: User,
    /// Why, most important first.
    pub reasons: Vec<Reason>,
}

/// Decides whether a subject may be linked to the account `proved`, now that whoever reads the
/// account's mail has confirmed it.
///
/// The proof stands for one thing only, that the account's address is the account's. Everything
/// else that linking by address asks for is asked again of `snapshot`, which must answer
/// [`Policy::snapshot_query`] of the same connection and facts. `facts` are the subject and the
/// address of the sign-in that the link was proposed for.
///
/// # Errors
/// The refusal, if a link would not be proposed any more.
pub fn decide_proved_link(
    policy: &Policy,
    connection: &ConnectionId,
    facts: &Facts,
    snapshot: &Snapshot,
    proved: &UserId,
    now: Timestamp,
) -> Result<ProvedLink, Refusal> {
    let Some(rules) = policy.connection(connection) else {
        return Err(Refusal::denied(Reason::UnknownConnection));
    };
    let decision = Decision {
        policy,
        id: connection,
        connection: rules,
        facts,
        snapshot,
        proved: Some(proved),
        now,
    };
    decision.check_connection()?;
    decision.check_domain()?;
    if let Some(link) = &snapshot.link {
        return Err(Refusal::conflict(Reason::SubjectLinked, &link.user));
    }
    let changed = || Refusal::denied(Reason::AccountChanged).about(proved);
    let address = facts.email.as_ref().map(|email| &email.address);
    let is_there = address.is_some_and(|address| {
        let mut candidates = decision.with_address(address);
        candidates.any(|candidate| candidate.user.id == *proved)
    });
    if !is_there {
        return Err(changed());
    }
    let account = decision.unlinked()?;
    match account.existing {
        Some(existing) if existing.user.id == *proved && account.matched_by == MatchedBy::Email => {
            let mut user = existing.user.clone();
            user.email_verified_locally = true;
            Ok(ProvedLink {
                user,
                reasons: vec![Reason::LinkedByProof],
            })
        }
        _ => Err(changed()),
    }
}

/// The arguments of one decision.
struct Decision<'a> {
    policy: &'a Policy,
    id: &'a ConnectionId,
    connection: &'a ConnectionPolicy,
    facts: &'a Facts,
    snapshot: &'a Snapshot,
    /// The account whose address was proved by mail just now.
    proved: Option<&'a UserId>,
    now: Timestamp,
}

/// The account that was settled on.
struct Account<'a> {
    /// `None` for a new one.
    existing: Option<&'a UserWithGrants>,
    link: LinkPlan,
    matched_by: MatchedBy,
    awaits_approval: bool,
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
            awaits_approval: false,
            reasons: vec![reason],
        }
    }
}

impl<'a> Decision<'a> {
    fn account(&self) -> Result<Account<'a>, Refusal> {
        self.check_connection()?;
        self.check_store()?;
        self.check_sent()?;
        self.check_domain()?;
        self.check_invitation()?;
        let Some(linked) = &self.snapshot.linked else {
            return self.unlinked();
        };
        let user = &linked.user;
        self.check_unvouched(linked)?;
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
            // Not passed over either: one that waits, or was declined, would apply anew each time.
            UserState::PendingApproval => Err(refuse_out_of_use(user)),
            _ if on_inactive == OnInactive::PassOver => {
                let mut account = self.unlinked()?;
                account.link = LinkPlan::Move {
                    from: user.id.clone(),
                    version: user.version,
                };
                account.reasons.push(Reason::InactivePassedOver);
                Ok(account)
            }
            // What never was in use is not put back into it: it was declined.
            UserState::Deprovisioned
                if on_inactive == OnInactive::ReactivateDeprovisioned
                    && user.last_sign_in_at.is_some() =>
            {
                self.check_email_change(user)?;
                self.check_email_free(user)?;
                self.check_seats()?;
                let mut account = by_subject();
                account.reasons.push(Reason::Reactivated);
                Ok(account)
            }
            _ => Err(refuse_out_of_use(user)),
        }
    }

    /// A mailbox is not enough for an account that an identity provider has vouched for as well,
    /// also where it came in by the mailbox before: its roles may be more than a mailbox is worth.
    fn check_unvouched(&self, linked: &UserWithGrants) -> Result<(), Refusal> {
        let vouched = |subject: &SubjectKey| subject.issuer() != self.connection.issuer;
        if self.connection.door == Door::Email && linked.subjects.iter().any(vouched) {
            let refusal = Refusal::denied(Reason::AccountOfProvider);
            return Err(refusal.about(&linked.user.id));
        }
        Ok(())
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
        Err(Refusal::denied(reason))
    }

    /// Whether the store answered what was asked. One that mixes up rows must not let anybody into
    /// somebody else's account.
    fn check_store(&self) -> Result<(), Refusal> {
        let (link, linked) = match (&self.snapshot.link, &self.snapshot.linked) {
            (None, None) => return Ok(()),
            (Some(link), Some(linked)) => (link, linked),
            _ => return Err(Refusal::denied(Reason::InconsistentStore)),
        };
        if linked.user.tenant != self.connection.tenant {
            return Err(Refusal::denied(Reason::OtherTenant));
        }
        if link.subject != self.facts.subject || link.user != linked.user.id {
            return Err(Refusal::denied(Reason::InconsistentStore));
        }
        Ok(())
    }

    /// Whether everything was sent that the policy wants of everybody.
    fn check_sent(&self) -> Result<(), Refusal> {
        let facts = self.facts;
        if self.connection.door == Door::Email {
            // Nothing else can be had from a mailbox.
            return match facts.email {
                Some(_) => Ok(()),
                None => Err(Refusal::denied(Reason::EmailMissing)),
            };
        }
        let sent = [
            (UserField::Email, facts.email.is_some()),
            (UserField::GivenName, facts.given_name.is_some()),
            (UserField::FamilyName, facts.family_name.is_some()),
            (UserField::DisplayName, facts.display_name.is_some()),
            (UserField::AccountId, facts.account_id.is_some()),
            (
                UserField::PermissionProfileId,
                facts.permission_profile_id.is_some(),
            ),
        ];
        let attributes = self.policy.attributes();
        for (field, was_sent) in sent {
            if !was_sent && attributes.rule(field).absent == AbsenceMode::Deny {
                return Err(Refusal::denied(Reason::AttributeMissing(field)));
            }
        }
        if attributes.groups == AbsenceMode::Deny && facts.groups == Groups::Absent {
            return Err(Refusal::denied(Reason::GroupsMissing));
        }
        Ok(())
    }

    fn check_domain(&self) -> Result<(), Refusal> {
        let Some(email) = &self.facts.email else {
            return Ok(());
        };
        // Reading mail must not be a way around the company's own sign-in.
        if self.connection.door == Door::Email
            && email_door::has_provider(
                self.policy.connections(),
                &self.connection.tenant,
                &email.address,
            )
        {
            return Err(Refusal::denied(Reason::EmailOfProvider));
        }
        if self.connection.owns(&email.address, self.now) {
            return Ok(());
        }
        let ended = self.connection.proof_has_ended(&email.address, self.now);
        Err(Refusal::denied(if ended {
            Reason::DomainProofEnded
        } else {
            Reason::EmailOutsideDomains
        }))
    }

    /// Whether the invitation that the person brought is good, if it is one.
    fn check_invitation(&self) -> Result<(), Refusal> {
        let Some(invited) = &self.facts.invited else {
            return Ok(());
        };
        let door = self.connection.door;
        invited::check(invited, self.facts, self.id, door, self.now).map_err(Refusal::denied)?;
        // It is the address that was invited: whoever only says that it is theirs was not.
        match &self.facts.email {
            Some(email) if !self.is_theirs(email) => {
                Err(Refusal::denied(Reason::EmailNotVerifiedByIdp))
            }
            _ => Ok(()),
        }
    }

    /// What a person should look at twice, and how the facts came about: that may be why something
    /// was missing.
    fn flags(&self) -> Vec<Reason> {
        let facts = self.facts;
        let address = facts.email.as_ref().map(|email| &email.address);
        let stored = self.snapshot.linked.as_ref();
        let stored = stored.and_then(|linked| linked.user.email.as_ref());
        let looks_like_stored = address
            .zip(stored)
            .is_some_and(|(address, stored)| confusable::look_alike(address, stored));
        let mut flags = Vec::new();
        if looks_like_stored || address.is_some_and(confusable::is_confusable_address) {
            flags.push(Reason::ConfusableAddress);
        }
        let names = [&facts.given_name, &facts.family_name, &facts.display_name];
        let mut names = names.into_iter().flatten();
        if names.any(|name| confusable::is_confusable_name(name)) {
            flags.push(Reason::ConfusableName);
        }
        flags.extend(facts.notes.iter().cloned().map(Reason::Noted));
        flags
    }

    fn admit(&self, account: Account<'a>) -> Admission {
        let mut reasons = account.reasons;
        reasons.extend(self.facts.invited.as_ref().map(|_| Reason::Invited));
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
        let facts = self.policy.facts_for_rules(self.connection, self.facts);
        let sync = RoleSync {
            connection: self.id,
            catalog: self.policy.catalog(),
            rules: self.policy.rules(),
            default_roles: &self.connection.create.default_roles,
            max_privilege: self.connection.max_privilege.as_ref(),
            facts: &facts,
        };
        let evaluation = self.policy.rules().evaluate(self.id, &facts);
        let matched = evaluation.matched().iter();
        reasons.extend(matched.map(|rule| Reason::RuleMatched(rule.id.clone())));
        let existing = account.existing.map_or(&[][..], |user| &user.grants);
        let mut grants = reconcile(existing, &sync, &evaluation, self.now);
        let (keep_holders, kept) = match account.existing {
            Some(existing) => self.keep_last(existing, &mut grants),
            None => Default::default(),
        };
        reasons.extend(grant_reasons(&grants));
        reasons.extend(kept);
        if !self.facts.groups.is_complete() {
            reasons.push(Reason::GroupsIncomplete);
        }
        reasons.extend(self.flags());
        Admission {
            user,
            link: account.link,
            matched_by: account.matched_by,
            grants,
            seat_cap: self.connection.create.seats,
            unique_email: !self.connection.matching.shares_email && takes_address,
            keep_holders,
            session_not_after: self.policy.session().deadline(self.now, None),
            reasons,
        }
    }
}

fn refuse_out_of_use(user: &User) -> Refusal {
    match user.state {
        UserState::PendingApproval => Refusal::needs_approval(Reason::UserAwaitsApproval, &user.id),
        UserState::Deprovisioned => Refusal::tombstone(Reason::UserDeprovisioned, &user.id),
        UserState::Erased => Refusal::tombstone(Reason::UserErased, &user.id),
        UserState::Suspended | UserState::Active | UserState::Stale | UserState::Invited => {
            Refusal::denied(Reason::UserSuspended).about(&user.id)
        }
    }
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
    let withheld = grants.withheld.iter().map(|withheld| Reason::RoleWithheld {
        role: withheld.role.clone(),
        rule: withheld.rule.clone(),
        obstacle: Box::new(withheld.obstacle.clone()),
    });
    given
        .chain(renewed)
        .chain(taken)
        .chain(spent)
        .chain(withheld)
}
