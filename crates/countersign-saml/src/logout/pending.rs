//! A logout request of ours that is not answered yet.

use countersign_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::request::PendingRequest;

/// A logout request that was sent and not answered yet.
///
/// The host keeps it where only this browser's session finds it again, and takes it out when the
/// answer comes. As JSON it is told apart from a pending login, so that neither passes for the
/// other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingLogout {
    pub(super) logout: PendingRequest,
}

impl PendingLogout {
    /// The request's `ID`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.logout.id()
    }

    /// From this instant on no answer is accepted, and the host may forget it.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.logout.expires_at()
    }
}
