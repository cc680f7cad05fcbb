//! The same trees, notes and files as other implementations make and read them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests fail by panicking"
)]

mod support;

use countersign_audit::{LedgerReader, TrustedKey, VerifierKey};
use countersign_core::Sha256Digest;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use pollster::block_on;
use proptest::prelude::*;
use signed_note::{StandardVerifier, VerifierList};
use std::path::PathBuf;
use support::{ORIGIN, open, plain_entries, signer, store_with};
use tlog_tiles::{Hash, Tile, TileHashReader, TileReader};

fn key() -> VerifierKey {
    VerifierKey::of_signer(ORIGIN, &*signer()).unwrap()
}

fn bytes(hashes: &[Sha256Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn roots_and_proofs_are_those_of_ct_merkle(
        size in 1_u64..400,
        pick in any::<prop::sample::Index>(),
        old in any::<prop::sample::Index>(),
    ) {
        let entries = plain_entries(0..size);
        let ledger = open(&store_with(&entries)).unwrap();
        block_on(ledger.advance()).unwrap();
        let mut tree = MemoryBackedTree::<sha2_next::Sha256, Vec<u8>>::new();
        let mut old_root = None;
        let old_size = 1 + old.index(size as usize) as u64;
        for (n, entry) in (1_u64..).zip(&entries) {
            tree.push(entry.bytes().to_vec());
            if n == old_size {
                old_root = Some(tree.root());
            }
        }
        let root = block_on(ledger.reader().root(size)).unwrap();
        prop_assert_eq!(root.as_bytes().to_vec(), tree.root().as_bytes().to_vec());
        let index = pick.index(size as usize);
        let proof = block_on(ledger.reader().inclusion_proof(index as u64, size)).unwrap();
        let theirs = tree.prove_inclusion(index);
        prop_assert_eq!(bytes(&proof), theirs.as_bytes().to_vec());
        let added = size - old_size;
        let proof = block_on(ledger.reader().consistency_proof(old_size, size)).unwrap();
        let theirs = tree.prove_consistency(added as usize);
        prop_assert_eq!(bytes(&proof), theirs.as_bytes().to_vec());
        prop_assert!(tree.root().verify_consistency(&old_root.unwrap(), &theirs).is_ok());
    }

    #[test]
    fn notes_verify_by_signed_note(size in 0_u64..40) {
        let ledger = open(&store_with(&plain_entries(0..size))).unwrap();
        let checkpoint = block_on(ledger.advance()).unwrap();
        let verifier = StandardVerifier::new(&key().to_string()).unwrap();
        let known = VerifierList::new(vec![Box::new(verifier)]);
        let note = signed_note::Note::from_bytes(checkpoint.bytes()).unwrap();
        let (verified, unknown) = note.verify(&known).unwrap();
        prop_assert_eq!((verified.len(), unknown.len()), (1, 0));
        prop_assert_eq!(note.to_bytes(), checkpoint.bytes());
    }
}

/// Reads the tiles of a folder, as a client of any log does.
struct Folder(PathBuf);

impl TileReader for Folder {
    fn height(&self) -> u8 {
        8
    }
    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &Tile| {
            // The paths of Go's sumdb name the height, those of C2SP do not.
            let path = tile.path().replace("tile/8/", "tile/");
            Ok(std::fs::read(self.0.join(path)).unwrap())
        };
        tiles.iter().map(read).collect()
    }
    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn a_published_log_is_read_by_tlog_tiles() {
    for size in [1_u64, 255, 256, 257, 1500] {
        let folder = tempfile::tempdir().unwrap();
        let entries = plain_entries(0..size);
        let ledger = open(&store_with(&entries)).unwrap();
        block_on(ledger.advance()).unwrap();
        let reader = LedgerReader::new(std::sync::Arc::clone(ledger.reader().store()));
        let tiles = countersign_audit::tile_folder::TileFolder::new(folder.path());
        let keys = [TrustedKey::current(key())];
        let published = block_on(reader.publish(&keys, &tiles, &mut |_| {})).unwrap();
        let root = Hash(*published.checkpoint.checkpoint().root().as_bytes());
        let files = Folder(folder.path().to_path_buf());
        let hashes = TileHashReader::new(size, root, &files);
        assert_eq!(tlog_tiles::tree_hash(size, &hashes).unwrap(), root);
        for index in [0, size / 2, size - 1] {
            let proof = tlog_tiles::prove_record(size, index, &hashes).unwrap();
            let record = tlog_tiles::record_hash(entries[index as usize].bytes());
            tlog_tiles::check_record(&proof, size, root, index, record).unwrap();
        }
    }
}
