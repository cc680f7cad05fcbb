//! Classes 4, 5, 8, 9 and 13: a genuine signature, its `SignedInfo` edited or not, on a forged
//! element.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::AttackClass as C;
use super::attack::Attacks;
use super::edit::{at_end, behind_issuer};
use super::forgery::{Forgery, Level};
use super::must;
use super::signature::{
    ENVELOPED, EXCLUSIVE, SHA256, digest_of, hash, honest_transforms, reference, reference_with,
    transform, transforms,
};
use super::tree::{DSIG, Tree};
use super::victim::Victim;

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
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
            moved_to_the_other_level(&forgery, signature, attacks);
        }
    }
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

/// Class 13: the genuine signature of one element on the other.
fn moved_to_the_other_level(forgery: &Forgery<'_>, signature: &str, attacks: &mut Attacks) {
    let others = Forgery::all(forgery.victim, false);
    for other in others.iter().filter(|other| other.level != forgery.level) {
        let name = other.name("the signature of the other level");
        attacks.refused(C::ReusedSignature, name, other.signed(signature));
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
