//! A decision in words: what every rule said, and what became of every role.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;

use countersign::policy_file::PolicyFile;
use countersign::provision::explain::{
    GroupsTold, Outcome, RoleExplanation, RoleOutcome, RuleExplanation, RuleVerdict, explain,
};
use countersign::provision::store::Snapshot;
use countersign::provision::{Explanation, decide};
use countersign::{ConnectionId, Email, EmailFact, Facts, Groups, SubjectKey, TenantId, Timestamp};

const POLICY: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "generic"
strategy = "jit"
domains = ["acme.example"]
[role.signer]
allow = ["sign nda/*"]
[role.sender]
allow = ["send *"]
[role.auditor]
allow = ["view *"]
[[rule]]
id = "ext"
note = "who comes from outside signs"
all = [{ attribute = "department", eq = "ext" }]
grant = [{ role = "signer", ttl = "24h" }]
[[rule]]
id = "desk"
all = [{ attribute = "groups", eq = "desk" }]
grant = [{ role = "sender" }]
[[rule]]
id = "barred"
all = [{ attribute = "site", eq = "x" }]
deny = ["auditor"]
[[rule]]
id = "audit"
all = [{ attribute = "job", eq = "audit" }]
grant = [{ role = "auditor" }]
"#;

fn explained(address: &str, groups: Groups, sent: &[(&str, &str)]) -> Explanation {
    let policy = PolicyFile::parse("policy.toml", POLICY).unwrap();
    let acme = ConnectionId::new("acme").unwrap();
    let tenant = TenantId::new("default").unwrap();
    let subject = SubjectKey::from_stable_value(tenant, "https://idp.acme.example", "7").unwrap();
    let mut facts = Facts::new(subject);
    facts.email = Some(EmailFact {
        address: Email::from_canonical(address).unwrap(),
        verified_by_idp: true,
    });
    facts.groups = groups;
    for (name, value) in sent {
        facts
            .attributes
            .insert((*name).into(), vec![(*value).into()]);
    }
    let now = Timestamp::UNIX_EPOCH;
    let plan = decide(&policy, &acme, &facts, &Snapshot::default(), now);
    explain(&policy, &acme, &facts, &plan)
}

fn verdicts(explanation: &Explanation) -> Vec<(&str, RuleVerdict)> {
    let say = |rule: &'_ RuleExplanation| rule.verdict.clone();
    let rules = explanation.rules.iter();
    rules.map(|rule| (rule.rule.as_str(), say(rule))).collect()
}

#[test]
fn every_rule_says_what_it_saw_and_every_role_what_became_of_it() {
    let sent = [("department", "ext"), ("site", "x"), ("job", "audit")];
    let explanation = explained("nurse@acme.example", Groups::Absent, &sent);
    assert_eq!(explanation.outcome, Outcome::Admit);
    assert_eq!(explanation.groups, GroupsTold::Absent);
    assert_eq!(
        verdicts(&explanation),
        [
            ("ext", RuleVerdict::Matched),
            ("desk", RuleVerdict::Undecided("in the group `desk`".into())),
            ("barred", RuleVerdict::Matched),
            ("audit", RuleVerdict::Matched),
        ]
    );
    let say = |role: &RoleExplanation| {
        let because = role.because.as_ref().map(|said| said.text.clone());
        (role.role.to_string(), role.outcome, because)
    };
    let roles: Vec<_> = explanation.roles.iter().map(say).collect();
    assert_eq!(
        roles,
        [
            ("signer".into(), RoleOutcome::Given, None),
            (
                "auditor".into(),
                RoleOutcome::Withheld,
                Some("it is denied by `barred`".into())
            ),
        ]
    );
}

#[test]
fn a_rule_that_failed_names_the_first_condition_that_did() {
    let groups = Groups::Complete(BTreeSet::from(["front".to_owned()]));
    let explanation = explained("nurse@acme.example", groups, &[("department", "int")]);
    let failed = |condition: &str| RuleVerdict::Failed(condition.to_owned());
    assert_eq!(
        verdicts(&explanation),
        [
            ("ext", failed("`department` is `ext`")),
            ("desk", failed("in the group `desk`")),
            ("barred", failed("`site` is `x`")),
            ("audit", failed("`job` is `audit`")),
        ]
    );
    assert!(explanation.roles.is_empty());
}

#[test]
fn a_refusal_is_explained_without_roles_and_without_anybodys_values() {
    let explanation = explained("nurse@other.example", Groups::Absent, &[("job", "audit")]);
    assert_eq!(explanation.outcome, Outcome::Refuse);
    let codes: Vec<_> = explanation.reasons.iter().map(|said| said.code).collect();
    assert_eq!(codes, ["provision.email_outside_domains"]);
    assert!(explanation.roles.is_empty());
    let json = serde_json::to_string(&explanation).unwrap();
    assert!(
        json.contains("\"rule\":\"audit\",\"note\":null,\"verdict\":\"matched\""),
        "{json}"
    );
    assert!(!json.contains("nurse"), "{json}");
}
