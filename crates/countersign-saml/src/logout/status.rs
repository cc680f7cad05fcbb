//! How a logout went \[SAML-Core §3.2.2.2\].

pub(super) const RESPONDER: &str = "urn:oasis:names:tc:SAML:2.0:status:Responder";
pub(super) const REQUESTER: &str = "urn:oasis:names:tc:SAML:2.0:status:Requester";
pub(super) const PARTIAL_LOGOUT: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";

/// How a logout went here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogoutStatus {
    /// The sessions that were meant are over; also if there was none.
    Complete,
    /// Some are not.
    Partial,
    /// The request was not acted on, for a reason that lies in it.
    Refused,
    /// It was not acted on, for a reason that lies here.
    Failed,
}

impl LogoutStatus {
    /// The status codes, the outermost first.
    pub(super) const fn codes(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Complete => (crate::names::SUCCESS, None),
            Self::Partial => (RESPONDER, Some(PARTIAL_LOGOUT)),
            Self::Refused => (REQUESTER, None),
            Self::Failed => (RESPONDER, None),
        }
    }
}
