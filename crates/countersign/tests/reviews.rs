//! Access reviews: what is shown, what comes back, and what it does; and reports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::time::Duration;

use countersign::audit::Kind;
use countersign::blocking::wait;
use countersign::provision::report::{AccountReport, OrphanReason, Reporter};
use countersign::review::file::{answers, from_csv, from_json, to_csv, to_json};
use countersign::review::{AnswerRefusal, ReviewReport, ReviewRow, review_rows};
use countersign::{Engine, RoleByHand, RoleName, Session, TenantId, Timestamp, UserId};
use host::{Host, POLICY, on_each_store, on_each_store_under, tenant};
use proptest::prelude::*;

fn rows(host: &Host, session: &Session) -> Vec<ReviewRow> {
    review_rows(host.engine.policy(), &host.account(session), host.now())
}

fn reviewer() -> UserId {
    UserId::new("reviewer-1").unwrap()
}

/// The rows as a spreadsheet gives them back, with these decisions by role.
fn answered(rows: &[ReviewRow], decisions: &[(&str, &str)]) -> Vec<u8> {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        let mut said = decisions
            .iter()
            .filter(|(role, _)| row.role.as_str() == *role);
        row.decision = said
            .next()
            .map_or(String::new(), |(_, said)| (*said).to_owned());
        row.note = "as the ward said".to_owned();
    }
    to_csv(&rows)
}

fn apply(engine: &Engine, csv: &[u8]) -> ReviewReport {
    let answers = answers(from_csv(csv).unwrap(), &tenant()).unwrap();
    wait(engine.apply_review(&tenant(), &answers, &reviewer())).unwrap()
}

fn roles(host: &Host, session: &Session) -> Vec<String> {
    let rows = rows(host, session).into_iter();
    rows.map(|row| row.role.to_string()).collect()
}

#[test]
fn what_is_certified_stays_and_what_is_revoked_goes_and_both_are_recorded() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let csv = answered(
            &rows(host, &session),
            &[("reader", "certify"), ("signer", "revoke")],
        );
        let report = apply(&host.engine, &csv);
        assert_eq!((report.certified, report.revoked), (1, 1));
        assert!(report.refused.is_empty());
        assert_eq!(roles(host, &session), ["reader"]);
        let records = host.records();
        let reviewed = records
            .iter()
            .filter(|(_, r)| r.kind() == Kind::AccessReviewed);
        let reviewed: Vec<_> = reviewed.map(|(leaf, _)| *leaf).collect();
        assert_eq!(reviewed.len(), 2);
        let mut revoked = records
            .iter()
            .filter(|(_, r)| r.kind() == Kind::RoleRevoked);
        let (_, revoked) = revoked.next().unwrap();
        assert!(reviewed.contains(&revoked.parents[1]));
        // It does not come back with the next sign-in.
        host.admit(&host.nurse(&["staff"]));
        assert_eq!(roles(host, &session), ["reader"]);
    });
}

#[test]
fn an_answer_to_what_has_changed_is_refused_with_its_line_and_all_others_of_the_account() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let other = host.admit(&host.response("matron"));
        let mut shown = rows(host, &session);
        shown.extend(rows(host, &other));
        let csv = answered(&shown, &[("reader", "revoke"), ("signer", "certify")]);
        host.edit_grant(&session, "signer", |grant| {
            grant.scope = vec!["nda/mutual".parse().unwrap()];
        });
        let report = apply(&host.engine, &csv);
        assert_eq!(report.refused.len(), 1);
        assert_eq!(report.refused[0].reason, AnswerRefusal::Changed);
        assert_eq!(report.refused[0].line, 3);
        assert_eq!(roles(host, &session), ["reader", "signer"]);
        assert_eq!(roles(host, &other), [""; 0]);
    });
}

#[test]
fn a_renewal_does_not_make_an_answer_stale_and_another_policy_for_the_role_does() {
    let renewed = POLICY.replace("ttl = \"10m\"", "ttl = \"10m\", renew = true");
    on_each_store_under(&renewed, |host| {
        let session = host.admit(&host.nurse(&["contract-nurses"]));
        let csv = answered(&rows(host, &session), &[("signer", "certify")]);
        host.clock.advance(Duration::from_secs(60));
        host.admit(&host.nurse(&["contract-nurses"]));
        assert_eq!(apply(&host.engine, &csv).certified, 1);
        let wider = renewed.replace("sign nda/*", "sign *");
        let report = apply(&host.engine_under(&wider), &csv);
        assert_eq!(report.refused[0].reason, AnswerRefusal::Changed);
    });
}

#[test]
fn an_answer_to_a_grant_that_an_administrator_has_lengthened_meanwhile_is_refused() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&[]));
        let until = |days: u64| {
            host.now()
                .saturating_add(Duration::from_secs(86_400 * days))
        };
        let give = |days| {
            let role = RoleByHand::new(RoleName::new("signer").unwrap()).until(until(days));
            let by = UserId::new("administrator-1").unwrap();
            wait(
                host.engine
                    .grant(&tenant(), session.user(), &role, &by, None),
            )
            .unwrap()
        };
        let short = give(1);
        let csv = answered(&rows(host, &session), &[("signer", "certify")]);
        let long = give(3650);
        assert_eq!(
            (short.id, short.first_given_at),
            (long.id, long.first_given_at)
        );
        let report = apply(&host.engine, &csv);
        assert_eq!(report.refused[0].reason, AnswerRefusal::Changed);
    });
}

#[test]
fn an_answer_to_what_is_gone_is_refused() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let csv = answered(&rows(host, &session), &[("signer", "revoke")]);
        assert_eq!(apply(&host.engine, &csv).revoked, 1);
        let report = apply(&host.engine, &csv);
        assert_eq!(report.refused[0].reason, AnswerRefusal::Gone);
        assert_eq!(report.refused[0].reason.code(), "review.gone");
    });
}

#[test]
fn a_grant_is_answered_for_once() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let mut shown = rows(host, &session);
        shown.push(shown[0].clone());
        let csv = answered(&shown, &[("reader", "certify")]);
        let report = apply(&host.engine, &csv);
        assert_eq!(report.refused[0].reason, AnswerRefusal::Twice);
    });
}

#[test]
fn one_role_is_not_certified_and_revoked() {
    let two = POLICY.replace("ttl = \"10m\"", "scope = [\"nda/mutual\"]");
    on_each_store_under(&two, |host| {
        let session = host.admit(&host.nurse(&["staff", "contract-nurses"]));
        let mut shown = rows(host, &session);
        assert_eq!(roles(host, &session), ["reader", "signer", "signer"]);
        shown[1].decision = "certify".to_owned();
        shown[2].decision = "revoke".to_owned();
        let report = apply(&host.engine, &to_csv(&shown));
        let role = shown[1].role.clone();
        assert_eq!(report.refused[0].reason, AnswerRefusal::Contradicts(role));
        shown[1].decision = "revoke".to_owned();
        assert_eq!(apply(&host.engine, &to_csv(&shown)).revoked, 2);
        assert_eq!(roles(host, &session), ["reader"]);
    });
}

#[test]
fn nobody_reviews_the_own_access() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let csv = answered(&rows(host, &session), &[("signer", "certify")]);
        let answers = answers(from_csv(&csv).unwrap(), &tenant()).unwrap();
        let report = wait(
            host.engine
                .apply_review(&tenant(), &answers, session.user()),
        )
        .unwrap();
        assert_eq!(report.refused[0].reason, AnswerRefusal::OwnAccess);
    });
}

#[test]
fn a_review_leaves_a_role_its_last_holder() {
    let kept = format!("{POLICY}\n").replace("[role.signer]", "[role.signer]\nkeep_last = true");
    on_each_store_under(&kept, |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let said = [("reader", "revoke"), ("signer", "revoke")];
        let csv = answered(&rows(host, &session), &said);
        let report = apply(&host.engine, &csv);
        assert_eq!(report.refused[0].reason.code(), "review.last_holder");
        assert_eq!(roles(host, &session), ["reader", "signer"]);
    });
}

#[test]
fn a_name_is_no_formula_and_comes_back_as_it_was() {
    on_each_store(|host| {
        let spec = host
            .response("nurse")
            .with_attribute("givenName", ["=cmd|' /C calc'!A0"]);
        let session = host.admit(&spec);
        let shown = rows(host, &session);
        let csv = to_csv(&shown);
        let text = String::from_utf8(csv.clone()).unwrap();
        assert!(text.contains(",'=cmd") && !text.contains(",=cmd"), "{text}");
        let back: Vec<_> = from_csv(&csv)
            .unwrap()
            .into_iter()
            .map(|(_, row)| row)
            .collect();
        assert_eq!(back, shown);
    });
}

#[test]
fn what_is_no_review_is_told_by_line() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let csv = String::from_utf8(answered(&rows(host, &session), &[])).unwrap();
        let code = |text: &str| from_csv(text.as_bytes()).unwrap_err().code();
        assert_eq!(code("a,b\n"), "review_file.columns");
        assert_eq!(code(&csv.replace(",reader,", ",,")), "review_file.cell");
        assert_eq!(code(&format!("{csv}x,y\n")), "review_file.malformed");
        assert_eq!(
            from_json(b"{}").unwrap_err().code(),
            "review_file.malformed"
        );
        let unsure = answered(&rows(host, &session), &[("signer", "maybe")]);
        let error = answers(from_csv(&unsure).unwrap(), &tenant()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 3: the decision is neither `certify` nor `revoke`, nor empty"
        );
        assert_eq!(error.code(), "review_file.decision");
    });
}

#[test]
fn a_row_that_shows_something_else_than_its_hash_is_over_is_no_answer() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let csv = answered(&rows(host, &session), &[("signer", "certify")]);
        let shown = String::from_utf8(csv.clone()).unwrap();
        let code = |text: &str| {
            let rows = from_csv(text.as_bytes()).unwrap();
            answers(rows, &tenant()).map_err(|error| error.code())
        };
        assert_eq!(code(&shown).unwrap().len(), 1);
        for (is, was) in [("sign nda/*", "view nda/*"), (",signer,", ",reader,")] {
            assert!(shown.contains(is), "{shown}");
            let edited = shown.replace(is, was);
            assert_eq!(code(&edited).unwrap_err(), "review_file.edited", "{was}");
        }
        let elsewhere = TenantId::new("elsewhere").unwrap();
        let error = answers(from_csv(&csv).unwrap(), &elsewhere).unwrap_err();
        assert_eq!(error.code(), "review_file.edited");
    });
}

fn report(
    host: &Host,
    engine: &Engine,
    sessions: &[&Session],
    since: Option<Timestamp>,
) -> AccountReport {
    let mut reporter = Reporter::new(engine.policy(), &tenant(), host.now(), since);
    sessions
        .iter()
        .for_each(|session| reporter.add(&host.account(session)));
    reporter.finish()
}

#[test]
fn a_report_tells_what_is_unused_orphaned_drifted_and_never_matched() {
    on_each_store(|host| {
        let staff = host.admit(&host.nurse(&["staff"]));
        let other = host.admit(&host.response("matron"));
        let both = [&staff, &other];
        let now = report(host, &host.engine, &both, None);
        assert_eq!((now.seats_taken, now.grants), (2, 3));
        let unmatched: Vec<_> = now
            .unmatched_rules
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(unmatched, ["contract-nurses"]);
        assert!(now.orphaned.is_empty() && now.drifted.is_empty() && now.unused.is_empty());

        host.clock.advance(Duration::from_secs(86_400));
        let since = host.now();
        host.admit(&host.response("matron").with_attribute("groups", ["staff"]));
        let edited = POLICY.replace("id = \"staff\"", "id = \"nurses\"").replace(
            "[role.signer]",
            "[lifecycle]\nstale_after = \"1d\"\n[role.signer]",
        );
        let later = report(host, &host.engine_under(&edited), &both, Some(since));
        let reasons: Vec<_> = later.orphaned.iter().map(|orphan| orphan.reason).collect();
        assert_eq!(reasons, [OrphanReason::RuleGone, OrphanReason::RuleGone]);
        assert_eq!(later.drifted.len(), 4);
        assert_eq!(later.unused.len(), 1);
        assert_eq!(&later.unused[0].user, staff.user());
        assert!(later.unused[0].due.is_some());
        assert_eq!(later.new.len(), 1);
        assert_eq!(&later.new[0].user, other.user());
    });
}

#[test]
fn a_report_tells_why_a_grant_is_orphaned() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        host.edit_grant(&session, "reader", |grant| {
            grant.role = RoleName::new("owner").unwrap();
        });
        host.edit_grant(&session, "signer", |grant| {
            let gone = countersign::ConnectionId::new("gone").unwrap();
            grant.owner = countersign::GrantOwner::Jit(gone);
        });
        let found = report(host, &host.engine, &[&session], None);
        let mut codes: Vec<_> = found
            .orphaned
            .iter()
            .map(|orphan| orphan.reason.code())
            .collect();
        codes.sort_unstable();
        assert_eq!(codes, ["report.connection_gone", "report.role_gone"]);

        let other = host.admit(&host.response("matron"));
        wait(
            host.engine
                .suspend(&tenant(), other.user(), &reviewer(), None),
        )
        .unwrap();
        let found = report(host, &host.engine, &[&other], None);
        assert_eq!(found.orphaned[0].reason, OrphanReason::AccountOutOfUse);
    });
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,12}", "['=+@\\-\t\r\n\",;]{0,4}\\PC{0,4}"]
}

proptest! {
    #[test]
    fn a_table_comes_back_exactly_as_it_was_written(
        texts in proptest::collection::vec(text(), 8),
        instants in (any::<Option<u32>>(), any::<Option<u32>>(), any::<u32>()),
    ) {
        let at = |seconds: u32| Timestamp::from_unix_millis(i64::from(seconds) * 1000);
        let row = ReviewRow {
            user: UserId::new("-u").unwrap(),
            name: texts[0].clone(),
            email: texts[1].clone(),
            state: texts[2].clone(),
            last_sign_in_at: instants.0.map(at),
            grant: countersign::GrantId::new("=g").unwrap(),
            role: RoleName::new("@role").unwrap(),
            allows: texts[3].clone(),
            owner: texts[4].clone(),
            rule: texts[5].clone(),
            since: at(instants.2),
            expires_at: instants.1.map(at),
            reviewed_sha256: countersign::Sha256Digest::from_bytes([7; 32]),
            decision: texts[6].clone(),
            note: texts[7].clone(),
        };
        let rows = vec![row.clone(), row];
        let back = from_csv(&to_csv(&rows)).unwrap().into_iter();
        let back: Vec<_> = back.map(|(_, row)| row).collect();
        prop_assert_eq!(&back, &rows);
        let back = from_json(&to_json(&rows)).unwrap().into_iter();
        let back: Vec<_> = back.map(|(_, row)| row).collect();
        prop_assert_eq!(&back, &rows);
    }
}
