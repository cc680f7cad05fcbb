//! A bundle as the writer makes it, and the page that it publishes.

use std::sync::Arc;

use countersign_audit::{LedgerReader, VerifierKey};
use countersign_evidence::{Disclosure, Export, export};
use pollster::block_on;

use crate::support::{self, CountingEntropy, DOCUMENT, TestStore, Walk, WalkPlan};
use crate::unpacked::Unpacked;

/// One signature, exported, and the key of its log.
pub fn bundle() -> (Vec<u8>, VerifierKey) {
    let walk = Walk::new(WalkPlan::default(), &CountingEntropy::default());
    let store = support::store_with(&walk.entries());
    block_on(support::open(&store).unwrap().advance()).unwrap();
    let key = VerifierKey::of_signer(support::ORIGIN, &*support::signer()).unwrap();
    let request = Export::of(walk.signed.leaf())
        .disclose(Disclosure::Everything)
        .document("contract.txt", DOCUMENT.to_vec());
    let reader = LedgerReader::new(Arc::<TestStore>::clone(&store));
    let (keys, now) = ([key.clone()], support::at("2026-03-02T00:00:00Z"));
    let bundle = export(&reader, &keys, &request, None, now);
    (block_on(bundle).unwrap(), key)
}

/// The published page, with an empty place for the members.
pub fn page() -> String {
    let bundle = Unpacked::read(&bundle().0);
    let page = String::from_utf8(bundle.get("certificate.html").clone()).unwrap();
    let place = "<script type=\"application/json\" id=\"bundle\">";
    let (before, rest) = page.split_once(place).unwrap();
    let (_, after) = rest.split_once("</script>").unwrap();
    format!("{before}{place}{{}}</script>{after}")
}
