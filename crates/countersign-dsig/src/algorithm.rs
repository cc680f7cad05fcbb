//! The identifiers of namespaces and algorithms \[XMLDSig §6.1, EXC-C14N §4, RFC 9231\], and the
//! closed sets of those that exist here.
//!
//! What is absent can not run: there is no HMAC, no DSA, no RSA with MD5, no transform by XPath or
//! XSLT.

/// The namespace of XML signatures.
pub const DSIG_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Exclusive canonicalization; the namespace of its parameters is named the same.
pub const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The transform that takes the signature out of the element that it stands in
/// \[XMLDSig §6.6.4\].
pub const ENVELOPED_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

pub(crate) const EXCLUSIVE_C14N_WITH_COMMENTS: &str =
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
pub(crate) const INCLUSIVE_C14N_1_0: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
pub(crate) const INCLUSIVE_C14N_1_0_WITH_COMMENTS: &str =
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
pub(crate) const INCLUSIVE_C14N_1_1: &str = "http://www.w3.org/2006/12/xml-c14n11";
pub(crate) const INCLUSIVE_C14N_1_1_WITH_COMMENTS: &str =
    "http://www.w3.org/2006/12/xml-c14n11#WithComments";

/// RSASSA-PSS with its parameters in an element; that element's namespace \[RFC 9231 §2.3.9\].
pub(crate) const RSA_PSS_WITH_PARAMETERS: &str = "http://www.w3.org/2007/05/xmldsig-more#rsa-pss";
pub(crate) const PSS_NAMESPACE: &str = "http://www.w3.org/2007/05/xmldsig-more#";
/// The mask generation function of RSASSA-PSS \[RFC 9231 §2.3.9\].
pub(crate) const MGF1: &str = "http://www.w3.org/2007/05/xmldsig-more#MGF1";

/// A hash function that a reference is digested with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// SHA-1: only under
    /// [`insecure_legacy_algorithms`](crate::signature::SignaturePolicy::insecure_legacy_algorithms).
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its identifier.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
            Self::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        }
    }

    /// The algorithm with this identifier.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.uri() == uri)
    }

    /// Whether nobody should rely on it any more.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::Sha1)
    }

    pub(crate) fn digest(self, bytes: &[u8]) -> ring::digest::Digest {
        ring::digest::digest(
            match self {
                Self::Sha1 => &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
                Self::Sha256 => &ring::digest::SHA256,
                Self::Sha384 => &ring::digest::SHA384,
                Self::Sha512 => &ring::digest::SHA512,
            },
            bytes,
        )
    }

    pub(crate) const fn len_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A signature algorithm. Each belongs to one family of keys; a key of another never sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-1: only under
    /// [`insecure_legacy_algorithms`](crate::signature::SignaturePolicy::insecure_legacy_algorithms).
    RsaSha1,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaSha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaSha512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and 32 bytes of salt.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and 48 bytes of salt.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and 64 bytes of salt.
    RsaPssSha512,
    /// ECDSA on P-256 with SHA-256; the value is r‖s.
    EcdsaSha256,
    /// ECDSA on P-384 with SHA-384; the value is r‖s.
    EcdsaSha384,
    /// Ed25519 \[RFC 9231 §2.3.12\].
    Ed25519,
}

impl SignatureAlgorithm {
    const ALL: [Self; 10] = [
        Self::RsaSha1,
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::Ed25519,
    ];

    /// Its identifier; for RSASSA-PSS the one that needs no parameters.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::RsaSha512 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::RsaPssSha256 => "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
            Self::RsaPssSha384 => "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
            Self::RsaPssSha512 => "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
            Self::EcdsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::EcdsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            Self::Ed25519 => "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
        }
    }

    /// The algorithm with this identifier.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.uri() == uri)
    }

    /// Whether nobody should rely on it any more.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::RsaSha1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_find_their_algorithms() {
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(
                SignatureAlgorithm::from_uri(algorithm.uri()),
                Some(algorithm)
            );
        }
        for algorithm in DigestAlgorithm::ALL {
            assert_eq!(DigestAlgorithm::from_uri(algorithm.uri()), Some(algorithm));
            assert_eq!(algorithm.digest(b"").as_ref().len(), algorithm.len_bytes());
        }
    }

    #[test]
    fn there_is_no_hmac() {
        for uri in [
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
            "",
        ] {
            assert_eq!(SignatureAlgorithm::from_uri(uri), None);
        }
    }
}
