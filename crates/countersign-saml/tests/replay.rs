//! Nothing is accepted twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use countersign_core::Timestamp;
use countersign_saml::replay::ReplayStore;
use countersign_saml::{AdmitError, Expect, Inbound, PendingRequest, RejectCode, Verified};
use support::{Down, Forgetful, IDP, NURSE, REQUEST, idp, now, sp, spec, test_idp};

fn verified(xml: &[u8], now: Timestamp) -> Verified {
    let pending = PendingRequest::new(REQUEST).unwrap();
    countersign_saml::verify(
        &sp(),
        &idp(),
        Inbound::Xml(xml),
        Expect::Request(&pending),
        now,
    )
    .unwrap()
}

fn admit(store: &dyn ReplayStore, xml: &[u8], now: Timestamp) -> Result<(), RejectCode> {
    match pollster::block_on(verified(xml, now).admit(store, now)) {
        Ok(login) => {
            assert_eq!(login.identity().claims().name_id.value, NURSE);
            Ok(())
        }
        Err(AdmitError::Rejected(rejection)) => Err(rejection.reject_code()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn replayed() {
    let store = Forgetful::default();
    let xml = test_idp().respond(&spec());
    let another = test_idp().respond(&spec().with_ids("_r2", "_a2"));
    assert_eq!(admit(&store, &xml, now()), Ok(()));
    assert_eq!(admit(&store, &xml, now()), Err(RejectCode::Replayed));
    assert_eq!(admit(&store, &another, now()), Ok(()));
    let issuers: Vec<_> = store
        .0
        .lock()
        .unwrap()
        .keys()
        .map(|key| key.issuer.clone())
        .collect();
    assert_eq!(issuers, [IDP, IDP]);
}

#[test]
fn an_assertion_in_another_response_is_the_same_assertion() {
    let store = Forgetful::default();
    let xml = String::from_utf8(test_idp().respond(&spec())).unwrap();
    let rewrapped = xml.replace(&spec().response_id, "_another");
    assert_ne!(xml, rewrapped);
    assert_eq!(admit(&store, xml.as_bytes(), now()), Ok(()));
    assert_eq!(
        admit(&store, rewrapped.as_bytes(), now()),
        Err(RejectCode::Replayed)
    );
}

#[test]
fn what_the_store_has_forgotten_is_refused_for_its_age() {
    let store = Forgetful::default();
    let xml = test_idp().respond(&spec());
    let loose = sp().with_clock_skew(Duration::from_secs(180)).unwrap();
    let pending = PendingRequest::new(REQUEST).unwrap();
    assert_eq!(admit(&store, &xml, now()), Ok(()));

    // At every instant: either verification refuses it, or the store still knows it.
    for seconds in 0..600 {
        let later = now().saturating_add(Duration::from_secs(seconds));
        let verified = countersign_saml::verify(
            &loose,
            &idp(),
            Inbound::Xml(&xml),
            Expect::Request(&pending),
            later,
        );
        if let Ok(verified) = verified {
            let result = pollster::block_on(verified.admit(&store, later));
            assert!(result.is_err(), "admitted again after {seconds} s");
        }
    }

    // Verified in time, admitted when the store has forgotten.
    let late = now().saturating_add(Duration::from_secs(3600));
    let result = pollster::block_on(verified(&xml, now()).admit(&store, late));
    let Err(AdmitError::Rejected(rejection)) = result else {
        panic!("admitted an hour later");
    };
    assert_eq!(rejection.reject_code(), RejectCode::Expired);
}

#[test]
fn a_commit_of_the_callers_is_given_the_key_that_a_store_is() {
    let store = Forgetful::default();
    let xml = test_idp().respond(&spec());
    let (identity, once) = verified(&xml, now()).admit_by_commit(now()).unwrap();
    assert_eq!(identity.claims().name_id.value, NURSE);
    assert_eq!(once.now, now());
    assert_eq!(admit(&store, &xml, now()), Ok(()));
    let remembered = store.0.lock().unwrap();
    assert_eq!(remembered.get(&once.key), Some(&once.expires));
}

#[test]
fn no_key_is_given_for_a_response_that_went_stale() {
    let xml = test_idp().respond(&spec());
    let (_, once) = verified(&xml, now()).admit_by_commit(now()).unwrap();
    let late = verified(&xml, now()).admit_by_commit(once.expires);
    assert_eq!(late.unwrap_err().reject_code(), RejectCode::Expired);
    let in_time = once.expires.saturating_sub(Duration::from_millis(1));
    assert!(verified(&xml, now()).admit_by_commit(in_time).is_ok());
}

#[test]
fn nobody_is_admitted_while_the_store_is_down() {
    let xml = test_idp().respond(&spec());
    let result = pollster::block_on(verified(&xml, now()).admit(&Down, now()));
    assert!(matches!(result, Err(AdmitError::Store(_))));
}
