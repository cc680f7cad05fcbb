//! The rules for a response: for the message itself here \[SAML-Core §3.2.2, SAML-Profiles §4.1.4\],
//! and for its signatures and each part of its assertion in a file of their own.

pub(crate) mod assertion;
pub(crate) mod conditions;
pub(crate) mod rules;
pub(crate) mod signed;
pub(crate) mod statements;
pub(crate) mod subject;

use countersign_dsig::xml::Element;

use crate::code::RejectCode;
use crate::element::Part;
use crate::names::{ASSERTION, NO_AUTHN_CONTEXT, NO_PASSIVE, PROTOCOL, SIGNATURE, SUCCESS};
use crate::rejection::{Quoted, QuotedOrNothing, Rejection, reject};
use crate::request::Expect;
use crate::response::rules::Rules;

/// What a `Response` may hold \[SAML-Core §3.2.2, §3.3.3\].
const CHILDREN: &[(&str, &str)] = &[
    (ASSERTION, "Issuer"),
    (SIGNATURE, "Signature"),
    (PROTOCOL, "Extensions"),
    (PROTOCOL, "Status"),
    (ASSERTION, "Assertion"),
    (ASSERTION, "EncryptedAssertion"),
];

/// The one assertion of a response, as it stands there.
#[derive(Clone, Copy)]
pub(crate) enum SoleAssertion<'d> {
    /// An `Assertion`.
    Plain(Part<'d>),
    /// An `EncryptedAssertion`, which may hold one.
    Encrypted(Part<'d>),
}

/// The root as a `Response`, if it is one.
pub(crate) fn as_response(root: Element<'_>) -> Result<Part<'_>, Rejection> {
    if !root.is(PROTOCOL, "Response") {
        reject!(
            NotAResponse,
            "the root is {}, not a SAML 2.0 Response",
            Quoted(root.local_name())
        );
    }
    Ok(Part::new(root, RejectCode::MalformedResponse))
}

/// The one assertion, encrypted or not, a child of the response: never one that hides deeper.
pub(crate) fn sole_assertion(response: Part<'_>) -> Result<SoleAssertion<'_>, Rejection> {
    let mut plain = response.children(ASSERTION, "Assertion");
    let mut encrypted = response.children(ASSERTION, "EncryptedAssertion");
    match (plain.next(), encrypted.next()) {
        (Some(_), Some(_)) => {}
        (Some(assertion), None) if plain.next().is_none() => {
            return Ok(SoleAssertion::Plain(as_assertion(assertion.element)?));
        }
        (None, Some(holder)) if encrypted.next().is_none() => {
            return Ok(SoleAssertion::Encrypted(holder));
        }
        (None, None) => reject!(NoAssertion, "the Response holds no Assertion"),
        _ => {}
    }
    reject!(SeveralAssertions, "the Response holds several assertions")
}

/// An element as an `Assertion`, if it is one: what is signed is never taken for another thing.
pub(crate) fn as_assertion(element: Element<'_>) -> Result<Part<'_>, Rejection> {
    if !element.is(ASSERTION, "Assertion") {
        reject!(
            NoAssertion,
            "the signed or encrypted element is not an Assertion"
        );
    }
    Ok(Part::new(element, RejectCode::MalformedAssertion))
}

/// Whether the response has a signature of its own, whether it holds or not.
pub(crate) fn is_signed(response: Part<'_>) -> bool {
    response.children(SIGNATURE, "Signature").next().is_some()
}

/// \[SAML-Core §3.2.2.2\]: anything but `Success` is a refusal by the identity provider.
pub(crate) fn check_status(response: Part<'_>) -> Result<(), Rejection> {
    let status = response.child(PROTOCOL, "Status")?;
    let code = status.child(PROTOCOL, "StatusCode")?;
    let value = code.attribute("Value")?;
    if value == SUCCESS {
        return Ok(());
    }
    let second = code
        .optional_child(PROTOCOL, "StatusCode")?
        .and_then(|second| second.element.attribute("Value"));
    let message = match status.optional_child(PROTOCOL, "StatusMessage")? {
        Some(message) => Some(message.text()?),
        None => None,
    };
    // What a host can do something about has codes of its own [SAML-Core §3.2.2.2].
    let code = match second {
        Some(NO_AUTHN_CONTEXT) => RejectCode::NoAuthnContext,
        Some(NO_PASSIVE) => RejectCode::NoPassive,
        _ => RejectCode::StatusNotSuccess,
    };
    Err(Rejection::new(
        code,
        format!(
            "the identity provider answered {}, in detail {}, with the message {}",
            Quoted(value),
            QuotedOrNothing(second),
            QuotedOrNothing(message.as_deref())
        ),
    ))
}

impl Rules<'_> {
    /// Everything that a response must say outside of its assertion. Whether it needs a
    /// `Destination` depends on how it was received, which its canonical form does not tell.
    pub(crate) fn check_response(
        &self,
        response: Part<'_>,
        needs_destination: bool,
    ) -> Result<(), Rejection> {
        response.check_children(CHILDREN)?;
        self.check_issued(response)?;
        check_status(response)?;
        self.check_destination(response, needs_destination)?;
        self.check_answers(response)
    }

    /// \[SAML-Bindings §3.5.5.2\]: a signed message must say where it was sent, and it must be here.
    fn check_destination(
        &self,
        response: Part<'_>,
        needs_destination: bool,
    ) -> Result<(), Rejection> {
        match response.element.attribute("Destination") {
            Some(destination) if destination == self.sp.acs_url() => Ok(()),
            Some(destination) => reject!(
                DestinationMismatch,
                "the Response was sent to {}, not to {}",
                Quoted(destination),
                Quoted(self.sp.acs_url())
            ),
            None if needs_destination => {
                reject!(
                    DestinationMismatch,
                    "the signed Response has no Destination"
                )
            }
            None => Ok(()),
        }
    }

    /// \[SAML-Profiles §4.1.4.3, §4.1.5\]: the answer to our request, or to none at all.
    pub(crate) fn check_answers(&self, response: Part<'_>) -> Result<(), Rejection> {
        match (self.expect, response.element.attribute("InResponseTo")) {
            (Expect::Unsolicited, None) => Ok(()),
            (Expect::Unsolicited, Some(request)) => reject!(
                InResponseToUnexpected,
                "the Response answers {}, and an unsolicited one was expected",
                Quoted(request)
            ),
            (Expect::Request(pending), Some(request)) if request == pending.id() => Ok(()),
            (Expect::Request(pending), Some(request)) => reject!(
                InResponseToMismatch,
                "the Response answers {}, not {}",
                Quoted(request),
                Quoted(pending.id())
            ),
            (Expect::Request(pending), None) => reject!(
                UnsolicitedNotAllowed,
                "the Response is unsolicited, and an answer to {} was expected",
                Quoted(pending.id())
            ),
        }
    }
}
