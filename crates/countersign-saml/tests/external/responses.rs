//! Responses that other people's providers mint now are accepted, and nothing that was changed.

use std::time::Duration;

use countersign_core::VerifiedIdentity;
use countersign_saml::RejectCode::{self, *};
use countersign_saml::{Expect, IdentityProvider, PendingRequest, ServiceProvider};
use countersign_testkit::providers::{Order, mint};
use tempfile::TempDir;

use crate::support::{ACS, REQUEST, SP, refused_as, sp, test_idp, verify_for};
use crate::{clock, is_the_nurse};

/// What a provider wrote.
struct Minted {
    folder: TempDir,
    idp: IdentityProvider,
}

impl Minted {
    fn by(provider: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let order = Order {
            sp_entity_id: SP,
            acs_url: ACS,
            request_id: REQUEST,
            sp_certificate: None,
        };
        mint(provider, folder.path(), &order);
        let metadata = std::fs::read(folder.path().join("metadata.xml")).unwrap();
        let idp = IdentityProvider::from_metadata(&metadata).unwrap();
        assert_eq!(
            idp.entity_id(),
            format!("https://{provider}.idp.example/metadata")
        );
        Self { folder, idp }
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    /// The response is accepted by all the rules, on this part's signature; and every change to
    /// it, to its reader or to the hour is refused by the rule that it breaks.
    #[track_caller]
    fn accepts(&self, file: &str, signed: &str) -> VerifiedIdentity {
        let xml = self.read(file);
        let pending = PendingRequest::new(REQUEST).unwrap();
        let now = clock();
        let verify = |sp: &ServiceProvider, idp: &IdentityProvider, xml: &str| {
            verify_for(sp, idp, xml.as_bytes(), Expect::Request(&pending), now)
        };
        let identity = verify(&sp(), &self.idp, &xml)
            .unwrap_or_else(|rejection| panic!("{file}: {rejection}\n{xml}"));
        assert_eq!(identity.evidence().signed_element, signed, "{file}");
        assert_eq!(identity.claims().issuer, self.idp.entity_id());

        let invalid = match signed {
            "Response" => ResponseSignatureInvalid,
            _ => AssertionSignatureInvalid,
        };
        assert_eq!(xml.matches(">nurse-7<").count(), 1, "{file}");
        let other_person = xml.replace(">nurse-7<", ">nurse-8<");
        refused_as(invalid, verify(&sp(), &self.idp, &other_person));
        for signature in changed_signatures(&xml) {
            let result = verify(&sp(), &self.idp, &signature);
            let code = result.unwrap_err().reject_code();
            assert!(is_invalid(code), "{file}: {code}");
        }

        let key_of_another = test_idp().verification_key();
        let impostor = IdentityProvider::new(self.idp.entity_id(), vec![key_of_another]).unwrap();
        refused_as(invalid, verify(&sp(), &impostor, &xml));
        let another = IdentityProvider::from_metadata(test_idp().metadata().as_bytes()).unwrap();
        refused_as(IssuerMismatch, verify(&sp(), &another, &xml));

        let other_audience = ServiceProvider::new("https://other.example/saml", ACS).unwrap();
        refused_as(AudienceMismatch, verify(&other_audience, &self.idp, &xml));
        let other_acs = ServiceProvider::new(SP, "https://other.example/acs").unwrap();
        let code = verify(&other_acs, &self.idp, &xml)
            .unwrap_err()
            .reject_code();
        assert!(matches!(code, DestinationMismatch | RecipientMismatch));

        let refused = |expect, now| verify_for(&sp(), &self.idp, xml.as_bytes(), expect, now);
        let other = PendingRequest::new("_request-2").unwrap();
        refused_as(InResponseToMismatch, refused(Expect::Request(&other), now));
        refused_as(InResponseToUnexpected, refused(Expect::Unsolicited, now));
        let hour = Duration::from_secs(3600);
        let (late, early) = (now.saturating_add(hour), now.saturating_sub(hour));
        refused_as(Expired, refused(Expect::Request(&pending), late));
        refused_as(NotYetValid, refused(Expect::Request(&pending), early));
        identity
    }
}

fn is_invalid(code: RejectCode) -> bool {
    matches!(code, ResponseSignatureInvalid | AssertionSignatureInvalid)
}

/// The response with one character of each digest and of each signature's value changed.
fn changed_signatures(xml: &str) -> Vec<String> {
    let mut changed = Vec::new();
    for end in ["DigestValue>", "SignatureValue>"] {
        for (at, _) in xml.match_indices(end) {
            // An end tag: `…=</ds:DigestValue>`. The fourth character before its `<` is base64 of
            // full value whatever the padding.
            let Some(tag) = xml[..at]
                .rfind('<')
                .filter(|tag| xml[*tag..].starts_with("</"))
            else {
                continue;
            };
            let place = xml[..tag].trim_end().len() - 4;
            let other = if &xml[place..=place] == "A" { "B" } else { "A" };
            changed.push([&xml[..place], other, &xml[place + 1..]].concat());
        }
    }
    assert!(changed.len() >= 2);
    changed
}

#[test]
#[ignore = "runs samlp; cargo xtask test runs it"]
fn responses_of_samlp_are_accepted() {
    let minted = Minted::by("samlp");
    is_the_nurse(minted.accepts("assertion.xml", "Assertion").claims());
    is_the_nurse(minted.accepts("response.xml", "Response").claims());
    is_the_nurse(minted.accepts("both.xml", "Response").claims());
}

#[test]
#[ignore = "runs pysaml2; cargo xtask test runs it"]
fn responses_of_pysaml2_are_accepted() {
    let minted = Minted::by("pysaml2");
    is_the_nurse(minted.accepts("assertion.xml", "Assertion").claims());
    is_the_nurse(minted.accepts("response.xml", "Response").claims());
    is_the_nurse(minted.accepts("both.xml", "Response").claims());
}

#[test]
#[ignore = "runs lasso; cargo xtask test runs it"]
fn responses_of_lasso_are_accepted() {
    let minted = Minted::by("lasso");
    is_the_nurse(minted.accepts("both.xml", "Response").claims());
}

#[test]
#[ignore = "runs xmlsec; cargo xtask test runs it"]
fn responses_of_xmlsec_are_accepted_whatever_their_size() {
    let minted = Minted::by("xmlsec");
    for groups in [3, 50, 500, 5000] {
        for (part, signed) in [("assertion", "Assertion"), ("response", "Response")] {
            let identity = minted.accepts(&format!("{part}-{groups}.xml"), signed);
            let attributes = &identity.claims().attributes;
            assert_eq!(attributes[1].values[0].as_text(), Some("Gïven & <Fämily>"));
            assert_eq!(attributes[2].values.len(), groups);
            let last = format!("CN=ward-{:05},OU=Grüppen,DC=acme", groups - 1);
            assert_eq!(
                attributes[2].values[groups - 1].as_text(),
                Some(last.as_str())
            );
        }
    }
    minted.accepts("both-3.xml", "Response");
    for (file, algorithm) in [
        ("sha384-3.xml", "rsa-sha384"),
        ("sha512-3.xml", "rsa-sha512"),
    ] {
        let identity = minted.accepts(file, "Assertion");
        let used = &identity.evidence().signature_algorithm;
        assert!(used.ends_with(algorithm), "{used}");
    }
}

/// SHA-1 by the same signer is refused for its algorithm, and for nothing else.
#[test]
#[ignore = "runs xmlsec; cargo xtask test runs it"]
fn responses_with_sha_1_are_refused_unless_the_host_insists() {
    let minted = Minted::by("xmlsec");
    let xml = minted.read("sha1-3.xml");
    let pending = PendingRequest::new(REQUEST).unwrap();
    let verify = |sp: &ServiceProvider| {
        let expect = Expect::Request(&pending);
        verify_for(sp, &minted.idp, xml.as_bytes(), expect, clock())
    };
    refused_as(AlgorithmNotAllowed, verify(&sp()));
    verify(&sp().insecure_legacy_algorithms()).unwrap();
}
