//! What holds for every message.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod support;

use countersign_saml::{Expect, Inbound, inspect};
use countersign_testkit::idp::{Sign, TestIdp};
use proptest::prelude::*;
use support::{idp, now, sp, spec, test_idp, verify};

/// A small response: every byte of it is tried.
fn small(sign: Sign) -> Vec<u8> {
    test_idp().respond(&spec().signed(sign))
}

/// What a byte is changed into: one that is near, one that is far, and those that mean something
/// to a parser.
fn others(byte: u8) -> impl Iterator<Item = u8> {
    [byte ^ 1, byte ^ 0x20, byte ^ 0x80, b'<', b'"']
        .into_iter()
        .filter(move |other| *other != byte)
}

fn every_changed_byte_is_refused_or_changes_no_claim(sign: Sign) {
    let genuine = small(sign);
    let idp = idp();
    let sp = sp();
    let pending = countersign_saml::PendingRequest::new(support::REQUEST).unwrap();
    let claims = verify(&sp, &genuine).unwrap().claims().clone();
    let mut refused = 0_usize;
    for position in 0..genuine.len() {
        let mut changed = genuine.clone();
        for other in others(genuine[position]) {
            changed[position] = other;
            match support::verify_for(&sp, &idp, &changed, Expect::Request(&pending), now()) {
                Ok(identity) => assert_eq!(
                    identity.claims(),
                    &claims,
                    "byte {position} changed to {other:#04x}"
                ),
                Err(_) => refused += 1,
            }
        }
    }
    // Nearly all of them are; the rest is in what no signature covers.
    assert!(refused > genuine.len() * 2, "only {refused} were refused");
}

#[test]
fn every_changed_byte_of_a_signed_assertion() {
    every_changed_byte_is_refused_or_changes_no_claim(Sign::Assertion);
}

#[test]
fn every_changed_byte_of_a_signed_response() {
    every_changed_byte_is_refused_or_changes_no_claim(Sign::Response);
}

#[derive(Debug, Clone)]
enum Edit {
    Delete(usize, usize),
    Duplicate(usize, usize),
    Insert(usize, &'static str),
    Set(usize, u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let pieces = prop::sample::select(vec![
        "<",
        ">",
        "/>",
        "</",
        "&",
        "&lt;",
        "&#0;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x?>",
        "<!DOCTYPE a>",
        " ID=\"_a\"",
        " xmlns=\"\"",
        " xmlns:saml=\"urn:x\"",
        "\u{FEFF}",
        "\r\n",
        "<saml:Assertion>",
        "</saml:Assertion>",
        "<saml:NameID>x</saml:NameID>",
        "\"",
    ]);
    prop_oneof![
        (any::<usize>(), 0_usize..200).prop_map(|(at, length)| Edit::Delete(at, length)),
        (any::<usize>(), 0_usize..2000).prop_map(|(at, length)| Edit::Duplicate(at, length)),
        (any::<usize>(), pieces).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
    ]
}

fn apply(message: &mut Vec<u8>, edit: &Edit) {
    let position = |at: usize| at % (message.len() + 1);
    let range = |at: usize, length: usize| position(at)..message.len().min(position(at) + length);
    match *edit {
        Edit::Delete(at, length) => drop(message.drain(range(at, length))),
        Edit::Duplicate(at, length) => {
            let piece = message[range(at, length)].to_vec();
            let at = position(at);
            message.splice(at..at, piece);
        }
        Edit::Insert(at, piece) => {
            let at = position(at);
            message.splice(at..at, piece.bytes());
        }
        Edit::Set(at, byte) => {
            let at = position(at);
            if let Some(target) = message.get_mut(at) {
                *target = byte;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_edited_response_is_refused_or_claims_the_same(
        sign in prop::sample::select(vec![Sign::Assertion, Sign::Response, Sign::Both]),
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let genuine = small(sign);
        let claims = verify(&sp(), &genuine).unwrap().claims().clone();
        let mut edited = genuine;
        for edit in &edits {
            apply(&mut edited, edit);
        }
        if let Ok(identity) = verify(&sp(), &edited) {
            prop_assert_eq!(identity.claims(), &claims);
        }
        let _ = inspect(&edited);
    }

    #[test]
    fn any_bytes_at_all_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify(&sp(), &bytes).is_err());
        let post = countersign_saml::verify(
            &sp(),
            &idp(),
            Inbound::Post(&bytes),
            Expect::Unsolicited,
            now(),
        );
        prop_assert!(post.is_err());
        let _ = inspect(&bytes);
    }

    #[test]
    fn names_and_values_come_out_as_they_went_in(name in "[^\\p{C}]{1,40}", value in "[^\\p{C}]{0,40}") {
        let mut spec = spec().with_attribute(&name, [value.clone()]);
        spec.name_id.as_mut().unwrap().value = name.clone();
        let identity = verify(&sp(), &TestIdp::new(support::IDP).respond(&spec)).unwrap();
        let claims = identity.claims();
        prop_assert_eq!(&claims.name_id.value, &name);
        prop_assert_eq!(&claims.attributes, &spec.attributes);
        prop_assert_eq!(claims.attributes[1].values[0].as_text(), Some(value.as_str()));
    }
}
