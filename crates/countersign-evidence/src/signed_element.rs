//! What the element says that an identity provider signed (`docs/spec/bundle.md` §5.8).

use std::borrow::Cow;

use countersign_core::{NameId, Timestamp};
use countersign_dsig::encryption::{
    ContentKey, Covered, Decrypted, DecryptionError, decrypt_with_content_key,
};
use countersign_dsig::xml::Element;

use crate::canonical_xml;

/// [SAML-Core §1.2]
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// [SAML-Core §1.2]
const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// [SAML-Core §3.2.2.2]
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
/// [SAML-Profiles §3.3]
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// What one assertion says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) issuer: String,
    pub(crate) assertion_id: String,
    pub(crate) name_id: NameId,
    /// What the `AuthnStatement` says; some providers leave it out.
    pub(crate) authentication: Authentication,
    /// Each `AudienceRestriction` names one of several.
    pub(crate) audiences: Vec<Vec<String>>,
    /// Each value of each attribute, by the attribute's name; nothing for what is no text.
    pub(crate) attributes: Vec<(String, Option<String>)>,
    issued_at: Vec<Timestamp>,
    conditions: Window,
    /// Of each confirmation by the bearer method.
    confirmations: Vec<Window>,
}

/// How the person authenticated at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Authentication {
    pub(crate) instant: Option<Timestamp>,
    pub(crate) session_not_on_or_after: Option<Timestamp>,
    pub(crate) session_index: Option<String>,
    pub(crate) context: Option<String>,
}

/// When something holds \[SAML-Core §2.5.1.2\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Window {
    not_before: Option<Timestamp>,
    not_on_or_after: Option<Timestamp>,
}

impl Window {
    fn of(element: Element<'_>) -> Result<Self, Unread> {
        Ok(Self {
            not_before: optional_instant(element, "NotBefore")?,
            not_on_or_after: optional_instant(element, "NotOnOrAfter")?,
        })
    }

    fn holds(self, earliest: Timestamp, latest: Timestamp) -> bool {
        self.not_before.is_none_or(|start| start <= latest)
            && self.not_on_or_after.is_none_or(|end| earliest < end)
    }
}

/// Why an element was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is not what a door lets in.
    Wrong(&'static str),
    /// It may be right, and nothing here shows it.
    Unknown(&'static str),
}

/// The content keys that are disclosed, in the order of record.md §5.
#[derive(Debug)]
pub(crate) enum ContentKeys<'a> {
    /// The record commits to none.
    None,
    /// It does, and they are not disclosed.
    Kept,
    /// They are disclosed: in hexadecimal, those that were not used yet.
    Disclosed(std::str::Split<'a, char>),
}

impl ContentKeys<'_> {
    /// Decrypts the element in `holder` with the next of them.
    fn open(&mut self, covered: Covered<'_>, holder: Element<'_>) -> Result<Decrypted, Unread> {
        let key = match self {
            Self::None => None,
            Self::Kept => {
                return Err(Unread::Unknown(
                    "is encrypted, and its key is not disclosed",
                ));
            }
            Self::Disclosed(keys) => keys.next(),
        };
        let key = key.and_then(bytes_of_hex);
        let key = key.ok_or(Unread::Wrong(
            "is encrypted, and its record has no key for it",
        ))?;
        let limits = canonical_xml::limits();
        decrypt_with_content_key(covered, holder, ContentKey::new(key), &limits).map_err(|error| {
            match error {
                DecryptionError::UnsupportedCipher => {
                    Unread::Unknown("is encrypted with a cipher that is not known here")
                }
                _ => Unread::Wrong("is encrypted, and not with the key that its record has"),
            }
        })
    }
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

impl Statement {
    /// Reads `signed.xml`, whose root has this local name and is what `reference` refers to.
    pub(crate) fn read(
        bytes: &[u8],
        signed_element: &str,
        reference: &str,
        keys: &mut ContentKeys<'_>,
    ) -> Result<Self, Unread> {
        let document =
            canonical_xml::parse(bytes).ok_or(Unread::Wrong("is no element in canonical form"))?;
        let root = document.root();
        if root.local_name() != signed_element {
            return Err(Unread::Wrong("is another element than the record says"));
        }
        // [SAML-Core §5.4.2]: the signature refers to the element that it stands in.
        let id = root.attribute("ID").unwrap_or_default();
        if id.is_empty() || reference.strip_prefix('#') != Some(id) {
            return Err(Unread::Wrong(
                "is not the element that the signature refers to",
            ));
        }
        let covered = Covered::vouched(root, None);
        if root.is(ASSERTION, "Assertion") {
            return Self::read_assertion(covered, root, keys);
        }
        if root.is(PROTOCOL, "Response") {
            return Self::read_response(covered, keys);
        }
        Err(Unread::Wrong("is neither an Assertion nor a Response"))
    }

    fn read_response(covered: Covered<'_>, keys: &mut ContentKeys<'_>) -> Result<Self, Unread> {
        let response = covered.root();
        // [SAML-Core §3.2.2.2]: whatever else it holds, it is a refusal otherwise.
        let status = child(response, PROTOCOL, "Status")?;
        if child(status, PROTOCOL, "StatusCode")?.attribute("Value") != Some(SUCCESS) {
            return Err(Unread::Wrong("is no Response of success"));
        }
        let one = Unread::Wrong("does not hold one assertion");
        let is_assertion = |child: &Element<'_>| {
            child.is(ASSERTION, "Assertion") || child.is(ASSERTION, "EncryptedAssertion")
        };
        let mut assertions = response.children().filter(is_assertion);
        let (Some(assertion), None) = (assertions.next(), assertions.next()) else {
            return Err(one);
        };
        let mut statement = if assertion.is(ASSERTION, "Assertion") {
            Self::read_assertion(covered, assertion, keys)?
        } else {
            let decrypted = keys.open(covered, assertion)?;
            if !decrypted.root().is(ASSERTION, "Assertion") {
                return Err(one);
            }
            Self::read_assertion(Covered::decrypted(&decrypted), decrypted.root(), keys)?
        };
        // [SAML-Profiles §4.1.4.2]: a signed Response names its issuer.
        if text(child(response, ASSERTION, "Issuer")?)? != statement.issuer {
            return Err(Unread::Wrong("is of another issuer than its assertion"));
        }
        statement.issued_at.push(instant(response, "IssueInstant")?);
        Ok(statement)
    }

    fn read_assertion(
        covered: Covered<'_>,
        assertion: Element<'_>,
        keys: &mut ContentKeys<'_>,
    ) -> Result<Self, Unread> {
        let conditions = child(assertion, ASSERTION, "Conditions")?;
        let subject = child(assertion, ASSERTION, "Subject")?;
        let restrictions = conditions.children();
        let restrictions = restrictions.filter(|one| one.is(ASSERTION, "AudienceRestriction"));
        Ok(Self {
            issuer: text(child(assertion, ASSERTION, "Issuer")?)?.into_owned(),
            assertion_id: attribute(assertion, "ID")?.to_owned(),
            issued_at: vec![instant(assertion, "IssueInstant")?],
            conditions: Window::of(conditions)?,
            audiences: restrictions
                .map(|restriction| {
                    let audiences = restriction.children();
                    let audiences = audiences.filter(|one| one.is(ASSERTION, "Audience"));
                    audiences
                        .map(|audience| Ok(text(audience)?.into_owned()))
                        .collect()
                })
                .collect::<Result<_, _>>()?,
            confirmations: confirmations(subject)?,
            name_id: name_id(covered, subject, keys)?,
            authentication: authentication(assertion)?,
            attributes: attributes(covered, assertion, keys)?,
        })
    }

    /// Whether a door may have let it in at a time between these two: it was issued, its conditions
    /// held, and one of its bearer confirmations.
    pub(crate) fn holds(&self, earliest: Timestamp, latest: Timestamp) -> bool {
        self.issued_at.iter().all(|issued_at| *issued_at <= latest)
            && self.conditions.holds(earliest, latest)
            && self
                .confirmations
                .iter()
                .any(|window| window.holds(earliest, latest))
    }

    /// Whether it is for one of these.
    pub(crate) fn is_for(&self, entity_id: &str) -> bool {
        let names = |audiences: &Vec<String>| audiences.iter().any(|one| one == entity_id);
        !self.audiences.is_empty() && self.audiences.iter().all(names)
    }
}

/// The windows of the confirmations by the bearer method \[SAML-Profiles §4.1.4.2\]. One without an
/// end confirms nothing.
fn confirmations(subject: Element<'_>) -> Result<Vec<Window>, Unread> {
    let mut windows = Vec::new();
    for confirmation in subject.children() {
        let is_bearer = confirmation.is(ASSERTION, "SubjectConfirmation")
            && confirmation.attribute("Method") == Some(BEARER);
        if is_bearer {
            let window = Window::of(child(confirmation, ASSERTION, "SubjectConfirmationData")?)?;
            if window.not_on_or_after.is_some() {
                windows.push(window);
            }
        }
    }
    Ok(windows)
}

fn name_id(
    covered: Covered<'_>,
    subject: Element<'_>,
    keys: &mut ContentKeys<'_>,
) -> Result<NameId, Unread> {
    let plain = optional_child(subject, ASSERTION, "NameID")?;
    let encrypted = optional_child(subject, ASSERTION, "EncryptedID")?;
    match (plain, encrypted) {
        (Some(name_id), None) => read_name_id(name_id),
        (None, Some(holder)) => read_name_id(keys.open(covered, holder)?.root()),
        _ => Err(Unread::Wrong("does not name one subject")),
    }
}

/// \[SAML-Core §2.2.3\]
fn read_name_id(name_id: Element<'_>) -> Result<NameId, Unread> {
    if !name_id.is(ASSERTION, "NameID") {
        return Err(Unread::Wrong("does not name one subject"));
    }
    let attribute = |name| name_id.attribute(name).map(str::to_owned);
    Ok(NameId {
        value: text(name_id)?.into_owned(),
        format: attribute("Format"),
        name_qualifier: attribute("NameQualifier"),
        sp_name_qualifier: attribute("SPNameQualifier"),
    })
}

/// \[SAML-Core §2.7.2\]
fn authentication(assertion: Element<'_>) -> Result<Authentication, Unread> {
    let Some(statement) = optional_child(assertion, ASSERTION, "AuthnStatement")? else {
        return Ok(Authentication::default());
    };
    let context = child(statement, ASSERTION, "AuthnContext")?;
    let class = optional_child(context, ASSERTION, "AuthnContextClassRef")?;
    Ok(Authentication {
        instant: Some(instant(statement, "AuthnInstant")?),
        session_not_on_or_after: optional_instant(statement, "SessionNotOnOrAfter")?,
        session_index: statement.attribute("SessionIndex").map(str::to_owned),
        context: class.map(text).transpose()?.map(Cow::into_owned),
    })
}

/// \[SAML-Core §2.7.3\]; one that is still encrypted is as none.
fn attributes(
    covered: Covered<'_>,
    assertion: Element<'_>,
    keys: &mut ContentKeys<'_>,
) -> Result<Vec<(String, Option<String>)>, Unread> {
    let statements = assertion.children();
    let statements = statements.filter(|child| child.is(ASSERTION, "AttributeStatement"));
    let mut attributes = Vec::new();
    for element in statements.flat_map(Element::children) {
        if element.is(ASSERTION, "Attribute") {
            read_attribute(element, &mut attributes)?;
        } else if element.is(ASSERTION, "EncryptedAttribute") {
            match keys.open(covered, element) {
                Ok(decrypted) => read_attribute(decrypted.root(), &mut attributes)?,
                Err(Unread::Unknown(_)) => {}
                Err(wrong) => return Err(wrong),
            }
        }
    }
    Ok(attributes)
}

fn read_attribute(
    attribute: Element<'_>,
    into: &mut Vec<(String, Option<String>)>,
) -> Result<(), Unread> {
    let name = self::attribute(attribute, "Name")?;
    for value in attribute.children() {
        let value = value.text().ok().map(Cow::into_owned);
        into.push((name.to_owned(), value));
    }
    Ok(())
}

/// The child of one name, which must not be there twice: whoever reads the first and whoever reads
/// the last would read two assertions.
fn optional_child<'d>(
    parent: Element<'d>,
    namespace: &str,
    name: &str,
) -> Result<Option<Element<'d>>, Unread> {
    let twice = Unread::Wrong("says something twice that is said once");
    parent.child(namespace, name).map_err(|_| twice)
}

fn child<'d>(parent: Element<'d>, namespace: &str, name: &str) -> Result<Element<'d>, Unread> {
    let lacks = Unread::Wrong("lacks an element that every assertion has");
    optional_child(parent, namespace, name)?.ok_or(lacks)
}

fn attribute<'d>(element: Element<'d>, name: &str) -> Result<&'d str, Unread> {
    let lacks = Unread::Wrong("lacks an attribute that every assertion has");
    element.attribute(name).ok_or(lacks)
}

fn text(element: Element<'_>) -> Result<Cow<'_, str>, Unread> {
    let elements = Unread::Wrong("has elements where text belongs");
    element.text().map_err(|_| elements)
}

/// \[SAML-Core §1.3.3\]
fn optional_instant(element: Element<'_>, name: &str) -> Result<Option<Timestamp>, Unread> {
    let wrong = Unread::Wrong("has a time that is none");
    let at = element.attribute(name).map(str::parse);
    at.transpose().map_err(|_| wrong)
}

fn instant(element: Element<'_>, name: &str) -> Result<Timestamp, Unread> {
    let lacks = Unread::Wrong("lacks an attribute that every assertion has");
    optional_instant(element, name)?.ok_or(lacks)
}
