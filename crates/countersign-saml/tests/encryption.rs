//! Encrypted assertions, name identifiers and attributes: what is decrypted, and what never is.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod support;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::VerifiedIdentity;
use countersign_dsig::algorithm::DigestAlgorithm::{self, Sha1, Sha256, Sha384, Sha512};
use countersign_dsig::encryption::{ContentCipher, RustCryptoKey};
use countersign_saml::RejectCode::{self, *};
use countersign_saml::{Expect, Rejection, ServiceProvider, SignedPart};
use countersign_testkit::encryption::{Encryption, KeyPlace, KeyTransport};
use countersign_testkit::idp::{KeyChoice, ResponseSpec, Sign, TestIdp};
use countersign_testkit::keys;
use support::{
    IDP, NURSE, decrypting_sp, encryption, encryption_with, now, refused_as, spec, test_idp, verify,
};

fn respond(spec: &ResponseSpec) -> Vec<u8> {
    test_idp().respond(spec)
}

fn accepted(sp: &ServiceProvider, spec: &ResponseSpec) -> VerifiedIdentity {
    verify(sp, &respond(spec)).unwrap()
}

#[track_caller]
fn spec_refused_as(code: RejectCode, sp: &ServiceProvider, spec: &ResponseSpec) {
    refused_as(code, verify(sp, &respond(spec)));
}

fn ad_fs_sp() -> ServiceProvider {
    decrypting_sp().insecure_decrypt_unsigned_response()
}

/// A signed response whose EncryptedAssertion holds these bytes.
fn with_plaintext(encryption: &Encryption, plaintext: &[u8]) -> Vec<u8> {
    let unsigned = String::from_utf8(respond(&spec().signed(Sign::None))).unwrap();
    let holder = encryption.encrypt_into("saml:EncryptedAssertion", plaintext);
    test_idp().sign(replace_assertion(&unsigned, &holder).as_bytes(), &id())
}

fn replace_assertion(response: &str, replacement: &str) -> String {
    let (before, rest) = response.split_once("<saml:Assertion ").unwrap();
    let (_, after) = rest.split_once("</saml:Assertion>").unwrap();
    format!("{before}{replacement}{after}")
}

/// The assertion of a response, declaring its namespaces itself.
fn assertion(spec: &ResponseSpec) -> String {
    let response = String::from_utf8(respond(spec)).unwrap();
    let (_, rest) = response.split_once("<saml:Assertion ").unwrap();
    let (assertion, _) = rest.split_once("</saml:Assertion>").unwrap();
    format!(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" {assertion}</saml:Assertion>"
    )
}

fn id() -> String {
    spec().response_id
}

fn refusal(sp: &ServiceProvider, xml: &[u8]) -> Rejection {
    match verify(sp, xml) {
        Err(rejection) => rejection,
        Ok(identity) => panic!("accepted as {:?}", identity.claims()),
    }
}

// What is accepted.

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

// The evidence.

/// The bytes that a signature on the assertion covers need no key.
#[test]
fn a_signature_inside_the_ciphertext_is_the_evidence() {
    for (sp, sign) in [
        (decrypting_sp(), Sign::Both),
        (
            decrypting_sp().with_signed_part(SignedPart::Assertion),
            Sign::Both,
        ),
        (ad_fs_sp(), Sign::Assertion),
    ] {
        let identity = accepted(&sp, &spec().signed(sign).encrypted(encryption()));
        let evidence = identity.evidence();
        assert_eq!(evidence.signed_element, "Assertion");
        assert!(evidence.signed_bytes.starts_with(b"<saml:Assertion "));
        assert!(String::from_utf8_lossy(&evidence.signed_bytes).contains(NURSE));
        assert_eq!(evidence.content_keys, []);
    }
}

/// Where only the ciphertext is signed, the content key goes with the signed bytes: whoever has
/// both reads what was claimed, without the service provider's private key.
#[test]
fn content_keys_open_the_ciphertext_in_the_evidence() {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let spec = spec()
        .signed(Sign::Response)
        .encrypted(encryption())
        .with_encrypted_name_id(encryption());
    let identity = accepted(&decrypting_sp(), &spec);
    let evidence = identity.evidence();
    assert_eq!(evidence.signed_element, "Response");
    assert_eq!(evidence.content_keys.len(), 2);

    let mut text = String::from_utf8(evidence.signed_bytes.clone()).unwrap();
    for key in &evidence.content_keys {
        let value = text.rsplit_once("<xenc:CipherValue>").unwrap().1;
        let value = value.split_once("</xenc:CipherValue>").unwrap().0;
        let mut bytes = STANDARD.decode(value).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
        let (iv, sealed) = bytes.split_at_mut(12);
        let nonce = Nonce::try_assume_unique_for_key(iv).unwrap();
        let plaintext = key.open_in_place(nonce, Aad::empty(), sealed).unwrap();
        text = String::from_utf8(plaintext.to_vec()).unwrap();
    }
    assert!(text.starts_with("<saml:NameID ") && text.contains(NURSE));
    // They are shown neither in logs nor in what a command prints.
    assert!(!format!("{identity:?}").contains("DisclosedKey(["));
    let json = serde_json::to_value(&identity).unwrap();
    assert_eq!(json["evidence"].get("content_keys"), None);
}

// Decryption never authenticates.

/// CVE-2026-2092: everybody has the public key, so anything can stand in a ciphertext.
#[test]
fn what_a_stranger_encrypted_is_never_read() {
    let stranger = TestIdp::with_key(IDP, KeyChoice::Stranger);
    let forged = spec().encrypted(encryption());
    for (sp, decrypts_unsigned) in [(decrypting_sp(), false), (ad_fs_sp(), true)] {
        for sign in [Sign::None, Sign::Assertion, Sign::Response, Sign::Both] {
            let xml = stranger.respond(&forged.clone().signed(sign));
            let expected = match sign {
                Sign::Response | Sign::Both => ResponseSignatureInvalid,
                Sign::None | Sign::Assertion if !decrypts_unsigned => CiphertextUnsigned,
                Sign::None => Unsigned,
                Sign::Assertion => AssertionSignatureInvalid,
            };
            refused_as(expected, verify(&sp, &xml));
        }
    }
}

/// CVE-2024-4985, CVE-2024-9487: one's own ciphertext in another's response.
#[test]
fn a_ciphertext_swapped_between_two_signed_responses_is_refused() {
    let mut other = spec().with_ids("_r2", "_a2");
    if let Some(name_id) = &mut other.name_id {
        name_id.value = "admin@acme.example".to_owned();
    }
    for sign in [Sign::Response, Sign::Both] {
        let mine =
            String::from_utf8(respond(&spec().signed(sign).encrypted(encryption()))).unwrap();
        let theirs =
            String::from_utf8(respond(&other.clone().signed(sign).encrypted(encryption())))
                .unwrap();
        let part = |text: &str, name: &str| {
            let start = text.find(&format!("<{name}")).unwrap();
            let end = text.find(&format!("</{name}>")).unwrap();
            text[start..end].to_owned()
        };
        for name in ["saml:EncryptedAssertion", "xenc:EncryptedKey"] {
            let swapped = mine.replace(&part(&mine, name), &part(&theirs, name));
            assert_ne!(swapped, mine);
            refused_as(
                ResponseSignatureInvalid,
                verify(&decrypting_sp(), swapped.as_bytes()),
            );
        }
    }
}

#[test]
fn a_broken_signature_inside_the_ciphertext_is_refused() {
    let signed = assertion(&spec());
    let broken = signed.replacen("ward-7", "ward-8", 1);
    let xml = with_plaintext(&encryption(), broken.as_bytes());
    refused_as(AssertionSignatureInvalid, verify(&decrypting_sp(), &xml));
    let stranger = TestIdp::with_key(IDP, KeyChoice::Stranger).respond(&spec());
    let stranger = String::from_utf8(stranger).unwrap();
    let start = stranger.find("<ds:Signature").unwrap();
    let end = stranger.find("</ds:Signature>").unwrap();
    let (own_start, own_end) = (
        signed.find("<ds:Signature").unwrap(),
        signed.find("</ds:Signature>").unwrap(),
    );
    let foreign = signed.replace(&signed[own_start..own_end], &stranger[start..end]);
    let xml = with_plaintext(&encryption(), foreign.as_bytes());
    refused_as(AssertionSignatureInvalid, verify(&decrypting_sp(), &xml));
}

#[test]
fn the_part_that_was_named_has_to_be_signed() {
    let by_assertion = decrypting_sp().with_signed_part(SignedPart::Assertion);
    let by_response = decrypting_sp().with_signed_part(SignedPart::Response);
    let spec = spec().encrypted(encryption());
    let signed = |sign| spec.clone().signed(sign);
    spec_refused_as(Unsigned, &by_assertion, &signed(Sign::Response));
    spec_refused_as(CiphertextUnsigned, &by_assertion, &signed(Sign::Assertion));
    spec_refused_as(Unsigned, &by_response, &signed(Sign::Assertion));
    spec_refused_as(
        Unsigned,
        &by_response.clone().insecure_decrypt_unsigned_response(),
        &signed(Sign::Assertion),
    );
    spec_refused_as(Unsigned, &ad_fs_sp(), &signed(Sign::None));
    accepted(&by_response, &signed(Sign::Both));
}

/// The opt-in lets in what is not signed outside, never what is signed wrongly.
#[test]
fn a_broken_signature_around_the_ciphertext_is_refused_under_the_opt_in_too() {
    let xml = respond(&spec().signed(Sign::Both).encrypted(encryption()));
    let broken = String::from_utf8(xml)
        .unwrap()
        .replacen("<samlp:Status>", "<samlp:Status> ", 1);
    refused_as(
        ResponseSignatureInvalid,
        verify(&ad_fs_sp(), broken.as_bytes()),
    );
}

#[test]
fn cbc_outside_a_verified_signature_is_refused() {
    for cipher in [
        ContentCipher::Aes128Cbc,
        ContentCipher::Aes192Cbc,
        ContentCipher::Aes256Cbc,
    ] {
        let spec = spec().encrypted(encryption().with_cipher(cipher));
        spec_refused_as(EncryptionAlgorithmNotAllowed, &ad_fs_sp(), &spec);
        accepted(&ad_fs_sp(), &spec.signed(Sign::Both));
    }
}

// What may stand in a plaintext.

#[test]
fn an_encrypted_assertion_stands_alone() {
    let both = |xml: &str| {
        let mut spec = spec().signed(Sign::Response).encrypted(encryption());
        spec.response_xml = xml.to_owned();
        respond(&spec)
    };
    let another = encryption().encrypt_into("saml:EncryptedAssertion", b"<a/>");
    for xml in [
        "<saml:Assertion/>",
        "<saml:EncryptedAssertion/>",
        another.as_str(),
    ] {
        refused_as(SeveralAssertions, verify(&decrypting_sp(), &both(xml)));
    }
}

#[test]
fn a_plaintext_is_one_element_and_nothing_beside_it() {
    let good = assertion(&spec().signed(Sign::None));
    verify(
        &decrypting_sp(),
        &with_plaintext(&encryption(), good.as_bytes()),
    )
    .unwrap();
    let wrapped = format!("<?xml version=\"1.0\"?>{good}");
    let doctype = format!("<!DOCTYPE a>{good}");
    let entity = good.replacen(NURSE, "&nurse;", 1);
    let cut = &good[..good.len() - 1];
    let with_twin = format!("{good}{good}");
    let (in_front, behind) = (format!("x{good}"), format!("{good}x"));
    let spaces = [format!(" {good}"), format!("{good}\n")];
    let comments = [format!("<!---->{good}"), format!("{good}<!---->")];
    let instruction = format!("{good}<?a?>");
    let mark = format!("\u{FEFF}{good}");
    // Nothing is missing here that would have to be declared behind the mark.
    let whole = mark.replacen(
        "<saml:Assertion ",
        "<saml:Assertion xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ",
        1,
    );
    for plaintext in [
        "",
        " ",
        "text",
        "</a>",
        "<a",
        &wrapped,
        &doctype,
        &entity,
        cut,
        &with_twin,
        &in_front,
        &behind,
        &spaces[0],
        &spaces[1],
        &comments[0],
        &comments[1],
        &instruction,
        &mark,
        &whole,
    ] {
        refused_as(
            DecryptionFailed,
            verify(
                &decrypting_sp(),
                &with_plaintext(&encryption(), plaintext.as_bytes()),
            ),
        );
    }
    let not_utf8 = with_plaintext(&encryption(), b"<a>\xFF</a>");
    refused_as(DecryptionFailed, verify(&decrypting_sp(), &not_utf8));
}

/// Text that would close what surrounds it if it were pasted there.
#[test]
fn a_plaintext_can_not_break_out_of_where_it_stands() {
    let good = assertion(&spec().signed(Sign::None));
    for plaintext in [
        format!("</saml:EncryptedAssertion>{good}<saml:EncryptedAssertion>"),
        format!("<a></a></a>{good}<a>"),
        format!("<a xmlns:saml='x\"/>{good}<b c='' />"),
    ] {
        refused_as(
            DecryptionFailed,
            verify(
                &decrypting_sp(),
                &with_plaintext(&encryption(), plaintext.as_bytes()),
            ),
        );
    }
}

#[test]
fn what_is_no_assertion_is_refused() {
    let response = respond(&spec().with_ids("_r2", "_a2"));
    let encrypted = encryption().encrypt_into("saml:EncryptedAssertion", b"<a/>");
    for plaintext in [
        response.as_slice(),
        encrypted.as_bytes(),
        b"<saml:NameID>nurse</saml:NameID>",
        b"<Assertion/>",
        b"<a xmlns='urn:oasis:names:tc:SAML:2.0:assertion'/>",
    ] {
        let xml = with_plaintext(&encryption(), plaintext);
        refused_as(NoAssertion, verify(&decrypting_sp(), &xml));
    }
}

#[test]
fn what_is_no_identifier_or_attribute_is_refused() {
    let with = |change: &dyn Fn(&mut ResponseSpec)| {
        let mut spec = spec();
        change(&mut spec);
        verify(&decrypting_sp(), &respond(&spec))
    };
    let holds = |plaintext: &[u8]| encryption().encrypt_into("saml:EncryptedID", plaintext);
    for plaintext in [
        &b"<saml:Attribute Name='a'/>"[..],
        b"<NameID>nurse</NameID>",
        b"<saml:NameID></saml:NameID>",
    ] {
        let identifier = with(&|spec| {
            spec.name_id = None;
            spec.subject_xml = holds(plaintext);
        });
        refused_as(NameIdMissing, identifier);
    }
    let both = with(&|spec| spec.subject_xml = holds(b"<saml:NameID>nurse</saml:NameID>"));
    refused_as(MalformedAssertion, both);
    let attribute = with(&|spec| {
        let holder =
            encryption().encrypt_into("saml:EncryptedAttribute", b"<saml:NameID>a</saml:NameID>");
        spec.assertion_xml = format!("<saml:AttributeStatement>{holder}</saml:AttributeStatement>");
    });
    refused_as(MalformedAssertion, attribute);
}

#[test]
fn an_id_that_is_used_outside_the_ciphertext_too_is_refused() {
    let plaintext = assertion(&spec().signed(Sign::None)).replacen(&spec().assertion_id, &id(), 1);
    let xml = with_plaintext(&encryption(), plaintext.as_bytes());
    refused_as(DuplicateId, verify(&decrypting_sp(), &xml));

    // In a ciphertext within a ciphertext.
    let mut nested = spec().signed(Sign::Response).encrypted(encryption());
    let attribute = format!(
        "<saml:Attribute Name='a'><saml:AttributeValue><a ID='{}'/></saml:AttributeValue></saml:Attribute>",
        id()
    );
    nested.assertion_xml = format!(
        "<saml:AttributeStatement>{}</saml:AttributeStatement>",
        encryption().encrypt_into("saml:EncryptedAttribute", attribute.as_bytes())
    );
    spec_refused_as(DuplicateId, &decrypting_sp(), &nested);

    // Between two ciphertexts.
    let holder = |seed| {
        let encryption = encryption_with(|encryption| encryption.seed = seed);
        let attribute = b"<saml:Attribute Name='a'><saml:AttributeValue><a ID='_1'/></saml:AttributeValue></saml:Attribute>";
        encryption.encrypt_into("saml:EncryptedAttribute", attribute)
    };
    let mut spec = spec();
    spec.assertion_xml = format!(
        "<saml:AttributeStatement>{}{}</saml:AttributeStatement>",
        holder(1),
        holder(2)
    );
    spec_refused_as(DuplicateId, &decrypting_sp(), &spec);
}

#[test]
fn the_rules_for_assertions_hold_for_decrypted_ones() {
    let encrypted = |change: &dyn Fn(&mut ResponseSpec)| {
        let mut spec = spec().signed(Sign::Both).encrypted(encryption());
        change(&mut spec);
        spec
    };
    let sp = decrypting_sp();
    let audience = encrypted(&|spec| {
        spec.conditions.as_mut().unwrap().audiences = vec![vec!["https://x.example".to_owned()]];
    });
    spec_refused_as(AudienceMismatch, &sp, &audience);
    let recipient = encrypted(&|spec| spec.confirmations[0].recipient = None);
    spec_refused_as(RecipientMismatch, &sp, &recipient);
    let late = encrypted(&|spec| {
        spec.confirmations[0].not_on_or_after =
            Some(now().saturating_sub(std::time::Duration::from_secs(600)));
    });
    spec_refused_as(Expired, &sp, &late);
    let destination = encrypted(&|spec| spec.destination = Some("https://x.example".to_owned()));
    spec_refused_as(DestinationMismatch, &sp, &destination);
}

/// Each is an operation of the private key: what counts is how many there are in the message, not
/// how they are spread.
#[test]
fn many_encrypted_keys_are_too_many() {
    let with = |elements, keys_of_each| {
        let attribute = |seed| {
            let encryption = encryption_with(|encryption| {
                let other = (keys::OTHER_RSA_2048_CERTIFICATE.to_vec(), None);
                encryption.recipients.resize(keys_of_each, other);
                encryption.seed = seed;
            });
            encryption.encrypt_into("saml:EncryptedAttribute", b"<saml:Attribute Name='a'/>")
        };
        let mut spec = spec();
        let holders: String = (0..elements).map(attribute).collect();
        spec.assertion_xml =
            format!("<saml:AttributeStatement>{holders}</saml:AttributeStatement>");
        spec
    };
    for (elements, keys_of_each) in [(64, 1), (4, 16)] {
        accepted(&decrypting_sp(), &with(elements, keys_of_each));
        let one_more = with(elements + 1, keys_of_each);
        spec_refused_as(TooLarge, &decrypting_sp(), &one_more);
    }
}

#[test]
fn limits_hold_inside_the_ciphertext() {
    let deep = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    for (depth, expected) in [(64, NoAssertion), (65, DecryptionFailed)] {
        let xml = with_plaintext(&encryption(), deep(depth).as_bytes());
        refused_as(expected, verify(&decrypting_sp(), &xml));
    }
}

// The oracle.

/// Every failure after the first use of a key reads the same, whatever was wrong.
#[test]
fn every_failed_decryption_is_the_same_rejection() {
    let good = assertion(&spec().signed(Sign::None));
    let mut responses = Vec::new();
    for cipher in ContentCipher::ALL {
        let with = |change: &dyn Fn(&mut Encryption)| {
            encryption_with(|encryption| {
                encryption.cipher = cipher;
                change(encryption);
            })
        };
        // Not one element.
        for plaintext in ["", "x", "<a>", "<a/><a/>", "<!DOCTYPE a><a/>"] {
            responses.push(with_plaintext(&with(&|_| {}), plaintext.as_bytes()));
        }
        // Another's key; none at all; one for another algorithm.
        let stranger = with(&|encryption| {
            encryption.recipients = vec![(keys::OTHER_RSA_2048_CERTIFICATE.to_vec(), None)];
        });
        responses.push(with_plaintext(&stranger, good.as_bytes()));
        let other_length = with(&|encryption| {
            let other = match encryption.cipher.key_len_bytes() {
                16 => ContentCipher::Aes256Gcm,
                _ => ContentCipher::Aes128Gcm,
            };
            encryption.claimed_cipher = Some(other.uri().to_owned());
        });
        responses.push(with_plaintext(&other_length, good.as_bytes()));
        // A padding of no length, of more than a block, and one that leaves a bit of the element.
        for octet in [0, 1, 17, 255] {
            let padding = with(&|encryption| encryption.padding_octet = Some(octet));
            if !cipher.is_authenticated() {
                responses.push(with_plaintext(&padding, good.as_bytes()));
            }
        }
        // Each octet of key and ciphertext changed, and each cut off.
        let xml = String::from_utf8(respond(&spec().signed(Sign::None).encrypted(with(&|_| {}))))
            .unwrap();
        for (number, value) in xml.split("<xenc:CipherValue>").skip(1).enumerate() {
            let value = value.split_once("</xenc:CipherValue>").unwrap().0;
            let bytes = STANDARD.decode(value).unwrap();
            let mut changed = Vec::new();
            for at in [0, 12, 16, bytes.len() - 17, bytes.len() - 1] {
                let mut flipped = bytes.clone();
                flipped[at] ^= 0x80;
                // In CBC a changed octet of the first blocks stays within the element's text.
                if cipher.is_authenticated() || number == 0 {
                    changed.push(flipped);
                }
            }
            for len in [
                0,
                1,
                11,
                12,
                15,
                16,
                27,
                28,
                bytes.len() - 1,
                bytes.len() - 16,
            ] {
                changed.push(bytes[..len].to_vec());
            }
            for bytes in changed {
                let swapped = xml.replace(value, &STANDARD.encode(bytes));
                responses.push(test_idp().sign(swapped.as_bytes(), &id()));
            }
        }
    }
    let sp = decrypting_sp();
    let expected = refusal(&sp, &responses[0]);
    assert_eq!(expected.reject_code(), DecryptionFailed);
    assert_eq!(
        expected.to_string(),
        "the EncryptedAssertion is refused: decryption failed"
    );
    assert!(responses.len() > 100);
    for response in responses {
        assert_eq!(refusal(&sp, &response), expected);
    }
}

/// With AES-GCM alone, as nothing else is decrypted there.
#[test]
fn every_failed_decryption_without_a_signature_is_the_same_rejection() {
    let xml = |encryption| {
        let spec = spec().signed(Sign::Assertion).encrypted(encryption);
        String::from_utf8(respond(&spec)).unwrap()
    };
    let good = xml(encryption());
    verify(&ad_fs_sp(), good.as_bytes()).unwrap();
    let mut responses = vec![xml(encryption_with(|encryption| {
        encryption.recipients = vec![(keys::OTHER_RSA_2048_CERTIFICATE.to_vec(), None)];
    }))];
    for value in good.split("<xenc:CipherValue>").skip(1) {
        let value = value.split_once("</xenc:CipherValue>").unwrap().0;
        let bytes = STANDARD.decode(value).unwrap();
        for at in [0, 12, bytes.len() - 17, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x80;
            responses.push(good.replace(value, &STANDARD.encode(flipped)));
        }
    }
    for plaintext in ["", "x", "<a>", "<a/><a/>"] {
        let holder = encryption().encrypt_into("saml:EncryptedAssertion", plaintext.as_bytes());
        let unsigned = String::from_utf8(respond(&spec().signed(Sign::None))).unwrap();
        responses.push(replace_assertion(&unsigned, &holder));
    }
    let expected = refusal(&ad_fs_sp(), responses[0].as_bytes());
    assert_eq!(expected.reject_code(), DecryptionFailed);
    for response in responses {
        assert_eq!(refusal(&ad_fs_sp(), response.as_bytes()), expected);
    }
}

/// Whoever can write around a ciphertext could else ask, ID by ID, which ones stand inside.
#[test]
fn an_id_that_a_stranger_writes_around_the_ciphertext_tells_nothing() {
    let inside = spec().signed(Sign::Assertion).encrypted(encryption());
    let mut beside = spec().signed(Sign::Assertion);
    let attribute = b"<saml:Attribute Name='a'><saml:AttributeValue><a ID='_inside'/></saml:AttributeValue></saml:Attribute>";
    beside.assertion_xml = format!(
        "<saml:AttributeStatement>{}</saml:AttributeStatement>",
        encryption().encrypt_into("saml:EncryptedAttribute", attribute)
    );
    for (sp, spec, inside) in [
        (ad_fs_sp(), &inside, inside.assertion_id.as_str()),
        (decrypting_sp(), &beside, "_inside"),
    ] {
        let xml = String::from_utf8(respond(spec)).unwrap();
        for guess in [inside, "_nowhere"] {
            let extensions =
                format!("<samlp:Extensions><a ID=\"{guess}\"/></samlp:Extensions><samlp:Status>");
            let asked = xml.replacen("<samlp:Status>", &extensions, 1);
            assert_ne!(asked, xml);
            verify(&sp, asked.as_bytes()).unwrap();
        }
    }
}

/// A key that has had its day may be anybody's: with CBC its holder would read what others
/// encrypted out of the difference between two refusals.
#[test]
fn a_key_outside_its_validity_has_nothing_decrypted() {
    let before_2020 = support::at("2019-12-30T00:00:00Z");
    let spec = || {
        ResponseSpec::new(support::SP, support::ACS, NURSE, before_2020)
            .with_attribute("groups", ["ward-7"])
    };
    let verify = |spec: &ResponseSpec, sp: ServiceProvider| {
        let xml = respond(spec);
        support::verify_for(&sp, &support::idp(), &xml, Expect::Unsolicited, before_2020)
    };
    for readable in [true, false] {
        let encryption = encryption_with(|encryption| {
            encryption.cipher = ContentCipher::Aes128Cbc;
            if !readable {
                encryption.recipients = vec![(keys::OTHER_RSA_2048_CERTIFICATE.to_vec(), None)];
            }
        });
        for spec in [
            spec().signed(Sign::Response).encrypted(encryption.clone()),
            spec().with_encrypted_name_id(encryption.clone()),
            spec().with_encrypted_attributes(encryption.clone()),
        ] {
            refused_as(KeyOutsideValidity, verify(&spec, decrypting_sp()));
            let lenient = verify(&spec, decrypting_sp().insecure_expired_certificates());
            assert_eq!(lenient.is_ok(), readable);
        }
    }
}

/// A tag of fewer than 16 octets would be guessed: what is cut off is never checked in part.
#[test]
fn a_short_tag_is_refused() {
    let xml =
        String::from_utf8(respond(&spec().signed(Sign::None).encrypted(encryption()))).unwrap();
    let value = xml.rsplit_once("<xenc:CipherValue>").unwrap().1;
    let value = value.split_once("</xenc:CipherValue>").unwrap().0;
    let bytes = STANDARD.decode(value).unwrap();
    for tag_bytes in [15, 12, 8, 4, 1, 0] {
        let short = &bytes[..bytes.len() - 16 + tag_bytes];
        let cut = xml.replace(value, &STANDARD.encode(short));
        let signed = test_idp().sign(cut.as_bytes(), &id());
        refused_as(DecryptionFailed, verify(&decrypting_sp(), &signed));
    }
}
