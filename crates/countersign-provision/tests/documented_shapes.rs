//! Providers of which no real response is at hand: shapes as their documentation and sources say
//! (`preset/providers.rs` names them), made and signed by the test provider, verified, and read
//! through the preset. `fixtures.rs` reads what real providers sent.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod desk;

use std::collections::BTreeSet;

use countersign_core::{FactNote, Facts, Groups, VerifiedIdentity};
use countersign_provision::{
    AttributeSource, ConnectionPolicy, Decoder, FactsError, Key, Preset, Strategy,
};
use countersign_saml::{Expect, IdentityProvider, Inbound, Scope, ServiceProvider};
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use desk::{now, tenant};

const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const CLAIMS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";
const WINDOWS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/";
const ENTRA: &str = "http://schemas.microsoft.com/identity/claims/";
const EDU_PERSON: &str = "urn:oid:1.3.6.1.4.1.5923.1.1.1.";
const PAIRWISE: &str = "urn:oasis:names:tc:SAML:attribute:pairwise-id";
const SUBJECT_ID: &str = "urn:oasis:names:tc:SAML:attribute:subject-id";

fn response(name_id: &str, format: &str) -> ResponseSpec {
    let (audience, acs) = ("https://sign.example/saml", "https://sign.example/saml/acs");
    ResponseSpec::new(audience, acs, name_id, now()).with_name_id_format(format)
}

fn verified(issuer: &str, spec: &ResponseSpec) -> VerifiedIdentity {
    let sp =
        ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs").unwrap();
    let idp = TestIdp::new(issuer);
    let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap();
    let message = idp.post(spec);
    let message = Inbound::Post(message.as_bytes());
    let verified = countersign_saml::verify(&sp, &trusted, message, Expect::Unsolicited, now());
    verified
        .unwrap()
        .insecure_without_replay_check()
        .into_identity()
}

fn at(issuer: &str, preset: Preset) -> ConnectionPolicy {
    ConnectionPolicy::new(tenant(), issuer, preset, Strategy::Jit)
}

fn read(preset: Preset, issuer: &str, spec: &ResponseSpec) -> Result<Facts, FactsError> {
    at(issuer, preset).facts(&verified(issuer, spec))
}

fn set(groups: &[&str]) -> BTreeSet<String> {
    groups.iter().map(|group| (*group).to_owned()).collect()
}

fn address(facts: &Facts) -> &str {
    facts.email.as_ref().unwrap().address.as_str()
}

fn names(facts: &Facts) -> (Option<&str>, Option<&str>) {
    (facts.given_name.as_deref(), facts.family_name.as_deref())
}

#[test]
fn ad_fs_sends_the_user_principal_name_and_group_names() {
    let spec = response("ACME\\nurse", UNSPECIFIED)
        .with_attribute(&format!("{CLAIMS}upn"), ["nurse@corp.acme.example"])
        .with_attribute(&format!("{CLAIMS}emailaddress"), ["nurse@acme.example"])
        .with_attribute(&format!("{CLAIMS}givenname"), ["Given"])
        .with_attribute(&format!("{CLAIMS}surname"), ["Family"])
        .with_attribute(&format!("{WINDOWS}primarysid"), ["S-1-5-21-1-2-3-1104"])
        .with_attribute(
            "http://schemas.xmlsoap.org/claims/Group",
            ["Domain Users", "Ward Managers"],
        );
    let issuer = "http://adfs.acme.example/adfs/services/trust";
    let facts = read(Preset::ADFS, issuer, &spec).unwrap();
    assert_eq!(facts.subject.subject(), "nurse@corp.acme.example");
    assert_eq!(address(&facts), "nurse@acme.example");
    assert_eq!(names(&facts), (Some("Given"), Some("Family")));
    assert_eq!(
        facts.groups,
        Groups::Complete(set(&["Domain Users", "Ward Managers"]))
    );

    let mut by_sid = at(issuer, Preset::ADFS);
    by_sid.matching.key = Key::Attribute("primarysid".into());
    let facts = by_sid.facts(&verified(issuer, &spec)).unwrap();
    assert_eq!(facts.subject.subject(), "S-1-5-21-1-2-3-1104");
}

fn entra(object: &str) -> ResponseSpec {
    response("nurse@tenant.example", EMAIL_FORMAT)
        .with_attribute(&format!("{ENTRA}objectidentifier"), [object])
        .with_attribute(&format!("{CLAIMS}emailaddress"), ["nurse@acme.example"])
}

/// The object id is unique within a tenant, and the issuer names the tenant: one object id at two
/// tenants is two people.
#[test]
fn an_entra_subject_is_the_object_within_the_tenant_of_the_issuer() {
    let spec = entra("8f2c").with_attribute(&format!("{ENTRA}tenantid"), ["A9054A0F"]);
    let issuer = "https://sts.windows.net/a9054a0f/";
    let facts = read(Preset::ENTRA_SAML, issuer, &spec).unwrap();
    assert_eq!(
        (facts.subject.issuer(), facts.subject.subject()),
        (issuer, "8f2c")
    );
    let other = "https://sts.windows.net/b9054a0f/";
    let elsewhere = read(Preset::ENTRA_SAML, other, &entra("8f2c")).unwrap();
    assert_ne!(facts.subject, elsewhere.subject);
}

#[test]
fn an_entra_tenant_other_than_the_issuers_is_refused() {
    let spec = entra("8f2c").with_attribute(&format!("{ENTRA}tenantid"), ["a9054a0f", "b9054a0f"]);
    let error = read(
        Preset::ENTRA_SAML,
        "https://sts.windows.net/a9054a0f/",
        &spec,
    )
    .unwrap_err();
    assert_eq!(error, FactsError::OtherTenantId);
    assert_eq!(error.code(), "provision.other_tenant_id");
}

#[test]
fn entra_past_its_limit_sends_a_link_and_says_so() {
    let link = "https://graph.windows.net/a9054a0f/users/8f2c/getMemberObjects";
    let spec =
        entra("8f2c").with_attribute("http://schemas.microsoft.com/claims/groups.link", [link]);
    let facts = read(
        Preset::ENTRA_SAML,
        "https://sts.windows.net/a9054a0f/",
        &spec,
    )
    .unwrap();
    assert_eq!(facts.groups, Groups::Partial(set(&[])));
    assert!(facts.notes.contains(&FactNote::GroupsLeftOut));
}

#[test]
fn okta_sends_what_its_administrators_named() {
    let spec = response(
        "00u1",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    )
    .with_attribute("mail", ["nurse@acme.example"])
    .with_attribute("dept", ["ext"])
    .with_attribute("groups", ["Everyone", "Legal"]);
    let issuer = "http://www.okta.com/exk1";
    let mut connection = at(issuer, Preset::OKTA);
    let names = &mut connection.attribute_names;
    names
        .insert("email", AttributeSource::named("mail"))
        .unwrap();
    names
        .insert("department", AttributeSource::named("dept"))
        .unwrap();
    let facts = connection.facts(&verified(issuer, &spec)).unwrap();
    assert_eq!(address(&facts), "nurse@acme.example");
    assert_eq!(facts.values("department"), ["ext"]);
    assert_eq!(facts.groups, Groups::Complete(set(&["Everyone", "Legal"])));
}

const LEGAL: &str = "CN=Legal,OU=Groups,DC=acme,DC=example";

fn ping() -> ResponseSpec {
    response("nurse-7", UNSPECIFIED)
        .with_attribute("mail", ["nurse@acme.example"])
        .with_attribute("givenName", ["Given"])
        .with_attribute("sn", ["Family"])
        .with_attribute(
            "memberOf",
            [LEGAL, "CN=Legal,OU=Everybody,DC=acme,DC=example"],
        )
}

#[test]
fn pingfederate_sends_distinguished_names() {
    let mut connection = at("pingfederate.acme.example", Preset::PING_FEDERATE);
    let identity = verified("pingfederate.acme.example", &ping());
    let error = connection.facts(&identity).unwrap_err();
    assert_eq!(error.code(), "provision.key_unspecified");
    connection.matching.key = Key::StableNameId;
    let facts = connection.facts(&identity).unwrap();
    assert_eq!(facts.subject.subject(), "nurse-7");
    assert_eq!(address(&facts), "nurse@acme.example");
    assert_eq!(names(&facts), (Some("Given"), Some("Family")));
    assert!(facts.groups.contains(LEGAL), "the whole name, as it is");

    connection.groups.decode = Decoder::common_name_below("OU=Groups,DC=acme,DC=example");
    let facts = connection.facts(&identity).unwrap();
    assert_eq!(facts.groups, Groups::Complete(set(&["Legal"])));
}

#[test]
fn onelogin_sends_groups_as_one_text() {
    let spec = |groups: &[&str]| {
        response("nurse@acme.example", EMAIL_FORMAT)
            .with_attribute("User.email", ["nurse@acme.example"])
            .with_attribute("User.FirstName", ["Given"])
            .with_attribute("User.LastName", ["Family"])
            .with_attribute("memberOf", groups.iter().copied())
    };
    let issuer = "https://app.onelogin.com/saml/metadata/1";
    let facts = read(Preset::ONELOGIN, issuer, &spec(&["Legal;Night shift"])).unwrap();
    assert_eq!(names(&facts), (Some("Given"), Some("Family")));
    assert_eq!(
        facts.groups,
        Groups::Complete(set(&["Legal", "Night shift"]))
    );

    // Named one by one, a group with a semicolon in it is somebody's trick.
    let facts = read(Preset::ONELOGIN, issuer, &spec(&["Night shift", "x;Legal"])).unwrap();
    assert_eq!(facts.groups, Groups::Partial(set(&["Night shift"])));
    assert!(facts.notes.contains(&FactNote::GroupsNotDecoded));
}

#[test]
fn jumpcloud_sends_one_value_for_each_group() {
    let spec = response("nurse@acme.example", EMAIL_FORMAT)
        .with_attribute("email", ["nurse@acme.example"])
        .with_attribute("firstname", ["Given"])
        .with_attribute("lastname", ["Family"])
        .with_attribute("memberOf", ["Legal", "Night; shift"]);
    let facts = read(Preset::JUMPCLOUD, "JumpCloud", &spec).unwrap();
    assert_eq!(facts.subject.subject(), "nurse@acme.example");
    assert_eq!(names(&facts), (Some("Given"), Some("Family")));
    assert_eq!(
        facts.groups,
        Groups::Complete(set(&["Legal", "Night; shift"]))
    );
}

#[test]
fn keycloak_sends_group_paths_beside_roles() {
    let spec = response(
        "G-0d4c1c5e",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    )
    .with_attribute("member", ["/staff/nurses", "/mine/admins"]);
    let issuer = "https://idp.acme.example/realms/staff";
    let facts = read(Preset::KEYCLOAK, issuer, &spec).unwrap();
    assert_eq!(facts.subject.subject(), "G-0d4c1c5e");
    assert_eq!(
        facts.groups,
        Groups::Complete(set(&["/staff/nurses", "/mine/admins"]))
    );

    let mut connection = at(issuer, Preset::KEYCLOAK);
    connection.groups.names = vec!["member".into()];
    connection.groups.decode = Decoder::path_below("/staff");
    let facts = connection.facts(&verified(issuer, &spec)).unwrap();
    assert_eq!(facts.groups, Groups::Complete(set(&["nurses"])));
}

#[test]
fn auth0_is_keyed_by_the_user_id_in_its_attributes() {
    let spec = response("Given Family", UNSPECIFIED)
        .with_attribute(&format!("{CLAIMS}nameidentifier"), ["auth0|5f7c8ec7"])
        .with_attribute(&format!("{CLAIMS}emailaddress"), ["nurse@acme.example"])
        .with_attribute("http://schemas.auth0.com/email_verified", ["true"])
        .with_attribute(
            "http://schemas.auth0.com/identities/default/connection",
            ["Staff"],
        );
    let facts = read(Preset::AUTH0, "urn:acme.eu.auth0.com", &spec).unwrap();
    assert_eq!(facts.subject.subject(), "auth0|5f7c8ec7");
    assert!(facts.email.as_ref().unwrap().verified_by_idp);
    assert_eq!(facts.values("connection"), ["Staff"]);
    assert_eq!(facts.groups, Groups::Absent);
}

fn shibboleth(spec: &ResponseSpec, key: &str) -> Result<Facts, FactsError> {
    let issuer = "https://idp.acme.example/idp/shibboleth";
    let idp = IdentityProvider::from_metadata(TestIdp::new(issuer).metadata().as_bytes()).unwrap();
    let idp = idp.with_scope(Scope::literal("acme.example"));
    let mut connection = at(issuer, Preset::SHIBBOLETH);
    connection.matching.key = Key::Attribute(key.into());
    let speaks_for = |value: &str| idp.check_scoped(value).is_ok();
    connection.facts_in_scope(&verified(issuer, spec), &speaks_for)
}

fn member() -> ResponseSpec {
    response("_5f2", TRANSIENT)
        .with_attribute(PAIRWISE, ["HA2T=@acme.example"])
        .with_attribute("urn:oid:0.9.2342.19200300.100.1.3", ["nurse@acme.example"])
        .with_attribute(&format!("{EDU_PERSON}1"), ["staff", "member"])
}

#[test]
fn shibboleth_is_keyed_by_its_pairwise_id_and_not_by_a_transient_name_id() {
    let spec = member()
        .with_attribute(&format!("{EDU_PERSON}9"), ["staff@acme.example"])
        .with_attribute(
            &format!("{EDU_PERSON}7"),
            ["urn:mace:dir:entitlement:common-lib-terms"],
        );
    let facts = shibboleth(&spec, "pairwise-id").unwrap();
    assert_eq!(
        facts.subject.subject(),
        "ha2t=@acme.example",
        "case does not count"
    );
    assert_eq!(address(&facts), "nurse@acme.example");
    assert_eq!(facts.values("affiliation"), ["staff", "member"]);
    assert_eq!(facts.values("scoped_affiliation"), ["staff@acme.example"]);
    let groups = set(&[
        "staff@acme.example",
        "urn:mace:dir:entitlement:common-lib-terms",
    ]);
    assert_eq!(facts.groups, Groups::Complete(groups));
    assert!(facts.notes.is_empty());
}

/// Attack: a member of the federation says that one of its own is staff of another.
#[test]
fn values_with_the_scope_of_another_are_left_out() {
    let spec = member().with_attribute(
        &format!("{EDU_PERSON}9"),
        ["staff@victim.example", "member@acme.example", "staff"],
    );
    let facts = shibboleth(&spec, "pairwise-id").unwrap();
    assert_eq!(facts.values("scoped_affiliation"), ["member@acme.example"]);
    assert_eq!(facts.groups, Groups::Partial(set(&["member@acme.example"])));
    let attribute = |name: &str| FactNote::ScopeNotAllowed {
        attribute: name.into(),
    };
    let notes = BTreeSet::from([attribute("scoped_affiliation"), attribute("groups")]);
    assert_eq!(facts.notes, notes);

    // Nothing of it is left: the attribute was not sent, rather than sent without a value.
    let spec = member().with_attribute(&format!("{EDU_PERSON}9"), ["staff@victim.example"]);
    let facts = shibboleth(&spec, "pairwise-id").unwrap();
    assert!(!facts.attributes.contains_key("scoped_affiliation"));
}

/// Attack: the unscoped affiliation with a scope in it.
#[test]
fn an_unscoped_affiliation_never_passes_for_a_scoped_one() {
    let spec = member().with_attribute(&format!("{EDU_PERSON}1"), ["staff@victim.example"]);
    let facts = shibboleth(&spec, "pairwise-id").unwrap();
    assert!(!facts.groups.contains("staff@victim.example"));
    assert!(facts.values("scoped_affiliation").is_empty());
}

/// Attack: a member of the federation claims another's person.
#[test]
fn a_key_with_the_scope_of_another_is_refused() {
    let spec = response("_5f2", TRANSIENT).with_attribute(PAIRWISE, ["ha2t@victim.example"]);
    for key in ["pairwise-id", PAIRWISE] {
        let error = shibboleth(&spec, key).unwrap_err();
        assert_eq!(error.code(), "provision.key_out_of_scope");
    }
}

#[test]
fn pairwise_id_and_subject_id_are_never_mixed() {
    let spec = response("_5f2", TRANSIENT).with_attribute(SUBJECT_ID, ["nurse@acme.example"]);
    assert!(shibboleth(&spec, "subject-id").is_ok());
    let error = shibboleth(&spec, "pairwise-id").unwrap_err();
    assert_eq!(error.code(), "provision.key_missing");
}

#[test]
fn a_subject_identifier_has_its_grammar() {
    for bad in [
        "nurse 7@acme.example",
        "-nurse@acme.example",
        "n\u{fc}rse@acme.example",
    ] {
        let spec = response("_5f2", TRANSIENT).with_attribute(SUBJECT_ID, [bad]);
        let error = shibboleth(&spec, "subject-id").unwrap_err();
        assert_eq!(error.code(), "provision.key_not_subject_id", "{bad}");
    }
}

/// Where nobody says what the provider may speak for, it may speak for nothing.
#[test]
fn without_metadata_no_scoped_value_is_believed() {
    let issuer = "https://idp.acme.example/idp/shibboleth";
    let error = at(issuer, Preset::SHIBBOLETH)
        .facts(&verified(issuer, &member()))
        .unwrap_err();
    assert_eq!(error.code(), "provision.key_out_of_scope");
}
