//! Linking by a proof from both sides, and every way in which half of one is not enough.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::audit::{Body, Kind};
use countersign::blocking::wait;
use countersign::link::{CONFIRM_WITHIN, LinkConfirmation, LinkProposal, Linked, PendingLink};
use countersign::provision::store::{Change, Link, UserWrite};
use countersign::provision::user::{User, UserState};
use countersign::saml::{Expect, Inbound};
use countersign::{
    EngineError, Grant, GrantId, GrantOwner, LeafHash, Refused, RoleName, SubjectKey, UserId,
};
use countersign_testkit::idp::ResponseSpec;
use host::*;

/// Links by address, makes no accounts, and has a role that is never linked by address.
const LINKING: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "generic"
strategy = "jit"
domains = ["acme.example"]
[connection.acme.match]
link = { by = "email", require = ["idp_verified", "locally_verified", "owned_domain"], exclude_roles = ["sender"] }
[connection.acme.create]
default_roles = ["reader"]

[role.reader]
allow = ["view *"]
[role.sender]
allow = ["send *"]
[role.manager]
allow = ["manage *"]
privileged = true
"#;

/// The nurse, whose address the provider verified.
fn nurse(host: &Host) -> ResponseSpec {
    host.nurse(&[]).with_attribute("email_verified", ["true"])
}

/// An account that the host made, with an address that it never verified.
fn account(host: &Host) -> UserId {
    host.make_account_for("nurse", UserState::Active)
}

/// A refused sign-in, and the link that it proposes.
fn proposed(host: &Host) -> (Refused, LinkProposal) {
    let refused = host.refuse(&nurse(host));
    assert_eq!(refused.code(), "provision.email_not_verified_locally");
    let proposal = refused.link_proposal().expect("a proposal").clone();
    (refused, proposal)
}

fn confirm(
    host: &Host,
    pending: &PendingLink,
    token: &str,
) -> Result<LinkConfirmation, EngineError> {
    wait(host.engine.confirm_link(pending, token))
}

#[track_caller]
fn linked(ended: Result<LinkConfirmation, EngineError>) -> Linked {
    match ended.unwrap() {
        LinkConfirmation::Linked(linked) => linked,
        LinkConfirmation::Refused(refused) => panic!("refused: {refused}"),
    }
}

#[track_caller]
fn not_linked(host: &Host, ended: Result<LinkConfirmation, EngineError>) -> Refused {
    match ended.unwrap() {
        LinkConfirmation::Linked(linked) => panic!("linked: {linked:?}"),
        LinkConfirmation::Refused(refused) => {
            assert_eq!(host.record(refused.entry()).kind(), Kind::UserRefused);
            refused
        }
    }
}

/// Confirms, and expects the refusal with that code.
#[track_caller]
fn refused_with(host: &Host, proposal: &LinkProposal, code: &str) {
    let ended = confirm(host, proposal.pending(), proposal.token().as_str());
    assert_eq!(not_linked(host, ended).code(), code);
    let again = confirm(host, proposal.pending(), proposal.token().as_str());
    assert_eq!(host::code(again), "token.used");
}

fn stored(host: &Host, user: &UserId) -> User {
    let account = wait(host.store.user(&tenant(), user)).unwrap();
    account.unwrap().user
}

fn commit(host: &Host, build: impl FnOnce(&mut Change)) {
    let mut change = Change::new(tenant());
    build(&mut change);
    wait(host.store.commit(&change)).unwrap();
}

fn edit(host: &Host, user: &UserId, bend: impl FnOnce(&mut User)) {
    let mut user = stored(host, user);
    let expected_version = user.version;
    bend(&mut user);
    commit(host, |change| {
        change.users.push(UserWrite::Update {
            user,
            expected_version,
        });
    });
}

fn give(host: &Host, user: &UserId, role: &str) {
    let grant = Grant {
        id: GrantId::new("grant-by-hand").unwrap(),
        user: user.clone(),
        role: RoleName::new(role).unwrap(),
        owner: GrantOwner::Manual,
        rule: None,
        policy_hash: host.engine.policy().hash(),
        first_given_at: host.now(),
        granted_at: host.now(),
        expires_at: None,
        scope: Vec::new(),
        entry: LeafHash::from_bytes([0; 32]),
    };
    commit(host, |change| change.put_grants.push(grant));
}

#[test]
fn both_halves_link_and_the_next_sign_in_is_by_subject() {
    on_each_store_under(LINKING, |host| {
        let user = account(host);
        let (refused, proposal) = proposed(host);
        assert_eq!(proposal.send_to().as_str(), "nurse@acme.example");
        assert_eq!(
            host.record(refused.entry()).subject_ref.as_ref(),
            Some(&user)
        );
        let Body::UserRefused(body) = host.body(&refused) else {
            panic!("recorded as something else");
        };
        assert_eq!(body.outcome, "needs_proof");
        // Nothing is linked by proposing.
        assert!(host.linked("nurse").is_none());

        // The browser's half goes through the session's storage.
        let kept = serde_json::to_string(proposal.pending()).unwrap();
        let pending: PendingLink = serde_json::from_str(&kept).unwrap();
        let linked = linked(confirm(host, &pending, proposal.token().as_str()));
        assert_eq!(linked.user(), &user);
        let account = host.linked("nurse").unwrap();
        assert_eq!(account.user.id, user);
        assert!(account.user.email_verified_locally);

        let record = host.record(linked.entry());
        assert!(record.parents.contains(&proposal.token().entry()));
        let Body::UserLinked(body) = record.body else {
            panic!("recorded as something else");
        };
        assert_eq!(body.matched_by, "proof");
        // Nobody was signed in by it.
        assert_eq!(
            host.kinds(),
            [
                Kind::AssertionVerified,
                Kind::UserRefused,
                Kind::LinkProposed,
                Kind::UserLinked,
                Kind::UserUpdated
            ]
        );
        let session = host.admit(&nurse(host));
        assert_eq!(session.user(), &user);
    });
}

// Half of a proof.

#[test]
fn a_stolen_mail_is_nothing_without_the_browser() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, victim) = proposed(host);
        // Whoever reads the mail makes a sign-in of their own for the other half.
        let (_, thief) = proposed(host);
        let ended = confirm(host, thief.pending(), victim.token().as_str());
        assert_eq!(code(ended), "token.other_browser");
        assert!(host.linked("nurse").is_none());
        // The token is not used up by that: the right browser still has its turn.
        linked(confirm(host, victim.pending(), victim.token().as_str()));
    });
}

#[test]
fn a_browser_is_nothing_without_the_mail() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        let leaf = proposal.token().as_str().split_once('.').unwrap().0;
        // The browser's own secret is not the mailed one.
        let kept = serde_json::to_value(proposal.pending()).unwrap();
        let browsers = kept["half"]["secret"].as_str().unwrap();
        for guess in ["A".repeat(43), browsers.to_owned()] {
            let ended = confirm(host, proposal.pending(), &format!("{leaf}.{guess}"));
            assert_eq!(code(ended), "token.invalid");
        }
        assert!(host.linked("nurse").is_none());
    });
}

#[test]
fn a_garbled_or_truncated_token_is_refused() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        let text = proposal.token().as_str();
        for bad in [
            "",
            ".",
            &text[..text.len() - 1],
            &text[1..],
            &text.replace('.', ""),
            &format!("{text}A"),
            &format!("{text} "),
        ] {
            let ended = confirm(host, proposal.pending(), bad);
            assert_eq!(code(ended), "token.invalid", "{bad}");
        }
        linked(confirm(host, proposal.pending(), text));
    });
}

#[test]
fn a_browsers_half_that_was_edited_is_refused() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        let kept = serde_json::to_string(proposal.pending()).unwrap();
        let elsewhere = kept.replace("\"acme\"", "\"other\"");
        let pending: PendingLink = serde_json::from_str(&elsewhere).unwrap();
        let ended = confirm(host, &pending, proposal.token().as_str());
        assert_eq!(code(ended), "engine.unknown_connection");
    });
}

#[test]
fn neither_half_is_in_a_record_or_shown() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (refused, proposal) = proposed(host);
        let mailed = proposal.token().as_str().split_once('.').unwrap().1;
        let kept = serde_json::to_value(proposal.pending()).unwrap();
        let browsers = kept["half"]["secret"].as_str().unwrap();
        let mut shown = format!("{refused:?} {proposal:?} {:?}", proposal.pending());
        for (_, record) in host.records() {
            shown.push_str(&serde_json::to_string(&record).unwrap());
        }
        assert!(!shown.contains(mailed) && !shown.contains(browsers));
        assert!(!shown.contains("nurse@acme.example"));
    });
}

// Once, in time, here.

#[test]
fn a_proof_is_used_once() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        linked(confirm(host, proposal.pending(), proposal.token().as_str()));
        let again = confirm(host, proposal.pending(), proposal.token().as_str());
        assert_eq!(code(again), "token.used");
    });
}

#[test]
fn two_confirmations_at_once_make_one_link() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        let ended: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| confirm(host, proposal.pending(), proposal.token().as_str()))
                })
                .collect();
            let ended = threads.into_iter().map(|thread| thread.join().unwrap());
            ended.collect()
        });
        let won = ended
            .iter()
            .filter(|ended| matches!(ended, Ok(LinkConfirmation::Linked(_))));
        assert_eq!(won.count(), 1);
        for lost in ended.into_iter().filter(Result::is_err) {
            assert_eq!(code(lost), "token.used");
        }
        let links = host.kinds().into_iter();
        assert_eq!(links.filter(|kind| *kind == Kind::UserLinked).count(), 1);
    });
}

#[test]
fn a_proof_comes_too_late() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        let until = host.now().saturating_add(CONFIRM_WITHIN);
        assert_eq!(proposal.token().expires_at(), until);
        host.clock.advance(CONFIRM_WITHIN);
        let ended = confirm(host, proposal.pending(), proposal.token().as_str());
        assert_eq!(code(ended), "token.expired");
        assert!(host.linked("nurse").is_none());
    });
}

#[test]
fn a_proof_of_another_tenant_is_nothing_here() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        let moved = LINKING.replace(
            "[connection.acme]\n",
            "[connection.acme]\ntenant = \"another\"\n",
        );
        let elsewhere = host.engine_under(&moved);
        let ended = wait(elsewhere.confirm_link(proposal.pending(), proposal.token().as_str()));
        assert_eq!(code(ended), "token.invalid");
    });
}

#[test]
fn an_unsolicited_sign_in_proposes_nothing() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let mut response = nurse(host);
        response.in_response_to = None;
        for confirmation in &mut response.confirmations {
            confirmation.in_response_to = None;
        }
        let posted = host.idp.post(&response);
        let message = Inbound::Post(posted.as_bytes());
        let ended = wait(host.engine.sign_in(&acme(), message, Expect::Unsolicited));
        let refused = refused(ended.unwrap());
        // Somebody else may have put the response into this browser.
        assert_eq!(refused.code(), "provision.email_not_verified_locally");
        assert!(refused.link_proposal().is_none());
    });
}

#[test]
fn an_address_that_the_provider_did_not_verify_is_not_proved_by_a_mail_of_ours() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let refused = host.refuse(&host.nurse(&[]));
        assert_eq!(refused.code(), "provision.email_not_verified_by_idp");
        assert!(refused.link_proposal().is_none());
    });
}

/// Account pre-hijacking: whoever is in the account already would stay in it.
#[test]
fn an_unproved_account_that_somebody_signs_in_to_is_not_proposed() {
    on_each_store_under(LINKING, |host| {
        let user = account(host);
        let squatter =
            SubjectKey::from_stable_value(tenant(), "https://else.example", "squatter").unwrap();
        commit(host, |change| {
            change.links.push(Link {
                subject: squatter,
                user: user.clone(),
                connection: acme(),
                linked_at: host.now(),
                entry: LeafHash::from_bytes([9; 32]),
            });
        });
        let refused = host.refuse(&nurse(host));
        assert_eq!(refused.code(), "provision.account_unproved");
        assert!(refused.link_proposal().is_none());
    });
}

// What changed meanwhile.

#[test]
fn an_account_that_became_privileged_meanwhile_is_not_linked() {
    for role in ["manager", "sender"] {
        on_each_store_under(LINKING, |host| {
            let user = account(host);
            let (_, proposal) = proposed(host);
            give(host, &user, role);
            refused_with(host, &proposal, "provision.privileged_account");
            assert!(!stored(host, &user).email_verified_locally);
        });
    }
}

#[test]
fn an_account_whose_address_changed_meanwhile_is_not_linked() {
    on_each_store_under(LINKING, |host| {
        let user = account(host);
        let (_, proposal) = proposed(host);
        edit(host, &user, |user| user.email = email("other@acme.example"));
        refused_with(host, &proposal, "provision.account_changed");
    });
}

#[test]
fn an_account_that_was_taken_out_of_use_meanwhile_is_not_linked() {
    for (state, code) in [
        (UserState::Suspended, "provision.user_suspended"),
        (UserState::Deprovisioned, "provision.user_deprovisioned"),
        (UserState::PendingApproval, "provision.user_awaits_approval"),
    ] {
        on_each_store_under(LINKING, |host| {
            let user = account(host);
            let (_, proposal) = proposed(host);
            edit(host, &user, |user| user.state = state);
            refused_with(host, &proposal, code);
        });
    }
}

#[test]
fn a_subject_that_was_linked_meanwhile_is_not_linked_again() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, first) = proposed(host);
        let (_, second) = proposed(host);
        linked(confirm(host, first.pending(), first.token().as_str()));
        refused_with(host, &second, "provision.subject_linked");
    });
}

#[test]
fn an_account_that_another_subject_was_linked_to_meanwhile_is_not_linked() {
    for (issuer, code) in [
        (ISSUER, "provision.email_recycled"),
        ("https://else.example", "provision.account_unproved"),
    ] {
        on_each_store_under(LINKING, |host| {
            let user = account(host);
            let (_, proposal) = proposed(host);
            let other = SubjectKey::from_stable_value(tenant(), issuer, "other").unwrap();
            commit(host, |change| {
                change.links.push(Link {
                    subject: other,
                    user: user.clone(),
                    connection: acme(),
                    linked_at: host.now(),
                    entry: LeafHash::from_bytes([9; 32]),
                });
            });
            refused_with(host, &proposal, code);
        });
    }
}

#[test]
fn an_address_that_a_second_account_got_meanwhile_is_ambiguous() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        account(host);
        refused_with(host, &proposal, "provision.ambiguous");
    });
}

#[test]
fn a_connection_that_was_disabled_meanwhile_links_nobody() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        wait(host.store.set_connection(&tenant(), &acme(), false)).unwrap();
        refused_with(host, &proposal, "provision.connection_disabled");
    });
}

#[test]
fn a_policy_that_stopped_linking_meanwhile_links_nobody() {
    on_each_store_under(LINKING, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        let off: String = LINKING
            .lines()
            .filter(|line| !line.starts_with("link ="))
            .map(|line| format!("{line}\n"))
            .collect();
        let engine = host.engine_under(&off);
        let ended = wait(engine.confirm_link(proposal.pending(), proposal.token().as_str()));
        assert_eq!(not_linked(host, ended).code(), "provision.email_taken");
    });
}

#[test]
fn a_domain_whose_proof_ended_meanwhile_links_nobody() {
    let ends = LINKING.replace(
        "[\"acme.example\"]",
        "[{ name = \"acme.example\", proved_until = \"2026-03-01T12:10:00Z\" }]",
    );
    on_each_store_under(&ends, |host| {
        account(host);
        let (_, proposal) = proposed(host);
        host.clock.advance(minutes(10));
        refused_with(host, &proposal, "provision.domain_proof_ended");
    });
}
