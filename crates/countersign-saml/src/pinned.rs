//! Keys that are trusted because the host named them, at one instant.

use std::borrow::Cow;

use countersign_core::Sha256Digest;
use countersign_dsig::key::VerificationKey;
use countersign_dsig::signature::{
    SignatureError, SignaturePolicy, SignedElement, verify_enveloped,
};
use countersign_dsig::xml::Element;

use crate::binding::RedirectQuery;
use crate::clock::Clock;
use crate::rejection::{Rejection, reject};

/// The keys of one party, and what is asked of signatures by them.
#[derive(Clone, Copy)]
pub(crate) struct Pinned<'a> {
    pub(crate) keys: &'a [VerificationKey],
    pub(crate) policy: &'a SignaturePolicy,
    pub(crate) clock: Clock,
    /// Whether a certificate may have expired.
    pub(crate) expired_keys: bool,
}

impl<'a> Pinned<'a> {
    /// Verifies the signature that `element` has.
    pub(crate) fn verify_enveloped(
        &self,
        element: Element<'_>,
    ) -> Result<SignedElement, SignatureError> {
        verify_enveloped(element, &self.in_order(), self.policy)
    }

    /// Verifies the signature over a query, with a key whose certificate is valid now
    /// \[RFC 5280 §4.1.2.5\], and gives that certificate.
    pub(crate) fn verify_query(
        &self,
        query: &RedirectQuery<'_>,
    ) -> Result<Sha256Digest, Rejection> {
        let keys = self.in_order();
        let key = query.verify(&keys, self.policy)?;
        match self.valid_certificate(key.certificate_sha256()) {
            Some(sha256) => Ok(sha256),
            None => reject!(
                KeyOutsideValidity,
                "the query is signed by a key whose certificate is not valid at {}",
                self.clock.now
            ),
        }
    }

    /// The keys, those first whose certificate is valid now: a certificate that was renewed under
    /// the same key counts in place of the old one.
    pub(crate) fn in_order(&self) -> Cow<'a, [VerificationKey]> {
        if self.keys.iter().all(|key| self.is_valid_now(key)) {
            return Cow::Borrowed(self.keys);
        }
        let (valid, others): (Vec<_>, Vec<_>) = self
            .keys
            .iter()
            .cloned()
            .partition(|key| self.is_valid_now(key));
        Cow::Owned([valid, others].concat())
    }

    fn is_valid_now(&self, key: &VerificationKey) -> bool {
        key.validity().is_none_or(|validity| {
            !self.clock.is_before(validity.not_before) && !self.clock.is_after(validity.not_after)
        })
    }

    /// `certificate`, if it is one of these keys' and valid now \[RFC 5280 §4.1.2.5\].
    pub(crate) fn valid_certificate(
        &self,
        certificate: Option<Sha256Digest>,
    ) -> Option<Sha256Digest> {
        let key = self
            .keys
            .iter()
            .find(|key| key.certificate_sha256() == certificate)?;
        certificate.filter(|_| self.expired_keys || self.is_valid_now(key))
    }
}
