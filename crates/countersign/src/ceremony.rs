//! The act of signing: presented, confirmed, signed. Each step is a type, and only the step
//! before it yields it.

use countersign_audit::ceremony::{
    DocumentDeclined, DocumentPresented, DocumentSigned, Grounds, IntentConfirmed,
};
use countersign_audit::consent::ConsentGiven;
use countersign_audit::leaf::Leaf;
use countersign_audit::record::{Blob, Recorded};
use countersign_audit::role::RoleGranted;
use countersign_audit::session::SessionOpened;
use countersign_core::{CeremonyId, DocumentId, LeafHash, Sha256Digest, Timestamp};
use ring::digest::{SHA256, digest};

/// A document that is about to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    id: DocumentId,
    document_type: String,
    media_type: String,
    sha256: Sha256Digest,
    attachments: Vec<Blob>,
}

impl Document {
    /// A document by its bytes; only their SHA-256 is kept.
    ///
    /// `document_type` is what permissions are about, such as `nda/mutual`.
    ///
    /// # Security
    /// The id and the types are in records, which no erasure reaches: they should name nobody.
    #[must_use]
    pub fn new(id: DocumentId, document_type: &str, media_type: &str, bytes: &[u8]) -> Self {
        Self::with_sha256(id, document_type, media_type, sha256(bytes))
    }

    /// A document that lies elsewhere, by the SHA-256 of its bytes.
    #[must_use]
    pub fn with_sha256(
        id: DocumentId,
        document_type: &str,
        media_type: &str,
        sha256: Sha256Digest,
    ) -> Self {
        Self {
            id,
            document_type: document_type.to_owned(),
            media_type: media_type.to_owned(),
            sha256,
            attachments: Vec::new(),
        }
    }

    /// Shows something else with it, such as an annex. Only its SHA-256 is kept; a signature of
    /// the document is one of what was shown with it.
    #[must_use]
    pub fn attachment(self, media_type: &str, bytes: &[u8]) -> Self {
        self.attachment_with_sha256(media_type, sha256(bytes))
    }

    /// The same for something that lies elsewhere, by the SHA-256 of its bytes.
    #[must_use]
    pub fn attachment_with_sha256(mut self, media_type: &str, sha256: Sha256Digest) -> Self {
        self.attachments.push(Blob {
            media_type: media_type.to_owned(),
            sha256,
        });
        self
    }

    /// The host's name for it.
    #[must_use]
    pub fn id(&self) -> &DocumentId {
        &self.id
    }

    /// What permissions are about.
    #[must_use]
    pub fn document_type(&self) -> &str {
        &self.document_type
    }

    /// SHA-256 of its bytes.
    #[must_use]
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// What is shown with it, in order.
    #[must_use]
    pub fn attachments(&self) -> &[Blob] {
        &self.attachments
    }

    pub(crate) fn presented(&self, ceremony: CeremonyId) -> DocumentPresented {
        DocumentPresented {
            ceremony,
            document: self.id.clone(),
            document_type: self.document_type.clone(),
            media_type: self.media_type.clone(),
            sha256: self.sha256,
            attachments: self.attachments.clone(),
        }
    }
}

/// What the signer confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What the signature means, such as `approval` \[21 CFR 11.50(a)(3)\].
    pub meaning: String,
    /// The words that the signer confirmed: the same for every signer.
    pub statement: String,
    /// SHA-256 of the disclosure that was shown \[15 USC 7001(c)\].
    pub disclosure_sha256: Option<Sha256Digest>,
}

impl Intent {
    /// Approval of the document, in plain words.
    #[must_use]
    pub fn approval() -> Self {
        Self {
            meaning: "approval".to_owned(),
            statement: "I have read this document and sign it.".to_owned(),
            disclosure_sha256: None,
        }
    }
}

/// A document that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    pub(crate) record: Recorded<DocumentPresented>,
    pub(crate) session: Recorded<SessionOpened>,
}

impl Presented {
    /// The `document.presented` record; a host keeps it between two requests and comes back with
    /// [`crate::Engine::resume_presented`].
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.record.leaf().hash()
    }

    /// What was shown.
    #[must_use]
    pub fn document(&self) -> &DocumentPresented {
        self.record.body()
    }
}

/// A document that was shown, and what the signer confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub(crate) presented: Presented,
    pub(crate) record: Recorded<IntentConfirmed>,
}

impl Confirmed {
    /// The `intent.confirmed` record; see [`crate::Engine::resume_confirmed`].
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.record.leaf().hash()
    }

    /// What was shown.
    #[must_use]
    pub fn document(&self) -> &DocumentPresented {
        self.presented.document()
    }

    pub(crate) fn grounds<'a>(
        &'a self,
        grant: &'a Recorded<RoleGranted>,
        consent: Option<&'a Recorded<ConsentGiven>>,
    ) -> Grounds<'a> {
        Grounds {
            presented: &self.presented.record,
            intent: &self.record,
            session: &self.presented.session,
            grant,
            consent,
        }
    }
}

/// A signature that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    record: Recorded<DocumentSigned>,
}

impl Signature {
    pub(crate) fn new(record: Recorded<DocumentSigned>) -> Self {
        Self { record }
    }

    /// The `document.signed` record: what [`countersign_evidence::Export`] asks for.
    #[must_use]
    pub fn leaf(&self) -> Leaf<DocumentSigned> {
        self.record.leaf()
    }

    /// When it was signed.
    #[must_use]
    pub fn signed_at(&self) -> Timestamp {
        self.record.at()
    }

    /// What was signed, with which role and which grant.
    #[must_use]
    pub fn signed(&self) -> &DocumentSigned {
        self.record.body()
    }
}

/// A refusal to sign that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declined {
    record: Recorded<DocumentDeclined>,
}

impl Declined {
    pub(crate) fn new(record: Recorded<DocumentDeclined>) -> Self {
        Self { record }
    }

    /// The `document.declined` record.
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.record.leaf().hash()
    }
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    // INVARIANT: a SHA-256 digest has 32 bytes.
    Sha256Digest::from_bytes(
        digest(&SHA256, bytes)
            .as_ref()
            .try_into()
            .unwrap_or([0; 32]),
    )
}
