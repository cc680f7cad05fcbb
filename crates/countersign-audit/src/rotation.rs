//! Replacing the log's key, and knowing the keys that were.

use std::sync::Arc;

use countersign_core::Timestamp;

use crate::checkpoint::{Checkpoint, SignedCheckpoint, sign};
use crate::damage::Damage;
use crate::error::AuditError;
use crate::leaf::Leaf;
use crate::ledger::{Ledger, MAX_ATTEMPTS};
use crate::log::KeyRotated;
use crate::note::sign_text;
use crate::reader::LedgerReader;
use crate::record::{Actor, Recorded};
use crate::seal::{Correlation, Entropy};
use crate::signer::Signer;
use crate::store::{EntryQuery, LedgerStore as _, StoredCheckpoint};
use crate::verifier_key::{TrustedKey, VerifierKey};

/// A rotation as the ledger holds it.
#[derive(Debug)]
pub(crate) struct Rotation {
    record: Recorded<KeyRotated>,
    /// The position of its leaf; `None` while it waits in the outbox.
    index: Option<u64>,
}

impl Rotation {
    /// Whether a tree of that size has its leaf.
    fn is_covered_by(&self, size: u64) -> bool {
        self.index.is_some_and(|index| index < size)
    }

    /// The key that it replaces, which signs alone whatever does not cover the record: until the
    /// record has its leaf that is without a bound.
    fn retired(&self) -> TrustedKey {
        let key = self.record.body().retired_key.clone();
        match self.index {
            Some(index) => TrustedKey::retired(key, index),
            None => TrustedKey::current(key),
        }
    }
}

/// Who replaces a log's key, and when.
#[derive(Debug)]
pub struct RotationOrder<'a> {
    /// The walk that the record belongs to.
    pub walk: &'a mut Correlation,
    /// Who does it.
    pub by: Actor,
    /// Why, in their own words; committed to, not written.
    pub note: Option<&'a str>,
    /// When.
    pub now: Timestamp,
    /// Where the record's id and salts come from.
    pub entropy: &'a dyn Entropy,
}

/// A log whose key was replaced.
#[derive(Debug)]
pub struct Rotated {
    /// The ledger with the new key; the one before signs nothing any more.
    pub ledger: Ledger,
    /// The retired key, as verifiers trust it from now on.
    pub retired: TrustedKey,
    /// The checkpoint that both keys have signed.
    pub checkpoint: SignedCheckpoint,
}

impl LedgerReader {
    /// Every key that the log has had, the current one first, each that was retired with the last
    /// size that it vouches for: what a verifier is to be given.
    ///
    /// Nothing here is proved: whoever gives keys to verifiers knows the current one from
    /// elsewhere.
    ///
    /// # Errors
    /// If the store fails, or the record of a rotation can not be read.
    pub async fn log_keys(&self, current: &VerifierKey) -> Result<Vec<TrustedKey>, AuditError> {
        let mut keys = vec![TrustedKey::current(current.clone())];
        let mut rotation = self.rotation().await?;
        while let Some(found) = rotation {
            keys.push(found.retired());
            rotation = self.rotation_before(&found).await?;
        }
        keys.retain({
            let mut first = true;
            move |key| std::mem::take(&mut first) || key.key() != current
        });
        Ok(keys)
    }

    /// The last rotation.
    pub(crate) async fn rotation(&self) -> Result<Option<Rotation>, AuditError> {
        match self.store().rotation().await? {
            Some(leaf) => self.read_rotation(Leaf::from_store(leaf)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn rotation_before(&self, rotation: &Rotation) -> Result<Option<Rotation>, AuditError> {
        match rotation.record.parents() {
            [] => Ok(None),
            [leaf, ..] => self.read_rotation(Leaf::from_store(*leaf)).await.map(Some),
        }
    }

    async fn read_rotation(&self, leaf: Leaf<KeyRotated>) -> Result<Rotation, AuditError> {
        let stored = self.entry(&EntryQuery::Leaf(leaf.hash())).await?;
        let stored = stored.ok_or(Damage::Rotation)?;
        let record = Recorded::<KeyRotated>::parse(stored.entry.bytes());
        let record = record.map_err(|_| Damage::Rotation)?;
        if record.leaf().hash() != leaf.hash() {
            return Err(Damage::Rotation.into());
        }
        Ok(Rotation {
            record,
            index: stored.index,
        })
    }
}

impl Ledger {
    /// Replaces the key that signs the checkpoints.
    ///
    /// The record of it is written, and the checkpoint that covers the record is signed by both
    /// keys: whoever trusts the retired one is shown the new one by it. From then on only the new
    /// key signs, and a ledger with the retired one, in this process or another, refuses to.
    ///
    /// A rotation that was interrupted is finished by the same call with the same new key; until
    /// then no checkpoint covers its record, and nothing is signed that would. If all was done and
    /// only the answer was lost, the same call gives it, until the new key has signed more.
    ///
    /// # Errors
    /// [`AuditError::Origin`] if the new key can not sign notes; [`AuditError::Signer`] if either
    /// key does not sign: if it is the new one, nothing was written. [`AuditError::SameKey`] if it
    /// is the key that is in use; [`AuditError::RotationUnfinished`] if another key's rotation was
    /// begun; [`AuditError::RetiredKey`] if this ledger's key was retired already. Otherwise as
    /// [`Ledger::advance`].
    ///
    /// # Security
    /// Give [`Rotated::retired`] to whoever verifies offline: a retired key that is stolen later
    /// can not make the log longer then. Witnesses have to be given the new key before they
    /// cosign again.
    pub async fn rotate(
        &self,
        signer: Arc<dyn Signer>,
        order: RotationOrder<'_>,
    ) -> Result<Rotated, AuditError> {
        let origin = self.verifier_key().name();
        let key = VerifierKey::of_signer(origin, &*signer).map_err(AuditError::Origin)?;
        if key == *self.verifier_key() {
            return Err(AuditError::SameKey);
        }
        // A key that does not sign is found out before anything says that it will.
        let head = Checkpoint::new(origin, 0, crate::merkle::empty_root());
        sign(&head, &key, &*signer).await?;
        let signed = self.reader().checkpoint().await?;
        let signed_size = signed.as_ref().map_or(0, |last| last.checkpoint().size());
        let last = self.reader().rotation().await?;
        if let (Some(last), Some(signed)) = (&last, signed)
            && self.has_rotated(last, &key, &signed).await?
        {
            return Ok(self.rotated(last, signer, key, signed));
        }
        self.check_is_current(signed_size).await?;
        let rotation = match last {
            Some(begun) if begun.record.body().retired_key == *self.verifier_key() => begun,
            last => self.begin(&key, last, order).await?,
        };
        if rotation.record.body().key != key {
            return Err(AuditError::RotationUnfinished {
                key: rotation.record.body().key.clone(),
            });
        }
        self.integrate().await?;
        let checkpoint = self.sign_by_both(&key, &*signer).await?;
        let leaf = rotation.record.leaf();
        // Its leaf has a position only now.
        let rotation = self.reader().read_rotation(leaf).await?;
        if !rotation.is_covered_by(checkpoint.checkpoint().size()) {
            return Err(Damage::Rotation.into());
        }
        Ok(self.rotated(&rotation, signer, key, checkpoint))
    }

    fn rotated(
        &self,
        rotation: &Rotation,
        signer: Arc<dyn Signer>,
        key: VerifierKey,
        checkpoint: SignedCheckpoint,
    ) -> Rotated {
        let ledger = self.with_key(signer, key, rotation.record.leaf().hash());
        ledger.saw(checkpoint.checkpoint());
        Rotated {
            ledger,
            retired: rotation.retired(),
            checkpoint,
        }
    }

    /// Whether the last checkpoint is the one that ends this very rotation, from this ledger's key
    /// to `key`: both have signed it, and it covers the record.
    async fn has_rotated(
        &self,
        rotation: &Rotation,
        key: &VerifierKey,
        last: &SignedCheckpoint,
    ) -> Result<bool, AuditError> {
        let (body, head) = (rotation.record.body(), last.checkpoint());
        let is_this = body.key == *key && body.retired_key == *self.verifier_key();
        let both = [self.verifier_key(), key];
        let by_both = both.map(std::slice::from_ref);
        let is_signed = by_both.into_iter().all(|key| last.verify(key).is_ok());
        if !is_this || !is_signed || !rotation.is_covered_by(head.size()) {
            return Ok(false);
        }
        self.check_head(head, self.reader().size().await?).await?;
        Ok(true)
    }

    async fn begin(
        &self,
        key: &VerifierKey,
        last: Option<Rotation>,
        order: RotationOrder<'_>,
    ) -> Result<Rotation, AuditError> {
        self.advance().await?;
        let body = KeyRotated {
            key: key.clone(),
            origin: self.verifier_key().name().to_owned(),
            retired_key: self.verifier_key().clone(),
        };
        let last = last.map(|last| last.record.leaf());
        let draft = body.draft(last, order.by, order.note);
        let sealed = order.walk.seal(draft, order.now, order.entropy)?;
        let store = self.reader().store();
        store.rotate(last.map(Leaf::hash), sealed.entry()).await?;
        Ok(Rotation {
            record: sealed.recorded().clone(),
            index: None,
        })
    }

    async fn sign_by_both(
        &self,
        key: &VerifierKey,
        signer: &dyn Signer,
    ) -> Result<SignedCheckpoint, AuditError> {
        let mut attempts = 0_usize;
        loop {
            let last = self.last_checkpoint().await?;
            let size = self.reader().size().await?;
            if let Some(last) = &last {
                self.check_head(last.checkpoint(), size).await?;
                self.check_may_sign_alone(last.checkpoint().size()).await?;
            }
            let root = self.reader().root(size).await?;
            let head = Checkpoint::new(key.name(), size, root);
            let signed = sign(&head, self.verifier_key(), self.signer()).await?;
            let line = sign_text(&head.text(), key, signer).await?;
            let signed = signed.with(&[line]);
            let (last, new) = (last.as_ref().map(StoredCheckpoint::of), &signed);
            let new = StoredCheckpoint::of(new);
            match self
                .reader()
                .store()
                .put_checkpoint(last.as_ref(), &new)
                .await
            {
                Ok(()) => return Ok(signed),
                Err(error) if error.is_conflict() && attempts < MAX_ATTEMPTS => {
                    attempts = attempts.saturating_add(1);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether this ledger's key is the one to open it with: the last checkpoint is of `size`
    /// leaves.
    pub(crate) async fn check_is_current(&self, size: u64) -> Result<(), AuditError> {
        let Some(last) = self.reader().rotation().await? else {
            return Ok(());
        };
        let body = last.record.body();
        if body.key == *self.verifier_key() {
            if last.is_covered_by(size) {
                self.knows_rotation(last.record.leaf().hash());
                return Ok(());
            }
            return Err(AuditError::RotationUnfinished {
                key: body.key.clone(),
            });
        }
        let mut rotation = Some(last);
        while let Some(found) = rotation {
            let retired = found.retired();
            if retired.key() == self.verifier_key() && found.is_covered_by(size) {
                return Err(AuditError::RetiredKey {
                    last_size: retired.last_size().unwrap_or(0),
                });
            }
            rotation = self.reader().rotation_before(&found).await?;
        }
        Ok(())
    }

    /// Whether this key alone may sign a tree of that size. The size was read before: a rotation
    /// that is not there yet is not in a tree of it either.
    pub(crate) async fn check_may_sign_alone(&self, size: u64) -> Result<(), AuditError> {
        let last = self.reader().store().rotation().await?;
        if last == self.known_rotation() {
            return Ok(());
        }
        let Some(last) = self.reader().rotation().await? else {
            // A rotation that was there is gone.
            return Err(Damage::Rotation.into());
        };
        if !last.is_covered_by(size) {
            return Ok(());
        }
        let signed = self.reader().checkpoint().await?;
        let signed_size = signed.map_or(0, |signed| signed.checkpoint().size());
        self.check_is_current(signed_size).await?;
        if last.record.body().key == *self.verifier_key() {
            return Ok(());
        }
        Err(AuditError::RotationUnfinished {
            key: last.record.body().key.clone(),
        })
    }
}
