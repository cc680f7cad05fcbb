//! Trees, a whole log, and canonical JSON that other projects wrote.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod support;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_audit::canonical::{CanonicalError, parse_canonical, to_canonical};
use countersign_audit::merkle::{node_hash, verify_consistency, verify_inclusion};
use countersign_audit::proof::LogProof;
use countersign_audit::{SignedCheckpoint, VerifierKey, leaf_hash};
use countersign_core::{LeafHash, Sha256Digest};
use countersign_testkit::fixtures::{path, read};
use serde_json::Value;

const TESSERA_KEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
const TESSERA_LEAVES: [&str; 15] = [
    "one", "two", "three", "four", "five", "six", "seven", "eit", "nain", "ten", "ileven", "twelf",
    "threeten", "fourten", "fivten",
];

/// Every JSON file under `folder`.
fn cases(folder: &Path, found: &mut Vec<(String, Value)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            cases(&path, found);
        } else {
            let case = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            found.push((path.display().to_string(), case));
        }
    }
}

/// 32 bytes, or nothing: a hash of another length can not even be given to the verifier.
fn hash(value: &Value) -> Option<Sha256Digest> {
    let bytes = STANDARD.decode(value.as_str()?).ok()?;
    bytes.try_into().ok().map(Sha256Digest::from_bytes)
}

fn proof(value: &Value) -> Option<Vec<Sha256Digest>> {
    match value {
        Value::Null => Some(Vec::new()),
        _ => value.as_array()?.iter().map(hash).collect(),
    }
}

fn inclusion_holds(case: &Value) -> Option<bool> {
    let leaf = LeafHash::from_bytes(*hash(&case["leafHash"])?.as_bytes());
    Some(
        verify_inclusion(
            leaf,
            case["leafIdx"].as_u64()?,
            case["treeSize"].as_u64()?,
            &proof(&case["proof"])?,
            hash(&case["root"])?,
        )
        .is_ok(),
    )
}

fn consistency_holds(case: &Value) -> Option<bool> {
    Some(
        verify_consistency(
            case["size1"].as_u64()?,
            case["size2"].as_u64()?,
            &proof(&case["proof"])?,
            hash(&case["root1"])?,
            hash(&case["root2"])?,
        )
        .is_ok(),
    )
}

/// Cases whose outcome here is another than the one they want: file, outcome here, and why.
/// One that comes out as wanted fails the run.
const EXCEPTIONS: [(&str, bool, &str); 1] = [(
    "additional/sizes-are-equal-one-and-proof-is-empty.json",
    false,
    "its roots are 11 bytes long; a root that is no SHA-256 is refused",
)];

fn run(folder: &str, holds: fn(&Value) -> Option<bool>) -> usize {
    let mut all = Vec::new();
    cases(&path(folder), &mut all);
    for (file, case) in &all {
        let wanted = !case["wantErr"].as_bool().unwrap();
        let exception = EXCEPTIONS.iter().find(|(name, ..)| file.ends_with(name));
        let expected = exception.map_or(wanted, |(_, outcome, _)| {
            assert_ne!(*outcome, wanted, "{file} is no exception");
            *outcome
        });
        assert_eq!(
            holds(case).unwrap_or(false),
            expected,
            "{file}: {}",
            case["desc"]
        );
    }
    all.len()
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn inclusion_proofs_of_transparency_dev() {
    assert_eq!(run("log/merkle/inclusion", inclusion_holds), 98);
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn consistency_proofs_of_transparency_dev() {
    assert_eq!(run("log/merkle/consistency", consistency_holds), 98);
}

/// Whether the leaves `start` to `end` are a subtree: it begins at a multiple of a power of two
/// that is at least as long \[draft-ietf-plants-merkle-tree-certs §4.1\].
fn is_subtree(start: u64, end: u64) -> bool {
    let multiple_of = |length: u64| match length.checked_next_power_of_two() {
        Some(power) => start.is_multiple_of(power),
        None => start == 0,
    };
    start < end && multiple_of(end - start)
}

/// A ledger proves nothing about subtrees, so this is a verifier of those proofs for the vectors
/// alone: a subtree is a tree, whose leaves are counted from its start.
fn subtree_inclusion_holds(case: &Value) -> Option<bool> {
    let (start, end) = (case["start"].as_u64()?, case["end"].as_u64()?);
    let leaf = LeafHash::from_bytes(*hash(&case["leafHash"])?.as_bytes());
    let index = case["leafIdx"].as_u64()?.checked_sub(start)?;
    Some(
        is_subtree(start, end)
            && verify_inclusion(
                leaf,
                index,
                end - start,
                &proof(&case["proof"])?,
                hash(&case["root"])?,
            )
            .is_ok(),
    )
}

/// \[draft-ietf-plants-merkle-tree-certs §4.4.3\]; one that begins at 0 is a consistency proof.
fn subtree_consistency_holds(case: &Value) -> Option<bool> {
    let (start, end, size) = (
        case["start"].as_u64()?,
        case["end"].as_u64()?,
        case["size"].as_u64()?,
    );
    let subtree = hash(&case["root1"])?;
    if start == end {
        // Nothing is in every tree, whatever its root.
        let empty = countersign_audit::merkle::empty_root();
        return Some(end <= size && subtree == empty && proof(&case["proof"])?.is_empty());
    }
    let root = hash(&case["root2"])?;
    if !is_subtree(start, end) || end > size {
        return Some(false);
    }
    let mut path = proof(&case["proof"])?.into_iter();
    let (mut first, mut last, mut top) = (start, end - 1, size - 1);
    if end == size {
        while first != last {
            (first, last, top) = (first >> 1, last >> 1, top >> 1);
        }
    } else {
        while first != last && last & 1 == 1 {
            (first, last, top) = (first >> 1, last >> 1, top >> 1);
        }
    }
    let begin = if first == last { subtree } else { path.next()? };
    let (mut small, mut large) = (begin, begin);
    for sibling in path {
        if top == 0 {
            return Some(false);
        }
        if last & 1 == 1 || last == top {
            if first < last {
                small = node_hash(sibling, small);
            }
            large = node_hash(sibling, large);
            while last & 1 == 0 {
                (first, last, top) = (first >> 1, last >> 1, top >> 1);
                if last == 0 {
                    break;
                }
            }
        } else {
            large = node_hash(large, sibling);
        }
        (first, last, top) = (first >> 1, last >> 1, top >> 1);
    }
    Some(top == 0 && small == subtree && large == root)
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn subtree_proofs_of_transparency_dev() {
    let inclusion = run("log/merkle/subtreeinclusion", subtree_inclusion_holds);
    let consistency = run("log/merkle/subtreeconsistency", subtree_consistency_holds);
    assert_eq!(inclusion + consistency, 322);
}

/// Tessera signs with a key that nobody has, so the log is grown again under our own, and every
/// file but the checkpoints must be the same, byte for byte.
#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn the_same_log_is_published_in_the_files_of_tessera() {
    use countersign_audit::checkpoint::sign;
    use countersign_audit::store::{NodeId, StoredCheckpoint};
    use countersign_audit::tile_check::verify_tiles;
    use countersign_audit::tile_folder::TileFolder;
    use countersign_audit::{Checkpoint, LedgerReader};
    use std::sync::Arc;
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let store = support::store_with(&[]);
    let signer = support::signer();
    let own: VerifierKey = VerifierKey::of_signer(support::ORIGIN, &*signer).unwrap();
    let leaves = TESSERA_LEAVES.map(|leaf| leaf_hash(leaf.as_bytes()));
    for (n, word) in (1_usize..).zip(TESSERA_LEAVES) {
        // These words are no records, which a ledger does not take: they are put into the store.
        let bytes = word.as_bytes().to_vec();
        let id = countersign_core::EntryId::new(format!("entry-{n}")).unwrap();
        let entry = countersign_core::Entry::from_parts(id, leaf_hash(&bytes), bytes, None);
        let head = Checkpoint::new(support::ORIGIN, n as u64, root(&leaves[..n]));
        let signed = pollster::block_on(sign(&head, &own, &*signer)).unwrap();
        store.change(|tables| {
            tables.leaves.push(entry);
            for level in 0..4_u8 {
                let width = 1_usize << level;
                if n % width == 0 {
                    let index = (n / width - 1) as u64;
                    let hash = root(&leaves[n - width..n]);
                    tables.nodes.insert(NodeId { level, index }, hash);
                }
            }
            tables.checkpoint = Some(StoredCheckpoint {
                size: n as u64,
                note: signed.bytes().to_vec(),
            });
        });
        let reader = LedgerReader::new(Arc::<support::TestStore>::clone(&store));
        let keys = [own.clone().into()];
        let mut watch = |_| {};
        let published = reader.publish(&keys, &tiles, &mut watch);
        pollster::block_on(published).unwrap();
        for kind in ["0", "entries"] {
            let name = format!("tile/{kind}/000.p/{n}");
            let theirs = read(&format!("log/tessera/log/{name}"));
            assert_eq!(
                std::fs::read(folder.path().join(&name)).unwrap(),
                theirs,
                "{name}"
            );
        }
    }
    // And theirs is a log that is checked here.
    let key: VerifierKey = TESSERA_KEY.parse().unwrap();
    let theirs = TileFolder::new(path("log/tessera/log"));
    let check = pollster::block_on(verify_tiles(&theirs, &[key.into()], &mut |_| {})).unwrap();
    assert_eq!((check.damage, check.size), (vec![], 15));
    assert!(check.checkpoint_trusted);
}

/// The root over leaf hashes, by the definition [RFC 6962 §2.1].
fn root(leaves: &[LeafHash]) -> Sha256Digest {
    match leaves {
        [] => countersign_audit::merkle::empty_root(),
        [leaf] => Sha256Digest::from_bytes(*leaf.as_bytes()),
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            node_hash(root(&leaves[..half]), root(&leaves[half..]))
        }
    }
}

/// The entries of a bundle: each behind its length in 16 bits [C2SP tlog-tiles].
fn bundle_entries(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let [high, low, rest @ ..] = bytes {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        entries.push(entry.to_vec());
        bytes = rest;
    }
    assert!(bytes.is_empty());
    entries
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn every_checkpoint_of_tessera_is_signed_over_the_root_of_its_entries() {
    let key: VerifierKey = TESSERA_KEY.parse().unwrap();
    let leaves = TESSERA_LEAVES.map(|leaf| leaf_hash(leaf.as_bytes()));
    for size in 0..=15_usize {
        let signed =
            SignedCheckpoint::parse(&read(&format!("log/tessera/log/checkpoint.{size}"))).unwrap();
        signed.verify(std::slice::from_ref(&key)).unwrap();
        let head = signed.checkpoint();
        assert_eq!(head.origin(), "example.com/log/testdata");
        assert_eq!(head.size(), size as u64);
        assert_eq!(head.root(), root(&leaves[..size]));
        if size == 0 {
            continue;
        }
        let entries = bundle_entries(&read(&format!("log/tessera/log/tile/entries/000.p/{size}")));
        assert_eq!(
            entries,
            TESSERA_LEAVES[..size]
                .iter()
                .map(|leaf| leaf.as_bytes().to_vec())
                .collect::<Vec<_>>()
        );
        let tile = read(&format!("log/tessera/log/tile/0/000.p/{size}"));
        let hashes: Vec<u8> = leaves[..size]
            .iter()
            .flat_map(|leaf| *leaf.as_bytes())
            .collect();
        assert_eq!(tile, hashes, "tile of {size}");
    }
    assert_eq!(
        read("log/tessera/log/checkpoint"),
        read("log/tessera/log/checkpoint.15")
    );
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn a_changed_checkpoint_of_tessera_is_refused() {
    let key: VerifierKey = TESSERA_KEY.parse().unwrap();
    let good = read("log/tessera/log/checkpoint.15");
    for place in 0..good.len() {
        let mut changed = good.clone();
        changed[place] ^= 1;
        let verified = SignedCheckpoint::parse(&changed)
            .and_then(|signed| signed.verify(std::slice::from_ref(&key)));
        assert!(verified.is_err(), "byte {place}");
    }
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn a_proof_against_a_checkpoint_of_tessera_verifies() {
    let leaves = TESSERA_LEAVES.map(|leaf| leaf_hash(leaf.as_bytes()));
    let checkpoint = SignedCheckpoint::parse(&read("log/tessera/log/checkpoint.3")).unwrap();
    let sibling = node_hash(root(&leaves[..1]), root(&leaves[1..2]));
    let proof = LogProof::new(2, vec![sibling], checkpoint);
    let proof = LogProof::parse(&proof.to_bytes()).unwrap();
    assert_eq!(proof.verify(leaves[2]), Ok(()));
    assert!(proof.verify(leaves[1]).is_err());
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn canonical_json_of_rfc_8785() {
    // Our profile has no floats: for these pairs the canonicalizer beneath it is asked, and the
    // profile must refuse them.
    let with_floats = ["structures", "values"];
    for name in [
        "arrays",
        "french",
        "structures",
        "unicode",
        "values",
        "weird",
    ] {
        let input: Value =
            serde_json::from_slice(&read(&format!("jcs/input/{name}.json"))).unwrap();
        let output = read(&format!("jcs/output/{name}.json"));
        assert_eq!(
            serde_json_canonicalizer::to_vec(&input).unwrap(),
            output,
            "{name}"
        );
        if with_floats.contains(&name) {
            assert_eq!(to_canonical(&input), Err(CanonicalError::Number), "{name}");
        } else {
            assert_eq!(to_canonical(&input).unwrap(), output, "{name}");
            assert_eq!(parse_canonical(&output).unwrap(), input, "{name}");
        }
    }
}
