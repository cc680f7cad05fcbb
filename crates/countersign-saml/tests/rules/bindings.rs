//! What arrives by form, query or artifact, and what it answers.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::VerifiedIdentity;
use countersign_dsig::sign::SigningKey;
use countersign_saml::binding::artifact::{ArtifactResolve, ReceivedArtifact};
use countersign_saml::binding::{Message, MessageKind, RelayState};
use countersign_saml::{
    DEFAULT_REQUEST_LIFETIME, MessageId, MultiFactor, Rejection, RequestedAuthnContext, class,
};

/// Verifies a message as the answer to a pending request, now.
fn receive(message: Inbound<'_>, pending: &PendingRequest) -> Result<VerifiedIdentity, Rejection> {
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

fn pending() -> PendingRequest {
    PendingRequest::new(REQUEST).unwrap()
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        text.push_str(&format!("%{byte:02x}"));
    }
    text
}

/// The body of a form with a response that is accepted.
fn form() -> String {
    format!(
        "SAMLResponse={}",
        encoded(test_idp().post(&spec()).as_bytes())
    )
}

/// The query of a redirect with a message.
fn query(kind: MessageKind, xml: &[u8], relay_state: Option<&str>, key: Option<&[u8]>) -> String {
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
        assert_eq!(identity.evidence().signed_element, "Assertion");
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

// The pending request.

#[test]
fn relay_state_mismatch() {
    let bound = pending().with_relay_state(&RelayState::new("order 7").unwrap());
    let body = |relay_state: &str| form() + relay_state;
    for (pending, relay_state) in [
        (&bound, ""),
        (&bound, "&RelayState="),
        (&bound, "&RelayState=order+8"),
        (&bound, "&RelayState=order+7+"),
        (&bound, "&RelayState=Order+7"),
        (&pending().without_relay_state(), "&RelayState=order+7"),
    ] {
        let body = body(relay_state);
        let result = receive(Inbound::Form(body.as_bytes()), pending);
        refused_as(RejectCode::RelayStateMismatch, result);
    }
    let xml = test_idp().respond(&spec());
    let raw = query(MessageKind::Response, &xml, Some("order 8"), None);
    let result = receive(Inbound::RedirectQuery(raw.as_bytes()), &bound);
    refused_as(RejectCode::RelayStateMismatch, result);
    let raw = query(MessageKind::Response, &xml, Some("order 7"), None);
    receive(Inbound::RedirectQuery(raw.as_bytes()), &bound).unwrap();
}

#[test]
fn request_expired() {
    let xml = test_idp().respond(&spec());
    let issued = |ago: Duration| {
        let at = now().saturating_sub(ago);
        pending().issued(at, DEFAULT_REQUEST_LIFETIME)
    };
    receive(
        Inbound::Xml(&xml),
        &issued(DEFAULT_REQUEST_LIFETIME - SECOND),
    )
    .unwrap();
    let result = receive(Inbound::Xml(&xml), &issued(DEFAULT_REQUEST_LIFETIME));
    refused_as(RejectCode::RequestExpired, result);
}

#[test]
fn authentication_too_old() {
    let fresh = pending().with_fresh_login_since(now());
    let since = |ago: Duration| {
        with(|spec| {
            spec.authentication.as_mut().unwrap().instant = now().saturating_sub(ago);
        })
    };
    let verify = |spec: &ResponseSpec| receive(Inbound::Xml(&test_idp().respond(spec)), &fresh);
    drop(verify(&since(SKEW)).unwrap());
    refused_as(RejectCode::AuthenticationTooOld, verify(&since(FAR)));
    let silent = with(|spec| spec.authentication = None);
    refused_as(RejectCode::AuthenticationTooOld, verify(&silent));
}

#[test]
fn a_request_asks_for_more_than_the_connection_but_not_for_less() {
    let xml = |context: &str| {
        let spec = with(|spec| {
            spec.authentication.as_mut().unwrap().context = Some(context.to_owned());
        });
        test_idp().respond(&spec)
    };
    let sp = sp().require_authn_context(RequestedAuthnContext::minimum([
        class::PASSWORD_PROTECTED_TRANSPORT,
    ]));
    let step_up = RequestedAuthnContext::multi_factor(MultiFactor::Refeds);
    let less = RequestedAuthnContext::minimum([class::UNSPECIFIED]);
    for (asked, context, accepted) in [
        (None, class::PASSWORD_PROTECTED_TRANSPORT, true),
        (None, class::REFEDS_MFA, true),
        (None, class::PASSWORD, false),
        (Some(&step_up), class::REFEDS_MFA, true),
        (Some(&step_up), class::PASSWORD_PROTECTED_TRANSPORT, false),
        (Some(&less), class::PASSWORD_PROTECTED_TRANSPORT, true),
        (Some(&less), class::PASSWORD, false),
    ] {
        let pending = match asked {
            Some(asked) => pending().with_authn_context(asked.clone()),
            None => pending(),
        };
        let result = verify_for(&sp, &idp(), &xml(context), Expect::Request(&pending), now());
        match accepted {
            true => drop(result.unwrap()),
            false => refused_as(RejectCode::AuthnContextMismatch, result),
        }
    }
}

/// The attribute counts as it is signed.
#[test]
fn entra_proves_several_factors_by_an_attribute() {
    let pending =
        pending().with_authn_context(RequestedAuthnContext::multi_factor(MultiFactor::Entra));
    let methods = "http://schemas.microsoft.com/claims/authnmethodsreferences";
    let reported = |value: &str| test_idp().respond(&spec().with_attribute(methods, [value]));
    let xml = reported(class::MICROSOFT_MULTIPLE);
    receive(Inbound::Xml(&xml), &pending).unwrap();
    let xml = reported("http://schemas.microsoft.com/claims/other");
    let result = receive(Inbound::Xml(&xml), &pending);
    refused_as(RejectCode::AuthnContextMismatch, result);
    let xml = String::from_utf8(xml).unwrap();
    let changed = xml.replace("claims/other", "claims/multipleauthn");
    assert_ne!(changed, xml);
    let result = receive(Inbound::Xml(changed.as_bytes()), &pending);
    refused_as(RejectCode::AssertionSignatureInvalid, result);
}

fn status(second: &str) -> ResponseSpec {
    with(|spec| {
        spec.status = vec![
            "urn:oasis:names:tc:SAML:2.0:status:Responder".to_owned(),
            format!("urn:oasis:names:tc:SAML:2.0:status:{second}"),
        ];
    })
}

#[test]
fn no_authn_context() {
    spec_refused_as(RejectCode::NoAuthnContext, &status("NoAuthnContext"));
}

#[test]
fn no_passive() {
    spec_refused_as(RejectCode::NoPassive, &status("NoPassive"));
}

// Artifacts.

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
