//! Documents that need a stronger sign-in: refused without one, signed after a step-up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::blocking::wait;
use countersign::provision::risk::Needs;
use countersign::saml::class;
use countersign::{ConnectionId, EngineError, Intent, PolicyFile, Session};
use countersign_testkit::idp::{Authentication, ResponseSpec};
use host::*;

/// Staff may sign loans too, with several factors; and wills, freshly authenticated.
fn policy() -> String {
    let signer = r#"allow = ["sign nda/*", "sign loan/*", "sign will"]"#;
    POLICY.replace(r#"allow = ["sign nda/*"]"#, signer)
        + r#"
[risk.high]
documents = ["loan/*"]
require = ["mfa"]
[risk.personal]
documents = ["will"]
require = ["federated"]
max_age = "15m"
"#
}

fn with_several_factors(response: ResponseSpec) -> ResponseSpec {
    with_class(response, class::REFEDS_MFA)
}

fn with_class(mut response: ResponseSpec, class_ref: &str) -> ResponseSpec {
    let authentication = response.authentication.as_mut().unwrap();
    authentication.context = Some(class_ref.to_owned());
    response
}

fn needs<T: std::fmt::Debug>(outcome: Result<T, EngineError>) -> Needs {
    match outcome.expect_err("it was allowed") {
        EngineError::NotStrongEnough { needs, .. } => needs,
        other => panic!("{other:?}"),
    }
}

fn present(host: &Host, session: &Session, document_type: &str) -> Result<(), EngineError> {
    wait(host.engine.present(session, &document(document_type))).map(|_| ())
}

#[test]
fn a_risky_document_is_not_shown_for_signing_to_one_factor() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        assert!(host.sign(&session, &nda()).is_ok());
        let needs = needs(present(host, &session, "loan/car"));
        assert!(needs.multi_factor && !needs.federated && needs.max_age.is_none());
        let error = present(host, &session, "loan/car").unwrap_err();
        assert_eq!(error.code(), "engine.not_strong_enough");
        assert_eq!(
            error.to_string(),
            "to sign `loan/car` needs several factors"
        );
    });
}

#[test]
fn a_step_up_asks_for_several_factors_and_the_document_is_signed_after_it() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let needs = needs(present(host, &session, "loan/car"));
        let request = host.engine.step_up(&acme(), &needs).unwrap();
        let (_, pending) = wait(request.redirect()).unwrap();
        let asked = pending.authn_context().unwrap();
        assert!(
            asked
                .class_refs()
                .any(|class_ref| class_ref == class::REFEDS_MFA)
        );
        assert!(pending.fresh_login_since().is_none());

        let stronger = host.admit(&with_several_factors(host.nurse(&["staff"])));
        assert_eq!(stronger.user(), session.user());
        assert!(host.sign(&stronger, &document("loan/car")).is_ok());
        // The session from before is as weak as it was.
        assert_eq!(
            code(present(host, &session, "loan/car")),
            "engine.not_strong_enough"
        );
    });
}

/// The provider can answer a step-up with what it did before: that is no answer to it.
#[test]
fn an_answer_that_does_not_show_what_was_asked_for_is_refused() {
    let host = Host::in_memory(&policy());
    let needs = Needs {
        multi_factor: true,
        ..Needs::default()
    };
    let request = host.engine.step_up(&acme(), &needs).unwrap();
    let (_, pending) = wait(request.redirect()).unwrap();
    let response = host.nurse(&["staff"]).answering(pending.id());
    let posted = host.idp.post(&response);
    let message = countersign::saml::Inbound::Post(posted.as_bytes());
    let expect = countersign::saml::Expect::Request(&pending);
    let ended = wait(host.engine.sign_in(&acme(), message, expect)).unwrap();
    assert_eq!(refused(ended).code(), "saml.authn_context_mismatch");
}

#[test]
fn a_sign_in_that_became_too_old_does_not_sign() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let will = document("will");
        let presented = wait(host.engine.present(&session, &will)).unwrap();
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        host.clock.advance(minutes(15));
        let signed = wait(host.engine.sign(confirmed.clone(), "Given Family"));
        assert!(signed.is_ok(), "the fifteenth minute counts");

        let presented = wait(host.engine.present(&session, &will)).unwrap();
        let confirmed = wait(host.engine.confirm(presented.clone(), &Intent::approval())).unwrap();
        host.clock.advance(std::time::Duration::from_millis(1));
        let needed = needs(wait(host.engine.sign(confirmed, "Given Family")));
        assert_eq!(needed.max_age, Some(minutes(15)));
        needs(wait(host.engine.confirm(presented, &Intent::approval())));
        needs(present(host, &session, "will"));

        let request = host.engine.step_up(&acme(), &needed).unwrap();
        let (_, pending) = wait(request.redirect()).unwrap();
        assert_eq!(pending.fresh_login_since(), Some(host.now()));
        assert!(pending.authn_context().is_none());
    });
}

/// A provider's own session may be hours old when it answers.
#[test]
fn the_age_counts_from_the_authentication_and_not_from_the_sign_in() {
    on_each_store_under(&policy(), |host| {
        let mut response = host.nurse(&["staff"]);
        response.authentication = response.authentication.map(|told| Authentication {
            instant: host.now().saturating_sub(minutes(16)),
            ..told
        });
        let session = host.admit(&response);
        needs(present(host, &session, "will"));
    });
}

/// Who may not sign in any case is not sent for a second factor.
#[test]
fn who_has_no_role_is_told_so_and_nothing_of_strength() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&[]));
        assert_eq!(
            code(present(host, &session, "loan/car")),
            "engine.not_allowed"
        );
    });
}

#[test]
fn a_class_that_nobody_knows_is_not_several_factors() {
    on_each_store_under(&policy(), |host| {
        for class_ref in ["urn:example:mfa", class::X509, class::UNSPECIFIED] {
            let session = host.admit(&with_class(host.nurse(&["staff"]), class_ref));
            needs(present(host, &session, "loan/car"));
        }
    });
}

#[test]
fn a_connection_that_is_not_there_can_not_step_up() {
    let host = Host::in_memory(&policy());
    let unknown = ConnectionId::new("nowhere").unwrap();
    let asked = host.engine.step_up(&unknown, &Needs::default()).map(|_| ());
    assert_eq!(code(asked), "engine.unknown_connection");
}

#[test]
fn what_makes_no_sense_in_a_risk_is_told_with_its_place() {
    for (risk, problem) in [
        (
            "documents = [\"loan/*\"]",
            "1:7: risk `high` asks for nothing: it needs `require` or `max_age`",
        ),
        (
            "documents = []\nrequire = [\"mfa\"]",
            "1:7: risk `high` is about no documents",
        ),
        (
            "documents = [\"loan*\"]\nrequire = [\"mfa\"]",
            "2:14: the document type `loan*` has a `*` that is not the whole last segment",
        ),
        (
            "documents = [\"loan\"]\nrequire = [\"mfaa\"]",
            "3:12: unknown requirement `mfaa`, did you mean `mfa`?",
        ),
        (
            "documents = [\"loan\"]\nrequire = [\"mfa\"]\nmax_age = \"0m\"",
            "4:11: `max_age` must be more than no time",
        ),
        ("require = [\"mfa\"]", "`documents`"),
        (
            "documents = [\"loan\"]\nrequire = [\"mfa\"]\nmaxage = \"5m\"",
            "unknown key `maxage`, did you mean `max_age`?",
        ),
    ] {
        let text = format!(
            "[risk.high]\n{risk}\n{}",
            policy().replace("[risk.high]", "[risk.other]")
        );
        let error = PolicyFile::parse("p", &text).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
