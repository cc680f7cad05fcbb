//! Signing out because the identity provider says so.
//!
//! The other way, when a person signs out here: close the session, and send a
//! [`LogoutRequest`](countersign_saml::logout::LogoutRequest) with the
//! [`name_id`](crate::Session::name_id) and the [`session_index`](crate::Session::session_index) that
//! the sign-in told.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{ConnectionId, SessionId, SubjectKeyError};
use countersign_provision::store::{SessionQuery, SessionRecord, SessionsOf, SnapshotQuery};
use countersign_provision::{ConnectionPolicy, FactsError};
use countersign_saml::logout::{Logout, LogoutStatus, verify_request};
use countersign_saml::{AdmitError, Inbound, Rejection};

use crate::engine::Engine;
use crate::error::EngineError;

/// Why sessions are closed here, in their records.
const REASON: &str = "signed_out_at_provider";

/// What became of a provider's logout request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignOut {
    /// It was verified and acted on.
    Done(Box<SignedOut>),
    /// It was not believed, and nothing was done. There is nobody to answer.
    Refused(Rejection),
}

/// A logout request that was acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOut {
    logout: Logout,
    closed: Vec<SessionId>,
    status: LogoutStatus,
}

impl SignedOut {
    /// The request, for the answer to it.
    #[must_use]
    pub fn logout(&self) -> &Logout {
        &self.logout
    }

    /// The sessions that were closed, for the host to forget their cookies.
    #[must_use]
    pub fn closed(&self) -> &[SessionId] {
        &self.closed
    }

    /// What the answer says.
    #[must_use]
    pub fn status(&self) -> LogoutStatus {
        self.status
    }
}

impl Engine {
    /// Ends the sessions that an identity provider says are over \[SAML-Core §3.7.3.2\]: those of
    /// the person that came through this connection, and of these the ones that the request names
    /// by `SessionIndex`, if it names any. Each is closed with its record, as
    /// [`close_session`](Self::close_session) does.
    ///
    /// Where the connection finds accounts by an attribute, or the name identifier comes in a format
    /// that nobody can sign in by, the name alone tells nobody: then the sessions with the provider's
    /// `SessionIndex` are meant, and a request that names none ends as [`LogoutStatus::Partial`].
    ///
    /// A request is forgotten once it was acted on. A response that the provider made before it and
    /// that the browser held back still opens a session, until it expires; \[SAML-Core §3.7.3.1\]
    /// wants it refused.
    ///
    /// # Errors
    /// [`EngineError::UnknownConnection`], or if the store fails; answer
    /// [`LogoutStatus::Failed`] then. A refusal is no error: it is [`SignOut::Refused`].
    ///
    /// # Cancellation
    /// If the future is dropped the request may count as seen, and some of the sessions be closed.
    ///
    /// ```no_run
    /// # use countersign::saml::{IdentityProvider, MessageSigner, ServiceProvider};
    /// use countersign::SignOut;
    /// use countersign::saml::binding::{Binding, Outbound};
    /// use countersign::saml::logout::LogoutResponse;
    /// use countersign::saml::{Inbound, MessageId};
    ///
    /// # async fn slo(engine: countersign::Engine, acme: countersign::ConnectionId,
    /// #     sp: ServiceProvider, idp: IdentityProvider, signer: &dyn MessageSigner,
    /// #     raw_query: &[u8], random: [u8; 20], now: countersign::Timestamp)
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// let message = Inbound::RedirectQuery(raw_query);
    /// let SignOut::Done(ended) = engine.sign_out(&acme, message).await? else {
    ///     return Ok(()); // There is nobody to answer.
    /// };
    /// // The answer goes to the provider that the connection was made with.
    /// let (logout, status) = (ended.logout(), ended.status());
    /// let id = MessageId::from_random_bytes(random);
    /// let answer = LogoutResponse::new(&sp, &idp, Binding::Redirect, logout, status, &id, now)?;
    /// if let Outbound::Redirect(url) = answer.send(signer).await? {
    ///     println!("Location: {url}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sign_out(
        &self,
        connection: &ConnectionId,
        message: Inbound<'_>,
    ) -> Result<SignOut, EngineError> {
        let unknown = || EngineError::UnknownConnection(connection.clone());
        let configured = self
            .shared
            .connections
            .get(connection)
            .ok_or_else(unknown)?;
        let rules = self.door(connection)?;
        let now = self.shared.clock.now();
        let (sp, idp) = (&configured.service_provider, &configured.identity_provider);
        let verified = match verify_request(sp, idp, message, now) {
            Ok(verified) => verified,
            Err(rejection) => return Ok(SignOut::Refused(rejection)),
        };
        let logout = match verified.admit(&*self.shared.replay, now).await {
            Ok(logout) => logout,
            Err(AdmitError::Rejected(rejection)) => return Ok(SignOut::Refused(rejection)),
            Err(AdmitError::Store(error)) => return Err(error.into()),
            // A way to fail that is not known here is a failure all the same.
            Err(_) => {
                return Err(EngineError::Misuse {
                    what: "the replay store",
                });
            }
        };
        let meant = self.sessions_meant(connection, rules, &logout).await?;
        let status = match meant {
            Some(_) => LogoutStatus::Complete,
            None => LogoutStatus::Partial,
        };
        let mut closed = Vec::new();
        for session in meant.unwrap_or_default() {
            match self.close_opened(session.entry, REASON).await {
                Ok(()) => closed.push(session.id),
                // It has expired, or somebody else was faster.
                Err(EngineError::SessionOver) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(SignOut::Done(Box::new(SignedOut {
            logout,
            closed,
            status,
        })))
    }

    /// The open sessions that a logout means; `None` if nobody can tell.
    async fn sessions_meant(
        &self,
        connection: &ConnectionId,
        rules: &ConnectionPolicy,
        logout: &Logout,
    ) -> Result<Option<Vec<SessionRecord>>, EngineError> {
        let users = &self.shared.users;
        let query = |of| SessionQuery {
            tenant: rules.tenant.clone(),
            connection: Some(connection.clone()),
            of,
        };
        match rules.subject_of_name_id(logout.issuer(), logout.name_id()) {
            Ok(subject) => {
                let snapshot = SnapshotQuery {
                    tenant: rules.tenant.clone(),
                    connection: connection.clone(),
                    subject,
                    email: None,
                    guarded_roles: BTreeSet::new(),
                    seats: false,
                    once: None,
                    now: self.shared.clock.now(),
                };
                let Some(link) = users.snapshot(&snapshot).await?.link else {
                    return Ok(Some(Vec::new()));
                };
                let of = SessionsOf::User(link.user);
                let mut sessions = users.open_sessions(&query(of)).await?;
                sessions.retain(|session| logout.ends(session.session_index.as_deref()));
                Ok(Some(sessions))
            }
            Err(
                FactsError::KeyMissing { .. }
                | FactsError::Subject(SubjectKeyError::Transient | SubjectKeyError::Unspecified),
            ) => {
                if logout.session_indexes().is_empty() {
                    return Ok(None);
                }
                // By id: a request may name one twice.
                let mut sessions = BTreeMap::new();
                for index in logout.session_indexes() {
                    let of = SessionsOf::Index(index.clone());
                    for session in users.open_sessions(&query(of)).await? {
                        sessions.insert(session.id.clone(), session);
                    }
                }
                Ok(Some(sessions.into_values().collect()))
            }
            // It is no identifier: nobody can have signed in by such a name.
            Err(_) => Ok(Some(Vec::new())),
        }
    }
}
