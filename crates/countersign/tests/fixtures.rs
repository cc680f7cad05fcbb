//! Real providers' responses through the whole walk: from the bytes that they sent to a bundle
//! that proves a signature.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::sync::Arc;

use countersign::audit::Ed25519Signer;
use countersign::blocking::wait;
use countersign::evidence::{Export, TrustPolicy, verify};
use countersign::memory::MemoryStore;
use countersign::saml::{
    Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider, SignedPart, inspect,
};
use countersign::{Clock, Engine, ManualClock, PolicyFile, SignIn, Timestamp};
use countersign_testkit::fixtures::read;
use host::{acme, admitted, document, refused, roles, sign};

/// One of the stored responses, and what an application says about its provider.
struct Case {
    folder: &'static str,
    preset: &'static str,
    domain: &'static str,
    /// A condition that this person meets, for the role to sign.
    condition: &'static str,
    request: Option<&'static str>,
    signed_part: SignedPart,
}

/// Entra ID. It sends no groups, so that an attribute has to do.
const ENTRA: Case = Case {
    folder: "adfs",
    preset: "entra-saml",
    domain: "codomaindata.com",
    condition: r#"{ attribute = "identityprovider", eq = "live.com" }"#,
    request: None,
    signed_part: SignedPart::Any,
};

/// It sends nothing but the address.
const GOOGLE: Case = Case {
    folder: "google",
    preset: "google-workspace",
    domain: "codomaindata.com",
    condition: "",
    request: None,
    signed_part: SignedPart::Any,
};

const KEYCLOAK: Case = Case {
    folder: "keycloak",
    preset: "keycloak",
    domain: "ssoready.com",
    condition: r#"{ attribute = "groups", eq = "manage-account" }"#,
    request: Some("saml_flow_95q1hli3z0vohj0d55l4j4yo1"),
    signed_part: SignedPart::Any,
};

const OKTA: Case = Case {
    folder: "okta",
    preset: "okta",
    domain: "codomaindata.com",
    condition: "",
    request: None,
    signed_part: SignedPart::Assertion,
};

impl Case {
    fn file(&self, name: &str) -> Vec<u8> {
        read(&format!("saml/ssoready/assertions/{}/{name}", self.folder))
    }

    /// Everybody gets the role, or whoever meets the condition.
    fn policy(&self, issuer: &str) -> String {
        let Self {
            preset,
            domain,
            condition,
            ..
        } = self;
        let (default, rule) = match *condition {
            "" => ("\"signer\"", String::new()),
            condition => (
                "",
                format!(
                    "[[rule]]\nid = \"signers\"\nall = [{condition}]\ngrant = [{{ role = \"signer\" }}]\n"
                ),
            ),
        };
        format!(
            "[connection.acme]\n\
             issuer = \"{issuer}\"\npreset = \"{preset}\"\nstrategy = \"jit\"\n\
             domains = [\"{domain}\"]\n\
             [connection.acme.create]\ndefault_roles = [{default}]\n\
             [role.signer]\nallow = [\"sign nda/*\"]\n{rule}"
        )
    }

    /// An application at the time that the response was made for.
    fn host(&self) -> (Engine, Arc<ManualClock>) {
        let params: serde_json::Value = serde_json::from_slice(&self.file("params.json")).unwrap();
        let now: Timestamp = params["now"].as_str().unwrap().parse().unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let idp = IdentityProvider::from_metadata(&self.file("metadata.xml")).unwrap();
        let policy = PolicyFile::parse("policy.toml", &self.policy(idp.entity_id())).unwrap();
        let sp_entity_id = params["sp_entity_id"].as_str().unwrap();
        let acs_url = inspect(&self.file("assertion.xml"))
            .unwrap()
            .destination
            .unwrap();
        let sp = ServiceProvider::new(sp_entity_id, acs_url).unwrap();
        let builder = Engine::builder(policy)
            .connection(acme(), sp.with_signed_part(self.signed_part), idp)
            .store(Arc::new(MemoryStore::new()))
            .log(
                "sign.example/log",
                Arc::new(Ed25519Signer::generate().unwrap().0),
            )
            .clock(clock.clone());
        (wait(builder.build()).unwrap(), clock)
    }

    fn sign_in(&self, engine: &Engine) -> SignIn {
        let pending = self.request.map(|id| PendingRequest::new(id).unwrap());
        let expect = pending
            .as_ref()
            .map_or(Expect::Unsolicited, Expect::Request);
        let xml = self.file("assertion.xml");
        wait(engine.sign_in(&acme(), Inbound::Xml(&xml), expect)).unwrap()
    }

    #[track_caller]
    fn walks_from_assertion_to_proof(&self) {
        let (engine, clock) = self.host();
        let session = admitted(self.sign_in(&engine));
        assert_eq!(roles(&session), ["signer"]);
        let signature = sign(&engine, &session, &document("nda/mutual")).unwrap();
        let request = Export::of(signature.leaf()).assertions(true);
        let bundle = wait(engine.export(&request)).unwrap();
        let trust = TrustPolicy::new().log_key(engine.ledger().verifier_key().clone());
        // What the provider signed is read offline as it was read at the door.
        let idp = IdentityProvider::from_metadata(&self.file("metadata.xml")).unwrap();
        let keys = idp.keys().iter();
        let trust = keys.fold(trust, |trust, key| trust.identity_provider(key.encoded()));
        let params: serde_json::Value = serde_json::from_slice(&self.file("params.json")).unwrap();
        let trust = trust.audience(params["sp_entity_id"].as_str().unwrap());
        let report = verify(&bundle, &trust, clock.now());
        assert!(report.accepted(), "{report}");
        assert_eq!(refused(self.sign_in(&engine)).code(), "saml.replayed");
    }
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn entra() {
    ENTRA.walks_from_assertion_to_proof();
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn google() {
    GOOGLE.walks_from_assertion_to_proof();
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn keycloak() {
    KEYCLOAK.walks_from_assertion_to_proof();
}

/// The stored response was edited after it was signed; its assertion was not.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn okta_where_the_host_chose_the_assertions_signature() {
    OKTA.walks_from_assertion_to_proof();
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn okta_is_refused_by_default() {
    let by_default = Case {
        signed_part: SignedPart::Any,
        ..OKTA
    };
    let (engine, _) = by_default.host();
    let refused = refused(by_default.sign_in(&engine));
    assert_eq!(refused.code(), "saml.response_signature_invalid");
}

/// The right person through the right provider, for an organization that did not claim the
/// person's domain.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn a_domain_that_was_not_claimed_is_refused_whoever_the_provider_is() {
    for case in [ENTRA, GOOGLE, KEYCLOAK, OKTA] {
        let unclaimed = Case {
            domain: "acme.example",
            ..case
        };
        let (engine, _) = unclaimed.host();
        let refused = refused(unclaimed.sign_in(&engine));
        assert_eq!(
            refused.code(),
            "provision.email_outside_domains",
            "{}",
            case.folder
        );
    }
}
