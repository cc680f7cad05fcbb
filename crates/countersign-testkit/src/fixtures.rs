//! Real data from other projects, read in place and never copied.
//!
//! Their folder is named by `COUNTERSIGN_FIXTURES`, absolute or relative to the workspace's
//! root. A test that reads them carries
//! `#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]`, so that plain
//! `cargo test` lists it as left out, and lives in an integration test named `fixtures`.

use std::path::{Path, PathBuf};

/// The path of one fixture, such as `saml/ssoready/assertions/okta/assertion.xml`.
///
/// # Panics
/// If the variable is not set, or there is no such file or folder: a test that was asked to read
/// fixtures and can not must fail.
#[must_use]
#[allow(
    clippy::panic,
    reason = "called by tests only; a missing fixture has to fail them"
)]
pub fn path(relative: &str) -> PathBuf {
    let Some(folder) = std::env::var_os("COUNTERSIGN_FIXTURES") else {
        panic!("COUNTERSIGN_FIXTURES is not set; cargo xtask test sets it");
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(folder)
        .join(relative);
    assert!(path.exists(), "no fixture at {}", path.display());
    path
}

/// The bytes of one fixture.
///
/// # Panics
/// As [`path`], and if the file can not be read.
#[must_use]
#[allow(
    clippy::panic,
    reason = "called by tests only; a missing fixture has to fail them"
)]
pub fn read(relative: &str) -> Vec<u8> {
    let path = path(relative);
    match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => panic!("can not read {}: {error}", path.display()),
    }
}

/// The text of one fixture.
///
/// # Panics
/// As [`read`], and if the file is not UTF-8.
#[must_use]
#[allow(
    clippy::panic,
    reason = "called by tests only; a broken fixture has to fail them"
)]
pub fn read_text(relative: &str) -> String {
    match String::from_utf8(read(relative)) {
        Ok(text) => text,
        Err(error) => panic!("{relative} is not UTF-8: {error}"),
    }
}
