//! What holds for every document.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use countersign_dsig::algorithm::SignatureAlgorithm;
use countersign_dsig::c14n::{Canonicalization, canonical_document, canonicalize};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped};
use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign_dsig::xml::{Document, Limits};
use countersign_testkit::keys;
use fuzz_shared::roxmltree::compare;
use proptest::prelude::*;

/// Some pieces, one after the other.
fn concat(piece: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// Text as it stands in a document, with everything that has to be resolved or normalized.
fn character_data() -> impl Strategy<Value = String> {
    concat(prop_oneof![
        "[ -%'-;=?-~é漢]{0,8}",
        Just("a>b".to_owned()),
        Just("&lt;".to_owned()),
        Just("&amp;".to_owned()),
        Just("&#13;".to_owned()),
        Just("&#x9;".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        Just("<!-- - -->".to_owned()),
        Just("<![CDATA[<&]]]>".to_owned()),
    ])
}

fn attribute_value() -> impl Strategy<Value = String> {
    concat(prop_oneof![
        "[ !#-%'-;=-~é]{0,8}",
        Just("&quot;".to_owned()),
        Just("&#10;".to_owned()),
        Just("&#xD;".to_owned()),
        Just("\t".to_owned()),
        Just("\r\n".to_owned()),
        Just("&lt;".to_owned()),
    ])
}

/// Stands for another value each time.
const UNIQUE: char = '\u{E000}';

/// A name and what follows it in a start tag; the prefixes `p` and `q` are always in scope.
fn tag() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![Just("a"), Just("p:a"), Just("q:b"), Just("é")];
    let declarations = prop_oneof![
        Just(""),
        Just(" xmlns='urn:d'"),
        Just(" xmlns=''"),
        Just(" xmlns:p='urn:other'"),
        Just(" xmlns:q='urn:p' xmlns:r='urn:unused'"),
        Just(" xmlns:p='urn:&quot;&amp;' xmlns:r='urn:p'"),
    ];
    let attributes =
        (attribute_value(), attribute_value(), 0..7_u8).prop_map(|(a, b, which)| match which {
            0 => String::new(),
            1 => format!(" x=\"{a}\""),
            2 => format!(" z=\"{a}\"\n p:x=\"{b}\""),
            3 => format!(" xml:space='preserve' Id=\"{UNIQUE}&lt;\""),
            4 => format!(" xml:id='{UNIQUE}' p:id=\"{a}\""),
            5 => format!(" id='{UNIQUE}' xml:other='o'"),
            _ => format!(" xml:lang=\"{a}\" q:y=\"{b}\""),
        });
    (name, declarations, attributes).prop_map(|(name, declarations, attributes)| {
        (name.to_owned(), declarations.to_owned() + &attributes)
    })
}

fn element() -> impl Strategy<Value = String> {
    let leaf = (tag(), character_data()).prop_map(|((name, rest), text)| {
        if text.is_empty() {
            format!("<{name}{rest}/>")
        } else {
            format!("<{name}{rest}>{text}</{name} >")
        }
    });
    leaf.prop_recursive(4, 24, 4, |inner| {
        let children = concat((character_data(), inner).prop_map(|(text, child)| text + &child));
        (tag(), children)
            .prop_map(|((name, rest), children)| format!("<{name}{rest}>{children}</{name}>"))
    })
}

fn document() -> impl Strategy<Value = String> {
    element().prop_map(|inner| {
        let mut pieces = inner.split(UNIQUE);
        let mut inner = pieces.next().unwrap().to_owned();
        for (number, piece) in pieces.enumerate() {
            // Neither in document order nor against it.
            inner += &format!("_{}{piece}", number.reverse_bits());
        }
        format!("<?xml version='1.0'?>\r\n<root ID='_1' xmlns:p='urn:p' xmlns:q='urn:q'>{inner}</root>\n")
    })
}

/// What may not stand just anywhere; nothing at all is an edit, too, as something goes for it.
const STRAYS: [&str; 52] = [
    "",
    "<",
    ">",
    "/",
    "/>",
    "</",
    "<!",
    "<!--",
    "-->",
    "--",
    "-",
    "<![CDATA[",
    "<![cdata[",
    "]]>",
    "]",
    "<?xml version='1.0'?>",
    "<?",
    "?>",
    "<!DOCTYPE a>",
    "&",
    "&amp;",
    "&#x",
    "&#0;",
    "&#xFFFE;",
    "&#+65;",
    "&#X41;",
    "&#065",
    ";",
    "'",
    "\"",
    "=",
    " ",
    "\t",
    "\n",
    "\r",
    ":",
    "p:",
    "xmlns",
    "xmlns:",
    " xmlns:p=''",
    " xmlns:xml='urn:x'",
    " xml:id='_1'",
    " b='1'",
    "\u{FEFF}",
    "\u{FFFE}",
    "\u{B7}",
    "\u{2028}",
    "\u{85}",
    "\0",
    "1",
    "</a>",
    "<a/>",
];

/// `xml` with strays in it, each in the place of so many characters.
fn edit(xml: &str, edits: &[(prop::sample::Index, usize, &str)]) -> String {
    let mut chars: Vec<char> = xml.chars().collect();
    for (at, taken, stray) in edits {
        let at = at.index(chars.len().saturating_add(1));
        let end = at.saturating_add(*taken).min(chars.len());
        chars.splice(at..end, stray.chars());
    }
    chars.into_iter().collect()
}

fn parse(xml: &[u8]) -> Document<'_> {
    Document::parse(xml, &Limits::default()).unwrap()
}

/// Without bounds: a canonical form can have more bytes and more declarations than its source.
fn unbounded() -> Limits {
    let mut limits = Limits::default();
    limits.max_bytes = usize::MAX;
    limits.max_attributes_per_element = usize::MAX;
    limits.max_namespaces_per_element = usize::MAX;
    limits.max_namespaces_in_scope = usize::MAX;
    limits
}

/// Every canonicalization that there is, with and without parameters.
fn methods() -> Vec<Canonicalization> {
    let listing = |list| Canonicalization::exclusive().with_inclusive_prefixes(list);
    vec![
        Canonicalization::exclusive(),
        Canonicalization::exclusive().with_comments(),
        listing("p r #default").unwrap(),
        listing("q xml none").unwrap().with_comments(),
        Canonicalization::inclusive_1_0(),
        Canonicalization::inclusive_1_0().with_comments(),
        Canonicalization::inclusive_1_1(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// About one in ten is accepted. Another parser is the measure, as the tokens are cut by a
    /// library that leaves most of the checking to us.
    #[test]
    fn an_edited_document_is_refused_or_read_as_roxmltree_reads_it(
        xml in document(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..2_usize, prop::sample::select(&STRAYS[..])),
            1..3,
        ),
    ) {
        let edited = edit(&xml, &edits);
        if let Ok(document) = Document::parse(edited.as_bytes(), &Limits::default()) {
            prop_assert_eq!(compare(&document), Ok(()), "{}", edited);
        }
    }
}

proptest! {
    #[test]
    fn roxmltree_sees_the_same_tree(xml in document()) {
        prop_assert_eq!(compare(&parse(xml.as_bytes())), Ok(()));
    }

    #[test]
    fn canonical_forms_are_idempotent(xml in document()) {
        for method in [
            Canonicalization::exclusive(),
            Canonicalization::exclusive().with_comments(),
            Canonicalization::exclusive().with_inclusive_prefixes("p r #default").unwrap(),
            Canonicalization::inclusive_1_0(),
            Canonicalization::inclusive_1_1(),
        ] {
            let document = parse(xml.as_bytes());
            let once = canonicalize(document.root(), &method, None).unwrap();
            let again = canonicalize(parse(&once).root(), &method, None).unwrap();
            prop_assert_eq!(&once, &again);
            // Every element has a canonical form of its own, which parses, and which says the
            // same in another context.
            for element in document.root().descendants() {
                let once = canonicalize(element, &method, None).unwrap();
                let again = canonicalize(parse(&once).root(), &method, None).unwrap();
                prop_assert_eq!(&once, &again);
            }
        }
    }

    /// What saves verification a second parse: the tree that is written beside the canonical bytes
    /// is, record for record, the one that a parse of these bytes gives.
    #[test]
    fn the_tree_of_a_canonical_form_is_that_of_a_parse(
        xml in document(),
        omit in any::<prop::sample::Index>(),
    ) {
        let document = parse(xml.as_bytes());
        let root = document.root();
        for method in methods() {
            for element in std::iter::once(root).chain(root.descendants()) {
                let below: Vec<_> = element.descendants().collect();
                let omitted = (!below.is_empty()).then(|| *omit.get(&below));
                for omit in [None, omitted] {
                    let written = canonical_document(element, &method, omit).unwrap();
                    let parsed = Document::parse(written.text().as_bytes(), &unbounded()).unwrap();
                    prop_assert!(written == parsed, "{:?} {}", method, written.text());
                    prop_assert_eq!(
                        written.text().as_bytes(),
                        canonicalize(element, &method, omit).unwrap()
                    );
                }
            }
        }
    }

    /// The canonical form means what the document means: claims read from it are the document's.
    #[test]
    fn canonical_forms_keep_the_tree(xml in document()) {
        let document = parse(xml.as_bytes());
        let bytes = canonicalize(document.root(), &Canonicalization::exclusive(), None).unwrap();
        let canonical = parse(&bytes);
        let pairs = document.root().descendants().zip(canonical.root().descendants());
        prop_assert_eq!(
            document.root().descendants().count(),
            canonical.root().descendants().count()
        );
        for (before, after) in pairs {
            prop_assert_eq!(before.namespace(), after.namespace());
            prop_assert_eq!(before.local_name(), after.local_name());
            prop_assert_eq!(before.text().ok(), after.text().ok());
            for attribute in before.attributes() {
                let namespace = attribute.namespace().unwrap_or_default();
                let value = after.attribute_ns(namespace, attribute.local_name());
                prop_assert_eq!(value, Some(attribute.value()));
            }
        }
    }

    /// Changed in one byte, a signed document gives the same bytes or none.
    #[test]
    fn no_changed_byte_changes_what_is_signed(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let xml = b"<r ID='_1' xmlns:p='urn:p'><Issuer>i</Issuer><p:a x='1&#10;'>t<!-- c -->u</p:a></r>";
        let key = SigningKey::from_pkcs8(keys::IDP_ED25519_PKCS8).unwrap();
        let signed = sign_enveloped(xml, "_1", &key, &SigningOptions::default()).unwrap();
        let keys = [VerificationKey::from_certificate_der(keys::IDP_ED25519_CERTIFICATE).unwrap()];
        let verify = |xml: &[u8]| {
            let document = Document::parse(xml, &Limits::default()).ok()?;
            verify_enveloped(document.root(), &keys, &SignaturePolicy::default()).ok()
        };
        let honest = verify(&signed).unwrap();
        let mut changed = signed.clone();
        *at.get_mut(&mut changed) = byte;
        if let Some(element) = verify(&changed) {
            prop_assert_eq!(element.canonical_bytes(), honest.canonical_bytes());
            prop_assert_eq!(element.signature_algorithm(), SignatureAlgorithm::Ed25519.uri());
        }
    }
}
