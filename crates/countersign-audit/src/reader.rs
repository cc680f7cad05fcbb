//! What a ledger can show: roots, proofs, entries. Needs no key.

use std::sync::Arc;

use countersign_core::{Entry, Sha256Digest};

use crate::checkpoint::SignedCheckpoint;
use crate::damage::Damage;
use crate::error::AuditError;
use crate::merkle::{Frontier, Subtree, consistency_path, fold, inclusion_path};
use crate::private::PrivatePart;
use crate::proof::LogProof;
use crate::store::{EntryQuery, LedgerStore, NodeId, StoredEntry};
use crate::vault::{Vault, VaultError, in_the_clear};

/// Reads a ledger.
#[derive(Debug, Clone)]
pub struct LedgerReader {
    store: Arc<dyn LedgerStore>,
    vault: Option<Vault>,
}

impl LedgerReader {
    /// Reads the ledger in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn LedgerStore>) -> Self {
        Self { store, vault: None }
    }

    /// Opens private parts by this vault.
    #[must_use]
    pub fn with_vault(mut self, vault: Vault) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Where the ledger lives.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn LedgerStore> {
        &self.store
    }

    /// How many leaves the tree has.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn size(&self) -> Result<u64, AuditError> {
        Ok(self.store.size().await?)
    }

    /// Finds one entry, in the tree or still in the outbox.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, AuditError> {
        Ok(self.store.entry(query).await?)
    }

    /// Opens the private part of an entry; `None` if it has none, or none any more.
    ///
    /// # Errors
    /// [`AuditError::Vault`] if it is encrypted and there is no vault, or it can not be opened.
    pub async fn private_part(&self, entry: &Entry) -> Result<Option<PrivatePart>, AuditError> {
        if let Some(vault) = &self.vault {
            return Ok(vault.open(entry).await?);
        }
        let (leaf, Some(private)) = (entry.leaf(), entry.private()) else {
            return Ok(None);
        };
        match private.key_id.clone() {
            Some(key) => Err(VaultError::NoVault { leaf, key }.into()),
            None => Ok(Some(in_the_clear(leaf, &private.bytes)?)),
        }
    }

    /// The last checkpoint, unverified.
    ///
    /// # Errors
    /// If the store fails, or what it holds is no checkpoint of the size it says.
    pub async fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, AuditError> {
        let Some(stored) = self.store.checkpoint().await? else {
            return Ok(None);
        };
        match SignedCheckpoint::parse(&stored.note) {
            Ok(signed) if signed.checkpoint().size() == stored.size => Ok(Some(signed)),
            _ => Err(Damage::Checkpoint.into()),
        }
    }

    /// The checkpoint of that size that was time-stamped, unverified.
    pub(crate) async fn anchored(&self, size: u64) -> Result<SignedCheckpoint, AuditError> {
        let damage = Damage::Anchor { size };
        // The empty tree has no leaf to ask by, and nothing to anchor.
        let before = size.checked_sub(1).ok_or(damage)?;
        let anchor = self.store.anchor(before).await?.ok_or(damage)?;
        match SignedCheckpoint::parse(&anchor.note) {
            Ok(signed) if anchor.size == size && signed.checkpoint().size() == size => Ok(signed),
            _ => Err(damage.into()),
        }
    }

    /// The root of the tree of the first `size` leaves.
    ///
    /// # Errors
    /// If the store fails, or does not hold that many leaves.
    pub async fn root(&self, size: u64) -> Result<Sha256Digest, AuditError> {
        Ok(self.frontier(size).await?.root())
    }

    /// The hashes that prove that the leaf at `index` is in the tree of `size` leaves
    /// \[RFC 9162 §2.1.3.1\].
    ///
    /// # Errors
    /// If there is no such leaf, the store fails, or nodes are missing.
    pub async fn inclusion_proof(
        &self,
        index: u64,
        size: u64,
    ) -> Result<Vec<Sha256Digest>, AuditError> {
        let path = inclusion_path(index, size).ok_or(AuditError::NotInTree)?;
        self.hashes(&path).await
    }

    /// The hashes that prove that the tree of `new_size` leaves continues that of `old_size`
    /// \[RFC 9162 §2.1.4.1\].
    ///
    /// # Errors
    /// If there can be no such proof, the store fails, or nodes are missing.
    pub async fn consistency_proof(
        &self,
        old_size: u64,
        new_size: u64,
    ) -> Result<Vec<Sha256Digest>, AuditError> {
        let path = consistency_path(old_size, new_size).ok_or(AuditError::NotInTree)?;
        self.hashes(&path).await
    }

    /// The proof file of the leaf at `index`, against `checkpoint`.
    ///
    /// # Errors
    /// As [`LedgerReader::inclusion_proof`].
    pub async fn log_proof(
        &self,
        index: u64,
        checkpoint: &SignedCheckpoint,
    ) -> Result<LogProof, AuditError> {
        let size = checkpoint.checkpoint().size();
        let hashes = self.inclusion_proof(index, size).await?;
        Ok(LogProof::new(index, hashes, checkpoint.clone()))
    }

    /// The right edge of the tree of the first `size` leaves.
    pub(crate) async fn frontier(&self, size: u64) -> Result<Frontier, AuditError> {
        let peaks = self.nodes(&Subtree::whole(size).complete_nodes()).await?;
        Ok(Frontier::from_peaks(size, peaks))
    }

    pub(crate) async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Sha256Digest>, AuditError> {
        let hashes = self.store.nodes(ids).await?;
        ids.iter()
            .zip(hashes.into_iter().chain(std::iter::repeat(None)))
            .map(|(id, hash)| hash.ok_or_else(|| Damage::MissingNode(*id).into()))
            .collect()
    }

    /// One hash for each subtree, read with one question to the store.
    async fn hashes(&self, path: &[Subtree]) -> Result<Vec<Sha256Digest>, AuditError> {
        let complete: Vec<_> = path
            .iter()
            .map(|subtree| subtree.complete_nodes())
            .collect();
        let hashes = self.nodes(&complete.concat()).await?;
        let mut rest = hashes.as_slice();
        Ok(complete
            .iter()
            .map(|nodes| {
                let (these, others) = rest.split_at_checked(nodes.len()).unwrap_or((rest, &[]));
                rest = others;
                fold(these)
            })
            .collect())
    }
}
