//! `countersign saml request`, and `saml verify` on what comes back.

use countersign::blocking::wait;
use countersign::saml::SigningKey;
use countersign::saml::binding::{Message, MessageKind, RelayState};
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use countersign_testkit::keys;

use super::run::countersign_with;
use super::*;

struct Provider {
    folder: Folder,
    idp: TestIdp,
}

impl Provider {
    fn new() -> Self {
        let provider = Self {
            folder: Folder::new(),
            idp: TestIdp::new(IDP),
        };
        let metadata = provider.idp.metadata();
        provider.folder.write("metadata.xml", metadata.as_bytes());
        provider.folder.write("sp.pk8", keys::OTHER_RSA_2048_PKCS8);
        provider
    }

    fn run(&self, command: &str, arguments: &[&str], input: &[u8]) -> Run {
        let metadata = self.folder.path("metadata.xml");
        let configuration = [
            "saml",
            command,
            "--idp-metadata",
            &metadata,
            "--sp-entity-id",
            SP,
            "--acs-url",
            ACS,
            "--at",
            NOW,
            "--json",
        ];
        countersign_with(&[&configuration, arguments].concat(), input)
    }

    fn request(&self, arguments: &[&str]) -> Run {
        self.run("request", arguments, b"")
    }

    /// Verifies what comes back for a request that was printed.
    fn verify(&self, request: &Run, arguments: &[&str], input: &[u8]) -> Run {
        self.folder.write("pending.json", request.stdout.as_bytes());
        let pending = self.folder.path("pending.json");
        let pending = ["--pending", &pending];
        self.run("verify", &[&pending, arguments].concat(), input)
    }

    /// The answer to a request that was printed.
    fn answer(&self, request: &Run) -> String {
        let id = request.json()["pending"]["id"].as_str().unwrap().to_owned();
        let spec = ResponseSpec::new(SP, ACS, "signer@acme.example", NOW.parse().unwrap());
        String::from_utf8(self.idp.respond(&spec.answering(&id))).unwrap()
    }

    /// The same as the URL of a redirect.
    fn redirected(&self, request: &Run, relay_state: &str, key: Option<&[u8]>) -> String {
        let key = key.map(|pkcs8| SigningKey::from_pkcs8(pkcs8).unwrap());
        let relay_state = RelayState::new(relay_state).unwrap();
        let message = Message {
            kind: MessageKind::Response,
            id: "",
            xml: &self.answer(request),
            destination: ACS,
            relay_state: Some(&relay_state),
        };
        let signer = key.as_ref().map(|key| key as _);
        wait(message.redirect(signer)).unwrap().to_string()
    }
}

fn code(run: &Run) -> String {
    assert_eq!(run.code, 1, "{run:?}");
    run.json()["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_request_is_a_url_or_a_form_with_what_is_pending() {
    let provider = Provider::new();
    let by_default = provider.request(&["--relay-state", "order 7"]);
    assert_eq!(by_default.code, 0, "{by_default:?}");
    let json = by_default.json();
    assert_eq!(json["ok"], true);
    assert_eq!(json["binding"], "redirect");
    let url = json["url"].as_str().unwrap();
    assert!(url.starts_with("https://idp.example/sso?SAMLRequest="));
    assert!(url.ends_with("&RelayState=order%207"), "{url}");
    let pending = &json["pending"];
    assert_eq!(pending["identity_provider"], "https://idp.acme.example");
    assert_eq!(pending["relay_state"], "order 7");
    assert_eq!(pending["issued_at"], NOW);
    assert_eq!(pending["expires_at"], "2026-03-01T09:40:00.000Z");

    let key = provider.folder.path("sp.pk8");
    let signed = provider.request(&["--binding", "redirect", "--sign-key", &key]);
    let url = signed.json()["url"].as_str().unwrap().to_owned();
    assert!(url.contains(
        "&SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256&Signature="
    ));

    let form = provider.request(&["--binding", "post", "--mfa", "entra", "--force-authn"]);
    let json = form.json();
    assert_eq!(json["binding"], "post");
    assert_eq!(json["action"], "https://idp.example/sso");
    assert!(json["fields"]["SAMLRequest"].is_string());
    assert!(
        json["html"]
            .as_str()
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
    assert_eq!(json["pending"]["fresh_login_since"], NOW);
    assert_eq!(json["pending"]["authn_context"]["comparison"], "exact");
    assert_ne!(json["pending"]["id"], by_default.json()["pending"]["id"]);
}

#[test]
fn text_for_people_is_the_url_and_a_line_of_json() {
    let provider = Provider::new();
    let metadata = provider.folder.path("metadata.xml");
    let run = countersign(&[
        "saml",
        "request",
        "--metadata",
        &metadata,
        "--sp-entity-id",
        SP,
        "--acs-url",
        ACS,
        "--authn-context",
        "https://refeds.org/profile/mfa",
        "--comparison",
        "minimum",
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    let (url, pending) = run.stdout.split_once('\n').unwrap();
    assert!(url.starts_with("https://idp.example/sso?SAMLRequest="));
    let pending: serde_json::Value = serde_json::from_str(pending).unwrap();
    assert_eq!(pending["authn_context"]["comparison"], "minimum");
}

#[test]
fn a_request_that_metadata_does_not_allow_is_refused() {
    let provider = Provider::new();
    let metadata = provider.idp.metadata();
    let wanted = metadata.replace(
        "<md:IDPSSODescriptor ",
        r#"<md:IDPSSODescriptor WantAuthnRequestsSigned="true" "#,
    );
    provider.folder.write("metadata.xml", wanted.as_bytes());
    assert_eq!(code(&provider.request(&[])), "request.signing_wanted");
    assert_eq!(provider.request(&["--unsigned"]).code, 0);
    let redirect_only = metadata.replace("HTTP-POST", "SOAP");
    provider
        .folder
        .write("metadata.xml", redirect_only.as_bytes());
    let refused = provider.request(&["--binding", "post"]);
    assert_eq!(code(&refused), "request.no_endpoint");
}

#[test]
fn what_can_not_be_asked_is_unreadable() {
    let provider = Provider::new();
    let long = "x".repeat(81);
    let missing = provider.folder.path("missing");
    let metadata = provider.folder.path("metadata.xml");
    for arguments in [
        &["--relay-state", long.as_str()][..],
        &["--sign-key", &missing],
        &["--sign-key", &metadata],
        &["--binding", "soap"],
        &["--comparison", "minimum"],
        &["--mfa", "entra", "--authn-context", "x"],
    ] {
        assert_eq!(provider.request(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn what_comes_back_is_verified_for_the_pending_request() {
    let provider = Provider::new();
    let request = provider.request(&["--relay-state", "order 7"]);
    let key = Some(keys::IDP_RSA_2048_PKCS8);
    let url = provider.redirected(&request, "order 7", key);
    let (_, query) = url.split_once('?').unwrap();
    for input in [query.to_owned(), format!("{query}\n"), url.clone()] {
        let accepted = provider.verify(&request, &["--redirect-query", "-"], input.as_bytes());
        assert_eq!(accepted.code, 0, "{accepted:?}");
        let json = accepted.json();
        assert_eq!(json["identity"]["name_id"]["value"], "signer@acme.example");
    }
    let answer = provider.answer(&request);
    let accepted = provider.verify(&request, &["-"], answer.as_bytes());
    assert_eq!(accepted.code, 0, "{accepted:?}");

    let verify = |raw: &str| {
        let run = provider.verify(&request, &["--redirect-query", "-"], raw.as_bytes());
        code(&run)
    };
    let other = provider.redirected(&request, "order 8", key);
    assert_eq!(verify(&other), "saml.relay_state_mismatch");
    let stranger = provider.redirected(&request, "order 7", Some(keys::OTHER_RSA_2048_PKCS8));
    assert_eq!(verify(&stranger), "saml.query_signature_invalid");
    assert_eq!(
        verify(&format!("{query}&SAMLRequest=x")),
        "saml.ambiguous_parameters"
    );
    assert_eq!(verify(""), "saml.malformed_parameters");
    let unasked = provider.request(&["--relay-state", "order 7"]);
    let run = provider.verify(&unasked, &["--redirect-query", "-"], query.as_bytes());
    assert_eq!(code(&run), "saml.in_response_to_mismatch");
    let step_up = provider.request(&["--relay-state", "order 7", "--mfa", "refeds"]);
    let body = provider.redirected(&step_up, "order 7", None);
    let run = provider.verify(&step_up, &["--redirect-query", "-"], body.as_bytes());
    assert_eq!(code(&run), "saml.authn_context_mismatch");
}

#[test]
fn a_raw_form_is_verified_too() {
    let provider = Provider::new();
    let request = provider.request(&[]);
    let id = request.json()["pending"]["id"].as_str().unwrap().to_owned();
    let spec = ResponseSpec::new(SP, ACS, "signer@acme.example", NOW.parse().unwrap());
    let value = provider.idp.post(&spec.answering(&id)).replace('+', "%2B");
    let body = format!("SAMLResponse={value}");
    let accepted = provider.verify(&request, &["--form", "-"], body.as_bytes());
    assert_eq!(accepted.code, 0, "{accepted:?}");
    let twice = format!("{body}&SAMLResponse=x");
    let run = provider.verify(&request, &["--form", "-"], twice.as_bytes());
    assert_eq!(code(&run), "saml.ambiguous_parameters");
}

#[test]
fn a_pending_request_that_can_not_be_read_is_unreadable() {
    let provider = Provider::new();
    for pending in ["", "{}", "[]", r#"{"id":"_1","more":1}"#] {
        provider.folder.write("pending.json", pending.as_bytes());
        let path = provider.folder.path("pending.json");
        let arguments = ["--pending", &path, "-"];
        assert_eq!(provider.run("verify", &arguments, b"<a/>").code, 2);
    }
    for arguments in [
        &["--allow-unsolicited"][..],
        &[
            "--allow-unsolicited",
            "--form",
            "-",
            "--redirect-query",
            "-",
        ],
        &["--allow-unsolicited", "--form", "-", "-"],
        &["--allow-unsolicited", "--base64", "--form", "-"],
    ] {
        assert_eq!(provider.run("verify", arguments, b"").code, 2);
    }
}
