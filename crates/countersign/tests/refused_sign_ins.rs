//! Who does not get in, and what is recorded of it, on each store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::ConnectionId;
use countersign::audit::{Body, Kind};
use countersign::blocking::wait;
use countersign::provision::store::{Change, UserWrite};
use countersign::provision::user::UserState;
use countersign::saml::{Expect, Inbound, PendingRequest};
use host::*;
use ring::digest::{SHA256, digest};

// Responses.

#[test]
fn a_response_is_accepted_once() {
    on_each_store(|host| {
        let form_value = host.idp.post(&host.nurse(&["staff"]));
        admitted(sign_in(&host.engine, &form_value).unwrap());
        let again = refused(sign_in(&host.engine, &form_value).unwrap());
        assert_eq!(again.code(), "saml.replayed");
        assert_eq!(host.kinds().last(), Some(&Kind::AssertionRejected));
    });
}

/// Whatever a response came to, it comes to nothing more.
#[test]
fn a_response_that_the_policy_refused_is_not_accepted_later() {
    let approve = POLICY.replace("default_roles", "mode = \"approve\"\ndefault_roles");
    for (policy, transient, first) in [
        (POLICY, false, "provision.connection_disabled"),
        (POLICY, true, "provision.key_transient"),
        (&approve, false, "provision.user_awaits_approval"),
    ] {
        on_each_store_under(policy, |host| {
            let mut response = host.nurse(&["staff"]);
            if transient {
                let format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
                response = response.with_name_id_format(format);
            }
            let form_value = host.idp.post(&response);
            let come = || refused(sign_in(&host.engine, &form_value).unwrap());
            let enable = |enabled| wait(host.store.set_connection(&tenant(), &acme(), enabled));
            enable(first != "provision.connection_disabled").unwrap();
            assert_eq!(come().code(), first);
            enable(true).unwrap();
            let before = host.kinds();
            assert_eq!(come().code(), "saml.replayed");
            assert_eq!(host.kinds().len(), before.len() + 1);
            assert_eq!(host.kinds().last(), Some(&Kind::AssertionRejected));
        });
    }
}

#[test]
fn a_response_that_was_tampered_with_is_recorded_by_its_hash() {
    on_each_store(|host| {
        let genuine = host.idp.respond(&host.nurse(&["visitors"]));
        let tampered = String::from_utf8(genuine)
            .unwrap()
            .replace("visitors", "staff");
        let pending = PendingRequest::new("_request-1").unwrap();
        let message = Inbound::Xml(tampered.as_bytes());
        let ended = wait(
            host.engine
                .sign_in(&acme(), message, Expect::Request(&pending)),
        );
        let refused = refused(ended.unwrap());
        assert_eq!(refused.code(), "saml.assertion_signature_invalid");

        let Body::AssertionRejected(rejected) = host.body(&refused) else {
            panic!("recorded as something else");
        };
        assert_eq!(
            (rejected.code.as_str(), rejected.connection),
            (refused.code(), acme())
        );
        let received = digest(&SHA256, tampered.as_bytes());
        assert_eq!(rejected.received_sha256.as_bytes(), received.as_ref());
        assert_eq!(host.kinds(), [Kind::AssertionRejected]);
        assert!(host.linked("nurse").is_none());
    });
}

#[test]
fn a_connection_that_was_never_configured_is_the_hosts_mistake() {
    on_each_store(|host| {
        let other = ConnectionId::new("other").unwrap();
        let form_value = host.idp.post(&host.nurse(&["staff"]));
        let message = Inbound::Post(form_value.as_bytes());
        let ended = wait(host.engine.sign_in(&other, message, Expect::Unsolicited));
        assert_eq!(code(ended), "engine.unknown_connection");
        assert_eq!(host.kinds(), []);
    });
}

#[test]
fn a_session_that_the_provider_ended_already_is_not_opened() {
    on_each_store(|host| {
        let mut response = host.nurse(&["staff"]);
        let authentication = response.authentication.as_mut().unwrap();
        // The messages around it may come late by a minute; the session is over all the same.
        authentication.session_not_on_or_after = Some(host.now());
        assert_eq!(host.refuse(&response).code(), "saml.session_expired");
    });
}

// People.

#[test]
fn a_person_from_outside_the_claimed_domains_is_refused_and_recorded() {
    on_each_store(|host| {
        let mut stranger = host.response("stranger");
        stranger.attributes.clear();
        let stranger = stranger.with_attribute("mail", ["stranger@evil.example"]);
        let refused = host.refuse(&stranger);
        assert_eq!(refused.code(), "provision.email_outside_domains");
        let Body::UserRefused(body) = host.body(&refused) else {
            panic!("recorded as something else");
        };
        assert_eq!(body.reasons, ["provision.email_outside_domains"]);
        assert_eq!(host.kinds(), [Kind::AssertionVerified, Kind::UserRefused]);
        assert!(host.linked("stranger").is_none());
    });
}

#[test]
fn a_name_identifier_that_changes_each_time_is_no_subject() {
    on_each_store(|host| {
        let transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
        let refused = host.refuse(&host.nurse(&["staff"]).with_name_id_format(transient));
        assert_eq!(refused.code(), "provision.key_transient");
        assert_eq!(host.kinds(), [Kind::AssertionVerified, Kind::UserRefused]);
    });
}

#[test]
fn a_new_subject_with_anothers_address_does_not_get_the_others_account() {
    on_each_store(|host| {
        let owner = host.admit(&host.nurse(&["staff"]));
        let mut thief = host.nurse(&["staff"]);
        thief.name_id.as_mut().unwrap().value = "thief".to_owned();
        let refused = host.refuse(&thief);
        assert_eq!(refused.code(), "provision.email_recycled");
        assert_eq!(
            host.record(refused.entry()).subject_ref.as_ref(),
            Some(owner.user())
        );
        assert!(host.linked("thief").is_none());
    });
}

#[test]
fn a_suspended_account_does_not_sign_in() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        host.edit_account(&session, |user| user.state = UserState::Suspended);
        assert_eq!(
            host.refuse(&host.nurse(&["staff"])).code(),
            "provision.user_suspended"
        );
        assert_eq!(host.account(&session).user.state, UserState::Suspended);
    });
}

#[test]
fn an_account_that_is_suspended_during_a_sign_in_does_not_get_in() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let mut user = host.account(&session).user;
        user.state = UserState::Suspended;
        let expected_version = user.version;
        let mut change = Change::new(tenant());
        change.users.push(UserWrite::Update {
            user,
            expected_version,
        });
        let store = host.store.clone();
        host.during_the_sign_in(move || wait(store.commit(&change)).unwrap());
        assert_eq!(
            host.refuse(&host.nurse(&["staff"])).code(),
            "provision.user_suspended"
        );
    });
}

/// Anybody can register with such a provider, and say that an address is theirs.
#[test]
fn an_invitation_is_not_claimed_with_an_address_that_nobody_verified() {
    let anybody = "strategy = \"self_register\"";
    let policy = POLICY.replace("strategy = \"jit\"", anybody);
    on_each_store_under(&policy, |host| {
        let invited = host.make_account_for("nurse", UserState::Invited);
        let claim = |verified| host.nurse(&[]).with_attribute("email_verified", [verified]);
        let refused = host.refuse(&claim("false"));
        assert_eq!(refused.code(), "provision.email_not_verified_by_idp");
        assert_eq!(*host.admit(&claim("true")).user(), invited);
    });
}

#[test]
fn a_session_is_not_another_tenants() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let other = "other".parse().unwrap();
        assert_eq!(
            wait(host.engine.session(&other, session.id())).unwrap(),
            None
        );
    });
}

#[test]
fn a_disabled_connection_lets_nobody_in() {
    on_each_store(|host| {
        let enable = |enabled| wait(host.store.set_connection(&tenant(), &acme(), enabled));
        enable(false).unwrap();
        assert_eq!(
            host.refuse(&host.nurse(&["staff"])).code(),
            "provision.connection_disabled"
        );
        assert!(host.linked("nurse").is_none());
        enable(true).unwrap();
        host.admit(&host.nurse(&["staff"]));
    });
}

#[test]
fn a_connection_that_is_disabled_during_a_sign_in_lets_nobody_in() {
    on_each_store(|host| {
        let store = host.store.clone();
        host.during_the_sign_in(move || {
            wait(store.set_connection(&tenant(), &acme(), false)).unwrap();
        });
        assert_eq!(
            host.refuse(&host.nurse(&["staff"])).code(),
            "provision.connection_disabled"
        );
        assert!(host.linked("nurse").is_none());
    });
}

// Accounts that come back.

/// Deprovisioned accounts may come back, within two seats.
fn with_two_seats_and_reactivation() -> String {
    let matching = "[connection.acme.match]\non_inactive = \"reactivate_deprovisioned\"\n";
    let create = "[connection.acme.create]\nseats = 2\n";
    POLICY.replace("[connection.acme.create]\n", &format!("{matching}{create}"))
}

#[test]
fn two_accounts_that_come_back_at_once_do_not_share_a_seat() {
    on_each_store_under(&with_two_seats_and_reactivation(), |host| {
        let nurse = host.admit(&host.nurse(&["staff"]));
        let physician = host.admit(&host.response("physician"));
        for former in [&nurse, &physician] {
            host.edit_account(former, |user| user.state = UserState::Deprovisioned);
        }
        host.admit(&host.response("successor"));
        // One seat is left. While the nurse signs in, the physician takes it.
        let engine = host.engine.clone();
        let form_value = host.idp.post(&host.response("physician"));
        host.during_the_sign_in(move || {
            admitted(sign_in(&engine, &form_value).unwrap());
        });
        assert_eq!(
            host.refuse(&host.nurse(&["staff"])).code(),
            "provision.seats_taken"
        );
        assert_eq!(host.seats_taken(), 2);
        assert_eq!(host.account(&nurse).user.state, UserState::Deprovisioned);
    });
}

#[test]
fn an_account_does_not_come_back_to_an_address_that_another_has_by_now() {
    on_each_store_under(&with_two_seats_and_reactivation(), |host| {
        let former = host.admit(&host.nurse(&["staff"]));
        host.edit_account(&former, |user| user.state = UserState::Deprovisioned);
        host.make_account_for("nurse", UserState::Active);
        assert_eq!(
            host.refuse(&host.nurse(&["staff"])).code(),
            "provision.email_taken"
        );
        assert_eq!(host.account(&former).user.state, UserState::Deprovisioned);
    });
}
