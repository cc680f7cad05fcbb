//! Consent to electronic records: asked for by the policy, cited by signatures, withdrawn.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::audit::consent::AccessDemonstrated;
use countersign::audit::{Body, Kind};
use countersign::blocking::wait;
use countersign::provision::store::ConsentRecord;
use countersign::{Consent, ConsentId, EngineError, Intent, Session, Sha256Digest, UserId};
use host::*;

/// Agreements need a consent.
fn policy() -> String {
    POLICY.to_owned()
        + r#"
[risk.agreements]
documents = ["nda/*"]
require = ["consent"]
"#
}

fn consent(scope: &str) -> Consent {
    Consent {
        scope: vec![scope.parse().unwrap()],
        disclosure_sha256: Sha256Digest::from_bytes([7; 32]),
        disclosure_version: "2026-01".to_owned(),
        paper_right: true,
        withdrawal: "Write to records@host.example.".to_owned(),
        access_demonstrated: AccessDemonstrated {
            method: "opened_sample_pdf".to_owned(),
            sha256: None,
        },
    }
}

fn give(host: &Host, session: &Session, scope: &str) -> ConsentRecord {
    wait(host.engine.give_consent(session, &consent(scope))).unwrap()
}

fn consents(host: &Host, session: &Session) -> Vec<ConsentRecord> {
    wait(host.engine.consents(&tenant(), session.user())).unwrap()
}

fn code<T: std::fmt::Debug>(outcome: Result<T, EngineError>) -> &'static str {
    outcome.expect_err("it was allowed").code()
}

#[test]
fn a_document_that_needs_a_consent_is_not_shown_without_one() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let shown = wait(host.engine.present(&session, &nda()));
        let error = shown.unwrap_err();
        assert_eq!(error.code(), "engine.no_consent");
        assert_eq!(
            error.to_string(),
            "to sign `nda/mutual` needs a consent to electronic records"
        );
        // One for other documents is none.
        give(host, &session, "hr/*");
        assert_eq!(
            code(wait(host.engine.present(&session, &nda()))),
            "engine.no_consent"
        );
    });
}

#[test]
fn a_signature_cites_the_consent_that_covers_it() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        give(host, &session, "hr/*");
        let given = give(host, &session, "nda/*");
        assert_eq!(given.user, *session.user());
        assert_eq!(consents(host, &session).len(), 2);
        host.sign(&session, &nda()).unwrap();
        let records = host.records();
        let signed = records
            .iter()
            .find(|(_, record)| record.kind() == Kind::DocumentSigned);
        assert_eq!(signed.unwrap().1.parents.last(), Some(&given.entry));
        let (_, record) = records
            .iter()
            .find(|(leaf, _)| *leaf == given.entry)
            .unwrap();
        let Body::ConsentGiven(body) = &record.body else {
            panic!("{:?}", record.kind());
        };
        assert_eq!(body.consent, given.id);
        assert!(body.paper_right && body.covers("nda/mutual"));
        assert_eq!(body.disclosure_version, "2026-01");
        assert_eq!(record.parents, [session.entry()]);
    });
}

/// [15 USC 7001(c)]: given once, it counts in later sessions.
#[test]
fn a_consent_counts_in_later_sessions_until_it_is_withdrawn() {
    on_each_store_under(&policy(), |host| {
        let first = host.admit(&host.nurse(&["staff"]));
        let given = give(host, &first, "nda/*");
        let second = host.admit(&host.nurse(&["staff"]));
        host.sign(&second, &nda()).unwrap();
        let leaf = wait(host.engine.withdraw_consent(&second, &given.id)).unwrap();
        assert!(consents(host, &second).is_empty());
        assert_eq!(
            code(wait(host.engine.present(&second, &nda()))),
            "engine.no_consent"
        );
        let records = host.records();
        let (_, record) = records.iter().find(|(at, _)| *at == leaf).unwrap();
        assert_eq!(record.kind(), Kind::ConsentWithdrawn);
        assert_eq!(record.parents, [given.entry]);
    });
}

#[test]
fn a_signing_under_way_does_not_rest_on_a_consent_that_is_withdrawn() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let given = give(host, &session, "nda/*");
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        wait(host.engine.withdraw_consent(&session, &given.id)).unwrap();
        let signed = wait(host.engine.sign(confirmed, "Given Family"));
        assert_eq!(code(signed), "engine.no_consent");
    });
}

#[test]
fn a_consent_that_is_not_there_is_not_withdrawn() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let unknown = ConsentId::new("k-0").unwrap();
        let withdrawn = wait(host.engine.withdraw_consent(&session, &unknown));
        assert_eq!(code(withdrawn), "engine.unknown_consent");
        let given = give(host, &session, "nda/*");
        wait(host.engine.withdraw_consent(&session, &given.id)).unwrap();
        let again = wait(host.engine.withdraw_consent(&session, &given.id));
        assert_eq!(code(again), "engine.unknown_consent");
    });
}

#[test]
fn an_administrator_withdraws_a_consent_by_letter() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let given = give(host, &session, "nda/*");
        let by = UserId::new("administrator-1").unwrap();
        let withdraw = |user: &UserId| {
            let note = Some("by letter");
            wait(
                host.engine
                    .withdraw_consent_for(&tenant(), user, &given.id, &by, note),
            )
        };
        let nobody = UserId::new("nobody").unwrap();
        assert_eq!(code(withdraw(&nobody)), "account.unknown");
        withdraw(session.user()).unwrap();
        assert_eq!(code(withdraw(session.user())), "engine.unknown_consent");
    });
}

#[test]
fn a_consent_that_says_nothing_is_misuse() {
    let host = Host::in_memory(&policy());
    let session = host.admit(&host.nurse(&["staff"]));
    let good = consent("nda/*");
    let mut nameless = good.clone();
    nameless.disclosure_version = String::new();
    let mut wordless = good.clone();
    wordless.withdrawal = " ".to_owned();
    let mut waved_through = good.clone();
    waved_through.access_demonstrated.method = String::new();
    let aimless = Consent {
        scope: Vec::new(),
        ..good
    };
    for bad in [nameless, wordless, waved_through, aimless] {
        let given = wait(host.engine.give_consent(&session, &bad));
        assert_eq!(code(given), "engine.misuse", "{bad:?}");
    }
}

#[test]
fn a_consent_is_not_given_in_a_session_that_is_over() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let given = give(host, &session, "nda/*");
        wait(host.engine.close_session(&session)).unwrap();
        let late = wait(host.engine.give_consent(&session, &consent("nda/*")));
        assert_eq!(code(late), "engine.session_over");
        let late = wait(host.engine.withdraw_consent(&session, &given.id));
        assert_eq!(code(late), "engine.session_over");
    });
}

/// Where no risk asks for one, none is needed, and one that is there is cited all the same.
#[test]
fn a_consent_that_nobody_asks_for_is_cited_too() {
    on_each_store_under(POLICY, |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        host.sign(&session, &nda()).unwrap();
        let given = give(host, &session, "*");
        host.sign(&session, &nda()).unwrap();
        let parents = |(_, record): &(_, countersign::audit::Record)| {
            (record.kind() == Kind::DocumentSigned).then(|| record.parents.clone())
        };
        let signed: Vec<_> = host.records().iter().filter_map(parents).collect();
        assert_eq!((signed[0].len(), signed[1].len()), (3, 4));
        assert_eq!(signed[1][3], given.entry);
    });
}
