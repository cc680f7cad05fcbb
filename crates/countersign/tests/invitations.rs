//! Invitations to sign: issued, opened, used once, withdrawn; and every way in which one is not
//! good.
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

use countersign::audit::ceremony::DocumentPresented;
use countersign::audit::session::SessionOpened;
use countersign::audit::store::EntryQuery;
use countersign::audit::{Body, Correlation, Kind, Recorded, SystemEntropy};
use countersign::blocking::wait;
use countersign::email_door::EmailChallenge;
use countersign::evidence::Export;
use countersign::provision::store::Change;
use countersign::saml::{Expect, Inbound, PendingRequest};
use countersign::{
    CeremonyId, ConnectionId, Document, DocumentId, Door, Intent, Invitation, SignIn, TenantId,
    Token,
};
use countersign_testkit::idp::ResponseSpec;
use host::*;

fn invitation() -> Invitation {
    let document = DocumentId::new("document-1").unwrap();
    Invitation::new(tenant(), document, "nda/mutual", "Nurse@acme.example").unwrap()
}

fn invite(host: &Host, invitation: &Invitation) -> Token {
    wait(host.engine.invite(invitation)).unwrap()
}

fn open(host: &Host, token: &str) -> Result<countersign::OpenInvitation, countersign::EngineError> {
    wait(host.engine.open_invitation(&tenant(), token))
}

#[test]
fn an_invitation_shows_what_it_is_for_as_often_as_it_is_opened() {
    on_each_store(|host| {
        let token = invite(host, &invitation().named("Given Family").through(acme()));
        for _ in 0..2 {
            let invitation = open(host, token.as_str()).unwrap();
            assert_eq!(invitation.entry(), token.entry());
            assert_eq!(invitation.document().as_str(), "document-1");
            assert_eq!(invitation.document_type(), "nda/mutual");
            assert_eq!(invitation.email().as_str(), "nurse@acme.example");
            assert_eq!(invitation.name(), Some("Given Family"));
            assert_eq!(invitation.connection(), Some(&acme()));
            assert_eq!(invitation.expires_at(), token.expires_at());
        }
        assert_eq!(host.kinds(), [Kind::InvitationIssued]);
    });
}

#[test]
fn the_record_of_an_invitation_has_neither_the_secret_nor_the_address() {
    let host = Host::in_memory(POLICY);
    let token = invite(&host, &invitation().named("Given Family"));
    let record = host.record(token.entry());
    let text = serde_json::to_string(&record).unwrap();
    let (_, secret) = token.as_str().split_once('.').unwrap();
    for hidden in [secret, "nurse", "Family"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    assert!(record.commitments.contains_key("email"));
    assert!(matches!(record.body, Body::InvitationIssued(_)));
}

#[test]
fn an_expired_invitation_is_not_good() {
    on_each_store(|host| {
        let token = invite(host, &invitation().lasting(minutes(60)));
        host.clock
            .advance(minutes(60) - std::time::Duration::from_millis(1));
        assert!(open(host, token.as_str()).is_ok());
        host.clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(code(open(host, token.as_str())), "token.expired");
    });
}

#[test]
fn a_withdrawn_invitation_is_not_good_and_is_withdrawn_once() {
    on_each_store(|host| {
        let token = invite(host, &invitation());
        let withdraw = || {
            wait(
                host.engine
                    .withdraw_invitation(&tenant(), token.entry(), None),
            )
        };
        withdraw().unwrap();
        assert_eq!(code(open(host, token.as_str())), "token.used");
        assert_eq!(code(withdraw()), "token.used");
        assert_eq!(
            host.kinds(),
            [Kind::InvitationIssued, Kind::InvitationWithdrawn]
        );
    });
}

#[test]
fn whoever_has_not_the_secret_learns_nothing_of_an_invitation() {
    on_each_store(|host| {
        let (first, second) = (invite(host, &invitation()), invite(host, &invitation()));
        let (leaf, _) = first.as_str().split_once('.').unwrap();
        let (_, other_secret) = second.as_str().split_once('.').unwrap();
        let guess = format!("{leaf}.{other_secret}");
        let unknown = format!("{}.{other_secret}", "A".repeat(43));
        for text in ["", "nonsense", &guess, &unknown] {
            assert_eq!(code(open(host, text)), "token.invalid", "{text}");
        }
        // Not even that it has expired, or was withdrawn.
        let withdrawn = wait(
            host.engine
                .withdraw_invitation(&tenant(), first.entry(), None),
        );
        withdrawn.unwrap();
        assert_eq!(code(open(host, &guess)), "token.invalid");
        host.clock.advance(Invitation::DEFAULT_LIFETIME);
        assert_eq!(code(open(host, &guess)), "token.invalid");
    });
}

#[test]
fn an_invitation_of_another_tenant_is_not_good() {
    on_each_store(|host| {
        let token = invite(host, &invitation());
        let other = TenantId::new("other").unwrap();
        let opened = wait(host.engine.open_invitation(&other, token.as_str()));
        assert_eq!(code(opened), "token.invalid");
        let withdrawn = wait(host.engine.withdraw_invitation(&other, token.entry(), None));
        assert_eq!(code(withdrawn), "token.invalid");
        assert!(open(host, token.as_str()).is_ok());
    });
}

/// A record of another kind does not issue invitations, whatever its body looks like.
#[test]
fn a_token_that_names_another_record_is_not_good() {
    on_each_store(|host| {
        let token = invite(host, &invitation());
        let session = host.admit(&host.nurse(&["staff"]));
        let (_, secret) = token.as_str().split_once('.').unwrap();
        let withdrawn = wait(
            host.engine
                .withdraw_invitation(&tenant(), session.entry(), None),
        );
        assert_eq!(code(withdrawn), "token.invalid");
        let leaf: String = {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(session.entry().as_bytes())
        };
        assert_eq!(
            code(open(host, &format!("{leaf}.{secret}"))),
            "token.invalid"
        );
    });
}

/// Its openings are what says whose it is: a store that lost or changed them opens nothing.
#[test]
fn an_invitation_whose_address_was_erased_is_not_good() {
    let host = Host::in_memory(POLICY);
    let token = invite(&host, &invitation());
    let (_, recorded) = host.records().remove(0);
    // The same record in a second store, without its openings.
    let other = Host::in_memory(POLICY);
    let bytes = countersign::audit::canonical::to_canonical(&recorded);
    let entry = countersign::Entry::from_parts(recorded.id, token.entry(), bytes.unwrap(), None);
    let mut change = Change::new(tenant());
    change.entries.push(entry);
    wait(other.store.commit(&change)).unwrap();
    assert_eq!(code(open(&other, token.as_str())), "token.invalid");
}

#[test]
fn an_invitation_that_nobody_could_use_is_not_issued() {
    let host = Host::in_memory(POLICY);
    let unknown = invitation().through(ConnectionId::new("nowhere").unwrap());
    let invited = wait(host.engine.invite(&unknown));
    assert_eq!(code(invited), "engine.unknown_connection");
    let weak = invitation().through_door(Door::Email).with_multi_factor();
    assert_eq!(code(wait(host.engine.invite(&weak))), "engine.misuse");
    let document = DocumentId::new("document-1").unwrap();
    let two = "other,nurse@acme.example";
    assert!(Invitation::new(tenant(), document.clone(), "nda/mutual", two).is_err());
    assert!(Invitation::new(tenant(), document, "nda/mutual", "nobody").is_err());
    assert!(host.kinds().is_empty());
}

// In a sign-in.

/// Nobody gets an account without an invitation: neither staff nor people with a mailbox anywhere.
fn by_invitation() -> String {
    let named = |text: String, id: &str| {
        text.replace(
            &format!("id = \"{id}\""),
            &format!("id = \"{id}\"\nconnection = \"acme\""),
        )
    };
    let text = named(named(POLICY.to_owned(), "staff"), "contract-nurses");
    text.replace(
        "default_roles = [\"reader\"]",
        "default_roles = [\"reader\"]\nrequire_invitation = true",
    ) + r#"
[connection.visitors]
door = "email"
strategy = "self_register"
domains = "any"
[connection.visitors.create]
require_invitation = true
default_roles = ["signer"]
"#
}

fn visitors() -> ConnectionId {
    ConnectionId::new("visitors").unwrap()
}

fn guest() -> Invitation {
    let document = DocumentId::new("document-1").unwrap();
    Invitation::new(tenant(), document, "nda/mutual", "guest@anywhere.example").unwrap()
}

/// A nurse comes through the company's provider with the token of an invitation.
fn come(host: &Host, token: &str) -> SignIn {
    come_as(host, token, &host.nurse(&["staff"]))
}

fn come_as(host: &Host, token: &str, response: &ResponseSpec) -> SignIn {
    let posted = host.idp.post(response);
    let pending = PendingRequest::new("_request-1").unwrap();
    let invited = host.engine.with_invitation(token);
    let message = Inbound::Post(posted.as_bytes());
    wait(invited.sign_in(&acme(), message, Expect::Request(&pending))).unwrap()
}

/// Somebody comes through the e-mail door with it.
fn come_by_mail(host: &Host, token: &str, address: &str) -> SignIn {
    let challenge = wait(host.engine.challenge_email(&visitors(), address)).unwrap();
    let EmailChallenge::Issued(issued) = challenge else {
        panic!("{challenge:?}");
    };
    let invited = host.engine.with_invitation(token);
    wait(invited.sign_in_by_email(&issued.pending, issued.token.as_str())).unwrap()
}

fn refused_code(ended: SignIn) -> &'static str {
    refused(ended).code()
}

#[test]
fn an_invited_person_gets_an_account_and_signs_the_document_of_the_invitation() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation());
        let session = admitted(come(host, token.as_str()));
        let signature = host.sign(&session, &nda()).unwrap();
        assert_eq!(
            host.kinds()[..4],
            [
                Kind::InvitationIssued,
                Kind::AssertionVerified,
                Kind::InvitationUsed,
                Kind::UserProvisioned
            ]
        );
        let records = host.records();
        let used = &records[2];
        assert_eq!(used.1.parents, [records[0].0, records[1].0]);
        assert_eq!(used.1.subject_ref.as_ref(), Some(session.user()));
        assert_eq!(records[3].1.parents, [records[1].0, used.0]);
        assert_eq!(host.record(session.entry()).parents[2], used.0);

        // Whoever gets the evidence sees that the person was invited to sign this document.
        let bundle = wait(host.engine.export(&Export::of(signature.leaf()))).unwrap();
        let report = host.verify(&bundle);
        assert!(report.accepted(), "{report}");
        let trail = report.trail().unwrap().to_string();
        assert!(trail.contains("somebody was invited to sign document-1 (nda/mutual)"));
    });
}

#[test]
fn an_invited_stranger_comes_in_by_mail_from_any_domain() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &guest().through(visitors()));
        let session = admitted(come_by_mail(host, token.as_str(), "Guest@Anywhere.example"));
        assert_eq!(roles(&session), ["signer"]);
        assert!(host.sign(&session, &nda()).is_ok());
    });
}

#[test]
fn without_an_invitation_nobody_gets_an_account() {
    on_each_store_under(&by_invitation(), |host| {
        let refused = host.refuse(&host.nurse(&["staff"]));
        assert_eq!(refused.code(), "provision.invitation_required");
        assert!(host.linked("nurse").is_none());
    });
}

/// Who has an account needs no second invitation to sign in, and is then in a session of no
/// document in particular.
#[test]
fn who_has_an_account_comes_in_without_one() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation());
        admitted(come(host, token.as_str()));
        let session = host.admit(&host.nurse(&["staff"]));
        assert!(host.sign(&session, &document("nda/other")).is_ok());
    });
}

#[test]
fn an_invited_session_signs_nothing_but_the_document_of_the_invitation() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation());
        let session = admitted(come(host, token.as_str()));
        let present = |document: &Document| wait(host.engine.present(&session, document));
        let other_type = document("nda/other");
        assert_eq!(code(present(&other_type)), "engine.not_invited");
        let other_id = DocumentId::new("document-2").unwrap();
        let other_document = Document::new(other_id, "nda/mutual", "application/pdf", b"another");
        let error = present(&other_document).unwrap_err();
        assert_eq!(error.code(), "engine.not_invited");
        assert_eq!(
            error.to_string(),
            "the invitation is not for `document-2`, a `nda/mutual`"
        );
        assert!(present(&nda()).is_ok());
    });
}

/// A host that goes around the engine: the ledger takes no such record, and says which.
#[test]
fn a_document_that_the_invitation_was_not_for_does_not_become_a_leaf() {
    for make in [Host::in_memory, Host::in_sqlite] {
        let host = &make(&by_invitation());
        let token = invite(host, &invitation());
        let session = admitted(come(host, token.as_str()));
        for (document, is_sound) in [("document-1", true), ("document-2", false)] {
            let query = EntryQuery::Leaf(session.entry());
            let stored = wait(host.store.entry(&query)).unwrap().unwrap();
            let opened = Recorded::<SessionOpened>::parse(stored.entry.bytes()).unwrap();
            let shown = DocumentPresented {
                ceremony: CeremonyId::new(format!("c-{document}")).unwrap(),
                document: DocumentId::new(document).unwrap(),
                document_type: "nda/mutual".to_owned(),
                media_type: "application/pdf".to_owned(),
                sha256: nda().sha256(),
                attachments: Vec::new(),
            };
            let mut walk = Correlation::resume(&opened);
            let entropy = SystemEntropy::new();
            let sealed = walk
                .seal(shown.draft(&opened), host.now(), &entropy)
                .unwrap();
            let leaf = sealed.leaf().hash();
            let mut change = Change::new(tenant());
            change.entries.push(sealed.into_parts().0);
            wait(host.store.commit(&change)).unwrap();

            let presented = wait(host.engine.resume_presented(&session, leaf)).unwrap();
            let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
            let signature = wait(host.engine.sign(confirmed, "Given Family")).unwrap();
            let bundle = wait(host.engine.export(&Export::of(signature.leaf())));
            assert_eq!(bundle.is_ok(), is_sound, "{document}");
            if let Err(error) = bundle {
                assert_eq!(error.code(), "link.not_invited");
            }
        }
    }
}

#[test]
fn an_invitation_of_another_person_is_not_good() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &guest());
        let ended = come(host, token.as_str());
        assert_eq!(refused_code(ended), "provision.invitation_for_another");
        // It was not used up by whoever tried.
        admitted(come_by_mail(host, token.as_str(), "guest@anywhere.example"));
    });
}

/// A look-alike of the invited address is another address.
#[test]
fn an_invitation_is_for_one_address_in_one_form() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &guest());
        for address in [
            "gu\u{435}st@anywhere.example",
            "guest@anywhere.example.example",
            "guest+1@anywhere.example",
        ] {
            let ended = come_by_mail(host, token.as_str(), address);
            assert_eq!(refused_code(ended), "provision.invitation_for_another");
        }
    });
}

/// A provider that does not own the domain has to say that it verified the invited address.
#[test]
fn an_address_that_nobody_verified_is_not_the_invited_one() {
    let self_register = by_invitation()
        .replace("strategy = \"jit\"", "strategy = \"self_register\"")
        .replace(
            "default_roles = [\"reader\"]",
            "accept_unverified_email = true\ndefault_roles = [\"reader\"]",
        );
    on_each_store_under(&self_register, |host| {
        let token = invite(host, &invitation());
        let ended = come(host, token.as_str());
        assert_eq!(refused_code(ended), "provision.email_not_verified_by_idp");
        let verified = host
            .nurse(&["staff"])
            .with_attribute("email_verified", ["true"]);
        admitted(come_as(host, token.as_str(), &verified));
    });
}

#[test]
fn an_expired_invitation_lets_nobody_in() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation().lasting(minutes(60)));
        host.clock.advance(minutes(60));
        let ended = come(host, token.as_str());
        assert_eq!(refused_code(ended), "provision.invitation_expired");
    });
}

#[test]
fn an_invitation_is_used_once() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation());
        let session = admitted(come(host, token.as_str()));
        let ended = come(host, token.as_str());
        assert_eq!(refused_code(ended), "provision.invitation_used");
        assert_eq!(code(open(host, token.as_str())), "token.used");
        let by = Some(session.user().clone());
        let withdrawn = wait(
            host.engine
                .withdraw_invitation(&tenant(), token.entry(), by),
        );
        assert_eq!(code(withdrawn), "token.used");
    });
}

#[test]
fn a_withdrawn_invitation_lets_nobody_in() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation());
        wait(
            host.engine
                .withdraw_invitation(&tenant(), token.entry(), None),
        )
        .unwrap();
        let ended = come(host, token.as_str());
        assert_eq!(refused_code(ended), "provision.invitation_used");
    });
}

/// It is withdrawn between the look at it and the commit.
#[test]
fn an_invitation_that_is_withdrawn_meanwhile_lets_nobody_in() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation());
        let (engine, entry) = (host.engine.clone(), token.entry());
        host.during_the_sign_in(move || {
            wait(engine.withdraw_invitation(&tenant(), entry, None)).unwrap();
        });
        let ended = come(host, token.as_str());
        assert_eq!(refused_code(ended), "provision.invitation_used");
    });
}

#[test]
fn an_invitation_for_another_way_in_is_not_good_here() {
    on_each_store_under(&by_invitation(), |host| {
        let by_mail = invite(host, &invitation().through_door(Door::Email));
        let ended = come(host, by_mail.as_str());
        assert_eq!(refused_code(ended), "provision.invitation_other_door");
        let by_provider = invite(host, &guest().through(acme()));
        let ended = come_by_mail(host, by_provider.as_str(), "guest@anywhere.example");
        assert_eq!(refused_code(ended), "provision.invitation_other_door");
        let federated = invite(host, &guest().through_door(Door::Saml));
        let ended = come_by_mail(host, federated.as_str(), "guest@anywhere.example");
        assert_eq!(refused_code(ended), "provision.invitation_other_door");
    });
}

/// The invitation waits for the stronger sign-in.
#[test]
fn an_invitation_that_asks_for_several_factors_is_not_used_up_by_one() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation().with_multi_factor());
        assert!(open(host, token.as_str()).unwrap().needs_multi_factor());
        let ended = come(host, token.as_str());
        assert_eq!(
            refused_code(ended),
            "provision.invitation_needs_multi_factor"
        );
        let mut strong = host.nurse(&["staff"]);
        let authentication = strong.authentication.as_mut().unwrap();
        authentication.context = Some(countersign::saml::class::REFEDS_MFA.to_owned());
        let session = admitted(come_as(host, token.as_str(), &strong));
        let Body::SessionOpened(opened) = host.record(session.entry()).body else {
            panic!("{session:?}");
        };
        assert!(opened.multi_factor);
    });
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &guest().with_multi_factor());
        let ended = come_by_mail(host, token.as_str(), "guest@anywhere.example");
        assert_eq!(
            refused_code(ended),
            "provision.invitation_needs_multi_factor"
        );
    });
}

#[test]
fn what_is_no_invitation_lets_nobody_in() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation());
        let (leaf, _) = token.as_str().split_once('.').unwrap();
        let guess = format!("{leaf}.{}", "A".repeat(43));
        for text in ["", "nonsense", &guess] {
            let ended = come(host, text);
            assert_eq!(refused_code(ended), "provision.invitation_invalid");
        }
    });
}

/// An invitation to one tenant's signing is none to another's.
#[test]
fn an_invitation_of_another_tenant_lets_nobody_in() {
    on_each_store_under(&by_invitation(), |host| {
        let document = DocumentId::new("document-1").unwrap();
        let other = TenantId::new("other").unwrap();
        let invitation = Invitation::new(other, document, "nda/mutual", "nurse@acme.example");
        let token = invite(host, &invitation.unwrap());
        let ended = come(host, token.as_str());
        assert_eq!(refused_code(ended), "provision.invitation_invalid");
    });
}

/// An invitation opens no account that is out of use, and is not used up by the attempt.
#[test]
fn an_invitation_does_not_bring_a_suspended_account_back() {
    on_each_store_under(&by_invitation(), |host| {
        let first = invite(host, &invitation());
        let session = admitted(come(host, first.as_str()));
        host.edit_account(&session, |user| {
            user.state = countersign::provision::user::UserState::Suspended;
        });
        let second = invite(host, &invitation());
        let ended = come(host, second.as_str());
        assert_eq!(refused_code(ended), "provision.user_suspended");
        assert!(open(host, second.as_str()).is_ok());
    });
}

/// Two browsers use one invitation at once: one is let in, the other is told that it was used.
#[test]
fn of_many_who_use_one_invitation_at_once_one_is_let_in() {
    on_each_store_under(&by_invitation(), |host| {
        let token = invite(host, &invitation());
        let responses: Vec<_> = (0..8).map(|_| host.nurse(&["staff"])).collect();
        let start = Barrier::new(responses.len());
        let ended: Vec<SignIn> = thread::scope(|scope| {
            let threads: Vec<_> = responses
                .iter()
                .map(|response| {
                    scope.spawn(|| {
                        start.wait();
                        come_as(host, token.as_str(), response)
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
            assert_eq!(refused_code(ended), "provision.invitation_used");
        }
        let kinds = host.kinds().into_iter();
        assert_eq!(
            kinds.filter(|kind| *kind == Kind::InvitationUsed).count(),
            1
        );
    });
}

/// An account that waits for approval came with the invitation, which is used up by it.
#[test]
fn an_account_that_waits_for_approval_uses_the_invitation_up() {
    let approve = by_invitation().replace(
        "require_invitation = true",
        "require_invitation = true\nmode = \"approve\"",
    );
    on_each_store_under(&approve, |host| {
        let token = invite(host, &guest());
        let address = "guest@anywhere.example";
        let ended = come_by_mail(host, token.as_str(), address);
        let refused = refused(ended);
        assert_eq!(refused.code(), "provision.user_awaits_approval");
        let provisioned = host.record(refused.entry());
        let used = host.record(provisioned.parents[1]);
        assert_eq!(used.kind(), Kind::InvitationUsed);
        assert_eq!(code(open(host, token.as_str())), "token.used");
    });
}
