//! Reading `Signature` to the letter of SAML's profile \[SAML-Core §5.4\]: what is not expected is
//! an error, never skipped.

use super::{SignatureError, SignaturePolicy};
use crate::algorithm::{
    DSIG_NAMESPACE, DigestAlgorithm, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N, INCLUSIVE_C14N_1_0,
    INCLUSIVE_C14N_1_1, MGF1, PSS_NAMESPACE, RSA_PSS_WITH_PARAMETERS, SignatureAlgorithm,
};
use crate::base64;
use crate::c14n::Canonicalization;
use crate::xml::{Element, is_ncname};

/// The parts of a `Signature` that are read.
pub(super) struct Parts<'d> {
    pub(super) signed_info: Element<'d>,
    pub(super) value: Vec<u8>,
}

/// The two algorithms that `SignedInfo` names \[XMLDSig §4.4.1, §4.4.2\].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Methods {
    pub(super) canonicalization: Canonicalization,
    pub(super) algorithm: SignatureAlgorithm,
}

/// The one reference \[XMLDSig §4.4.3\].
pub(super) struct Reference {
    pub(super) id: String,
    pub(super) canonicalization: Canonicalization,
    pub(super) digest_algorithm: DigestAlgorithm,
    pub(super) digest_value: Vec<u8>,
}

/// Reads `Signature`'s children: exactly `SignedInfo`, `SignatureValue` and perhaps `KeyInfo`,
/// which is not looked into \[XMLDSig §4.2\].
pub(super) fn read_signature(signature: Element<'_>) -> Result<Parts<'_>, SignatureError> {
    if signature.has_text_beside_children() {
        return Err(SignatureError::SignatureContent);
    }
    let children: Vec<_> = signature.children().take(4).collect();
    let (signed_info, value) = match children.as_slice() {
        [signed_info, value] => (*signed_info, *value),
        [signed_info, value, key_info] if is_dsig(*key_info, "KeyInfo") => (*signed_info, *value),
        _ => return Err(SignatureError::SignatureContent),
    };
    if !is_dsig(signed_info, "SignedInfo") || !is_dsig(value, "SignatureValue") {
        return Err(SignatureError::SignatureContent);
    }
    if signed_info.contains_comment() || value.contains_comment() {
        return Err(SignatureError::Comment);
    }
    let text = value.text().map_err(|_| SignatureError::SignatureContent)?;
    Ok(Parts {
        signed_info,
        value: base64::decode(&text).ok_or(SignatureError::Base64)?,
    })
}

/// Reads the methods from the start of `SignedInfo`.
pub(super) fn read_methods(
    signed_info: Element<'_>,
    policy: &SignaturePolicy,
) -> Result<Methods, SignatureError> {
    let mut children = signed_info.children();
    let (Some(canonicalization), Some(signature)) = (children.next(), children.next()) else {
        return Err(SignatureError::SignedInfoContent);
    };
    if !is_dsig(canonicalization, "CanonicalizationMethod")
        || !is_dsig(signature, "SignatureMethod")
    {
        return Err(SignatureError::SignedInfoContent);
    }
    let canonicalization = read_canonicalization(canonicalization, policy)?
        .ok_or(SignatureError::CanonicalizationMethod)?;
    let algorithm = read_signature_method(signature)?;
    if algorithm.is_legacy() && !policy.accepts_legacy() {
        return Err(SignatureError::InsecureAlgorithm);
    }
    Ok(Methods {
        canonicalization,
        algorithm,
    })
}

/// Reads the one `Reference`, which with the methods is all that `SignedInfo` holds.
pub(super) fn read_reference(
    signed_info: Element<'_>,
    policy: &SignaturePolicy,
) -> Result<Reference, SignatureError> {
    if signed_info.has_text_beside_children() {
        return Err(SignatureError::SignedInfoContent);
    }
    let references: Vec<_> = signed_info.children().skip(2).take(2).collect();
    let reference = match references.as_slice() {
        [reference] if is_dsig(*reference, "Reference") => *reference,
        [_] => return Err(SignatureError::SignedInfoContent),
        _ => return Err(SignatureError::ReferenceCount),
    };
    // `URI=""` would be the whole document and anything without `#` another one
    // [XMLDSig §4.4.3.1]; an XPointer is no NCName.
    let id = reference
        .attribute("URI")
        .and_then(|uri| uri.strip_prefix('#'))
        .filter(|id| is_ncname(id))
        .ok_or(SignatureError::ReferenceUri)?
        .to_owned();
    if reference.has_text_beside_children() {
        return Err(SignatureError::SignedInfoContent);
    }
    let children: Vec<_> = reference.children().take(4).collect();
    let [transforms, digest_method, digest_value] = children.as_slice() else {
        // Without `Transforms` the signature would sign itself.
        return Err(match children.as_slice() {
            [first, ..] if !is_dsig(*first, "Transforms") => SignatureError::Transforms,
            _ => SignatureError::SignedInfoContent,
        });
    };
    if !is_dsig(*transforms, "Transforms")
        || !is_dsig(*digest_method, "DigestMethod")
        || !is_dsig(*digest_value, "DigestValue")
    {
        return Err(SignatureError::SignedInfoContent);
    }
    let canonicalization = read_transforms(*transforms, policy)?;
    let digest_algorithm = read_digest_method(*digest_method)?;
    if digest_algorithm.is_legacy() && !policy.accepts_legacy() {
        return Err(SignatureError::InsecureAlgorithm);
    }
    if digest_value.contains_comment() {
        return Err(SignatureError::Comment);
    }
    let digest_value = digest_value
        .text()
        .map_err(|_| SignatureError::SignedInfoContent)?;
    Ok(Reference {
        id,
        canonicalization,
        digest_algorithm,
        digest_value: base64::decode(&digest_value).ok_or(SignatureError::Base64)?,
    })
}

/// Enveloped-signature, then canonicalization: nothing less, nothing more, no other order
/// \[SAML-Core §5.4.4\].
fn read_transforms(
    transforms: Element<'_>,
    policy: &SignaturePolicy,
) -> Result<Canonicalization, SignatureError> {
    if transforms.has_text_beside_children() {
        return Err(SignatureError::Transforms);
    }
    let children: Vec<_> = transforms.children().take(3).collect();
    let [enveloped, canonicalization] = children.as_slice() else {
        return Err(SignatureError::Transforms);
    };
    if !is_dsig(*enveloped, "Transform")
        || !is_dsig(*canonicalization, "Transform")
        || enveloped.attribute("Algorithm") != Some(ENVELOPED_SIGNATURE)
        || !is_empty(*enveloped)
    {
        return Err(SignatureError::Transforms);
    }
    read_canonicalization(*canonicalization, policy)?.ok_or(SignatureError::Transforms)
}

/// Reads an element whose `Algorithm` is a canonicalization; `None` if the policy has no such.
fn read_canonicalization(
    element: Element<'_>,
    policy: &SignaturePolicy,
) -> Result<Option<Canonicalization>, SignatureError> {
    let algorithm = element.attribute("Algorithm").unwrap_or_default();
    match algorithm {
        EXCLUSIVE_C14N => {}
        INCLUSIVE_C14N_1_0 | INCLUSIVE_C14N_1_1 if policy.accepts_inclusive() => {
            let method = Canonicalization::from_uri(algorithm);
            return Ok(method.filter(|_| is_empty(element)));
        }
        // Nor the form with comments: text could mean one thing to the digest and another to a
        // reader.
        _ => return Ok(None),
    }
    if element.has_text_beside_children() {
        return Ok(None);
    }
    let method = Canonicalization::exclusive();
    let parameters: Vec<_> = element.children().take(2).collect();
    match parameters.as_slice() {
        [] => Ok(Some(method)),
        [list] if list.is(EXCLUSIVE_C14N, "InclusiveNamespaces") && is_empty(*list) => {
            let prefixes = list.attribute("PrefixList").unwrap_or_default();
            Ok(Some(method.with_inclusive_prefixes(prefixes)?))
        }
        _ => Ok(None),
    }
}

fn read_digest_method(element: Element<'_>) -> Result<DigestAlgorithm, SignatureError> {
    element
        .attribute("Algorithm")
        .and_then(DigestAlgorithm::from_uri)
        .filter(|_| is_empty(element))
        .ok_or(SignatureError::DigestMethod)
}

fn read_signature_method(element: Element<'_>) -> Result<SignatureAlgorithm, SignatureError> {
    let uri = element.attribute("Algorithm").unwrap_or_default();
    if uri == RSA_PSS_WITH_PARAMETERS {
        return read_pss(element).ok_or(SignatureError::SignatureMethod);
    }
    // `HMACOutputLength` has no place in any algorithm here (CVE-2009-0217).
    SignatureAlgorithm::from_uri(uri)
        .filter(|_| is_empty(element))
        .ok_or(SignatureError::SignatureMethod)
}

/// Reads RSASSA-PSS with parameters \[RFC 9231 §2.3.9\]; `None` unless they are those that ring
/// verifies: one hash function for all, a salt of its length, trailer 1.
fn read_pss(method: Element<'_>) -> Option<SignatureAlgorithm> {
    if method.has_text_beside_children() {
        return None;
    }
    let mut children = method.children();
    let parameters = children.next()?;
    if children.next().is_some()
        || !parameters.is(PSS_NAMESPACE, "RSAPSSParams")
        || parameters.has_text_beside_children()
    {
        return None;
    }
    let (mut hash, mut mask_hash, mut salt_bytes, mut trailer) = (None, None, None, None);
    for parameter in parameters.children() {
        let (slot, value) = if is_dsig(parameter, "DigestMethod") {
            let algorithm = read_digest_method(parameter).ok()?;
            (&mut hash, algorithm.len_bytes())
        } else if parameter.is(PSS_NAMESPACE, "MaskGenerationFunction") {
            (&mut mask_hash, read_mgf1(parameter)?.len_bytes())
        } else if parameter.is(PSS_NAMESPACE, "SaltLength") {
            (&mut salt_bytes, parameter.text().ok()?.parse().ok()?)
        } else if parameter.is(PSS_NAMESPACE, "TrailerField") {
            (&mut trailer, parameter.text().ok()?.parse().ok()?)
        } else {
            return None;
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    // What is absent is SHA-256 and what goes with it; a mix is refused below.
    let default = DigestAlgorithm::Sha256.len_bytes();
    let hash = hash.unwrap_or(default);
    if mask_hash.unwrap_or(default) != hash
        || salt_bytes.unwrap_or(default) != hash
        || trailer.unwrap_or(1) != 1
    {
        return None;
    }
    match hash {
        32 => Some(SignatureAlgorithm::RsaPssSha256),
        48 => Some(SignatureAlgorithm::RsaPssSha384),
        64 => Some(SignatureAlgorithm::RsaPssSha512),
        _ => None,
    }
}

/// The hash function of MGF1; SHA-256 if none is named.
fn read_mgf1(function: Element<'_>) -> Option<DigestAlgorithm> {
    if function.attribute("Algorithm") != Some(MGF1) || function.has_text_beside_children() {
        return None;
    }
    let mut children = function.children();
    match (children.next(), children.next()) {
        (None, _) => Some(DigestAlgorithm::Sha256),
        (Some(digest), None) if is_dsig(digest, "DigestMethod") => read_digest_method(digest).ok(),
        _ => None,
    }
}

fn is_dsig(element: Element<'_>, local_name: &str) -> bool {
    element.is(DSIG_NAMESPACE, local_name)
}

/// No children and no text but white space.
fn is_empty(element: Element<'_>) -> bool {
    !element.has_child_elements() && !element.has_text_beside_children()
}
