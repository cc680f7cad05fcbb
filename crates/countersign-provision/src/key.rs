//! Which part of an identity is the subject that an account is found by.

use countersign_core::{NameId, SubjectKey, SubjectKeyError, TenantId};
use thiserror::Error;

/// What the subject is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key {
    /// The `NameID`, if its format says that it stands for the person: transient and
    /// unspecified ones are refused.
    NameId,
    /// The `NameID`, also of unspecified format: the connection states that it is stable.
    StableNameId,
    /// One attribute, by its short name in the preset or its full name, with exactly one value.
    Attribute(String),
}

impl Key {
    /// The subject that a name identifier stands for, where the key is one.
    pub(crate) fn subject_of_name_id(
        &self,
        tenant: TenantId,
        issuer: &str,
        name_id: &NameId,
    ) -> Result<SubjectKey, FactsError> {
        let format = name_id.format.as_deref();
        let subject = match self {
            Self::StableNameId if format != Some(SubjectKey::TRANSIENT) => {
                SubjectKey::from_stable_value(tenant, issuer, &name_id.value)
            }
            Self::NameId | Self::StableNameId => {
                SubjectKey::from_name_id(tenant, issuer, &name_id.value, format)
            }
            Self::Attribute(attribute) => {
                return Err(FactsError::KeyMissing {
                    attribute: attribute.clone(),
                });
            }
        };
        subject.map_err(FactsError::Subject)
    }
}

/// Why an identity gives no facts. Every one refuses the sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The attribute that the connection names as its key was not sent.
    #[error("the attribute `{attribute}`, which the connection names as its key, was not sent")]
    KeyMissing {
        /// The attribute.
        attribute: String,
    },
    /// The attribute that the connection names as its key has several values, or one that is no
    /// text.
    #[error("the attribute `{attribute}`, which the connection names as its key, is not one text")]
    KeyNotOne {
        /// The attribute.
        attribute: String,
    },
    /// The provider may not speak for the scope of the connection's key.
    #[error(
        "the provider may not speak for the scope in the attribute `{attribute}`, which the connection names as its key"
    )]
    KeyOutOfScope {
        /// The attribute.
        attribute: String,
    },
    /// The connection's key has a grammar \[SAML-SubjectID §3.3.1\], and the value does not have it.
    #[error(
        "the attribute `{attribute}`, which the connection names as its key, is no subject identifier"
    )]
    KeyNotSubjectId {
        /// The attribute.
        attribute: String,
    },
    /// The provider names another tenant of its own than the one that it speaks as.
    #[error("the provider's tenant in the attributes is another than in its entity id")]
    OtherTenantId,
    /// The identifier can not stand for a person.
    #[error("{0}")]
    Subject(SubjectKeyError),
}

impl FactsError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyMissing { .. } => "provision.key_missing",
            Self::KeyNotOne { .. } => "provision.key_not_one",
            Self::KeyOutOfScope { .. } => "provision.key_out_of_scope",
            Self::KeyNotSubjectId { .. } => "provision.key_not_subject_id",
            Self::OtherTenantId => "provision.other_tenant_id",
            Self::Subject(SubjectKeyError::Transient) => "provision.key_transient",
            Self::Subject(SubjectKeyError::Unspecified) => "provision.key_unspecified",
            Self::Subject(_) => "provision.key_unusable",
        }
    }
}
