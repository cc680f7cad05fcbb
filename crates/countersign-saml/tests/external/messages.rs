//! What we send is valid by SAML's schemas, and signed so that others verify it.

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::NameId;
use countersign_dsig::algorithm::SignatureAlgorithm::*;
use countersign_dsig::sign::SigningOptions;
use countersign_saml::binding::{Binding, Outbound, PostForm, RelayState};
use countersign_saml::logout::{self, LogoutRequest, LogoutResponse, LogoutStatus};
use countersign_saml::{
    AuthnRequest, Contact, ContactKind, IdentityProvider, Inbound, MultiFactor, Organization,
    RequestedAuthnContext, ServiceProviderMetadata,
};
use pollster::block_on;

use crate::checkers::{Checker, Desk, Signed, is_valid};
use crate::support::{IDP, SP, at, test_idp};
use crate::{OUR_CERTIFICATE, SLO, clock, fresh_id, our_key, our_sp, pem, query_of};

/// The test identity provider, which takes logout messages, too.
fn idp() -> IdentityProvider {
    let slo = concat!(
        r#"<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" "#,
        r#"Location="https://idp.example/slo"/><md:SingleSignOnService"#
    );
    let metadata = test_idp().metadata();
    let metadata = metadata.replacen("<md:SingleSignOnService", slo, 1);
    is_valid("metadata", metadata.as_bytes());
    IdentityProvider::from_metadata(metadata.as_bytes()).unwrap()
}

/// The message in a form.
fn message(form: &PostForm) -> Vec<u8> {
    let (_, value) = form.fields().next().unwrap();
    STANDARD.decode(value).unwrap()
}

/// It is valid, and every checker accepts its signature and no other.
#[track_caller]
fn is_right(name: &str, xml: &[u8]) {
    is_valid("protocol", xml);
    let text = std::str::from_utf8(xml).unwrap();
    let (_, id) = text.split_once(" ID=\"").unwrap();
    let (id, _) = id.split_once('"').unwrap();
    let element = Signed {
        name,
        id,
        from: SP,
        to: "https://other.example/saml",
    };
    for checker in [Checker::XMLSEC1, Checker::SAMLSIGN, Checker::SIGNXML] {
        checker.accepts_only(xml, OUR_CERTIFICATE, &element);
    }
}

#[test]
#[ignore = "runs xmllint, xmlsec1, samlsign and signxml; cargo xtask test runs it"]
fn our_authn_requests_are_valid_and_verify() {
    let (sp, idp, key) = (our_sp(), idp(), our_key());
    let request = AuthnRequest::new(&sp, &idp, fresh_id(), clock());
    let (form, _) = block_on(request.clone().post()).unwrap();
    is_valid("protocol", &message(&form));

    let everything = request
        .relay_state(RelayState::new("order 7").unwrap())
        .force_authn()
        .authn_context(RequestedAuthnContext::multi_factor(MultiFactor::Refeds))
        .name_id_format("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent")
        .allow_create()
        .sp_name_qualifier("https://group.example/<&\"'>")
        .login_hint("nurse@acme.example", None)
        .signed_by(&key);
    let (form, _) = block_on(everything.post()).unwrap();
    is_right("AuthnRequest", &message(&form));
}

#[test]
#[ignore = "runs xmllint, xmlsec1, samlsign and signxml; cargo xtask test runs it"]
fn our_logout_requests_are_valid_and_verify() {
    let name_id = NameId {
        value: "nurse & <7>".to_owned(),
        format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
        name_qualifier: Some(IDP.to_owned()),
        sp_name_qualifier: Some("https://group.example".to_owned()),
    };
    let request = LogoutRequest::new(
        &our_sp(),
        &idp(),
        Binding::Post,
        &name_id,
        &fresh_id(),
        clock(),
    );
    let request = request
        .unwrap()
        .with_session_index("_session-1")
        .with_session_index("_session-2")
        .with_reason("urn:oasis:names:tc:SAML:2.0:logout:user");
    let Outbound::Post(form) = block_on(request.send(&our_key())).unwrap() else {
        panic!("not a form");
    };
    is_right("LogoutRequest", &message(&form));
}

#[test]
#[ignore = "runs xmllint, xmlsec1, samlsign and signxml; cargo xtask test runs it"]
fn our_logout_responses_are_valid_and_verify() {
    let now = clock();
    let request = format!(
        r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0" IssueInstant="{now}" Destination="{SLO}"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{IDP}</saml:Issuer><saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">nurse-7</saml:NameID></samlp:LogoutRequest>"#
    );
    let request = STANDARD.encode(test_idp().sign(request.as_bytes(), "_1"));
    let message_in = Inbound::Post(request.as_bytes());
    let (sp, idp) = (our_sp(), idp());
    let verified = logout::verify_request(&sp, &idp, message_in, now).unwrap();
    let logout = verified.insecure_without_replay_check();
    for status in [LogoutStatus::Complete, LogoutStatus::Partial] {
        let answer =
            LogoutResponse::new(&sp, &idp, Binding::Post, &logout, status, &fresh_id(), now);
        let Outbound::Post(form) = block_on(answer.unwrap().send(&our_key())).unwrap() else {
            panic!("not a form");
        };
        is_right("LogoutResponse", &message(&form));
    }
}

/// [SAML-Bindings §3.4.4.1]: the signature is over the query as it stands.
#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_verifies_the_query_of_a_redirect() {
    let (sp, idp) = (our_sp(), idp());
    for (algorithm, digest) in [
        (RsaSha256, "-sha256"),
        (RsaSha384, "-sha384"),
        (RsaSha512, "-sha512"),
    ] {
        let key = our_key().with_algorithm(algorithm).unwrap();
        let request = AuthnRequest::new(&sp, &idp, fresh_id(), clock())
            .relay_state(RelayState::new("order 7 & <more>").unwrap())
            .signed_by(&key);
        let (url, _) = block_on(request.redirect()).unwrap();
        let (signed, signature) = query_of(url.as_str()).split_once("&Signature=").unwrap();
        let signature = ["%2B", "%2F", "%3D"]
            .iter()
            .zip(["+", "/", "="])
            .fold(signature.to_owned(), |text, (from, to)| {
                text.replace(from, to)
            });

        let desk = Desk::new();
        let certificate = desk.put("signer.pem", pem(OUR_CERTIFICATE));
        let extract = Command::new("openssl")
            .args(["x509", "-pubkey", "-noout", "-in"])
            .arg(certificate)
            .output()
            .unwrap();
        let key = desk.put("key.pem", extract.stdout);
        let signature = desk.put("signature", STANDARD.decode(signature).unwrap());
        let verify = |query: &str| {
            let mut openssl = Command::new("openssl");
            openssl.args(["dgst", digest, "-verify"]).arg(&key);
            openssl.arg("-signature").arg(&signature);
            openssl.arg(desk.put("query", query));
            openssl.output().unwrap().status.success()
        };
        assert!(verify(signed), "{signed}");
        assert!(!verify(&signed.replace("order", "ordex")));
    }
}

/// With everything that it can say.
fn say_everything(metadata: ServiceProviderMetadata<'_>) -> ServiceProviderMetadata<'_> {
    metadata
        .valid_until(at("2099-01-01T00:00:00Z"))
        .cache_duration(Duration::from_secs(3600))
        .organization(Organization {
            name: "Acme & Sons".to_owned(),
            display_name: "Acme <hospital>".to_owned(),
            url: "https://acme.example/?a&b".to_owned(),
            language: "en".to_owned(),
        })
        .contact(Contact {
            kind: ContactKind::Technical,
            given_name: Some("Operations".to_owned()),
            surname: None,
            email: Some("operations@acme.example".to_owned()),
        })
}

#[test]
#[ignore = "runs xmllint; cargo xtask test runs it"]
fn our_metadata_is_valid() {
    let sp = our_sp();
    is_valid("metadata", sp.metadata().to_xml().as_bytes());
    is_valid(
        "metadata",
        say_everything(sp.metadata()).to_xml().as_bytes(),
    );
    is_valid("metadata", &signed_metadata());
}

fn signed_metadata() -> Vec<u8> {
    let sp = our_sp();
    let metadata = say_everything(sp.metadata());
    block_on(metadata.to_signed_xml(&our_key(), &SigningOptions::default())).unwrap()
}

#[test]
#[ignore = "runs xmlsec1, samlsign and signxml; cargo xtask test runs it"]
fn every_checker_accepts_our_signed_metadata() {
    let element = Signed {
        name: "EntityDescriptor",
        id: "_metadata",
        from: SP,
        to: "https://other.example/saml",
    };
    for checker in [Checker::XMLSEC1, Checker::SAMLSIGN, Checker::SIGNXML] {
        checker.accepts_only(&signed_metadata(), OUR_CERTIFICATE, &element);
    }
}
