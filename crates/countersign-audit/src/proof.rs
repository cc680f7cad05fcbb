//! Proof files: that an entry is in a log, for offline use \[C2SP tlog-proof\].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{LeafHash, Sha256Digest};
use thiserror::Error;

use crate::checkpoint::{SignedCheckpoint, parse_decimal, parse_hash};
use crate::merkle::{ProofError, verify_inclusion};

/// First line of a proof file \[C2SP tlog-proof, "Format"\].
const MAGIC: &str = "c2sp.org/tlog-proof@v1";

/// The bytes are no proof file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a proof file")]
pub struct ParseProofError;

/// That one entry is in a log at one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    index: u64,
    hashes: Vec<Sha256Digest>,
    checkpoint: SignedCheckpoint,
}

impl LogProof {
    /// Puts a proof together.
    #[must_use]
    pub fn new(index: u64, hashes: Vec<Sha256Digest>, checkpoint: SignedCheckpoint) -> Self {
        Self {
            index,
            hashes,
            checkpoint,
        }
    }

    /// Reads what [`LogProof::to_bytes`] writes.
    ///
    /// An `extra` line is refused: it is not authenticated, and evidence has no use for it.
    ///
    /// # Errors
    /// If the bytes are no proof file without extra data \[C2SP tlog-proof, "Format"\].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseProofError> {
        Self::parse_format(bytes, None).ok_or(ParseProofError)
    }

    /// As [`LogProof::parse`], for a file that most likely holds `checkpoint`, which is not read
    /// again then.
    ///
    /// # Errors
    /// As there; a file that holds another checkpoint is read all the same.
    pub fn parse_beside(
        bytes: &[u8],
        checkpoint: &SignedCheckpoint,
    ) -> Result<Self, ParseProofError> {
        Self::parse_format(bytes, Some(checkpoint)).ok_or(ParseProofError)
    }

    fn parse_format(bytes: &[u8], known: Option<&SignedCheckpoint>) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        if lines.next() != Some(MAGIC) {
            return None;
        }
        let index = parse_decimal(lines.next()?.strip_prefix("index ")?)?;
        let hashes: Vec<_> = lines.map(parse_hash).collect::<Option<_>>()?;
        // A tree has at most 2^64 leaves.
        if hashes.len() > 64 {
            return None;
        }
        let checkpoint = checkpoint.as_bytes();
        Some(Self {
            index,
            hashes,
            checkpoint: match known.filter(|known| known.bytes() == checkpoint) {
                Some(known) => known.clone(),
                None => SignedCheckpoint::parse(checkpoint).ok()?,
            },
        })
    }

    /// The proof file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{MAGIC}\nindex {}\n", self.index);
        for hash in &self.hashes {
            text.push_str(&STANDARD.encode(hash.as_bytes()));
            text.push('\n');
        }
        text.push('\n');
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.checkpoint.bytes());
        bytes
    }

    /// Checks that `leaf` is in the tree of the checkpoint. Whether the checkpoint is to be
    /// trusted is another question: [`SignedCheckpoint::verify`].
    ///
    /// # Errors
    /// If it is not shown to be.
    pub fn verify(&self, leaf: LeafHash) -> Result<(), ProofError> {
        let head = self.checkpoint.checkpoint();
        verify_inclusion(leaf, self.index, head.size(), &self.hashes, head.root())
    }

    /// The position of the leaf.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKPOINT: &str = "example.com/log/testdata\n1\n0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=\n\n\u{2014} example.com/log/testdata M9e0lhr9kuLxGdAtaUrhm84TQffVsLdcy808sN0a3WyniNlfcr9+bywoiIke1YYciCNjJGkCgIlQ8b16jhsmg/SChAM=\n";

    #[test]
    fn a_proof_comes_back_from_its_bytes() {
        let hash = "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=";
        for text in [
            format!("{MAGIC}\nindex 0\n\n{CHECKPOINT}"),
            format!("{MAGIC}\nindex 7\n{hash}\n{hash}\n\n{CHECKPOINT}"),
        ] {
            let proof = LogProof::parse(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(proof.to_bytes()).unwrap(), text);
            let beside = LogProof::parse_beside(text.as_bytes(), proof.checkpoint());
            assert_eq!(beside.unwrap(), proof);
        }
    }

    #[test]
    fn a_proof_of_the_only_leaf_verifies() {
        let text = format!("{MAGIC}\nindex 0\n\n{CHECKPOINT}");
        let proof = LogProof::parse(text.as_bytes()).unwrap();
        assert_eq!(proof.verify(crate::leaf::leaf_hash(b"one")), Ok(()));
        assert_eq!(
            proof.verify(crate::leaf::leaf_hash(b"two")),
            Err(ProofError::Root)
        );
    }

    #[test]
    fn a_proof_of_another_checkpoint_is_read_as_it_stands() {
        let known = SignedCheckpoint::parse(CHECKPOINT.as_bytes()).unwrap();
        let other = CHECKPOINT.replacen("\n1\n", "\n2\n", 1);
        let text = format!("{MAGIC}\nindex 0\n\n{other}");
        let proof = LogProof::parse_beside(text.as_bytes(), &known).unwrap();
        assert_eq!(proof, LogProof::parse(text.as_bytes()).unwrap());
        assert_ne!(*proof.checkpoint(), known);
        let broken = format!("{MAGIC}\nindex 0\n\n{CHECKPOINT}x");
        assert!(LogProof::parse_beside(broken.as_bytes(), &known).is_err());
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        for bad in [
            String::new(),
            format!("c2sp.org/tlog-proof@v2\nindex 0\n\n{CHECKPOINT}"),
            format!("{MAGIC}\nindex 00\n\n{CHECKPOINT}"),
            format!("{MAGIC}\nindex -1\n\n{CHECKPOINT}"),
            format!("{MAGIC}\n\n{CHECKPOINT}"),
            format!("{MAGIC}\nindex 0\nAAAA\n\n{CHECKPOINT}"),
            format!("{MAGIC}\nindex 0\n{CHECKPOINT}"),
            format!("{MAGIC}\nindex 0\n\n\n{CHECKPOINT}"),
            format!("{MAGIC}\nextra AAAA\nindex 0\n\n{CHECKPOINT}"),
            format!("{MAGIC}\r\nindex 0\r\n\r\n{CHECKPOINT}"),
            format!("{MAGIC}\nindex 0\n\n{CHECKPOINT}x"),
        ] {
            assert_eq!(
                LogProof::parse(bad.as_bytes()),
                Err(ParseProofError),
                "{bad}"
            );
        }
    }
}
