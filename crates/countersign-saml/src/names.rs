//! The names that SAML is written with.

/// Namespace of protocol messages \[SAML-Core §1.2\].
pub(crate) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// Namespace of assertions \[SAML-Core §1.2\].
pub(crate) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// Namespace of metadata \[SAML-Metadata §1.2\].
pub(crate) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// Namespace of Shibboleth's extensions of metadata \[SHIBMD\].
pub(crate) const SHIBBOLETH_METADATA: &str = "urn:mace:shibboleth:metadata:1.0";
/// Namespace of what metadata says to people \[SAML-MDUI §2\].
pub(crate) const USER_INTERFACE: &str = "urn:oasis:names:tc:SAML:metadata:ui";
/// Namespace of attributes of entities \[SAML-MDAttr §2.1\].
pub(crate) const ENTITY_ATTRIBUTES: &str = "urn:oasis:names:tc:SAML:metadata:attribute";
/// Namespace of signatures \[XMLDSig §1.3\].
pub(crate) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Namespace of SOAP 1.1 envelopes \[SAML-Bindings §3.2.1\].
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of `xsi:nil` \[XMLSchema-1 §2.6\].
pub(crate) const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The only version that is spoken here \[SAML-Core §4.1\].
pub(crate) const VERSION: &str = "2.0";
/// The top-level status of a login that went well \[SAML-Core §3.2.2.2\].
pub(crate) const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
/// The second-level status of a login that could not be as strong as was asked
/// \[SAML-Core §3.2.2.2\].
pub(crate) const NO_AUTHN_CONTEXT: &str = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext";
/// The second-level status of a login that needs the person, who was not to be asked
/// \[SAML-Core §3.2.2.2\].
pub(crate) const NO_PASSIVE: &str = "urn:oasis:names:tc:SAML:2.0:status:NoPassive";
/// Whoever bears the assertion is its subject \[SAML-Profiles §3.3\].
pub(crate) const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// The only format that an issuer's name may have \[SAML-Profiles §4.1.4.2\].
pub(crate) const ENTITY_FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
