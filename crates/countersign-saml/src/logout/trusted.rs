//! From a logout message to what is signed of it.

use countersign_core::Sha256Digest;
use countersign_dsig::encryption::Covered;
use countersign_dsig::xml::{Document, Element};

use crate::binding::MessageKind;
use crate::code::RejectCode;
use crate::decryption::Decryption;
use crate::element::Part;
use crate::endpoint::Endpoint;
use crate::inbound::{Inbound, Relayed};
use crate::names::PROTOCOL;
use crate::rejection::{Quoted, QuotedOrNothing, Rejection, reject};
use crate::response::rules::Rules;
use crate::response::signed;
use crate::verify::not_xml;

/// What a message is expected to be.
pub(super) struct Expected {
    pub(super) kind: MessageKind,
    pub(super) name: &'static str,
    /// The refusal of anything else.
    pub(super) otherwise: RejectCode,
}

impl Expected {
    fn root<'d>(&self, root: Element<'d>) -> Result<Part<'d>, Rejection> {
        if root.is(PROTOCOL, self.name) {
            return Ok(Part::new(root, RejectCode::MalformedLogout));
        }
        Err(Rejection::new(
            self.otherwise,
            format!(
                "the root is {}, not a SAML 2.0 {}",
                Quoted(root.local_name()),
                self.name
            ),
        ))
    }
}

/// What `read` made of a message, and what came with it.
pub(super) struct Trusted<T> {
    pub(super) value: T,
    pub(super) relay_state: Option<String>,
    /// The certificate of the key that signed it.
    pub(super) certificate_sha256: Sha256Digest,
}

/// Verifies the signature of a message and lets `read` see what it covers: the canonical bytes of
/// an enveloped signature, or the message within a query that is signed as a whole.
///
/// [SAML-Profiles §4.4.3.1, §4.4.3.3, §4.4.4]: what a browser carries has to be signed; that it
/// always is also holds for what was fetched.
pub(super) fn verify<T>(
    rules: &Rules<'_>,
    message: Inbound<'_>,
    expected: &Expected,
    read: impl FnOnce(Covered<'_>, Part<'_>, &Decryption<'_>) -> Result<T, Rejection>,
) -> Result<Trusted<T>, Rejection> {
    rules.check_provider()?;
    rules.expect.check_expiry(rules.clock)?;
    let received = message.receive(expected.kind, expected.otherwise, &rules.sp.limits)?;
    rules.expect.check_relay_state(&received.relayed)?;
    let of_query = match &received.query {
        Some(query) if query.is_signed() => Some(rules.pinned().verify_query(query)?),
        _ => None,
    };
    let document =
        Document::parse(&received.xml, &rules.sp.limits).map_err(|error| not_xml(&error))?;
    let root = match received.resolve {
        Some(resolve) => rules.resolved(document.root(), resolve)?,
        None => document.root(),
    };
    let claimed = expected.root(root)?;
    // Nobody has proved it yet; its code says more than that of a failed signature.
    rules.check_issuer(claimed)?;
    let of_message = signed::verify_one(rules, claimed, RejectCode::LogoutSignatureInvalid)?;
    let decryption = Decryption::new(*rules);
    let (value, certificate_sha256) = match (of_message, of_query) {
        (Some(element), _) => {
            let covered = Covered::signed(&element);
            let value = read(covered, expected.root(covered.root())?, &decryption)?;
            (value, signed::check_certificate(rules, covered)?)
        }
        (None, Some(certificate_sha256)) => {
            // The query's signature covers the message in whole.
            let covered = Covered::vouched(document.root(), Some(certificate_sha256));
            (read(covered, claimed, &decryption)?, certificate_sha256)
        }
        (None, None) => reject!(Unsigned, "the {} is not signed", expected.name),
    };
    Ok(Trusted {
        value,
        relay_state: match received.relayed {
            Relayed::Shown(relay_state) => relay_state,
            Relayed::Unseen => None,
        },
        certificate_sha256,
    })
}

/// \[SAML-Bindings §3.4.5.2, §3.5.5.2\]: a signed message says where it was sent, and it is one of
/// ours. Without one we take no logout messages at all.
pub(super) fn check_destination(
    rules: &Rules<'_>,
    message: Part<'_>,
    location: fn(&Endpoint) -> &str,
) -> Result<(), Rejection> {
    let destination = message.element.attribute("Destination");
    let mut ours = rules.sp.slo_locations.iter().map(location);
    if destination.is_some_and(|destination| ours.any(|location| location == destination)) {
        return Ok(());
    }
    reject!(
        DestinationMismatch,
        "the {} was sent to {}, which is no place where we take it",
        message.name(),
        QuotedOrNothing(destination)
    )
}
