//! The certificates of a role \[SAML-Metadata §2.4.1.1\].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::key::{KeyError, VerificationKey};
use countersign_dsig::xml::Element;

use super::MetadataError;
use super::provider::named;
use crate::names::{METADATA, SIGNATURE};

/// The keys that verify signatures: of all `KeyDescriptor`s that are not for encryption only. Keys
/// of a kind that nothing here verifies with are left out: a provider may offer them to others.
pub(super) fn signing(role: Element<'_>) -> Result<Vec<VerificationKey>, MetadataError> {
    let mut keys = Vec::new();
    for certificate in certificates(role, "signing") {
        let text = certificate.text().map_err(MetadataError::Xml)?;
        match VerificationKey::from_certificate_base64(&text) {
            Ok(key) => keys.push(key),
            Err(KeyError::Unsupported) => {}
            Err(error) => return Err(MetadataError::Certificate(error)),
        }
    }
    Ok(keys)
}

/// The certificates, in DER, whose keys something may be encrypted to: of all `KeyDescriptor`s that
/// are not for signing only.
pub(super) fn encryption(role: Element<'_>) -> Result<Vec<Vec<u8>>, MetadataError> {
    certificates(role, "encryption")
        .map(|certificate| {
            let text = certificate.text().map_err(MetadataError::Xml)?;
            let digits: String = text.split_ascii_whitespace().collect();
            STANDARD
                .decode(digits)
                .map_err(|_| MetadataError::Certificate(KeyError::NotBase64))
        })
        .collect()
}

/// The certificates for one use: a `KeyDescriptor` without `use` is for both
/// \[SAML-Metadata §2.4.1.1\]. Of a chain the first certificate has the key
/// \[SAML-MetaIOP §2.5.1\]; nothing is inferred from the others. A bare `KeyValue` is passed over.
fn certificates<'d>(role: Element<'d>, usage: &'static str) -> impl Iterator<Item = Element<'d>> {
    named(role, METADATA, "KeyDescriptor")
        .filter(move |key| key.attribute("use").is_none_or(|of| of == usage))
        .flat_map(|key| named(key, SIGNATURE, "KeyInfo"))
        .flat_map(|info| named(info, SIGNATURE, "X509Data"))
        .filter_map(|data| named(data, SIGNATURE, "X509Certificate").next())
}
