//! Consent to electronic records: given in a session, cited by every signature that it covers,
//! withdrawn at any time \[15 USC 7001(c)\].
//!
//! A policy asks for one with `require = ["consent"]` of a risk. What a consent says is in its
//! record, [`ConsentGiven`]; the store keeps a row for as long as it was not withdrawn. A withdrawal
//! moves the account's version on, so that a signing that is under way reads again and does not
//! rest on it.

use countersign_audit::consent::{AccessDemonstrated, ConsentGiven, ConsentWithdrawn};
use countersign_audit::leaf::Leaf;
use countersign_audit::record::Actor;
use countersign_audit::seal::Correlation;
use countersign_audit::session::SessionOpened;
use countersign_core::text::check_identifier;
use countersign_core::{ConsentId, DocumentPattern, LeafHash, Sha256Digest, TenantId, UserId};
use countersign_provision::store::{Change, ConsentRecord, UserWrite};

use crate::account::AccountError;
use crate::engine::{Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::filing::Notes;
use crate::identifier::{self, random};
use crate::session::Session;

/// What somebody agrees to.
///
/// None of it is about the person: it is the same for everybody who was shown the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The document types that it is for \[15 USC 7001(c)(1)(B)(ii)\].
    pub scope: Vec<DocumentPattern>,
    /// SHA-256 of the disclosure that was shown \[15 USC 7001(c)(1)(B)\].
    pub disclosure_sha256: Sha256Digest,
    /// Which version of the disclosure that is, by the host's name for it.
    pub disclosure_version: String,
    /// Whether it told of the right to paper \[15 USC 7001(c)(1)(B)(i)\].
    pub paper_right: bool,
    /// How the consent can be withdrawn, in the words that were shown
    /// \[15 USC 7001(c)(1)(B)(iii)\].
    pub withdrawal: String,
    /// How the person showed that what will be sent can be read \[15 USC 7001(c)(1)(C)(ii)\].
    pub access_demonstrated: AccessDemonstrated,
}

impl Consent {
    fn check(&self) -> Result<(), EngineError> {
        let misuse = |what| EngineError::Misuse { what };
        if self.scope.is_empty() {
            return Err(misuse("a consent that is for no documents"));
        }
        for (text, what) in [
            (&self.disclosure_version, "the disclosure's version"),
            (&self.withdrawal, "the words on how to withdraw a consent"),
            (
                &self.access_demonstrated.method,
                "the way in which access was demonstrated",
            ),
        ] {
            check_identifier(text).map_err(|_| misuse(what))?;
        }
        Ok(())
    }

    fn given(&self, consent: ConsentId) -> ConsentGiven {
        ConsentGiven {
            access_demonstrated: self.access_demonstrated.clone(),
            consent,
            disclosure_sha256: self.disclosure_sha256,
            disclosure_version: self.disclosure_version.clone(),
            paper_right: self.paper_right,
            scope: self.scope.clone(),
            withdrawal: self.withdrawal.clone(),
        }
    }
}

impl Engine {
    /// Records that the person whose session it is agreed to electronic records.
    ///
    /// # Errors
    /// [`EngineError::SessionOver`]; [`EngineError::Misuse`] if it is for no documents, or a text
    /// in it is no identifier; or if the store fails.
    pub async fn give_consent(
        &self,
        session: &Session,
        consent: &Consent,
    ) -> Result<ConsentRecord, EngineError> {
        consent.check()?;
        let id = identifier::consent(random(&*self.shared.entropy)?)?;
        let opened = self.recorded::<SessionOpened>(session.entry()).await?;
        for _ in 0..MOST_ATTEMPTS {
            let live = self.live_session(&opened).await?;
            let draft = consent.given(id.clone()).draft(&opened);
            let mut walk = Correlation::resume(&opened).under_policy(self.policy().hash());
            let (entry, given) = self.seal(&mut walk, draft, live.now)?.into_parts();
            let row = ConsentRecord {
                id: id.clone(),
                user: live.user.id.clone(),
                scope: consent.scope.clone(),
                disclosure_sha256: consent.disclosure_sha256,
                disclosure_version: consent.disclosure_version.clone(),
                given_at: given.at(),
                entry: given.leaf().hash(),
            };
            let mut change = live.change();
            change.put_consents.push(row.clone());
            change.entries.push(entry);
            match self.shared.users.commit(&change).await {
                Ok(()) => return Ok(row),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(too_many_conflicts())
    }

    /// The consents of an account that were not withdrawn.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, EngineError> {
        Ok(self.shared.users.consents(tenant, user).await?)
    }

    /// Records that the person whose session it is withdrew a consent; returns the record's leaf.
    ///
    /// Signatures from before stand. No signature after it rests on it, not even one that was
    /// under way.
    ///
    /// # Errors
    /// [`EngineError::SessionOver`]; [`EngineError::UnknownConsent`] if the account has no such
    /// consent; or if the store fails.
    pub async fn withdraw_consent(
        &self,
        session: &Session,
        consent: &ConsentId,
    ) -> Result<LeafHash, EngineError> {
        let opened = self.recorded::<SessionOpened>(session.entry()).await?;
        let live = self.live_session(&opened).await?;
        let walk = Correlation::resume(&opened);
        let by = Actor::User(live.user.id.clone());
        self.withdraw(walk, &live.user.id, consent, &by, None).await
    }

    /// Records that the account `user` withdrew a consent by other means than a session, such as a
    /// letter, which `by` took in; what `by` says of it is committed to.
    ///
    /// # Errors
    /// As [`withdraw_consent`](Self::withdraw_consent), and [`AccountError::Unknown`].
    pub async fn withdraw_consent_for(
        &self,
        tenant: &TenantId,
        user: &UserId,
        consent: &ConsentId,
        by: &UserId,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        let id = identifier::correlation(random(&*self.shared.entropy)?)?;
        let walk = Correlation::begin(tenant.clone(), id);
        let by = Actor::User(by.clone());
        self.withdraw(walk, user, consent, &by, note).await
    }

    async fn withdraw(
        &self,
        walk: Correlation,
        user: &UserId,
        consent: &ConsentId,
        by: &Actor,
        note: Option<&str>,
    ) -> Result<LeafHash, EngineError> {
        let walk = walk.under_policy(self.policy().hash());
        let users = &self.shared.users;
        let notes = Notes::of_account(note);
        for _ in 0..MOST_ATTEMPTS {
            let account = users.user(walk.tenant(), user).await?;
            let account = account.ok_or_else(|| AccountError::Unknown(user.clone()))?;
            let consents = users.consents(walk.tenant(), user).await?;
            let row = consents.into_iter().find(|row| row.id == *consent);
            let row = row.ok_or_else(|| EngineError::UnknownConsent(consent.clone()))?;
            let body = ConsentWithdrawn {
                consent: row.id.clone(),
            };
            let given = Leaf::<ConsentGiven>::from_store(row.entry);
            let draft = body.draft(user.clone(), given, by.clone(), note);
            let mut walk = self.filed_for(walk.clone(), user, notes).await?;
            let now = self.shared.clock.now();
            let (entry, withdrawn) = self.seal(&mut walk, draft, now)?.into_parts();
            let mut change = Change::new(walk.tenant().clone());
            change.users.push(UserWrite::Expect {
                user: user.clone(),
                version: account.user.version,
            });
            change.withdraw_consents.push(row.id);
            change.entries.push(entry);
            match users.commit(&change).await {
                Ok(()) => return Ok(withdrawn.leaf().hash()),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(too_many_conflicts())
    }
}
