//! `countersign saml metadata`, and metadata of many providers in `saml verify`.

use countersign_testkit::idp::{KeyChoice, ResponseSpec, TestIdp};
use countersign_testkit::keys;

use super::*;

const OTHER: &str = "https://idp.other.example";

/// A folder with an aggregate of two providers, signed by its operator, and keys.
struct Federation {
    folder: Folder,
}

impl Federation {
    fn new() -> Self {
        let federation = Self {
            folder: Folder::new(),
        };
        let aggregate = format!(
            r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_federation" validUntil="2026-03-10T00:00:00Z">{}{}</md:EntitiesDescriptor>"#,
            TestIdp::new(IDP).metadata(),
            TestIdp::with_key(OTHER, KeyChoice::ExpiredP256).metadata(),
        );
        let operator = TestIdp::with_key("https://federation.example", KeyChoice::P256);
        let signed = operator.sign(aggregate.as_bytes(), "_federation");
        federation
            .folder
            .write("unsigned.xml", aggregate.as_bytes());
        federation.folder.write("signed.xml", &signed);
        federation
            .folder
            .write("operator.crt", keys::IDP_P256_CERTIFICATE);
        federation
            .folder
            .write("operator.pk8", keys::IDP_P256_PKCS8);
        federation
            .folder
            .write("stranger.crt", keys::OTHER_RSA_2048_CERTIFICATE);
        federation
    }

    fn show(&self, name: &str, more: &[&str]) -> Run {
        let path = self.folder.path(name);
        let mut arguments = vec!["--json", "saml", "metadata", "show", &path, "--at", NOW];
        arguments.extend_from_slice(more);
        countersign(&arguments)
    }

    fn produce(&self, more: &[&str]) -> Run {
        let mut arguments = vec![
            "saml",
            "metadata",
            "produce",
            "--sp-entity-id",
            SP,
            "--acs-url",
            ACS,
        ];
        arguments.extend_from_slice(more);
        countersign(&arguments)
    }
}

#[test]
fn an_aggregate_is_shown_with_what_an_administrator_should_look_at() {
    let federation = Federation::new();
    let run = federation.show("unsigned.xml", &[]);
    let json = run.json();
    assert_eq!(run.code, 0, "{run:?}");
    let providers = json["metadata"]["identity_providers"].as_array().unwrap();
    assert_eq!(providers.len(), 2);
    assert_eq!(providers[0]["entity_id"], IDP);
    assert_eq!(providers[0]["warnings"].as_array().unwrap().len(), 0);
    assert_eq!(
        providers[0]["sso"][0]["location"],
        "https://idp.example/sso"
    );
    let warning = providers[1]["warnings"][0].as_str().unwrap();
    assert!(
        warning.ends_with(": expired at 2025-01-01T00:00:00.000Z"),
        "{warning}"
    );
    assert!(json["metadata"]["certificate_sha256"].is_null());

    let path = federation.folder.path("unsigned.xml");
    let people = countersign(&["saml", "metadata", "show", &path, "--at", NOW]);
    assert!(people.stdout.starts_with("UNVERIFIED"), "{people:?}");
    assert!(people.stdout.contains(IDP), "{people:?}");
    assert!(people.stdout.contains("(1 warnings)"), "{people:?}");
    let one = countersign(&[
        "saml",
        "metadata",
        "show",
        &path,
        "--at",
        NOW,
        "--entity-id",
        OTHER,
    ]);
    assert_eq!(one.code, 0, "{one:?}");
    assert!(one.stdout.contains("WARNING"), "{one:?}");
    assert!(!one.stdout.contains(IDP), "{one:?}");
}

#[test]
fn a_signature_that_is_asked_for_has_to_hold() {
    let federation = Federation::new();
    let operator = federation.folder.path("operator.crt");
    let stranger = federation.folder.path("stranger.crt");
    let signed = federation.show("signed.xml", &["--signed-by", &operator]);
    assert_eq!(signed.code, 0, "{signed:?}");
    assert!(signed.json()["metadata"]["certificate_sha256"].is_string());
    for (name, arguments, code) in [
        (
            "unsigned.xml",
            vec!["--signed-by", &operator],
            "metadata.unsigned",
        ),
        (
            "signed.xml",
            vec!["--signed-by", &stranger],
            "metadata.signature",
        ),
        (
            "signed.xml",
            vec!["--entity-id", "https://absent.example"],
            "metadata.no_identity_provider",
        ),
    ] {
        let run = federation.show(name, &arguments);
        assert_eq!(
            (run.code, &run.json()["code"]),
            (1, &code.into()),
            "{run:?}"
        );
    }
    let path = federation.folder.path("signed.xml");
    let late = countersign(&[
        "--json",
        "saml",
        "metadata",
        "show",
        &path,
        "--signed-by",
        &operator,
        "--at",
        "2026-03-10T00:00:00Z",
    ]);
    assert_eq!(
        (late.code, &late.json()["code"]),
        (1, &"metadata.expired".into())
    );
    let unreadable = federation.show("signed.xml", &["--signed-by", &path]);
    assert_eq!(unreadable.code, 2, "{unreadable:?}");
}

#[test]
fn a_response_is_verified_with_the_provider_of_an_aggregate() {
    let federation = Federation::new();
    let spec = ResponseSpec::new(SP, ACS, "nurse@acme.example", NOW.parse().unwrap());
    federation
        .folder
        .write("response.xml", &TestIdp::new(IDP).respond(&spec));
    let verify = |more: &[&str]| {
        federation
            .folder
            .verify("unsigned.xml", "response.xml", more)
    };
    let named = verify(&["--idp-entity-id", IDP]);
    assert_eq!(named.code, 0, "{named:?}");
    assert_eq!(verify(&["--idp-entity-id", OTHER]).code, 1);
    assert_eq!(
        verify(&["--idp-entity-id", "https://absent.example"]).code,
        2
    );
    assert_eq!(verify(&[]).code, 2);
}

#[test]
fn our_metadata_is_written_and_signed() {
    let federation = Federation::new();
    let (certificate, key) = (
        federation.folder.path("operator.crt"),
        federation.folder.path("operator.pk8"),
    );
    let plain = federation.produce(&["--slo-url", "https://sign.example/saml/slo"]);
    assert_eq!(plain.code, 0, "{plain:?}");
    assert!(
        plain.stdout.starts_with("<md:EntityDescriptor "),
        "{plain:?}"
    );
    assert_eq!(plain.stdout.matches("<md:SingleLogoutService ").count(), 2);
    let signed = federation.produce(&[
        "--sign-cert",
        &certificate,
        "--sign-key",
        &key,
        "--encrypt-cert",
        &certificate,
        "--organization",
        "Acme & Sons",
        "--organization-url",
        "https://acme.example",
        "--technical-contact",
        "operations@acme.example",
        "--cache-duration",
        "3600",
        "--valid-until",
        "2027-01-01T00:00:00Z",
    ]);
    assert_eq!(signed.code, 0, "{signed:?}");
    assert!(signed.stdout.contains("<ds:Signature "), "{signed:?}");
    assert!(signed.stdout.contains("Acme &amp; Sons"), "{signed:?}");
    let stranger = federation.folder.path("stranger.crt");
    let mismatch = federation.produce(&["--sign-cert", &stranger, "--sign-key", &key]);
    assert_eq!(mismatch.code, 2, "{mismatch:?}");
    let script = federation.produce(&["--slo-url", "javascript:alert(1)"]);
    assert_eq!(script.code, 2, "{script:?}");
}

#[test]
fn keys_are_read_as_pem_too() {
    use base64::Engine as _;
    let federation = Federation::new();
    let pem = |label: &str, der: &[u8]| {
        let base64 = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
    };
    let certificate = pem("CERTIFICATE", keys::IDP_P256_CERTIFICATE);
    federation
        .folder
        .write("operator.pem", certificate.as_bytes());
    federation.folder.write(
        "key.pem",
        pem("PRIVATE KEY", keys::IDP_P256_PKCS8).as_bytes(),
    );
    federation
        .folder
        .write("two.pem", certificate.repeat(2).as_bytes());
    let (one, key, two) = (
        federation.folder.path("operator.pem"),
        federation.folder.path("key.pem"),
        federation.folder.path("two.pem"),
    );
    let run = federation.produce(&["--sign-cert", &one, "--sign-key", &key]);
    assert_eq!(run.code, 0, "{run:?}");
    let run = federation.produce(&["--sign-cert", &two]);
    assert_eq!(run.code, 2, "{run:?}");
}
