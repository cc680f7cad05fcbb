//! Whom is trusted, and the paths that lead there.

use std::time::Duration;

use countersign_core::{Sha256Digest, Timestamp};
use der::asn1::ObjectIdentifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use crate::algorithm::sha256;
use crate::certificate::{Certificate, Purpose, SIGNING, Validity};
use crate::error::{CmsError, Malformed, Untrusted};
use crate::oid;

/// A certificate that is trusted because somebody says so: a root, an authority below one, or
/// the very certificate of a signer.
///
/// It is trusted while it is valid, and no longer: as `openssl` has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustAnchor {
    der: Vec<u8>,
    /// Read once: whoever verifies a path asks each time.
    validity: Validity,
}

impl TrustAnchor {
    /// Trusts the certificate with these bytes, in DER.
    ///
    /// # Errors
    /// [`CmsError::Malformed`] if they are no certificate.
    pub fn from_certificate(der: &[u8]) -> Result<Self, CmsError> {
        let validity = Certificate::read(der)?.validity();
        webpki::anchor_from_trusted_cert(&CertificateDer::from(der))
            .map_err(|_| Malformed::Certificate)?;
        let der = der.to_vec();
        Ok(Self { der, validity })
    }

    /// Trusts every certificate of a file: PEM with one or more, or one in DER.
    ///
    /// # Errors
    /// [`CmsError::Malformed`] if there is none, or something that can not be read.
    pub fn read(file: &[u8]) -> Result<Vec<Self>, CmsError> {
        if let Ok(anchor) = Self::from_certificate(file) {
            return Ok(vec![anchor]);
        }
        let anchors = CertificateDer::pem_slice_iter(file)
            .map(|der| Self::from_certificate(&der.map_err(|_| Malformed::Certificate)?))
            .collect::<Result<Vec<_>, CmsError>>()?;
        if anchors.is_empty() {
            return Err(Malformed::Certificate.into());
        }
        Ok(anchors)
    }

    /// The certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 of the certificate: what people compare.
    #[must_use]
    pub fn sha256(&self) -> Sha256Digest {
        sha256(&self.der)
    }
}

/// Purposes of the authorities above a signer: what they name binds what is below them.
struct OfAuthorities(Purpose);

impl ExtendedKeyUsageValidator for OfAuthorities {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let purposes = purposes
            .map(|purpose| purpose.map(|purpose| purpose.to_decoded_oid()))
            .collect::<Result<Vec<_>, _>>()?;
        let allowed: &[ObjectIdentifier] = match self.0 {
            Purpose::Signing => &SIGNING,
            Purpose::TimeStamping => &[oid::TIME_STAMPING, oid::ANY_USAGE],
        };
        let is = |purpose: &[usize], oid: &ObjectIdentifier| {
            let arcs = oid.arcs().filter_map(|arc| usize::try_from(arc).ok());
            arcs.eq(purpose.iter().copied())
        };
        let fits = |purpose: &Vec<usize>| allowed.iter().any(|oid| is(purpose, oid));
        if purposes.is_empty() || purposes.iter().any(fits) {
            Ok(())
        } else {
            Err(webpki::Error::RequiredEkuNotFoundContext(
                webpki::RequiredEkuNotFoundContext {
                    required: webpki::KeyUsage::required_if_present(TIME_STAMPING_DER),
                    present: purposes,
                },
            ))
        }
    }
}

/// `id-kp-timeStamping` as it is on the wire \[RFC 3161 §2.3\].
const TIME_STAMPING_DER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// Checks that a path leads from a certificate to an anchor, all of it valid at one time, and
/// that its key is for this purpose. Until when all of that path is valid.
pub(crate) fn verify_path(
    certificate: &Certificate<'_>,
    others: &[&[u8]],
    anchors: &[TrustAnchor],
    purpose: Purpose,
    at: Timestamp,
) -> Result<Timestamp, CmsError> {
    if anchors.is_empty() {
        return Err(Untrusted::NoAnchors.into());
    }
    certificate.check_purpose(purpose)?;
    let validity = certificate.validity();
    validity.check(at)?;
    // A path of one certificate: the signer's own is trusted by name.
    if anchors.iter().any(|anchor| anchor.der == certificate.der()) {
        return Ok(validity.not_after());
    }
    let is_valid = |anchor: &&TrustAnchor| anchor.validity.check(at).is_ok();
    let (valid, run_out): (Vec<_>, Vec<_>) = anchors.iter().partition(is_valid);
    match verify_chain(certificate, others, &valid, purpose, at) {
        // Would it be trusted if time were nothing to an anchor? Then time is the answer.
        Err(CmsError::Untrusted(Untrusted::UnknownIssuer))
            if verify_chain(certificate, others, &run_out, purpose, at).is_ok() =>
        {
            Err(Untrusted::Expired { at }.into())
        }
        outcome => outcome,
    }
}

fn verify_chain(
    certificate: &Certificate<'_>,
    others: &[&[u8]],
    anchors: &[&TrustAnchor],
    purpose: Purpose,
    at: Timestamp,
) -> Result<Timestamp, CmsError> {
    let der = CertificateDer::from(certificate.der());
    let end = EndEntityCert::try_from(&der).map_err(|error| of_path(&error, at))?;
    let others: Vec<CertificateDer<'_>> = others
        .iter()
        .map(|other| CertificateDer::from(*other))
        .collect();
    let ders: Vec<_> = anchors
        .iter()
        .map(|anchor| {
            let der = CertificateDer::from(anchor.certificate());
            (der, anchor.validity.not_after())
        })
        .collect();
    let (anchors, ends): (Vec<_>, Vec<_>) = ders
        .iter()
        .filter_map(|(der, not_after)| {
            Some((webpki::anchor_from_trusted_cert(der).ok()?, *not_after))
        })
        .unzip();
    let seconds = u64::try_from(at.unix_millis().div_euclid(1000)).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let path = end
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &others,
            time,
            OfAuthorities(purpose),
            // Revocation is not asked: DESIGN.md says why.
            None,
            None,
        )
        .map_err(|error| of_path(&error, at))?;
    // Of one root with several certificates, the one that is valid for longest counts.
    let root = anchors.iter().zip(ends);
    let root = root.filter(|(anchor, _)| *anchor == path.anchor());
    let root = root.map(|(_, not_after)| not_after).max();
    let validity = certificate.validity();
    let mut until = validity.not_after().min(root.unwrap_or(at));
    for between in path.intermediate_certificates() {
        let der = between.der();
        until = until.min(Certificate::read(&der)?.validity().not_after());
    }
    Ok(until)
}

/// What a rule of path validation says, in our words.
fn of_path(error: &webpki::Error, at: Timestamp) -> CmsError {
    use webpki::Error;
    match error {
        Error::UnknownIssuer => Untrusted::UnknownIssuer.into(),
        Error::CertExpired { .. } => Untrusted::Expired { at }.into(),
        Error::CertNotValidYet { .. } => Untrusted::NotYetValid { at }.into(),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            Untrusted::ExtendedKeyUsage.into()
        }
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => Malformed::Certificate.into(),
        _ => Untrusted::Path.into(),
    }
}
