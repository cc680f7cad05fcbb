//! A provider asks us to sign somebody out.

use std::time::Duration;

use countersign_saml::AdmitError;
use countersign_saml::binding::artifact::{ArtifactResolve, ReceivedArtifact};
use countersign_saml::replay::ReplayStore;

use super::*;

#[test]
fn a_signed_request_is_accepted_by_form_and_by_redirect() {
    use base64::Engine as _;
    let xml = signed(&request());
    let form_value = base64::engine::general_purpose::STANDARD.encode(&xml);
    let query = signed_query(&request());
    let with_state = query_with_state("from there");
    for (message, relay_state) in [
        (Inbound::Xml(xml.as_bytes()), None),
        (Inbound::Post(form_value.as_bytes()), None),
        (Inbound::RedirectQuery(query.as_bytes()), None),
        (
            Inbound::RedirectQuery(with_state.as_bytes()),
            Some("from there"),
        ),
    ] {
        let logout = accepted(message);
        assert_eq!(logout.id(), "_logout-1");
        assert_eq!(logout.issuer(), IDP);
        assert_eq!(logout.name_id().value, NURSE);
        assert_eq!(logout.name_id().name_qualifier.as_deref(), Some("q"));
        assert_eq!(logout.name_id().sp_name_qualifier.as_deref(), Some("s"));
        assert_eq!(logout.session_indexes(), ["_session-7", "_session-8"]);
        assert_eq!(
            logout.reason(),
            Some("urn:oasis:names:tc:SAML:2.0:logout:user")
        );
        let echoed = logout.relay_state();
        assert_eq!(echoed.as_ref().map(RelayState::as_str), relay_state);
        assert_eq!(
            Some(logout.certificate_sha256()),
            test_idp().verification_key().certificate_sha256()
        );
    }
}

fn query_with_state(relay_state: &str) -> String {
    let key = Some(keys::IDP_RSA_2048_PKCS8);
    query(MessageKind::Request, &request(), Some(relay_state), key)
}

#[test]
fn sessions_that_are_named_end_and_without_a_name_all_do() {
    let some = accepted(Inbound::Xml(signed(&request()).as_bytes()));
    assert!(some.ends(Some("_session-7")));
    assert!(!some.ends(Some("_session-9")));
    assert!(!some.ends(Some("_SESSION-7")));
    assert!(!some.ends(None));
    let indexes = "<samlp:SessionIndex>_session-7</samlp:SessionIndex><samlp:SessionIndex>_session-8</samlp:SessionIndex>";
    let all = accepted(Inbound::Xml(signed(&changed(indexes, "")).as_bytes()));
    assert!(all.ends(Some("_session-9")) && all.ends(None));
}

#[test]
fn not_a_logout_request() {
    let response = test_idp().respond(&support::spec());
    refused(
        RejectCode::NotALogoutRequest,
        verify(Inbound::Xml(&response)),
    );
    // An answer where a request is expected, and a request in the place of an answer.
    let answer = answered::answer();
    refused(
        RejectCode::NotALogoutRequest,
        verify(Inbound::Xml(
            signed_by(KeyChoice::Rsa, &answer, "_answer-1").as_bytes(),
        )),
    );
    let key = Some(keys::IDP_RSA_2048_PKCS8);
    for raw in [
        query(MessageKind::Response, &request(), None, key),
        query(MessageKind::Request, &answer, None, key),
    ] {
        refused(
            RejectCode::NotALogoutRequest,
            verify(Inbound::RedirectQuery(raw.as_bytes())),
        );
    }
}

#[test]
fn malformed_logout() {
    let two = format!("</saml:NameID><saml:NameID>{NURSE}</saml:NameID>");
    for xml in [
        changed("</samlp:LogoutRequest>", "<evil/></samlp:LogoutRequest>"),
        changed("</saml:NameID>", &two),
        changed(r#" IssueInstant="2026-03-01T09:30:00Z""#, ""),
        changed(
            r#"NotOnOrAfter="2026-03-01T09:35:00Z""#,
            r#"NotOnOrAfter="soon""#,
        ),
        changed("_session-8", "<a/>"),
        changed(r#" Version="2.0""#, ""),
    ] {
        refused_by_both(RejectCode::MalformedLogout, &xml);
    }
    refused_by_both(
        RejectCode::UnsupportedVersion,
        &changed(r#"Version="2.0""#, r#"Version="1.1""#),
    );
}

#[test]
fn an_unsigned_logout_request_is_refused_by_every_binding() {
    refused(
        RejectCode::Unsigned,
        verify(Inbound::Xml(request().as_bytes())),
    );
    let raw = query(MessageKind::Request, &request(), None, None);
    refused(
        RejectCode::Unsigned,
        verify(Inbound::RedirectQuery(raw.as_bytes())),
    );
    // The signature taken out of a query, whole or by halves.
    let raw = signed_query(&request());
    let (bare, _) = raw.split_once("&SigAlg=").unwrap();
    refused(
        RejectCode::Unsigned,
        verify(Inbound::RedirectQuery(bare.as_bytes())),
    );
    let (half, _) = raw.split_once("&Signature=").unwrap();
    refused(
        RejectCode::MalformedParameters,
        verify(Inbound::RedirectQuery(half.as_bytes())),
    );
}

/// Only responses to logins are fetched; not even a signed request is taken that way.
#[test]
fn a_logout_by_artifact_is_refused() {
    let raw = b"SAMLart=AAQAADI2s6R9emxWTQcTed04TIM1myOwBwcHBwcHBwcHBwcHBwcHBwcHBwc%3D";
    let resolve = ArtifactResolve::new(
        &sp(),
        &idp(),
        &ReceivedArtifact::parse(raw).unwrap(),
        "https://idp.example/artifact",
        message_id(7),
        now(),
    )
    .unwrap();
    let soap = format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><p:ArtifactResponse xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" ID="_ar" Version="2.0" InResponseTo="{}" IssueInstant="{}"><Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{IDP}</Issuer><p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></p:Status>{}</p:ArtifactResponse></s:Body></s:Envelope>"#,
        resolve.id(),
        now(),
        signed(&request())
    );
    let message = Inbound::Artifact {
        soap: soap.as_bytes(),
        resolve: &resolve,
    };
    refused(RejectCode::MalformedArtifactResponse, verify(message));
}

#[test]
fn logout_signature_invalid() {
    let genuine = signed(&request());
    let stranger = signed_by(KeyChoice::Stranger, &request(), "_logout-1");
    for xml in [
        stranger,
        genuine.replace(NURSE, "chief@acme.example"),
        genuine.replace("_session-7", "_session-9"),
        genuine.replace(r#"Reason="urn:oasis:names:tc:SAML:2.0:logout:user""#, ""),
    ] {
        assert_ne!(xml, genuine);
        refused(
            RejectCode::LogoutSignatureInvalid,
            verify(Inbound::Xml(xml.as_bytes())),
        );
    }
    let stranger = query(
        MessageKind::Request,
        &request(),
        None,
        Some(keys::OTHER_RSA_2048_PKCS8),
    );
    refused(
        RejectCode::QuerySignatureInvalid,
        verify(Inbound::RedirectQuery(stranger.as_bytes())),
    );
    // A broken signature inside is not made good by the one over the query.
    let raw = signed_query(&genuine.replace(NURSE, "chief@acme.example"));
    refused(
        RejectCode::LogoutSignatureInvalid,
        verify(Inbound::RedirectQuery(raw.as_bytes())),
    );
}

#[test]
fn a_logout_by_a_certificate_that_is_over_is_refused() {
    let keys = vec![TestIdp::with_key(IDP, KeyChoice::ExpiredP256).verification_key()];
    let idp = IdentityProvider::new(IDP, keys).unwrap();
    let xml = signed_by(KeyChoice::ExpiredP256, &request(), "_logout-1");
    let raw = query(
        MessageKind::Request,
        &request(),
        None,
        Some(keys::EXPIRED_P256_PKCS8),
    );
    for message in [
        Inbound::Xml(xml.as_bytes()),
        Inbound::RedirectQuery(raw.as_bytes()),
    ] {
        refused(
            RejectCode::KeyOutsideValidity,
            logout::verify_request(&sp(), &idp, message, now()),
        );
    }
}

#[test]
fn a_logout_by_another_issuer_is_refused() {
    for issuer in [
        "<saml:Issuer>https://other.example</saml:Issuer>",
        "<saml:Issuer>https://idp.example/metadata/</saml:Issuer>",
        "",
    ] {
        refused_by_both(
            RejectCode::IssuerMismatch,
            &changed(&format!("<saml:Issuer>{IDP}</saml:Issuer>"), issuer),
        );
    }
}

#[test]
fn a_logout_for_another_destination_is_refused() {
    for destination in [
        String::new(),
        format!(r#"Destination="{SLO}/""#),
        format!(r#"Destination="{ANSWERS}""#),
        r#"Destination="https://other.example/slo""#.to_owned(),
    ] {
        refused_by_both(
            RejectCode::DestinationMismatch,
            &changed(&format!(r#"Destination="{SLO}""#), &destination),
        );
    }
    let nowhere = logout::verify_request(
        &support::sp(),
        &idp(),
        Inbound::Xml(signed(&request()).as_bytes()),
        now(),
    );
    refused(RejectCode::DestinationMismatch, nowhere);
}

#[test]
fn a_logout_that_is_too_old_or_too_young_is_refused() {
    let xml = signed(&request());
    let at_time = |xml: &str, time: &str| {
        logout::verify_request(&sp(), &idp(), Inbound::Xml(xml.as_bytes()), at(time))
    };
    assert!(at_time(&xml, "2026-03-01T09:35:59Z").is_ok());
    refused(RejectCode::Expired, at_time(&xml, "2026-03-01T09:36:00Z"));
    assert!(at_time(&xml, "2026-03-01T09:29:00Z").is_ok());
    refused(
        RejectCode::NotYetValid,
        at_time(&xml, "2026-03-01T09:28:59Z"),
    );
    // Without `NotOnOrAfter` it ages all the same.
    let endless = signed(&changed(r#"NotOnOrAfter="2026-03-01T09:35:00Z""#, ""));
    assert!(at_time(&endless, "2026-03-01T09:35:59Z").is_ok());
    refused(
        RejectCode::Expired,
        at_time(&endless, "2026-03-01T09:36:00Z"),
    );
}

#[test]
fn a_logout_of_nobody_is_refused() {
    let name_id = format!(
        r#"<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" NameQualifier="q" SPNameQualifier="s">{NURSE}</saml:NameID>"#
    );
    for nobody in ["", "<saml:NameID/>", "<saml:BaseID/>"] {
        refused_by_both(RejectCode::NameIdMissing, &changed(&name_id, nobody));
    }
}

#[test]
fn a_logout_by_expired_metadata_is_refused() {
    let metadata = test_idp().metadata().replace(
        " entityID=",
        r#" validUntil="2026-03-01T09:30:00Z" entityID="#,
    );
    let idp = IdentityProvider::from_metadata(metadata.as_bytes()).unwrap();
    let xml = signed(&request());
    refused(
        RejectCode::MetadataExpired,
        logout::verify_request(&sp(), &idp, Inbound::Xml(xml.as_bytes()), now()),
    );
}

#[test]
fn a_logout_request_is_accepted_once() {
    let store = support::Forgetful::default();
    let xml = signed(&request());
    let admit = |store: &dyn ReplayStore, xml: &str, now| {
        let verified = verify(Inbound::Xml(xml.as_bytes())).unwrap();
        pollster::block_on(verified.admit(store, now))
    };
    assert!(admit(&store, &xml, now()).is_ok());
    assert_eq!(
        admit(&store, &xml, now()).unwrap_err().code(),
        "saml.replayed"
    );
    // The same by redirect is the same request.
    let raw = signed_query(&request());
    let verified = verify(Inbound::RedirectQuery(raw.as_bytes())).unwrap();
    let again = pollster::block_on(verified.admit(&store, now()));
    assert_eq!(again.unwrap_err().code(), "saml.replayed");
    // What the store may have forgotten is refused for its age.
    let late = at("2026-03-01T09:35:00Z").saturating_add(Duration::from_secs(180));
    match admit(&store, &xml, late) {
        Err(AdmitError::Rejected(rejection)) => {
            assert_eq!(rejection.reject_code(), RejectCode::Expired);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        admit(&support::Down, &xml, now()).unwrap_err().code(),
        "saml.replay_unknown"
    );
}

/// CVE-2025-27773, CVE-2025-31335: one message is verified and another is read.
#[test]
fn logout_parameter_confusion_is_refused() {
    let genuine = signed_query(&request());
    let forged = changed(NURSE, "chief@acme.example");
    let forged = query(MessageKind::Request, &forged, None, None);
    let answer = forged.replacen("SAMLRequest=", "SAMLResponse=", 1);
    for raw in [
        format!("{genuine}&{forged}"),
        format!("{forged}&{genuine}"),
        format!("{genuine}&{answer}"),
        format!("{answer}&{genuine}"),
        format!("{genuine}&{}", forged.replacen("SAML", "%53AML", 1)),
        format!("{genuine}&RelayState=a&RelayState=b"),
    ] {
        refused(
            RejectCode::AmbiguousParameters,
            verify(Inbound::RedirectQuery(raw.as_bytes())),
        );
    }
    // A relay state that was not signed.
    refused(
        RejectCode::QuerySignatureInvalid,
        verify(Inbound::RedirectQuery(
            format!("{genuine}&RelayState=evil").as_bytes(),
        )),
    );
}

#[test]
fn a_comment_does_not_cut_the_name_of_who_signs_out() {
    let xml = changed(NURSE, "nurse@acme.example<!-- -->.evil.example");
    let logout = accepted(Inbound::RedirectQuery(signed_query(&xml).as_bytes()));
    assert_eq!(logout.name_id().value, "nurse@acme.example.evil.example");
    let logout = accepted(Inbound::Xml(signed(&xml).as_bytes()));
    assert_eq!(logout.name_id().value, "nurse@acme.example.evil.example");
}

/// \[SAML-Core §3.7.1\]: the name may be encrypted. The signature covers it, in the message or over
/// the query.
#[test]
fn an_encrypted_name_is_decrypted_under_either_signature() {
    let plain = request();
    let start = plain.find("<saml:NameID").unwrap();
    let end = plain.find("<samlp:SessionIndex").unwrap();
    let (head, rest) = plain.split_at(start);
    let (name_id, tail) = rest.split_at(end - start);
    let encryption = support::encryption_with(|encryption| encryption.self_contained = false);
    let holder = encryption.encrypt_into("saml:EncryptedID", name_id.as_bytes());
    let encrypted = format!("{head}{holder}{tail}");
    let sp = sp().with_decryption_key(support::decryption_key());
    let expected = accepted(Inbound::Xml(signed(&plain).as_bytes()));
    let (form, query) = (signed(&encrypted), signed_query(&encrypted));
    for message in [
        Inbound::Xml(form.as_bytes()),
        Inbound::RedirectQuery(query.as_bytes()),
    ] {
        let verified = logout::verify_request(&sp, &idp(), message, now()).unwrap();
        let logout = verified.insecure_without_replay_check();
        assert_eq!(logout.name_id(), expected.name_id());
        refused(RejectCode::NoDecryptionKey, verify(message));
    }
    let unsigned = logout::verify_request(&sp, &idp(), Inbound::Xml(encrypted.as_bytes()), now());
    refused(RejectCode::Unsigned, unsigned);
}
