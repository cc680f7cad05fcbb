//! What a policy file says of domains, creation and attributes, and how what is wrong is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use countersign::policy_file::PolicyFile;
use countersign::provision::plan::UserField;
use countersign::provision::{AbsenceMode, CreationMode, OnConfusable, Policy, SyncMode};
use countersign::{ConnectionId, Timestamp};

const HEAD: &str = r#"[connection.acme]
issuer = "https://idp.acme.example"
preset = "generic"
strategy = "jit"
"#;
const DOMAINS: &str = "domains = [\"acme.example\"]\n";

fn load(text: &str) -> Policy {
    PolicyFile::parse("policy.toml", text).expect(text)
}

/// The one line that is said of the file, without its name.
fn problem(text: &str) -> String {
    let error = PolicyFile::parse("policy.toml", text).expect_err(text);
    let [problem] = error.problems() else {
        panic!("{error}");
    };
    problem.to_string()
}

fn with(sections: &str) -> String {
    format!("{HEAD}{DOMAINS}{sections}")
}

#[test]
fn a_domain_may_say_until_when_it_is_proved() {
    let policy = load(&format!(
        "{HEAD}domains = [\"ACME.example\", {{ name = \"Labs.example\", proved_until = \"2027-06-30T00:00:00Z\" }}]\n"
    ));
    let acme = policy
        .connection(&ConnectionId::new("acme").unwrap())
        .unwrap();
    assert!(acme.domains.contains("acme.example") && acme.domains.contains("labs.example"));
    let end: Timestamp = "2027-06-30T00:00:00Z".parse().unwrap();
    assert_eq!(acme.domains_proved_until.len(), 1);
    assert_eq!(acme.domains_proved_until.get("labs.example"), Some(&end));
}

#[test]
fn a_domain_that_is_none_or_ends_at_no_instant_is_told() {
    let domains = |list: &str| problem(&format!("{HEAD}domains = [{list}]\n"));
    assert_eq!(
        domains("\"acme.example\", { name = \"*.acme.example\" }"),
        "5:37: `*.acme.example` is no domain, such as `acme.example`"
    );
    assert_eq!(
        domains("{ name = \"acme.example\", proved_until = \"next year\" }"),
        "5:52: `proved_until` is `next year`; write an instant, such as `\"2027-06-30T00:00:00Z\"`"
    );
    assert_eq!(
        domains("\"acme.example\", { proved_until = \"2027-06-30T00:00:00Z\" }"),
        "5:28: the key `name` is missing; add it"
    );
    assert_eq!(
        domains("{ name = \"acme.example\", until = \"2027-06-30T00:00:00Z\" }"),
        "5:37: unknown key `until`; there are `name`, `proved_until`"
    );
}

#[test]
fn creation_may_ask_for_approval_and_deny_look_alikes() {
    let policy = load(&with(
        "[connection.acme.create]\nmode = \"approve\"\nconfusable_email = \"deny\"\n",
    ));
    let acme = policy
        .connection(&ConnectionId::new("acme").unwrap())
        .unwrap();
    assert_eq!(acme.create.mode, CreationMode::Approve);
    assert_eq!(acme.create.on_confusable, OnConfusable::Deny);
    let acme = load(&with(""));
    let acme = acme
        .connection(&ConnectionId::new("acme").unwrap())
        .unwrap();
    assert_eq!(acme.create.on_confusable, OnConfusable::Flag);
    assert_eq!(
        problem(&with(
            "[connection.acme.create]\nconfusable_email = \"block\"\n"
        )),
        "7:20: unknown confusable_email `block`; there are `flag`, `deny`"
    );
}

#[test]
fn approval_does_not_go_with_accounts_made_ahead_only() {
    let text = with("[connection.acme.create]\nmode = \"approve\"\n");
    let text = text.replace("\"jit\"", "\"pre_provisioned_only\"");
    assert_eq!(
        problem(&text),
        "1:13: connection `acme` is `pre_provisioned_only` and allows creation; write `mode = \"deny\"`, or another strategy"
    );
}

#[test]
fn approval_does_not_go_with_passing_over_who_was_declined() {
    let text = with("[connection.acme.create]\nmode = \"approve\"\n");
    let text = text.replace("\"generic\"", "\"docusign\"");
    assert_eq!(
        problem(&text),
        "1:13: connection `acme` passes over accounts out of use, and asks for approval of new ones: who was declined would come back each time"
    );
}

#[test]
fn attributes_say_when_they_follow_and_what_absence_means() {
    let policy = load(&with(
        r#"
[attribute.given_name]
sync = "create"
absent = "deny"
[attribute.display_name]
absent = "clear"
[attribute.groups]
absent = "clear"
"#,
    ));
    let rule = |field| policy.attributes().rule(field);
    let given_name = rule(UserField::GivenName);
    assert_eq!(given_name.sync, Some(SyncMode::Create));
    assert_eq!(given_name.absent, AbsenceMode::Deny);
    assert_eq!(rule(UserField::DisplayName).sync, None);
    assert_eq!(rule(UserField::DisplayName).absent, AbsenceMode::Clear);
    assert_eq!(rule(UserField::Email).absent, AbsenceMode::Keep);
    assert_eq!(policy.attributes().groups, AbsenceMode::Clear);
}

#[test]
fn an_unknown_attribute_mode_or_key_of_one_is_told() {
    assert_eq!(
        problem(&with("[attribute.given_nam]\nsync = \"always\"\n")),
        "6:12: unknown attribute `given_nam`, did you mean `given_name`?"
    );
    assert_eq!(
        problem(&with("[attribute.email]\nsync = \"allways\"\n")),
        "7:8: unknown sync `allways`, did you mean `always`?"
    );
    assert_eq!(
        problem(&with("[attribute.email]\nabsent = \"forget\"\n")),
        "7:10: unknown absent `forget`; there are `keep`, `clear`, `deny`"
    );
    assert_eq!(
        problem(&with("[attribute.groups]\nsync = \"always\"\n")),
        "7:1: unknown key `sync`; there are `absent`"
    );
}

#[test]
fn what_does_not_follow_is_not_cleared() {
    for (name, text) in [
        (
            "given_name",
            "[attribute.given_name]\nsync = \"create\"\nabsent = \"clear\"\n",
        ),
        (
            "email",
            "[attribute.email]\nsync = \"never\"\nabsent = \"clear\"\n",
        ),
    ] {
        assert_eq!(
            problem(&with(text)),
            format!(
                "6:12: the attribute `{name}` is cleared when it is absent, and does not follow at each sign-in; write `sync = \"always\"`, or another `absent`"
            )
        );
    }
}

#[test]
fn account_and_profile_are_synced_together() {
    assert_eq!(
        problem(&with(
            "[attribute.permission_profile_id]\nsync = \"always\"\n"
        )),
        "6:12: the attributes `account_id` and `permission_profile_id` decide together, and are synced in two ways; give both the same `sync`"
    );
    load(&with(
        "[attribute.account_id]\nsync = \"always\"\n[attribute.permission_profile_id]\nsync = \"always\"\n",
    ));
}
