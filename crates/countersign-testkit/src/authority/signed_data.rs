//! CMS signatures of every kind, right ones and wrong ones \[RFC 5652\].

use super::Issued;
use super::certificate::key_identifier;
use super::der;
use super::key::Key;

/// A signed attribute: its type and its values in DER.
pub type AttributeSpec = (&'static str, Vec<Vec<u8>>);

/// What a `ContentInfo` shall hold. [`SignedDataSpec::new`] has it right; a test changes one
/// field.
#[derive(Debug, Clone)]
pub struct SignedDataSpec {
    /// The type of the whole.
    pub outer_type: &'static str,
    /// The type of the content.
    pub content_type: &'static str,
    /// The content, if it is inside.
    pub content: Option<Vec<u8>>,
    /// The version of `SignedData`.
    pub version: u8,
    /// The version of `SignerInfo`.
    pub signer_version: u8,
    /// Whether the signer is named by its key, `[0]`, instead of issuer and serial number.
    pub by_key: bool,
    /// The certificates, in DER.
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists, in DER.
    pub crls: Option<Vec<u8>>,
    /// The signed attributes; none leaves them out.
    pub attributes: Vec<AttributeSpec>,
    /// Whether the signed attributes are sorted as DER has it.
    pub sorted: bool,
    /// The unsigned attributes, in DER.
    pub unsigned_attributes: Option<Vec<u8>>,
    /// Which identifier of a hash is announced for all; `None`: the one that is used.
    pub announced_digest: Option<&'static str>,
    /// Which identifier of a hash the signer names; `None`: the one that is used.
    pub digest: Option<&'static str>,
    /// The identifier of the signature; `None`: the key's.
    pub signature_algorithm: Option<Vec<u8>>,
    /// How often the signer is there.
    pub signers: usize,
    /// Whether a bit of the signature is turned over.
    pub change_signature: bool,
}

/// `id-data`
const DATA: &str = "1.2.840.113549.1.7.1";
/// `id-contentType`
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
/// `id-messageDigest`
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
/// `id-aa-signingCertificate`
const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.12";
/// `id-aa-signingCertificateV2`
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";

impl SignedDataSpec {
    /// A signature over `content` of a type, with content type, digest and the reference to the
    /// signer's certificate as signed attributes.
    #[must_use]
    pub fn new(content_type: &'static str, content: &[u8], signer: &Issued) -> Self {
        let (algorithm, _) = signer.key.digest();
        let digest = ring::digest::digest(algorithm, content);
        let mut certificates = signer.chain();
        certificates.sort();
        Self {
            outer_type: "1.2.840.113549.1.7.2",
            content_type,
            content: (content_type != DATA).then(|| content.to_vec()),
            version: if content_type == DATA { 1 } else { 3 },
            signer_version: 1,
            by_key: false,
            certificates,
            crls: None,
            attributes: vec![
                (CONTENT_TYPE, vec![der::oid(content_type)]),
                (MESSAGE_DIGEST, vec![der::octets(digest.as_ref())]),
                Self::reference_to(signer),
            ],
            sorted: true,
            unsigned_attributes: None,
            announced_digest: None,
            digest: None,
            signature_algorithm: None,
            signers: 1,
            change_signature: false,
        }
    }

    /// `id-aa-signingCertificateV2`: the SHA-256 of a certificate, with its issuer and number.
    #[must_use]
    pub fn reference_to(signer: &Issued) -> AttributeSpec {
        let hash = ring::digest::digest(&ring::digest::SHA256, signer.certificate());
        let issued = issuer_serial(&signer.issuer, &signer.serial_number);
        let reference = der::sequence(&[&der::octets(hash.as_ref()), &issued]);
        let value = der::sequence(&[&der::sequence(&[&reference])]);
        (SIGNING_CERTIFICATE_V2, vec![value])
    }

    /// `id-aa-signingCertificate`: the SHA-1 of a certificate.
    #[must_use]
    pub fn old_reference_to(signer: &Issued) -> AttributeSpec {
        let algorithm = &ring::digest::SHA1_FOR_LEGACY_USE_ONLY;
        let hash = ring::digest::digest(algorithm, signer.certificate());
        let reference = der::sequence(&[&der::octets(hash.as_ref())]);
        let value = der::sequence(&[&der::sequence(&[&reference])]);
        (SIGNING_CERTIFICATE, vec![value])
    }

    /// The values of an attribute that is there.
    ///
    /// # Panics
    /// If it is not there.
    #[allow(clippy::expect_used, reason = "tests fail by panicking")]
    pub fn attribute(&mut self, id: &str) -> &mut Vec<Vec<u8>> {
        let found = self.attributes.iter_mut().find(|(one, _)| *one == id);
        &mut found.expect("an attribute that is there").1
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, signer: &Issued) -> Vec<u8> {
        let key: &Key = &signer.key;
        let (_, digest) = key.digest();
        let attributes = self.signed_attributes();
        let mut signature = key.sign(&der::tlv(0x31, &[&attributes]));
        if self.change_signature
            && let Some(last) = signature.last_mut()
        {
            *last ^= 1;
        }
        let sid = if self.by_key {
            der::tlv(0x80, &[&key_identifier(key)])
        } else {
            der::sequence(&[&signer.issuer, &signer.serial_number])
        };
        let algorithm = self
            .signature_algorithm
            .clone()
            .unwrap_or_else(|| key.signature_algorithm());
        let attributes = match self.attributes.is_empty() {
            true => Vec::new(),
            false => der::context(0, &[&attributes]),
        };
        let unsigned = self.unsigned_attributes.as_ref();
        let signer = der::sequence(&[
            &der::integer(&[self.signer_version]),
            &sid,
            &der::algorithm(self.digest.unwrap_or(digest), &[]),
            &attributes,
            &algorithm,
            &der::octets(&signature),
            &unsigned.map_or_else(Vec::new, |unsigned| der::context(1, &[unsigned])),
        ]);
        let signers = signer.repeat(self.signers);
        let content = self.content.as_ref().map_or_else(Vec::new, |content| {
            der::context(0, &[&der::octets(content)])
        });
        let crls = self.crls.as_ref();
        let announced = self.announced_digest.unwrap_or(digest);
        let data = der::sequence(&[
            &der::integer(&[self.version]),
            &der::set(&[&der::algorithm(announced, &[])]),
            &der::sequence(&[&der::oid(self.content_type), &content]),
            &self.certificates(),
            &crls.map_or_else(Vec::new, |crls| der::context(1, &[crls])),
            &der::tlv(0x31, &[&signers]),
        ]);
        der::sequence(&[&der::oid(self.outer_type), &der::context(0, &[&data])])
    }

    fn certificates(&self) -> Vec<u8> {
        match self.certificates.is_empty() {
            true => Vec::new(),
            false => der::context(0, &[&self.certificates.concat()]),
        }
    }

    fn signed_attributes(&self) -> Vec<u8> {
        let mut attributes: Vec<Vec<u8>> = self
            .attributes
            .iter()
            .map(|(id, values)| {
                let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
                der::sequence(&[&der::oid(id), &der::set(&values)])
            })
            .collect();
        attributes.sort();
        if !self.sorted {
            attributes.reverse();
        }
        attributes.concat()
    }
}

/// `IssuerSerial` \[RFC 5035 §4\].
fn issuer_serial(issuer: &[u8], serial_number: &[u8]) -> Vec<u8> {
    let name = der::context(4, &[issuer]);
    der::sequence(&[&der::sequence(&[&name]), serial_number])
}
