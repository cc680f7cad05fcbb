//! What AD FS (an Entra tenant in truth), Google, Keycloak, Okta, OneLogin and Shibboleth really
//! sent, through their presets to facts and to a decision.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod desk;

use std::collections::BTreeSet;

use countersign_core::{Facts, Groups, Sha256Digest, SubjectKey, Timestamp, VerifiedIdentity};
use countersign_provision::store::Snapshot;
use countersign_provision::{
    ConnectionPolicy, FactsError, Key, MatchedBy, Policy, PolicyParts, Preset, Strategy, decide,
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

/// A response of crewjam's, as it was received; some are of a time when SHA-1 was used.
fn crewjam(name: &str, metadata: &str, request: &str, now: &str) -> VerifiedIdentity {
    let file = |name: &str| read(&format!("saml/crewjam/testdata/{name}"));
    let idp = IdentityProvider::from_metadata(&file(metadata)).unwrap();
    let host = "https://29ee6d2e.ngrok.io/saml";
    let sp = ServiceProvider::new(format!("{host}/metadata"), format!("{host}/acs")).unwrap();
    let sp = sp
        .insecure_legacy_algorithms()
        .insecure_expired_certificates();
    let bytes = file(name);
    let bytes = bytes.trim_ascii();
    let message = match bytes.first() {
        Some(b'<') => Inbound::Xml(bytes),
        _ => Inbound::Post(bytes),
    };
    let pending = PendingRequest::new(request).unwrap();
    let now = now.parse().unwrap();
    let verified = countersign_saml::verify(&sp, &idp, message, Expect::Request(&pending), now);
    verified
        .unwrap()
        .insecure_without_replay_check()
        .into_identity()
}

fn facts(identity: &VerifiedIdentity, preset: Preset) -> Facts {
    let issuer = identity.claims().issuer.clone();
    let mut connection = ConnectionPolicy::new(tenant(), issuer, preset, Strategy::Jit);
    if identity.claims().name_id.format.is_none() {
        connection.matching.key = Key::StableNameId;
    }
    connection.facts(identity).unwrap()
}

/// `memberOf` with one empty value: no groups, and all of them.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn onelogin_sends_an_empty_value_where_there_are_no_groups() {
    let identity = crewjam(
        "TestSPCanHandleOneloginResponse_response",
        "TestSPCanHandleOneloginResponse_IDPMetadata",
        "id-d40c15c104b52691eccf0a2a5c8a15595be75423",
        "2016-01-05T17:53:12Z",
    );
    let facts = facts(&identity, Preset::ONELOGIN);
    assert_eq!(facts.subject.subject(), "ross@kndr.org");
    assert_eq!(address(&facts), "ross@kndr.org");
    assert_eq!(facts.given_name.as_deref(), Some("Ross"));
    assert_eq!(facts.family_name.as_deref(), Some("Kinder"));
    assert_eq!(facts.values("personimmutableid"), [""]);
    assert_eq!(facts.groups, Groups::Complete(BTreeSet::new()));
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn google_sends_the_attributes_that_its_administrator_named() {
    let identity = crewjam(
        "TestSPRejectsInjectedComment_response",
        "TestSPRejectsInjectedComment_IDPMetadata",
        "id-fd419a5ab0472645427f8e07d87a3a5dd0b2e9a6",
        "2016-01-05T16:55:39Z",
    );
    let facts = facts(&identity, Preset::GOOGLE_WORKSPACE);
    assert_eq!(facts.subject.subject(), "ross@octolabs.io");
    assert_eq!(address(&facts), "ross@octolabs.io");
    assert_eq!(facts.given_name.as_deref(), Some("Ross"));
    assert_eq!(facts.family_name.as_deref(), Some("Kinder"));
    assert!(facts.attributes.contains_key("jobtitle"));
    assert!(
        facts.values("jobtitle").is_empty(),
        "named, and not filled in"
    );
}

/// The assertion of an artifact response of samltest.id, which crewjam stored as it read it: its
/// signature is gone, so that its attributes are read here and vouched for by nobody.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn shibboleth_sends_subject_id_and_its_metadata_allows_the_scope() {
    let xml = read("saml/crewjam/testdata/TestParseXMLArtifactResponse_assertion");
    let xml = String::from_utf8(xml).unwrap();
    let between = |text: &'_ str, start: &str, end: &str| {
        let (_, rest) = text.split_once(start).unwrap();
        rest.split_once(end).unwrap().0.to_owned()
    };
    let attributes = xml.split("<Attribute ").skip(1).map(|attribute| {
        let (_, value) = attribute.split_once("<AttributeValue").unwrap();
        (
            between(attribute, " Name=\"", "\""),
            between(value, ">", "<"),
        )
    });
    let attributes: Vec<(String, String)> = attributes.collect();
    assert_eq!(attributes.len(), 9);
    let sent: Vec<(&str, &str)> = attributes.iter().map(|(n, v)| (&**n, &**v)).collect();
    let identity = desk::identity(&sent);
    let metadata = read("saml/crewjam/testdata/TestGetArtifactBindingLocation_IDPMetadata");
    let idp = IdentityProvider::from_metadata(&metadata).unwrap();
    let issuer = identity.claims().issuer.clone();
    let mut connection = ConnectionPolicy::new(tenant(), issuer, Preset::SHIBBOLETH, Strategy::Jit);
    connection.matching.key = Key::Attribute("subject-id".into());
    let speaks_for = |value: &str| idp.check_scoped(value).is_ok();
    let facts = connection.facts_in_scope(&identity, &speaks_for).unwrap();
    assert_eq!(facts.subject.subject(), "rsanchez@samltest.id");
    assert_eq!(address(&facts), "rsanchez@samltest.id");
    assert_eq!(facts.given_name.as_deref(), Some("Rick"));
    assert_eq!(facts.family_name.as_deref(), Some("Sanchez"));
    assert_eq!(facts.display_name.as_deref(), Some("Rick Sanchez"));
    let entitlement = "urn:mace:dir:entitlement:common-lib-terms".to_owned();
    assert_eq!(facts.groups, Groups::Complete([entitlement].into()));

    let of_another = |value: &str| value.ends_with("@other.example");
    let error = connection
        .facts_in_scope(&identity, &of_another)
        .unwrap_err();
    assert_eq!(error.code(), "provision.key_out_of_scope");
}
