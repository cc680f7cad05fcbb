//! `countersign saml`: requests, metadata, decryption and logout.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod decryption;
mod logout;
mod metadata;
mod requests;
#[path = "../run/mod.rs"]
mod run;

use run::{Run, countersign};
use tempfile::TempDir;

const IDP: &str = "https://idp.acme.example";
const SP: &str = "https://sign.example/saml";
const ACS: &str = "https://sign.example/saml/acs";
const NOW: &str = "2026-03-01T09:30:00.000Z";

/// A folder for the files of a test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Verifies a response that nobody asked for.
    fn verify(&self, metadata: &str, response: &str, more: &[&str]) -> Run {
        let (metadata, response) = (self.path(metadata), self.path(response));
        let arguments = [
            "saml",
            "verify",
            "--idp-metadata",
            &metadata,
            "--sp-entity-id",
            SP,
            "--acs-url",
            ACS,
            "--allow-unsolicited",
            "--at",
            NOW,
        ];
        countersign(&[&arguments, more, &[&response]].concat())
    }
}
