//! A provider says that a person signed out \[SAML-Core §3.7.1\].

use std::fmt;
use std::time::Duration;

use countersign_core::{NameId, Sha256Digest, Timestamp};
use countersign_dsig::encryption::Covered;

use super::trusted::{self, Expected};
use crate::binding::{MessageKind, RelayState};
use crate::code::RejectCode;
use crate::decryption::Decryption;
use crate::element::Part;
use crate::endpoint::Endpoint;
use crate::identity_provider::IdentityProvider;
use crate::inbound::Inbound;
use crate::login::AdmitError;
use crate::names::{ASSERTION, PROTOCOL, SIGNATURE};
use crate::rejection::{Rejection, reject};
use crate::replay::{ReplayKey, ReplayStore, Seen};
use crate::request::Expect;
use crate::response::rules::Rules;
use crate::response::subject;
use crate::service_provider::{MAX_CLOCK_SKEW, ServiceProvider};

/// What a `LogoutRequest` may hold \[SAML-Core §3.2.1, §3.7.1\].
const CHILDREN: &[(&str, &str)] = &[
    (ASSERTION, "Issuer"),
    (SIGNATURE, "Signature"),
    (PROTOCOL, "Extensions"),
    (ASSERTION, "BaseID"),
    (ASSERTION, "NameID"),
    (ASSERTION, "EncryptedID"),
    (PROTOCOL, "SessionIndex"),
];

/// How long a request without `NotOnOrAfter` is good for: what providers give to those with one.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

const EXPECTED: Expected = Expected {
    kind: MessageKind::Request,
    name: "LogoutRequest",
    otherwise: RejectCode::NotALogoutRequest,
};

/// Verifies a logout request of one identity provider to one service provider.
///
/// Pure: the same arguments give the same answer.
///
/// # Errors
/// The first rule that does not hold; the codes are listed on the [front page](crate).
///
/// # Security
/// A request that is not signed is refused, by whatever binding it came: everybody could sign out
/// everybody. The result tells nothing yet: see [`VerifiedLogoutRequest::admit`].
pub fn verify_request(
    sp: &ServiceProvider,
    idp: &IdentityProvider,
    message: Inbound<'_>,
    now: Timestamp,
) -> Result<VerifiedLogoutRequest, Rejection> {
    let rules = Rules::new(sp, idp, Expect::Unsolicited, now);
    let trusted = trusted::verify(
        &rules,
        message,
        &EXPECTED,
        |covered, request, decryption| read(&rules, covered, request, decryption),
    )?;
    let demand = trusted.value;
    Ok(VerifiedLogoutRequest {
        replay_key: ReplayKey {
            issuer: idp.entity_id().to_owned(),
            id: demand.id.clone(),
        },
        stale_at: demand.stale_at,
        logout: Logout {
            id: demand.id,
            issuer: idp.entity_id().to_owned(),
            name_id: demand.name_id,
            session_indexes: demand.session_indexes,
            reason: demand.reason,
            relay_state: trusted.relay_state.filter(|text| !text.is_empty()),
            certificate_sha256: trusted.certificate_sha256,
        },
    })
}

/// What a request says.
struct Demand {
    id: String,
    name_id: NameId,
    session_indexes: Vec<String>,
    reason: Option<String>,
    /// From this instant on every verifier refuses the request for its age, whatever its skew.
    stale_at: Timestamp,
}

/// Every rule for a request; what it says if all of them hold.
fn read(
    rules: &Rules<'_>,
    covered: Covered<'_>,
    request: Part<'_>,
    decryption: &Decryption<'_>,
) -> Result<Demand, Rejection> {
    request.check_children(CHILDREN)?;
    rules.check_issued(request)?;
    trusted::check_destination(rules, request, Endpoint::location)?;
    let end = match request.optional_instant("NotOnOrAfter")? {
        Some(end) => end,
        None => request.instant("IssueInstant")?.saturating_add(LIFETIME),
    };
    // [SAML-Core §3.7.1]: from then on the request must not be acted on.
    if rules.clock.has_passed(end) {
        reject!(
            Expired,
            "the LogoutRequest held until {end}, and it is {} now",
            rules.clock.now
        );
    }
    Ok(Demand {
        id: request.attribute("ID")?.to_owned(),
        name_id: subject::name_id(covered, request, decryption)?,
        session_indexes: request
            .children(PROTOCOL, "SessionIndex")
            .map(|index| Ok(index.text()?.into_owned()))
            .collect::<Result<_, Rejection>>()?,
        reason: request.element.attribute("Reason").map(str::to_owned),
        stale_at: end.saturating_add(MAX_CLOCK_SKEW),
    })
}

/// A logout request that holds in every respect but one: it may have been used before.
#[must_use = "a verified logout request is no logout before it is admitted"]
pub struct VerifiedLogoutRequest {
    logout: Logout,
    replay_key: ReplayKey,
    /// From this instant on every verifier refuses the request for its age.
    stale_at: Timestamp,
}

impl VerifiedLogoutRequest {
    /// Lets the request in once, and never again.
    ///
    /// # Errors
    /// As [`Verified::admit`](crate::Verified::admit).
    ///
    /// # Cancellation
    /// If the future is dropped the request may count as seen.
    pub async fn admit(
        self,
        replay: &dyn ReplayStore,
        now: Timestamp,
    ) -> Result<Logout, AdmitError> {
        // The store may forget a key at `stale_at`: whoever comes later must not get in as first.
        if now >= self.stale_at {
            return Err(AdmitError::Rejected(Rejection::new(
                RejectCode::Expired,
                "the logout request expired between its verification and its admission",
            )));
        }
        match replay
            .insert_once(&self.replay_key, self.stale_at, now)
            .await
            .map_err(AdmitError::Store)?
        {
            Seen::First => Ok(self.logout),
            Seen::Before => Err(AdmitError::Rejected(Rejection::new(
                RejectCode::Replayed,
                "the logout request was accepted before",
            ))),
        }
    }

    /// Lets the request in without asking whether it was used before.
    ///
    /// # Security
    /// Whoever gets hold of a request can sign the person out again until it expires. For tools
    /// that look at stored requests.
    #[must_use]
    pub fn insecure_without_replay_check(self) -> Logout {
        self.logout
    }
}

impl fmt::Debug for VerifiedLogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedLogoutRequest")
            .field("replay_key", &self.replay_key)
            .field("stale_at", &self.stale_at)
            .finish_non_exhaustive()
    }
}

/// A logout that a provider asks for: verified and admitted. There is no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logout {
    id: String,
    issuer: String,
    name_id: NameId,
    session_indexes: Vec<String>,
    reason: Option<String>,
    relay_state: Option<String>,
    certificate_sha256: Sha256Digest,
}

impl Logout {
    /// The request's `ID`, which the answer names.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The identity provider's entity id.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who signed out, byte for byte.
    #[must_use]
    pub fn name_id(&self) -> &NameId {
        &self.name_id
    }

    /// Which sessions of that person end; all of them if there is none here
    /// \[SAML-Core §3.7.3.1\].
    #[must_use]
    pub fn session_indexes(&self) -> &[String] {
        &self.session_indexes
    }

    /// Whether a session ends that the provider opened with this `SessionIndex`. One that was
    /// opened without any ends with all.
    #[must_use]
    pub fn ends(&self, session_index: Option<&str>) -> bool {
        self.session_indexes.is_empty()
            || session_index.is_some_and(|of| self.session_indexes.iter().any(|index| index == of))
    }

    /// `Reason`, a URI.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What came with the request, and goes back with the answer.
    #[must_use]
    pub fn relay_state(&self) -> Option<RelayState> {
        self.relay_state.as_deref().map(RelayState::echo)
    }

    /// The certificate of the key that signed the request.
    #[must_use]
    pub fn certificate_sha256(&self) -> Sha256Digest {
        self.certificate_sha256
    }
}
