//! What a login leaves as evidence is enough for openssl: whoever has it needs nothing of ours to
//! see that the identity provider signed what was signed.

use countersign_saml::{Expect, IdentityProvider, PendingRequest};
use countersign_testkit::idp::{KeyChoice, Sign, TestIdp};

use crate::support::openssl::Exhibit;
use crate::support::{
    IDP, REQUEST, decrypting_sp, encryption, now, sp, spec, test_idp, verify, verify_for,
};

const KEYS: [KeyChoice; 4] = [
    KeyChoice::Rsa,
    KeyChoice::P256,
    KeyChoice::P384,
    KeyChoice::Ed25519,
];

fn exhibit(key: KeyChoice, sign: Sign) -> Exhibit {
    let test_idp = TestIdp::with_key(IDP, key);
    let idp = IdentityProvider::from_metadata(test_idp.metadata().as_bytes()).unwrap();
    let xml = test_idp.respond(&spec().signed(sign));
    let pending = PendingRequest::new(REQUEST).unwrap();
    let identity = verify_for(&sp(), &idp, &xml, Expect::Request(&pending), now()).unwrap();
    Exhibit::of(&identity)
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_alone_proves_what_a_login_leaves() {
    for key in KEYS {
        for sign in [Sign::Assertion, Sign::Response, Sign::Both] {
            let proved = exhibit(key, sign).prove();
            assert_eq!(proved, Ok(()), "{key:?} {sign:?}");
        }
    }
}

/// The response's signature is what counts there, and the ciphertext is what it covers.
#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_alone_proves_what_an_encrypted_login_leaves() {
    for sign in [Sign::Response, Sign::Both] {
        let xml = test_idp().respond(&spec().signed(sign).encrypted(encryption()));
        let identity = verify(&decrypting_sp(), &xml).unwrap();
        assert_eq!(Exhibit::of(&identity).prove(), Ok(()), "{sign:?}");
    }
}

/// What openssl says to other bytes: else the tests above could not fail.
#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_finds_each_changed_piece() {
    for key in KEYS {
        for file in ["signed.xml", "signed-info.xml", "signature.bin"] {
            let exhibit = exhibit(key, Sign::Assertion);
            let mut bytes = std::fs::read(exhibit.path(file)).unwrap();
            // The algorithm's name is in the middle of SignedInfo, and a digest at its end.
            let last = bytes.len() - 40;
            bytes[last] ^= 1;
            std::fs::write(exhibit.path(file), bytes).unwrap();
            let found = match file {
                "signed.xml" => exhibit.prove(),
                _ => exhibit.verify_signature(),
            };
            assert!(found.is_err(), "{key:?}: a changed {file}");
        }
    }
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_finds_another_providers_certificate() {
    for key in KEYS {
        let exhibit = exhibit(key, Sign::Assertion);
        let other = countersign_testkit::keys::SP_RSA_2048_CERTIFICATE;
        std::fs::write(exhibit.path("certificate.der"), other).unwrap();
        assert!(exhibit.verify_signature().is_err(), "{key:?}");
    }
}
