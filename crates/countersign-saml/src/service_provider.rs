//! Us: what we are called, where responses are sent to, and how strict we are.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::TextError;
use countersign_core::text::check_identifier;
use countersign_dsig::encryption::KeyUnwrap;
use countersign_dsig::key::{KeyError, VerificationKey};
use countersign_dsig::signature::SignaturePolicy;
use countersign_dsig::xml::Limits;
use thiserror::Error;

use crate::endpoint::Endpoint;
use crate::request::RequestedAuthnContext;

/// Clock skew unless another is chosen: what most service providers use.
const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Largest clock skew: three minutes, the least that \[SAML2Int SDP-G01\] wants to be possible.
pub(crate) const MAX_CLOCK_SKEW: Duration = Duration::from_secs(180);

/// Which signature counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SignedPart {
    /// Whichever is there. If both are, both must verify, and the response's is the evidence; where
    /// the assertion is encrypted its own is, which can be read without a key.
    #[default]
    Any,
    /// The response's. It must be there and verify; one on the assertion is not looked at.
    Response,
    /// The assertion's. It must be there and verify; one on the response is not looked at, unless
    /// the assertion is encrypted: see [`ServiceProvider::insecure_decrypt_unsigned_response`].
    Assertion,
}

/// The configuration is not usable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServiceProviderError {
    /// The entity id is no identifier.
    #[error("the service provider's entity id {0}")]
    EntityId(TextError),
    /// The URL is no identifier.
    #[error("the assertion consumer service's URL {0}")]
    AcsUrl(TextError),
    /// Browsers post to `https` and `http` only.
    #[error("the assertion consumer service's URL starts with neither https:// nor http://")]
    AcsUrlScheme,
    /// A certificate of ours can not be read.
    #[error("a certificate of the service provider can not be read")]
    Certificate(#[source] KeyError),
    /// A skew that would keep expired responses alive for too long.
    #[error("a clock skew of more than {} s is refused", MAX_CLOCK_SKEW.as_secs())]
    ClockSkew,
}

impl ServiceProviderError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EntityId(_) => "service_provider.entity_id",
            Self::AcsUrl(_) => "service_provider.acs_url",
            Self::AcsUrlScheme => "service_provider.acs_url_scheme",
            Self::Certificate(_) => "service_provider.certificate",
            Self::ClockSkew => "service_provider.clock_skew",
        }
    }
}

/// A service provider \[SAML-Profiles §4.1\]: one entity id with one assertion consumer service.
///
/// ```
/// use std::time::Duration;
/// use countersign_saml::ServiceProvider;
///
/// let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")?
///     .with_clock_skew(Duration::from_secs(30))?;
/// assert_eq!(sp.entity_id(), "https://sign.example/saml");
/// # Ok::<(), countersign_saml::ServiceProviderError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ServiceProvider {
    entity_id: String,
    acs_url: String,
    pub(crate) slo_locations: Vec<Endpoint>,
    pub(crate) signing_certificates: Vec<Vec<u8>>,
    pub(crate) encryption_certificates: Vec<Vec<u8>>,
    pub(crate) name_id_formats: Vec<String>,
    pub(crate) clock_skew: Duration,
    pub(crate) signed_part: SignedPart,
    pub(crate) signatures: SignaturePolicy,
    pub(crate) expired_keys: bool,
    pub(crate) limits: Limits,
    pub(crate) authn_context: Option<RequestedAuthnContext>,
    pub(crate) decryption_keys: Vec<Arc<dyn KeyUnwrap>>,
    pub(crate) decrypts_unsigned: bool,
}

impl ServiceProvider {
    /// The service provider `entity_id`, which takes responses at `acs_url`. Both are compared
    /// byte for byte with what responses say.
    ///
    /// # Errors
    /// If one of the two can not be what it should be.
    pub fn new(
        entity_id: impl Into<String>,
        acs_url: impl Into<String>,
    ) -> Result<Self, ServiceProviderError> {
        let (entity_id, acs_url) = (entity_id.into(), acs_url.into());
        check_identifier(&entity_id).map_err(ServiceProviderError::EntityId)?;
        check_identifier(&acs_url).map_err(ServiceProviderError::AcsUrl)?;
        if !acs_url.starts_with("https://") && !acs_url.starts_with("http://") {
            return Err(ServiceProviderError::AcsUrlScheme);
        }
        Ok(Self {
            entity_id,
            acs_url,
            slo_locations: Vec::new(),
            signing_certificates: Vec::new(),
            encryption_certificates: Vec::new(),
            name_id_formats: Vec::new(),
            clock_skew: DEFAULT_CLOCK_SKEW,
            signed_part: SignedPart::default(),
            signatures: SignaturePolicy::default(),
            expired_keys: false,
            limits: Limits::default(),
            authn_context: None,
            decryption_keys: Vec::new(),
            decrypts_unsigned: false,
        })
    }

    /// How far the identity provider's clock may be from ours; 60 seconds unless chosen.
    ///
    /// # Errors
    /// If it is more than 180 seconds.
    pub fn with_clock_skew(mut self, skew: Duration) -> Result<Self, ServiceProviderError> {
        if skew > MAX_CLOCK_SKEW {
            return Err(ServiceProviderError::ClockSkew);
        }
        self.clock_skew = skew;
        Ok(self)
    }

    /// Which signature counts; [`SignedPart::Any`] unless chosen.
    #[must_use]
    pub fn with_signed_part(mut self, part: SignedPart) -> Self {
        self.signed_part = part;
        self
    }

    /// How large a message may be; [`Limits::default`] unless chosen.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Asks for this authentication context in every request, and refuses a login that does not
    /// meet it; for example one with [several factors](crate::MultiFactor). A list of classes means
    /// one of them, exactly. A single request can ask for more, not for less.
    #[must_use]
    pub fn require_authn_context(mut self, asked: impl Into<RequestedAuthnContext>) -> Self {
        self.authn_context = Some(asked.into());
        self
    }

    /// Adds a place that takes logout requests and answers to them; one for each binding that is
    /// spoken there.
    #[must_use]
    pub fn with_slo_location(mut self, endpoint: Endpoint) -> Self {
        self.slo_locations.push(endpoint);
        self
    }

    /// Adds a certificate (DER) whose key signs our requests, for [`metadata`](Self::metadata) to
    /// publish. With the next one added before its key is used, providers can follow.
    ///
    /// # Errors
    /// If it is no certificate of a key that signatures can be verified with.
    pub fn with_signing_certificate(mut self, der: &[u8]) -> Result<Self, ServiceProviderError> {
        self.signing_certificates.push(check_certificate(der)?);
        Ok(self)
    }

    /// Adds a certificate (DER) whose key assertions may be encrypted to, for
    /// [`metadata`](Self::metadata) to publish.
    ///
    /// # Errors
    /// As [`with_signing_certificate`](Self::with_signing_certificate).
    pub fn with_encryption_certificate(mut self, der: &[u8]) -> Result<Self, ServiceProviderError> {
        self.encryption_certificates.push(check_certificate(der)?);
        Ok(self)
    }

    /// The formats of name identifiers that suit us, best first, for [`metadata`](Self::metadata)
    /// to publish.
    #[must_use]
    pub fn with_name_id_formats(
        mut self,
        formats: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.name_id_formats = formats.into_iter().map(Into::into).collect();
        self
    }

    /// Decrypts what is encrypted for this key, too. Call it again for each further key: all are
    /// tried, so that a key can be replaced while the provider still encrypts to the old one.
    ///
    /// # Security
    /// Nothing in a ciphertext says who made it. A provider that signs its responses can have
    /// decrypted what another one encrypted to the same key, should it get hold of it, and be told
    /// the name and attributes as its own user's; never as the other's. Where providers are not to
    /// know of each other, each gets a key and a certificate of its own.
    #[must_use]
    pub fn with_decryption_key(mut self, key: Arc<dyn KeyUnwrap>) -> Self {
        self.decryption_keys.push(key);
        self
    }

    /// Decrypts an assertion although the `Response` around it is not signed, as AD FS and others
    /// send it unless told otherwise. A signature on the assertion inside must verify then, and
    /// AES-CBC is refused.
    ///
    /// # Security
    /// Strangers can have decrypted what they like with the service provider's key, and learn from
    /// the answer whether it went well. With RSA-OAEP and AES-GCM that tells nothing, so long as
    /// the key's holder takes the same time for all of it. It also costs time: up to 16 RSA
    /// operations of each key for one message, before anything in it is proved. Better have the
    /// provider sign the response as well.
    #[must_use]
    pub fn insecure_decrypt_unsigned_response(mut self) -> Self {
        self.decrypts_unsigned = true;
        self
    }

    /// Accepts SHA-1, RSA keys from 1,024 bits on, and small public exponents.
    ///
    /// # Security
    /// Both can be forged by whoever spends enough. Only for an identity provider that can do nothing
    /// better, until it can.
    #[must_use]
    pub fn insecure_legacy_algorithms(mut self) -> Self {
        self.signatures = self.signatures.insecure_legacy_algorithms();
        self
    }

    /// Accepts inclusive canonicalization where SAML asks for the exclusive one
    /// \[SAML-Core §5.4.3\]. It is not weaker; it breaks when a signed assertion is moved.
    #[must_use]
    pub fn accept_inclusive_canonicalization(mut self) -> Self {
        self.signatures = self.signatures.accept_inclusive_canonicalization();
        self
    }

    /// Accepts signatures of keys whose certificate has expired or is not valid yet.
    ///
    /// # Security
    /// An identity provider that lets its certificate expire has often lost sight of the key, too.
    #[must_use]
    pub fn insecure_expired_certificates(mut self) -> Self {
        self.expired_keys = true;
        self
    }

    /// Our entity id.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// The URL of our assertion consumer service.
    #[must_use]
    pub fn acs_url(&self) -> &str {
        &self.acs_url
    }

    /// Where we take logout requests and answers to them.
    #[must_use]
    pub fn slo_locations(&self) -> &[Endpoint] {
        &self.slo_locations
    }
}

fn check_certificate(der: &[u8]) -> Result<Vec<u8>, ServiceProviderError> {
    VerificationKey::from_certificate_der(der).map_err(ServiceProviderError::Certificate)?;
    Ok(der.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_provider_that_could_not_work_is_not_made() {
        let new = |entity_id: &str, acs_url: &str| ServiceProvider::new(entity_id, acs_url).err();
        assert_eq!(new("sp", "https://sp.example/acs"), None);
        assert_eq!(
            new("", "https://sp.example/acs"),
            Some(ServiceProviderError::EntityId(TextError::Empty))
        );
        assert_eq!(
            new("sp", "https://sp.example/acs "),
            Some(ServiceProviderError::AcsUrl(
                TextError::SurroundingWhiteSpace
            ))
        );
        assert_eq!(new("sp", "/acs"), Some(ServiceProviderError::AcsUrlScheme));
    }

    #[test]
    fn a_clock_skew_of_more_than_three_minutes_is_refused() {
        let sp = ServiceProvider::new("sp", "https://sp.example/acs").unwrap();
        assert!(sp.clone().with_clock_skew(Duration::from_secs(180)).is_ok());
        assert_eq!(
            sp.with_clock_skew(Duration::from_millis(180_001)).err(),
            Some(ServiceProviderError::ClockSkew)
        );
    }
}
