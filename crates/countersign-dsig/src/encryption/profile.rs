//! Reading `EncryptedData` and `EncryptedKey`, before any key is used \[XMLEnc §3\].

use super::DecryptionError;
use super::algorithm::{
    ContentCipher, ENCRYPTED_ELEMENT, RSA_1_5, RSA_OAEP, RSA_OAEP_MGF1P, RsaOaep, TRIPLE_DES,
    XMLENC_NAMESPACE, XMLENC11_NAMESPACE, mgf1_digest, oaep_digest,
};
use crate::algorithm::{DSIG_NAMESPACE, DigestAlgorithm};
use crate::base64;
use crate::xml::Element;

/// Most `EncryptedKey`s of one element. Each costs an RSA operation for each of our keys; a
/// message to one service provider has one, and those to several recipients a few.
const MAX_ENCRYPTED_KEYS: usize = 16;

/// What is to be decrypted, read and not yet touched.
pub(super) struct Sealed<'d> {
    /// The `EncryptedData` itself, which the plaintext stands in for.
    pub(super) data: Element<'d>,
    pub(super) cipher: ContentCipher,
    pub(super) ciphertext: Vec<u8>,
    /// At least one.
    pub(super) keys: Vec<WrappedKey>,
}

/// An `EncryptedKey` by RSA-OAEP.
pub(super) struct WrappedKey {
    pub(super) method: RsaOaep,
    pub(super) bytes: Vec<u8>,
}

/// Reads an element that holds one `EncryptedData` and, beside it, any `EncryptedKey`s
/// \[SAML-Core §2.2.4\].
///
/// `Recipient`, `CarriedKeyName`, `RetrievalMethod` and everything else in `KeyInfo` say which key
/// might fit. All that are there are tried, so the hints are not read.
pub(super) fn read(holder: Element<'_>) -> Result<Sealed<'_>, DecryptionError> {
    if holder.has_text_beside_children() {
        return Err(DecryptionError::Malformed);
    }
    let mut children = holder.children();
    let data = children
        .next()
        .filter(|data| is_xmlenc(*data, "EncryptedData"))
        .ok_or(DecryptionError::Malformed)?;
    let parts = Parts::read(data, &[])?;
    // [SAML-Core §2.2.4]: if it is there, it is this.
    if !matches!(data.attribute("Type"), None | Some(ENCRYPTED_ELEMENT)) {
        return Err(DecryptionError::ContentType);
    }
    let cipher = read_cipher(parts.method)?;
    let mut encrypted_keys = Vec::new();
    let inside = parts.key_info.into_iter().flat_map(|key_info| {
        let keys = key_info.children();
        keys.filter(|key| is_xmlenc(*key, "EncryptedKey"))
    });
    for key in inside.chain(children) {
        if !is_xmlenc(key, "EncryptedKey") {
            return Err(DecryptionError::Malformed);
        }
        if encrypted_keys.len() >= MAX_ENCRYPTED_KEYS {
            return Err(DecryptionError::TooManyEncryptedKeys);
        }
        encrypted_keys.push(key);
    }
    Ok(Sealed {
        data,
        cipher,
        ciphertext: read_cipher_value(parts.cipher_data)?,
        keys: read_keys(&encrypted_keys)?,
    })
}

/// The keys whose method exists here; if none has such a method, the error of the first. A key for
/// somebody else may be wrapped as that one likes it.
fn read_keys(encrypted_keys: &[Element<'_>]) -> Result<Vec<WrappedKey>, DecryptionError> {
    let mut keys = Vec::new();
    let mut refusal = None;
    for key in encrypted_keys {
        let parts = Parts::read(*key, &["ReferenceList", "CarriedKeyName"])?;
        match read_key_transport(parts.method) {
            Ok(method) => keys.push(WrappedKey {
                method,
                bytes: read_cipher_value(parts.cipher_data)?,
            }),
            Err(error) => {
                refusal.get_or_insert(error);
            }
        }
    }
    match refusal {
        _ if !keys.is_empty() => Ok(keys),
        Some(refusal) => Err(refusal),
        None => Err(DecryptionError::NoEncryptedKey),
    }
}

/// The children of `EncryptedType` \[XMLEnc §3.1\].
struct Parts<'d> {
    method: Element<'d>,
    key_info: Option<Element<'d>>,
    cipher_data: Element<'d>,
}

impl<'d> Parts<'d> {
    /// Each child once, in any order; `more` are those that one of the two kinds has besides.
    fn read(encrypted: Element<'d>, more: &[&str]) -> Result<Self, DecryptionError> {
        if encrypted.has_text_beside_children() {
            return Err(DecryptionError::Malformed);
        }
        let (mut method, mut key_info, mut cipher_data) = (None, None, None);
        for child in encrypted.children() {
            let slot = if is_xmlenc(child, "EncryptionMethod") {
                &mut method
            } else if child.is(DSIG_NAMESPACE, "KeyInfo") {
                &mut key_info
            } else if is_xmlenc(child, "CipherData") {
                &mut cipher_data
            } else if is_xmlenc(child, "EncryptionProperties")
                || more.iter().any(|name| is_xmlenc(child, name))
            {
                continue;
            } else {
                return Err(DecryptionError::Malformed);
            };
            if slot.replace(child).is_some() {
                return Err(DecryptionError::Malformed);
            }
        }
        Ok(Self {
            // Without it sender and receiver would have to agree elsewhere [XMLEnc §3.2].
            method: method.ok_or(DecryptionError::Malformed)?,
            key_info,
            cipher_data: cipher_data.ok_or(DecryptionError::Malformed)?,
        })
    }
}

/// The octets of `CipherData`, which stand in it \[XMLEnc §3.3\].
fn read_cipher_value(cipher_data: Element<'_>) -> Result<Vec<u8>, DecryptionError> {
    let mut children = cipher_data.children();
    let (Some(value), None) = (children.next(), children.next()) else {
        return Err(DecryptionError::Malformed);
    };
    // Fetching what a stranger names is how a server is made to call its neighbours.
    if is_xmlenc(value, "CipherReference") {
        return Err(DecryptionError::CipherReference);
    }
    if !is_xmlenc(value, "CipherValue") || cipher_data.has_text_beside_children() {
        return Err(DecryptionError::Malformed);
    }
    read_base64(value)
}

fn read_base64(value: Element<'_>) -> Result<Vec<u8>, DecryptionError> {
    if value.contains_comment() {
        return Err(DecryptionError::Malformed);
    }
    let text = value.text().map_err(|_| DecryptionError::Malformed)?;
    base64::decode(&text).ok_or(DecryptionError::Malformed)
}

fn read_cipher(method: Element<'_>) -> Result<ContentCipher, DecryptionError> {
    let uri = method.attribute("Algorithm").unwrap_or_default();
    if uri == TRIPLE_DES {
        return Err(DecryptionError::TripleDes);
    }
    let cipher = ContentCipher::from_uri(uri)
        .filter(|cipher| cipher.is_supported())
        .ok_or(DecryptionError::UnsupportedCipher)?;
    if method.has_text_beside_children() {
        return Err(DecryptionError::Malformed);
    }
    // [XMLEnc §3.2]: the algorithm fixes the size; one that says otherwise is an error.
    let bits = cipher.key_len_bytes().saturating_mul(8).to_string();
    for child in method.children() {
        if !is_xmlenc(child, "KeySize") || !child.text().is_ok_and(|text| text == bits) {
            return Err(DecryptionError::Malformed);
        }
    }
    Ok(cipher)
}

/// \[XMLEnc §5.5.2\]: SHA-1 for what is not named, and always for the mask of the older identifier.
fn read_key_transport(method: Element<'_>) -> Result<RsaOaep, DecryptionError> {
    let names_mask = match method.attribute("Algorithm").unwrap_or_default() {
        RSA_OAEP_MGF1P => false,
        RSA_OAEP => true,
        RSA_1_5 => return Err(DecryptionError::RsaPkcs1),
        _ => return Err(DecryptionError::UnsupportedKeyTransport),
    };
    if method.has_text_beside_children() {
        return Err(DecryptionError::Malformed);
    }
    let (mut digest, mut mask, mut label) = (None, None, None);
    for child in method.children() {
        let algorithm = child.attribute("Algorithm").unwrap_or_default();
        let repeated = if child.is(DSIG_NAMESPACE, "DigestMethod") {
            let named = oaep_digest(algorithm).ok_or(DecryptionError::UnsupportedKeyTransport)?;
            digest.replace(named).is_some()
        } else if names_mask && child.is(XMLENC11_NAMESPACE, "MGF") {
            let named = mgf1_digest(algorithm).ok_or(DecryptionError::UnsupportedKeyTransport)?;
            mask.replace(named).is_some()
        } else if is_xmlenc(child, "OAEPparams") {
            label.replace(read_base64(child)?).is_some()
        } else if is_xmlenc(child, "KeySize") {
            // The size of an RSA key is what it is.
            false
        } else {
            return Err(DecryptionError::Malformed);
        };
        if repeated {
            return Err(DecryptionError::Malformed);
        }
    }
    Ok(RsaOaep {
        digest: digest.unwrap_or(DigestAlgorithm::Sha1),
        mgf1_digest: mask.unwrap_or(DigestAlgorithm::Sha1),
        label: label.unwrap_or_default(),
    })
}

fn is_xmlenc(element: Element<'_>, local_name: &str) -> bool {
    element.is(XMLENC_NAMESPACE, local_name)
}
