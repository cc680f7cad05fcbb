//! Other people's providers answer what we ask, and what they answer we accept, unless it was
//! changed.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::VerifiedIdentity;
use countersign_dsig::encryption::RustCryptoKey;
use countersign_saml::RejectCode::{self, *};
use countersign_saml::{Expect, IdentityProvider, PendingRequest, ServiceProvider};
use countersign_testkit::keys;
use countersign_testkit::providers::{Order, answer, metadata};
use tempfile::TempDir;

use crate::support::{ACS, SP, decryption_key, refused_as, sp, test_idp, verify_for};
use crate::{OUR_CERTIFICATE, ask, clock, is_the_nurse, our_sp, pem, query_of};

/// A provider that knows us, and what it answered.
struct Answered {
    folder: TempDir,
    idp: IdentityProvider,
    pending: PendingRequest,
}

/// What we ask a provider: the query that its users come with.
fn question(provider: &str, folder: &TempDir) -> (IdentityProvider, String, PendingRequest) {
    let idp = IdentityProvider::from_metadata(&metadata(provider, folder.path())).unwrap();
    assert_eq!(
        idp.entity_id(),
        format!("https://{provider}.idp.example/metadata")
    );
    let (url, pending) = ask(&our_sp(), &idp);
    let query = query_of(&url).to_owned();
    (idp, query, pending)
}

fn order(provider: &str, folder: &TempDir, query: &str) -> Result<(), String> {
    let order = Order {
        authn_request: query,
        sp_metadata: &our_sp().metadata().to_xml(),
        sp_certificate: &pem(OUR_CERTIFICATE),
    };
    answer(provider, folder.path(), &order)
}

impl Answered {
    fn by(provider: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (idp, query, pending) = question(provider, &folder);
        order(provider, &folder, &query)
            .unwrap_or_else(|complaint| panic!("{provider} refuses our request: {complaint}"));
        Self {
            folder,
            idp,
            pending,
        }
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    /// The response is accepted by all the rules, on this part's signature; and every change to
    /// it, to its reader or to the hour is refused by the rule that it breaks.
    #[track_caller]
    fn accepts(&self, file: &str, signed: &str) -> VerifiedIdentity {
        let invalid = match signed {
            "Response" => ResponseSignatureInvalid,
            _ => AssertionSignatureInvalid,
        };
        self.accepts_only(file, signed, invalid)
    }

    /// The same; `invalid` is what it is called when a signature does not verify.
    #[track_caller]
    fn accepts_only(&self, file: &str, signed: &str, invalid: RejectCode) -> VerifiedIdentity {
        let xml = self.read(file);
        let now = clock();
        let verify = |sp: &ServiceProvider, idp: &IdentityProvider, xml: &str| {
            verify_for(sp, idp, xml.as_bytes(), Expect::Request(&self.pending), now)
        };
        let identity = verify(&our_sp(), &self.idp, &xml)
            .unwrap_or_else(|rejection| panic!("{file}: {rejection}\n{xml}"));
        assert_eq!(
            identity.evidence().signed().unwrap().signed_element,
            signed,
            "{file}"
        );
        assert_eq!(identity.claims().issuer, self.idp.entity_id());

        if xml.contains("EncryptedAssertion") {
            assert!(!xml.contains("nurse-7"), "{file}");
        } else {
            assert_eq!(xml.matches(">nurse-7<").count(), 1, "{file}");
            let other_person = xml.replace(">nurse-7<", ">nurse-8<");
            refused_as(invalid, verify(&our_sp(), &self.idp, &other_person));
        }
        for signature in changed_signatures(&xml) {
            let result = verify(&our_sp(), &self.idp, &signature);
            let code = result.unwrap_err().reject_code();
            assert!(is_invalid(code), "{file}: {code}");
        }

        let key_of_another = test_idp().verification_key();
        let impostor = IdentityProvider::new(self.idp.entity_id(), vec![key_of_another]).unwrap();
        refused_as(invalid, verify(&our_sp(), &impostor, &xml));

        let other_audience = ServiceProvider::new("https://other.example/saml", ACS)
            .unwrap()
            .with_decryption_key(decryption_key());
        refused_as(AudienceMismatch, verify(&other_audience, &self.idp, &xml));
        let other_acs = ServiceProvider::new(SP, "https://other.example/acs")
            .unwrap()
            .with_decryption_key(decryption_key());
        let code = verify(&other_acs, &self.idp, &xml)
            .unwrap_err()
            .reject_code();
        assert!(matches!(code, DestinationMismatch | RecipientMismatch));

        let refused = |expect, now| verify_for(&our_sp(), &self.idp, xml.as_bytes(), expect, now);
        let other = PendingRequest::new("_request-2").unwrap();
        refused_as(InResponseToMismatch, refused(Expect::Request(&other), now));
        refused_as(InResponseToUnexpected, refused(Expect::Unsolicited, now));
        let hour = Duration::from_secs(3600);
        let late = now.saturating_add(hour);
        refused_as(
            RequestExpired,
            refused(Expect::Request(&self.pending), late),
        );
        // A request that waits for ever.
        let pending = PendingRequest::new(self.pending.id()).unwrap();
        refused_as(Expired, refused(Expect::Request(&pending), late));
        let early = now.saturating_sub(hour);
        // The certificate may be younger than that: it was made when the provider was installed.
        let sp = our_sp().insecure_expired_certificates();
        let expect = Expect::Request(&pending);
        let too_early = verify_for(&sp, &self.idp, xml.as_bytes(), expect, early);
        refused_as(NotYetValid, too_early);

        let another = IdentityProvider::from_metadata(test_idp().metadata().as_bytes()).unwrap();
        let mixed_up = verify(&our_sp(), &another, &xml);
        refused_as(InResponseToMismatch, mixed_up);
        let expect = Expect::Request(&pending);
        let mixed_up = verify_for(&our_sp(), &another, xml.as_bytes(), expect, now);
        refused_as(IssuerMismatch, mixed_up);
        identity
    }

    /// The same for a response whose assertion is signed and then encrypted for us, under a
    /// signature of the response: without the right key, or with another ciphertext, it is nothing.
    #[track_caller]
    fn accepts_encrypted(&self, file: &str, algorithm: &str) -> VerifiedIdentity {
        let identity = self.accepts_only(file, "Assertion", ResponseSignatureInvalid);
        let xml = self.read(file);
        assert!(xml.contains(algorithm), "{file} is not {algorithm}");
        let verify = |sp: &ServiceProvider, xml: &str| {
            let expect = Expect::Request(&self.pending);
            verify_for(sp, &self.idp, xml.as_bytes(), expect, clock())
        };
        refused_as(NoDecryptionKey, verify(&sp(), &xml));
        let stranger = RustCryptoKey::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).unwrap();
        let stranger = sp().with_decryption_key(Arc::new(stranger));
        refused_as(DecryptionFailed, verify(&stranger, &xml));
        for changed in changed_at_end_of("CipherValue>", &xml) {
            let result = verify(&our_sp(), &changed);
            refused_as(ResponseSignatureInvalid, result);
        }
        identity
    }
}

fn is_invalid(code: RejectCode) -> bool {
    matches!(code, ResponseSignatureInvalid | AssertionSignatureInvalid)
}

/// The response with one character of each digest and of each signature's value changed.
fn changed_signatures(xml: &str) -> Vec<String> {
    let mut changed = changed_at_end_of("DigestValue>", xml);
    changed.extend(changed_at_end_of("SignatureValue>", xml));
    changed
}

/// The response with one character of base64 changed, shortly before each end tag of this name.
fn changed_at_end_of(tag: &str, xml: &str) -> Vec<String> {
    let ends = xml.match_indices(tag).filter_map(|(at, _)| {
        let start = xml[..at].rfind('<')?;
        xml[start..].starts_with("</").then_some(start)
    });
    let changed: Vec<String> = ends
        .map(|end| {
            // The fourth from the end has its full value whatever the padding.
            let place = xml[..end].trim_end().len() - 4;
            let other = if &xml[place..=place] == "A" { "B" } else { "A" };
            [&xml[..place], other, &xml[place + 1..]].concat()
        })
        .collect();
    assert!(!changed.is_empty(), "no {tag}");
    changed
}

#[test]
#[ignore = "runs samlp; cargo xtask test runs it"]
fn responses_of_samlp_are_accepted() {
    let answered = Answered::by("samlp");
    is_the_nurse(answered.accepts("assertion.xml", "Assertion").claims());
    is_the_nurse(answered.accepts("response.xml", "Response").claims());
    is_the_nurse(answered.accepts("both.xml", "Response").claims());
    for (file, algorithm) in [
        ("encrypted.xml", "xmlenc11#aes256-gcm"),
        ("encrypted-cbc.xml", "xmlenc#aes256-cbc"),
    ] {
        is_the_nurse(answered.accepts_encrypted(file, algorithm).claims());
    }
}

/// Encrypted, then nothing signed around it: as AD FS does unless told otherwise.
#[test]
#[ignore = "runs samlp; cargo xtask test runs it"]
fn an_encrypted_assertion_in_an_unsigned_response_is_refused_unless_the_host_insists() {
    let answered = Answered::by("samlp");
    let xml = answered.read("encrypted-response-unsigned.xml");
    let verify = |sp: &ServiceProvider, xml: &str| {
        let expect = Expect::Request(&answered.pending);
        verify_for(sp, &answered.idp, xml.as_bytes(), expect, clock())
    };
    refused_as(CiphertextUnsigned, verify(&our_sp(), &xml));
    let insisting = our_sp().insecure_decrypt_unsigned_response();
    let identity = verify(&insisting, &xml).unwrap();
    assert_eq!(
        identity.evidence().signed().unwrap().signed_element,
        "Assertion"
    );
    is_the_nurse(identity.claims());
    for changed in changed_at_end_of("CipherValue>", &xml) {
        refused_as(DecryptionFailed, verify(&insisting, &changed));
    }
}

#[test]
#[ignore = "runs pysaml2; cargo xtask test runs it"]
fn responses_of_pysaml2_are_accepted() {
    let answered = Answered::by("pysaml2");
    is_the_nurse(answered.accepts("assertion.xml", "Assertion").claims());
    is_the_nurse(answered.accepts("response.xml", "Response").claims());
    is_the_nurse(answered.accepts("both.xml", "Response").claims());
}

#[test]
#[ignore = "runs pysaml2; cargo xtask test runs it"]
fn triple_des_of_pysaml2_is_refused() {
    let answered = Answered::by("pysaml2");
    let xml = answered.read("encrypted-3des.xml");
    assert!(xml.contains("xmlenc#tripledes-cbc"));
    let expect = Expect::Request(&answered.pending);
    let result = verify_for(&our_sp(), &answered.idp, xml.as_bytes(), expect, clock());
    refused_as(EncryptionAlgorithmNotAllowed, result);
}

#[test]
#[ignore = "runs lasso; cargo xtask test runs it"]
fn responses_of_lasso_are_accepted() {
    let answered = Answered::by("lasso");
    is_the_nurse(answered.accepts("both.xml", "Response").claims());
}

#[test]
#[ignore = "runs xmlsec; cargo xtask test runs it"]
fn responses_of_xmlsec_are_accepted_whatever_their_size() {
    let answered = Answered::by("xmlsec");
    for groups in [3, 50, 500, 5000] {
        for (part, signed) in [("assertion", "Assertion"), ("response", "Response")] {
            let identity = answered.accepts(&format!("{part}-{groups}.xml"), signed);
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
    answered.accepts("both-3.xml", "Response");
    for (file, algorithm) in [
        ("sha384-3.xml", "rsa-sha384"),
        ("sha512-3.xml", "rsa-sha512"),
    ] {
        let identity = answered.accepts(file, "Assertion");
        let used = &identity.evidence().signed().unwrap().signature_algorithm;
        assert!(used.ends_with(algorithm), "{used}");
    }
}

#[test]
#[ignore = "runs xmlsec; cargo xtask test runs it"]
fn every_aes_of_xmlsec_is_decrypted() {
    let answered = Answered::by("xmlsec");
    for (file, algorithm) in [
        ("encrypted-AES128.xml", "xmlenc#aes128-cbc"),
        ("encrypted-AES192.xml", "xmlenc#aes192-cbc"),
        ("encrypted-AES256.xml", "xmlenc#aes256-cbc"),
        ("encrypted-AES128_GCM.xml", "xmlenc11#aes128-gcm"),
        ("encrypted-AES192_GCM.xml", "xmlenc11#aes192-gcm"),
        ("encrypted-AES256_GCM.xml", "xmlenc11#aes256-gcm"),
    ] {
        answered.accepts_encrypted(file, algorithm);
    }
}

/// SHA-1 by the same signer is refused for its algorithm, and for nothing else.
#[test]
#[ignore = "runs xmlsec; cargo xtask test runs it"]
fn responses_with_sha_1_are_refused_unless_the_host_insists() {
    let answered = Answered::by("xmlsec");
    let xml = answered.read("sha1-3.xml");
    let verify = |sp: &ServiceProvider| {
        let expect = Expect::Request(&answered.pending);
        verify_for(sp, &answered.idp, xml.as_bytes(), expect, clock())
    };
    refused_as(AlgorithmNotAllowed, verify(&our_sp()));
    verify(&our_sp().insecure_legacy_algorithms()).unwrap();
}

/// [SAML-Bindings §3.4.4.1]: each of them verifies the signature over our query.
#[test]
#[ignore = "runs samlp, pysaml2 and lasso; cargo xtask test runs it"]
fn a_request_of_ours_that_was_changed_is_refused() {
    for provider in ["samlp", "pysaml2", "lasso"] {
        let folder = tempfile::tempdir().unwrap();
        let (_, query, _) = question(provider, &folder);
        order(provider, &folder, &query).unwrap();
        assert!(query.contains("&RelayState=order-7"), "{query}");
        let other_state = query.replace("&RelayState=order-7", "&RelayState=order-8");
        let complaint = order(provider, &folder, &other_state).unwrap_err();
        assert!(
            complaint.to_lowercase().contains("sign"),
            "{provider}: {complaint}"
        );
        let (unsigned, _) = query.split_once("&SigAlg=").unwrap();
        assert!(order(provider, &folder, unsigned).is_err(), "{provider}");
    }
}
