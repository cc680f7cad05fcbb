//! Seals, time-stamps, requests, responses and trust anchors: nothing panics, and whatever is
//! accepted under the root of the seeds says what its signer said, whose key the fuzzer lacks.
#![no_main]

use countersign_cms::timestamp::{read_response, stated_time, verify_token};
use countersign_cms::{TrustAnchor, cades};
use countersign_core::Timestamp;
use libfuzzer_sys::fuzz_target;

/// What `cargo xtask vectors` has had sealed and stamped, and when.
const CONTENT: &[u8] = b"a checkpoint";
const AT: &str = "2026-03-01T09:30:00Z";
const ROOT: &[u8] = include_bytes!("../seeds/cms_parse/root");
const REQUEST: &[u8] = include_bytes!("../seeds/cms_parse/request");
const RESPONSE: &[u8] = include_bytes!("../seeds/cms_parse/response");

fuzz_target!(|bytes: &[u8]| {
    let at: Timestamp = AT.parse().expect("a time");
    let trust = [TrustAnchor::from_certificate(ROOT).expect("a certificate")];
    if let Ok(verified) = cades::verify_untrusted(bytes, CONTENT) {
        assert_eq!(verified.subject, "CN=Sign Example");
        assert_eq!(verified.signing_time, at);
    }
    if let Ok(verified) = verify_token(bytes, CONTENT, &trust, at) {
        assert_eq!(verified.authority, "CN=Test Time");
        assert_eq!(verified.gen_time, at);
        assert_eq!(stated_time(bytes), Ok(at));
    }
    if let Ok(token) = read_response(bytes, REQUEST) {
        if let Ok(verified) = verify_token(&token, CONTENT, &trust, at) {
            assert_eq!(verified.gen_time, at);
        }
    }
    // A request that asks for what was answered.
    let _ = read_response(RESPONSE, bytes);
    if let Ok(anchors) = TrustAnchor::read(bytes) {
        for anchor in anchors {
            assert_eq!(
                TrustAnchor::from_certificate(anchor.certificate()),
                Ok(anchor)
            );
        }
    }
});
