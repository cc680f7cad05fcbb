//! Public keys under a name, as notes name them \[C2SP signed-note, "Verifier keys"\].

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::note::{NoteError, SignatureLine};
use crate::signer::{SignatureAlgorithm, Signer};

/// Signature type byte of Ed25519 \[C2SP signed-note, "Signature types"\].
const TYPE_ED25519: u8 = 0x01;

/// The text is no verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a verifier key such as example.com/log+33d7b496+AeHTu4Q3hEIMHNqc6fAS…")]
pub struct ParseKeyError;

/// An Ed25519 key under a name, for one type of signature.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct NamedKey {
    name: String,
    kind: u8,
    id: [u8; 4],
    public_key: [u8; 32],
}

impl NamedKey {
    pub(crate) fn new(name: &str, kind: u8, public_key: [u8; 32]) -> Result<Self, ParseKeyError> {
        if !is_key_name(name) {
            return Err(ParseKeyError);
        }
        let mut context = Context::new(&SHA256);
        context.update(name.as_bytes());
        context.update(&[b'\n', kind]);
        context.update(&public_key);
        let hash = context.finish();
        let id = hash.as_ref().first_chunk().ok_or(ParseKeyError)?;
        Ok(Self {
            name: name.to_owned(),
            kind,
            id: *id,
            public_key,
        })
    }

    pub(crate) fn of_signer(
        name: &str,
        kind: u8,
        signer: &dyn Signer,
    ) -> Result<Self, ParseKeyError> {
        match signer.algorithm() {
            SignatureAlgorithm::Ed25519 => {
                let public_key = signer.public_key().try_into().map_err(|_| ParseKeyError)?;
                Self::new(name, kind, public_key)
            }
            // [C2SP tlog-tiles, "Checkpoints"]: a checkpoint has an Ed25519 signature.
            SignatureAlgorithm::EcdsaP256Sha256 | SignatureAlgorithm::RsaPkcs1Sha256 => {
                Err(ParseKeyError)
            }
        }
    }

    pub(crate) fn parse(text: &str, kind: u8) -> Result<Self, ParseKeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ParseKeyError);
        };
        let key = STANDARD.decode(key).map_err(|_| ParseKeyError)?;
        let public_key = match key.split_first() {
            Some((found, public_key)) if *found == kind => public_key,
            _ => return Err(ParseKeyError),
        };
        let public_key = public_key.try_into().map_err(|_| ParseKeyError)?;
        let key = Self::new(name, kind, public_key)?;
        // The hash in the text must be that of the key: it catches a mistyped one.
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(ParseKeyError)
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> [u8; 4] {
        self.id
    }

    pub(crate) fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    pub(crate) fn is_named_by(&self, line: &SignatureLine) -> bool {
        line.key_name == self.name && line.key_id == self.id
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), NoteError> {
        SignatureAlgorithm::Ed25519
            .verify(&self.public_key, message, signature)
            .map_err(|_| NoteError::BadSignature)
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[self.kind], self.public_key.as_slice()].concat());
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{key}", self.name)
    }
}

pub(crate) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// The public key of a log: what a verifier is given, and trusts.
///
/// Its text form is `name+hash+key`, as in Go's `sumdb/note`: the name, the key id in
/// hexadecimal, and base64 of the type byte and the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifierKey(NamedKey);

impl VerifierKey {
    /// The Ed25519 key `public_key` under the name `name`.
    ///
    /// # Errors
    /// If the name is empty, or holds white space, a plus sign or a control character
    /// \[C2SP signed-note, "Format"\].
    pub fn new(name: &str, public_key: [u8; 32]) -> Result<Self, ParseKeyError> {
        NamedKey::new(name, TYPE_ED25519, public_key).map(Self)
    }

    /// The key that `signer` signs with, under the name `name`.
    ///
    /// # Errors
    /// As [`VerifierKey::new`], and if it is no Ed25519 key.
    pub fn of_signer(name: &str, signer: &dyn Signer) -> Result<Self, ParseKeyError> {
        NamedKey::of_signer(name, TYPE_ED25519, signer).map(Self)
    }

    /// The name, which for a log is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The 32 bytes of the Ed25519 key \[RFC 8032 §5.1.5\].
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.0.public_key()
    }

    pub(crate) fn id(&self) -> [u8; 4] {
        self.0.id()
    }

    pub(crate) fn is_named_by(&self, line: &SignatureLine) -> bool {
        self.0.is_named_by(line)
    }

    pub(crate) fn verify(&self, text: &str, line: &SignatureLine) -> Result<(), NoteError> {
        self.0.verify(text.as_bytes(), &line.signature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for VerifierKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        NamedKey::parse(text, TYPE_ED25519).map(Self)
    }
}

impl From<VerifierKey> for String {
    fn from(key: VerifierKey) -> Self {
        key.to_string()
    }
}

#[cfg(feature = "schema")]
countersign_core::schema::text_schema!(VerifierKey, crate::schema::verifier_key);

impl TryFrom<String> for VerifierKey {
    type Error = ParseKeyError;

    fn try_from(text: String) -> Result<Self, ParseKeyError> {
        text.parse()
    }
}

/// A log's key that a verifier trusts: for every size, or, once it was retired, up to one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrustedKey {
    key: VerifierKey,
    last_size: Option<u64>,
}

impl TrustedKey {
    /// A key that is in use.
    #[must_use]
    pub fn current(key: VerifierKey) -> Self {
        Self {
            key,
            last_size: None,
        }
    }

    /// A key that was retired, and vouches for nothing larger than `last_size` leaves: whoever
    /// gets hold of it later can not make a log longer with it.
    #[must_use]
    pub fn retired(key: VerifierKey, last_size: u64) -> Self {
        Self {
            key,
            last_size: Some(last_size),
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The largest size that it vouches for; `None` if there is no such bound.
    #[must_use]
    pub fn last_size(&self) -> Option<u64> {
        self.last_size
    }

    /// Whether it may vouch for a tree of that many leaves.
    #[must_use]
    pub fn reaches(&self, size: u64) -> bool {
        self.last_size.is_none_or(|last| size <= last)
    }
}

impl From<VerifierKey> for TrustedKey {
    fn from(key: VerifierKey) -> Self {
        Self::current(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and a checkpoint of a public test log; see the fixtures' README.
    const TESSERA: &str =
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

    #[test]
    fn a_verifier_key_comes_back_from_its_text() {
        let key: VerifierKey = TESSERA.parse().unwrap();
        assert_eq!(key.name(), "example.com/log/testdata");
        assert_eq!(key.to_string(), TESSERA);
    }

    #[test]
    fn a_mistyped_verifier_key_is_refused() {
        for bad in [
            "",
            "example.com/log/testdata",
            "example.com/log/testdata+33d7b496",
            "+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
            "example.com/log/testdatb+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
            "example.com/log/testdata+33d7b497+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
            "example.com/log/testdata+33D7B496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
            "example.com/log/testdata+33d7b496+AuHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
            "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkS",
            "a b+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
        ] {
            assert_eq!(bad.parse::<VerifierKey>(), Err(ParseKeyError), "{bad}");
        }
    }

    #[test]
    fn a_key_that_is_not_ed25519_signs_no_notes() {
        let (signer, _) = crate::ecdsa::EcdsaP256Signer::generate().unwrap();
        let key = VerifierKey::of_signer("log.example/a", &signer);
        assert_eq!(key, Err(ParseKeyError));
    }
}
