//! One test for each rule: a response that is accepted, with one thing changed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod support;

use std::time::Duration;

use countersign_core::{AttributeValue, NameId, Timestamp};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::xml::Limits;
use countersign_saml::{
    Culprit, Expect, IdentityProvider, Inbound, PendingRequest, RejectCode, SignedPart,
};
use countersign_testkit::idp::{Issuer, KeyChoice, ResponseSpec, Sign, TestIdp};
use countersign_testkit::keys;
use support::{
    ACS, IDP, NURSE, REQUEST, SP, idp, now, refused_as, sp, spec, spec_refused_as, test_idp,
    verify, verify_for,
};

const SECOND: Duration = Duration::from_secs(1);
/// More than the default skew.
const FAR: Duration = Duration::from_secs(3600);
/// Just within the default skew.
const SKEW: Duration = Duration::from_secs(59);

fn with(change: impl FnOnce(&mut ResponseSpec)) -> ResponseSpec {
    let mut spec = spec();
    change(&mut spec);
    spec
}

fn accepted(spec: &ResponseSpec) -> countersign_core::VerifiedIdentity {
    verify(&sp(), &test_idp().respond(spec)).unwrap()
}

// What is accepted, and what comes out.

#[test]
fn claims_come_out_as_they_were_sent() {
    let spec = with(|spec| {
        spec.name_id = Some(NameId {
            value: " Nurse@Acme.example\n".to_owned(),
            format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
            name_qualifier: Some("q".to_owned()),
            sp_name_qualifier: Some("spq".to_owned()),
        });
        spec.attributes[0].friendly_name = Some("Groups".to_owned());
        spec.attributes[0].values.push(AttributeValue::Nil);
        spec.attributes[0]
            .values
            .push(AttributeValue::Text(String::new()));
        spec.attributes[0].values.push(AttributeValue::Structured {
            xml: r#"<e xmlns="urn:x">deep</e>"#.to_owned(),
        });
        spec.attributes.push(spec.attributes[0].clone());
        spec.authentication
            .as_mut()
            .unwrap()
            .session_not_on_or_after = Some(now().saturating_add(FAR));
    });
    let identity = accepted(&spec);
    let claims = identity.claims();
    assert_eq!(claims.issuer, IDP);
    assert_eq!(Some(&claims.name_id), spec.name_id.as_ref());
    assert_eq!(claims.attributes, spec.attributes);
    let authentication = spec.authentication.unwrap();
    assert_eq!(claims.session_index, authentication.session_index);
    assert_eq!(
        claims.session_not_on_or_after,
        authentication.session_not_on_or_after
    );
    assert_eq!(claims.authn_instant, Some(authentication.instant));
    assert_eq!(claims.authn_context, authentication.context);

    let evidence = identity.evidence();
    assert_eq!(evidence.signed_element, "Assertion");
    assert_eq!(evidence.assertion_id, spec.assertion_id);
    assert_eq!(
        Some(evidence.certificate_sha256),
        test_idp().verification_key().certificate_sha256()
    );
    assert_eq!(
        evidence.signature_algorithm,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    );
    assert!(evidence.signed_bytes.starts_with(b"<saml:Assertion "));
}

#[test]
fn an_assertion_without_attributes_or_authentication_is_accepted() {
    let identity = accepted(&with(|spec| {
        spec.attributes.clear();
        spec.authentication = None;
    }));
    assert_eq!(identity.claims().attributes, []);
    assert_eq!(identity.claims().authn_instant, None);
}

#[test]
fn every_key_and_every_signed_part_is_accepted() {
    for key in [
        KeyChoice::Rsa,
        KeyChoice::RsaPss,
        KeyChoice::P256,
        KeyChoice::P384,
        KeyChoice::Ed25519,
    ] {
        let test_idp = TestIdp::with_key(IDP, key);
        let idp = IdentityProvider::from_metadata(test_idp.metadata().as_bytes()).unwrap();
        let pending = PendingRequest::new(REQUEST).unwrap();
        for (sign, signed_element) in [
            (Sign::Assertion, "Assertion"),
            (Sign::Response, "Response"),
            (Sign::Both, "Response"),
        ] {
            let xml = test_idp.respond(&spec().signed(sign));
            let identity = verify_for(&sp(), &idp, &xml, Expect::Request(&pending), now());
            let identity = identity.unwrap_or_else(|error| panic!("{key:?} {sign:?}: {error}"));
            assert_eq!(identity.evidence().signed_element, signed_element);
            assert_eq!(identity.claims().name_id.value, NURSE);
        }
    }
}

#[test]
fn a_form_value_is_accepted_in_wrapped_lines() {
    let form_value: Vec<u8> = test_idp()
        .post(&spec())
        .as_bytes()
        .chunks(76)
        .flat_map(|line| [line, b"\r\n"].concat())
        .collect();
    let pending = PendingRequest::new(REQUEST).unwrap();
    let verified = countersign_saml::verify(
        &sp(),
        &idp(),
        Inbound::Post(&form_value),
        Expect::Request(&pending),
        now(),
    );
    assert!(verified.is_ok());
}

#[test]
fn an_unsolicited_response_is_accepted_where_one_is_expected() {
    let xml = test_idp().respond(&ResponseSpec::new(SP, ACS, NURSE, now()));
    assert!(verify_for(&sp(), &idp(), &xml, Expect::Unsolicited, now()).is_ok());
}

#[test]
fn conditions_that_take_nothing_away_are_accepted() {
    accepted(&with(|spec| {
        let conditions = spec.conditions.as_mut().unwrap();
        conditions.xml = r#"<saml:OneTimeUse/><saml:ProxyRestriction Count="0"/>"#.to_owned();
        conditions.audiences = vec![
            vec!["https://other.example".to_owned(), SP.to_owned()],
            vec![SP.to_owned()],
        ];
    }));
}

#[test]
fn clocks_that_differ_by_less_than_the_skew_are_accepted() {
    let xml = test_idp().respond(&spec());
    let pending = PendingRequest::new(REQUEST).unwrap();
    let end = now().saturating_add(Duration::from_secs(300));
    for (now, accepted) in [
        (now().saturating_sub(SKEW), true),
        (now().saturating_sub(SKEW + 2 * SECOND), false),
        (end.saturating_add(SKEW), true),
        (end.saturating_add(SKEW + 2 * SECOND), false),
    ] {
        let result = verify_for(&sp(), &idp(), &xml, Expect::Request(&pending), now);
        assert_eq!(result.is_ok(), accepted, "{now}");
    }
    let strict = sp().with_clock_skew(Duration::ZERO).unwrap();
    let early = verify_for(
        &strict,
        &idp(),
        &xml,
        Expect::Request(&pending),
        now().saturating_sub(SECOND),
    );
    refused_as(RejectCode::NotYetValid, early);
}

// The message.

#[test]
fn too_large() {
    let mut limits = Limits::default();
    limits.max_bytes = 2000;
    let xml = test_idp().respond(&spec());
    refused_as(
        RejectCode::TooLarge,
        verify(&sp().with_limits(limits), &xml),
    );

    let mut limits = Limits::default();
    limits.max_elements = 10;
    refused_as(
        RejectCode::TooLarge,
        verify(&sp().with_limits(limits), &xml),
    );

    let nested = "<a>".repeat(100_000);
    refused_as(RejectCode::TooLarge, verify(&sp(), nested.as_bytes()));
}

#[test]
fn malformed_base64() {
    let pending = PendingRequest::new(REQUEST).unwrap();
    let form_value = test_idp().post(&spec()).replace('=', "");
    for form_value in [
        form_value.trim_end_matches('A'),
        "%3D",
        "{}",
        "PHNhbWw+\u{0}",
    ] {
        let rejection = countersign_saml::verify(
            &sp(),
            &idp(),
            Inbound::Post(form_value.as_bytes()),
            Expect::Request(&pending),
            now(),
        )
        .unwrap_err();
        // Left without padding, a value may happen to be whole.
        let code = rejection.reject_code();
        assert!(
            matches!(code, RejectCode::MalformedBase64),
            "{form_value:.20}: {rejection}"
        );
    }
}

#[test]
fn malformed_xml() {
    for xml in [
        "",
        " ",
        "no xml",
        "<samlp:Response/>",
        "<a><b></a>",
        "<a/><b/>",
        "<a>&nbsp;</a>",
        "\u{0}",
        "<?php x ?><a/>",
    ] {
        refused_as(RejectCode::MalformedXml, verify(&sp(), xml.as_bytes()));
    }
    refused_as(RejectCode::MalformedXml, verify(&sp(), b"<a>\xff</a>"));
    let mut truncated = test_idp().respond(&spec());
    truncated.truncate(truncated.len() - 1);
    refused_as(RejectCode::MalformedXml, verify(&sp(), &truncated));
}

#[test]
fn doctype_forbidden() {
    let mut xml = b"<!DOCTYPE Response>".to_vec();
    xml.extend(test_idp().respond(&spec()));
    refused_as(RejectCode::DoctypeForbidden, verify(&sp(), &xml));
}

#[test]
fn duplicate_id() {
    for id in ["ID", "Id", "id", "xml:id"] {
        let again = format!(r#"<samlp:Extensions><a {id}="_same"/></samlp:Extensions>"#);
        spec_refused_as(
            RejectCode::DuplicateId,
            &with(|spec| spec.response_xml = again)
                .with_ids("_r", "_same")
                .signed(Sign::None),
        );
    }
}

#[test]
fn not_a_response() {
    for xml in [
        "<Response/>",
        r#"<Response xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>"#,
        r#"<LogoutResponse xmlns="urn:oasis:names:tc:SAML:2.0:protocol"/>"#,
        r#"<Response xmlns="urn:oasis:names:tc:SAML:1.0:protocol"/>"#,
    ] {
        refused_as(RejectCode::NotAResponse, verify(&sp(), xml.as_bytes()));
    }
}

#[test]
fn unsupported_version() {
    spec_refused_as(
        RejectCode::UnsupportedVersion,
        &with(|spec| spec.response_version = "1.1".to_owned()),
    );
    spec_refused_as(
        RejectCode::UnsupportedVersion,
        &with(|spec| spec.assertion_version = "2.1".to_owned()),
    );
}

#[test]
fn malformed_response() {
    spec_refused_as(
        RejectCode::MalformedResponse,
        &with(|spec| spec.response_xml = "<unknown/>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedResponse,
        &with(|spec| spec.response_xml = "<samlp:Status/>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedResponse,
        &with(|spec| spec.response_xml = "<saml:Issuer>x</saml:Issuer>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedResponse,
        &with(|spec| spec.response_id = String::new()),
    );
}

#[test]
fn malformed_assertion() {
    for xml in [
        "<unknown/>",
        "<saml:Subject/>",
        "<saml:Conditions/>",
        "<saml:Issuer>x</saml:Issuer>",
        "<saml:AttributeStatement><saml:NameID/></saml:AttributeStatement>",
        "<saml:AttributeStatement><saml:Attribute/></saml:AttributeStatement>",
        r#"<saml:AttributeStatement><saml:Attribute Name="a"><b/></saml:Attribute></saml:AttributeStatement>"#,
    ] {
        spec_refused_as(
            RejectCode::MalformedAssertion,
            &with(|spec| spec.assertion_xml = xml.to_owned()),
        );
    }
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| {
            spec.name_id = None;
            spec.subject_xml = "<saml:NameID>a<b/>c</saml:NameID>".to_owned();
        }),
    );
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| spec.subject_xml = "<saml:NameID>other</saml:NameID>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| spec.subject_xml = "<unknown/>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| {
            let conditions = spec.conditions.as_mut().unwrap();
            conditions.not_before = conditions.not_on_or_after;
        }),
    );
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| {
            spec.authentication = None;
            spec.assertion_xml = r#"<saml:AuthnStatement AuthnInstant="yesterday"/>"#.to_owned();
        }),
    );
}

#[test]
fn no_assertion() {
    let xml = format!(
        concat!(
            r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r" Version="2.0">"#,
            r#"<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{}</saml:Issuer>"#,
            r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>"#,
            r#"</samlp:Response>"#
        ),
        IDP
    );
    refused_as(RejectCode::NoAssertion, verify(&sp(), xml.as_bytes()));
}

#[test]
fn several_assertions() {
    spec_refused_as(
        RejectCode::SeveralAssertions,
        &with(|spec| spec.response_xml = "<saml:Assertion/>".to_owned()),
    );
}

#[test]
fn several_authn_statements() {
    spec_refused_as(
        RejectCode::SeveralAuthnStatements,
        &with(|spec| {
            spec.assertion_xml =
                r#"<saml:AuthnStatement AuthnInstant="2026-03-01T09:00:00Z"/>"#.to_owned();
        }),
    );
}

#[test]
fn encrypted_assertion_unsupported() {
    spec_refused_as(
        RejectCode::EncryptedAssertionUnsupported,
        &with(|spec| spec.response_xml = "<saml:EncryptedAssertion/>".to_owned()),
    );
}

#[test]
fn encrypted_id_unsupported() {
    spec_refused_as(
        RejectCode::EncryptedIdUnsupported,
        &with(|spec| spec.subject_xml = "<saml:EncryptedID/>".to_owned()),
    );
}

#[test]
fn encrypted_attribute_unsupported() {
    spec_refused_as(
        RejectCode::EncryptedAttributeUnsupported,
        &with(|spec| {
            spec.assertion_xml =
                "<saml:AttributeStatement><saml:EncryptedAttribute/></saml:AttributeStatement>"
                    .to_owned();
        }),
    );
}

// Trust.

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
    assert_eq!(identity.evidence().signed_element, "Assertion");

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
    assert_eq!(identity.evidence().signed_element, "Response");
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
            Some(identity.evidence().certificate_sha256),
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

// Who, for whom, where.

#[test]
fn status_not_success() {
    let spec = with(|spec| {
        spec.status = vec![
            "urn:oasis:names:tc:SAML:2.0:status:Responder".to_owned(),
            "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed".to_owned(),
        ];
    });
    let rejection = verify(&sp(), &test_idp().respond(&spec)).unwrap_err();
    assert_eq!(rejection.reject_code(), RejectCode::StatusNotSuccess);
    assert_eq!(rejection.culprit(), Culprit::Unexpected);
    assert!(
        rejection.to_string().contains("status:AuthnFailed`"),
        "{rejection}"
    );
}

#[test]
fn issuer_mismatch() {
    let other = || Issuer::Other("https://idp.example/metadata/".to_owned());
    for change in [
        (|spec, issuer| spec.response_issuer = issuer) as fn(&mut ResponseSpec, Issuer),
        |spec, issuer| spec.assertion_issuer = issuer,
    ] {
        for issuer in [other(), Issuer::Absent] {
            for sign in [Sign::Assertion, Sign::Response] {
                spec_refused_as(
                    RejectCode::IssuerMismatch,
                    &with(|spec| change(spec, issuer.clone())).signed(sign),
                );
            }
        }
    }
}

#[test]
fn destination_mismatch() {
    for sign in [Sign::Assertion, Sign::Response] {
        spec_refused_as(
            RejectCode::DestinationMismatch,
            &with(|spec| spec.destination = Some(format!("{ACS}/"))).signed(sign),
        );
    }
    spec_refused_as(
        RejectCode::DestinationMismatch,
        &with(|spec| spec.destination = None).signed(Sign::Response),
    );
    accepted(&with(|spec| spec.destination = None));
}

#[test]
fn recipient_mismatch() {
    for recipient in [Some("https://sign.example/saml/ACS".to_owned()), None] {
        spec_refused_as(
            RejectCode::RecipientMismatch,
            &with(|spec| spec.confirmations[0].recipient = recipient),
        );
    }
}

#[test]
fn audience_mismatch() {
    let other = || vec!["https://other.example".to_owned()];
    for audiences in [
        vec![],
        vec![vec![]],
        vec![other()],
        vec![vec![SP.to_owned()], other()],
        vec![vec![format!("{SP} ")]],
    ] {
        spec_refused_as(
            RejectCode::AudienceMismatch,
            &with(|spec| spec.conditions.as_mut().unwrap().audiences = audiences),
        );
    }
    spec_refused_as(
        RejectCode::AudienceMismatch,
        &with(|spec| spec.conditions = None),
    );
}

#[test]
fn unknown_condition() {
    for xml in [
        "<saml:Condition/>",
        "<unknown/>",
        r#"<OneTimeUse xmlns="urn:another"/>"#,
    ] {
        spec_refused_as(
            RejectCode::UnknownCondition,
            &with(|spec| spec.conditions.as_mut().unwrap().xml = xml.to_owned()),
        );
    }
}

#[test]
fn no_bearer_confirmation() {
    spec_refused_as(
        RejectCode::NoBearerConfirmation,
        &with(|spec| spec.confirmations.clear()),
    );
    spec_refused_as(
        RejectCode::NoBearerConfirmation,
        &with(|spec| {
            spec.confirmations[0].method =
                "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key".to_owned();
        }),
    );
}

#[test]
fn several_bearer_confirmations() {
    spec_refused_as(
        RejectCode::SeveralBearerConfirmations,
        &with(|spec| spec.confirmations.push(spec.confirmations[0].clone())),
    );
    accepted(&with(|spec| {
        spec.confirmations.push(spec.confirmations[0].clone());
        spec.confirmations[0].recipient = Some("https://other.example/acs".to_owned());
    }));
}

#[test]
fn not_on_or_after_missing() {
    spec_refused_as(
        RejectCode::NotOnOrAfterMissing,
        &with(|spec| spec.confirmations[0].not_on_or_after = None),
    );
}

// When.

fn past() -> Option<Timestamp> {
    Some(now().saturating_sub(FAR))
}

fn future() -> Option<Timestamp> {
    Some(now().saturating_add(FAR))
}

#[test]
fn expired() {
    spec_refused_as(
        RejectCode::Expired,
        &with(|spec| {
            let conditions = spec.conditions.as_mut().unwrap();
            conditions.not_before = None;
            conditions.not_on_or_after = past();
        }),
    );
    spec_refused_as(
        RejectCode::Expired,
        &with(|spec| spec.confirmations[0].not_on_or_after = past()),
    );
}

#[test]
fn not_yet_valid() {
    for change in [
        (|spec| spec.response_issue_instant = future().unwrap()) as fn(&mut ResponseSpec),
        |spec| spec.assertion_issue_instant = future().unwrap(),
        |spec| {
            let conditions = spec.conditions.as_mut().unwrap();
            conditions.not_before = future();
            conditions.not_on_or_after = None;
        },
        |spec| {
            spec.confirmations[0].not_before = future();
            spec.confirmations[0].not_on_or_after = Some(Timestamp::MAX);
        },
        |spec| spec.authentication.as_mut().unwrap().instant = future().unwrap(),
    ] {
        spec_refused_as(RejectCode::NotYetValid, &with(change));
    }
}

#[test]
fn session_expired() {
    spec_refused_as(
        RejectCode::SessionExpired,
        &with(|spec| {
            spec.authentication
                .as_mut()
                .unwrap()
                .session_not_on_or_after = past();
        }),
    );
}

// In answer to what.

#[test]
fn in_response_to_mismatch() {
    let other = || Some("_another".to_owned());
    spec_refused_as(
        RejectCode::InResponseToMismatch,
        &with(|spec| spec.in_response_to = other()),
    );
    for in_response_to in [other(), None] {
        spec_refused_as(
            RejectCode::InResponseToMismatch,
            &with(|spec| spec.confirmations[0].in_response_to = in_response_to),
        );
    }
}

#[test]
fn in_response_to_mismatch_when_another_provider_was_asked() {
    let xml = test_idp().respond(&spec());
    let verify_sent_to = |entity_id| {
        let pending = PendingRequest::new(REQUEST).unwrap().sent_to(entity_id);
        verify_for(&sp(), &idp(), &xml, Expect::Request(&pending), now())
    };
    refused_as(
        RejectCode::InResponseToMismatch,
        verify_sent_to("https://other.example/metadata"),
    );
    assert!(verify_sent_to(IDP).is_ok());
}

#[test]
fn unsolicited_not_allowed() {
    spec_refused_as(
        RejectCode::UnsolicitedNotAllowed,
        &ResponseSpec::new(SP, ACS, NURSE, now()),
    );
}

#[test]
fn in_response_to_unexpected() {
    let unsolicited = |spec: &ResponseSpec| {
        verify_for(
            &sp(),
            &idp(),
            &test_idp().respond(spec),
            Expect::Unsolicited,
            now(),
        )
    };
    refused_as(RejectCode::InResponseToUnexpected, unsolicited(&spec()));
    refused_as(
        RejectCode::InResponseToUnexpected,
        unsolicited(&with(|spec| spec.in_response_to = None)),
    );
}

// How.

#[test]
fn name_id_missing() {
    spec_refused_as(RejectCode::NameIdMissing, &with(|spec| spec.name_id = None));
    spec_refused_as(
        RejectCode::NameIdMissing,
        &with(|spec| spec.name_id.as_mut().unwrap().value.clear()),
    );
}

#[test]
fn authn_context_mismatch() {
    const MFA: &str = "https://refeds.org/profile/mfa";
    let sp = sp().require_authn_context([MFA, "another"]);
    let verify_context = |context: Option<&str>| {
        let spec = with(|spec| {
            spec.authentication.as_mut().unwrap().context = context.map(str::to_owned);
        });
        verify(&sp, &test_idp().respond(&spec))
    };
    assert!(verify_context(Some(MFA)).is_ok());
    for context in [Some("https://refeds.org/profile/sfa"), None] {
        refused_as(RejectCode::AuthnContextMismatch, verify_context(context));
    }
    let without = with(|spec| spec.authentication = None);
    refused_as(
        RejectCode::AuthnContextMismatch,
        verify(&sp, &test_idp().respond(&without)),
    );
}

#[test]
fn a_refusal_never_repeats_an_attribute_value_or_a_line_break() {
    let spec = with(|spec| {
        spec.in_response_to = Some("a\r\nINFO accepted".to_owned());
    })
    .with_attribute("secret", ["hunter2"]);
    let rejection = verify(&sp(), &test_idp().respond(&spec)).unwrap_err();
    let line = rejection.to_string();
    assert!(!line.contains('\n') && !line.contains('\r'), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn every_code_has_a_test_of_its_name() {
    let tests = concat!(include_str!("rules.rs"), include_str!("replay.rs"));
    for code in RejectCode::ALL {
        let name = code.as_str().trim_start_matches("saml.");
        assert!(
            tests.contains(&format!("fn {name}()")),
            "no test named {name}"
        );
    }
}
