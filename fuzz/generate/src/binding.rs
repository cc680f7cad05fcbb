//! Messages on their way: raw queries, forms and artifacts. The queries are signed with RSA and
//! PKCS#1 v1.5, the same bytes in every run [RFC 8017 §8.2].

use countersign::saml::SigningKey;
use countersign::saml::binding::{Message, MessageKind, RelayState};
use countersign_testkit::keys;
use pollster::block_on;

use crate::{Failure, Seed};

/// What `fuzz_targets/saml_binding.rs` expects under a signature.
const XML: &str = r#"<a ID="_1">signed</a>"#;
const RELAY_STATE: &str = "order 7";

pub(crate) fn messages() -> Result<Vec<Seed>, Failure> {
    let key = SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8)?;
    let relay_state = RelayState::new(RELAY_STATE)?;
    let query = |xml: &str, kind, relay_state, key: Option<&SigningKey>| {
        let message = Message {
            kind,
            id: "_1",
            xml,
            destination: "https://sign.example/saml/acs",
            relay_state,
        };
        let url = block_on(message.redirect(key.map(|key| key as _)))?;
        let query = url.as_str().split_once('?').map(|(_, query)| query);
        Ok::<_, Failure>(query.unwrap_or_default().as_bytes().to_vec())
    };
    use MessageKind::{Request, Response};
    let bomb = " ".repeat(4 << 20);
    Ok(vec![
        (
            "request",
            query(XML, Request, None, Some(&key))?,
        ),
        (
            "response-with-relay-state",
            query(XML, Response, Some(&relay_state), Some(&key))?,
        ),
        ("unsigned", query(XML, Response, Some(&relay_state), None)?),
        ("bomb", query(&bomb, Response, None, None)?),
        (
            "encoding",
            b"SAMLResponse=s0nUtwMA&SAMLEncoding=urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Abindings%3AURL-Encoding%3ADEFLATE&x=1".to_vec(),
        ),
        (
            "form",
            b"SAMLResponse=PGEvPg%3D%3D&RelayState=order+7&submit=Go".to_vec(),
        ),
        (
            "artifact",
            b"SAMLart=AAQAAMFbLinlXaCM%2BFIxiDwGOLAy2T71gbpO7ZhNzAgEANlB90ECfpNEVLg%3D&RelayState=x".to_vec(),
        ),
    ])
}
