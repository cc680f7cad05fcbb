//! A SAML 2.0 service provider: metadata and response verification, from bytes to a verified identity.
