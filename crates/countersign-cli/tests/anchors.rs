//! Which time-stamps have to be renewed, as `ledger verify` tells it of a host's database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod run;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::audit::Ed25519Signer;
use countersign::cms::TrustAnchor;
use countersign::{Clock, Engine, PolicyFile, SystemClock, TenantId, blocking};
use countersign_sqlite::SqliteStore;
use countersign_testkit::authority::{
    CertificateAuthority, CertificateSpec, KeyKind, TimeStampAuthority,
};
use run::countersign;

const POLICY: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "okta"
strategy = "jit"
domains = ["acme.example"]
"#;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A database with one time-stamped checkpoint, whose certificate ends in sixty days.
fn stamped(folder: &Path) -> CertificateAuthority {
    let now = SystemClock.now();
    let root = CertificateAuthority::new("Test Root");
    let spec = CertificateSpec::time_stamping("Test Time");
    let spec = spec.valid(now.saturating_sub(DAY), now.saturating_add(DAY * 60));
    let own = root.issue(&spec, KeyKind::P256);
    let authority = TimeStampAuthority::with_certificate(own, now);
    let anchor = TrustAnchor::from_certificate(root.certificate()).unwrap();
    let store = Arc::new(SqliteStore::open(folder.join("store.db")).unwrap());
    let (signer, _) = Ed25519Signer::generate().unwrap();
    blocking::wait(async {
        let engine = Engine::builder(PolicyFile::parse("policy.toml", POLICY).unwrap())
            .store(store.clone())
            .log("sign.example/log", Arc::new(signer))
            .time_stamp_authority(Arc::new(authority), vec![anchor])
            .build_for_administration()
            .await
            .unwrap();
        let log_key = engine.ledger().verifier_key().to_string();
        store.set_ledger_vkey(&log_key).await.unwrap();
        let tenant = TenantId::new("host").unwrap();
        engine.record_policy(&tenant, None, None).await.unwrap();
        engine.anchor(&tenant).await.unwrap();
    });
    std::fs::write(folder.join("root.pem"), root.pem()).unwrap();
    root
}

#[test]
fn anchors_that_run_out_soon_are_told() {
    let folder = tempfile::tempdir().unwrap();
    stamped(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (database, root) = (path("store.db"), path("root.pem"));
    let verify = |more: &[&str]| {
        let arguments = [&["--json", "ledger", "verify", &database], more].concat();
        countersign(&arguments).json()["anchors_due"].clone()
    };
    assert!(verify(&[]).is_null(), "nobody said whom to trust");
    let due = verify(&["--time-root", &root]);
    assert_eq!(due.as_array().map(Vec::len), Some(1), "{due}");
    assert_eq!(due[0]["size"], 1);
    assert!(due[0]["until"].is_string());
    let soon = ["--time-root", &root, "--within-days", "30"];
    assert_eq!(verify(&soon).as_array().map(Vec::len), Some(0));

    let other = CertificateAuthority::new("Other Root");
    std::fs::write(folder.path().join("other.pem"), other.pem()).unwrap();
    let unknown = verify(&["--time-root", &path("other.pem")]);
    assert!(unknown[0]["until"].is_null(), "{unknown}");

    let page = countersign(&["ledger", "verify", &database, "--time-root", &root]);
    assert_eq!(page.code, 0);
    assert!(page.stdout.contains("to be renewed"), "{}", page.stdout);
    assert!(page.stdout.contains("at 1 leaves"), "{}", page.stdout);
}
