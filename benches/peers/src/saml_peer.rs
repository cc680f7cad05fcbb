//! saml: SAML in Rust over quick-xml.
//!
//! Checks: the signature, by the certificates of the metadata, and all that the web browser
//! profile says of a response to nobody's request; replay is left to its caller, as it is here.
//! Reads all claims into its own types.

use std::time::{Duration, SystemTime};

use countersign::Timestamp;
use saml::{
    ConsumeResponse, DigestAlgorithm, IdpDescriptor, PeerCryptoPolicy, ReplayMode, ServiceProvider,
    ServiceProviderConfig, SignatureAlgorithm, SpWantSigned, SsoResponseBinding,
    SsoResponseEndpoint,
};

use crate::acme::{ACS, SP};
use crate::beside_saml_verify::Peer;

pub(crate) struct Saml {
    sp: ServiceProvider,
    idp: IdpDescriptor,
    now: SystemTime,
}

impl Saml {
    pub(crate) fn new(metadata: &str, now: Timestamp) -> Self {
        let sp = ServiceProvider::new(ServiceProviderConfig {
            entity_id: SP.to_owned(),
            acs: vec![SsoResponseEndpoint::post(ACS, 0, true)],
            slo: Vec::new(),
            name_id_formats: Vec::new(),
            signing_key: None,
            decryption_key: None,
            sign_authn_requests: false,
            want_signed: SpWantSigned {
                response: false,
                assertions: true,
            },
            allow_unsolicited: true,
            default_peer_crypto_policy: PeerCryptoPolicy::strong_defaults(),
            outbound_signature_algorithm: SignatureAlgorithm::RsaSha256,
            outbound_digest_algorithm: DigestAlgorithm::Sha256,
        });
        let millis = u64::try_from(now.unix_millis()).expect("a time after 1970");
        Self {
            sp: sp.expect("a service provider"),
            idp: IdpDescriptor::from_metadata_xml(metadata.as_bytes())
                .expect("metadata that it reads"),
            now: SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_millis(millis))
                .expect("a time of our era"),
        }
    }
}

impl Peer for Saml {
    fn name(&self) -> &'static str {
        "saml"
    }

    fn verify(&self, response: &str) -> bool {
        let accepted = self.sp.consume_response(ConsumeResponse {
            idp: &self.idp,
            peer_crypto_policy: None,
            saml_response: response.as_bytes(),
            binding: SsoResponseBinding::HttpPost,
            relay_state: None,
            tracker: None,
            expected_destination: ACS,
            now: self.now,
            clock_skew: Duration::from_secs(60),
            replay_cache: None,
            replay_mode: ReplayMode::All,
            holder_of_key_cert: None,
        });
        accepted.is_ok()
    }
}
