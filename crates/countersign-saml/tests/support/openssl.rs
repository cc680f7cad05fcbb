//! What a login leaves as evidence, proved by openssl and nothing of ours.

use std::path::Path;
use std::process::Command;

use countersign_core::{SignedEvidence, VerifiedIdentity};
use tempfile::TempDir;

/// The signed files as an expert finds them in a bundle, in a folder of their own.
pub(crate) struct Exhibit {
    folder: TempDir,
    algorithm: String,
}

impl Exhibit {
    pub(crate) fn of(identity: &VerifiedIdentity) -> Self {
        Self::of_evidence(identity.evidence().signed().unwrap())
    }

    pub(crate) fn of_evidence(evidence: &SignedEvidence) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("signed.xml", &evidence.signed_bytes),
            ("signed-info.xml", &evidence.signed_info),
            ("signature.bin", &evidence.signature),
            ("certificate.der", &evidence.certificate),
        ] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self {
            folder,
            algorithm: evidence.signature_algorithm.clone(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The provider's signature holds, and covers what was signed.
    pub(crate) fn prove(&self) -> Result<(), String> {
        self.verify_signature()?;
        self.verify_digest()
    }

    /// `certificate.der` verifies `signature.bin` over `signed-info.xml`.
    pub(crate) fn verify_signature(&self) -> Result<(), String> {
        let key = self.run("x509 -inform DER -in certificate.der -noout -pubkey")?;
        std::fs::write(self.path("key.pem"), key).unwrap();
        let digest = self.algorithm.rsplit(['-', '#']).next().unwrap();
        let mut signature = "signature.bin";
        if self.algorithm.contains("eddsa-ed25519") {
            let verify = "pkeyutl -verify -pubin -inkey key.pem -rawin -in signed-info.xml";
            return self
                .run(&format!("{verify} -sigfile {signature}"))
                .map(drop);
        }
        if self.algorithm.contains("ecdsa") {
            self.write_ecdsa_der();
            signature = "signature.der";
        }
        let verify = format!("dgst -{digest} -verify key.pem -signature {signature}");
        self.run(&format!("{verify} signed-info.xml")).map(drop)
    }

    /// `DigestValue` in `signed-info.xml` is the digest of `signed.xml`.
    fn verify_digest(&self) -> Result<(), String> {
        let signed_info = std::fs::read_to_string(self.path("signed-info.xml")).unwrap();
        let (_, method) = signed_info.split_once("DigestMethod Algorithm=\"").unwrap();
        let (method, rest) = method.split_once('"').unwrap();
        let (_, value) = rest.split_once("DigestValue>").unwrap();
        let (value, _) = value.split_once("</").unwrap();
        let digest = method.rsplit('#').next().unwrap();
        let computed = self.run(&format!("dgst -{digest} -binary signed.xml"))?;
        std::fs::write(self.path("digest"), computed).unwrap();
        let base64 = self.run("base64 -A -in digest")?;
        let value: String = value.split_whitespace().collect();
        if base64 == value.as_bytes() {
            Ok(())
        } else {
            Err("the digest differs".to_owned())
        }
    }

    /// openssl wants r and s as two integers in DER [RFC 3279 §2.2.3]; XML has them side by side.
    fn write_ecdsa_der(&self) {
        let value = std::fs::read(self.path("signature.bin")).unwrap();
        let hex =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let (r, s) = value.split_at(value.len() / 2);
        let structure = format!(
            "asn1=SEQUENCE:both\n[both]\nr=INTEGER:0x{}\ns=INTEGER:0x{}\n",
            hex(r),
            hex(s)
        );
        std::fs::write(self.path("structure"), structure).unwrap();
        self.run("asn1parse -genconf structure -noout -out signature.der")
            .unwrap();
    }

    fn run(&self, arguments: &str) -> Result<Vec<u8>, String> {
        let mut command = Command::new("openssl");
        run(command.args(arguments.split(' ')), self.folder.path())
    }
}

fn run(command: &mut Command, folder: &Path) -> Result<Vec<u8>, String> {
    let output = command.current_dir(folder).output().unwrap();
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
