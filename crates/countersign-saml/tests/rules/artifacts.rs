//! What arrives by reference, and is fetched.

use super::bindings::{encoded, pending, receive};
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::VerifiedIdentity;
use countersign_saml::binding::RelayState;
use countersign_saml::binding::artifact::{ArtifactResolve, ReceivedArtifact};
use countersign_saml::{MessageId, Rejection};

/// An artifact of this provider: type 4, index 0, the SHA-1 of its entity id, a handle.
const ARTIFACT: &str = "AAQAADI2s6R9emxWTQcTed04TIM1myOwBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn received(relay_state: &str) -> ReceivedArtifact {
    let raw = format!("SAMLart={}{relay_state}", encoded(ARTIFACT.as_bytes()));
    ReceivedArtifact::parse(raw.as_bytes()).unwrap()
}

fn resolve(relay_state: &str) -> ArtifactResolve {
    let id = MessageId::from_random_bytes([7; 20]);
    let destination = "https://idp.example/artifact";
    ArtifactResolve::new(
        &sp(),
        &idp(),
        &received(relay_state),
        destination,
        id,
        now(),
    )
    .unwrap()
}

/// What surrounds a response that is fetched; the first prefix is one that only its content uses.
fn artifact_response(response: &str, sign: bool) -> String {
    let resolve = resolve("");
    let xml = format!(
        concat!(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/""#,
            r#" xmlns:xs="http://www.w3.org/2001/XMLSchema"><s:Header/><s:Body>"#,
            r#"<p:ArtifactResponse xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol""#,
            r#" xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="_ar" Version="2.0""#,
            r#" InResponseTo="{}" IssueInstant="{}"><Issuer>{}</Issuer><p:Status>"#,
            r#"<p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></p:Status>"#,
            "{}</p:ArtifactResponse></s:Body></s:Envelope>",
        ),
        resolve.id(),
        now(),
        IDP,
        response
    );
    match sign {
        true => String::from_utf8(test_idp().sign(xml.as_bytes(), "_ar")).unwrap(),
        false => xml,
    }
}

fn honest_response() -> String {
    let xml = String::from_utf8(test_idp().respond(&spec())).unwrap();
    xml.trim_start_matches("<?xml version=\"1.0\"?>").to_owned()
}

fn fetched(
    soap: &str,
    relay_state: &str,
    pending: &PendingRequest,
) -> Result<VerifiedIdentity, Rejection> {
    let resolve = &resolve(relay_state);
    let soap = soap.as_bytes();
    receive(Inbound::Artifact { soap, resolve }, pending)
}

#[test]
fn a_fetched_response_is_accepted_where_it_stands() {
    for sign in [false, true] {
        let soap = artifact_response(&honest_response(), sign);
        drop(fetched(&soap, "", &pending()).unwrap());
        let bound = pending().with_relay_state(&RelayState::new("x").unwrap());
        drop(fetched(&soap, "&RelayState=x", &bound).unwrap());
        refused_as(
            RejectCode::RelayStateMismatch,
            fetched(&soap, "&RelayState=y", &bound),
        );
    }
    // Signed as a whole, it needs no Destination: no browser carried it.
    let spec = with(|spec| spec.destination = None).signed(Sign::Response);
    let response = String::from_utf8(test_idp().respond(&spec)).unwrap();
    drop(fetched(&artifact_response(&response, false), "", &pending()).unwrap());
}

#[test]
fn a_signature_around_a_fetched_response_replaces_none_in_it() {
    let spec = spec().signed(Sign::None);
    let response = String::from_utf8(test_idp().respond(&spec)).unwrap();
    let soap = artifact_response(&response, true);
    refused_as(RejectCode::Unsigned, fetched(&soap, "", &pending()));
}

#[test]
fn malformed_artifact() {
    let bytes = STANDARD.decode(ARTIFACT).unwrap();
    for bytes in [
        &bytes[..43],
        &[&bytes[..], b"\0"].concat(),
        &[&[0, 1], &bytes[2..]].concat(),
        b"",
    ] {
        let raw = format!("SAMLart={}", encoded(STANDARD.encode(bytes).as_bytes()));
        let refused = ReceivedArtifact::parse(raw.as_bytes()).unwrap_err();
        assert_eq!(refused.reject_code(), RejectCode::MalformedArtifact);
    }
    let refused = ReceivedArtifact::parse(b"SAMLart=%20AAQ").unwrap_err();
    assert_eq!(refused.reject_code(), RejectCode::MalformedBase64);
}

#[test]
fn an_artifact_of_another_provider_is_shown_to_nobody() {
    let other = IdentityProvider::new(
        "https://other.example/metadata",
        vec![test_idp().verification_key()],
    );
    let id = MessageId::from_random_bytes([7; 20]);
    let refused = ArtifactResolve::new(
        &sp(),
        &other.unwrap(),
        &received(""),
        "https://other.example/artifact",
        id,
        now(),
    );
    assert_eq!(
        refused.unwrap_err().reject_code(),
        RejectCode::IssuerMismatch
    );
}

#[test]
fn malformed_artifact_response() {
    let soap = artifact_response(&honest_response(), false);
    let response = honest_response();
    for soap in [
        response.clone(),
        soap.replace("/soap/envelope/", "/soap/other/"),
        soap.replace("ArtifactResponse", "ArtifactAnswer"),
        soap.replace("<s:Header/>", "<s:Other/>"),
        soap.replace("<s:Body>", "<s:Body><s:Body/>"),
        soap.replace("</s:Body>", "</s:Body><s:Body/>"),
        soap.replace("<p:Status>", "<p:Other/><p:Status>"),
        artifact_response(
            &format!("{response}{}", response.replace("_r1", "_r2")),
            false,
        )
        .replacen("_a1", "_a2", 1),
    ] {
        let result = fetched(&soap, "", &pending());
        refused_as(RejectCode::MalformedArtifactResponse, result);
    }
}

#[test]
fn artifact_signature_invalid() {
    let soap = artifact_response(&honest_response(), true);
    let changed = soap.replace("<p:Status>", "<p:Status ><!--x-->");
    drop(fetched(&changed, "", &pending()).unwrap());
    let changed = soap.replace("IssueInstant=\"2026", "Consent=\"x\" IssueInstant=\"2026");
    assert_ne!(changed, soap);
    let result = fetched(&changed, "", &pending());
    refused_as(RejectCode::ArtifactSignatureInvalid, result);
}

#[test]
fn an_artifact_response_answers_our_question() {
    let soap = artifact_response(&honest_response(), false);
    let id = resolve("").id().to_string();
    for other in ["_other", ""] {
        let result = fetched(&soap.replace(&id, other), "", &pending());
        refused_as(RejectCode::InResponseToMismatch, result);
    }
    let result = fetched(
        &soap.replacen(IDP, "https://other.example", 1),
        "",
        &pending(),
    );
    refused_as(RejectCode::IssuerMismatch, result);
    let result = fetched(
        &soap.replacen("status:Success", "status:Requester", 1),
        "",
        &pending(),
    );
    refused_as(RejectCode::StatusNotSuccess, result);
}

#[test]
fn artifact_unresolved() {
    let result = fetched(&artifact_response("", true), "", &pending());
    refused_as(RejectCode::ArtifactUnresolved, result);
    let fault = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>no</faultstring></s:Fault></s:Body></s:Envelope>"#;
    let result = fetched(fault, "", &pending());
    refused_as(RejectCode::ArtifactUnresolved, result);
}
