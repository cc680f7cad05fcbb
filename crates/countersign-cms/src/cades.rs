//! Detached CAdES signatures at level B-B \[EN 319 122-1 §6\].

use countersign_core::{Sha256Digest, Timestamp};
use der::asn1::{AnyRef, GeneralizedTime, OctetStringRef, UtcTime};
use der::{Decode, Encode};

use crate::algorithm::{DigestAlgorithm, signing_identifier, verify_signature};
use crate::certificate::{Certificate, Purpose};
use crate::error::{CmsError, Misuse, Unsupported};
use crate::oid;
use crate::signed_data::{MAX_CERTIFICATES, OneSigner};
use crate::trust::{TrustAnchor, verify_path};
use crate::wire::{
    Attribute, ContentInfo, EncapsulatedContentInfo, EssCertIdV2, IssuerAndSerialNumber, SetOf,
    SignedData, SignerInfo, SigningCertificateV2,
};

/// A signature to which the key has to be brought yet: the key may be in an HSM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// The signed attributes with the tag of a SET \[RFC 5652 §5.4\].
    attributes: Vec<u8>,
    certificate_chain: Vec<Vec<u8>>,
}

/// Prepares a signature over `content`, which stays outside it.
///
/// `certificate_chain` has the signer's certificate first, in DER; the others are carried along
/// for who verifies. `signing_time` is what the signer says, to the second, and proves nothing.
///
/// # Errors
/// [`CmsError::Misuse`] if there is no certificate, one of them can not be read
/// ([`CmsError::Malformed`]), or the key is neither RSA nor on P-256.
pub fn prepare(
    content: &[u8],
    certificate_chain: &[Vec<u8>],
    signing_time: Timestamp,
) -> Result<Unsigned, CmsError> {
    let first = certificate_chain
        .first()
        .filter(|_| certificate_chain.len() <= MAX_CERTIFICATES)
        .ok_or(Misuse::Certificates)?;
    for certificate in certificate_chain {
        Certificate::read(certificate)?;
    }
    let certificate = Certificate::read(first)?;
    signing_identifier(certificate.key()).ok_or(Misuse::Key)?;
    let attributes = attributes(content, &certificate, signing_time)?;
    Ok(Unsigned {
        attributes,
        certificate_chain: certificate_chain.to_vec(),
    })
}

/// The signed attributes of level B-B \[EN 319 122-1 §6.3\].
fn attributes(
    content: &[u8],
    certificate: &Certificate<'_>,
    signing_time: Timestamp,
) -> Result<Vec<u8>, CmsError> {
    let digest = DigestAlgorithm::Sha256.digest(content);
    let hash = DigestAlgorithm::Sha256.digest(certificate.der());
    let reference = SigningCertificateV2 {
        certs: vec![EssCertIdV2 {
            hash_algorithm: None,
            cert_hash: OctetStringRef::new(&hash).map_err(too_large)?,
            issuer_serial: None,
        }],
        policies: None,
    };
    let values = [
        (oid::CONTENT_TYPE, oid::DATA.to_der()),
        (oid::SIGNING_TIME, time_der(signing_time)),
        (
            oid::MESSAGE_DIGEST,
            OctetStringRef::new(&digest).and_then(|digest| digest.to_der()),
        ),
        (oid::SIGNING_CERTIFICATE_V2, reference.to_der()),
    ];
    let mut attributes = Vec::new();
    for (attr_type, value) in values {
        let value = value.map_err(|_| Misuse::SigningTime)?;
        let attribute = Attribute {
            attr_type,
            attr_values: SetOf(&value),
        };
        attributes.push(attribute.to_der().map_err(too_large)?);
    }
    // [X.690 §11.6]
    attributes.sort();
    Ok(SetOf(&attributes.concat()).to_der().map_err(too_large)?)
}

/// `UTCTime` until 2049, `GeneralizedTime` from then on \[RFC 5652 §11.3\].
fn time_der(at: Timestamp) -> der::Result<Vec<u8>> {
    let seconds =
        u64::try_from(at.unix_millis().div_euclid(1000)).map_err(|_| der::ErrorKind::DateTime)?;
    let since = std::time::Duration::from_secs(seconds);
    UtcTime::from_unix_duration(since).map_or_else(
        |_| GeneralizedTime::from_unix_duration(since)?.to_der(),
        |time| time.to_der(),
    )
}

fn too_large(_: der::Error) -> Misuse {
    Misuse::TooLarge
}

impl Unsigned {
    /// What the key has to sign, unhashed: by RSA PKCS#1 v1.5 or ECDSA, with SHA-256, as the
    /// certificate's key has it; an ECDSA signature as `ECDSA-Sig-Value` in DER \[RFC 5753 §2.1.1\].
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        &self.attributes
    }

    /// Puts the signature in: a `ContentInfo` in DER.
    ///
    /// # Errors
    /// [`Misuse::Signature`] if it is not by the certificate's key.
    pub fn finish(self, signature: &[u8]) -> Result<Vec<u8>, CmsError> {
        let first = self.certificate_chain.first().ok_or(Misuse::Certificates)?;
        let certificate = Certificate::read(first)?;
        let algorithm = signing_identifier(certificate.key()).ok_or(Misuse::Key)?;
        verify_signature(
            algorithm,
            DigestAlgorithm::Sha256,
            certificate.key(),
            &self.attributes,
            signature,
        )
        .map_err(|_| Misuse::Signature)?;
        Ok(self
            .content_info(&certificate, algorithm, signature)
            .map_err(too_large)?)
    }

    fn content_info(
        &self,
        certificate: &Certificate<'_>,
        signature_algorithm: x509_cert::spki::AlgorithmIdentifierRef<'_>,
        signature: &[u8],
    ) -> der::Result<Vec<u8>> {
        let issuer = certificate.issuer_der().ok_or(der::ErrorKind::Failed)?;
        let sid = IssuerAndSerialNumber {
            issuer: AnyRef::from_der(&issuer)?,
            serial_number: der::asn1::IntRef::new(certificate.serial_number())?,
        }
        .to_der()?;
        let digest_algorithm = DigestAlgorithm::Sha256.identifier();
        let signer = SignerInfo {
            version: 1,
            sid: AnyRef::from_der(&sid)?,
            digest_algorithm,
            signed_attributes: Some(SetOf::from_der(&self.attributes)?),
            signature_algorithm,
            signature: OctetStringRef::new(signature)?,
            unsigned_attributes: None,
        }
        .to_der()?;
        let mut certificates = self.certificate_chain.clone();
        certificates.sort();
        certificates.dedup();
        let certificates = certificates.concat();
        let digest_algorithms = digest_algorithm.to_der()?;
        let data = SignedData {
            version: 1,
            digest_algorithms: SetOf(&digest_algorithms),
            encap_content_info: EncapsulatedContentInfo {
                e_content_type: oid::DATA,
                e_content: None,
            },
            certificates: Some(SetOf(&certificates)),
            crls: None,
            signer_infos: SetOf(&signer),
        }
        .to_der()?;
        ContentInfo {
            content_type: oid::SIGNED_DATA,
            content: AnyRef::from_der(&data)?,
        }
        .to_der()
    }
}

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedSignature {
    /// The SHA-256 of the signer's certificate.
    pub certificate_sha256: Sha256Digest,
    /// The signer's certificate, in DER.
    pub certificate: Vec<u8>,
    /// Whose certificate it is, by its issuer's word \[RFC 4514\].
    pub subject: String,
    /// When it was made, by the signer's own word.
    pub signing_time: Timestamp,
}

/// Checks a detached signature over `content`, and that a path leads from the signer's
/// certificate to one of `trust`, all of it valid at `at`.
///
/// Whether a certificate was revoked is not asked.
///
/// # Errors
/// Each rule of `docs/spec/time.md` §2 has a code of its own; [`CmsError::Untrusted`] means that
/// the signature itself holds.
///
/// # Example
/// ```
/// use countersign_cms::{TrustAnchor, cades};
/// use countersign_core::Timestamp;
/// # use countersign_testkit::authority::{CertificateAuthority, KeyKind};
/// # let now: Timestamp = "2026-03-01T09:30:00Z".parse()?;
/// # let authority = CertificateAuthority::new("Test Root");
/// # let sealer = authority.sealer("Sign Example", KeyKind::Rsa);
/// # let (chain, root) = (sealer.chain(), authority.certificate());
/// let unsigned = cades::prepare(b"what is signed", &chain, now)?;
/// let signature = sealer.sign(unsigned.to_be_signed()); // the key may be anywhere
/// let signature = unsigned.finish(&signature)?;
///
/// let trust = [TrustAnchor::from_certificate(root)?];
/// let verified = cades::verify(&signature, b"what is signed", &trust, now)?;
/// assert_eq!(verified.subject, "CN=Sign Example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(
    signature: &[u8],
    content: &[u8],
    trust: &[TrustAnchor],
    at: Timestamp,
) -> Result<VerifiedSignature, CmsError> {
    check(signature, content, Some((trust, at)))
}

/// As [`verify`], but asks nobody whose certificate it is: whoever made the signature may have
/// made the certificate, too.
///
/// # Errors
/// As [`verify`], without [`CmsError::Untrusted`].
pub fn verify_untrusted(signature: &[u8], content: &[u8]) -> Result<VerifiedSignature, CmsError> {
    check(signature, content, None)
}

fn check(
    signature: &[u8],
    content: &[u8],
    trust: Option<(&[TrustAnchor], Timestamp)>,
) -> Result<VerifiedSignature, CmsError> {
    let signed = OneSigner::read(signature, oid::DATA)?;
    if signed.content.is_some() {
        return Err(Unsupported::EncapsulatedContent.into());
    }
    if signed.has_crls {
        return Err(Unsupported::RevocationLists.into());
    }
    // [EN 319 122-1 §6.3]: the old one is for SHA-1 alone.
    if signed.has_old_reference() {
        return Err(Unsupported::MissingAttribute.into());
    }
    let signer = signed.verify(content)?;
    // [EN 319 122-1 §6.3]: level B-B has it.
    let signing_time = signer.signing_time.ok_or(Unsupported::MissingAttribute)?;
    if let Some((trust, at)) = trust {
        verify_path(
            &signer.certificate,
            &signer.others,
            trust,
            Purpose::Signing,
            at,
        )?;
    }
    Ok(VerifiedSignature {
        certificate_sha256: signer.certificate.sha256(),
        certificate: signer.certificate.der().to_vec(),
        subject: signer.certificate.subject(),
        signing_time,
    })
}
