//! Whatever is done to a signed response: it is refused, or it says what was signed.
#![no_main]

use std::sync::LazyLock;

use countersign_core::{IdentityClaims, Timestamp};
use countersign_saml::{
    Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider, inspect, verify,
};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

/// The provider's metadata and all that it ever signed, written by `fuzz/generate/src/saml.rs`.
const METADATA: &[u8] = include_bytes!("../seeds/saml_verify/metadata");
const SIGNED: [&[u8]; 5] = [
    include_bytes!("../seeds/saml_verify/assertion-signed"),
    include_bytes!("../seeds/saml_verify/response-signed"),
    include_bytes!("../seeds/saml_verify/both-signed"),
    include_bytes!("../seeds/saml_verify/unsolicited"),
    include_bytes!("../seeds/saml_verify/form-value"),
];

struct Setup {
    sp: ServiceProvider,
    idp: IdentityProvider,
    pending: PendingRequest,
    now: Timestamp,
}

impl Setup {
    /// The claims of every way in which the message is accepted.
    fn accepted(&self, message: &[u8]) -> Vec<IdentityClaims> {
        let inbound = match message.first() {
            Some(b'<') => Inbound::Xml(message),
            _ => Inbound::Post(message),
        };
        let expected = [Expect::Request(&self.pending), Expect::Unsolicited];
        let verified = expected
            .into_iter()
            .filter_map(|expect| verify(&self.sp, &self.idp, inbound, expect, self.now).ok());
        verified
            .map(|verified| verified.insecure_without_replay_check())
            .map(|login| login.identity().claims().clone())
            .collect()
    }
}

static SETUP: LazyLock<Setup> = LazyLock::new(|| Setup {
    sp: ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")
        .expect("a service provider"),
    idp: IdentityProvider::from_metadata(METADATA).expect("its metadata"),
    pending: PendingRequest::new("_request-1").expect("a request"),
    now: "2026-03-01T09:30:00Z".parse().expect("a time"),
});

static KNOWN: LazyLock<Vec<IdentityClaims>> = LazyLock::new(|| {
    let signed = SIGNED.map(|message| SETUP.accepted(message));
    assert!(
        signed.iter().all(|claims| claims.len() == 1),
        "a seed is refused"
    );
    signed.concat()
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    countersign_fuzz::mutate_xml(data, size, max_size, seed)
});

fuzz_target!(|message: &[u8]| {
    for claims in SETUP.accepted(message) {
        assert!(KNOWN.contains(&claims), "nobody signed this: {claims:?}");
    }
    // Neither of these proves anything; they must not panic.
    let _ = inspect(message);
    let _ = IdentityProvider::from_metadata(message);
});
