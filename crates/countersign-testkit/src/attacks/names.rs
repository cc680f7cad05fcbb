//! Classes 6 and 7: IDs and namespaces.

use super::AttackClass::{IdConfusion, NamespaceConfusion};
use super::attack::Attacks;
use super::edit::{replace_id, wrap};
use super::tree::{ASSERTION, DSIG, PROTOCOL, Tree};
use super::victim::{EVIL_ASSERTION, Part, Victim};

const NOT_READ: &str = "no reader of SAML looks there";
const SAME_FORM: &str = "exclusive canonicalization leaves it out";

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
    if let Some(assertion) = &victim.assertion {
        kinds_of_id(victim, assertion, attacks);
        look_alikes(victim, assertion, attacks);
    }
    ids_of_signed_elements(victim, attacks);
    declarations(victim, attacks);
}

/// Class 6: forged assertions whose ID is the genuine one's in some way.
fn kinds_of_id(victim: &Victim, genuine: &Part, attacks: &mut Attacks) {
    let id = &genuine.id;
    let first = id.chars().next().map(u32::from).unwrap_or_default();
    let rest: String = id.chars().skip(1).collect();
    for (name, attribute) in [
        ("ID", format!(" ID=\"{id}\"")),
        ("Id", format!(" Id=\"{id}\"")),
        ("id", format!(" id=\"{id}\"")),
        ("iD", format!(" iD=\"{id}\"")),
        ("xml:id", format!(" xml:id=\"{id}\"")),
        ("AssertionID", format!(" AssertionID=\"{id}\"")),
        ("wsu:Id", format!(" xmlns:wsu=\"urn:wsu\" wsu:Id=\"{id}\"")),
        ("saml:ID", format!(" xmlns:i=\"{ASSERTION}\" i:ID=\"{id}\"")),
        ("ID by reference", format!(" ID=\"&#{first};{rest}\"")),
        ("ID with white space", format!(" ID=\" {id} \"")),
        ("ID with a line end", format!(" ID=\"{id}&#10;\"")),
        (
            "ID in another case",
            format!(" ID=\"{}\"", id.to_uppercase()),
        ),
        (
            "several kinds of ID",
            format!(" ID=\"{EVIL_ASSERTION}\" Id=\"{id}\" xml:id=\"{id}\""),
        ),
    ] {
        let forged = victim.forged(&genuine.bare_with(&attribute));
        let whole = &genuine.whole;
        let message = |content: &str| victim.response(content);
        let mut refused = |place: &str, content: String| {
            let name = format!("a forged assertion with the genuine {name} {place}");
            attacks.refused(IdConfusion, name, message(&content));
        };
        refused("in front", format!("{forged}{whole}"));
        refused("behind", format!("{whole}{forged}"));
        for (place, namespace, element) in [
            ("in Extensions", PROTOCOL, "Extensions"),
            ("in an Object", DSIG, "Object"),
        ] {
            let hidden = wrap(namespace, element, &forged);
            attacks.harmless(
                IdConfusion,
                format!("a forged assertion with the genuine {name} {place}"),
                NOT_READ,
                message(&format!("{hidden}{whole}")),
            );
        }
    }
    let entity = format!("<!DOCTYPE r [<!ENTITY id \"{id}\"><!ATTLIST x ID ID #IMPLIED>]>");
    let forged = victim.forged(&genuine.bare_with(" ID=\"&id;\""));
    let content = victim.response(&format!("{forged}{}", genuine.whole));
    attacks.refused(
        IdConfusion,
        "a forged assertion whose ID is an entity",
        victim.behind_declaration(&entity, &content),
    );
}

/// Class 6: the IDs of what is signed, and of what stands beside it.
fn ids_of_signed_elements(victim: &Victim, attacks: &mut Attacks) {
    for part in std::iter::once(&victim.root).chain(&victim.assertion) {
        let of = if part.id == victim.root.id {
            "the root"
        } else {
            "the assertion"
        };
        if part.signature.is_none() {
            continue;
        }
        for (name, attribute) in [
            ("no ID", String::new()),
            ("its ID as Id", format!(" Id=\"{}\"", part.id)),
            ("its ID as xml:id", format!(" xml:id=\"{}\"", part.id)),
            (
                "a second kind of ID",
                format!(" ID=\"{0}\" xml:id=\"{0}x\"", part.id),
            ),
            ("an empty ID", " ID=\"\"".to_owned()),
        ] {
            let changed = replace_id(victim.text(), &part.id, &attribute);
            attacks.spoilt(IdConfusion, format!("{name} on {of}"), changed);
        }
    }
    if let Some(assertion) = &victim.assertion
        && victim.root.signature.is_none()
    {
        let same = format!(" ID=\"{}\"", assertion.id);
        let changed = replace_id(victim.text(), &victim.root.id, &same);
        attacks.refused(IdConfusion, "root and assertion of one ID", changed);
    }
}

/// Class 7: elements that only look like an assertion.
fn look_alikes(victim: &Victim, genuine: &Part, attacks: &mut Attacks) {
    let forged = victim.evil_assertion();
    for namespace in [
        "",
        "urn:evil",
        "urn:oasis:names:tc:SAML:1.0:assertion",
        PROTOCOL,
        "urn:oasis:names:tc:SAML:2.0:ASSERTION",
        "urn:oasis:names:tc:SAML:2.0:assertion ",
        "urn:oasis:names:tc:SAML:2.0:assertion/",
        "urn:oasis:names:tc:SAML:2.0:assertion#",
        "URN:oasis:names:tc:SAML:2.0:assertion",
    ] {
        if namespace.is_empty() && !forged.contains(&format!("xmlns=\"{ASSERTION}\"")) {
            // `xmlns:p=""` is no XML; where the default namespace is used it can be taken away.
            continue;
        }
        let alike = forged.replace(&format!("\"{ASSERTION}\""), &format!("\"{namespace}\""));
        for (place, content) in [
            ("in front", format!("{alike}{}", genuine.whole)),
            ("behind", format!("{}{alike}", genuine.whole)),
        ] {
            attacks.harmless(
                NamespaceConfusion,
                format!("a forged assertion of `{namespace}` {place}"),
                NOT_READ,
                victim.response(&content),
            );
        }
        attacks.refused(
            NamespaceConfusion,
            format!("a forged assertion of `{namespace}` alone"),
            victim.response(&alike),
        );
    }
    for name in ["assertion", "ASSERTION", "Assertion2", "EncryptedAssertion"] {
        let alike = rename_root(&forged, name);
        attacks.harmless(
            NamespaceConfusion,
            format!("a forged {name}"),
            NOT_READ,
            victim.response(&format!("{alike}{}", genuine.whole)),
        );
        attacks.refused(
            NamespaceConfusion,
            format!("a forged {name} alone"),
            victim.response(&alike),
        );
    }
}

fn rename_root(element: &str, local_name: &str) -> String {
    let Some(tree) = Tree::read(element) else {
        return element.to_owned();
    };
    let Some(root) = tree.root() else {
        return element.to_owned();
    };
    let name = root.name();
    let new = match name.split_once(':') {
        Some((prefix, _)) => format!("{prefix}:{local_name}"),
        None => local_name.to_owned(),
    };
    let inner = tree.cut(root.after_name()..root.inner().end);
    format!("<{new}{inner}</{new}>")
}

/// Class 7: declarations put in front of what is signed.
fn declarations(victim: &Victim, attacks: &mut Attacks) {
    for (index, element) in victim.tree.elements().enumerate().take(24) {
        let of = format!("{} at {index}", element.local_name());
        let at = element.after_name();
        let add = |declaration: &str| victim.tree.with(at..at, declaration);
        for (name, declaration) in [
            ("the prefix xmlns declared", " xmlns:xmlns=\"urn:x\""),
            (
                "the prefix xml bound to another namespace",
                " xmlns:xml=\"urn:x\"",
            ),
            (
                "a prefix for the namespace of xml",
                " xmlns:x=\"http://www.w3.org/XML/1998/namespace\"",
            ),
            (
                "a prefix for the namespace of xmlns",
                " xmlns:x=\"http://www.w3.org/2000/xmlns/\"",
            ),
            ("a prefix bound to nothing", " xmlns:x=\"\""),
            (
                "a prefix bound twice",
                " xmlns:x=\"urn:x\" xmlns:x=\"urn:y\"",
            ),
            (
                "an attribute twice by its expanded name",
                " xmlns:x=\"urn:x\" xmlns:y=\"urn:x\" x:a=\"1\" y:a=\"2\"",
            ),
            ("the attribute xml:xmlns", " xml:xmlns=\"urn:x\""),
        ] {
            let name = format!("{name} on {of}");
            match declaration {
                // A legal attribute, which where nobody signed it says nothing.
                " xml:xmlns=\"urn:x\"" => {
                    attacks.harmless(NamespaceConfusion, name, NOT_READ, add(declaration));
                }
                _ => attacks.refused(NamespaceConfusion, name, add(declaration)),
            }
        }
        attacks.harmless(
            NamespaceConfusion,
            format!("an unused prefix on {of}"),
            SAME_FORM,
            add(" xmlns:evil=\"urn:evil\""),
        );
        for prefix in ["saml", "saml2", "samlp", "saml2p", "ds", "xs", "xsi", ""] {
            let colon = if prefix.is_empty() { "" } else { ":" };
            let declared = format!("xmlns{colon}{prefix}");
            if element.attribute(&declared).is_some() {
                continue;
            }
            // Where the prefix is not used in between, nothing changes.
            attacks.harmless(
                NamespaceConfusion,
                format!("the prefix `{prefix}` bound anew on {of}"),
                SAME_FORM,
                add(&format!(" {declared}=\"urn:evil\"")),
            );
        }
    }
    for algorithm_element in ["CanonicalizationMethod", "Transform"] {
        for element in victim.tree.elements() {
            if !element.is(DSIG, algorithm_element) {
                continue;
            }
            let end = element.inner().end;
            for prefixes in ["#default", "saml samlp", "xml xmlns", "evil"] {
                let list = format!(
                    "<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"{prefixes}\"/>"
                );
                let open = victim.tree.cut(element.whole());
                let changed = if element.inner().is_empty() && open.ends_with("/>") {
                    let head = open.trim_end_matches("/>");
                    let name = element.name();
                    victim
                        .tree
                        .with(element.whole(), &format!("{head}>{list}</{name}>"))
                } else {
                    victim.tree.with(end..end, &list)
                };
                attacks.spoilt(
                    NamespaceConfusion,
                    format!(
                        "the PrefixList `{prefixes}` in {} at {}",
                        algorithm_element,
                        element.index()
                    ),
                    changed,
                );
            }
        }
    }
}
