//! Checkpoints: what a log commits to, signed \[C2SP tlog-checkpoint\].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Sha256Digest;

use crate::note::{Note, NoteError, SignatureLine, sign_note};
use crate::signer::{Signer, SignerError};
use crate::verifier_key::{TrustedKey, VerifierKey};

/// The head of a log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Sha256Digest,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// The head of the log `origin` with `size` leaves under `root`.
    #[must_use]
    pub fn new(origin: &str, size: u64, root: Sha256Digest) -> Self {
        Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions: Vec::new(),
        }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`], for every rule of \[C2SP tlog-checkpoint, "Note text"\].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        Self::parse_lines(text).ok_or(NoteError::Malformed)
    }

    fn parse_lines(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?;
        let size = parse_decimal(lines.next()?)?;
        let root = parse_hash(lines.next()?)?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return None;
        }
        Some(Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions,
        })
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let root = STANDARD.encode(self.root.as_bytes());
        let mut text = format!("{}\n{}\n{root}\n", self.origin, self.size);
        for extension in &self.extensions {
            text.push_str(extension);
            text.push('\n');
        }
        text
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Sha256Digest {
        self.root
    }
}

/// A decimal number without leading zeroes.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// 32 bytes in base64, exactly.
pub(crate) fn parse_hash(text: &str) -> Option<Sha256Digest> {
    // A group of four characters has room for three bytes, and eleven such are 32 and one of padding.
    let mut bytes = [0; 36];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    let hash = bytes.first_chunk().filter(|hash| hash.len() == length)?;
    Some(Sha256Digest::from_bytes(*hash))
}

/// Signs a checkpoint. A [`Ledger`](crate::Ledger) does it for its own; this is for whoever makes
/// logs of another kind.
///
/// # Errors
/// If the backend fails.
///
/// # Security
/// Whoever signs two checkpoints of one log of which the larger does not continue the smaller has
/// forked it.
pub async fn sign(
    checkpoint: &Checkpoint,
    key: &VerifierKey,
    signer: &dyn Signer,
) -> Result<SignedCheckpoint, SignerError> {
    let note = sign_note(&checkpoint.text(), key, signer).await?;
    Ok(SignedCheckpoint::of_note(checkpoint.clone(), note))
}

/// A checkpoint with the note that it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
    bytes: Vec<u8>,
}

impl SignedCheckpoint {
    /// Reads a checkpoint. Nothing in it is to be trusted before [`SignedCheckpoint::verify`].
    ///
    /// # Errors
    /// [`NoteError::Malformed`] if the bytes are no signed note of a checkpoint.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let note = Note::parse(bytes)?;
        Ok(Self {
            checkpoint: Checkpoint::parse(note.text())?,
            note,
            bytes: bytes.to_vec(),
        })
    }

    /// Checks that the log itself signed it: a key whose name is the origin.
    ///
    /// # Errors
    /// As [`Note::verify`]; keys of another name are not asked.
    pub fn verify(&self, log_keys: &[VerifierKey]) -> Result<(), NoteError> {
        let keys: Vec<_> = log_keys
            .iter()
            .filter(|key| key.name() == self.checkpoint.origin)
            .cloned()
            .collect();
        self.note.verify(&keys)
    }

    /// Checks that the log itself signed it, by keys of which some may have been retired.
    ///
    /// # Errors
    /// As [`SignedCheckpoint::verify`]; [`NoteError::RetiredKey`] if only keys have signed it that
    /// do not reach its size.
    pub fn verify_by(&self, log_keys: &[TrustedKey]) -> Result<(), NoteError> {
        let keys = |reach: bool| -> Vec<VerifierKey> {
            let size = self.checkpoint.size;
            let keys = log_keys.iter().filter(|key| key.reaches(size) == reach);
            keys.map(|key| key.key().clone()).collect()
        };
        match self.verify(&keys(true)) {
            Err(NoteError::NoTrustedSignature) if self.verify(&keys(false)).is_ok() => {
                Err(NoteError::RetiredKey)
            }
            outcome => outcome,
        }
    }

    /// The same checkpoint with more signatures.
    pub(crate) fn with(&self, lines: &[SignatureLine]) -> Self {
        Self::of_note(self.checkpoint.clone(), self.note.with(lines))
    }

    /// The checkpoint whose text `note` has.
    pub(crate) fn of_note(checkpoint: Checkpoint, note: Note) -> Self {
        let bytes = note.to_bytes();
        Self {
            checkpoint,
            note,
            bytes,
        }
    }

    /// The note, which is the same as [`SignedCheckpoint::bytes`].
    pub(crate) fn note(&self) -> &Note {
        &self.note
    }

    /// What it says.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, byte for byte.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn a_checkpoint_comes_back_from_its_text() {
        for text in [
            format!("log.example/a\n0\n{ROOT}\n"),
            format!("log.example/a\n18446744073709551615\n{ROOT}\nextension\n"),
        ] {
            assert_eq!(Checkpoint::parse(&text).unwrap().text(), text);
        }
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        for bad in [
            String::new(),
            "\n".to_owned(),
            format!("\n1\n{ROOT}\n"),
            format!("log.example/a\n{ROOT}\n"),
            format!("log.example/a\n01\n{ROOT}\n"),
            format!("log.example/a\n+1\n{ROOT}\n"),
            format!("log.example/a\n-1\n{ROOT}\n"),
            format!("log.example/a\n18446744073709551616\n{ROOT}\n"),
            "log.example/a\n1\nAAAA\n".to_owned(),
            format!("log.example/a\n1\n{}\n", ROOT.trim_end_matches('=')),
            format!("log.example/a\n1\n{ROOT}"),
            format!("log.example/a\n1\n{ROOT}\n\n"),
            format!("log.example/a\n1\n{ROOT}\n\nextension\n"),
        ] {
            assert_eq!(Checkpoint::parse(&bad), Err(NoteError::Malformed), "{bad}");
        }
    }

    #[test]
    fn a_key_of_another_name_does_not_vouch_for_a_log() {
        use crate::ed25519::Ed25519Signer;
        let (signer, _) = Ed25519Signer::generate().unwrap();
        let witness = VerifierKey::of_signer("witness.example", &signer).unwrap();
        let head = Checkpoint::new("log.example/a", 0, crate::merkle::empty_root());
        let signed = pollster::block_on(sign(&head, &witness, &signer)).unwrap();
        assert_eq!(
            signed.verify(&[witness]),
            Err(NoteError::NoTrustedSignature)
        );
    }

    #[test]
    fn a_retired_key_vouches_up_to_its_last_size_only() {
        use crate::ed25519::Ed25519Signer;
        let (signer, _) = Ed25519Signer::generate().unwrap();
        let key = VerifierKey::of_signer("log.example/a", &signer).unwrap();
        let head = Checkpoint::new("log.example/a", 7, crate::merkle::empty_root());
        let signed = pollster::block_on(sign(&head, &key, &signer)).unwrap();
        let verify = |last| signed.verify_by(&[TrustedKey::retired(key.clone(), last)]);
        assert_eq!(verify(7), Ok(()));
        assert_eq!(verify(6), Err(NoteError::RetiredKey));
        assert_eq!(signed.verify_by(&[key.clone().into()]), Ok(()));
        assert_eq!(signed.verify_by(&[]), Err(NoteError::NoTrustedSignature));
    }
}
