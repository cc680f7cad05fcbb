//! What identity providers that others wrote send, through a preset to roles.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::audit::Ed25519Signer;
use countersign::blocking::wait;
use countersign::memory::MemoryStore;
use countersign::provision::store::UserStore;
use countersign::saml::{Expect, IdentityProvider, Inbound, ServiceProvider};
use countersign::{ConnectionId, Engine, PolicyFile, SignIn};
use countersign_dsig::sign::SigningKey;
use countersign_testkit::keys;
use countersign_testkit::providers::{Order, answer, metadata};

/// The name identifier is persistent, `mail` is the address, `groups` has two values.
const POLICY: &str = r#"
[connection.acme]
issuer = "ISSUER"
preset = "generic"
strategy = "jit"
domains = ["acme.example"]

[role.night]
allow = ["sign shift/*"]
[role.manager]
allow = ["approve *"]

[[rule]]
id = "night-shift"
all = [
    { attribute = "groups", eq = "night-shift" },
    { attribute = "displayname", prefix = "Gïven" },
]
grant = [{ role = "night" }]

[[rule]]
id = "managers"
all = [{ attribute = "groups", eq = "managers" }]
grant = [{ role = "manager" }]
"#;

fn our_certificate() -> String {
    let base64 = STANDARD.encode(keys::SP_RSA_2048_CERTIFICATE);
    let lines = base64.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let lines: Vec<_> = lines.collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

/// The roles of whoever `provider` signs in.
fn roles(provider: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let idp = IdentityProvider::from_metadata(&metadata(provider, folder.path())).unwrap();
    let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")
        .unwrap()
        .with_signing_certificate(keys::SP_RSA_2048_CERTIFICATE)
        .unwrap();
    let policy = POLICY.replace("ISSUER", idp.entity_id());
    let sp_metadata = sp.metadata().to_xml();
    let store = Arc::new(MemoryStore::new());
    let acme = ConnectionId::new("acme").unwrap();
    let key = SigningKey::from_pkcs8(keys::SP_RSA_2048_PKCS8).unwrap();
    let builder = Engine::builder(PolicyFile::parse("policy.toml", &policy).unwrap())
        .connection(acme.clone(), sp, idp)
        .store(store.clone())
        .message_signer(Arc::new(key))
        .log(
            "sign.example/log",
            Arc::new(Ed25519Signer::generate().unwrap().0),
        );
    let engine = wait(builder.build()).unwrap();

    let request = engine.request(&acme).unwrap();
    let request = request
        .name_id_format("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent")
        .allow_create();
    let (url, pending) = wait(request.redirect()).unwrap();
    let order = Order {
        authn_request: url.as_str().split_once('?').unwrap().1,
        sp_metadata: &sp_metadata,
        sp_certificate: &our_certificate(),
    };
    answer(provider, folder.path(), &order).unwrap_or_else(|complaint| panic!("{complaint}"));
    let xml = std::fs::read(folder.path().join("both.xml")).unwrap();
    let ended = wait(engine.sign_in(&acme, Inbound::Xml(&xml), Expect::Request(&pending)));
    let session = match ended.unwrap() {
        SignIn::Admitted(session) => session,
        other => panic!("{other:?}"),
    };
    let tenant = engine.policy().connection(&acme).unwrap().tenant.clone();
    let user = wait(store.user(&tenant, session.user())).unwrap().unwrap();
    let grants = user.grants.into_iter();
    grants.map(|grant| grant.role.to_string()).collect()
}

#[test]
#[ignore = "runs samlp; cargo xtask test runs it"]
fn what_samlp_sends_gives_the_roles_that_it_should() {
    assert_eq!(roles("samlp"), BTreeSet::from(["night".to_owned()]));
}

#[test]
#[ignore = "runs pysaml2; cargo xtask test runs it"]
fn what_pysaml2_sends_gives_the_roles_that_it_should() {
    assert_eq!(roles("pysaml2"), BTreeSet::from(["night".to_owned()]));
}
