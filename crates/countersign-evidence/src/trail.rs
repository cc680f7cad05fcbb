//! The trail of a signature as people read it: who, when, by which rule, linked to what.

use std::collections::BTreeMap;
use std::fmt;

use countersign_audit::commitment::Openings;
use countersign_audit::record::Actor;
use countersign_audit::{Body, Kind};
use countersign_core::{DocumentPattern, Door, LeafHash, Sha256Digest, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::erasure::Erased;
use crate::layout::Layout;
use crate::links::{Chain, Item, Records};
use crate::visible::Visible;

/// How many hexadecimal digits of a hash are printed for people; the report has them all.
const SHORT_HASH_DIGITS: usize = 16;

/// What the records of a bundle tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// What was signed.
    pub document: SignedDocument,
    /// Who signed, in the order of the log.
    pub signers: Vec<Signer>,
    /// When a trusted authority stamped the log's checkpoint, which holds all of this.
    pub stamped_at: Option<Timestamp>,
    /// Every record, in the order of the log.
    pub steps: Vec<Step>,
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedDocument {
    /// The host's name for it.
    pub document: String,
    /// Its type.
    pub document_type: String,
    /// Its media type.
    pub media_type: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Its member, if it is in the bundle.
    pub file: Option<String>,
    /// The members of what was shown with it, as far as they are in the bundle.
    pub attachments: Vec<String>,
}

/// Who signed, when, as what, and how the person was authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// The member of the signature's record.
    pub file: String,
    /// The tenant.
    pub tenant: String,
    /// The account.
    pub account: Option<UserId>,
    /// The printed name, if it is disclosed \[21 CFR 11.50(a)(1)\].
    pub printed_name: Option<String>,
    /// When \[21 CFR 11.50(a)(2)\].
    pub signed_at: Timestamp,
    /// The meaning of the signature \[21 CFR 11.50(a)(3)\].
    pub meaning: String,
    /// The role that allowed it.
    pub role: String,
    /// Until when the role was given.
    pub role_expires_at: Option<Timestamp>,
    /// How the person was authenticated.
    pub authentication: Option<Authentication>,
    /// The consent to electronic records that the signature names.
    pub consent: Option<Consented>,
    /// When the personal values were erased, if they were.
    pub erased_at: Option<Timestamp>,
}

/// How a signer was authenticated for the session that the signature was made in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// The way in: `saml` or `email`.
    pub door: Door,
    /// The identity provider, or who stands for the mailbox.
    pub issuer: String,
    /// When the session was opened.
    pub at: Timestamp,
    /// How, in the provider's words.
    pub authn_context: Option<String>,
    /// Whether the provider told of several factors.
    pub multi_factor: bool,
}

/// A consent to electronic records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consented {
    /// When it was given.
    pub at: Timestamp,
    /// Which version of the disclosure was shown before.
    pub disclosure_version: String,
    /// SHA-256 of that disclosure.
    pub disclosure_sha256: Sha256Digest,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number in the bundle, from 1.
    pub number: usize,
    /// What happened.
    pub kind: Kind,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub who: String,
    /// What, in one sentence.
    pub what: String,
    /// By which rule, if by one.
    pub rule: Option<String>,
    /// SHA-256 of the policy in force.
    pub policy_hash: Option<Sha256Digest>,
    /// The numbers of the steps that caused it.
    pub caused_by: Vec<usize>,
    /// The record's leaf hash.
    pub leaf: LeafHash,
    /// The position of its leaf in the log.
    pub index: u64,
    /// Its member.
    pub file: String,
    /// What is disclosed of the personal data, by field.
    pub disclosed: BTreeMap<String, Value>,
    /// When its personal values were erased, if they were.
    pub erased_at: Option<Timestamp>,
}

impl Trail {
    /// `None` if the bundle has no signature whose records lead to each other.
    pub(crate) fn of(
        chains: &[Chain<'_>],
        records: &Records,
        openings: &BTreeMap<LeafHash, Openings>,
        erased: &Erased<'_>,
        layout: &Layout<'_>,
        stamped_at: Option<Timestamp>,
    ) -> Option<Self> {
        let first = chains.first()?;
        let presented = first.presented.body;
        let numbers: BTreeMap<LeafHash, usize> = records
            .iter()
            .map(|item| (item.leaf, item.number))
            .collect();
        let signers = chains
            .iter()
            .map(|chain| Signer::of(chain, records, openings, erased));
        let attachments = layout.attachments.iter().map(ToString::to_string);
        let steps = records.iter().map(|item| {
            let erased_at = erased.get(&item.leaf).map(|erasure| erasure.record.at);
            Step::of(item, &numbers, openings.get(&item.leaf), erased_at)
        });
        Some(Self {
            document: SignedDocument {
                document: presented.document.to_string(),
                document_type: presented.document_type.clone(),
                media_type: presented.media_type.clone(),
                sha256: first.signed.body.document_sha256,
                file: layout.document.map(str::to_owned),
                attachments: attachments.collect(),
            },
            signers: signers.collect(),
            stamped_at,
            steps: steps.collect(),
        })
    }
}

impl Signer {
    fn of(
        chain: &Chain<'_>,
        records: &Records,
        openings: &BTreeMap<LeafHash, Openings>,
        erased: &Erased<'_>,
    ) -> Self {
        let signed = &chain.signed;
        let printed_name = openings
            .get(&signed.item.leaf)
            .and_then(|openings| openings.field("printed_name"))
            .and_then(|opening| opening.value().as_str())
            .map(str::to_owned);
        let session = &chain.session;
        // [record.md §5]: the first parent of a session is the sign-in.
        let assertion = session.item.record.parents.first();
        let assertion = assertion.and_then(|leaf| records.find(leaf));
        let authentication = match assertion.map(|item| &item.record.body) {
            Some(Body::AssertionVerified(body)) => Some(Authentication {
                door: body.door,
                issuer: body.issuer.clone(),
                at: session.item.record.at,
                authn_context: body.authn_context.clone(),
                multi_factor: session.body.multi_factor,
            }),
            _ => None,
        };
        let consent = chain.consent.as_ref().map(|consent| Consented {
            at: consent.item.record.at,
            disclosure_version: consent.body.disclosure_version.clone(),
            disclosure_sha256: consent.body.disclosure_sha256,
        });
        let erasure = erased.get(&signed.item.leaf);
        Self {
            file: signed.item.file.clone(),
            tenant: signed.item.record.tenant.to_string(),
            account: signed.item.record.subject_ref.clone(),
            printed_name,
            signed_at: signed.item.record.at,
            meaning: signed.body.meaning.clone(),
            role: signed.body.role.to_string(),
            role_expires_at: signed.body.grant_expires_at,
            authentication,
            consent,
            erased_at: erasure.map(|erasure| erasure.record.at),
        }
    }
}

impl Step {
    fn of(
        item: &Item,
        numbers: &BTreeMap<LeafHash, usize>,
        openings: Option<&Openings>,
        erased_at: Option<Timestamp>,
    ) -> Self {
        let record = &item.record;
        let rule = match &record.body {
            Body::RoleGranted(granted) => granted.rule.as_ref().map(ToString::to_string),
            Body::UserProvisioned(provisioned) => provisioned.matched_by.clone(),
            Body::UserLinked(linked) => Some(linked.matched_by.clone()),
            _ => None,
        };
        Self {
            number: item.number,
            kind: record.kind(),
            at: record.at,
            who: match &record.actor {
                Actor::Connection(connection) => format!("connection {connection}"),
                Actor::User(user) => format!("user {user}"),
                _ => "system".to_owned(),
            },
            what: sentence(&record.body),
            rule,
            policy_hash: record.policy_hash,
            caused_by: record
                .parents
                .iter()
                .filter_map(|parent| numbers.get(parent).copied())
                .collect(),
            leaf: item.leaf,
            index: item.index,
            file: item.file.clone(),
            disclosed: openings
                .into_iter()
                .flat_map(Openings::iter)
                .map(|(field, opening)| (field.to_owned(), opening.value().clone()))
                .collect(),
            erased_at,
        }
    }
}

fn sentence(body: &Body) -> String {
    let until = |at: &Option<Timestamp>| {
        at.map_or_else(|| "until revoked".to_owned(), |at| format!("until {at}"))
    };
    match body {
        Body::AssertionVerified(b) => match (&b.signed_element, &b.certificate_sha256) {
            (Some(signed), Some(certificate)) => format!(
                "{} proved who it is: {signed} signed with certificate {}",
                b.issuer,
                short(certificate)
            ),
            _ => "a link that was mailed to the address was opened".to_owned(),
        },
        Body::AssertionRejected(b) => format!("refused: {}", b.code),
        Body::UserProvisioned(b) => format!("account created, {} ({})", b.state, b.strategy),
        Body::UserLinked(b) => format!("linked to an account that was there ({})", b.strategy),
        Body::UserUpdated(b) => format!("account changed: {}", b.changed.join(", ")),
        Body::UserRefused(b) => format!("refused ({}): {}", b.outcome, b.reasons.join(", ")),
        Body::LinkProposed(b) => format!("a link was proposed until {}", b.token.expires_at),
        Body::UserApproved(b) => format!("account approved, {}", b.state),
        Body::UserDeclined(b) => format!("account declined, {}", b.state),
        Body::RoleGranted(b) => format!(
            "role {} {}: may {}",
            b.role,
            until(&b.expires_at),
            b.permissions.join(", ")
        ),
        Body::RoleRevoked(b) => format!("role {} taken away: {}", b.role, b.reason),
        Body::SessionOpened(b) => format!("session opened until {}", b.expires_at),
        Body::SessionClosed(b) => format!("session closed: {}", b.reason),
        Body::DocumentPresented(b) => format!(
            "shown {} ({}), sha256 {}",
            b.document,
            b.document_type,
            short(&b.sha256)
        ),
        Body::IntentConfirmed(b) => format!("confirmed {}: \"{}\"", b.meaning, b.statement),
        Body::DocumentSigned(b) => format!(
            "signed {} as {} {}, sha256 {}",
            b.document,
            b.role,
            until(&b.grant_expires_at),
            short(&b.document_sha256)
        ),
        Body::DocumentDeclined(b) => format!("declined to sign {}", b.document),
        Body::EmailChallenged(b) => format!(
            "a link was made for an address, good until {}",
            b.token.expires_at
        ),
        Body::InvitationIssued(b) => format!(
            "somebody was invited to sign {} ({}) until {}",
            b.document, b.document_type, b.token.expires_at
        ),
        Body::InvitationUsed(b) => format!("came by the invitation to sign {}", b.document),
        Body::InvitationWithdrawn(b) => {
            format!("the invitation to sign {} was withdrawn", b.document)
        }
        Body::UserStale(b) => format!("account not used since {}", b.unused_since),
        Body::UserSuspended(b) => format!("account suspended: {}", b.reason),
        Body::UserReactivated(b) => format!("account taken back into use, was {}", b.before),
        Body::UserDeprovisioned(b) => format!("account deprovisioned: {}", b.reason),
        Body::SubjectErased(b) => format!("account erased: {}", b.erased.join(", ")),
        Body::HoldPlaced(_) => "legal hold placed".to_owned(),
        Body::HoldReleased(_) => "legal hold released".to_owned(),
        Body::RoleExpired(b) => format!("role {} ran out at {}", b.role, b.expires_at),
        Body::AccessReviewed(b) => format!("role {} reviewed: {}", b.role, b.outcome.name()),
        Body::PolicyChanged(b) => format!("policy {} in force", short(&b.after)),
        Body::ConsentGiven(b) => format!(
            "agreed to electronic records for {}: disclosure {}, sha256 {}",
            join(&b.scope),
            b.disclosure_version,
            short(&b.disclosure_sha256)
        ),
        Body::ConsentWithdrawn(_) => "withdrew the consent to electronic records".to_owned(),
        Body::KeyRotated(b) => format!("log {} signs with another key", b.origin),
        Body::CheckpointAnchored(b) => {
            format!("checkpoint of {} leaves stamped at {}", b.size, b.gen_time)
        }
        // A kind that is newer than this sentence.
        other => other.kind().to_string(),
    }
}

fn join(patterns: &[DocumentPattern]) -> String {
    let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    patterns.join(", ")
}

fn short(hash: &impl fmt::Display) -> String {
    hash.to_string().chars().take(SHORT_HASH_DIGITS).collect()
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = &self.document;
        writeln!(
            f,
            "document  {} ({}, {})",
            Visible(&document.document),
            Visible(&document.document_type),
            Visible(&document.media_type)
        )?;
        writeln!(f, "          sha256 {}", document.sha256)?;
        for signer in &self.signers {
            write!(f, "{signer}")?;
        }
        if let Some(at) = self.stamped_at {
            writeln!(f, "stamped   at {at} by a trusted authority")?;
        }
        for step in &self.steps {
            write!(f, "\n{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signed    by ")?;
        match (&self.printed_name, self.erased_at) {
            (Some(name), _) => write!(f, "{}", Visible(name))?,
            (None, Some(at)) => write!(f, "(erased on {at})")?,
            (None, None) => write!(f, "(not disclosed)")?,
        }
        if let Some(account) = &self.account {
            write!(f, ", account {}", Visible(account.as_str()))?;
        }
        writeln!(f)?;
        write!(
            f,
            "          at {} as {}",
            self.signed_at,
            Visible(&self.role)
        )?;
        writeln!(f, ", meaning {}", Visible(&self.meaning))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>3}  {}  {:<18}  {}",
            self.number,
            self.at,
            self.kind.as_str(),
            Visible(&self.what)
        )?;
        write!(f, "     by {}", Visible(&self.who))?;
        if let Some(rule) = &self.rule {
            write!(f, ", rule {}", Visible(rule))?;
        }
        if let Some(policy) = &self.policy_hash {
            write!(f, ", policy {}", short(policy))?;
        }
        if !self.caused_by.is_empty() {
            let causes: Vec<_> = self.caused_by.iter().map(ToString::to_string).collect();
            write!(f, ", because of {}", causes.join(" and "))?;
        }
        writeln!(f, "; leaf {} {}", self.index, short(&self.leaf))?;
        for (field, value) in &self.disclosed {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            writeln!(f, "     {field}: {}", Visible(&value))?;
        }
        if let Some(at) = self.erased_at {
            writeln!(f, "     personal values erased on {at}")?;
        }
        Ok(())
    }
}
