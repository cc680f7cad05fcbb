//! Single logout, both ways: what is accepted, each rule with one thing changed, and the attacks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod answered;
mod attacks;
mod demanded;
mod sent;
#[path = "../support/mod.rs"]
mod support;
mod wrapped;

use countersign_dsig::sign::SigningKey;
use countersign_saml::binding::{Binding, Message, MessageKind, Outbound, RelayState};
use countersign_saml::logout::{
    self, Logout, LogoutOutcome, LogoutRequest, LogoutResponse, LogoutStatus, PendingLogout,
    VerifiedLogoutRequest,
};
use countersign_saml::{
    Endpoint, Expect, IdentityProvider, Inbound, MessageId, PendingRequest, RejectCode, Rejection,
    ServiceProvider,
};
use countersign_testkit::idp::{KeyChoice, TestIdp};
use countersign_testkit::keys;
use support::{IDP, NURSE, SP, at, now, test_idp};

/// Where we take logout messages.
const SLO: &str = "https://sign.example/saml/slo";
/// Where we take answers.
const ANSWERS: &str = "https://sign.example/saml/slo/answer";
/// Where the provider takes logout messages.
const IDP_SLO: &str = "https://idp.example/slo";
/// Where the provider takes answers.
const IDP_ANSWERS: &str = "https://idp.example/slo/answer";

fn sp() -> ServiceProvider {
    let endpoint = |binding: Binding| {
        Endpoint::new(binding.uri(), SLO)
            .unwrap()
            .with_response_location(ANSWERS)
            .unwrap()
    };
    support::sp()
        .with_slo_location(endpoint(Binding::Redirect))
        .with_slo_location(endpoint(Binding::Post))
}

fn idp() -> IdentityProvider {
    let endpoint = |binding: Binding| {
        Endpoint::new(binding.uri(), IDP_SLO)
            .unwrap()
            .with_response_location(IDP_ANSWERS)
            .unwrap()
    };
    support::idp()
        .with_slo_location(endpoint(Binding::Redirect))
        .with_slo_location(endpoint(Binding::Post))
}

/// A request of the provider's that is accepted once it is signed.
fn request() -> String {
    format!(
        r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_logout-1" Version="2.0" IssueInstant="2026-03-01T09:30:00Z" Destination="{SLO}" NotOnOrAfter="2026-03-01T09:35:00Z" Reason="urn:oasis:names:tc:SAML:2.0:logout:user"><saml:Issuer>{IDP}</saml:Issuer><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" NameQualifier="q" SPNameQualifier="s">{NURSE}</saml:NameID><samlp:SessionIndex>_session-7</samlp:SessionIndex><samlp:SessionIndex>_session-8</samlp:SessionIndex></samlp:LogoutRequest>"#
    )
}

/// The request with one thing changed.
#[track_caller]
fn changed(from: &str, to: &str) -> String {
    let xml = request().replacen(from, to, 1);
    assert_ne!(xml, request(), "nothing was changed");
    xml
}

/// The enveloped signature of the provider's, or of somebody else.
fn signed_by(key: KeyChoice, xml: &str, id: &str) -> String {
    let signed = TestIdp::with_key(IDP, key).sign(xml.as_bytes(), id);
    String::from_utf8(signed).unwrap()
}

fn signed(xml: &str) -> String {
    signed_by(KeyChoice::Rsa, xml, "_logout-1")
}

/// The raw query of a redirect, signed or not.
fn query(kind: MessageKind, xml: &str, relay_state: Option<&str>, key: Option<&[u8]>) -> String {
    let relay_state = relay_state.map(|text| RelayState::new(text).unwrap());
    let key = key.map(|pkcs8| SigningKey::from_pkcs8(pkcs8).unwrap());
    let message = Message {
        kind,
        id: "_logout-1",
        xml,
        destination: SLO,
        relay_state: relay_state.as_ref(),
    };
    let signer = key.as_ref().map(|key| key as _);
    let url = pollster::block_on(message.redirect(signer)).unwrap();
    url.as_str().split_once('?').unwrap().1.to_owned()
}

fn signed_query(xml: &str) -> String {
    query(
        MessageKind::Request,
        xml,
        None,
        Some(keys::IDP_RSA_2048_PKCS8),
    )
}

fn verify(message: Inbound<'_>) -> Result<VerifiedLogoutRequest, Rejection> {
    logout::verify_request(&sp(), &idp(), message, now())
}

fn accepted(message: Inbound<'_>) -> Logout {
    verify(message).unwrap().insecure_without_replay_check()
}

/// The same by both bindings: the XML, signed, in a form; and in a query that is signed.
#[track_caller]
fn refused_by_both(code: RejectCode, xml: &str) {
    refused(code, verify(Inbound::Xml(signed(xml).as_bytes())));
    let query = signed_query(xml);
    refused(code, verify(Inbound::RedirectQuery(query.as_bytes())));
}

#[track_caller]
fn refused<T: std::fmt::Debug>(code: RejectCode, result: Result<T, Rejection>) {
    let rejection = result.expect_err("accepted");
    assert_eq!(rejection.reject_code(), code, "{rejection}");
}

fn message_id(byte: u8) -> MessageId {
    MessageId::from_random_bytes([byte; 20])
}

/// A request of ours, and what the host keeps of it.
fn ours(binding: Binding) -> LogoutRequest {
    let name_id = accepted(Inbound::Xml(signed(&request()).as_bytes()))
        .name_id()
        .clone();
    LogoutRequest::new(&sp(), &idp(), binding, &name_id, &message_id(1), now())
        .unwrap()
        .with_session_index("_session-7")
}

fn pending() -> PendingLogout {
    ours(Binding::Redirect).pending()
}
