//! Every attack that testkit makes, on responses of every style.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::VerifiedIdentity;
use countersign_saml::{
    Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider, SignedPart,
};
use countersign_testkit::attacks::{self, Attack, AttackClass, Message, Outcome, Report};
use countersign_testkit::broken::{BrokenVerifier, VerifierDefect};
use countersign_testkit::encryption::Encryption;
use countersign_testkit::idp::{KeyChoice, ResponseSpec, Sign, TestIdp};
use countersign_testkit::keys;
use support::{IDP, REQUEST, SP, decrypting_sp, now, sp, spec, test_idp};

/// Signs in with a fresh memory, and gives who the last message was accepted as.
fn sign_in(
    sp: &ServiceProvider,
    idp: &IdentityProvider,
    messages: &[Message],
) -> Option<VerifiedIdentity> {
    let mut seen = BTreeSet::new();
    let mut last = None;
    for message in messages {
        let form_value = message.form_value();
        let pending = PendingRequest::new(REQUEST).unwrap();
        let inbound = Inbound::Post(&form_value);
        last = countersign_saml::verify(sp, idp, inbound, Expect::Request(&pending), now())
            .ok()
            .map(|verified| verified.insecure_without_replay_check().into_identity())
            .filter(|identity| {
                seen.insert(identity.evidence().signed().unwrap().assertion_id.clone())
            });
    }
    last
}

fn run(sp: &ServiceProvider, idp: &TestIdp, attacks: &[Attack], genuine: &[u8]) -> Report {
    let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap();
    attacks::run(attacks, genuine, |messages| {
        let identity = sign_in(sp, &trusted, messages)?;
        let id = identity.evidence().signed().unwrap().assertion_id.clone();
        Some((identity.claims().clone(), id))
    })
}

#[track_caller]
fn withstands(sp: &ServiceProvider, idp: &TestIdp, genuine: &[u8]) {
    let attacks = attacks::on(genuine);
    assert!(attacks.len() > 1000, "only {} attacks", attacks.len());
    let report = run(sp, idp, &attacks, genuine);
    println!("{report}");
    report.assert_none_got_in();
}

fn signed(sign: Sign) -> ResponseSpec {
    spec().signed(sign)
}

#[test]
fn attacks_on_a_signed_assertion() {
    let idp = test_idp();
    withstands(&sp(), &idp, &idp.respond(&signed(Sign::Assertion)));
}

#[test]
fn attacks_on_a_signed_response() {
    let idp = test_idp();
    withstands(&sp(), &idp, &idp.respond(&signed(Sign::Response)));
}

#[test]
fn attacks_on_a_response_and_an_assertion_both_signed() {
    let idp = test_idp();
    withstands(&sp(), &idp, &idp.respond(&signed(Sign::Both)));
}

#[test]
fn attacks_where_the_host_chose_the_signature() {
    let idp = test_idp();
    for part in [SignedPart::Assertion, SignedPart::Response] {
        let genuine = idp.respond(&signed(Sign::Both));
        withstands(&sp().with_signed_part(part), &idp, &genuine);
    }
}

#[test]
fn attacks_on_signatures_of_other_keys() {
    for (key, sign) in [
        (KeyChoice::P256, Sign::Assertion),
        (KeyChoice::P384, Sign::Response),
        (KeyChoice::Ed25519, Sign::Assertion),
        (KeyChoice::RsaPss, Sign::Both),
    ] {
        let idp = TestIdp::with_key(IDP, key);
        withstands(&sp(), &idp, &idp.respond(&signed(sign)));
    }
}

/// Prefixes as other providers write them; the signature stays `ds:`.
#[test]
fn attacks_on_responses_of_other_prefixes() {
    let idp = test_idp();
    let spec = signed(Sign::None);
    let plain = String::from_utf8(idp.respond(&spec)).unwrap();
    let default_namespace = plain
        .replace(
            "<saml:Assertion",
            "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
        )
        .replace("</saml:Assertion", "</Assertion");
    let (head, assertion) = default_namespace.split_once("<Assertion").unwrap();
    let assertion = assertion.replace("<saml:", "<").replace("</saml:", "</");
    let default_namespace = format!("{head}<Assertion{assertion}");
    let renamed = plain
        .replace("samlp:", "saml2p:")
        .replace("saml:", "saml2:")
        .replace("xmlns:samlp=", "xmlns:saml2p=")
        .replace("xmlns:saml=", "xmlns:saml2=");
    let swapped = plain
        .replace("samlp", "x")
        .replace("saml:", "samlp:")
        .replace("xmlns:saml=", "xmlns:samlp=")
        .replace("x:", "saml:")
        .replace("xmlns:x=", "xmlns:saml=")
        .replace("mlns:saml:", "mlns:");
    for (xml, ids) in [
        (renamed, &[&spec.assertion_id][..]),
        (default_namespace.clone(), &[&spec.assertion_id]),
        (default_namespace, &[&spec.assertion_id, &spec.response_id]),
        (swapped, &[&spec.response_id]),
    ] {
        let genuine = ids
            .iter()
            .fold(xml.into_bytes(), |xml, id| idp.sign(&xml, id));
        withstands(&sp(), &idp, &genuine);
    }
}

#[test]
fn attacks_with_the_providers_key() {
    for key in [KeyChoice::Rsa, KeyChoice::P256] {
        let idp = TestIdp::with_key(IDP, key);
        for sign in [Sign::Assertion, Sign::Response, Sign::Both] {
            let spec = signed(sign);
            let attacks = attacks::by_provider(&idp, &spec);
            assert!(attacks.len() > 150, "only {} attacks", attacks.len());
            let report = run(&sp(), &idp, &attacks, &idp.respond(&spec));
            println!("{report}");
            report.assert_none_got_in();
        }
    }
}

/// Nothing is made twice, nothing is the genuine message, and each class has its share.
#[test]
fn the_generator_makes_every_class_that_a_response_can_carry() {
    let idp = test_idp();
    let spec = signed(Sign::Both);
    let genuine = idp.respond(&spec);
    let mut attacks = attacks::on(&genuine);
    attacks.extend(attacks::by_provider(&idp, &spec));
    let mut classes: BTreeMap<AttackClass, usize> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for attack in &attacks {
        assert!(
            names.insert((attack.class, &attack.name)),
            "{} twice",
            attack.name
        );
        *classes.entry(attack.class).or_default() += 1;
        if attack.messages.len() == 1 {
            assert_ne!(
                attack.message(),
                Some(&Message::Xml(genuine.clone())),
                "{}",
                attack.name
            );
        }
    }
    println!("{classes:?}");
    for class in AttackClass::ALL {
        let elsewhere = matches!(class.number(), 14 | 15 | 19 | 24);
        let count = classes.get(class).copied().unwrap_or_default();
        assert!(elsewhere || count >= 5, "{class}: {count}");
    }
}

/// What the attacks are worth: each defect lets in some attack of its class that stays out without
/// the defect.
#[test]
fn every_defect_of_a_verifier_falls_to_its_class() {
    let made = |key| {
        let idp = TestIdp::with_key(IDP, key);
        let spec = signed(Sign::Assertion);
        let genuine = idp.respond(&spec);
        let mut attacks = attacks::on(&genuine);
        attacks.extend(attacks::by_provider(&idp, &spec));
        let certificate = keys::SP_RSA_2048_CERTIFICATE;
        attacks.extend(attacks::by_encrypting(&genuine, certificate));
        (genuine, attacks)
    };
    let rsa = (keys::IDP_RSA_2048_CERTIFICATE, made(KeyChoice::Rsa));
    let ecdsa = (keys::IDP_P256_CERTIFICATE, made(KeyChoice::P256));
    for defect in VerifierDefect::ALL {
        let (certificate, (genuine, attacks)) = match defect {
            VerifierDefect::AcceptsZeros => &ecdsa,
            _ => &rsa,
        };
        let attacks: Vec<_> = attacks
            .iter()
            .filter(|attack| attack.class == defect.falls_to())
            .collect();
        let got_in = |defect| {
            let verifier = BrokenVerifier::new(certificate, IDP, SP, defect);
            let of_class = attacks.iter().copied();
            let report = attacks::run(of_class, genuine, |messages| verifier.sign_in(messages));
            let names = report.got_in().map(|(_, name, _)| name.to_owned());
            names.collect::<BTreeSet<_>>()
        };
        let only_with_the_defect = got_in(Some(*defect)).difference(&got_in(None)).count();
        println!("{defect:?}: {only_with_the_defect} of {}", attacks.len());
        assert!(
            only_with_the_defect > 0,
            "{defect:?} withstands {}",
            defect.falls_to()
        );
    }
}

/// With the service provider's certificate, which everybody has.
#[test]
fn attacks_by_encryption() {
    let idp = test_idp();
    for sign in [Sign::Assertion, Sign::Response, Sign::Both] {
        let genuine = idp.respond(&signed(sign));
        let attacks = attacks::by_encrypting(&genuine, keys::SP_RSA_2048_CERTIFICATE);
        assert!(attacks.len() > 100, "only {} attacks", attacks.len());
        for (sp, decrypts) in [
            (decrypting_sp(), false),
            (
                decrypting_sp().insecure_decrypt_unsigned_response(),
                sign != Sign::Response,
            ),
        ] {
            let report = run(&sp, &idp, &attacks, &genuine);
            println!("{report}");
            report.assert_none_got_in();
            // What is genuine is decrypted, so what is forged was refused for being forged.
            let genuine = report.results().any(|(_, name, outcome)| {
                name.starts_with("the genuine assertion, ") && outcome == Outcome::Harmless
            });
            assert_eq!(genuine, decrypts, "{sign:?}");
        }
    }
}

/// With one ciphertext of somebody else: signed around it, and within it under the opt-in.
#[test]
fn attacks_on_encrypted_responses() {
    let idp = test_idp();
    for (sign, sp) in [
        (Sign::Response, decrypting_sp()),
        (Sign::Both, decrypting_sp()),
        (
            Sign::Assertion,
            decrypting_sp().insecure_decrypt_unsigned_response(),
        ),
    ] {
        let encryption = Encryption::for_certificate(keys::SP_RSA_2048_CERTIFICATE);
        let genuine = idp.respond(&signed(sign).encrypted(encryption));
        let attacks = attacks::on_encrypted(&genuine);
        assert!(attacks.len() > 500, "only {} attacks", attacks.len());
        let report = run(&sp, &idp, &attacks, &genuine);
        println!("{report}");
        report.assert_none_got_in();

        // One answer to all of them, or it is an oracle.
        let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap();
        let pending = PendingRequest::new(REQUEST).unwrap();
        let flipped = attacks
            .iter()
            .filter(|attack| attack.name.starts_with("bit "));
        let answers: BTreeSet<_> = flipped
            .map(|attack| {
                let form_value = attack.message().unwrap().form_value();
                let inbound = Inbound::Post(&form_value);
                let expect = Expect::Request(&pending);
                let refused = countersign_saml::verify(&sp, &trusted, inbound, expect, now());
                refused.unwrap_err().to_string()
            })
            .collect();
        assert_eq!(answers.len(), 1, "{sign:?}: {answers:?}");
    }
}
