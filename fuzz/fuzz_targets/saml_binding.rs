//! Raw queries, forms and artifacts: what is read is read in one way only, and a signature over a
//! query holds for what was signed and nothing else.
#![no_main]

use std::sync::LazyLock;

use countersign_dsig::signature::SignaturePolicy;
use countersign_saml::binding::artifact::ReceivedArtifact;
use countersign_saml::binding::{FormBody, RedirectQuery};
use countersign_saml::{IdentityProvider, Limits};
use libfuzzer_sys::fuzz_target;

/// What `generate/src/binding.rs` signs, with and without the relay state.
const SIGNED: &[u8] = br#"<a ID="_1">signed</a>"#;
const RELAY_STATE: &str = "order 7";

/// The provider whose key signs.
static IDP: LazyLock<IdentityProvider> = LazyLock::new(|| {
    let metadata = include_bytes!("../seeds/saml_verify/metadata");
    IdentityProvider::from_metadata(metadata).expect("its metadata")
});

/// `raw` with one more parameter.
fn with(raw: &[u8], parameter: &str) -> Vec<u8> {
    [raw, b"&", parameter.as_bytes()].concat()
}

fuzz_target!(|raw: &[u8]| {
    let limits = Limits::default();
    if let Ok(query) = RedirectQuery::parse(raw) {
        let xml = query.decode(&limits);
        if let Ok(xml) = &xml {
            assert!(xml.len() <= limits.max_bytes);
        }
        if query
            .verify(IDP.keys(), &SignaturePolicy::default())
            .is_ok()
        {
            assert_eq!(xml.expect("it was signed"), SIGNED);
            assert!(matches!(query.relay_state(), None | Some(RELAY_STATE)));
        }
        for more in ["SAMLRequest=", "SAMLResponse=x", "SAML%52equest=x"] {
            assert!(RedirectQuery::parse(&with(raw, more)).is_err());
        }
    }
    if let Ok(form) = FormBody::parse(raw) {
        if let Ok(xml) = form.decode(&limits) {
            assert!(xml.len() <= limits.max_bytes);
        }
        for more in ["SAMLRequest=", "SAMLResponse=x", "%53AMLResponse=x"] {
            assert!(FormBody::parse(&with(raw, more)).is_err());
        }
    }
    if let Ok(received) = ReceivedArtifact::parse(raw) {
        assert_eq!(received.artifact().as_str().len(), 60);
        assert!(RedirectQuery::parse(raw).is_err() && FormBody::parse(raw).is_err());
        assert!(ReceivedArtifact::parse(&with(raw, "SAMLart=")).is_err());
    }
});
