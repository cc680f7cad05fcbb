//! Decryption never authenticates: what stands in a ciphertext is trusted for its signatures only.

use super::*;

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
