//! Whether an invitation is good for the person who brought it.

use countersign_core::{ConnectionId, Door, Facts, Invited, Timestamp};

use crate::reason::Reason;

/// Checks everything but the address being verified, which depends on the connection.
pub(crate) fn check(
    invited: &Invited,
    facts: &Facts,
    connection: &ConnectionId,
    door: Door,
    now: Timestamp,
) -> Result<(), Reason> {
    let Some(email) = &facts.email else {
        return Err(Reason::EmailMissing);
    };
    if email.address != invited.email {
        return Err(Reason::InvitationForAnother);
    }
    if now >= invited.expires_at {
        return Err(Reason::InvitationExpired);
    }
    if invited.is_spent {
        return Err(Reason::InvitationUsed);
    }
    let other_door = invited.door.is_some_and(|wanted| wanted != door);
    let wanted = invited.connection.as_ref();
    if other_door || wanted.is_some_and(|wanted| wanted != connection) {
        return Err(Reason::InvitationOtherDoor);
    }
    if invited.multi_factor && !facts.multi_factor {
        return Err(Reason::InvitationNeedsMultiFactor);
    }
    Ok(())
}
