//! Well-formed documents with everything that canonicalization can trip over.
//!
//! The vocabulary is small on purpose: few prefixes for few namespaces collide all the time, so
//! that a prefix is bound again below itself, two prefixes stand for one namespace, a declaration
//! says what is in force already, and another is never used.

use std::fmt::Write as _;

use crate::choices::Choices;

/// A document and what to ask about it.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The document.
    pub xml: String,
    /// How many elements it has.
    pub elements: usize,
    /// A `PrefixList` that names some of its prefixes, and perhaps others \[EXC-C14N §2\].
    pub prefix_list: String,
}

/// Elements of one document; every bound of the parser is far above.
const MAX_ELEMENTS: usize = 40;
const MAX_DEPTH: usize = 10;

/// Of the Basic Multilingual Plane and beyond it, and such that the order of UTF-8 and that of
/// UTF-16 differ.
const PREFIXES: [&str; 9] = ["", "p", "q", "r", "P", "ds", "é", "\u{ff45}", "\u{10400}"];
const LOCAL_NAMES: [&str; 9] = [
    "a",
    "b",
    "A",
    "Signature",
    "x-1.y",
    "_",
    "名",
    "\u{ff45}x",
    "\u{10400}",
];
/// As they stand between quotes. Three kinds are left out, because libxml2 has no canonical form
/// for them that we could be compared with: a relative one, even outside the apex, where it is
/// nobody's concern \[C14N §1.3\]; what is no URI by RFC 3986, which is no rule of XML
/// \[XML-Names §2.2\]; and one with `&` or `"`, which it writes unescaped \[C14N §2.3\].
const URIS: [&str; 9] = [
    "urn:a",
    "urn:b",
    "urn:B",
    "urn:a:b",
    "http://example.org/",
    "http://example.org/?a=1;b=2#c",
    "http://www.w3.org/2000/09/xmldsig#",
    "&#117;rn:&#x61;",
    "urn:x-y:'%20",
];
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// What text and attribute values are made of, as it is written; without quotes, `<` and `>`.
const PIECES: [&str; 38] = [
    "x",
    "one two",
    " ",
    "  ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\r\n\r",
    "\r\r\n\n",
    "&lt;",
    "&gt;",
    "&amp;",
    "&apos;",
    "&quot;",
    "&amp;amp;",
    "&#9;",
    "&#10;",
    "&#13;",
    "&#xD;&#xA;",
    "&#x000A;",
    "&#032;",
    "&#38;",
    "&#60;",
    "&#x1F600;",
    "&#x10FFFF;",
    "&#233;",
    "\u{1F600}",
    "é",
    "漢",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{fffd}",
    "\u{e000}",
    "\u{10fffd}",
    "]",
    "]]",
];
/// What only stands between `<![CDATA[` and `]]>`, or in a comment.
const MARKUP: [&str; 8] = ["<", "&", ">", "\"", "'", "<a b='c'/>", "&amp;", "&#13;"];

/// The document that these choices describe. It is well-formed, with namespaces.
pub fn document(choices: &mut Choices<'_>) -> Generated {
    let mut writer = Writer {
        choices,
        out: String::new(),
        scope: Vec::new(),
        elements: 0,
        ids: 0,
    };
    writer.prolog();
    writer.element(0);
    writer.misc();
    let Writer { out, elements, .. } = writer;
    Generated {
        xml: out,
        elements,
        prefix_list: prefix_list(choices),
    }
}

/// Names of some prefixes, some of which nobody may have declared.
fn prefix_list(choices: &mut Choices<'_>) -> String {
    let mut list = String::new();
    for _ in 0..choices.below(5) {
        list += match choices.word(&PREFIXES) {
            "" => "#default",
            prefix => prefix,
        };
        list += choices.word(&[" ", "\n", "\t ", "  "]);
    }
    list += choices.word(&["", "", "none", "xml", "#default"]);
    list
}

struct Writer<'c, 'b> {
    choices: &'c mut Choices<'b>,
    out: String,
    /// Prefixes with what they stand for, the nearest last.
    scope: Vec<(&'static str, &'static str)>,
    elements: usize,
    ids: usize,
}

impl Writer<'_, '_> {
    fn prolog(&mut self) {
        if self.choices.once_in(16) {
            self.out.push('\u{feff}');
        }
        self.out += self.choices.word(&[
            "",
            "<?xml version=\"1.0\"?>",
            "<?xml version='1.0' encoding='utf-8' ?>",
            "<?xml\tversion = \"1.0\" encoding=\"UTF-8\"\r\nstandalone = 'yes'?>",
        ]);
        self.misc();
    }

    /// What may stand before and after the root \[XML §2.8\].
    fn misc(&mut self) {
        for _ in 0..self.choices.below(3) {
            match self.choices.below(2) {
                0 => self.white_space(),
                _ => self.comment(),
            }
        }
    }

    fn element(&mut self, depth: usize) {
        self.elements = self.elements.saturating_add(1);
        let around = self.scope.len();
        let mut written = self.declarations();
        let prefix = self.prefix_in_scope();
        let local = self.choices.word(&LOCAL_NAMES);
        let name = match prefix {
            "" => local.to_owned(),
            prefix => format!("{prefix}:{local}"),
        };
        self.attributes(&mut written);
        shuffle(self.choices, &mut written);

        self.out.push('<');
        self.out += &name;
        for attribute in &written {
            self.white_space();
            self.out += attribute;
        }
        self.optional_space();
        let pieces = self.choices.below(6);
        if pieces == 0 && self.choices.below(2) == 0 {
            self.out += "/>";
        } else {
            self.out.push('>');
            for _ in 0..pieces {
                self.content(depth);
            }
            self.out += "</";
            self.out += &name;
            self.optional_space();
            self.out.push('>');
        }
        self.scope.truncate(around);
    }

    fn content(&mut self, depth: usize) {
        match self.choices.below(8) {
            0..=2 => self.text(),
            3 => self.comment(),
            4 => self.cdata(),
            _ if self.elements < MAX_ELEMENTS && depth < MAX_DEPTH => {
                self.element(depth.saturating_add(1));
            }
            _ => self.text(),
        }
    }

    /// Namespace declarations, each as it is written; they are in scope from here on.
    fn declarations(&mut self) -> Vec<String> {
        let mut written = Vec::new();
        let mut here = Vec::new();
        for _ in 0..self.choices.below(5) {
            let prefix = self.choices.word(&PREFIXES);
            if here.contains(&prefix) {
                continue;
            }
            here.push(prefix);
            // Only the default namespace can be taken back [XML-Names §6.2].
            let uri = if prefix.is_empty() && self.choices.below(3) == 0 {
                ""
            } else {
                self.choices.word(&URIS)
            };
            self.scope.push((prefix, uri));
            let name = match prefix {
                "" => "xmlns".to_owned(),
                prefix => format!("xmlns:{prefix}"),
            };
            written.push(self.written(&name, uri));
        }
        if self.choices.once_in(32) {
            // Allowed, and says nothing [XML-Names §3].
            written.push(self.written("xmlns:xml", XML_NAMESPACE));
        }
        written
    }

    fn attributes(&mut self, written: &mut Vec<String>) {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for _ in 0..self.choices.below(5) {
            let (prefix, local) = match self.choices.below(8) {
                0..=2 => ("", self.choices.word(&LOCAL_NAMES)),
                3 => ("xml", self.choices.word(&["lang", "space", "id", "other"])),
                4 if self.choices.once_in(4) => ("xml", "base"),
                5 if self.choices.once_in(2) => ("", self.choices.word(&["ID", "Id", "id"])),
                _ => (self.prefix_in_scope(), self.choices.word(&LOCAL_NAMES)),
            };
            let uri = match prefix {
                "" => "",
                "xml" => XML_NAMESPACE,
                prefix => self.bound(prefix),
            };
            // Two prefixes may stand for one namespace [XML-Names §6.3].
            if names.contains(&(resolved(uri), local)) {
                continue;
            }
            names.push((resolved(uri), local));
            let is_id = matches!(
                (prefix, local),
                ("xml", "id") | ("", "ID") | ("", "Id") | ("", "id")
            );
            let value = if is_id {
                self.ids = self.ids.saturating_add(1);
                format!("i{}", self.ids)
            } else if (prefix, local) == ("xml", "base") {
                // libxml2 drops an empty one from the form of C14N 1.1, also where nothing is to be
                // joined with it [C14N11 §2.4].
                format!("b{}", self.value())
            } else {
                self.value()
            };
            let name = match prefix {
                "" => local.to_owned(),
                prefix => format!("{prefix}:{local}"),
            };
            written.push(self.written(&name, &value));
        }
    }

    fn value(&mut self) -> String {
        let mut value = String::new();
        for _ in 0..self.choices.below(5) {
            value += match self.choices.below(8) {
                0 => self.choices.word(&[">", "]]>", "\"", "'", "/>"]),
                _ => self.choices.word(&PIECES),
            };
        }
        value
    }

    /// An attribute as it is written, in quotes that its value allows.
    fn written(&mut self, name: &str, value: &str) -> String {
        let equals = self
            .choices
            .word(&["=", "=", "=", "=", "=", " =", "= ", "\r\n=\t"]);
        let quote = self.choices.word(&["\"", "'"]);
        let value = match quote {
            "'" => value.replace('\'', "&#x27;"),
            _ => value.replace('"', "&#34;"),
        };
        format!("{name}{equals}{quote}{value}{quote}")
    }

    fn text(&mut self) {
        for _ in 0..self.choices.below(6) {
            let piece = match self.choices.below(10) {
                // `]]>` may not stand in text [XML §2.4].
                0 if !self.out.ends_with("]]") => ">",
                0 => "&gt;",
                1 => self.choices.word(&["'", "\"", "=", "--"]),
                _ => self.choices.word(&PIECES),
            };
            self.out += piece;
        }
    }

    fn raw(&mut self) -> String {
        let mut raw = String::new();
        for _ in 0..self.choices.below(4) {
            raw += match self.choices.below(2) {
                0 => self.choices.word(&MARKUP),
                _ => self.choices.word(&PIECES),
            };
        }
        raw
    }

    fn cdata(&mut self) {
        let raw = self.raw();
        self.out += "<![CDATA[";
        self.out += &raw.replace("]]>", "]]]]><![CDATA[>");
        self.out += "]]>";
    }

    fn comment(&mut self) {
        let raw = self.raw();
        let dash = self.choices.word(&["", "", "-", " - "]);
        let space = if dash.ends_with('-') { " " } else { "" };
        // Writing to a string does not fail.
        let _ = write!(self.out, "<!--{dash}{raw}{space}-->");
    }

    fn white_space(&mut self) {
        self.out += self
            .choices
            .word(&[" ", " ", " ", "\n", "\t", "\r", "\r\n", "  \n\t"]);
    }

    fn optional_space(&mut self) {
        if self.choices.once_in(4) {
            self.white_space();
        }
    }

    /// A prefix that may be used here; the empty one always may.
    fn prefix_in_scope(&mut self) -> &'static str {
        match self.choices.below(self.scope.len().saturating_add(1)) {
            0 => "",
            n => self
                .scope
                .get(n.saturating_sub(1))
                .map_or("", |(prefix, _)| prefix),
        }
    }

    /// What a prefix stands for here, as it was written.
    fn bound(&self, prefix: &str) -> &'static str {
        let nearest = self.scope.iter().rev().find(|(other, _)| *other == prefix);
        nearest.map_or("", |(_, uri)| uri)
    }
}

/// The one URI of ours that is written in two ways.
fn resolved(uri: &str) -> &str {
    if uri == "&#117;rn:&#x61;" {
        "urn:a"
    } else {
        uri
    }
}

fn shuffle<T>(choices: &mut Choices<'_>, all: &mut [T]) {
    for last in (1..all.len()).rev() {
        all.swap(last, choices.below(last.saturating_add(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_dsig::xml::{Document, Limits};

    #[test]
    fn documents_are_well_formed_and_counted() {
        let mut elements = 0;
        for seed in 0..2_000 {
            let generated = document(&mut Choices::from_seed(seed));
            let parsed = Document::parse(generated.xml.as_bytes(), &Limits::default());
            let parsed = parsed.unwrap_or_else(|error| panic!("{seed}: {error}\n{generated:?}"));
            assert_eq!(parsed.root().descendants().count() + 1, generated.elements);
            elements += generated.elements;
        }
        // Were most of them empty, a million would say little.
        assert!(elements > 10_000, "{elements}");
    }

    #[test]
    fn each_thing_that_canonicalization_can_trip_over_is_there() {
        let all: String = (0..500)
            .map(|seed| document(&mut Choices::from_seed(seed)).xml)
            .collect();
        for part in [
            "xmlns=\"\"",
            "xmlns:xml=",
            "xml:lang",
            "xml:base",
            "xml:id",
            "<![CDATA[",
            "]]]]><![CDATA[>",
            "<!--",
            "&#x000A;",
            "\r\n",
            "/>",
            "\u{10400}:",
        ] {
            assert!(all.contains(part), "{part}");
        }
    }

    #[test]
    fn no_choices_at_all_are_the_plainest_document() {
        let generated = document(&mut Choices::from_bytes(&[]));
        assert_eq!(generated.xml, "<a/>");
        assert_eq!(generated.prefix_list, "");
    }
}
