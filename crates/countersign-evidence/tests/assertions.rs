//! What an identity provider signed is about the sign-in and the person that the records tell of, or
//! a verifier says that it is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod forge;
#[path = "../../countersign-audit/tests/support/mod.rs"]
mod support;
mod unpacked;

use std::sync::LazyLock;

use countersign_evidence::{Claim, Report, Status, verify};
use forge::attached::{Case, cases};
use forge::court::{Court, Policy};
use forge::mutation::Sample;
use forge::provider::Provider;
use forge::statement::{AUDIENCE, Style};
use forge::{Disclosed, Plan};

/// Authorities take their time to make.
static COURT: LazyLock<(Court, Policy)> = LazyLock::new(|| {
    let court = Court::new(Provider::ed25519());
    let policy = court.full();
    (court, policy)
});

fn check(plan: &Plan, change: impl FnOnce(&mut forge::story::Story)) -> Report {
    let (court, policy) = &*COURT;
    let mut story = plan.story(&court.by.provider);
    change(&mut story);
    let bundle = plan.bundle(&story, &court.by).write();
    verify(&bundle, &policy.ours, policy.now)
}

fn refuse(name: &str) {
    let case: Case = cases().into_iter().find(|case| case.name == name).unwrap();
    let report = check(&case.plan(), case.wrote);
    let first = report.failed().next().unwrap_or_else(|| panic!("{report}"));
    assert_eq!(first.claim.as_str(), case.claim, "{report}");
    assert!(first.by.contains(case.why), "{report}");
    assert!(!report.accepted());
}

macro_rules! refused {
    ($($name:ident,)*) => {
        const REFUSED: &[&str] = &[$(stringify!($name)),*];
        mod refused {
            $(#[test] fn $name() { super::refuse(stringify!($name)); })*
        }
    };
}

refused! {
    another_persons_assertion,
    another_format_of_the_name,
    another_qualifier_of_the_name,
    a_name_for_another_service_provider,
    another_issuers_assertion,
    an_authentication_at_another_time,
    an_authentication_that_is_not_told_of,
    an_authentication_of_another_kind,
    a_session_with_another_end,
    a_session_with_another_index,
    a_session_with_an_index_that_was_not_recorded,
    a_session_without_the_index_that_was_recorded,
    an_assertion_with_another_id,
    an_older_assertion,
    an_older_confirmation,
    an_assertion_that_came_later,
    conditions_that_held_later,
    a_response_that_came_later,
    a_confirmation_by_another_method,
    a_confirmation_without_an_end,
    an_assertion_without_conditions,
    an_assertion_without_an_instant,
    an_instant_that_is_none,
    two_subjects,
    two_names,
    no_name,
    a_name_beside_an_encrypted_one,
    a_name_with_elements_in_it,
    a_name_with_a_comment_in_it,
    an_instruction_beside_a_name,
    white_space_behind_the_element,
    an_element_that_is_referred_to_by_another_id,
    an_element_without_an_id,
    a_response_instead_of_an_assertion,
    an_assertion_instead_of_a_response,
    an_assertion_of_another_language,
    a_response_of_failure,
    a_response_with_two_assertions,
    a_response_whose_assertion_hides_deeper,
    a_response_of_another_issuer,
    another_person_inside_an_encrypted_assertion,
    an_encrypted_assertion_that_is_none,
    an_encrypted_name_with_another_key,
    an_encrypted_name_with_a_key_of_another_length,
    an_encrypted_name_without_a_key,
    an_account_of_somebody_else,
    an_account_from_another_provider,
    an_account_by_an_attribute_with_several_values,
    an_account_by_a_name_that_passes,
    the_same_assertion_for_two_sign_ins,
}

#[test]
fn every_case_has_its_test() {
    let names: Vec<_> = cases().iter().map(|case| case.name).collect();
    assert_eq!(names, REFUSED);
}

fn status(report: &Report, claim: Claim) -> Vec<Status> {
    let lines = report.lines().iter();
    let lines = lines.filter(|line| line.claim == claim);
    lines.map(|line| line.status).collect()
}

#[test]
fn what_a_provider_said_is_read_in_every_style() {
    for style in 0..Style::ALL.len() {
        let report = check(
            &Plan {
                style,
                ..Plan::full()
            },
            |_| {},
        );
        assert!(report.accepted(), "{report}");
        assert_eq!(status(&report, Claim::AssertionContent), [Status::Proved]);
        // The account, the role and the session.
        assert_eq!(status(&report, Claim::SamePerson), [Status::Proved; 3]);
        let text = report.to_string();
        assert!(
            text.contains(&format!(
                "said to `{AUDIENCE}` that `nurse@acme.example` authenticated"
            )),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_disclosed_is_not_proved() {
    let plan = Plan {
        disclosed: Disclosed::Nothing,
        ..Plan::full()
    };
    let report = check(&plan, |_| {});
    assert_eq!(report.failed().count(), 0, "{report}");
    assert_eq!(
        report.missing(),
        [Claim::AssertionContent, Claim::SamePerson],
        "{report}"
    );
}

#[test]
fn what_is_encrypted_and_has_no_key_here_is_not_proved() {
    for style in [2, 3] {
        let report = check(
            &Plan {
                style,
                ..Plan::full()
            },
            |story| {
                story.records[0].openings.remove("content_keys");
            },
        );
        assert_eq!(report.failed().count(), 0, "{report}");
        assert_eq!(
            report.missing(),
            [Claim::AssertionContent, Claim::SamePerson],
            "{report}"
        );
        assert!(
            report.to_string().contains("its key is not disclosed"),
            "{report}"
        );
    }
}

#[test]
fn an_account_whose_subject_is_kept_is_not_shown_to_be_the_persons() {
    let report = check(&Plan::full(), |story| {
        story.records[1].openings.remove("subject");
    });
    assert_eq!(report.failed().count(), 0, "{report}");
    assert_eq!(report.missing(), [Claim::SamePerson], "{report}");
}

#[test]
fn an_opening_that_does_not_match_is_compared_with_nothing() {
    let report = check(&Plan::full(), |story| {
        story.records[0].openings["name_id"]["value"]["value"] = "doctor@acme.example".into();
    });
    let failed: Vec<_> = report.failed().map(|line| line.claim).collect();
    assert_eq!(failed, [Claim::Opening], "{report}");
    assert_eq!(
        status(&report, Claim::AssertionContent),
        [Status::NotProved]
    );
}

#[test]
fn an_assertion_for_somebody_else_is_refused_where_somebody_is_named() {
    let (court, policy) = &*COURT;
    let bundle = Sample::new(Plan::full(), &court.by).bytes;
    let ours = policy
        .ours
        .clone()
        .audience("https://other.example")
        .audience(AUDIENCE);
    assert!(verify(&bundle, &ours, policy.now).accepted());
    let other = policy.ours.clone().audience("https://other.example");
    let report = verify(&bundle, &other, policy.now);
    let failed: Vec<_> = report.failed().map(|line| line.claim).collect();
    assert_eq!(failed, [Claim::AssertionContent], "{report}");
    assert!(
        report.to_string().contains(&format!("is for `{AUDIENCE}`")),
        "{report}"
    );
}
