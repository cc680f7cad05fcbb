//! A response of 5, 60 and 560 KB: parsed, its signature verified, all conditions checked, its
//! claims read.
//!
//! The floor is what no verifier does without: one RSA-2048 verification and one SHA-256 of the
//! document.

use countersign_core::Timestamp;
use countersign_saml::{
    Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider, verify,
};
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use countersign_testkit::keys::IDP_RSA_2048_PKCS8;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

use crate::measure::{Effort, Subject, times};
use crate::row::Row;

/// Groups in each case; a group takes some 110 bytes.
const CASES: [(&str, usize); 3] = [("5k", 3), ("60k", 500), ("560k", 5_000)];

/// Bytes of a canonical `SignedInfo` with one reference.
const SIGNED_INFO: [u8; 700] = [b'x'; 700];

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let now: Timestamp = "2026-03-01T09:30:00Z".parse().expect("a time");
    let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")
        .expect("a service provider");
    let idp = TestIdp::new("https://idp.acme.example/metadata");
    let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes()).expect("metadata");
    let pending = PendingRequest::new("_request-1").expect("a request");

    let key = RsaKeyPair::from_pkcs8(IDP_RSA_2048_PKCS8).expect("a key");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        &SIGNED_INFO,
        &mut signature,
    )
    .expect("a signature");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());

    CASES
        .into_iter()
        .flat_map(|(case, groups)| {
            let spec = ResponseSpec::new(sp.entity_id(), sp.acs_url(), "nurse", now)
                .answering(pending.id())
                .with_attribute("email", ["nurse@acme.example"])
                .with_attribute("givenname", ["Given"])
                .with_attribute("surname", ["Family"])
                .with_groups(groups);
            let response = idp.respond(&spec);
            let floor = || {
                public.verify(&SIGNED_INFO, &signature).expect("it is ours");
                digest(&SHA256, &response)
            };
            let ours = || {
                let expect = Expect::Request(&pending);
                verify(&sp, &trusted, Inbound::Xml(&response), expect, now).expect("it is ours")
            };
            let subjects = vec![
                Subject::new("floor", floor),
                Subject::new("countersign", ours),
            ];
            times("saml_verify", case, effort, subjects)
        })
        .collect()
}
