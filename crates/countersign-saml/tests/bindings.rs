//! Messages on their way: what is sent is what arrives, and nothing else arrives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::algorithm::SignatureAlgorithm;
use countersign_dsig::key::VerificationKey;
use countersign_dsig::sign::SigningKey;
use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign_dsig::signer::{MessageSigner, SignerError};
use countersign_dsig::xml::Document;
use countersign_saml::Limits;
use countersign_saml::binding::{
    FormBody, Message, MessageKind, PostForm, RedirectQuery, RelayState,
};
use countersign_testkit::keys;
use proptest::prelude::*;

const XML: &str =
    r#"<p:Request xmlns:p="urn:p" ID="_1"><Issuer>i</Issuer><a>&lt;"'+/=</a></p:Request>"#;
const DESTINATION: &str = "https://idp.example/sso";

fn message<'a>(xml: &'a str, relay_state: Option<&'a RelayState>) -> Message<'a> {
    Message {
        kind: MessageKind::Request,
        id: "_1",
        xml,
        destination: DESTINATION,
        relay_state,
    }
}

fn rsa() -> SigningKey {
    SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap()
}

fn redirect(message: &Message<'_>, signer: Option<&dyn MessageSigner>) -> String {
    pollster::block_on(message.redirect(signer)).unwrap().into()
}

fn post(message: &Message<'_>, signer: Option<&dyn MessageSigner>) -> PostForm {
    pollster::block_on(message.post(signer)).unwrap()
}

fn query(url: &str) -> &[u8] {
    url.split_once('?').unwrap().1.as_bytes()
}

fn verify(raw: &[u8], certificate: &[u8]) -> Result<(), &'static str> {
    let pinned = [VerificationKey::from_certificate_der(certificate).unwrap()];
    RedirectQuery::parse(raw)
        .and_then(|query| query.verify(&pinned, &SignaturePolicy::default()).map(drop))
        .map_err(|refused| refused.code())
}

#[test]
fn every_kind_of_key_signs_a_query() {
    use SignatureAlgorithm as A;
    let relay_state = RelayState::new("order 7&x=y").unwrap();
    for (pkcs8, certificate, algorithm) in [
        (
            keys::IDP_RSA_2048_PKCS8,
            keys::IDP_RSA_2048_CERTIFICATE,
            A::RsaSha256,
        ),
        (
            keys::IDP_RSA_2048_PKCS8,
            keys::IDP_RSA_2048_CERTIFICATE,
            A::RsaPssSha512,
        ),
        (
            keys::IDP_P256_PKCS8,
            keys::IDP_P256_CERTIFICATE,
            A::EcdsaSha256,
        ),
        (
            keys::IDP_P384_PKCS8,
            keys::IDP_P384_CERTIFICATE,
            A::EcdsaSha384,
        ),
        (
            keys::IDP_ED25519_PKCS8,
            keys::IDP_ED25519_CERTIFICATE,
            A::Ed25519,
        ),
    ] {
        let key = SigningKey::from_pkcs8(pkcs8).unwrap();
        let key = key.with_algorithm(algorithm).unwrap();
        for relay_state in [None, Some(&relay_state)] {
            let url = redirect(&message(XML, relay_state), Some(&key));
            assert_eq!(verify(query(&url), certificate), Ok(()));
            assert_eq!(
                verify(query(&url), keys::OTHER_RSA_2048_CERTIFICATE),
                Err("saml.query_signature_invalid")
            );
        }
    }
}

#[test]
fn a_signature_covers_the_bytes_as_they_arrived_in_the_order_of_the_specification() {
    // Lower-case digits and needless encodings, as other senders write them.
    let url = redirect(&message(XML, None), None);
    let value = std::str::from_utf8(query(&url)).unwrap();
    let value = value
        .strip_prefix("SAMLRequest=")
        .unwrap()
        .replace("%2F", "%2f");
    let covered = format!(
        "SAMLRequest={value}&RelayState=%61+b%20c&SigAlg=http://www.w3.org/2001/04/xmldsig-more%23rsa-sha256"
    );
    let signature = rsa()
        .sign(SignatureAlgorithm::RsaSha256, covered.as_bytes())
        .unwrap();
    let signature = STANDARD.encode(signature).replace('+', "%2b");
    let parts: Vec<&str> = covered.split('&').collect();
    let signature = format!("Signature={signature}");
    for order in [
        [parts[0], parts[1], parts[2], &signature],
        [&signature, parts[2], parts[1], parts[0]],
        [parts[1], parts[0], &signature, parts[2]],
    ] {
        let raw = order.join("&");
        assert_eq!(
            verify(raw.as_bytes(), keys::IDP_RSA_2048_CERTIFICATE),
            Ok(())
        );
        let read = RedirectQuery::parse(raw.as_bytes()).unwrap();
        assert_eq!(read.relay_state(), Some("a b c"));
        assert_eq!(read.decode(&Limits::default()).unwrap(), XML.as_bytes());
    }
}

#[test]
fn a_query_without_a_signature_is_not_verified() {
    let url = redirect(&message(XML, None), None);
    assert_eq!(
        verify(query(&url), keys::IDP_RSA_2048_CERTIFICATE),
        Err("saml.unsigned")
    );
}

#[test]
fn the_query_of_a_destination_is_kept() {
    for (destination, url) in [
        ("https://a.example", "https://a.example?SAMLRequest="),
        (
            "https://a.example/?t=1",
            "https://a.example/?t=1&SAMLRequest=",
        ),
        ("https://a.example/?", "https://a.example/?SAMLRequest="),
        (
            "http://a.example/?t=1&",
            "http://a.example/?t=1&SAMLRequest=",
        ),
    ] {
        let message = Message {
            destination,
            ..message(XML, None)
        };
        assert!(redirect(&message, None).starts_with(url));
    }
}

#[test]
fn a_browser_is_sent_to_web_addresses_only() {
    for destination in [
        "javascript:alert(1)//https://a.example",
        "data:text/html,x",
        "//a.example",
        "/sso",
        "",
        "https://a.example/#x",
        "https://a.example/\r\nSet-Cookie: a=b",
    ] {
        let message = Message {
            destination,
            ..message(XML, None)
        };
        let refused = pollster::block_on(message.redirect(None)).unwrap_err();
        assert_eq!(refused.code(), "binding.destination", "{destination}");
        let refused = pollster::block_on(message.post(Some(&rsa()))).unwrap_err();
        assert_eq!(refused.code(), "binding.destination", "{destination}");
    }
}

#[test]
fn a_form_carries_the_message_and_its_signature() {
    let relay_state = RelayState::new("order 7").unwrap();
    let form = post(&message(XML, Some(&relay_state)), Some(&rsa()));
    assert_eq!(form.action(), DESTINATION);
    let fields: Vec<_> = form.fields().collect();
    assert_eq!(fields[0].0, "SAMLRequest");
    assert_eq!(fields[1], ("RelayState", "order 7"));
    let xml = STANDARD.decode(fields[0].1).unwrap();
    let document = Document::parse(&xml, &Limits::default()).unwrap();
    let pinned = [VerificationKey::from_certificate_der(keys::IDP_RSA_2048_CERTIFICATE).unwrap()];
    let signed = verify_enveloped(document.root(), &pinned, &SignaturePolicy::default()).unwrap();
    assert_eq!(signed.root().children().count(), 2);

    let unsigned = post(&message(XML, None), None);
    let fields: Vec<_> = unsigned.fields().collect();
    assert_eq!(fields, [("SAMLRequest", STANDARD.encode(XML).as_str())]);
}

/// A relay state or a location that tries to become markup.
#[test]
fn nothing_leaves_its_quotes_in_the_page() {
    let relay_state = RelayState::new(r#""><script>alert('x')</script>&amp;"#).unwrap();
    let message = Message {
        destination: "https://idp.example/sso?a=1&b=\"><script>x</script>",
        ..message(XML, Some(&relay_state))
    };
    let html = post(&message, None).html();
    assert_eq!(html.matches("<script>").count(), 1, "{html}");
    assert!(
        html.contains(r#"action="https://idp.example/sso?a=1&amp;b=&quot;&gt;&lt;script&gt;x"#)
    );
    assert!(html.contains(r#"name="RelayState" value="&quot;&gt;&lt;script&gt;alert('x"#));
    assert!(html.contains(r#"<form method="post""#));
}

/// The policy that the documentation tells hosts to send allows just this script.
#[test]
fn the_script_of_the_page_has_the_hash_that_is_published() {
    let html = post(&message(XML, None), None).html();
    let (_, rest) = html.split_once("<script>").unwrap();
    let (script, _) = rest.split_once("</script>").unwrap();
    let hash = ring::digest::digest(&ring::digest::SHA256, script.as_bytes());
    let source = format!("'sha256-{}'", STANDARD.encode(hash.as_ref()));
    assert_eq!(PostForm::SCRIPT_SRC, source);
}

#[derive(Debug)]
struct Offline;

#[async_trait]
impl MessageSigner for Offline {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::EcdsaSha256
    }

    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignerError> {
        Err(SignerError::new("the line is down"))
    }
}

#[test]
fn a_signer_that_fails_sends_nothing() {
    let message = message(XML, None);
    let refused = pollster::block_on(message.redirect(Some(&Offline))).unwrap_err();
    assert_eq!(refused.code(), "sign.signer");
    let refused = pollster::block_on(message.post(Some(&Offline))).unwrap_err();
    assert_eq!(refused.code(), "sign.signer");
}

fn relay_state() -> impl Strategy<Value = Option<RelayState>> {
    prop::option::of("\\PC{1,20}").prop_map(|text| RelayState::new(text?).ok())
}

proptest! {
    #[test]
    fn what_is_redirected_arrives(xml in "\\PC{0,300}", relay_state in relay_state()) {
        let url = redirect(&message(&xml, relay_state.as_ref()), Some(&rsa()));
        prop_assert!(url.is_ascii());
        let raw = query(&url);
        prop_assert_eq!(verify(raw, keys::IDP_RSA_2048_CERTIFICATE), Ok(()));
        let read = RedirectQuery::parse(raw).unwrap();
        prop_assert_eq!(read.kind(), MessageKind::Request);
        prop_assert_eq!(read.relay_state(), relay_state.as_ref().map(RelayState::as_str));
        prop_assert_eq!(read.decode(&Limits::default()).unwrap(), xml.as_bytes());
    }

    #[test]
    fn what_is_posted_arrives(xml in "\\PC{0,300}", relay_state in relay_state()) {
        let form = post(&message(&xml, relay_state.as_ref()), None);
        // As a browser submits it, all of it encoded.
        let mut body = Vec::new();
        for (name, value) in form.fields() {
            if !body.is_empty() {
                body.push(b'&');
            }
            body.extend_from_slice(name.as_bytes());
            body.push(b'=');
            for byte in value.bytes() {
                body.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
        }
        let read = FormBody::parse(&body).unwrap();
        prop_assert_eq!(read.relay_state(), relay_state.as_ref().map(RelayState::as_str));
        prop_assert_eq!(read.decode(&Limits::default()).unwrap(), xml.as_bytes());
    }

    /// Whatever one byte becomes, the query is refused, or it is the same query: the host's own
    /// parameters, and spellings of base64 and percent-encoding in the signature itself.
    #[test]
    fn a_changed_query_is_refused(at in 0_usize..10_000, byte: u8) {
        let relay_state = RelayState::new("order 7").unwrap();
        let url = redirect(&message(XML, Some(&relay_state)), Some(&rsa()));
        let mut raw = query(&url).to_vec();
        let at = at % raw.len();
        prop_assume!(raw[at] != byte);
        raw[at] = byte;
        let signature = url.find("&Signature=").unwrap() - url.find('?').unwrap() - 1;
        let result = verify(&raw, keys::IDP_RSA_2048_CERTIFICATE);
        if at >= signature + "&Signature=".len() {
            // In the signature's own value only the case of a digit may change.
            if result.is_ok() {
                prop_assert!(raw[at].eq_ignore_ascii_case(&query(&url)[at]));
            }
        } else {
            prop_assert!(result.is_err(), "{}", String::from_utf8_lossy(&raw));
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(raw: Vec<u8>) {
        if let Ok(query) = RedirectQuery::parse(&raw) {
            let _ = query.decode(&Limits::default());
        }
        if let Ok(form) = FormBody::parse(&raw) {
            let _ = form.decode(&Limits::default());
        }
    }
}
