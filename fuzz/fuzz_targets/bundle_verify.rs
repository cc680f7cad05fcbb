//! Whatever is done to a bundle: it is not accepted, or it is the bundle that was exported.
#![no_main]

use std::sync::LazyLock;

use countersign::Timestamp;
use countersign::evidence::{TrustPolicy, verify};
use libfuzzer_sys::fuzz_target;

/// The log's key and all that was ever exported, written by `fuzz/generate/src/log.rs`.
const LOG_KEY: &str = include_str!("../seeds/bundle_verify/log-key");
const EXPORTED: [&[u8]; 3] = [
    include_bytes!("../seeds/bundle_verify/everything"),
    include_bytes!("../seeds/bundle_verify/printed-name"),
    include_bytes!("../seeds/bundle_verify/nothing"),
];

static TRUST: LazyLock<TrustPolicy> = LazyLock::new(|| {
    let trust = TrustPolicy::new().log_key(LOG_KEY.parse().expect("a key"));
    for bundle in EXPORTED {
        assert!(
            verify(bundle, &trust, Timestamp::MAX).accepted(),
            "a seed is refused"
        );
    }
    trust
});

fuzz_target!(|bundle: &[u8]| {
    let report = verify(bundle, &TRUST, Timestamp::MAX);
    if report.accepted() {
        assert!(report.failed().next().is_none(), "accepted and refuted");
        assert!(EXPORTED.contains(&bundle), "nobody exported this");
    }
});
