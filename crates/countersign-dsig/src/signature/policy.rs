//! What a caller accepts beyond the profile.

/// Which signatures are accepted.
///
/// The default is RSA with at least 2048 bits (PKCS#1 v1.5 and PSS), ECDSA on P-256 and P-384, and
/// Ed25519, over SHA-256, SHA-384 or SHA-512, with exclusive canonicalization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignaturePolicy {
    legacy_algorithms: bool,
    inclusive_canonicalization: bool,
}

impl SignaturePolicy {
    /// The default policy.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            legacy_algorithms: false,
            inclusive_canonicalization: false,
        }
    }

    /// Accepts also RSA with SHA-1, SHA-1 digests, RSA keys from 1024 bits, and RSA keys with a
    /// public exponent under 65537.
    ///
    /// # Security
    /// Collisions of SHA-1 cost less than a car, and RSA-1024 is within reach of the rich. It is
    /// there for reading old signatures, not for signing in.
    #[must_use]
    pub const fn insecure_legacy_algorithms(self) -> Self {
        Self {
            legacy_algorithms: true,
            ..self
        }
    }

    /// Accepts also inclusive canonical XML 1.0 and 1.1, without comments, where SAML asks for
    /// exclusive canonicalization \[SAML-Core §5.4.3\].
    #[must_use]
    pub const fn accept_inclusive_canonicalization(self) -> Self {
        Self {
            inclusive_canonicalization: true,
            ..self
        }
    }

    pub(super) const fn accepts_legacy(self) -> bool {
        self.legacy_algorithms
    }

    pub(super) const fn accepts_inclusive(self) -> bool {
        self.inclusive_canonicalization
    }
}
