//! Anchoring checkpoints in time: time-stamps over them, and over those in turn \[time.md\].

use std::sync::Arc;

use countersign_cms::timestamp::{
    Imprint, VerifiedTime, chained, read_response, request, stated_time, verify_chain,
};
use countersign_cms::{CmsError, DigestAlgorithm, TrustAnchor};
use countersign_core::{LeafHash, Sha256Digest, Timestamp};
use ring::digest::{SHA256, digest};

use crate::checkpoint::SignedCheckpoint;
use crate::damage::Damage;
use crate::error::AuditError;
use crate::leaf::into_array;
use crate::ledger::Ledger;
use crate::log::CheckpointAnchored;
use crate::note::NoteError;
use crate::proof::LogProof;
use crate::reader::LedgerReader;
use crate::receipt::Level;
use crate::seal::{Correlation, Entropy};
use crate::store::{Anchor, LedgerStore as _};
use crate::time_stamp_authority::TimeStampAuthority;

/// Who stamps a ledger's checkpoints, and whose word counts for that.
#[derive(Debug, Clone)]
pub struct TimeStamps {
    authority: Arc<dyn TimeStampAuthority>,
    roots: Vec<TrustAnchor>,
}

impl TimeStamps {
    /// Time-stamps by this authority, believed if a path leads from its certificate to one of
    /// these roots. The roots of renewed time-stamps stay among them.
    #[must_use]
    pub fn new(authority: Arc<dyn TimeStampAuthority>, roots: Vec<TrustAnchor>) -> Self {
        Self { authority, roots }
    }

    /// The roots: give them to whoever shall verify evidence.
    #[must_use]
    pub fn roots(&self) -> &[TrustAnchor] {
        &self.roots
    }

    /// Has `covered` stamped; the answer is checked to be one to this very request.
    async fn stamp(
        &self,
        covered: &[u8],
        algorithm: DigestAlgorithm,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, AuditError> {
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce)?;
        let request = request(&Imprint::of(algorithm, covered), nonce);
        let response = self.authority.stamp(&request).await?;
        Ok(read_response(&response, &request)?)
    }
}

/// An anchored checkpoint whose time-stamps have to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnchorDue {
    /// How many leaves it has: what [`Ledger::renew_anchor`] is told.
    pub size: u64,
    /// Until when its time-stamps hold. `None` if they do not hold now: the certificates have run
    /// out and it is too late, or they lead to no root that was given.
    pub until: Option<Timestamp>,
}

impl LedgerReader {
    /// The anchored checkpoints whose time-stamps do not hold until `horizon`, by these roots:
    /// from the smallest.
    ///
    /// Every chain is verified in full: until when it holds is known of one that holds, and to
    /// believe what its certificates say of themselves would pass over a damaged one until its time
    /// had run out. That is a few signatures each: those of ten years, one an hour, take about a
    /// minute. Renew what is due well before it runs out: what has run out can not be renewed.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn anchors_due(
        &self,
        roots: &[TrustAnchor],
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<Vec<AnchorDue>, AuditError> {
        let mut due = Vec::new();
        for size in self.store().anchors().await? {
            let last = size.saturating_sub(1);
            let anchor = self.store().anchor(last).await?;
            let Some(anchor) = anchor.filter(|anchor| anchor.size == size) else {
                return Err(Damage::Anchor { size }.into());
            };
            let held = verify_chain(&anchor.tokens, &anchor.note, roots, now);
            let until = held.ok().map(|time| time.valid_until);
            if until.is_none_or(|until| until < horizon) {
                due.push(AnchorDue { size, until });
            }
        }
        Ok(due)
    }
}

/// A checkpoint that is anchored in time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anchored {
    /// The checkpoint and its time-stamps, as they are kept.
    pub anchor: Anchor,
    /// What the first of them says: since when the checkpoint is there.
    pub time: VerifiedTime,
    /// The `checkpoint.anchored` record, which waits in the outbox; `None` if another anchored the
    /// same checkpoint before, and nothing was to be done.
    pub record: Option<LeafHash>,
}

impl Ledger {
    /// Takes a time-stamp of the last checkpoint, with the cosignatures that it has; where the
    /// ledger has witnesses, enough of them have to have cosigned it first. The answer is verified
    /// to the roots before it is kept, and `walk` seals a record of it.
    ///
    /// The record is a leaf of its own and makes the tree grow: anchor by the clock (every hour,
    /// every day), not until there is nothing left.
    ///
    /// # Errors
    /// [`AuditError::NotReached`] if the ledger was given no authority,
    /// [`AuditError::NotInTree`] if there is no checkpoint of at least one leaf,
    /// [`AuditError::TimeStampAuthority`] if it can not be reached, and
    /// [`AuditError::TimeStamp`] if it refuses, or what it answers does not hold: nothing is kept
    /// then. [`AuditError::NotWitnessed`] and others as [`Ledger::cosign`].
    ///
    /// # Cancellation
    /// Dropped between the two, the time-stamp is kept and its record is missing: nothing rests on
    /// the record.
    pub async fn anchor(
        &self,
        walk: &mut Correlation,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Anchored, AuditError> {
        let time_stamps = self.require_time_stamps()?;
        let cosigned = self.cosign().await?;
        cosigned.require()?;
        let size = cosigned.checkpoint.checkpoint().size();
        if let Some(anchor) = self.anchor_at(size).await? {
            return self.anchored_before(anchor, now);
        }
        let note = cosigned.checkpoint.bytes().to_vec();
        let token = time_stamps
            .stamp(&note, DigestAlgorithm::Sha256, entropy)
            .await?;
        let anchor = Anchor {
            size,
            note,
            tokens: vec![token],
        };
        self.keep_anchor(anchor, walk, entropy, now).await
    }

    /// Takes another time-stamp of an anchored checkpoint and of all its time-stamps, so that
    /// they still count when their certificates have run out or their hash has got weak. Do it
    /// before that: they have to hold now.
    ///
    /// # Errors
    /// As [`Ledger::anchor`]; [`AuditError::NotInTree`] if no checkpoint of this size is anchored;
    /// [`AuditError::Store`] with a conflict if another renewed it meanwhile.
    pub async fn renew_anchor(
        &self,
        size: u64,
        algorithm: DigestAlgorithm,
        walk: &mut Correlation,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Anchored, AuditError> {
        let time_stamps = self.require_time_stamps()?;
        let mut anchor = self.anchor_at(size).await?.ok_or(AuditError::NotInTree)?;
        verify_chain(&anchor.tokens, &anchor.note, &time_stamps.roots, now)?;
        let covered = chained(&anchor.note, &anchor.tokens);
        let token = time_stamps.stamp(&covered, algorithm, entropy).await?;
        anchor.tokens.push(token);
        self.keep_anchor(anchor, walk, entropy, now).await
    }

    /// [`LedgerReader::anchors_due`] by this ledger's own roots.
    ///
    /// # Errors
    /// As there; [`AuditError::NotReached`] if the ledger was given no authority.
    pub async fn anchors_due(
        &self,
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<Vec<AnchorDue>, AuditError> {
        let roots = self.require_time_stamps()?.roots();
        self.reader().anchors_due(roots, now, horizon).await
    }

    fn require_time_stamps(&self) -> Result<&TimeStamps, AuditError> {
        self.time_stamps()
            .ok_or(AuditError::NotReached(Level::Timestamped))
    }

    /// The anchor of the checkpoint of exactly this size.
    async fn anchor_at(&self, size: u64) -> Result<Option<Anchor>, AuditError> {
        let last = size.checked_sub(1).ok_or(AuditError::NotInTree)?;
        let anchor = self.reader().store().anchor(last).await?;
        Ok(anchor.filter(|anchor| anchor.size == size))
    }

    fn anchored_before(&self, anchor: Anchor, now: Timestamp) -> Result<Anchored, AuditError> {
        let roots = &self.require_time_stamps()?.roots;
        Ok(Anchored {
            time: verify_chain(&anchor.tokens, &anchor.note, roots, now)?,
            anchor,
            record: None,
        })
    }

    /// Verifies the whole chain, keeps it, and records its last time-stamp.
    async fn keep_anchor(
        &self,
        anchor: Anchor,
        walk: &mut Correlation,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Anchored, AuditError> {
        let roots = &self.require_time_stamps()?.roots;
        let time = verify_chain(&anchor.tokens, &anchor.note, roots, now)?;
        let checkpoint = self.anchored_checkpoint(&anchor).await?;
        let token = anchor.tokens.last().ok_or(AuditError::NotInTree)?;
        let tokens = anchor.tokens.len();
        let body = CheckpointAnchored {
            gen_time: stated_time(token)?,
            note_sha256: sha256(&anchor.note),
            root: checkpoint.checkpoint().root(),
            size: anchor.size,
            token_sha256: sha256(token),
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        };
        let sealed = walk.seal(body.draft(), now, entropy)?;
        let store = self.reader().store();
        let kept = store.put_anchor(&anchor, tokens.saturating_sub(1)).await;
        match kept {
            // Another anchored the same checkpoint in the same moment: one time-stamp is enough.
            Err(error) if error.is_conflict() && tokens == 1 => {
                let theirs = self.anchor_at(anchor.size).await?;
                return self.anchored_before(theirs.ok_or(error)?, now);
            }
            kept => kept?,
        }
        let record = sealed.leaf().hash();
        store.enqueue(&[sealed.into_parts().0]).await?;
        Ok(Anchored {
            anchor,
            time,
            record: Some(record),
        })
    }

    /// The checkpoint of an anchor, signed by the key that this ledger has, or by one that it had
    /// at that size.
    async fn anchored_checkpoint(&self, anchor: &Anchor) -> Result<SignedCheckpoint, AuditError> {
        let checkpoint = SignedCheckpoint::parse(&anchor.note).map_err(|_| Damage::Checkpoint)?;
        match checkpoint.verify(std::slice::from_ref(self.verifier_key())) {
            // Only then have the keys that were retired to be read.
            Err(NoteError::NoTrustedSignature) => {
                let keys = self.reader().log_keys(self.verifier_key()).await?;
                checkpoint.verify_by(&keys)
            }
            outcome => outcome,
        }
        .map_err(|_| Damage::Checkpoint)?;
        Ok(checkpoint)
    }

    /// The proof that a leaf is under the first anchored checkpoint after it, with its
    /// time-stamps; `None` if there is none that holds, by this ledger's roots and its keys.
    pub(crate) async fn anchored_proof(
        &self,
        index: u64,
        leaf: LeafHash,
    ) -> Result<Option<(LogProof, Vec<Vec<u8>>)>, AuditError> {
        let Some(time_stamps) = self.time_stamps() else {
            return Ok(None);
        };
        let Some(anchor) = self.reader().store().anchor(index).await? else {
            return Ok(None);
        };
        let checkpoint = match self.anchored_checkpoint(&anchor).await {
            Ok(checkpoint) => checkpoint,
            Err(AuditError::Damaged(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let witnesses = self.witnesses().map(|witnesses| witnesses.policy());
        if witnesses.is_some_and(|policy| policy.verify(&checkpoint).is_err()) {
            return Ok(None);
        }
        // They held when the last of them was taken; whether they hold today is the question of
        // who verifies evidence.
        if held(&anchor, &time_stamps.roots).is_err() {
            return Ok(None);
        }
        let proof = self.reader().log_proof(index, &checkpoint).await?;
        // A receipt is not handed out on the store's word alone.
        proof.verify(leaf).map_err(|_| Damage::Forked {
            signed_size: anchor.size,
        })?;
        Ok(Some((proof, anchor.tokens)))
    }
}

/// Checks a chain at the time that its last time-stamp states.
fn held(anchor: &Anchor, roots: &[TrustAnchor]) -> Result<VerifiedTime, CmsError> {
    let last = anchor.tokens.last().map(Vec::as_slice).unwrap_or_default();
    verify_chain(&anchor.tokens, &anchor.note, roots, stated_time(last)?)
}

fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(into_array(&digest(&SHA256, bytes)))
}
