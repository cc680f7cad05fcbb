//! The walk: sign-in, account, role, signature, proof, on each store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::audit::{Body, Kind, Record};
use countersign::blocking::wait;
use countersign::evidence::{Claim, Disclosure, Export, TrustPolicy, verify};
use countersign::provision::user::UserState;
use countersign::saml::binding::RelayState;
use countersign::saml::{Expect, Inbound};
use countersign::{ConnectionId, GrantOwner, Intent, Session};
use host::*;

// Signing in.

#[test]
fn a_person_is_sent_to_the_provider_and_comes_back() {
    on_each_store(|host| {
        let request = host.engine.request(&acme()).unwrap();
        let order = RelayState::new("order 7").unwrap();
        let (url, pending) = wait(request.relay_state(order).redirect()).unwrap();
        let sso = "https://idp.example/sso?SAMLRequest=";
        assert!(url.as_str().starts_with(sso), "{url}");
        let spec = host.nurse(&["staff"]).answering(pending.id());
        let answer = host.idp.post(&spec).replace('+', "%2B");
        let come_back = |body: String| {
            let message = Inbound::Form(body.as_bytes());
            let expect = Expect::Request(&pending);
            wait(host.engine.sign_in(&acme(), message, expect)).unwrap()
        };
        let other_order = come_back(format!("SAMLResponse={answer}&RelayState=order+8"));
        assert_eq!(refused(other_order).code(), "saml.relay_state_mismatch");
        let this_order = come_back(format!("SAMLResponse={answer}&RelayState=order+7"));
        assert_eq!(roles(&admitted(this_order)), ["reader", "signer"]);
    });
}

#[test]
fn no_two_requests_are_the_same_and_none_goes_to_a_stranger() {
    let host = Host::in_memory(POLICY);
    let sent = || {
        wait(host.engine.request(&acme()).unwrap().post())
            .unwrap()
            .1
    };
    assert_ne!(sent().id(), sent().id());
    let nobody = ConnectionId::new("nobody").unwrap();
    let unknown = host.engine.request(&nobody).unwrap_err();
    assert_eq!(unknown.code(), "engine.unknown_connection");
}

#[test]
fn a_first_sign_in_makes_account_link_roles_and_session_with_the_record_of_each() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        assert_eq!(roles(&session), ["reader", "signer"]);
        assert_eq!(session.opened_at(), host.now());
        assert_eq!(session.expires_at(), host.now().saturating_add(minutes(30)));

        let account = host.linked("nurse").unwrap();
        assert_eq!(account.user.id, *session.user());
        assert_eq!(account.user.state, UserState::Active);
        assert_eq!(account.user.email, email("nurse@acme.example"));
        assert_eq!(account.user.given_name.as_deref(), Some("Given"));
        assert_eq!(account.grants.len(), 2);

        use Kind::*;
        let kinds = [
            AssertionVerified,
            UserProvisioned,
            RoleGranted,
            RoleGranted,
            SessionOpened,
        ];
        assert_eq!(host.kinds(), kinds);
        let of_account = host.record(account.user.entry.unwrap());
        let of_session = host.record(session.entry());
        assert_eq!(of_account.kind(), UserProvisioned);
        assert_eq!(of_session.parents[1], account.user.entry.unwrap());
        for grant in &account.grants {
            let Body::RoleGranted(granted) = host.record(grant.entry).body else {
                panic!("{grant:?} is recorded as something else");
            };
            assert_eq!(
                (granted.grant, granted.role),
                (grant.id.clone(), grant.role.clone())
            );
        }
        let same_walk = |record: &Record| record.correlation == *session.correlation();
        assert!(host.records().iter().all(|(_, record)| same_walk(record)));
    });
}

#[test]
fn a_second_sign_in_comes_to_the_same_account() {
    on_each_store(|host| {
        let first = host.admit(&host.nurse(&["staff"]));
        host.clock.advance(minutes(1));
        let second = host.admit(&host.nurse(&["staff"]));
        assert_eq!(second.user(), first.user());
        assert_eq!(second.grants(), first.grants());
        assert_ne!(second.id(), first.id());
        assert_eq!(
            host.kinds()[5..],
            [Kind::AssertionVerified, Kind::SessionOpened]
        );
        assert_eq!(host.account(&first).user.last_sign_in_at, Some(host.now()));
    });
}

#[test]
fn a_name_that_changed_follows_and_is_recorded_without_its_value() {
    on_each_store(|host| {
        host.admit(&host.response("nurse").with_attribute("sn", ["Family"]));
        let session = host.admit(&host.response("nurse").with_attribute("sn", ["Married"]));
        assert_eq!(
            host.account(&session).user.family_name.as_deref(),
            Some("Married")
        );
        let records = host.records();
        let updated = records.iter().find_map(|(_, record)| match &record.body {
            Body::UserUpdated(updated) => Some((updated, record)),
            _ => None,
        });
        let (updated, record) = updated.unwrap();
        assert_eq!(updated.changed, ["family_name"]);
        assert!(record.commitments.contains_key("family_name"));
        assert!(!format!("{record:?}").contains("Married"));
    });
}

#[test]
fn a_session_is_never_longer_than_the_identity_providers() {
    on_each_store(|host| {
        let mut response = host.nurse(&["staff"]);
        let end = host.now().saturating_add(minutes(5));
        response
            .authentication
            .as_mut()
            .unwrap()
            .session_not_on_or_after = Some(end);
        let session = host.admit(&response);
        assert_eq!(session.expires_at(), end);
        host.clock.advance(minutes(5));
        assert_eq!(code(host.sign(&session, &nda())), "engine.session_over");
    });
}

#[test]
fn a_session_is_over_after_thirty_minutes() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        host.clock.advance(minutes(29));
        assert!(
            wait(host.engine.session(&tenant(), session.id()))
                .unwrap()
                .is_some()
        );
        host.clock.advance(minutes(1));
        assert_eq!(
            wait(host.engine.session(&tenant(), session.id())).unwrap(),
            None
        );
        assert_eq!(
            code(wait(host.engine.present(&session, &nda()))),
            "engine.session_over"
        );
        assert_eq!(
            code(wait(host.engine.close_session(&session))),
            "engine.session_over"
        );
    });
}

#[test]
fn a_closed_session_is_over_and_its_end_recorded() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        wait(host.engine.close_session(&session)).unwrap();
        assert_eq!(
            wait(host.engine.session(&tenant(), session.id())).unwrap(),
            None
        );
        assert_eq!(code(host.sign(&session, &nda())), "engine.session_over");
        let (_, last) = host.records().pop().unwrap();
        assert_eq!(last.parents, [session.entry()]);
        assert!(
            matches!(last.body, Body::SessionClosed(closed) if closed.session == *session.id())
        );
    });
}

// Roles.

#[test]
fn a_role_is_lost_with_its_group_at_the_next_sign_in() {
    on_each_store(|host| {
        host.admit(&host.nurse(&["staff"]));
        let session = host.admit(&host.nurse(&["visitors"]));
        assert_eq!(roles(&session), ["reader"]);
        assert_eq!(code(host.sign(&session, &nda())), "engine.not_allowed");
        assert!(host.kinds().contains(&Kind::RoleRevoked));
    });
}

#[test]
fn a_role_is_kept_if_the_provider_says_nothing_of_groups() {
    on_each_store(|host| {
        host.admit(&host.nurse(&["staff"]));
        let session = host.admit(&host.response("nurse"));
        assert_eq!(roles(&session), ["reader", "signer"]);
        host.sign(&session, &nda()).unwrap();
        assert!(!host.kinds().contains(&Kind::RoleRevoked));
    });
}

#[test]
fn a_role_that_was_lost_is_lost_for_the_sessions_that_are_open_too() {
    on_each_store(|host| {
        let open = host.admit(&host.nurse(&["staff"]));
        host.admit(&host.nurse(&["visitors"]));
        assert_eq!(code(host.sign(&open, &nda())), "engine.not_allowed");
    });
}

#[test]
fn a_temporary_role_that_ran_out_is_not_given_anew_at_the_next_sign_in() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["contract-nurses"]));
        assert_eq!(session.deadline(), host.now().saturating_add(minutes(10)));
        host.clock.advance(minutes(10));
        let again = host.admit(&host.nurse(&["contract-nurses"]));
        assert_eq!(roles(&again), ["reader"]);
    });
}

#[test]
fn a_sign_in_under_an_edited_policy_records_the_kept_roles_under_it() {
    on_each_store(|host| {
        let before = host.admit(&host.nurse(&["staff"]));
        let edited = host.engine_under(&POLICY.replace("sign nda/*", "sign *"));
        let after = admitted(sign_in(&edited, &host.idp.post(&host.nurse(&["staff"]))).unwrap());
        let ids = |session: &Session| {
            session
                .grants()
                .iter()
                .map(|g| g.id.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&after), ids(&before));
        for grant in after.grants() {
            assert_eq!(grant.policy_hash, edited.policy().hash());
            assert_eq!(
                host.record(grant.entry).policy_hash,
                Some(edited.policy().hash())
            );
        }
        // What the edit allows can be signed and proved.
        let signature = sign(&edited, &after, &document("lease")).unwrap();
        wait(edited.export(&Export::of(signature.leaf()))).unwrap();
    });
}

#[test]
fn a_role_of_an_administrator_is_not_the_sign_ins_to_take() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        host.edit_grant(&session, "signer", |grant| grant.owner = GrantOwner::Manual);
        let session = host.admit(&host.nurse(&["visitors"]));
        assert_eq!(roles(&session), ["reader", "signer"]);
    });
}

// Signing.

#[test]
fn each_step_of_a_signature_is_recorded_and_rests_on_the_one_before() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let shown = presented.entry();
        host.clock.advance(minutes(1));
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        let intent = confirmed.entry();
        host.clock.advance(minutes(1));
        let signature = wait(host.engine.sign(confirmed, "Given Family")).unwrap();

        assert_eq!(host.record(shown).parents, [session.entry()]);
        assert_eq!(host.record(intent).parents, [shown]);
        let signed = host.record(signature.leaf().hash());
        let account = host.account(&session);
        let grant = account
            .grants
            .iter()
            .find(|grant| grant.role.as_str() == "signer")
            .unwrap();
        assert_eq!(signed.parents, [intent, session.entry(), grant.entry]);
        assert_eq!(signed.subject_ref.as_ref(), Some(session.user()));
        assert_eq!(signature.signed_at(), host.now());
        assert_eq!(signature.signed().document_sha256, nda().sha256());
        assert_eq!(signature.signed().grant, grant.id);
        assert!(
            !format!("{signed:?}").contains("Given"),
            "a name is in the record"
        );
    });
}

#[test]
fn a_ceremony_goes_on_in_later_requests() {
    on_each_store(|host| {
        let id = host.admit(&host.nurse(&["staff"])).id().clone();
        let session = || wait(host.engine.session(&tenant(), &id)).unwrap().unwrap();
        let shown = wait(host.engine.present(&session(), &nda()))
            .unwrap()
            .entry();

        let presented = wait(host.engine.resume_presented(&session(), shown)).unwrap();
        assert_eq!(presented.document().sha256, nda().sha256());
        let intent = wait(host.engine.confirm(presented, &Intent::approval()))
            .unwrap()
            .entry();

        let confirmed = wait(host.engine.resume_confirmed(&session(), intent)).unwrap();
        let signature = wait(host.engine.sign(confirmed, "Given Family")).unwrap();
        wait(host.engine.export(&Export::of(signature.leaf()))).unwrap();
    });
}

#[test]
fn a_signer_may_decline() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let shown = presented.entry();
        let declined = wait(host.engine.decline(presented, Some("not my ward"))).unwrap();
        let record = host.record(declined.entry());
        assert_eq!(record.kind(), Kind::DocumentDeclined);
        assert_eq!(record.parents, [shown]);
        assert!(record.commitments.contains_key("reason"));
        assert!(
            !format!("{record:?}").contains("ward"),
            "the reason is in the record"
        );
    });
}

// Proving.

/// A host with one signature, and the bundle that proves it.
fn proved(host: &Host) -> Vec<u8> {
    let session = host.admit(&host.nurse(&["contract-nurses"]));
    let signature = host.sign(&session, &nda()).unwrap();
    let request = Export::of(signature.leaf())
        .disclose(Disclosure::fields(["printed_name"]))
        .document("nda.pdf", b"%PDF-1.7 of a test".to_vec());
    wait(host.engine.export(&request)).unwrap()
}

#[test]
fn a_bundle_is_accepted_by_whoever_trusts_the_log() {
    on_each_store(|host| {
        let bundle = proved(host);
        let report = host.verify(&bundle);
        assert!(report.accepted(), "{report}");
        assert!(
            report
                .lines()
                .iter()
                .any(|line| line.claim == Claim::Document)
        );
    });
}

#[test]
fn a_bundle_is_not_accepted_by_whoever_trusts_another_log() {
    on_each_store(|host| {
        let bundle = proved(host);
        let other = Host::in_memory(POLICY);
        assert!(!other.verify(&bundle).accepted());
        assert!(!verify(&bundle, &TrustPolicy::new(), host.now()).accepted());
    });
}

#[test]
fn a_bundle_with_one_changed_byte_in_any_member_is_not_accepted() {
    on_each_store(|host| {
        let bundle = proved(host);
        let members = members(&bundle);
        assert!(members.len() > 15, "{} members", members.len());
        for member in members {
            for at in [
                member.start,
                (member.start + member.end) / 2,
                member.end - 1,
            ] {
                let mut changed = bundle.clone();
                changed[at] ^= 1;
                assert!(!host.verify(&changed).accepted(), "byte {at}");
            }
        }
    });
}

/// Where the members of a container stand, name and content [APPNOTE §4.3.7].
fn members(bundle: &[u8]) -> Vec<std::ops::Range<usize>> {
    let number = |at: usize, bytes: usize| {
        let digits = bundle[at..at + bytes].iter().rev();
        digits.fold(0, |number, byte| number * 256 + usize::from(*byte))
    };
    let mut members = Vec::new();
    let mut at = 0;
    while bundle[at..].starts_with(b"PK\x03\x04") {
        let name = at + 30;
        let end = name + number(at + 26, 2) + number(at + 18, 4);
        members.push(name..end);
        at = end;
    }
    members
}
