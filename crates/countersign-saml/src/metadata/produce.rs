//! Our own metadata, for identity providers to read \[SAML-Metadata §2.4.4\].

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Timestamp;
use countersign_dsig::sign::{SignWithError, SigningOptions, sign_enveloped_with};
use countersign_dsig::signer::MessageSigner;

use super::duration;
use crate::binding::Binding;
use crate::markup::Markup;
use crate::names::{METADATA, PROTOCOL, SIGNATURE};
use crate::service_provider::{ServiceProvider, SignedPart};

/// Algorithms that assertions may be encrypted to us with, best first: the block encryption, then
/// the key transport \[XMLEnc §5.1\]. A provider that is not told chooses what it always did.
const ENCRYPTION_METHODS: [&str; 3] = [
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
];

/// `ID` of the root, for its signature to refer to.
const ID: &str = "_metadata";

/// The organization behind a service provider \[SAML-Metadata §2.3.2.1\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// A page about it.
    pub url: String,
    /// The language of the three, such as `en` \[RFC 5646\].
    pub language: String,
}

/// What a person is there for \[SAML-Metadata §2.3.2.2\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContactKind {
    /// `technical`.
    Technical,
    /// `support`.
    Support,
    /// `administrative`.
    Administrative,
    /// `billing`.
    Billing,
    /// `other`.
    Other,
}

impl ContactKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Technical => "technical",
            Self::Support => "support",
            Self::Administrative => "administrative",
            Self::Billing => "billing",
            Self::Other => "other",
        }
    }
}

/// Whom an identity provider's people can ask \[SAML-Metadata §2.3.2.2\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// What for.
    pub kind: ContactKind,
    /// Given name, or that of a team.
    pub given_name: Option<String>,
    /// Surname.
    pub surname: Option<String>,
    /// E-mail address, without `mailto:`.
    pub email: Option<String>,
}

/// A service provider's metadata, to be written.
///
/// It says what the [`ServiceProvider`] is configured to do, and nothing that it is not: its
/// assertion consumer service by POST, its logout endpoints, its certificates. A provider that has
/// a signing certificate says that it signs its requests.
///
/// ```
/// use countersign_saml::{Metadata, MetadataPolicy, ServiceProvider};
///
/// let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")?;
/// let xml = sp.metadata().to_xml();
/// assert!(xml.contains(r#"entityID="https://sign.example/saml""#));
/// # Ok::<(), countersign_saml::ServiceProviderError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ServiceProviderMetadata<'a> {
    sp: &'a ServiceProvider,
    valid_until: Option<Timestamp>,
    cache_duration: Option<Duration>,
    organization: Option<Organization>,
    contacts: Vec<Contact>,
}

impl ServiceProvider {
    /// Our metadata, for identity providers to read.
    pub fn metadata(&self) -> ServiceProviderMetadata<'_> {
        ServiceProviderMetadata {
            sp: self,
            valid_until: None,
            cache_duration: None,
            organization: None,
            contacts: Vec::new(),
        }
    }
}

impl ServiceProviderMetadata<'_> {
    /// Says until when it is valid. Providers that read it by hand stop working then.
    pub fn valid_until(mut self, at: Timestamp) -> Self {
        self.valid_until = Some(at);
        self
    }

    /// Says after how long it should be fetched again, in whole seconds.
    pub fn cache_duration(mut self, duration: Duration) -> Self {
        self.cache_duration = Some(duration);
        self
    }

    /// Says who is behind it.
    pub fn organization(mut self, organization: Organization) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Adds somebody to ask.
    pub fn contact(mut self, contact: Contact) -> Self {
        self.contacts.push(contact);
        self
    }

    /// The metadata, not signed; to be served as `application/samlmetadata+xml`
    /// \[SAML-Metadata App. A\].
    #[must_use]
    pub fn to_xml(&self) -> String {
        self.write(None)
    }

    /// The metadata, signed \[SAML-Metadata §3\].
    ///
    /// # Errors
    /// If the signer fails.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn to_signed_xml(
        &self,
        signer: &dyn MessageSigner,
        options: &SigningOptions,
    ) -> Result<Vec<u8>, SignWithError> {
        sign_enveloped_with(self.write(Some(ID)).as_bytes(), ID, signer, options).await
    }

    /// In the order of the schema [SAML-Metadata §2.3.2, §2.4.1, §2.4.2, §2.4.4], which some
    /// readers check.
    fn write(&self, id: Option<&str>) -> String {
        let valid_until = self.valid_until.map(|at| at.to_string());
        let cache_duration = self.cache_duration.map(duration::write);
        let mut xml = Markup::default();
        xml.start(
            "md:EntityDescriptor",
            &[
                ("xmlns:md", Some(METADATA)),
                ("xmlns:ds", Some(SIGNATURE)),
                ("ID", id),
                ("entityID", Some(self.sp.entity_id())),
                ("validUntil", valid_until.as_deref()),
                ("cacheDuration", cache_duration.as_deref()),
            ],
        );
        self.write_role(&mut xml);
        if let Some(organization) = &self.organization {
            write_organization(&mut xml, organization);
        }
        for contact in &self.contacts {
            write_contact(&mut xml, contact);
        }
        xml.end("md:EntityDescriptor");
        xml.into_string()
    }

    fn write_role(&self, xml: &mut Markup) {
        let sp = self.sp;
        let boolean = |value| Some(if value { "true" } else { "false" });
        xml.start(
            "md:SPSSODescriptor",
            &[
                (
                    "AuthnRequestsSigned",
                    boolean(!sp.signing_certificates.is_empty()),
                ),
                // Where the response's signature is the only one that counts, another helps nobody.
                (
                    "WantAssertionsSigned",
                    boolean(sp.signed_part != SignedPart::Response),
                ),
                ("protocolSupportEnumeration", Some(PROTOCOL)),
            ],
        );
        for certificate in &sp.signing_certificates {
            write_key(xml, "signing", certificate, &[]);
        }
        for certificate in &sp.encryption_certificates {
            write_key(xml, "encryption", certificate, &ENCRYPTION_METHODS);
        }
        for slo in &sp.slo_locations {
            xml.element(
                "md:SingleLogoutService",
                &[
                    ("Binding", Some(slo.binding())),
                    ("Location", Some(slo.location())),
                    ("ResponseLocation", slo.own_response_location()),
                ],
                "",
            );
        }
        for format in &sp.name_id_formats {
            xml.element("md:NameIDFormat", &[], format);
        }
        xml.element(
            "md:AssertionConsumerService",
            &[
                ("Binding", Some(Binding::Post.uri())),
                ("Location", Some(sp.acs_url())),
                ("index", Some("0")),
                ("isDefault", Some("true")),
            ],
            "",
        );
        xml.end("md:SPSSODescriptor");
    }
}

/// \[SAML-Metadata §2.4.1.1\].
fn write_key(xml: &mut Markup, usage: &str, certificate: &[u8], methods: &[&str]) {
    xml.start("md:KeyDescriptor", &[("use", Some(usage))]);
    xml.start("ds:KeyInfo", &[]);
    xml.start("ds:X509Data", &[]);
    xml.element("ds:X509Certificate", &[], &STANDARD.encode(certificate));
    xml.end("ds:X509Data");
    xml.end("ds:KeyInfo");
    for method in methods {
        xml.element("md:EncryptionMethod", &[("Algorithm", Some(method))], "");
    }
    xml.end("md:KeyDescriptor");
}

fn write_organization(xml: &mut Markup, organization: &Organization) {
    let language = [("xml:lang", Some(organization.language.as_str()))];
    xml.start("md:Organization", &[]);
    xml.element("md:OrganizationName", &language, &organization.name);
    xml.element(
        "md:OrganizationDisplayName",
        &language,
        &organization.display_name,
    );
    xml.element("md:OrganizationURL", &language, &organization.url);
    xml.end("md:Organization");
}

fn write_contact(xml: &mut Markup, contact: &Contact) {
    xml.start(
        "md:ContactPerson",
        &[("contactType", Some(contact.kind.as_str()))],
    );
    if let Some(given_name) = &contact.given_name {
        xml.element("md:GivenName", &[], given_name);
    }
    if let Some(surname) = &contact.surname {
        xml.element("md:SurName", &[], surname);
    }
    if let Some(email) = &contact.email {
        // [SAML-Metadata §2.3.2.2]: the address is a URI.
        xml.element("md:EmailAddress", &[], &format!("mailto:{email}"));
    }
    xml.end("md:ContactPerson");
}
