//! Signed notes: text with signature lines \[C2SP signed-note\].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::signer::{Signer, SignerError, sign_verified};
use crate::verifier_key::is_key_name;
pub use crate::verifier_key::{ParseKeyError, VerifierKey};

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
    /// Of the keys that are trusted, only ones that were retired before have signed it.
    #[error("is signed by a key that was retired at a smaller size")]
    RetiredKey,
}

/// One signature: who made it, by name and key id, and the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureLine {
    pub(crate) key_name: String,
    pub(crate) key_id: [u8; 4],
    pub(crate) signature: Vec<u8>,
}

impl SignatureLine {
    /// The lines of a note, or those that a witness answers with: each ends with a newline.
    pub(crate) fn parse_lines(lines: &str) -> Option<Vec<Self>> {
        let lines = lines.strip_suffix('\n')?;
        let lines: Vec<_> = lines.split('\n').map(Self::parse).collect::<Option<_>>()?;
        (lines.len() <= MAX_SIGNATURES).then_some(lines)
    }

    /// Whether it is by the same key, as far as a line tells.
    pub(crate) fn is_by_the_key_of(&self, other: &Self) -> bool {
        self.key_name == other.key_name && self.key_id == other.key_id
    }

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

impl fmt::Display for SignatureLine {
    /// The line with its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = STANDARD.encode([&self.key_id, self.signature.as_slice()].concat());
        writeln!(f, "{SIGNATURE_PREFIX}{} {signature}", self.key_name)
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
        Some(Self {
            text: text.to_owned(),
            signatures: SignatureLine::parse_lines(lines)?,
        })
    }

    /// The note, byte for byte as it was read.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut note = format!("{}\n", self.text);
        for line in &self.signatures {
            note.push_str(&line.to_string());
        }
        note.into_bytes()
    }

    /// The signatures, in their order.
    pub(crate) fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// The same text with these signatures as well, each in place of an older one by its key.
    pub(crate) fn with(&self, lines: &[SignatureLine]) -> Self {
        let mut note = self.clone();
        for line in lines {
            let same = |old: &&mut SignatureLine| old.is_by_the_key_of(line);
            match note.signatures.iter_mut().find(same) {
                Some(old) => old.clone_from(line),
                None => note.signatures.push(line.clone()),
            }
        }
        note
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
            for key in keys.iter().filter(|key| key.is_named_by(line)) {
                key.verify(&self.text, line)?;
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
) -> Result<Note, SignerError> {
    Ok(Note {
        text: text.to_owned(),
        signatures: vec![sign_text(text, key, signer).await?],
    })
}

/// The line with which `signer` signs a note of that text.
pub(crate) async fn sign_text(
    text: &str,
    key: &VerifierKey,
    signer: &dyn Signer,
) -> Result<SignatureLine, SignerError> {
    Ok(SignatureLine {
        key_name: key.name().to_owned(),
        key_id: key.id(),
        // A backend that signs with another key than it names is not believed.
        signature: sign_verified(signer, text.as_bytes()).await?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ed25519::Ed25519Signer;

    fn signed(text: &str) -> (Vec<u8>, VerifierKey) {
        let (signer, _) = Ed25519Signer::generate().unwrap();
        let key = VerifierKey::of_signer("log.example/a", &signer).unwrap();
        let note = pollster::block_on(sign_note(text, &key, &signer)).unwrap();
        (note.to_bytes(), key)
    }

    #[test]
    fn a_signed_note_verifies_by_its_key() {
        let (note, key) = signed("one\n\ntwo\n");
        let note = Note::parse(&note).unwrap();
        assert_eq!(note.text(), "one\n\ntwo\n");
        assert_eq!(Note::parse(&note.to_bytes()), Ok(note.clone()));
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
        let read = Note::parse(&note).unwrap();
        assert_eq!(read.verify(&[key]), Ok(()));
        // And kept: somebody else may know that key.
        assert_eq!(read.to_bytes(), note);
    }

    #[test]
    fn one_bad_signature_by_a_trusted_key_refuses_the_note() {
        let (note, key) = signed("one\n");
        let text = String::from_utf8(note).unwrap();
        let mut line = key.id().to_vec();
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
