//! Signed notes: text with signature lines \[C2SP signed-note\].

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::signer::{SignatureAlgorithm, Signer, SignerError, sign_verified};

/// Signature type byte of Ed25519 \[C2SP signed-note, "Signature types"\].
const TYPE_ED25519: u8 = 0x01;

/// What a signature line begins with: an em dash and a space \[C2SP signed-note, "Format"\].
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Longest note that is read: 16 signatures of 5 kB must be accepted \[C2SP signed-note,
/// "Format"\]; this is ten times that.
pub const MAX_NOTE_BYTES: usize = 1 << 20;

/// Most signature lines that are read: 16 must be accepted \[C2SP signed-note, "Format"\].
pub const MAX_SIGNATURES: usize = 64;

/// Why bytes are no note, or a note is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The bytes are no signed note \[C2SP signed-note, "Format"\].
    #[error("is not a signed note")]
    Malformed,
    /// No signature by a key that is trusted \[C2SP signed-note, "Signatures"\].
    #[error("has no signature by a trusted key")]
    NoTrustedSignature,
    /// A signature that names a trusted key does not verify \[C2SP signed-note, "Signatures"\].
    #[error("has a signature that names a trusted key and does not verify")]
    BadSignature,
}

/// The text is no verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a verifier key such as example.com/log+33d7b496+AeHTu4Q3hEIMHNqc6fAS…")]
pub struct ParseKeyError;

/// The public key of a log: what a verifier is given, and trusts.
///
/// Its text form is `name+hash+key`, as in Go's `sumdb/note`: the name, the key id in
/// hexadecimal, and base64 of the type byte and the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public_key: [u8; 32],
}

impl VerifierKey {
    /// The Ed25519 key `public_key` under the name `name`.
    ///
    /// # Errors
    /// If the name is empty, or holds white space, a plus sign or a control character
    /// \[C2SP signed-note, "Format"\].
    pub fn new(name: &str, public_key: [u8; 32]) -> Result<Self, ParseKeyError> {
        if !is_key_name(name) {
            return Err(ParseKeyError);
        }
        let mut context = Context::new(&SHA256);
        context.update(name.as_bytes());
        context.update(&[b'\n', TYPE_ED25519]);
        context.update(&public_key);
        let id = context
            .finish()
            .as_ref()
            .first_chunk()
            .copied()
            .ok_or(ParseKeyError)?;
        Ok(Self {
            name: name.to_owned(),
            id,
            public_key,
        })
    }

    /// The key that `signer` signs with, under the name `name`.
    ///
    /// # Errors
    /// As [`VerifierKey::new`], and if it is no Ed25519 key.
    pub fn of_signer(name: &str, signer: &dyn Signer) -> Result<Self, ParseKeyError> {
        match signer.algorithm() {
            SignatureAlgorithm::Ed25519 => {
                let public_key = signer.public_key().try_into().map_err(|_| ParseKeyError)?;
                Self::new(name, public_key)
            }
            // [C2SP tlog-tiles, "Checkpoints"]: a checkpoint has an Ed25519 signature.
            SignatureAlgorithm::EcdsaP256Sha256 | SignatureAlgorithm::RsaPkcs1Sha256 => {
                Err(ParseKeyError)
            }
        }
    }

    /// The name, which for a log is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the Ed25519 key \[RFC 8032 §5.1.5\].
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    fn signed(&self, line: &SignatureLine) -> bool {
        line.key_name == self.name && line.key_id == self.id
    }

    fn verify(&self, text: &str, signature: &[u8]) -> Result<(), NoteError> {
        UnparsedPublicKey::new(&ED25519, &self.public_key)
            .verify(text.as_bytes(), signature)
            .map_err(|_| NoteError::BadSignature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![TYPE_ED25519];
        key.extend_from_slice(&self.public_key);
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

impl From<VerifierKey> for String {
    fn from(key: VerifierKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for VerifierKey {
    type Error = ParseKeyError;
    fn try_from(text: String) -> Result<Self, ParseKeyError> {
        text.parse()
    }
}

impl FromStr for VerifierKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ParseKeyError);
        };
        let key = STANDARD.decode(key).map_err(|_| ParseKeyError)?;
        let Some((&TYPE_ED25519, public_key)) = key.split_first() else {
            return Err(ParseKeyError);
        };
        let public_key = public_key.try_into().map_err(|_| ParseKeyError)?;
        let key = Self::new(name, public_key)?;
        // The hash in the text must be that of the key: it catches a mistyped one.
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(ParseKeyError)
        }
    }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SignatureLine {
    key_name: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

impl SignatureLine {
    fn parse(line: &str) -> Option<Self> {
        let (key_name, signature) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let signature = STANDARD.decode(signature).ok()?;
        let (key_id, signature) = signature.split_first_chunk()?;
        if !is_key_name(key_name) || signature.is_empty() {
            return None;
        }
        Some(Self {
            key_name: key_name.to_owned(),
            key_id: *key_id,
            signature: signature.to_vec(),
        })
    }
}

/// A signed note as it was read. Its text must be ignored until [`Note::verify`] has earned it
/// trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`], for every rule of \[C2SP signed-note, "Format"\].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        Self::parse_format(bytes).ok_or(NoteError::Malformed)
    }

    fn parse_format(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_NOTE_BYTES {
            return None;
        }
        let note = std::str::from_utf8(bytes).ok()?;
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return None;
        }
        // The text ends with a newline; the last empty line parts it from the signatures.
        let end_of_text = note.rfind("\n\n")?.checked_add(1)?;
        let text = note.get(..end_of_text)?;
        let lines = note.get(end_of_text..)?.strip_prefix('\n')?;
        let lines = lines.strip_suffix('\n')?;
        let signatures: Vec<_> = lines
            .split('\n')
            .map(SignatureLine::parse)
            .collect::<Option<_>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return None;
        }
        Some(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The text, with its final newline. Not to be trusted before [`Note::verify`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks the signatures by the keys given; those by other keys are ignored.
    ///
    /// # Errors
    /// If none is by a key given, or one that names such a key does not verify
    /// \[C2SP signed-note, "Signatures"\].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(), NoteError> {
        let mut verified = false;
        for line in &self.signatures {
            for key in keys.iter().filter(|key| key.signed(line)) {
                key.verify(&self.text, &line.signature)?;
                verified = true;
            }
        }
        if verified {
            Ok(())
        } else {
            Err(NoteError::NoTrustedSignature)
        }
    }
}

/// Signs `text`, which must end with a newline and be non-empty lines, as a note.
pub(crate) async fn sign_note(
    text: &str,
    key: &VerifierKey,
    signer: &dyn Signer,
) -> Result<Vec<u8>, SignerError> {
    let mut signature = key.id.to_vec();
    // A backend that signs with another key than it names is not believed.
    signature.extend_from_slice(&sign_verified(signer, text.as_bytes()).await?);
    let line = STANDARD.encode(signature);
    let note = format!("{text}\n{SIGNATURE_PREFIX}{} {line}\n", key.name);
    Ok(note.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ed25519::Ed25519Signer;

    /// The key and a checkpoint of a public test log; see the fixtures' README.
    const TESSERA: &str =
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

    fn signed(text: &str) -> (Vec<u8>, VerifierKey) {
        let (signer, _) = Ed25519Signer::generate().unwrap();
        let key = VerifierKey::of_signer("log.example/a", &signer).unwrap();
        let note = pollster::block_on(sign_note(text, &key, &signer)).unwrap();
        (note, key)
    }

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
    fn a_signed_note_verifies_by_its_key() {
        let (note, key) = signed("one\n\ntwo\n");
        let note = Note::parse(&note).unwrap();
        assert_eq!(note.text(), "one\n\ntwo\n");
        assert_eq!(note.verify(&[key]), Ok(()));
    }

    #[test]
    fn a_changed_text_is_refused() {
        let (note, key) = signed("one\n");
        let changed = String::from_utf8(note).unwrap().replacen("one", "two", 1);
        let note = Note::parse(changed.as_bytes()).unwrap();
        assert_eq!(note.verify(&[key]), Err(NoteError::BadSignature));
    }

    #[test]
    fn a_note_without_a_trusted_signature_is_refused() {
        let (note, _) = signed("one\n");
        let (_, stranger) = signed("one\n");
        let note = Note::parse(&note).unwrap();
        assert_eq!(note.verify(&[stranger]), Err(NoteError::NoTrustedSignature));
        assert_eq!(note.verify(&[]), Err(NoteError::NoTrustedSignature));
    }

    #[test]
    fn signatures_by_unknown_keys_are_ignored() {
        let (mut note, key) = signed("one\n");
        note.extend_from_slice("\u{2014} witness.example AAAAAAAA\n".as_bytes());
        assert_eq!(Note::parse(&note).unwrap().verify(&[key]), Ok(()));
    }

    #[test]
    fn one_bad_signature_by_a_trusted_key_refuses_the_note() {
        let (note, key) = signed("one\n");
        let text = String::from_utf8(note).unwrap();
        let mut line = key.id.to_vec();
        line.extend_from_slice(&[0; 64]);
        let text = format!("{text}\u{2014} log.example/a {}\n", STANDARD.encode(line));
        let note = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(note.verify(&[key]), Err(NoteError::BadSignature));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let (note, _) = signed("one\n");
        let note = String::from_utf8(note).unwrap();
        for bad in [
            String::new(),
            "one\n".to_owned(),
            "one\n\n".to_owned(),
            note.trim_end().to_owned(),
            format!("{note}\n"),
            note.replace('\n', "\r\n"),
            note.replace("one", "o\tne"),
            note.replace('\u{2014}', "-"),
            note.replace("log.example/a", "log+example"),
            note.replace("log.example/a", ""),
            format!("{note}\u{2014} log.example/a !\n"),
            format!("{note}\u{2014} log.example/a AAAA\n"),
            format!("{note}trailing\n"),
            format!(
                "{note}{}",
                "\u{2014} w.example AAAAAAAA\n".repeat(MAX_SIGNATURES)
            ),
            format!("{}{note}", "x".repeat(MAX_NOTE_BYTES)),
        ] {
            assert_eq!(
                Note::parse(bad.as_bytes()),
                Err(NoteError::Malformed),
                "{bad:.60}"
            );
        }
        assert_eq!(Note::parse(b"\xff\n\nx"), Err(NoteError::Malformed));
    }
}
