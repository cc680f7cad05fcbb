//! The e-mail door: who comes in by a mailed link, and every way in which nobody does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::sync::Barrier;
use std::thread;

use countersign::audit::{Body, Kind};
use countersign::blocking::wait;
use countersign::email_door::{EmailChallenge, IssuedChallenge, PendingEmail};
use countersign::evidence::{Claim, Export, Status, TrustPolicy, verify};
use countersign::provision::email_door;
use countersign::provision::store::{Change, UserWrite};
use countersign::provision::user::UserState;
use countersign::{
    Assurance, ConnectionId, Door, Engine, EngineError, PolicyFile, Refused, SignIn, SubjectKey,
};
use countersign_testkit::keys::IDP_RSA_2048_CERTIFICATE;
use host::*;

/// Beside the staff of the company: visitors from a partner who has no identity provider.
fn policy() -> String {
    POLICY
        .replace("id = \"staff\"", "id = \"staff\"\nconnection = \"acme\"")
        .replace(
            "id = \"contract-nurses\"",
            "id = \"contract-nurses\"\nconnection = \"acme\"",
        )
        + r#"
[connection.visitors]
door = "email"
strategy = "self_register"
domains = ["partner.example"]
[connection.visitors.create]
default_roles = ["signer"]
"#
}

/// The same, where an account that the host made may be linked.
fn linking() -> String {
    policy()
        + r#"
[connection.visitors.match]
link = { by = "email", require = ["idp_verified", "locally_verified", "owned_domain"] }
"#
}

fn visitors() -> ConnectionId {
    ConnectionId::new("visitors").unwrap()
}

fn challenge(engine: &Engine, address: &str) -> IssuedChallenge {
    match wait(engine.challenge_email(&visitors(), address)).unwrap() {
        EmailChallenge::Issued(issued) => issued,
        EmailChallenge::Refused(reason) => panic!("{reason}"),
    }
}

fn no_challenge(host: &Host, address: &str) -> &'static str {
    match wait(host.engine.challenge_email(&visitors(), address)).unwrap() {
        EmailChallenge::Issued(_) => panic!("a link was made for {address}"),
        EmailChallenge::Refused(reason) => reason.code(),
    }
}

fn open(engine: &Engine, pending: &PendingEmail, token: &str) -> SignIn {
    wait(engine.sign_in_by_email(pending, token)).unwrap()
}

fn come_in(host: &Host, address: &str) -> SignIn {
    let issued = challenge(&host.engine, address);
    open(&host.engine, &issued.pending, issued.token.as_str())
}

fn turned_away(host: &Host, pending: &PendingEmail, token: &str) -> Refused {
    refused(open(&host.engine, pending, token))
}

#[test]
fn whoever_reads_the_mail_comes_in_and_signs() {
    on_each_store_under(&policy(), |host| {
        let issued = challenge(&host.engine, "Guest@PARTNER.example");
        assert_eq!(issued.to.as_str(), "guest@partner.example");
        let session = admitted(open(&host.engine, &issued.pending, issued.token.as_str()));
        assert_eq!(roles(&session), ["signer"]);
        let account = host.account(&session);
        assert_eq!(account.user.email, email("guest@partner.example"));
        assert!(account.user.email_verified_locally);
        assert!(host.sign(&session, &nda()).is_ok());

        let again = admitted(come_in(host, "guest@partner.example"));
        assert_eq!(again.user(), session.user());
    });
}

#[test]
fn the_records_lead_from_the_session_to_the_challenge_and_hold_no_address() {
    on_each_store_under(&policy(), |host| {
        let session = admitted(come_in(host, "guest@partner.example"));
        let kinds = host.kinds();
        assert_eq!(
            kinds[..3],
            [
                Kind::EmailChallenged,
                Kind::AssertionVerified,
                Kind::UserProvisioned
            ]
        );
        let records = host.records();
        let (challenged, verified) = (&records[0], &records[1]);
        assert_eq!(verified.1.parents, [challenged.0]);
        assert_eq!(verified.1.correlation, challenged.1.correlation);
        let Body::AssertionVerified(body) = &verified.1.body else {
            panic!("{verified:?}");
        };
        assert_eq!(body.door, Door::Email);
        assert_eq!(body.issuer, email_door::ISSUER);
        assert_eq!(
            body.authn_context.as_deref(),
            Some(email_door::SAME_BROWSER)
        );
        assert_eq!(body.authn_instant, Some(host.now()));
        assert_eq!(
            (&body.signed_element, &body.certificate_sha256),
            (&None, &None)
        );
        assert_eq!(host.record(session.entry()).parents[0], verified.0);
        for (_, record) in &records {
            let text = serde_json::to_string(record).unwrap();
            assert!(!text.contains("guest"), "{text}");
        }
    });
}

/// Whoever trusts an identity provider asks for its signature behind every signer.
#[test]
fn a_visitor_beside_a_nurse_is_not_accepted_where_a_provider_is_trusted() {
    on_each_store_under(&policy(), |host| {
        let nurse = host.admit(&host.nurse(&["staff"]));
        let visitor = admitted(come_in(host, "guest@partner.example"));
        let by_nurse = host.sign(&nurse, &nda()).unwrap();
        let by_visitor = host.sign(&visitor, &nda()).unwrap();
        let log = TrustPolicy::new().log_key(host.engine.ledger().verifier_key().clone());
        let provider = log.clone().identity_provider(IDP_RSA_2048_CERTIFICATE);
        let check = |request: Export, trust: &TrustPolicy| {
            let bundle = wait(host.engine.export(&request.assertions(true))).unwrap();
            verify(&bundle, trust, host.now())
        };
        let alone = Export::of(by_nurse.leaf());
        let report = check(alone.clone(), &provider);
        assert!(report.accepted(), "{report}");
        let both = alone.and(by_visitor.leaf());
        let report = check(both.clone(), &provider);
        let missing = [
            Claim::AssertionSignature,
            Claim::AssertionContent,
            Claim::SamePerson,
        ];
        assert_eq!(report.missing(), missing, "{report}");
        assert_eq!(report.failed().count(), 0, "{report}");
        let lines = report.lines().iter();
        let by_mail = lines.filter(|line| line.by.starts_with("nobody signed"));
        let by_mail: Vec<_> = by_mail.map(|line| line.status).collect();
        assert_eq!(by_mail, [Status::NotProved; 2], "{report}");
        assert!(check(both, &log).accepted());
    });
}

#[test]
fn a_signature_of_a_visitor_is_proved_offline_down_to_the_challenge() {
    on_each_store_under(&policy(), |host| {
        let session = admitted(come_in(host, "guest@partner.example"));
        let signature = host.sign(&session, &nda()).unwrap();
        let bundle = wait(host.engine.export(&Export::of(signature.leaf()))).unwrap();
        let report = host.verify(&bundle);
        assert!(report.accepted(), "{report}");
        let shown = report.trail().unwrap().to_string();
        assert!(shown.contains("email.challenged"), "{shown}");
        assert!(shown.contains("a link that was mailed to the address was opened"));
    });
}

#[test]
fn the_assurance_of_the_door_is_lower_than_a_providers() {
    assert_eq!(Door::Email.assurance(), Assurance::EmailOnly);
    assert!(Door::Email.assurance() < Door::Saml.assurance());
}

// Enumeration.

#[test]
fn known_and_unknown_addresses_are_answered_alike() {
    on_each_store_under(&policy(), |host| {
        admitted(come_in(host, "guest@partner.example"));
        let before = host.records().len();
        let known = challenge(&host.engine, "guest@partner.example");
        let unknown = challenge(&host.engine, "other@partner.example");
        assert_eq!(known.token.expires_at(), unknown.token.expires_at());
        let [known, unknown] = [known, unknown].map(|issued| host.record(issued.token.entry()));
        assert_eq!(host.records().len(), before + 2, "one record for each");
        assert_eq!(known.subject_ref, None);
        assert_eq!(
            known.commitments.keys().collect::<Vec<_>>(),
            unknown.commitments.keys().collect::<Vec<_>>()
        );
        let length = |record| serde_json::to_string(record).unwrap().len();
        assert_eq!(length(&known), length(&unknown));
    });
}

/// What is refused before a mail goes out is told by the domain alone, whoever is in it.
#[test]
fn no_link_is_made_for_a_domain_that_is_not_the_connections() {
    on_each_store_under(&policy(), |host| {
        for address in ["guest@elsewhere.example", "guest@sub.partner.example"] {
            assert_eq!(
                no_challenge(host, address),
                "provision.email_outside_domains"
            );
        }
        for text in [
            "",
            "guest",
            "guest@",
            "guest@partner.example\r\nBcc: all@partner.example",
            // Two recipients, for a mailer that does not quote it.
            "other,guest@partner.example",
            "<guest>@partner.example",
        ] {
            assert_eq!(no_challenge(host, text), "provision.no_address");
        }
        assert!(host.kinds().is_empty());
    });
}

// The token.

#[test]
fn a_link_is_good_once() {
    on_each_store_under(&policy(), |host| {
        let issued = challenge(&host.engine, "guest@partner.example");
        admitted(open(&host.engine, &issued.pending, issued.token.as_str()));
        let refused = turned_away(host, &issued.pending, issued.token.as_str());
        assert_eq!(refused.code(), "token.used");
        let Body::AssertionRejected(body) = host.body(&refused) else {
            panic!("{refused:?}");
        };
        assert_eq!((body.door, body.code.as_str()), (Door::Email, "token.used"));
    });
}

#[test]
fn a_link_that_is_opened_many_times_at_once_opens_one_session() {
    on_each_store_under(&policy(), |host| {
        let issued = challenge(&host.engine, "guest@partner.example");
        let start = Barrier::new(8);
        let ended: Vec<SignIn> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        open(&host.engine, &issued.pending, issued.token.as_str())
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let (inside, outside): (Vec<_>, Vec<_>) = ended
            .into_iter()
            .partition(|ended| matches!(ended, SignIn::Admitted(_)));
        assert_eq!(inside.len(), 1);
        for ended in outside {
            assert_eq!(refused(ended).code(), "token.used");
        }
        let opened = |kind| host.kinds().into_iter().filter(|k| *k == kind).count();
        assert_eq!(opened(Kind::SessionOpened), 1);
        assert_eq!(opened(Kind::AssertionVerified), 1);
        assert_eq!(opened(Kind::AssertionRejected), 7);
    });
}

#[test]
fn a_link_expires_after_a_quarter_of_an_hour() {
    on_each_store_under(&policy(), |host| {
        let issued = challenge(&host.engine, "guest@partner.example");
        host.clock.advance(minutes(15));
        let refused = turned_away(host, &issued.pending, issued.token.as_str());
        assert_eq!(refused.code(), "token.expired");
    });
}

/// A relay: the attacker asks for a link with the victim's address, and the victim clicks on it.
#[test]
fn a_link_that_is_opened_in_another_browser_lets_nobody_in() {
    on_each_store_under(&policy(), |host| {
        let attackers = challenge(&host.engine, "guest@partner.example");
        let victims = challenge(&host.engine, "guest@partner.example");
        let refused = turned_away(host, &victims.pending, attackers.token.as_str());
        assert_eq!(refused.code(), "token.other_browser");
        // The attacker's own browser has no token, and what it made up is worth nothing.
        let refused = turned_away(host, &attackers.pending, victims.token.as_str());
        assert_eq!(refused.code(), "token.other_browser");
        let (leaf, _) = attackers.token.as_str().split_once('.').unwrap();
        let guessed = format!("{leaf}.{}", "A".repeat(43));
        let refused = turned_away(host, &attackers.pending, &guessed);
        assert_eq!(refused.code(), "token.invalid");
        // Nothing of it has used the victim's own link up.
        admitted(open(&host.engine, &victims.pending, victims.token.as_str()));
    });
}

/// A half that was kept in a cookie and came back changed.
#[test]
fn a_browsers_half_can_not_be_made_up() {
    on_each_store_under(&policy(), |host| {
        let issued = challenge(&host.engine, "guest@partner.example");
        let kept = serde_json::to_value(&issued.pending).unwrap();
        let mut forged = kept.clone();
        forged["browser"]["secret"] = "A".repeat(43).into();
        let forged: PendingEmail = serde_json::from_value(forged).unwrap();
        let refused = turned_away(host, &forged, issued.token.as_str());
        assert_eq!(refused.code(), "token.other_browser");
        let mut open_to_all = kept.clone();
        open_to_all["browser"] = serde_json::Value::Null;
        assert!(serde_json::from_value::<PendingEmail>(open_to_all).is_err());
        let read: PendingEmail = serde_json::from_value(kept).unwrap();
        admitted(open(&host.engine, &read, issued.token.as_str()));
    });
}

#[test]
fn any_browser_will_do_only_where_the_host_says_so_by_name_and_the_record_says_it_too() {
    on_each_store_under(&policy(), |host| {
        let issued = challenge(&host.engine, "guest@partner.example");
        let ended = wait(
            host.engine
                .insecure_sign_in_by_email_in_any_browser(&visitors(), issued.token.as_str()),
        );
        admitted(ended.unwrap());
        let records = host.records();
        let Body::AssertionVerified(body) = &records[1].1.body else {
            panic!("{records:?}");
        };
        assert_eq!(body.authn_context.as_deref(), Some(email_door::ANY_BROWSER));
    });
}

/// The token of one address is no token of another, however the two are put together.
#[test]
fn a_token_of_another_address_does_not_fit() {
    on_each_store_under(&policy(), |host| {
        let mine = challenge(&host.engine, "mallory@partner.example");
        let theirs = challenge(&host.engine, "guest@partner.example");
        let (_, my_secret) = mine.token.as_str().split_once('.').unwrap();
        let (their_leaf, _) = theirs.token.as_str().split_once('.').unwrap();
        for pending in [&mine.pending, &theirs.pending] {
            let spliced = format!("{their_leaf}.{my_secret}");
            let refused = turned_away(host, pending, &spliced);
            assert_eq!(refused.code(), "token.invalid");
        }
    });
}

#[test]
fn a_token_of_another_door_or_kind_is_not_good() {
    let two_doors = policy()
        + r#"
[connection.others]
tenant = "other"
door = "email"
strategy = "self_register"
domains = ["partner.example"]
"#;
    on_each_store_under(&two_doors, |host| {
        let issued = challenge(&host.engine, "guest@partner.example");
        let mut kept = serde_json::to_value(&issued.pending).unwrap();
        kept["connection"] = "others".into();
        let elsewhere: PendingEmail = serde_json::from_value(kept).unwrap();
        let refused = turned_away(host, &elsewhere, issued.token.as_str());
        assert_eq!(refused.code(), "token.invalid");

        let document = countersign::DocumentId::new("document-1").unwrap();
        let invitation =
            countersign::Invitation::new(tenant(), document, "nda/mutual", "guest@partner.example");
        let invitation = wait(host.engine.invite(&invitation.unwrap())).unwrap();
        let refused = turned_away(host, &issued.pending, invitation.as_str());
        assert_eq!(refused.code(), "token.invalid");
    });
}

#[test]
fn an_identity_providers_connection_is_no_email_door() {
    let host = Host::in_memory(&policy());
    let asked = wait(host.engine.challenge_email(&acme(), "nurse@acme.example"));
    assert_eq!(code(asked), "engine.unknown_connection");
    let issued = challenge(&host.engine, "guest@partner.example");
    let ended = wait(
        host.engine
            .insecure_sign_in_by_email_in_any_browser(&acme(), issued.token.as_str()),
    );
    assert_eq!(code(ended), "engine.unknown_connection");
    let asked = host.engine.request(&visitors()).map(|_| ());
    assert_eq!(code(asked), "engine.unknown_connection");
}

// The person.

/// The same mailbox in another spelling is the same person.
#[test]
fn an_address_has_one_form_whoever_types_it() {
    on_each_store_under(&policy(), |host| {
        let session = admitted(come_in(host, "guest@partner.example"));
        for spelling in ["GUEST@partner.example", "Guest@Partner.Example"] {
            assert_eq!(admitted(come_in(host, spelling)).user(), session.user());
        }
        // Look-alikes are other people.
        let other = admitted(come_in(host, "gu\u{435}st@partner.example"));
        assert_ne!(other.user(), session.user());
    });
}

/// No attribute and no name identifier of a provider makes a subject of this door.
#[test]
fn a_subject_of_the_door_is_never_a_providers() {
    on_each_store_under(&policy(), |host| {
        admitted(come_in(host, "guest@partner.example"));
        let subject =
            SubjectKey::from_stable_value(tenant(), email_door::ISSUER, "guest@partner.example");
        assert!(host.linked_subject(&subject.unwrap()).is_some());
        let told = SubjectKey::from_stable_value(tenant(), ISSUER, "guest@partner.example");
        assert!(host.linked_subject(&told.unwrap()).is_none());
    });
    for issuer in [email_door::ISSUER, "urn:countersign:anything"] {
        let text = policy().replace(ISSUER, issuer);
        let error = PolicyFile::parse("p", &text).unwrap_err().to_string();
        assert!(
            error.contains("an issuer that begins with `urn:countersign:`"),
            "{error}"
        );
    }
}

/// Reading mail must not be a way around the company's own sign-in.
#[test]
fn an_address_of_a_providers_domain_has_to_come_through_the_provider() {
    let any = policy().replace(
        "domains = [\"partner.example\"]",
        "domains = [\"partner.example\", \"acme.example\"]",
    );
    on_each_store_under(&any, |host| {
        assert_eq!(
            no_challenge(host, "nurse@acme.example"),
            "provision.email_of_provider"
        );
    });
}

/// Between the mail and the click the domain was given to an identity provider.
#[test]
fn a_domain_that_a_provider_claims_meanwhile_is_closed_to_links() {
    on_each_store_under(&policy(), |host| {
        let insider = admitted(come_in(host, "guest@partner.example"));
        let issued = challenge(&host.engine, "guest@partner.example");
        let claimed = policy().replace(
            "domains = [\"acme.example\"]",
            "domains = [\"acme.example\", \"partner.example\"]",
        );
        let engine = host.engine_under(&claimed);
        let refused = refused(open(&engine, &issued.pending, issued.token.as_str()));
        assert_eq!(refused.code(), "provision.email_of_provider");
        assert_ne!(host.account(&insider).user.state, UserState::Suspended);
        // The refusal has used the link up: it does not come in under the old policy either.
        let refused = turned_away(host, &issued.pending, issued.token.as_str());
        assert_eq!(refused.code(), "token.used");
    });
}

/// A proof that has ended settles nothing about whose the domain is now.
#[test]
fn a_domain_whose_proof_has_ended_stays_closed_to_links() {
    let ended = policy()
        .replace(
            "domains = [\"acme.example\"]",
            "domains = [\"acme.example\", { name = \"old.example\", proved_until = \"2020-01-01T00:00:00Z\" }]",
        )
        .replace(
            "domains = [\"partner.example\"]",
            "domains = [\"partner.example\", \"old.example\"]",
        );
    let host = Host::in_memory(&ended);
    assert_eq!(
        no_challenge(&host, "nurse@old.example"),
        "provision.email_of_provider"
    );
}

/// An account that a provider vouched for is not found by its address, whatever the policy links.
#[test]
fn an_account_of_a_provider_is_never_opened_by_a_link() {
    on_each_store_under(&linking(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        host.edit_account(&session, |user| {
            user.email = email("nurse@partner.example");
            user.email_verified_locally = true;
        });
        let refused = refused(come_in(host, "nurse@partner.example"));
        assert_eq!(refused.code(), "provision.email_taken");
        assert_eq!(host.account(&session).subjects.len(), 1);
    });
}

#[test]
fn an_account_that_the_host_made_is_linked_only_where_the_policy_says_so() {
    on_each_store_under(&policy(), |host| {
        made_by_the_host(host, "guest@partner.example", UserState::Active);
        let refused = refused(come_in(host, "guest@partner.example"));
        assert_eq!(refused.code(), "provision.email_taken");
    });
    on_each_store_under(&linking(), |host| {
        let made = made_by_the_host(host, "guest@partner.example", UserState::Active);
        let session = admitted(come_in(host, "guest@partner.example"));
        assert_eq!(*session.user(), made);
        assert!(host.account(&session).user.email_verified_locally);
    });
}

#[test]
fn an_address_that_looks_like_another_is_never_linked() {
    on_each_store_under(&linking(), |host| {
        for address in ["gu\u{435}st@partner.example", "j\u{f6}rg@partner.example"] {
            made_by_the_host(host, address, UserState::Active);
            let refused = refused(come_in(host, address));
            assert!(
                ["provision.email_not_ascii", "provision.confusable_address"]
                    .contains(&refused.code()),
                "{}",
                refused.code()
            );
        }
    });
}

#[test]
fn an_account_that_is_out_of_use_stays_so() {
    on_each_store_under(&policy(), |host| {
        let session = admitted(come_in(host, "guest@partner.example"));
        for (state, expected) in [
            (UserState::Suspended, "provision.user_suspended"),
            (UserState::Deprovisioned, "provision.user_deprovisioned"),
        ] {
            host.edit_account(&session, |user| user.state = state);
            let refused = refused(come_in(host, "guest@partner.example"));
            assert_eq!(refused.code(), expected);
        }
    });
}

/// The host gave the account another address: the mailbox from before opens nothing.
#[test]
fn a_mailbox_that_the_account_has_left_does_not_open_it() {
    on_each_store_under(&policy(), |host| {
        let session = admitted(come_in(host, "guest@partner.example"));
        host.edit_account(&session, |user| user.email = email("new@partner.example"));
        let refused = refused(come_in(host, "guest@partner.example"));
        assert_eq!(refused.code(), "provision.email_changed");
    });
}

#[test]
fn a_disabled_door_is_closed_to_links_that_are_under_way() {
    on_each_store_under(&policy(), |host| {
        let issued = challenge(&host.engine, "guest@partner.example");
        wait(host.store.set_connection(&tenant(), &visitors(), false)).unwrap();
        let refused = turned_away(host, &issued.pending, issued.token.as_str());
        assert_eq!(refused.code(), "provision.connection_disabled");
    });
}

/// A mailbox tells nothing of groups, whatever it means that a provider is silent.
#[test]
fn what_the_policy_says_of_absent_attributes_is_not_about_mailboxes() {
    let strict = policy()
        + r#"
[attribute.groups]
absent = "deny"
[attribute.given_name]
absent = "deny"
[attribute.email]
sync = "never"
[[rule]]
id = "not-staff"
connection = "visitors"
all = [{ attribute = "groups", not = { eq = "staff" } }]
grant = [{ role = "reader" }]
"#;
    for policy in [strict.clone(), strict.replace("\"deny\"", "\"clear\"")] {
        on_each_store_under(&policy, |host| {
            let session = admitted(come_in(host, "guest@partner.example"));
            assert_eq!(roles(&session), ["signer"]);
            assert_eq!(
                admitted(come_in(host, "guest@partner.example")).user(),
                session.user()
            );
        });
    }
}

// Strength.

#[test]
fn a_document_that_needs_a_provider_is_never_signed_through_the_email_door() {
    let risky = policy()
        + r#"
[risk.high]
documents = ["nda/high"]
require = ["federated"]
[risk.higher]
documents = ["nda/higher"]
require = ["mfa"]
"#;
    on_each_store_under(&risky, |host| {
        let session = admitted(come_in(host, "guest@partner.example"));
        assert!(host.sign(&session, &nda()).is_ok());
        for document_type in ["nda/high", "nda/higher"] {
            let error = wait(host.engine.present(&session, &document(document_type))).unwrap_err();
            let EngineError::NotStrongEnough { needs, .. } = error else {
                panic!("{error:?}");
            };
            // No mail makes it stronger.
            let asked = host.engine.step_up(&visitors(), &needs).map(|_| ());
            assert_eq!(code(asked), "engine.unknown_connection");
        }
    });
}

// The policy file.

#[test]
fn what_makes_no_sense_without_a_provider_is_told_with_its_place() {
    let email_door = "[connection.visitors]\ndoor = \"email\"\nstrategy = \"self_register\"\n";
    let says = |rest: &str, expected: &str| {
        let text = format!(
            "{email_door}{rest}\n[role.signer]\nallow = [\"sign *\"]\n[role.chief]\nallow = [\"sign *\"]\nprivileged = true\n"
        );
        let error = PolicyFile::parse("p", &text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    };
    let here = "domains = [\"partner.example\"]";
    for (key, line) in [
        ("issuer", "issuer = \"https://idp.example\""),
        ("preset", "preset = \"generic\""),
        ("attribute_names", "[connection.visitors.attribute_names]"),
        ("groups", "[connection.visitors.groups]"),
        ("key", "[connection.visitors.match]\nkey = \"name_id\""),
        (
            "on_email_change",
            "[connection.visitors.match]\non_email_change = \"keep\"",
        ),
        (
            "require_group",
            "[connection.visitors.create]\nrequire_group = \"g\"",
        ),
        (
            "accept_unverified_email",
            "[connection.visitors.create]\naccept_unverified_email = true",
        ),
    ] {
        says(
            &format!("{here}\n{line}"),
            &format!("`{key}` is about an identity provider: the e-mail door has none"),
        );
    }
    says("", "the key `domains` is missing");
    says("domains = \"all\"", "`domains` must be a list");
    says(
        "domains = \"any\"",
        "p:1:13: connection `visitors` accepts any domain: that needs `create.require_invitation = true`",
    );
    says(
        &format!("{here}\n[connection.visitors.create]\ndefault_roles = [\"chief\"]"),
        "gives the privileged role `chief` by default",
    );
    says(
        &format!(
            "{here}\n[[rule]]\nid = \"r\"\nall = [{{ attribute = \"email\", eq = \"boss@partner.example\" }}]\ngrant = [{{ role = \"chief\" }}]"
        ),
        "who are known by their mailbox alone",
    );
    let error = PolicyFile::parse("p", &POLICY.replace("[\"acme.example\"]", "\"any\""));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("accepts any domain, which only the e-mail door may"),
        "{error}"
    );
    let error = PolicyFile::parse("p", &policy().replace("\"email\"", "\"mail\""));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("did you mean `email`?"), "{error}");
}

#[test]
fn a_tenant_has_one_email_door() {
    let two = policy()
        + "[connection.guests]\ndoor = \"email\"\nstrategy = \"jit\"\ndomains = [\"other.example\"]\n";
    let error = PolicyFile::parse("p", &two).unwrap_err().to_string();
    assert!(error.contains("have the same tenant and issuer"), "{error}");
}

fn made_by_the_host(host: &Host, address: &str, state: UserState) -> countersign::UserId {
    let made = host.make_account_for("made", state);
    let account = wait(host.store.user(&tenant(), &made)).unwrap().unwrap();
    let mut user = account.user;
    user.email = email(address);
    let mut change = Change::new(tenant());
    change.users.push(UserWrite::Update {
        expected_version: user.version,
        user,
    });
    wait(host.store.commit(&change)).unwrap();
    made
}
