//! What we send, and that the other side can read it.

use countersign_dsig::key::VerificationKey;
use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign_dsig::xml::Document;
use countersign_saml::Limits;
use countersign_saml::binding::{PostForm, RedirectQuery};

use super::*;

fn key() -> SigningKey {
    SigningKey::from_pkcs8(keys::IDP_P256_PKCS8).unwrap()
}

fn pinned() -> VerificationKey {
    VerificationKey::from_certificate_der(keys::IDP_P256_CERTIFICATE).unwrap()
}

/// The message of a redirect, whose signature holds.
fn redirected(outbound: Outbound, to: &str) -> (MessageKind, String, Option<String>) {
    let Outbound::Redirect(url) = outbound else {
        panic!("not a redirect");
    };
    let (location, query) = url.as_str().split_once('?').unwrap();
    assert_eq!(location, to);
    let query = RedirectQuery::parse(query.as_bytes()).unwrap();
    query
        .verify(&[pinned()], &SignaturePolicy::default())
        .unwrap();
    let xml = query.decode(&Limits::default()).unwrap();
    (
        query.kind(),
        String::from_utf8(xml).unwrap(),
        query.relay_state().map(str::to_owned),
    )
}

/// The message of a form, whose signature holds.
fn posted(form: &PostForm, field: &str) -> String {
    use base64::Engine as _;
    let (_, value) = form.fields().find(|(name, _)| *name == field).unwrap();
    let xml = base64::engine::general_purpose::STANDARD
        .decode(value)
        .unwrap();
    let document = Document::parse(&xml, &Limits::default()).unwrap();
    verify_enveloped(document.root(), &[pinned()], &SignaturePolicy::default()).unwrap();
    String::from_utf8(xml).unwrap()
}

#[test]
fn a_request_names_the_person_verbatim_and_the_session() {
    let request = ours(Binding::Redirect)
        .with_reason("urn:oasis:names:tc:SAML:2.0:logout:user")
        .with_relay_state(RelayState::new("order 7").unwrap());
    let sent = pollster::block_on(request.send(&key())).unwrap();
    let (kind, xml, relay_state) = redirected(sent, IDP_SLO);
    assert_eq!(kind, MessageKind::Request);
    assert_eq!(relay_state.as_deref(), Some("order 7"));
    for part in [
        format!(r#"Destination="{IDP_SLO}""#),
        format!("<saml:Issuer>{SP}</saml:Issuer>"),
        format!(
            r#"<saml:NameID NameQualifier="q" SPNameQualifier="s" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{NURSE}</saml:NameID>"#
        ),
        "<samlp:SessionIndex>_session-7</samlp:SessionIndex>".to_owned(),
        r#"NotOnOrAfter="2026-03-01T09:35:00.000Z""#.to_owned(),
        r#"Reason="urn:oasis:names:tc:SAML:2.0:logout:user""#.to_owned(),
    ] {
        assert!(xml.contains(&part), "{part} in {xml}");
    }
    let Outbound::Post(form) = pollster::block_on(ours(Binding::Post).send(&key())).unwrap() else {
        panic!("not a form");
    };
    assert_eq!(form.action(), IDP_SLO);
    assert!(posted(&form, "SAMLRequest").contains(NURSE));
}

#[test]
fn an_answer_goes_to_the_place_for_answers_with_the_relay_state() {
    let raw = query(
        MessageKind::Request,
        &request(),
        Some("from there"),
        Some(keys::IDP_RSA_2048_PKCS8),
    );
    let logout = accepted(Inbound::RedirectQuery(raw.as_bytes()));
    let answer = |binding, status| {
        LogoutResponse::new(
            &sp(),
            &idp(),
            binding,
            &logout,
            status,
            &message_id(2),
            now(),
        )
        .unwrap()
    };
    let complete = answer(Binding::Redirect, LogoutStatus::Complete);
    let sent = pollster::block_on(complete.send(&key())).unwrap();
    let (kind, xml, relay_state) = redirected(sent, IDP_ANSWERS);
    assert_eq!(kind, MessageKind::Response);
    assert_eq!(relay_state.as_deref(), Some("from there"));
    assert!(xml.contains(r#"InResponseTo="_logout-1""#), "{xml}");
    assert!(xml.contains("status:Success"), "{xml}");

    for (status, codes) in [
        (
            LogoutStatus::Partial,
            vec!["status:Responder", "status:PartialLogout"],
        ),
        (LogoutStatus::Refused, vec!["status:Requester"]),
        (LogoutStatus::Failed, vec!["status:Responder"]),
    ] {
        let sent = pollster::block_on(answer(Binding::Post, status).send(&key())).unwrap();
        let Outbound::Post(form) = sent else {
            panic!("not a form");
        };
        assert_eq!(form.action(), IDP_ANSWERS);
        let xml = posted(&form, "SAMLResponse");
        for code in codes {
            assert!(xml.contains(code), "{xml}");
        }
        assert!(!xml.contains("status:Success"), "{xml}");
    }
}

/// Two of us talk to each other: what one sends, the other accepts.
#[test]
fn a_logout_goes_there_and_back() {
    let (here, there) = (
        sp(),
        ServiceProvider::new(IDP, "https://idp.example/acs").unwrap(),
    );
    let there = there.with_slo_location(
        Endpoint::new(Binding::Post.uri(), IDP_SLO)
            .unwrap()
            .with_response_location(IDP_ANSWERS)
            .unwrap(),
    );
    let us = IdentityProvider::new(SP, vec![pinned()])
        .unwrap()
        .with_slo_location(
            Endpoint::new(Binding::Post.uri(), SLO)
                .unwrap()
                .with_response_location(ANSWERS)
                .unwrap(),
        );
    let request = ours(Binding::Post);
    let form_value = |outbound, field: &'static str| {
        let Outbound::Post(form) = outbound else {
            panic!("not a form");
        };
        let (_, value) = form.fields().find(|(name, _)| *name == field).unwrap();
        value.to_owned()
    };
    let sent = form_value(
        pollster::block_on(request.send(&key())).unwrap(),
        "SAMLRequest",
    );
    let logout = logout::verify_request(&there, &us, Inbound::Post(sent.as_bytes()), now())
        .unwrap()
        .insecure_without_replay_check();
    assert_eq!(logout.session_indexes(), ["_session-7"]);
    let answer = LogoutResponse::new(
        &there,
        &us,
        Binding::Post,
        &logout,
        LogoutStatus::Partial,
        &message_id(2),
        now(),
    )
    .unwrap();
    let provider = SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap();
    let sent = form_value(
        pollster::block_on(answer.send(&provider)).unwrap(),
        "SAMLResponse",
    );
    let outcome = logout::verify_response(
        &here,
        &idp(),
        Inbound::Post(sent.as_bytes()),
        &request.pending(),
        now(),
    );
    assert_eq!(outcome, Ok(LogoutOutcome::Partial));
}

#[test]
fn a_provider_without_an_endpoint_is_not_asked() {
    let name_id = accepted(Inbound::Xml(signed(&request()).as_bytes()))
        .name_id()
        .clone();
    let ask = |idp: &IdentityProvider, binding| {
        LogoutRequest::new(&sp(), idp, binding, &name_id, &message_id(1), now())
            .map(drop)
            .map_err(|error| error.code())
    };
    assert_eq!(ask(&idp(), Binding::Post), Ok(()));
    assert_eq!(
        ask(&support::idp(), Binding::Post),
        Err("logout.no_endpoint")
    );
    assert_eq!(ask(&idp(), Binding::Artifact), Err("logout.no_endpoint"));
}

#[test]
fn a_pending_logout_is_stored_and_no_pending_login_passes_for_it() {
    let pending = pending();
    let json = serde_json::to_string(&pending).unwrap();
    assert_eq!(
        serde_json::from_str::<PendingLogout>(&json).unwrap(),
        pending
    );
    assert_eq!(pending.id(), message_id(1).as_str());
    assert!(serde_json::from_str::<PendingRequest>(&json).is_err());
    let login = PendingRequest::new("_1").unwrap();
    let login = serde_json::to_string(&login).unwrap();
    assert!(serde_json::from_str::<PendingLogout>(&login).is_err());
}
