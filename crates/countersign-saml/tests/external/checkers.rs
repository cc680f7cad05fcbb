//! Verifiers that other people wrote accept what we sign, and nothing that was changed.

use std::path::{Path, PathBuf};

use countersign_dsig::algorithm::SignatureAlgorithm::{self, *};
use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped};
use countersign_testkit::idp::Sign;
use countersign_testkit::keys;
use countersign_testkit::providers::check;
use tempfile::TempDir;

use crate::pem;
use crate::support::{spec, test_idp};

/// A key of the test kit, with its certificate, both in DER.
type KeyPair = (&'static [u8], &'static [u8]);

const RSA: KeyPair = (keys::IDP_RSA_2048_PKCS8, keys::IDP_RSA_2048_CERTIFICATE);
const P256: KeyPair = (keys::IDP_P256_PKCS8, keys::IDP_P256_CERTIFICATE);
const P384: KeyPair = (keys::IDP_P384_PKCS8, keys::IDP_P384_CERTIFICATE);

/// What is checked, in a folder of its own.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn put_certificate(&self, name: &str, der: &[u8]) -> PathBuf {
        self.put(name, pem(der))
    }
}

/// One that verifies signatures.
#[derive(Clone, Copy)]
pub(crate) struct Checker {
    name: &'static str,
    /// It finds the signed element by its ID and not by its name.
    by_id: bool,
}

impl Checker {
    pub(crate) const XMLSEC1: Self = Self::named("xmlsec1");
    pub(crate) const SIGNXML: Self = Self::named("signxml");
    pub(crate) const SAMLSIGN: Self = Self {
        by_id: true,
        ..Self::named("samlsign")
    };

    const fn named(name: &'static str) -> Self {
        Self { name, by_id: false }
    }

    fn verify(
        self,
        file: &Path,
        certificate: &Path,
        element: &Signed<'_>,
    ) -> Result<String, String> {
        let element = if self.by_id { element.id } else { element.name };
        check(self.name, &[file, certificate, Path::new(element)])
    }

    /// It accepts the signature.
    #[track_caller]
    fn accepts(self, xml: &[u8], certificate: &[u8], element: &Signed<'_>) {
        let desk = Desk::new();
        let certificate = desk.put_certificate("signer.pem", certificate);
        let file = desk.put("signed.xml", xml);
        if let Err(complaint) = self.verify(&file, &certificate, element) {
            panic!("{} refuses this {}: {complaint}", self.name, element.name);
        }
    }

    /// It accepts the signature, and refuses it when the element was changed (`from` becomes
    /// `to`) and when another key is expected.
    #[track_caller]
    pub(crate) fn accepts_only(self, xml: &[u8], certificate: &[u8], element: &Signed<'_>) {
        self.accepts(xml, certificate, element);

        let desk = Desk::new();
        let certificate = desk.put_certificate("signer.pem", certificate);
        let (name, signed) = (self.name, element.name);
        let text = std::str::from_utf8(xml).unwrap();
        assert!(text.contains(element.from));
        let changed = text.replace(element.from, element.to);
        let changed = desk.put("changed.xml", changed);
        let verdict = self.verify(&changed, &certificate, element);
        assert!(verdict.is_err(), "{name} accepts a changed {signed}");

        let file = desk.put("signed.xml", xml);
        let stranger = desk.put_certificate("stranger.pem", keys::WEAK_RSA_1024_CERTIFICATE);
        let verdict = self.verify(&file, &stranger, element);
        assert!(verdict.is_err(), "{name} accepts any key for {signed}");
    }
}

/// An element that we signed, and a change of it.
pub(crate) struct Signed<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: &'a str,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
}

/// Signs a response of the test identity provider in each place and lets a checker look.
#[track_caller]
fn accepts_responses(checker: Checker, algorithms: &[(KeyPair, SignatureAlgorithm)]) {
    let spec = spec().signed(Sign::None);
    for &((pkcs8, certificate), algorithm) in algorithms {
        let key = SigningKey::from_pkcs8(pkcs8).unwrap();
        let options = SigningOptions::default()
            .algorithm(algorithm)
            .certificate_der(certificate)
            .inclusive_prefixes("xs");
        let sign = |xml: &[u8], id: &str| sign_enveloped(xml, id, &key, &options).unwrap();
        let unsigned = test_idp().respond(&spec);
        let (response, assertion) = (&spec.response_id, &spec.assertion_id);
        let change = |name, id| Signed {
            name,
            id,
            from: "night-shift",
            to: "nightshift",
        };
        checker.accepts(
            &sign(&unsigned, assertion),
            certificate,
            &change("Assertion", assertion),
        );
        checker.accepts(
            &sign(&unsigned, response),
            certificate,
            &change("Response", response),
        );
        let both = sign(&sign(&unsigned, assertion), response);
        checker.accepts(&both, certificate, &change("Response", response));
        checker.accepts_only(&both, certificate, &change("Assertion", assertion));
    }
}

#[test]
#[ignore = "runs xmlsec1; cargo xtask test runs it"]
fn xmlsec1_accepts_our_responses() {
    accepts_responses(
        Checker::XMLSEC1,
        &[
            (RSA, RsaSha256),
            (RSA, RsaSha384),
            (RSA, RsaSha512),
            (P256, EcdsaSha256),
            (P384, EcdsaSha384),
        ],
    );
}

#[test]
#[ignore = "runs signxml; cargo xtask test runs it"]
fn signxml_accepts_our_responses() {
    accepts_responses(
        Checker::SIGNXML,
        &[
            (RSA, RsaSha256),
            (RSA, RsaPssSha256),
            (RSA, RsaPssSha384),
            (RSA, RsaPssSha512),
            (P256, EcdsaSha256),
            (P384, EcdsaSha384),
        ],
    );
}

#[test]
#[ignore = "runs samlsign; cargo xtask test runs it"]
fn samlsign_accepts_our_responses() {
    accepts_responses(
        Checker::SAMLSIGN,
        &[
            (RSA, RsaSha256),
            (RSA, RsaSha384),
            (RSA, RsaSha512),
            (P256, EcdsaSha256),
            (P384, EcdsaSha384),
        ],
    );
}

/// The file has the form that SAML's schema wants.
#[track_caller]
pub(crate) fn is_valid(schema: &str, xml: &[u8]) {
    let desk = Desk::new();
    let file = desk.put("message.xml", xml);
    if let Err(complaint) = check("xmllint", &[file.as_path(), Path::new(schema)]) {
        panic!("{complaint}{}", String::from_utf8_lossy(xml));
    }
}

#[test]
#[ignore = "runs xmllint; cargo xtask test runs it"]
fn what_the_test_provider_says_is_valid() {
    for sign in [Sign::None, Sign::Assertion, Sign::Response, Sign::Both] {
        is_valid("protocol", &test_idp().respond(&spec().signed(sign)));
    }
    is_valid("metadata", test_idp().metadata().as_bytes());

    let desk = Desk::new();
    let file = desk.put("message.xml", test_idp().metadata());
    let verdict = check("xmllint", &[file.as_path(), Path::new("protocol")]);
    assert!(verdict.is_err(), "metadata is no protocol message");
}
