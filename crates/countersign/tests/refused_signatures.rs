//! What is not signed, and that nothing is recorded of it, on each store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::audit::Kind;
use countersign::blocking::wait;
use countersign::provision::store::Change;
use countersign::provision::user::UserState;
use countersign::{Intent, Session};
use host::*;

/// Tries each step of a signature after something has happened between the steps before.
#[track_caller]
fn every_step_is_refused(host: &Host, session: &Session, happens: impl FnOnce(), with: &str) {
    let presented = wait(host.engine.present(session, &nda())).unwrap();
    let confirmed = {
        let presented = wait(host.engine.present(session, &nda())).unwrap();
        wait(host.engine.confirm(presented, &Intent::approval())).unwrap()
    };
    let before = host.kinds().len();
    happens();
    assert_eq!(code(wait(host.engine.present(session, &nda()))), with);
    assert_eq!(
        code(wait(host.engine.confirm(presented, &Intent::approval()))),
        with
    );
    assert_eq!(
        code(wait(host.engine.sign(confirmed, "Given Family"))),
        with
    );
    assert_eq!(
        host.kinds().len(),
        before,
        "a step that was refused is recorded as taken"
    );
}

#[test]
fn nothing_is_signed_after_the_role_has_run_out() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["contract-nurses"]));
        let ten_minutes_pass = || host.clock.advance(minutes(10));
        every_step_is_refused(host, &session, ten_minutes_pass, "engine.not_allowed");
    });
}

#[test]
fn nothing_is_signed_after_the_session_is_over() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let half_an_hour_passes = || host.clock.advance(minutes(30));
        every_step_is_refused(host, &session, half_an_hour_passes, "engine.session_over");
    });
}

#[test]
fn nothing_is_signed_after_the_account_was_suspended() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let suspended = || host.edit_account(&session, |user| user.state = UserState::Suspended);
        every_step_is_refused(host, &session, suspended, "engine.session_over");
    });
}

#[test]
fn nothing_is_signed_after_the_session_was_closed() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let mut change = Change::new(tenant());
        change
            .close_sessions
            .push((session.id().clone(), host.now()));
        let closed = || wait(host.store.commit(&change)).unwrap();
        every_step_is_refused(host, &session, closed, "engine.session_over");
    });
}

#[test]
fn nothing_is_signed_after_the_role_was_revoked() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let revoked = || host.revoke(&session, "signer");
        every_step_is_refused(host, &session, revoked, "engine.not_allowed");
    });
}

#[test]
fn a_signature_does_not_cite_the_record_of_a_grant_that_was_revoked() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let revoked = host.grant(&session, "signer").entry;
        host.revoke(&session, "signer");
        let session = host.admit(&host.nurse(&["staff"]));
        host.edit_grant(&session, "signer", |grant| grant.entry = revoked);
        assert_eq!(code(host.sign(&session, &nda())), "engine.misuse");
        assert!(!host.kinds().contains(&Kind::DocumentSigned));
    });
}

#[test]
fn a_role_that_is_revoked_during_the_signing_is_noticed() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        let mut change = Change::new(tenant());
        change.remove_grants.push(host.grant(&session, "signer").id);
        let store = host.store.clone();
        host.during_the_step(move || wait(store.commit(&change)).unwrap());
        let signed = wait(host.engine.sign(confirmed, "Given Family"));
        assert_eq!(code(signed), "engine.not_allowed");
        assert!(!host.kinds().contains(&Kind::DocumentSigned));
    });
}

#[test]
fn a_session_that_is_closed_during_the_signing_is_noticed() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        let (engine, closing) = (host.engine.clone(), session.clone());
        host.during_the_step(move || wait(engine.close_session(&closing)).unwrap());
        let signed = wait(host.engine.sign(confirmed, "Given Family"));
        assert_eq!(code(signed), "engine.session_over");
        assert!(!host.kinds().contains(&Kind::DocumentSigned));
    });
}

#[test]
fn a_document_type_that_no_role_covers_is_not_signed() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        for document_type in ["lease", "nda", "ndax/mutual", "NDA/mutual", "*"] {
            let presented = wait(host.engine.present(&session, &document(document_type)));
            assert_eq!(code(presented), "engine.not_allowed", "{document_type}");
        }
        for document_type in ["", "nda/\u{202E}lautum", "nda/\nmutual"] {
            let presented = wait(host.engine.present(&session, &document(document_type)));
            assert_eq!(code(presented), "engine.misuse", "{document_type}");
        }
    });
}

#[test]
fn a_permission_that_an_edited_policy_takes_away_is_gone_at_once() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let edited = host.engine_under(&POLICY.replace("sign nda/*", "sign lease/*"));
        assert_eq!(code(sign(&edited, &session, &nda())), "engine.not_allowed");
        // What the edit allows is not the grant's before the next sign-in has recorded it.
        let lease = document("lease/flat");
        assert_eq!(code(sign(&edited, &session, &lease)), "engine.not_allowed");
    });
}

#[test]
fn steps_of_another_session_are_not_taken_up() {
    on_each_store(|host| {
        let mine = host.admit(&host.nurse(&["staff"]));
        let staff = host
            .response("physician")
            .with_attribute("groups", ["staff"]);
        let theirs = host.admit(&staff);
        let presented = wait(host.engine.present(&theirs, &nda())).unwrap();
        let shown = presented.entry();
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        let engine = &host.engine;
        assert_eq!(
            code(wait(engine.resume_presented(&mine, shown))),
            "engine.misuse"
        );
        assert_eq!(
            code(wait(engine.resume_confirmed(&mine, confirmed.entry()))),
            "engine.misuse"
        );
    });
}

#[test]
fn an_entry_of_another_kind_is_not_taken_for_a_step() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let signature = host.sign(&session, &nda()).unwrap().leaf().hash();
        for entry in [signature, session.entry()] {
            assert!(wait(host.engine.resume_presented(&session, entry)).is_err());
            assert!(wait(host.engine.resume_confirmed(&session, entry)).is_err());
        }
    });
}

#[test]
fn a_printed_name_that_plays_tricks_is_refused() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        for name in ["", "  ", "Given\u{202E}ylimaF", "Given\nFamily"] {
            let presented = wait(host.engine.present(&session, &nda())).unwrap();
            let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
            assert_eq!(
                code(wait(host.engine.sign(confirmed, name))),
                "engine.misuse"
            );
        }
    });
}

#[test]
fn a_document_that_was_signed_is_not_signed_again_by_the_same_confirmation() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let shown = presented.entry();
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        let intent = confirmed.entry();
        wait(host.engine.sign(confirmed, "Given Family")).unwrap();

        let confirmed = wait(host.engine.resume_confirmed(&session, intent)).unwrap();
        let again = wait(host.engine.sign(confirmed, "Given Family"));
        assert_eq!(code(again), "engine.ceremony_over");
        let presented = wait(host.engine.resume_presented(&session, shown)).unwrap();
        assert_eq!(
            code(wait(host.engine.decline(presented, None))),
            "engine.ceremony_over"
        );
        let signatures = host
            .kinds()
            .into_iter()
            .filter(|kind| *kind == Kind::DocumentSigned);
        assert_eq!(signatures.count(), 1);
    });
}

#[test]
fn a_document_that_was_declined_is_not_signed() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let shown = presented.entry();
        wait(host.engine.decline(presented, None)).unwrap();

        let presented = wait(host.engine.resume_presented(&session, shown)).unwrap();
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        let signed = wait(host.engine.sign(confirmed, "Given Family"));
        assert_eq!(code(signed), "engine.ceremony_over");
        assert!(!host.kinds().contains(&Kind::DocumentSigned));
    });
}
