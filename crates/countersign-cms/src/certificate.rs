//! A signer's certificate: whose it is, and what its key is for.

use countersign_core::{Sha256Digest, Timestamp};
use der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectAltName};

use crate::algorithm::{DigestAlgorithm, sha256};
use crate::error::{CmsError, Malformed, Untrusted};
use crate::oid;
use crate::wire::{IssuerAndSerialNumber, IssuerSerial, SignerInfo};

/// A certificate that was read, with its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Certificate<'a> {
    der: &'a [u8],
    fields: x509_cert::Certificate,
}

/// What a certificate's key was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To sign or seal a document.
    Signing,
    /// To put a time on data.
    TimeStamping,
}

impl<'a> Certificate<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, CmsError> {
        let fields = x509_cert::Certificate::from_der(der).map_err(|_| Malformed::Certificate)?;
        Ok(Self { der, fields })
    }

    pub(crate) fn der(&self) -> &'a [u8] {
        self.der
    }

    pub(crate) fn key(&self) -> &x509_cert::spki::SubjectPublicKeyInfoOwned {
        &self.fields.tbs_certificate.subject_public_key_info
    }

    pub(crate) fn sha256(&self) -> Sha256Digest {
        sha256(self.der)
    }

    /// The subject's name \[RFC 4514\].
    pub(crate) fn subject(&self) -> String {
        self.fields.tbs_certificate.subject.to_string()
    }

    pub(crate) fn issuer_der(&self) -> Option<Vec<u8>> {
        self.fields.tbs_certificate.issuer.to_der().ok()
    }

    pub(crate) fn serial_number(&self) -> &[u8] {
        self.fields.tbs_certificate.serial_number.as_bytes()
    }

    /// Whether a signer names this certificate \[RFC 5652 §5.3\].
    pub(crate) fn is_named_by(&self, signer: &SignerInfo<'_>) -> bool {
        if let Ok(name) = signer.sid.decode_as::<IssuerAndSerialNumber<'_>>() {
            return signer.version == 1
                && name.issuer.to_der().ok() == self.issuer_der()
                && name.serial_number.as_bytes() == self.serial_number();
        }
        // `[0] IMPLICIT SubjectKeyIdentifier` [RFC 5652 §5.3]
        let identifier = self
            .fields
            .tbs_certificate
            .get::<x509_cert::ext::pkix::SubjectKeyIdentifier>();
        let Ok(Some((_, identifier))) = identifier else {
            return false;
        };
        let zero = der::Tag::ContextSpecific {
            constructed: false,
            number: der::TagNumber::N0,
        };
        signer.version == 3
            && der::Tagged::tag(&signer.sid) == zero
            && signer.sid.value() == identifier.0.as_bytes()
    }

    /// Whether a reference names this certificate's issuer and serial number \[RFC 5035 §4\].
    pub(crate) fn is_issued_as(&self, reference: &IssuerSerial<'_>) -> bool {
        let [issuer] = reference.issuer.as_slice() else {
            return false;
        };
        let directory_name = der::Tag::ContextSpecific {
            constructed: true,
            number: der::TagNumber::N4,
        };
        der::Tagged::tag(issuer) == directory_name
            && Some(issuer.value()) == self.issuer_der().as_deref()
            && reference.serial_number.as_bytes() == self.serial_number()
    }

    pub(crate) fn has_hash(&self, algorithm: DigestAlgorithm, hash: &[u8]) -> bool {
        algorithm.digest(self.der) == hash
    }

    /// Whether the certificate has this hash by SHA-1, as RFC 3161 wrote it.
    pub(crate) fn has_sha1(&self, hash: &[u8]) -> bool {
        let algorithm = &ring::digest::SHA1_FOR_LEGACY_USE_ONLY;
        ring::digest::digest(algorithm, self.der).as_ref() == hash
    }

    /// Whether the subject is called so, in its name or in one of its alternative names.
    pub(crate) fn is_called(&self, name: der::asn1::AnyRef<'_>) -> bool {
        let name = name.to_der().and_then(|der| GeneralName::from_der(&der));
        let Ok(name) = name else {
            return false;
        };
        let certificate = &self.fields.tbs_certificate;
        let subject = GeneralName::DirectoryName(certificate.subject.clone());
        if name == subject {
            return true;
        }
        let alternatives = certificate.get::<SubjectAltName>();
        matches!(alternatives, Ok(Some((_, names))) if names.0.contains(&name))
    }

    /// Checks what the key is for \[RFC 5280 §4.2.1.3, §4.2.1.12; RFC 3161 §2.3\].
    pub(crate) fn check_purpose(&self, purpose: Purpose) -> Result<(), CmsError> {
        let certificate = &self.fields.tbs_certificate;
        let usage = certificate
            .get::<KeyUsage>()
            .map_err(|_| Malformed::Certificate)?;
        if let Some((_, usage)) = usage
            && !usage.digital_signature()
            && !usage.non_repudiation()
        {
            return Err(Untrusted::KeyUsage.into());
        }
        let extended = certificate
            .get::<ExtendedKeyUsage>()
            .map_err(|_| Malformed::Certificate)?;
        let fits = match (purpose, extended) {
            (Purpose::TimeStamping, Some((critical, purposes))) => {
                critical && purposes.0 == [oid::TIME_STAMPING]
            }
            (Purpose::TimeStamping, None) => false,
            (Purpose::Signing, Some((_, purposes))) => {
                purposes.0.iter().any(|purpose| SIGNING.contains(purpose))
            }
            (Purpose::Signing, None) => true,
        };
        if fits {
            Ok(())
        } else {
            Err(Untrusted::ExtendedKeyUsage.into())
        }
    }

    /// When it is valid.
    pub(crate) fn validity(&self) -> Validity {
        let validity = &self.fields.tbs_certificate.validity;
        Validity {
            first: seconds(validity.not_before),
            last: seconds(validity.not_after),
        }
    }
}

/// When a certificate is valid: its first second and its last, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Validity {
    first: i64,
    last: i64,
}

impl Validity {
    /// Checks that a time is within it, both ends included \[RFC 5280 §4.1.2.5\].
    pub(crate) fn check(self, at: Timestamp) -> Result<(), CmsError> {
        // The ends are whole seconds, and the last one belongs to it to its end.
        let second = at.unix_millis().div_euclid(1000);
        if second < self.first {
            return Err(Untrusted::NotYetValid { at }.into());
        }
        if self.last < second {
            return Err(Untrusted::Expired { at }.into());
        }
        Ok(())
    }

    /// The last second of it.
    pub(crate) fn not_after(self) -> Timestamp {
        Timestamp::from_unix_millis(self.last.saturating_mul(1000))
    }
}

fn seconds(time: x509_cert::time::Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

/// What a document may be signed for; none at all is as good \[RFC 5280 §4.2.1.12, RFC 9336\].
pub(crate) const SIGNING: [der::asn1::ObjectIdentifier; 4] = [
    oid::DOCUMENT_SIGNING,
    oid::EMAIL_PROTECTION,
    oid::MICROSOFT_DOCUMENT_SIGNING,
    oid::ANY_USAGE,
];
