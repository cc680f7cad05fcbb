//! Which signature counts, and whether it holds.

use countersign_core::Sha256Digest;
use countersign_dsig::signature::{SignatureError, SignedElement, find_signature};

use crate::code::RejectCode;
use crate::element::Part;
use crate::rejection::{Rejection, reject};
use crate::rules::Rules;
use crate::service_provider::SignedPart;

/// The element that claims are read from.
pub(crate) struct Signed {
    /// [`SignedPart::Response`] or [`SignedPart::Assertion`].
    pub(crate) part: SignedPart,
    pub(crate) element: SignedElement,
}

/// Verifies the signatures of a response and of its sole assertion; elsewhere none is looked for.
///
/// Unless the host named the one that counts, each that is there must hold; the response's then
/// covers the most and is the one that counts.
pub(crate) fn verify_signatures(
    rules: &Rules<'_>,
    response: Part<'_>,
    assertion: Part<'_>,
) -> Result<Signed, Rejection> {
    let wanted = rules.sp.signed_part;
    let of_response = match wanted {
        SignedPart::Assertion => None,
        _ => verify_one(rules, response, RejectCode::ResponseSignatureInvalid)?,
    };
    let of_assertion = match wanted {
        SignedPart::Response => None,
        _ => verify_one(rules, assertion, RejectCode::AssertionSignatureInvalid)?,
    };
    match (of_response, of_assertion) {
        (Some(element), _) => Ok(Signed {
            part: SignedPart::Response,
            element,
        }),
        (None, Some(element)) => Ok(Signed {
            part: SignedPart::Assertion,
            element,
        }),
        // [SAML-Profiles §4.1.3.5]: by POST, one of the two must be signed.
        (None, None) => match wanted {
            SignedPart::Any => {
                reject!(Unsigned, "neither the Response nor its Assertion is signed")
            }
            SignedPart::Response => reject!(Unsigned, "the Response is not signed"),
            SignedPart::Assertion => reject!(Unsigned, "the Assertion is not signed"),
        },
    }
}

/// Verifies the signature of one part, if it has one.
pub(crate) fn verify_one(
    rules: &Rules<'_>,
    part: Part<'_>,
    invalid: RejectCode,
) -> Result<Option<SignedElement>, Rejection> {
    let refuse = |error| refusal(part, invalid, error);
    if find_signature(part.element).map_err(refuse)?.is_none() {
        return Ok(None);
    }
    let element = rules
        .pinned()
        .verify_enveloped(part.element)
        .map_err(refuse)?;
    // Namespaces that were declared once may be declared again in many places, so the canonical
    // form can be longer than what was received.
    if element.canonical_bytes().len() > rules.sp.limits.max_bytes {
        reject!(
            TooLarge,
            "the canonical form of the {} is longer than a message may be",
            part.name()
        );
    }
    Ok(Some(element))
}

/// The certificate of the key that verified `element`, which must be valid now
/// \[RFC 5280 §4.1.2.5\].
///
/// Asked last: a response that is too old says so itself, and better.
pub(crate) fn check_certificate(
    rules: &Rules<'_>,
    element: &SignedElement,
) -> Result<Sha256Digest, Rejection> {
    match rules
        .pinned()
        .valid_certificate(element.certificate_sha256())
    {
        Some(sha256) => Ok(sha256),
        None => reject!(
            KeyOutsideValidity,
            "the {} is signed by a key whose certificate is not valid at {}",
            element.local_name(),
            rules.clock.now
        ),
    }
}

fn refusal(part: Part<'_>, invalid: RejectCode, error: SignatureError) -> Rejection {
    use SignatureError as E;
    let code = match error {
        E::CanonicalizationMethod
        | E::SignatureMethod
        | E::DigestMethod
        | E::InsecureAlgorithm
        | E::Transforms => RejectCode::AlgorithmNotAllowed,
        E::WeakKey => RejectCode::KeyTooWeak,
        _ => invalid,
    };
    Rejection::new(
        code,
        format!("the signature of the {} is refused: {error}", part.name()),
    )
}
