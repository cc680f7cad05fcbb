//! One test for each attack: a response that is accepted, and what an attacker makes of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use countersign_saml::RejectCode::{
    AssertionSignatureInvalid, DoctypeForbidden, DuplicateId, InResponseToMismatch, IssuerMismatch,
    MalformedXml, NotAResponse, ResponseSignatureInvalid, SeveralAssertions, Unsigned,
};
use countersign_saml::{IdentityProvider, RejectCode, SignedPart};
use countersign_testkit::attacks::{ATTACKER, Victim};
use countersign_testkit::idp::{KeyChoice, Sign, TestIdp};
use support::{IDP, NURSE, refused_as, sp, spec, test_idp, verify};

/// The victim: accepted as it is, and accepted when it is put together again.
fn victim(sign: Sign) -> Victim {
    let xml = test_idp().respond(&spec().signed(sign));
    assert!(verify(&sp(), &xml).is_ok());
    Victim::of(&xml)
}

#[track_caller]
fn is_refused(code: RejectCode, xml: &[u8]) {
    assert!(
        String::from_utf8_lossy(xml).contains(ATTACKER),
        "the attack did not change the name"
    );
    refused_as(code, verify(&sp(), xml));
}

/// The attack went nowhere: the response is accepted, and still about the nurse alone.
#[track_caller]
fn changes_nothing(xml: &[u8]) {
    let genuine = test_idp().respond(&spec());
    let claims = |xml| verify(&sp(), xml).unwrap().claims().clone();
    assert_eq!(claims(xml), claims(&genuine));
}

// Signature wrapping. What excludes it: the signature is found by an absolute path, its reference
// names its own parent, and claims are read from the digested bytes.

#[test]
fn xsw1_original_response_within_the_signature() {
    is_refused(ResponseSignatureInvalid, &victim(Sign::Response).xsw1());
}

#[test]
fn xsw2_original_response_beside_the_signature() {
    is_refused(ResponseSignatureInvalid, &victim(Sign::Response).xsw2());
}

#[test]
fn xsw3_forged_assertion_in_front() {
    is_refused(SeveralAssertions, &victim(Sign::Assertion).xsw3());
}

#[test]
fn xsw4_forged_assertion_around() {
    is_refused(Unsigned, &victim(Sign::Assertion).xsw4());
}

#[test]
fn xsw5_forged_assertion_with_the_signature() {
    is_refused(SeveralAssertions, &victim(Sign::Assertion).xsw5());
}

#[test]
fn xsw6_original_assertion_within_the_signature() {
    is_refused(AssertionSignatureInvalid, &victim(Sign::Assertion).xsw6());
}

#[test]
fn xsw7_forged_assertion_of_the_same_id_in_extensions() {
    is_refused(DuplicateId, &victim(Sign::Assertion).xsw7());
}

#[test]
fn xsw7_forged_assertion_of_another_id_in_extensions_is_never_read() {
    changes_nothing(&victim(Sign::Assertion).xsw7_with_another_id());
}

#[test]
fn xsw8_original_assertion_within_an_object() {
    is_refused(AssertionSignatureInvalid, &victim(Sign::Assertion).xsw8());
}

#[test]
fn xsw9_original_within_a_signature_that_signs_nothing() {
    is_refused(AssertionSignatureInvalid, &victim(Sign::Assertion).xsw9());
}

#[test]
fn forged_sibling_behind() {
    is_refused(SeveralAssertions, &victim(Sign::Assertion).sibling_behind());
}

#[test]
fn forged_sibling_of_a_hidden_original() {
    is_refused(
        Unsigned,
        &victim(Sign::Assertion).sibling_of_a_hidden_original(),
    );
}

#[test]
fn original_as_advice_of_a_forgery() {
    is_refused(Unsigned, &victim(Sign::Assertion).original_as_advice());
}

#[test]
fn the_same_id_twice() {
    is_refused(DuplicateId, &victim(Sign::Assertion).same_id_twice());
}

#[test]
fn wrapping_does_not_get_in_where_the_host_chose_the_signature() {
    for (part, sign) in [
        (SignedPart::Assertion, Sign::Both),
        (SignedPart::Response, Sign::Both),
    ] {
        let victim = victim(sign);
        let sp = sp().with_signed_part(part);
        for attack in [
            victim.xsw1(),
            victim.xsw2(),
            victim.xsw3(),
            victim.xsw4(),
            victim.xsw5(),
            victim.xsw6(),
            victim.xsw7(),
            victim.xsw8(),
            victim.sibling_behind(),
            victim.original_as_advice(),
        ] {
            assert!(verify(&sp, &attack).is_err());
        }
    }
}

// Signatures.

#[test]
fn stripped_signature() {
    is_refused(Unsigned, &victim(Sign::Both).stripped());
}

#[test]
fn renamed_under_the_signature_of_the_assertion() {
    is_refused(
        AssertionSignatureInvalid,
        &victim(Sign::Assertion).renamed(),
    );
}

#[test]
fn renamed_under_the_signature_of_the_response() {
    let xml = test_idp().respond(&spec().signed(Sign::Response));
    let renamed = String::from_utf8(xml).unwrap().replace(NURSE, ATTACKER);
    is_refused(ResponseSignatureInvalid, renamed.as_bytes());
}

#[test]
fn signature_twice() {
    let xml = victim(Sign::Assertion).signature_twice();
    refused_as(AssertionSignatureInvalid, verify(&sp(), &xml));
}

#[test]
fn key_of_the_message_itself() {
    let stranger = TestIdp::with_key(IDP, KeyChoice::Stranger);
    let mut spec = spec();
    spec.name_id.as_mut().unwrap().value = ATTACKER.to_owned();
    // The stranger's certificate is in KeyInfo, where it convinces nobody.
    is_refused(AssertionSignatureInvalid, &stranger.respond(&spec));
}

#[test]
fn signature_of_metadata_does_not_sign_a_login() {
    let idp = test_idp();
    let metadata = idp
        .metadata()
        .replace(" entityID=", r#" ID="_m" entityID="#);
    let signed = idp.sign(metadata.as_bytes(), "_m");
    refused_as(NotAResponse, verify(&sp(), &signed));
}

#[test]
fn response_of_another_identity_provider() {
    let other = TestIdp::new("https://other.example/metadata");
    refused_as(IssuerMismatch, verify(&sp(), &other.respond(&spec())));

    // It says that it is ours, but its key is not ours.
    let liar = TestIdp::with_key(IDP, KeyChoice::P256);
    refused_as(
        AssertionSignatureInvalid,
        verify(&sp(), &liar.respond(&spec())),
    );
}

#[test]
fn answer_to_the_request_of_another_browser() {
    let xml = test_idp().respond(&spec().answering("_request-of-another-browser"));
    refused_as(InResponseToMismatch, verify(&sp(), &xml));
}

#[test]
fn an_identity_provider_without_keys_is_not_made() {
    assert!(IdentityProvider::new(IDP, Vec::new()).is_err());
}

// Text.

#[test]
fn comment_in_name() {
    changes_nothing(&victim(Sign::Assertion).comment_in_name());
}

#[test]
fn cdata_in_name() {
    changes_nothing(&victim(Sign::Assertion).cdata_in_name());
}

#[test]
fn processing_instruction_in_name() {
    let xml = victim(Sign::Assertion).instruction_in_name();
    refused_as(MalformedXml, verify(&sp(), &xml));
}

#[test]
fn entity_in_name() {
    is_refused(DoctypeForbidden, &victim(Sign::Assertion).entity_in_name());
}

#[test]
fn entity_expansion() {
    let mut bomb = String::from(r#"<!DOCTYPE r [<!ENTITY a0 "lol">"#);
    for n in 1..20 {
        bomb.push_str(&format!(r#"<!ENTITY a{n} "&a{};&a{};">"#, n - 1, n - 1));
    }
    bomb.push_str("]><r>&a19;</r>");
    refused_as(DoctypeForbidden, verify(&sp(), bomb.as_bytes()));
}

#[test]
fn issuer_with_a_suffix_a_prefix_or_another_case() {
    for entity_id in [
        "https://idp.example/metadata/",
        "https://idp.example/metadata\u{0020}",
        "HTTPS://idp.example/metadata",
        "https://idp.example",
    ] {
        let xml = TestIdp::new(entity_id).respond(&spec());
        refused_as(IssuerMismatch, verify(&sp(), &xml));
    }
}
