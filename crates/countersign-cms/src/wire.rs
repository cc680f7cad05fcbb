//! The structures as they stand on the wire: CMS \[RFC 5652\], ESS \[RFC 5035\], time-stamps
//! \[RFC 3161\].
//!
//! What has to be hashed or compared byte for byte (certificates, attributes) is kept as bytes
//! and never written again.

use der::asn1::{AnyRef, BitStringRef, IntRef, ObjectIdentifier, OctetStringRef, Utf8StringRef};
use der::{
    Decode, DecodeValue, Encode, EncodeValue, FixedTag, Header, Length, Reader, Sequence,
    SliceReader, Tag, Writer,
};
use x509_cert::ext::Extension;
use x509_cert::spki::AlgorithmIdentifierRef;

/// The elements of a `SET OF`, as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetOf<'a>(pub(crate) &'a [u8]);

impl<'a> SetOf<'a> {
    /// Every element with its tag and length.
    pub(crate) fn elements(self) -> der::Result<Vec<&'a [u8]>> {
        let mut elements = Vec::new();
        let mut reader = SliceReader::new(self.0)?;
        while !reader.is_finished() {
            elements.push(reader.tlv_bytes()?);
        }
        Ok(elements)
    }

    /// The only element.
    pub(crate) fn one(self) -> der::Result<Option<&'a [u8]>> {
        let elements = self.elements()?;
        Ok(match elements.as_slice() {
            [one] => Some(one),
            _ => None,
        })
    }
}

impl FixedTag for SetOf<'_> {
    const TAG: Tag = Tag::Set;
}

impl<'a> DecodeValue<'a> for SetOf<'a> {
    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_slice(header.length).map(Self)
    }
}

impl EncodeValue for SetOf<'_> {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

/// Reads a structure, if the bytes are what it would be written as: nothing skipped, nothing
/// after it, no other spelling \[X.690 §10, §11\].
pub(crate) fn read<'a, T: Decode<'a> + Encode>(bytes: &'a [u8]) -> Option<T> {
    let value = T::from_der(bytes).ok()?;
    (value.to_der().ok()? == bytes).then_some(value)
}

/// \[RFC 5652 §3\]
#[derive(Debug, Clone, Copy, Sequence)]
pub(crate) struct ContentInfo<'a> {
    pub(crate) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(crate) content: AnyRef<'a>,
}

/// \[RFC 5652 §5.1\]
#[derive(Debug, Clone, Sequence)]
pub(crate) struct SignedData<'a> {
    pub(crate) version: u8,
    pub(crate) digest_algorithms: SetOf<'a>,
    pub(crate) encap_content_info: EncapsulatedContentInfo<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) certificates: Option<SetOf<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) crls: Option<SetOf<'a>>,
    pub(crate) signer_infos: SetOf<'a>,
}

/// \[RFC 5652 §5.2\]
#[derive(Debug, Clone, Copy, Sequence)]
pub(crate) struct EncapsulatedContentInfo<'a> {
    pub(crate) e_content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(crate) e_content: Option<OctetStringRef<'a>>,
}

/// \[RFC 5652 §5.3\]
#[derive(Debug, Clone, Sequence)]
pub(crate) struct SignerInfo<'a> {
    pub(crate) version: u8,
    /// [`IssuerAndSerialNumber`], or `[0]` with a key identifier.
    pub(crate) sid: AnyRef<'a>,
    pub(crate) digest_algorithm: AlgorithmIdentifierRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) signed_attributes: Option<SetOf<'a>>,
    pub(crate) signature_algorithm: AlgorithmIdentifierRef<'a>,
    pub(crate) signature: OctetStringRef<'a>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) unsigned_attributes: Option<SetOf<'a>>,
}

/// \[RFC 5652 §10.2.4\]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Sequence)]
pub(crate) struct IssuerAndSerialNumber<'a> {
    pub(crate) issuer: AnyRef<'a>,
    pub(crate) serial_number: IntRef<'a>,
}

/// \[RFC 5652 §5.3\]
#[derive(Debug, Clone, Copy, Sequence)]
pub(crate) struct Attribute<'a> {
    pub(crate) attr_type: ObjectIdentifier,
    pub(crate) attr_values: SetOf<'a>,
}

/// \[RFC 5035 §3\]; the certificate of the signer is the first.
#[derive(Debug, Clone, Sequence)]
pub(crate) struct SigningCertificateV2<'a> {
    pub(crate) certs: Vec<EssCertIdV2<'a>>,
    #[asn1(optional = "true")]
    pub(crate) policies: Option<Vec<AnyRef<'a>>>,
}

/// \[RFC 5035 §4\]
#[derive(Debug, Clone, Sequence)]
pub(crate) struct EssCertIdV2<'a> {
    /// SHA-256 if it is not there.
    #[asn1(optional = "true")]
    pub(crate) hash_algorithm: Option<AlgorithmIdentifierRef<'a>>,
    pub(crate) cert_hash: OctetStringRef<'a>,
    #[asn1(optional = "true")]
    pub(crate) issuer_serial: Option<IssuerSerial<'a>>,
}

/// \[RFC 5035 §5.4\], as RFC 3161 had it: by SHA-1.
#[derive(Debug, Clone, Sequence)]
pub(crate) struct SigningCertificate<'a> {
    pub(crate) certs: Vec<EssCertId<'a>>,
    #[asn1(optional = "true")]
    pub(crate) policies: Option<Vec<AnyRef<'a>>>,
}

/// \[RFC 5035 §5.4.1\]
#[derive(Debug, Clone, Sequence)]
pub(crate) struct EssCertId<'a> {
    pub(crate) cert_hash: OctetStringRef<'a>,
    #[asn1(optional = "true")]
    pub(crate) issuer_serial: Option<IssuerSerial<'a>>,
}

/// \[RFC 5035 §4\]
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct IssuerSerial<'a> {
    /// `GeneralNames`.
    pub(crate) issuer: Vec<AnyRef<'a>>,
    pub(crate) serial_number: IntRef<'a>,
}

/// \[RFC 3161 §2.4.1\]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Sequence)]
pub(crate) struct MessageImprint<'a> {
    pub(crate) hash_algorithm: AlgorithmIdentifierRef<'a>,
    pub(crate) hashed_message: OctetStringRef<'a>,
}

fn no() -> bool {
    false
}

/// \[RFC 3161 §2.4.1\]
#[derive(Debug, Clone, Sequence)]
pub(crate) struct TimeStampReq<'a> {
    pub(crate) version: u8,
    pub(crate) message_imprint: MessageImprint<'a>,
    #[asn1(optional = "true")]
    pub(crate) req_policy: Option<ObjectIdentifier>,
    #[asn1(optional = "true")]
    pub(crate) nonce: Option<IntRef<'a>>,
    #[asn1(default = "no")]
    pub(crate) cert_req: bool,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) extensions: Option<Vec<Extension>>,
}

/// \[RFC 3161 §2.4.2\]
#[derive(Debug, Clone, Sequence)]
pub(crate) struct TimeStampResp<'a> {
    pub(crate) status: PkiStatusInfo<'a>,
    #[asn1(optional = "true")]
    pub(crate) time_stamp_token: Option<ContentInfo<'a>>,
}

/// \[RFC 3161 §2.4.2\]
#[derive(Debug, Clone, Sequence)]
pub(crate) struct PkiStatusInfo<'a> {
    pub(crate) status: u8,
    #[asn1(optional = "true")]
    pub(crate) status_string: Option<Vec<Utf8StringRef<'a>>>,
    #[asn1(optional = "true")]
    pub(crate) fail_info: Option<BitStringRef<'a>>,
}

/// \[RFC 3161 §2.4.2\]
#[derive(Debug, Clone, Sequence)]
pub(crate) struct TstInfo<'a> {
    pub(crate) version: u8,
    pub(crate) policy: ObjectIdentifier,
    pub(crate) message_imprint: MessageImprint<'a>,
    pub(crate) serial_number: IntRef<'a>,
    pub(crate) gen_time: GenTime<'a>,
    #[asn1(optional = "true")]
    pub(crate) accuracy: Option<WireAccuracy>,
    #[asn1(default = "no")]
    pub(crate) ordering: bool,
    #[asn1(optional = "true")]
    pub(crate) nonce: Option<IntRef<'a>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(crate) tsa: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) extensions: Option<Vec<Extension>>,
}

/// \[RFC 3161 §2.4.2\]
#[derive(Debug, Clone, Copy, Sequence)]
pub(crate) struct WireAccuracy {
    #[asn1(optional = "true")]
    pub(crate) seconds: Option<u32>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) micros: Option<u16>,
}

/// A `GeneralizedTime` that may have fractions of a second, which those of certificates and
/// `der`'s type have not \[RFC 3161 §2.4.2\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GenTime<'a>(pub(crate) &'a [u8]);

impl FixedTag for GenTime<'_> {
    const TAG: Tag = Tag::GeneralizedTime;
}

impl<'a> DecodeValue<'a> for GenTime<'a> {
    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_slice(header.length).map(Self)
    }
}

impl EncodeValue for GenTime<'_> {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}
