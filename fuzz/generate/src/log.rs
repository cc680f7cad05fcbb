//! Records in a log, the files that prove it, and the bundle of one signature.

use std::sync::Arc;

use countersign::audit::{Ed25519Signer, Leaf, Ledger, LedgerStore};
use countersign::evidence::{Disclosure, Export, export};
use countersign::memory::MemoryStore;
use countersign::{Entry, Timestamp};
use countersign_testkit::keys::IDP_ED25519_PKCS8;
use pollster::block_on;

use crate::walk::{DOCUMENT, Walk};
use crate::{Failure, Seed};

/// The name of the log.
const ORIGIN: &str = "log.example/seeds";

/// One record of every kind.
pub(crate) fn records(walk: &Walk) -> Vec<Seed> {
    let entries = walk.iter();
    entries
        .map(|(name, entry)| (*name, entry.bytes().to_vec()))
        .collect()
}

/// A ledger of the walk, with a checkpoint. The key is known to everybody, and an Ed25519
/// signature of the same text is always the same [RFC 8032 §5.1.6].
pub(crate) fn ledger(walk: &Walk) -> Result<Ledger, Failure> {
    let store = Arc::new(MemoryStore::new());
    let all: Vec<Entry> = walk.iter().map(|(_, entry)| entry.clone()).collect();
    block_on(store.enqueue(&all))?;
    let signer = Arc::new(Ed25519Signer::from_pkcs8(IDP_ED25519_PKCS8)?);
    let ledger = block_on(Ledger::open(store, signer, ORIGIN))?;
    block_on(ledger.advance())?;
    Ok(ledger)
}

/// Proof files, a checkpoint and the private part of a record.
pub(crate) fn proofs(walk: &Walk, ledger: &Ledger) -> Result<Vec<Seed>, Failure> {
    let checkpoint = block_on(ledger.checkpoint())?;
    let mut seeds = vec![("checkpoint", checkpoint.bytes().to_vec())];
    for (index, (name, entry)) in (0_u64..).zip(walk) {
        if ["assertion-verified", "document-signed"].contains(name) {
            let proof = block_on(ledger.reader().log_proof(index, &checkpoint))?;
            seeds.push((name, proof.to_bytes()));
        }
        if *name == "user-provisioned" {
            let private = entry.private();
            let private = private.ok_or("a person's record has a private part")?;
            seeds.push(("private", private.bytes.clone()));
        }
    }
    Ok(seeds)
}

/// Bundles that disclose everything, one thing and nothing; and the log's key.
pub(crate) fn bundles(walk: &Walk, ledger: &Ledger) -> Result<Vec<Seed>, Failure> {
    let signed = walk.iter().find(|(name, _)| *name == "document-signed");
    let (_, signed) = signed.ok_or("the walk ends with a signature")?;
    let bare = Export::of(Leaf::from_store(signed.leaf()));
    let requests = [
        (
            "everything",
            bare.clone()
                .disclose(Disclosure::Everything)
                .document("nda.txt", DOCUMENT.to_vec()),
        ),
        (
            "printed-name",
            bare.clone().disclose(Disclosure::fields(["printed_name"])),
        ),
        ("nothing", bare),
    ];
    let keys = [ledger.verifier_key().clone()];
    let [key] = &keys;
    // As the verifier of the seeds is told.
    let now = Timestamp::MAX;
    let mut seeds = vec![("log-key", key.to_string().into_bytes())];
    for (name, request) in requests {
        seeds.push((
            name,
            block_on(export(ledger.reader(), &keys, &request, None, now))?,
        ));
    }
    Ok(seeds)
}
