//! Classes 10 to 12 and 18: signatures that need nobody's key, on forged elements.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::KeyPair as _;

use super::AttackClass as C;
use super::attack::Attacks;
use super::forgery::{Forgery, attackers_key, sign_as_attacker};
use super::signature::{EXCLUSIVE, RSA_SHA256, SHA256, Template, key_info};
use super::tree::{DSIG, Tree};
use super::victim::Victim;
use crate::keys;

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
    for forgery in Forgery::all(victim, true) {
        keys_of_the_message(&forgery, attacks);
        algorithms(&forgery, attacks);
        nothing_to_verify(&forgery, attacks);
    }
}

/// Class 10 and 18: algorithms that let everybody sign.
fn algorithms(forgery: &Forgery<'_>, attacks: &mut Attacks) {
    let mut template = Template::honest(&forgery.id, &forgery.digest());
    let certificate = certificate_in(forgery.victim.text());
    let pem = certificate.as_deref().map(pem).unwrap_or_default();
    let text = certificate
        .as_deref()
        .map(|der| STANDARD.encode(der))
        .unwrap_or_default();
    let keys = [
        ("an empty key", Vec::new()),
        ("the certificate", certificate.unwrap_or_default()),
        ("the certificate's PEM", pem.clone().into_bytes()),
        (
            "the certificate's PEM without its last line end",
            pem.trim_end().as_bytes().to_vec(),
        ),
        ("the certificate's base64", text.into_bytes()),
    ];
    for (key_name, key) in keys {
        if key.is_empty() && key_name != "an empty key" {
            continue;
        }
        for (name, uri, algorithm) in [
            (
                "HMAC-SHA-1",
                "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            ),
            (
                "HMAC-SHA-256",
                "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
                hmac::HMAC_SHA256,
            ),
            (
                "HMAC-SHA-512",
                "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512",
                hmac::HMAC_SHA512,
            ),
        ] {
            uri.clone_into(&mut template.method);
            for bits in [None, Some(0), Some(1), Some(8)] {
                template.parameters = bits.map_or_else(String::new, |bits: u8| {
                    format!("<ds:HMACOutputLength>{bits}</ds:HMACOutputLength>")
                });
                let signature = template.signed_with(|message| {
                    let tag = hmac::sign(&hmac::Key::new(algorithm, &key), message);
                    let keep = bits.map_or(usize::MAX, |bits| usize::from(bits.div_ceil(8)));
                    tag.as_ref().iter().copied().take(keep).collect()
                });
                let cut = bits.map_or_else(String::new, |bits| format!(" cut to {bits} bits"));
                let name = forgery.name(&format!("{name} with {key_name}{cut}"));
                attacks.refused(C::AlgorithmConfusion, name, forgery.signed(&signature));
            }
        }
    }
    template.parameters.clear();
    for method in [
        "",
        "none",
        "http://www.w3.org/2000/09/xmldsig#none",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        SHA256,
        EXCLUSIVE,
    ] {
        method.clone_into(&mut template.method);
        for value in ["", "AA=="] {
            let name = forgery.name(&format!(
                "the algorithm `{method}` with the value `{value}`"
            ));
            attacks.refused(
                C::AlgorithmConfusion,
                name,
                forgery.signed(&template.with_value(value)),
            );
        }
    }
    RSA_SHA256.clone_into(&mut template.method);
    for (name, value) in [
        ("an RSA value of zeros", vec![0; 256]),
        ("an RSA value of one", [vec![0; 255], vec![1]].concat()),
        ("an RSA value of ones", vec![0xFF; 256]),
    ] {
        let signature = template.with_value(&STANDARD.encode(value));
        attacks.refused(
            C::WeakCryptography,
            forgery.name(name),
            forgery.signed(&signature),
        );
    }
    for (curve, method, length) in [
        (
            "P-256",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            32,
        ),
        (
            "P-384",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            48,
        ),
        (
            "P-521",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
            66,
        ),
    ] {
        method.clone_into(&mut template.method);
        let zeros = vec![0_u8; length];
        let one = [vec![0; length.saturating_sub(1)], vec![1]].concat();
        let high = vec![0xFF; length];
        for (name, r, s) in [
            ("zeros", &zeros, &zeros),
            ("one and zeros", &one, &zeros),
            ("zeros and one", &zeros, &one),
            ("ones", &high, &high),
        ] {
            let signature = template.with_value(&STANDARD.encode([r.as_slice(), s].concat()));
            let name = forgery.name(&format!("{curve} of {name}"));
            attacks.refused(C::WeakCryptography, name, forgery.signed(&signature));
        }
        let der = STANDARD.encode([0x30, 6, 2, 1, 0, 2, 1, 0]);
        let name = forgery.name(&format!("{curve} of zeros in DER"));
        attacks.refused(
            C::WeakCryptography,
            name,
            forgery.signed(&template.with_value(&der)),
        );
    }
    "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519".clone_into(&mut template.method);
    let signature = template.with_value(&STANDARD.encode([0; 64]));
    attacks.refused(
        C::WeakCryptography,
        forgery.name("Ed25519 of zeros"),
        forgery.signed(&signature),
    );
}

/// Class 11: whoever trusts the message's keys trusts anyone.
fn keys_of_the_message(forgery: &Forgery<'_>, attacks: &mut Attacks) {
    let key = attackers_key();
    let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(key.public_key());
    let own = keys::OTHER_RSA_2048_CERTIFICATE;
    let genuine = certificate_in(forgery.victim.text()).unwrap_or_default();
    let value = format!(
        "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{}</ds:Modulus><ds:Exponent>{}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>",
        STANDARD.encode(&public.n),
        STANDARD.encode(&public.e)
    );
    let der_value = format!(
        "<ds:KeyInfo><d:DEREncodedKeyValue xmlns:d=\"http://www.w3.org/2009/xmldsig11#\">{}</d:DEREncodedKeyValue></ds:KeyInfo>",
        STANDARD.encode(key.public_key().as_ref())
    );
    for (name, key_info) in [
        ("the attacker's certificate", key_info(&[own])),
        ("the attacker's certificate in front of the genuine one", key_info(&[own, &genuine])),
        ("the attacker's certificate behind the genuine one", key_info(&[&genuine, own])),
        ("the genuine certificate", key_info(&[&genuine])),
        ("the attacker's key value", value),
        ("the attacker's encoded key value", der_value),
        ("a key to be fetched", "<ds:KeyInfo><ds:RetrievalMethod URI=\"http://evil.example/key\" Type=\"http://www.w3.org/2000/09/xmldsig#rawX509Certificate\"></ds:RetrievalMethod></ds:KeyInfo>".to_owned()),
        ("the name of a key", "<ds:KeyInfo><ds:KeyName>../../evil</ds:KeyName></ds:KeyInfo>".to_owned()),
        ("no KeyInfo", String::new()),
    ] {
        let mut template = Template::honest(&forgery.id, &forgery.digest());
        template.key_info = key_info;
        let signature = template.signed_with(sign_as_attacker);
        attacks.refused(C::KeyInfoTrust, forgery.name(name), forgery.signed(&signature));
    }
}

/// Class 12: signatures with nothing in them.
fn nothing_to_verify(forgery: &Forgery<'_>, attacks: &mut Attacks) {
    let template = Template::honest(&forgery.id, &forgery.digest());
    let info = template.signed_info();
    let hull =
        |content: &str| format!("<ds:Signature xmlns:ds=\"{DSIG}\">{content}</ds:Signature>");
    for (name, signature) in [
        ("no signature", String::new()),
        ("an empty Signature", hull("")),
        ("a Signature of its SignedInfo alone", hull(&info)),
        (
            "a Signature of its value alone",
            hull("<ds:SignatureValue>AA==</ds:SignatureValue>"),
        ),
        ("an empty SignatureValue", template.with_value("")),
        (
            "a SignatureValue of white space",
            template.with_value(" \n "),
        ),
        (
            "a SignedInfo without references",
            Template::over(String::new()).with_value("AA=="),
        ),
    ] {
        attacks.refused(
            C::StrippedSignature,
            forgery.name(name),
            forgery.signed(&signature),
        );
    }
}

/// The first certificate that the message carries.
fn certificate_in(message: &str) -> Option<Vec<u8>> {
    let tree = Tree::read(message)?;
    let mut elements = tree.elements();
    let certificate = elements.find(|element| element.is(DSIG, "X509Certificate"))?;
    let text: String = certificate.inner_text().split_whitespace().collect();
    STANDARD.decode(text).ok()
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, c) in text.chars().enumerate() {
        if index > 0 && index.is_multiple_of(64) {
            lines.push('\n');
        }
        lines.push(c);
    }
    lines.push_str("\n-----END CERTIFICATE-----\n");
    lines
}
