//! What the assertion states: how the person authenticated, and attributes \[SAML-Core §2.7\].

use countersign_core::{Attribute, AttributeValue, Timestamp};
use countersign_dsig::c14n::{self, Canonicalization};
use countersign_dsig::encryption::Covered;

use crate::decryption::Decryption;
use crate::element::Part;
use crate::names::{ASSERTION, SCHEMA_INSTANCE};
use crate::rejection::{QuotedOrNothing, Rejection, reject};
use crate::request::PendingRequest;
use crate::response::rules::Rules;

/// What an `AuthnStatement` says. Some providers (Keycloak, for one) leave it out.
#[derive(Default)]
pub(crate) struct Authentication {
    pub(crate) session_index: Option<String>,
    pub(crate) session_not_on_or_after: Option<Timestamp>,
    pub(crate) authn_instant: Option<Timestamp>,
    pub(crate) authn_context: Option<String>,
}

impl Rules<'_> {
    /// What the assertion says about the authentication, which is as fresh as was asked for.
    pub(crate) fn check_authentication(
        &self,
        assertion: Part<'_>,
    ) -> Result<Authentication, Rejection> {
        let authentication = self.read_authentication(assertion)?;
        self.expect
            .check_freshness(self.clock, authentication.authn_instant)?;
        Ok(authentication)
    }

    /// \[SAML-Core §3.3.2.2.1\]: the person authenticated as strongly as this connection always
    /// demands, and as this request did. Both, as a request can only ask for more.
    pub(crate) fn check_authn_context(
        &self,
        class_ref: Option<&str>,
        attributes: &[Attribute],
    ) -> Result<(), Rejection> {
        let always = self.sp.authn_context.as_ref();
        let now = self
            .expect
            .pending()
            .and_then(PendingRequest::authn_context);
        for asked in always.into_iter().chain(now) {
            if !asked.is_met_by(class_ref, attributes) {
                reject!(
                    AuthnContextMismatch,
                    "the person authenticated by {}, which does not meet what was asked for ({})",
                    QuotedOrNothing(class_ref),
                    asked.comparison().as_str()
                );
            }
        }
        Ok(())
    }

    fn read_authentication(&self, assertion: Part<'_>) -> Result<Authentication, Rejection> {
        let mut statements = assertion.children(ASSERTION, "AuthnStatement");
        let Some(statement) = statements.next() else {
            return Ok(Authentication::default());
        };
        if statements.next().is_some() {
            reject!(
                SeveralAuthnStatements,
                "the Assertion has several AuthnStatement elements"
            );
        }
        let authn_instant = statement.instant("AuthnInstant")?;
        if self.clock.is_before(authn_instant) {
            reject!(
                NotYetValid,
                "the person is said to have authenticated at {authn_instant}, and it is {} now",
                self.clock.now
            );
        }
        let session_end = statement.optional_instant("SessionNotOnOrAfter")?;
        // Without the skew: a session that was opened now would be over by our own clock.
        if let Some(end) = session_end
            && self.clock.now >= end
        {
            reject!(
                SessionExpired,
                "the session at the identity provider ended at {end}, and it is {} now",
                self.clock.now
            );
        }
        let context = statement.child(ASSERTION, "AuthnContext")?;
        let class_ref = match context.optional_child(ASSERTION, "AuthnContextClassRef")? {
            Some(class_ref) => Some(class_ref.text()?.into_owned()),
            None => None,
        };
        Ok(Authentication {
            session_index: statement
                .element
                .attribute("SessionIndex")
                .map(str::to_owned),
            session_not_on_or_after: session_end,
            authn_instant: Some(authn_instant),
            authn_context: class_ref,
        })
    }
}

/// All attributes in document order, each as it was sent: the same name twice stays two. Encrypted
/// ones are decrypted.
pub(crate) fn attributes(
    covered: Covered<'_>,
    assertion: Part<'_>,
    decryption: &Decryption<'_>,
) -> Result<Vec<Attribute>, Rejection> {
    let mut attributes = Vec::new();
    for statement in assertion.children(ASSERTION, "AttributeStatement") {
        statement.check_children(&[(ASSERTION, "Attribute"), (ASSERTION, "EncryptedAttribute")])?;
        for element in statement.element.children() {
            let attribute = statement.replaced_by(element);
            if element.is(ASSERTION, "Attribute") {
                attributes.push(read_attribute(attribute)?);
                continue;
            }
            let decrypted = decryption.decrypt(covered, attribute)?;
            if !decrypted.root().is(ASSERTION, "Attribute") {
                return Err(statement.malformed("an EncryptedAttribute holds no Attribute"));
            }
            attributes.push(read_attribute(statement.replaced_by(decrypted.root()))?);
            decryption.disclose(&decrypted);
        }
    }
    Ok(attributes)
}

fn read_attribute(attribute: Part<'_>) -> Result<Attribute, Rejection> {
    let optional = |name| attribute.element.attribute(name).map(str::to_owned);
    // Enough for values of text; there may be thousands.
    let mut values = Vec::with_capacity(attribute.element.descendants().len());
    for value in attribute.only_children(ASSERTION, "AttributeValue") {
        values.push(read_value(value?)?);
    }
    Ok(Attribute {
        name: attribute.attribute("Name")?.to_owned(),
        name_format: optional("NameFormat"),
        friendly_name: optional("FriendlyName"),
        values,
    })
}

/// \[SAML-Core §2.7.3.1.1\]: text, nothing, or anything at all. Text is taken verbatim; what has
/// elements in it is kept apart, so that no rule ever takes it for text.
#[inline]
pub(crate) fn read_value(value: Part<'_>) -> Result<AttributeValue, Rejection> {
    if matches!(
        value.element.attribute_ns(SCHEMA_INSTANCE, "nil"),
        Some("true" | "1")
    ) {
        return Ok(AttributeValue::Nil);
    }
    if !value.element.has_child_elements() {
        return Ok(AttributeValue::Text(value.text()?.into_owned()));
    }
    let mut xml = String::new();
    for child in value.element.children() {
        let canonical = c14n::canonicalize(child, &Canonicalization::exclusive(), None)
            .map_err(|error| value.malformed(format!("an attribute value is refused: {error}")))?;
        xml.push_str(&String::from_utf8_lossy(&canonical));
    }
    Ok(AttributeValue::Structured { xml })
}
