//! Canonicalization and signatures on data that other projects made.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::algorithm::DSIG_NAMESPACE;
use countersign_dsig::c14n::{Canonicalization, canonical_document, canonicalize};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign_dsig::xml::{Document, Element, Limits};
use countersign_testkit::fixtures;

/// The names of the files below a fixture folder, relative to it, in order.
fn files_below(folder: &str) -> Vec<String> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let root = fixtures::path(folder);
    let mut found = Vec::new();
    visit(&root, &mut found);
    let mut names: Vec<_> = found
        .iter()
        .map(|path| {
            path.strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    names.sort();
    names
}

fn parse(xml: &[u8]) -> Document<'_> {
    Document::parse(xml, &Limits::default()).unwrap()
}

/// The first element with this local name, in document order.
fn first<'d>(document: &'d Document<'_>, local_name: &str) -> Element<'d> {
    std::iter::once(document.root())
        .chain(document.root().descendants())
        .find(|element| element.local_name() == local_name)
        .unwrap()
}

/// `input`, the element to take, the method, and the file with what has to come out.
#[track_caller]
fn canonicalizes(input: &str, element: &str, method: &Canonicalization, expected: &str) {
    let xml = fixtures::read(&format!("c14n/{input}"));
    let document = parse(&xml);
    let bytes = canonicalize(first(&document, element), method, None).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        fixtures::read_text(&format!("c14n/{expected}")),
        "{input} {element} {expected}"
    );
}

fn exclusive() -> Canonicalization {
    Canonicalization::exclusive()
}

fn inclusive() -> Canonicalization {
    Canonicalization::inclusive_1_0()
}

fn listing(prefixes: &str) -> Canonicalization {
    exclusive().with_inclusive_prefixes(prefixes).unwrap()
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn ssoreadys_canonicalization_cases() {
    for (case, root) in [
        ("charmods", "doc"),
        ("nested_redeclaration", "root"),
        ("saml", "Response"),
        ("shadowing", "outer"),
        ("start_end", "doc"),
        ("whitespace", "doc"),
    ] {
        let (input, expected) = (
            format!("ssoready/{case}/in.xml"),
            format!("ssoready/{case}/out.xml"),
        );
        canonicalizes(&input, root, &exclusive(), &expected);
    }
}

/// Each of the interoperability suites that needs neither a DTD nor XPath.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn the_interoperability_suites() {
    // Y1: exclusive, with and without prefixes and comments.
    let y1 = "santuario/interop/c14n/Y1";
    for (element, method, expected) in [
        ("Object", exclusive(), 0),
        ("Object", listing("bar #default"), 1),
        ("Object", exclusive().with_comments(), 2),
        ("Object", listing("bar #default").with_comments(), 3),
        ("SignedInfo", exclusive(), 4),
    ] {
        let input = format!("{y1}/exc-signature.xml");
        canonicalizes(
            &input,
            element,
            &method,
            &format!("{y1}/c14n-{expected}.txt"),
        );
    }
    // Y4 and Y5 ("merlin-c14n-three"): the references to a whole subtree, and SignedInfo.
    for folder in [
        "santuario/interop/c14n/Y4",
        "santuario/interop/c14n/Y5",
        "xmlsec/merlin-c14n-three",
    ] {
        for (element, method, expected) in [
            ("Something", inclusive(), 0),
            ("Something", Canonicalization::inclusive_1_1(), 0),
            ("Something", exclusive(), 9),
            ("Something", listing("#default"), 18),
            ("SignedInfo", inclusive(), 27),
        ] {
            let input = format!("{folder}/signature.xml");
            canonicalizes(
                &input,
                element,
                &method,
                &format!("{folder}/c14n-{expected}.txt"),
            );
        }
    }
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn santuarios_exclusive_cases() {
    let folder = "santuario/org/apache/xml/security/c14n/inExcl";
    for (input, element, method, expected) in [
        (
            "example2_2_1",
            "elem2",
            inclusive(),
            "example2_2_1_c14nized",
        ),
        (
            "example2_2_2",
            "elem2",
            inclusive(),
            "example2_2_2_c14nized",
        ),
        (
            "example2_2_1",
            "elem2",
            exclusive(),
            "example2_2_c14nized_exclusive",
        ),
        (
            "example2_2_2",
            "elem2",
            exclusive(),
            "example2_2_c14nized_exclusive",
        ),
        ("example2_4", "elem2", exclusive(), "example2_4_c14nized"),
        ("plain-soap-1.1", "Body", exclusive(), "plain-soap-c14nized"),
    ] {
        canonicalizes(
            &format!("{folder}/{input}.xml"),
            element,
            &method,
            &format!("{folder}/{expected}.xml"),
        );
    }
    let folder = "santuario/org/apache/xml/security/c14n/in";
    for (input, element, method, expected) in [
        ("32_input", "doc", inclusive(), "32_c14n"),
        (
            "default_ns_redefinition_input",
            "Object",
            inclusive(),
            "default_ns_redefinition_c14n",
        ),
    ] {
        canonicalizes(
            &format!("{folder}/{input}.xml"),
            element,
            &method,
            &format!("{folder}/{expected}.xml"),
        );
    }
}

/// Every file of the canonicalization fixtures that our parser refuses, and why: they need a DTD,
/// processing instructions or another encoding, none of which SAML has. One that starts to parse
/// fails this test.
const REFUSED_BY_THE_PARSER: &[(&str, &str)] = &[
    (
        "santuario/interop/c14n/Y2/signature-joseph-exc.xml",
        "xml.doctype",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/31_c14n-comments.xml",
        "xml.processing_instruction",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/31_c14n.xml",
        "xml.processing_instruction",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/31_input.xml",
        "xml.processing_instruction",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/33_input.xml",
        "xml.doctype",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/34_input.xml",
        "xml.doctype",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/34_input_validatingParser.xml",
        "xml.doctype",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/35_input.xml",
        "xml.doctype",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/36_input.xml",
        "xml.unsupported_encoding",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/37_input.xml",
        "xml.doctype",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/38_input.xml",
        "xml.doctype",
    ),
    (
        "santuario/org/apache/xml/security/c14n/in/foo.xml",
        "xml.processing_instruction",
    ),
    (
        "santuario/org/apache/xml/security/c14n/inExcl/example2_2_3.xml",
        "xml.processing_instruction",
    ),
    ("ssoready/encoding/in.xml", "xml.unsupported_encoding"),
];

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn what_the_parser_refuses_is_known() {
    let refused: Vec<_> = files_below("c14n")
        .into_iter()
        .filter(|name| name.ends_with(".xml"))
        .filter_map(|name| {
            let xml = fixtures::read(&format!("c14n/{name}"));
            let error = Document::parse(&xml, &Limits::default()).err()?;
            Some((name, error.code()))
        })
        .collect();
    let refused: Vec<_> = refused
        .iter()
        .map(|(name, code)| (name.as_str(), *code))
        .collect();
    assert_eq!(refused, REFUSED_BY_THE_PARSER);
}

/// Roots with a relative namespace in scope somewhere, which have no canonical form.
const RELATIVE_NAMESPACES: &[&str] = &[
    "santuario/org/apache/xml/security/c14n/in/relative-ns-behaviour.xml",
    "xml-crypto/integration/expectedVerify.xml",
    "xml-crypto/invalid_signature - changed content.xml",
    "xml-crypto/invalid_signature - hash.xml",
    "xml-crypto/invalid_signature - non existing reference.xml",
    "xml-crypto/invalid_signature - signature value.xml",
    "xml-crypto/invalid_signature - wsu - changed content.xml",
    "xml-crypto/invalid_signature - wsu - hash.xml",
    "xml-crypto/invalid_signature - wsu - invalid signature value.xml",
    "xml-crypto/invalid_signature - wsu - non existing reference.xml",
    "xml-crypto/valid_signature wsu.xml",
    "xml-crypto/valid_signature.xml",
    "xml-crypto/valid_signature_with_lowercase_id_attribute.xml",
    "xml-crypto/valid_signature_with_reference_keyInfo.xml",
    "xml-crypto/valid_signature_with_root_level_sig_namespace.xml",
    "xml-crypto/valid_signature_with_whitespace_in_digestvalue.xml",
];

/// Whatever parses has an idempotent canonical form.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn canonical_forms_of_all_fixtures_are_idempotent() {
    let (mut checked, mut unusable) = (0_u32, Vec::new());
    for folder in ["c14n", "dsig", "saml"] {
        for name in files_below(folder) {
            let xml = fixtures::read(&format!("{folder}/{name}"));
            let Ok(document) = Document::parse(&xml, &Limits::default()) else {
                continue;
            };
            for method in [exclusive(), inclusive(), exclusive().with_comments()] {
                let Ok(once) = canonicalize(document.root(), &method, None) else {
                    unusable.push(name.clone());
                    break;
                };
                let again = canonicalize(parse(&once).root(), &method, None).unwrap();
                assert_eq!(once, again, "{name}");
                checked = checked.saturating_add(1);
            }
        }
    }
    // Only what has a relative namespace has no canonical form.
    assert_eq!(unusable, RELATIVE_NAMESPACES);
    assert!(checked > 500, "{checked}");
}

/// The tree that is written beside a canonical form is the one that a parse of it gives.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn trees_of_canonical_forms_of_all_fixtures_are_those_of_a_parse() {
    let mut unbounded = Limits::default();
    unbounded.max_bytes = usize::MAX;
    let mut checked = 0_u32;
    for folder in ["c14n", "dsig", "saml"] {
        for name in files_below(folder) {
            let xml = fixtures::read(&format!("{folder}/{name}"));
            let Ok(document) = Document::parse(&xml, &Limits::default()) else {
                continue;
            };
            let root = document.root();
            // The whole, the whole without each part, as a signature is left out, and each part.
            let wholes = std::iter::once(None).chain(root.children().map(Some));
            let cases: Vec<_> = wholes
                .map(|omit| (root, omit))
                .chain(root.children().map(|child| (child, None)))
                .collect();
            let comments = exclusive().with_comments();
            for method in [exclusive(), inclusive(), comments, listing("#default xs")] {
                for (element, omit) in cases.iter().take(64) {
                    let Ok(written) = canonical_document(*element, &method, *omit) else {
                        continue;
                    };
                    let parsed = Document::parse(written.text().as_bytes(), &unbounded).unwrap();
                    assert!(written == parsed, "{name} {method:?}");
                    checked = checked.saturating_add(1);
                }
            }
        }
    }
    assert!(checked > 5000, "{checked}");
}

/// The public keys below a folder: certificates in PEM or DER, and the bare keys that some
/// signatures carry for others to be verified with.
fn public_keys(folder: &str) -> Vec<VerificationKey> {
    let mut keys = Vec::new();
    for name in files_below(folder) {
        let bytes = fixtures::read(&format!("{folder}/{name}"));
        keys.extend(VerificationKey::from_certificate_der(&bytes));
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        keys.extend(
            text.split("-----")
                .filter_map(|body| VerificationKey::from_certificate_base64(body).ok()),
        );
        if let Ok(document) = Document::parse(&bytes, &Limits::default()) {
            keys.extend(
                document
                    .root()
                    .descendants()
                    .filter(|element| element.local_name() == "DEREncodedKeyValue")
                    .filter_map(|element| {
                        let text: String = element.text().ok()?.split_whitespace().collect();
                        VerificationKey::from_spki_der(&STANDARD.decode(text).ok()?).ok()
                    }),
            );
        }
    }
    keys
}

/// What becomes of the first `Signature` of a file: `verified`, or the code of the refusal. Its own
/// certificates are pinned beside `keys`, so that as much as possible gets past the key.
fn outcome(xml: &[u8], keys: &[VerificationKey], policy: &SignaturePolicy) -> &'static str {
    let document = match Document::parse(xml, &Limits::default()) {
        Ok(document) => document,
        Err(error) => return error.code(),
    };
    let signature = std::iter::once(document.root())
        .chain(document.root().descendants())
        .find(|element| element.is(DSIG_NAMESPACE, "Signature"));
    let mut pinned: Vec<_> = signature
        .iter()
        .flat_map(|signature| signature.descendants())
        .filter(|element| element.is(DSIG_NAMESPACE, "X509Certificate"))
        .filter_map(|element| VerificationKey::from_certificate_base64(&element.text().ok()?).ok())
        .collect();
    pinned.extend_from_slice(keys);
    // An enveloping signature is the root, and has none of its own.
    let signed = signature
        .and_then(Element::parent)
        .unwrap_or_else(|| document.root());
    match verify_enveloped(signed, &pinned, policy) {
        Ok(_) => "verified",
        Err(error) => error.code(),
    }
}

/// Everything that has a name of its own, so that a refusal shows the deepest reason there is.
fn generous() -> SignaturePolicy {
    SignaturePolicy::new()
        .insecure_legacy_algorithms()
        .accept_inclusive_canonicalization()
}

/// xml-crypto's files, each with what becomes of it under the generous policy and under the
/// default one. Its "valid" files that are refused here have several references, none, or
/// `URI=""`: valid XML signatures, no SAML signatures.
const XML_CRYPTO: &[(&str, &str, &str)] = &[
    (
        "hmac_signature.xml",
        "dsig.signature_method",
        "dsig.signature_method",
    ),
    (
        "id_with_quotes.xml",
        "dsig.signature_invalid",
        "dsig.insecure_algorithm",
    ),
    (
        "integration/expectedVerify.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "integration/expectedVerifyComplex.xml",
        "dsig.transforms",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_saml_no_signed_info.xml",
        "dsig.signature_content",
        "dsig.signature_content",
    ),
    (
        "invalid_saml_sha256_rsa_mgf1.xml",
        "dsig.reference_uri",
        "dsig.reference_uri",
    ),
    (
        "invalid_signature - changed content.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_signature - hash.xml",
        "dsig.signature_invalid",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_signature - non existing reference.xml",
        "dsig.signature_invalid",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_signature - signature value.xml",
        "dsig.signature_invalid",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_signature - wsu - changed content.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_signature - wsu - hash.xml",
        "dsig.signature_invalid",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_signature - wsu - invalid signature value.xml",
        "dsig.signature_invalid",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_signature - wsu - non existing reference.xml",
        "dsig.signature_invalid",
        "dsig.insecure_algorithm",
    ),
    (
        "invalid_signature_without_transforms_element.xml",
        "dsig.transforms",
        "dsig.insecure_algorithm",
    ),
    (
        "keyinfo - pretty-printed.xml",
        "verified",
        "dsig.insecure_algorithm",
    ),
    (
        "saml_external_ns.xml",
        "verified",
        "dsig.insecure_algorithm",
    ),
    (
        "saml_multiple_signed_info_nodes.xml",
        "dsig.signature_content",
        "dsig.signature_content",
    ),
    (
        "saml_wrapped_signed_info_node.xml",
        "dsig.signature_content",
        "dsig.signature_content",
    ),
    (
        "signature_with_inclusivenamespaces.xml",
        "verified",
        "dsig.insecure_algorithm",
    ),
    (
        "signature_with_inclusivenamespaces_lines.xml",
        "verified",
        "dsig.insecure_algorithm",
    ),
    (
        "signature_with_inclusivenamespaces_lines_windows.xml",
        "verified",
        "dsig.insecure_algorithm",
    ),
    ("unsigned_saml_response.xml", "dsig.missing", "dsig.missing"),
    ("valid_saml.xml", "verified", "dsig.insecure_algorithm"),
    (
        "valid_saml_sha256_rsa_mgf1.xml",
        "dsig.reference_uri",
        "dsig.reference_uri",
    ),
    (
        "valid_saml_signature_wrapping.xml",
        "xml.duplicate_id",
        "xml.duplicate_id",
    ),
    (
        "valid_saml_with_digest_comment.xml",
        "dsig.comment",
        "dsig.comment",
    ),
    (
        "valid_saml_withcomments.xml",
        "dsig.canonicalization_method",
        "dsig.canonicalization_method",
    ),
    (
        "valid_signature wsu.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "valid_signature.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "valid_signature_utf8.xml",
        "verified",
        "dsig.signature_invalid",
    ),
    (
        "valid_signature_with_lowercase_id_attribute.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "valid_signature_with_reference_keyInfo.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "valid_signature_with_root_level_sig_namespace.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "valid_signature_with_unused_prefixes.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "valid_signature_with_whitespace_in_digestvalue.xml",
        "dsig.reference_count",
        "dsig.insecure_algorithm",
    ),
    (
        "valid_signature_without_transforms_element.xml",
        "dsig.transforms",
        "dsig.insecure_algorithm",
    ),
    (
        "windows_store_signature.xml",
        "dsig.signature_invalid",
        "dsig.signature_invalid",
    ),
    ("wsfederation_metadata.xml", "verified", "verified"),
];

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn xml_cryptos_signatures() {
    let keys = public_keys("dsig/xml-crypto");
    let outcomes: Vec<_> = files_below("dsig/xml-crypto")
        .into_iter()
        .filter(|name| name.ends_with(".xml"))
        .map(|name| {
            let xml = fixtures::read(&format!("dsig/xml-crypto/{name}"));
            let by_name = outcome(&xml, &keys, &generous());
            let by_default = outcome(&xml, &keys, &SignaturePolicy::default());
            (name, by_name, by_default)
        })
        .collect();
    let outcomes: Vec<_> = outcomes
        .iter()
        .map(|(name, by_name, by_default)| (name.as_str(), *by_name, *by_default))
        .collect();
    assert_eq!(outcomes, XML_CRYPTO);
}

/// How many of the xmlsec suites' files end in which way. None fits SAML's profile: they sign
/// `URI=""`, several references, by inclusive canonicalization, or are enveloping.
const XMLSEC: &[(&str, u32)] = &[
    ("dsig.canonicalization_method", 1),
    ("dsig.missing", 245),
    ("dsig.reference_uri", 24),
    ("dsig.signature_content", 2),
    ("dsig.signature_invalid", 27),
    ("dsig.signature_method", 88),
    ("xml.content_outside_root", 18),
    ("xml.doctype", 4),
    ("xml.not_utf8", 27),
    ("xml.processing_instruction", 1),
];

/// Those of them that are refused only after a key has verified `SignatureValue`: their
/// algorithms and the canonical form of their `SignedInfo` agree with xmlsec's.
const XMLSEC_VALUE_VERIFIED: &[&str] = &[
    "aleksey-xmldsig-01/enveloped-sha1-rsa-sha1.xml",
    "aleksey-xmldsig-01/enveloped-sha256-ecdsa-sha256.xml",
    "aleksey-xmldsig-01/enveloped-sha256-eddsa-ed25519.xml",
    "aleksey-xmldsig-01/enveloped-sha256-rsa-pss-sha256.xml",
    "aleksey-xmldsig-01/enveloped-sha384-rsa-pss-sha384.xml",
    "aleksey-xmldsig-01/enveloped-sha512-rsa-pss-sha512.xml",
    "aleksey-xmldsig-01/enveloped-x509-digest-sha1.xml",
    "aleksey-xmldsig-01/enveloped-x509-digest-sha256.xml",
    "aleksey-xmldsig-01/enveloped-x509-digest-sha384.xml",
    "aleksey-xmldsig-01/enveloped-x509-digest-sha3_224.xml",
    "aleksey-xmldsig-01/enveloped-x509-digest-sha3_256.xml",
    "aleksey-xmldsig-01/enveloped-x509-digest-sha3_384.xml",
    "aleksey-xmldsig-01/enveloped-x509-digest-sha3_512.xml",
    "aleksey-xmldsig-01/enveloped-x509-digest-sha512.xml",
    "aleksey-xmldsig-01/enveloped-x509-issuerserial.xml",
    "aleksey-xmldsig-01/enveloped-x509-missing-cert.xml",
    "aleksey-xmldsig-01/enveloped-x509-same-subj-cert.xml",
    "aleksey-xmldsig-01/enveloped-x509-ski.xml",
    "aleksey-xmldsig-01/enveloped-x509-subjectname.xml",
    "aleksey-xmldsig-01/x509data-sn-test.xml",
    "aleksey-xmldsig-01/x509data-test.xml",
    "phaos-xmldsig-three/signature-rsa-detached-xslt-transform-bad-retrieval-method.xml",
    "phaos-xmldsig-three/signature-rsa-enveloped.xml",
    "phaos-xmldsig-three/signature-rsa-xpath-transform-enveloped.xml",
];

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn xmlsecs_interoperability_suites() {
    let keys = public_keys("dsig/xmlsec");
    let mut counts = BTreeMap::<_, u32>::new();
    let mut value_verified = BTreeSet::new();
    for name in files_below("dsig/xmlsec") {
        let xml = fixtures::read(&format!("dsig/xmlsec/{name}"));
        let outcome = outcome(&xml, &keys, &generous());
        let count = counts.entry(outcome).or_default();
        *count = count.saturating_add(1);
        if matches!(
            outcome,
            "dsig.reference_uri"
                | "dsig.reference_count"
                | "dsig.transforms"
                | "dsig.digest_method"
        ) {
            value_verified.insert(name);
        }
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), XMLSEC);
    let value_verified: Vec<_> = value_verified.iter().map(String::as_str).collect();
    assert_eq!(value_verified, XMLSEC_VALUE_VERIFIED);
}
