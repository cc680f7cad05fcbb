//! What the tests of this crate put into a store.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use countersign_core::{TenantId, Timestamp, UserId};
use countersign_provision::store::{Change, UserWrite};
use countersign_provision::user::{User, UserState};

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// A change that creates an active account with nothing but its id.
pub(crate) fn create(id: &str) -> Change {
    let mut change = Change::new(tenant());
    change.users.push(UserWrite::Create(User {
        id: UserId::new(id).unwrap(),
        tenant: tenant(),
        state: UserState::Active,
        state_since: Timestamp::UNIX_EPOCH,
        state_entry: None,
        hold: None,
        email: None,
        email_verified_locally: false,
        given_name: None,
        family_name: None,
        display_name: None,
        account_id: None,
        permission_profile_id: None,
        created_at: Timestamp::UNIX_EPOCH,
        last_sign_in_at: None,
        entry: None,
        version: 1,
    }));
    change
}
