//! What an identity provider signed: the signature, the digest, the key (`docs/spec/bundle.md` §5.5).

use std::collections::BTreeMap;

use countersign_audit::assertion::AssertionVerified;
use countersign_audit::{Body, Kind};
use countersign_core::{Door, LeafHash, Sha256Digest};
use der::{AnyRef, Decode, Reader, Tagged};
use ring::digest::{self, digest};
use ring::signature::{self as ring_signature, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::layout::{ASSERTION_FILES, Layout, assertion_name};
use crate::links::{Item, Records};
use crate::members::Members;
use crate::report::{Claim, Lines};
use crate::signed_info::SignedInfo;
use crate::trust::TrustPolicy;

const CLAIM: Claim = Claim::AssertionSignature;

/// What stands in the signed elements, by the records that they are of: only where the signature
/// over one holds, whoever made it.
pub(crate) type Signed<'a> = BTreeMap<LeafHash, SignedElement<'a>>;

/// A signed element, and what its signature refers to.
#[derive(Debug)]
pub(crate) struct SignedElement<'a> {
    pub(crate) file: String,
    pub(crate) bytes: &'a [u8],
    pub(crate) reference: String,
}

/// Checks the signature of every assertion that the records tell of.
pub(crate) fn check<'a>(
    members: &Members<'a>,
    layout: &Layout<'_>,
    records: &Records,
    trust: &TrustPolicy,
    lines: &mut Lines,
) -> Signed<'a> {
    let mut signed = Signed::new();
    for item in records.of_kind(Kind::AssertionVerified) {
        let Body::AssertionVerified(body) = &item.record.body else {
            continue;
        };
        let is_there = layout.assertions.contains(&item.number);
        match (body.door, is_there) {
            (Door::Saml, true) => {
                // What is missing has been said of the members.
                let files = Files::of(members, item.number);
                let element = files.and_then(|files| files.check(item, body, trust, lines));
                signed.extend(element.map(|element| (item.leaf, element)));
            }
            (Door::Saml, false) => {
                let why = "what the identity provider signed is not disclosed";
                lines.not_proved(CLAIM, &item.file, why);
            }
            (_, true) => {
                let file = assertion_name(item.number, "signed.xml");
                let why = format!("nobody signed what {} records", item.file);
                lines.failed(CLAIM, &file, why);
            }
            (_, false) => {
                let why = "nobody signed: a token came back from an address";
                lines.not_proved(CLAIM, &item.file, why);
            }
        }
    }
    // An assertion whose record can not be read.
    for number in &layout.assertions {
        if records.number(*number).is_none() {
            let file = assertion_name(*number, "signed.xml");
            lines.not_proved(CLAIM, &file, "its record can not be read");
        }
    }
    signed
}

/// The four files of one assertion.
struct Files<'a> {
    names: [String; 4],
    digests: [Sha256Digest; 4],
    signed: &'a [u8],
    signed_info: &'a [u8],
    signature: &'a [u8],
    certificate: &'a [u8],
}

impl<'a> Files<'a> {
    fn of(members: &Members<'a>, number: usize) -> Option<Self> {
        let names = ASSERTION_FILES.map(|file| assertion_name(number, file));
        let [signed, signed_info, signature, certificate] = &names;
        let sha256 = |name: &String| members.sha256(name);
        Some(Self {
            digests: [
                sha256(signed)?,
                sha256(signed_info)?,
                sha256(signature)?,
                sha256(certificate)?,
            ],
            signed: members.data(signed)?,
            signed_info: members.data(signed_info)?,
            signature: members.data(signature)?,
            certificate: members.data(certificate)?,
            names,
        })
    }

    /// Says what it is worth; gives what was signed if the signature holds.
    fn check(
        self,
        item: &Item,
        body: &AssertionVerified,
        trust: &TrustPolicy,
        lines: &mut Lines,
    ) -> Option<SignedElement<'a>> {
        if let Err((file, why)) = self.compare_with_record(item, body) {
            lines.failed(CLAIM, file, why);
            return None;
        }
        let [_, _, _, certificate] = self.digests;
        let info = match self.verify(body) {
            Err(Flaw::Refuted(file, why)) => {
                lines.failed(CLAIM, file, why);
                return None;
            }
            Err(Flaw::Unknown(file, why)) => {
                lines.not_proved(CLAIM, file, why);
                return None;
            }
            Ok(info) => info,
        };
        if trust.identity_providers.contains(&certificate) {
            let by = format!(
                "signed with the trusted certificate {certificate} of `{}`",
                body.issuer
            );
            lines.proved(CLAIM, &item.file, by);
        } else {
            let why = format!(
                "the signature holds, but nobody said that certificate {certificate} is that of `{}`",
                body.issuer
            );
            lines.not_proved(CLAIM, &item.file, why);
        }
        let [file, ..] = self.names;
        Some(SignedElement {
            file,
            bytes: self.signed,
            reference: info.reference,
        })
    }

    /// Whether they are the bytes that the record is about.
    fn compare_with_record<'s>(
        &'s self,
        item: &'s Item,
        body: &AssertionVerified,
    ) -> Result<(), (&'s str, &'static str)> {
        let blobs = item.record.blobs.iter().map(|blob| blob.sha256);
        if !blobs.eq(self.digests) {
            let blobs = item.record.blobs.iter().map(|blob| Some(blob.sha256));
            let pairs = self.names.iter().zip(self.digests);
            let other = pairs
                .zip(blobs.chain(std::iter::repeat(None)))
                .find(|((_, digest), blob)| Some(*digest) != *blob);
            let file = other.map_or(item.file.as_str(), |((name, _), _)| name);
            return Err((file, "is not what the record is about"));
        }
        let [signed, _, _, certificate] = &self.names;
        let [signed_sha256, _, _, certificate_sha256] = self.digests;
        if body.signed_sha256 != Some(signed_sha256) {
            return Err((signed, "is not what the record says was signed"));
        }
        if body.certificate_sha256 != Some(certificate_sha256) {
            return Err((certificate, "is not the certificate that the record names"));
        }
        Ok(())
    }

    /// Whether the key has signed the digest of the element \[XMLDSig §3.2\].
    fn verify(&self, body: &AssertionVerified) -> Result<SignedInfo, Flaw<'_>> {
        let [signed, signed_info, signature, certificate] = &self.names;
        let info = SignedInfo::parse(self.signed_info).ok_or(Flaw::Refuted(
            signed_info,
            "is no SignedInfo in canonical form",
        ))?;
        if body.signature_algorithm.as_deref() != Some(&info.signature_method) {
            let why = "is of another algorithm than the record says";
            return Err(Flaw::Refuted(signed_info, why));
        }
        let algorithm = digest_algorithm(&info.digest_method).ok_or(Flaw::Unknown(
            signed_info,
            "its digest algorithm is not known here",
        ))?;
        if digest(algorithm, self.signed).as_ref() != info.digest {
            return Err(Flaw::Refuted(
                signed,
                "does not have the digest that was signed",
            ));
        }
        let key = PublicKey::of(self.certificate).ok_or(Flaw::Unknown(
            certificate,
            "no key that is known here can be read from it",
        ))?;
        let algorithm = key.algorithm(&info.signature_method).ok_or(Flaw::Unknown(
            signed_info,
            "its signature algorithm is not one of the key's",
        ))?;
        UnparsedPublicKey::new(algorithm, key.bytes)
            .verify(self.signed_info, self.signature)
            .map_err(|_| Flaw::Refuted(signature, "is not the certificate's signature"))?;
        Ok(info)
    }
}

/// Why a signature was not verified: the file, and what is wrong with it.
enum Flaw<'a> {
    Refuted(&'a str, &'static str),
    Unknown(&'a str, &'static str),
}

fn digest_algorithm(uri: &str) -> Option<&'static digest::Algorithm> {
    match uri {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Some(&digest::SHA256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Some(&digest::SHA384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Some(&digest::SHA512),
        // SHA-1 too: a host may have let it in, but it proves nothing here.
        _ => None,
    }
}

/// [RFC 8017 §A.1]
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// [RFC 5480 §2.1.1]
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// [RFC 5480 §2.1.1.1]
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// [RFC 5480 §2.1.1.1]
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// [RFC 8410 §3]
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The kinds of key that an identity provider signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A public key, as ring reads it.
#[derive(Debug)]
struct PublicKey<'a> {
    family: Family,
    bytes: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Takes it out of a certificate, or a bare `SubjectPublicKeyInfo`. Of the certificate nothing
    /// else is read: it is compared byte by byte with one that is trusted.
    fn of(der: &'a [u8]) -> Option<Self> {
        let key = SubjectPublicKeyInfoRef::from_der(der)
            .ok()
            .or_else(|| key_of_certificate(der).ok())?;
        let bytes = key.subject_public_key.as_bytes()?;
        let curve = || key.algorithm.parameters_oid().ok();
        let family = match key.algorithm.oid {
            RSA => Family::Rsa,
            EC if curve() == Some(P256) => Family::P256,
            EC if curve() == Some(P384) => Family::P384,
            ED25519 => Family::Ed25519,
            _ => return None,
        };
        Some(Self { family, bytes })
    }

    /// What verifies a signature of this algorithm by this key.
    fn algorithm(&self, uri: &str) -> Option<&'static dyn VerificationAlgorithm> {
        let pkcs1 = "http://www.w3.org/2001/04/xmldsig-more#";
        let pss = "http://www.w3.org/2007/05/xmldsig-more#";
        let name = uri.strip_prefix(pkcs1).or_else(|| uri.strip_prefix(pss));
        Some(match (self.family, name) {
            // [NIST SP 800-131A §3]: ring takes no RSA key under 2,048 bits, which are 256 bytes.
            (Family::Rsa, _) if self.bytes.len() < 256 => return None,
            (Family::Rsa, Some("rsa-sha256")) => &ring_signature::RSA_PKCS1_2048_8192_SHA256,
            (Family::Rsa, Some("rsa-sha384")) => &ring_signature::RSA_PKCS1_2048_8192_SHA384,
            (Family::Rsa, Some("rsa-sha512")) => &ring_signature::RSA_PKCS1_2048_8192_SHA512,
            (Family::Rsa, Some("sha256-rsa-MGF1")) => &ring_signature::RSA_PSS_2048_8192_SHA256,
            (Family::Rsa, Some("sha384-rsa-MGF1")) => &ring_signature::RSA_PSS_2048_8192_SHA384,
            (Family::Rsa, Some("sha512-rsa-MGF1")) => &ring_signature::RSA_PSS_2048_8192_SHA512,
            (Family::P256, Some("ecdsa-sha256")) => &ring_signature::ECDSA_P256_SHA256_FIXED,
            (Family::P384, Some("ecdsa-sha384")) => &ring_signature::ECDSA_P384_SHA384_FIXED,
            (Family::Ed25519, None)
                if uri == "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519" =>
            {
                &ring_signature::ED25519
            }
            _ => return None,
        })
    }
}

/// The key of a certificate, whatever else is in it \[RFC 5280 §4.1\].
fn key_of_certificate(der: &[u8]) -> der::Result<SubjectPublicKeyInfoRef<'_>> {
    let certificate = AnyRef::from_der(der)?;
    certificate.sequence(|certificate| {
        let signed = AnyRef::decode(certificate)?;
        let key = signed.sequence(|fields| {
            let first = AnyRef::decode(fields)?;
            // The version is left out in version 1; then the first is the serial number.
            if first.tag().is_context_specific() {
                AnyRef::decode(fields)?;
            }
            // Signature algorithm, issuer, validity, subject.
            for _ in 0..4 {
                AnyRef::decode(fields)?;
            }
            let key = SubjectPublicKeyInfoRef::decode(fields)?;
            skip(fields)?;
            Ok(key)
        })?;
        skip(certificate)?;
        Ok(key)
    })
}

/// Passes over the fields that are left.
fn skip<'a>(fields: &mut impl Reader<'a>) -> der::Result<()> {
    while !fields.is_finished() {
        AnyRef::decode(fields)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_testkit::keys;

    #[test]
    fn the_key_of_each_family_is_read_from_its_certificate() {
        for (der, family) in [
            (keys::IDP_RSA_2048_CERTIFICATE, Family::Rsa),
            (keys::IDP_P256_CERTIFICATE, Family::P256),
            (keys::IDP_P384_CERTIFICATE, Family::P384),
            (keys::IDP_ED25519_CERTIFICATE, Family::Ed25519),
        ] {
            assert_eq!(PublicKey::of(der).unwrap().family, family);
        }
        assert!(PublicKey::of(b"").is_none());
        assert!(PublicKey::of(b"\x30\x03\x02\x01\x01").is_none());
    }

    #[test]
    fn a_key_that_is_too_short_verifies_nothing() {
        let key = PublicKey::of(keys::WEAK_RSA_1024_CERTIFICATE).unwrap();
        let rsa = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
        assert!(key.algorithm(rsa).is_none());
    }
}
