//! What a response to be made says.

use std::time::Duration;

use countersign_core::{Attribute, AttributeValue, NameId, Timestamp};

use crate::encryption::Encryption;

/// Which parts of a response are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sign {
    /// The response.
    Response,
    /// The assertion: the most common choice.
    #[default]
    Assertion,
    /// The assertion, and then the response around it.
    Both,
    /// Neither.
    None,
}

/// A response to be made: everything it says, so that a test can change one thing.
///
/// [`ResponseSpec::new`] describes one that is accepted. A `None` leaves a part out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResponseSpec {
    /// `ID` of the response.
    pub response_id: String,
    /// `ID` of the assertion.
    pub assertion_id: String,
    /// `Version` of the response.
    pub response_version: String,
    /// `Version` of the assertion.
    pub assertion_version: String,
    /// `IssueInstant` of the response.
    pub response_issue_instant: Timestamp,
    /// `IssueInstant` of the assertion.
    pub assertion_issue_instant: Timestamp,
    /// `Destination`.
    pub destination: Option<String>,
    /// `InResponseTo` of the response.
    pub in_response_to: Option<String>,
    /// `Issuer` of the response; the provider's entity id unless changed.
    pub response_issuer: Issuer,
    /// `Issuer` of the assertion; the provider's entity id unless changed.
    pub assertion_issuer: Issuer,
    /// The status codes, the outermost first.
    pub status: Vec<String>,
    /// `NameID`.
    pub name_id: Option<NameId>,
    /// The subject confirmations.
    pub confirmations: Vec<Confirmation>,
    /// `Conditions`.
    pub conditions: Option<Conditions>,
    /// `AuthnStatement`.
    pub authentication: Option<Authentication>,
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// XML that goes into the response in front of its status.
    pub response_xml: String,
    /// XML that goes into the subject in front of its name identifier.
    pub subject_xml: String,
    /// XML that goes to the end of the assertion.
    pub assertion_xml: String,
    /// Which parts are signed.
    pub sign: Sign,
    /// How the assertion is encrypted: after it was signed and before the response is.
    pub encrypt: Option<Encryption>,
    /// How the name identifier is encrypted.
    pub encrypt_name_id: Option<Encryption>,
    /// How each attribute is encrypted.
    pub encrypt_attributes: Option<Encryption>,
}

/// An `Issuer` to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Issuer {
    /// The provider's own entity id.
    #[default]
    Own,
    /// Another text.
    Other(String),
    /// No element.
    Absent,
}

/// A `SubjectConfirmation` to be made.
#[derive(Debug, Clone)]
pub struct Confirmation {
    /// `Method`.
    pub method: String,
    /// `Recipient`.
    pub recipient: Option<String>,
    /// `NotBefore`.
    pub not_before: Option<Timestamp>,
    /// `NotOnOrAfter`.
    pub not_on_or_after: Option<Timestamp>,
    /// `InResponseTo`.
    pub in_response_to: Option<String>,
}

/// `Conditions` to be made.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// `NotBefore`.
    pub not_before: Option<Timestamp>,
    /// `NotOnOrAfter`.
    pub not_on_or_after: Option<Timestamp>,
    /// The audiences of each `AudienceRestriction`.
    pub audiences: Vec<Vec<String>>,
    /// XML of more conditions.
    pub xml: String,
}

/// An `AuthnStatement` to be made.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// `AuthnInstant`.
    pub instant: Timestamp,
    /// `SessionIndex`.
    pub session_index: Option<String>,
    /// `SessionNotOnOrAfter`.
    pub session_not_on_or_after: Option<Timestamp>,
    /// `AuthnContextClassRef`.
    pub context: Option<String>,
}

/// How long a response is good for: what Okta and Google use.
const LIFETIME: Duration = Duration::from_secs(300);

impl ResponseSpec {
    /// A response about `name_id` for the service provider `audience`, received by `acs_url`,
    /// issued `now` and good for five minutes; unsolicited; its assertion signed.
    #[must_use]
    pub fn new(audience: &str, acs_url: &str, name_id: &str, now: Timestamp) -> Self {
        let start = now.saturating_sub(LIFETIME);
        let end = now.saturating_add(LIFETIME);
        Self {
            response_id: format!("_r{}", now.unix_millis()),
            assertion_id: format!("_a{}", now.unix_millis()),
            response_version: "2.0".to_owned(),
            assertion_version: "2.0".to_owned(),
            response_issue_instant: now,
            assertion_issue_instant: now,
            destination: Some(acs_url.to_owned()),
            in_response_to: None,
            response_issuer: Issuer::Own,
            assertion_issuer: Issuer::Own,
            status: vec!["urn:oasis:names:tc:SAML:2.0:status:Success".to_owned()],
            name_id: Some(NameId {
                value: name_id.to_owned(),
                format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
                name_qualifier: None,
                sp_name_qualifier: None,
            }),
            confirmations: vec![Confirmation {
                method: "urn:oasis:names:tc:SAML:2.0:cm:bearer".to_owned(),
                recipient: Some(acs_url.to_owned()),
                not_before: None,
                not_on_or_after: Some(end),
                in_response_to: None,
            }],
            conditions: Some(Conditions {
                not_before: Some(start),
                not_on_or_after: Some(end),
                audiences: vec![vec![audience.to_owned()]],
                xml: String::new(),
            }),
            authentication: Some(Authentication {
                instant: now,
                session_index: Some(format!("_s{}", now.unix_millis())),
                session_not_on_or_after: None,
                context: Some(
                    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".to_owned(),
                ),
            }),
            attributes: Vec::new(),
            response_xml: String::new(),
            subject_xml: String::new(),
            assertion_xml: String::new(),
            sign: Sign::default(),
            encrypt: None,
            encrypt_name_id: None,
            encrypt_attributes: None,
        }
    }

    /// Makes it the answer to a request.
    #[must_use]
    pub fn answering(mut self, request_id: &str) -> Self {
        self.in_response_to = Some(request_id.to_owned());
        for confirmation in &mut self.confirmations {
            confirmation.in_response_to = Some(request_id.to_owned());
        }
        self
    }

    /// Gives both the response and the assertion other ids, so that two responses of one instant
    /// are not each other's replay.
    #[must_use]
    pub fn with_ids(mut self, response_id: &str, assertion_id: &str) -> Self {
        self.response_id = response_id.to_owned();
        self.assertion_id = assertion_id.to_owned();
        self
    }

    /// Gives the name identifier another format.
    #[must_use]
    pub fn with_name_id_format(mut self, format: &str) -> Self {
        if let Some(name_id) = &mut self.name_id {
            name_id.format = Some(format.to_owned());
        }
        self
    }

    /// Adds an attribute of text values.
    #[must_use]
    pub fn with_attribute(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.attributes.push(Attribute {
            name: name.to_owned(),
            name_format: Some("urn:oasis:names:tc:SAML:2.0:attrname-format:basic".to_owned()),
            friendly_name: None,
            values: values
                .into_iter()
                .map(|value| AttributeValue::Text(value.into()))
                .collect(),
        });
        self
    }

    /// Adds an attribute `groups` with `count` distinguished names, as Active Directory sends them.
    /// A signed response with 3 groups has 4 to 5 KB, with 500 some 60 KB, with 5,000 some 560 KB.
    #[must_use]
    pub fn with_groups(self, count: usize) -> Self {
        self.with_attribute(
            "groups",
            (0..count).map(|n| {
                format!("CN=ward-{n:05}-night-shift,OU=Groups,OU=Hospital,DC=acme,DC=example")
            }),
        )
    }

    /// Chooses what is signed.
    #[must_use]
    pub fn signed(mut self, sign: Sign) -> Self {
        self.sign = sign;
        self
    }

    /// Encrypts the assertion.
    #[must_use]
    pub fn encrypted(mut self, encryption: Encryption) -> Self {
        self.encrypt = Some(encryption);
        self
    }

    /// Encrypts the name identifier.
    #[must_use]
    pub fn with_encrypted_name_id(mut self, encryption: Encryption) -> Self {
        self.encrypt_name_id = Some(encryption);
        self
    }

    /// Encrypts each attribute.
    #[must_use]
    pub fn with_encrypted_attributes(mut self, encryption: Encryption) -> Self {
        self.encrypt_attributes = Some(encryption);
        self
    }
}
