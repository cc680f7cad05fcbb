//! Requests of ours, as the provider reads them, and what is kept of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod support;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::key::VerificationKey;
use countersign_dsig::sign::SigningKey;
use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign_dsig::xml::{Document, Element};
use countersign_saml::binding::{Binding, Outbound, RedirectQuery, RelayState};
use countersign_saml::{
    AuthnRequest, Endpoint, Expect, IdentityProvider, Inbound, Limits, MessageId, MultiFactor,
    RequestError, RequestedAuthnContext, ServiceProvider, class,
};
use countersign_testkit::idp::ResponseSpec;
use countersign_testkit::keys;
use support::{ACS, IDP, NURSE, SP, idp, now, sp, test_idp};

const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

fn request<'a>(sp: &'a ServiceProvider, idp: &'a IdentityProvider) -> AuthnRequest<'a> {
    AuthnRequest::new(sp, idp, MessageId::from_random_bytes([0xAB; 20]), now())
}

/// The message in the query of a redirect.
fn redirected(request: AuthnRequest<'_>) -> Document<'static> {
    let (url, _) = pollster::block_on(request.redirect()).unwrap();
    let (_, query) = url.as_str().split_once('?').unwrap();
    let query = RedirectQuery::parse(query.as_bytes()).unwrap();
    let xml = query.decode(&Limits::default()).unwrap();
    Document::parse(Vec::leak(xml), &Limits::default()).unwrap()
}

fn child<'d>(parent: Element<'d>, namespace: &str, name: &str) -> Option<Element<'d>> {
    parent.child(namespace, name).unwrap()
}

fn code<T>(result: Result<T, RequestError>) -> &'static str {
    result.map(drop).unwrap_err().code()
}

#[test]
fn a_plain_request_says_who_asks_and_where_the_answer_goes() {
    let (sp, idp) = (sp(), idp());
    let document = redirected(request(&sp, &idp));
    let root = document.root();
    assert!(root.is(PROTOCOL, "AuthnRequest"));
    for (name, value) in [
        ("ID", "_abababababababababababababababababababab"),
        ("Version", "2.0"),
        ("IssueInstant", "2026-03-01T09:30:00.000Z"),
        ("Destination", "https://idp.example/sso"),
        ("ProtocolBinding", Binding::Post.uri()),
        ("AssertionConsumerServiceURL", ACS),
    ] {
        assert_eq!(root.attribute(name), Some(value), "{name}");
    }
    for name in ["ForceAuthn", "IsPassive"] {
        assert_eq!(root.attribute(name), None);
    }
    assert_eq!(root.children().count(), 1);
    let issuer = child(root, ASSERTION, "Issuer").unwrap();
    assert_eq!(issuer.text().unwrap(), SP);
}

#[test]
fn everything_that_can_be_asked_is_asked_in_the_order_of_the_schema() {
    let (sp, idp) = (sp(), idp());
    let document = redirected(
        request(&sp, &idp)
            .force_authn()
            .passive()
            .name_id_format("urn:format")
            .sp_name_qualifier("urn:group")
            .allow_create()
            .login_hint(NURSE, Some("urn:email"))
            .authn_context(RequestedAuthnContext::minimum([class::X509, "urn:<&>"])),
    );
    let root = document.root();
    assert_eq!(root.attribute("ForceAuthn"), Some("true"));
    assert_eq!(root.attribute("IsPassive"), Some("true"));
    let names: Vec<_> = root.children().map(|child| child.local_name()).collect();
    assert_eq!(
        names,
        ["Issuer", "Subject", "NameIDPolicy", "RequestedAuthnContext"]
    );
    let subject = child(root, ASSERTION, "Subject").unwrap();
    let name_id = child(subject, ASSERTION, "NameID").unwrap();
    assert_eq!(name_id.text().unwrap(), NURSE);
    assert_eq!(name_id.attribute("Format"), Some("urn:email"));
    let policy = child(root, PROTOCOL, "NameIDPolicy").unwrap();
    assert_eq!(policy.attribute("Format"), Some("urn:format"));
    assert_eq!(policy.attribute("SPNameQualifier"), Some("urn:group"));
    assert_eq!(policy.attribute("AllowCreate"), Some("true"));
    let context = child(root, PROTOCOL, "RequestedAuthnContext").unwrap();
    assert_eq!(context.attribute("Comparison"), Some("minimum"));
    let classes: Vec<_> = context.children().map(|c| c.text().unwrap()).collect();
    assert_eq!(classes, [class::X509, "urn:<&>"]);
}

#[test]
fn what_a_connection_always_demands_is_asked_for() {
    let idp = idp();
    let sp = sp().require_authn_context([class::REFEDS_MFA]);
    let asked = |request: AuthnRequest<'_>| {
        let document = redirected(request);
        let context = child(document.root(), PROTOCOL, "RequestedAuthnContext").unwrap();
        let class_ref = context.children().next().unwrap();
        class_ref.text().unwrap().into_owned()
    };
    assert_eq!(asked(request(&sp, &idp)), class::REFEDS_MFA);
    let other = request(&sp, &idp).authn_context([class::X509]);
    assert_eq!(asked(other), class::X509);
}

#[test]
fn a_signed_redirect_signs_the_query_and_a_signed_form_the_message() {
    let (sp, idp) = (sp(), idp());
    let key = SigningKey::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).unwrap();
    let pinned = [VerificationKey::from_certificate_der(keys::OTHER_RSA_2048_CERTIFICATE).unwrap()];
    let policy = SignaturePolicy::default();

    let signed = request(&sp, &idp).signed_by(&key);
    let (url, _) = pollster::block_on(signed.clone().redirect()).unwrap();
    let (_, query) = url.as_str().split_once('?').unwrap();
    let query = RedirectQuery::parse(query.as_bytes()).unwrap();
    query.verify(&pinned, &policy).unwrap();
    let document = redirected(signed.clone());
    assert_eq!(document.root().children().count(), 1);

    let (form, _) = pollster::block_on(signed.post()).unwrap();
    let (name, value) = form.fields().next().unwrap();
    assert_eq!(name, "SAMLRequest");
    let xml = STANDARD.decode(value).unwrap();
    let document = Document::parse(&xml, &Limits::default()).unwrap();
    verify_enveloped(document.root(), &pinned, &policy).unwrap();
    let names: Vec<_> = document.root().children().map(|c| c.local_name()).collect();
    assert_eq!(names, ["Issuer", "Signature"]);
}

#[test]
fn a_request_is_pending_for_its_provider_and_its_time() {
    let (sp, idp) = (sp(), idp());
    let asked = RequestedAuthnContext::multi_factor(MultiFactor::Entra);
    let (_, pending) = pollster::block_on(
        request(&sp, &idp)
            .relay_state(RelayState::new("order 7").unwrap())
            .force_authn()
            .authn_context(asked.clone())
            .lifetime(Duration::from_secs(60))
            .redirect(),
    )
    .unwrap();
    assert_eq!(pending.id(), "_abababababababababababababababababababab");
    assert_eq!(pending.identity_provider(), Some(IDP));
    assert_eq!(pending.relay_state(), Some("order 7"));
    assert_eq!(pending.issued_at(), Some(now()));
    let end = now().saturating_add(Duration::from_secs(60));
    assert_eq!(pending.expires_at(), Some(end));
    assert_eq!(pending.fresh_login_since(), Some(now()));
    assert_eq!(pending.authn_context(), Some(&asked));

    let (_, pending) = pollster::block_on(request(&sp, &idp).post()).unwrap();
    let end = now().saturating_add(Duration::from_secs(600));
    assert_eq!(pending.expires_at(), Some(end));
    assert_eq!(pending.fresh_login_since(), None);
    assert_eq!(pending.authn_context(), None);
}

/// The whole way: asked, kept as JSON, answered.
#[test]
fn the_answer_to_a_request_is_accepted() {
    let (sp, idp) = (sp(), idp());
    let (_, pending) = pollster::block_on(
        request(&sp, &idp)
            .relay_state(RelayState::new("order 7").unwrap())
            .force_authn()
            .redirect(),
    )
    .unwrap();
    let kept = serde_json::to_string(&pending).unwrap();
    let pending = serde_json::from_str(&kept).unwrap();
    let later = now().saturating_add(Duration::from_secs(30));
    let spec = ResponseSpec::new(SP, ACS, NURSE, later)
        .answering("_abababababababababababababababababababab");
    let value = test_idp().post(&spec).replace('+', "%2B");
    let body = format!("SAMLResponse={value}&RelayState=order+7");
    let message = Inbound::Form(body.as_bytes());
    let verified =
        countersign_saml::verify(&sp, &idp, message, Expect::Request(&pending), later).unwrap();
    let identity = verified.insecure_without_replay_check().into_identity();
    assert_eq!(identity.claims().name_id.value, NURSE);
}

fn provider(endpoints: &[(&str, &str)]) -> IdentityProvider {
    let idp = IdentityProvider::new(IDP, vec![test_idp().verification_key()]).unwrap();
    endpoints.iter().fold(idp, |idp, (binding, location)| {
        idp.with_sso_location(Endpoint::new(*binding, *location).unwrap())
    })
}

#[test]
fn a_request_goes_where_the_metadata_says() {
    let sp = sp();
    let (redirect, post) = (Binding::Redirect.uri(), Binding::Post.uri());
    let (soap, a, b) = ("urn:soap", "https://a.example", "https://b.example");
    for (endpoints, sent_to) in [
        (&[(redirect, a), (post, b)][..], "https://a.example?SAML"),
        (&[(soap, a), (redirect, b)], "https://b.example?SAML"),
        (&[(post, a), (redirect, b)], "https://a.example"),
        (&[(soap, a), (post, b)], "https://b.example"),
    ] {
        let idp = provider(endpoints);
        let (outbound, _) = pollster::block_on(request(&sp, &idp).send()).unwrap();
        match outbound {
            Outbound::Redirect(url) => assert!(url.as_str().starts_with(sent_to)),
            Outbound::Post(form) => assert_eq!(form.action(), sent_to),
        }
    }
    let idp = provider(&[(soap, a)]);
    assert_eq!(
        code(pollster::block_on(request(&sp, &idp).send())),
        "request.no_endpoint"
    );
    assert_eq!(
        code(pollster::block_on(request(&sp, &idp).post())),
        "request.no_endpoint"
    );
}

#[test]
fn a_provider_that_wants_signatures_is_sent_no_unsigned_request() {
    let metadata = test_idp().metadata().replace(
        "<md:IDPSSODescriptor ",
        r#"<md:IDPSSODescriptor WantAuthnRequestsSigned="true" "#,
    );
    let idp = IdentityProvider::from_metadata(metadata.as_bytes()).unwrap();
    let sp = sp();
    for refused in [
        code(pollster::block_on(request(&sp, &idp).redirect())),
        code(pollster::block_on(request(&sp, &idp).post())),
    ] {
        assert_eq!(refused, "request.signing_wanted");
    }
    let key = SigningKey::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).unwrap();
    pollster::block_on(request(&sp, &idp).signed_by(&key).redirect()).unwrap();
    let allowed = request(&sp, &idp).unsigned_although_signing_is_wanted();
    pollster::block_on(allowed.redirect()).unwrap();
}

#[test]
fn what_is_no_identifier_is_not_sent() {
    let (sp, idp) = (sp(), idp());
    for request in [
        request(&sp, &idp).name_id_format(""),
        request(&sp, &idp).sp_name_qualifier("a\nb"),
        request(&sp, &idp).login_hint("\u{0}", None),
        request(&sp, &idp).login_hint(NURSE, Some(" ")),
        request(&sp, &idp).authn_context([" x"]),
    ] {
        assert_eq!(code(pollster::block_on(request.redirect())), "request.text");
    }
}

#[test]
fn debug_output_names_nobody() {
    let (sp, idp) = (sp(), idp());
    let shown = format!("{:?}", request(&sp, &idp).login_hint(NURSE, None));
    assert!(!shown.contains(NURSE), "{shown}");
}
