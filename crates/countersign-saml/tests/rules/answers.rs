//! What a pending request says of its answer.

use super::bindings::{form, pending, query, receive};
use super::*;
use countersign_saml::binding::{MessageKind, RelayState};
use countersign_saml::{DEFAULT_REQUEST_LIFETIME, MultiFactor, RequestedAuthnContext, class};

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
