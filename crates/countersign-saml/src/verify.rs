//! The walk from bytes to a verified identity.

use countersign_core::{Door, SignedEvidence, Timestamp, VerifiedIdentity};
use countersign_dsig::encryption::Covered;
use countersign_dsig::xml::{Document, XmlError, XmlErrorKind};

use crate::binding::MessageKind;
use crate::code::RejectCode;
use crate::decryption::Decryption;
use crate::identity_provider::IdentityProvider;
use crate::inbound::Inbound;
use crate::login::Verified;
use crate::rejection::Rejection;
use crate::replay::ReplayKey;
use crate::request::Expect;
use crate::response;
use crate::response::rules::Rules;
use crate::response::signed;
use crate::service_provider::ServiceProvider;

/// Verifies a response of one identity provider to one service provider.
///
/// Pure: the same arguments give the same answer. All rules must hold; the codes and their rules
/// are listed on the [front page](crate).
///
/// # Errors
/// The first rule that does not hold. The order is: is it a message at all, does it claim to come
/// from this provider and to be a success, is it signed, and then everything it says.
///
/// # Security
/// Claims are read from the canonical bytes whose digest was signed, by a tree that points into
/// those bytes and nothing else, or from what was decrypted out of them; nothing else in the
/// message can become one. The result is no login yet: see [`Verified::admit`].
///
/// ```no_run
/// use countersign_core::Timestamp;
/// use countersign_saml::replay::ReplayStore;
/// use countersign_saml::{Expect, IdentityProvider, Inbound, Login, PendingRequest, ServiceProvider};
///
/// async fn sign_in(
///     sp: &ServiceProvider,
///     idp: &IdentityProvider,
///     replay: &dyn ReplayStore,
///     raw_form: &[u8],
///     pending: &PendingRequest,
///     now: Timestamp,
/// ) -> Result<Login, Box<dyn std::error::Error>> {
///     let verified = countersign_saml::verify(
///         sp,
///         idp,
///         Inbound::Form(raw_form),
///         Expect::Request(pending),
///         now,
///     )?;
///     Ok(verified.admit(replay, now).await?)
/// }
/// ```
pub fn verify(
    sp: &ServiceProvider,
    idp: &IdentityProvider,
    message: Inbound<'_>,
    expect: Expect<'_>,
    now: Timestamp,
) -> Result<Verified, Rejection> {
    let rules = Rules::new(sp, idp, expect, now);
    rules.check_provider()?;
    expect.check_expiry(rules.clock)?;
    let received = message.receive(MessageKind::Response, RejectCode::NotAResponse, &sp.limits)?;
    expect.check_relay_state(&received.relayed)?;
    let signed_query = received.query.as_ref().filter(|query| query.is_signed());
    if let Some(query) = signed_query {
        rules.pinned().verify_query(query)?;
    }
    let document = Document::parse(&received.xml, &sp.limits).map_err(|error| not_xml(&error))?;

    // Nobody has proved any of this yet. These rules come first because their codes say more than
    // a failed signature does; all of them are asked again below.
    let root = match received.resolve {
        Some(resolve) => rules.resolved(document.root(), resolve)?,
        None => document.root(),
    };
    let response = response::as_response(root)?;
    rules.check_issuer(response)?;
    response::check_status(response)?;
    let assertion = response::sole_assertion(response)?;

    // [SAML-Bindings §3.4.5.2, §3.5.5.2]: whoever signs what a browser carries says where to. What
    // was fetched went through no browser.
    let needs_destination =
        received.resolve.is_none() && (signed_query.is_some() || response::is_signed(response));
    let decryption = Decryption::new(rules);
    let proof = signed::prove(&rules, response, assertion, &decryption)?;

    // From here on what was received is not read any more, except for the response around a signed
    // assertion, which can only refuse.
    let response = match proof.response() {
        Some(signed) => response::as_response(signed.root())?,
        None => response,
    };
    rules.check_response(response, needs_destination)?;
    let (covered, assertion) = proof.assertion()?;
    let held = rules.hold(covered, assertion, &decryption)?;
    if let Some(signed) = proof.response() {
        signed::check_certificate(&rules, Covered::signed(signed))?;
    }
    let signed = proof.into_evidence();
    let certificate_sha256 = signed::check_certificate(&rules, Covered::signed(&signed))?;

    Ok(Verified {
        replay_key: ReplayKey {
            issuer: idp.entity_id().to_owned(),
            id: held.assertion_id.clone(),
        },
        stale_at: held.stale_at,
        identity: VerifiedIdentity::vouched_by_door(
            Door::Saml,
            held.claims,
            SignedEvidence {
                signed_element: signed.local_name().to_owned(),
                signed_sha256: signed.sha256(),
                signed_info: signed.signed_info().to_vec(),
                signature: signed.signature_value().to_vec(),
                certificate: signed.verified_by().to_vec(),
                certificate_sha256,
                signature_algorithm: signed.signature_algorithm().to_owned(),
                signed_bytes: signed.into_bytes(),
                assertion_id: held.assertion_id,
                content_keys: decryption.into_disclosed(),
            },
        ),
    })
}

/// The refusal of what is no XML, or XML that is never accepted.
pub(crate) fn not_xml(error: &XmlError) -> Rejection {
    let code = match error.kind() {
        XmlErrorKind::TooLarge
        | XmlErrorKind::TooDeep
        | XmlErrorKind::TooManyElements
        | XmlErrorKind::TooManyAttributes
        | XmlErrorKind::TooManyNamespaces => RejectCode::TooLarge,
        XmlErrorKind::Doctype => RejectCode::DoctypeForbidden,
        XmlErrorKind::DuplicateId => RejectCode::DuplicateId,
        _ => RejectCode::MalformedXml,
    };
    Rejection::new(code, format!("the message is not acceptable xml: {error}"))
}
