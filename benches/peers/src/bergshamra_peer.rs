//! bergshamra: XML signatures in Rust.
//!
//! Checks: the signature, by the pinned key alone; that every reference is digested here; that
//! what is signed stands around the signature or beside it. Does not check: anything that SAML
//! says. It reads no claim.

use bergshamra::keys::loader::load_x509_cert_der;
use bergshamra::{DsigContext, KeysManager, verify};
use countersign_testkit::keys::IDP_RSA_2048_CERTIFICATE;

use crate::beside_saml_verify::Peer;

pub(crate) struct Bergshamra {
    context: DsigContext,
}

impl Bergshamra {
    pub(crate) fn new() -> Self {
        let mut keys = KeysManager::new();
        keys.add_key(load_x509_cert_der(IDP_RSA_2048_CERTIFICATE).expect("its certificate"));
        Self {
            // Hardened by default: pinned keys only, strict positions, all digests.
            context: DsigContext::new(keys),
        }
    }
}

impl Peer for Bergshamra {
    fn name(&self) -> &'static str {
        "bergshamra"
    }

    fn verify(&self, response: &str) -> bool {
        verify(&self.context, response).is_ok_and(|result| result.all_reference_digests_verified())
    }
}
