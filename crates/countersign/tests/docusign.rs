//! DocuSign's matching order from end to end, on each store: the federated id of an active user;
//! else an active user with the same address and both names; else a new user.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::audit::{Body, Kind};
use countersign::blocking;
use countersign::evidence::Export;
use countersign::provision::user::UserState;
use countersign_testkit::idp::ResponseSpec;
use host::*;

const DOCUSIGN: &str = include_str!("../../../examples/policies/docusign.toml");

fn on_each_store(test: impl Fn(&Host)) {
    on_each_store_under(DOCUSIGN, test);
}

/// A response with DocuSign's own names.
fn response(host: &Host, federated_id: &str, address: &str) -> ResponseSpec {
    let mut response = host.response(federated_id);
    response.attributes.clear();
    response
        .with_attribute("emailaddress", [address])
        .with_attribute("givenname", ["Given"])
        .with_attribute("surname", ["Family"])
}

fn nurse(host: &Host) -> ResponseSpec {
    response(host, "nurse", "nurse@acme.example")
}

fn account_and_profile(host: &Host, federated_id: &str) -> (Option<String>, Option<String>) {
    let user = host.linked(federated_id).unwrap().user;
    (user.account_id, user.permission_profile_id)
}

fn both(account: &str, profile: &str) -> (Option<String>, Option<String>) {
    (Some(account.to_owned()), Some(profile.to_owned()))
}

#[test]
fn the_federated_id_of_an_active_user_decides() {
    on_each_store(|host| {
        let first = host.admit(&nurse(host));
        let again = host.admit(&response(host, "nurse", "married@acme-labs.example"));
        assert_eq!(again.user(), first.user());
        // The address follows, and its change is recorded.
        assert_eq!(
            host.account(&first).user.email,
            email("married@acme-labs.example")
        );
        let records = host.records();
        let updated = records.iter().find_map(|(_, record)| match &record.body {
            Body::UserUpdated(updated) => Some(updated.changed.clone()),
            _ => None,
        });
        assert_eq!(updated.unwrap(), ["email"]);
    });
}

#[test]
fn an_active_user_with_the_same_address_and_names_is_linked() {
    on_each_store(|host| {
        let id = host.make_account_for("nurse", UserState::Active);
        let session = host.admit(&nurse(host));
        assert_eq!(*session.user(), id);
        assert_eq!(host.linked("nurse").unwrap().user.id, id);
        assert!(host.kinds().contains(&Kind::UserLinked));
        // The next time the federated id decides, whatever the names are by then.
        let mut renamed = nurse(host);
        renamed.attributes.truncate(1);
        assert_eq!(*host.admit(&renamed).user(), id);
        // What the linked account signs can be proved, although we did not make the account.
        let signature = host.sign(&session, &nda()).unwrap();
        blocking::wait(host.engine.export(&Export::of(signature.leaf()))).unwrap();
    });
}

#[test]
fn one_name_that_differs_makes_a_new_user() {
    on_each_store(|host| {
        let id = host.make_account_for("nurse", UserState::Active);
        let mut other = nurse(host);
        other.attributes.truncate(2);
        let session = host.admit(&other.with_attribute("surname", ["Other"]));
        assert_ne!(*session.user(), id);
        assert_eq!(host.seats_taken(), 2);
    });
}

#[test]
fn an_inactive_user_is_passed_over() {
    on_each_store(|host| {
        let first = host.admit(&nurse(host));
        host.edit_account(&first, |user| user.state = UserState::Suspended);
        let second = host.admit(&nurse(host));
        assert_ne!(second.user(), first.user());
        assert_eq!(host.linked("nurse").unwrap().user.id, *second.user());
        // The suspended one stays what it is, and its session is over.
        assert_eq!(host.account(&first).user.state, UserState::Suspended);
        assert_eq!(code(host.sign(&first, &nda())), "engine.session_over");
    });
}

#[test]
fn two_active_users_that_match_are_nobodys_choice() {
    on_each_store(|host| {
        host.make_account_for("nurse", UserState::Active);
        host.make_account_for("nurse", UserState::Active);
        assert_eq!(host.refuse(&nurse(host)).code(), "provision.ambiguous");
        assert!(host.linked("nurse").is_none());
    });
}

#[test]
fn a_new_user_gets_the_default_account_and_profile() {
    on_each_store(|host| {
        host.admit(&nurse(host));
        let default = both("default-account", "default-profile");
        assert_eq!(account_and_profile(host, "nurse"), default);
        // One without the other names a profile of another account.
        let half = response(host, "half", "half@acme.example");
        host.admit(&half.with_attribute("accountid", ["their-account"]));
        assert_eq!(account_and_profile(host, "half"), default);
    });
}

#[test]
fn account_and_profile_of_the_assertion_decide_together() {
    on_each_store(|host| {
        let named = nurse(host)
            .with_attribute("accountid", ["their-account"])
            .with_attribute("permissionprofileid", ["their-profile"]);
        host.admit(&named);
        let theirs = both("their-account", "their-profile");
        assert_eq!(account_and_profile(host, "nurse"), theirs);
        // They are for new users only.
        host.admit(&nurse(host));
        assert_eq!(account_and_profile(host, "nurse"), theirs);
    });
}

#[test]
fn an_unclaimed_domain_is_refused_by_every_rule() {
    on_each_store(|host| {
        let first = host.admit(&nurse(host));
        for federated_id in ["nurse", "stranger"] {
            let outside = response(host, federated_id, "nurse@evil.example");
            assert_eq!(
                host.refuse(&outside).code(),
                "provision.email_outside_domains"
            );
        }
        assert_eq!(host.account(&first).user.email, email("nurse@acme.example"));
        assert_eq!(host.seats_taken(), 1);
    });
}
