//! Writing a response as XML.

use std::fmt::Write as _;

use countersign_core::{Attribute, AttributeValue, Timestamp};

use super::must;
use super::spec::{Authentication, Conditions, Confirmation, Issuer, ResponseSpec};
use crate::encryption::Encryption;

/// Namespace of assertions \[SAML-Core §1.2\].
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

impl ResponseSpec {
    /// The response of the provider `entity_id`, unsigned.
    pub(super) fn xml(&self, entity_id: &str) -> String {
        let mut xml = String::new();
        let mut response = Tag::open(&mut xml, "samlp:Response");
        response
            .attribute("xmlns:samlp", "urn:oasis:names:tc:SAML:2.0:protocol")
            .attribute("xmlns:saml", ASSERTION)
            .attribute("ID", &self.response_id)
            .attribute("Version", &self.response_version)
            .attribute("IssueInstant", &self.response_issue_instant.to_string())
            .optional("Destination", self.destination.as_deref())
            .optional("InResponseTo", self.in_response_to.as_deref())
            .close();
        issuer(&mut xml, &self.response_issuer, entity_id);
        xml.push_str(&self.response_xml);
        self.write_status(&mut xml);
        self.write_assertion(&mut xml, entity_id);
        xml.push_str("</samlp:Response>");
        xml
    }

    fn write_status(&self, xml: &mut String) {
        xml.push_str("<samlp:Status>");
        for code in &self.status {
            Tag::open(xml, "samlp:StatusCode")
                .attribute("Value", code)
                .close();
        }
        for _ in &self.status {
            xml.push_str("</samlp:StatusCode>");
        }
        xml.push_str("</samlp:Status>");
    }

    fn write_assertion(&self, xml: &mut String, entity_id: &str) {
        Tag::open(xml, "saml:Assertion")
            .attribute("ID", &self.assertion_id)
            .attribute("Version", &self.assertion_version)
            .attribute("IssueInstant", &self.assertion_issue_instant.to_string())
            .close();
        issuer(xml, &self.assertion_issuer, entity_id);
        self.write_subject(xml);
        if let Some(conditions) = &self.conditions {
            conditions.write(xml);
        }
        if let Some(authentication) = &self.authentication {
            authentication.write(xml);
        }
        if !self.attributes.is_empty() {
            xml.push_str("<saml:AttributeStatement>");
            for attribute in &self.attributes {
                let encryption = self.encrypt_attributes.as_ref();
                write(
                    xml,
                    "saml:EncryptedAttribute",
                    encryption,
                    |xml, namespace| {
                        write_attribute(xml, attribute, namespace);
                    },
                );
            }
            xml.push_str("</saml:AttributeStatement>");
        }
        xml.push_str(&self.assertion_xml);
        xml.push_str("</saml:Assertion>");
    }

    fn write_subject(&self, xml: &mut String) {
        xml.push_str("<saml:Subject>");
        xml.push_str(&self.subject_xml);
        if let Some(name_id) = &self.name_id {
            let encryption = self.encrypt_name_id.as_ref();
            write(xml, "saml:EncryptedID", encryption, |xml, namespace| {
                Tag::open(xml, "saml:NameID")
                    .optional("xmlns:saml", namespace)
                    .optional("Format", name_id.format.as_deref())
                    .optional("NameQualifier", name_id.name_qualifier.as_deref())
                    .optional("SPNameQualifier", name_id.sp_name_qualifier.as_deref())
                    .text(&name_id.value);
            });
        }
        for confirmation in &self.confirmations {
            confirmation.write(xml);
        }
        xml.push_str("</saml:Subject>");
    }
}

impl Confirmation {
    fn write(&self, xml: &mut String) {
        Tag::open(xml, "saml:SubjectConfirmation")
            .attribute("Method", &self.method)
            .close();
        Tag::open(xml, "saml:SubjectConfirmationData")
            .optional_instant("NotBefore", self.not_before)
            .optional_instant("NotOnOrAfter", self.not_on_or_after)
            .optional("Recipient", self.recipient.as_deref())
            .optional("InResponseTo", self.in_response_to.as_deref())
            .text("");
        xml.push_str("</saml:SubjectConfirmation>");
    }
}

impl Conditions {
    fn write(&self, xml: &mut String) {
        Tag::open(xml, "saml:Conditions")
            .optional_instant("NotBefore", self.not_before)
            .optional_instant("NotOnOrAfter", self.not_on_or_after)
            .close();
        for restriction in &self.audiences {
            xml.push_str("<saml:AudienceRestriction>");
            for audience in restriction {
                Tag::open(xml, "saml:Audience").text(audience);
            }
            xml.push_str("</saml:AudienceRestriction>");
        }
        xml.push_str(&self.xml);
        xml.push_str("</saml:Conditions>");
    }
}

impl Authentication {
    fn write(&self, xml: &mut String) {
        Tag::open(xml, "saml:AuthnStatement")
            .attribute("AuthnInstant", &self.instant.to_string())
            .optional("SessionIndex", self.session_index.as_deref())
            .optional_instant("SessionNotOnOrAfter", self.session_not_on_or_after)
            .close();
        xml.push_str("<saml:AuthnContext>");
        if let Some(context) = &self.context {
            Tag::open(xml, "saml:AuthnContextClassRef").text(context);
        }
        xml.push_str("</saml:AuthnContext></saml:AuthnStatement>");
    }
}

fn issuer(xml: &mut String, issuer: &Issuer, entity_id: &str) {
    match issuer {
        Issuer::Own => Tag::open(xml, "saml:Issuer").text(entity_id),
        Issuer::Other(other) => Tag::open(xml, "saml:Issuer").text(other),
        Issuer::Absent => {}
    }
}

/// Writes an element as it is, or encrypted into a `holder`. The element declares the namespace
/// that it is given.
fn write(
    xml: &mut String,
    holder: &str,
    encryption: Option<&Encryption>,
    element: impl Fn(&mut String, Option<&str>),
) {
    let Some(encryption) = encryption else {
        return element(xml, None);
    };
    let mut plaintext = String::new();
    element(
        &mut plaintext,
        Some(ASSERTION).filter(|_| encryption.self_contained),
    );
    xml.push_str(&encryption.encrypt_into(holder, plaintext.as_bytes()));
}

fn write_attribute(xml: &mut String, attribute: &Attribute, namespace: Option<&str>) {
    Tag::open(xml, "saml:Attribute")
        .optional("xmlns:saml", namespace)
        .attribute("Name", &attribute.name)
        .optional("NameFormat", attribute.name_format.as_deref())
        .optional("FriendlyName", attribute.friendly_name.as_deref())
        .close();
    for value in &attribute.values {
        let mut tag = Tag::open(xml, "saml:AttributeValue");
        match value {
            AttributeValue::Text(text) => tag.text(text),
            AttributeValue::Structured { xml: children } => {
                tag.close();
                xml.push_str(children);
                xml.push_str("</saml:AttributeValue>");
            }
            _ => tag
                .attribute("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
                .attribute("xsi:nil", "true")
                .text(""),
        }
    }
    xml.push_str("</saml:Attribute>");
}

/// A start tag that is being written.
struct Tag<'x> {
    xml: &'x mut String,
    name: &'static str,
}

impl<'x> Tag<'x> {
    fn open(xml: &'x mut String, name: &'static str) -> Self {
        xml.push('<');
        xml.push_str(name);
        Self { xml, name }
    }

    fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        let value = Escaped(value);
        must(write!(self.xml, r#" {name}="{value}""#));
        self
    }

    fn optional(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    fn optional_instant(&mut self, name: &str, at: Option<Timestamp>) -> &mut Self {
        match at {
            Some(at) => self.attribute(name, &at.to_string()),
            None => self,
        }
    }

    fn close(&mut self) {
        self.xml.push('>');
    }

    /// Ends the start tag, writes the content and the end tag.
    fn text(&mut self, text: &str) {
        must(write!(self.xml, ">{}</{}>", Escaped(text), self.name));
    }
}

/// Text that stays text in an element or an attribute.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => write!(f, "&#x{:X};", u32::from(c))?,
                _ => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}
