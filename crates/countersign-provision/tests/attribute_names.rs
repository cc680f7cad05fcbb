//! Attributes and groups that a connection names, on top of its preset: what stands for what, and
//! what never passes for something else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod desk;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use countersign_core::{FactNote, Groups, RuleId, Sha256Digest};
use countersign_provision::{
    AttributeNameError, AttributeNames, AttributeSource, ConnectionPolicy, Decoder, Key, Policy,
    PolicyError, PolicyParts, Preset, Strategy,
};
use countersign_roles::{Condition, GROUPS, Role, RoleCatalog, RoleGrant, Rule, RuleSet};
use desk::{acme, identity, role};

fn connection(preset: Preset) -> ConnectionPolicy {
    desk::connection(preset, Strategy::Jit)
}

fn named(names: &[(&str, &str)]) -> AttributeNames {
    let mut all = AttributeNames::default();
    for (short, full) in names {
        all.insert(short, AttributeSource::named(*full)).unwrap();
    }
    all
}

fn packed(name: &str, decode: Option<Decoder>) -> AttributeSource {
    let mut source = AttributeSource::named(name);
    source.decode = decode.unwrap();
    source
}

fn set(groups: &[&str]) -> BTreeSet<String> {
    groups.iter().map(|group| (*group).to_owned()).collect()
}

#[test]
fn a_named_attribute_stands_for_its_name_and_no_longer_for_the_presets() {
    let mut connection = connection(Preset::OKTA);
    connection.attribute_names = named(&[("email", "mail"), ("department", "dept")]);
    let sent = [
        ("mail", "nurse@acme.example"),
        ("email", "admin@acme.example"),
        ("dept", "ext"),
    ];
    let facts = connection.facts(&identity(&sent)).unwrap();
    assert_eq!(
        facts.email.as_ref().unwrap().address.as_str(),
        "nurse@acme.example"
    );
    assert_eq!(facts.values("department"), ["ext"]);
    assert!(!facts.attributes.contains_key("dept"));
}

/// Attack: the provider lets people choose an attribute, and somebody names it as a rule asks.
#[test]
fn an_attribute_named_like_a_short_name_does_not_pass_for_it() {
    let mut connection = connection(Preset::GENERIC);
    connection.attribute_names = named(&[("department", "urn:oid:2.16.840.1.113730.3.1.2")]);
    let sent = [
        ("department", "board"),
        ("groups", "nurses"),
        ("email_verified", "1"),
    ];
    let facts = connection.facts(&identity(&sent)).unwrap();
    assert!(facts.values("department").is_empty());

    // The groups are another attribute here, so `groups` is nothing.
    connection.groups.names = vec!["memberOf".into()];
    let facts = connection.facts(&identity(&sent)).unwrap();
    assert_eq!(facts.groups, Groups::Absent);
    assert!(!facts.attributes.contains_key(GROUPS));
}

/// Attack: rules ask for `email`, the address in canonical form within the claimed domains.
#[test]
fn an_attribute_named_email_does_not_pass_for_the_address() {
    let facts = connection(Preset::ENTRA_SAML).facts(&identity(&[
        (
            "http://schemas.microsoft.com/identity/claims/objectidentifier",
            "8f2c",
        ),
        ("email", "admin@acme.example"),
    ]));
    let facts = facts.unwrap();
    assert_eq!(facts.email, None);
    assert!(facts.attributes.keys().all(|name| name != "email"));
}

#[test]
fn groups_are_read_from_the_names_that_the_connection_gives() {
    let mut connection = connection(Preset::KEYCLOAK);
    connection.groups.names = vec!["wards".into(), "teams".into()];
    connection.groups.decode = Some(Decoder::json());
    let sent = [
        ("wards", r#"["7", "8"]"#),
        ("teams", r#"["night"]"#),
        ("Role", "offline_access"),
    ];
    let facts = connection.facts(&identity(&sent)).unwrap();
    assert_eq!(facts.groups, Groups::Complete(set(&["7", "8", "night"])));
    assert_eq!(
        facts.values("Role"),
        ["offline_access"],
        "an attribute like others"
    );
}

#[test]
fn what_does_not_decode_makes_groups_partial() {
    let mut connection = connection(Preset::GENERIC);
    connection.groups.decode = Some(Decoder::path());
    let sent = [("groups", "/nurses"), ("groups", "admins")];
    let facts = connection.facts(&identity(&sent)).unwrap();
    assert_eq!(facts.groups, Groups::Partial(set(&["/nurses"])));
    assert_eq!(facts.notes, BTreeSet::from([FactNote::GroupsNotDecoded]));
}

#[test]
fn a_connection_says_how_many_groups_may_have_been_cut() {
    let mut connection = connection(Preset::GENERIC);
    connection.groups.most = NonZeroUsize::new(2);
    let facts = connection.facts(&identity(&[("groups", "a")])).unwrap();
    assert!(facts.groups.is_complete());
    let facts = connection
        .facts(&identity(&[("groups", "a"), ("groups", "b")]))
        .unwrap();
    assert_eq!(facts.groups, Groups::Partial(set(&["a", "b"])));
    assert_eq!(facts.notes, BTreeSet::from([FactNote::GroupsCut]));
}

/// A list whose entries are left out for standing elsewhere was sent all the same.
#[test]
fn what_is_left_out_below_a_base_counts_as_sent() {
    let mut connection = connection(Preset::GENERIC);
    connection.groups.most = NonZeroUsize::new(2);
    connection.groups.decode = Decoder::path_below("/sign");
    let sent = [("groups", "/sign/a"), ("groups", "/other/b")];
    let facts = connection.facts(&identity(&sent)).unwrap();
    assert_eq!(facts.groups, Groups::Partial(set(&["a"])));
}

#[test]
fn an_attribute_is_decoded_in_full_or_left_out() {
    let mut connection = connection(Preset::GENERIC);
    let names = &mut connection.attribute_names;
    names
        .insert("wards", packed("w", Decoder::split(",")))
        .unwrap();
    let facts = connection.facts(&identity(&[("w", "7,8")])).unwrap();
    assert_eq!(facts.values("wards"), ["7", "8"]);
    let facts = connection.facts(&identity(&[("w", "7, 8")])).unwrap();
    assert!(!facts.attributes.contains_key("wards"));
    let attribute = "wards".to_owned();
    assert_eq!(
        facts.notes,
        BTreeSet::from([FactNote::AttributeNotDecoded { attribute }])
    );
}

#[test]
fn a_named_attribute_can_be_the_key_and_can_have_a_scope() {
    let mut connection = connection(Preset::GENERIC);
    let mut source = AttributeSource::named("employeeNumber");
    source.scoped = true;
    connection
        .attribute_names
        .insert("employee", source)
        .unwrap();
    connection.matching.key = Key::Attribute("employee".into());
    let sent = identity(&[("employeeNumber", "7@acme.example")]);
    let ours = |value: &str| value.ends_with("@acme.example");
    let facts = connection.facts_in_scope(&sent, &ours).unwrap();
    assert_eq!(facts.subject.subject(), "7@acme.example");
    let error = connection.facts(&sent).unwrap_err();
    assert_eq!(error.code(), "provision.key_out_of_scope");
}

#[test]
fn a_name_stands_for_one_thing() {
    let mut names = named(&[("department", "dept")]);
    let code = |result: Result<(), AttributeNameError>| result.unwrap_err().code();
    let taken = "provision.attribute_name_taken";
    assert_eq!(
        code(names.insert("team", AttributeSource::named("dept"))),
        taken
    );
    assert_eq!(
        code(names.insert("department", AttributeSource::named("d"))),
        taken
    );
    names
        .insert("email", AttributeSource::named("mail"))
        .unwrap();
    // The same short name, as the preset calls it.
    assert_eq!(
        code(names.insert("emailaddress", AttributeSource::named("m"))),
        taken
    );
    assert_eq!(
        code(names.insert(GROUPS, AttributeSource::named("g"))),
        "provision.attribute_is_groups"
    );
    assert_eq!(
        code(names.insert("a", AttributeSource::default())),
        "provision.attribute_without_name"
    );
    assert_eq!(
        code(names.insert("a", AttributeSource::named("a\u{202e}b"))),
        "provision.attribute_name_unusable"
    );
}

/// A policy whose one rule gives `admin`, which is privileged, for an attribute.
fn privileged(connection: ConnectionPolicy, attribute: &str) -> Result<Policy, Vec<PolicyError>> {
    let admin = Role::new(role("admin"))
        .allow("approve *".parse().unwrap())
        .privileged();
    let catalog = RoleCatalog::new([admin]).unwrap();
    let id = RuleId::new("admins").unwrap();
    let rule = Rule::new(id, [Condition::eq(attribute, "admins")]);
    let rule = rule.gives(RoleGrant::permanent(role("admin")));
    let mut parts = PolicyParts::new(Sha256Digest::from_bytes([1; 32]));
    parts.rules = RuleSet::new(&catalog, vec![rule]).unwrap();
    parts.catalog = catalog;
    parts.connections = BTreeMap::from([(acme(), connection)]);
    Policy::new(parts)
}

/// Attack: whoever can name a group `x;admins`, or make `CN=admins` in a branch of their own,
/// would have the role.
#[test]
fn a_privileged_role_is_never_given_for_a_name_that_was_cut_out_of_another() {
    let refused = |connection, attribute: &str| {
        let errors = privileged(connection, attribute).unwrap_err();
        assert_eq!(errors[0].code(), "provision.decoded_privilege");
    };
    refused(connection(Preset::ONELOGIN), GROUPS);
    let mut anywhere = connection(Preset::PING_FEDERATE);
    anywhere.groups.decode = Some(Decoder::common_name());
    refused(anywhere, GROUPS);
    let mut split = connection(Preset::GENERIC);
    split
        .attribute_names
        .insert("teams", packed("t", Decoder::split(",")))
        .unwrap();
    refused(split.clone(), "teams");

    assert!(privileged(split, "department").is_ok());
    let mut one_by_one = connection(Preset::ONELOGIN);
    one_by_one.groups.decode = Some(Decoder::values());
    assert!(privileged(one_by_one, GROUPS).is_ok());
    let mut below = connection(Preset::PING_FEDERATE);
    below.groups.decode = Decoder::common_name_below("OU=Groups,DC=acme");
    assert!(privileged(below, GROUPS).is_ok());
}

#[test]
fn an_attribute_that_is_read_as_groups_too_is_refused() {
    let mut both = connection(Preset::GENERIC);
    both.attribute_names = named(&[("teams", "memberOf")]);
    both.groups.names = vec!["memberOf".into()];
    let errors = privileged(both, "department").unwrap_err();
    assert_eq!(errors[0].code(), "provision.attribute_is_groups");
}
