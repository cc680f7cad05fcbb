//! What identity providers say of people, in canonical form, by SAML and XML Encryption alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::log::hex;
use super::story::time;

/// The service provider that assertions are for.
pub const AUDIENCE: &str = "https://app.example/saml";

/// How a provider packs what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// The assertion is signed.
    Assertion,
    /// The response is signed.
    Response,
    /// The assertion is signed, and its name identifier encrypted.
    EncryptedId,
    /// The response is signed, and its assertion encrypted.
    EncryptedAssertion,
}

impl Style {
    pub const ALL: [Self; 4] = [
        Self::Assertion,
        Self::Response,
        Self::EncryptedId,
        Self::EncryptedAssertion,
    ];

    /// The local name of what is signed.
    pub fn element(self) -> &'static str {
        match self {
            Self::Assertion | Self::EncryptedId => "Assertion",
            Self::Response | Self::EncryptedAssertion => "Response",
        }
    }

    /// Its ID.
    pub fn id(self, name: &str) -> String {
        match self.element() {
            "Assertion" => format!("_{name}"),
            _ => format!("_r{name}"),
        }
    }

    /// What the record commits to as `content_keys`.
    pub fn content_keys(self) -> Option<String> {
        let is_encrypted = matches!(self, Self::EncryptedId | Self::EncryptedAssertion);
        is_encrypted.then(|| hex(&KEY))
    }

    /// The element that is signed: `name` authenticated at `clock`. `change` is made to the
    /// assertion before anything is put around it.
    pub fn write(self, name: &str, clock: u64, change: impl FnOnce(String) -> String) -> String {
        let name_id = format!("<saml:NameID>{name}@acme.example</saml:NameID>");
        let name_id = match self {
            Self::EncryptedId => encrypted("EncryptedID", &name_id),
            _ => name_id,
        };
        let assertion = change(assertion(name, &name_id, clock));
        let assertion = match self {
            Self::EncryptedAssertion => format!(
                "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">{}</saml:EncryptedAssertion>",
                encrypted_data(&assertion)
            ),
            _ => assertion,
        };
        match self.element() {
            "Assertion" => assertion,
            _ => format!(
                concat!(
                    r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="{id}" "#,
                    r#"IssueInstant="{at}" Version="2.0">"#,
                    r#"<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://idp.example/saml</saml:Issuer>"#,
                    r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status>"#,
                    "{assertion}</samlp:Response>"
                ),
                id = self.id(name),
                at = time(clock),
                assertion = assertion,
            ),
        }
    }
}

fn assertion(name: &str, name_id: &str, clock: u64) -> String {
    format!(
        concat!(
            r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_{name}" "#,
            r#"IssueInstant="{at}" Version="2.0"><saml:Issuer>https://idp.example/saml</saml:Issuer>"#,
            r#"<saml:Subject>{name_id}"#,
            r#"<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">"#,
            r#"<saml:SubjectConfirmationData NotOnOrAfter="{end}"></saml:SubjectConfirmationData>"#,
            r#"</saml:SubjectConfirmation></saml:Subject>"#,
            r#"<saml:Conditions NotBefore="{at}" NotOnOrAfter="{end}">"#,
            r#"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>"#,
            r#"</saml:AudienceRestriction></saml:Conditions>"#,
            r#"<saml:AuthnStatement AuthnInstant="{at}"><saml:AuthnContext></saml:AuthnContext></saml:AuthnStatement>"#,
            r#"<saml:AttributeStatement><saml:Attribute Name="uid">"#,
            r#"<saml:AttributeValue>{name}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"#,
            r#"</saml:Assertion>"#,
        ),
        name = name,
        at = time(clock),
        end = time(clock + 300_000),
        name_id = name_id,
        audience = AUDIENCE,
    )
}

/// One key for all, as nobody here keeps a secret.
const KEY: [u8; 16] = [7; 16];

fn encrypted(holder: &str, element: &str) -> String {
    format!("<saml:{holder}>{}</saml:{holder}>", encrypted_data(element))
}

/// [XMLEnc §3.1, §5.2.4]; the plaintext leans on what is declared around it.
fn encrypted_data(element: &str) -> String {
    let mut sealed = element.as_bytes().to_vec();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &KEY).unwrap());
    let nonce = [3; 12];
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::empty(),
        &mut sealed,
    )
    .unwrap();
    let value = STANDARD.encode([&nonce[..], &sealed].concat());
    format!(
        concat!(
            r#"<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">"#,
            r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes128-gcm"></xenc:EncryptionMethod>"#,
            r#"<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey>"#,
            r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"></xenc:EncryptionMethod>"#,
            r#"<xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>"#,
            r#"<xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"#,
        ),
        value = value
    )
}
