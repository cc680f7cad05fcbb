//! What is kept of what was decrypted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::*;

/// The bytes that a signature on the assertion covers need no key.
#[test]
fn a_signature_inside_the_ciphertext_is_the_evidence() {
    for (sp, sign) in [
        (decrypting_sp(), Sign::Both),
        (
            decrypting_sp().with_signed_part(SignedPart::Assertion),
            Sign::Both,
        ),
        (ad_fs_sp(), Sign::Assertion),
    ] {
        let identity = accepted(&sp, &spec().signed(sign).encrypted(encryption()));
        let evidence = identity.evidence().signed().unwrap();
        assert_eq!(evidence.signed_element, "Assertion");
        assert!(evidence.signed_bytes.starts_with(b"<saml:Assertion "));
        assert!(String::from_utf8_lossy(&evidence.signed_bytes).contains(NURSE));
        assert_eq!(evidence.content_keys, []);
    }
}

/// Where only the ciphertext is signed, the content key goes with the signed bytes: whoever has
/// both reads what was claimed, without the service provider's private key.
#[test]
fn content_keys_open_the_ciphertext_in_the_evidence() {
    let spec = spec()
        .signed(Sign::Response)
        .encrypted(encryption())
        .with_encrypted_name_id(encryption());
    let identity = accepted(&decrypting_sp(), &spec);
    let evidence = identity.evidence().signed().unwrap();
    assert_eq!(evidence.signed_element, "Response");
    assert_eq!(evidence.content_keys.len(), 2);

    let mut text = String::from_utf8(evidence.signed_bytes.clone()).unwrap();
    for key in &evidence.content_keys {
        let value = text.rsplit_once("<xenc:CipherValue>").unwrap().1;
        let value = value.split_once("</xenc:CipherValue>").unwrap().0;
        let mut bytes = STANDARD.decode(value).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
        let (iv, sealed) = bytes.split_at_mut(12);
        let nonce = Nonce::try_assume_unique_for_key(iv).unwrap();
        let plaintext = key.open_in_place(nonce, Aad::empty(), sealed).unwrap();
        text = String::from_utf8(plaintext.to_vec()).unwrap();
    }
    assert!(text.starts_with("<saml:NameID ") && text.contains(NURSE));
    // They are shown neither in logs nor in what a command prints.
    assert!(!format!("{identity:?}").contains("DisclosedKey(["));
    let json = serde_json::to_value(&identity).unwrap();
    assert_eq!(json["evidence"].get("content_keys"), None);
}
