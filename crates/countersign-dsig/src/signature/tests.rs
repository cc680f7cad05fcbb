//! One named test for each rejecting branch and each attack. Every forged signature here is made
//! with the pinned private key, so that nothing but the branch under test can refuse it.

use super::*;
use crate::algorithm::{ENVELOPED_SIGNATURE, EXCLUSIVE_C14N};
use crate::base64;
use crate::c14n::canonicalize;
use crate::c14n::{C14nError, Canonicalization};
use crate::sign::SigningKey;
use crate::xml::Limits;
use countersign_testkit::keys;

/// The canonical form of the honest document without its signature.
const HONEST: &str = r#"<a ID="_1"><b>signed</b></a>"#;
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

fn digest(algorithm: DigestAlgorithm, bytes: &str) -> String {
    base64::encode(algorithm.digest(bytes.as_bytes()).as_ref())
}

fn honest_digest() -> String {
    digest(DigestAlgorithm::Sha256, HONEST)
}

fn method(name: &str, algorithm: &str) -> String {
    format!(r#"<ds:{name} Algorithm="{algorithm}"/>"#)
}

fn honest_transforms() -> String {
    method("Transform", ENVELOPED_SIGNATURE) + &method("Transform", EXCLUSIVE_C14N)
}

fn reference(uri: &str, transforms: &str, digest_method: &str, digest_value: &str) -> String {
    format!(
        r#"<ds:Reference {uri}><ds:Transforms>{transforms}</ds:Transforms>{digest_method}<ds:DigestValue>{digest_value}</ds:DigestValue></ds:Reference>"#
    )
}

fn sha256_method() -> String {
    method("DigestMethod", DigestAlgorithm::Sha256.uri())
}

fn honest_reference() -> String {
    reference(
        r##"URI="#_1""##,
        &honest_transforms(),
        &sha256_method(),
        &honest_digest(),
    )
}

fn signed_info(c14n: &str, signature_method: &str, references: &str) -> String {
    format!("<ds:SignedInfo>{c14n}{signature_method}{references}</ds:SignedInfo>")
}

/// `SignedInfo` with the honest methods.
fn over(references: &str) -> String {
    signed_info(
        &method("CanonicalizationMethod", EXCLUSIVE_C14N),
        &method("SignatureMethod", RSA_SHA256),
        references,
    )
}

/// The honest document around a `Signature` of this content.
fn document(signature: &str) -> String {
    format!(
        r#"<a ID="_1"><ds:Signature xmlns:ds="{DSIG_NAMESPACE}">{signature}</ds:Signature><b>signed</b></a>"#
    )
}

fn value(base64: &str) -> String {
    format!("<ds:SignatureValue>{base64}</ds:SignatureValue>")
}

/// Signs the first `SignedInfo` of the document that `shape` makes of a signature value.
fn forge_with(key: &SigningKey, shape: impl Fn(&str) -> String) -> String {
    let unsigned = shape("");
    let document = Document::parse(unsigned.as_bytes(), &Limits::default()).unwrap();
    let signed_info = document
        .root()
        .descendants()
        .find(|element| element.is(DSIG_NAMESPACE, "SignedInfo"))
        .unwrap();
    let bytes = canonicalize(signed_info, &Canonicalization::exclusive(), None).unwrap();
    let signature = key.sign(key.default_algorithm(), &bytes).unwrap();
    shape(&base64::encode(&signature))
}

fn forge(shape: impl Fn(&str) -> String) -> String {
    forge_with(&rsa(), shape)
}

/// Signs a document whose `SignedInfo` is this.
fn forge_info(signed_info: &str) -> String {
    forge(|base64| document(&(signed_info.to_owned() + &value(base64))))
}

fn honest() -> String {
    forge_info(&over(&honest_reference()))
}

/// The `Signature` of the honest document, as it stands there.
fn signature_of(honest: &str) -> &str {
    let start = honest.find("<ds:Signature ").unwrap();
    let end = honest.find("<b>").unwrap();
    honest.get(start..end).unwrap()
}

fn rsa() -> SigningKey {
    SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap()
}

fn pinned(certificate: &[u8]) -> VerificationKey {
    VerificationKey::from_certificate_der(certificate).unwrap()
}

#[track_caller]
fn verify_with(
    xml: &str,
    keys: &[VerificationKey],
    policy: &SignaturePolicy,
) -> Result<SignedElement, SignatureError> {
    let document = Document::parse(xml.as_bytes(), &Limits::default()).unwrap();
    verify_enveloped(document.element_by_id("_1").unwrap(), keys, policy)
}

#[track_caller]
fn verify(xml: &str) -> Result<SignedElement, SignatureError> {
    verify_with(
        xml,
        &[pinned(keys::IDP_RSA_2048_CERTIFICATE)],
        &SignaturePolicy::default(),
    )
}

#[track_caller]
fn refused(xml: &str, error: SignatureError) {
    assert_eq!(verify(xml).err(), Some(error), "{xml}");
}

#[test]
fn an_honest_signature_gives_the_bytes_that_were_signed() {
    let signed = verify(&honest()).unwrap();
    assert_eq!(signed.canonical_bytes(), HONEST.as_bytes());
    assert_eq!(signed.sha256(), sha256(HONEST.as_bytes()));
    assert_eq!(signed.local_name(), "a");
    let parsed = Document::parse(signed.canonical_bytes(), &Limits::default()).unwrap();
    assert_eq!(signed.root().document(), &parsed);
    assert_eq!(signed.signature_algorithm(), RSA_SHA256);
    assert_eq!(
        signed.certificate_sha256(),
        Some(sha256(keys::IDP_RSA_2048_CERTIFICATE))
    );
    assert!(!format!("{signed:?}").contains("97, 32"), "bytes are shown");
    // What is handed out for others to verify is what was verified.
    assert_eq!(signed.verified_by(), keys::IDP_RSA_2048_CERTIFICATE);
    let key = VerificationKey::from_certificate_der(signed.verified_by()).unwrap();
    let (message, value) = (signed.signed_info(), signed.signature_value());
    let policy = SignaturePolicy::default();
    key.verify(SignatureAlgorithm::RsaSha256, &policy, message, value)
        .unwrap();
    assert!(
        std::str::from_utf8(message)
            .unwrap()
            .contains(&honest_digest())
    );
    assert_eq!(signed.into_bytes(), HONEST.as_bytes());
}

#[test]
fn the_evidence_is_sha256_whatever_the_signature_digested_with() {
    for algorithm in [DigestAlgorithm::Sha384, DigestAlgorithm::Sha512] {
        let signed = verify(&forge_info(&over(&reference(
            r##"URI="#_1""##,
            &honest_transforms(),
            &method("DigestMethod", algorithm.uri()),
            &digest(algorithm, HONEST),
        ))));
        assert_eq!(signed.unwrap().sha256(), sha256(HONEST.as_bytes()));
    }
}

#[test]
fn an_unsigned_element_is_refused() {
    refused(HONEST, SignatureError::Missing);
}

#[test]
fn a_signature_deeper_down_is_not_the_elements_own() {
    let inner = honest();
    refused(
        &inner
            .replace("<ds:Signature ", "<w><ds:Signature ")
            .replace("</ds:Signature>", "</ds:Signature></w>"),
        SignatureError::Missing,
    );
}

#[test]
fn a_signature_in_another_namespace_is_none() {
    refused(
        &honest().replace(DSIG_NAMESPACE, "urn:other"),
        SignatureError::Missing,
    );
}

#[test]
fn two_signatures_are_refused() {
    let honest = honest();
    let twice = honest.replace("<b>", &format!("{}<b>", signature_of(&honest)));
    refused(&twice, SignatureError::SeveralSignatures);
}

/// Stripping the keys must not strip the check (CVE-2026-28323).
#[test]
fn an_empty_list_of_keys_verifies_nothing() {
    let result = verify_with(&honest(), &[], &SignaturePolicy::default());
    assert_eq!(result.err(), Some(SignatureError::NoKeys));
}

#[test]
fn a_strangers_signature_is_refused() {
    let stranger = SigningKey::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).unwrap();
    let info = over(&honest_reference());
    let xml = forge_with(&stranger, |base64| {
        document(&(info.clone() + &value(base64)))
    });
    refused(&xml, SignatureError::SignatureInvalid);
    // And is accepted where the stranger is pinned: the refusal is for the key alone.
    let keys = [pinned(keys::OTHER_RSA_2048_CERTIFICATE)];
    verify_with(&xml, &keys, &SignaturePolicy::default()).unwrap();
}

/// CVE-2021-21239: the certificate that comes along proves nothing.
#[test]
fn key_info_is_never_a_source_of_keys() {
    let stranger = SigningKey::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).unwrap();
    let info = over(&honest_reference());
    let key_info = format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
        base64::encode(keys::OTHER_RSA_2048_CERTIFICATE)
    );
    let xml = forge_with(&stranger, |base64| {
        document(&(info.clone() + &value(base64) + &key_info))
    });
    refused(&xml, SignatureError::SignatureInvalid);
    // Nor is it looked at: garbage in it changes nothing.
    let xml = forge(|base64| {
        document(&(info.clone() + &value(base64) + "<ds:KeyInfo>?<x/></ds:KeyInfo>"))
    });
    verify(&xml).unwrap();
}

#[test]
fn every_pinned_key_is_tried() {
    let keys = [
        pinned(keys::IDP_P256_CERTIFICATE),
        pinned(keys::OTHER_RSA_2048_CERTIFICATE),
        pinned(keys::WEAK_RSA_1024_CERTIFICATE),
        pinned(keys::IDP_RSA_2048_CERTIFICATE),
    ];
    let signed = verify_with(&honest(), &keys, &SignaturePolicy::default()).unwrap();
    assert_eq!(
        signed.certificate_sha256(),
        Some(sha256(keys::IDP_RSA_2048_CERTIFICATE))
    );
}

#[test]
fn the_keys_kind_decides_what_it_verifies() {
    for certificate in [
        keys::IDP_P256_CERTIFICATE,
        keys::IDP_P384_CERTIFICATE,
        keys::IDP_ED25519_CERTIFICATE,
    ] {
        let result = verify_with(
            &honest(),
            &[pinned(certificate)],
            &SignaturePolicy::default(),
        );
        assert_eq!(result.err(), Some(SignatureError::KeyMismatch));
    }
}

#[test]
fn rsa_1024_is_refused_unless_by_name() {
    let keys = [pinned(keys::WEAK_RSA_1024_CERTIFICATE)];
    let result = verify_with(&honest(), &keys, &SignaturePolicy::default());
    assert_eq!(result.err(), Some(SignatureError::WeakKey));
    // By name the key is asked; that it made no such signature is another matter.
    let legacy = SignaturePolicy::new().insecure_legacy_algorithms();
    let result = verify_with(&honest(), &keys, &legacy);
    assert_eq!(result.err(), Some(SignatureError::SignatureInvalid));
}

/// ring verifies with exponents from 3 up; here the floor is 65537.
#[test]
fn a_small_rsa_exponent_is_refused_unless_by_name() {
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, high, low], content].concat()
    }
    let modulus = [&[0x00, 0xC1][..], &[0x5A; 255]].concat();
    let exponent = [0x02, 0x01, 0x03];
    let rsa = der(0x30, &[&der(0x02, &modulus)[..], &exponent].concat());
    let algorithm = b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00";
    let bits = der(0x03, &[&[0][..], &rsa].concat());
    let spki = der(0x30, &[&algorithm[..], &bits].concat());
    let key = VerificationKey::from_spki_der(&spki).unwrap();
    assert_eq!(key.family(), crate::key::KeyFamily::Rsa { bits: 2048 });
    assert!(key.is_weak());
    let result = verify_with(&honest(), &[key], &SignaturePolicy::default());
    assert_eq!(result.err(), Some(SignatureError::WeakKey));
}

/// SHA-1 in either place is refused unless by name.
#[test]
fn sha1_is_refused_unless_by_name() {
    let rsa_sha1 = signed_info(
        &method("CanonicalizationMethod", EXCLUSIVE_C14N),
        &method("SignatureMethod", SignatureAlgorithm::RsaSha1.uri()),
        &honest_reference(),
    );
    refused(&forge_info(&rsa_sha1), SignatureError::InsecureAlgorithm);

    let sha1_digest = forge_info(&over(&reference(
        r##"URI="#_1""##,
        &honest_transforms(),
        &method("DigestMethod", DigestAlgorithm::Sha1.uri()),
        &digest(DigestAlgorithm::Sha1, HONEST),
    )));
    refused(&sha1_digest, SignatureError::InsecureAlgorithm);
    let legacy = SignaturePolicy::new().insecure_legacy_algorithms();
    let keys = [pinned(keys::IDP_RSA_2048_CERTIFICATE)];
    verify_with(&sha1_digest, &keys, &legacy).unwrap();
}

/// CVE-2025-29775, CVE-2025-29774: what stands in the digest must be what is read there.
#[test]
fn a_comment_in_digest_value_is_refused() {
    let evil = digest(DigestAlgorithm::Sha256, "<evil></evil>");
    let info = over(&honest_reference());
    let xml = forge_info(&info).replace(
        "<ds:DigestValue>",
        &format!("<ds:DigestValue><!--{evil}-->"),
    );
    refused(&xml, SignatureError::Comment);
}

#[test]
fn a_comment_anywhere_in_signed_info_is_refused() {
    refused(
        &honest().replace("<ds:Reference", "<!-- --><ds:Reference"),
        SignatureError::Comment,
    );
}

#[test]
fn a_comment_in_signature_value_is_refused() {
    refused(
        &honest().replace("<ds:SignatureValue>", "<ds:SignatureValue><!-- -->"),
        SignatureError::Comment,
    );
}

/// CVE-2025-29774: which of them is signed, which is read?
#[test]
fn several_signed_infos_are_refused() {
    let honest = over(&honest_reference());
    let evil = over(&reference(
        r##"URI="#_1""##,
        &honest_transforms(),
        &sha256_method(),
        &digest(DigestAlgorithm::Sha256, "<evil></evil>"),
    ));
    for xml in [
        forge(|base64| document(&(honest.clone() + &evil + &value(base64)))),
        forge(|base64| document(&(honest.clone() + &value(base64) + &evil))),
        forge(|base64| document(&(evil.clone() + &honest + &value(base64)))),
    ] {
        refused(&xml, SignatureError::SignatureContent);
    }
}

#[test]
fn a_wrapped_signed_info_is_refused() {
    let info = over(&honest_reference());
    let xml = forge(|base64| document(&format!("<ds:Object>{info}</ds:Object>{}", value(base64))));
    refused(&xml, SignatureError::SignatureContent);
}

#[test]
fn an_object_is_refused() {
    let info = over(&honest_reference());
    for object in [
        "<ds:Object/>",
        "<ds:KeyInfo/><ds:Object/>",
        "<ds:KeyInfo/><ds:KeyInfo/>",
        "<x/>",
    ] {
        let xml = forge(|base64| document(&(info.clone() + &value(base64) + object)));
        refused(&xml, SignatureError::SignatureContent);
    }
}

#[test]
fn an_incomplete_signature_is_refused() {
    for content in [
        "",
        "<ds:SignedInfo/>",
        "<ds:SignatureValue/>",
        "<ds:SignatureValue/><ds:SignedInfo/>",
    ] {
        refused(&document(content), SignatureError::SignatureContent);
    }
    for info in [
        "<ds:SignedInfo/>",
        "<ds:SignedInfo><ds:CanonicalizationMethod/></ds:SignedInfo>",
    ] {
        refused(&forge_info(info), SignatureError::SignedInfoContent);
    }
}

#[test]
fn text_between_the_parts_is_refused() {
    let info = over(&honest_reference());
    let xml = forge(|base64| document(&(info.clone() + "x" + &value(base64))));
    refused(&xml, SignatureError::SignatureContent);
    for (before, error) in [
        ("<ds:Reference", SignatureError::SignedInfoContent),
        ("<ds:DigestMethod", SignatureError::SignedInfoContent),
        ("<ds:Transform ", SignatureError::Transforms),
    ] {
        refused(
            &forge_info(&info.replacen(before, &format!("x{before}"), 1)),
            error,
        );
    }
    // White space is no text.
    verify(&forge_info(&info.replace("><", ">\n <"))).unwrap();
}

/// CVE-2026-33487 and libxml2's `URI=""`: a reference must lead to this element.
#[test]
fn only_an_id_in_this_document_can_be_referenced() {
    for uri in [
        "",
        r#"URI="""#,
        r##"URI="#""##,
        r#"URI="_1""#,
        r##"URI="#_1 ""##,
        r##"URI="# _1""##,
        r##"URI="#%5F1""##,
        r##"URI="#1""##,
        "URI='##_1'",
        r##"URI="#xpointer(/)""##,
        r##"URI="#xpointer(id('_1'))""##,
        r#"URI="https://attacker.test/x#_1""#,
        r#"URI="file:///etc/passwd""#,
        r#"URI="http://169.254.169.254/""#,
        r##"x:URI="#_1" xmlns:x="urn:x""##,
    ] {
        let xml = forge_info(&over(&reference(
            uri,
            &honest_transforms(),
            &sha256_method(),
            &honest_digest(),
        )));
        refused(&xml, SignatureError::ReferenceUri);
    }
}

#[test]
fn a_reference_to_another_element_is_refused() {
    for id in ["_2", "_3"] {
        let info = over(&reference(
            &format!(r##"URI="#{id}""##),
            &honest_transforms(),
            &sha256_method(),
            &honest_digest(),
        ));
        let xml = forge_info(&info).replace("<b>", r#"<b ID="_2">"#);
        refused(&xml, SignatureError::ReferenceTarget);
    }
}

#[test]
fn no_reference_and_two_references_are_refused() {
    refused(&forge_info(&over("")), SignatureError::ReferenceCount);
    let twice = honest_reference() + &honest_reference();
    refused(&forge_info(&over(&twice)), SignatureError::ReferenceCount);
    let thrice = honest_reference() + &twice;
    refused(&forge_info(&over(&thrice)), SignatureError::ReferenceCount);
    refused(
        &forge_info(&over("<x/>")),
        SignatureError::SignedInfoContent,
    );
}

/// XSW: the signed original is kept somewhere below, the reader is shown another element.
#[test]
fn a_wrapped_original_does_not_speak_for_its_wrapper() {
    let honest = honest();
    let signature = signature_of(&honest);
    let evil = format!(
        r#"<a ID="_1"><b>evil</b>{}<Extensions><a ID="_0"><b>signed</b></a></Extensions></a>"#,
        signature
    );
    // The evil element took the original's ID: other bytes, another digest.
    refused(&evil, SignatureError::DigestMismatch);
    // Or the original kept it: then the signature's parent is another element.
    let evil = format!(r#"<e ID="_0"><b>evil</b>{signature}{HONEST}</e>"#);
    let document = Document::parse(evil.as_bytes(), &Limits::default()).unwrap();
    let keys = [pinned(keys::IDP_RSA_2048_CERTIFICATE)];
    let result = verify_enveloped(document.root(), &keys, &SignaturePolicy::default());
    assert_eq!(result.err(), Some(SignatureError::ReferenceTarget));
    // Or both have it: no such document.
    let evil = format!(r#"<e ID="_1"><b>evil</b>{signature}{HONEST}</e>"#);
    let error = Document::parse(evil.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "xml.duplicate_id");
    let evil = format!(r#"<e Id="_1"><b>evil</b>{signature}{HONEST}</e>"#);
    let error = Document::parse(evil.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "xml.duplicate_id");
}

#[test]
fn changed_content_is_refused() {
    refused(
        &honest().replace("<b>signed</b>", "<b>forged</b>"),
        SignatureError::DigestMismatch,
    );
    refused(
        &honest().replace("<b>signed</b>", "<b>signed</b><b/>"),
        SignatureError::DigestMismatch,
    );
    refused(
        &honest().replace(r#"<a ID="_1">"#, r#"<a ID="_1" x="">"#),
        SignatureError::DigestMismatch,
    );
}

#[test]
fn a_changed_signed_info_is_refused() {
    let evil = "<evil></evil>";
    refused(
        &honest().replace(&honest_digest(), &digest(DigestAlgorithm::Sha256, evil)),
        SignatureError::SignatureInvalid,
    );
    refused(
        &honest().replace(RSA_SHA256, SignatureAlgorithm::RsaSha512.uri()),
        SignatureError::SignatureInvalid,
    );
}

/// CVE-2009-0217 and algorithm confusion: there is no HMAC to key with a public key.
#[test]
fn hmac_does_not_exist() {
    for uri in [
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
    ] {
        let info = signed_info(
            &method("CanonicalizationMethod", EXCLUSIVE_C14N),
            &method("SignatureMethod", uri),
            &honest_reference(),
        );
        refused(&forge_info(&info), SignatureError::SignatureMethod);
    }
    let truncated = format!(
        r#"<ds:SignatureMethod Algorithm="{RSA_SHA256}"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>"#
    );
    let info = signed_info(
        &method("CanonicalizationMethod", EXCLUSIVE_C14N),
        &truncated,
        &honest_reference(),
    );
    refused(&forge_info(&info), SignatureError::SignatureMethod);
}

/// CVE-2022-47966 and relatives: no transform can compute.
#[test]
fn transforms_other_than_the_two_are_refused() {
    let enveloped = method("Transform", ENVELOPED_SIGNATURE);
    let exclusive = method("Transform", EXCLUSIVE_C14N);
    let xslt = r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/></ds:Transform>"#;
    let xpath = r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>self::b</ds:XPath></ds:Transform>"#;
    let base64 = method("Transform", "http://www.w3.org/2000/09/xmldsig#base64");
    let inclusive = method("Transform", crate::algorithm::INCLUSIVE_C14N_1_0);
    let comments = method("Transform", crate::algorithm::EXCLUSIVE_C14N_WITH_COMMENTS);
    for transforms in [
        String::new(),
        enveloped.clone(),
        exclusive.clone(),
        exclusive.clone() + &enveloped,
        enveloped.clone() + xslt,
        xslt.to_owned() + &exclusive,
        enveloped.clone() + xpath,
        enveloped.clone() + &base64,
        enveloped.clone() + &inclusive,
        enveloped.clone() + &comments,
        enveloped.clone() + &exclusive + &exclusive,
        enveloped.clone() + xpath + &exclusive,
        enveloped.clone() + &enveloped,
        enveloped.clone() + "<ds:Transform/>",
        enveloped.clone() + &exclusive.replace("ds:Transform", "ds:Other"),
        enveloped.replace("/>", "><x/></ds:Transform>") + &exclusive,
        enveloped.clone() + &exclusive.replace("/>", "><x/></ds:Transform>"),
        enveloped.clone() + &exclusive.replace("/>", ">x</ds:Transform>"),
    ] {
        let xml = forge_info(&over(&reference(
            r##"URI="#_1""##,
            &transforms,
            &sha256_method(),
            &honest_digest(),
        )));
        refused(&xml, SignatureError::Transforms);
    }
    // No Transforms element at all.
    let all = format!("<ds:Transforms>{}</ds:Transforms>", honest_transforms());
    let bare = honest_reference().replace(&all, "");
    refused(&forge_info(&over(&bare)), SignatureError::Transforms);
}

#[test]
fn a_prefix_list_is_honoured_and_bounded() {
    let with_list = |list: &str| {
        let transform = format!(
            r#"<ds:Transform Algorithm="{EXCLUSIVE_C14N}"><ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}" PrefixList="{list}"/></ds:Transform>"#
        );
        let canonical = r#"<a xmlns:xs="urn:xs" ID="_1"><b>signed</b></a>"#;
        forge_info(&over(&reference(
            r##"URI="#_1""##,
            &(method("Transform", ENVELOPED_SIGNATURE) + &transform),
            &sha256_method(),
            &digest(DigestAlgorithm::Sha256, canonical),
        )))
        .replace("<a ", r#"<a xmlns:xs="urn:xs" "#)
    };
    verify(&with_list("xs")).unwrap();
    refused(&with_list("xsd"), SignatureError::DigestMismatch);
    let many = "p ".repeat(17);
    let error = SignatureError::Canonicalization(C14nError::BadPrefixList);
    refused(&with_list(&many), error);
    assert_eq!(error.code(), "c14n.bad_prefix_list");
}

#[test]
fn other_canonicalization_methods_are_refused() {
    for uri in [
        crate::algorithm::INCLUSIVE_C14N_1_0,
        crate::algorithm::INCLUSIVE_C14N_1_1,
        crate::algorithm::EXCLUSIVE_C14N_WITH_COMMENTS,
        "http://www.w3.org/2010/xml-c14n2",
        "",
    ] {
        let info = signed_info(
            &method("CanonicalizationMethod", uri),
            &method("SignatureMethod", RSA_SHA256),
            &honest_reference(),
        );
        refused(&forge_info(&info), SignatureError::CanonicalizationMethod);
    }
}

#[test]
fn inclusive_canonicalization_is_accepted_by_name_only() {
    let inclusive = crate::algorithm::INCLUSIVE_C14N_1_0;
    let xml = forge_info(&over(&reference(
        r##"URI="#_1""##,
        &(method("Transform", ENVELOPED_SIGNATURE) + &method("Transform", inclusive)),
        &sha256_method(),
        &honest_digest(),
    )));
    refused(&xml, SignatureError::Transforms);
    let policy = SignaturePolicy::new().accept_inclusive_canonicalization();
    let keys = [pinned(keys::IDP_RSA_2048_CERTIFICATE)];
    verify_with(&xml, &keys, &policy).unwrap();
}

/// CVE-2025-66568: a digest of nothing must never match.
#[test]
fn a_failed_canonicalization_is_an_error_and_not_an_empty_digest() {
    let info = over(&reference(
        r##"URI="#_1""##,
        &honest_transforms(),
        &sha256_method(),
        &digest(DigestAlgorithm::Sha256, ""),
    ));
    let xml = forge_info(&info).replace("<b>", r#"<b xmlns="relative">"#);
    refused(
        &xml,
        SignatureError::Canonicalization(C14nError::RelativeNamespace),
    );
}

#[test]
fn unknown_digest_methods_are_refused() {
    for digest_method in [
        method("DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"),
        method("DigestMethod", ""),
        "<ds:DigestMethod/>".to_owned(),
        sha256_method().replace("/>", "><x/></ds:DigestMethod>"),
    ] {
        let xml = forge_info(&over(&reference(
            r##"URI="#_1""##,
            &honest_transforms(),
            &digest_method,
            &honest_digest(),
        )));
        refused(&xml, SignatureError::DigestMethod);
    }
}

/// Lax base64 would give one signature many spellings.
#[test]
fn values_are_canonical_base64() {
    let digest = honest_digest();
    let unpadded = digest.trim_end_matches('=').to_owned();
    for lax in [
        unpadded,
        format!("{digest}="),
        digest.replace('=', "!"),
        String::from("-_8="),
    ] {
        let xml = forge_info(&over(&reference(
            r##"URI="#_1""##,
            &honest_transforms(),
            &sha256_method(),
            &lax,
        )));
        refused(&xml, SignatureError::Base64);
    }
    refused(
        &honest().replace("</ds:SignatureValue>", "=</ds:SignatureValue>"),
        SignatureError::Base64,
    );
    verify(&honest().replace("</ds:SignatureValue>", "\r\n\t </ds:SignatureValue>")).unwrap();
}

#[test]
fn a_truncated_or_empty_signature_value_is_refused() {
    let info = over(&honest_reference());
    for base64 in [
        String::new(),
        base64::encode(&[0; 128]),
        base64::encode(&[0; 256]),
    ] {
        refused(
            &document(&(info.clone() + &value(&base64))),
            SignatureError::SignatureInvalid,
        );
    }
}

#[test]
fn elements_in_values_are_refused() {
    refused(
        &honest().replace("</ds:SignatureValue>", "<x/></ds:SignatureValue>"),
        SignatureError::SignatureContent,
    );
    let info = over(&honest_reference()).replace("</ds:DigestValue>", "<x/></ds:DigestValue>");
    refused(&forge_info(&info), SignatureError::SignedInfoContent);
}

/// The content of the honest document, signed by ECDSA with P-256 over this SignedInfo.
fn ecdsa_info() -> String {
    signed_info(
        &method("CanonicalizationMethod", EXCLUSIVE_C14N),
        &method("SignatureMethod", SignatureAlgorithm::EcdsaSha256.uri()),
        &honest_reference(),
    )
}

/// CVE-2022-21449: r and s have to be from 1 to n-1.
#[test]
fn ecdsa_zero_signatures_are_refused() {
    let key = SigningKey::from_pkcs8(keys::IDP_P256_PKCS8).unwrap();
    let info = ecdsa_info();
    let keys = [pinned(keys::IDP_P256_CERTIFICATE)];
    let genuine = forge_with(&key, |base64| document(&(info.clone() + &value(base64))));
    verify_with(&genuine, &keys, &SignaturePolicy::default()).unwrap();
    let document_of =
        |signature: &[u8]| document(&(info.clone() + &value(&base64::encode(signature))));
    let order = [
        0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63,
        0x25, 0x51,
    ];
    for signature in [
        [0; 64].to_vec(),
        [order, order].concat(),
        [[0; 32], order].concat(),
        [order, [0; 32]].concat(),
        [[0; 32], [1; 32]].concat(),
        [[1; 32], [0; 32]].concat(),
        [0xFF; 64].to_vec(),
    ] {
        let result = verify_with(&document_of(&signature), &keys, &SignaturePolicy::default());
        assert_eq!(result.err(), Some(SignatureError::SignatureInvalid));
    }
}

/// XML signatures hold r‖s, not the DER of other protocols \[XMLDSig §6.4.3\].
#[test]
fn ecdsa_signatures_in_der_are_refused() {
    let keys = [pinned(keys::IDP_P256_CERTIFICATE)];
    let integer = [&[0x02, 0x20][..], &[0x11; 32]].concat();
    let der = [&[0x30, 0x44][..], &integer, &integer].concat();
    let xml = document(&(ecdsa_info() + &value(&base64::encode(&der))));
    let result = verify_with(&xml, &keys, &SignaturePolicy::default());
    assert_eq!(result.err(), Some(SignatureError::SignatureInvalid));
}

/// Signs with RSASSA-PSS, the method's parameters being this XML.
fn forge_pss(algorithm: SignatureAlgorithm, parameters: &str) -> String {
    let signature_method = format!(
        r#"<ds:SignatureMethod Algorithm="{}" xmlns:p="{}">{parameters}</ds:SignatureMethod>"#,
        crate::algorithm::RSA_PSS_WITH_PARAMETERS,
        crate::algorithm::PSS_NAMESPACE,
    );
    let info = signed_info(
        &method("CanonicalizationMethod", EXCLUSIVE_C14N),
        &signature_method,
        &honest_reference(),
    );
    let unsigned = document(&(info.clone() + &value("")));
    let parsed = Document::parse(unsigned.as_bytes(), &Limits::default()).unwrap();
    let element = parsed
        .root()
        .descendants()
        .find(|element| element.is(DSIG_NAMESPACE, "SignedInfo"))
        .unwrap();
    let bytes = canonicalize(element, &Canonicalization::exclusive(), None).unwrap();
    let signature = rsa().sign(algorithm, &bytes).unwrap();
    document(&(info + &value(&base64::encode(&signature))))
}

#[test]
fn pss_parameters_have_to_agree() {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};
    let hash = |algorithm: DigestAlgorithm| method("DigestMethod", algorithm.uri());
    let mgf = |algorithm: DigestAlgorithm| {
        format!(
            r#"<p:MaskGenerationFunction Algorithm="{}">{}</p:MaskGenerationFunction>"#,
            crate::algorithm::MGF1,
            hash(algorithm)
        )
    };
    let salt = |bytes: usize| format!("<p:SaltLength>{bytes}</p:SaltLength>");
    let trailer = |n: u8| format!("<p:TrailerField>{n}</p:TrailerField>");
    let params = |content: String| format!("<p:RSAPSSParams>{content}</p:RSAPSSParams>");
    for (algorithm, content) in [
        (SignatureAlgorithm::RsaPssSha256, String::new()),
        (SignatureAlgorithm::RsaPssSha256, salt(32)),
        (
            SignatureAlgorithm::RsaPssSha256,
            hash(Sha256) + &mgf(Sha256) + &salt(32) + &trailer(1),
        ),
        (
            SignatureAlgorithm::RsaPssSha384,
            hash(Sha384) + &mgf(Sha384) + &salt(48),
        ),
        (
            SignatureAlgorithm::RsaPssSha512,
            hash(Sha512) + &mgf(Sha512) + &salt(64) + &trailer(1),
        ),
    ] {
        let signed = verify(&forge_pss(algorithm, &params(content))).unwrap();
        assert_eq!(signed.signature_algorithm(), algorithm.uri());
    }
    for content in [
        hash(Sha512),
        hash(Sha512) + &salt(64),
        hash(Sha512) + &mgf(Sha256) + &salt(64),
        hash(Sha256) + &mgf(Sha512),
        hash(Sha256) + &mgf(Sha256) + &salt(20),
        salt(0),
        trailer(2),
        salt(32) + &salt(32),
        hash(DigestAlgorithm::Sha1) + &mgf(DigestAlgorithm::Sha1) + &salt(20),
        mgf(Sha256).replace("#MGF1", "#MGF2"),
        mgf(Sha256).replace("</p:Mask", "<x/></p:Mask"),
        "<p:Other/>".to_owned(),
        "<p:SaltLength>-32</p:SaltLength>".to_owned(),
        "<p:SaltLength/>".to_owned(),
        "x".to_owned(),
    ] {
        let xml = forge_pss(SignatureAlgorithm::RsaPssSha256, &params(content));
        refused(&xml, SignatureError::SignatureMethod);
    }
    for parameters in [
        String::new(),
        params(String::new()) + &params(String::new()),
        "<x/>".to_owned(),
    ] {
        let xml = forge_pss(SignatureAlgorithm::RsaPssSha256, &parameters);
        refused(&xml, SignatureError::SignatureMethod);
    }
}

#[test]
fn a_pss_signature_is_no_pkcs1_signature() {
    let xml = forge_pss(SignatureAlgorithm::RsaPssSha256, "<p:RSAPSSParams/>");
    let swapped = xml.replace(crate::algorithm::RSA_PSS_WITH_PARAMETERS, RSA_SHA256);
    refused(
        &swapped.replace("<p:RSAPSSParams/>", ""),
        SignatureError::SignatureInvalid,
    );
}

#[test]
fn a_detached_signature_has_the_same_profile() {
    use SignatureAlgorithm as A;
    let message = b"SAMLRequest=a&SigAlg=b";
    let rsa = SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap();
    let pins = [
        pinned(keys::IDP_P256_CERTIFICATE),
        pinned(keys::OTHER_RSA_2048_CERTIFICATE),
        pinned(keys::IDP_RSA_2048_CERTIFICATE),
    ];
    let value = rsa.sign(A::RsaSha256, message).unwrap();
    let policy = SignaturePolicy::default();
    let verify = |keys: &[VerificationKey], algorithm, message: &[u8], value: &[u8]| {
        verify_detached(keys, algorithm, &policy, message, value).map(VerificationKey::family)
    };
    let key = verify_detached(&pins, A::RsaSha256, &policy, message, &value).unwrap();
    assert_eq!(key.certificate_sha256(), pins[2].certificate_sha256());
    key.verify(A::RsaSha256, &policy, message, &value).unwrap();
    for (keys, algorithm, message, value, error) in [
        (
            &[][..],
            A::RsaSha256,
            &message[..],
            &value[..],
            SignatureError::NoKeys,
        ),
        (
            &pins,
            A::RsaSha1,
            message,
            &value,
            SignatureError::InsecureAlgorithm,
        ),
        (
            &pins,
            A::Ed25519,
            message,
            &value,
            SignatureError::KeyMismatch,
        ),
        (
            &pins,
            A::RsaSha384,
            message,
            &value,
            SignatureError::SignatureInvalid,
        ),
        (
            &pins,
            A::RsaSha256,
            b"another",
            &value,
            SignatureError::SignatureInvalid,
        ),
        (
            &pins,
            A::RsaSha256,
            message,
            &value[1..],
            SignatureError::SignatureInvalid,
        ),
        (
            &pins[..2],
            A::RsaSha256,
            message,
            &value,
            SignatureError::SignatureInvalid,
        ),
        (
            &[pinned(keys::WEAK_RSA_1024_CERTIFICATE)],
            A::RsaSha256,
            message,
            &value,
            SignatureError::WeakKey,
        ),
    ] {
        assert_eq!(verify(keys, algorithm, message, value), Err(error));
    }
    let legacy = policy.insecure_legacy_algorithms();
    assert_eq!(
        verify_detached(&pins, A::RsaSha1, &legacy, message, &value).unwrap_err(),
        SignatureError::SignatureInvalid
    );
}
