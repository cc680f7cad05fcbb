//! A provider answers our logout request.

use super::*;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// An answer that is accepted once it is signed.
pub(super) fn answer() -> String {
    let request = message_id(1);
    format!(
        r#"<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_answer-1" InResponseTo="{request}" Version="2.0" IssueInstant="2026-03-01T09:30:00Z" Destination="{ANSWERS}"><saml:Issuer>{IDP}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{SUCCESS}"></samlp:StatusCode></samlp:Status></samlp:LogoutResponse>"#
    )
}

fn verify(message: Inbound<'_>) -> Result<LogoutOutcome, Rejection> {
    logout::verify_response(&sp(), &idp(), message, &pending(), now())
}

fn signed(xml: &str) -> String {
    signed_by(KeyChoice::Rsa, xml, "_answer-1")
}

fn signed_query(xml: &str) -> String {
    query(
        MessageKind::Response,
        xml,
        None,
        Some(keys::IDP_RSA_2048_PKCS8),
    )
}

#[track_caller]
fn refused_by_both(code: RejectCode, from: &str, to: &str) {
    let xml = answer().replacen(from, to, 1);
    assert_ne!(xml, answer(), "nothing was changed");
    refused(code, verify(Inbound::Xml(signed(&xml).as_bytes())));
    let query = signed_query(&xml);
    refused(code, verify(Inbound::RedirectQuery(query.as_bytes())));
}

#[test]
fn the_outcome_is_complete_partial_or_refused() {
    let status = |outer: &str, inner: &str| {
        let inner = match inner {
            "" => String::new(),
            inner => format!(r#"<samlp:StatusCode Value="{inner}"/>"#),
        };
        answer().replace(
            &format!(r#"Value="{SUCCESS}">"#),
            &format!(r#"Value="{outer}">{inner}"#),
        )
    };
    let responder = "urn:oasis:names:tc:SAML:2.0:status:Responder";
    let partial = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";
    let denied = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied";
    for (xml, outcome) in [
        (answer(), LogoutOutcome::Complete),
        (status(SUCCESS, partial), LogoutOutcome::Partial),
        (status(responder, partial), LogoutOutcome::Partial),
        (
            status(responder, denied),
            LogoutOutcome::Refused {
                status: responder.to_owned(),
                detail: Some(denied.to_owned()),
            },
        ),
        (
            status(responder, ""),
            LogoutOutcome::Refused {
                status: responder.to_owned(),
                detail: None,
            },
        ),
    ] {
        let by_form = verify(Inbound::Xml(signed(&xml).as_bytes())).unwrap();
        assert_eq!(by_form, outcome);
        let query = signed_query(&xml);
        let by_redirect = verify(Inbound::RedirectQuery(query.as_bytes())).unwrap();
        assert_eq!(by_redirect, outcome);
    }
}

#[test]
fn not_a_logout_response() {
    let request = signed_by(KeyChoice::Rsa, &request(), "_logout-1");
    refused(
        RejectCode::NotALogoutResponse,
        verify(Inbound::Xml(request.as_bytes())),
    );
    let login = test_idp().respond(&support::spec());
    refused(RejectCode::NotALogoutResponse, verify(Inbound::Xml(&login)));
    let raw = signed_query(&answer()).replacen("SAMLResponse=", "SAMLRequest=", 1);
    refused(
        RejectCode::NotALogoutResponse,
        verify(Inbound::RedirectQuery(raw.as_bytes())),
    );
}

#[test]
fn an_unsigned_answer_is_refused() {
    refused(
        RejectCode::Unsigned,
        verify(Inbound::Xml(answer().as_bytes())),
    );
    let raw = query(MessageKind::Response, &answer(), None, None);
    refused(
        RejectCode::Unsigned,
        verify(Inbound::RedirectQuery(raw.as_bytes())),
    );
    let stranger = signed_by(KeyChoice::Stranger, &answer(), "_answer-1");
    refused(
        RejectCode::LogoutSignatureInvalid,
        verify(Inbound::Xml(stranger.as_bytes())),
    );
    let changed =
        signed(&answer()).replace(SUCCESS, "urn:oasis:names:tc:SAML:2.0:status:Responder");
    refused(
        RejectCode::LogoutSignatureInvalid,
        verify(Inbound::Xml(changed.as_bytes())),
    );
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let ours = message_id(1).to_string();
    refused_by_both(RejectCode::InResponseToMismatch, &ours, "_other");
    refused_by_both(
        RejectCode::UnsolicitedNotAllowed,
        &format!(r#"InResponseTo="{ours}""#),
        "",
    );
}

#[test]
fn an_answer_of_another_provider_is_refused() {
    refused_by_both(RejectCode::IssuerMismatch, IDP, "https://other.example");
    // Both are trusted; the other one was asked.
    let other = IdentityProvider::new("https://other.example", vec![test_idp().verification_key()])
        .unwrap();
    let xml = signed(&answer().replace(IDP, "https://other.example"));
    refused(
        RejectCode::InResponseToMismatch,
        logout::verify_response(
            &sp(),
            &other,
            Inbound::Xml(xml.as_bytes()),
            &pending(),
            now(),
        ),
    );
}

#[test]
fn an_answer_for_another_destination_is_refused() {
    let ours = format!(r#"Destination="{ANSWERS}""#);
    refused_by_both(RejectCode::DestinationMismatch, &ours, "");
    refused_by_both(
        RejectCode::DestinationMismatch,
        &ours,
        &format!(r#"Destination="{SLO}""#),
    );
}

#[test]
fn a_malformed_answer_is_refused() {
    refused_by_both(
        RejectCode::MalformedLogout,
        "</samlp:LogoutResponse>",
        "<evil/></samlp:LogoutResponse>",
    );
    refused_by_both(
        RejectCode::MalformedLogout,
        &format!(r#" Value="{SUCCESS}""#),
        "",
    );
}

#[test]
fn an_answer_that_comes_too_late_is_refused() {
    let late = pending().expires_at().unwrap();
    let xml = signed(&answer());
    refused(
        RejectCode::RequestExpired,
        logout::verify_response(
            &sp(),
            &idp(),
            Inbound::Xml(xml.as_bytes()),
            &pending(),
            late,
        ),
    );
}

#[test]
fn the_relay_state_comes_back() {
    let relay_state = RelayState::new("order 7").unwrap();
    let pending = ours(Binding::Redirect)
        .with_relay_state(relay_state)
        .pending();
    let key = Some(keys::IDP_RSA_2048_PKCS8);
    let verify = |relay_state| {
        let raw = query(MessageKind::Response, &answer(), relay_state, key);
        logout::verify_response(
            &sp(),
            &idp(),
            Inbound::RedirectQuery(raw.as_bytes()),
            &pending,
            now(),
        )
    };
    assert_eq!(verify(Some("order 7")), Ok(LogoutOutcome::Complete));
    refused(RejectCode::RelayStateMismatch, verify(Some("order 8")));
    refused(RejectCode::RelayStateMismatch, verify(None));
}
