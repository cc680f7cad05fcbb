//! Proof files, checkpoints and private parts: what is accepted is written back byte for byte, so no
//! two readers can see different things in the same bytes.
#![no_main]

use countersign_audit::proof::LogProof;
use countersign_audit::{PrivatePart, SignedCheckpoint};
use countersign_core::LeafHash;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = LogProof::parse(bytes) {
        assert_eq!(proof.to_bytes(), bytes);
        // A leaf that nobody knows is in no tree.
        assert!(proof.verify(LeafHash::from_bytes([0x5a; 32])).is_err());
    }
    if let Ok(signed) = SignedCheckpoint::parse(bytes) {
        assert_eq!(signed.bytes(), bytes);
        assert!(bytes.starts_with(signed.checkpoint().text().as_bytes()));
    }
    if let Ok(part) = PrivatePart::parse(bytes) {
        assert_eq!(part.to_bytes().expect("they were read"), bytes);
    }
});
