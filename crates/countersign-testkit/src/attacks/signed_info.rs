//! Classes 4, 5 and 8 to 13, 18 and 23, as far as they need nobody's key: signatures that are
//! edited, forged, copied and taken away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::KeyPair as _;

use super::AttackClass as C;
use super::attack::Attacks;
use super::edit::{at_end, behind_issuer, replace_id};
use super::must;
use super::signature::{
    ENVELOPED, EXCLUSIVE, RSA_SHA256, SHA1, SHA256, Template, digest_of, hash, honest_transforms,
    key_info, reference, reference_with, transform, transforms,
};
use super::tree::{DSIG, Tree};
use super::victim::{EVIL_ASSERTION, EVIL_RESPONSE, Victim};
use crate::keys;

const SAME: &str = "nothing that is signed has changed";

/// What is forged: the assertion, or the whole message around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Assertion,
    Root,
}

/// A forged element, to be signed.
#[derive(Debug, Clone)]
pub(super) struct Forgery<'v> {
    victim: &'v Victim,
    level: Level,
    pub(super) id: String,
    /// Without a signature.
    pub(super) element: String,
}

impl<'v> Forgery<'v> {
    /// The forgeries on a message: under the genuine ID, or under one of the attacker's.
    pub(super) fn all(victim: &'v Victim, own_id: bool) -> Vec<Self> {
        let mut all = Vec::new();
        let bare_response = match &victim.assertion {
            Some(assertion) => {
                all.push((
                    Level::Assertion,
                    assertion,
                    assertion.bare.clone(),
                    EVIL_ASSERTION,
                ));
                victim.response(&assertion.bare)
            }
            None => victim.root.bare.clone(),
        };
        all.push((Level::Root, &victim.root, bare_response, EVIL_RESPONSE));
        all.into_iter()
            .map(|(level, part, bare, evil_id)| {
                let id = if own_id { evil_id } else { &part.id };
                Self {
                    victim,
                    level,
                    id: id.to_owned(),
                    element: victim.forged(&replace_id(&bare, &part.id, &format!(" ID=\"{id}\""))),
                }
            })
            .collect()
    }

    pub(super) fn digest(&self) -> Vec<u8> {
        must(digest_of(&self.element, "", SHA256))
    }

    /// The message in which `signature` is that of the forged element.
    pub(super) fn signed(&self, signature: &str) -> String {
        self.message(&behind_issuer(&self.element, signature))
    }

    /// The message with `element` in the forged one's place.
    pub(super) fn message(&self, element: &str) -> String {
        match self.level {
            Level::Assertion => self.victim.response(element),
            Level::Root => element.to_owned(),
        }
    }

    pub(super) fn name(&self, what: &str) -> String {
        match self.level {
            Level::Assertion => format!("{what}, assertion"),
            Level::Root => format!("{what}, root"),
        }
    }
}

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
    for forgery in Forgery::all(victim, true) {
        keys_of_the_message(&forgery, attacks);
        algorithms(&forgery, attacks);
        nothing_to_verify(&forgery, attacks);
    }
    for forgery in Forgery::all(victim, false) {
        let part = match forgery.level {
            Level::Assertion => victim.assertion.as_ref(),
            Level::Root => Some(&victim.root),
        };
        if let Some(signature) = part.and_then(|part| part.signature.as_deref()) {
            digests(&forgery, signature, attacks);
            void(&forgery, signature, attacks);
            references(&forgery, signature, attacks);
            transformed(&forgery, signature, attacks);
            moved_to_the_other_level(victim, &forgery, signature, attacks);
        }
    }
    genuine_signatures(victim, attacks);
    stripped(victim, attacks);
}

/// Class 4: the signature still verifies, and the digest that is compared is another.
fn digests(forgery: &Forgery<'_>, signature: &str, attacks: &mut Attacks) {
    let Some(tree) = Tree::read(signature) else {
        return;
    };
    let find = |name: &str| tree.elements().find(|element| element.is(DSIG, name));
    let (Some(info), Some(value), Some(method)) = (
        find("SignedInfo"),
        find("DigestValue"),
        find("DigestMethod"),
    ) else {
        return;
    };
    let prefixes = tree
        .elements()
        .filter(|element| element.local_name() == "InclusiveNamespaces")
        .last()
        .and_then(|list| list.attribute("PrefixList"))
        .unwrap_or_default();
    let algorithm = method.attribute("Algorithm").unwrap_or_default();
    let Some(digest) = digest_of(&forgery.element, prefixes, algorithm) else {
        return;
    };
    let forged = STANDARD.encode(digest);
    let genuine = value.inner_text().trim();
    let mut refused = |name: &str, signature: &str| {
        let name = forgery.name(name);
        attacks.refused(C::SignedInfoGames, name, forgery.signed(signature));
    };
    for (name, text) in [
        (
            "the forged digest in a comment in front",
            format!("<!--{forged}-->{genuine}"),
        ),
        (
            "the forged digest in a comment behind",
            format!("{genuine}<!--{forged}-->"),
        ),
        (
            "the forged digest in front of a comment",
            format!("{forged}<!--{genuine}-->"),
        ),
        (
            "the genuine digest behind a comment",
            format!("{forged}<!-- -->{genuine}"),
        ),
        (
            "the forged digest in an instruction",
            format!("<?x {forged}?>{genuine}"),
        ),
        (
            "the forged digest in an element",
            format!("<x>{forged}</x>{genuine}"),
        ),
        ("the forged digest alone", forged.clone()),
    ] {
        refused(name, &tree.with(value.inner(), &text));
    }
    let other_info = tree.cut(info.whole()).replace(value.inner_text(), &forged);
    let at = |at: usize, what: &str| tree.with(at..at, what);
    let (front, behind) = (info.whole().start, info.whole().end);
    refused("a forged SignedInfo in front", &at(front, &other_info));
    refused("a forged SignedInfo behind", &at(behind, &other_info));
    let end = tree.root().map_or(behind, |root| root.inner().end);
    refused("a forged SignedInfo at the end", &at(end, &other_info));
    let object = format!("<w:Object xmlns:w=\"{DSIG}\">{other_info}</w:Object>");
    refused("a forged SignedInfo in an Object", &at(end, &object));
    let genuine_info = tree.cut(info.whole());
    let object = format!("<w:Object xmlns:w=\"{DSIG}\">{genuine_info}</w:Object>");
    let both = Tree::read(&at(end, &object)).map(|tree| {
        let first = tree
            .elements()
            .find(|element| element.is(DSIG, "SignedInfo"));
        first.map_or_else(String::new, |first| tree.with(first.whole(), &other_info))
    });
    refused(
        "the genuine SignedInfo in an Object",
        &both.unwrap_or_default(),
    );
    let nested = tree.with(info.whole(), &at_end(&info.on_its_own(None), &other_info));
    refused("a forged SignedInfo in the genuine one", &nested);
    let around = tree.with(info.whole(), &at_end(&other_info, &info.on_its_own(None)));
    refused("the genuine SignedInfo in a forged one", &around);
    let twice = at(
        value.whole().end,
        &tree.cut(value.whole()).replace(value.inner_text(), &forged),
    );
    refused("a second DigestValue behind", &twice);
    let twice = at(
        value.whole().start,
        &tree.cut(value.whole()).replace(value.inner_text(), &forged),
    );
    refused("a second DigestValue in front", &twice);
    let reference = find("Reference").map(|reference| reference.whole());
    if let Some(reference) = reference {
        let forged_reference = tree
            .cut(reference.clone())
            .replace(value.inner_text(), &forged);
        refused(
            "a second Reference in front",
            &at(reference.start, &forged_reference),
        );
        refused(
            "a second Reference behind",
            &at(reference.end, &forged_reference),
        );
        refused(
            "a Reference outside SignedInfo",
            &at(end, &forged_reference),
        );
    }
    refused("the signature twice", &format!("{signature}{signature}"));
}

/// Class 5: what can not be canonicalized.
fn void(forgery: &Forgery<'_>, signature: &str, attacks: &mut Attacks) {
    let nothing = STANDARD.encode(must(hash(b"", SHA256)));
    let void = set_text(signature, "DigestValue", &nothing);
    let mut refused = |name: &str, xml: String| {
        attacks.refused(C::VoidCanonicalization, forgery.name(name), xml);
    };
    refused("the digest of nothing", forgery.signed(&void));
    refused(
        "an empty digest",
        forgery.signed(&set_text(signature, "DigestValue", "")),
    );
    for (name, declaration) in [
        ("a relative namespace", " xmlns:v=\"relative\""),
        ("a namespace that is no URI", " xmlns:v=\"1:\""),
        ("a namespace with a space", " xmlns:v=\"a b\""),
    ] {
        let tag = |text: &str| {
            let tree = Tree::read(text);
            let at = tree
                .as_ref()
                .and_then(Tree::root)
                .map(|root| root.after_name());
            match (tree, at) {
                (Some(tree), Some(at)) => tree.with(at..at, declaration),
                _ => text.to_owned(),
            }
        };
        refused(
            &format!("{name} on the element, the digest of nothing"),
            forgery.message(&behind_issuer(&tag(&forgery.element), &void)),
        );
        refused(
            &format!("{name} on the element"),
            forgery.message(&behind_issuer(&tag(&forgery.element), signature)),
        );
        refused(
            &format!("{name} on the Signature"),
            forgery.signed(&tag(&void)),
        );
        refused(
            &format!("{name} on SignedInfo"),
            forgery.signed(&void.replacen("SignedInfo", &format!("SignedInfo{declaration}"), 1)),
        );
    }
    for algorithm in [
        "",
        "urn:nothing",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/2000/09/xmldsig#base64",
    ] {
        refused(
            &format!("canonicalization `{algorithm}`"),
            forgery.signed(&set_algorithm(&void, "CanonicalizationMethod", algorithm)),
        );
    }
}

/// Class 8: references to nothing, much, or elsewhere.
fn references(forgery: &Forgery<'_>, signature: &str, attacks: &mut Attacks) {
    for (name, references) in reference_games(&forgery.id, &forgery.digest()) {
        let signature = replace_references(signature, &references);
        let name = forgery.name(name);
        attacks.refused(C::ReferenceGames, name, forgery.signed(&signature));
    }
}

/// References that the profile does not have, each with its name.
pub(super) fn reference_games(id: &str, digest: &[u8]) -> Vec<(&'static str, String)> {
    let one = reference(&format!("#{id}"), digest);
    let to = |uri: &str| reference(uri, digest);
    let without_uri = reference_with("", &honest_transforms(), SHA256, &STANDARD.encode(digest));
    vec![
        ("no reference", String::new()),
        ("two references", format!("{one}{one}")),
        ("a reference to the whole document", to("")),
        ("a reference without URI", without_uri),
        ("a reference to nothing", to("#")),
        ("a reference to an ID that is not there", to("#_nobody")),
        ("an XPointer to the root", to("#xpointer(/)")),
        (
            "an XPointer to the ID",
            to(&format!("#xpointer(id('{id}'))")),
        ),
        ("a bare name without its mark", to(id)),
        ("the ID and a fragment", to(&format!("x#{id}"))),
        (
            "an external document",
            to(&format!("http://evil.example/#{id}")),
        ),
        ("a file", to("file:///etc/hostname")),
        (
            "a second reference elsewhere",
            format!("{one}{}", to("http://evil.example/")),
        ),
        ("the whole document and the ID", format!("{}{one}", to(""))),
        ("an escaped ID", to(&format!("#%5F{id}"))),
        ("a manifest", format!("<ds:Manifest>{one}</ds:Manifest>")),
    ]
}

/// Class 9: transforms that run code, or choose what is digested.
fn transformed(forgery: &Forgery<'_>, signature: &str, attacks: &mut Attacks) {
    let digest = STANDARD.encode(forgery.digest());
    for (name, transforms) in transform_games() {
        let uri = format!(" URI=\"#{}\"", forgery.id);
        let reference = reference_with(&uri, &transforms, SHA256, &digest);
        let signature = replace_references(signature, &reference);
        let name = forgery.name(name);
        attacks.refused(C::Transforms, name, forgery.signed(&signature));
    }
}

/// Transforms that the profile does not have, each with its name.
pub(super) fn transform_games() -> Vec<(&'static str, String)> {
    const XSLT: &str = "http://www.w3.org/TR/1999/REC-xslt-19991116";
    const XPATH: &str = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    const FILTER: &str = "http://www.w3.org/2002/06/xmldsig-filter2";
    let honest = honest_transforms();
    let sheet = concat!(
        r#"<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">"#,
        r#"<xsl:template match="/"></xsl:template></xsl:stylesheet>"#
    );
    let xpath = "<ds:XPath>not(ancestor-or-self::*)</ds:XPath>";
    let filter = "<f:XPath xmlns:f=\"http://www.w3.org/2002/06/xmldsig-filter2\" Filter=\"subtract\">/*</f:XPath>";
    vec![
        ("XSLT", format!("{honest}{}", transform(XSLT, sheet))),
        ("XSLT alone", transform(XSLT, sheet)),
        (
            "XSLT in front",
            format!("{}{honest}", transform(XSLT, sheet)),
        ),
        ("XPath", format!("{honest}{}", transform(XPATH, xpath))),
        ("XPath alone", transform(XPATH, xpath)),
        (
            "XPath Filter 2.0",
            format!("{honest}{}", transform(FILTER, filter)),
        ),
        (
            "base64",
            transforms(&[ENVELOPED, "http://www.w3.org/2000/09/xmldsig#base64"]),
        ),
        (
            "decryption",
            transforms(&[ENVELOPED, "http://www.w3.org/2002/07/decrypt#XML"]),
        ),
        ("no transform", String::new()),
        ("no enveloped-signature", transforms(&[EXCLUSIVE])),
        ("enveloped-signature alone", transforms(&[ENVELOPED])),
        ("the other order", transforms(&[EXCLUSIVE, ENVELOPED])),
        (
            "canonicalization twice",
            transforms(&[ENVELOPED, EXCLUSIVE, EXCLUSIVE]),
        ),
        (
            "an unknown transform",
            transforms(&[ENVELOPED, EXCLUSIVE, "urn:nothing"]),
        ),
        (
            "a transform without a name",
            format!("{honest}<ds:Transform></ds:Transform>"),
        ),
    ]
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

/// The attacker's key.
fn attackers_key() -> ring::rsa::KeyPair {
    must(ring::rsa::KeyPair::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).ok())
}

fn sign_as_attacker(message: &[u8]) -> Vec<u8> {
    let key = attackers_key();
    let mut value = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    must(
        key.sign(
            &ring::signature::RSA_PKCS1_SHA256,
            &random,
            message,
            &mut value,
        )
        .ok(),
    );
    value
}

/// The attacker's signature of a forged element, with his certificate.
pub(super) fn attackers_signature(forgery: &Forgery<'_>) -> String {
    let mut template = Template::honest(&forgery.id, &forgery.digest());
    template.key_info = key_info(&[keys::OTHER_RSA_2048_CERTIFICATE]);
    template.signed_with(sign_as_attacker)
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

/// Class 13: the genuine signature of one element on the other.
fn moved_to_the_other_level(
    victim: &Victim,
    forgery: &Forgery<'_>,
    signature: &str,
    attacks: &mut Attacks,
) {
    let others = Forgery::all(victim, false);
    for other in others.iter().filter(|other| other.level != forgery.level) {
        let name = other.name("the signature of the other level");
        attacks.refused(C::ReusedSignature, name, other.signed(signature));
    }
}

/// What can be done to a genuine signature where it stands.
fn genuine_signatures(victim: &Victim, attacks: &mut Attacks) {
    let key_info = key_info(&[keys::OTHER_RSA_2048_CERTIFICATE]);
    for element in victim.tree.elements() {
        let set = |range: std::ops::Range<usize>, text: &str| victim.tree.with(range, text);
        let text = element.inner_text();
        let of = format!("{} at {}", element.local_name(), element.index());
        let is = |name: &str| element.is(DSIG, name);
        if is("KeyInfo") {
            let own =
                key_info.replace("<ds:KeyInfo>", &format!("<ds:KeyInfo xmlns:ds=\"{DSIG}\">"));
            let name = format!("the attacker's certificate in {of}");
            attacks.harmless(C::KeyInfoTrust, name, SAME, set(element.whole(), &own));
            attacks.harmless(
                C::KeyInfoTrust,
                format!("no {of}"),
                SAME,
                set(element.whole(), ""),
            );
        }
        if is("SignatureMethod") || is("DigestMethod") {
            let class = C::WeakCryptography;
            for algorithm in [
                "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
                "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
                "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
                "http://www.w3.org/2001/04/xmldsig-more#md5",
                SHA1,
            ] {
                let tag = victim.tree.cut(element.start_tag());
                let old = element.attribute("Algorithm").unwrap_or_default();
                if old != algorithm {
                    let changed = set(element.start_tag(), &tag.replace(old, algorithm));
                    attacks.spoilt(class, format!("{algorithm} in {of}"), changed);
                }
            }
        }
        if is("SignatureValue") || is("DigestValue") {
            let comment = |by: &str| set(element.inner(), &super::victim::split(text, by));
            attacks.spoilt(
                C::SignedInfoGames,
                format!("a comment in {of}"),
                comment("<!-- -->"),
            );
            attacks.spoilt(
                C::SignedInfoGames,
                format!("an element in {of}"),
                comment("<x/>"),
            );
            for (name, changed) in [
                ("a mark that is no digit", super::victim::split(text, "!")),
                ("a NUL by reference", super::victim::split(text, "&#9;.")),
                (
                    "the alphabet of URLs",
                    text.replace('+', "-").replace('/', "_"),
                ),
                ("no padding", text.replace('=', "")),
                ("more padding", format!("{text}==")),
                ("itself twice", format!("{}{}", text.trim(), text.trim())),
                ("another case", text.to_lowercase()),
                (
                    "bytes behind it",
                    format!("{}AAAA", text.trim().trim_end_matches('=')),
                ),
            ] {
                if changed != text {
                    let name = format!("{name} in {of}");
                    attacks.spoilt(C::LaxComparison, name, set(element.inner(), &changed));
                }
            }
        }
    }
}

/// Class 12: the genuine signatures taken away, one and all.
fn stripped(victim: &Victim, attacks: &mut Attacks) {
    let signatures: Vec<_> = victim
        .tree
        .elements()
        .filter(|element| element.is(DSIG, "Signature"))
        .collect();
    if let Some(assertion) = &victim.assertion {
        attacks.refused(C::StrippedSignature, "all signatures", victim.stripped());
        let unsigned = victim.response(&assertion.bare);
        attacks.refused(
            C::StrippedSignature,
            "all signatures, nothing forged",
            unsigned,
        );
    }
    for signature in &signatures {
        let of = format!("Signature at {}", signature.index());
        let rest = victim.tree.with(signature.whole(), "");
        if signatures.len() > 1 {
            let name = format!("the {of}");
            attacks.harmless(
                C::StrippedSignature,
                name,
                "another signature holds",
                rest.clone(),
            );
        }
        attacks.refused(
            C::StrippedSignature,
            format!("the {of}, and a forged name"),
            victim.forged(&rest),
        );
        let elsewhere = victim.tree.with(
            signature.whole(),
            &victim
                .tree
                .cut(signature.whole())
                .replace(DSIG, "urn:nothing"),
        );
        attacks.refused(
            C::StrippedSignature,
            format!("the {of} in another namespace, and a forged name"),
            victim.forged(&elsewhere),
        );
    }
}

fn replace_references(signature: &str, references: &str) -> String {
    let Some(tree) = Tree::read(signature) else {
        return signature.to_owned();
    };
    let mut elements = tree.elements();
    let references = references
        .replace(
            "<ds:Reference",
            &format!("<ds:Reference xmlns:ds=\"{DSIG}\""),
        )
        .replace("<ds:Manifest", &format!("<ds:Manifest xmlns:ds=\"{DSIG}\""));
    match elements.find(|element| element.is(DSIG, "Reference")) {
        Some(reference) => tree.with(reference.whole(), &references),
        None => signature.to_owned(),
    }
}

/// The signature with another text in the first element of this name.
fn set_text(signature: &str, name: &str, text: &str) -> String {
    let Some(tree) = Tree::read(signature) else {
        return signature.to_owned();
    };
    let mut elements = tree.elements();
    match elements.find(|element| element.is(DSIG, name)) {
        Some(element) => tree.with(element.inner(), text),
        None => signature.to_owned(),
    }
}

fn set_algorithm(signature: &str, name: &str, algorithm: &str) -> String {
    let Some(tree) = Tree::read(signature) else {
        return signature.to_owned();
    };
    let element = tree.elements().find(|element| element.is(DSIG, name));
    let Some(element) = element else {
        return signature.to_owned();
    };
    let old = element.attribute("Algorithm").unwrap_or_default();
    let tag = tree
        .cut(element.start_tag())
        .replace(&format!("\"{old}\""), &format!("\"{algorithm}\""));
    tree.with(element.start_tag(), &tag)
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
