//! How large metadata may be, and how fresh.

use std::time::Duration;

use countersign_dsig::signature::SignaturePolicy;
use countersign_dsig::xml::Limits;

/// Largest metadata document unless chosen. One identity provider has a few KiB; an export of a
/// hub or of a small federation has some MiB.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Largest aggregate of federations. eduGAIN's, the largest there is, has some 80 MiB.
const MAX_FEDERATION_BYTES: usize = 192 * 1024 * 1024;
/// Bytes for each element. Metadata that was seen has one in 60 to 160; one in 32 is denser than
/// any, and bounds the tree at about four times the document.
const BYTES_PER_ELEMENT: usize = 32;
/// Different namespaces in one document. A single provider's has up to 10; entities of a
/// federation bring extensions of their own.
const MAX_NAMESPACES: usize = 256;

/// What metadata is accepted.
///
/// By default up to 16 MiB, with the signatures that logins may have too.
#[derive(Debug, Clone)]
pub struct MetadataPolicy {
    pub(super) limits: Limits,
    pub(super) signatures: SignaturePolicy,
    pub(super) expired_keys: bool,
    pub(super) valid_until_within: Option<Duration>,
}

impl Default for MetadataPolicy {
    fn default() -> Self {
        Self {
            limits: limits(MAX_BYTES),
            signatures: SignaturePolicy::default(),
            expired_keys: false,
            valid_until_within: None,
        }
    }
}

impl MetadataPolicy {
    /// For aggregates of federations: up to 192 MiB, which leaves room for the largest that there
    /// is to double. Reading one takes memory of several times its size, for as long as it is
    /// read.
    #[must_use]
    pub fn for_federation() -> Self {
        Self {
            limits: limits(MAX_FEDERATION_BYTES),
            ..Self::default()
        }
    }

    /// Other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Refuses signed metadata that has no `validUntil`, or one that is further away than this.
    /// Federations sign for days or weeks and ask for this bound, so that nobody can go on showing
    /// an old document, with a key in it that was taken out since.
    #[must_use]
    pub fn require_valid_until_within(mut self, within: Duration) -> Self {
        self.valid_until_within = Some(within);
        self
    }

    /// Accepts signatures by a key whose certificate has expired or is not valid yet.
    ///
    /// # Security
    /// Some federations publish their key in a certificate that they let expire, and say so. For
    /// anybody else, an expired certificate says that the key may have been lost sight of.
    #[must_use]
    pub fn insecure_expired_certificates(mut self) -> Self {
        self.expired_keys = true;
        self
    }

    /// Accepts SHA-1, RSA keys from 1,024 bits on, and small public exponents.
    ///
    /// # Security
    /// Whoever can forge the signature of metadata can sign in as anybody.
    #[must_use]
    pub fn insecure_legacy_algorithms(mut self) -> Self {
        self.signatures = self.signatures.insecure_legacy_algorithms();
        self
    }
}

fn limits(max_bytes: usize) -> Limits {
    let mut limits = Limits::default();
    limits.max_bytes = max_bytes;
    limits.max_elements = max_bytes / BYTES_PER_ELEMENT;
    limits.max_namespaces = MAX_NAMESPACES;
    limits
}
