//! From the bytes of a response to an open session, or to a recorded refusal.

use std::fmt;

use countersign_audit::AuditError;
use countersign_audit::account::{Person, UserRefused};
use countersign_audit::assertion::{AssertionRejected, AssertionVerified};
use countersign_audit::invitation::{InvitationIssued, InvitationUsed};
use countersign_audit::leaf::Leaf;
use countersign_audit::record::Recorded;
use countersign_audit::seal::{Correlation, Draft};
use countersign_core::{
    ConnectionId, CorrelationId, Door, Facts, LeafHash, TenantId, Timestamp, UserId,
    VerifiedIdentity,
};
use countersign_provision::group_fetcher::take_groups;
use countersign_provision::store::Change;
use countersign_provision::{
    ConnectionPolicy, FactsError, PastSignIn, Plan, Reason, Refusal, RefusalKind, decide,
};
use countersign_saml::{AdmitError, AuthnRequest, Expect, Inbound, MessageId, is_multi_factor};

use crate::admission::Admitting;
use crate::ceremony::sha256;
use crate::corpus::Kept;
use crate::engine::{Connection, Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::identifier::{self, random};
use crate::link::LinkProposal;
use crate::new_account::codes;
use crate::session::Session;
use crate::step_up::reached;
use crate::token::TokenError;

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
    /// The one-time entry that proved who it is; used up whatever the arrival comes to.
    proof: Option<LeafHash>,
    /// The invitation that the person brought; used up if the person is let in.
    invitation: Option<Recorded<InvitationIssued>>,
}

impl<'a> Arrival<'a> {
    pub(crate) fn new(
        id: &'a ConnectionId,
        rules: &'a ConnectionPolicy,
        identity: VerifiedIdentity,
        now: Timestamp,
        walk: Correlation,
    ) -> Self {
        Self {
            id,
            rules,
            identity,
            now,
            solicited: false,
            walk,
            proof: None,
            invitation: None,
        }
    }

    /// The same, as the browser asked for it or not.
    pub(crate) fn solicited(mut self, solicited: bool) -> Self {
        self.solicited = solicited;
        self
    }

    /// The same, proved by a one-time entry.
    pub(crate) fn using_up(mut self, proof: LeafHash) -> Self {
        self.proof = Some(proof);
        self
    }

    /// What is used up if the person is let in.
    pub(crate) fn spends(&self) -> Vec<LeafHash> {
        let invitation = self.invitation.as_ref();
        let invitation = invitation.map(|issued| issued.leaf().hash());
        self.proof.into_iter().chain(invitation).collect()
    }

    /// The record of the invitation's use, if the person brought one.
    pub(crate) fn invitation_used(
        &self,
        user: &UserId,
        assertion: Leaf<AssertionVerified>,
    ) -> Option<Draft<InvitationUsed>> {
        let issued = self.invitation.as_ref()?;
        let (connection, user) = (self.id.clone(), user.clone());
        Some(InvitationUsed::draft(connection, user, issued, assertion))
    }

    /// The walks that turn out to be the account's: that of the proof, if one was used up, and
    /// the invitation's.
    pub(crate) fn adopted_by(&self, user: &UserId) -> Vec<(CorrelationId, UserId)> {
        let proof = self.proof.map(|_| self.walk.id());
        let invitation = self.invitation.as_ref().map(Recorded::correlation);
        let walks = proof.into_iter().chain(invitation);
        walks.map(|walk| (walk.clone(), user.clone())).collect()
    }

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

        let identity = match self.verify(configured, message, expect, now).await {
            Ok(identity) => identity,
            Err(AdmitError::Rejected(rejection)) => {
                let body = AssertionRejected {
                    door: Door::Saml,
                    connection: connection.clone(),
                    code: rejection.code().to_owned(),
                    received_sha256: sha256(message.as_received()),
                };
                return self
                    .reject(walk, body, rejection.code(), rejection.to_string(), now)
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
        let arrival = Arrival::new(connection, rules, identity, now, walk)
            .solicited(matches!(expect, Expect::Request(_)));
        let provider = &configured.identity_provider;
        let speaks_for = |value: &str| provider.check_scoped(value).is_ok();
        let facts = rules.facts_in_scope(&arrival.identity, &speaks_for);
        self.arrive(arrival, facts, invitation).await
    }

    /// From a verified identity, whichever door it came through, to a session or a refusal.
    pub(crate) async fn arrive(
        &self,
        mut arrival: Arrival<'_>,
        facts: Result<Facts, FactsError>,
        invitation: Option<&str>,
    ) -> Result<SignIn, EngineError> {
        let mut facts = match facts {
            Ok(facts) => facts,
            Err(error) => {
                let (code, message) = (error.code(), error.to_string());
                return self.deny(&arrival, &Person::default(), code, message).await;
            }
        };
        self.fetch_groups(&arrival, &mut facts).await;
        let context = reached(arrival.rules.preset, arrival.identity.claims());
        facts.multi_factor = context.as_deref().is_some_and(is_multi_factor);
        if let Some(token) = invitation {
            let tenant = &arrival.rules.tenant;
            match self.invited(tenant, token).await {
                Ok((invited, issued)) => {
                    facts.invited = Some(invited);
                    arrival.invitation = Some(issued);
                }
                Err(EngineError::Token(_)) => {
                    let reason = Reason::InvitationInvalid;
                    let (code, message) = (reason.code(), reason.to_string());
                    return self.deny(&arrival, &person(&facts), code, message).await;
                }
                Err(error) => return Err(error),
            }
        }
        let sign_in = self.provision(&arrival, &mut facts).await?;
        Ok(sign_in.of(PastSignIn::new(arrival.id.clone(), arrival.now, facts)))
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
    async fn provision(
        &self,
        arrival: &Arrival<'_>,
        facts: &mut Facts,
    ) -> Result<SignIn, EngineError> {
        let tenant = &arrival.rules.tenant;
        let query = self.policy().snapshot_query(arrival.id, facts, arrival.now);
        // One id for all attempts, so that a lost race leaves no key of an account that is not.
        let new_user = identifier::user(arrival.now, random(&*self.shared.entropy)?)?;
        for _ in 0..MOST_ATTEMPTS {
            self.check_unspent(arrival).await?;
            if let Some(invited) = &mut facts.invited {
                invited.is_spent = self.shared.users.is_spent(tenant, invited.entry).await?;
            }
            let facts = &*facts;
            let snapshot = self.shared.users.snapshot(&query).await?;
            match decide(self.policy(), arrival.id, facts, &snapshot, arrival.now) {
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
                    if self.commits(admitting.change()).await? {
                        return Ok(SignIn::Admitted(admitting.into_session()));
                    }
                }
                Plan::Queue(queued) => {
                    let Some(filing) = self.filing_of(tenant, &new_user).await? else {
                        continue;
                    };
                    let filed = (new_user.clone(), filing);
                    let (change, entry) = self.queue(arrival, facts, &snapshot, &queued, filed)?;
                    if self.commits(&change).await? {
                        let reason = Reason::UserAwaitsApproval;
                        return Ok(SignIn::Refused(Refused::new(&reason, entry)));
                    }
                }
                Plan::Refuse(refusal) => {
                    if let Some(refused) = self.refuse_person(arrival, facts, &refusal).await? {
                        return Ok(refused);
                    }
                }
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

    /// Whether what proved the identity is still good: somebody else may have used it meanwhile.
    async fn check_unspent(&self, arrival: &Arrival<'_>) -> Result<(), EngineError> {
        let tenant = &arrival.rules.tenant;
        match arrival.proof {
            Some(proof) if self.shared.users.is_spent(tenant, proof).await? => {
                Err(TokenError::Used.into())
            }
            _ => Ok(()),
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
    ) -> Result<Option<SignIn>, EngineError> {
        let walk = arrival.walk();
        let mut change = Change::new(walk.tenant().clone());
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
        change.spend.extend(arrival.proof);
        let committed = self.commits(&change).await?;
        Ok(committed.then_some(SignIn::Refused(refused)))
    }

    /// Records a refusal that needs no look at any account.
    async fn deny(
        &self,
        arrival: &Arrival<'_>,
        person: &Person,
        code: &'static str,
        message: String,
    ) -> Result<SignIn, EngineError> {
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
        let mut change = Change::new(walk.tenant().clone());
        change.entries = vec![verified, refused];
        self.commit_refusal(arrival, change).await?;
        let entry = recorded.leaf().hash();
        Ok(SignIn::Refused(Refused::with_code(code, message, entry)))
    }

    /// Commits a refusal. It uses up what proved the identity: a proof is good once, whatever comes
    /// of it.
    async fn commit_refusal(
        &self,
        arrival: &Arrival<'_>,
        mut change: Change,
    ) -> Result<(), EngineError> {
        change.spend.extend(arrival.proof);
        match self.shared.users.commit(&change).await {
            // Nothing else in it can be in anybody's way.
            Err(error) if error.is_conflict() && arrival.proof.is_some() => {
                Err(TokenError::Used.into())
            }
            ended => Ok(ended?),
        }
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
