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

use countersign::audit::{Body, Kind};
use countersign::blocking::wait;
use countersign::provision::store::Change;
use countersign::{ConnectionId, DocumentId, Door, Invitation, TenantId, Token};
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
    let text = serde_json::to_vec(&recorded).unwrap();
    // The same record in a second store, without its openings.
    let other = Host::in_memory(POLICY);
    let bytes =
        countersign::audit::canonical::to_canonical(&serde_json::from_slice(&text).unwrap());
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
    assert!(Invitation::new(tenant(), document, "nda/mutual", "nobody").is_err());
    assert!(host.kinds().is_empty());
}
