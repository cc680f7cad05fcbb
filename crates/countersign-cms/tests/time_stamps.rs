//! Time-stamps: requested, read, verified and renewed, and one refusal for each rule.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use countersign_cms::error::{Broken, Malformed, OtherRequest, Refusal, Unsupported, Untrusted};
use countersign_cms::timestamp::{
    CLOCK_SKEW, Imprint, VerifiedTime, chained, read_response, request, verify_chain, verify_token,
};
use countersign_cms::{CmsError, DigestAlgorithm, TrustAnchor};
use countersign_core::Timestamp;
use countersign_testkit::authority::{
    CertificateAuthority, CertificateSpec, Fault, KeyKind, TimeStampAuthority, der,
};
use proptest::prelude::*;
use std::time::Duration;

const CHECKPOINT: &[u8] = b"a checkpoint, byte for byte";
const NONCE: [u8; 16] = [0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-03-01T09:30:00.120Z")
}

fn root() -> CertificateAuthority {
    CertificateAuthority::new("Test Root")
}

fn trust(authority: &CertificateAuthority) -> Vec<TrustAnchor> {
    vec![TrustAnchor::from_certificate(authority.certificate()).unwrap()]
}

fn request_for(data: &[u8]) -> Vec<u8> {
    request(&Imprint::of(DigestAlgorithm::Sha256, data), NONCE)
}

fn stamp(authority: &TimeStampAuthority, data: &[u8]) -> Vec<u8> {
    let request = request_for(data);
    read_response(&authority.answer(&request), &request).unwrap()
}

/// How a response with this fault is refused before anything is verified.
fn refused_response(fault: Fault) -> CmsError {
    let authority = TimeStampAuthority::new(&root(), "Test Time", now()).with_fault(fault);
    let request = request_for(CHECKPOINT);
    read_response(&authority.answer(&request), &request).unwrap_err()
}

/// How a token with this fault is refused when it is verified.
fn refused_token(fault: Fault) -> CmsError {
    let root = root();
    let authority = TimeStampAuthority::new(&root, "Test Time", now()).with_fault(fault);
    let token = stamp(&authority, CHECKPOINT);
    verify_token(&token, CHECKPOINT, &trust(&root), now()).unwrap_err()
}

/// How a token is refused by an authority whose certificate says this.
fn refused_certificate(spec: &CertificateSpec) -> CmsError {
    let root = root();
    let own = root.issue(spec, KeyKind::P256);
    let token = stamp(
        &TimeStampAuthority::with_certificate(own, now()),
        CHECKPOINT,
    );
    verify_token(&token, CHECKPOINT, &trust(&root), now()).unwrap_err()
}

#[test]
fn a_time_stamp_says_when_and_by_whom() {
    let root = root();
    let authority = TimeStampAuthority::new(&root, "Test Time", now());
    let token = stamp(&authority, CHECKPOINT);
    let verified = verify_token(&token, CHECKPOINT, &trust(&root), now()).unwrap();
    assert_eq!(verified.gen_time, now());
    assert_eq!(verified.authority, "CN=Test Time");
    assert_eq!(verified.certificate, authority.certificate());
    assert_eq!(verified.policy, "1.3.6.1.4.1.99999.2.1");
    assert_eq!(verified.serial, "02");
    assert_eq!(verified.imprint, DigestAlgorithm::Sha256);
    let accuracy = verified.accuracy.unwrap();
    assert_eq!(accuracy.duration(), Duration::from_secs(1));
    assert_eq!(accuracy.to_string(), "1s");
}

#[test]
fn authorities_may_have_every_key_and_hash() {
    let root = root();
    for key in [
        KeyKind::Rsa,
        KeyKind::RsaSha384,
        KeyKind::RsaSha512,
        KeyKind::P256,
        KeyKind::P384,
    ] {
        let own = root.issue(&CertificateSpec::time_stamping("Test Time"), key);
        let authority = TimeStampAuthority::with_certificate(own, now());
        for imprint in [
            DigestAlgorithm::Sha256,
            DigestAlgorithm::Sha384,
            DigestAlgorithm::Sha512,
        ] {
            let request = request(&Imprint::of(imprint, CHECKPOINT), NONCE);
            let token = read_response(&authority.answer(&request), &request).unwrap();
            let verified = verify_token(&token, CHECKPOINT, &trust(&root), now()).unwrap();
            assert_eq!(verified.imprint, imprint);
        }
    }
}

#[test]
fn a_certificate_may_be_referred_to_by_sha1() {
    let root = root();
    let authority =
        TimeStampAuthority::new(&root, "Test Time", now()).with_fault(Fault::OldReference);
    let token = stamp(&authority, CHECKPOINT);
    assert!(verify_token(&token, CHECKPOINT, &trust(&root), now()).is_ok());
}

#[test]
fn nonces_of_every_size_come_back() {
    let authority = TimeStampAuthority::new(&root(), "Test Time", now());
    let imprint = Imprint::of(DigestAlgorithm::Sha256, CHECKPOINT);
    let short = |last: u8| {
        let mut nonce = [0; 16];
        nonce[15] = last;
        nonce
    };
    for nonce in [[0; 16], [0xff; 16], [0x7f; 16], short(1), short(0x80)] {
        let request = request(&imprint, nonce);
        assert!(read_response(&authority.answer(&request), &request).is_ok());
    }
}

#[test]
fn what_an_authority_refuses_is_named() {
    for (bit, refusal) in [
        (0, Refusal::BadAlgorithm),
        (2, Refusal::BadRequest),
        (5, Refusal::BadDataFormat),
        (14, Refusal::TimeNotAvailable),
        (15, Refusal::UnacceptedPolicy),
        (16, Refusal::UnacceptedExtension),
        (17, Refusal::InformationNotAvailable),
        (25, Refusal::SystemFailure),
        (24, Refusal::Rejected),
    ] {
        assert_eq!(refused_response(Fault::Refuses(bit)), refusal.into());
    }
    for (status, refusal) in [
        (2, Refusal::Rejected),
        (3, Refusal::Waiting),
        (4, Refusal::Revocation),
        (5, Refusal::Revocation),
        (6, Refusal::Rejected),
    ] {
        assert_eq!(refused_response(Fault::Status(status)), refusal.into());
    }
}

#[test]
fn a_granted_nothing_is_refused() {
    let error = refused_response(Fault::GrantsNothing);
    assert_eq!(error, Malformed::Response.into());
}

#[test]
fn another_nonce_is_refused() {
    assert_eq!(
        refused_response(Fault::OtherNonce),
        OtherRequest::Nonce.into()
    );
    assert_eq!(refused_response(Fault::NoNonce), OtherRequest::Nonce.into());
}

#[test]
fn another_imprint_is_refused() {
    assert_eq!(
        refused_response(Fault::OtherImprint),
        OtherRequest::Imprint.into()
    );
    let error = refused_response(Fault::UnknownImprint);
    assert_eq!(error, Unsupported::DigestAlgorithm.into());
}

#[test]
fn another_policy_is_refused() {
    let authority = TimeStampAuthority::new(&root(), "Test Time", now());
    let imprint = der::sequence(&[
        &der::algorithm("2.16.840.1.101.3.4.2.1", &[]),
        &der::octets(Imprint::of(DigestAlgorithm::Sha256, CHECKPOINT).digest()),
    ]);
    let policy = der::oid("1.2.3.4.5");
    let request = der::sequence(&[&der::integer(&[1]), &imprint, &policy]);
    assert!(read_response(&authority.answer(&request), &request).is_ok());
    authority.set_fault(Some(Fault::OtherPolicy));
    let answer = read_response(&authority.answer(&request), &request);
    assert_eq!(answer, Err(OtherRequest::Policy.into()));
}

#[test]
fn an_answer_that_is_no_response_is_refused() {
    let request = request_for(CHECKPOINT);
    let authority = TimeStampAuthority::new(&root(), "Test Time", now());
    let mut answer = authority.answer(&request);
    assert_eq!(
        read_response(&answer, b"no request"),
        Err(Malformed::Request.into())
    );
    answer.push(0);
    assert_eq!(
        read_response(&answer, &request),
        Err(Malformed::Response.into())
    );
    assert_eq!(
        read_response(b"", &request),
        Err(Malformed::Response.into())
    );
}

#[test]
fn other_data_is_refused() {
    let root = root();
    let token = stamp(
        &TimeStampAuthority::new(&root, "Test Time", now()),
        CHECKPOINT,
    );
    let verified = verify_token(&token, b"another checkpoint", &trust(&root), now());
    assert_eq!(verified, Err(Broken::Imprint.into()));
}

#[test]
fn a_changed_signature_is_refused() {
    assert_eq!(
        refused_token(Fault::ChangedSignature),
        Broken::Signature.into()
    );
}

#[test]
fn a_reference_to_another_certificate_is_refused() {
    assert_eq!(
        refused_token(Fault::OtherCertificate),
        Broken::CertificateReference.into()
    );
}

#[test]
fn a_token_without_its_certificate_is_refused() {
    assert_eq!(
        refused_token(Fault::NoCertificate),
        Broken::SignerCertificate.into()
    );
}

#[test]
fn a_name_that_is_not_the_authoritys_is_refused() {
    assert_eq!(
        refused_token(Fault::OtherName),
        Broken::AuthorityName.into()
    );
}

#[test]
fn an_accuracy_of_no_thousandth_is_refused() {
    assert_eq!(refused_token(Fault::BadAccuracy), Malformed::TstInfo.into());
}

#[test]
fn a_time_that_is_not_in_der_is_refused() {
    assert_eq!(refused_token(Fault::BadTime), Malformed::TstInfo.into());
}

#[test]
fn a_token_outside_the_profile_is_refused() {
    for (fault, error) in [
        (
            Fault::NoReference,
            CmsError::from(Unsupported::MissingAttribute),
        ),
        (Fault::TwoSigners, Unsupported::Signers.into()),
        (
            Fault::UnsignedAttributes,
            Unsupported::UnsignedAttributes.into(),
        ),
        (Fault::OtherContentType, Unsupported::ContentType.into()),
        (Fault::NoContent, Malformed::TstInfo.into()),
        (Fault::Version, Unsupported::Version.into()),
        (
            Fault::CriticalExtension,
            Unsupported::CriticalExtension.into(),
        ),
    ] {
        assert_eq!(refused_response(fault), error, "{fault:?}");
    }
}

#[test]
fn a_certificate_that_is_not_for_time_stamps_is_refused() {
    let refused: CmsError = Untrusted::ExtendedKeyUsage.into();
    let right = CertificateSpec::time_stamping("Test Time");
    let none = CertificateSpec {
        purposes: Vec::new(),
        ..right.clone()
    };
    let not_critical = CertificateSpec {
        purposes_are_critical: false,
        ..right.clone()
    };
    let not_alone = CertificateSpec {
        purposes: vec!["1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.4"],
        ..right.clone()
    };
    let any = CertificateSpec {
        purposes: vec!["2.5.29.37.0"],
        ..right.clone()
    };
    for spec in [none, not_critical, not_alone, any] {
        assert_eq!(refused_certificate(&spec), refused, "{spec:?}");
    }
    // keyAgreement
    let no_signatures = CertificateSpec {
        key_usage: Some(0x08),
        ..right
    };
    assert_eq!(
        refused_certificate(&no_signatures),
        Untrusted::KeyUsage.into()
    );
}

#[test]
fn an_authority_for_other_purposes_issues_no_time_stamp_authority() {
    let root = root();
    let stamp_below = |purposes: Vec<&'static str>| {
        let spec = CertificateSpec {
            purposes,
            ..CertificateSpec::authority("Below")
        };
        let below = root.below(&spec, KeyKind::P256);
        let token = stamp(
            &TimeStampAuthority::new(&below, "Test Time", now()),
            CHECKPOINT,
        );
        verify_token(&token, CHECKPOINT, &trust(&root), now()).map(|_| ())
    };
    assert_eq!(stamp_below(vec![]), Ok(()));
    assert_eq!(
        stamp_below(vec!["1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.1"]),
        Ok(())
    );
    assert_eq!(stamp_below(vec!["2.5.29.37.0"]), Ok(()));
    assert_eq!(
        stamp_below(vec!["1.3.6.1.5.5.7.3.1"]),
        Err(Untrusted::ExtendedKeyUsage.into())
    );
}

#[test]
fn another_root_is_refused() {
    let token = stamp(
        &TimeStampAuthority::new(&root(), "Test Time", now()),
        CHECKPOINT,
    );
    let stranger = CertificateAuthority::new("Another Root");
    let verified = verify_token(&token, CHECKPOINT, &trust(&stranger), now());
    assert_eq!(verified, Err(Untrusted::UnknownIssuer.into()));
    let verified = verify_token(&token, CHECKPOINT, &[], now());
    assert_eq!(verified, Err(Untrusted::NoAnchors.into()));
}

#[test]
fn an_expired_certificate_is_refused() {
    let root = root();
    let spec = CertificateSpec::time_stamping("Test Time")
        .valid(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let own = root.issue(&spec, KeyKind::P256);
    let authority = TimeStampAuthority::with_certificate(own, now());
    let token = stamp(&authority, CHECKPOINT);
    let late = at("2028-01-01T00:00:00Z");
    assert_eq!(
        verify_token(&token, CHECKPOINT, &trust(&root), late),
        Err(Untrusted::Expired { at: late }.into())
    );
    // A time-stamp from before the certificate was valid: its clock is wrong, or its word.
    let early = at("2025-06-01T00:00:00Z");
    authority.set_time(early);
    let token = stamp(&authority, CHECKPOINT);
    assert_eq!(
        verify_token(&token, CHECKPOINT, &trust(&root), now()),
        Err(Untrusted::NotYetValid { at: early }.into())
    );
}

#[test]
fn a_time_that_has_not_come_is_refused() {
    let root = root();
    let authority = TimeStampAuthority::new(&root, "Test Time", now().saturating_add(CLOCK_SKEW));
    let token = stamp(&authority, CHECKPOINT);
    assert!(verify_token(&token, CHECKPOINT, &trust(&root), now()).is_ok());
    authority.set_time(now().saturating_add(CLOCK_SKEW + Duration::from_millis(1)));
    let token = stamp(&authority, CHECKPOINT);
    assert_eq!(
        verify_token(&token, CHECKPOINT, &trust(&root), now()),
        Err(Untrusted::FromTheFuture { at: now() }.into())
    );
}

/// Three time-stamps, each by an authority of its own time, whose certificates run out soon
/// after.
struct Renewed {
    trust: Vec<TrustAnchor>,
    tokens: Vec<Vec<u8>>,
}

fn renewed() -> Renewed {
    let root = root();
    let mut tokens: Vec<Vec<u8>> = Vec::new();
    for (year, algorithm) in [
        (2026, DigestAlgorithm::Sha256),
        (2031, DigestAlgorithm::Sha384),
        (2036, DigestAlgorithm::Sha512),
    ] {
        let spec = CertificateSpec::time_stamping("Test Time").valid(
            at(&format!("{year}-01-01T00:00:00Z")),
            at(&format!("{}-12-31T00:00:00Z", year + 5)),
        );
        let own = root.issue(&spec, KeyKind::P256);
        let time = at(&format!("{year}-03-01T00:00:00Z"));
        let authority = TimeStampAuthority::with_certificate(own, time);
        let covered = chained(CHECKPOINT, &tokens);
        let request = request(&Imprint::of(algorithm, &covered), NONCE);
        tokens.push(read_response(&authority.answer(&request), &request).unwrap());
    }
    Renewed {
        trust: trust(&root),
        tokens,
    }
}

impl Renewed {
    fn verify(&self, tokens: &[Vec<u8>], now: &str) -> Result<VerifiedTime, CmsError> {
        verify_chain(tokens, CHECKPOINT, &self.trust, at(now))
    }
}

#[test]
fn a_renewed_time_stamp_outlives_its_certificate() {
    let renewed = renewed();
    let first = renewed
        .verify(&renewed.tokens, "2040-01-01T00:00:00Z")
        .unwrap();
    assert_eq!(first.gen_time, at("2026-03-01T00:00:00Z"));
    let alone = renewed.verify(&renewed.tokens[..1], "2040-01-01T00:00:00Z");
    assert_eq!(alone.unwrap_err().code(), "cms.untrusted.expired");
    assert!(
        renewed
            .verify(&renewed.tokens[..1], "2030-01-01T00:00:00Z")
            .is_ok()
    );
}

#[test]
fn a_chain_ends_with_its_last_certificate() {
    let renewed = renewed();
    let late = renewed.verify(&renewed.tokens, "2050-01-01T00:00:00Z");
    assert_eq!(late.unwrap_err().code(), "cms.untrusted.expired");
}

#[test]
fn a_renewal_that_came_too_late_is_refused() {
    let renewed = renewed();
    // Ten years later the first certificate had run out.
    let root = root();
    let authority = TimeStampAuthority::new(&root, "Test Time", at("2036-03-01T00:00:00Z"));
    let first = renewed.tokens[0].clone();
    let covered = chained(CHECKPOINT, &[&first]);
    let tokens = [first, stamp(&authority, &covered)];
    let trust = [renewed.trust.clone(), trust(&root)].concat();
    let verified = verify_chain(&tokens, CHECKPOINT, &trust, at("2037-01-01T00:00:00Z"));
    assert_eq!(verified.unwrap_err().code(), "cms.untrusted.expired");
}

#[test]
fn a_chain_in_another_order_or_with_a_gap_is_refused() {
    let renewed = renewed();
    let [first, second, third] = renewed.tokens.clone().try_into().unwrap();
    let now = "2040-01-01T00:00:00Z";
    for chain in [
        vec![second.clone(), first.clone(), third.clone()],
        vec![first.clone(), third.clone()],
        vec![second.clone(), third.clone()],
        vec![first.clone(), first.clone(), second.clone(), third.clone()],
    ] {
        assert!(renewed.verify(&chain, now).is_err());
    }
}

/// That nobody is trusted for the first one says nothing of those behind it.
#[test]
fn a_broken_renewal_is_found_where_nobody_is_trusted() {
    let mut tokens = renewed().tokens;
    let nobody = verify_chain(&tokens, CHECKPOINT, &[], now());
    assert!(matches!(nobody, Err(CmsError::Untrusted(_))), "{nobody:?}");
    tokens.remove(1);
    let broken = verify_chain(&tokens, CHECKPOINT, &[], now());
    assert_eq!(broken.unwrap_err().code(), "cms.broken.imprint");
}

#[test]
fn an_empty_chain_is_refused() {
    let verified = renewed().verify(&[], "2040-01-01T00:00:00Z");
    assert_eq!(verified, Err(Malformed::SignedData.into()));
}

#[test]
fn a_renewal_that_states_an_earlier_time_is_refused() {
    let root = root();
    let authority = TimeStampAuthority::new(&root, "Test Time", now());
    let first = stamp(&authority, CHECKPOINT);
    authority.set_time(at("2025-03-01T00:00:00Z"));
    let second = stamp(&authority, &chained(CHECKPOINT, &[&first]));
    let verified = verify_chain(&[first, second], CHECKPOINT, &trust(&root), now());
    assert_eq!(
        verified.unwrap_err().code(),
        "cms.untrusted.from_the_future"
    );
}

#[test]
fn every_changed_byte_of_a_time_stamp_is_found() {
    let root = root();
    let token = stamp(
        &TimeStampAuthority::new(&root, "Test Time", now()),
        CHECKPOINT,
    );
    let trust = trust(&root);
    for position in 0..token.len() {
        for bit in 0..8 {
            let mut changed = token.clone();
            changed[position] ^= 1 << bit;
            let verified = verify_token(&changed, CHECKPOINT, &trust, now());
            assert!(verified.is_err(), "byte {position}, bit {bit}");
        }
    }
}

#[test]
fn every_code_is_there_once() {
    // A code names one cause; the prefix says whose fault it is.
    let codes = [
        refused_token(Fault::ChangedSignature).code(),
        refused_token(Fault::OtherCertificate).code(),
        refused_response(Fault::OtherNonce).code(),
        refused_response(Fault::Refuses(0)).code(),
        refused_response(Fault::GrantsNothing).code(),
        refused_response(Fault::TwoSigners).code(),
    ];
    assert_eq!(
        codes,
        [
            "cms.broken.signature",
            "cms.broken.certificate_reference",
            "cms.other_request.nonce",
            "cms.refused.bad_algorithm",
            "cms.malformed.response",
            "cms.unsupported.signers",
        ]
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify_token(&bytes, CHECKPOINT, &[], now()).is_err());
        prop_assert!(read_response(&bytes, &request_for(CHECKPOINT)).is_err());
        prop_assert!(read_response(b"", &bytes).is_err());
    }

    #[test]
    fn a_time_comes_back_to_the_millisecond(millis in 1_600_000_000_000_i64..4_700_000_000_000) {
        let root = root();
        let time = Timestamp::from_unix_millis(millis);
        let token = stamp(&TimeStampAuthority::new(&root, "Test Time", time), CHECKPOINT);
        let verified = verify_token(&token, CHECKPOINT, &trust(&root), time).unwrap();
        prop_assert_eq!(verified.gen_time, time);
    }

    #[test]
    fn a_mutated_response_gives_the_same_time_stamp_or_none(
        position in any::<prop::sample::Index>(),
        change in 1_u8..,
    ) {
        let root = root();
        let authority = TimeStampAuthority::new(&root, "Test Time", now());
        let request = request_for(CHECKPOINT);
        let mut answer = authority.answer(&request);
        let position = position.index(answer.len());
        answer[position] ^= change;
        if let Ok(token) = read_response(&answer, &request) {
            prop_assert!(verify_token(&token, CHECKPOINT, &trust(&root), now()).is_err());
        }
    }
}
