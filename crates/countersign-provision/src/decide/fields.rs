//! The fields of an account that follow the provider.

use countersign_core::{Door, Email, EmailFact, Timestamp};

use crate::attribute::{AbsenceMode, SyncMode};
use crate::connection::OnEmailChange;
use crate::decide::Decision;
use crate::lifecycle::{Mover, Transition};
use crate::plan::{FieldChange, UserField, UserPlan};
use crate::user::{User, UserState};

impl Decision<'_> {
    fn sync(&self, field: UserField) -> SyncMode {
        let named = self.policy.attributes().rule(field).sync;
        named.unwrap_or(match field {
            UserField::AccountId | UserField::PermissionProfileId => SyncMode::Create,
            UserField::GivenName | UserField::FamilyName | UserField::DisplayName
                if !self.connection.matching.syncs_names =>
            {
                SyncMode::Create
            }
            _ => SyncMode::Always,
        })
    }

    pub(super) fn is_taken_at_creation(&self, field: UserField) -> bool {
        let is_key = self.connection.door == Door::Email && field == UserField::Email;
        is_key || self.sync(field) != SyncMode::Never
    }

    /// The value that a field gets from one that was sent or not; `None` if it stays as it is.
    fn follows<T>(&self, field: UserField, sent: Option<T>) -> Option<Option<T>> {
        if self.connection.door == Door::Email {
            return None;
        }
        let clears = self.policy.attributes().rule(field).absent == AbsenceMode::Clear;
        (self.sync(field) == SyncMode::Always && (sent.is_some() || clears)).then_some(sent)
    }

    /// The account with what follows the provider. What was not sent stays as it is, unless the
    /// policy clears it.
    pub(super) fn updated(&self, user: &User) -> UserPlan {
        let mut edit = Edit {
            user: user.clone(),
            changes: Vec::new(),
        };
        edit.activate(self.now);
        self.update_email(&mut edit);
        if self.connection.door == Door::Email {
            edit.verify_email(self.facts.email.as_ref());
        }
        let facts = self.facts;
        let names = [
            (UserField::GivenName, &facts.given_name),
            (UserField::FamilyName, &facts.family_name),
            (UserField::DisplayName, &facts.display_name),
        ];
        for (field, sent) in names {
            if let Some(value) = self.follows(field, sent.clone()) {
                edit.set(field, value);
            }
        }
        let sent = facts.account_id.is_some() && facts.permission_profile_id.is_some();
        if self
            .follows(UserField::AccountId, sent.then_some(()))
            .is_some()
        {
            let (account_id, permission_profile_id) = self.account_and_profile();
            edit.set(UserField::AccountId, account_id);
            edit.set(UserField::PermissionProfileId, permission_profile_id);
        }
        if edit.changes.is_empty() {
            UserPlan::Keep(edit.user)
        } else {
            UserPlan::Update {
                user: edit.user,
                changes: edit.changes,
            }
        }
    }

    /// The stored address follows only where everything says so: the field, the connection, and
    /// the provider's word that it is the person's.
    fn update_email(&self, edit: &mut Edit) {
        let sent = self.facts.email.as_ref();
        let follows =
            self.connection.matching.on_email_change == OnEmailChange::UpdateIfOwnedDomain;
        if !follows || sent.is_some_and(|email| !self.is_theirs(email)) {
            return;
        }
        let sent = sent.map(|email| &email.address);
        if let Some(address) = self.follows(UserField::Email, sent)
            && edit.user.email.as_ref() != address
        {
            let text = |email: Option<&Email>| email.map(ToString::to_string);
            edit.changes.push(FieldChange {
                field: UserField::Email,
                before: text(edit.user.email.as_ref()),
                after: text(address),
            });
            edit.user.email = address.cloned();
            if edit.user.email_verified_locally {
                // It was another address that the host verified.
                edit.user.email_verified_locally = false;
                edit.changes.push(FieldChange {
                    field: UserField::EmailVerifiedLocally,
                    before: Some("true".to_owned()),
                    after: Some("false".to_owned()),
                });
            }
        }
    }
}

/// An account that is being changed, and what changed.
struct Edit {
    user: User,
    changes: Vec<FieldChange>,
}

impl Edit {
    fn activate(&mut self, now: Timestamp) {
        let step = Transition::new(self.user.state, UserState::Active, Mover::SignIn);
        if let Ok(step) = step {
            self.changes.push(FieldChange {
                field: UserField::State,
                before: Some(self.user.state.name().to_owned()),
                after: Some(UserState::Active.name().to_owned()),
            });
            self.user = step.apply(&self.user, now, None);
        }
    }

    /// The address was verified just now, if it is the stored one.
    fn verify_email(&mut self, proved: Option<&EmailFact>) {
        let is_stored =
            proved.is_some_and(|proved| self.user.email.as_ref() == Some(&proved.address));
        if is_stored && !self.user.email_verified_locally {
            self.user.email_verified_locally = true;
            self.changes.push(FieldChange {
                field: UserField::EmailVerifiedLocally,
                before: Some("false".to_owned()),
                after: Some("true".to_owned()),
            });
        }
    }

    fn set(&mut self, field: UserField, value: Option<String>) {
        let stored = match field {
            UserField::GivenName => &mut self.user.given_name,
            UserField::FamilyName => &mut self.user.family_name,
            UserField::DisplayName => &mut self.user.display_name,
            UserField::AccountId => &mut self.user.account_id,
            UserField::PermissionProfileId => &mut self.user.permission_profile_id,
            // Neither a text of its own nor ever set from one.
            UserField::State | UserField::Email | UserField::EmailVerifiedLocally => return,
        };
        if *stored != value {
            self.changes.push(FieldChange {
                field,
                before: stored.clone(),
                after: value.clone(),
            });
            *stored = value;
        }
    }
}
