//! What a response answers: the request that was sent and not answered yet.

use std::time::Duration;

use countersign_core::text::check_identifier;
use countersign_core::{TextError, Timestamp};
use serde::{Deserialize, Serialize};

use crate::binding::RelayState;
use crate::clock::Clock;
use crate::inbound::Relayed;
use crate::message_id::MessageId;
use crate::rejection::{QuotedOrNothing, Rejection, reject};
use crate::request::RequestedAuthnContext;

/// How long a request waits for its answer unless chosen: time to find a phone and to type a code.
pub const DEFAULT_REQUEST_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How long it may wait at most. Somebody who enrolls a second factor takes a while; after an hour
/// the browser may be another person's.
pub const MAX_REQUEST_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// A request that was sent and not answered yet.
///
/// The host keeps it where only this browser's session finds it again, and takes it out when the
/// answer comes. [`AuthnRequest`](crate::AuthnRequest) makes it with everything bound; a host that
/// sends requests by other means binds what it knows.
///
/// As JSON it has the members `id`, `identity_provider`, `relay_state`, `issued_at`, `expires_at`,
/// `fresh_login_since` and `authn_context`, of which only the first must be there. One that is not
/// known is refused: a later version may mean by it what an earlier one would not check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct PendingRequest {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_provider: Option<String>,
    /// Empty if it was sent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh_login_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authn_context: Option<RequestedAuthnContext>,
}

/// A pending request as a host read it back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    id: String,
    identity_provider: Option<String>,
    relay_state: Option<String>,
    issued_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    fresh_login_since: Option<Timestamp>,
    authn_context: Option<RequestedAuthnContext>,
}

impl TryFrom<Stored> for PendingRequest {
    type Error = TextError;
    fn try_from(stored: Stored) -> Result<Self, TextError> {
        check_identifier(&stored.id)?;
        Ok(Self {
            id: stored.id,
            identity_provider: stored.identity_provider,
            relay_state: stored.relay_state,
            issued_at: stored.issued_at,
            expires_at: stored.expires_at,
            fresh_login_since: stored.fresh_login_since,
            authn_context: stored.authn_context,
        })
    }
}

impl PendingRequest {
    /// The request with this `ID`, bound to nothing else.
    ///
    /// # Errors
    /// If the id is empty, too long, or holds control characters.
    pub fn new(id: impl Into<String>) -> Result<Self, TextError> {
        let id = id.into();
        check_identifier(&id)?;
        Ok(Self::of(id))
    }

    /// INVARIANT: `id` is an identifier.
    fn of(id: String) -> Self {
        Self {
            id,
            identity_provider: None,
            relay_state: None,
            issued_at: None,
            expires_at: None,
            fresh_login_since: None,
            authn_context: None,
        }
    }

    /// Binds the request to the identity provider that it was sent to: an answer of another one
    /// is refused, even if both are trusted (mix-up attacks).
    #[must_use]
    pub fn sent_to(mut self, identity_provider_entity_id: impl Into<String>) -> Self {
        self.identity_provider = Some(identity_provider_entity_id.into());
        self
    }

    /// Binds the request to the relay state that was sent with it: an answer with another one is
    /// refused.
    #[must_use]
    pub fn with_relay_state(mut self, relay_state: &RelayState) -> Self {
        self.relay_state = Some(relay_state.as_str().to_owned());
        self
    }

    /// Binds the request to having been sent without a relay state: an answer with one is refused.
    #[must_use]
    pub fn without_relay_state(mut self) -> Self {
        self.relay_state = Some(String::new());
        self
    }

    /// Binds the request to its time: an answer that comes more than `lifetime` later is refused.
    /// A lifetime of more than [`MAX_REQUEST_LIFETIME`] is cut to that.
    #[must_use]
    pub fn issued(mut self, at: Timestamp, lifetime: Duration) -> Self {
        self.issued_at = Some(at);
        self.expires_at = Some(at.saturating_add(lifetime.min(MAX_REQUEST_LIFETIME)));
        self
    }

    /// The person was to authenticate anew: an answer is refused if its `AuthnInstant` is earlier
    /// than `since`, or absent.
    #[must_use]
    pub fn with_fresh_login_since(mut self, since: Timestamp) -> Self {
        self.fresh_login_since = Some(since);
        self
    }

    /// The person was to authenticate in this way: an answer that does not meet it is refused.
    #[must_use]
    pub fn with_authn_context(mut self, asked: impl Into<RequestedAuthnContext>) -> Self {
        self.authn_context = Some(asked.into());
        self
    }

    /// The request's `ID`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The identity provider that it was sent to, if it is bound to one.
    #[must_use]
    pub fn identity_provider(&self) -> Option<&str> {
        self.identity_provider.as_deref()
    }

    /// The relay state that was sent with it, if one was.
    #[must_use]
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref().filter(|text| !text.is_empty())
    }

    /// When it was made.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// From this instant on no answer is accepted, and the host may forget it.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The person has to have authenticated at this instant or later.
    #[must_use]
    pub fn fresh_login_since(&self) -> Option<Timestamp> {
        self.fresh_login_since
    }

    /// How the person was asked to authenticate.
    #[must_use]
    pub fn authn_context(&self) -> Option<&RequestedAuthnContext> {
        self.authn_context.as_ref()
    }
}

/// Bound to nothing but its ID.
impl From<&MessageId> for PendingRequest {
    fn from(id: &MessageId) -> Self {
        Self::of(id.as_str().to_owned())
    }
}

/// Whether the response answers a request.
#[derive(Debug, Clone, Copy)]
pub enum Expect<'a> {
    /// It must answer this one.
    Request(&'a PendingRequest),
    /// Nobody asked: the identity provider started it \[SAML-Profiles §4.1.5\].
    ///
    /// # Security
    /// Whoever holds such a response can sign another person's browser in (login CSRF). Allow it
    /// only for a connection whose customer needs it.
    Unsolicited,
}

impl<'a> Expect<'a> {
    /// The pending request, if there is one.
    pub(crate) fn pending(self) -> Option<&'a PendingRequest> {
        match self {
            Self::Request(pending) => Some(pending),
            Self::Unsolicited => None,
        }
    }

    /// The request still waits. By our own clock on both ends, so without skew.
    pub(crate) fn check_expiry(self, clock: Clock) -> Result<(), Rejection> {
        if let Some(end) = self.pending().and_then(PendingRequest::expires_at)
            && clock.now >= end
        {
            reject!(
                RequestExpired,
                "the pending request waited until {end}, and it is {} now",
                clock.now
            );
        }
        Ok(())
    }

    /// \[SAML-Bindings §3.4.3, §3.5.3\]: the exact relay state comes back with the answer. Nothing
    /// and an empty one are the same, as forms have fields that are empty. What comes unasked is
    /// refused like another one.
    pub(crate) fn check_relay_state(self, relayed: &Relayed) -> Result<(), Rejection> {
        let sent = self
            .pending()
            .and_then(|pending| pending.relay_state.as_deref());
        let (Some(sent), Relayed::Shown(received)) = (sent, relayed) else {
            return Ok(());
        };
        let received = received.as_deref().unwrap_or_default();
        if received != sent {
            let shown = |text| QuotedOrNothing(Some(text).filter(|text: &&str| !text.is_empty()));
            reject!(
                RelayStateMismatch,
                "the response comes with the relay state {}, not {}",
                shown(received),
                shown(sent)
            );
        }
        Ok(())
    }

    /// \[SAML-Core §3.4.1, ForceAuthn\]: who was asked to authenticate anew did so after the request.
    pub(crate) fn check_freshness(
        self,
        clock: Clock,
        authn_instant: Option<Timestamp>,
    ) -> Result<(), Rejection> {
        let Some(since) = self.pending().and_then(PendingRequest::fresh_login_since) else {
            return Ok(());
        };
        match authn_instant {
            Some(at) if at >= since.saturating_sub(clock.skew) => Ok(()),
            Some(at) => reject!(
                AuthenticationTooOld,
                "the person authenticated at {at}, and was asked to do so anew at {since}"
            ),
            None => reject!(
                AuthenticationTooOld,
                "when the person authenticated is not said, and it was to be after {since}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Comparison, MultiFactor, class};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds.saturating_mul(1000))
    }

    #[test]
    fn a_pending_request_can_be_stored_and_read_back() {
        let pending = PendingRequest::new("_1")
            .unwrap()
            .sent_to("https://idp.example")
            .with_relay_state(&RelayState::new("order 7").unwrap())
            .issued(at(0), DEFAULT_REQUEST_LIFETIME)
            .with_fresh_login_since(at(0))
            .with_authn_context(RequestedAuthnContext::multi_factor(MultiFactor::Entra));
        let json = serde_json::to_string(&pending).unwrap();
        assert!(json.len() < 600, "{json}");
        assert_eq!(
            serde_json::from_str::<PendingRequest>(&json).unwrap(),
            pending
        );
    }

    /// As they were written before requests were bound to more than a provider.
    #[test]
    fn a_pending_request_of_an_earlier_version_is_read() {
        for json in [r#"{"id":"_1"}"#, r#"{"id":"_1","identity_provider":null}"#] {
            assert_eq!(
                serde_json::from_str::<PendingRequest>(json).unwrap(),
                PendingRequest::new("_1").unwrap()
            );
        }
        let json = r#"{"id":"_1","identity_provider":"i"}"#;
        let read: PendingRequest = serde_json::from_str(json).unwrap();
        assert_eq!(read.identity_provider(), Some("i"));
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn a_pending_request_that_is_not_understood_is_refused() {
        for json in [
            r#"{"id":""}"#,
            r#"{}"#,
            r#"{"id":"_1","bound_to_moon_phase":"full"}"#,
            r#"{"id":"_1","expires_at":"tomorrow"}"#,
            r#"{"id":"_1","authn_context":{"comparison":"same","class_refs":[]}}"#,
        ] {
            assert!(
                serde_json::from_str::<PendingRequest>(json).is_err(),
                "{json}"
            );
        }
    }

    #[test]
    fn a_request_waits_for_an_hour_at_most() {
        let pending = PendingRequest::new("_1").unwrap();
        let pending = pending.issued(at(0), Duration::from_secs(86_400));
        assert_eq!(pending.expires_at(), Some(at(3600)));
    }

    #[test]
    fn an_empty_list_of_contexts_is_met_by_no_login() {
        use Comparison::{Better, Exact, Maximum, Minimum};
        for comparison in [Exact, Minimum, Better, Maximum] {
            let none = RequestedAuthnContext::new(comparison, [""; 0]);
            let pending = PendingRequest::new("_1").unwrap().with_authn_context(none);
            let asked = pending.authn_context().unwrap();
            assert!(!asked.is_met_by(Some(class::REFEDS_MFA), &[]));
            assert!(!asked.is_met_by(None, &[]));
        }
    }
}
