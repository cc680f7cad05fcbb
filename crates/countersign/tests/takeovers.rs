//! Taking an account over through provisioning, where the engine and a store decide: tried on each
//! store.
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
use countersign::blocking::wait;
use countersign::policy_file::PolicyFile;
use countersign::provision::store::{Change, UserWrite};
use countersign::provision::user::{User, UserState};
use countersign::{Email, UserId};
use countersign_testkit::idp::ResponseSpec;
use host::*;

/// Links by address, as far as that goes.
const LINKING: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "generic"
strategy = "jit"
domains = ["acme.example"]
[connection.acme.match]
link = { by = "email", require = ["idp_verified", "locally_verified", "owned_domain"] }

[role.manager]
allow = ["manage *"]
privileged = true
keep_last = true
[[rule]]
id = "managers"
all = [{ attribute = "groups", eq = "managers" }]
grant = [{ role = "manager" }]
"#;

/// Somebody whom the provider knows under `name`, with an address that it verified.
fn claiming(host: &Host, name: &str, address: &str) -> ResponseSpec {
    let mut response = host.response(name);
    response.attributes.clear();
    response
        .with_attribute("mail", [address])
        .with_attribute("email_verified", ["true"])
        .with_attribute("groups", ["staff"])
}

fn update(host: &Host, user: &UserId, bend: impl FnOnce(&mut User)) {
    let account = wait(host.store.user(&tenant(), user)).unwrap().unwrap();
    let mut user = account.user;
    let expected_version = user.version;
    bend(&mut user);
    let mut change = Change::new(tenant());
    change.users.push(UserWrite::Update {
        user,
        expected_version,
    });
    wait(host.store.commit(&change)).unwrap();
}

fn outcome(host: &Host, refused: &countersign::Refused) -> String {
    match host.body(refused) {
        Body::UserRefused(body) => body.outcome,
        other => panic!("recorded as {other:?}"),
    }
}

/// nOAuth; Grafana CVE-2023-3128; Zitadel CVE-2026-56666; Keycloak #53041.
#[test]
fn a_sign_in_with_somebodys_address_ends_as_a_recorded_conflict() {
    on_each_store(|host| {
        let user = host.make_account_for("nurse", UserState::Active);
        let refused = host.refuse(&claiming(host, "thief", "nurse@acme.example"));
        assert_eq!(refused.code(), "provision.email_taken");
        assert_eq!(outcome(host, &refused), "conflict");
        assert_eq!(host.record(refused.entry()).subject_ref, Some(user));
        assert!(host.linked("thief").is_none());
    });
}

#[test]
fn the_address_of_somebody_who_left_is_a_recorded_conflict_or_a_tombstone() {
    on_each_store_under(LINKING, |host| {
        let session = host.admit(&claiming(host, "left", "nurse@acme.example"));
        let successor = || claiming(host, "came", "nurse@acme.example");
        let refused = host.refuse(&successor());
        assert_eq!(refused.code(), "provision.email_recycled");
        assert_eq!(outcome(host, &refused), "conflict");
        host.edit_account(&session, |user| user.state = UserState::Deprovisioned);
        let refused = host.refuse(&successor());
        assert_eq!(refused.code(), "provision.user_deprovisioned");
        assert_eq!(outcome(host, &refused), "tombstone");
        assert!(host.linked("came").is_none());
    });
}

#[test]
fn candidates_that_nobody_can_tell_apart_are_recorded() {
    on_each_store_under(LINKING, |host| {
        let mut twins: Vec<UserId> = (0..2)
            .map(|_| host.make_account_for("nurse", UserState::Active))
            .collect();
        twins.sort();
        let refused = host.refuse(&claiming(host, "thief", "nurse@acme.example"));
        let Body::UserRefused(body) = host.body(&refused) else {
            panic!("recorded as something else");
        };
        assert_eq!(body.outcome, "ambiguous");
        assert_eq!(body.candidates, twins);
    });
}

/// CVE-2019-19844; Spotify 2013.
#[test]
fn a_look_alike_gets_an_account_of_its_own_and_its_record_says_what_it_is() {
    on_each_store_under(LINKING, |host| {
        let user = host.make_account_for("nurse", UserState::Active);
        update(host, &user, |user| user.email_verified_locally = true);
        let session = host.admit(&claiming(host, "thief", "nurs\u{435}@acme.example"));
        assert_ne!(session.user(), &user);
        let provisioned = host
            .records()
            .into_iter()
            .find_map(|(_, record)| match record.body {
                Body::UserProvisioned(body) => Some(body),
                _ => None,
            });
        let reasons = provisioned.unwrap().reasons;
        assert!(reasons.contains(&"provision.confusable_address".to_owned()));
        // In other letters of ASCII it is the same address.
        let owner = host.admit(&claiming(host, "owner", "NURSE@ACME.example"));
        assert_eq!(owner.user(), &user);
    });
}

/// Grafana CVE-2025-41115.
#[test]
fn a_subject_that_reads_like_an_accounts_id_is_not_that_account() {
    on_each_store_under(LINKING, |host| {
        let administrator = host.make_account_for("administrator", UserState::Active);
        let session = host.admit(&claiming(
            host,
            administrator.as_str(),
            "thief@acme.example",
        ));
        assert_ne!(session.user(), &administrator);
    });
}

/// GitLab #8869.
#[test]
fn an_account_that_is_suspended_during_the_sign_in_stays_out() {
    on_each_store_under(LINKING, |host| {
        let session = host.admit(&claiming(host, "nurse", "nurse@acme.example"));
        let id = session.user().clone();
        let store = host.store.clone();
        host.during_the_sign_in(move || {
            let account = wait(store.user(&tenant(), &id)).unwrap().unwrap();
            let mut user = account.user;
            let expected_version = user.version;
            user.state = UserState::Suspended;
            let mut change = Change::new(tenant());
            change.users.push(UserWrite::Update {
                user,
                expected_version,
            });
            wait(store.commit(&change)).unwrap();
        });
        let refused = host.refuse(&claiming(host, "nurse", "nurse@acme.example"));
        assert_eq!(refused.code(), "provision.user_suspended");
        assert_eq!(host.account(&session).user.state, UserState::Suspended);
    });
}

/// CVE-2025-64717, CVE-2026-3009: what was enabled when it was looked at is asked for again.
#[test]
fn a_connection_that_is_disabled_during_the_sign_in_lets_nobody_in() {
    on_each_store_under(LINKING, |host| {
        let store = host.store.clone();
        host.during_the_sign_in(move || {
            wait(store.set_connection(&tenant(), &acme(), false)).unwrap();
        });
        let refused = host.refuse(&claiming(host, "nurse", "nurse@acme.example"));
        assert_eq!(refused.code(), "provision.connection_disabled");
        assert!(host.linked("nurse").is_none());
    });
}

#[test]
fn an_account_that_becomes_privileged_during_the_sign_in_is_not_linked() {
    on_each_store_under(LINKING, |host| {
        let manager = host.admit(
            &claiming(host, "manager", "manager@acme.example")
                .with_attribute("groups", ["managers"]),
        );
        let user = host.make_account_for("nurse", UserState::Active);
        update(host, &user, |user| user.email_verified_locally = true);
        let mut grant = host.account(&manager).grants[0].clone();
        grant.id = countersign::GrantId::new("promotion").unwrap();
        grant.user = user.clone();
        let store = host.store.clone();
        host.during_the_sign_in(move || {
            let mut change = Change::new(tenant());
            change.put_grants.push(grant);
            wait(store.commit(&change)).unwrap();
        });
        let refused = host.refuse(&claiming(host, "thief", "nurse@acme.example"));
        assert_eq!(refused.code(), "provision.privileged_account");
        assert!(host.linked("thief").is_none());
    });
}

/// authentik CVE-2026-25227: there is nothing in the file that runs.
#[test]
fn code_in_a_policy_file_is_no_policy() {
    for condition in [
        r#"{ expression = "request.user.is_superuser = True" }"#,
        r#"{ attribute = "groups", matches = "(a+)+$" }"#,
        r#"{ attribute = "groups", eq = { python = "exec()" } }"#,
    ] {
        let rule = format!(
            "{LINKING}[[rule]]\nid = \"code\"\nall = [{condition}]\ngrant = [{{ role = \"manager\" }}]\n"
        );
        let error = PolicyFile::parse("policy.toml", &rule).unwrap_err();
        assert_eq!(error.code(), "policy_file.invalid", "{condition}");
    }
}

// The last administrator.

fn manager(host: &Host, name: &str, group: &str) -> ResponseSpec {
    let mut response = host.response(name);
    response.attributes.clear();
    response
        .with_attribute("mail", [format!("{name}@acme.example")])
        .with_attribute("groups", [group])
}

#[test]
fn the_last_manager_keeps_the_role_and_the_record_says_why() {
    on_each_store_under(LINKING, |host| {
        host.admit(&manager(host, "one", "managers"));
        let session = host.admit(&manager(host, "one", "staff"));
        assert_eq!(roles(&session), ["manager"]);
        host.admit(&manager(host, "two", "managers"));
        let session = host.admit(&manager(host, "one", "staff"));
        assert!(roles(&session).is_empty());
        let session = host.admit(&manager(host, "two", "staff"));
        assert_eq!(roles(&session), ["manager"]);
    });
}

#[test]
fn two_managers_who_lose_the_role_at_once_do_not_both_lose_it() {
    on_each_store_under(LINKING, |host| {
        for _ in 0..4 {
            for name in ["one", "two"] {
                host.admit(&manager(host, name, "managers"));
            }
            let kept: Vec<bool> = std::thread::scope(|scope| {
                let threads: Vec<_> = ["one", "two"]
                    .map(|name| {
                        scope.spawn(move || {
                            !host
                                .admit(&manager(host, name, "staff"))
                                .grants()
                                .is_empty()
                        })
                    })
                    .into_iter()
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            assert_eq!(kept.iter().filter(|kept| **kept).count(), 1, "{kept:?}");
        }
    });
}

/// The other manager was there when it was looked, and is gone when it is written.
#[test]
fn a_manager_does_not_lose_the_role_to_one_who_loses_it_meanwhile() {
    on_each_store_under(LINKING, |host| {
        host.admit(&manager(host, "one", "managers"));
        host.admit(&manager(host, "two", "managers"));
        let engine = host.engine.clone();
        let posted = host.idp.post(&manager(host, "two", "staff"));
        host.during_the_sign_in(move || {
            assert!(
                admitted(sign_in(&engine, &posted).unwrap())
                    .grants()
                    .is_empty()
            );
        });
        let session = host.admit(&manager(host, "one", "staff"));
        assert_eq!(roles(&session), ["manager"]);
    });
}

#[test]
fn mail_about_an_account_goes_to_the_stored_address() {
    on_each_store_under(LINKING, |host| {
        host.make_account_for("nurse", UserState::Active);
        let refused = host.refuse(&claiming(host, "nurse", "Nurse@ACME.example"));
        let proposal = refused.link_proposal().unwrap();
        let stored = Email::from_canonical("nurse@acme.example").unwrap();
        assert_eq!(proposal.send_to(), &stored);
        let proposals = host.kinds().into_iter();
        let proposals = proposals.filter(|kind| *kind == Kind::LinkProposed);
        assert_eq!(proposals.count(), 1);
    });
}
