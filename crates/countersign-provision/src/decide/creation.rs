//! A new account: whether there may be one, and what is in it.

use countersign_core::Door;

use crate::confusable;
use crate::connection::{CreationMode, OnConfusable, Strategy};
use crate::decide::{Account, Decision};
use crate::plan::{LinkPlan, MatchedBy, NewUser, Queued, UserField};
use crate::reason::Reason;
use crate::refusal::Refusal;

impl<'a> Decision<'a> {
    pub(super) fn create(&self) -> Result<Account<'a>, Refusal> {
        let connection = self.connection;
        let refuse = |reason| Err(Refusal::denied(reason));
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
        if connection.create.on_confusable == OnConfusable::Deny
            && confusable::is_confusable_address(&email.address)
        {
            return refuse(Reason::ConfusableAddress);
        }
        if connection.create.requires_invitation && self.facts.invited.is_none() {
            return refuse(Reason::InvitationRequired);
        }
        self.check_required_group()?;
        self.check_seats()?;
        Ok(Account {
            existing: None,
            link: LinkPlan::Add,
            matched_by: MatchedBy::Created,
            awaits_approval: connection.create.mode == CreationMode::Approve,
            reasons: vec![Reason::Created],
        })
    }

    /// The person has to be known to be in the group. Where not all groups were told, nothing is
    /// known of one that is not among them, and the refusal says that.
    fn check_required_group(&self) -> Result<(), Refusal> {
        let groups = &self.facts.groups;
        match &self.connection.create.require_group {
            Some(group) if !groups.contains(group) => {
                Err(Refusal::denied(if groups.is_complete() {
                    Reason::RequiredGroupMissing
                } else {
                    Reason::RequiredGroupUndecided
                }))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_seats(&self) -> Result<(), Refusal> {
        let seats = self.connection.create.seats;
        if seats.is_some_and(|seats| self.snapshot.seats_taken >= seats) {
            return Err(Refusal::denied(Reason::SeatsTaken));
        }
        Ok(())
    }

    /// The account that waits for approval.
    pub(super) fn queue(&self, account: Account<'a>) -> Queued {
        let mut reasons = vec![Reason::UserAwaitsApproval];
        reasons.extend(account.reasons);
        reasons.extend(self.facts.invited.as_ref().map(|_| Reason::Invited));
        reasons.extend(self.flags());
        Queued {
            user: self.new_user(),
            link: account.link,
            seat_cap: self.connection.create.seats,
            unique_email: !self.connection.matching.shares_email,
            reasons,
        }
    }

    pub(super) fn new_user(&self) -> NewUser {
        let facts = self.facts;
        let (account_id, permission_profile_id) = self.account_and_profile();
        let taken = |field, sent: &Option<String>| {
            let wanted = self.is_taken_at_creation(field);
            sent.clone().filter(|_| wanted)
        };
        let email = facts.email.as_ref().map(|email| email.address.clone());
        NewUser {
            email: email.filter(|_| self.is_taken_at_creation(UserField::Email)),
            email_verified_locally: self.connection.door == Door::Email,
            given_name: taken(UserField::GivenName, &facts.given_name),
            family_name: taken(UserField::FamilyName, &facts.family_name),
            display_name: taken(UserField::DisplayName, &facts.display_name),
            account_id,
            permission_profile_id,
        }
    }

    /// What was sent, if it was both and the policy takes it; else the connection's own.
    pub(super) fn account_and_profile(&self) -> (Option<String>, Option<String>) {
        let facts = self.facts;
        let create = &self.connection.create;
        // Only both together decide; one alone would name a profile of another account.
        let sent = facts
            .account_id
            .as_ref()
            .zip(facts.permission_profile_id.as_ref())
            .filter(|_| self.is_taken_at_creation(UserField::AccountId));
        let default = create
            .account_id
            .as_ref()
            .zip(create.permission_profile_id.as_ref());
        let (account_id, permission_profile_id) = sent.or(default).unzip();
        (account_id.cloned(), permission_profile_id.cloned())
    }
}
