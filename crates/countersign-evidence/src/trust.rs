//! Whom a verifier trusts.

use std::collections::BTreeSet;

use countersign_audit::VerifierKey;
use countersign_audit::cosignature::WitnessPolicy;
use countersign_cms::TrustAnchor;
use countersign_core::Sha256Digest;

use crate::members::sha256;
use crate::report::Claim;

/// Whom a verifier trusts, and what it asks for \[bundle.md §6\].
///
/// Who is trusted is asked, too: with a time-stamp authority, a bundle that no such authority has
/// stamped is not accepted, and so with witnesses, sealers and identity providers.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TrustPolicy {
    pub(crate) log_keys: Vec<VerifierKey>,
    pub(crate) retired_log_keys: Vec<(VerifierKey, u64)>,
    pub(crate) witnesses: Option<WitnessPolicy>,
    pub(crate) time_authorities: Vec<TrustAnchor>,
    pub(crate) sealers: Vec<TrustAnchor>,
    /// By the SHA-256 of the certificate.
    pub(crate) identity_providers: BTreeSet<Sha256Digest>,
    pub(crate) audiences: BTreeSet<String>,
    required: BTreeSet<Claim>,
}

impl TrustPolicy {
    /// Trusts nobody: integrity is checked, and nothing is accepted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the log that has this key.
    #[must_use]
    pub fn log_key(mut self, key: VerifierKey) -> Self {
        self.log_keys.push(key);
        self
    }

    /// Trusts a key that a log has retired, for checkpoints of at most `last_size` leaves: whoever
    /// has got hold of an old key can sign nothing new with it.
    #[must_use]
    pub fn retired_log_key(mut self, key: VerifierKey, last_size: u64) -> Self {
        self.retired_log_keys.push((key, last_size));
        self
    }

    /// Asks for cosignatures by *k* of *n* witnesses.
    #[must_use]
    pub fn witnesses(mut self, witnesses: WitnessPolicy) -> Self {
        self.witnesses = Some(witnesses);
        self
    }

    /// Trusts time-stamps whose certificate path ends here, and asks for one.
    #[must_use]
    pub fn time_authority(mut self, anchor: TrustAnchor) -> Self {
        self.time_authorities.push(anchor);
        self
    }

    /// Trusts seals whose certificate path ends here, and asks for one.
    #[must_use]
    pub fn sealer(mut self, anchor: TrustAnchor) -> Self {
        self.sealers.push(anchor);
        self
    }

    /// Trusts what was signed with this certificate of an identity provider (DER; or the bare key
    /// that was configured), and asks for such a signature at the root of every document's, over
    /// what the records say and about the person whose account it is: a signer who came in by a
    /// mailed link has none, and neither has an account that began so.
    #[must_use]
    pub fn identity_provider(mut self, certificate: &[u8]) -> Self {
        self.identity_providers.insert(sha256(certificate));
        self
    }

    /// Takes no assertion that was not made for this service provider, by its entity id; given
    /// several times, for one of them. Which one the host is, no bundle can show: without this a
    /// report tells the audience, and judges it not.
    #[must_use]
    pub fn audience(mut self, entity_id: impl Into<String>) -> Self {
        self.audiences.insert(entity_id.into());
        self
    }

    /// Asks for one more claim to be proved.
    #[must_use]
    pub fn require(mut self, claim: Claim) -> Self {
        self.required.insert(claim);
        self
    }

    /// What must be proved for a bundle to be accepted \[bundle.md §6\].
    #[must_use]
    pub fn required(&self) -> BTreeSet<Claim> {
        let asks_providers = !self.identity_providers.is_empty();
        let trusted = [
            (self.witnesses.is_some(), Claim::Witnessed),
            (!self.time_authorities.is_empty(), Claim::TrustedTime),
            (!self.sealers.is_empty(), Claim::ManifestSignature),
            (asks_providers, Claim::AssertionSignature),
            (asks_providers, Claim::AssertionContent),
            (asks_providers, Claim::SamePerson),
        ];
        let trusted = trusted.into_iter().filter(|(is, _)| *is);
        let always = Claim::REQUIRED.iter().copied();
        always
            .chain(trusted.map(|(_, claim)| claim))
            .chain(self.required.iter().copied())
            .collect()
    }
}
