//! Ledgers that are grown, published and checked, wherever their tiles are kept.

use std::sync::Arc;

use countersign_audit::fsck::LedgerCheck;
use countersign_audit::publish::Published;
use countersign_audit::tile_check::verify_tiles;
use countersign_audit::tiles::TileStore;
use countersign_audit::{AuditError, LedgerReader, TrustedKey, VerifierKey};
use pollster::block_on;

use super::{ORIGIN, TestStore, open, plain_entries, signer, store_with};

/// Whose checkpoints are believed.
pub fn keys() -> [TrustedKey; 1] {
    [VerifierKey::of_signer(ORIGIN, &*signer()).unwrap().into()]
}

/// Grows the ledger in `store` to that size and signs it.
pub fn grow(store: &Arc<TestStore>, size: u64) {
    let old = store.tables.lock().unwrap().leaves.len() as u64;
    store.change(|tables| tables.outbox.extend(plain_entries(old..size)));
    block_on(open(store).unwrap().advance()).unwrap();
}

pub fn ledger_of(size: u64) -> Arc<TestStore> {
    let store = store_with(&[]);
    grow(&store, size);
    store
}

/// A ledger of the same key with other entries.
pub fn other_ledger_of(size: u64) -> Arc<TestStore> {
    let store = store_with(&plain_entries(100_000..100_000 + size));
    block_on(open(&store).unwrap().advance()).unwrap();
    store
}

pub fn publish(store: &Arc<TestStore>, tiles: &dyn TileStore) -> Result<Published, AuditError> {
    let reader = LedgerReader::new(Arc::<TestStore>::clone(store));
    block_on(reader.publish(&keys(), tiles, &mut |_| {}))
}

pub fn check(tiles: &dyn TileStore) -> LedgerCheck {
    block_on(verify_tiles(tiles, &keys(), &mut |_| {})).unwrap()
}
