//! What AD FS (an Entra tenant in truth), Google, Keycloak and Okta really sent, through their
//! presets to facts and to a decision.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod desk;

use countersign_core::{Facts, Groups, Sha256Digest, SubjectKey, Timestamp, VerifiedIdentity};
use countersign_provision::store::Snapshot;
use countersign_provision::{
    ConnectionPolicy, FactsError, MatchedBy, Policy, PolicyParts, Preset, Strategy, decide,
};
use countersign_saml::{
    Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider, SignedPart, inspect,
};
use countersign_testkit::fixtures::read;
use desk::{acme, tenant};

/// The identity in a real response, verified at the clock in its parameters.
fn identity(folder: &str) -> (VerifiedIdentity, Timestamp) {
    let file = |name: &str| read(&format!("saml/ssoready/assertions/{folder}/{name}"));
    let params: serde_json::Value = serde_json::from_slice(&file("params.json")).unwrap();
    let idp = IdentityProvider::from_metadata(&file("metadata.xml")).unwrap();
    let xml = file("assertion.xml");
    let seen = inspect(&xml).unwrap();
    let entity_id = params["sp_entity_id"].as_str().unwrap();
    let mut sp = ServiceProvider::new(entity_id, seen.destination.unwrap()).unwrap();
    if folder == "okta" {
        // Its response was edited after it was signed; its assertion was not.
        sp = sp.with_signed_part(SignedPart::Assertion);
    }
    let request = seen
        .in_response_to
        .map(|id| PendingRequest::new(id).unwrap());
    let expect = request
        .as_ref()
        .map_or(Expect::Unsolicited, Expect::Request);
    let now: Timestamp = params["now"].as_str().unwrap().parse().unwrap();
    let verified = countersign_saml::verify(&sp, &idp, Inbound::Xml(&xml), expect, now).unwrap();
    let identity = verified.insecure_without_replay_check().into_identity();
    (identity, now)
}

/// The facts, and what a just-in-time connection that owns `domain` makes of them.
fn walk(folder: &str, preset: Preset, domain: &str) -> Facts {
    let (identity, now) = identity(folder);
    let issuer = identity.claims().issuer.clone();
    let mut connection = ConnectionPolicy::new(tenant(), issuer, preset, Strategy::Jit);
    connection.domains.insert(domain.to_owned());
    let facts = connection.facts(&identity).unwrap();

    let mut parts = PolicyParts::new(Sha256Digest::from_bytes([0; 32]));
    parts.connections.insert(acme(), connection);
    let policy = Policy::new(parts).unwrap();
    let plan = decide(&policy, &acme(), &facts, &Snapshot::default(), now);
    let admission = plan
        .admission()
        .unwrap_or_else(|| panic!("{:?}", plan.reasons()));
    assert_eq!(admission.matched_by, MatchedBy::Created);
    facts
}

fn address(facts: &Facts) -> &str {
    facts.email.as_ref().unwrap().address.as_str()
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn entra_is_keyed_by_its_object_id() {
    let facts = walk("adfs", Preset::ENTRA_SAML, "codomaindata.com");
    assert_eq!(
        facts.subject.subject(),
        "74a35d48-1914-4115-82f1-1b8a01449f3d"
    );
    assert_eq!(
        facts.subject.issuer(),
        "https://sts.windows.net/a9054a0f-2011-4e31-b3ac-fd8c354146ec/"
    );
    // The name identifier calls itself an address and is a user principal name.
    assert_eq!(address(&facts), "ulysse.carion@codomaindata.com");
    assert_eq!(facts.given_name.as_deref(), Some("Ulysse"));
    assert_eq!(facts.family_name.as_deref(), Some("Carion"));
    assert_eq!(facts.display_name.as_deref(), Some("Ulysse Carion"));
    assert_eq!(facts.values("identityprovider"), ["live.com"]);
    assert_eq!(facts.values("authnmethodsreferences").len(), 3);
    assert_eq!(facts.groups, Groups::Absent);
}

/// The folder's name says AD FS; the response has none of its claims.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn what_entra_sends_is_not_what_ad_fs_sends() {
    let (identity, _) = identity("adfs");
    let key = Preset::ADFS.key();
    let error = Preset::ADFS.facts(&tenant(), &identity, &key).unwrap_err();
    let attribute = "upn".to_owned();
    assert_eq!(error, FactsError::KeyMissing { attribute });
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn google_is_keyed_by_its_unspecified_name_id() {
    let facts = walk("google", Preset::GOOGLE_WORKSPACE, "codomaindata.com");
    assert_eq!(facts.subject.subject(), "ulysse.carion@codomaindata.com");
    assert_eq!(address(&facts), "ulysse.carion@codomaindata.com");
    assert_eq!(facts.groups, Groups::Absent);
    let (identity, _) = identity("google");
    let name_id = identity.claims().name_id.clone();
    assert_eq!(name_id.format.as_deref(), Some(SubjectKey::UNSPECIFIED));
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn keycloak_sends_role_once_for_each_role() {
    let facts = walk("keycloak", Preset::KEYCLOAK, "ssoready.com");
    assert_eq!(facts.subject.subject(), "ulysse.carion@ssoready.com");
    assert_eq!(address(&facts), "ulysse.carion@ssoready.com");
    let roles = [
        "default-roles-master",
        "manage-account",
        "manage-account-links",
        "offline_access",
        "uma_authorization",
        "view-profile",
    ];
    let roles = roles.map(str::to_owned).into();
    assert_eq!(facts.groups, Groups::Complete(roles));
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn okta_is_keyed_by_the_name_id_that_the_application_chose() {
    let facts = walk("okta", Preset::OKTA, "codomaindata.com");
    assert_eq!(facts.subject.subject(), "ulysse.carion@codomaindata.com");
    assert_eq!(address(&facts), "ulysse.carion@codomaindata.com");
    assert_eq!(facts.groups, Groups::Absent);
    assert!(facts.attributes.is_empty());
}
