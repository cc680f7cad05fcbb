//! Messages that nothing proves.

use super::*;

#[test]
fn unsigned() {
    spec_refused_as(RejectCode::Unsigned, &spec().signed(Sign::None));
}

#[test]
fn unsigned_is_also_what_lacks_the_signature_that_counts() {
    for (part, sign) in [
        (SignedPart::Response, Sign::Assertion),
        (SignedPart::Assertion, Sign::Response),
    ] {
        let xml = test_idp().respond(&spec().signed(sign));
        refused_as(
            RejectCode::Unsigned,
            verify(&sp().with_signed_part(part), &xml),
        );
    }
}

#[test]
fn only_the_signature_that_counts_is_looked_at() {
    let test_idp = test_idp();
    let stranger = TestIdp::with_key(IDP, KeyChoice::Stranger);
    let spec = spec().signed(Sign::None);
    let unsigned = test_idp.respond(&spec);

    let by_stranger = stranger.sign(
        &test_idp.sign(&unsigned, &spec.assertion_id),
        &spec.response_id,
    );
    refused_as(
        RejectCode::ResponseSignatureInvalid,
        verify(&sp(), &by_stranger),
    );
    let assertion_counts = sp().with_signed_part(SignedPart::Assertion);
    let identity = verify(&assertion_counts, &by_stranger).unwrap();
    assert_eq!(
        identity.evidence().signed().unwrap().signed_element,
        "Assertion"
    );

    let within = test_idp.sign(
        &stranger.sign(&unsigned, &spec.assertion_id),
        &spec.response_id,
    );
    refused_as(
        RejectCode::AssertionSignatureInvalid,
        verify(&sp(), &within),
    );
    let response_counts = sp().with_signed_part(SignedPart::Response);
    let identity = verify(&response_counts, &within).unwrap();
    assert_eq!(
        identity.evidence().signed().unwrap().signed_element,
        "Response"
    );
}

#[test]
fn response_signature_invalid() {
    let stranger = TestIdp::with_key(IDP, KeyChoice::Stranger);
    let xml = stranger.respond(&spec().signed(Sign::Response));
    refused_as(RejectCode::ResponseSignatureInvalid, verify(&sp(), &xml));
}

#[test]
fn assertion_signature_invalid() {
    let stranger = TestIdp::with_key(IDP, KeyChoice::Stranger);
    let xml = stranger.respond(&spec());
    refused_as(RejectCode::AssertionSignatureInvalid, verify(&sp(), &xml));
}

#[test]
fn algorithm_not_allowed() {
    let xml = String::from_utf8(test_idp().respond(&spec())).unwrap();
    for algorithm in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "",
    ] {
        let changed = xml.replace(
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            algorithm,
        );
        assert_ne!(changed, xml);
        refused_as(
            RejectCode::AlgorithmNotAllowed,
            verify(&sp(), changed.as_bytes()),
        );
    }
}

#[test]
fn key_too_weak() {
    let weak = VerificationKey::from_certificate_der(keys::WEAK_RSA_1024_CERTIFICATE).unwrap();
    let idp = IdentityProvider::new(IDP, vec![weak]).unwrap();
    let xml = test_idp().respond(&spec());
    let pending = PendingRequest::new(REQUEST).unwrap();
    refused_as(
        RejectCode::KeyTooWeak,
        verify_for(&sp(), &idp, &xml, Expect::Request(&pending), now()),
    );
}

#[test]
fn a_second_key_verifies_while_the_first_is_replaced() {
    let new = TestIdp::with_key(IDP, KeyChoice::P256);
    let both = vec![test_idp().verification_key(), new.verification_key()];
    let idp = IdentityProvider::new(IDP, both).unwrap();
    let pending = PendingRequest::new(REQUEST).unwrap();
    for signer in [test_idp(), new] {
        let identity = verify_for(
            &sp(),
            &idp,
            &signer.respond(&spec()),
            Expect::Request(&pending),
            now(),
        )
        .unwrap();
        assert_eq!(
            Some(identity.evidence().signed().unwrap().certificate_sha256),
            signer.verification_key().certificate_sha256()
        );
    }
}

#[test]
fn key_outside_validity() {
    let before_2020 = support::at("2019-12-30T00:00:00Z");
    let spec = ResponseSpec::new(SP, ACS, NURSE, before_2020);
    let xml = test_idp().respond(&spec);
    let at_that_time = |sp| verify_for(&sp, &idp(), &xml, Expect::Unsolicited, before_2020);
    refused_as(RejectCode::KeyOutsideValidity, at_that_time(sp()));
    assert!(at_that_time(sp().insecure_expired_certificates()).is_ok());
}

#[test]
fn metadata_expired() {
    let metadata = test_idp().metadata().replace(
        " entityID=",
        r#" validUntil="2026-03-01T09:30:00Z" entityID="#,
    );
    let idp = IdentityProvider::from_metadata(metadata.as_bytes()).unwrap();
    let pending = PendingRequest::new(REQUEST).unwrap();
    let xml = test_idp().respond(&spec());
    let verify_at = |now| verify_for(&sp(), &idp, &xml, Expect::Request(&pending), now);
    refused_as(RejectCode::MetadataExpired, verify_at(now()));
    assert!(verify_at(now().saturating_sub(SECOND)).is_ok());
}

#[test]
fn ciphertext_unsigned() {
    let spec = with(|spec| spec.encrypt = Some(encryption()));
    for sign in [Sign::Assertion, Sign::None] {
        refused_as(
            RejectCode::CiphertextUnsigned,
            verify(
                &decrypting_sp(),
                &test_idp().respond(&spec.clone().signed(sign)),
            ),
        );
    }
}

#[test]
fn encryption_algorithm_not_allowed() {
    let xmlenc = "http://www.w3.org/2001/04/xmlenc#";
    let triple_des = encryption_with(|encryption| {
        encryption.claimed_cipher = Some(format!("{xmlenc}tripledes-cbc"))
    });
    for encryption in [triple_des, encryption().with_transport(KeyTransport::Pkcs1)] {
        let spec = with(|spec| spec.encrypt = Some(encryption)).signed(Sign::Response);
        refused_as(
            RejectCode::EncryptionAlgorithmNotAllowed,
            verify(&decrypting_sp(), &test_idp().respond(&spec)),
        );
    }
}

#[test]
fn decryption_failed() {
    let for_a_stranger = Encryption::for_certificate(keys::OTHER_RSA_2048_CERTIFICATE);
    let spec = with(|spec| spec.encrypt = Some(for_a_stranger)).signed(Sign::Response);
    refused_as(
        RejectCode::DecryptionFailed,
        verify(&decrypting_sp(), &test_idp().respond(&spec)),
    );
}
