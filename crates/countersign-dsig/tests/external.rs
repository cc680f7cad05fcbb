//! What xmlsec1 encrypts is decrypted, by each backend.

#![cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::c14n::{Canonicalization, canonicalize};
use countersign_dsig::encryption::{ContentCipher, Covered, KeyUnwrap, decrypt};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped};
use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign_dsig::xml::{Document, Limits};
use countersign_testkit::keys;

/// What is encrypted: `p:secret`, whose namespaces are declared around it, and used there, so that
/// the signature covers them.
const PLAIN: &str = r#"<r xmlns:p="urn:p" xmlns="urn:default" ID="_1"><p:holder><p:secret kept="&lt;1&gt;"><inner>Gïven &amp; Family</inner></p:secret></p:holder></r>"#;
/// The same element by itself, in canonical form.
const SECRET: &str = r#"<p:secret xmlns:p="urn:p" kept="&lt;1>"><inner xmlns="urn:default">Gïven &amp; Family</inner></p:secret>"#;

fn template(cipher: ContentCipher) -> String {
    format!(
        concat!(
            r#"<x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">"#,
            r#"<x:EncryptionMethod Algorithm="{}"/><d:KeyInfo xmlns:d="http://www.w3.org/2000/09/xmldsig#"><x:EncryptedKey>"#,
            r#"<x:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>"#,
            r#"<x:CipherData><x:CipherValue/></x:CipherData></x:EncryptedKey></d:KeyInfo>"#,
            r#"<x:CipherData><x:CipherValue/></x:CipherData></x:EncryptedData>"#
        ),
        cipher.uri()
    )
}

/// [`PLAIN`] as xmlsec1 encrypts it.
fn encrypted_by_xmlsec1(cipher: ContentCipher) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let certificate = STANDARD.encode(keys::SP_RSA_2048_CERTIFICATE);
    let lines: Vec<_> = certificate
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    );
    std::fs::write(file("sp.pem"), pem).unwrap();
    std::fs::write(file("template.xml"), template(cipher)).unwrap();
    std::fs::write(file("plain.xml"), PLAIN).unwrap();
    let bits = cipher.key_len_bytes().checked_mul(8).unwrap();
    let output = Command::new("xmlsec1")
        .arg("--encrypt")
        .arg("--pubkey-cert-pem")
        .arg(file("sp.pem"))
        .arg("--session-key")
        .arg(format!("aes-{bits}"))
        .arg("--xml-data")
        .arg(file("plain.xml"))
        .args(["--node-xpath", "//*[local-name()='secret']"])
        .arg("--output")
        .arg(file("encrypted.xml"))
        .arg(file("template.xml"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let xml = std::fs::read_to_string(file("encrypted.xml")).unwrap();
    assert!(!xml.contains("secret"));
    xml.into_bytes()
}

#[test]
#[ignore = "runs xmlsec1; cargo xtask test runs it"]
fn what_xmlsec1_encrypts_is_decrypted_by_each_backend() {
    let backends: Vec<Arc<dyn KeyUnwrap>> = vec![
        #[cfg(feature = "rsa")]
        Arc::new(
            countersign_dsig::encryption::RustCryptoKey::from_pkcs8(keys::SP_RSA_2048_PKCS8)
                .unwrap(),
        ),
        #[cfg(feature = "aws-lc-rs")]
        Arc::new(
            countersign_dsig::encryption::AwsLcKey::from_pkcs8(keys::SP_RSA_2048_PKCS8).unwrap(),
        ),
    ];
    let signer = SigningKey::from_pkcs8(keys::IDP_P256_PKCS8).unwrap();
    let pinned = [VerificationKey::from_certificate_der(keys::IDP_P256_CERTIFICATE).unwrap()];
    for cipher in ContentCipher::ALL {
        let encrypted = encrypted_by_xmlsec1(cipher);
        let signed = sign_enveloped(&encrypted, "_1", &signer, &SigningOptions::default()).unwrap();
        let document = Document::parse(&signed, &Limits::default()).unwrap();
        let signed =
            verify_enveloped(document.root(), &pinned, &SignaturePolicy::default()).unwrap();
        let holder = signed.root().child("urn:p", "holder").unwrap().unwrap();
        for backend in &backends {
            let key = std::slice::from_ref(backend);
            let secret =
                decrypt(Covered::signed(&signed), holder, key, &Limits::default()).unwrap();
            let canonical =
                canonicalize(secret.root(), &Canonicalization::exclusive(), None).unwrap();
            assert_eq!(String::from_utf8(canonical).unwrap(), SECRET, "{cipher:?}");
        }
    }
}
