//! When and for whom an assertion holds \[SAML-Core §2.5\].

use countersign_core::Timestamp;

use crate::element::Part;
use crate::names::ASSERTION;
use crate::rejection::{Quoted, Rejection, reject};
use crate::response::rules::Rules;

impl Rules<'_> {
    /// Every condition holds, and one of them names us. Returns `NotOnOrAfter`, if there is one.
    pub(crate) fn check_conditions(
        &self,
        assertion: Part<'_>,
    ) -> Result<Option<Timestamp>, Rejection> {
        let Some(conditions) = assertion.optional_child(ASSERTION, "Conditions")? else {
            reject!(
                AudienceMismatch,
                "the Assertion has no Conditions, so no audience"
            );
        };
        let end = self.check_window(conditions)?;
        for condition in conditions.element.children() {
            // [SAML-Core §2.5.1.5, §2.5.1.6]: `OneTimeUse` asks for what every assertion gets
            // here, and `ProxyRestriction` binds whoever issues assertions in turn.
            let understood = ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"]
                .into_iter()
                .any(|name| condition.is(ASSERTION, name));
            if !understood {
                // [SAML-Core §2.5.1]: what is not understood makes the assertion indeterminate.
                reject!(
                    UnknownCondition,
                    "the condition {} is not understood",
                    Quoted(condition.local_name())
                );
            }
        }
        self.check_audience(conditions)?;
        Ok(end)
    }

    /// \[SAML-Core §2.5.1.4\]: every restriction must name us; there must be one
    /// \[SAML-Profiles §4.1.4.2\].
    fn check_audience(&self, conditions: Part<'_>) -> Result<(), Rejection> {
        let mut restricted = false;
        for restriction in conditions.children(ASSERTION, "AudienceRestriction") {
            restricted = true;
            let mut first = None;
            let mut names_us = false;
            for audience in restriction.children(ASSERTION, "Audience") {
                let audience = audience.text()?;
                names_us |= audience == self.sp.entity_id();
                first.get_or_insert(audience);
            }
            if !names_us {
                reject!(
                    AudienceMismatch,
                    "the assertion is for {}, not for {}",
                    Quoted(first.as_deref().unwrap_or_default()),
                    Quoted(self.sp.entity_id())
                );
            }
        }
        if !restricted {
            reject!(AudienceMismatch, "the assertion has no AudienceRestriction");
        }
        Ok(())
    }

    /// \[SAML-Core §2.5.1.2, §2.4.1.2\]: the window of `Conditions` or `SubjectConfirmationData`.
    pub(crate) fn check_window(&self, part: Part<'_>) -> Result<Option<Timestamp>, Rejection> {
        let start = part.optional_instant("NotBefore")?;
        let end = part.optional_instant("NotOnOrAfter")?;
        if let (Some(start), Some(end)) = (start, end)
            && start >= end
        {
            return Err(part.malformed(format!(
                "NotBefore of the {} is not before its NotOnOrAfter",
                part.name()
            )));
        }
        if let Some(start) = start
            && self.clock.is_before(start)
        {
            reject!(
                NotYetValid,
                "the {} holds from {start}, and it is {} now",
                part.name(),
                self.clock.now
            );
        }
        if let Some(end) = end
            && self.clock.has_passed(end)
        {
            reject!(
                Expired,
                "the {} held until {end}, and it is {} now",
                part.name(),
                self.clock.now
            );
        }
        Ok(end)
    }
}
