//! `countersign saml logout`: there and back.

use countersign_testkit::idp::TestIdp;
use countersign_testkit::keys;

use super::*;

const SLO: &str = "https://sign.example/saml/slo";
const IDP_SLO: &str = "https://idp.acme.example/slo";

/// Both parties' metadata and keys in one folder. We sign with P-256, the provider with RSA.
struct Parties {
    folder: Folder,
}

impl Parties {
    fn new() -> Self {
        let parties = Self {
            folder: Folder::new(),
        };
        let slo: String = ["Redirect", "POST"]
            .map(|binding| {
                format!(
                    r#"<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{binding}" Location="{IDP_SLO}"/><md:SingleSignOnService"#
                )
            })
            .concat();
        let metadata = TestIdp::new(IDP).metadata();
        let (head, tail) = metadata.split_once("<md:SingleSignOnService").unwrap();
        let metadata = format!("{head}{slo}{tail}").replace(
            "<md:SingleSignOnService<md:SingleLogoutService",
            "<md:SingleLogoutService",
        );
        parties.folder.write("idp.xml", metadata.as_bytes());
        parties.folder.write("ours.pk8", keys::IDP_P256_PKCS8);
        parties.folder.write("theirs.pk8", keys::IDP_RSA_2048_PKCS8);
        parties.folder.write(
            "request.xml",
            &TestIdp::new(IDP).sign(request().as_bytes(), "_1"),
        );
        parties.folder.write("unsigned.xml", request().as_bytes());
        parties
    }

    /// Runs `saml logout COMMAND`; a name with a dot is that of a file in the folder.
    fn logout(&self, command: &str, more: &[&str]) -> Run {
        let metadata = self.folder.path("idp.xml");
        let mut arguments: Vec<String> = [
            "--json",
            "saml",
            "logout",
            command,
            "--idp-metadata",
            &metadata,
            "--sp-entity-id",
            SP,
            "--at",
            NOW,
        ]
        .map(str::to_owned)
        .to_vec();
        for argument in more {
            arguments.push(match argument {
                file if file.ends_with(".pk8")
                    || file.ends_with(".xml")
                    || file.ends_with(".txt")
                    || file.ends_with(".json") =>
                {
                    self.folder.path(file)
                }
                other => (*other).to_owned(),
            });
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        countersign(&arguments)
    }

    fn verify(&self, more: &[&str]) -> Run {
        self.logout("verify", &[&["--slo-url", SLO], more].concat())
    }
}

fn request() -> String {
    format!(
        r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0" IssueInstant="{NOW}" Destination="{SLO}"><saml:Issuer>{IDP}</saml:Issuer><saml:NameID>nurse@acme.example</saml:NameID><samlp:SessionIndex>_s1</samlp:SessionIndex></samlp:LogoutRequest>"#
    )
}

#[test]
fn a_providers_request_is_verified() {
    let parties = Parties::new();
    let run = parties.verify(&["request.xml"]);
    let json = run.json();
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(
        json["logout_request"]["name_id"]["value"],
        "nurse@acme.example"
    );
    assert_eq!(json["logout_request"]["session_indexes"][0], "_s1");
    for (arguments, code) in [
        (vec!["unsigned.xml"], "saml.unsigned"),
        (vec!["idp.xml"], "saml.not_a_logout_request"),
    ] {
        let run = parties.verify(&arguments);
        assert_eq!(
            (run.code, &run.json()["code"]),
            (1, &code.into()),
            "{run:?}"
        );
    }
    let elsewhere = parties.logout(
        "verify",
        &["--slo-url", "https://other.example", "request.xml"],
    );
    assert_eq!(elsewhere.json()["code"], "saml.destination_mismatch");
    assert_eq!(parties.verify(&["missing.xml"]).code, 2);
    assert_eq!(parties.verify(&[]).code, 2);
}

#[test]
fn a_providers_request_is_answered_by_redirect_and_by_form() {
    let parties = Parties::new();
    let respond = |more: &[&str]| {
        let arguments = ["--slo-url", SLO, "--sign-key", "ours.pk8", "request.xml"];
        parties.logout("respond", &[&arguments, more].concat())
    };
    let redirect = respond(&[]);
    assert_eq!(redirect.code, 0, "{redirect:?}");
    let url = redirect.json()["url"].as_str().unwrap().to_owned();
    assert!(
        url.starts_with(&format!("{IDP_SLO}?SAMLResponse=")),
        "{url}"
    );
    assert!(url.contains("&Signature="), "{url}");
    let form = respond(&["--binding", "post", "--status", "partial"]);
    assert_eq!(form.json()["action"], IDP_SLO, "{form:?}");
    assert!(
        form.json()["fields"]["SAMLResponse"].is_string(),
        "{form:?}"
    );
    // What does not verify is not answered.
    let unsigned = parties.logout(
        "respond",
        &["--slo-url", SLO, "--sign-key", "ours.pk8", "unsigned.xml"],
    );
    assert_eq!(unsigned.json()["code"], "saml.unsigned", "{unsigned:?}");
}

#[test]
fn a_request_of_ours_is_sent_and_its_answer_verified() {
    let parties = Parties::new();
    let sent = parties.logout(
        "request",
        &[
            "--name-id",
            "nurse@acme.example",
            "--session-index",
            "_s1",
            "--sign-key",
            "ours.pk8",
            "--relay-state",
            "order 7",
        ],
    );
    assert_eq!(sent.code, 0, "{sent:?}");
    let json = sent.json();
    let url = json["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{IDP_SLO}?SAMLRequest=")), "{url}");
    parties.folder.write("pending.json", sent.stdout.as_bytes());

    let id = json["pending"]["logout"]["id"].as_str().unwrap();
    let answer = format!(
        r#"<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_2" InResponseTo="{id}" Version="2.0" IssueInstant="{NOW}" Destination="{SLO}"><saml:Issuer>{IDP}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status></samlp:LogoutResponse>"#
    );
    parties.folder.write(
        "answer.xml",
        &TestIdp::new(IDP).sign(answer.as_bytes(), "_2"),
    );
    let run = parties.verify(&["--pending", "pending.json", "answer.xml"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["logout_response"]["outcome"], "complete");
    // An answer to another request, an answer for a request, a file that is none.
    let other = answer.replace(id, "_other");
    parties
        .folder
        .write("other.xml", &TestIdp::new(IDP).sign(other.as_bytes(), "_2"));
    let run = parties.verify(&["--pending", "pending.json", "other.xml"]);
    assert_eq!(run.json()["code"], "saml.in_response_to_mismatch");
    let run = parties.verify(&["answer.xml"]);
    assert_eq!(run.json()["code"], "saml.not_a_logout_request");
    assert_eq!(
        parties.verify(&["--pending", "idp.xml", "answer.xml"]).code,
        2
    );
}

/// We play both sides: our own redirect is a provider's request to somebody else.
#[test]
fn a_redirect_is_read_from_its_url() {
    let parties = Parties::new();
    let sent = parties.logout(
        "request",
        &[
            "--name-id",
            "nurse@acme.example",
            "--sign-key",
            "theirs.pk8",
        ],
    );
    let url = sent.json()["url"].as_str().unwrap().to_owned();
    parties.folder.write("url.txt", url.as_bytes());
    let theirs = TestIdp::new(SP).metadata();
    parties.folder.write("sp-as-idp.xml", theirs.as_bytes());
    let metadata = parties.folder.path("sp-as-idp.xml");
    let file = parties.folder.path("url.txt");
    let run = countersign(&[
        "--json",
        "saml",
        "logout",
        "verify",
        "--idp-metadata",
        &metadata,
        "--sp-entity-id",
        IDP,
        "--at",
        NOW,
        "--slo-url",
        IDP_SLO,
        "--redirect-query",
        &file,
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["logout_request"]["issuer"], SP);
}

#[test]
fn a_provider_without_a_logout_endpoint_is_refused() {
    let parties = Parties::new();
    parties
        .folder
        .write("idp.xml", TestIdp::new(IDP).metadata().as_bytes());
    let run = parties.logout(
        "request",
        &["--name-id", "nurse@acme.example", "--sign-key", "ours.pk8"],
    );
    assert_eq!(
        (run.code, &run.json()["code"]),
        (1, &"logout.no_endpoint".into())
    );
}
