//! Detached CAdES signatures: made and verified, and one refusal for each rule.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use countersign_cms::error::{Broken, Malformed, Misuse, Unsupported, Untrusted};
use countersign_cms::{CmsError, TrustAnchor, cades};
use countersign_core::Timestamp;
use countersign_testkit::authority::{
    CertificateAuthority, CertificateSpec, Issued, KeyKind, SignedDataSpec, der,
};
use countersign_testkit::keys;
use proptest::prelude::*;

const CONTENT: &[u8] = b"the bytes of a manifest";
const DATA: &str = "1.2.840.113549.1.7.1";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-03-01T09:30:00Z")
}

fn trust(authority: &CertificateAuthority) -> [TrustAnchor; 1] {
    [TrustAnchor::from_certificate(authority.certificate()).unwrap()]
}

fn root() -> CertificateAuthority {
    CertificateAuthority::new("Test Root")
}

fn sign(sealer: &Issued) -> Vec<u8> {
    let unsigned = cades::prepare(CONTENT, &sealer.chain(), now()).unwrap();
    let signature = sealer.sign(unsigned.to_be_signed());
    unsigned.finish(&signature).unwrap()
}

/// What the testkit writes, with one thing changed.
fn written(sealer: &Issued, change: impl FnOnce(&mut SignedDataSpec)) -> Vec<u8> {
    let mut spec = SignedDataSpec::new(DATA, CONTENT, sealer);
    spec.attributes
        .push((SIGNING_TIME, vec![der::certificate_time(now())]));
    change(&mut spec);
    spec.sign(sealer)
}

/// How a signature with one thing changed is refused.
fn refused(change: impl FnOnce(&mut SignedDataSpec)) -> CmsError {
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::P256);
    let signature = written(&sealer, change);
    cades::verify(&signature, CONTENT, &trust(&root), now()).unwrap_err()
}

/// How a signature with a certificate that says this is refused.
fn refused_certificate(spec: &CertificateSpec) -> CmsError {
    let root = root();
    let signature = sign(&root.issue(spec, KeyKind::P256));
    cades::verify(&signature, CONTENT, &trust(&root), now()).unwrap_err()
}

#[test]
fn a_signature_holds_with_each_key() {
    let root = root();
    for key in [KeyKind::Rsa, KeyKind::P256] {
        let sealer = root.sealer("Sign Example", key);
        let signature = sign(&sealer);
        let verified = cades::verify(&signature, CONTENT, &trust(&root), now()).unwrap();
        assert_eq!(verified.signing_time, now());
        assert_eq!(verified.subject, "CN=Sign Example");
        assert_eq!(verified.certificate, sealer.certificate());
        assert_eq!(cades::verify_untrusted(&signature, CONTENT), Ok(verified));
    }
}

#[test]
fn what_others_write_holds_with_each_key() {
    let root = root();
    for key in [
        KeyKind::Rsa,
        KeyKind::RsaSha384,
        KeyKind::RsaSha512,
        KeyKind::P256,
        KeyKind::P384,
    ] {
        let sealer = root.sealer("Sign Example", key);
        let signature = written(&sealer, |_| ());
        assert!(
            cades::verify(&signature, CONTENT, &trust(&root), now()).is_ok(),
            "{key:?}"
        );
    }
}

#[test]
fn a_signer_may_be_named_by_its_key() {
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::P256);
    let signature = written(&sealer, |spec| {
        spec.by_key = true;
        spec.version = 3;
        spec.signer_version = 3;
    });
    assert!(cades::verify(&signature, CONTENT, &trust(&root), now()).is_ok());
}

#[test]
fn a_path_leads_over_an_authority_in_between() {
    let root = root();
    let below = root.below(&CertificateSpec::authority("Below"), KeyKind::P384);
    let sealer = below.sealer("Sign Example", KeyKind::Rsa);
    let signature = sign(&sealer);
    assert!(cades::verify(&signature, CONTENT, &trust(&root), now()).is_ok());
    assert!(cades::verify(&signature, CONTENT, &trust(&below), now()).is_ok());
    let alone = written(&sealer, |spec| spec.certificates.truncate(1));
    let alone = match cades::verify(&alone, CONTENT, &trust(&root), now()) {
        // The certificates are sorted: either the path or the signer's own is the one that is left.
        Err(error) => error,
        Ok(_) => panic!("half a path"),
    };
    assert!(matches!(
        alone,
        CmsError::Untrusted(Untrusted::UnknownIssuer) | CmsError::Broken(Broken::SignerCertificate)
    ));
}

#[test]
fn a_certificate_can_be_trusted_itself() {
    let chain = [keys::OTHER_RSA_2048_CERTIFICATE.to_vec()];
    let key = root().sealer("another certificate, the same key", KeyKind::Rsa);
    let unsigned = cades::prepare(CONTENT, &chain, now()).unwrap();
    let signature = unsigned
        .clone()
        .finish(&key.sign(unsigned.to_be_signed()))
        .unwrap();
    let itself = [TrustAnchor::from_certificate(&chain[0]).unwrap()];
    assert!(cades::verify(&signature, CONTENT, &itself, now()).is_ok());
    let late = at("2121-01-01T00:00:00Z");
    assert_eq!(
        cades::verify(&signature, CONTENT, &itself, late),
        Err(Untrusted::Expired { at: late }.into())
    );
}

#[test]
fn serial_numbers_of_every_length_are_compared() {
    let root = root();
    for serial_number in [vec![0x7f], vec![0x80], vec![0xff; 20], vec![1; 20]] {
        let spec = CertificateSpec {
            serial_number: Some(serial_number),
            ..CertificateSpec::sealer("Sign Example")
        };
        let sealer = root.issue(&spec, KeyKind::P256);
        assert!(cades::verify(&sign(&sealer), CONTENT, &trust(&root), now()).is_ok());
    }
}

#[test]
fn times_of_every_year_are_written_and_read() {
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::P256);
    for time in [
        "1970-01-01T00:00:00Z",
        "2049-12-31T23:59:59Z",
        "2050-01-01T00:00:00Z",
    ] {
        let unsigned = cades::prepare(CONTENT, &sealer.chain(), at(time)).unwrap();
        let signature = sealer.sign(unsigned.to_be_signed());
        let signature = unsigned.finish(&signature).unwrap();
        let verified = cades::verify_untrusted(&signature, CONTENT).unwrap();
        assert_eq!(verified.signing_time, at(time));
    }
}

#[test]
fn other_content_is_refused() {
    let root = root();
    let signature = sign(&root.sealer("Sign Example", KeyKind::Rsa));
    let other = cades::verify(&signature, b"other bytes", &trust(&root), now());
    assert_eq!(other, Err(Broken::MessageDigest.into()));
}

#[test]
fn nobody_is_trusted_without_an_anchor() {
    let signature = sign(&root().sealer("Sign Example", KeyKind::Rsa));
    let verified = cades::verify(&signature, CONTENT, &[], now());
    assert_eq!(verified, Err(Untrusted::NoAnchors.into()));
}

#[test]
fn another_root_is_refused() {
    let signature = sign(&root().sealer("Sign Example", KeyKind::Rsa));
    let verified = cades::verify(&signature, CONTENT, &trust(&root()), now());
    // The other root has the same name, and another key.
    assert_eq!(verified, Err(Untrusted::Path.into()));
    let stranger = CertificateAuthority::new("Another Root");
    let verified = cades::verify(&signature, CONTENT, &trust(&stranger), now());
    assert_eq!(verified, Err(Untrusted::UnknownIssuer.into()));
}

#[test]
fn a_certificate_counts_from_its_first_second_to_its_last() {
    let (first, last) = (at("2026-01-01T00:00:00Z"), at("2026-12-31T23:59:59Z"));
    let root = root();
    let spec = CertificateSpec::sealer("Sign Example").valid(first, last);
    let signature = sign(&root.issue(&spec, KeyKind::P256));
    let verify =
        |time: &str| cades::verify(&signature, CONTENT, &trust(&root), at(time)).map(|_| ());
    assert_eq!(verify("2026-01-01T00:00:00Z"), Ok(()));
    assert_eq!(verify("2026-12-31T23:59:59.999Z"), Ok(()));
    let early = "2025-12-31T23:59:59.999Z";
    assert_eq!(
        verify(early),
        Err(Untrusted::NotYetValid { at: at(early) }.into())
    );
    let late = "2027-01-01T00:00:00Z";
    assert_eq!(
        verify(late),
        Err(Untrusted::Expired { at: at(late) }.into())
    );
    let long_ago = "1960-01-01T00:00:00Z";
    assert_eq!(
        verify(long_ago),
        Err(Untrusted::NotYetValid { at: at(long_ago) }.into())
    );
}

#[test]
fn an_expired_authority_is_refused() {
    let old = CertificateSpec::authority("Old")
        .valid(at("2020-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
    let expired = Err(Untrusted::Expired { at: now() }.into());
    let root_that_ran_out = CertificateAuthority::root(&old, KeyKind::P256);
    let signature = sign(&root_that_ran_out.sealer("Sign Example", KeyKind::P256));
    assert_eq!(
        cades::verify(&signature, CONTENT, &trust(&root_that_ran_out), now()),
        expired
    );
    let root = root();
    let between = root.below(&old, KeyKind::P256);
    let signature = sign(&between.sealer("Sign Example", KeyKind::P256));
    assert_eq!(
        cades::verify(&signature, CONTENT, &trust(&root), now()),
        expired
    );
}

#[test]
fn a_key_that_is_not_for_signatures_is_refused() {
    // keyEncipherment
    let spec = CertificateSpec {
        key_usage: Some(0x20),
        ..CertificateSpec::sealer("Sign Example")
    };
    assert_eq!(refused_certificate(&spec), Untrusted::KeyUsage.into());
}

#[test]
fn a_certificate_for_other_purposes_is_refused() {
    // id-kp-serverAuth
    let spec = CertificateSpec {
        purposes: vec!["1.3.6.1.5.5.7.3.1"],
        ..CertificateSpec::sealer("Sign Example")
    };
    assert_eq!(
        refused_certificate(&spec),
        Untrusted::ExtendedKeyUsage.into()
    );
}

#[test]
fn an_unknown_critical_extension_is_refused() {
    let spec = CertificateSpec {
        unknown_critical_extension: true,
        ..CertificateSpec::sealer("Sign Example")
    };
    assert_eq!(refused_certificate(&spec), Untrusted::Path.into());
}

#[test]
fn a_certificate_that_issues_itself_no_authority_is_no_authority() {
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::P256);
    // Somebody who is certified to sign certifies somebody else.
    let no_authority = root.below(&CertificateSpec::new("Below"), KeyKind::P256);
    let forged = no_authority.sealer("Sign Example", KeyKind::P256);
    let verified = cades::verify(&sign(&forged), CONTENT, &trust(&root), now());
    assert_eq!(verified, Err(Untrusted::Path.into()));
    // An authority's key makes no signatures, either.
    let _ = sealer;
    let spec = CertificateSpec {
        is_authority: true,
        ..CertificateSpec::sealer("Sign Example")
    };
    assert_eq!(refused_certificate(&spec), Untrusted::Path.into());
}

#[test]
fn a_changed_signature_is_refused() {
    let error = refused(|spec| spec.change_signature = true);
    assert_eq!(error, Broken::Signature.into());
}

#[test]
fn a_weak_key_is_refused() {
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::WeakRsa);
    let signature = written(&sealer, |_| ());
    let verified = cades::verify(&signature, CONTENT, &trust(&root), now());
    assert_eq!(verified, Err(Broken::Signature.into()));
}

#[test]
fn another_type_of_structure_is_refused() {
    // id-envelopedData
    let error = refused(|spec| spec.outer_type = "1.2.840.113549.1.7.3");
    assert_eq!(error, Unsupported::ContentType.into());
}

#[test]
fn another_type_of_content_is_refused() {
    let error = refused(|spec| spec.content_type = "1.2.840.113549.1.9.16.1.4");
    assert_eq!(error, Unsupported::ContentType.into());
}

#[test]
fn content_inside_is_refused() {
    let error = refused(|spec| spec.content = Some(CONTENT.to_vec()));
    assert_eq!(error, Unsupported::EncapsulatedContent.into());
}

#[test]
fn wrong_versions_are_refused() {
    for (version, signer_version) in [(0, 1), (3, 1), (1, 3), (5, 1)] {
        let error = refused(|spec| {
            spec.version = version;
            spec.signer_version = signer_version;
        });
        assert_eq!(error, Unsupported::Version.into());
    }
}

#[test]
fn no_signer_and_two_are_refused() {
    for signers in [0, 2] {
        let error = refused(|spec| spec.signers = signers);
        assert_eq!(error, Unsupported::Signers.into());
    }
}

#[test]
fn revocation_lists_inside_are_refused() {
    let error = refused(|spec| spec.crls = Some(der::sequence(&[])));
    assert_eq!(error, Unsupported::RevocationLists.into());
}

#[test]
fn unsigned_attributes_are_refused() {
    let attribute = der::sequence(&[&der::oid("1.2.3.4"), &der::set(&[&der::null()])]);
    let error = refused(|spec| spec.unsigned_attributes = Some(attribute));
    assert_eq!(error, Unsupported::UnsignedAttributes.into());
}

#[test]
fn each_attribute_of_the_profile_is_needed() {
    for missing in 0..4 {
        let error = refused(|spec| {
            spec.attributes.remove(missing);
        });
        assert_eq!(error, Unsupported::MissingAttribute.into(), "{missing}");
    }
    let error = refused(|spec| spec.attributes.clear());
    assert_eq!(error, Unsupported::MissingAttribute.into());
}

#[test]
fn a_repeated_attribute_is_refused() {
    let error = refused(|spec| {
        let again = spec.attributes[1].clone();
        spec.attributes.push(again);
    });
    assert_eq!(error, Unsupported::RepeatedAttribute.into());
    let error = refused(|spec| {
        let again = spec.attributes[1].1[0].clone();
        spec.attributes[1].1.push(again);
    });
    assert_eq!(error, Unsupported::RepeatedAttribute.into());
    let error = refused(|spec| spec.attributes[1].1.clear());
    assert_eq!(error, Unsupported::RepeatedAttribute.into());
}

#[test]
fn unsorted_attributes_are_refused() {
    let error = refused(|spec| spec.sorted = false);
    assert_eq!(error, Unsupported::AttributeOrder.into());
}

#[test]
fn an_attribute_of_the_wrong_form_is_refused() {
    for attribute in 0..4 {
        let error = refused(|spec| spec.attributes[attribute].1 = vec![der::null()]);
        assert_eq!(error, Malformed::Attribute.into());
    }
}

#[test]
fn another_signed_content_type_is_refused() {
    let error = refused(|spec| spec.attributes[0].1 = vec![der::oid("1.2.840.113549.1.9.16.1.4")]);
    assert_eq!(error, Broken::ContentType.into());
}

#[test]
fn a_hash_that_is_not_known_is_refused() {
    // SHA-1
    let error = refused(|spec| spec.digest = Some("1.3.14.3.2.26"));
    assert_eq!(error, Unsupported::DigestAlgorithm.into());
}

#[test]
fn another_hash_than_was_announced_is_refused() {
    // SHA-512
    let error = refused(|spec| spec.announced_digest = Some("2.16.840.1.101.3.4.2.3"));
    assert_eq!(error, Unsupported::DigestAlgorithm.into());
}

#[test]
fn a_signature_algorithm_that_is_not_known_is_refused() {
    let pss = der::algorithm("1.2.840.113549.1.1.10", &[]);
    let other_hash = der::algorithm("1.2.840.10045.4.3.3", &[]);
    let other_key = der::algorithm("1.2.840.113549.1.1.11", &der::null());
    let with_parameters = der::algorithm("1.2.840.10045.4.3.2", &der::null());
    for algorithm in [pss, other_hash, other_key, with_parameters] {
        let error = refused(|spec| spec.signature_algorithm = Some(algorithm));
        assert_eq!(error, Unsupported::SignatureAlgorithm.into());
    }
}

#[test]
fn a_signature_without_the_signers_certificate_is_refused() {
    let error = refused(|spec| spec.certificates.clear());
    assert_eq!(error, Broken::SignerCertificate.into());
    let error = refused(|spec| spec.certificates = vec![root().certificate().to_vec()]);
    assert_eq!(error, Broken::SignerCertificate.into());
}

#[test]
fn a_reference_to_another_certificate_is_refused() {
    let other = root().sealer("Sign Example", KeyKind::P256);
    let error = refused(|spec| spec.attributes[2] = SignedDataSpec::reference_to(&other));
    assert_eq!(error, Broken::CertificateReference.into());
}

#[test]
fn a_reference_by_sha1_is_refused() {
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::P256);
    let signature = written(&sealer, |spec| {
        spec.attributes[2] = SignedDataSpec::old_reference_to(&sealer);
    });
    let verified = cades::verify(&signature, CONTENT, &trust(&root), now());
    assert_eq!(verified, Err(Unsupported::MissingAttribute.into()));
}

#[test]
fn an_authority_for_other_purposes_issues_no_sealer() {
    let root = root();
    let seal_below = |purposes: Vec<&'static str>| {
        let spec = CertificateSpec {
            purposes,
            ..CertificateSpec::authority("Below")
        };
        let below = root.below(&spec, KeyKind::P256);
        let signature = sign(&below.sealer("Sign Example", KeyKind::P256));
        cades::verify(&signature, CONTENT, &trust(&root), now()).map(drop)
    };
    assert_eq!(seal_below(vec![]), Ok(()));
    assert_eq!(seal_below(vec!["1.3.6.1.5.5.7.3.36"]), Ok(()));
    // id-kp-serverAuth, id-kp-timeStamping
    for other in ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.8"] {
        let refused = Err(Untrusted::ExtendedKeyUsage.into());
        assert_eq!(seal_below(vec![other]), refused);
    }
}

#[test]
fn an_unknown_attribute_may_be_there_once() {
    let unknown = ("1.3.6.1.4.1.99999.3", vec![der::null()]);
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::P256);
    let signature = written(&sealer, |spec| spec.attributes.push(unknown.clone()));
    assert!(cades::verify(&signature, CONTENT, &trust(&root), now()).is_ok());
    let error = refused(|spec| spec.attributes.extend([unknown.clone(), unknown.clone()]));
    assert_eq!(error, Unsupported::RepeatedAttribute.into());
}

#[test]
fn a_second_certificate_with_the_signers_name_changes_nothing() {
    // The same issuer, the same number, another subject: as an authority might issue by mistake.
    let root = root();
    let spec = |name: &str| CertificateSpec {
        serial_number: Some(vec![7]),
        ..CertificateSpec::sealer(name)
    };
    let sealer = root.issue(&spec("Sign Example"), KeyKind::Rsa);
    let twin = root.issue(&spec("Somebody Else"), KeyKind::Rsa);
    let signature = written(&sealer, |spec| {
        spec.certificates.push(twin.certificate().to_vec());
        spec.certificates.sort();
    });
    let verified = cades::verify(&signature, CONTENT, &trust(&root), now()).unwrap();
    assert_eq!(verified.subject, "CN=Sign Example");
}

#[test]
fn what_is_no_certificate_of_x509_is_refused() {
    // [2] AttributeCertificateV2
    let error = refused(|spec| spec.certificates.push(der::context(2, &[])));
    assert_eq!(error, Unsupported::Certificates.into());
    let error = refused(|spec| spec.certificates.push(der::sequence(&[])));
    assert_eq!(error, Malformed::Certificate.into());
}

#[test]
fn seventeen_certificates_are_refused() {
    let error = refused(|spec| spec.certificates = vec![spec.certificates[0].clone(); 17]);
    assert_eq!(error, Unsupported::Certificates.into());
}

#[test]
fn bytes_after_it_are_refused() {
    let root = root();
    let mut signature = sign(&root.sealer("Sign Example", KeyKind::Rsa));
    signature.push(0);
    let verified = cades::verify(&signature, CONTENT, &trust(&root), now());
    assert_eq!(verified, Err(Malformed::SignedData.into()));
}

#[test]
fn an_indefinite_length_is_refused() {
    let root = root();
    let signature = sign(&root.sealer("Sign Example", KeyKind::Rsa));
    // 30 82 xx xx … becomes 30 80 … 00 00
    assert_eq!(signature[..2], [0x30, 0x82]);
    let indefinite = [&[0x30, 0x80], &signature[4..], &[0, 0]].concat();
    let verified = cades::verify(&indefinite, CONTENT, &trust(&root), now());
    assert_eq!(verified, Err(Malformed::SignedData.into()));
    // A length in more digits than it needs.
    let long = [&[0x30, 0x83, 0x00], &signature[2..]].concat();
    let verified = cades::verify(&long, CONTENT, &trust(&root), now());
    assert_eq!(verified, Err(Malformed::SignedData.into()));
}

#[test]
fn a_field_out_of_place_is_refused() {
    // A second field [0] where [1] may stand would be skipped by a lenient reader.
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::P256);
    let signature = written(&sealer, |spec| {
        let again = der::context(0, &[&spec.certificates.concat()]);
        spec.certificates.clear();
        // Written in front of the lists: [0] [0] [1]
        spec.crls = Some(again);
    });
    assert!(cades::verify(&signature, CONTENT, &trust(&root), now()).is_err());
}

#[test]
fn nothing_is_prepared_without_a_certificate() {
    let prepared = cades::prepare(CONTENT, &[], now());
    assert_eq!(prepared, Err(Misuse::Certificates.into()));
    let certificate = root().certificate().to_vec();
    let prepared = cades::prepare(CONTENT, &vec![certificate; 17], now());
    assert_eq!(prepared, Err(Misuse::Certificates.into()));
    let prepared = cades::prepare(CONTENT, &[b"no certificate".to_vec()], now());
    assert_eq!(prepared, Err(Malformed::Certificate.into()));
}

#[test]
fn nothing_is_prepared_for_another_kind_of_key() {
    for certificate in [keys::IDP_P384_CERTIFICATE, keys::IDP_ED25519_CERTIFICATE] {
        let prepared = cades::prepare(CONTENT, &[certificate.to_vec()], now());
        assert_eq!(prepared, Err(Misuse::Key.into()));
    }
}

#[test]
fn nothing_is_prepared_before_1970() {
    let sealer = root().sealer("Sign Example", KeyKind::P256);
    let prepared = cades::prepare(CONTENT, &sealer.chain(), at("1969-12-31T23:59:59Z"));
    assert_eq!(prepared, Err(Misuse::SigningTime.into()));
}

#[test]
fn a_signature_by_another_key_is_not_put_in() {
    let root = root();
    let sealer = root.sealer("Sign Example", KeyKind::P256);
    let other = root.sealer("Sign Example", KeyKind::P256);
    let unsigned = cades::prepare(CONTENT, &sealer.chain(), now()).unwrap();
    let signature = other.sign(unsigned.to_be_signed());
    assert_eq!(unsigned.finish(&signature), Err(Misuse::Signature.into()));
}

#[test]
fn anchors_are_read_from_pem_and_from_der() {
    use base64::Engine as _;
    let root = root();
    let text = base64::engine::general_purpose::STANDARD.encode(root.certificate());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    let anchor = TrustAnchor::from_certificate(root.certificate()).unwrap();
    assert_eq!(
        TrustAnchor::read(root.certificate()),
        Ok(vec![anchor.clone()])
    );
    assert_eq!(TrustAnchor::read(pem.as_bytes()), Ok(vec![anchor.clone()]));
    let two = [anchor.clone(), anchor];
    assert_eq!(
        TrustAnchor::read(pem.repeat(2).as_bytes()),
        Ok(two.to_vec())
    );
    for bad in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert_eq!(
            TrustAnchor::read(bad.as_bytes()),
            Err(Malformed::Certificate.into())
        );
    }
}

#[test]
fn every_changed_byte_of_a_signature_is_found() {
    let root = root();
    for key in [KeyKind::Rsa, KeyKind::P256] {
        let signature = sign(&root.sealer("Sign Example", key));
        let trust = trust(&root);
        for position in 0..signature.len() {
            for bit in 0..8 {
                let mut changed = signature.clone();
                changed[position] ^= 1 << bit;
                let verified = cades::verify(&changed, CONTENT, &trust, now());
                assert!(verified.is_err(), "{key:?}, byte {position}, bit {bit}");
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(cades::verify_untrusted(&bytes, CONTENT).is_err());
        let _ = TrustAnchor::read(&bytes);
    }

    #[test]
    fn any_few_changed_bytes_are_found(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..5),
    ) {
        let root = root();
        let signature = sign(&root.sealer("Sign Example", KeyKind::P256));
        let mut changed = signature.clone();
        for (position, change) in changes {
            changed[position.index(signature.len())] ^= change;
        }
        prop_assume!(changed != signature);
        prop_assert!(cades::verify(&changed, CONTENT, &trust(&root), now()).is_err());
    }

    #[test]
    fn every_content_comes_back_signed(content in proptest::collection::vec(any::<u8>(), 0..100)) {
        let sealer = root().sealer("Sign Example", KeyKind::P256);
        let unsigned = cades::prepare(&content, &sealer.chain(), now()).unwrap();
        let signature = sealer.sign(unsigned.to_be_signed());
        let signature = unsigned.finish(&signature).unwrap();
        prop_assert!(cades::verify_untrusted(&signature, &content).is_ok());
    }
}
