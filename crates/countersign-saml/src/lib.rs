//! A SAML 2.0 service provider: from the bytes of a response to a verified identity.

pub mod replay;
