//! An engine for administration: it does what administrators do, and has no door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;

use countersign::audit::Ed25519Signer;
use countersign::blocking::wait;
use countersign::memory::MemoryStore;
use countersign::saml::{Expect, IdentityProvider, Inbound, ServiceProvider};
use countersign::{BuildError, ConnectionId, Engine, EngineBuilder, PolicyFile, Sweep, TenantId};
use countersign_testkit::idp::TestIdp;

const POLICY: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "okta"
strategy = "jit"
domains = ["acme.example"]

[connection.visitors]
door = "email"
strategy = "self_register"
tenant = "acme"
domains = ["partner.example"]
"#;

fn builder() -> EngineBuilder {
    let (signer, _) = Ed25519Signer::generate().unwrap();
    Engine::builder(PolicyFile::parse("policy.toml", POLICY).unwrap())
        .store(Arc::new(MemoryStore::new()))
        .log("sign.example/log", Arc::new(signer))
}

fn acme() -> ConnectionId {
    ConnectionId::new("acme").unwrap()
}

#[test]
fn it_needs_no_identity_provider_and_administers() {
    let engine = wait(builder().build_for_administration()).unwrap();
    let tenant = TenantId::new("acme").unwrap();
    let swept = wait(engine.sweep(&tenant, &Sweep::new())).unwrap();
    assert!(
        swept.policy.is_some(),
        "the policy is on record from now on"
    );
    assert!(matches!(
        wait(builder().build()),
        Err(BuildError::NoIdentityProvider(id)) if id == acme()
    ));
}

#[test]
fn nobody_comes_in_through_it_by_a_provider_or_by_mail() {
    let engine = wait(builder().build_for_administration()).unwrap();
    let acme = acme();
    let refused = [
        engine.request(&acme).map(drop),
        wait(engine.sign_in(&acme, Inbound::Xml(b"<Response/>"), Expect::Unsolicited)).map(drop),
        wait(engine.sign_out(&acme, Inbound::Xml(b"<LogoutRequest/>"))).map(drop),
        wait(engine.challenge_email(
            &ConnectionId::new("visitors").unwrap(),
            "guest@partner.example",
        ))
        .map(drop),
        wait(engine.insecure_sign_in_by_email_in_any_browser(
            &ConnectionId::new("visitors").unwrap(),
            "token",
        ))
        .map(drop),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().code(), "engine.unknown_connection");
    }
}

#[test]
fn a_provider_that_it_would_never_ask_is_a_mistake() {
    let idp = TestIdp::new("https://idp.acme.example");
    let given = builder().connection(
        acme(),
        ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs").unwrap(),
        IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap(),
    );
    assert!(matches!(
        wait(given.build_for_administration()),
        Err(BuildError::ForAdministration(id)) if id == acme()
    ));
}
