//! Accounts that wait for an administrator's approval, and the seats that they take.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::num::NonZeroU32;

use countersign::audit::record::Actor;
use countersign::audit::{Body, Kind};
use countersign::blocking::wait;
use countersign::provision::user::{User, UserState};
use countersign::{EngineError, LeafHash, UserId};
use host::*;

/// Every new account waits; at most two take a seat; who was deprovisioned may come back.
const APPROVING: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "generic"
strategy = "jit"
domains = ["acme.example"]
[connection.acme.match]
on_inactive = "reactivate_deprovisioned"
[connection.acme.create]
mode = "approve"
seats = 2
default_roles = ["reader"]

[role.reader]
allow = ["view *"]
"#;

fn administrator() -> UserId {
    UserId::new("administrator").unwrap()
}

fn waiting(host: &Host) -> Vec<User> {
    let ten = NonZeroU32::new(10).unwrap();
    wait(host.engine.pending_approvals(&tenant(), None, ten)).unwrap()
}

/// The person signs in for the first time, and waits.
fn waits(host: &Host, name: &str) -> UserId {
    let refused = host.refuse(&host.response(name));
    assert_eq!(refused.code(), "provision.user_awaits_approval");
    host.linked(name).expect("an account that waits").user.id
}

fn approve(host: &Host, user: &UserId) -> Result<LeafHash, EngineError> {
    wait(
        host.engine
            .approve(&tenant(), user, &administrator(), Some("known to us")),
    )
}

fn decline(host: &Host, user: &UserId) -> Result<LeafHash, EngineError> {
    wait(
        host.engine
            .decline_account(&tenant(), user, &administrator(), None),
    )
}

#[test]
fn who_waits_has_an_account_and_neither_role_nor_session() {
    on_each_store_under(APPROVING, |host| {
        let refused = host.refuse(&host.response("nurse"));
        assert_eq!(refused.code(), "provision.user_awaits_approval");
        let Body::UserProvisioned(body) = host.body(&refused) else {
            panic!("recorded as something else");
        };
        assert_eq!(body.state, "pending_approval");
        assert_eq!(body.reasons[0], "provision.user_awaits_approval");
        let account = host.linked("nurse").unwrap();
        assert_eq!(account.user.state, UserState::PendingApproval);
        assert!(account.grants.is_empty());
        assert_eq!(account.user.last_sign_in_at, None);
        assert_eq!(
            host.kinds(),
            [Kind::AssertionVerified, Kind::UserProvisioned]
        );
        assert_eq!(waiting(host), [account.user]);
    });
}

#[test]
fn coming_again_makes_no_second_account() {
    on_each_store_under(APPROVING, |host| {
        let user = waits(host, "nurse");
        let again = host.refuse(&host.response("nurse"));
        assert_eq!(again.code(), "provision.user_awaits_approval");
        let Body::UserRefused(body) = host.body(&again) else {
            panic!("recorded as something else");
        };
        assert_eq!(body.outcome, "needs_approval");
        assert_eq!(host.record(again.entry()).subject_ref, Some(user));
        assert_eq!(host.seats_taken(), 1);
    });
}

#[test]
fn an_approved_account_is_used_at_the_next_sign_in() {
    on_each_store_under(APPROVING, |host| {
        let user = waits(host, "nurse");
        let record = host.record(approve(host, &user).unwrap());
        assert_eq!(record.kind(), Kind::UserApproved);
        assert_eq!(record.actor, Actor::User(administrator()));
        assert_eq!(record.subject_ref, Some(user.clone()));
        assert!(record.commitments.contains_key("note"));
        assert!(waiting(host).is_empty());
        let session = host.admit(&host.response("nurse"));
        assert_eq!(session.user(), &user);
        assert_eq!(roles(&session), ["reader"]);
    });
}

#[test]
fn a_declined_account_is_a_tombstone_without_a_seat() {
    on_each_store_under(APPROVING, |host| {
        let user = waits(host, "nurse");
        let record = host.record(decline(host, &user).unwrap());
        assert_eq!(record.kind(), Kind::UserDeclined);
        assert_eq!(host.seats_taken(), 0);
        // Not by the door for who was here before, either.
        let refused = host.refuse(&host.response("nurse"));
        assert_eq!(refused.code(), "provision.user_deprovisioned");
        let Body::UserRefused(body) = host.body(&refused) else {
            panic!("recorded as something else");
        };
        assert_eq!(body.outcome, "tombstone");
    });
}

#[test]
fn an_account_is_approved_or_declined_once() {
    on_each_store_under(APPROVING, |host| {
        let one = waits(host, "nurse");
        approve(host, &one).unwrap();
        assert_eq!(code(approve(host, &one)), "engine.not_awaiting_approval");
        assert_eq!(code(decline(host, &one)), "engine.not_awaiting_approval");
        let other = waits(host, "doctor");
        decline(host, &other).unwrap();
        assert_eq!(code(approve(host, &other)), "engine.not_awaiting_approval");
    });
}

#[test]
fn an_account_that_does_not_wait_is_not_approved() {
    on_each_store_under(APPROVING, |host| {
        for state in [
            UserState::Invited,
            UserState::Active,
            UserState::Suspended,
            UserState::Deprovisioned,
        ] {
            let user = host.make_account_for(state.name(), state);
            assert_eq!(code(approve(host, &user)), "engine.not_awaiting_approval");
            assert_eq!(code(decline(host, &user)), "engine.not_awaiting_approval");
        }
        let nobody = UserId::new("nobody").unwrap();
        assert_eq!(code(approve(host, &nobody)), "engine.not_awaiting_approval");
    });
}

/// Reactivation is for who was in use before: it would leave no record of an approval.
#[test]
fn an_account_that_waits_comes_into_use_by_an_approval_alone() {
    on_each_store_under(APPROVING, |host| {
        let user = waits(host, "nurse");
        let by = administrator();
        match wait(host.engine.reactivate(&tenant(), &user, &by, None)) {
            Err(EngineError::Account(error)) => assert_eq!(error.code(), "account.awaits_approval"),
            ended => panic!("{ended:?}"),
        }
        assert_eq!(waiting(host).len(), 1);
        let refused = host.refuse(&host.response("nurse"));
        assert_eq!(refused.code(), "provision.user_awaits_approval");
    });
}

#[test]
fn an_account_of_another_tenant_is_not_approved() {
    on_each_store_under(APPROVING, |host| {
        let user = waits(host, "nurse");
        let other = countersign::TenantId::new("another").unwrap();
        let ended = wait(host.engine.approve(&other, &user, &administrator(), None));
        assert_eq!(code(ended), "engine.not_awaiting_approval");
    });
}

#[test]
fn nobody_approves_the_own_account() {
    on_each_store_under(APPROVING, |host| {
        let user = waits(host, "nurse");
        let ended = wait(host.engine.approve(&tenant(), &user, &user, None));
        assert_eq!(code(ended), "engine.misuse");
        assert_eq!(waiting(host).len(), 1);
    });
}

#[test]
fn of_an_approval_and_a_refusal_at_once_one_counts() {
    on_each_store_under(APPROVING, |host| {
        let user = waits(host, "nurse");
        let (approved, declined) = std::thread::scope(|scope| {
            let approved = scope.spawn(|| approve(host, &user));
            let declined = scope.spawn(|| decline(host, &user));
            (approved.join().unwrap(), declined.join().unwrap())
        });
        assert_ne!(approved.is_ok(), declined.is_ok());
        let verdicts = host.kinds().into_iter();
        let verdicts =
            verdicts.filter(|kind| matches!(kind, Kind::UserApproved | Kind::UserDeclined));
        assert_eq!(verdicts.count(), 1);
    });
}

// Seats.

#[test]
fn who_waits_takes_a_seat_and_an_approval_takes_none() {
    on_each_store_under(APPROVING, |host| {
        let one = waits(host, "one");
        waits(host, "two");
        assert_eq!(host.seats_taken(), 2);
        let third = host.refuse(&host.response("three"));
        assert_eq!(third.code(), "provision.seats_taken");
        approve(host, &one).unwrap();
        assert_eq!(host.seats_taken(), 2);
        host.admit(&host.response("one"));
    });
}

#[test]
fn a_seat_is_not_taken_twice_by_people_who_come_at_once() {
    on_each_store_under(APPROVING, |host| {
        let names: Vec<String> = (0..12).map(|number| format!("person-{number}")).collect();
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(move || host.refuse(&host.response(name)));
            }
        });
        assert_eq!(host.seats_taken(), 2);
        assert_eq!(waiting(host).len(), 2);
    });
}

/// The seat that was free when it was looked at is taken when it is written.
#[test]
fn the_last_seat_that_goes_meanwhile_is_not_given_to_who_waits_or_comes_back() {
    on_each_store_under(APPROVING, |host| {
        waits(host, "one");
        let engine = host.engine.clone();
        let posted = host.idp.post(&host.response("two"));
        host.during_the_sign_in(move || {
            refused(sign_in(&engine, &posted).unwrap());
        });
        let late = host.refuse(&host.response("three"));
        assert_eq!(late.code(), "provision.seats_taken");
        assert_eq!(host.seats_taken(), 2);
    });
}

#[test]
fn the_queue_has_pages() {
    on_each_store_under(&APPROVING.replace("seats = 2\n", ""), |host| {
        for number in 0..5 {
            waits(host, &format!("person-{number}"));
        }
        let two = NonZeroU32::new(2).unwrap();
        let mut seen = Vec::new();
        loop {
            let after = seen.last();
            let page = wait(host.engine.pending_approvals(&tenant(), after, two)).unwrap();
            seen.extend(page.iter().map(|user| user.id.clone()));
            if page.len() < 2 {
                break;
            }
        }
        assert_eq!(seen.len(), 5);
        assert!(seen.is_sorted());
    });
}
