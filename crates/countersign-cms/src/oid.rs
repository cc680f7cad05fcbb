//! The object identifiers that are spoken here.

use der::asn1::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// `id-data` \[RFC 5652 §4\].
pub(crate) const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
/// `id-signedData` \[RFC 5652 §5.1\].
pub(crate) const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
/// `id-ct-TSTInfo` \[RFC 3161 §2.4.2\].
pub(crate) const TST_INFO: ObjectIdentifier = oid("1.2.840.113549.1.9.16.1.4");

/// `id-contentType` \[RFC 5652 §11.1\].
pub(crate) const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
/// `id-messageDigest` \[RFC 5652 §11.2\].
pub(crate) const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
/// `id-signingTime` \[RFC 5652 §11.3\].
pub(crate) const SIGNING_TIME: ObjectIdentifier = oid("1.2.840.113549.1.9.5");
/// `id-aa-signingCertificate` \[RFC 5035 §5.4\].
pub(crate) const SIGNING_CERTIFICATE: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.12");
/// `id-aa-signingCertificateV2` \[RFC 5035 §3\].
pub(crate) const SIGNING_CERTIFICATE_V2: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.47");

/// SHA-256 \[RFC 5754 §2.2\].
pub(crate) const SHA_256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
/// SHA-384 \[RFC 5754 §2.3\].
pub(crate) const SHA_384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
/// SHA-512 \[RFC 5754 §2.4\].
pub(crate) const SHA_512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");

/// `rsaEncryption`, the hash by `digestAlgorithm` \[RFC 5754 §3.2\].
pub(crate) const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
/// `sha256WithRSAEncryption` \[RFC 5754 §3.2\].
pub(crate) const RSA_SHA_256: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
/// `sha384WithRSAEncryption` \[RFC 5754 §3.2\].
pub(crate) const RSA_SHA_384: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
/// `sha512WithRSAEncryption` \[RFC 5754 §3.2\].
pub(crate) const RSA_SHA_512: ObjectIdentifier = oid("1.2.840.113549.1.1.13");
/// `ecdsa-with-SHA256` \[RFC 5754 §3.3\].
pub(crate) const ECDSA_SHA_256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
/// `ecdsa-with-SHA384` \[RFC 5754 §3.3\].
pub(crate) const ECDSA_SHA_384: ObjectIdentifier = oid("1.2.840.10045.4.3.3");

/// `id-kp-timeStamping` \[RFC 3161 §2.3\].
pub(crate) const TIME_STAMPING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.8");
/// `anyExtendedKeyUsage` \[RFC 5280 §4.2.1.12\].
pub(crate) const ANY_USAGE: ObjectIdentifier = oid("2.5.29.37.0");
/// `id-kp-emailProtection` \[RFC 5280 §4.2.1.12\].
pub(crate) const EMAIL_PROTECTION: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.4");
/// `id-kp-documentSigning` \[RFC 9336\].
pub(crate) const DOCUMENT_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.36");
/// Document signing, as it was before RFC 9336.
pub(crate) const MICROSOFT_DOCUMENT_SIGNING: ObjectIdentifier = oid("1.3.6.1.4.1.311.10.3.12");
