//! The key that an account is found by.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::TenantId;
use crate::text::{TextError, check_identifier};

/// Why something can not be a subject key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubjectKeyError {
    /// A transient name identifier is another one at the next login \[SAML-Core §8.3.8\].
    #[error("the name identifier is transient, so it can not stand for a person")]
    Transient,
    /// No format was given, and the connection does not name this identifier as its key.
    #[error("the name identifier's format is unspecified, and the connection names no key")]
    Unspecified,
    /// The issuer is no identifier.
    #[error("the issuer {0}")]
    Issuer(TextError),
    /// The subject is no identifier.
    #[error("the subject {0}")]
    Subject(TextError),
}

/// (tenant, issuer, subject): unique among all links, compared byte for byte.
///
/// Never an e-mail address that happens to be known: that is how nOAuth and Grafana
/// CVE-2023-3128 took accounts over. Case is kept; nothing is trimmed or folded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SubjectKey {
    tenant: TenantId,
    issuer: String,
    subject: String,
}

/// A key as it is read, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    tenant: TenantId,
    issuer: String,
    subject: String,
}

impl TryFrom<Parts> for SubjectKey {
    type Error = SubjectKeyError;
    fn try_from(parts: Parts) -> Result<Self, SubjectKeyError> {
        Self::from_stable_value(parts.tenant, &parts.issuer, &parts.subject)
    }
}

impl SubjectKey {
    /// Format of a name identifier that is another one at each login \[SAML-Core §8.3.8\].
    pub const TRANSIENT: &'static str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
    /// Format that says nothing \[SAML-Core §8.3.1\].
    pub const UNSPECIFIED: &'static str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

    /// From a stable attribute that the connection names as its key, such as Entra's
    /// `objectidentifier`.
    ///
    /// # Errors
    /// If the issuer or the value is no identifier.
    pub fn from_stable_value(
        tenant: TenantId,
        issuer: &str,
        value: &str,
    ) -> Result<Self, SubjectKeyError> {
        check_identifier(issuer).map_err(SubjectKeyError::Issuer)?;
        check_identifier(value).map_err(SubjectKeyError::Subject)?;
        Ok(Self {
            tenant,
            issuer: issuer.to_owned(),
            subject: value.to_owned(),
        })
    }

    /// From a name identifier and its format.
    ///
    /// # Errors
    /// If the format is transient, absent or unspecified, or a part is no identifier. A
    /// connection that knows its unspecified identifiers to be stable names them as its key and
    /// uses [`SubjectKey::from_stable_value`].
    pub fn from_name_id(
        tenant: TenantId,
        issuer: &str,
        value: &str,
        format: Option<&str>,
    ) -> Result<Self, SubjectKeyError> {
        match format {
            Some(Self::TRANSIENT) => Err(SubjectKeyError::Transient),
            None | Some(Self::UNSPECIFIED) => Err(SubjectKeyError::Unspecified),
            Some(_) => Self::from_stable_value(tenant, issuer, value),
        }
    }

    /// The tenant that the identity provider's connection belongs to.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The identity provider's entity id.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the identity provider calls the person.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {} / {}", self.tenant, self.issuer, self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_and_unspecified_name_identifiers_are_refused() {
        let tenant = TenantId::new("t").unwrap();
        let from = |format| SubjectKey::from_name_id(tenant.clone(), "https://idp", "x", format);
        assert_eq!(
            from(Some(SubjectKey::TRANSIENT)),
            Err(SubjectKeyError::Transient)
        );
        assert_eq!(
            from(Some(SubjectKey::UNSPECIFIED)),
            Err(SubjectKeyError::Unspecified)
        );
        assert_eq!(from(None), Err(SubjectKeyError::Unspecified));
        assert!(from(Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent")).is_ok());
    }

    #[test]
    fn subjects_that_differ_in_case_are_different() {
        let tenant = TenantId::new("t").unwrap();
        let lower = SubjectKey::from_stable_value(tenant.clone(), "i", "ana").unwrap();
        let upper = SubjectKey::from_stable_value(tenant, "i", "Ana").unwrap();
        assert_ne!(lower, upper);
    }
}
