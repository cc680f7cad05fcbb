//! samael: SAML over libxml2 and libxmlsec.
//!
//! Checks: the signature, by the certificates of the metadata; the response's and the assertion's
//! issuer, status, times, audience, recipient and bearer confirmation. Reads all claims into its
//! own types.

use chrono::Duration;
use samael::crypto::AllowedSignatureAlgorithm;
use samael::metadata::EntityDescriptor;
use samael::service_provider::{ServiceProvider, ServiceProviderBuilder};

use crate::acme::{ACS, SP};
use crate::beside_saml_verify::Peer;

pub(crate) struct Samael {
    sp: ServiceProvider,
}

impl Samael {
    pub(crate) fn new(metadata: &str) -> Self {
        let idp: EntityDescriptor = metadata.parse().expect("metadata that it reads");
        let sp = ServiceProviderBuilder::default()
            .entity_id(SP.to_owned())
            .acs_url(ACS.to_owned())
            .idp_metadata(idp)
            .allow_idp_initiated(true)
            .allowed_signature_algorithms(vec![AllowedSignatureAlgorithm::RsaSha256])
            // It takes the time from the machine, and a run takes minutes.
            .max_issue_delay(Duration::hours(1))
            .max_clock_skew(Duration::hours(1))
            .build()
            .expect("a service provider");
        Self { sp }
    }
}

impl Peer for Samael {
    fn name(&self) -> &'static str {
        "samael"
    }

    fn verify(&self, response: &str) -> bool {
        self.sp.parse_xml_response(response, None).is_ok()
    }
}
