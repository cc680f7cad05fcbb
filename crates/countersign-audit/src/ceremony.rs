//! `document.presented`, `intent.confirmed`, `document.signed` and `document.declined`: the
//! ceremony of one signature.
//!
//! Each step takes the record of the step before it, as it was sealed or read back, and takes
//! over what the two must agree on. So a signature can only be written down of what was shown and
//! confirmed, within a session, under a grant that covers it \[record.md §6, rules 4 and 5\].

use countersign_core::{CeremonyId, DocumentId, GrantId, RoleName, Sha256Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::consent::ConsentGiven;
use crate::record::{Blob, Recorded};
use crate::role::RoleGranted;
use crate::seal::{Draft, SealError};
use crate::session::SessionOpened;

/// A document was shown \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DocumentPresented {
    /// What was shown with it, in order.
    pub attachments: Vec<Blob>,
    /// The act of signing that it belongs to.
    pub ceremony: CeremonyId,
    /// The host's name for the document.
    pub document: DocumentId,
    /// Its type, which permissions are about.
    pub document_type: String,
    /// Its media type.
    pub media_type: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
}

impl DocumentPresented {
    /// The record of showing a document within a session.
    #[must_use]
    pub fn draft(self, session: &Recorded<SessionOpened>) -> Draft<Self> {
        let deadline = session.body().expires_at;
        Draft::following(self, session).before("session", Some(deadline))
    }
}

/// The signer confirmed what the signature means \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentConfirmed {
    /// The act of signing that it belongs to.
    pub ceremony: CeremonyId,
    /// SHA-256 of the disclosure that was shown \[15 USC 7001(c)\].
    pub disclosure_sha256: Option<Sha256Digest>,
    /// SHA-256 of the document that was shown.
    pub document_sha256: Sha256Digest,
    /// The meaning of the signature, such as `approval` \[21 CFR 11.50(a)(3)\].
    pub meaning: String,
    /// The words that were confirmed; the same for every signer, so no personal datum.
    pub statement: String,
}

impl IntentConfirmed {
    /// The record of the confirmation of what `presented` showed.
    #[must_use]
    pub fn draft(
        presented: &Recorded<DocumentPresented>,
        meaning: impl Into<String>,
        statement: impl Into<String>,
        disclosure_sha256: Option<Sha256Digest>,
    ) -> Draft<Self> {
        let document = presented.body();
        let body = Self {
            ceremony: document.ceremony.clone(),
            document_sha256: document.sha256,
            meaning: meaning.into(),
            statement: statement.into(),
            disclosure_sha256,
        };
        Draft::following(body, presented)
    }
}

/// What a signature rests on: every record that it must be walked back to.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// What was shown.
    pub presented: &'a Recorded<DocumentPresented>,
    /// What was confirmed.
    pub intent: &'a Recorded<IntentConfirmed>,
    /// The session it happened in.
    pub session: &'a Recorded<SessionOpened>,
    /// The grant that allows it.
    pub grant: &'a Recorded<RoleGranted>,
    /// The consent to electronic records that covers it, if there is one.
    pub consent: Option<&'a Recorded<ConsentGiven>>,
}

/// The document was signed \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DocumentSigned {
    /// The act of signing.
    pub ceremony: CeremonyId,
    /// The host's name for the document.
    pub document: DocumentId,
    /// SHA-256 of its bytes.
    pub document_sha256: Sha256Digest,
    /// Its type.
    pub document_type: String,
    /// The grant that gave the role.
    pub grant: GrantId,
    /// When the grant expires.
    pub grant_expires_at: Option<Timestamp>,
    /// The meaning of the signature, as it was confirmed.
    pub meaning: String,
    /// The role that allowed it.
    pub role: RoleName,
    /// When the session expires.
    pub session_expires_at: Timestamp,
}

impl DocumentSigned {
    /// The record of a signature by the person whose printed name is `printed_name`
    /// \[21 CFR 11.50(a)(1)\]; the name is committed to.
    ///
    /// # Errors
    /// If the grounds do not belong together, or the grant or the consent does not cover the
    /// document's type.
    /// Sealing it refuses once the session or the grant has expired.
    pub fn draft(grounds: Grounds<'_>, printed_name: &str) -> Result<Draft<Self>, SealError> {
        let Grounds {
            presented,
            intent,
            session,
            grant,
            consent,
        } = grounds;
        if intent.parents() != [presented.leaf().hash()]
            || presented.parents() != [session.leaf().hash()]
        {
            return Err(SealError::OtherCeremony);
        }
        if grant.subject_ref() != session.subject_ref() || grant.tenant() != session.tenant() {
            return Err(SealError::OtherSubject);
        }
        let document = presented.body();
        let role = grant.body();
        if !role.covers_signing(&document.document_type) {
            return Err(SealError::NotCovered);
        }
        if let Some(consent) = consent {
            if consent.subject_ref() != session.subject_ref()
                || consent.tenant() != session.tenant()
            {
                return Err(SealError::OtherSubject);
            }
            if !consent.body().covers(&document.document_type) {
                return Err(SealError::NoConsent);
            }
        }
        let body = Self {
            ceremony: document.ceremony.clone(),
            document: document.document.clone(),
            document_type: document.document_type.clone(),
            document_sha256: document.sha256,
            meaning: intent.body().meaning.clone(),
            role: role.role.clone(),
            grant: role.grant.clone(),
            grant_expires_at: role.expires_at,
            session_expires_at: session.body().expires_at,
        };
        let draft = Draft::following(body, intent)
            .caused_by(session.leaf())
            .caused_by(grant.leaf())
            .not_earlier_than(grant.at())
            .before("session", Some(session.body().expires_at))
            .before("grant", role.expires_at)
            .personal("printed_name", &printed_name);
        Ok(match consent {
            Some(consent) => draft
                .caused_by(consent.leaf())
                .not_earlier_than(consent.at()),
            None => draft,
        })
    }
}

/// The signer declined to sign \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DocumentDeclined {
    /// The act of signing that ends with it.
    pub ceremony: CeremonyId,
    /// The host's name for the document.
    pub document: DocumentId,
    /// SHA-256 of its bytes.
    pub document_sha256: Sha256Digest,
}

impl DocumentDeclined {
    /// The record of declining what `presented` showed; the reason, in the signer's own words,
    /// is committed to.
    #[must_use]
    pub fn draft(presented: &Recorded<DocumentPresented>, reason: Option<&str>) -> Draft<Self> {
        let document = presented.body();
        let body = Self {
            ceremony: document.ceremony.clone(),
            document: document.document.clone(),
            document_sha256: document.sha256,
        };
        Draft::following(body, presented).personal_if_any("reason", reason.as_ref())
    }
}
