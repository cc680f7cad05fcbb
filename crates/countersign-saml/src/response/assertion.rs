//! The rules for the assertion, and what it claims \[SAML-Core §2.3.3\].
//!
//! Only ever called with an element that stands in the digested bytes, or that was decrypted from
//! them.

use countersign_core::{IdentityClaims, Timestamp};
use countersign_dsig::encryption::Covered;

use crate::decryption::Decryption;
use crate::element::Part;
use crate::names::{ASSERTION, SIGNATURE};
use crate::rejection::Rejection;
use crate::response::rules::Rules;
use crate::response::statements;
use crate::service_provider::MAX_CLOCK_SKEW;

/// What an `Assertion` may hold \[SAML-Core §2.3.3\]. `Advice` may be there and is never read; nor
/// are statements that no claim comes from.
const CHILDREN: &[(&str, &str)] = &[
    (ASSERTION, "Issuer"),
    (SIGNATURE, "Signature"),
    (ASSERTION, "Subject"),
    (ASSERTION, "Conditions"),
    (ASSERTION, "Advice"),
    (ASSERTION, "Statement"),
    (ASSERTION, "AuthnStatement"),
    (ASSERTION, "AuthzDecisionStatement"),
    (ASSERTION, "AttributeStatement"),
];

/// An assertion that holds.
pub(crate) struct Held {
    pub(crate) claims: IdentityClaims,
    pub(crate) assertion_id: String,
    /// From this instant on every verifier refuses it for its age, whatever its skew.
    pub(crate) stale_at: Timestamp,
}

impl Rules<'_> {
    /// Every rule for an assertion, which stands in `covered`; its claims if all of them hold.
    pub(crate) fn hold(
        &self,
        covered: Covered<'_>,
        assertion: Part<'_>,
        decryption: &Decryption<'_>,
    ) -> Result<Held, Rejection> {
        assertion.check_children(CHILDREN)?;
        self.check_issued(assertion)?;
        let conditions_end = self.check_conditions(assertion)?;
        let subject = self.check_subject(covered, assertion, decryption)?;
        let authentication = self.check_authentication(assertion)?;
        let attributes = statements::attributes(covered, assertion, decryption)?;
        self.check_authn_context(authentication.authn_context.as_deref(), &attributes)?;
        let end = conditions_end.map_or(subject.not_on_or_after, |conditions_end| {
            conditions_end.min(subject.not_on_or_after)
        });
        Ok(Held {
            claims: IdentityClaims {
                issuer: self.idp.entity_id().to_owned(),
                name_id: subject.name_id,
                session_index: authentication.session_index,
                session_not_on_or_after: authentication.session_not_on_or_after,
                authn_instant: authentication.authn_instant,
                authn_context: authentication.authn_context,
                attributes,
            },
            assertion_id: assertion.attribute("ID")?.to_owned(),
            stale_at: end.saturating_add(MAX_CLOCK_SKEW),
        })
    }
}
