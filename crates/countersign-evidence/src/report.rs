//! What a verifier says: one line for each thing that is proved, not proved, or refuted.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use countersign_core::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::trail::Trail;
use crate::visible::Visible;

/// What a line is about when it is no member: the file as a whole.
pub const CONTAINER: &str = "container";

/// What is claimed \[bundle.md §6\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Claim {
    /// The file is written as bundles are written, byte for byte.
    Container,
    /// Every member is there once, in order, and no other.
    Members,
    /// Every member has the digest that the manifest gives.
    Manifest,
    /// Whoever exported the bundle has sealed its manifest.
    ManifestSignature,
    /// The instructions are a text that was published.
    Instructions,
    /// The certificate of completion shows this bundle.
    CertificatePage,
    /// A trusted log has signed the checkpoint.
    CheckpointSignature,
    /// Witnesses have seen the checkpoint.
    Witnessed,
    /// An authority has stamped the checkpoint with its time.
    TrustedTime,
    /// A record is well formed.
    RecordForm,
    /// A record is in the log.
    Inclusion,
    /// The records reach each other, from the signature to the assertion.
    Linked,
    /// What was shown, confirmed and signed is the same.
    SameDocument,
    /// Everything is about one account.
    SameAccount,
    /// The grant's permissions cover signing this document.
    GrantCoversDocument,
    /// The grant was live when the document was signed.
    GrantLiveAtSigning,
    /// The session was live when the document was signed.
    SessionLiveAtSigning,
    /// Causes come before what they cause, and nothing lies in the future.
    TimeOrder,
    /// A trusted identity provider has signed the element that the record names.
    AssertionSignature,
    /// What the provider signed says what the record does.
    AssertionContent,
    /// The person that the provider spoke of is the one that the account was tied to.
    SamePerson,
    /// The signer had consented to electronic records.
    Consent,
    /// The document is the one that was signed.
    Document,
    /// An attachment is one that was shown.
    Attachment,
    /// A disclosed value is the one that was recorded.
    Opening,
    /// Nothing else was recorded.
    Completeness,
    /// The grant and the session were not revoked before the signature.
    NotRevoked,
    /// Nobody but the signer could sign.
    SoleControl,
    /// A key or certificate is qualified (eIDAS).
    QualifiedStatus,
}

impl Claim {
    /// What must always be proved for a bundle to be accepted; a
    /// [`TrustPolicy`](crate::TrustPolicy) may ask for more.
    pub const REQUIRED: &'static [Self] = &[
        Self::Container,
        Self::Members,
        Self::Manifest,
        Self::Instructions,
        Self::CertificatePage,
        Self::CheckpointSignature,
        Self::RecordForm,
        Self::Inclusion,
        Self::Linked,
        Self::SameDocument,
        Self::SameAccount,
        Self::GrantCoversDocument,
        Self::GrantLiveAtSigning,
        Self::SessionLiveAtSigning,
        Self::TimeOrder,
    ];

    /// Every claim, in the order of bundle.md §6.
    pub const ALL: &'static [Self] = &[
        Self::Container,
        Self::Members,
        Self::Manifest,
        Self::ManifestSignature,
        Self::Instructions,
        Self::CertificatePage,
        Self::CheckpointSignature,
        Self::Witnessed,
        Self::TrustedTime,
        Self::RecordForm,
        Self::Inclusion,
        Self::Linked,
        Self::SameDocument,
        Self::SameAccount,
        Self::GrantCoversDocument,
        Self::GrantLiveAtSigning,
        Self::SessionLiveAtSigning,
        Self::TimeOrder,
        Self::AssertionSignature,
        Self::AssertionContent,
        Self::SamePerson,
        Self::Consent,
        Self::Document,
        Self::Attachment,
        Self::Opening,
        Self::Completeness,
        Self::NotRevoked,
        Self::SoleControl,
        Self::QualifiedStatus,
    ];

    /// Its name, such as `grant_live_at_signing`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Members => "members",
            Self::Manifest => "manifest",
            Self::ManifestSignature => "manifest_signature",
            Self::Instructions => "instructions",
            Self::CertificatePage => "certificate_page",
            Self::CheckpointSignature => "checkpoint_signature",
            Self::Witnessed => "witnessed",
            Self::TrustedTime => "trusted_time",
            Self::RecordForm => "record_form",
            Self::Inclusion => "inclusion",
            Self::Linked => "linked",
            Self::SameDocument => "same_document",
            Self::SameAccount => "same_account",
            Self::GrantCoversDocument => "grant_covers_document",
            Self::GrantLiveAtSigning => "grant_live_at_signing",
            Self::SessionLiveAtSigning => "session_live_at_signing",
            Self::TimeOrder => "time_order",
            Self::AssertionSignature => "assertion_signature",
            Self::AssertionContent => "assertion_content",
            Self::SamePerson => "same_person",
            Self::Consent => "consent",
            Self::Document => "document",
            Self::Attachment => "attachment",
            Self::Opening => "opening",
            Self::Completeness => "completeness",
            Self::NotRevoked => "not_revoked",
            Self::SoleControl => "sole_control",
            Self::QualifiedStatus => "qualified_status",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is no claim that a verifier makes")]
pub struct ParseClaimError;

impl FromStr for Claim {
    type Err = ParseClaimError;

    fn from_str(text: &str) -> Result<Self, ParseClaimError> {
        let named = Self::ALL.iter().find(|claim| claim.as_str() == text);
        named.copied().ok_or(ParseClaimError)
    }
}

/// How far a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was checked, and holds.
    Proved,
    /// Nothing here shows it, and nothing speaks against it.
    NotProved,
    /// It was checked, and does not hold.
    Failed,
    /// What would show it was erased, as the log says.
    Erased,
}

impl Status {
    /// Whether it was checked, and holds.
    #[must_use]
    pub fn is_proved(self) -> bool {
        self == Self::Proved
    }
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What is claimed.
    pub claim: Claim,
    /// How far it holds.
    pub status: Status,
    /// The member that it is about, or [`CONTAINER`].
    pub subject: String,
    /// By what it was proved, or why not.
    pub by: String,
}

/// What the check of one bundle found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    accepted: bool,
    verified_at: Timestamp,
    missing: Vec<Claim>,
    lines: Vec<Line>,
    trail: Option<Trail>,
}

impl Report {
    pub(crate) fn new(
        verified_at: Timestamp,
        required: &BTreeSet<Claim>,
        lines: Lines,
        trail: Option<Trail>,
    ) -> Self {
        let lines = lines.0;
        let failed = lines.iter().any(|line| line.status == Status::Failed);
        let (mut proved, mut open) = (BTreeSet::new(), BTreeSet::new());
        for line in &lines {
            match line.status {
                Status::Proved => proved.insert(line.claim),
                _ => open.insert(line.claim),
            };
        }
        let missing: Vec<Claim> = required
            .iter()
            .filter(|claim| !proved.contains(claim) || open.contains(claim))
            .copied()
            .collect();
        Self {
            accepted: !failed && missing.is_empty(),
            verified_at,
            missing,
            lines,
            trail,
        }
    }

    /// Whether nothing is refuted and every required claim is proved.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.accepted
    }

    /// The time that it was checked for.
    #[must_use]
    pub fn verified_at(&self) -> Timestamp {
        self.verified_at
    }

    /// The claims that are required and not proved.
    #[must_use]
    pub fn missing(&self) -> &[Claim] {
        &self.missing
    }

    /// Every line.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lines that are refuted.
    pub fn failed(&self) -> impl Iterator<Item = &Line> {
        self.lines
            .iter()
            .filter(|line| line.status == Status::Failed)
    }

    /// What the records tell, once each is well formed and linked. Whether to believe it is
    /// what [`Report::accepted`] says.
    #[must_use]
    pub fn trail(&self) -> Option<&Trail> {
        self.trail.as_ref()
    }
}

impl Report {
    /// How many lines prove the claim of this one; 0 unless it does.
    fn proved_alike(&self, line: &Line) -> usize {
        let alike = |other: &&Line| other.claim == line.claim && other.status == Status::Proved;
        match line.status {
            Status::Proved => self.lines.iter().filter(alike).count(),
            Status::NotProved | Status::Failed | Status::Erased => 0,
        }
    }
}

impl fmt::Display for Report {
    /// For people: what is refuted or not proved line by line, what is proved one line a claim,
    /// and the verdict last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = BTreeSet::new();
        for line in &self.lines {
            let status = match line.status {
                Status::Proved if !told.insert(line.claim) => continue,
                Status::Proved => "proved",
                Status::NotProved => "not proved",
                Status::Failed => "FAILED",
                Status::Erased => "erased",
            };
            write!(
                f,
                "{status:<11} {:<24} {}: {}",
                line.claim.as_str(),
                Visible(&line.subject),
                Visible(&line.by)
            )?;
            let more = self.proved_alike(line).saturating_sub(1);
            if more > 0 {
                write!(f, ", and {more} more alike")?;
            }
            writeln!(f)?;
        }
        let verdict = if self.accepted {
            "accepted"
        } else {
            "NOT ACCEPTED"
        };
        writeln!(f, "{verdict}, checked for {}", self.verified_at)
    }
}

/// Lines as they are found.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    pub(crate) fn proved(&mut self, claim: Claim, subject: &str, by: impl Into<String>) {
        self.push(claim, Status::Proved, subject, by.into());
    }

    pub(crate) fn not_proved(&mut self, claim: Claim, subject: &str, by: impl Into<String>) {
        self.push(claim, Status::NotProved, subject, by.into());
    }

    pub(crate) fn erased(&mut self, claim: Claim, subject: &str, by: impl Into<String>) {
        self.push(claim, Status::Erased, subject, by.into());
    }

    pub(crate) fn failed(&mut self, claim: Claim, subject: &str, by: impl Into<String>) {
        self.push(claim, Status::Failed, subject, by.into());
    }

    /// Proved if `holds`, else failed.
    pub(crate) fn check(
        &mut self,
        claim: Claim,
        holds: bool,
        subject: &str,
        proved_by: impl Into<String>,
        failed_because: impl Into<String>,
    ) {
        if holds {
            self.proved(claim, subject, proved_by);
        } else {
            self.failed(claim, subject, failed_because);
        }
    }

    /// Whether a claim is refuted so far.
    pub(crate) fn has_failed(&self, claim: Claim) -> bool {
        self.0
            .iter()
            .any(|line| line.claim == claim && line.status == Status::Failed)
    }

    fn push(&mut self, claim: Claim, status: Status, subject: &str, by: String) {
        self.0.push(Line {
            claim,
            status,
            subject: subject.to_owned(),
            by,
        });
    }
}
