//! An account that a sign-in makes: in use at once, or waiting for approval.

use countersign_audit::account::UserProvisioned;
use countersign_audit::assertion::AssertionVerified;
use countersign_audit::leaf::Leaf;
use countersign_audit::seal::Draft;
use countersign_core::{Facts, LeafHash, UserId};
use countersign_provision::Reason;
use countersign_provision::plan::NewUser;
use countersign_provision::user::{User, UserState};

use crate::arrival::Arrival;
use crate::sign_in::person;

/// What an account is made of.
pub(crate) struct NewAccount<'a> {
    pub(crate) arrival: &'a Arrival<'a>,
    pub(crate) facts: &'a Facts,
    pub(crate) new: &'a NewUser,
    pub(crate) state: UserState,
    pub(crate) reasons: &'a [Reason],
}

impl NewAccount<'_> {
    /// Its record.
    pub(crate) fn draft(
        &self,
        id: &UserId,
        assertion: Leaf<AssertionVerified>,
    ) -> Draft<UserProvisioned> {
        let body = UserProvisioned {
            connection: self.arrival.id.clone(),
            strategy: self.arrival.rules.strategy.name().to_owned(),
            matched_by: None,
            state: self.state.name().to_owned(),
            account_id: self.new.account_id.clone(),
            permission_profile_id: self.new.permission_profile_id.clone(),
            attributes: self.facts.attributes.keys().cloned().collect(),
            reasons: codes(self.reasons),
        };
        body.draft(id.clone(), &person(self.facts), assertion)
    }

    /// The account that `entry` records; nobody has signed in to it yet.
    pub(crate) fn user(&self, id: &UserId, entry: LeafHash) -> User {
        let new = self.new;
        User {
            id: id.clone(),
            tenant: self.arrival.rules.tenant.clone(),
            state: self.state,
            state_since: self.arrival.now,
            state_entry: Some(entry),
            hold: None,
            email: new.email.clone(),
            email_verified_locally: new.email_verified_locally,
            given_name: new.given_name.clone(),
            family_name: new.family_name.clone(),
            display_name: new.display_name.clone(),
            account_id: new.account_id.clone(),
            permission_profile_id: new.permission_profile_id.clone(),
            created_at: self.arrival.now,
            last_sign_in_at: None,
            entry: Some(entry),
            version: 1,
        }
    }
}

/// The codes of reasons, for records.
pub(crate) fn codes(reasons: &[Reason]) -> Vec<String> {
    reasons
        .iter()
        .map(|reason| reason.code().to_owned())
        .collect()
}
