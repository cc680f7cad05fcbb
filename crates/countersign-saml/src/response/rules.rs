//! What every rule is measured against.

use countersign_core::Timestamp;

use crate::clock::Clock;
use crate::element::Part;
use crate::identity_provider::IdentityProvider;
use crate::names::{ASSERTION, ENTITY_FORMAT, VERSION};
use crate::pinned::Pinned;
use crate::rejection::{Quoted, Rejection, reject};
use crate::request::Expect;
use crate::service_provider::ServiceProvider;

/// One service provider, one identity provider, one expectation, one instant.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) sp: &'a ServiceProvider,
    pub(crate) idp: &'a IdentityProvider,
    pub(crate) expect: Expect<'a>,
    pub(crate) clock: Clock,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(
        sp: &'a ServiceProvider,
        idp: &'a IdentityProvider,
        expect: Expect<'a>,
        now: Timestamp,
    ) -> Self {
        Self {
            sp,
            idp,
            expect,
            clock: Clock {
                now,
                skew: sp.clock_skew,
            },
        }
    }

    /// The identity provider's keys.
    pub(crate) fn pinned(&self) -> Pinned<'a> {
        Pinned {
            keys: &self.idp.keys,
            policy: &self.sp.signatures,
            clock: self.clock,
            expired_keys: self.sp.expired_keys,
        }
    }

    /// The identity provider may be used now, and is the one that was asked.
    pub(crate) fn check_provider(&self) -> Result<(), Rejection> {
        // [SAML-Metadata §2.3.2]: no use of metadata past its validUntil; no skew, as the clock
        // that counts is ours.
        if let Some(until) = self.idp.valid_until
            && self.clock.now >= until
        {
            reject!(
                MetadataExpired,
                "the identity provider's metadata was valid until {until}"
            );
        }
        if let Expect::Request(pending) = self.expect
            && let Some(asked) = pending.identity_provider()
            && asked != self.idp.entity_id()
        {
            reject!(
                InResponseToMismatch,
                "the pending request was sent to {}, not to {}",
                Quoted(asked),
                Quoted(self.idp.entity_id())
            );
        }
        Ok(())
    }

    /// What a `Response` and an `Assertion` have in common: version, id, issuer, instant.
    pub(crate) fn check_issued(&self, part: Part<'_>) -> Result<(), Rejection> {
        // [SAML-Core §4.1]: another major version is another language.
        let version = part.attribute("Version")?;
        if version != VERSION {
            reject!(
                UnsupportedVersion,
                "the {} is of SAML version {}",
                part.name(),
                Quoted(version)
            );
        }
        if part.attribute("ID")?.is_empty() {
            return Err(part.malformed(format!("the ID of the {} is empty", part.name())));
        }
        self.check_issuer(part)?;
        let issued = part.instant("IssueInstant")?;
        if self.clock.is_before(issued) {
            reject!(
                NotYetValid,
                "the {} says that it is issued at {issued}, and it is {} now",
                part.name(),
                self.clock.now
            );
        }
        Ok(())
    }

    /// \[SAML-Profiles §4.1.4.2\]: the issuer is the identity provider that this connection is bound
    /// to, byte for byte.
    pub(crate) fn check_issuer(&self, part: Part<'_>) -> Result<(), Rejection> {
        let Some(issuer) = part.optional_child(ASSERTION, "Issuer")? else {
            reject!(IssuerMismatch, "the {} has no Issuer", part.name());
        };
        let text = issuer.text()?;
        if text != self.idp.entity_id() {
            reject!(
                IssuerMismatch,
                "the {} is issued by {}, not by {}",
                part.name(),
                Quoted(&text),
                Quoted(self.idp.entity_id())
            );
        }
        match issuer.element.attribute("Format") {
            None | Some(ENTITY_FORMAT) => Ok(()),
            Some(format) => reject!(
                IssuerMismatch,
                "the Issuer of the {} has the format {}",
                part.name(),
                Quoted(format)
            ),
        }
    }
}
