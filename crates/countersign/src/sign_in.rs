//! From the bytes of a response to an open session, or to a recorded refusal.

use std::fmt;

use countersign_audit::AuditError;
use countersign_audit::account::{Person, UserRefused};
use countersign_audit::assertion::{AssertionRejected, AssertionVerified};
use countersign_audit::seal::Correlation;
use countersign_core::{
    ConnectionId, Door, Facts, LeafHash, TenantId, Timestamp, VerifiedIdentity,
};
use countersign_provision::group_fetcher::take_groups;
use countersign_provision::store::Change;
use countersign_provision::{
    ConnectionPolicy, FactsError, PastSignIn, Plan, Reason, Refusal, RefusalKind, decide,
};
use countersign_saml::{AdmitError, AuthnRequest, Expect, Inbound, MessageId, Rejection};

use crate::admission::Admitting;
use crate::ceremony::sha256;
use crate::corpus::Kept;
use crate::engine::{Connection, Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::identifier::{self, random};
use crate::link::LinkProposal;
use crate::new_account::codes;
use crate::session::Session;

/// How a sign-in ended. Either way it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[allow(
    clippy::large_enum_variant,
    reason = "looked at once for each sign-in and not kept"
)]
pub enum SignIn {
    /// The person is in.
    Admitted(Session),
    /// The person is not.
    Refused(Refused),
}

impl SignIn {
    /// Who came and what the provider said of them, as one line of a [corpus](crate::corpus): what
    /// a host writes down to try another policy on; `None` if the response was refused. It is
    /// personal data.
    #[must_use]
    pub fn past(&self) -> Option<PastSignIn> {
        match self {
            Self::Admitted(session) => session.past(),
            Self::Refused(refused) => refused.past().cloned(),
        }
    }

    fn of(self, past: PastSignIn) -> Self {
        let kept = Kept::new(past);
        match self {
            Self::Admitted(session) => Self::Admitted(session.knowing(kept)),
            Self::Refused(refused) => Self::Refused(Refused {
                past: kept,
                ..refused
            }),
        }
    }
}

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    code: &'static str,
    message: String,
    entry: LeafHash,
    link_proposal: Option<Box<LinkProposal>>,
    past: Kept,
}

impl Refused {
    pub(crate) fn new(reason: &Reason, entry: LeafHash) -> Self {
        Self::with_code(reason.code(), reason.to_string(), entry)
    }

    fn with_code(code: &'static str, message: String, entry: LeafHash) -> Self {
        Self {
            code,
            message,
            entry,
            link_proposal: None,
            past: Kept::default(),
        }
    }

    /// The link that would let the person in, where all that is missing is that nobody verified
    /// the account's address here; see [`crate::link`].
    #[must_use]
    pub fn link_proposal(&self) -> Option<&LinkProposal> {
        self.link_proposal.as_deref()
    }

    /// The stable code: `saml.…` where the response was refused, `provision.…` where the policy
    /// refused the person.
    ///
    /// # Security
    /// For logs and records. Tell the browser no more than that it did not work.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Who came and what the provider said of them, as one line of a [corpus](crate::corpus);
    /// `None` if the response was refused. It is personal data.
    #[must_use]
    pub fn past(&self) -> Option<&PastSignIn> {
        self.past.past()
    }

    /// The `assertion.rejected` or `user.refused` record; the `user.provisioned` record of an
    /// account that was made and waits for approval.
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.entry
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What one sign-in has come to, from its first record on.
pub(crate) struct Arrival<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) rules: &'a ConnectionPolicy,
    pub(crate) identity: VerifiedIdentity,
    pub(crate) now: Timestamp,
    /// Whether this browser had asked for it.
    pub(crate) solicited: bool,
    walk: Correlation,
}

impl Arrival<'_> {
    /// The walk, from its beginning: each attempt to commit seals its records anew.
    pub(crate) fn walk(&self) -> Correlation {
        self.walk.clone()
    }
}

impl Engine {
    /// Begins a request to a connection's identity provider: add to it what has to come back or
    /// how strongly the person has to authenticate, send it, and keep what is
    /// [pending](countersign_saml::PendingRequest) where only this browser's session finds it.
    ///
    /// It is signed if the engine has a
    /// [message signer](crate::EngineBuilder::message_signer).
    ///
    /// # Errors
    /// [`EngineError::UnknownConnection`], or if there are no random bytes.
    ///
    /// ```no_run
    /// # use countersign::saml::binding::RelayState;
    /// # async fn login(engine: countersign::Engine, acme: countersign::ConnectionId)
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// let request = engine.request(&acme)?.relay_state(RelayState::new("order 7")?);
    /// let (url, pending) = request.redirect().await?;
    /// let kept = serde_json::to_string(&pending)?;
    /// println!("Location: {url}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn request(&self, connection: &ConnectionId) -> Result<AuthnRequest<'_>, EngineError> {
        let configured = self.configured(connection)?;
        let mut random = [0; 20];
        self.shared
            .entropy
            .fill(&mut random)
            .map_err(AuditError::from)?;
        let request = AuthnRequest::new(
            &configured.service_provider,
            &configured.identity_provider,
            MessageId::from_random_bytes(random),
            self.shared.clock.now(),
        );
        Ok(match &self.shared.message_signer {
            Some(signer) => request.signed_by(&**signer),
            None => request,
        })
    }

    fn configured(&self, connection: &ConnectionId) -> Result<&Connection, EngineError> {
        let configured = self.shared.connections.get(connection);
        configured.ok_or_else(|| EngineError::UnknownConnection(connection.clone()))
    }

    /// Signs a person in: verifies the response, finds or creates the account by policy, gives
    /// exactly the roles that the rules give now, and opens a session, all in one transaction
    /// with the records of it.
    ///
    /// # Errors
    /// [`EngineError::UnknownConnection`], or if the store fails or there are no random bytes.
    /// A refusal is no error: it is [`SignIn::Refused`].
    ///
    /// # Security
    /// `expect` has to come from the browser's own session: it ties the response to the request
    /// that this browser sent.
    pub async fn sign_in(
        &self,
        connection: &ConnectionId,
        message: Inbound<'_>,
        expect: Expect<'_>,
    ) -> Result<SignIn, EngineError> {
        let configured = self.configured(connection)?;
        let rules = self
            .policy()
            .connection(connection)
            .ok_or_else(|| EngineError::UnknownConnection(connection.clone()))?;
        let now = self.shared.clock.now();
        let walk = self.begin(&rules.tenant)?;

        let identity = match self.verify(configured, message, expect, now).await {
            Ok(identity) => identity,
            Err(AdmitError::Rejected(rejection)) => {
                return self
                    .reject(walk, connection, message, &rejection, now)
                    .await;
            }
            Err(AdmitError::Store(error)) => return Err(error.into()),
            // A way to fail that is not known here is a failure all the same.
            Err(_) => {
                return Err(EngineError::Misuse {
                    what: "the replay store",
                });
            }
        };
        let arrival = Arrival {
            id: connection,
            rules,
            identity,
            now,
            solicited: matches!(expect, Expect::Request(_)),
            walk,
        };
        let provider = &configured.identity_provider;
        let speaks_for = |value: &str| provider.check_scoped(value).is_ok();
        match rules.facts_in_scope(&arrival.identity, &speaks_for) {
            Ok(mut facts) => {
                self.fetch_groups(&arrival, &mut facts).await;
                let sign_in = self.provision(&arrival, &facts).await?;
                Ok(sign_in.of(PastSignIn::new(connection.clone(), now, facts)))
            }
            Err(error) => self.refuse_facts(&arrival, &error).await,
        }
    }

    /// A walk that begins, under the policy in force.
    pub(crate) fn begin(&self, tenant: &TenantId) -> Result<Correlation, EngineError> {
        let id = identifier::correlation(random(&*self.shared.entropy)?)?;
        Ok(Correlation::begin(tenant.clone(), id).under_policy(self.policy().hash()))
    }

    async fn verify(
        &self,
        connection: &Connection,
        message: Inbound<'_>,
        expect: Expect<'_>,
        now: Timestamp,
    ) -> Result<VerifiedIdentity, AdmitError> {
        let verified = countersign_saml::verify(
            &connection.service_provider,
            &connection.identity_provider,
            message,
            expect,
            now,
        )
        .map_err(AdmitError::Rejected)?;
        let login = verified.admit(&*self.shared.replay, now).await?;
        Ok(login.into_identity())
    }

    /// Asks the host for groups that the provider left out. Without an answer the facts are as
    /// they were.
    async fn fetch_groups(&self, arrival: &Arrival<'_>, facts: &mut Facts) {
        let Some(fetcher) = self.shared.group_fetchers.get(arrival.id) else {
            return;
        };
        let request = arrival
            .rules
            .group_request(arrival.id, &arrival.identity, facts);
        if let Some(request) = request {
            take_groups(facts, fetcher.groups(&request).await);
        }
    }

    /// Decides and commits, until a commit does not lose its race.
    async fn provision(&self, arrival: &Arrival<'_>, facts: &Facts) -> Result<SignIn, EngineError> {
        let query = self.policy().snapshot_query(arrival.id, facts, arrival.now);
        for _ in 0..MOST_ATTEMPTS {
            let snapshot = self.shared.users.snapshot(&query).await?;
            match decide(self.policy(), arrival.id, facts, &snapshot, arrival.now) {
                Plan::Admit(admission) => {
                    let admitting = Admitting::new(self, arrival, facts, &snapshot, &admission)?;
                    if self.commits(admitting.change()).await? {
                        return Ok(SignIn::Admitted(admitting.into_session()));
                    }
                }
                Plan::Queue(queued) => {
                    let (change, entry) = self.queue(arrival, facts, &snapshot, &queued)?;
                    if self.commits(&change).await? {
                        let reason = Reason::UserAwaitsApproval;
                        return Ok(SignIn::Refused(Refused::new(&reason, entry)));
                    }
                }
                Plan::Refuse(refusal) => return self.refuse_person(arrival, facts, &refusal).await,
            }
        }
        Err(too_many_conflicts())
    }

    /// Commits a change; false if it lost a race.
    pub(crate) async fn commits(&self, change: &Change) -> Result<bool, EngineError> {
        match self.shared.users.commit(change).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Records that a response was refused.
    async fn reject(
        &self,
        mut walk: Correlation,
        connection: &ConnectionId,
        message: Inbound<'_>,
        rejection: &Rejection,
        now: Timestamp,
    ) -> Result<SignIn, EngineError> {
        let body = AssertionRejected {
            door: Door::Saml,
            connection: connection.clone(),
            code: rejection.code().to_owned(),
            received_sha256: sha256(message.as_received()),
        };
        let (entry, recorded) = self.seal(&mut walk, body.draft(), now)?.into_parts();
        let mut change = Change::new(walk.tenant().clone());
        change.entries = vec![entry];
        self.shared.users.commit(&change).await?;
        Ok(SignIn::Refused(Refused::with_code(
            rejection.code(),
            rejection.to_string(),
            recorded.leaf().hash(),
        )))
    }

    async fn refuse_person(
        &self,
        arrival: &Arrival<'_>,
        facts: &Facts,
        refusal: &Refusal,
    ) -> Result<SignIn, EngineError> {
        let mut walk = arrival.walk();
        let draft = AssertionVerified::draft(arrival.id.clone(), &arrival.identity);
        let (verified, assertion) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        let body = refused_body(arrival.id, arrival.rules, refusal);
        let draft = body.draft(refusal.user().cloned(), &person(facts), assertion.leaf());
        let (entry, recorded) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        let mut change = Change::new(walk.tenant().clone());
        change.entries = vec![verified, entry];
        let mut refused = Refused::new(refusal.reason(), recorded.leaf().hash());
        let assertion = assertion.leaf();
        let proposed = self.propose_link(arrival, facts, refusal, &mut walk, assertion)?;
        if let Some((entry, proposal)) = proposed {
            change.entries.push(entry);
            refused.link_proposal = Some(Box::new(proposal));
        }
        self.shared.users.commit(&change).await?;
        Ok(SignIn::Refused(refused))
    }

    /// Records that what was proved names nobody.
    async fn refuse_facts(
        &self,
        arrival: &Arrival<'_>,
        error: &FactsError,
    ) -> Result<SignIn, EngineError> {
        let mut walk = arrival.walk();
        let draft = AssertionVerified::draft(arrival.id.clone(), &arrival.identity);
        let (verified, assertion) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        let body = UserRefused {
            connection: arrival.id.clone(),
            strategy: arrival.rules.strategy.name().to_owned(),
            outcome: RefusalKind::Denied.name().to_owned(),
            candidates: Vec::new(),
            reasons: vec![error.code().to_owned()],
        };
        let draft = body.draft(None, &Person::default(), assertion.leaf());
        let (refused, recorded) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        let mut change = Change::new(walk.tenant().clone());
        change.entries = vec![verified, refused];
        self.shared.users.commit(&change).await?;
        let entry = recorded.leaf().hash();
        let refused = Refused::with_code(error.code(), error.to_string(), entry);
        Ok(SignIn::Refused(refused))
    }
}

/// What the record of a refusal says.
pub(crate) fn refused_body(
    connection: &ConnectionId,
    rules: &ConnectionPolicy,
    refusal: &Refusal,
) -> UserRefused {
    let about = refusal.user();
    let candidates = match refusal.kind() {
        RefusalKind::Conflict { with } if Some(with) != about => vec![with.clone()],
        RefusalKind::Ambiguous { candidates } => candidates.clone(),
        _ => Vec::new(),
    };
    UserRefused {
        connection: connection.clone(),
        strategy: rules.strategy.name().to_owned(),
        outcome: refusal.kind().name().to_owned(),
        candidates,
        reasons: codes(refusal.reasons()),
    }
}

/// What is known of a person, for commitments.
pub(crate) fn person(facts: &Facts) -> Person {
    Person {
        subject: Some(facts.subject.clone()),
        email: facts.email.as_ref().map(|email| email.address.clone()),
        given_name: facts.given_name.clone(),
        family_name: facts.family_name.clone(),
        display_name: facts.display_name.clone(),
    }
}
