//! The seal: a CAdES signature over the manifest (`docs/spec/bundle.md` §2).

use std::sync::Arc;

use countersign_audit::Signer;
use countersign_audit::signer::SignerError;
use countersign_cms::{CmsError, cades};
use countersign_core::Timestamp;

use crate::head::say;
use crate::layout::{MANIFEST, SEAL};
use crate::links::CLOCK_SKEW;
use crate::members::Members;
use crate::report::{Claim, Lines};
use crate::trust::TrustPolicy;

/// Who seals bundles: a key, wherever it is, and the certificate that says whose it is.
#[derive(Debug, Clone)]
pub struct Sealer {
    signer: Arc<dyn Signer>,
    certificate_chain: Vec<Vec<u8>>,
}

impl Sealer {
    /// A key of RSA or on the curve P-256, and its certificate in DER, followed by those of the
    /// authorities above it.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, certificate_chain: Vec<Vec<u8>>) -> Self {
        Self {
            signer,
            certificate_chain,
        }
    }

    /// Signs a manifest \[ETSI EN 319 122-1 §6\].
    pub(crate) async fn seal(&self, manifest: &[u8], now: Timestamp) -> Result<Vec<u8>, SealError> {
        let unsigned = cades::prepare(manifest, &self.certificate_chain, now)?;
        let signature = self.signer.sign(unsigned.to_be_signed()).await?;
        // A key that is not the certificate's is noticed here.
        Ok(unsigned.finish(&signature)?)
    }
}

/// Why a bundle was not sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key could not be asked.
    #[error("the sealing key could not be asked")]
    Signer(#[from] SignerError),
    /// The certificate or the signature is not one that seals.
    #[error("the certificate or the signature is not one that seals")]
    Cms(#[from] CmsError),
}

impl SealError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Signer(_) => "evidence.sealing_key",
            Self::Cms(error) => error.code(),
        }
    }
}

/// Checks the seal.
pub(crate) fn check(members: &Members<'_>, trust: &TrustPolicy, now: Timestamp, lines: &mut Lines) {
    let claim = Claim::ManifestSignature;
    let Some(manifest) = members.data(MANIFEST) else {
        return;
    };
    let Some(seal) = members.data(SEAL) else {
        lines.not_proved(claim, MANIFEST, "nobody has sealed the bundle");
        return;
    };
    match cades::verify(seal, manifest, &trust.sealers, now) {
        Ok(seal) if seal.signing_time > now.saturating_add(CLOCK_SKEW) => {
            let why = format!(
                "is dated {}, after the time of this check",
                seal.signing_time
            );
            lines.failed(claim, SEAL, why);
        }
        Ok(seal) => lines.proved(
            claim,
            SEAL,
            format!("sealed by `{}` at {}", seal.subject, seal.signing_time),
        ),
        Err(error) => say(claim, SEAL, &error, lines),
    }
}
