//! A hardened XML tree over quick-xml, canonicalization, XML signature verification and creation,
//! and XML decryption.
//!
//! The road from bytes to trust has three stations, and each is a type:
//!
//! 1. [`xml::Document`]: the bytes are well-formed XML with namespaces, small enough, without a
//!    DTD. quick-xml is the tokenizer; everything that it lets pass is refused here.
//! 2. [`signature::verify_enveloped`] checks the one enveloped signature of an element against
//!    keys that the caller pinned.
//! 3. [`signature::SignedElement`]: the canonical bytes whose digest was signed, and the tree over
//!    them. Whoever wants a claim reads it from *these* bytes, so that nothing outside the digest
//!    can become one.
//!
//! | module | what it holds |
//! |---|---|
//! | [`xml`] | the tree: [`xml::Document`], [`xml::Element`], [`xml::Limits`] |
//! | [`c14n`] | exclusive and inclusive canonical XML, as bytes or with the tree over them |
//! | [`signature`] | verification: from an element to the bytes that were signed |
//! | [`sign`] | creation: requests and metadata of our own, and tests that play the other side |
//! | [`signer`] | the port to a private key that lives elsewhere |
//! | [`key`] | pinned public keys, from certificates |
//! | [`encryption`] | decryption of what a verified signature covers, and the port to the key |
//! | [`algorithm`] | the identifiers of namespaces and algorithms, and which of them exist here |

pub mod algorithm;
mod base64;
pub mod c14n;
pub mod encryption;
pub mod key;
pub mod sign;
pub mod signature;
pub mod signer;
pub mod xml;
