//! Policy files: what loads, and how what does not is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::path::Path;
use std::time::Duration;

use countersign::policy_file::PolicyFile;
use countersign_core::{ConnectionId, RoleName, RuleId};
use countersign_provision::{Decoder, EmailLink, FetchGroups, Key, Policy, Strategy};
use countersign_roles::{Condition, EMAIL, GROUPS, RoleGrant, Values};

/// A file that loads, for tests that break it in one place.
const GOOD: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "entra-saml"
strategy = "jit"
domains = ["ACME.example"]
[connection.acme.match]
key = "objectidentifier"
link = { by = "email", require = ["idp_verified", "locally_verified", "owned_domain"], exclude_roles = ["admin"] }
on_inactive = "deny"
on_email_change = "update_if_owned_domain"
[connection.acme.create]
mode = "allow"
require_group = "8f2c"
seats = 500
default_roles = ["signer"]
[role.signer]
allow = ["sign nda/*", "view *"]
[role.admin]
allow = ["approve *"]
privileged = true
[[rule]]
id = "contractor"
all = [{ attribute = "department", eq = "ext" }]
grant = [{ role = "signer", ttl = "24h", renew = false }]
"#;

fn parse(text: &str) -> Result<Policy, Vec<String>> {
    PolicyFile::parse("policy.toml", text).map_err(|error| {
        assert_eq!(error.code(), "policy_file.invalid");
        let lines = error.to_string();
        lines.lines().map(str::to_owned).collect()
    })
}

/// What is said of the good file with `from` replaced by `to`.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(from).count(), 1, "{from}");
    parse(&GOOD.replace(from, to)).expect_err(to)
}

/// There is one line, which begins so; the fix comes after it, as `bad_policies.rs` has it.
#[track_caller]
fn assert_begins(lines: &[String], expected: &str) {
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with(expected), "{}", lines[0]);
}

#[track_caller]
fn says(from: &str, to: &str, expected: &str) {
    assert_begins(&broken(from, to), &format!("policy.toml:{expected}"));
}

#[test]
fn the_whole_language_loads() {
    let policy = parse(GOOD).unwrap();
    let acme = policy
        .connection(&ConnectionId::new("acme").unwrap())
        .unwrap();
    assert_eq!(acme.tenant.as_str(), "default");
    assert_eq!(acme.strategy, Strategy::Jit);
    assert!(acme.domains.contains("acme.example"));
    assert_eq!(acme.matching.key, Key::Attribute("objectidentifier".into()));
    assert!(
        matches!(&acme.matching.link, EmailLink::Verified { exclude_roles } if exclude_roles.len() == 1)
    );
    assert_eq!(acme.create.seats, Some(500));
    assert_eq!(acme.create.require_group.as_deref(), Some("8f2c"));
    assert_eq!(policy.session().lifetime, Duration::from_secs(1800));
    let rule = policy
        .rules()
        .rule(&RuleId::new("contractor").unwrap())
        .unwrap();
    assert_eq!(rule.grant[0].ttl, Some(Duration::from_secs(86_400)));
}

#[test]
fn the_hash_is_that_of_the_bytes() {
    let one = parse(GOOD).unwrap().hash();
    let other = parse(&format!("{GOOD}# a comment\n")).unwrap().hash();
    assert_ne!(one, other);
    let bytes = ring::digest::digest(&ring::digest::SHA256, GOOD.as_bytes());
    assert_eq!(one.as_bytes(), bytes.as_ref());
}

#[test]
fn a_temporary_role_lasts_24_hours_unless_the_file_says_otherwise() {
    let ttl = |text: &str| {
        let policy = parse(text).unwrap();
        policy.rules().rules()[0].grant[0].ttl.unwrap()
    };
    let temporary = GOOD.replace("ttl = \"24h\", renew = false", "temporary = true");
    assert_eq!(ttl(&temporary), Policy::DEFAULT_TEMPORARY_ROLE);
    let said = format!("[policy]\ntemporary_role = \"90m\"\n{temporary}");
    assert_eq!(ttl(&said), Duration::from_secs(5400));
}

#[test]
fn every_example_policy_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policies");
    let mut loaded = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let policy = PolicyFile::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(policy.connections().count() > 0, "{}", path.display());
        loaded += 1;
    }
    assert!(loaded >= 4, "{loaded} policies");
}

#[test]
fn the_documented_example_loads() {
    let source = include_str!("../src/policy_file.rs");
    let lines = source.lines().filter_map(|line| line.strip_prefix("//!"));
    let example = lines.skip_while(|line| *line != " ```toml").skip(1);
    let example = example.take_while(|line| *line != " ```");
    let text: Vec<&str> = example.collect();
    let policy = parse(&text.join("\n")).unwrap();
    assert_eq!(policy.rules().rules().len(), 3);
}

#[test]
fn an_unknown_role_is_told_with_the_nearest_right_name() {
    says(
        "default_roles = [\"signer\"]",
        "default_roles = [\"signor\"]",
        "16:18: unknown role `signor`, did you mean `signer`?",
    );
    says(
        "{ role = \"signer\", ttl",
        "{ role = \"Signer\", ttl",
        "25:19: unknown role `Signer`, did you mean `signer`?",
    );
    says(
        "exclude_roles = [\"admin\"]",
        "exclude_roles = [\"root\"]",
        "9:105: unknown role `root`; there are `admin`, `signer`",
    );
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_right_name() {
    says(
        "issuer = \"https",
        "isuer = \"x\"\nissuer = \"https",
        "3:1: unknown key `isuer`, did you mean `issuer`?",
    );
    says(
        "mode = \"allow\"",
        "mod = \"allow\"",
        "13:1: unknown key `mod`, did you mean `mode`?",
    );
    says(
        "[[rule]]",
        "[[rules]]\nid = \"x\"\n[[rule]]",
        "22:3: unknown key `rules`, did you mean `rule`?",
    );
    let lines = broken("renew = false", "renwe = false");
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].ends_with("unknown key `renwe`, did you mean `renew`?"),
        "{}",
        lines[0]
    );
}

#[test]
fn keys_of_later_languages_are_refused_rather_than_ignored() {
    for (line, key) in [
        ("[theme]\ncolour = \"blue\"\n", "theme"),
        ("[attributes.email]\nsync = \"always\"\n", "attributes"),
    ] {
        let lines = parse(&format!("{GOOD}{line}")).unwrap_err();
        assert!(
            lines[0].contains(&format!("unknown key `{key}`")),
            "{}",
            lines[0]
        );
    }
}

#[test]
fn unknown_presets_strategies_and_modes_are_told() {
    says(
        "\"entra-saml\"",
        "\"entra\"",
        "4:10: unknown preset `entra`, did you mean `entra-saml`?",
    );
    says(
        "\"jit\"",
        "\"JIT\"",
        "5:12: unknown strategy `JIT`, did you mean `jit`?",
    );
    says(
        "mode = \"allow\"",
        "mode = \"ask\"",
        "13:8: unknown mode `ask`; there are `allow`, `approve`, `deny`",
    );
    says(
        "on_inactive = \"deny\"",
        "on_inactive = \"pass_over\"",
        "10:15: unknown on_inactive `pass_over`; there are `deny`, `reactivate_deprovisioned`",
    );
}

#[test]
fn missing_keys_are_told_where_their_table_begins() {
    says(
        "issuer = \"https://idp.acme.example\"\n",
        "",
        "2:13: the key `issuer` is missing",
    );
    says("id = \"contractor\"\n", "", "22:1: the key `id` is missing");
    let lines = parse("").unwrap_err();
    assert_begins(&lines, "policy.toml:1:1: there is no `[connection.NAME]`");
}

#[test]
fn two_rules_of_one_id_are_refused() {
    let again = "[[rule]]\nid = \"contractor\"\nall = [{ attribute = \"a\", eq = \"b\" }]\ngrant = [{ role = \"signer\" }]\n";
    let lines = parse(&format!("{GOOD}{again}")).unwrap_err();
    assert_begins(&lines, "policy.toml:27:6: rule `contractor` is there twice");
}

#[test]
fn a_time_of_nothing_and_what_is_no_time_are_refused() {
    says(
        "\"24h\"",
        "\"0h\"",
        "25:35: `ttl` must be more than no time",
    );
    let lines = broken("\"24h\"", "\"1 day\"");
    assert!(
        lines[0].starts_with("policy.toml:25:35: `ttl` is `1 day`; write"),
        "{}",
        lines[0]
    );
    let lines = broken("ttl = \"24h\"", "ttl = 24");
    assert_begins(&lines, "policy.toml:25:35: `ttl` must be a text");
    says(
        "ttl = \"24h\", renew = false",
        "renew = true",
        "25:10: rule `contractor` renews role `signer`, which has no end",
    );
}

#[test]
fn what_is_no_permission_is_told() {
    says(
        "\"sign nda/*\"",
        "\"sign n*\"",
        "18:10: the permission `sign n*` has a `*` that is not the whole last segment of the document type",
    );
    let lines = broken("\"sign nda/*\"", "\"*\"");
    assert!(
        lines[0].contains("is not an action and a document type"),
        "{}",
        lines[0]
    );
}

#[test]
fn a_rule_without_conditions_or_grants_is_refused() {
    says(
        "all = [{ attribute = \"department\", eq = \"ext\" }]",
        "all = []",
        "23:6: rule `contractor` has no condition",
    );
    says(
        "grant = [{ role = \"signer\", ttl = \"24h\", renew = false }]",
        "grant = []",
        "23:6: rule `contractor` gives no role and denies none",
    );
    says(
        "eq = \"ext\"",
        "any_of = []",
        "24:8: `any_of` needs a value",
    );
    says(
        ", eq = \"ext\"",
        "",
        "24:8: a condition needs one of `eq`, `any_of`, `prefix`, `suffix`, `domain`, `present` and `not`",
    );
}

/// nOAuth: an address is no proof, so what linking by it needs can not be shortened.
#[test]
fn linking_by_address_can_not_be_had_with_less_proof() {
    says(
        "require = [\"idp_verified\", \"locally_verified\", \"owned_domain\"]",
        "require = [\"locally_verified\", \"owned_domain\"]",
        "9:8: linking by e-mail needs `idp_verified` in `require`",
    );
    says(
        "by = \"email\"",
        "by = \"email_and_name\"",
        "9:15: `email_and_name` is how DocuSign matches: it needs `preset = \"docusign\"`",
    );
}

#[test]
fn a_privileged_role_is_never_a_default() {
    says(
        "default_roles = [\"signer\"]",
        "default_roles = [\"admin\"]",
        "2:13: connection `acme` gives the privileged role `admin` by default",
    );
}

#[test]
fn with_several_connections_a_rule_says_which() {
    let second = "[connection.other]\nissuer = \"https://other.example\"\npreset = \"okta\"\nstrategy = \"jit\"\ndomains = [\"other.example\"]\n";
    let both = format!("{GOOD}{second}");
    let lines = parse(&both).unwrap_err();
    assert_begins(
        &lines,
        "policy.toml:23:6: rule `contractor` must name its connection, because the policy has several",
    );
    let scoped = both.replace(
        "id = \"contractor\"",
        "id = \"contractor\"\nconnection = \"acme\"",
    );
    assert!(parse(&scoped).is_ok());
    let wrong = both.replace(
        "id = \"contractor\"",
        "id = \"contractor\"\nconnection = [\"acne\"]",
    );
    assert_eq!(
        parse(&wrong).unwrap_err(),
        ["policy.toml:24:15: unknown connection `acne`, did you mean `acme`?"]
    );
}

#[test]
fn what_is_no_domain_is_told() {
    says(
        "\"ACME.example\"",
        "\"*.acme.example\"",
        "6:12: `*.acme.example` is no domain, such as `acme.example`",
    );
    says(
        "[\"ACME.example\"]",
        "[]",
        "2:13: connection `acme` has no domain",
    );
}

#[test]
fn creation_and_pre_provisioning_exclude_each_other() {
    says(
        "\"jit\"",
        "\"pre_provisioned_only\"",
        "2:13: connection `acme` is `pre_provisioned_only` and allows creation",
    );
}

#[test]
fn every_problem_is_told_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("\"jit\"", "\"jut\"")
        .replace("seats = 500", "seats = 0")
        .replace("\"24h\"", "\"0s\"");
    let lines = parse(&text).unwrap_err();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("policy.toml:5:12: unknown strategy"));
    assert!(lines[1].starts_with("policy.toml:15:9: `seats` must be"));
    assert!(lines[2].starts_with("policy.toml:25:35: `ttl` must be"));
}

/// One line is enough for each; and no more lines than a person reads.
#[test]
fn thousands_of_problems_are_told_soon_and_not_all() {
    let keys: String = (0..20_000)
        .map(|number| format!("signer{number} = 1\n"))
        .collect();
    let lines = parse(&format!("{keys}{GOOD}")).unwrap_err();
    assert_eq!(lines.len(), 100);
    assert!(
        lines[0].starts_with("policy.toml:1:1: unknown key `signer0`"),
        "{}",
        lines[0]
    );
}

#[test]
fn control_characters_in_names_are_refused_and_never_printed() {
    let lines = broken("id = \"contractor\"", "id = \"con\\u001btractor\"");
    assert_begins(
        &lines,
        "policy.toml:23:6: rule `con\\u{1b}tractor` holds the control character U+001B",
    );
    let lines = broken("[role.signer]", "[role.\"sig\\u202Ener\"]");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("role `sig\\u{202e}ner`")),
        "{lines:?}"
    );
    assert!(!lines.concat().contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn bad_syntax_is_told_with_its_place() {
    let lines = broken("seats = 500", "seats = = 500");
    assert!(lines[0].starts_with("policy.toml:15:"), "{}", lines[0]);
    let lines = broken("mode = \"allow\"", "mode = \"allow\"\nmode = \"deny\"");
    assert!(lines[0].starts_with("policy.toml:14:"), "{}", lines[0]);
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&format!("a = {}", "[".repeat(100_000))).is_err());
}

#[test]
fn what_is_no_text_of_bounded_size_is_refused() {
    let error = PolicyFile::parse_bytes("policy.toml", b"# caf\xe9\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy.toml:1:6: is not UTF-8 from here on; save the file as UTF-8"
    );
    let large = format!("#{}", " ".repeat(10_000_000));
    let error = PolicyFile::parse("policy.toml", &large).unwrap_err();
    assert_eq!(error.code(), "policy_file.too_large");
    assert_eq!(
        error.to_string(),
        "policy.toml: is larger than 1048576 bytes, the most that a policy may have; write one rule with `any_of` instead of one for each value"
    );
}

#[test]
fn what_can_not_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("missing.toml"), folder.path().to_owned()] {
        let error = PolicyFile::load(&path).unwrap_err();
        assert_eq!(error.code(), "policy_file.unreadable");
        assert!(error.to_string().ends_with("can not be read"), "{error}");
    }
}

/// The good file with all that the language has.
fn whole_language() -> String {
    let all = r#"all = [
    { attribute = "groups", any_of = ["b", "a", "b"] },
    { attribute = "department", prefix = "Re\u0301" },
    { attribute = "email", suffix = ".Silva@acme.example" },
    { attribute = "email", domain = "ACME.example" },
    { attribute = "email", eq = "A.Silva@ACME.example" },
    { attribute = "site", present = true },
    { attribute = "department", not = { eq = "ext" } },
    { attribute = "left", not = { present = true } },
]"#;
    let grant = r#"grant = [{ role = "signer", ttl = "24h", renew = true, cap = "30d", scope = ["nda/*", "hr"] }]
deny = ["admin"]
note = "for the ward""#;
    GOOD.replace("all = [{ attribute = \"department\", eq = \"ext\" }]", all)
        .replace(
            "grant = [{ role = \"signer\", ttl = \"24h\", renew = false }]",
            grant,
        )
        .replace("privileged = true", "privileged = true\nkeep_last = true")
        .replace("domains = [", "max_privilege = \"signer\"\ndomains = [")
        + "[role.sender]\nallow = [\"send *\"]\n[separation_of_duty]\nexclusive = [[\"sender\", \"admin\"]]\n[exclusive_group.desk]\nhighest_first = [\"admin\", \"signer\"]\n"
}

#[test]
fn every_condition_grant_and_exclusion_is_read() {
    let policy = parse(&whole_language()).unwrap();
    let role = |name: &str| RoleName::new(name).unwrap();
    let [rule] = policy.rules().rules() else {
        panic!("one rule");
    };
    assert_eq!(
        rule.all,
        [
            Condition::any_of(GROUPS, Values::new(["a", "b"]).unwrap()),
            Condition::prefix("department", "R\u{e9}"),
            Condition::suffix(EMAIL, ".silva@acme.example"),
            Condition::domain("acme.example"),
            Condition::eq(EMAIL, "a.silva@acme.example"),
            Condition::present("site"),
            !Condition::eq("department", "ext"),
            !Condition::present("left"),
        ]
    );
    let day = Duration::from_secs(86_400);
    let scope = ["nda/*", "hr"].map(|text| text.parse().unwrap());
    let grant = RoleGrant {
        cap: Some(day * 30),
        scope: scope.to_vec(),
        ..RoleGrant::renewed(role("signer"), day)
    };
    assert_eq!(rule.grant, [grant]);
    assert_eq!(rule.deny, [role("admin")]);
    assert_eq!(rule.note.as_deref(), Some("for the ward"));
    let catalog = policy.catalog();
    assert!(catalog.role(&role("admin")).unwrap().keeps_last());
    assert_eq!(catalog.separation_of_duty().len(), 1);
    let [desk] = catalog.exclusive_groups() else {
        panic!("one group");
    };
    assert_eq!(desk.name(), "desk");
    assert_eq!(desk.highest_first(), [role("admin"), role("signer")]);
    let (_, acme) = policy.connections().next().unwrap();
    assert_eq!(acme.max_privilege, Some(role("signer")));
}

/// What is said of the whole language with `from` replaced by `to`, from its first line on.
#[track_caller]
fn whole_says(from: &str, to: &str, expected: &str) {
    let whole = whole_language();
    assert_eq!(whole.matches(from).count(), 1, "{from}");
    let lines = parse(&whole.replace(from, to)).expect_err(to);
    let (_, said) = lines[0].split_once(": ").unwrap();
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn a_condition_has_one_test_that_fits_its_attribute() {
    let one = "a condition needs one of `eq`, `any_of`, `prefix`, `suffix`, `domain`, `present` and `not`";
    whole_says("prefix = ", "eq = \"x\", prefix = ", one);
    whole_says(
        "present = true },\n    { attribute = \"dep",
        "eq = \"y\", not = { eq = \"x\" } },\n    { attribute = \"dep",
        one,
    );
    whole_says(
        "{ eq = \"ext\" }",
        "{ not = { eq = \"ext\" } }",
        "`not` can not stand within `not`",
    );
    whole_says("{ eq = \"ext\" }", "{}", "`not` needs one test");
    whole_says(
        "site\", present = true",
        "site\", present = false",
        "`present = false` is written `not = { present = true }`",
    );
    whole_says(
        "\"site\", present = true",
        "\"site\", domain = \"acme.example\"",
        "rule `contractor` asks for the domain of `site`; only `email` has one",
    );
    whole_says(
        "\"ACME.example\" },\n    { attribute = \"email\", eq",
        "\"acme\u{a0}x\" },\n    { attribute = \"email\", eq",
        "`acme\u{a0}x` is no domain, such as `acme.example`",
    );
    whole_says(
        "A.Silva@ACME.example",
        "A.Silva",
        "`A.Silva` is no e-mail address",
    );
    whole_says(
        "prefix = \"Re\\u0301\"",
        "prefix = \"\"",
        "the value is empty",
    );
}

#[test]
fn a_grant_that_could_never_be_is_told() {
    whole_says(
        "ttl = \"24h\", renew = true",
        "ttl = \"24h\"",
        "rule `contractor` caps the renewals of role `signer`, which it does not renew",
    );
    whole_says(
        "cap = \"30d\"",
        "cap = \"1h\"",
        "rule `contractor` caps role `signer` at less than its `ttl`",
    );
    whole_says(
        "[\"nda/*\", \"hr\"]",
        "[]",
        "`scope` needs a document type, such as `nda/*`",
    );
    whole_says(
        "[\"nda/*\", \"hr\"]",
        "[\"n*\"]",
        "the document type `n*` has a `*` that is not the whole last segment of the document type",
    );
    whole_says(
        "deny = [\"admin\"]",
        "deny = [\"signer\"]",
        "rule `contractor` both gives and denies role `signer`",
    );
    whole_says(
        "deny = [\"admin\"]",
        "deny = [\"admin\", \"admin\"]",
        "rule `contractor` denies role `admin` twice",
    );
    whole_says(
        "deny = [\"admin\"]",
        "deny = [\"admn\"]",
        "unknown role `admn`, did you mean `admin`?",
    );
    whole_says(
        "for the ward",
        "a\\u202Eb",
        "the note holds the control character U+202E",
    );
}

/// A wildcard to an administrator would make one of whoever can name a group.
#[test]
fn a_privileged_role_is_given_for_exact_values_only() {
    says(
        "eq = \"ext\" }]\ngrant = [{ role = \"signer\", ttl = \"24h\", renew = false }]",
        "prefix = \"ext\" }]\ngrant = [{ role = \"admin\" }]",
        "25:10: rule `contractor` gives the privileged role `admin`, so its conditions must be `eq` or `any_of`, and one of them not negated",
    );
}

#[test]
fn roles_that_exclude_each_other_are_told_where_they_make_no_sense() {
    whole_says(
        "[\"sender\", \"admin\"]",
        "[\"sender\"]",
        "separation of duty needs sets of two or more different roles",
    );
    whole_says(
        "[[\"sender\", \"admin\"]]",
        "[\"sender\"]",
        "`exclusive` must be a list of lists of texts",
    );
    whole_says(
        "[\"sender\", \"admin\"]",
        "[\"sendr\", \"admin\"]",
        "unknown role `sendr`, did you mean `sender`?",
    );
    whole_says(
        "[\"admin\", \"signer\"]",
        "[\"admin\", \"admin\"]",
        "exclusive group `desk` needs two or more different roles",
    );
    whole_says(
        "[exclusive_group.desk]",
        "[exclusive_group.other]\nhighest_first = [\"signer\", \"admin\"]\n[exclusive_group.desk]",
        "exclusive group `desk` puts `admin` above `signer`, and other groups below it",
    );
}

#[test]
fn no_rule_and_no_default_exceeds_the_connections_max_privilege() {
    whole_says(
        "max_privilege = \"signer\"",
        "max_privilege = \"sender\"",
        "connection `acme` gives the role `signer` by default, which allows `sign nda/*`; its `max_privilege` is `sender`",
    );
    whole_says(
        "default_roles = [\"signer\"]",
        "default_roles = [\"sender\"]",
        "connection `acme` gives the role `sender` by default, which allows `send *`; its `max_privilege` is `signer`",
    );
    whole_says(
        "deny = [\"admin\"]",
        "[[rule]]\nid = \"more\"\nall = [{ attribute = \"a\", eq = \"b\" }]\ngrant = [{ role = \"admin\" }]",
        "rule `more` gives the role `admin`, which is privileged; the `max_privilege` of connection `acme` is `signer`",
    );
    whole_says(
        "max_privilege = \"signer\"",
        "max_privilege = \"signor\"",
        "unknown role `signor`, did you mean `signer`?",
    );
}

/// The good file with these lines of the connection's.
fn with_connection_lines(lines: &str) -> Result<Policy, Vec<String>> {
    parse(&format!("{GOOD}\n{lines}"))
}

#[test]
fn attributes_and_groups_are_named_in_every_form() {
    let policy = with_connection_lines(
        r#"
[connection.acme.attribute_names]
department = "urn:oid:2.16.840.1.113730.3.1.2"
email = ["mail", "Mail"]
wards = { names = ["wards"], decode = { split = "," } }
affiliation = { names = "affiliation", scoped = true }
[connection.acme.groups]
names = ["memberOf", "teams"]
decode = { dn_cn = "OU=Groups,DC=acme,DC=example" }
most = 75
fetch = "incomplete"
"#,
    );
    let policy = policy.unwrap();
    let connection = policy
        .connection(&ConnectionId::new("acme").unwrap())
        .unwrap();
    let names: Vec<&str> = connection
        .attribute_names
        .iter()
        .map(|(short, _)| short)
        .collect();
    assert_eq!(
        names,
        ["affiliation", "department", "emailaddress", "wards"]
    );
    let groups = &connection.groups;
    assert_eq!(groups.names, ["memberOf", "teams"]);
    assert_eq!(
        groups.decode,
        Decoder::common_name_below("OU=Groups,DC=acme,DC=example")
    );
    assert_eq!(groups.most.map(usize::from), Some(75));
    assert_eq!(groups.fetch, FetchGroups::Incomplete);
    for decode in [
        r#""values""#,
        r#""dn_cn""#,
        r#""path""#,
        r#""json""#,
        r#"{ split = ";" }"#,
        r#"{ path = "/apps/sign" }"#,
    ] {
        with_connection_lines(&format!("[connection.acme.groups]\ndecode = {decode}\n")).unwrap();
    }
}

#[test]
fn decoders_that_are_none_are_told() {
    for (decode, expected) in [
        (r#""jsn""#, "unknown decode `jsn`, did you mean `json`?"),
        (r#""split""#, "`split` needs what stands between the names"),
        (r#"{ split = "" }"#, "`split` is empty"),
        (
            r#"{ dn_cn = "Groups" }"#,
            "`Groups` is no distinguished name",
        ),
        (r#"{ path = "apps" }"#, "`apps` is no path"),
        (r#"{ split = ";", path = "/a" }"#, "`decode` needs one of"),
        ("{ }", "`decode` needs one of"),
        ("7", "must be a table"),
    ] {
        let lines = format!("[connection.acme.groups]\ndecode = {decode}\n");
        let said = with_connection_lines(&lines).unwrap_err();
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{decode}: {said:?}"
        );
    }
}

#[test]
fn names_that_stand_for_two_things_are_told_where_they_stand() {
    for (lines, expected) in [
        (
            "[connection.acme.attribute_names]\na = \"x\"\nb = \"x\"",
            "29:1: the attribute `b` stands for `x`, and so does `a`",
        ),
        (
            "[connection.acme.attribute_names]\nemail = \"x\"\nemailaddress = \"y\"",
            "the attribute `emailaddress` stands for",
        ),
        (
            "[connection.acme.attribute_names]\ngroups = \"x\"",
            "is the groups, which `[connection.NAME.groups]` names",
        ),
        (
            "[connection.acme.attribute_names]\na = []",
            "the attribute `a` stands for no name",
        ),
        (
            "[connection.acme.attribute_names]\na = { decode = \"json\" }",
            "the key `names` is missing",
        ),
        (
            "[connection.acme.attribute_names]\na = 7",
            "`a` must be a table",
        ),
        (
            "[connection.acme.attribute_names]\na = \"x\"\n[connection.acme.groups]\nnames = \"x\"",
            "reads both an attribute and the groups from `x`",
        ),
        (
            "[connection.acme.groups]\nnames = [\"a\\u202eb\"]",
            "the name of the groups",
        ),
        (
            "[connection.acme.groups]\nmost = 0",
            "`most` must be a whole number",
        ),
        (
            "[connection.acme.groups]\nfetch = \"allways\"",
            "unknown fetch `allways`",
        ),
    ] {
        let said = with_connection_lines(lines).unwrap_err();
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{lines}: {said:?}"
        );
    }
}

/// Attack: whoever can name a group `x;admins` would have the role.
#[test]
fn a_privileged_role_for_groups_that_are_cut_out_of_a_text_is_refused() {
    let said = with_connection_lines(
        r#"
[[rule]]
id = "admins"
all = [{ attribute = "groups", eq = "admins" }]
grant = [{ role = "admin" }]
[connection.acme.groups]
decode = { split = ";" }
"#,
    );
    let said = said.unwrap_err();
    assert!(
        said[0].contains("rule `admins` gives a privileged role and asks for `groups`"),
        "{said:?}"
    );
}

/// The good policy with this `[lifecycle]`.
fn with_lifecycle(lines: &str) -> Result<Policy, Vec<String>> {
    parse(&format!("{GOOD}[lifecycle]\n{lines}\n"))
}

#[test]
fn what_becomes_of_unused_accounts_is_read() {
    let lines = "stale_after = \"90d\"\nsuspend_after = \"180d\"\nretain = \"2555d\"";
    let policy = with_lifecycle(lines).unwrap();
    let lifecycle = policy.lifecycle();
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    assert_eq!(lifecycle.stale_after, days(90));
    assert_eq!(lifecycle.suspend_after, days(180));
    assert_eq!(lifecycle.deprovision_after, None);
    assert_eq!(lifecycle.retain, days(2555));
}

#[test]
fn stages_of_an_accounts_life_that_are_out_of_order_are_refused_where_the_later_one_stands() {
    let said = with_lifecycle("stale_after = \"90d\"\nsuspend_after = \"90d\"").unwrap_err();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0]
            .ends_with("`stale_after` is not shorter than `suspend_after`, which comes after it"),
        "{said:?}"
    );
    let line = GOOD.lines().count() + 3;
    let place = format!("policy.toml:{line}:17: ");
    assert!(said[0].starts_with(&place), "{said:?}");
}

#[test]
fn a_stage_of_no_time_and_an_unknown_stage_are_refused() {
    let said = with_lifecycle("retain = \"0d\"\nstale = \"90d\"").unwrap_err();
    assert!(
        said[0].contains("`retain` must be more than no time"),
        "{said:?}"
    );
    assert!(said[1].contains("did you mean `stale_after`?"), "{said:?}");
}
