//! Messages whose elements were moved, copied, wrapped and forged at random.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod support;

use countersign_core::VerifiedIdentity;
use countersign_saml::SignedPart;
use countersign_testkit::attacks::ATTACKER;
use countersign_testkit::idp::Sign;
use fuzz_shared::choices::Choices;
use fuzz_shared::edit::Editor;
use proptest::prelude::*;
use proptest::sample::select;
use support::{NURSE, sp, spec, test_idp, verify};

/// How many edits make a mutant, at most.
const MOST_EDITS: usize = 4;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// An attacker may move what he likes: the person and everything said about her stay, or are
    /// those of the other message that he has.
    #[test]
    fn a_mutant_is_refused_or_claims_the_same(
        sign in select(vec![Sign::Assertion, Sign::Response, Sign::Both]),
        part in select(vec![SignedPart::Any, SignedPart::Assertion, SignedPart::Response]),
        script in prop::collection::vec(any::<u8>(), 8..40),
    ) {
        let mut spec = spec().signed(sign);
        spec.response_xml = "<samlp:Extensions/>".to_owned();
        spec.assertion_xml = "<saml:Advice/>".to_owned();
        let genuine = test_idp().respond(&spec);
        let mut other = spec.with_ids("_other-response", "_other-assertion").signed(Sign::Both);
        other.name_id.as_mut().unwrap().value = "doctor@acme.example".to_owned();
        let other = test_idp().respond(&other);
        let expected = [
            verify(&sp(), &genuine).unwrap(),
            verify(&sp(), &other).unwrap(),
        ];
        let editor = Editor {
            victims: &[NURSE, "doctor@acme.example"],
            attacker: ATTACKER,
            donor: &other,
        };
        let mut mutant = genuine;
        editor.edits(&mut mutant, &mut Choices::from_bytes(&script), MOST_EDITS);
        let sp = sp().with_signed_part(part);
        if let Ok(identity) = verify(&sp, &mutant) {
            let said = |identity: &VerifiedIdentity| {
                (identity.claims().clone(), identity.evidence().signed().unwrap().assertion_id.clone())
            };
            prop_assert!(expected.iter().any(|known| said(known) == said(&identity)));
        }
    }
}

/// Were all of them refused, the property above would show nothing.
#[test]
fn mutants_are_accepted_as_well_as_refused() {
    let genuine = test_idp().respond(&spec());
    let editor = Editor {
        victims: &[NURSE],
        attacker: ATTACKER,
        donor: b"",
    };
    let (mut accepted, mut refused, mut forged) = (0, 0, 0);
    for seed in 0..300 {
        let mut mutant = genuine.clone();
        editor.edit(&mut mutant, &mut Choices::from_seed(seed));
        let has_attacker = String::from_utf8_lossy(&mutant).contains(ATTACKER);
        match verify(&sp(), &mutant) {
            Ok(_) if mutant != genuine => accepted += 1,
            Ok(_) => {}
            Err(_) if has_attacker => forged += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        accepted > 20 && refused > 20 && forged > 10,
        "{accepted} {refused} {forged}"
    );
}
