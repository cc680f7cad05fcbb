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
use countersign_saml::{AuthnRequest, Expect, Inbound, MessageId, Rejection, is_multi_factor};

use crate::admission::Admitting;
use crate::arrival::{Arrival, Arrived, Concluded, Proof, Void};
use crate::ceremony::sha256;
use crate::corpus::Kept;
use crate::engine::{Connection, Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::identifier::{self, random};
use crate::link::LinkProposal;
use crate::new_account::codes;
use crate::session::Session;
use crate::step_up::reached;

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

    pub(crate) fn of(self, past: PastSignIn) -> Self {
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
        self.sign_in_carrying(connection, message, expect, None)
            .await
    }

    pub(crate) async fn sign_in_carrying(
        &self,
        connection: &ConnectionId,
        message: Inbound<'_>,
        expect: Expect<'_>,
        invitation: Option<&str>,
    ) -> Result<SignIn, EngineError> {
        let configured = self.configured(connection)?;
        let rules = self.door(connection)?;
        let now = self.shared.clock.now();
        let walk = self.begin(&rules.tenant)?;

        let rejection = match verify(configured, message, expect, now) {
            Ok(proved) => {
                let arrival = Arrival::new(connection, rules, proved, now, walk.clone())
                    .solicited(matches!(expect, Expect::Request(_)));
                let provider = &configured.identity_provider;
                let speaks_for = |value: &str| provider.check_scoped(value).is_ok();
                let facts = rules.facts_in_scope(&arrival.identity, &speaks_for);
                match self.arrive(arrival, facts, invitation).await? {
                    Arrived::Concluded(concluded) => return Ok(concluded.into_sign_in()),
                    Arrived::Void(Void::Used) => Rejection::replayed(),
                    Arrived::Void(Void::Stale) => Rejection::stale(),
                }
            }
            Err(rejection) => rejection,
        };
        let body = AssertionRejected {
            door: Door::Saml,
            connection: connection.clone(),
            code: rejection.code().to_owned(),
            received_sha256: sha256(message.as_received()),
        };
        self.reject(walk, body, rejection.code(), rejection.to_string(), now)
            .await
    }

    /// From a verified identity, whichever door it came through, to a session or a refusal.
    pub(crate) async fn arrive(
        &self,
        mut arrival: Arrival<'_>,
        facts: Result<Facts, FactsError>,
        invitation: Option<&str>,
    ) -> Result<Arrived, EngineError> {
        let mut facts = match facts {
            Ok(facts) => facts,
            Err(error) => {
                let (code, message) = (error.code(), error.to_string());
                return self.deny(&arrival, &Person::default(), code, message).await;
            }
        };
        if let Some(void) = self.fetch_groups(&arrival, &mut facts).await? {
            return Ok(Arrived::Void(void));
        }
        let context = reached(arrival.rules.preset, arrival.identity.claims());
        facts.multi_factor = context.as_deref().is_some_and(is_multi_factor);
        if let Some(token) = invitation {
            let tenant = &arrival.rules.tenant;
            match self.invited(tenant, token).await {
                Ok((invited, issued)) => {
                    facts.invited = Some(invited);
                    arrival.bring(issued);
                }
                Err(EngineError::Token(_)) => {
                    let reason = Reason::InvitationInvalid;
                    let (code, message) = (reason.code(), reason.to_string());
                    return self.deny(&arrival, &person(&facts), code, message).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(match self.provision(&arrival, &mut facts).await? {
            Arrived::Concluded(concluded) => {
                let past = PastSignIn::new(arrival.id.clone(), arrival.now, facts);
                Arrived::Concluded(concluded.of(past))
            }
            void @ Arrived::Void(_) => void,
        })
    }

    /// A walk that begins, under the policy in force.
    pub(crate) fn begin(&self, tenant: &TenantId) -> Result<Correlation, EngineError> {
        let id = identifier::correlation(random(&*self.shared.entropy)?)?;
        Ok(Correlation::begin(tenant.clone(), id).under_policy(self.policy().hash()))
    }

    /// Asks the host for groups that the provider left out. Without an answer the facts are as
    /// they were. Nobody is asked if what proved the arrival is void: one assertion is not to
    /// make the host ask its directory again and again.
    async fn fetch_groups(
        &self,
        arrival: &Arrival<'_>,
        facts: &mut Facts,
    ) -> Result<Option<Void>, EngineError> {
        let Some(fetcher) = self.shared.group_fetchers.get(arrival.id) else {
            return Ok(None);
        };
        let request = arrival
            .rules
            .group_request(arrival.id, &arrival.identity, facts);
        if let Some(request) = request {
            let query = arrival.query(self, facts);
            let snapshot = self.shared.users.snapshot(&query).await?;
            let void = arrival.void(self, &snapshot).await?;
            if void.is_some() {
                return Ok(void);
            }
            take_groups(facts, fetcher.groups(&request).await);
        }
        Ok(None)
    }

    /// Decides and commits, until a commit does not lose its race.
    async fn provision(
        &self,
        arrival: &Arrival<'_>,
        facts: &mut Facts,
    ) -> Result<Arrived, EngineError> {
        let tenant = &arrival.rules.tenant;
        let query = arrival.query(self, facts);
        // One id for all attempts, so that a lost race leaves no key of an account that is not.
        let new_user = identifier::user(arrival.now, random(&*self.shared.entropy)?)?;
        for _ in 0..MOST_ATTEMPTS {
            if let Some(invited) = &mut facts.invited {
                invited.is_spent = self.shared.users.is_spent(tenant, invited.entry).await?;
            }
            let facts = &*facts;
            let snapshot = self.shared.users.snapshot(&query).await?;
            // Before anything is decided, and when a commit lost its race: perhaps for the proof.
            if let Some(void) = arrival.void(self, &snapshot).await? {
                return Ok(Arrived::Void(void));
            }
            let concluded = match decide(self.policy(), arrival.id, facts, &snapshot, arrival.now) {
                Plan::Admit(admission) => {
                    let user = admission.user.existing().map_or(&new_user, |user| &user.id);
                    let user = user.clone();
                    let Some(filing) = self.filing_of(tenant, &user).await? else {
                        continue;
                    };
                    let admitting = Admitting::new(
                        self,
                        arrival,
                        facts,
                        &snapshot,
                        &admission,
                        (user, filing),
                    )?;
                    let (change, session) = admitting.into_parts();
                    change.commit(self, SignIn::Admitted(session)).await?
                }
                Plan::Queue(queued) => {
                    let Some(filing) = self.filing_of(tenant, &new_user).await? else {
                        continue;
                    };
                    let filed = (new_user.clone(), filing);
                    let (change, entry) = self.queue(arrival, facts, &snapshot, &queued, filed)?;
                    let refused = Refused::new(&Reason::UserAwaitsApproval, entry);
                    change.commit(self, SignIn::Refused(refused)).await?
                }
                Plan::Refuse(refusal) => self.refuse_person(arrival, facts, &refusal).await?,
            };
            if let Some(concluded) = concluded {
                return Ok(Arrived::Concluded(concluded));
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

    /// Records that a door refused what it received.
    pub(crate) async fn reject(
        &self,
        mut walk: Correlation,
        body: AssertionRejected,
        code: &'static str,
        message: String,
        now: Timestamp,
    ) -> Result<SignIn, EngineError> {
        let (entry, recorded) = self.seal(&mut walk, body.draft(), now)?.into_parts();
        let mut change = Change::new(walk.tenant().clone());
        change.entries = vec![entry];
        self.shared.users.commit(&change).await?;
        Ok(SignIn::Refused(Refused::with_code(
            code,
            message,
            recorded.leaf().hash(),
        )))
    }

    /// Records a refusal; `None` if what it was decided by has changed meanwhile.
    async fn refuse_person(
        &self,
        arrival: &Arrival<'_>,
        facts: &Facts,
        refusal: &Refusal,
    ) -> Result<Option<Concluded>, EngineError> {
        let walk = arrival.walk();
        let mut change = arrival.change();
        let mut walk = match refusal.user() {
            Some(user) => {
                let Some(filing) = self.filing_of(walk.tenant(), user).await? else {
                    return Ok(None);
                };
                change.adopt = arrival.adopted_by(user);
                walk.filed(filing)
            }
            None => self.unclaimed(walk).await?,
        };
        let draft = AssertionVerified::draft(arrival.id.clone(), &arrival.identity);
        let (verified, assertion) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        let body = refused_body(arrival.id, arrival.rules, refusal);
        let draft = body.draft(refusal.user().cloned(), &person(facts), assertion.leaf());
        let (entry, recorded) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        change.entries = vec![verified, entry];
        let mut refused = Refused::new(refusal.reason(), recorded.leaf().hash());
        let assertion = assertion.leaf();
        let proposed = self.propose_link(arrival, facts, refusal, &mut walk, assertion)?;
        if let Some((entry, proposal)) = proposed {
            change.entries.push(entry);
            refused.link_proposal = Some(Box::new(proposal));
        }
        change.commit(self, SignIn::Refused(refused)).await
    }

    /// Records a refusal that needs no look at any account.
    async fn deny(
        &self,
        arrival: &Arrival<'_>,
        person: &Person,
        code: &'static str,
        message: String,
    ) -> Result<Arrived, EngineError> {
        let mut walk = self.unclaimed(arrival.walk()).await?;
        let draft = AssertionVerified::draft(arrival.id.clone(), &arrival.identity);
        let (verified, assertion) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        let body = UserRefused {
            connection: arrival.id.clone(),
            strategy: arrival.rules.strategy.name().to_owned(),
            outcome: RefusalKind::Denied.name().to_owned(),
            candidates: Vec::new(),
            reasons: vec![code.to_owned()],
        };
        let draft = body.draft(None, person, assertion.leaf());
        let (refused, recorded) = self.seal(&mut walk, draft, arrival.now)?.into_parts();
        let mut change = arrival.change();
        change.entries = vec![verified, refused];
        let refused = Refused::with_code(code, message, recorded.leaf().hash());
        let concluded = change.commit(self, SignIn::Refused(refused)).await?;
        Ok(match concluded {
            Some(concluded) => Arrived::Concluded(concluded),
            None => Arrived::Void(arrival.lost(self)),
        })
    }
}

/// Whom a response speaks of, and the key that lets it in once.
fn verify(
    connection: &Connection,
    message: Inbound<'_>,
    expect: Expect<'_>,
    now: Timestamp,
) -> Result<(VerifiedIdentity, Proof), Rejection> {
    let verified = countersign_saml::verify(
        &connection.service_provider,
        &connection.identity_provider,
        message,
        expect,
        now,
    )?;
    let (identity, once) = verified.admit_by_commit(now)?;
    Ok((identity, Proof::Assertion(once)))
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
