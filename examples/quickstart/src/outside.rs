//! Whom a real host has outside, behind a network: a witness, a time-stamp authority, and an
//! authority that certifies the key that seals bundles.
//!
//! Here they are in this process and new in each run, so that the walk needs no network. They run
//! the real protocols and are checked like real ones; but what they say is worth as much as the
//! host that runs them, which is why a real host must not.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign::audit::time_stamp_authority::TimeStampAuthorityError;
use countersign::audit::{EcdsaP256Signer, TimeStampAuthority, VerifierKey};
use countersign::cms::{CmsError, TrustAnchor};
use countersign::{Clock, Timestamp};
use countersign_testkit::authority::{self, CertificateAuthority, CertificateSpec, KeyKind};
use countersign_testkit::witness::TestWitness;

/// A day before now, from which certificates are valid: clocks differ.
const BEFORE: Duration = Duration::from_secs(24 * 3600);
/// Three decades after now: a stored response may be as old, and its bundle is checked today.
const AFTER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// Everybody outside.
pub(crate) struct Outside {
    /// Cosigns checkpoints that continue those it has seen: a program of somebody else, over HTTP
    /// \[C2SP tlog-witness\].
    pub(crate) witness: Arc<TestWitness>,
    /// Stamps checkpoints with the time: a service, over HTTP \[RFC 3161 §3.4\].
    pub(crate) time: Arc<Time>,
    /// Whom one trusts who trusts these time-stamps.
    pub(crate) time_root: CertificateAuthority,
    /// The key that seals bundles: in an HSM or a signing service.
    pub(crate) sealer: Arc<EcdsaP256Signer>,
    /// Its certificate, and those above it up to the root: from an authority that people know.
    pub(crate) sealer_chain: Vec<Vec<u8>>,
    /// Whom one trusts who trusts these seals.
    pub(crate) sealer_root: CertificateAuthority,
}

impl Outside {
    pub(crate) fn new(log: VerifierKey, clock: &Arc<dyn Clock>) -> Result<Self, Box<dyn Error>> {
        let now = clock.now();
        let time_root = root("Quickstart Time Root", now);
        let spec = valid(CertificateSpec::time_stamping("Quickstart Time"), now);
        let stamps = time_root.issue(&spec, KeyKind::P256);
        let sealer_root = root("Quickstart Seal Root", now);
        let spec = valid(CertificateSpec::sealer("Quickstart Host"), now);
        let seals = sealer_root.issue(&spec, KeyKind::P256);
        let witness_clock = Arc::clone(clock);
        Ok(Self {
            witness: Arc::new(TestWitness::new(
                "quickstart.example/witness",
                vec![log],
                move || witness_clock.now(),
            )?),
            time: Arc::new(Time {
                authority: authority::TimeStampAuthority::with_certificate(stamps, now),
                clock: Arc::clone(clock),
            }),
            time_root,
            sealer: Arc::new(EcdsaP256Signer::from_pkcs8(seals.pkcs8())?),
            sealer_chain: seals.chain(),
            sealer_root,
        })
    }

    /// The roots by which the word of the time-stamp authority counts.
    pub(crate) fn time_roots(&self) -> Result<Vec<TrustAnchor>, CmsError> {
        Ok(vec![TrustAnchor::from_certificate(
            self.time_root.certificate(),
        )?])
    }
}

/// An authority whose clock goes.
#[derive(Debug)]
pub(crate) struct Time {
    authority: authority::TimeStampAuthority,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl TimeStampAuthority for Time {
    async fn stamp(&self, request: &[u8]) -> Result<Vec<u8>, TimeStampAuthorityError> {
        self.authority.set_time(self.clock.now());
        self.authority.stamp(request).await
    }
}

fn root(name: &str, now: Timestamp) -> CertificateAuthority {
    let spec = valid(CertificateSpec::authority(name), now);
    CertificateAuthority::root(&spec, KeyKind::P256)
}

fn valid(spec: CertificateSpec, now: Timestamp) -> CertificateSpec {
    spec.valid(now.saturating_sub(BEFORE), now.saturating_add(AFTER))
}
