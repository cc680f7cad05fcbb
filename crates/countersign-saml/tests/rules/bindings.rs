//! What arrives by form or query.

use super::*;
use countersign_core::VerifiedIdentity;
use countersign_dsig::sign::SigningKey;
use countersign_saml::Rejection;
use countersign_saml::binding::artifact::ReceivedArtifact;
use countersign_saml::binding::{Message, MessageKind, RelayState};

/// Verifies a message as the answer to a pending request, now.
pub(super) fn receive(
    message: Inbound<'_>,
    pending: &PendingRequest,
) -> Result<VerifiedIdentity, Rejection> {
    receive_for(&idp(), message, Expect::Request(pending), now())
}

fn receive_for(
    idp: &IdentityProvider,
    message: Inbound<'_>,
    expect: Expect<'_>,
    now: Timestamp,
) -> Result<VerifiedIdentity, Rejection> {
    countersign_saml::verify(&sp(), idp, message, expect, now)
        .map(|verified| verified.insecure_without_replay_check().into_identity())
}

pub(super) fn pending() -> PendingRequest {
    PendingRequest::new(REQUEST).unwrap()
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        text.push_str(&format!("%{byte:02x}"));
    }
    text
}

/// The body of a form with a response that is accepted.
pub(super) fn form() -> String {
    format!(
        "SAMLResponse={}",
        encoded(test_idp().post(&spec()).as_bytes())
    )
}

/// The query of a redirect with a message.
pub(super) fn query(
    kind: MessageKind,
    xml: &[u8],
    relay_state: Option<&str>,
    key: Option<&[u8]>,
) -> String {
    let relay_state = relay_state.map(|text| RelayState::new(text).unwrap());
    let key = key.map(|pkcs8| SigningKey::from_pkcs8(pkcs8).unwrap());
    let message = Message {
        kind,
        id: "_1",
        xml: std::str::from_utf8(xml).unwrap(),
        destination: ACS,
        relay_state: relay_state.as_ref(),
    };
    let signer = key.as_ref().map(|key| key as _);
    let url = pollster::block_on(message.redirect(signer)).unwrap();
    let (_, query) = url.as_str().split_once('?').unwrap();
    query.to_owned()
}

fn signed_query() -> String {
    let xml = test_idp().respond(&spec());
    let key = Some(keys::IDP_RSA_2048_PKCS8);
    query(MessageKind::Response, &xml, None, key)
}

#[test]
fn a_raw_form_is_accepted() {
    for body in [
        form(),
        form() + "&RelayState=",
        form() + "&RelayState=order+7&submit=Go%21",
    ] {
        let relay_state = RelayState::new("order 7").unwrap();
        let pending = match body.contains("order") {
            true => pending().with_relay_state(&relay_state),
            false => pending().without_relay_state(),
        };
        receive(Inbound::Form(body.as_bytes()), &pending).unwrap();
    }
    // A request that is bound to its id alone says nothing about it.
    let body = form() + "&RelayState=order+7";
    receive(Inbound::Form(body.as_bytes()), &pending()).unwrap();
    // Whoever started it says where to go.
    let unsolicited = ResponseSpec::new(SP, ACS, NURSE, now());
    let body = format!(
        "RelayState=x&SAMLResponse={}",
        encoded(test_idp().post(&unsolicited).as_bytes())
    );
    let message = Inbound::Form(body.as_bytes());
    receive_for(&idp(), message, Expect::Unsolicited, now()).unwrap();
}

#[test]
fn a_raw_query_is_accepted_signed_or_not() {
    let xml = test_idp().respond(&spec());
    for query in [
        signed_query(),
        query(MessageKind::Response, &xml, None, None),
    ] {
        let identity = receive(Inbound::RedirectQuery(query.as_bytes()), &pending()).unwrap();
        // The evidence is what an enveloped signature covers.
        assert_eq!(
            identity.evidence().signed().unwrap().signed_element,
            "Assertion"
        );
    }
}

/// A signature over the query makes no claim: evidence has to be readable as it is.
#[test]
fn a_signature_over_the_query_replaces_no_enveloped_one() {
    let xml = test_idp().respond(&spec().signed(Sign::None));
    let key = Some(keys::IDP_RSA_2048_PKCS8);
    let query = query(MessageKind::Response, &xml, None, key);
    let result = receive(Inbound::RedirectQuery(query.as_bytes()), &pending());
    refused_as(RejectCode::Unsigned, result);
}

#[test]
fn a_signed_query_says_where_it_was_sent() {
    let spec = with(|spec| spec.destination = None);
    let xml = test_idp().respond(&spec);
    for (key, accepted) in [(None, true), (Some(keys::IDP_RSA_2048_PKCS8), false)] {
        let query = query(MessageKind::Response, &xml, None, key);
        let result = receive(Inbound::RedirectQuery(query.as_bytes()), &pending());
        match accepted {
            true => drop(result.unwrap()),
            false => refused_as(RejectCode::DestinationMismatch, result),
        }
    }
}

/// Parameter confusion: CVE-2025-27773, CVE-2025-31335.
#[test]
fn ambiguous_parameters() {
    let (form, query) = (form(), signed_query());
    for more in [
        "SAMLResponse=",
        "SAMLResponse=PGEvPg%3D%3D",
        "SAML%52esponse=PGEvPg%3D%3D",
        "%53AMLResponse=",
        "SAMLRequest=PGEvPg%3D%3D",
        "SAMLRequest=",
        "SAMLRequest",
        "RelayState=a&RelayState=a",
        "RelayState=&Relay%53tate=a",
        "Relay%53tate=a",
    ] {
        for body in [format!("{form}&{more}"), format!("{more}&{form}")] {
            let result = receive(Inbound::Form(body.as_bytes()), &pending());
            refused_as(RejectCode::AmbiguousParameters, result);
        }
        for raw in [format!("{query}&{more}"), format!("{more}&{query}")] {
            let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &pending());
            refused_as(RejectCode::AmbiguousParameters, result);
        }
    }
    for more in ["SigAlg=", "Signature=", "Sig%41lg=x", "S%69gnature=x"] {
        for raw in [format!("{query}&{more}"), format!("{more}&{query}")] {
            let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &pending());
            refused_as(RejectCode::AmbiguousParameters, result);
        }
    }
    let encoding =
        "SAMLEncoding=urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Abindings%3AURL-Encoding%3ADEFLATE";
    let once = format!("{encoding}&{query}");
    receive(Inbound::RedirectQuery(once.as_bytes()), &pending()).unwrap();
    let twice = format!("{encoding}&{once}");
    let result = receive(Inbound::RedirectQuery(twice.as_bytes()), &pending());
    refused_as(RejectCode::AmbiguousParameters, result);
    let artifact = ReceivedArtifact::parse(b"SAMLart=x&SAMLResponse=y").unwrap_err();
    assert_eq!(artifact.reject_code(), RejectCode::AmbiguousParameters);
}

#[test]
fn malformed_parameters() {
    for body in [
        "",
        "&&",
        "RelayState=x",
        "samlresponse=PGEvPg%3D%3D",
        "SAMLResponse=%zz",
        "SAMLResponse=PGEvPg%3D%3D&RelayState=%ff",
        "SAMLResponse=PGEvPg%3D%3D&a%=1",
    ] {
        let result = receive(Inbound::Form(body.as_bytes()), &pending());
        refused_as(RejectCode::MalformedParameters, result);
        let result = receive(Inbound::RedirectQuery(body.as_bytes()), &pending());
        refused_as(RejectCode::MalformedParameters, result);
    }
    let query = signed_query();
    let (unsigned, value) = query.split_once("&Signature=").unwrap();
    let (bare, algorithm) = unsigned.split_once("&SigAlg=").unwrap();
    for raw in [
        unsigned.to_owned(),
        format!("{bare}&Signature={value}"),
        format!("{query}&SAMLEncoding=urn%3Aexample"),
        format!("{query}&SAMLEncoding="),
        format!("{bare}&SigAlg=%zz&Signature={value}"),
        format!("{bare}&SigAlg={algorithm}&Signature=%zz"),
    ] {
        let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &pending());
        refused_as(RejectCode::MalformedParameters, result);
    }
    let artifact = ReceivedArtifact::parse(b"RelayState=x").unwrap_err();
    assert_eq!(artifact.reject_code(), RejectCode::MalformedParameters);
}

#[test]
fn malformed_deflate() {
    for value in [
        "",
        // Not deflated.
        &encoded(test_idp().post(&spec()).as_bytes()),
        // Cut off.
        "s0nUtw%3D%3D",
    ] {
        let raw = format!("SAMLResponse={value}");
        let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &pending());
        refused_as(RejectCode::MalformedDeflate, result);
    }
}

#[test]
fn a_request_in_place_of_a_response_is_refused() {
    let xml = test_idp().respond(&spec());
    let raw = query(MessageKind::Request, &xml, None, None);
    let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &pending());
    refused_as(RejectCode::NotAResponse, result);
    let body = form().replace("SAMLResponse", "SAMLRequest");
    let result = receive(Inbound::Form(body.as_bytes()), &pending());
    refused_as(RejectCode::NotAResponse, result);
}

#[test]
fn query_signature_invalid() {
    let query = signed_query();
    let (bare, rest) = query.split_once("&SigAlg=").unwrap();
    let (algorithm, value) = rest.split_once("&Signature=").unwrap();
    let stranger = self::query(
        MessageKind::Response,
        &test_idp().respond(&spec()),
        None,
        Some(keys::OTHER_RSA_2048_PKCS8),
    );
    let other_case = query.replacen("%2F", "%2f", 1);
    assert_ne!(other_case, query);
    for raw in [
        stranger,
        other_case,
        // Relay states that were not signed.
        format!("{bare}&RelayState=&SigAlg={algorithm}&Signature={value}"),
        format!("{query}&RelayState="),
        // Another algorithm.
        query.replace("rsa-sha256", "rsa-sha512"),
        query.replace("rsa-sha256", "ecdsa-sha256"),
        format!("{bare}&SigAlg={algorithm}&Signature="),
        format!("{bare}&SigAlg={algorithm}&Signature=AAAA"),
    ] {
        let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &pending());
        refused_as(RejectCode::QuerySignatureInvalid, result);
    }
    // Whatever order the URL has, the signature's own counts.
    let moved = format!("x=1&Signature={value}&SigAlg={algorithm}&{bare}&y");
    receive(Inbound::RedirectQuery(moved.as_bytes()), &pending()).unwrap();
}

#[test]
fn weak_algorithms_and_keys_sign_no_query_either() {
    let query = signed_query();
    for algorithm in [
        "http%3A%2F%2Fwww.w3.org%2F2000%2F09%2Fxmldsig%23rsa-sha1",
        "x",
        "",
    ] {
        let (bare, _) = query.split_once("&SigAlg=").unwrap();
        let raw = format!("{bare}&SigAlg={algorithm}&Signature=AAAA");
        let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &pending());
        refused_as(RejectCode::AlgorithmNotAllowed, result);
    }
    let weak = VerificationKey::from_certificate_der(keys::WEAK_RSA_1024_CERTIFICATE).unwrap();
    let weak = IdentityProvider::new(IDP, vec![weak]).unwrap();
    let message = Inbound::RedirectQuery(query.as_bytes());
    let pending = pending();
    let result = receive_for(&weak, message, Expect::Request(&pending), now());
    refused_as(RejectCode::KeyTooWeak, result);
    // The certificate ended long before.
    let late = now().saturating_add(Duration::from_secs(3_000_000_000));
    let result = receive_for(&idp(), message, Expect::Request(&pending), late);
    refused_as(RejectCode::KeyOutsideValidity, result);
}

#[test]
fn an_inflate_bomb_is_refused() {
    let bomb = vec![b' '; 64 << 20];
    let raw = query(MessageKind::Response, &bomb, None, None);
    assert!(raw.len() < 1 << 18);
    let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &pending());
    refused_as(RejectCode::TooLarge, result);
}
