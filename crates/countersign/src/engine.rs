//! The paved path: sign in, sign, export.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use countersign_audit::AuditError;
use countersign_audit::ceremony::{
    DocumentDeclined, DocumentPresented, DocumentSigned, IntentConfirmed,
};
use countersign_audit::consent::ConsentGiven;
use countersign_audit::kind::RecordBody;
use countersign_audit::ledger::Ledger;
use countersign_audit::record::Recorded;
use countersign_audit::role::RoleGranted;
use countersign_audit::seal::{Correlation, Draft, Entropy, SealError, Sealed};
use countersign_audit::session::{SessionClosed, SessionOpened};
use countersign_audit::store::{EntryQuery, LedgerStore};
use countersign_audit::vault::Vault;
use countersign_audit::vault_store::VaultStore;
use countersign_core::text::check_identifier;
use countersign_core::{
    ConnectionId, Grant, LeafHash, SessionId, StoreError, StoreErrorKind, TenantId, Timestamp,
};
use countersign_evidence::Sealer;
use countersign_provision::store::{Change, ConsentRecord, SessionRecord, UserStore, UserWrite};
use countersign_provision::user::User;
use countersign_provision::{ConnectionPolicy, GroupFetcher, Policy};
use countersign_roles::{Authorization, authorize};
use countersign_saml::replay::{ReplayKey, ReplayStore, Seen};
use countersign_saml::{IdentityProvider, MessageSigner, ServiceProvider};

use crate::builder::EngineBuilder;
use crate::ceremony::{Confirmed, Declined, Document, Intent, Presented, Signature};
use crate::clock::Clock;
use crate::error::EngineError;
use crate::filing::Notes;
use crate::identifier::{self, random};
use crate::session::{Session, is_live};
use crate::step_up::strength;

/// How often a commit that lost a race is tried again. Each time somebody else won, so this many
/// sign-ins of one person at one moment are served; more than that is an attack or a bug.
pub(crate) const MOST_ATTEMPTS: usize = 256;

/// What a permission to sign is called in the policy file.
const SIGN: &str = "sign";

/// Whose ids the ends of ceremonies are, among those that are remembered once.
const CEREMONY: &str = "urn:countersign:ceremony";

/// One configured identity provider, and who we are to it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) service_provider: ServiceProvider,
    pub(crate) identity_provider: IdentityProvider,
}

/// The engine: one for a host, shared by all its threads; cloning it is cheap.
///
/// Everything that it does is written in one transaction together with its audit records. What
/// a method returned with `Ok` is durable.
///
/// # Cancellation
/// Dropping a future leaves the store consistent; whether the step was taken is then unknown, and
/// the records tell.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) policy: Policy,
    /// The connections that people may come through: all of the policy's, or none.
    pub(crate) doors: BTreeSet<ConnectionId>,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) users: Arc<dyn UserStore>,
    pub(crate) replay: Arc<dyn ReplayStore>,
    pub(crate) entries: Arc<dyn LedgerStore>,
    pub(crate) vault_store: Arc<dyn VaultStore>,
    pub(crate) vault: Option<Vault>,
    /// Replaced as a whole when its key is.
    pub(crate) ledger: RwLock<Arc<Ledger>>,
    pub(crate) group_fetchers: BTreeMap<ConnectionId, Arc<dyn GroupFetcher>>,
    pub(crate) message_signer: Option<Arc<dyn MessageSigner>>,
    pub(crate) sealer: Option<Sealer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// A session that is open, its account, and what the account has: grants and consents of no later
/// a version than the account's, or the commit that rests on them conflicts.
pub(crate) struct Live {
    pub(crate) now: Timestamp,
    session: SessionRecord,
    pub(crate) user: User,
    grants: Vec<Grant>,
    consents: Vec<ConsentRecord>,
}

impl Live {
    /// The last consent given that is for documents of this type.
    fn consent_for(&self, document_type: &str) -> Option<&ConsentRecord> {
        let covering = self.consents.iter();
        let covering = covering.filter(|consent| consent.covers(document_type));
        covering.max_by_key(|consent| consent.given_at)
    }

    /// A change that happens only if the account, its grants and its sessions are as they were
    /// read.
    pub(crate) fn change(&self) -> Change {
        let mut change = Change::new(self.session.tenant.clone());
        change.users.push(UserWrite::Expect {
            user: self.user.id.clone(),
            version: self.user.version,
        });
        change
    }
}

impl Engine {
    /// Begins to put an engine together.
    #[must_use]
    pub fn builder(policy: Policy) -> EngineBuilder {
        EngineBuilder::new(policy)
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.shared.policy
    }

    /// The policy of a connection that people may come through.
    pub(crate) fn door(&self, connection: &ConnectionId) -> Result<&ConnectionPolicy, EngineError> {
        let is_open = self.shared.doors.contains(connection);
        let rules = self.policy().connection(connection).filter(|_| is_open);
        rules.ok_or_else(|| EngineError::UnknownConnection(connection.clone()))
    }

    /// The ledger, for checkpoints and proofs: with the key of now, which
    /// [`rotate_log_key`](Self::rotate_log_key) replaces.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        let ledger = self.shared.ledger.read();
        Arc::clone(&ledger.unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads a session that a sign-in opened; `None` if it is over.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> Result<Option<Session>, EngineError> {
        match self.live(tenant, session).await {
            Ok(live) => Ok(Some(Session::new(live.session, live.grants, live.now))),
            Err(EngineError::SessionOver) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends a session before its time.
    ///
    /// # Errors
    /// [`EngineError::SessionOver`] if it is over already, or if the store fails.
    pub async fn close_session(&self, session: &Session) -> Result<(), EngineError> {
        self.close_opened(session.entry(), "signed_out").await
    }

    /// Closes the session that an entry opened, for a reason given as a code.
    pub(crate) async fn close_opened(
        &self,
        entry: LeafHash,
        reason: &str,
    ) -> Result<(), EngineError> {
        let opened = self.recorded::<SessionOpened>(entry).await?;
        for _ in 0..MOST_ATTEMPTS {
            let live = self
                .unclosed(opened.tenant(), &opened.body().session)
                .await?;
            let body = SessionClosed {
                session: live.session.id.clone(),
                reason: reason.to_owned(),
            };
            let opened_at = live.session.opened_at;
            let draft = body.draft(live.user.id.clone(), opened.leaf(), opened_at);
            let mut change = live.change();
            change.close_sessions = vec![(live.session.id.clone(), live.now.max(opened_at))];
            if self.commit(&live, &opened, draft, change).await?.is_some() {
                return Ok(());
            }
        }
        Err(too_many_conflicts())
    }

    /// Records that a document was shown, for signing.
    ///
    /// # Errors
    /// [`EngineError::SessionOver`]; [`EngineError::NotAllowed`] unless a live grant allows to
    /// sign documents of this type; [`EngineError::NotInvited`] if the session began with an
    /// invitation to sign another document; [`EngineError::NotStrongEnough`] unless the sign-in was what
    /// the policy's risks ask for; [`EngineError::NoConsent`] unless there is a consent to electronic
    /// records where they ask for one; [`EngineError::Misuse`] if the type is no identifier; or if
    /// the store fails.
    pub async fn present(
        &self,
        session: &Session,
        document: &Document,
    ) -> Result<Presented, EngineError> {
        check_identifier(document.document_type()).map_err(|_| EngineError::Misuse {
            what: "the document's type",
        })?;
        let ceremony = identifier::ceremony(random(&*self.shared.entropy)?)?;
        let opened = self.recorded::<SessionOpened>(session.entry()).await?;
        self.check_invited(&opened, document).await?;
        let record = self
            .step(&opened, &opened, |live| {
                self.allowed_to_sign(live, document.document_type())?;
                Ok(document.presented(ceremony.clone()).draft(&opened))
            })
            .await?;
        Ok(Presented {
            record,
            session: opened,
        })
    }

    /// Records what the signer confirmed.
    ///
    /// # Errors
    /// As [`present`](Self::present).
    pub async fn confirm(
        &self,
        presented: Presented,
        intent: &Intent,
    ) -> Result<Confirmed, EngineError> {
        let record = self
            .step(&presented.session, &presented.record, |live| {
                self.allowed_to_sign(live, &presented.document().document_type)?;
                Ok(IntentConfirmed::draft(
                    &presented.record,
                    intent.meaning.as_str(),
                    intent.statement.as_str(),
                    intent.disclosure_sha256,
                ))
            })
            .await?;
        Ok(Confirmed { presented, record })
    }

    /// Records the signature of the person whose name, as it is printed beside the signature, is
    /// `printed_name` \[21 CFR 11.50(a)(1)\].
    ///
    /// The session, the account and its grants are read again, and the commit notices if a grant
    /// was taken away meanwhile.
    ///
    /// # Errors
    /// As [`present`](Self::present), and [`EngineError::CeremonyOver`] if the document was signed
    /// or declined before in this ceremony. A signing that failed halfway may count: show the
    /// document again.
    pub async fn sign(
        &self,
        confirmed: Confirmed,
        printed_name: &str,
    ) -> Result<Signature, EngineError> {
        check_identifier(printed_name).map_err(|_| EngineError::Misuse {
            what: "the printed name",
        })?;
        let document_type = &confirmed.document().document_type;
        let mut ended = false;
        for _ in 0..MOST_ATTEMPTS {
            let live = self.live_session(&confirmed.presented.session).await?;
            let granted = self.grant_to_sign(&live, document_type).await?;
            let consent = self.consent_to_cite(&live, document_type).await?;
            let grounds = confirmed.grounds(&granted, consent.as_ref());
            let draft = DocumentSigned::draft(grounds, printed_name)
                .map_err(|error| not_sealed(error, document_type))?;
            if !ended {
                self.end_ceremony(&live, confirmed.document()).await?;
                ended = true;
            }
            let after = &confirmed.record;
            if let Some(record) = self.commit(&live, after, draft, live.change()).await? {
                return Ok(Signature::new(record));
            }
        }
        Err(too_many_conflicts())
    }

    /// Records that the signer declined, with the reason in the signer's own words.
    ///
    /// # Errors
    /// [`EngineError::SessionOver`], [`EngineError::CeremonyOver`] as for [`sign`](Self::sign), or
    /// if the store fails.
    pub async fn decline(
        &self,
        presented: Presented,
        reason: Option<&str>,
    ) -> Result<Declined, EngineError> {
        let live = self.live_session(&presented.session).await?;
        self.end_ceremony(&live, presented.document()).await?;
        self.step(&presented.session, &presented.record, |_| {
            Ok(DocumentDeclined::draft(&presented.record, reason))
        })
        .await
        .map(Declined::new)
    }

    /// Takes up a ceremony again whose document was presented in an earlier request.
    ///
    /// # Errors
    /// [`EngineError::Misuse`] if the entry is not one of this session's.
    pub async fn resume_presented(
        &self,
        session: &Session,
        entry: LeafHash,
    ) -> Result<Presented, EngineError> {
        let record = self.recorded(entry).await?;
        let opened = self.recorded::<SessionOpened>(session.entry()).await?;
        if record.parents() != [session.entry()] || record.tenant() != session.tenant() {
            return Err(EngineError::Misuse {
                what: "an entry of another session",
            });
        }
        Ok(Presented {
            record,
            session: opened,
        })
    }

    /// Takes up a ceremony again whose intent was confirmed in an earlier request.
    ///
    /// # Errors
    /// [`EngineError::Misuse`] if the entry is not one of this session's.
    pub async fn resume_confirmed(
        &self,
        session: &Session,
        entry: LeafHash,
    ) -> Result<Confirmed, EngineError> {
        let record = self.recorded::<IntentConfirmed>(entry).await?;
        let Some(presented) = record.parents().first() else {
            return Err(EngineError::Misuse {
                what: "an entry without its cause",
            });
        };
        let presented = self.resume_presented(session, *presented).await?;
        Ok(Confirmed { presented, record })
    }

    /// One step of a live session, which follows `after`: read, draft, commit, and all of it
    /// again where the commit lost a race.
    async fn step<K: RecordBody, C>(
        &self,
        opened: &Recorded<SessionOpened>,
        after: &Recorded<C>,
        draft: impl Fn(&Live) -> Result<Draft<K>, EngineError>,
    ) -> Result<Recorded<K>, EngineError> {
        for _ in 0..MOST_ATTEMPTS {
            let live = self.live_session(opened).await?;
            let draft = draft(&live)?;
            if let Some(recorded) = self.commit(&live, after, draft, live.change()).await? {
                return Ok(recorded);
            }
        }
        Err(too_many_conflicts())
    }

    /// Lets a ceremony come to one end, whoever asks for a second one and however often: what was
    /// declined is never signed, and one confirmation makes one signature.
    async fn end_ceremony(
        &self,
        live: &Live,
        document: &DocumentPresented,
    ) -> Result<(), EngineError> {
        let key = ReplayKey {
            issuer: CEREMONY.to_owned(),
            id: document.ceremony.to_string(),
        };
        // A later step needs the session, so that the end may be forgotten with it.
        let until = live.session.expires_at;
        match self
            .shared
            .replay
            .insert_once(&key, until, live.now)
            .await?
        {
            Seen::First => Ok(()),
            Seen::Before => Err(EngineError::CeremonyOver),
        }
    }

    /// Commits a change together with its record, provided that the account is still as it was
    /// read; `None` if it is not.
    async fn commit<K: RecordBody, C>(
        &self,
        live: &Live,
        after: &Recorded<C>,
        draft: Draft<K>,
        mut change: Change,
    ) -> Result<Option<Recorded<K>>, EngineError> {
        let walk = Correlation::resume(after).under_policy(self.shared.policy.hash());
        let notes = match draft.is_private() {
            true => Notes::OfAccount,
            false => Notes::None,
        };
        let mut walk = self.filed_for(walk, &live.user.id, notes).await?;
        let (entry, recorded) = self.seal(&mut walk, draft, live.now)?.into_parts();
        change.entries.push(entry);
        match self.shared.users.commit(&change).await {
            Ok(()) => Ok(Some(recorded)),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn live_session(
        &self,
        opened: &Recorded<SessionOpened>,
    ) -> Result<Live, EngineError> {
        self.live(opened.tenant(), &opened.body().session).await
    }

    /// Reads a session and its account; they have to be live now.
    async fn live(&self, tenant: &TenantId, session: &SessionId) -> Result<Live, EngineError> {
        let live = self.unclosed(tenant, session).await?;
        match live.user.state {
            state if state.is_in_use() => Ok(live),
            _ => Err(EngineError::SessionOver),
        }
    }

    /// The same whatever became of the account: the session of a suspended one has to be closed
    /// like any other, or it would come back with the account.
    async fn unclosed(&self, tenant: &TenantId, session: &SessionId) -> Result<Live, EngineError> {
        let now = self.shared.clock.now();
        let users = &self.shared.users;
        let session = users
            .session(tenant, session)
            .await?
            .filter(|session| is_live(session, now))
            .ok_or(EngineError::SessionOver)?;
        let account = users
            .user(tenant, &session.user)
            .await?
            .ok_or(EngineError::SessionOver)?;
        // Read after the account: what is withdrawn from now on moves its version on.
        let consents = users.consents(tenant, &session.user).await?;
        Ok(Live {
            now,
            session,
            user: account.user,
            grants: account.grants,
            consents,
        })
    }

    /// The live grant that allows to sign a document of this type.
    fn allowed_to_sign(&self, live: &Live, document_type: &str) -> Result<Grant, EngineError> {
        match authorize(
            self.shared.policy.catalog(),
            &live.grants,
            SIGN,
            document_type,
            live.now,
        ) {
            Authorization::Allowed { grant } => {
                self.check_strength(live, document_type)?;
                self.check_consent(live, document_type)?;
                Ok(grant)
            }
            Authorization::Denied { .. } => Err(not_allowed(document_type)),
        }
    }

    /// Whether the sign-in was as strong as the policy wants for this type. Asked last: nobody is
    /// sent for a second factor who may not sign in any case.
    fn check_strength(&self, live: &Live, document_type: &str) -> Result<(), EngineError> {
        let needs = self.policy().risks().needs(document_type);
        if needs.are_met_by(&strength(&live.session), live.now) {
            return Ok(());
        }
        Err(EngineError::NotStrongEnough {
            document_type: document_type.to_owned(),
            needs,
        })
    }

    /// Whether there is a consent where the policy wants one for this type.
    fn check_consent(&self, live: &Live, document_type: &str) -> Result<(), EngineError> {
        let needs = self.policy().risks().needs(document_type);
        if needs.consent && live.consent_for(document_type).is_none() {
            return Err(EngineError::NoConsent {
                document_type: document_type.to_owned(),
            });
        }
        Ok(())
    }

    /// The record of the consent that covers a signature, wanted by the policy or not.
    async fn consent_to_cite(
        &self,
        live: &Live,
        document_type: &str,
    ) -> Result<Option<Recorded<ConsentGiven>>, EngineError> {
        let Some(consent) = live.consent_for(document_type) else {
            return Ok(None);
        };
        let given = self.recorded::<ConsentGiven>(consent.entry).await?;
        if given.body().consent != consent.id {
            return Err(EngineError::Misuse {
                what: "the record of another consent",
            });
        }
        Ok(Some(given))
    }

    /// The record of that grant.
    async fn grant_to_sign(
        &self,
        live: &Live,
        document_type: &str,
    ) -> Result<Recorded<RoleGranted>, EngineError> {
        let grant = self.allowed_to_sign(live, document_type)?;
        let granted = self.recorded::<RoleGranted>(grant.entry).await?;
        // A signature cites the grant that allows it, and not one that was revoked.
        if granted.body().grant != grant.id {
            return Err(EngineError::Misuse {
                what: "the record of another grant",
            });
        }
        Ok(granted)
    }

    /// Reads a record of a kind that the caller knows it to be.
    pub(crate) async fn recorded<K: RecordBody>(
        &self,
        leaf: LeafHash,
    ) -> Result<Recorded<K>, EngineError> {
        let misuse = EngineError::Misuse {
            what: "an entry that the ledger does not hold",
        };
        let Some(stored) = self.shared.entries.entry(&EntryQuery::Leaf(leaf)).await? else {
            return Err(misuse);
        };
        let recorded = Recorded::<K>::parse(stored.entry.bytes()).map_err(AuditError::from)?;
        // The store found it by a hash that it does not compute: this is where it is checked.
        if recorded.leaf().hash() == leaf {
            Ok(recorded)
        } else {
            Err(misuse)
        }
    }

    pub(crate) fn seal<K: RecordBody>(
        &self,
        walk: &mut Correlation,
        draft: Draft<K>,
        now: Timestamp,
    ) -> Result<Sealed<K>, EngineError> {
        self.seal_by(walk, draft, now, &*self.shared.entropy)
    }

    /// The same, with random bytes from elsewhere.
    pub(crate) fn seal_by<K: RecordBody>(
        &self,
        walk: &mut Correlation,
        draft: Draft<K>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Sealed<K>, EngineError> {
        let sealed = walk.seal(draft, now, entropy)?;
        let private = sealed.entry().private();
        // A walk that nobody filed would leave it in the clear.
        if self.shared.vault.is_some() && private.is_some_and(|private| private.key_id.is_none()) {
            return Err(EngineError::Misuse {
                what: "a private part without a vault key",
            });
        }
        Ok(sealed)
    }
}

fn not_allowed(document_type: &str) -> EngineError {
    EngineError::NotAllowed {
        action: SIGN,
        document_type: document_type.to_owned(),
    }
}

/// A grant that was recorded before the policy was edited does not allow what the edit added: the
/// next sign-in records it anew.
fn not_sealed(error: SealError, document_type: &str) -> EngineError {
    match error {
        SealError::NotCovered => not_allowed(document_type),
        error => AuditError::from(error).into(),
    }
}

/// Somebody else won every time.
pub(crate) fn too_many_conflicts() -> EngineError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "commit: every attempt lost a race",
    )
    .into()
}
