//! Messages that are not for us, not now, or not in answer to our request.

use super::*;

#[test]
fn status_not_success() {
    let spec = with(|spec| {
        spec.status = vec![
            "urn:oasis:names:tc:SAML:2.0:status:Responder".to_owned(),
            "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed".to_owned(),
        ];
    });
    let rejection = verify(&sp(), &test_idp().respond(&spec)).unwrap_err();
    assert_eq!(rejection.reject_code(), RejectCode::StatusNotSuccess);
    assert_eq!(rejection.culprit(), Culprit::Unexpected);
    assert!(
        rejection.to_string().contains("status:AuthnFailed`"),
        "{rejection}"
    );
}

#[test]
fn issuer_mismatch() {
    let other = || Issuer::Other("https://idp.example/metadata/".to_owned());
    for change in [
        (|spec, issuer| spec.response_issuer = issuer) as fn(&mut ResponseSpec, Issuer),
        |spec, issuer| spec.assertion_issuer = issuer,
    ] {
        for issuer in [other(), Issuer::Absent] {
            for sign in [Sign::Assertion, Sign::Response] {
                spec_refused_as(
                    RejectCode::IssuerMismatch,
                    &with(|spec| change(spec, issuer.clone())).signed(sign),
                );
            }
        }
    }
}

#[test]
fn destination_mismatch() {
    for sign in [Sign::Assertion, Sign::Response] {
        spec_refused_as(
            RejectCode::DestinationMismatch,
            &with(|spec| spec.destination = Some(format!("{ACS}/"))).signed(sign),
        );
    }
    spec_refused_as(
        RejectCode::DestinationMismatch,
        &with(|spec| spec.destination = None).signed(Sign::Response),
    );
    accepted(&with(|spec| spec.destination = None));
}

#[test]
fn recipient_mismatch() {
    for recipient in [Some("https://sign.example/saml/ACS".to_owned()), None] {
        spec_refused_as(
            RejectCode::RecipientMismatch,
            &with(|spec| spec.confirmations[0].recipient = recipient),
        );
    }
}

#[test]
fn audience_mismatch() {
    let other = || vec!["https://other.example".to_owned()];
    for audiences in [
        vec![],
        vec![vec![]],
        vec![other()],
        vec![vec![SP.to_owned()], other()],
        vec![vec![format!("{SP} ")]],
    ] {
        spec_refused_as(
            RejectCode::AudienceMismatch,
            &with(|spec| spec.conditions.as_mut().unwrap().audiences = audiences),
        );
    }
    spec_refused_as(
        RejectCode::AudienceMismatch,
        &with(|spec| spec.conditions = None),
    );
}

#[test]
fn unknown_condition() {
    for xml in [
        "<saml:Condition/>",
        "<unknown/>",
        r#"<OneTimeUse xmlns="urn:another"/>"#,
    ] {
        spec_refused_as(
            RejectCode::UnknownCondition,
            &with(|spec| spec.conditions.as_mut().unwrap().xml = xml.to_owned()),
        );
    }
}

#[test]
fn no_bearer_confirmation() {
    spec_refused_as(
        RejectCode::NoBearerConfirmation,
        &with(|spec| spec.confirmations.clear()),
    );
    spec_refused_as(
        RejectCode::NoBearerConfirmation,
        &with(|spec| {
            spec.confirmations[0].method =
                "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key".to_owned();
        }),
    );
}

#[test]
fn several_bearer_confirmations() {
    spec_refused_as(
        RejectCode::SeveralBearerConfirmations,
        &with(|spec| spec.confirmations.push(spec.confirmations[0].clone())),
    );
    accepted(&with(|spec| {
        spec.confirmations.push(spec.confirmations[0].clone());
        spec.confirmations[0].recipient = Some("https://other.example/acs".to_owned());
    }));
}

#[test]
fn not_on_or_after_missing() {
    spec_refused_as(
        RejectCode::NotOnOrAfterMissing,
        &with(|spec| spec.confirmations[0].not_on_or_after = None),
    );
}

// When.

fn past() -> Option<Timestamp> {
    Some(now().saturating_sub(FAR))
}

fn future() -> Option<Timestamp> {
    Some(now().saturating_add(FAR))
}

#[test]
fn expired() {
    spec_refused_as(
        RejectCode::Expired,
        &with(|spec| {
            let conditions = spec.conditions.as_mut().unwrap();
            conditions.not_before = None;
            conditions.not_on_or_after = past();
        }),
    );
    spec_refused_as(
        RejectCode::Expired,
        &with(|spec| spec.confirmations[0].not_on_or_after = past()),
    );
}

#[test]
fn not_yet_valid() {
    for change in [
        (|spec| spec.response_issue_instant = future().unwrap()) as fn(&mut ResponseSpec),
        |spec| spec.assertion_issue_instant = future().unwrap(),
        |spec| {
            let conditions = spec.conditions.as_mut().unwrap();
            conditions.not_before = future();
            conditions.not_on_or_after = None;
        },
        |spec| {
            spec.confirmations[0].not_before = future();
            spec.confirmations[0].not_on_or_after = Some(Timestamp::MAX);
        },
        |spec| spec.authentication.as_mut().unwrap().instant = future().unwrap(),
    ] {
        spec_refused_as(RejectCode::NotYetValid, &with(change));
    }
}

/// By our own clock, without the skew: a session that is opened now must not be over.
#[test]
fn session_expired() {
    for end in [past(), Some(now())] {
        let over = with(|spec| {
            let authentication = spec.authentication.as_mut().unwrap();
            authentication.session_not_on_or_after = end;
        });
        spec_refused_as(RejectCode::SessionExpired, &over);
    }
}

// In answer to what.

#[test]
fn in_response_to_mismatch() {
    let other = || Some("_another".to_owned());
    spec_refused_as(
        RejectCode::InResponseToMismatch,
        &with(|spec| spec.in_response_to = other()),
    );
    for in_response_to in [other(), None] {
        spec_refused_as(
            RejectCode::InResponseToMismatch,
            &with(|spec| spec.confirmations[0].in_response_to = in_response_to),
        );
    }
}

#[test]
fn in_response_to_mismatch_when_another_provider_was_asked() {
    let xml = test_idp().respond(&spec());
    let verify_sent_to = |entity_id| {
        let pending = PendingRequest::new(REQUEST).unwrap().sent_to(entity_id);
        verify_for(&sp(), &idp(), &xml, Expect::Request(&pending), now())
    };
    refused_as(
        RejectCode::InResponseToMismatch,
        verify_sent_to("https://other.example/metadata"),
    );
    assert!(verify_sent_to(IDP).is_ok());
}

#[test]
fn unsolicited_not_allowed() {
    spec_refused_as(
        RejectCode::UnsolicitedNotAllowed,
        &ResponseSpec::new(SP, ACS, NURSE, now()),
    );
}

#[test]
fn in_response_to_unexpected() {
    let unsolicited = |spec: &ResponseSpec| {
        verify_for(
            &sp(),
            &idp(),
            &test_idp().respond(spec),
            Expect::Unsolicited,
            now(),
        )
    };
    refused_as(RejectCode::InResponseToUnexpected, unsolicited(&spec()));
    refused_as(
        RejectCode::InResponseToUnexpected,
        unsolicited(&with(|spec| spec.in_response_to = None)),
    );
}

// How.

#[test]
fn name_id_missing() {
    spec_refused_as(RejectCode::NameIdMissing, &with(|spec| spec.name_id = None));
    spec_refused_as(
        RejectCode::NameIdMissing,
        &with(|spec| spec.name_id.as_mut().unwrap().value.clear()),
    );
}

#[test]
fn authn_context_mismatch() {
    const MFA: &str = "https://refeds.org/profile/mfa";
    let sp = sp().require_authn_context([MFA, "another"]);
    let verify_context = |context: Option<&str>| {
        let spec = with(|spec| {
            spec.authentication.as_mut().unwrap().context = context.map(str::to_owned);
        });
        verify(&sp, &test_idp().respond(&spec))
    };
    assert!(verify_context(Some(MFA)).is_ok());
    for context in [Some("https://refeds.org/profile/sfa"), None] {
        refused_as(RejectCode::AuthnContextMismatch, verify_context(context));
    }
    let without = with(|spec| spec.authentication = None);
    refused_as(
        RejectCode::AuthnContextMismatch,
        verify(&sp, &test_idp().respond(&without)),
    );
}

#[test]
fn a_refusal_never_repeats_an_attribute_value_or_a_line_break() {
    let spec = with(|spec| {
        spec.in_response_to = Some("a\r\nINFO accepted".to_owned());
    })
    .with_attribute("secret", ["hunter2"]);
    let rejection = verify(&sp(), &test_idp().respond(&spec)).unwrap_err();
    let line = rejection.to_string();
    assert!(!line.contains('\n') && !line.contains('\r'), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
}
