//! Decryption below SAML: algorithms, keys, backends and the port.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
use countersign_dsig::algorithm::DigestAlgorithm::{self, Sha384, Sha512};
use countersign_dsig::algorithm::DigestAlgorithm::{Sha1, Sha256};
use countersign_dsig::encryption::{
    ContentCipher, ContentKey, Covered, DecryptionError, KeyUnwrap, RsaOaep, UnwrapFailed, decrypt,
    insecure_decrypt_unsigned,
};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped};
use countersign_dsig::signature::{SignaturePolicy, SignedElement, verify_enveloped};
use countersign_dsig::xml::{Document, Limits};
use countersign_testkit::encryption::{Encryption, KeyTransport};
use countersign_testkit::keys;

/// What a holder is decrypted to, as its canonical form; the holder stands in a signed element.
fn decrypted(
    holder: &str,
    keys: &[Arc<dyn KeyUnwrap>],
) -> Result<(String, Vec<u8>), DecryptionError> {
    let signed = signed(holder);
    let root = signed.root();
    let holder = root.children().next().unwrap();
    let element = decrypt(Covered::signed(&signed), holder, keys, &Limits::default())?;
    Ok((
        element.root().document().text().to_owned(),
        element.content_key().as_bytes().to_vec(),
    ))
}

fn signed(holder: &str) -> SignedElement {
    let xml = format!(r#"<r ID="_1" xmlns:saml="urn:s"><saml:E>{holder}</saml:E></r>"#);
    let key = SigningKey::from_pkcs8(keys::IDP_P256_PKCS8).unwrap();
    let xml = sign_enveloped(xml.as_bytes(), "_1", &key, &SigningOptions::default()).unwrap();
    let document = Document::parse(&xml, &Limits::default()).unwrap();
    let key = VerificationKey::from_certificate_der(keys::IDP_P256_CERTIFICATE).unwrap();
    verify_enveloped(document.root(), &[key], &SignaturePolicy::default()).unwrap()
}

fn encryption() -> Encryption {
    Encryption::for_certificate(keys::SP_RSA_2048_CERTIFICATE)
}

/// A host's own key: it knows the content key that stands in clear in `wrapped`.
#[derive(Debug, Default)]
struct Clear {
    asked: AtomicUsize,
    refuses: bool,
}

impl KeyUnwrap for Clear {
    fn supports(&self, method: &RsaOaep) -> bool {
        method.digest() == Sha1 && method.mgf1_digest() == Sha1 && method.label().is_empty()
    }

    fn unwrap_key(&self, _method: &RsaOaep, wrapped: &[u8]) -> Result<ContentKey, UnwrapFailed> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.refuses {
            return Err(UnwrapFailed);
        }
        Ok(ContentKey::new(wrapped.to_vec()))
    }
}

/// A holder whose content is encrypted under a known key, which stands in clear where a wrapped
/// one should.
fn holder_in_clear(cipher: ContentCipher, key: &[u8], sealed: &[u8]) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    format!(
        concat!(
            r#"<x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"><x:EncryptionMethod Algorithm="{}"/>"#,
            r#"<x:CipherData><x:CipherValue>{}</x:CipherValue></x:CipherData></x:EncryptedData>"#,
            r#"<x:EncryptedKey xmlns:x="http://www.w3.org/2001/04/xmlenc#">"#,
            r#"<x:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>"#,
            r#"<x:CipherData><x:CipherValue>{}</x:CipherValue></x:CipherData></x:EncryptedKey>"#,
        ),
        cipher.uri(),
        STANDARD.encode(sealed),
        STANDARD.encode(key),
    )
}

fn seal_gcm(key: &[u8], plaintext: &[u8]) -> Vec<u8> {
    use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let algorithm = match key.len() {
        16 => &AES_128_GCM,
        _ => &AES_256_GCM,
    };
    let sealing = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
    let mut bytes = plaintext.to_vec();
    let nonce = Nonce::assume_unique_for_key([7; 12]);
    sealing
        .seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes)
        .unwrap();
    [&[7; 12][..], &bytes].concat()
}

/// Without any feature: a key of the host's own and what ring decrypts.
#[test]
fn a_hosts_own_key_is_all_that_gcm_needs() {
    for (cipher, key) in [
        (ContentCipher::Aes128Gcm, &[3; 16][..]),
        (ContentCipher::Aes256Gcm, &[4; 32][..]),
    ] {
        let holder = holder_in_clear(cipher, key, &seal_gcm(key, b"<a>secret</a>"));
        let (text, content_key) = decrypted(&holder, &[Arc::new(Clear::default())]).unwrap();
        // The namespace that is declared around the ciphertext goes with the plaintext.
        assert_eq!(text, r#"<a xmlns:saml="urn:s">secret</a>"#);
        assert_eq!(content_key, key);
    }
}

#[test]
fn a_content_key_of_another_length_is_no_key() {
    let sealed = seal_gcm(&[3; 16], b"<a/>");
    for len in [0, 15, 17, 32] {
        let holder = holder_in_clear(ContentCipher::Aes128Gcm, &vec![3; len], &sealed);
        let result = decrypted(&holder, &[Arc::new(Clear::default())]);
        assert_eq!(result.unwrap_err(), DecryptionError::Failed);
    }
}

/// If no key is found, the content is decrypted under one of zeros, for the time that it takes;
/// whoever encrypts under that one gains nothing.
#[test]
fn the_key_for_when_there_is_none_opens_nothing() {
    let sealed = seal_gcm(&[0; 16], b"<a/>");
    let holder = holder_in_clear(ContentCipher::Aes128Gcm, &[1; 5], &sealed);
    let refusing = Clear {
        refuses: true,
        ..Clear::default()
    };
    for key in [Clear::default(), refusing] {
        let result = decrypted(&holder, &[Arc::new(key)]);
        assert_eq!(result.unwrap_err(), DecryptionError::Failed);
    }
}

/// Everything that is refused by name is refused before any key is asked.
#[test]
fn no_key_is_asked_before_the_algorithms_are_known() {
    let xmlenc = "http://www.w3.org/2001/04/xmlenc#";
    let with = |change: &dyn Fn(&mut Encryption)| {
        let mut encryption = encryption();
        change(&mut encryption);
        encryption.encrypt(b"<a/>")
    };
    let cases = [
        (
            with(&|e| e.claimed_cipher = Some(format!("{xmlenc}tripledes-cbc"))),
            DecryptionError::TripleDes,
        ),
        (
            with(&|e| e.transport = KeyTransport::Pkcs1),
            DecryptionError::RsaPkcs1,
        ),
        (
            with(&|e| e.claimed_cipher = Some(format!("{xmlenc}aes512-gcm"))),
            DecryptionError::UnsupportedCipher,
        ),
        (
            with(&|e| e.claimed_transport = Some(format!("{xmlenc}kw-aes128"))),
            DecryptionError::UnsupportedKeyTransport,
        ),
        (
            with(&|e| e.transport = KeyTransport::Oaep(Sha256, Sha1)),
            DecryptionError::UnsupportedKeyTransport,
        ),
        (
            with(&|e| e.content_type = Some(format!("{xmlenc}Content"))),
            DecryptionError::ContentType,
        ),
        (
            with(&|e| e.recipients.clear()),
            DecryptionError::NoEncryptedKey,
        ),
        (
            with(&|e| e.recipients = vec![e.recipients[0].clone(); 17]),
            DecryptionError::TooManyEncryptedKeys,
        ),
    ];
    for (holder, expected) in cases {
        let key = Arc::new(Clear::default());
        let keys: [Arc<dyn KeyUnwrap>; 1] = [key.clone()];
        let result = decrypted(&holder, &keys);
        assert_eq!(result.unwrap_err(), expected);
        assert_eq!(key.asked.load(Ordering::Relaxed), 0);
    }
    let result = decrypted(&with(&|_| {}), &[]);
    assert_eq!(result.unwrap_err(), DecryptionError::NoKeys);
}

#[test]
#[cfg(not(any(feature = "rsa", feature = "aws-lc-rs")))]
fn what_ring_lacks_is_refused_by_name_without_a_backend() {
    for cipher in ContentCipher::ALL {
        let ring_has_it = matches!(cipher, ContentCipher::Aes128Gcm | ContentCipher::Aes256Gcm);
        assert_eq!(cipher.is_supported(), ring_has_it);
        let key = Arc::new(Clear::default());
        let holder = encryption().with_cipher(cipher).encrypt(b"<a/>");
        let expected = match ring_has_it {
            true => DecryptionError::Failed,
            false => DecryptionError::UnsupportedCipher,
        };
        let keys: [Arc<dyn KeyUnwrap>; 1] = [key.clone()];
        assert_eq!(decrypted(&holder, &keys).unwrap_err(), expected);
        assert_eq!(key.asked.load(Ordering::Relaxed) == 0, !ring_has_it);
    }
}

#[test]
fn what_the_signature_does_not_cover_is_not_decrypted() {
    let holder = holder_in_clear(
        ContentCipher::Aes128Gcm,
        &[3; 16],
        &seal_gcm(&[3; 16], b"<a/>"),
    );
    let signed = signed(&holder);
    let xml = format!("<E>{holder}</E>");
    let other = Document::parse(xml.as_bytes(), &Limits::default()).unwrap();
    let keys: [Arc<dyn KeyUnwrap>; 1] = [Arc::new(Clear::default())];
    let result = decrypt(
        Covered::signed(&signed),
        other.root(),
        &keys,
        &Limits::default(),
    );
    assert_eq!(result.unwrap_err(), DecryptionError::NotCovered);
    // By its own name it is, and then only a signature in it can be asked for.
    let plaintext = insecure_decrypt_unsigned(other.root(), &keys, &Limits::default()).unwrap();
    assert!(
        plaintext
            .verify_enveloped(&[], &SignaturePolicy::default())
            .is_err()
    );
    assert!(!format!("{plaintext:?}").contains("<a"));
}

#[test]
fn keys_do_not_show_themselves() {
    let key = format!("{:?}", ContentKey::new(vec![0xAB; 4]));
    assert_eq!(key, "ContentKey { .. }");
    let method = format!("{:?}", RsaOaep::new(Sha1, Sha1, b"label"));
    assert!(method.contains("label_bytes: 5"), "{method}");
}

#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
const DIGESTS: [DigestAlgorithm; 4] = [Sha1, Sha256, Sha384, Sha512];

#[cfg(feature = "rsa")]
mod rust_crypto {
    use super::*;
    use countersign_dsig::encryption::{DecryptionKeyError, RustCryptoKey};

    fn key() -> Arc<dyn KeyUnwrap> {
        Arc::new(RustCryptoKey::from_pkcs8(keys::SP_RSA_2048_PKCS8).unwrap())
    }

    #[test]
    fn every_algorithm_is_undone() {
        for cipher in ContentCipher::ALL {
            for digest in DIGESTS {
                for mask in DIGESTS {
                    let holder = encryption()
                        .with_cipher(cipher)
                        .with_transport(KeyTransport::Oaep(digest, mask))
                        .encrypt(b"<a>secret</a>");
                    let (text, _) = decrypted(&holder, &[key()]).unwrap();
                    assert!(
                        text.ends_with(">secret</a>"),
                        "{cipher:?} {digest:?} {mask:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn only_rsa_keys_of_2048_bits_and_more_are_taken() {
        let error = |der| RustCryptoKey::from_pkcs8(der).unwrap_err();
        assert_eq!(
            error(keys::WEAK_RSA_1024_PKCS8),
            DecryptionKeyError::TooWeak
        );
        assert_eq!(error(keys::IDP_P256_PKCS8), DecryptionKeyError::NotPkcs8);
        assert_eq!(error(b""), DecryptionKeyError::NotPkcs8);
        let pem = RustCryptoKey::from_pkcs8_pem("-----BEGIN RSA PRIVATE KEY-----");
        assert_eq!(pem.unwrap_err(), DecryptionKeyError::NotPem);
        assert_eq!(format!("{:?}", key()), "RustCryptoKey { bits: 2048, .. }");
    }
}

#[cfg(feature = "aws-lc-rs")]
mod aws_lc {
    use super::*;
    use countersign_dsig::encryption::{AwsLcKey, DecryptionKeyError};

    pub(super) fn key() -> Arc<dyn KeyUnwrap> {
        Arc::new(AwsLcKey::from_pkcs8(keys::SP_RSA_2048_PKCS8).unwrap())
    }

    #[test]
    fn every_matching_pair_is_undone_and_no_other() {
        for cipher in ContentCipher::ALL {
            for digest in DIGESTS {
                for mask in DIGESTS {
                    let holder = encryption()
                        .with_cipher(cipher)
                        .with_transport(KeyTransport::Oaep(digest, mask))
                        .encrypt(b"<a>secret</a>");
                    let result = decrypted(&holder, &[key()]);
                    if digest == mask {
                        assert!(result.unwrap().0.ends_with(">secret</a>"));
                    } else {
                        let expected = DecryptionError::UnsupportedKeyTransport;
                        assert_eq!(result.unwrap_err(), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn only_rsa_keys_of_2048_bits_and_more_are_taken() {
        let error = |der| AwsLcKey::from_pkcs8(der).unwrap_err();
        assert_eq!(
            error(keys::WEAK_RSA_1024_PKCS8),
            DecryptionKeyError::TooWeak
        );
        assert_eq!(error(keys::IDP_P256_PKCS8), DecryptionKeyError::NotPkcs8);
        assert_eq!(error(b""), DecryptionKeyError::NotPkcs8);
        assert_eq!(format!("{:?}", key()), "AwsLcKey { bits: 2048, .. }");
    }
}

/// Two independent implementations, one answer, on what is whole and on what was changed.
#[cfg(all(feature = "rsa", feature = "aws-lc-rs"))]
mod agreement {
    use super::*;
    use countersign_dsig::encryption::RustCryptoKey;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_backends_unwrap_alike(
            digest in 0..DIGESTS.len(),
            label in proptest::collection::vec(any::<u8>(), 0..40),
            content in proptest::collection::vec(any::<u8>(), 0..40),
            flip in proptest::option::of((0_usize..256, 1_u8..)),
        ) {
            use base64::Engine as _;
            let digest = DIGESTS[digest];
            let mut encryption = encryption().with_transport(KeyTransport::Oaep(digest, digest));
            encryption.label = label.clone();
            let xml = encryption.encrypt(&content);
            let value = xml.split("<xenc:CipherValue>").nth(1).unwrap();
            let value = value.split_once('<').unwrap().0;
            let mut wrapped = base64::engine::general_purpose::STANDARD.decode(value).unwrap();
            if let Some((at, bits)) = flip {
                wrapped[at] ^= bits;
            }
            let method = RsaOaep::new(digest, digest, &label);
            let rust_crypto = RustCryptoKey::from_pkcs8(keys::SP_RSA_2048_PKCS8).unwrap();
            let unwrapped = |key: &dyn KeyUnwrap| {
                key.unwrap_key(&method, &wrapped).map(|key| key.as_bytes().to_vec())
            };
            let first = unwrapped(&rust_crypto);
            prop_assert_eq!(first.is_ok(), flip.is_none());
            prop_assert_eq!(first, unwrapped(&*aws_lc::key()));
        }
    }
}
