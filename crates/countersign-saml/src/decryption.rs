//! Encrypted assertions, identifiers and attributes \[SAML-Core §2.3.4, §2.2.4, §2.7.3.2\].

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use countersign_core::DisclosedKey;
use countersign_dsig::encryption::{
    self, Covered, Decrypted, DecryptionError, UnprovedPlaintext, XMLENC_NAMESPACE,
};

use crate::code::RejectCode;
use crate::element::Part;
use crate::rejection::{Rejection, reject};
use crate::response::rules::Rules;
use crate::response::signed;

/// Most `EncryptedKey`s that are tried in one message, however they are spread over its elements.
/// Each costs an RSA operation of each of our keys, a tenth of a second for all of them and one
/// key; no provider is known that encrypts more than a handful of elements.
const MAX_ENCRYPTED_KEYS: usize = 64;

/// What is decrypted in one message.
///
/// The bytes that come out are fewer than those of the message: nothing is compressed, and base64
/// makes four of three. So the limit on the message is one on them.
pub(crate) struct Decryption<'a> {
    rules: Rules<'a>,
    /// The IDs in what was decrypted so far, and in the signed tree that the first of it stood in.
    ids: RefCell<Option<BTreeSet<String>>>,
    /// How many `EncryptedKey`s may still be tried.
    left: Cell<usize>,
    disclosed: RefCell<Vec<DisclosedKey>>,
}

impl<'a> Decryption<'a> {
    pub(crate) fn new(rules: Rules<'a>) -> Self {
        Self {
            rules,
            ids: RefCell::default(),
            left: Cell::new(MAX_ENCRYPTED_KEYS),
            disclosed: RefCell::default(),
        }
    }

    /// Decrypts the element in `holder`, which stands in `covered`.
    pub(crate) fn decrypt(
        &self,
        covered: Covered<'_>,
        holder: Part<'_>,
    ) -> Result<Decrypted, Rejection> {
        self.start(holder)?;
        // Before anything is decrypted: a key that has had its day may be in other hands, and those
        // would read plaintexts from what is refused as what.
        signed::check_certificate(&self.rules, covered)?;
        let (keys, limits) = (&self.rules.sp.decryption_keys, &self.rules.sp.limits);
        let decrypted = encryption::decrypt(covered, holder.element, keys, limits)
            .map_err(|error| refusal(holder, error))?;
        self.admit_ids(covered, &decrypted)?;
        Ok(decrypted)
    }

    /// Decrypts the element in `holder`, which nobody has signed; the host said so by name.
    pub(crate) fn decrypt_unsigned(
        &self,
        holder: Part<'_>,
    ) -> Result<UnprovedPlaintext, Rejection> {
        self.start(holder)?;
        let (keys, limits) = (&self.rules.sp.decryption_keys, &self.rules.sp.limits);
        encryption::insecure_decrypt_unsigned(holder.element, keys, limits)
            .map_err(|error| refusal(holder, error))
    }

    /// Notes that what the evidence will show of this element is its ciphertext.
    pub(crate) fn disclose(&self, decrypted: &Decrypted) {
        let key = decrypted.content_key().as_bytes().to_vec();
        self.disclosed.borrow_mut().push(DisclosedKey::new(key));
    }

    /// The keys to what was noted so, in that order.
    pub(crate) fn into_disclosed(self) -> Vec<DisclosedKey> {
        self.disclosed.into_inner()
    }

    /// Refuses what can not be decrypted in any case.
    pub(crate) fn check_keys(&self, holder: Part<'_>) -> Result<(), Rejection> {
        if self.rules.sp.decryption_keys.is_empty() {
            return Err(refusal(holder, DecryptionError::NoKeys));
        }
        Ok(())
    }

    fn start(&self, holder: Part<'_>) -> Result<(), Rejection> {
        self.check_keys(holder)?;
        let keys = holder.element.descendants();
        let keys = keys.filter(|key| key.is(XMLENC_NAMESPACE, "EncryptedKey"));
        match self.left.get().checked_sub(keys.count()) {
            Some(left) => self.left.set(left),
            None => reject!(
                TooLarge,
                "there are more than {MAX_ENCRYPTED_KEYS} encrypted keys in the message"
            ),
        }
        Ok(())
    }

    /// \[XMLDSig §4.4.3.2\]: an ID is one element's, be it encrypted or not.
    ///
    /// Only what is signed is compared: with an ID that a stranger writes around the ciphertext the
    /// answer would tell whether it stands inside.
    fn admit_ids(&self, covered: Covered<'_>, decrypted: &Decrypted) -> Result<(), Rejection> {
        let mut known = self.ids.borrow_mut();
        // What is decrypted later stands in the same tree or in what was decrypted.
        let known = known.get_or_insert_with(|| {
            let ids = covered.root().document().ids();
            ids.map(str::to_owned).collect()
        });
        for id in decrypted.root().document().ids() {
            if !known.insert(id.to_owned()) {
                reject!(
                    DuplicateId,
                    "an encrypted element has an ID that another element has"
                );
            }
        }
        Ok(())
    }
}

/// The refusal of what was not decrypted. For one holder there is one text for every failure after
/// the first use of a key.
fn refusal(holder: Part<'_>, error: DecryptionError) -> Rejection {
    use DecryptionError as E;
    let code = match error {
        E::NoKeys => RejectCode::NoDecryptionKey,
        E::NotCovered => RejectCode::CiphertextUnsigned,
        E::TripleDes | E::RsaPkcs1 | E::UnsignedCbc => RejectCode::EncryptionAlgorithmNotAllowed,
        E::UnsupportedCipher | E::UnsupportedKeyTransport => {
            RejectCode::EncryptionAlgorithmUnsupported
        }
        E::Malformed
        | E::ContentType
        | E::CipherReference
        | E::NoEncryptedKey
        | E::TooManyEncryptedKeys => RejectCode::MalformedEncryption,
        _ => RejectCode::DecryptionFailed,
    };
    Rejection::new(code, format!("the {} is refused: {error}", holder.name()))
}
