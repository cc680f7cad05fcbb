//! Records, and the files that prove them to be in a log.

use std::sync::Arc;

use countersign::memory::MemoryStore;
use countersign_audit::{Ed25519Signer, Ledger, LedgerStore};
use countersign_core::Entry;
use countersign_testkit::keys::IDP_ED25519_PKCS8;
use pollster::block_on;

use crate::{Failure, Seed};

/// The name of the log.
const ORIGIN: &str = "log.example/seeds";

/// One record of every kind.
pub(crate) fn records(entries: &[(&'static str, Entry)]) -> Vec<Seed> {
    entries
        .iter()
        .map(|(name, entry)| (*name, entry.bytes().to_vec()))
        .collect()
}

/// Proof files, a checkpoint and the openings of a record. The key is known to everybody, and an
/// Ed25519 signature of the same text is always the same [RFC 8032 §5.1.6].
pub(crate) fn proofs(entries: &[(&'static str, Entry)]) -> Result<Vec<Seed>, Failure> {
    let store = Arc::new(MemoryStore::new());
    let all: Vec<Entry> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    block_on(store.enqueue(&all))?;
    let signer = Arc::new(Ed25519Signer::from_pkcs8(IDP_ED25519_PKCS8)?);
    let ledger = block_on(Ledger::open(store, signer, ORIGIN))?;
    let checkpoint = block_on(ledger.advance())?;
    let mut seeds = vec![("checkpoint", checkpoint.bytes().to_vec())];
    for (index, (name, entry)) in (0_u64..).zip(entries) {
        if ["assertion-verified", "document-signed"].contains(name) {
            let proof = block_on(ledger.reader().log_proof(index, &checkpoint))?;
            seeds.push((name, proof.to_bytes()));
        }
        if *name == "user-provisioned" {
            let openings = entry.openings().ok_or("a person's record has openings")?;
            seeds.push(("openings", openings.to_vec()));
        }
    }
    Ok(seeds)
}
