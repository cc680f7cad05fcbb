//! Whom a person at the command line trusts.

use std::path::Path;

use clap::Args;
use countersign::audit::VerifierKey;
use countersign::audit::cosignature::{WitnessKey, WitnessPolicy};
use countersign::cms::TrustAnchor;
use countersign::evidence::{Claim, TrustPolicy};

use crate::input::{InputPath, Unreadable, read_whole};
use crate::log_key;

/// Certificates are of a few kilobytes; a whole system's store of roots is below this.
const CERTIFICATES_LIMIT_BYTES: usize = 1 << 20;

/// Whom to trust. Who is trusted is asked, too: a bundle without what such a one gives is refused.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// The public key of a log that is trusted, `name+hash+base64`, or a file that holds it. May
    /// be given several times; without it no bundle is accepted, because anybody can make a log.
    #[arg(long, value_name = "VKEY|FILE")]
    pub(crate) log_key: Vec<String>,
    /// A key that a trusted log has retired, and the largest size that it signed.
    #[arg(long, value_name = "VKEY|FILE=SIZE")]
    retired_log_key: Vec<String>,
    /// The key of a witness, or a file that holds it; may be given several times.
    #[arg(long, value_name = "VKEY|FILE")]
    witness: Vec<String>,
    /// How many of the witnesses must have seen the checkpoint; all of them otherwise.
    #[arg(long, value_name = "K", requires = "witness")]
    witnesses: Option<usize>,
    /// Certificates (PEM or DER) that a time-stamp's authority must lead to.
    #[arg(long, value_name = "FILE")]
    time_root: Vec<InputPath>,
    /// Certificates (PEM or DER) that the certificate of whoever sealed the bundle must lead to.
    #[arg(long, value_name = "FILE")]
    sealer_root: Vec<InputPath>,
    /// Certificates (PEM or DER) of the identity providers that may vouch for a signer.
    #[arg(long, value_name = "FILE")]
    idp_certificate: Vec<InputPath>,
    /// The entity id of the service that signers signed in to: an assertion for another one is
    /// refused. May be given several times, for one of them.
    #[arg(long, value_name = "ENTITY_ID")]
    audience: Vec<String>,
    /// One more claim that must be proved, such as `consent`; may be given several times.
    #[arg(long, value_name = "CLAIM")]
    require: Vec<Claim>,
}

impl Trust {
    pub(crate) fn policy(&self) -> Result<TrustPolicy, Unreadable> {
        let mut trust = TrustPolicy::new();
        for key in &self.log_key {
            trust = trust.log_key(log_key::parse(key)?);
        }
        for retired in &self.retired_log_key {
            let (key, size) = parse_retired(retired)?;
            trust = trust.retired_log_key(key, size);
        }
        let witnesses: Vec<WitnessKey> = self
            .witness
            .iter()
            .map(|key| log_key::parse_as("--witness", key))
            .collect::<Result<_, _>>()?;
        if !witnesses.is_empty() {
            let k = self.witnesses.unwrap_or(witnesses.len());
            let policy = WitnessPolicy::new(k, witnesses)
                .map_err(|error| Unreadable::new("--witnesses", error))?;
            trust = trust.witnesses(policy);
        }
        for path in &self.time_root {
            for anchor in anchors(path)? {
                trust = trust.time_authority(anchor);
            }
        }
        for path in &self.sealer_root {
            for anchor in anchors(path)? {
                trust = trust.sealer(anchor);
            }
        }
        for path in &self.idp_certificate {
            for anchor in anchors(path)? {
                trust = trust.identity_provider(anchor.certificate());
            }
        }
        let trust = self
            .audience
            .iter()
            .fold(trust, |trust, one| trust.audience(one));
        Ok(self
            .require
            .iter()
            .fold(trust, |trust, claim| trust.require(*claim)))
    }
}

/// `KEY=SIZE`; a key may hold `=` itself.
fn parse_retired(text: &str) -> Result<(VerifierKey, u64), Unreadable> {
    let parts = text.rsplit_once('=');
    let size = parts.and_then(|(_, size)| size.parse().ok());
    match (parts, size) {
        (Some((key, _)), Some(size)) => Ok((log_key::parse(key)?, size)),
        _ => Err(Unreadable::new(
            "--retired-log-key",
            "is not a key, `=`, and the largest size that it signed",
        )),
    }
}

/// The certificates of a file: one in DER, or any number in PEM \[RFC 7468 §5\].
pub(crate) fn anchors(path: &Path) -> Result<Vec<TrustAnchor>, Unreadable> {
    let bytes = read_whole(path, CERTIFICATES_LIMIT_BYTES)?;
    TrustAnchor::read(&bytes).map_err(|_| Unreadable::new(path.display(), "holds no certificate"))
}
