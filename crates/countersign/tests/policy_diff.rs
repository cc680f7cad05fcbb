//! What differs between two policy files, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;

use countersign::provision::diff::{Access, Diff, diff};
use countersign::{PolicyFile, provision::Policy};
use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert, prop_assert_eq, proptest};

/// Something of everything that the language has.
const POLICY: &str = r#"
[policy]
temporary_role = "24h"

[session]
lifetime = "30m"

[connection.acme]
tenant = "acme"
issuer = "https://idp.acme.example"
preset = "okta"
strategy = "jit"
domains = ["acme.example", { name = "labs.example", proved_until = "2027-06-30T00:00:00Z" }]
max_privilege = "admin"
[connection.acme.match]
key = "nameid"
link = { by = "email", require = ["idp_verified", "locally_verified", "owned_domain"], exclude_roles = ["manager"] }
on_inactive = "deny"
on_email_change = "update_if_owned_domain"
[connection.acme.create]
mode = "allow"
require_group = "staff"
seats = 500
default_roles = ["reader"]
account_id = "A-1"
permission_profile_id = "P-1"
[connection.acme.attribute_names]
department = ["urn:oid:2.16.840.1.113730.3.1.4", "dept"]
[connection.acme.groups]
names = ["memberOf"]
decode = "json"
most = 75

[connection.beta]
tenant = "beta"
issuer = "https://idp.beta.example"
preset = "okta"
strategy = "jit"
domains = ["beta.example"]

[attribute.email]
sync = "always"
absent = "keep"
[attribute.groups]
absent = "keep"

[role.reader]
allow = ["view *"]
[role.signer]
allow = ["sign nda/*", "view *"]
[role.manager]
allow = ["approve *"]
[role.auditor]
allow = ["export *"]
[role.admin]
allow = ["sign *", "view *", "approve *", "export *", "set policy"]
privileged = true
keep_last = true

[[rule]]
id = "contractor"
note = "they come and go"
connection = "acme"
all = [{ attribute = "department", eq = "ext" }, { attribute = "groups", any_of = ["a", "b"] }]
grant = [{ role = "signer", ttl = "24h", renew = true, cap = "30d", scope = ["nda/*"] }]

[[rule]]
id = "boss"
connection = ["acme", "beta"]
all = [{ attribute = "groups", eq = "boss" }]
grant = [{ role = "admin" }]

[[rule]]
id = "ward"
connection = "beta"
all = [{ attribute = "department", prefix = "ward-" }, { attribute = "groups", not = { eq = "trainee" } }]
grant = [{ role = "manager" }]

[[rule]]
id = "outsiders"
connection = "beta"
all = [{ attribute = "email", domain = "beta.example" }, { attribute = "title", present = true }, { attribute = "site", suffix = "-x" }]
deny = ["manager"]

[separation_of_duty]
exclusive = [["manager", "auditor"]]

[exclusive_group.desk]
highest_first = ["manager", "signer"]

[risk.high]
documents = ["loan/*"]
require = ["mfa"]
max_age = "15m"

[lifecycle]
stale_after = "90d"
suspend_after = "180d"
deprovision_after = "365d"
retain = "2555d"
"#;

fn policy(text: &str) -> Policy {
    PolicyFile::parse("policy.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn after(from: &str, to: &str) -> Diff {
    assert_eq!(POLICY.matches(from).count(), 1, "{from}");
    diff(&policy(POLICY), &policy(&POLICY.replace(from, to)))
}

#[test]
fn every_single_change_of_a_policy_file_shows_and_says_which_way_it_goes() {
    use Access::{Less, More, Same, Unclear};
    for (from, to, access) in [
        ("lifetime = \"30m\"", "lifetime = \"31m\"", More),
        (
            "issuer = \"https://idp.acme.example\"",
            "issuer = \"https://idp.other.example\"",
            Unclear,
        ),
        ("tenant = \"beta\"", "tenant = \"gamma\"", Unclear),
        (
            "preset = \"okta\"\nstrategy = \"jit\"\ndomains = [\"beta",
            "preset = \"generic\"\nstrategy = \"jit\"\ndomains = [\"beta",
            Unclear,
        ),
        (
            "strategy = \"jit\"\ndomains = [\"beta",
            "strategy = \"pre_provisioned_only\"\ndomains = [\"beta",
            Less,
        ),
        (
            "[\"beta.example\"]\n\n[attr",
            "[\"beta.example\", \"more.example\"]\n\n[attr",
            More,
        ),
        ("2027-06-30", "2027-06-29", Less),
        (", proved_until = \"2027-06-30T00:00:00Z\"", "", More),
        ("[\"acme.example\", ", "[", Less),
        ("max_privilege = \"admin\"\n", "", More),
        ("key = \"nameid\"", "key = \"uid\"", Unclear),
        (
            "exclude_roles = [\"manager\"]",
            "exclude_roles = [\"manager\", \"auditor\"]",
            Less,
        ),
        (
            "on_inactive = \"deny\"",
            "on_inactive = \"reactivate_deprovisioned\"",
            More,
        ),
        (
            "on_email_change = \"update_if_owned_domain\"",
            "on_email_change = \"deny\"",
            Unclear,
        ),
        ("mode = \"allow\"", "mode = \"approve\"", Less),
        ("require_group = \"staff\"\n", "", More),
        (
            "require_group = \"staff\"",
            "require_group = \"all\"",
            Unclear,
        ),
        ("seats = 500", "seats = 501", More),
        ("seats = 500\n", "", More),
        ("default_roles = [\"reader\"]", "default_roles = []", Less),
        ("\"A-1\"", "\"A-2\"", Unclear),
        ("\"P-1\"", "\"P-2\"", Unclear),
        (", \"dept\"]", "]", Unclear),
        ("names = [\"memberOf\"]", "names = [\"groups\"]", Unclear),
        ("decode = \"json\"", "decode = \"path\"", Unclear),
        ("most = 75", "most = 74", Unclear),
        ("sync = \"always\"", "sync = \"create\"", Same),
        (
            "sync = \"always\"\nabsent = \"keep\"",
            "sync = \"always\"\nabsent = \"deny\"",
            Less,
        ),
        (
            "[attribute.groups]\nabsent = \"keep\"",
            "[attribute.groups]\nabsent = \"clear\"",
            Unclear,
        ),
        (
            "[\"sign nda/*\", \"view *\"]",
            "[\"sign nda/*\", \"view *\", \"approve nda/*\"]",
            More,
        ),
        ("[\"approve *\"]", "[\"approve nda/*\"]", Unclear),
        ("[\"export *\"]", "[]", Less),
        ("privileged = true\n", "", More),
        ("keep_last = true\n", "", Less),
        ("note = \"they come and go\"", "note = \"they stay\"", Same),
        (
            "go\"\nconnection = \"acme\"",
            "go\"\nconnection = [\"acme\", \"beta\"]",
            More,
        ),
        ("[\"acme\", \"beta\"]", "[\"acme\"]", Less),
        ("{ attribute = \"department\", eq = \"ext\" }, ", "", More),
        ("eq = \"ext\"", "eq = \"int\"", Unclear),
        ("any_of = [\"a\", \"b\"]", "any_of = [\"a\"]", Less),
        (
            "any_of = [\"a\", \"b\"]",
            "any_of = [\"a\", \"b\", \"c\"]",
            More,
        ),
        (
            "ttl = \"24h\", renew = true, cap = \"30d\"",
            "ttl = \"12h\", renew = true, cap = \"30d\"",
            Less,
        ),
        (", renew = true, cap = \"30d\"", "", Less),
        (", cap = \"30d\"", "", More),
        ("cap = \"30d\"", "cap = \"29d\"", Less),
        (", scope = [\"nda/*\"]", "", More),
        ("scope = [\"nda/*\"]", "scope = [\"nda/mutual\"]", Less),
        ("prefix = \"ward-\"", "prefix = \"ward-3-\"", Less),
        ("not = { eq = \"trainee\" }", "eq = \"trainee\"", Unclear),
        ("domain = \"beta.example\" }", "present = true }", Less),
        (", { attribute = \"title\", present = true }", "", Less),
        ("suffix = \"-x\"", "suffix = \"-y\"", Unclear),
        (
            "deny = [\"manager\"]",
            "deny = [\"manager\", \"auditor\"]",
            Less,
        ),
        (
            "exclusive = [[\"manager\", \"auditor\"]]",
            "exclusive = []",
            More,
        ),
        (
            "exclusive = [[\"manager\", \"auditor\"]]",
            "exclusive = [[\"manager\", \"auditor\"], [\"reader\", \"auditor\"]]",
            Less,
        ),
        (
            "highest_first = [\"manager\", \"signer\"]",
            "highest_first = [\"signer\", \"manager\"]",
            Unclear,
        ),
        (
            "[exclusive_group.desk]\nhighest_first = [\"manager\", \"signer\"]\n",
            "",
            More,
        ),
        (
            "documents = [\"loan/*\"]",
            "documents = [\"loan/*\", \"hr/*\"]",
            Less,
        ),
        ("require = [\"mfa\"]", "require = [\"federated\"]", Unclear),
        ("max_age = \"15m\"", "max_age = \"16m\"", More),
        (
            "[risk.high]\ndocuments = [\"loan/*\"]\nrequire = [\"mfa\"]\nmax_age = \"15m\"\n",
            "",
            More,
        ),
        (
            "[[rule]]\nid = \"boss\"\nconnection = [\"acme\", \"beta\"]\nall = [{ attribute = \"groups\", eq = \"boss\" }]\ngrant = [{ role = \"admin\" }]\n",
            "",
            Less,
        ),
        ("stale_after = \"90d\"", "stale_after = \"91d\"", Same),
        ("suspend_after = \"180d\"", "suspend_after = \"181d\"", More),
        (
            "deprovision_after = \"365d\"",
            "deprovision_after = \"364d\"",
            Less,
        ),
        ("retain = \"2555d\"", "retain = \"2556d\"", Same),
        (
            "seats = 500",
            "seats = 500\nrequire_invitation = true",
            Less,
        ),
        (
            "\n[role.reader]",
            "\n[role.idle]\nallow = []\n[role.reader]",
            Same,
        ),
    ] {
        let there = after(from, to);
        assert!(!there.is_empty(), "{from} -> {to}");
        let all = there.differences.iter().map(|one| one.access);
        let all: BTreeSet<_> = all.filter(|one| *one != Same).collect();
        let told = match all.len() {
            0 => Same,
            1 => *all.first().unwrap(),
            _ => Unclear,
        };
        assert_eq!(told, access, "{from} -> {to}: {:?}", there.differences);
        // And back again.
        let (old, new) = (policy(POLICY), policy(&POLICY.replace(from, to)));
        let back = diff(&new, &old);
        assert_eq!(back.differences.len(), there.differences.len(), "{from}");
        for one in there.differences.iter().filter(|one| one.field.is_some()) {
            let inverse = match one.access {
                More => Less,
                Less => More,
                other => other,
            };
            let is_back = back.differences.iter().any(|other| {
                (
                    &other.name,
                    &other.field,
                    &other.before,
                    &other.after,
                    other.access,
                ) == (&one.name, &one.field, &one.after, &one.before, inverse)
            });
            assert!(is_back, "{from} -> {to}, and back: {:?}", back.differences);
        }
    }
}

#[test]
fn what_means_the_same_is_no_difference() {
    for (from, to) in [
        ("[policy]", "# a comment\n[policy]"),
        ("temporary_role = \"24h\"", "temporary_role = \"23h\""),
        ("lifetime = \"30m\"", "lifetime = \"1800s\""),
        ("any_of = [\"a\", \"b\"]", "any_of = [\"b\", \"a\", \"b\"]"),
        ("eq = \"boss\"", "any_of = [\"boss\"]"),
        ("[\"acme\", \"beta\"]", "[\"beta\", \"acme\"]"),
        (
            "[\"sign nda/*\", \"view *\"]",
            "[\"view *\", \"sign nda/*\", \"view nda\"]",
        ),
        (
            "[[\"manager\", \"auditor\"]]",
            "[[\"auditor\", \"manager\"]]",
        ),
        (
            "{ attribute = \"department\", eq = \"ext\" }, { attribute = \"groups\", any_of = [\"a\", \"b\"] }",
            "{ attribute = \"groups\", any_of = [\"a\", \"b\"] }, { attribute = \"department\", eq = \"ext\" }",
        ),
        ("scope = [\"nda/*\"]", "scope = [\"nda/*\", \"nda/mutual\"]"),
    ] {
        let there = after(from, to);
        assert!(there.is_empty(), "{from} -> {to}: {:?}", there.differences);
        assert!(there.newly_reachable.is_empty() && there.no_longer_reachable.is_empty());
    }
}

#[test]
fn a_role_that_somebody_can_get_now_is_told() {
    let there = after(
        "grant = [{ role = \"manager\" }]",
        "grant = [{ role = \"auditor\" }]",
    );
    let pairs: Vec<_> = there
        .newly_reachable
        .iter()
        .map(|(role, connection)| (role.as_str(), connection.as_str()))
        .collect();
    assert_eq!(pairs, [("auditor", "beta")]);
    let gone: Vec<_> = there
        .no_longer_reachable
        .iter()
        .map(|(role, _)| role.as_str())
        .collect();
    assert_eq!(gone, ["manager"]);
}

#[test]
fn a_difference_is_a_sentence() {
    let there = after("ttl = \"24h\", renew", "ttl = \"12h\", renew");
    assert_eq!(
        there.differences[0].to_string(),
        "rule `contractor`, ttl of signer: 1d becomes 12h"
    );
}

/// A rule as it is written: who, how long.
fn rules() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    prop::collection::vec((0_u8..3, 0_u8..3, 0_u8..3), 0..4)
}

fn written(rules: &[(u8, u8, u8)]) -> String {
    let mut text = POLICY.to_owned();
    for (number, (group, role, hours)) in rules.iter().enumerate() {
        let role = ["reader", "signer", "auditor"][usize::from(*role)];
        let ttl = match hours {
            0 => String::new(),
            hours => format!(", ttl = \"{hours}h\""),
        };
        text.push_str(&format!(
            "\n[[rule]]\nid = \"made-{number}\"\nconnection = \"beta\"\n\
             all = [{{ attribute = \"groups\", eq = \"g{number}-{group}\" }}]\n\
             grant = [{{ role = \"{role}\"{ttl} }}]\n"
        ));
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_differs_exactly_if_the_policies_are_the_same(one in rules(), other in rules()) {
        let (old, new) = (policy(&written(&one)), policy(&written(&other)));
        prop_assert_eq!(diff(&old, &new).is_empty(), one == other);
        prop_assert!(diff(&old, &old).is_empty());
    }
}
