//! `SignedData` with one signer \[RFC 5652 §5\]: what a signature and a time-stamp share.

use countersign_core::Timestamp;
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Tag, Tagged};

use crate::algorithm::{DigestAlgorithm, verify_signature};
use crate::certificate::Certificate;
use crate::error::{Broken, CmsError, Malformed, Unsupported};
use crate::oid;
use crate::wire::{
    Attribute, ContentInfo, EssCertIdV2, SetOf, SignedData, SignerInfo, SigningCertificate,
    SigningCertificateV2, read,
};

/// Most certificates in one signature: a path has a handful.
pub(crate) const MAX_CERTIFICATES: usize = 16;

/// What was read of a signature with one signer; nothing in it is to be trusted yet.
#[derive(Debug)]
pub(crate) struct OneSigner<'a> {
    pub(crate) content: Option<&'a [u8]>,
    pub(crate) has_crls: bool,
    content_type: ObjectIdentifier,
    certificates: Vec<Certificate<'a>>,
    signer: SignerInfo<'a>,
    digest: DigestAlgorithm,
    attributes: SignedAttributes<'a>,
}

/// The signed attributes that have a meaning here \[RFC 5652 §11, RFC 5035\].
#[derive(Debug)]
struct SignedAttributes<'a> {
    /// As they were signed: with the tag of a SET \[RFC 5652 §5.4\].
    signed: Vec<u8>,
    content_type: ObjectIdentifier,
    message_digest: &'a [u8],
    signing_time: Option<Timestamp>,
    reference: Reference<'a>,
}

/// Which certificates the signer means: its own first, then those of the path.
#[derive(Debug)]
enum Reference<'a> {
    V2(Vec<EssCertIdV2<'a>>),
    /// By SHA-1, as RFC 3161 wrote it before RFC 5816.
    V1(SigningCertificate<'a>),
}

/// Whose signature it is.
#[derive(Debug)]
pub(crate) struct Signer<'a> {
    pub(crate) certificate: Certificate<'a>,
    /// The certificates that a path may lead over.
    pub(crate) others: Vec<&'a [u8]>,
    pub(crate) signing_time: Option<Timestamp>,
}

impl<'a> OneSigner<'a> {
    /// Reads a `ContentInfo` with `SignedData` over content of this type.
    pub(crate) fn read(der: &'a [u8], content_type: ObjectIdentifier) -> Result<Self, CmsError> {
        let outer: ContentInfo<'a> = read(der).ok_or(Malformed::SignedData)?;
        if outer.content_type != oid::SIGNED_DATA {
            return Err(Unsupported::ContentType.into());
        }
        let data: SignedData<'a> = decoded(outer.content).ok_or(Malformed::SignedData)?;
        if data.encap_content_info.e_content_type != content_type {
            return Err(Unsupported::ContentType.into());
        }
        let signer = the_signer(&data)?;
        // [RFC 5652 §5.1]: 3 if the content is no plain data, or the signer is named by its key.
        let plain = content_type == oid::DATA && signer.version == 1;
        if data.version != if plain { 1 } else { 3 } {
            return Err(Unsupported::Version.into());
        }
        if signer.unsigned_attributes.is_some() {
            return Err(Unsupported::UnsignedAttributes.into());
        }
        let digest = DigestAlgorithm::read(signer.digest_algorithm)?;
        check_digest_algorithms(data.digest_algorithms, digest)?;
        let attributes = signer
            .signed_attributes
            .ok_or(Unsupported::MissingAttribute)?;
        Ok(Self {
            content: data
                .encap_content_info
                .e_content
                .map(|content| content.as_bytes()),
            has_crls: data.crls.is_some(),
            content_type,
            certificates: certificates(data.certificates)?,
            digest,
            attributes: SignedAttributes::read(attributes)?,
            signer,
        })
    }

    /// Whether the signer refers to its certificate by SHA-1, as RFC 3161 wrote it.
    pub(crate) fn has_old_reference(&self) -> bool {
        matches!(self.attributes.reference, Reference::V1(_))
    }

    /// Checks that the signer signed `content`, with the certificate that it names.
    pub(crate) fn verify(self, content: &[u8]) -> Result<Signer<'a>, CmsError> {
        // [RFC 5652 §11.1]
        if self.attributes.content_type != self.content_type {
            return Err(Broken::ContentType.into());
        }
        // [RFC 5652 §5.6]
        if self.digest.digest(content) != self.attributes.message_digest {
            return Err(Broken::MessageDigest.into());
        }
        let named = |certificate: &&Certificate<'_>| certificate.is_named_by(&self.signer);
        if !self.certificates.iter().any(|one| named(&one)) {
            return Err(Broken::SignerCertificate.into());
        }
        // Of two certificates with one name, the one that was signed with counts.
        let certificate = self
            .certificates
            .iter()
            .filter(named)
            .find(|certificate| self.attributes.reference.is_to(certificate))
            .ok_or(Broken::CertificateReference)?;
        verify_signature(
            self.signer.signature_algorithm,
            self.digest,
            certificate.key(),
            &self.attributes.signed,
            self.signer.signature.as_bytes(),
        )?;
        let others = self
            .certificates
            .iter()
            .filter(|other| self.attributes.reference.allows(other))
            .map(Certificate::der)
            .collect();
        Ok(Signer {
            certificate: certificate.clone(),
            others,
            signing_time: self.attributes.signing_time,
        })
    }
}

/// Reads what an `ANY` holds, if it is spelled as it would be written.
fn decoded<'a, T>(any: AnyRef<'a>) -> Option<T>
where
    T: der::Choice<'a> + der::DecodeValue<'a> + Encode,
{
    let value: T = any.decode_as().ok()?;
    (value.to_der().ok()? == any.to_der().ok()?).then_some(value)
}

/// The only signer \[RFC 5652 §5.3\].
fn the_signer<'a>(data: &SignedData<'a>) -> Result<SignerInfo<'a>, CmsError> {
    let signer = data
        .signer_infos
        .one()
        .map_err(|_| Malformed::SignerInfo)?
        .ok_or(Unsupported::Signers)?;
    let signer: SignerInfo<'a> = read(signer).ok_or(Malformed::SignerInfo)?;
    // By issuer and serial number, or by the key's identifier.
    let version = match signer.sid.tag() {
        Tag::Sequence => 1,
        _ => 3,
    };
    if signer.version != version {
        return Err(Unsupported::Version.into());
    }
    Ok(signer)
}

/// The signer's hash has to be announced \[RFC 5652 §5.1\], and nothing else is.
fn check_digest_algorithms(announced: SetOf<'_>, digest: DigestAlgorithm) -> Result<(), CmsError> {
    let announced = announced.one().map_err(|_| Malformed::SignedData)?;
    let identifier = announced
        .and_then(read)
        .ok_or(Unsupported::DigestAlgorithm)?;
    if DigestAlgorithm::read(identifier)? == digest {
        Ok(())
    } else {
        Err(Unsupported::DigestAlgorithm.into())
    }
}

/// X.509 certificates and nothing else \[RFC 5652 §10.2.2\].
fn certificates(set: Option<SetOf<'_>>) -> Result<Vec<Certificate<'_>>, CmsError> {
    let Some(set) = set else {
        return Ok(Vec::new());
    };
    let elements = set.elements().map_err(|_| Malformed::SignedData)?;
    let is_certificate = |der: &&[u8]| der.first() == Some(&Tag::Sequence.octet());
    if elements.len() > MAX_CERTIFICATES || !elements.iter().all(is_certificate) {
        return Err(Unsupported::Certificates.into());
    }
    elements.into_iter().map(Certificate::read).collect()
}

impl<'a> SignedAttributes<'a> {
    fn read(set: SetOf<'a>) -> Result<Self, CmsError> {
        let elements = set.elements().map_err(|_| Malformed::Attribute)?;
        // [X.690 §11.6]; shorter ones that begin a longer one come first.
        if !elements.is_sorted() {
            return Err(Unsupported::AttributeOrder.into());
        }
        let attributes = elements
            .into_iter()
            .map(|element| read::<Attribute<'a>>(element).ok_or(Malformed::Attribute))
            .collect::<Result<Vec<_>, _>>()?;
        let mut types: Vec<_> = attributes.iter().map(|one| one.attr_type).collect();
        types.sort_unstable();
        types.dedup();
        // [RFC 5652 §5.3]
        if types.len() != attributes.len() {
            return Err(Unsupported::RepeatedAttribute.into());
        }
        let only = |attr_type: ObjectIdentifier| {
            let found = attributes.iter().find(|one| one.attr_type == attr_type);
            found.map(one_value).transpose()
        };
        let content_type = only(oid::CONTENT_TYPE)?.ok_or(Unsupported::MissingAttribute)?;
        let message_digest = only(oid::MESSAGE_DIGEST)?.ok_or(Unsupported::MissingAttribute)?;
        let signing_time = only(oid::SIGNING_TIME)?.map(signing_time).transpose()?;
        let reference = match (
            only(oid::SIGNING_CERTIFICATE_V2)?,
            only(oid::SIGNING_CERTIFICATE)?,
        ) {
            (Some(v2), _) => {
                let reference: SigningCertificateV2<'a> = value(v2)?;
                Reference::V2(reference.certs)
            }
            (None, Some(v1)) => Reference::V1(value(v1)?),
            (None, None) => return Err(Unsupported::MissingAttribute.into()),
        };
        Ok(Self {
            signed: set.to_der().map_err(|_| Malformed::Attribute)?,
            content_type: value(content_type)?,
            message_digest: value::<OctetStringRef<'a>>(message_digest)?.as_bytes(),
            signing_time,
            reference,
        })
    }
}

fn one_value<'a>(attribute: &Attribute<'a>) -> Result<&'a [u8], CmsError> {
    let value = attribute.attr_values.one();
    value
        .map_err(|_| Malformed::Attribute)?
        .ok_or_else(|| Unsupported::RepeatedAttribute.into())
}

fn value<'a, T: Decode<'a> + Encode>(der: &'a [u8]) -> Result<T, CmsError> {
    read(der).ok_or_else(|| Malformed::Attribute.into())
}

/// `UTCTime` until 2049, `GeneralizedTime` from then on \[RFC 5652 §11.3\].
fn signing_time(der: &[u8]) -> Result<Timestamp, CmsError> {
    let time: x509_cert::time::Time = value(der)?;
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Ok(Timestamp::from_unix_millis(seconds.saturating_mul(1000)))
}

impl Reference<'_> {
    /// Whether the first reference is to this certificate \[RFC 5035 §5.4\].
    fn is_to(&self, certificate: &Certificate<'_>) -> bool {
        match self {
            Self::V2(certs) => certs
                .first()
                .is_some_and(|reference| refers(reference, certificate)),
            Self::V1(reference) => reference.certs.first().is_some_and(|reference| {
                let issued = reference.issuer_serial.as_ref();
                certificate.has_sha1(reference.cert_hash.as_bytes())
                    && issued.is_none_or(|issued| certificate.is_issued_as(issued))
            }),
        }
    }

    /// Whether a path may lead over this certificate: any, if only the signer's own is named;
    /// else those that are \[RFC 5035 §3\].
    fn allows(&self, certificate: &Certificate<'_>) -> bool {
        match self {
            Self::V2(certs) => match certs.as_slice() {
                [] | [_] => true,
                certs => certs.iter().any(|one| refers(one, certificate)),
            },
            Self::V1(reference) => match reference.certs.as_slice() {
                [] | [_] => true,
                certs => certs
                    .iter()
                    .any(|one| certificate.has_sha1(one.cert_hash.as_bytes())),
            },
        }
    }
}

fn refers(reference: &EssCertIdV2<'_>, certificate: &Certificate<'_>) -> bool {
    let algorithm = match reference.hash_algorithm {
        None => Ok(DigestAlgorithm::Sha256),
        Some(identifier) => DigestAlgorithm::read(identifier),
    };
    let issued = reference.issuer_serial.as_ref();
    algorithm.is_ok_and(|algorithm| certificate.has_hash(algorithm, reference.cert_hash.as_bytes()))
        && issued.is_none_or(|issued| certificate.is_issued_as(issued))
}
