//! Nobody learns from refusals what a ciphertext holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// Every failure after the first use of a key reads the same, whatever was wrong.
#[test]
fn every_failed_decryption_is_the_same_rejection() {
    let good = assertion(&spec().signed(Sign::None));
    let mut responses = Vec::new();
    for cipher in ContentCipher::ALL {
        let with = |change: &dyn Fn(&mut Encryption)| {
            encryption_with(|encryption| {
                encryption.cipher = cipher;
                change(encryption);
            })
        };
        // Not one element.
        for plaintext in ["", "x", "<a>", "<a/><a/>", "<!DOCTYPE a><a/>"] {
            responses.push(with_plaintext(&with(&|_| {}), plaintext.as_bytes()));
        }
        // Another's key; none at all; one for another algorithm.
        let stranger = with(&|encryption| {
            encryption.recipients = vec![(keys::OTHER_RSA_2048_CERTIFICATE.to_vec(), None)];
        });
        responses.push(with_plaintext(&stranger, good.as_bytes()));
        let other_length = with(&|encryption| {
            let other = match encryption.cipher.key_len_bytes() {
                16 => ContentCipher::Aes256Gcm,
                _ => ContentCipher::Aes128Gcm,
            };
            encryption.claimed_cipher = Some(other.uri().to_owned());
        });
        responses.push(with_plaintext(&other_length, good.as_bytes()));
        // A padding of no length, of more than a block, and one that leaves a bit of the element.
        for octet in [0, 1, 17, 255] {
            let padding = with(&|encryption| encryption.padding_octet = Some(octet));
            if !cipher.is_authenticated() {
                responses.push(with_plaintext(&padding, good.as_bytes()));
            }
        }
        // Each octet of key and ciphertext changed, and each cut off.
        let xml = String::from_utf8(respond(&spec().signed(Sign::None).encrypted(with(&|_| {}))))
            .unwrap();
        for (number, value) in xml.split("<xenc:CipherValue>").skip(1).enumerate() {
            let value = value.split_once("</xenc:CipherValue>").unwrap().0;
            let bytes = STANDARD.decode(value).unwrap();
            let mut changed = Vec::new();
            for at in [0, 12, 16, bytes.len() - 17, bytes.len() - 1] {
                let mut flipped = bytes.clone();
                flipped[at] ^= 0x80;
                // In CBC a changed octet of the first blocks stays within the element's text.
                if cipher.is_authenticated() || number == 0 {
                    changed.push(flipped);
                }
            }
            for len in [
                0,
                1,
                11,
                12,
                15,
                16,
                27,
                28,
                bytes.len() - 1,
                bytes.len() - 16,
            ] {
                changed.push(bytes[..len].to_vec());
            }
            for bytes in changed {
                let swapped = xml.replace(value, &STANDARD.encode(bytes));
                responses.push(test_idp().sign(swapped.as_bytes(), &id()));
            }
        }
    }
    let sp = decrypting_sp();
    let expected = refusal(&sp, &responses[0]);
    assert_eq!(expected.reject_code(), DecryptionFailed);
    assert_eq!(
        expected.to_string(),
        "the EncryptedAssertion is refused: decryption failed"
    );
    assert!(responses.len() > 100);
    for response in responses {
        assert_eq!(refusal(&sp, &response), expected);
    }
}

/// With AES-GCM alone, as nothing else is decrypted there.
#[test]
fn every_failed_decryption_without_a_signature_is_the_same_rejection() {
    let xml = |encryption| {
        let spec = spec().signed(Sign::Assertion).encrypted(encryption);
        String::from_utf8(respond(&spec)).unwrap()
    };
    let good = xml(encryption());
    verify(&ad_fs_sp(), good.as_bytes()).unwrap();
    let mut responses = vec![xml(encryption_with(|encryption| {
        encryption.recipients = vec![(keys::OTHER_RSA_2048_CERTIFICATE.to_vec(), None)];
    }))];
    for value in good.split("<xenc:CipherValue>").skip(1) {
        let value = value.split_once("</xenc:CipherValue>").unwrap().0;
        let bytes = STANDARD.decode(value).unwrap();
        for at in [0, 12, bytes.len() - 17, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x80;
            responses.push(good.replace(value, &STANDARD.encode(flipped)));
        }
    }
    for plaintext in ["", "x", "<a>", "<a/><a/>"] {
        let holder = encryption().encrypt_into("saml:EncryptedAssertion", plaintext.as_bytes());
        let unsigned = String::from_utf8(respond(&spec().signed(Sign::None))).unwrap();
        responses.push(replace_assertion(&unsigned, &holder));
    }
    let expected = refusal(&ad_fs_sp(), responses[0].as_bytes());
    assert_eq!(expected.reject_code(), DecryptionFailed);
    for response in responses {
        assert_eq!(refusal(&ad_fs_sp(), response.as_bytes()), expected);
    }
}

/// Whoever can write around a ciphertext could else ask, ID by ID, which ones stand inside.
#[test]
fn an_id_that_a_stranger_writes_around_the_ciphertext_tells_nothing() {
    let inside = spec().signed(Sign::Assertion).encrypted(encryption());
    let mut beside = spec().signed(Sign::Assertion);
    let attribute = b"<saml:Attribute Name='a'><saml:AttributeValue><a ID='_inside'/></saml:AttributeValue></saml:Attribute>";
    beside.assertion_xml = format!(
        "<saml:AttributeStatement>{}</saml:AttributeStatement>",
        encryption().encrypt_into("saml:EncryptedAttribute", attribute)
    );
    for (sp, spec, inside) in [
        (ad_fs_sp(), &inside, inside.assertion_id.as_str()),
        (decrypting_sp(), &beside, "_inside"),
    ] {
        let xml = String::from_utf8(respond(spec)).unwrap();
        for guess in [inside, "_nowhere"] {
            let extensions =
                format!("<samlp:Extensions><a ID=\"{guess}\"/></samlp:Extensions><samlp:Status>");
            let asked = xml.replacen("<samlp:Status>", &extensions, 1);
            assert_ne!(asked, xml);
            verify(&sp, asked.as_bytes()).unwrap();
        }
    }
}

/// A key that has had its day may be anybody's: with CBC its holder would read what others
/// encrypted out of the difference between two refusals.
#[test]
fn a_key_outside_its_validity_has_nothing_decrypted() {
    let before_2020 = support::at("2019-12-30T00:00:00Z");
    let spec = || {
        ResponseSpec::new(support::SP, support::ACS, NURSE, before_2020)
            .with_attribute("groups", ["ward-7"])
    };
    let verify = |spec: &ResponseSpec, sp: ServiceProvider| {
        let xml = respond(spec);
        support::verify_for(&sp, &support::idp(), &xml, Expect::Unsolicited, before_2020)
    };
    for readable in [true, false] {
        let encryption = encryption_with(|encryption| {
            encryption.cipher = ContentCipher::Aes128Cbc;
            if !readable {
                encryption.recipients = vec![(keys::OTHER_RSA_2048_CERTIFICATE.to_vec(), None)];
            }
        });
        for spec in [
            spec().signed(Sign::Response).encrypted(encryption.clone()),
            spec().with_encrypted_name_id(encryption.clone()),
            spec().with_encrypted_attributes(encryption.clone()),
        ] {
            refused_as(KeyOutsideValidity, verify(&spec, decrypting_sp()));
            let lenient = verify(&spec, decrypting_sp().insecure_expired_certificates());
            assert_eq!(lenient.is_ok(), readable);
        }
    }
}

/// A tag of fewer than 16 octets would be guessed: what is cut off is never checked in part.
#[test]
fn a_short_tag_is_refused() {
    let xml =
        String::from_utf8(respond(&spec().signed(Sign::None).encrypted(encryption()))).unwrap();
    let value = xml.rsplit_once("<xenc:CipherValue>").unwrap().1;
    let value = value.split_once("</xenc:CipherValue>").unwrap().0;
    let bytes = STANDARD.decode(value).unwrap();
    for tag_bytes in [15, 12, 8, 4, 1, 0] {
        let short = &bytes[..bytes.len() - 16 + tag_bytes];
        let cut = xml.replace(value, &STANDARD.encode(short));
        let signed = test_idp().sign(cut.as_bytes(), &id());
        refused_as(DecryptionFailed, verify(&decrypting_sp(), &signed));
    }
}
