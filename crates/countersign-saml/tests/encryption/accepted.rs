//! What is decrypted, and accepted.

use std::sync::Arc;

use countersign_dsig::algorithm::DigestAlgorithm::{self, Sha1, Sha256, Sha384, Sha512};
use countersign_dsig::encryption::RustCryptoKey;
use countersign_testkit::encryption::{KeyPlace, KeyTransport};

use super::*;

#[test]
fn every_cipher_and_every_order_of_signing_is_accepted() {
    let plain = accepted(&support::sp(), &spec());
    for cipher in ContentCipher::ALL {
        for sign in [Sign::Response, Sign::Both] {
            let spec = spec()
                .signed(sign)
                .encrypted(encryption().with_cipher(cipher));
            assert!(!String::from_utf8_lossy(&respond(&spec)).contains(NURSE));
            let identity = accepted(&decrypting_sp(), &spec);
            assert_eq!(identity.claims(), plain.claims(), "{cipher:?} {sign:?}");
        }
    }
}

#[test]
fn every_pair_of_digests_in_oaep_is_accepted() {
    let digests: [DigestAlgorithm; 4] = [Sha1, Sha256, Sha384, Sha512];
    let mut transports = vec![KeyTransport::OaepMgf1p(None)];
    for digest in digests {
        transports.push(KeyTransport::OaepMgf1p(Some(digest)));
        transports.extend(digests.map(|mask| KeyTransport::Oaep(digest, mask)));
    }
    for transport in transports {
        for label in [&b""[..], b"label", b"\xFF\x00 no text"] {
            let encryption = encryption_with(|encryption| {
                encryption.transport = transport;
                encryption.label = label.to_vec();
            });
            let spec = spec().signed(Sign::Response).encrypted(encryption);
            accepted(&decrypting_sp(), &spec);
        }
    }
}

#[test]
fn the_key_may_stand_beside_and_be_one_of_several() {
    for place in [KeyPlace::Inside, KeyPlace::Beside] {
        for ours_first in [true, false] {
            let (first, second) = match ours_first {
                true => (
                    keys::SP_RSA_2048_CERTIFICATE,
                    keys::OTHER_RSA_2048_CERTIFICATE,
                ),
                false => (
                    keys::OTHER_RSA_2048_CERTIFICATE,
                    keys::SP_RSA_2048_CERTIFICATE,
                ),
            };
            let encryption = Encryption::for_certificate(first)
                .and_for_certificate(second, Some("https://another.example"))
                .with_keys(place);
            accepted(
                &decrypting_sp(),
                &spec().signed(Sign::Response).encrypted(encryption),
            );
        }
    }
}

/// Somebody else's key may be wrapped as that one likes it; ours is not.
#[test]
fn a_key_for_another_recipient_may_be_of_a_kind_that_is_refused() {
    let encrypted = encryption().encrypt(assertion(&spec().signed(Sign::None)).as_bytes());
    let other = encryption()
        .with_transport(KeyTransport::Pkcs1)
        .encrypt(b"<a/>");
    let start = other.find("<xenc:EncryptedKey").unwrap();
    let end = other.find("</ds:KeyInfo>").unwrap();
    let holder = format!(
        "<saml:EncryptedAssertion>{encrypted}{}</saml:EncryptedAssertion>",
        &other[start..end]
    );
    let unsigned = String::from_utf8(respond(&spec().signed(Sign::None))).unwrap();
    let xml = test_idp().sign(replace_assertion(&unsigned, &holder).as_bytes(), &id());
    verify(&decrypting_sp(), &xml).unwrap();
}

#[test]
fn an_old_key_and_a_new_one_are_both_tried() {
    let next = Arc::new(RustCryptoKey::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).unwrap());
    let sp = decrypting_sp().with_decryption_key(next);
    for certificate in [
        keys::SP_RSA_2048_CERTIFICATE,
        keys::OTHER_RSA_2048_CERTIFICATE,
    ] {
        let encryption = Encryption::for_certificate(certificate);
        accepted(&sp, &spec().signed(Sign::Response).encrypted(encryption));
    }
}

#[test]
fn identifiers_and_attributes_are_decrypted_in_their_order() {
    let plain = spec()
        .with_attribute("groups", ["ward-9"])
        .with_attribute("mail", [NURSE]);
    let expected = accepted(&support::sp(), &plain);
    for cipher in [ContentCipher::Aes128Gcm, ContentCipher::Aes128Cbc] {
        for sign in [Sign::Assertion, Sign::Response, Sign::Both] {
            for nested in [false, true] {
                let mut spec = plain
                    .clone()
                    .signed(sign)
                    .with_encrypted_name_id(encryption().with_cipher(cipher))
                    .with_encrypted_attributes(encryption().with_keys(KeyPlace::Beside));
                if nested {
                    spec = spec.encrypted(encryption());
                }
                let sp = match (nested, sign) {
                    (true, Sign::Assertion) => ad_fs_sp(),
                    _ => decrypting_sp(),
                };
                let identity = accepted(&sp, &spec);
                assert_eq!(identity.claims(), expected.claims(), "{cipher:?} {sign:?}");
            }
        }
    }
}

/// libxmlsec leaves declarations where they are; they are taken from the signed bytes then.
#[test]
fn namespaces_declared_around_the_ciphertext_count() {
    let leaning = encryption_with(|encryption| encryption.self_contained = false);
    for sign in [Sign::Response, Sign::Both] {
        let spec = spec()
            .signed(sign)
            .encrypted(leaning.clone())
            .with_encrypted_name_id(leaning.clone());
        let identity = accepted(&decrypting_sp(), &spec);
        assert_eq!(identity.claims().name_id.value, NURSE);
    }
    let spec = spec().encrypted(leaning);
    accepted(&ad_fs_sp(), &spec);
}

/// A declaration that exclusive canonicalization leaves out of the signed bytes could be changed
/// without breaking the signature, so it gives the plaintext no meaning.
#[test]
fn namespaces_that_the_signature_does_not_cover_do_not_count() {
    let plaintext = assertion(&spec().signed(Sign::None)).replacen(
        "<saml:Subject>",
        "<saml:Subject other:a=\"1\">",
        1,
    );
    let holder = encryption().encrypt_into("saml:EncryptedAssertion", plaintext.as_bytes());
    let unsigned = String::from_utf8(respond(&spec().signed(Sign::None))).unwrap();
    let declared = replace_assertion(&unsigned, &holder).replacen(
        "<samlp:Response ",
        "<samlp:Response xmlns:other=\"urn:other\" ",
        1,
    );
    let xml = test_idp().sign(declared.as_bytes(), &id());
    refused_as(DecryptionFailed, verify(&decrypting_sp(), &xml));
}

#[test]
fn ad_fs_sign_then_encrypt_needs_its_opt_in() {
    let spec = spec().encrypted(encryption());
    spec_refused_as(CiphertextUnsigned, &decrypting_sp(), &spec);
    let identity = accepted(&ad_fs_sp(), &spec);
    assert_eq!(identity.claims().name_id.value, NURSE);
    let by_name = ad_fs_sp().with_signed_part(SignedPart::Assertion);
    accepted(&by_name, &spec);
}
