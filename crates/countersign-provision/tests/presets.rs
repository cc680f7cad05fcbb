//! From what providers send to facts: shapes by hand. The real responses are in `fixtures.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use countersign_core::{
    Attribute, AttributeValue, Facts, Groups, SubjectKeyError, TenantId, VerifiedIdentity,
};
use countersign_provision::{FactsError, Key, Preset};
use countersign_testkit::identity::vouched;

const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const CLAIMS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";
const ENTRA_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const ENTRA_GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.into())
}

fn structured() -> AttributeValue {
    AttributeValue::Structured {
        xml: "<a>admins</a>".into(),
    }
}

fn attribute(name: impl Into<String>, values: &[&str]) -> Attribute {
    of_values(name, values.iter().map(|value| text(value)).collect())
}

fn of_values(name: impl Into<String>, values: Vec<AttributeValue>) -> Attribute {
    Attribute {
        name: name.into(),
        name_format: None,
        friendly_name: None,
        values,
    }
}

fn identity(name_id: &str, format: &str, attributes: Vec<Attribute>) -> VerifiedIdentity {
    vouched("https://idp.acme.example", (name_id, format), attributes)
}

fn read(preset: Preset, identity: &VerifiedIdentity) -> Result<Facts, FactsError> {
    let tenant = TenantId::new("acme").unwrap();
    preset.facts(&tenant, identity, &preset.key())
}

fn entra(mut attributes: Vec<Attribute>) -> Facts {
    attributes.push(attribute(ENTRA_ID, &["74a3-Object"]));
    let identity = identity("nurse@tenant.example", EMAIL_FORMAT, attributes);
    read(Preset::ENTRA_SAML, &identity).unwrap()
}

fn groups(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).into()).collect()
}

#[test]
fn every_preset_is_found_by_its_name() {
    for preset in Preset::ALL {
        assert_eq!(Preset::named(preset.name()), Some(preset));
    }
    assert_eq!(Preset::named("entra"), None);
}

#[test]
fn entra_is_keyed_by_the_object_id_and_not_by_an_address() {
    let facts = entra(vec![
        attribute(format!("{CLAIMS}emailaddress"), &["Nurse@ACME.example"]),
        attribute(format!("{CLAIMS}givenname"), &["Given"]),
        attribute(format!("{CLAIMS}surname"), &["Family"]),
        attribute(
            "http://schemas.microsoft.com/identity/claims/displayname",
            &["Given Family"],
        ),
        attribute("jobtitle", &["Manager"]),
    ]);
    assert_eq!(facts.subject.subject(), "74a3-Object");
    let email = facts.email.as_ref().unwrap();
    assert_eq!(email.address.as_str(), "nurse@acme.example");
    assert!(!email.verified_by_idp, "an absent flag is false");
    assert_eq!(facts.given_name.as_deref(), Some("Given"));
    assert_eq!(facts.family_name.as_deref(), Some("Family"));
    assert_eq!(facts.display_name.as_deref(), Some("Given Family"));
    assert_eq!(facts.values("emailaddress"), ["Nurse@ACME.example"]);
    assert_eq!(
        facts.values("jobtitle"),
        ["Manager"],
        "others keep their names"
    );
}

/// Entra calls a user principal name an e-mail address.
#[test]
fn entra_has_no_address_without_its_claim() {
    assert_eq!(entra(vec![]).email, None);
}

#[test]
fn entra_without_an_object_id_is_refused() {
    let identity = identity("nurse@acme.example", EMAIL_FORMAT, vec![]);
    let error = read(Preset::ENTRA_SAML, &identity).unwrap_err();
    assert_eq!(error.code(), "provision.key_missing");
}

/// Entra leaves groups out past 150 and sends a link in their place.
#[test]
fn groups_are_absent_partial_or_complete_and_never_empty_by_accident() {
    assert_eq!(entra(vec![]).groups, Groups::Absent);
    let told = || attribute(ENTRA_GROUPS, &["g1", "g2"]);
    assert_eq!(
        entra(vec![told()]).groups,
        Groups::Complete(groups(&["g1", "g2"]))
    );
    let none = attribute(ENTRA_GROUPS, &[]);
    assert_eq!(entra(vec![none]).groups, Groups::Complete(groups(&[])));
    for link in [
        "http://schemas.microsoft.com/claims/groups.link",
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups.link",
    ] {
        let link = attribute(link, &["https://graph.windows.net/getMemberObjects"]);
        assert_eq!(
            entra(vec![link.clone()]).groups,
            Groups::Partial(groups(&[]))
        );
        assert_eq!(
            entra(vec![told(), link]).groups,
            Groups::Partial(groups(&["g1", "g2"]))
        );
    }
    let unreadable = of_values(ENTRA_GROUPS, vec![text("g1"), structured()]);
    assert_eq!(
        entra(vec![unreadable]).groups,
        Groups::Partial(groups(&["g1"]))
    );
}

#[test]
fn keycloak_sends_role_once_for_each_role() {
    let roles = ["view-profile", "offline_access", "view-profile"];
    let attributes = roles.map(|role| attribute("Role", &[role]));
    let identity = identity("nurse@acme.example", EMAIL_FORMAT, attributes.to_vec());
    let facts = read(Preset::KEYCLOAK, &identity).unwrap();
    assert_eq!(
        facts.groups,
        Groups::Complete(groups(&["offline_access", "view-profile"]))
    );
    assert_eq!(facts.email.unwrap().address.as_str(), "nurse@acme.example");
    assert!(
        facts.attributes.is_empty(),
        "groups are asked as groups only"
    );
}

/// Google sends at most 75 groups.
#[test]
fn a_list_that_may_have_been_cut_is_partial() {
    let read = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("group {number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let attributes = vec![attribute("groups", &names)];
        let identity = identity("nurse@acme.example", UNSPECIFIED, attributes);
        read(Preset::GOOGLE_WORKSPACE, &identity).unwrap().groups
    };
    assert!(read(74).is_complete());
    assert!(!read(75).is_complete());
}

#[test]
fn an_unspecified_name_id_is_a_key_only_where_it_is_named() {
    let unspecified = identity("nurse@acme.example", UNSPECIFIED, vec![]);
    let facts = read(Preset::GOOGLE_WORKSPACE, &unspecified).unwrap();
    assert_eq!(facts.subject.subject(), "nurse@acme.example");
    let error = read(Preset::OKTA, &unspecified).unwrap_err();
    assert_eq!(error, FactsError::Subject(SubjectKeyError::Unspecified));
    assert_eq!(error.code(), "provision.key_unspecified");
    let tenant = TenantId::new("acme").unwrap();
    assert!(
        Preset::OKTA
            .facts(&tenant, &unspecified, &Key::StableNameId)
            .is_ok()
    );
}

#[test]
fn a_transient_name_id_is_never_a_key() {
    let transient = identity("_5f2", TRANSIENT, vec![]);
    let tenant = TenantId::new("acme").unwrap();
    for key in [Key::NameId, Key::StableNameId] {
        let error = Preset::OKTA.facts(&tenant, &transient, &key).unwrap_err();
        assert_eq!(error.code(), "provision.key_transient");
    }
}

#[test]
fn the_key_is_taken_byte_for_byte() {
    let persistent = identity("G-\u{e9}\u{65}\u{301}X", PERSISTENT, vec![]);
    let facts = read(Preset::OKTA, &persistent).unwrap();
    assert_eq!(facts.subject.subject(), "G-\u{e9}\u{65}\u{301}X");
}

#[test]
fn a_key_with_two_values_is_no_key() {
    let two = |attributes| {
        let identity = identity("x", PERSISTENT, attributes);
        read(Preset::ENTRA_SAML, &identity).unwrap_err().code()
    };
    let both = vec![attribute(ENTRA_ID, &["victim", "attacker"])];
    assert_eq!(two(both), "provision.key_not_one");
    let twice = vec![
        attribute(ENTRA_ID, &["victim"]),
        attribute(ENTRA_ID, &["attacker"]),
    ];
    assert_eq!(two(twice), "provision.key_not_one");
    let no_text = vec![of_values(ENTRA_ID, vec![structured()])];
    assert_eq!(two(no_text), "provision.key_not_one");
    let empty = vec![attribute(ENTRA_ID, &[""])];
    assert_eq!(two(empty), "provision.key_unusable");
}

/// An attribute must not pass for another by calling itself by the other's short name.
#[test]
fn a_short_name_can_not_be_borrowed() {
    let facts = entra(vec![
        attribute("objectidentifier", &["victim"]),
        attribute("emailaddress", &["victim@acme.example"]),
        attribute("groups", &["admins"]),
    ]);
    assert_eq!(facts.subject.subject(), "74a3-Object");
    assert_eq!(facts.email, None);
    assert_eq!(facts.groups, Groups::Absent);
    assert!(facts.values("groups").is_empty());
    let borrowed = identity(
        "x",
        PERSISTENT,
        vec![attribute("objectidentifier", &["victim"])],
    );
    let error = read(Preset::ENTRA_SAML, &borrowed).unwrap_err();
    assert_eq!(error.code(), "provision.key_missing");
}

#[test]
fn a_connection_may_name_any_attribute_as_its_key() {
    let attributes = vec![attribute("employeeNumber", &["0042"])];
    let identity = identity("x", TRANSIENT, attributes);
    let tenant = TenantId::new("acme").unwrap();
    let key = Key::Attribute("employeeNumber".into());
    let facts = Preset::OKTA.facts(&tenant, &identity, &key).unwrap();
    assert_eq!(facts.subject.subject(), "0042");
}

#[test]
fn an_address_counts_as_verified_only_if_the_provider_says_so() {
    let verified = |values: &[&str]| {
        let attributes = vec![
            attribute("email", &["nurse@acme.example"]),
            attribute("email_verified", values),
        ];
        let identity = identity("x", PERSISTENT, attributes);
        read(Preset::OKTA, &identity)
            .unwrap()
            .email
            .unwrap()
            .verified_by_idp
    };
    assert!(verified(&["true"]) && verified(&["1"]));
    for other in [
        &["false"][..],
        &["TRUE"],
        &["yes"],
        &[""],
        &[],
        &["true", "false"],
    ] {
        assert!(!verified(other), "{other:?}");
    }
}

#[test]
fn an_address_that_is_unclear_is_none() {
    let email = |values: &[&str]| {
        let attributes = vec![attribute("email", values)];
        let identity = identity("nurse@acme.example", EMAIL_FORMAT, attributes);
        read(Preset::OKTA, &identity).unwrap().email
    };
    assert!(email(&["nurse@acme.example", "nurse@acme.example"]).is_some());
    // One that is sent and can not be used is not replaced by another.
    for unclear in [
        &["a@acme.example", "b@acme.example"][..],
        &["none"],
        &[""],
        &[],
    ] {
        assert_eq!(email(unclear), None, "{unclear:?}");
    }
}

#[test]
fn docusign_is_read_by_its_own_names() {
    for prefix in ["", CLAIMS] {
        let named = |name: &str, value: &str| attribute(format!("{prefix}{name}"), &[value]);
        let attributes = vec![
            named("emailaddress", "nurse@acme.example"),
            named("givenname", "Given"),
            named("surname", "Family"),
            attribute("accountid", &["a-1"]),
            attribute("permissionprofileid", &["p-1"]),
        ];
        let identity = identity("federated-id", PERSISTENT, attributes);
        let facts = read(Preset::DOCUSIGN, &identity).unwrap();
        assert_eq!(facts.subject.subject(), "federated-id");
        assert_eq!(facts.email.unwrap().address.as_str(), "nurse@acme.example");
        assert_eq!(facts.given_name.as_deref(), Some("Given"));
        assert_eq!(facts.family_name.as_deref(), Some("Family"));
        assert_eq!(facts.account_id.as_deref(), Some("a-1"));
        assert_eq!(facts.permission_profile_id.as_deref(), Some("p-1"));
    }
}

#[test]
fn ad_fs_is_keyed_by_its_user_principal_name() {
    let attributes = vec![
        attribute(format!("{CLAIMS}upn"), &["nurse@corp.acme.example"]),
        attribute(
            "http://schemas.xmlsoap.org/claims/Group",
            &["Domain Users", "Legal"],
        ),
    ];
    let identity = identity("x", TRANSIENT, attributes);
    let facts = read(Preset::ADFS, &identity).unwrap();
    assert_eq!(facts.subject.subject(), "nurse@corp.acme.example");
    assert_eq!(
        facts.groups,
        Groups::Complete(groups(&["Domain Users", "Legal"]))
    );
}

#[test]
fn values_are_composed_once_where_they_enter() {
    let attributes = vec![
        attribute("lastName", &["Jose\u{301}"]),
        attribute("groups", &["Me\u{301}decins"]),
        attribute("site", &["Ko\u{308}ln"]),
    ];
    let identity = identity("x", PERSISTENT, attributes);
    let facts = read(Preset::OKTA, &identity).unwrap();
    assert_eq!(facts.family_name.as_deref(), Some("Jos\u{e9}"));
    assert!(facts.groups.contains("M\u{e9}decins"));
    assert_eq!(facts.values("site"), ["K\u{f6}ln"]);
}
