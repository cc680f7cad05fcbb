//! `--decrypt-key`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_testkit::encryption::Encryption;
use countersign_testkit::idp::{ResponseSpec, Sign, TestIdp};
use countersign_testkit::keys;

use super::*;

/// A folder with metadata, keys and an encrypted response: signed outside, or inside only.
fn folder(sign: Sign) -> Folder {
    let folder = Folder::new();
    let idp = TestIdp::new(IDP);
    let spec = ResponseSpec::new(SP, ACS, "nurse@acme.example", NOW.parse().unwrap())
        .signed(sign)
        .encrypted(Encryption::for_certificate(keys::SP_RSA_2048_CERTIFICATE));
    folder.write("idp.xml", idp.metadata().as_bytes());
    folder.write("response.xml", &idp.respond(&spec));
    folder.write("ours.pk8", keys::SP_RSA_2048_PKCS8);
    let pem = STANDARD.encode(keys::SP_RSA_2048_PKCS8);
    folder.write(
        "ours.pem",
        format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n").as_bytes(),
    );
    folder.write("other.pk8", keys::OTHER_RSA_2048_PKCS8);
    folder.write("short.pk8", keys::WEAK_RSA_1024_PKCS8);
    folder.write("p256.pk8", keys::IDP_P256_PKCS8);
    folder
}

/// A word with a dot is the name of a file in the folder.
fn verify(folder: &Folder, more: &[&str]) -> Run {
    let more: Vec<String> = more
        .iter()
        .map(|word| match word.contains('.') {
            true => folder.path(word),
            false => (*word).to_owned(),
        })
        .collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    folder.verify("idp.xml", "response.xml", &more)
}

#[test]
#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
fn an_encrypted_response_is_verified_with_a_key() {
    let folder = folder(Sign::Response);
    for keys in [
        vec!["--decrypt-key", "ours.pk8"],
        vec!["--decrypt-key", "ours.pem"],
        vec!["--decrypt-key", "other.pk8", "--decrypt-key", "ours.pk8"],
    ] {
        let run = verify(&folder, &[vec!["--json"], keys].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let identity = &run.json()["identity"];
        assert_eq!(identity["name_id"]["value"], "nurse@acme.example");
        assert_eq!(identity["evidence"]["signed_element"], "Response");
    }
    for (keys, code) in [
        (vec![], "saml.no_decryption_key"),
        (vec!["--decrypt-key", "other.pk8"], "saml.decryption_failed"),
    ] {
        let run = verify(&folder, &[vec!["--json"], keys].concat());
        assert_eq!((run.code, &run.json()["code"]), (1, &code.into()));
    }
}

#[test]
#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
fn an_unsigned_response_is_decrypted_by_name_only() {
    let folder = folder(Sign::Assertion);
    let key = ["--json", "--decrypt-key", "ours.pk8"];
    let run = verify(&folder, &key);
    assert_eq!(
        (run.code, &run.json()["code"]),
        (1, &"saml.ciphertext_unsigned".into())
    );
    let by_name = [&key[..], &["--insecure-decrypt-unsigned-response"]].concat();
    let run = verify(&folder, &by_name);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(
        run.json()["identity"]["evidence"]["signed_element"],
        "Assertion"
    );
}

#[test]
fn what_is_no_key_is_bad_input() {
    let folder = folder(Sign::Response);
    for file in ["idp.xml", "short.pk8", "p256.pk8", "missing.pk8"] {
        let run = verify(&folder, &["--decrypt-key", file]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(file), "{run:?}");
    }
    let run = verify(&folder, &["--insecure-decrypt-unsigned-response"]);
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
#[cfg(not(any(feature = "rsa", feature = "aws-lc-rs")))]
fn a_build_that_can_not_decrypt_says_so() {
    let folder = folder(Sign::Response);
    let run = verify(&folder, &["--decrypt-key", "ours.pk8"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("rsa and aws-lc-rs"), "{run:?}");
}
