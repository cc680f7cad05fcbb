//! Cosignatures: what witnesses say of a checkpoint, and when \[C2SP tlog-cosignature\].

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use countersign_core::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::checkpoint::SignedCheckpoint;
use crate::note::{NoteError, SignatureLine};
use crate::signer::{Signer, SignerError, sign_verified};
use crate::verifier_key::{NamedKey, ParseKeyError};

/// Signature type byte of a timestamped Ed25519 cosignature \[C2SP tlog-cosignature, "Format"\].
const TYPE_COSIGNATURE: u8 = 0x04;

/// The public key of a witness.
///
/// Its text form is that of a log's key, with another type byte: `name+hash+key`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WitnessKey(NamedKey);

impl WitnessKey {
    /// The Ed25519 key `public_key` under the name `name`.
    ///
    /// # Errors
    /// If the name is empty, or holds white space, a plus sign or a control character
    /// \[C2SP signed-note, "Format"\].
    pub fn new(name: &str, public_key: [u8; 32]) -> Result<Self, ParseKeyError> {
        NamedKey::new(name, TYPE_COSIGNATURE, public_key).map(Self)
    }

    /// The key that `signer` cosigns with, under the name `name`.
    ///
    /// # Errors
    /// As [`WitnessKey::new`], and if it is no Ed25519 key.
    pub fn of_signer(name: &str, signer: &dyn Signer) -> Result<Self, ParseKeyError> {
        NamedKey::of_signer(name, TYPE_COSIGNATURE, signer).map(Self)
    }

    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The 32 bytes of the Ed25519 key \[RFC 8032 §5.1.5\].
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.0.public_key()
    }

    pub(crate) fn is_named_by(&self, line: &SignatureLine) -> bool {
        self.0.is_named_by(line)
    }

    /// When the witness cosigned a note of that text, if it did.
    pub(crate) fn verify(&self, text: &str, line: &SignatureLine) -> Result<Timestamp, NoteError> {
        let (seconds, signature) = line
            .signature
            .split_first_chunk::<8>()
            .ok_or(NoteError::BadSignature)?;
        let seconds = u64::from_be_bytes(*seconds);
        // [C2SP tlog-cosignature, "Format"]: it must not exceed 2^63 - 1.
        let at = i64::try_from(seconds).map_err(|_| NoteError::BadSignature)?;
        self.0.verify(&message(seconds, text), signature)?;
        Ok(Timestamp::from_unix_millis(at.saturating_mul(1000)))
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for WitnessKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        NamedKey::parse(text, TYPE_COSIGNATURE).map(Self)
    }
}

impl From<WitnessKey> for String {
    fn from(key: WitnessKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for WitnessKey {
    type Error = ParseKeyError;

    fn try_from(text: String) -> Result<Self, ParseKeyError> {
        text.parse()
    }
}

/// What is signed \[C2SP tlog-cosignature, "Ed25519 signed message"\].
fn message(seconds: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

/// Cosigns a checkpoint: the signature line, with its newline.
///
/// It says that at `now` this is the largest tree of its log that the witness has seen. Whoever
/// calls has checked that; `countersign_testkit` has a witness that does.
///
/// # Errors
/// If the backend fails, or `now` is before 1970.
pub async fn cosign(
    checkpoint: &SignedCheckpoint,
    key: &WitnessKey,
    signer: &dyn Signer,
    now: Timestamp,
) -> Result<String, SignerError> {
    let seconds = u64::try_from(now.unix_millis().div_euclid(1000)).map_err(SignerError::new)?;
    let message = message(seconds, checkpoint.note().text());
    let mut signature = seconds.to_be_bytes().to_vec();
    signature.extend_from_slice(&sign_verified(signer, &message).await?);
    let line = SignatureLine {
        key_name: key.name().to_owned(),
        key_id: key.0.id(),
        signature,
    };
    Ok(line.to_string())
}

/// That a witness has cosigned a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness's name.
    pub witness: String,
    /// When it did, by its own clock.
    pub at: Timestamp,
}

/// The witnesses make no policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WitnessPolicyError {
    /// Nobody would be asked, or more than there are.
    #[error("{k} of {of} witnesses are no quorum")]
    Quorum {
        /// How many must have cosigned.
        k: usize,
        /// How many witnesses there are.
        of: usize,
    },
    /// A witness would count twice: a cosignature does not say the witness's name, so one key is
    /// one witness \[C2SP tlog-cosignature, "Ed25519 signed message"\].
    #[error("the witness `{name}` has the key or the name of another")]
    Twice {
        /// The name of the second.
        name: String,
    },
}

/// A checkpoint is not cosigned as a policy wants it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CosignatureError {
    /// A line that names a witness of the policy does not verify.
    #[error("the cosignature by `{witness}` does not verify")]
    Bad {
        /// The witness.
        witness: String,
    },
    /// Too few witnesses have cosigned.
    #[error("{found} witnesses have cosigned, and {k} must have")]
    TooFew {
        /// How many have.
        found: usize,
        /// How many must have.
        k: usize,
    },
}

/// Which witnesses are trusted, and how many of them must have cosigned a checkpoint.
///
/// # Example
/// ```
/// use countersign_audit::cosignature::{WitnessKey, WitnessPolicy};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = vec![
///     WitnessKey::new("witness.example/w1", [1; 32])?,
///     WitnessKey::new("witness.example/w2", [2; 32])?,
///     WitnessKey::new("witness.test", [3; 32])?,
/// ];
/// let two_of_three = WitnessPolicy::new(2, keys)?;
/// assert_eq!((two_of_three.k(), two_of_three.keys().len()), (2, 3));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessPolicy {
    k: usize,
    keys: Vec<WitnessKey>,
}

impl WitnessPolicy {
    /// `k` of the witnesses with these keys.
    ///
    /// # Errors
    /// If `k` is 0 or more than there are keys, or two keys are of one witness.
    pub fn new(k: usize, keys: Vec<WitnessKey>) -> Result<Self, WitnessPolicyError> {
        let of = keys.len();
        if k == 0 || k > of {
            return Err(WitnessPolicyError::Quorum { k, of });
        }
        let (mut names, mut publics) = (HashSet::new(), HashSet::new());
        for key in &keys {
            if !names.insert(key.name()) || !publics.insert(key.public_key()) {
                return Err(WitnessPolicyError::Twice {
                    name: key.name().to_owned(),
                });
            }
        }
        Ok(Self { k, keys })
    }

    /// How many must have cosigned.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// The keys of all witnesses.
    #[must_use]
    pub fn keys(&self) -> &[WitnessKey] {
        &self.keys
    }

    /// Checks that enough witnesses have cosigned; gives each that has, in the order of the
    /// policy, with the first time that it did. Lines by other keys are ignored.
    ///
    /// Whether the log has signed the checkpoint is another question:
    /// [`SignedCheckpoint::verify`].
    ///
    /// # Errors
    /// If too few have, or a line that names one of the witnesses does not verify: such a note was
    /// tampered with \[C2SP signed-note, "Signatures"\].
    pub fn verify(
        &self,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Vec<Cosignature>, CosignatureError> {
        let mut found = Vec::new();
        for key in &self.keys {
            found.extend(first_by(key, checkpoint)?);
        }
        if found.len() < self.k {
            return Err(CosignatureError::TooFew {
                found: found.len(),
                k: self.k,
            });
        }
        Ok(found)
    }
}

/// When this witness cosigned the checkpoint for the first time.
pub(crate) fn first_by(
    key: &WitnessKey,
    checkpoint: &SignedCheckpoint,
) -> Result<Option<Cosignature>, CosignatureError> {
    let note = checkpoint.note();
    let lines = note.signatures().iter();
    let times = lines
        .filter(|line| key.is_named_by(line))
        .map(|line| key.verify(note.text(), line))
        .collect::<Result<Vec<_>, _>>();
    let times = times.map_err(|_| CosignatureError::Bad {
        witness: key.name().to_owned(),
    })?;
    Ok(times.into_iter().min().map(|at| Cosignature {
        witness: key.name().to_owned(),
        at,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::ed25519::Ed25519Signer;
    use crate::merkle::empty_root;
    use crate::note::sign_note;
    use crate::verifier_key::VerifierKey;

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn later(seconds: u64) -> Timestamp {
        AT.saturating_add(std::time::Duration::from_secs(seconds))
    }

    struct Signed {
        checkpoint: SignedCheckpoint,
        keys: Vec<WitnessKey>,
        signers: Vec<Ed25519Signer>,
    }

    /// A checkpoint, and three witnesses that have not cosigned it.
    fn signed() -> Signed {
        let (signer, _) = Ed25519Signer::generate().unwrap();
        let key = VerifierKey::of_signer("log.example/a", &signer).unwrap();
        let checkpoint = Checkpoint::new("log.example/a", 0, empty_root());
        let note = pollster::block_on(sign_note(&checkpoint.text(), &key, &signer)).unwrap();
        let signers: Vec<_> = (0..3)
            .map(|_| Ed25519Signer::generate().unwrap().0)
            .collect();
        let key = |(n, signer): (usize, &Ed25519Signer)| {
            WitnessKey::of_signer(&format!("witness.example/w{n}"), signer).unwrap()
        };
        Signed {
            checkpoint: SignedCheckpoint::of_note(checkpoint, note),
            keys: signers.iter().enumerate().map(key).collect(),
            signers,
        }
    }

    impl Signed {
        fn line(&self, n: usize, at: Timestamp) -> SignatureLine {
            let cosigned = cosign(&self.checkpoint, &self.keys[n], &self.signers[n], at);
            let line = pollster::block_on(cosigned).unwrap();
            SignatureLine::parse_lines(&line).unwrap().remove(0)
        }

        fn two_of_three(&self) -> WitnessPolicy {
            WitnessPolicy::new(2, self.keys.clone()).unwrap()
        }
    }

    #[test]
    fn a_witness_key_comes_back_from_its_text_and_is_no_logs_key() {
        let text = signed().keys[0].to_string();
        assert_eq!(text.parse::<WitnessKey>().unwrap().to_string(), text);
        assert_eq!(text.parse::<VerifierKey>(), Err(ParseKeyError));
    }

    #[test]
    fn enough_cosignatures_verify() {
        let signed = signed();
        let cosigned = signed
            .checkpoint
            .with(&[signed.line(2, later(2)), signed.line(0, AT)]);
        let found = signed.two_of_three().verify(&cosigned).unwrap();
        let expected = [("witness.example/w0", AT), ("witness.example/w2", later(2))];
        let found: Vec<_> = found.iter().map(|c| (c.witness.as_str(), c.at)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn too_few_cosignatures_are_refused() {
        let signed = signed();
        let policy = signed.two_of_three();
        let too_few = |found| Err(CosignatureError::TooFew { found, k: 2 });
        assert_eq!(policy.verify(&signed.checkpoint), too_few(0));
        // Twice the same witness is one witness.
        let mut note = signed.checkpoint.note().to_bytes();
        for at in [AT, later(1)] {
            note.extend_from_slice(signed.line(1, at).to_string().as_bytes());
        }
        let once = SignedCheckpoint::parse(&note).unwrap();
        assert_eq!(policy.verify(&once), too_few(1));
    }

    #[test]
    fn a_cosignature_that_does_not_verify_refuses_the_note() {
        let signed = signed();
        let bad = |n: usize| CosignatureError::Bad {
            witness: format!("witness.example/w{n}"),
        };
        let good = [signed.line(0, AT), signed.line(1, AT)];
        let mut changed_time = signed.line(2, AT);
        changed_time.signature[7] ^= 1;
        let mut changed = signed.line(2, AT);
        changed.signature[8] ^= 1;
        let mut short = signed.line(2, AT);
        short.signature.truncate(7);
        let mut no_time = signed.line(2, AT);
        no_time.signature[0] = 0x80;
        for line in [changed_time, changed, short, no_time] {
            let cosigned = signed.checkpoint.with(&good).with(&[line]);
            assert_eq!(signed.two_of_three().verify(&cosigned), Err(bad(2)));
        }
    }

    #[test]
    fn a_cosignature_of_another_checkpoint_is_refused() {
        let (one, mut other) = (signed(), signed());
        other.checkpoint = SignedCheckpoint::of_note(
            Checkpoint::new("log.example/b", 0, empty_root()),
            one.checkpoint.note().clone(),
        );
        let moved = signed().checkpoint.with(&[one.line(0, AT)]);
        // The text of both is the same but for the log's name.
        let text = moved.note().to_bytes();
        let text = String::from_utf8(text)
            .unwrap()
            .replacen("log.example/a", "log.example/b", 1);
        let moved = SignedCheckpoint::parse(text.as_bytes()).unwrap();
        let policy = WitnessPolicy::new(1, one.keys.clone()).unwrap();
        assert!(matches!(
            policy.verify(&moved),
            Err(CosignatureError::Bad { .. })
        ));
    }

    #[test]
    fn cosignatures_by_unknown_keys_are_ignored_and_kept() {
        let (signed, stranger) = (signed(), signed());
        let lines = [signed.line(0, AT), signed.line(1, AT), stranger.line(2, AT)];
        let mut strange = lines[2].clone();
        strange.key_name = "stranger.example".to_owned();
        let cosigned = signed.checkpoint.with(&lines[..2]).with(&[strange.clone()]);
        assert_eq!(signed.two_of_three().verify(&cosigned).unwrap().len(), 2);
        assert_eq!(cosigned.note().signatures().last(), Some(&strange));
    }

    #[test]
    fn a_quorum_of_none_or_of_more_than_there_are_is_refused() {
        let keys = signed().keys;
        for k in [0, 4] {
            let refused = WitnessPolicy::new(k, keys.clone());
            assert_eq!(refused, Err(WitnessPolicyError::Quorum { k, of: 3 }));
        }
    }

    #[test]
    fn a_key_or_a_name_that_counts_twice_is_refused() {
        let mut keys = signed().keys;
        let again = WitnessKey::new("other.example", *keys[0].public_key()).unwrap();
        let renamed = WitnessKey::new(keys[1].name(), [9; 32]).unwrap();
        for twice in [again, renamed] {
            keys[2] = twice.clone();
            let name = twice.name().to_owned();
            let refused = WitnessPolicy::new(1, keys.clone());
            assert_eq!(refused, Err(WitnessPolicyError::Twice { name }));
        }
    }

    #[test]
    fn a_second_cosignature_by_a_witness_replaces_its_first() {
        let signed = signed();
        let once = signed.checkpoint.with(&[signed.line(0, AT)]);
        let twice = once.with(&[signed.line(0, later(5))]);
        assert_eq!(twice.note().signatures().len(), 2);
        let found = first_by(&signed.keys[0], &twice).unwrap().unwrap();
        assert_eq!(found.at, later(5));
    }

    /// The example of the specification is a line of 4 + 8 + 64 bytes.
    #[test]
    fn a_line_has_the_layout_of_the_specification() {
        let line = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let read = SignatureLine::parse_lines(line).unwrap().remove(0);
        assert_eq!(read.signature.len(), 72);
        assert_eq!(read.signature[..8], 1_679_315_147_u64.to_be_bytes());
        assert_eq!(read.to_string(), line);
    }
}
