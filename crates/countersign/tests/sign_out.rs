//! A provider says that a person signed out: exactly the sessions that are meant end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::audit::Body;
use countersign::blocking::wait;
use countersign::provision::user::UserState;
use countersign::saml::Inbound;
use countersign::saml::logout::LogoutStatus;
use countersign::{NameId, Session, SessionId, SignOut, SignedOut};
use countersign_testkit::idp::{KeyChoice, TestIdp};
use host::{Host, ISSUER, POLICY, SLO, acme, on_each_store, on_each_store_under, tenant};

/// Finds accounts by an attribute, so that a logout's name alone tells nobody.
fn by_attribute() -> String {
    POLICY.replace(
        "[connection.acme.create]",
        "[connection.acme.match]
key = \"mail\"
[connection.acme.create]",
    )
}

/// Signs somebody in, in a session with an index of its own.
fn sign_in(host: &Host, name: &str, session_index: &str) -> Session {
    let mut spec = host.response(name);
    spec.authentication.as_mut().unwrap().session_index = Some(session_index.to_owned());
    host.admit(&spec)
}

/// The provider's logout request, unsigned.
fn request(host: &Host, id: &str, name: &str, session_indexes: &[&str]) -> String {
    let indexes: String = session_indexes
        .iter()
        .map(|index| format!("<samlp:SessionIndex>{index}</samlp:SessionIndex>"))
        .collect();
    format!(
        r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="{}" Destination="{SLO}"><saml:Issuer>{ISSUER}</saml:Issuer><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{name}</saml:NameID>{indexes}</samlp:LogoutRequest>"#,
        host.now()
    )
}

fn sign_out(host: &Host, id: &str, name: &str, session_indexes: &[&str]) -> SignOut {
    let xml = request(host, id, name, session_indexes);
    let xml = host.idp.sign(xml.as_bytes(), id);
    wait(host.engine.sign_out(&acme(), Inbound::Xml(&xml))).unwrap()
}

#[track_caller]
fn done(ended: SignOut) -> SignedOut {
    match ended {
        SignOut::Done(signed_out) => *signed_out,
        SignOut::Refused(rejection) => panic!("refused: {rejection}"),
    }
}

fn ids(sessions: &[&Session]) -> Vec<SessionId> {
    let mut ids: Vec<_> = sessions
        .iter()
        .map(|session| session.id().clone())
        .collect();
    ids.sort();
    ids
}

fn is_open(host: &Host, session: &Session) -> bool {
    let found = wait(host.engine.session(&tenant(), session.id())).unwrap();
    found.is_some()
}

#[test]
fn the_sessions_that_are_named_end_with_their_records_and_no_others() {
    on_each_store(|host| {
        let named = sign_in(host, "nurse", "_1");
        let kept = sign_in(host, "nurse", "_2");
        let other = sign_in(host, "chief", "_1");
        let ended = done(sign_out(host, "_logout-1", "nurse", &["_1", "_unknown"]));
        assert_eq!(ended.closed(), ids(&[&named]));
        assert_eq!(ended.status(), LogoutStatus::Complete);
        assert_eq!(ended.logout().id(), "_logout-1");
        assert!(!is_open(host, &named));
        assert!(is_open(host, &kept) && is_open(host, &other));
        let (_, last) = host.records().pop().unwrap();
        assert_eq!(last.parents, [named.entry()]);
        match last.body {
            Body::SessionClosed(closed) => {
                assert_eq!(&closed.session, named.id());
                assert_eq!(closed.reason, "signed_out_at_provider");
            }
            other => panic!("{other:?}"),
        }
    });
}

/// What a logout request of ours has to name is there when the session is opened, and kept nowhere.
#[test]
fn a_sign_in_tells_whom_a_logout_request_names() {
    on_each_store(|host| {
        let session = sign_in(host, "nurse", "_1");
        let name_id = session.name_id().unwrap();
        assert_eq!(name_id.value, "nurse");
        assert!(name_id.format.as_ref().unwrap().ends_with("persistent"));
        assert_eq!(session.session_index(), Some("_1"));
        let kept = serde_json::to_string(name_id).unwrap();
        assert_eq!(serde_json::from_str::<NameId>(&kept).unwrap(), *name_id);
        let read = wait(host.engine.session(&tenant(), session.id())).unwrap();
        assert_eq!(read.unwrap().name_id(), None);
        assert!(!format!("{session:?}").contains("persistent"));
    });
}

#[test]
fn without_an_index_all_of_the_persons_sessions_end() {
    on_each_store(|host| {
        let first = sign_in(host, "nurse", "_1");
        let second = sign_in(host, "nurse", "_2");
        let other = sign_in(host, "chief", "_1");
        let ended = done(sign_out(host, "_logout-1", "nurse", &[]));
        assert_eq!(ended.closed(), ids(&[&first, &second]));
        assert!(!is_open(host, &first) && !is_open(host, &second));
        assert!(is_open(host, &other));
    });
}

#[test]
fn somebody_who_never_signed_in_is_signed_out_already() {
    on_each_store(|host| {
        let session = sign_in(host, "nurse", "_1");
        for name in ["stranger", "NURSE", "nurse "] {
            let id = format!("_logout-{}", name.trim());
            let ended = done(sign_out(host, &id, name, &["_1"]));
            assert_eq!(ended.closed(), []);
            assert_eq!(ended.status(), LogoutStatus::Complete);
        }
        assert!(is_open(host, &session));
    });
}

#[test]
fn where_an_attribute_is_the_key_the_index_tells() {
    on_each_store_under(&by_attribute(), |host| {
        let named = sign_in(host, "nurse", "_1");
        let kept = sign_in(host, "nurse", "_2");
        let nobody = done(sign_out(host, "_logout-1", "nurse", &[]));
        assert_eq!(nobody.status(), LogoutStatus::Partial);
        assert_eq!(nobody.closed(), []);
        let ended = done(sign_out(host, "_logout-2", "nurse", &["_1", "_1"]));
        assert_eq!(ended.status(), LogoutStatus::Complete);
        assert_eq!(ended.closed(), ids(&[&named]));
        assert!(is_open(host, &kept));
    });
}

/// Such a name is nobody's here, but the session's index is somebody's.
#[test]
fn where_the_name_is_in_another_format_the_index_tells() {
    let persistent = r#" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent""#;
    for format in [
        "",
        r#" Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified""#,
        r#" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient""#,
    ] {
        on_each_store(|host| {
            let named = sign_in(host, "nurse", "_1");
            let kept = sign_in(host, "nurse", "_2");
            let sign_out = |id: &str, session_indexes: &[&str]| {
                let xml = request(host, id, "nurse", session_indexes).replace(persistent, format);
                let xml = host.idp.sign(xml.as_bytes(), id);
                done(wait(host.engine.sign_out(&acme(), Inbound::Xml(&xml))).unwrap())
            };
            let nobody = sign_out("_logout-1", &[]);
            assert_eq!(nobody.status(), LogoutStatus::Partial);
            assert_eq!(nobody.closed(), []);
            let ended = sign_out("_logout-2", &["_1"]);
            assert_eq!(ended.status(), LogoutStatus::Complete);
            assert_eq!(ended.closed(), ids(&[&named]));
            assert!(is_open(host, &kept));
        });
    }
}

#[test]
fn the_session_of_a_suspended_account_does_not_come_back_with_the_account() {
    on_each_store(|host| {
        let session = sign_in(host, "nurse", "_1");
        host.edit_account(&session, |user| user.state = UserState::Suspended);
        let ended = done(sign_out(host, "_logout-1", "nurse", &[]));
        assert_eq!(ended.closed(), ids(&[&session]));
        host.edit_account(&session, |user| user.state = UserState::Active);
        assert!(!is_open(host, &session));
    });
}

#[test]
fn a_logout_that_is_forged_replayed_or_unsigned_ends_nothing() {
    on_each_store(|host| {
        let session = sign_in(host, "nurse", "_1");
        let unsigned = request(host, "_logout-1", "nurse", &[]);
        let stranger = TestIdp::with_key(ISSUER, KeyChoice::Stranger);
        let forged = stranger.sign(unsigned.as_bytes(), "_logout-1");
        for (xml, code) in [
            (unsigned.as_bytes(), "saml.unsigned"),
            (&forged[..], "saml.logout_signature_invalid"),
        ] {
            match wait(host.engine.sign_out(&acme(), Inbound::Xml(xml))).unwrap() {
                SignOut::Refused(rejection) => assert_eq!(rejection.code(), code),
                SignOut::Done(signed_out) => panic!("{signed_out:?}"),
            }
        }
        assert!(is_open(host, &session));
        done(sign_out(host, "_logout-1", "nurse", &["_1"]));
        let again = sign_in(host, "nurse", "_1");
        match sign_out(host, "_logout-1", "nurse", &["_1"]) {
            SignOut::Refused(rejection) => assert_eq!(rejection.code(), "saml.replayed"),
            SignOut::Done(signed_out) => panic!("{signed_out:?}"),
        }
        assert!(is_open(host, &again));
    });
}

#[test]
fn a_session_that_is_over_already_is_passed_over() {
    on_each_store(|host| {
        let closed = sign_in(host, "nurse", "_1");
        wait(host.engine.close_session(&closed)).unwrap();
        let expired = sign_in(host, "nurse", "_2");
        host.clock.advance(host::minutes(31));
        assert!(!is_open(host, &expired));
        let ended = done(sign_out(host, "_logout-1", "nurse", &[]));
        assert_eq!(ended.closed(), []);
        assert_eq!(ended.status(), LogoutStatus::Complete);
    });
}

#[test]
fn a_logout_for_an_unknown_connection_is_misuse() {
    on_each_store(|host| {
        let other = countersign::ConnectionId::new("other").unwrap();
        let error = wait(host.engine.sign_out(&other, Inbound::Xml(b"<a/>"))).unwrap_err();
        assert_eq!(error.code(), "engine.unknown_connection");
    });
}
