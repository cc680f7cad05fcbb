//! Which signature counts, and whether it holds.

use countersign_core::Sha256Digest;
use countersign_dsig::encryption::{Covered, Decrypted};
use countersign_dsig::signature::{SignatureError, SignedElement, find_signature};

use crate::code::RejectCode;
use crate::decryption::Decryption;
use crate::element::Part;
use crate::rejection::{Rejection, reject};
use crate::response::rules::Rules;
use crate::response::{self, SoleAssertion};
use crate::service_provider::SignedPart;

/// What proves the assertion that claims are read from.
pub(crate) enum Proof {
    /// The response is signed, and the assertion stands in it.
    Response(SignedElement),
    /// The assertion is signed; where the response around it was verified as well, that too.
    Assertion {
        assertion: SignedElement,
        response: Option<SignedElement>,
    },
    /// The response is signed, and the assertion stands in it as ciphertext.
    Ciphertext {
        response: SignedElement,
        assertion: Decrypted,
    },
}

impl Proof {
    /// The response, if a verified signature covers it.
    pub(crate) fn response(&self) -> Option<&SignedElement> {
        match self {
            Self::Response(response) | Self::Ciphertext { response, .. } => Some(response),
            Self::Assertion { response, .. } => response.as_ref(),
        }
    }

    /// The assertion, and what it stands in.
    pub(crate) fn assertion(&self) -> Result<(Covered<'_>, Part<'_>), Rejection> {
        match self {
            Self::Response(response) => {
                let covered = Covered::signed(response);
                match response::sole_assertion(response::as_response(covered.root())?)? {
                    SoleAssertion::Plain(assertion) => Ok((covered, assertion)),
                    SoleAssertion::Encrypted(holder) => {
                        Err(holder.malformed("the assertion is still encrypted"))
                    }
                }
            }
            Self::Assertion { assertion, .. } => {
                let covered = Covered::signed(assertion);
                Ok((covered, response::as_assertion(covered.root())?))
            }
            Self::Ciphertext { assertion, .. } => {
                let covered = Covered::decrypted(assertion);
                Ok((covered, response::as_assertion(covered.root())?))
            }
        }
    }

    /// The signed element that is kept as evidence: the nearest around the claims.
    pub(crate) fn into_evidence(self) -> SignedElement {
        match self {
            Self::Response(element)
            | Self::Assertion {
                assertion: element, ..
            }
            | Self::Ciphertext {
                response: element, ..
            } => element,
        }
    }
}

/// Verifies the signatures of a response and of its sole assertion, and decrypts that if it has to
/// be; elsewhere no signature is looked for.
pub(crate) fn prove(
    rules: &Rules<'_>,
    response: Part<'_>,
    assertion: SoleAssertion<'_>,
    decryption: &Decryption<'_>,
) -> Result<Proof, Rejection> {
    match assertion {
        SoleAssertion::Plain(assertion) => prove_plain(rules, response, assertion),
        SoleAssertion::Encrypted(holder) => prove_encrypted(rules, response, holder, decryption),
    }
}

/// Unless the host named the one that counts, each signature that is there must hold; the
/// response's then covers the most and is the one that counts.
fn prove_plain(
    rules: &Rules<'_>,
    response: Part<'_>,
    assertion: Part<'_>,
) -> Result<Proof, Rejection> {
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
        (Some(response), _) => Ok(Proof::Response(response)),
        (None, Some(assertion)) => Ok(Proof::Assertion {
            assertion,
            response: None,
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

/// Decryption proves nothing: everybody has our public key. So the response's signature comes first
/// and the ciphertext is taken from what it covers. A signature on the assertion inside has to hold
/// as well, and counts then: whoever reads the evidence needs no key for it.
fn prove_encrypted(
    rules: &Rules<'_>,
    response: Part<'_>,
    holder: Part<'_>,
    decryption: &Decryption<'_>,
) -> Result<Proof, Rejection> {
    decryption.check_keys(holder)?;
    let wanted = rules.sp.signed_part;
    let of_response = if wanted == SignedPart::Assertion && rules.sp.decrypts_unsigned {
        None
    } else {
        verify_one(rules, response, RejectCode::ResponseSignatureInvalid)?
    };
    let Some(of_response) = of_response else {
        return match wanted {
            SignedPart::Response => reject!(Unsigned, "the Response is not signed"),
            _ if rules.sp.decrypts_unsigned => prove_unsigned(rules, holder, decryption),
            _ => reject!(
                CiphertextUnsigned,
                "the Response around the EncryptedAssertion is not signed, so nothing is decrypted"
            ),
        };
    };
    let covered = Covered::signed(&of_response);
    let SoleAssertion::Encrypted(holder) =
        response::sole_assertion(response::as_response(covered.root())?)?
    else {
        return Err(response.malformed("the signed Response holds another assertion"));
    };
    let decrypted = decryption.decrypt(covered, holder)?;
    let assertion = response::as_assertion(decrypted.root())?;
    let of_assertion = match wanted {
        SignedPart::Response => None,
        _ => verify_one(rules, assertion, RejectCode::AssertionSignatureInvalid)?,
    };
    match of_assertion {
        Some(assertion) => Ok(Proof::Assertion {
            assertion,
            response: Some(of_response),
        }),
        None if wanted == SignedPart::Assertion => {
            reject!(Unsigned, "the Assertion is not signed")
        }
        None => {
            decryption.disclose(&decrypted);
            Ok(Proof::Ciphertext {
                response: of_response,
                assertion: decrypted,
            })
        }
    }
}

/// Of what was decrypted under no signature nothing is read but what a signature inside covers.
fn prove_unsigned(
    rules: &Rules<'_>,
    holder: Part<'_>,
    decryption: &Decryption<'_>,
) -> Result<Proof, Rejection> {
    let plaintext = decryption.decrypt_unsigned(holder)?;
    match plaintext.verify_enveloped(&rules.pinned().in_order(), &rules.sp.signatures) {
        Ok(assertion) => Ok(Proof::Assertion {
            assertion: within_limits(rules, assertion)?,
            response: None,
        }),
        Err(SignatureError::Missing) => {
            reject!(Unsigned, "neither the Response nor its Assertion is signed")
        }
        Err(error) => {
            let invalid = RejectCode::AssertionSignatureInvalid;
            Err(refusal("EncryptedAssertion", invalid, error))
        }
    }
}

/// Verifies the signature of one part, if it has one.
pub(crate) fn verify_one(
    rules: &Rules<'_>,
    part: Part<'_>,
    invalid: RejectCode,
) -> Result<Option<SignedElement>, Rejection> {
    let refuse = |error| refusal(part.name(), invalid, error);
    if find_signature(part.element).map_err(refuse)?.is_none() {
        return Ok(None);
    }
    let element = rules
        .pinned()
        .verify_enveloped(part.element)
        .map_err(refuse)?;
    within_limits(rules, element).map(Some)
}

/// Namespaces that were declared once may be declared again in many places, so the canonical form
/// can be longer than what was received.
fn within_limits(rules: &Rules<'_>, element: SignedElement) -> Result<SignedElement, Rejection> {
    if element.canonical_bytes().len() > rules.sp.limits.max_bytes {
        reject!(
            TooLarge,
            "the canonical form of the {} is longer than a message may be",
            element.local_name()
        );
    }
    Ok(element)
}

/// The certificate of the key whose signature covers this, which must be valid now
/// \[RFC 5280 §4.1.2.5\].
///
/// Asked last, as a response that is too old says so itself, and better; but before anything is
/// decrypted.
pub(crate) fn check_certificate(
    rules: &Rules<'_>,
    covered: Covered<'_>,
) -> Result<Sha256Digest, Rejection> {
    match rules
        .pinned()
        .valid_certificate(covered.certificate_sha256())
    {
        Some(sha256) => Ok(sha256),
        None => reject!(
            KeyOutsideValidity,
            "the {} is signed by a key whose certificate is not valid at {}",
            covered.root().local_name(),
            rules.clock.now
        ),
    }
}

fn refusal(part: &str, invalid: RejectCode, error: SignatureError) -> Rejection {
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
        format!("the signature of the {part} is refused: {error}"),
    )
}
