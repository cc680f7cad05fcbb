//! A response of 5, 60 and 560 KB: parsed, its signature verified, all conditions checked, its
//! claims read.
//!
//! The floor is what no verifier does without: one RSA-2048 verification and one SHA-256 of the
//! document.

use countersign::saml::{Expect, Inbound, verify};
use countersign_testkit::keys::IDP_RSA_2048_PKCS8;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

use crate::acme::Acme;
use crate::measure::{Effort, Subject, times};
use crate::row::Row;

/// The cases, and how many groups each has; a group takes some 110 bytes.
pub(crate) const CASES: [(&str, usize); 3] = [("5k", 3), ("60k", 500), ("560k", 5_000)];

/// Bytes of a canonical `SignedInfo` with one reference.
const SIGNED_INFO: [u8; 700] = [b'x'; 700];

/// Without peers: floor and countersign.
pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let acme = Acme::new();
    CASES
        .into_iter()
        .flat_map(|(case, groups)| {
            let response = acme.response("nurse", groups);
            measure(effort, &acme, case, &response, Vec::new())
        })
        .collect()
}

/// Measures one case: the floor, countersign, and whoever else is given.
pub(crate) fn measure(
    effort: Effort,
    acme: &Acme,
    case: &'static str,
    response: &[u8],
    peers: Vec<Subject<'_>>,
) -> Vec<Row> {
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
    let floor = || {
        public.verify(&SIGNED_INFO, &signature).expect("it is ours");
        digest(&SHA256, response)
    };

    let trusted = acme.trusted();
    let ours = || {
        let message = Inbound::Xml(response);
        verify(&acme.sp, &trusted, message, Expect::Unsolicited, acme.now).expect("it is ours")
    };

    let mut subjects = vec![
        Subject::new("floor", floor),
        Subject::new("countersign", ours),
    ];
    subjects.extend(peers);
    times("saml_verify", case, effort, subjects)
}
